//! Compliance per patch and per node (reference section 5), with one state AWS lacks: unknown.

use serde::{Deserialize, Serialize};

use crate::baseline::ComplianceLevel;

mod assess;
mod freshness;
mod reboot;

pub use assess::assess;

/// State of one patch (reference 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PatchState {
    /// In the baseline and installed.
    Installed,
    /// Installed and not in the baseline.
    InstalledOther,
    /// Installed, and the machine was not rebooted since.
    InstalledPendingReboot,
    /// Installed although rejected under BLOCK.
    InstalledRejected,
    /// Approved, applicable and not installed.
    Missing,
    /// Approved, and its installation failed.
    Failed,
    /// Named by the baseline and not applicable here.
    NotApplicable,
    /// A security update that the baseline does not approve (Windows).
    AvailableSecurityUpdate,
}

/// One patch in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchCompliance {
    /// Package or patch name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version that the state is about.
    pub version: String,
    /// State.
    pub state: PatchState,
    /// Level, when it is noncompliant.
    pub level: ComplianceLevel,
    /// It is a security patch.
    pub security: bool,
    /// CVE ids, for every state (AWS gives them for Missing and Failed only).
    pub cves: Vec<String>,
    /// Why, in words.
    pub reason: String,
}

/// Verdict on a node (reference 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NodeStatus {
    /// Nothing is missing, failed, rejected or waiting for a reboot, and every source could be read.
    Compliant,
    /// Something is; this is known even if a source could not be read.
    NonCompliant,
    /// A source could not be read or is too old: silence is never compliance.
    Unknown,
}

/// Compliance of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCompliance {
    /// Verdict.
    pub status: NodeStatus,
    /// Highest level among noncompliant patches.
    pub overall_severity: ComplianceLevel,
    /// Counts per state.
    pub counts: Counts,
    /// Patches, worst first.
    pub patches: Vec<PatchCompliance>,
    /// Why the verdict is what it is, one line each (unreadable sources, overdue patches, pending reboot).
    pub notes: Vec<String>,
}

/// Counts per state and kind (reference 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each field is the count of the state or kind it names")]
pub struct Counts {
    pub installed: usize,
    pub installed_other: usize,
    pub installed_pending_reboot: usize,
    pub installed_rejected: usize,
    pub missing: usize,
    pub failed: usize,
    pub not_applicable: usize,
    pub available_security_update: usize,
    pub critical_non_compliant: usize,
    pub security_non_compliant: usize,
    pub other_non_compliant: usize,
}

/// What a run on this machine left behind, as far as compliance needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunTraces {
    /// Patches whose installation failed: name, architecture, version, why.
    pub failed: Vec<(crate::plan::Target, String)>,
    /// Patches installed since the last boot (by us): they wait for a reboot if the machine needs one.
    pub installed_since_boot: Vec<crate::plan::Target>,
}
