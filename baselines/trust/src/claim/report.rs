//! The summary of a node's last look at itself (P95); the whole report stays with the node.
//!
//! P95: the verdict, counts per state, the baseline with its version, how old the knowledge is, whether a reboot
//! waits, and the digest of the whole report, by which it can be asked for and checked. A node can lie about itself
//! and about nobody else.

use chrono::{DateTime, Utc};
use patchflock_baselines::baseline::ComplianceLevel;
use patchflock_baselines::compliance::{Counts, NodeStatus};
use serde::{Deserialize, Serialize};

use super::{Claim, Place};
use crate::envelope::Purpose;
use crate::hash::Hash;
use crate::node::NodeId;
use crate::statement::{Body, FleetId, StatementError, check_format, check_time, demand, is_name};

/// The baseline that a look was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineUsed {
    /// Its name.
    pub name: String,
    /// Its version; `None` for a shipped one.
    pub version: Option<u64>,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Compliant, not, or unknown.
    pub status: NodeStatus,
    /// Highest level among noncompliant patches.
    pub severity: ComplianceLevel,
    /// Patches per state.
    pub counts: Counts,
}

/// A summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// [`crate::statement::FORMAT`].
    pub format: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// The node.
    pub node: NodeId,
    /// Where it stands among the node's summaries.
    pub place: Place,
    /// When it was made, by the node's clock.
    pub issued: DateTime<Utc>,
    /// When the machine was looked at.
    pub scanned: DateTime<Utc>,
    /// By what it was judged; `None` where no baseline was to be had.
    pub baseline: Option<BaselineUsed>,
    /// What came of it.
    pub verdict: Verdict,
    /// The machine waits for a reboot.
    pub reboot_pending: bool,
    /// The digest of the whole report.
    pub report: Hash,
}

impl Body for Summary {
    const PURPOSE: Purpose = Purpose::ReportSummary;

    fn check(&self) -> Result<(), StatementError> {
        check_format(self.format)?;
        check_time("issued", self.issued)?;
        check_time("scanned", self.scanned)?;
        let name = self.baseline.as_ref().is_none_or(|baseline| is_name(&baseline.name));
        demand(name, || "the baseline has no name that a document can have".into())
    }
}

impl Claim for Summary {
    fn fleet(&self) -> FleetId {
        self.fleet
    }

    fn node(&self) -> NodeId {
        self.node
    }

    fn place(&self) -> Place {
        self.place
    }

    fn issued(&self) -> DateTime<Utc> {
        self.issued
    }
}
