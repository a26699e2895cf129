//! The machine that the arguments name.

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_machine::host::HostError;
use patchflock_machine::root::Root;
use patchflock_machine::system::{System, SystemError};

use crate::args::MachineArgs;
use crate::blame::Failure;

/// Finds out what the machine is.
pub(crate) fn open(args: &MachineArgs, now: DateTime<Utc>) -> Result<System, Failure> {
    let root = match &args.root {
        None => Root::host(),
        Some(dir) if dir.is_dir() => {
            let dir = dir.canonicalize().with_context(|| format!("{}", dir.display()))?;
            Root::at(dir)
        }
        Some(dir) => {
            return Err(Failure::operator(format!("--root {}: not a directory", dir.display())));
        }
    };
    if !root.is_host() && !is_root() {
        return Err(Failure::operator(format!(
            "--root {} needs root: the tools of that system run inside it; run it with sudo",
            root.dir().display()
        )));
    }
    System::open(&root, args.operating_system, now).map_err(|e| match e {
        SystemError::Host(e @ HostError::Read { .. }) => Failure::Ours(e.into()),
        // A machine we do not know is not broken: the operator can say what it is.
        SystemError::Host(e) => Failure::Operator(e.into()),
        SystemError::Unsupported(reason) => Failure::operator(reason),
        SystemError::Source(e) => e.into(),
    })
}

/// Whether we run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
