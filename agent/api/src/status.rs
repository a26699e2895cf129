//! What the agent says of itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{NodeId, RunId};
use crate::run::{Ending, Operation, RebootChoice, RunEntry, RunSpec, Step, Survey};

/// Answer to `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Version of the agent.
    pub version: String,
    /// This node.
    pub node: NodeId,
    /// Host name.
    pub hostname: String,
    /// Operating system, for people.
    pub operating_system: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When the agent started.
    pub started_at: DateTime<Utc>,
    /// The run in progress.
    pub active: Option<ActiveRun>,
    /// The last run that ended.
    pub last_run: Option<RunEntry>,
    /// The newest survey, whatever run made it.
    pub survey: Option<Survey>,
    /// The newest survey was made under tags or documents that have changed since: what it says of baseline, plan and
    /// compliance may be otherwise now. A scan makes a new one.
    #[serde(default)]
    pub survey_outdated: bool,
    /// Windows that are open now and have a task for this node, the one that opened first before the others.
    #[serde(default)]
    pub open: Vec<OpenWindow>,
    /// Next firings of windows that have a task for this node, soonest first.
    pub next: Vec<NextRun>,
    /// What people should know: one line each (stale documents, another updater, a clock that jumped).
    pub warnings: Vec<String>,
}

/// A run in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveRun {
    /// What it is.
    pub spec: RunSpec,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Where it is.
    pub step: Step,
    /// It waits until then before it tries the step again, and why.
    pub waiting: Option<(DateTime<Utc>, String)>,
    /// Newest progress of the step, for people.
    pub progress: Option<String>,
}

/// A window that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenWindow {
    /// Its name.
    pub window: String,
    /// When it opened.
    pub start: DateTime<Utc>,
    /// From here on nothing new starts.
    pub cutoff: DateTime<Utc>,
    /// When it closes.
    pub end: DateTime<Utc>,
    /// This node's tasks in it, by priority.
    pub tasks: Vec<OpenTask>,
}

/// A task of this node in a window that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenTask {
    /// Its name.
    pub task: String,
    /// What it does; `None`: this version does not carry it out.
    pub operation: Option<Operation>,
    /// Its run.
    pub run: RunId,
    /// What became of it so far.
    pub state: TaskState,
}

/// What became of a task in a window that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskState {
    /// It has not begun: its share of the splay, or another run is in progress.
    Waiting {
        /// When this node starts, its splay included.
        at: DateTime<Utc>,
    },
    /// Its run is in progress.
    InProgress {},
    /// It is over.
    Ended {
        /// How; `None`: the history no longer says.
        ending: Option<Ending>,
        /// Why, in words.
        reason: String,
    },
}

/// A coming run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextRun {
    /// Window.
    pub window: String,
    /// Task.
    pub task: String,
    /// What it does.
    pub operation: Operation,
    /// When this node starts, its splay included.
    pub at: DateTime<Utc>,
}

/// Body of `POST /v1/runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// What to do.
    pub operation: Operation,
    /// When to reboot.
    #[serde(default)]
    pub reboot: RebootChoice,
    /// Only show what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Options that were placed with the privileged half before.
    #[serde(default)]
    pub order: Option<crate::ids::OrderId>,
    /// From here on it starts nothing; an hour from now where nothing is said.
    #[serde(default)]
    pub expires: Option<DateTime<Utc>>,
}

/// Answer to `POST /v1/runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// The run.
    pub run: RunId,
}

/// One line of `GET /v1/runs/ID/events`; the last one is [`RunNews::Ended`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case", deny_unknown_fields)]
pub enum RunNews {
    /// It came to a step, or something happened in it.
    Progress {
        /// The run as it is.
        active: Box<ActiveRun>,
    },
    /// It ended.
    Ended {
        /// How.
        entry: Box<RunEntry>,
    },
}

/// Body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiError {
    /// Words for people: the thing and the next step.
    pub error: String,
}
