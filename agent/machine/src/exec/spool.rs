//! Where a child that must not be disturbed writes: a file without a name.
//!
//! A pipe ends with its reader, and a child that writes to it then dies in the middle of its work. A file takes what
//! is written whatever becomes of us. It goes with the last process that has it open.
//!
//! A child that never stops talking fills the disk as it would fill a log. While we live, what we have read is given
//! back to the file system; a limit of the kernel (`RLIMIT_FSIZE`) would hit the packages' own files, too.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

use rustix::fs::{FallocateFlags, OFlags, fallocate, fcntl_getfl, fcntl_setfl};

/// Read so much, the file system gets it back.
const GIVE_BACK: u64 = 1 << 20;

/// Bytes by which a place in the file is known again.
const MARK: usize = 64;

/// One stream of the child, read while it is written.
pub(super) struct Spool {
    file: File,
    /// Bytes read.
    at: u64,
    /// The last of them: by these it is seen that a script has begun the file anew (`> /dev/stderr`).
    last: Vec<u8>,
    given_back: u64,
}

impl Spool {
    /// On the file system where the package database usually is: if that is full, the child cannot work anyway.
    pub(super) fn new() -> io::Result<Self> {
        let file = tempfile::tempfile_in("/var/tmp").or_else(|_| tempfile::tempfile())?;
        // Whoever opens /dev/stderr anew, as scripts do, must not be written over by the others.
        fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::APPEND)?;
        Ok(Self { file, at: 0, last: Vec::new(), given_back: 0 })
    }

    /// The end for the child.
    pub(super) fn writer(&self) -> io::Result<Stdio> {
        self.file.try_clone().map(Stdio::from)
    }

    /// Passes on what has been written since the last time.
    pub(super) fn read(&mut self, block: &mut [u8], mut take: impl FnMut(&[u8])) {
        if self.begun_anew() {
            (self.at, self.given_back) = (0, 0);
            self.last.clear();
        }
        loop {
            match self.file.read_at(block, self.at) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What cannot be read now may be later, and the child's end is noticed without it.
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    let piece = block.get(..n).unwrap_or_default();
                    self.at += n as u64;
                    self.last.extend_from_slice(piece.get(n.saturating_sub(MARK)..).unwrap_or(piece));
                    self.last.drain(..self.last.len().saturating_sub(MARK));
                    take(piece);
                    if self.at - self.given_back >= GIVE_BACK {
                        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                        // Not every file system can.
                        fallocate(&self.file, how, 0, self.at - self.last.len() as u64).ok();
                        self.given_back = self.at;
                    }
                }
            }
        }
    }

    /// What was read is not there any more. It may have grown past the old place in the meantime, so the length
    /// alone does not tell.
    fn begun_anew(&self) -> bool {
        let mut now = vec![0; self.last.len()];
        let place = self.at - self.last.len() as u64;
        match self.file.read_exact_at(&mut now, place) {
            Ok(()) => now != self.last,
            Err(e) => e.kind() == io::ErrorKind::UnexpectedEof,
        }
    }
}
