//! Facts: what happened, in the past tense.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::run::{Health, HookRun, Installed, Step, Survey, Trouble};
use patchflock_api::status::StartRun;
use patchflock_baselines::window::MaintenanceWindow;

/// A fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The agent started and has read its journal.
    Started,
    /// The documents or the configuration were read anew.
    PolicyRead {
        /// What they say.
        policy: Policy,
    },
    /// The time that was asked for has come; or it has not, which does no harm.
    Woke,
    /// Somebody asked for a run.
    Requested {
        /// Whom to answer.
        request: u64,
        /// Name that the run would have.
        run: RunId,
        /// What is asked for.
        start: StartRun,
        /// Who.
        by: String,
    },
    /// Somebody wants a run to end.
    CancelRequested {
        /// Whom to answer.
        request: u64,
        /// The run.
        run: RunId,
        /// Who.
        by: String,
    },
    /// A step was answered.
    Answered {
        /// Which.
        step: StepId,
        /// How.
        answer: Answer,
    },
}

/// One step of one run. Numbers only grow on a node, so that an answer belongs to one step for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId {
    /// The run.
    pub run: RunId,
    /// The step's number.
    pub number: u64,
}

/// Answer to a step, by kind of step.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is the answer to the act it names")]
pub enum Answer {
    Surveyed(Result<Box<Survey>, Trouble>),
    Fetched(Result<(), Trouble>),
    Slot(SlotAnswer),
    Hooked(Result<HookRun, Trouble>),
    Installed(Result<Installed, Trouble>),
    Rebooting(Result<Reboot, Trouble>),
    Health(Result<Health, Trouble>),
}

/// How far a reboot is. Only the privileged half can tell: inside its sandbox the agent may see another boot id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reboot {
    /// The machine goes down.
    UnderWay,
    /// It has booted.
    Done {
        /// Boot id of this boot, where there is one.
        boot_id: Option<String>,
    },
}

/// What the lease says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotAnswer {
    /// The node may disturb its machine.
    Granted {
        /// Fencing token; grows from slot to slot.
        token: u64,
    },
    /// Not now.
    Refused {
        /// Ask again then.
        until: DateTime<Utc>,
        /// Who holds it, or why.
        why: String,
    },
}

/// What the documents and the configuration say, as far as the decider needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Maintenance windows in force: not deleted, not expired when they were read.
    pub windows: Vec<Window>,
    /// The node's tags, `Patch Group` among them.
    pub tags: BTreeMap<String, String>,
    /// Host name.
    pub hostname: String,
    /// Hours between the agent's own scans; 0: none.
    pub scan_interval_hours: u32,
    /// Minutes before a window within which this node looks and downloads; 0: it does not.
    pub fetch_ahead_minutes: u32,
    /// Of everything that a survey's answer depends on and people decide: another one, and the machine is looked at anew.
    pub fingerprint: String,
}

/// A window in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The document.
    pub window: MaintenanceWindow,
    /// Its version.
    pub version: u64,
    /// From here on it opens no more.
    pub expires: Option<DateTime<Utc>>,
}

/// Why a request is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One operation at a time (reference 4.1).
    #[error(
        "the run {run} is in progress ({}); try again when it has ended, or watch it: `patchflock runs watch {run}`",
        step.words()
    )]
    Busy {
        /// The run in progress.
        run: RunId,
        /// Its step.
        step: Step,
    },
    /// The run has been carried out (invariant I8).
    #[error("the run {run} was carried out before; a run is never repeated")]
    DoneBefore {
        /// The run.
        run: RunId,
    },
    /// A transaction is never ended half-way.
    #[error(
        "the run cannot be cancelled any more ({}), and a transaction is never ended half-way",
        step.words()
    )]
    TooLate {
        /// Its step.
        step: Step,
    },
    /// No such run in progress.
    #[error("no run {run} is in progress here; see patchflock runs")]
    NotActive {
        /// The run.
        run: RunId,
    },
}
