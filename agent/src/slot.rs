//! Permission to disturb, on a machine alone: always granted, with a token that only grows.
//!
//! The swarm's lease takes this place and nothing else changes: whoever asks gets a token, and the privileged half
//! refuses an older one.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::core::SlotAnswer;
use crate::store::replace;

/// Grants tokens.
#[derive(Debug)]
pub struct Slots {
    path: PathBuf,
}

impl Slots {
    /// Tokens are remembered in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// A token newer than all before. Where the file is lost, the clock is ahead of what was granted.
    ///
    /// # Errors
    /// It cannot be remembered; then it must not be used.
    pub fn acquire(&self, now: DateTime<Utc>) -> std::io::Result<SlotAnswer> {
        let last = match std::fs::read_to_string(&self.path) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
            Err(e) => return Err(e),
        };
        let clock = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let token = clock.max(u64::saturating_add(last, 1));
        replace(&self.path, format!("{token}\n").as_bytes(), 0o640)?;
        Ok(SlotAnswer::Granted { token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_grow_whatever_the_clock_and_the_file_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let at = |ms| DateTime::from_timestamp_millis(ms).unwrap();
        let token = |ms| match Slots::new(&path).acquire(at(ms)).unwrap() {
            SlotAnswer::Granted { token } => token,
            SlotAnswer::Refused { .. } => unreachable!("a machine alone is never refused"),
        };
        assert_eq!(token(1000), 1000);
        assert_eq!(token(1000), 1001, "the clock stands still");
        assert_eq!(token(5), 1002, "the clock goes back");
        std::fs::write(&path, "no number").unwrap();
        assert_eq!(token(2000), 2000);
    }
}
