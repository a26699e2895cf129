//! One operation at a time on a machine.

use std::fs::{File, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use anyhow::Context;
use patchflock_machine::root::Root;
use rustix::fs::{FlockOperation, flock};

use crate::blame::Failure;

/// Where the lock lies; `/run` is emptied by a reboot, and the lock itself ends with its holder.
const PATH: &str = "/run/patchflock.lock";

/// Takes the lock, or says that another run has it.
pub(super) fn take(root: &Root) -> Result<File, Failure> {
    let path = root.path(PATH);
    let context = || format!("opening the lock {}", path.display());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(context)?;
    // Whoever may read the file may also lock it, and so keep this machine from being patched.
    file.set_permissions(Permissions::from_mode(0o600)).with_context(context)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Failure::operator(
            "another patchflock operation is running on this machine; try again when it has finished",
        )),
        Err(e) => Err(anyhow::Error::from(e).context(format!("locking {}", path.display())).into()),
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
        assert_eq!(second.code(), 1);
        assert!(second.to_string().contains("another patchflock operation is running"), "{second}");
        drop(first);
        assert!(take(&root).is_ok());
    }
}
