//! Runs: what starts them, how far they are, how they end.

use chrono::{DateTime, Utc};
use patchflock_baselines::baseline::ComplianceLevel;
use patchflock_baselines::compliance::{Counts, NodeCompliance, NodeStatus};
use patchflock_baselines::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, RunId};

/// What a run does (reference 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Find out what is missing; changes nothing.
    Scan,
    /// Install what is approved.
    Install,
}

/// When a run reboots the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebootChoice {
    /// When the machine shows that it needs one, or cannot tell and something was installed since its boot.
    #[default]
    IfNeeded,
    /// After the last installation of the run, also where there was nothing to install.
    Always,
    /// Never; what needs a reboot stays noncompliant until one.
    Never,
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trigger", rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    /// A maintenance window opened.
    Window {
        /// Its name.
        window: String,
        /// Version of its document.
        version: u64,
        /// Name of the task.
        task: String,
        /// When the firing started.
        start: DateTime<Utc>,
        /// From here on nothing new starts.
        cutoff: DateTime<Utc>,
        /// From here on nothing reboots.
        end: DateTime<Utc>,
    },
    /// Somebody asked for it through the local API.
    Request {
        /// Who, by the peer credentials of the connection.
        by: String,
        /// From here on nothing new starts.
        expires: DateTime<Utc>,
    },
    /// The agent's own look and download ahead of a window's installation (design 7b). It never disturbs the machine.
    Ahead {
        /// Name of the window.
        window: String,
        /// Name of the task that will install.
        task: String,
        /// When the firing starts: from then on it is the window's own run that looks and downloads.
        start: DateTime<Utc>,
    },
    /// The agent's own regular scan.
    Routine {},
}

/// One run, as it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// Its name.
    pub id: RunId,
    /// What it does.
    pub operation: Operation,
    /// When it reboots.
    pub reboot: RebootChoice,
    /// It only shows what would change.
    pub dry_run: bool,
    /// What started it.
    pub trigger: Trigger,
    /// Options of a patch-now.
    pub order: Option<OrderId>,
}

/// How far a run is, as people see it (design 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Refreshing metadata, scanning, planning.
    Scanning,
    /// Downloading what the plan needs.
    Fetching,
    /// Waiting for permission to disturb the machine.
    AwaitingSlot,
    /// Hooks, transaction, hooks.
    Installing,
    /// The machine was told to reboot.
    Rebooting,
    /// Looking at what came of it.
    Verifying,
}

/// One step of a run: one effect and its one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Refresh, scan, select the baseline, evaluate, plan.
    Survey,
    /// Download.
    Fetch,
    /// Ask for the slot.
    Slot,
    /// Hooks before the installation; a failing one cancels.
    PreInstall,
    /// The package transaction, in a unit of its own.
    Transaction,
    /// Hooks after the installation.
    PostInstall,
    /// Scan again: what was installed, is a reboot due?
    Assess,
    /// Hooks before the reboot; a failing one keeps the machine up.
    PreReboot,
    /// The reboot.
    Reboot,
    /// Scan after the boot.
    Verify,
    /// Is the machine well?
    Health,
    /// Hooks at the end, whatever the end.
    OnExit,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 12] = [
        Self::Survey,
        Self::Fetch,
        Self::Slot,
        Self::PreInstall,
        Self::Transaction,
        Self::PostInstall,
        Self::Assess,
        Self::PreReboot,
        Self::Reboot,
        Self::Verify,
        Self::Health,
        Self::OnExit,
    ];

    /// What is done in it, in words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Survey => "scanning and planning",
            Self::Fetch => "downloading",
            Self::Slot => "waiting for permission to start",
            Self::PreInstall => "hooks before the installation",
            Self::Transaction => "installing",
            Self::PostInstall => "hooks after the installation",
            Self::Assess => "looking at what was installed",
            Self::PreReboot => "hooks before the reboot",
            Self::Reboot => "rebooting",
            Self::Verify => "scanning again",
            Self::Health => "checking the machine's health",
            Self::OnExit => "hooks at the end",
        }
    }

    /// The phase that it belongs to.
    pub fn phase(self) -> Phase {
        match self {
            Self::Survey => Phase::Scanning,
            Self::Fetch => Phase::Fetching,
            Self::Slot => Phase::AwaitingSlot,
            Self::PreInstall | Self::Transaction | Self::PostInstall | Self::Assess => Phase::Installing,
            Self::PreReboot | Self::Reboot => Phase::Rebooting,
            Self::Verify | Self::Health | Self::OnExit => Phase::Verifying,
        }
    }
}

/// When hooks run (reference 4.2; before the reboot is ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookPoint {
    /// Before anything is installed.
    PreInstall,
    /// After the transaction.
    PostInstall,
    /// Before the reboot.
    PreReboot,
    /// At the end of a run that came to its slot.
    OnExit,
}

/// What the hooks of one point did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookRun {
    /// When.
    pub point: HookPoint,
    /// Each hook in the order of its name; the first that fails is the last.
    pub hooks: Vec<HookResult>,
}

/// What one hook did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookResult {
    /// File name.
    pub name: String,
    /// Why it failed; `None`: it succeeded.
    pub failure: Option<String>,
    /// Its last words, bounded.
    pub output: String,
    /// Duration in milliseconds.
    pub took_ms: u64,
}

impl HookRun {
    /// The hook that failed, and why.
    pub fn failure(&self) -> Option<String> {
        self.hooks.iter().find_map(|h| h.failure.as_ref().map(|why| format!("hook {}: {why}", h.name)))
    }
}

/// Why a step did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// What follows from it.
    pub kind: TroubleKind,
    /// Words for people: the thing, the place, the next step.
    pub why: String,
}

/// What follows from a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// Somebody else holds what is needed (a package lock, another operation): worth another try soon.
    Busy,
    /// A repository or the privileged half cannot be reached: worth another try.
    Unavailable,
    /// The machine is not as it was planned for: plan anew.
    PlanChanged,
    /// Asking again changes nothing.
    Failed,
    /// A transaction ended without its report (power cut, killed): look at the machine and plan anew.
    Interrupted,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything that was planned was done and proven.
    Succeeded,
    /// There was nothing to do.
    NothingToDo,
    /// Something of it was not done, or the machine is not well after it.
    Failed,
    /// It did not begin to change anything, for a reason that is no failure (no baseline, cutoff passed).
    Skipped,
    /// An administrator ended it before anything changed.
    Cancelled,
}

/// Why this baseline (design 7b, "Fallback never opens production").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case", deny_unknown_fields)]
pub enum Choice {
    /// This one is in effect.
    Selected {
        /// Its name.
        baseline: String,
        /// Version of its document; `None` for a predefined one or an override.
        version: Option<u64>,
        /// Why this one.
        why: String,
    },
    /// The fleet skips such nodes.
    Skipped {
        /// Why.
        why: String,
    },
    /// It cannot be known: nothing is installed.
    Unknown {
        /// Why, and what would settle it.
        why: String,
    },
}

/// Compliance without its patches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplianceSummary {
    /// Verdict.
    pub status: NodeStatus,
    /// Highest level among noncompliant patches.
    pub overall_severity: ComplianceLevel,
    /// Counts per state.
    pub counts: Counts,
    /// Why, one line each.
    pub notes: Vec<String>,
}

impl From<&NodeCompliance> for ComplianceSummary {
    fn from(full: &NodeCompliance) -> Self {
        Self {
            status: full.status,
            overall_severity: full.overall_severity,
            counts: full.counts.clone(),
            notes: full.notes.clone(),
        }
    }
}

/// What a survey of the machine found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// When the scan was made.
    pub taken_at: DateTime<Utc>,
    /// Boot id then.
    pub boot_id: Option<String>,
    /// Which baseline, and why.
    pub choice: Choice,
    /// What would be installed; empty where no baseline is in effect.
    pub plan: Plan,
    /// Verdict; `None` where no baseline is in effect.
    pub compliance: Option<ComplianceSummary>,
    /// Whether the machine shows that it needs a reboot; `None`: it cannot tell.
    pub reboot_needed: Option<bool>,
    /// What shows it, in words.
    pub reboot_evidence: Vec<String>,
    /// What an interrupted run had left and was repaired.
    pub repaired: Option<String>,
    /// Sources that the refresh could not fetch, with the tool's words.
    pub refresh_failed: Vec<(String, String)>,
    /// Other updaters that would act by themselves.
    pub foreign_updaters: Vec<String>,
    /// Services that still use replaced files.
    pub services_to_restart: Vec<String>,
    /// What the run's order names and nothing here is called.
    #[serde(default)]
    pub without_match: Vec<String>,
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// Items that are as planned.
    pub installed: usize,
    /// Items that are not, with their reasons: `name: why`.
    pub failed: Vec<String>,
}

/// Whether the machine is well after a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// What is worse than before the run, one line each. Empty: it is well.
    pub complaints: Vec<String>,
}

/// When a run was in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSpan {
    /// The step.
    pub step: Step,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its answer came.
    pub finished_at: DateTime<Utc>,
    /// What went wrong in it, as far as something did.
    pub trouble: Option<String>,
}

/// The whole story of a run, as the history keeps it.
///
/// What the packages were and became, with the tool's output, is in the record that the privileged half keeps under
/// the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEntry {
    /// What it was.
    pub spec: RunSpec,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// How.
    pub ending: Ending,
    /// Why it ended so, in words.
    pub reason: String,
    /// Step by step.
    pub steps: Vec<StepSpan>,
    /// What was found at the beginning; `None`: it never came to that.
    pub survey: Option<Survey>,
    /// What the transaction did.
    pub installed: Option<Installed>,
    /// What the hooks did.
    pub hooks: Vec<HookRun>,
    /// Boot ids before and after, if it rebooted.
    pub reboot: Option<(Option<String>, Option<String>)>,
    /// Compliance at the end.
    pub after: Option<ComplianceSummary>,
    /// Whether the machine is well.
    pub health: Option<Health>,
}
