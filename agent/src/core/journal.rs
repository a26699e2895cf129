//! What must survive a crash: the run in progress and what has been done.

use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::run::{RunSpec, Survey};
use serde::{Deserialize, Serialize};

use super::Active;

/// Runs that are remembered as ended. A firing can start for a day at most, and windows open every five minutes at most;
/// what is older is kept from a second time by its cutoff.
pub const ENDED_CAP: usize = 1000;

/// The durable state of the decider. Small: it is written before every step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The number that the next step gets.
    pub next_number: u64,
    /// The run in progress.
    pub active: Option<Active>,
    /// Runs that ended, oldest first: never carried out again (invariant I8).
    pub ended: Vec<RunId>,
    /// The newest survey.
    pub survey: Option<Survey>,
    /// Fingerprint of the policy under which it was made; `None`: by a version that kept none.
    #[serde(default)]
    pub survey_policy: Option<String>,
    /// When the last scan run ended.
    pub last_scan_run: Option<DateTime<Utc>>,
    /// Fingerprint of the policy under which it looked, or tried to.
    #[serde(default)]
    pub last_scan_policy: Option<String>,
    /// Scans of windows that opened and closed while this node was away, to be made up for.
    pub late_scans: Vec<RunSpec>,
    /// The decider was awake then.
    pub awake_until: Option<DateTime<Utc>>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            // 0 is the number of no step.
            next_number: 1,
            active: None,
            ended: Vec::new(),
            survey: None,
            survey_policy: None,
            last_scan_run: None,
            last_scan_policy: None,
            late_scans: Vec::new(),
            awake_until: None,
        }
    }
}

impl Journal {
    /// A number that no step had.
    pub(super) fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Whether the run was carried out or accounted for.
    pub fn has_ended(&self, run: &RunId) -> bool {
        self.ended.contains(run)
    }

    /// What the history tells has happened, whatever this journal remembers: it was written first, and a crash may have
    /// come between the two, or the journal was lost. The oldest first.
    pub fn learn<'a>(&mut self, told: impl IntoIterator<Item = &'a RunId>) {
        for run in told {
            if self.active.as_ref().is_some_and(|active| active.spec.id == *run) {
                self.active = None;
            }
            self.ended(run.clone());
        }
    }

    pub(super) fn ended(&mut self, run: RunId) {
        self.late_scans.retain(|scan| scan.id != run);
        if !self.has_ended(&run) {
            self.ended.push(run);
        }
        let surplus = self.ended.len().saturating_sub(ENDED_CAP);
        self.ended.drain(..surplus);
    }
}
