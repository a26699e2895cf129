//! Who rules a fleet, as its documents say: the `Fleet` document and `Revocation` documents.
//!
//! Keys are text here. Policy does not know cryptography: `patchflock-trust` reads the keys and applies these rules.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::selection::UntaggedNodes;

/// Most keys of one role, and most administrators.
pub const MAX_KEYS: usize = 64;

/// Most patch groups that a fleet document protects.
pub const MAX_GROUPS: usize = 256;

/// Most keys, most nodes, and most documents that one revocation names.
pub const MAX_REVOKED: usize = 1_000;

/// A checked `Fleet` document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// Name of the fleet, for people. Its identity is the digest of its first document.
    pub name: String,
    /// Who may change this document.
    pub root: Role,
    /// Who lets nodes in.
    pub enrolment: Role,
    /// Who publishes documents.
    pub administrators: Vec<Administrator>,
    /// How many administrators must sign a document of a kind; 1 for a kind that is not here.
    pub signatures: BTreeMap<String, u32>,
    /// Patch groups whose documents are protected.
    pub patch_groups: Vec<ProtectedGroup>,
    /// What to do with nodes without a patch group.
    pub untagged_nodes: UntaggedNodes,
    /// Description for people.
    pub description: Option<String>,
    /// The instant from which it has no effect, if it expires.
    pub expires: Option<DateTime<Utc>>,
}

/// Keys, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Public keys.
    pub keys: Vec<String>,
    /// How many of them, at least 1.
    pub threshold: u32,
}

/// Somebody who publishes documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Administrator {
    /// Name for people.
    pub name: String,
    /// Public key.
    pub key: String,
    /// Kinds of documents; `None` for every kind.
    pub kinds: Option<Vec<String>>,
    /// Patch groups; `None` for the whole fleet.
    pub patch_groups: Option<Vec<String>>,
    /// What was issued from here on does not count: the administrator has left, and what was published before stays.
    pub until: Option<DateTime<Utc>>,
}

/// A patch group and the documents that belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectedGroup {
    /// Value of the `Patch Group` tag.
    pub patch_group: String,
    /// Names of documents; a last `*` stands for any ending.
    pub documents: Vec<String>,
    /// How many administrators must sign them.
    pub signatures: u32,
}

impl ProtectedGroup {
    /// Whether a document with this name belongs to the group.
    #[must_use]
    pub fn owns(&self, document: &str) -> bool {
        self.documents.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => document.starts_with(start),
            None => document == pattern,
        })
    }
}

/// A checked `Revocation` document: what it names counts for nothing from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Name of the document.
    pub name: String,
    /// Ids of keys.
    pub keys: Vec<String>,
    /// Ids of nodes.
    pub nodes: Vec<String>,
    /// Documents, each with the last version that counts no more: `PatchBaseline/web@3`.
    pub documents: Vec<String>,
    /// Why, for people.
    pub reason: Option<String>,
}
