//! What is said on the socket of the privileged half: one request, progress, one answer; each a line of JSON.
//!
//! Who may ask for what is decided by the peer credentials of the connection. *Administrators* (root, members of the
//! group `patchflock`) change documents and place orders; the *agent* (the user `patchflock`; root, too) has runs
//! carried out. The agent is not an administrator: it cannot say what is approved.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::document::Applied;
use crate::ids::{OrderId, RunId};
use crate::order::Order;
use crate::run::{Health, HookPoint, HookRun, Installed, Survey, Trouble};

/// Socket of the privileged half; mode 0660, group `patchflock`.
pub const SOCKET: &str = "/run/patchflock/priv.sock";

/// Longest line in bytes, either way: documents are up to 1 MiB, and JSON escapes may double them.
pub const LINE_CAP: u64 = 8 << 20;

/// One request. A connection carries one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Administrator: adopt every document of this source text, or none. Answer: [`Answer::Applied`].
    Apply {
        /// YAML, several documents allowed.
        text: String,
        /// Only say what would change.
        dry_run: bool,
    },
    /// Administrator: delete a document. Answer: [`Answer::Applied`].
    Delete {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// Administrator: keep the options of a patch-now. Answer: [`Answer::Placed`].
    Place {
        /// The options.
        order: Order,
    },
    /// Agent: look at the machine and plan for a run. Repairs what an interrupted run left (not in a dry run), refreshes
    /// the metadata if asked, scans, selects the baseline, evaluates, plans; keeps the plan under the run's id and the
    /// whole survey for readers. May be repeated. Answer: [`Answer::Surveyed`].
    Survey {
        /// The run.
        run: RunId,
        /// Fetch metadata first.
        refresh: bool,
        /// Change nothing at all: no repair, no plan kept for installing.
        dry_run: bool,
        /// Options of the run.
        order: Option<OrderId>,
        /// The run has installed already: what is approved and not there has failed (reference 5.1).
        attempted: bool,
    },
    /// Agent: download what the kept plan needs. May be repeated. Answer: [`Answer::Done`].
    Fetch {
        /// The run.
        run: RunId,
    },
    /// Agent: carry out the kept plan in a unit of its own, once per token, and wait for its end. Asking again with the
    /// same token follows the transaction or repeats its result; a token older than the newest is refused.
    /// Answer: [`Answer::Installed`]. Connection lost: nothing happens to the transaction.
    Install {
        /// The run.
        run: RunId,
        /// Token of the slot.
        token: u64,
        /// From here on it is not started any more, only followed: the cutoff.
        #[serde(default)]
        not_after: Option<DateTime<Utc>>,
    },
    /// Agent: run the hooks of a point, once per run: asking again repeats the answer. Answer: [`Answer::Hooked`].
    Hook {
        /// The run.
        run: RunId,
        /// The point.
        point: HookPoint,
    },
    /// Agent: is the machine as well as it was at the run's first survey? Waits until the boot is finished.
    /// Answer: [`Answer::Health`].
    Health {
        /// The run.
        run: RunId,
    },
    /// Agent: reboot, once per run. Answer: [`Answer::Done`] when the reboot is under way, [`Answer::Rebooted`] when it
    /// has happened.
    Reboot {
        /// The run.
        run: RunId,
        /// From here on it is not done any more: the end of the window.
        #[serde(default)]
        not_after: Option<DateTime<Utc>>,
    },
}

/// One line from the privileged half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// It goes on; words for people.
    Progress {
        /// What is being done.
        what: String,
    },
    /// It is done. The last line.
    Done {
        /// The answer.
        answer: Answer,
    },
    /// It was not done. The last line.
    Trouble {
        /// What follows, and why.
        trouble: Trouble,
    },
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `Fetch` and `Reboot`.
    Done {},
    /// To `Reboot`, after the boot.
    Rebooted {
        /// Boot id of the running system, where it has one.
        boot_id: Option<String>,
    },
    /// To `Apply` and `Delete`.
    Applied {
        /// One per document.
        applied: Vec<Applied>,
        /// What administrators should know about what was adopted: one sentence each.
        #[serde(default)]
        warnings: Vec<String>,
    },
    /// To `Place`.
    Placed {
        /// Name of the order.
        order: OrderId,
    },
    /// To `Survey`.
    Surveyed {
        /// What was found.
        survey: Box<Survey>,
        /// Entries of the order that match nothing here.
        without_match: Vec<String>,
    },
    /// To `Install`.
    Installed {
        /// What came of it.
        installed: Installed,
    },
    /// To `Hook`.
    Hooked {
        /// What they did.
        hooks: HookRun,
    },
    /// To `Health`.
    Health {
        /// What is worse.
        health: Health,
    },
}
