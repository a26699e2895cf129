//! The package manager of a machine, behind one trait (design 7 and 7b).
//!
//! We choose what is installed; the native tool decides how: dependencies, signatures and pinning stay with it.
//! Every implementation passes the same contract suite, the scripted fake included.

pub mod apt;
pub mod dnf;
pub mod fake;

use std::time::Duration;

use patchflock_baselines::inventory::{
    Candidate, ForeignUpdater, Installed, NativeUpgrade, RebootEvidence, Source,
};
use patchflock_baselines::plan::{Plan, Simulation, Target};
use serde::{Deserialize, Serialize};

/// What a scan finds; the shell adds the node's facts to make an inventory of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// Tool and version, for example `apt 2.6.1`.
    pub package_manager: String,
    /// Repositories and their freshness.
    pub sources: Vec<Source>,
    /// Installed packages.
    pub installed: Vec<Installed>,
    /// Versions newer than the installed ones.
    pub candidates: Vec<Candidate>,
    /// The tool's own opinion.
    pub native: Vec<NativeUpgrade>,
    /// Other updaters on the machine.
    pub foreign_updaters: Vec<ForeignUpdater>,
    /// Reboot evidence.
    pub reboot: RebootEvidence,
    /// Services that still use replaced files.
    pub services_to_restart: Vec<String>,
}

/// A step of a long operation, for progress bars and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A new phase began (`Fetching`, `Installing`).
    Phase(String),
    /// One package is being worked on.
    Package {
        /// Package name.
        name: String,
        /// What is done with it, in the tool's words.
        what: String,
    },
    /// Share of the phase that is done, 0 to 100.
    Percent(u8),
}

/// Receives [`Progress`]; called from the thread that runs the operation.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress);

/// What became of one item of a plan. Judged by the package database after the transaction, never by an exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What the plan wanted.
    pub target: Target,
    /// Version before.
    pub from: Option<String>,
    /// How it went.
    pub result: OutcomeKind,
}

/// How it went with one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum OutcomeKind {
    /// The exact version is installed and configured.
    Installed,
    /// It is not, with the culprit's words.
    Failed {
        /// Why.
        why: String,
    },
}

/// What an installation did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InstallReport {
    /// One per plan item.
    pub outcomes: Vec<Outcome>,
    /// Configuration files where the administrator's version was kept and the package's new one lies beside it.
    pub kept_conffiles: Vec<String>,
    /// The tool's output, bounded, for the record.
    pub log: String,
}

/// What a fetched package says it fixes since the installed version (design 7b).
///
/// Words of its makers, not a vendor's advisory: good to read, not to decide by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixes {
    /// Package name.
    pub name: String,
    /// Architecture, as the plan has it.
    pub arch: String,
    /// The fetched version.
    pub version: String,
    /// `CVE-2026-1234`, sorted, each once, 500 at most.
    pub cves: Vec<String>,
}

/// What a refresh of the metadata did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RefreshReport {
    /// Sources that failed, with the tool's words. Empty: every source was fetched or confirmed.
    pub failed: Vec<(String, String)>,
}

/// Why a package-manager operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum PmError {
    /// The tool is not on this machine.
    #[error("{tool} is not installed on this machine")]
    NoTool {
        /// Name of the tool.
        tool: &'static str,
    },
    /// Another program holds the package database.
    #[error("{holder} holds the package database (waited {} s); try again when it has finished", waited.as_secs())]
    Locked {
        /// Who holds it, as far as known.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
    /// A child process could not be run or overran its bounds.
    #[error(transparent)]
    Exec(#[from] crate::exec::ExecError),
    /// The tool failed.
    #[error("{what}: {tool_says}")]
    Failed {
        /// What we asked for, with the command.
        what: String,
        /// The decisive lines of its output.
        tool_says: String,
    },
    /// A file of the machine could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The tool said something we do not understand; nothing was changed.
    #[error("{what} printed something unexpected at {place}: {found}")]
    Unexpected {
        /// The command.
        what: String,
        /// Line or field.
        place: String,
        /// What was found, shortened.
        found: String,
    },
    /// The transaction would change something outside the plan; it was not started (invariant I1).
    #[error("the transaction would change more than the plan: {difference}; nothing was installed")]
    NotThePlan {
        /// The difference.
        difference: String,
    },
    /// An alternative source of the baseline cannot be used; nothing was changed (reference 2.5).
    #[error("the alternative source `{name}` {why}; correct it in the baseline")]
    Source {
        /// Name of the source.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// This needs root.
    #[error("{what} needs root; run it with sudo")]
    NeedsRoot {
        /// The operation.
        what: &'static str,
    },
}

/// Asked before anything is tried, so that nobody reads a tool's complaint about a lock file.
fn needs_root(what: &'static str) -> Result<(), PmError> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(PmError::NeedsRoot { what }) }
}

/// A native package manager.
pub trait PackageManager {
    /// Name of the tool: `apt`, `dnf`.
    fn name(&self) -> &'static str;

    /// Fetch repository metadata (root). A source that fails is reported, not hidden.
    fn refresh(&self, progress: OnProgress<'_>) -> Result<RefreshReport, PmError>;

    /// Read everything; changes nothing and needs no root.
    fn scan(&self) -> Result<Scan, PmError>;

    /// What would change if exactly these versions were installed; changes nothing.
    fn simulate(&self, targets: &[Target]) -> Result<Simulation, PmError>;

    /// Download what the plan needs, verified, without changing anything else (root).
    fn fetch(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError>;

    /// What the fetched packages of the plan say they fix, as far as it can be read; changes nothing and never fails.
    /// Empty where the tool's metadata already carry CVEs.
    fn fixes(&self, _plan: &Plan) -> Vec<Fixes> {
        Vec::new()
    }

    /// Install exactly the plan from what was fetched (root).
    ///
    /// Refuses with [`PmError::NotThePlan`] before touching anything if the tool would do something else. A
    /// package that fails is named in the report and does not sink the rest.
    fn install(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<InstallReport, PmError>;

    /// Finish what an interrupted run left half-done (root), once. Returns what was repaired, in words.
    fn repair(&self) -> Result<Option<String>, PmError>;
}
