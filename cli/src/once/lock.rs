//! One operation at a time on a machine.

use std::fs::File;

use anyhow::Context;
use patchflock_machine::root::Root;
use rustix::fs::{FlockOperation, flock};

use crate::blame::Failure;

/// Where the lock lies; `/run` is emptied by a reboot, and the lock itself ends with its holder.
const PATH: &str = "/run/patchflock.lock";

/// Takes the lock, or says that another run has it.
pub(super) fn take(root: &Root) -> Result<File, Failure> {
    let path = root.path(PATH);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening the lock {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Failure::operator(
            "another patchflock operation is running on this machine; try again when it has finished",
        )),
        Err(e) => Err(anyhow::Error::from(e).context(format!("locking {}", path.display())).into()),
    }
}
