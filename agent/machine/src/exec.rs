//! The only door to child processes.
//!
//! Every child gets a deadline, a process group of its own that is ended as a whole, a bound on its output,
//! `LC_ALL=C.UTF-8`, no standard input and a clean environment. A child that writes the package database is never
//! killed: past its deadline it is reported as stuck and left to finish (design 7b), and it writes to files, which
//! stay writable when this program is gone.

mod heard;
mod spool;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use heard::Heard;
use spool::Spool;

use crate::root::Root;

/// Output kept of one stream unless [`Command::output_cap`] says otherwise: 64 MiB.
const DEFAULT_CAP: usize = 64 << 20;
/// Read at once.
const BLOCK: usize = 64 << 10;
/// Between two looks at the files that an uninterruptible child writes.
const LOOK: Duration = Duration::from_millis(100);
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
    Said(Stream, Vec<u8>),
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
        self.run_heard(None::<fn(Stream, &[u8])>)
    }

    /// Runs it to its end and shows each line, without its end, while it runs. Of a line of more than 64 KiB the
    /// beginning is shown.
    pub fn run_lines(self, on_line: impl FnMut(Stream, &[u8])) -> Result<Output, ExecError> {
        self.run_heard(Some(on_line))
    }

    fn run_heard(self, on_line: Option<impl FnMut(Stream, &[u8])>) -> Result<Output, ExecError> {
        let program = self.program.to_string_lossy().into_owned();
        let heard = Heard::new(self.cap, on_line);
        let (status, out) = if self.interruptible {
            self.through_pipes(program.clone(), heard)?
        } else {
            self.through_files(program.clone(), heard)?
        };
        match (status.code(), status.signal()) {
            // `chroot` answers 127 when the program is missing inside the other system.
            (Some(127), _) if !self.root.is_host() => Err(ExecError::NotFound { program }),
            (Some(code), _) => Ok(Output { code, ..out }),
            (None, signal) => {
                Err(ExecError::Signal { program, signal: signal.unwrap_or_default(), tail: tail(&out) })
            }
        }
    }

    fn through_pipes(
        &self,
        program: String,
        mut heard: Heard<impl FnMut(Stream, &[u8])>,
    ) -> Result<(ExitStatus, Output), ExecError> {
        let mut running = interruptible();
        let spawned = self.build(Stdio::piped(), Stdio::piped()).spawn();
        let noted = spawned.as_ref().ok().map(|child| Running(child.id()));
        running.extend(noted.as_ref().map(|r| r.0));
        drop(running);
        let mut child = spawned.map_err(|e| not_started(&program, e))?;
        let pid = child.id();
        // Bounded: a chatty child waits for us, our memory does not grow with it.
        let (tx, rx) = mpsc::sync_channel::<Fact>(64);
        let mut open = 0;
        if let Some(pipe) = child.stdout.take() {
            open += 1;
            read_blocks(pipe, Stream::Stdout, tx.clone());
        }
        if let Some(pipe) = child.stderr.take() {
            open += 1;
            read_blocks(pipe, Stream::Stderr, tx.clone());
        }
        std::thread::spawn(move || tx.send(Fact::Exited(child.wait())).ok());

        let started = Instant::now();
        let mut limit = self.deadline;
        let mut signalled = false;
        let mut status = None;
        // A grandchild may keep a pipe open for ever: after the exit, output is awaited for a moment only.
        while status.is_none() || open > 0 {
            // A child that never stops talking always has something waiting: time decides first.
            let left = limit.saturating_sub(started.elapsed());
            let fact = if left.is_zero() { None } else { rx.recv_timeout(left).ok() };
            match fact {
                Some(Fact::Said(stream, piece)) => heard.take(stream, &piece),
                Some(Fact::Closed) => open -= 1,
                Some(Fact::Exited(Ok(s))) => {
                    status = Some(s);
                    limit = started.elapsed() + GRACE;
                }
                Some(Fact::Exited(Err(source))) => return Err(ExecError::Spawn { program, source }),
                None if status.is_some() => {
                    heard.out.truncated |= matches!(rx.try_recv(), Ok(Fact::Said(..)));
                    break;
                }
                None if !signalled => {
                    signal_group(pid, rustix::process::Signal::TERM);
                    signalled = true;
                    limit = started.elapsed() + GRACE;
                }
                None => break,
            }
        }
        let out = heard.finish();
        if signalled {
            signal_group(pid, rustix::process::Signal::KILL);
            return Err(ExecError::Deadline { program, after: self.deadline, tail: tail(&out) });
        }
        Ok((status.unwrap_or_default(), out))
    }

    /// What it said before its end is in the files by then; whoever else still writes is not waited for.
    fn through_files(
        &self,
        program: String,
        mut heard: Heard<impl FnMut(Stream, &[u8])>,
    ) -> Result<(ExitStatus, Output), ExecError> {
        let files = || -> std::io::Result<_> {
            let (stdout, stderr) = (Spool::new()?, Spool::new()?);
            let command = self.build(stdout.writer()?, stderr.writer()?);
            Ok((stdout, stderr, command))
        };
        let (mut stdout, mut stderr, mut command) = files().map_err(|e| {
            let source = std::io::Error::new(e.kind(), format!("no file for its output in /var/tmp: {e}"));
            ExecError::Spawn { program: program.clone(), source }
        })?;
        // Whoever was told to end starts nothing any more.
        let running = interruptible();
        let spawned = command.spawn();
        drop(running);
        let mut child = spawned.map_err(|e| not_started(&program, e))?;
        let pid = child.id();
        let (tx, rx) = mpsc::sync_channel(1);
        std::thread::spawn(move || tx.send(child.wait()).ok());
        let started = Instant::now();
        let mut block = vec![0; BLOCK];
        loop {
            let left = self.deadline.saturating_sub(started.elapsed());
            let exited = rx.recv_timeout(left.min(LOOK)).ok();
            stdout.read(&mut block, |piece| heard.take(Stream::Stdout, piece));
            stderr.read(&mut block, |piece| heard.take(Stream::Stderr, piece));
            match exited {
                Some(Ok(status)) => return Ok((status, heard.finish())),
                Some(Err(source)) => return Err(ExecError::Spawn { program, source }),
                None if left.is_zero() => {
                    let tail = tail(&heard.finish());
                    return Err(ExecError::Stuck { program, after: self.deadline, pid, tail });
                }
                None => {}
            }
        }
    }

    fn build(&self, stdout: Stdio, stderr: Stdio) -> std::process::Command {
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
            .env("HOME", home(rustix::process::geteuid().is_root(), std::env::var_os("HOME")))
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        command
    }
}

/// Root's children read root's own files, not those of whoever called `sudo` (rpm reads `~/.rpmmacros`).
fn home(is_root: bool, of_caller: Option<OsString>) -> OsString {
    of_caller.filter(|_| !is_root).unwrap_or_else(|| "/root".into())
}

fn not_started(program: &str, source: std::io::Error) -> ExecError {
    let program = program.to_owned();
    match source.kind() {
        std::io::ErrorKind::NotFound => ExecError::NotFound { program },
        _ => ExecError::Spawn { program, source },
    }
}

fn read_blocks(mut pipe: impl Read + Send + 'static, stream: Stream, tx: mpsc::SyncSender<Fact>) {
    std::thread::spawn(move || {
        let mut block = vec![0; BLOCK];
        loop {
            // One read each: what has been said arrives even when the pipe stays open.
            match pipe.read(&mut block) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    let piece = block.get(..n).unwrap_or_default().to_vec();
                    if tx.send(Fact::Said(stream, piece)).is_err() {
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
