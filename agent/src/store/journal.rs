//! The journal: one small file with all that the decider must know after a crash.
//!
//! It is replaced whole before the act that it speaks of, so after a power cut it is the old or the new one. What is in
//! it is the decider's affair.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::durable;

/// Its name in the store's directory.
const FILE: &str = "journal.json";
/// Version of the format that this build writes and reads.
const FORMAT: u32 = 1;
/// Longest journal in bytes.
pub const JOURNAL_CAP: u64 = 4 << 20;

/// The journal cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refuses.
    #[error("{what} the journal {}: {source}; look at the disk and the rights of its directory", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It has no form on disk.
    #[error("the journal cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It would be longer than one that is read.
    #[error("the journal would have {0} bytes; {JOURNAL_CAP} are the most")]
    TooLong(usize),
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRead<T> {
    /// The journal; `None`: there is none, or it says nothing any more.
    pub payload: Option<T>,
    /// What people should know of it.
    pub warning: Option<String>,
}

/// Where the journal is.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
}

#[derive(Serialize)]
struct Written<'a, T> {
    format: u32,
    payload: &'a T,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Found<T> {
    #[expect(dead_code, reason = "looked at before the payload is")]
    format: u32,
    payload: T,
}

impl Journal {
    /// The journal in a directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self { path: directory.join(FILE) }
    }

    /// Reads it. A damaged one, and one in the format of another version, is moved aside: the agent starts from the
    /// machine as it is rather than not at all.
    ///
    /// # Errors
    /// When the disk refuses to read a file that is there, or to move a damaged one.
    pub fn read<T: DeserializeOwned>(&self) -> Result<JournalRead<T>, JournalError> {
        let io = |what| move |source| JournalError::Io { what, path: self.path.clone(), source };
        let parsed = match durable::read(&self.path, JOURNAL_CAP) {
            Ok(None) => return Ok(JournalRead { payload: None, warning: None }),
            Ok(Some(bytes)) => parse(&bytes),
            Err(e) if e.kind() == std::io::ErrorKind::FileTooLarge => Err(e.to_string()),
            Err(e) => return Err(io("reading")(e)),
        };
        match parsed {
            Ok(payload) => Ok(JournalRead { payload: Some(payload), warning: None }),
            Err(why) => {
                let aside = durable::set_aside(&self.path).map_err(io("moving aside"))?;
                let warning = format!(
                    "the journal {} cannot be read ({why}); it is kept as {}, and the agent starts without it: a run \
                     that was in progress is not continued",
                    self.path.display(),
                    aside.display()
                );
                Ok(JournalRead { payload: None, warning: Some(warning) })
            }
        }
    }

    /// Replaces it. When this returns, the new one is what a power cut leaves.
    ///
    /// # Errors
    /// When it is too long or the disk refuses; the old one is there then.
    pub fn write<T: Serialize>(&self, payload: &T) -> Result<(), JournalError> {
        let bytes = serde_json::to_vec(&Written { format: FORMAT, payload })?;
        if bytes.len() as u64 > JOURNAL_CAP {
            return Err(JournalError::TooLong(bytes.len()));
        }
        durable::replace(&self.path, &bytes, 0o600).map_err(|source| JournalError::Io {
            what: "writing",
            path: self.path.clone(),
            source,
        })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let Format { format } = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if format != FORMAT {
        return Err(format!("format {format}, and this version reads {FORMAT}"));
    }
    serde_json::from_slice::<Found<T>>(bytes).map(|f| f.payload).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::of(dir.path());
        assert_eq!(journal.read::<String>().unwrap(), JournalRead { payload: None, warning: None });
        for text in ["one", "two"] {
            journal.write(&text).unwrap();
            assert_eq!(journal.read::<String>().unwrap().payload.as_deref(), Some(text));
        }
        // A crash before the rename.
        std::fs::write(dir.path().join("journal.json.new"), "{\"for").unwrap();
        assert_eq!(journal.read::<String>().unwrap().payload.as_deref(), Some("two"));
    }

    #[test]
    fn a_damaged_journal_is_moved_aside_and_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::of(dir.path());
        journal.write(&"text").unwrap();
        let good = std::fs::read(&journal.path).unwrap();
        let newer = br#"{"format":2,"payload":"text","more":1}"#.to_vec();
        let other = br#"{"format":1,"payload":7}"#.to_vec();
        let long = [good.clone(), vec![b' '; JOURNAL_CAP as usize]].concat();
        let damaged = [good[..good.len() - 1].to_vec(), Vec::new(), vec![0; good.len()], newer, other, long];
        for (n, bytes) in damaged.iter().enumerate() {
            std::fs::write(&journal.path, bytes).unwrap();
            let read = journal.read::<String>().unwrap();
            let aside = format!("journal.json.damaged-{}", n + 1);
            assert_eq!(read.payload, None);
            assert!(read.warning.unwrap().contains(&aside));
            assert_eq!(&std::fs::read(dir.path().join(aside)).unwrap(), bytes);
            assert_eq!(journal.read::<String>().unwrap(), JournalRead { payload: None, warning: None });
        }
    }

    #[test]
    fn a_journal_that_could_not_be_read_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::of(dir.path());
        journal.write(&"good").unwrap();
        let long = "x".repeat(JOURNAL_CAP as usize);
        assert!(matches!(journal.write(&long), Err(JournalError::TooLong(_))));
        assert_eq!(journal.read::<String>().unwrap().payload.as_deref(), Some("good"));
    }

    #[test]
    fn a_disk_that_refuses_is_no_empty_journal() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::of(dir.path());
        std::fs::create_dir(&journal.path).unwrap();
        let words = journal.read::<String>().unwrap_err().to_string();
        assert!(words.contains("journal.json"), "{words}");
    }
}
