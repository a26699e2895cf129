//! The patch baseline (reference section 2).
//!
//! Values of this type are valid: they come out of [`crate::document`], which checks every limit and reports
//! every problem with its place. Field names follow AWS in snake_case, so that an AWS user reads them at once.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::os::OperatingSystem;

/// Which patches are approved for one operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Name of the document.
    pub name: String,
    /// The one operating system it is for.
    pub operating_system: OperatingSystem,
    /// Description for people.
    pub description: Option<String>,
    /// Only patches that pass all of these are judged by the rules (reference 1.2, 1.5 step 2).
    pub global_filters: Vec<Filter>,
    /// Each may approve a patch; any match is enough.
    pub approval_rules: Vec<Rule>,
    /// Approved whatever filters and rules say (reference 2.2).
    pub approved_patches: Vec<String>,
    /// Level of a missing approved patch.
    pub approved_patches_compliance_level: ComplianceLevel,
    /// Whether `approved_patches` may name non-security patches.
    pub approved_patches_enable_non_security: bool,
    /// Never approved; beats `approved_patches`.
    pub rejected_patches: Vec<String>,
    /// What rejecting means for dependencies (reference 2.3).
    pub rejected_patches_action: RejectedAction,
    /// Alternative repositories for one operation (reference 2.5).
    pub sources: Vec<AlternativeSource>,
    /// Windows: verdict on security updates that are available and not approved.
    pub available_security_updates_compliance_status: AvailableSecurityStatus,
    /// When a patch counts as a security patch (design 7b); ours, not AWS's.
    pub security_rule: SecurityRule,
    /// What to do with a patch that has no date at all; ours. AWS approves it at once.
    pub undated_patches: Undated,
    /// Days after which a security patch that keeps being superseded while it waits is overdue; ours.
    pub max_wait_days: Option<u32>,
    /// Verdict on a patch overdue by supersedence; ours.
    pub overdue_compliance_status: AvailableSecurityStatus,
    /// Age in hours past which a source's metadata make the verdict unknown; ours. `None`: 7 days.
    pub max_metadata_age_hours: Option<u32>,
}

/// One approval rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// All must match (reference 1.2). Empty: matches everything.
    pub filters: Vec<Filter>,
    /// When a matching patch is approved.
    pub approve: Approve,
    /// Level of a missing patch that this rule approves.
    pub compliance_level: ComplianceLevel,
    /// Also approve patches that are not security patches (Linux). On rpm, together with filters: also later versions
    /// of what the filters choose (reference 1.6 steps 4 and 5; the reasons stand in `approval/judge/carried.rs`).
    pub enable_non_security: bool,
}

/// When a rule approves what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approve {
    /// Exact timestamp plus N × 24 h, in UTC (reference 1.7).
    AfterDays(u32),
    /// Dated no later than the end of this UTC day (reference 1.7).
    UntilDate(NaiveDate),
    /// Matching patches wait until an administrator puts them into `approved_patches`.
    Manual,
}

/// A condition on one attribute: the patch's value is one of these, or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Attribute.
    pub key: FilterKey,
    /// OR-ed values.
    pub values: Vec<String>,
}

/// Attributes usable in a rule (reference 1.2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each variant is the AWS key it names")]
pub enum FilterKey {
    PatchSet,
    Product,
    ProductFamily,
    Classification,
    MsrcSeverity,
    Severity,
    Priority,
    Section,
}

/// Level of a patch that is approved and missing (reference 2.1).
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each variant is the AWS value it names; ordered from least to most severe")]
pub enum ComplianceLevel {
    #[default]
    Unspecified,
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

/// What rejecting a patch means (reference 2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RejectedAction {
    /// Not installed by itself; may come in as a dependency of something approved.
    #[default]
    AllowAsDependency,
    /// Never installed, nor anything that depends on it, recursively.
    Block,
}

/// Verdict on available, unapproved security updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each variant is the AWS value it names")]
pub enum AvailableSecurityStatus {
    Compliant,
    NonCompliant,
}

/// When a patch counts as a security patch (design 7b).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecurityRule {
    /// Any version in (installed, target] came from a security origin or advisory: a point release moves fixes
    /// into main, and they stay fixes. On rpm a rule without `enable_non_security` takes such a version only where
    /// none that a security notice names is still offered (reference 1.5 step 7).
    #[default]
    AnyVersion,
    /// Only the target version itself counts, as AWS does (reference 1.5 step 3).
    Candidate,
}

/// What happens with a patch whose release date nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Undated {
    /// A rule with a delay or cutoff does not approve it; a rule without delay does.
    #[default]
    Wait,
    /// As AWS does: it counts as released on 1970-01-01.
    Approve,
}

/// A repository that replaces the node's own for one operation (reference 2.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlternativeSource {
    /// Name.
    pub name: String,
    /// Products it serves, or `*`.
    pub products: Vec<String>,
    /// Body of a `.repo` file, or one `deb …` line.
    pub configuration: String,
}
