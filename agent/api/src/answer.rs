//! Answers of the local API that put several things together.

use chrono::{DateTime, Utc};
use patchflock_baselines::approval::Evaluation;
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::document::DocumentEntry;
use crate::run::{Choice, RunEntry};

/// Answer to `GET /v1/documents/KIND/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentText {
    /// The version that was asked for; the newest where none was.
    pub entry: DocumentEntry,
    /// Its source text, as it was applied; `None`: this version says that the document was deleted.
    pub text: Option<String>,
}

/// Answer to `GET /v1/runs/ID`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunDetail {
    /// The story of the run.
    pub entry: RunEntry,
    /// What the privileged half recorded of its packages, as it stands in the file; `None`: there is no record, because
    /// nothing was to be installed.
    pub record: Option<serde_json::Value>,
}

/// Answer to `GET /v1/survey`: the newest survey whole, as the privileged half left it.
///
/// Other fields than these are passed over: the file is written by the privileged half and read by a command line that
/// may be older.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SurveyFile {
    /// Version of the format.
    pub format: u32,
    /// The machine.
    pub inventory: Inventory,
    /// One decision per offered version; `None` where no baseline is in effect.
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
    /// Compliance; `None` where no baseline is in effect.
    #[serde(default)]
    pub compliance: Option<NodeCompliance>,
    /// Which baseline, and why.
    pub choice: Choice,
    /// What would be installed.
    #[serde(default)]
    pub plan: Plan,
}

impl SurveyFile {
    /// Format that this build reads.
    pub const FORMAT: u32 = 1;

    /// When the machine was looked at.
    pub fn taken_at(&self) -> DateTime<Utc> {
        self.inventory.taken_at
    }
}
