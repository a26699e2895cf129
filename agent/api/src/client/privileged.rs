//! Asking the privileged half: one line there, lines of progress and one answer back.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::ClientError;
use super::moved;
use crate::privileged::{Answer, LINE_CAP, Reply, Request, SOCKET};

/// For what an administrator asks: reading, checking and writing documents.
const ADMINISTRATION: Duration = Duration::from_secs(120);
/// Most lines of progress: what talks for ever is not the privileged half.
const MAX_LINES: usize = 1_000_000;

/// Where the privileged half of this machine listens.
pub fn socket() -> PathBuf {
    moved(SOCKET)
}

/// Asks the privileged half of this machine.
///
/// What an administrator asks for has a deadline; what the agent asks for takes as long as the package manager does.
///
/// # Errors
/// [`ClientError::Trouble`]: it did not do it, and says why. Else nobody is there, or we may not ask, or the answer is
/// not one.
pub fn ask(request: &Request, on_progress: impl FnMut(&str)) -> Result<Answer, ClientError> {
    ask_at(&socket(), request, on_progress)
}

/// As [`ask`], on this socket.
///
/// # Errors
/// As [`ask`].
pub fn ask_at(
    socket: &Path,
    request: &Request,
    mut on_progress: impl FnMut(&str),
) -> Result<Answer, ClientError> {
    let what = "the request";
    let broken = |why: String| ClientError::Broken { what: what.into(), why };
    let not_understood = |why: String| ClientError::NotUnderstood { what: what.into(), why };
    let administration =
        matches!(request, Request::Apply { .. } | Request::Delete { .. } | Request::Place { .. });
    let until = administration.then(|| Instant::now() + ADMINISTRATION);
    let mut line = super::json(request)?;
    line.push(b'\n');
    if line.len() as u64 > LINE_CAP {
        return Err(broken(format!("it has more than {} MiB", LINE_CAP >> 20)));
    }
    let mut stream = UnixStream::connect(socket).map_err(|e| ClientError::connecting(socket, &e))?;
    stream.set_write_timeout(Some(ADMINISTRATION)).map_err(|e| broken(e.to_string()))?;
    stream.write_all(&line).map_err(|e| broken(e.to_string()))?;
    let mut lines = Lines { stream, until, buffer: Vec::new() };
    for _ in 0..MAX_LINES {
        let line = lines.next()?;
        match serde_json::from_slice(&line).map_err(|e| not_understood(e.to_string()))? {
            Reply::Progress { what } => on_progress(&what),
            Reply::Done { answer } => return Ok(answer),
            Reply::Trouble { trouble } => return Err(ClientError::Trouble(trouble)),
        }
    }
    Err(not_understood("it does not end".into()))
}

/// Bounded lines with one deadline for all of them.
struct Lines {
    stream: UnixStream,
    until: Option<Instant>,
    buffer: Vec<u8>,
}

impl Lines {
    fn next(&mut self) -> Result<Vec<u8>, ClientError> {
        let broken = |why: String| ClientError::Broken { what: "the request".into(), why };
        let too_slow =
            || ClientError::TooSlow { what: "the request".into(), seconds: ADMINISTRATION.as_secs() };
        let mut chunk = [0_u8; 16 << 10];
        let mut seen = 0;
        loop {
            if let Some(end) = self.buffer.iter().skip(seen).position(|b| *b == b'\n') {
                return Ok(self.buffer.drain(..=seen + end).collect());
            }
            seen = self.buffer.len();
            if seen as u64 > LINE_CAP {
                return Err(broken(format!("a line of more than {} MiB", LINE_CAP >> 20)));
            }
            if let Some(until) = self.until {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(too_slow());
                }
                self.stream.set_read_timeout(Some(left)).map_err(|e| broken(e.to_string()))?;
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(broken("it ended without an answer".into())),
                Ok(n) => self.buffer.extend(chunk.iter().take(n)),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(too_slow());
                }
                Err(e) => return Err(broken(e.to_string())),
            }
        }
    }
}
