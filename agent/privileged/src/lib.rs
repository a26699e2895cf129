//! The half of the agent that runs as root: it looks at the machine, keeps the documents and runs only plans that
//! follow from them (design 7b, "Two processes").
//!
//! It has no network, no async and no long life: systemd starts one process for each connection to its socket. What it
//! decides by lies in files that only root writes: the configuration, the adopted documents, the orders, the first-seen
//! ledger. So the agent, which will talk to a network, can ask for work but not say what the work is.

mod documents;
mod health;
mod hooks;
mod install;
mod orders;
mod permission;
mod plans;
mod policy;
mod reboot;
pub mod serve;
mod sources;
mod survey;
mod sweep;
pub mod transaction;
mod trouble;

use std::time::Duration;

use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::privileged::{Answer, Request};
use patchflock_api::run::Trouble;
use patchflock_machine::exec::{Command, ExecError, Output};
use patchflock_machine::root::Root;
use patchflock_machine::system::{System, SystemError};
use patchflock_machine::{host, kept};

use crate::serve::Caller;

/// Where everything that we keep lies.
const STATE: &str = kept::STATE;

/// Tells what is being done.
pub(crate) type Say<'a> = &'a mut dyn FnMut(&str);
/// Opens a machine, its package manager included.
pub type Open = dyn Fn(&Root, DateTime<Utc>) -> Result<System, SystemError>;
/// Runs `systemctl` with these arguments and this deadline.
pub type Systemctl = dyn Fn(&[&str], Duration) -> Result<Output, ExecError>;
/// Starts the guard of a transaction, which outlives us.
pub type Start = dyn Fn(&RunId, u64) -> Result<(), ExecError>;

/// What work is done on and with: all that tests replace.
pub struct Desk {
    /// The files.
    pub root: Root,
    /// The clock.
    pub clock: Box<dyn Fn() -> DateTime<Utc>>,
    /// The machine.
    pub open: Box<Open>,
    /// Its init system.
    pub systemctl: Box<Systemctl>,
    /// Its guards.
    pub start: Box<Start>,
    /// How long the guard may take until it begins.
    pub start_within: Duration,
}

impl Desk {
    /// The desk of the running system.
    pub fn of_host() -> Self {
        let root = Root::host();
        let (for_systemctl, for_start) = (root.clone(), root.clone());
        Self {
            root,
            clock: Box::new(|| {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the one place of this program that reads the clock"
                )]
                Utc::now()
            }),
            open: Box::new(|root, now| System::open(root, None, now)),
            systemctl: Box::new(move |args, deadline| {
                Command::new(&for_systemctl, "systemctl")
                    .args(args)
                    .deadline(deadline)
                    .output_cap(1 << 20)
                    .run()
            }),
            start: Box::new(move |run, token| transaction::start(&for_start, run, token)),
            start_within: Duration::from_secs(60),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Nothing starts from this instant on.
    fn in_time(&self, not_after: Option<DateTime<Utc>>) -> Result<(), Trouble> {
        match not_after.filter(|end| self.now() >= *end) {
            None => Ok(()),
            Some(end) => {
                let end = end.format("%Y-%m-%d %H:%M:%S UTC");
                Err(trouble::failed(format!("too late: it was to start before {end}; nothing was done")))
            }
        }
    }

    fn open(&self) -> Result<System, Trouble> {
        (self.open)(&self.root, self.now()).map_err(|e| trouble::failed(e.to_string()))
    }

    /// Boot id of the running kernel.
    fn boot_id(&self) -> Option<String> {
        let id = host::read_bytes(&self.root, "/proc/sys/kernel/random/boot_id", 4096).ok()?;
        Some(String::from_utf8_lossy(&id).trim().to_owned())
    }

    /// Reads a JSON file of ours; `None`: it is not there.
    fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Trouble> {
        /// A plan with everything that it was made from is a few MiB.
        const CAP: u64 = 256 << 20;
        match host::read_bytes(&self.root, path, CAP) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(trouble::failed(format!("reading {path}: {e}"))),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| trouble::failed(format!("{path} is damaged ({e}); remove it and ask again"))),
        }
    }

    /// Writes a JSON file of ours durably, for root and the group.
    fn write<T: serde::Serialize>(&self, path: &str, value: &T) -> Result<(), Trouble> {
        let written = serde_json::to_vec(value)
            .map_err(std::io::Error::from)
            .and_then(|bytes| kept::write(&self.root, path, &bytes));
        written.map_err(|e| trouble::failed(format!("writing {path}: {e}")))
    }
}

/// Does what is asked. Who asks has the right to.
pub(crate) fn carry_out(desk: &Desk, caller: &mut Caller<'_>, request: Request) -> Result<Answer, Trouble> {
    sweep::room(desk, &request)?;
    match request {
        Request::Apply { text, dry_run } => documents::apply(desk, &caller.by, &text, dry_run),
        Request::Delete { kind, name } => documents::delete(desk, &caller.by, &kind, &name),
        Request::Place { order } => orders::place(desk, &caller.by, order),
        Request::Survey { run, refresh, dry_run, basis, attempted } => {
            let ask = survey::Ask { run, refresh, dry_run, basis, attempted };
            survey::survey(desk, caller, &ask)
        }
        Request::Fetch { run } => install::fetch(desk, caller, &run),
        Request::Install { run, token } => install::install(desk, caller, &run, token),
        Request::Hook { run, point } => hooks::run(desk, caller, &run, point),
        Request::Health { run } => health::look(desk, caller, &run),
        Request::Reboot { run } => reboot::reboot(desk, caller, &run),
    }
}

#[cfg(test)]
mod bench;
