//! From an inventory and a baseline to one decision per offered version, each with its reason.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::baseline::ComplianceLevel;

pub(crate) mod dates;
mod evaluate;
mod filters;
mod judge;
mod listed;
pub mod names;
mod overdue;
mod subject;

pub use evaluate::evaluate;
pub(crate) use filters::short;
pub(crate) use judge::Judge;
pub use listed::{Listed, evaluate_override_list};
pub(crate) use subject::{Subject, own_security};

/// What was decided about one offered version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Package or patch name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Installed version; empty where there is none.
    pub installed: String,
    /// The version this decision is about.
    pub version: String,
    /// Whether it counts as a security patch under the baseline's rule.
    pub security: bool,
    /// CLASSIFICATION used, from the deciding advisory.
    pub classification: Option<String>,
    /// SEVERITY used.
    pub severity: Option<String>,
    /// Advisory ids.
    pub advisories: Vec<String>,
    /// CVE ids.
    pub cves: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Level when it is missing: of the deciding rule or of the approved list.
    pub level: ComplianceLevel,
    /// 1-based number of the deciding rule.
    pub rule: Option<usize>,
    /// The date that was used, and where it came from.
    pub date: Option<EffectiveDate>,
    /// The reason in words: rule, date and its source, what would change it and when.
    pub reason: String,
    /// This is the version that the plan takes for its package: the newest approved one (reference 1.5 step 6).
    pub chosen: bool,
}

/// Verdict on one offered version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// A rule or the approved list approves it.
    Approved,
    /// A rule matches and approves it at this instant, if nothing newer restarts the wait.
    Pending {
        /// When it becomes approved.
        at: DateTime<Utc>,
    },
    /// A rule with `approve: manual` matches, or a date that nobody knows is needed.
    Waiting,
    /// A rule matches, but the patch is dated after its `approve_until_date`: it is never approved by it.
    TooNew,
    /// The rejected list names it.
    Rejected,
    /// No rule matches (or a global filter drops it).
    NotMatched,
    /// The administrator of the machine holds it (hold, pin, versionlock), which wins over the baseline.
    Held,
    /// The distribution's phasing defers it on this machine.
    Deferred,
}

/// The date a decision counted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveDate {
    /// The instant.
    pub at: DateTime<Utc>,
    /// Where it came from.
    pub source: DateSource,
}

/// Where a date came from, in order of preference (design 7, 7b "Dates").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateSource {
    /// `issued` of the advisory.
    AdvisoryIssued,
    /// `updated` of the advisory, where it has no issue date.
    AdvisoryUpdated,
    /// Build time of the package.
    BuildTime,
    /// First sight in signed metadata.
    FirstSeen,
    /// `Date` of the signed metadata that carry it now: it was released then at the latest.
    MetadataDate,
}

/// All decisions for one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The instant it was made for.
    pub at: DateTime<Utc>,
    /// Name of the baseline.
    pub baseline: String,
    /// One per offered version, ordered by name, architecture and version (newest first).
    pub decisions: Vec<Decision>,
    /// Security patches that starved (design 7b): the first unapproved version is older than `max_wait_days`.
    pub overdue: Vec<Overdue>,
}

/// A security patch that was superseded again and again before its wait ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdue {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// First unapproved security version.
    pub first_version: String,
    /// When it was first offered.
    pub since: DateTime<Utc>,
}

/// The baseline cannot judge this inventory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// They are for different operating systems.
    #[error("baseline {baseline} is for {wanted}, this machine is {found}: choose a baseline for {found}")]
    OtherOperatingSystem {
        /// Baseline name.
        baseline: String,
        /// What the baseline is for.
        wanted: crate::os::OperatingSystem,
        /// What the machine is.
        found: crate::os::OperatingSystem,
    },
}
