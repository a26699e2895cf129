//! apt on Debian, Ubuntu and Raspberry Pi OS (design 7b, paragraph apt; reference 1.8).
//!
//! Works with apt 2.2 and later, on the running system and on one in a directory. A scan needs no root.

mod changelog;
mod dpkg_log;
#[doc(hidden)]
pub mod fuzzing;
mod install;
mod lists;
mod lock;
mod output;
mod policy;
mod progress;
mod refresh;
mod release;
mod repair;
mod scan;
mod settings;
mod simulate;
mod sources;
mod status;
mod surroundings;
mod system;
mod transaction;
mod version;

use std::time::Duration;

use chrono::{DateTime, Utc};
use patchflock_baselines::baseline::AlternativeSource;
use patchflock_baselines::inventory::SourceState;
use patchflock_baselines::plan::{Plan, Simulation, Target};

use crate::pm::{Fixes, InstallReport, OnProgress, PackageManager, PmError, RefreshReport, Scan};
use crate::root::Root;

/// The apt of one system.
#[derive(Debug)]
pub struct Apt {
    system: system::System,
    clock: fn() -> DateTime<Utc>,
    lock_wait: Option<Duration>,
}

impl Apt {
    /// The apt of the system at `root`. Waits for another program's lock as long as the machine's own
    /// `DPkg::Lock::Timeout` says, an hour at most, and two minutes where it says nothing.
    pub fn new(root: Root) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "Valid-Until is a matter of now and the trait passes no clock"
        )]
        let clock = Utc::now;
        Self { system: system::System::new(root), clock, lock_wait: None }
    }

    /// With these sources instead of the machine's own for everything that is asked of it, and never beyond it
    /// (reference 2.5). Of the sources those count that serve `product` or all (`*`); where none does, the machine's
    /// own stay, for nothing replaces them.
    ///
    /// # Errors
    /// [`PmError::Source`]: one is not a single `deb …` line; [`PmError::Read`]: no private file can be written.
    pub fn with_sources(self, sources: &[AlternativeSource], product: &str) -> Result<Self, PmError> {
        Ok(Self { system: self.system.with_sources(sources, product)?, ..self })
    }

    /// With another clock, against which `Valid-Until` is judged.
    pub fn with_clock(mut self, clock: fn() -> DateTime<Utc>) -> Self {
        self.clock = clock;
        self
    }

    /// With another bound on waiting for locks.
    pub fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = Some(wait);
        self
    }

    fn lock_wait(&self) -> Duration {
        let timeout = || settings::read(&self.system).ok()?.lock_timeout;
        self.lock_wait.unwrap_or_else(|| lock::bound(timeout()))
    }
}

impl PackageManager for Apt {
    fn name(&self) -> &'static str {
        "apt"
    }

    fn refresh(&self, progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
        refresh::refresh(&self.system, self.lock_wait(), progress)
    }

    fn scan(&self) -> Result<Scan, PmError> {
        let mut scan = scan::scan(&self.system, (self.clock)())?;
        for failure in refresh::last_failures(&self.system) {
            let why = format!("the last refresh failed: {}", failure.why);
            match scan.sources.iter_mut().find(|s| s.id == failure.id) {
                // Somebody else's refresh has worked since.
                Some(source) if source.refreshed_at.is_some_and(|at| at > failure.at) => {}
                Some(source) => source.state = SourceState::Unreadable { why },
                None if failure.id == refresh::UNATTRIBUTED => scan.sources.push(scan::unknown(why)),
                // It is not configured any more.
                None => {}
            }
        }
        Ok(scan)
    }

    fn simulate(&self, targets: &[Target]) -> Result<Simulation, PmError> {
        simulate::simulate(&self.system, targets, (self.clock)())
    }

    fn fetch(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError> {
        install::fetch(&self.system, plan, self.lock_wait(), progress)
    }

    fn fixes(&self, plan: &Plan) -> Vec<Fixes> {
        changelog::fixes(&self.system, plan)
    }

    fn install(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<InstallReport, PmError> {
        install::install(&self.system, plan, self.lock_wait(), progress)
    }

    fn repair(&self) -> Result<Option<String>, PmError> {
        repair::repair(&self.system, self.lock_wait())
    }
}

#[cfg(test)]
mod tests;
