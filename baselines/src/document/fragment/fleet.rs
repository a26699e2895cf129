//! `Fleet` and `Revocation` documents as typed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::fleet::{MAX_GROUPS, MAX_KEYS, MAX_REVOKED};
use crate::patch_group::MAX_PATCH_GROUP_CHARS;
use crate::selection::UntaggedNodes;

/// Who rules a fleet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Fleet")]
pub struct FleetFile {
    /// Kind of document.
    pub kind: FleetKind,
    /// Name of the fleet, for people.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    #[schemars(extend("x-expected" = "letters, digits, `_`, `.` and `-`"))]
    pub name: String,
    /// When the document stops having any effect: a time with its offset, or a day, which counts whole (UTC). From then
    /// on the fleet takes no document but the next of this kind.
    #[schemars(length(min = 1, max = 64))]
    pub expires: Option<String>,
    /// What it says.
    pub spec: FleetSpec,
}

/// Always `Fleet`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub enum FleetKind {
    /// A fleet.
    Fleet,
}

/// What a fleet document says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetSpec {
    /// Who may change this document.
    pub root: RoleSpec,
    /// Who lets nodes in.
    pub enrolment: RoleSpec,
    /// Who publishes documents.
    #[serde(default)]
    #[schemars(length(max = MAX_KEYS))]
    pub administrators: Vec<AdministratorSpec>,
    /// How many administrators must sign a document of a kind. Default: 1.
    #[serde(default)]
    pub signatures: BTreeMap<String, u32>,
    /// Patch groups whose documents are protected.
    #[serde(default)]
    #[schemars(length(max = MAX_GROUPS))]
    pub patch_groups: Vec<ProtectedGroupSpec>,
    /// What to do with nodes without a patch group. Default: `skip`.
    #[serde(default)]
    pub untagged_nodes: UntaggedNodes,
    /// Description for people.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
}

/// Keys, and how many of them must sign.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// Public keys: the line inside their PEM files.
    #[schemars(
        length(min = 1, max = MAX_KEYS),
        inner(regex(pattern = r"^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$"))
    )]
    #[schemars(extend("x-expected" = "public keys: the line inside their PEM files, MCowBQYDK2VwAyEA…"))]
    pub keys: Vec<String>,
    /// How many of them must sign.
    #[schemars(range(min = 1))]
    pub threshold: u32,
}

/// Somebody who publishes documents.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdministratorSpec {
    /// Name for people.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// Public key: the line inside its PEM file.
    #[schemars(regex(pattern = r"^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$"))]
    #[schemars(extend("x-expected" = "a public key: the line inside its PEM file, MCowBQYDK2VwAyEA…"))]
    pub key: String,
    /// Kinds of documents. Default: every kind.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z]+$")))]
    #[schemars(extend("x-expected" = "kinds of documents such as `PatchBaseline`"))]
    pub kinds: Option<Vec<String>>,
    /// Patch groups, which `patch_groups` lists. Default: the whole fleet. Whoever is bound to groups publishes
    /// baselines and patch groups only: other documents choose nodes in other ways.
    #[schemars(length(min = 1, max = MAX_GROUPS), inner(length(min = 1, max = MAX_PATCH_GROUP_CHARS)))]
    pub patch_groups: Option<Vec<String>>,
    /// What was issued after this day or time does not count.
    #[schemars(length(min = 1, max = 64))]
    pub until: Option<String>,
}

/// A patch group and the documents that belong to it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectedGroupSpec {
    /// Value of the `Patch Group` tag.
    #[schemars(length(min = 1, max = MAX_PATCH_GROUP_CHARS))]
    pub patch_group: String,
    /// Names of its documents; a last `*` stands for any ending.
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+\*?$"))
    )]
    #[schemars(extend("x-expected" = "names of documents; a last `*` stands for any ending"))]
    pub documents: Vec<String>,
    /// How many administrators must sign them. Default: 1.
    #[schemars(range(min = 1))]
    pub signatures: Option<u32>,
}

/// Keys and nodes that count for nothing from now on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Revocation")]
pub struct RevocationFile {
    /// Kind of document.
    pub kind: RevocationKind,
    /// Name, unique among the revocations of a fleet.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    #[schemars(extend("x-expected" = "letters, digits, `_`, `.` and `-`"))]
    pub name: String,
    /// What it says.
    pub spec: RevocationSpec,
}

/// Always `Revocation`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub enum RevocationKind {
    /// A revocation.
    Revocation,
}

/// What a revocation says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationSpec {
    /// Ids of keys.
    #[serde(default)]
    #[schemars(length(max = MAX_REVOKED), inner(regex(pattern = r"^ed25519:[0-9a-f]{32}$")))]
    #[schemars(extend("x-expected" = "ids of keys: `ed25519:` and 32 digits 0-9a-f"))]
    pub keys: Vec<String>,
    /// Ids of nodes.
    #[serde(default)]
    #[schemars(length(max = MAX_REVOKED), inner(regex(pattern = r"^n-[0-9a-f]{32}$")))]
    #[schemars(extend("x-expected" = "ids of nodes: `n-` and 32 digits 0-9a-f"))]
    pub nodes: Vec<String>,
    /// Documents whose versions up to this one count no more, whoever signed them: `PatchBaseline/web@3`. What the
    /// revoked keys have signed belongs here, so that no older version comes back in its place.
    #[serde(default)]
    #[schemars(
        length(max = MAX_REVOKED),
        inner(regex(pattern = r"^[A-Za-z]{1,64}/[A-Za-z0-9_.-]{1,128}@[1-9][0-9]{0,15}$"))
    )]
    #[schemars(extend("x-expected" = "documents with a version, such as `PatchBaseline/web@3`"))]
    pub documents: Vec<String>,
    /// Why, for people.
    #[schemars(length(max = 4096))]
    pub reason: Option<String>,
}
