//! Which sources the last refresh could not fetch, remembered until one succeeds.
//!
//! apt and dnf keep the old metadata of a repository that cannot be reached and forget that it failed; so that a later
//! scan does not take them for good, it is written down. Losing the file is harmless: the age of the metadata stays
//! visible.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::host::{modified, read_bytes, records};
use crate::pm::PmError;
use crate::root::Root;

/// More than this is no record of ours.
const CAP: u64 = 4 << 20;

/// One source that could not be refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) id: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) why: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    failed: Vec<(String, String)>,
}

/// Writes the failures of a refresh into `file`; a refresh without any takes the file away.
pub(crate) fn remember(root: &Root, file: &str, failed: &[(String, String)]) -> Result<(), PmError> {
    let write = || {
        if failed.is_empty() {
            return records::remove(root, file);
        }
        // An ordinary user's scan reads it.
        records::write(root, file, &serde_json::to_vec(&Record { failed: failed.to_vec() })?, 0o644)
    };
    write().map_err(|source| PmError::Read { path: root.path(file), source })
}

/// Failures of the last refresh. The caller compares the time with that of the metadata, since somebody else's refresh
/// may have succeeded in the meantime. A damaged record is as good as none.
pub(crate) fn last(root: &Root, file: &str) -> Vec<Failure> {
    let Ok(at) = modified(root, file).map(DateTime::from) else { return Vec::new() };
    let record = read_bytes(root, file, CAP).ok().and_then(|b| serde_json::from_slice::<Record>(&b).ok());
    let failed = record.map(|r| r.failed).unwrap_or_default();
    failed.into_iter().map(|(id, why)| Failure { id, at, why }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: &str = "/var/cache/ours";
    const FILE: &str = "/var/cache/ours/refresh.json";

    #[test]
    fn failures_are_remembered_until_a_refresh_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        assert_eq!(last(&root, FILE), []);
        remember(&root, FILE, &[]).unwrap();
        for why in ["no route", "no name"] {
            remember(&root, FILE, &[("Debian/x/main".into(), why.into())]).unwrap();
            let found = last(&root, FILE);
            assert_eq!((found.len(), &*found[0].id, &*found[0].why), (1, "Debian/x/main", why));
        }
        remember(&root, FILE, &[]).unwrap();
        assert_eq!(last(&root, FILE), []);
        assert_eq!(std::fs::read_dir(root.path(DIR)).unwrap().count(), 0);
        remember(&root, FILE, &[]).unwrap();
    }

    #[test]
    fn a_record_is_not_written_through_links_out_of_the_system() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = Root::at(dir.path());
        std::fs::create_dir_all(root.path("/var/cache")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path(DIR)).unwrap();
        remember(&root, FILE, &[("a".into(), "b".into())]).unwrap_err();
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::write(root.path("/var"), "a file").unwrap();
        let e = remember(&root, FILE, &[("a".into(), "b".into())]).unwrap_err().to_string();
        assert!(e.contains("var/cache/ours/refresh.json"), "{e}");
    }

    #[test]
    fn a_damaged_record_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::create_dir_all(root.path(DIR)).unwrap();
        std::fs::write(root.path(FILE), b"{\"failed\": 7").unwrap();
        assert_eq!(last(&root, FILE), []);
    }
}
