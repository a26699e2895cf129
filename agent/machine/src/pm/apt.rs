//! apt on Debian, Ubuntu and Raspberry Pi OS (design 7b, paragraph apt; reference 1.8).
//!
//! Works with apt 2.2 and later, on the running system and on one in a directory. A scan needs no root.

mod lists;
mod output;
mod policy;
mod release;
mod scan;
mod settings;
mod sources;
mod status;
mod surroundings;
mod version;

use chrono::{DateTime, Utc};
use patchflock_baselines::plan::{Plan, Simulation, Target};

use crate::pm::{InstallReport, OnProgress, PackageManager, PmError, RefreshReport, Scan};
use crate::root::Root;

/// The apt of one system.
#[derive(Debug, Clone)]
pub struct Apt {
    root: Root,
    clock: fn() -> DateTime<Utc>,
}

impl Apt {
    /// The apt of the system at `root`.
    pub fn new(root: Root) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "Valid-Until is a matter of now and the trait passes no clock"
        )]
        Self { root, clock: Utc::now }
    }

    /// With another clock, against which `Valid-Until` is judged.
    pub fn with_clock(mut self, clock: fn() -> DateTime<Utc>) -> Self {
        self.clock = clock;
        self
    }
}

impl PackageManager for Apt {
    fn name(&self) -> &'static str {
        "apt"
    }

    fn refresh(&self, _progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
        Err(PmError::NeedsRoot { what: "refresh" })
    }

    fn scan(&self) -> Result<Scan, PmError> {
        scan::scan(&self.root, (self.clock)())
    }

    fn simulate(&self, _targets: &[Target]) -> Result<Simulation, PmError> {
        Err(PmError::NeedsRoot { what: "simulate" })
    }

    fn fetch(&self, _plan: &Plan, _progress: OnProgress<'_>) -> Result<(), PmError> {
        Err(PmError::NeedsRoot { what: "fetch" })
    }

    fn install(&self, _plan: &Plan, _progress: OnProgress<'_>) -> Result<InstallReport, PmError> {
        Err(PmError::NeedsRoot { what: "install" })
    }

    fn repair(&self) -> Result<Option<String>, PmError> {
        Err(PmError::NeedsRoot { what: "repair" })
    }
}
