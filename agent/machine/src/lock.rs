//! One operation at a time on a machine, whoever carries it out: the command line or the agent.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use crate::root::Root;

/// Where the lock lies; `/run` is emptied by a reboot, and the lock itself ends with its holder.
const PATH: &str = "/run/patchflock.lock";

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another operation has it.
    #[error("another patchflock operation is running on this machine; try again when it has finished")]
    Held,
    /// The file cannot be used.
    #[error("the lock {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Takes the machine's lock, until the file is dropped, or says that another operation has it.
pub fn take(root: &Root) -> Result<File, LockError> {
    take_at(root.path(PATH))
}

/// Takes the lock that is this file, which is made where it is missing.
pub fn take_at(path: PathBuf) -> Result<File, LockError> {
    let taken = || -> io::Result<Option<File>> {
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        // Whoever may read the file may also lock it, and so keep this machine from being patched.
        file.set_permissions(Permissions::from_mode(0o600))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(e) => Err(e.into()),
        }
    };
    match taken() {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(LockError::Held),
        Err(source) => Err(LockError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_and_only_root_can_hold_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        let root = Root::at(dir.path());
        // As an older version left it.
        std::fs::write(root.path(PATH), "").unwrap();
        std::fs::set_permissions(root.path(PATH), Permissions::from_mode(0o644)).unwrap();
        let first = take(&root).unwrap();
        assert_eq!(first.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let second = take(&root).unwrap_err();
        assert!(matches!(second, LockError::Held));
        assert!(second.to_string().contains("another patchflock operation is running"), "{second}");
        drop(first);
        assert!(take(&root).is_ok());
    }

    #[test]
    fn a_place_without_a_lock_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let e = take(&Root::at(dir.path())).unwrap_err().to_string();
        assert!(e.contains("run/patchflock.lock"), "{e}");
    }
}
