//! A small web server for repositories that answers wrongly on demand.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::network::{self, Network};

/// What the server does to a path that contains a given text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An answer with this status and no content: 404, 403, 503.
    Status(u16),
    /// The right length is promised, half of the bytes are sent, the connection ends.
    Truncate,
    /// Half of the bytes are sent, then nothing until the fault is lifted or the server goes.
    Stall,
    /// The connection ends without an answer.
    Hangup,
}

#[derive(Debug, Default)]
struct State {
    faults: BTreeMap<String, Fault>,
    requests: Vec<String>,
    stopping: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    /// A thread that panicked has left nothing half-written in it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a directory until dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    namespace: Option<PathBuf>,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves `dir` at a free port of the loopback address, which a chroot shares with the host.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(dir: impl Into<PathBuf>) -> Result<Self> {
        Self::start_at("127.0.0.1:0", dir)
    }

    /// Serves `dir` at an address of the host.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub fn start_at(address: &str, dir: impl Into<PathBuf>) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("cannot listen at {address}"))?;
        Self::start_on(listener, dir, None)
    }

    /// Serves `dir` to the machines of a network.
    ///
    /// # Errors
    /// The network is gone.
    pub fn in_network(network: &Network, dir: impl Into<PathBuf>) -> Result<Self> {
        Self::start_on(network.listen()?, dir, Some(network.file()))
    }

    fn start_on(listener: TcpListener, dir: impl Into<PathBuf>, namespace: Option<PathBuf>) -> Result<Self> {
        let (address, dir) = (listener.local_addr()?, dir.into());
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ours.lock().stopping {
                    break;
                }
                let (shared, dir) = (Arc::clone(&ours), dir.clone());
                // A client that hangs up early is the client's business.
                std::thread::spawn(move || serve(&shared, &dir, &stream).ok());
            }
        });
        Ok(Self { address, namespace, shared })
    }

    /// The address to put into a source, without a slash at the end.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, paths that contain `part` suffer `fault`. The empty text means all.
    pub fn fault(&self, part: &str, fault: Fault) {
        self.shared.lock().faults.insert(part.into(), fault);
        self.shared.changed.notify_all();
    }

    /// Lifts all faults.
    pub fn heal(&self) {
        self.shared.lock().faults.clear();
        self.shared.changed.notify_all();
    }

    /// Paths asked for so far, and forgets them.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().requests)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        // Wakes the listener, which then looks at the flag.
        let wake = || Ok(TcpStream::connect(self.address).map(drop)?);
        match &self.namespace {
            None => wake().ok(),
            Some(namespace) => network::inside(namespace.clone(), wake).ok(),
        };
    }
}

fn serve(shared: &Shared, dir: &Path, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    while let Some((head_only, path)) = request(&mut reader)? {
        let fault = {
            let mut state = shared.lock();
            state.requests.push(path.clone());
            state.faults.iter().find(|(part, _)| path.contains(*part)).map(|(_, f)| *f)
        };
        let relative = Path::new(path.trim_start_matches('/'));
        let inside = relative.components().all(|c| matches!(c, Component::Normal(_)));
        let body = if inside { std::fs::read(dir.join(relative)).ok() } else { None };
        let (status, body) = match (fault, body) {
            (Some(Fault::Hangup), _) => return Ok(()),
            (Some(Fault::Status(code)), _) => (code, Vec::new()),
            (_, None) => (404, Vec::new()),
            (_, Some(body)) => (200, body),
        };
        let mut out = stream;
        write!(out, "HTTP/1.1 {status} Lab\r\nContent-Length: {}\r\n\r\n", body.len())?;
        if head_only {
            continue;
        }
        let half = body.get(..body.len() / 2).unwrap_or_default();
        match fault {
            Some(Fault::Truncate) => {
                out.write_all(half)?;
                return Ok(());
            }
            Some(Fault::Stall) => {
                out.write_all(half)?;
                let mut state = shared.lock();
                while !state.stopping && state.faults.values().any(|f| *f == Fault::Stall) {
                    state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                return Ok(());
            }
            _ => out.write_all(&body)?,
        }
    }
    Ok(())
}

/// Reads one request: whether only the head is wanted, and the path without escapes. `None` at the end.
fn request(reader: &mut impl BufRead) -> std::io::Result<Option<(bool, String)>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let found = (method == "HEAD", unescape(path));
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        line.clear();
    }
    Ok(Some(found))
}

/// `%3a` and the like; apt escapes what it must not.
fn unescape(path: &str) -> String {
    let mut parts = path.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (code, part.get(2..)) {
            (Some(code), Some(rest)) => {
                out.push(char::from(code));
                out.push_str(rest);
            }
            _ => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn get(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: lab\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn server() -> (tempfile::TempDir, Server) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a+b"), "0123456789").unwrap();
        let server = Server::start(dir.path()).unwrap();
        (dir, server)
    }

    #[test]
    fn files_are_served_and_requests_are_remembered() {
        let (_dir, server) = server();
        assert!(get(&server, "/a%2bb").ends_with("\r\n\r\n0123456789"));
        assert!(get(&server, "/../etc/passwd").starts_with("HTTP/1.1 404 "));
        assert_eq!(server.take_requests(), ["/a+b", "/../etc/passwd"]);
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let (_dir, server) = server();
        server.fault("a+", Fault::Truncate);
        assert!(get(&server, "/a+b").ends_with("Content-Length: 10\r\n\r\n01234"));
        server.fault("a+", Fault::Status(503));
        assert!(get(&server, "/a+b").starts_with("HTTP/1.1 503 "));
        server.fault("a+", Fault::Hangup);
        assert_eq!(get(&server, "/a+b"), "");
        server.heal();
        assert!(get(&server, "/a+b").ends_with("0123456789"));
    }

    #[test]
    fn a_stalled_answer_ends_when_the_fault_is_lifted() {
        let (_dir, server) = server();
        server.fault("", Fault::Stall);
        std::thread::scope(|s| {
            let stalled = s.spawn(|| get(&server, "/a+b"));
            let until = std::time::Instant::now() + Duration::from_secs(20);
            while server.shared.lock().requests.is_empty() {
                assert!(std::time::Instant::now() < until, "nobody asked");
                std::thread::yield_now();
            }
            server.heal();
            assert!(stalled.join().unwrap().starts_with("HTTP/1.1 200 "));
        });
    }
}
