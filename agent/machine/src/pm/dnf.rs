//! dnf 4 behind [`super::PackageManager`].
//!
//! What dnf can be asked for only in words (its command line has no machine-readable output) is asked through its
//! Python API by three small embedded scripts; advisories come from the cached repodata, and what became of a
//! package from rpm. dnf 5 and yum 3 are refused. Parts: `script` runs the scripts, `scan` (with `metadata`,
//! `updateinfo`, `evidence`), `refresh`, `transaction`
//! (simulate, fetch), `install`, `repair`; `database` asks rpm, `alternative` prepares a baseline's own repositories.
//!
//! Old kernels stay: a plan names no removals, so `installonly_limit` of dnf.conf is not applied in our transactions.
//! dnf applies it when it installs a kernel itself, and `dnf remove --oldinstallonly` leaves only the newest and the
//! running one; until then each kernel update takes its room in /boot.
//!
//! Amazon Linux 2023 locks its repositories to the release that is installed (`releasever` in /etc/dnf/vars or of
//! the system-release package). As AWS does, versions of later releases are offered in spite of the lock (reference
//! 1.6 point 12): everything there runs with `releasever=latest`, whatever is configured, and the lock itself stays
//! for dnf. Everywhere else, Amazon Linux 2022 included, what is configured counts.

mod alternative;
mod database;
mod evidence;
#[doc(hidden)]
pub mod fuzzing;
mod install;
mod marks;
mod metadata;
mod refresh;
mod repair;
mod scan;
mod script;
mod transaction;
mod updateinfo;

use std::sync::Arc;
use std::time::Duration;

use patchflock_baselines::baseline::AlternativeSource;
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::plan::{Plan, Simulation, Target};

use super::{InstallReport, OnProgress, PackageManager, PmError, RefreshReport, Scan};
use crate::host::alternative::Place;
use crate::host::{exists, identify_root, real_name};
use crate::root::Root;

/// dnf 4 of one system.
#[derive(Debug, Clone)]
pub struct Dnf {
    system: System,
}

/// What every operation needs.
#[derive(Debug, Clone)]
struct System {
    root: Root,
    /// How long a lock of another program is waited for.
    lock_wait: Duration,
    /// Repositories instead of the system's own.
    alternative: Option<Arc<Place>>,
}

impl Dnf {
    /// dnf of the system in `root`; whether it is there shows at the first call ([`PmError::NoTool`]).
    pub fn new(root: Root) -> Self {
        Self { system: System { root, lock_wait: Duration::from_secs(120), alternative: None } }
    }

    /// With these sources instead of the machine's own for everything that is asked of it, and never beyond it
    /// (reference 2.5). Of the sources those count that serve `product` or all (`*`); where none does, the machine's
    /// own stay, for nothing replaces them.
    ///
    /// # Errors
    /// [`PmError::Source`]: one is not the body of a `.repo` file; [`PmError::Read`]: no private file can be written.
    pub fn with_sources(mut self, sources: &[AlternativeSource], product: &str) -> Result<Self, PmError> {
        self.system.alternative = alternative::place(&self.system.root, sources, product)?;
        Ok(self)
    }

    /// How long another program's lock is waited for before [`PmError::Locked`]; two minutes unless set.
    pub fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.system.lock_wait = wait;
        self
    }
}

impl PackageManager for Dnf {
    fn name(&self) -> &'static str {
        "dnf"
    }

    fn refresh(&self, progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
        refresh::refresh(&self.system, progress)
    }

    fn scan(&self) -> Result<Scan, PmError> {
        scan::scan(&self.system)
    }

    fn simulate(&self, targets: &[Target]) -> Result<Simulation, PmError> {
        transaction::simulate(&self.system, targets)
    }

    fn fetch(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError> {
        transaction::fetch(&self.system, plan, progress)
    }

    fn install(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<InstallReport, PmError> {
        install::install(&self.system, plan, progress)
    }

    fn repair(&self) -> Result<Option<String>, PmError> {
        repair::repair(&self.system)
    }
}

/// The `releasever` under which repositories are looked at, where it is not the configured one.
fn releasever(root: &Root) -> Option<&'static str> {
    (identify_root(root) == Some(OperatingSystem::AmazonLinux2023)).then_some("latest")
}

/// The dnf 4 program of this system, or why there is none that can be used.
pub(crate) fn which(root: &Root) -> Result<&'static str, String> {
    for (path, name) in [("/usr/bin/dnf-3", "dnf-3"), ("/usr/bin/dnf", "dnf"), ("/usr/bin/yum", "yum")] {
        match real_name(root, path).as_deref() {
            Some("dnf-3" | "dnf-2" | "dnf4") => return Ok(name),
            Some("dnf5") => {
                return Err(format!(
                    "{} is dnf5, which is not supported yet (dnf 4 is)",
                    root.path(path).display()
                ));
            }
            // Debian and old Fedora ship the program itself as `dnf`.
            Some("dnf") => return Ok(name),
            Some("yum") => {
                return Err(format!(
                    "{} is yum 3, which is not supported yet (dnf 4 is)",
                    root.path(path).display()
                ));
            }
            _ => {}
        }
    }
    if exists(root, "/usr/bin/microdnf") {
        return Err("only microdnf is installed, which cannot be asked for advisories; install dnf".into());
    }
    Err(format!("there is no dnf in {}; install dnf 4", root.path("/usr/bin").display()))
}
