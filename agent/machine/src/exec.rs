//! The only door to child processes.
//!
//! Every child gets a deadline, a process group of its own that is ended as a whole, a bound on its output,
//! `LC_ALL=C.UTF-8`, no standard input and a clean environment. A child that writes the package database is never
//! killed: past its deadline it is reported as stuck and left to finish (design 7b).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::root::Root;

/// Output kept of one stream unless [`Command::output_cap`] says otherwise: 64 MiB.
const DEFAULT_CAP: usize = 64 << 20;
/// Longest line that is passed on whole; the rest of a longer line is dropped: 64 KiB.
const LINE_CAP: usize = 64 << 10;
/// Between the polite and the final signal.
const GRACE: Duration = Duration::from_secs(5);

/// Children that may be ended at any time, by process id, which is also that of their group.
static INTERRUPTIBLE: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Ends every running child that may be ended, with all that it started, and lets none start any more: for a program
/// that is about to be ended by a signal. Its children are in groups of their own and would live on, with their locks.
/// What writes the package database goes on.
pub fn end_interruptible() {
    let running = interruptible();
    for pid in running.iter() {
        signal_group(*pid, rustix::process::Signal::TERM);
    }
    // Whoever wants to start another child waits here for the end of this program.
    std::mem::forget(running);
}

/// A thread that panicked has left nothing half-written in it.
fn interruptible() -> MutexGuard<'static, BTreeSet<u32>> {
    INTERRUPTIBLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a running child until dropped.
struct Running(u32);

impl Drop for Running {
    fn drop(&mut self) {
        interruptible().remove(&self.0);
    }
}

/// A child process to be.
#[derive(Debug)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    root: Root,
    deadline: Duration,
    cap: usize,
    interruptible: bool,
}

/// What a finished child left.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code.
    pub code: i32,
    /// Standard output, up to the cap.
    pub stdout: Vec<u8>,
    /// Standard error, up to the cap.
    pub stderr: Vec<u8>,
    /// Something was dropped because a stream passed its cap.
    pub truncated: bool,
}

/// Why there is no [`Output`].
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "fields are named by the messages")]
pub enum ExecError {
    /// The program does not exist.
    #[error("{program} is not installed on this machine")]
    NotFound { program: String },
    /// The system would not start it.
    #[error("cannot start {program}: {source}")]
    Spawn { program: String, source: std::io::Error },
    /// It ran past its deadline and was ended with everything it started.
    #[error("{program} did not finish within {} s and was ended; its last words: {tail}", after.as_secs())]
    Deadline { program: String, after: Duration, tail: String },
    /// It ran past its deadline while it may write the package database; it was left running.
    #[error("{program} is stuck: not finished after {} s, left running as process {pid}; its last words: {tail}", after.as_secs())]
    Stuck { program: String, after: Duration, pid: u32, tail: String },
    /// A signal ended it.
    #[error("{program} was ended by signal {signal}; its last words: {tail}")]
    Signal { program: String, signal: i32, tail: String },
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Output {
    /// Standard output as text; what is not UTF-8 becomes U+FFFD.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Whether it ended with code 0.
    pub fn success(&self) -> bool {
        self.code == 0
    }
}

enum Fact {
    Line(Stream, Vec<u8>),
    Closed,
    Exited(std::io::Result<ExitStatus>),
}

impl Command {
    /// `program` inside `root`, with a deadline of five minutes.
    pub fn new(root: &Root, program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            root: root.clone(),
            deadline: Duration::from_secs(300),
            cap: DEFAULT_CAP,
            interruptible: true,
        }
    }

    /// Adds arguments.
    pub fn args<I, S>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds one variable to the clean environment.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Time after which the child is ended.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Bytes kept of each stream.
    pub fn output_cap(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }

    /// For children that write the package database: past the deadline they are reported, not killed.
    pub fn uninterruptible(mut self) -> Self {
        self.interruptible = false;
        self
    }

    /// The command as a person would type it.
    pub fn display(&self) -> String {
        std::iter::once(&self.program)
            .chain(&self.args)
            .map(|a| {
                let text = a.to_string_lossy();
                let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:+~%@,".contains(c));
                if plain && !text.is_empty() {
                    text.into_owned()
                } else {
                    format!("'{}'", text.replace('\'', r"'\''"))
                }
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it to its end.
    pub fn run(self) -> Result<Output, ExecError> {
        // In blocks, not lines: package indexes of 50 MB come this way.
        self.run_pieces(read_blocks, |_, _| {})
    }

    /// Runs it to its end and shows each line, without its end, while it runs.
    pub fn run_lines(self, on_line: impl FnMut(Stream, &[u8])) -> Result<Output, ExecError> {
        self.run_pieces(read_lines, on_line)
    }

    fn run_pieces(
        self,
        read: fn(Box<dyn Read + Send>, Stream, mpsc::SyncSender<Fact>),
        mut on_line: impl FnMut(Stream, &[u8]),
    ) -> Result<Output, ExecError> {
        let program = self.program.to_string_lossy().into_owned();
        let mut running = interruptible();
        let spawned = self.build().spawn();
        let noted = spawned.as_ref().ok().filter(|_| self.interruptible).map(|child| Running(child.id()));
        running.extend(noted.as_ref().map(|r| r.0));
        drop(running);
        let mut child = match spawned {
            Ok(child) => child,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(ExecError::NotFound { program });
            }
            Err(source) => return Err(ExecError::Spawn { program, source }),
        };
        let pid = child.id();
        // Bounded: a chatty child waits for us, our memory does not grow with it.
        let (tx, rx) = mpsc::sync_channel::<Fact>(1024);
        let mut open = 0;
        if let Some(pipe) = child.stdout.take() {
            open += 1;
            read(Box::new(pipe), Stream::Stdout, tx.clone());
        }
        if let Some(pipe) = child.stderr.take() {
            open += 1;
            read(Box::new(pipe), Stream::Stderr, tx.clone());
        }
        std::thread::spawn(move || tx.send(Fact::Exited(child.wait())).ok());

        let mut out = Output { code: 0, stdout: Vec::new(), stderr: Vec::new(), truncated: false };
        let started = Instant::now();
        let mut limit = self.deadline;
        let mut signalled = false;
        let mut status = None;
        // A grandchild may keep a pipe open for ever: after the exit, output is awaited for a moment only.
        while status.is_none() || open > 0 {
            let fact = match rx.recv_timeout(limit.saturating_sub(started.elapsed())) {
                Ok(fact) => fact,
                Err(_) if status.is_some() => break,
                Err(_) if !self.interruptible => {
                    return Err(ExecError::Stuck { program, after: self.deadline, pid, tail: tail(&out) });
                }
                Err(_) if !signalled => {
                    signal_group(pid, rustix::process::Signal::TERM);
                    signalled = true;
                    limit = started.elapsed() + GRACE;
                    continue;
                }
                Err(_) => {
                    signal_group(pid, rustix::process::Signal::KILL);
                    return Err(ExecError::Deadline { program, after: self.deadline, tail: tail(&out) });
                }
            };
            match fact {
                Fact::Line(stream, line) => {
                    on_line(stream, line.strip_suffix(b"\n").unwrap_or(&line));
                    let kept = if stream == Stream::Stdout { &mut out.stdout } else { &mut out.stderr };
                    if kept.len() + line.len() <= self.cap {
                        kept.extend_from_slice(&line);
                    } else {
                        out.truncated = true;
                    }
                }
                Fact::Closed => open -= 1,
                Fact::Exited(Ok(s)) => {
                    status = Some(s);
                    limit = started.elapsed() + GRACE;
                }
                Fact::Exited(Err(source)) => return Err(ExecError::Spawn { program, source }),
            }
        }
        let status = status.unwrap_or_default();
        if signalled {
            signal_group(pid, rustix::process::Signal::KILL);
            return Err(ExecError::Deadline { program, after: self.deadline, tail: tail(&out) });
        }
        match (status.code(), status.signal()) {
            // `chroot` answers 127 when the program is missing inside the other system.
            (Some(127), _) if !self.root.is_host() => Err(ExecError::NotFound { program }),
            (Some(code), _) => {
                out.code = code;
                Ok(out)
            }
            (None, signal) => {
                Err(ExecError::Signal { program, signal: signal.unwrap_or_default(), tail: tail(&out) })
            }
        }
    }

    fn build(&self) -> std::process::Command {
        #[expect(clippy::disallowed_methods, reason = "this is the door")]
        let mut command = if self.root.is_host() {
            std::process::Command::new(&self.program)
        } else {
            let mut c = std::process::Command::new("chroot");
            c.arg(self.root.dir()).arg(&self.program);
            c
        };
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", std::env::var_os("HOME").unwrap_or_else(|| "/root".into()))
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }
}

fn read_blocks(mut pipe: Box<dyn Read + Send>, stream: Stream, tx: mpsc::SyncSender<Fact>) {
    std::thread::spawn(move || {
        loop {
            // One read each: what has been said arrives even when the pipe stays open.
            let mut block = vec![0; 64 << 10];
            match pipe.read(&mut block) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    block.truncate(n);
                    if tx.send(Fact::Line(stream, block)).is_err() {
                        return;
                    }
                }
            }
        }
        tx.send(Fact::Closed).ok();
    });
}

fn read_lines(pipe: Box<dyn Read + Send>, stream: Stream, tx: mpsc::SyncSender<Fact>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(64 << 10, pipe);
        loop {
            let mut line = Vec::new();
            match (&mut reader).take(LINE_CAP as u64).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    if tx.send(Fact::Line(stream, line)).is_err() {
                        return;
                    }
                }
            }
        }
        tx.send(Fact::Closed).ok();
    });
}

fn signal_group(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // The group may be gone already; then there is nothing to end.
        rustix::process::kill_process_group(pid, signal).ok();
    }
}

/// The last lines a child said, on one line, for an error message.
fn tail(out: &Output) -> String {
    let text = if out.stderr.is_empty() { &out.stdout } else { &out.stderr };
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let last = lines.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join(" | ");
    if last.is_empty() { "(none)".into() } else { last.chars().take(600).collect() }
}

#[cfg(test)]
mod tests;
