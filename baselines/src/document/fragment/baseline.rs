//! A `PatchBaseline` document as typed (reference 2.1).

use schemars::JsonSchema;
use serde::Deserialize;

use crate::baseline::{AvailableSecurityStatus, ComplianceLevel, RejectedAction, SecurityRule, Undated};
use crate::os::OperatingSystem;

/// A patch baseline: which patches are approved for one operating system.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "PatchBaseline")]
pub struct BaselineFile {
    /// Kind of document.
    pub kind: BaselineKind,
    /// Name, unique among the baselines of a fleet.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    #[schemars(extend("x-expected" = "letters, digits, `_`, `.` and `-`"))]
    pub name: String,
    /// When the document stops having any effect: a time with its offset, or a day, which counts whole (UTC).
    #[schemars(length(min = 1, max = 64))]
    pub expires: Option<String>,
    /// What the baseline says.
    pub spec: BaselineSpec,
}

/// Always `PatchBaseline`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub enum BaselineKind {
    /// A patch baseline.
    PatchBaseline,
}

/// What a baseline says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineSpec {
    /// The one operating system it is for.
    pub operating_system: OperatingSystem,
    /// Description for people.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
    /// Only patches that pass all of these are judged by the rules.
    pub global_filters: Option<FilterMap>,
    /// Each may approve a patch; any match is enough.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub approval_rules: Vec<RuleSpec>,
    /// Approved whatever filters and rules say.
    #[serde(default)]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 256), regex(pattern = r"^\S(.*\S)?$")))]
    #[schemars(extend("x-expected" = "no white space at either end"))]
    pub approved_patches: Vec<String>,
    /// Level of a missing approved patch. Default: UNSPECIFIED.
    pub approved_patches_compliance_level: Option<ComplianceLevel>,
    /// Whether `approved_patches` may name patches that are not security patches (Linux). Default: false.
    pub approved_patches_enable_non_security: Option<bool>,
    /// Never approved; beats `approved_patches`.
    #[serde(default)]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 256), regex(pattern = r"^\S(.*\S)?$")))]
    #[schemars(extend("x-expected" = "no white space at either end"))]
    pub rejected_patches: Vec<String>,
    /// What rejecting means for dependencies. Default: ALLOW_AS_DEPENDENCY.
    pub rejected_patches_action: Option<RejectedAction>,
    /// Repositories that replace the node's own for one operation (Linux).
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub sources: Vec<SourceSpec>,
    /// Verdict on security updates that are available and not approved (Windows). Default: COMPLIANT.
    pub available_security_updates_compliance_status: Option<AvailableSecurityStatus>,
    /// When a patch counts as a security patch. Default: any_version.
    pub security_rule: Option<SecurityRule>,
    /// What happens with a patch whose release date nobody knows. Default: wait.
    pub undated_patches: Option<Undated>,
    /// Days after which a security patch that keeps being superseded while it waits is overdue.
    #[schemars(range(min = 1, max = 3650))]
    pub max_wait_days: Option<u32>,
    /// Verdict on a patch that is overdue by supersedence. Default: NON_COMPLIANT.
    pub overdue_compliance_status: Option<AvailableSecurityStatus>,
    /// Age of a source's metadata, in hours, past which the verdict is unknown. Default: 168 (7 days).
    #[schemars(range(min = 1, max = 87600))]
    pub max_metadata_age_hours: Option<u32>,
}

/// One approval rule. Gives exactly one of `approve_after_days`, `approve_until_date` and `approve: manual`; for
/// DEBIAN, UBUNTU and RASPBIAN it may give none, which approves at once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// All must match. None: everything matches.
    pub filters: Option<FilterMap>,
    /// Approve this many times 24 hours after release.
    #[schemars(range(min = 0, max = 3650))]
    pub approve_after_days: Option<u32>,
    /// Approve what was released up to the end of this UTC day, `YYYY-MM-DD`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    #[schemars(extend("x-expected" = "a date such as 2026-12-24"))]
    pub approve_until_date: Option<String>,
    /// `manual`: wait until an administrator puts the patch into `approved_patches`.
    pub approve: Option<ApproveWord>,
    /// Level of a missing patch that this rule approves. Default: UNSPECIFIED.
    pub compliance_level: Option<ComplianceLevel>,
    /// Also approve patches that are not security patches (Linux). On rpm families, together with filters: also later
    /// versions of the packages that the filters choose. Default: false.
    pub enable_non_security: Option<bool>,
}

/// How a rule approves that has neither delay nor date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApproveWord {
    /// By hand.
    Manual,
}

/// Conditions on attributes: a patch's value must be among those listed, for every key given. `*` is any value.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "SCREAMING_SNAKE_CASE")]
pub struct FilterMap {
    /// `OS` or `APPLICATION` (Windows).
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub patch_set: Option<Vec<String>>,
    /// Product, for example `Debian12`.
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub product: Option<Vec<String>>,
    /// Product family (Windows).
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub product_family: Option<Vec<String>>,
    /// Classification, for example `Security`.
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub classification: Option<Vec<String>>,
    /// Microsoft's severity (Windows).
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub msrc_severity: Option<Vec<String>>,
    /// The publisher's severity (rpm families).
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub severity: Option<Vec<String>>,
    /// Priority (apt families).
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub priority: Option<Vec<String>>,
    /// Archive section (apt families).
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub section: Option<Vec<String>>,
}

/// A repository that replaces the node's own for one operation (reference 2.5).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Name.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    #[schemars(extend("x-expected" = "letters, digits, `_`, `.` and `-`"))]
    pub name: String,
    /// Products it serves, or `*`.
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub products: Vec<String>,
    /// Body of a `.repo` file, or one `deb …` line.
    #[schemars(length(min = 1, max = 16384))]
    pub configuration: String,
}
