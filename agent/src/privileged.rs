//! Asking the privileged half: one connection per request, which it serves with a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use patchflock_api::privileged::{Answer, LINE_CAP, Reply, Request};
use patchflock_api::run::{Trouble, TroubleKind};

/// Between a request and its first line the socket's activation lies; between two lines anything may take long.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);

/// What carries out requests that need root.
pub trait Privileged: Send + Sync {
    /// Asks, and waits for the answer; `hear` is told how it goes.
    ///
    /// # Errors
    /// What the privileged half says, or that it could not be reached.
    fn ask(&self, request: &Request, call: &Call, hear: &mut dyn FnMut(String)) -> Result<Answer, Trouble>;
}

/// A request under way, so that it can be hung up on. The privileged half ends what may be ended; a transaction goes on.
#[derive(Debug, Default)]
pub struct Call {
    state: Mutex<CallState>,
}

#[derive(Debug, Default)]
struct CallState {
    hung_up: bool,
    stream: Option<UnixStream>,
}

impl Call {
    /// Nobody waits for the answer any more.
    pub fn hang_up(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.hung_up = true;
        if let Some(stream) = state.stream.take() {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Notes the connection; false: it was hung up on before it was made.
    fn connected(&self, stream: &UnixStream) -> std::io::Result<bool> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stream = Some(stream.try_clone()?);
        Ok(!state.hung_up)
    }
}

/// The privileged half behind its socket.
#[derive(Debug, Clone)]
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// At this path, usually [`patchflock_api::privileged::SOCKET`].
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn unreachable(&self, what: impl std::fmt::Display) -> Trouble {
        Trouble {
            kind: TroubleKind::Unavailable,
            why: format!(
                "{}: {what}; see `systemctl status patchflock-priv.socket` and `journalctl -u 'patchflock-priv@*'`",
                self.path.display()
            ),
        }
    }
}

impl Privileged for Socket {
    fn ask(&self, request: &Request, call: &Call, hear: &mut dyn FnMut(String)) -> Result<Answer, Trouble> {
        let away = |e: std::io::Error| self.unreachable(e);
        let mut stream = UnixStream::connect(&self.path).map_err(away)?;
        if !call.connected(&stream).map_err(away)? {
            return Err(self.unreachable("the request was withdrawn"));
        }
        stream.set_write_timeout(Some(WRITE_DEADLINE)).map_err(away)?;
        let mut line = serde_json::to_vec(request).map_err(|e| self.unreachable(e))?;
        line.push(b'\n');
        stream.write_all(&line).map_err(away)?;
        let mut lines = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            let read = lines.by_ref().take(LINE_CAP).read_until(b'\n', &mut line).map_err(away)?;
            if line.last() != Some(&b'\n') {
                let what = if read == 0 { "it ended without an answer" } else { "its answer was cut off" };
                return Err(self.unreachable(what));
            }
            match serde_json::from_slice(&line) {
                Ok(Reply::Progress { what }) => hear(what),
                Ok(Reply::Done { answer }) => return Ok(answer),
                Ok(Reply::Trouble { trouble }) => return Err(trouble),
                Err(e) => return Err(self.unreachable(format!("an answer of another version: {e}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::sync::Arc;

    use super::*;

    fn served(answer: &'static [u8]) -> (tempfile::TempDir, Socket, std::thread::JoinHandle<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("priv.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(answer).unwrap();
            line
        });
        (dir, Socket::new(path), server)
    }

    fn fetch() -> Request {
        Request::Fetch { run: "r-1".parse().unwrap() }
    }

    #[test]
    fn progress_is_heard_and_the_answer_comes_back() {
        let (_dir, socket, server) = served(
            b"{\"reply\":\"progress\",\"what\":\"a\"}\n{\"reply\":\"done\",\"answer\":{\"answer\":\"done\"}}\n",
        );
        let mut heard = Vec::new();
        let answer = socket.ask(&fetch(), &Call::default(), &mut |what| heard.push(what));
        assert_eq!((answer, heard), (Ok(Answer::Done {}), vec!["a".to_owned()]));
        assert_eq!(server.join().unwrap(), "{\"request\":\"fetch\",\"run\":\"r-1\"}\n");
    }

    #[test]
    fn silence_half_an_answer_and_another_version_are_told_apart() {
        for (said, words) in [
            (&b""[..], "ended without an answer"),
            (b"{\"reply\":", "cut off"),
            (b"{\"reply\":\"song\"}\n", "another version"),
        ] {
            let (_dir, socket, server) = served(said);
            let trouble = socket.ask(&fetch(), &Call::default(), &mut |_| {}).unwrap_err();
            assert_eq!(trouble.kind, TroubleKind::Unavailable);
            assert!(trouble.why.contains(words), "{}", trouble.why);
            server.join().unwrap();
        }
        let nobody = Socket::new("/nonexistent/priv.sock").ask(&fetch(), &Call::default(), &mut |_| {});
        assert!(nobody.unwrap_err().why.contains("patchflock-priv.socket"));
    }

    #[test]
    fn a_call_that_is_hung_up_on_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("priv.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let call = Arc::new(Call::default());
        let asking = {
            let call = Arc::clone(&call);
            std::thread::spawn(move || Socket::new(path).ask(&fetch(), &call, &mut |_| {}))
        };
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(stream);
        lines.read_line(&mut line).unwrap();
        call.hang_up();
        assert!(asking.join().unwrap().is_err());
        assert_eq!(lines.read_line(&mut line).unwrap(), 0, "the other side notices");
        // Before the connection is made, it is not made use of.
        let refused = Socket::new(dir.path().join("priv.sock")).ask(&fetch(), &call, &mut |_| {});
        assert!(refused.is_err());
    }
}
