//! `PatchGroup` and `DefaultBaselines` documents as typed (reference 2.6, 3).

use schemars::JsonSchema;
use serde::Deserialize;

use crate::patch_group::{MAX_BASELINES, MAX_PATCH_GROUP_CHARS};

/// A patch group: the baselines of the nodes that carry its tag.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "PatchGroup")]
pub struct PatchGroupFile {
    /// Kind of document.
    pub kind: PatchGroupKind,
    /// Name, unique among the patch groups of a fleet.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    #[schemars(extend("x-expected" = "letters, digits, `_`, `.` and `-`"))]
    pub name: String,
    /// When the document stops having any effect: a time with its offset, or a day, which counts whole (UTC).
    #[schemars(length(min = 1, max = 64))]
    pub expires: Option<String>,
    /// What the group says.
    pub spec: PatchGroupSpec,
}

/// Always `PatchGroup`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub enum PatchGroupKind {
    /// A patch group.
    PatchGroup,
}

/// What a patch group says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchGroupSpec {
    /// Value of the `Patch Group` tag. Default: the name of the document.
    #[schemars(length(min = 1, max = MAX_PATCH_GROUP_CHARS), regex(pattern = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"))]
    #[schemars(extend("x-expected" = "letters, digits, spaces and `_.:/=+-@`"))]
    pub patch_group: Option<String>,
    /// Names of baselines, at most one for each operating system.
    #[schemars(
        length(min = 1, max = MAX_BASELINES),
        inner(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))
    )]
    #[schemars(extend("x-expected" = "names of baselines: letters, digits, `_`, `.` and `-`"))]
    pub baselines: Vec<String>,
    /// Description for people.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
}

/// The default baselines of a fleet: for nodes whose patch group is registered with none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "DefaultBaselines")]
pub struct DefaultBaselinesFile {
    /// Kind of document.
    pub kind: DefaultBaselinesKind,
    /// Always `defaults`: there is one such document.
    pub name: DefaultBaselinesName,
    /// When the document stops having any effect: a time with its offset, or a day, which counts whole (UTC).
    #[schemars(length(min = 1, max = 64))]
    pub expires: Option<String>,
    /// What the defaults are.
    pub spec: DefaultBaselinesSpec,
}

/// Always `DefaultBaselines`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub enum DefaultBaselinesKind {
    /// The default baselines.
    DefaultBaselines,
}

/// Always `defaults`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefaultBaselinesName {
    /// The only name.
    Defaults,
}

/// What the defaults are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultBaselinesSpec {
    /// Names of baselines, at most one for each operating system.
    #[schemars(
        length(min = 1, max = MAX_BASELINES),
        inner(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))
    )]
    #[schemars(extend("x-expected" = "names of baselines: letters, digits, `_`, `.` and `-`"))]
    pub baselines: Vec<String>,
    /// Description for people.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
}
