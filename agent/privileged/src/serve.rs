//! One connection: who asks, may he, what does he want, and is he still there.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use patchflock_api::privileged::{LINE_CAP, Reply, Request};
use patchflock_api::run::Trouble;
use patchflock_machine::host;
use patchflock_machine::root::Root;
use rustix::event::{PollFd, PollFlags, poll};

use crate::Desk;
use crate::trouble::failed;

/// The user that `patchflockd` runs as.
const AGENT: &str = "patchflock";
/// How long the request line may take.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// How long a reply may wait for a caller that does not read.
const REPLY_WITHIN: Duration = Duration::from_secs(30);

/// How long what follows a refused request is read.
const DRAIN_WITHIN: Duration = Duration::from_secs(2);

/// Held while this program must not be ended by a caller that hangs up.
static CALM: Mutex<()> = Mutex::new(());

/// Until it is dropped, a caller that hangs up ends nothing. One process serves one connection, so there is one.
pub(crate) fn calm() -> MutexGuard<'static, ()> {
    CALM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits between two looks at a condition.
pub(crate) fn pause(time: Duration) {
    let (_kept, silent) = mpsc::channel::<()>();
    silent.recv_timeout(time).ok();
}

/// A line for the journal.
pub(crate) fn journal(line: &str) {
    // Where nobody takes it, nobody can be told.
    writeln!(io::stderr(), "{line}").ok();
}

/// Whoever asks.
pub struct Caller<'a> {
    /// For records: user name, or user id.
    pub by: String,
    reply: &'a mut dyn FnMut(&Reply),
}

impl<'a> Caller<'a> {
    /// A caller whose replies go there.
    pub fn new(by: impl Into<String>, reply: &'a mut dyn FnMut(&Reply)) -> Self {
        Self { by: by.into(), reply }
    }

    /// Tells what is being done.
    pub(crate) fn say(&mut self, what: &str) {
        (self.reply)(&Reply::Progress { what: what.to_owned() });
    }
}

/// What somebody may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rights {
    agent: bool,
    administrator: bool,
}

/// Rights by user id. The socket's mode lets in root and the group `patchflock` only: its members are administrators,
/// except the agent's own user.
fn rights(uid: u32, agent: Option<u32>) -> Rights {
    let is_agent = Some(uid) == agent;
    Rights { agent: uid == 0 || is_agent, administrator: uid == 0 || !is_agent }
}

/// The name of a request, and whether it is the agent's to make.
fn named(request: &Request) -> (&'static str, bool) {
    match request {
        Request::Apply { .. } => ("apply", false),
        Request::Delete { .. } => ("delete", false),
        Request::Place { .. } => ("place", false),
        Request::Survey { .. } => ("survey", true),
        Request::Fetch { .. } => ("fetch", true),
        Request::Install { .. } => ("install", true),
        Request::Hook { .. } => ("hook", true),
        Request::Health { .. } => ("health", true),
        Request::Reboot { .. } => ("reboot", true),
    }
}

/// Serves one connection of this user. `gone` is called from another thread when the caller has hung up, and never while
/// something must not be interrupted.
pub fn serve(
    desk: &Desk,
    stream: &UnixStream,
    uid: u32,
    gone: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    stream.set_write_timeout(Some(REPLY_WITHIN))?;
    let mut reply = |reply: &Reply| {
        // Who has hung up is noticed elsewhere.
        let line = serde_json::to_vec(reply).map(|mut line| {
            line.push(b'\n');
            line
        });
        line.map_err(io::Error::from).and_then(|line| (&*stream).write_all(&line)).ok();
    };
    let asked = request(stream, REQUEST_WITHIN);
    let refused = asked.is_err();
    let answer = match asked {
        Err(trouble) => Err(trouble),
        Ok(request) => {
            watch(stream.try_clone()?.into(), gone);
            answer(desk, uid, request, &mut reply)
        }
    };
    reply(&match answer {
        Ok(answer) => Reply::Done { answer },
        Err(trouble) => {
            journal(&format!("uid {uid}: {}: {}", crate::trouble::in_words(trouble.kind), trouble.why));
            Reply::Trouble { trouble }
        }
    });
    if refused {
        // A connection that is closed with something unread takes the answer with it.
        drain(stream);
    }
    Ok(())
}

/// Reads what is still sent, a little.
fn drain(mut stream: &UnixStream) {
    let mut block = vec![0; 64 << 10];
    let until = Instant::now() + DRAIN_WITHIN;
    if stream.shutdown(std::net::Shutdown::Write).is_err()
        || stream.set_read_timeout(Some(DRAIN_WITHIN)).is_err()
    {
        return;
    }
    while Instant::now() < until && stream.read(&mut block).is_ok_and(|n| n > 0) {}
}

fn answer(
    desk: &Desk,
    uid: u32,
    request: Request,
    reply: &mut dyn FnMut(&Reply),
) -> Result<patchflock_api::privileged::Answer, Trouble> {
    let users = users(&desk.root);
    let name_of = |uid: u32| users.iter().find(|(_, id)| *id == uid).map(|(name, _)| name.as_str());
    let agent = users.iter().find(|(name, _)| name == AGENT).map(|(_, uid)| *uid);
    let by = name_of(uid).map_or_else(|| format!("uid {uid}"), str::to_owned);
    let (what, of_agent) = named(&request);
    let rights = rights(uid, agent);
    if of_agent && !rights.agent {
        return Err(failed(format!(
            "{by} is an administrator, and {what} is for the agent alone: ask patchflockd for a run"
        )));
    }
    if !of_agent && !rights.administrator {
        return Err(failed(format!(
            "{by} is the agent, and {what} is for administrators alone (root and the group {AGENT})"
        )));
    }
    journal(&format!("{by} asks for {what}"));
    crate::carry_out(desk, &mut Caller::new(by, reply), request)
}

/// Users of the machine's own list.
fn users(root: &Root) -> Vec<(String, u32)> {
    let text = host::read_bytes(root, "/etc/passwd", 16 << 20).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let user = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(user).collect()
}

/// The request line, bounded in length and time.
fn request(mut stream: &UnixStream, within: Duration) -> Result<Request, Trouble> {
    let until = Instant::now() + within;
    let late = || failed(format!("no request came within {} s", within.as_secs()));
    let (mut line, mut block) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        let read = stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut block));
        let piece = match read {
            Ok(n) => block.get(..n).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(late());
            }
            Err(e) => return Err(failed(format!("reading the request: {e}"))),
        };
        // What comes after the first line is not looked at.
        let end = piece.iter().position(|b| *b == b'\n');
        line.extend_from_slice(piece.get(..end.unwrap_or(piece.len())).unwrap_or_default());
        if line.len() as u64 > LINE_CAP {
            return Err(failed(format!("the request is longer than {} MiB", LINE_CAP >> 20)));
        }
        if end.is_some() || piece.is_empty() {
            break;
        }
    }
    serde_json::from_slice(&line)
        .map_err(|e| failed(format!("not a request that this patchflock-priv knows: {e}")))
}

/// Waits for the end of the caller. Closing only his writing side is none.
fn watch(stream: OwnedFd, gone: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        loop {
            let mut fds = [PollFd::new(&stream, PollFlags::empty())];
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            let [fd] = &fds;
            if fd.revents().intersects(PollFlags::HUP | PollFlags::ERR) {
                let _calm = calm();
                return gone();
            }
        }
    });
}

#[cfg(test)]
mod tests;
