//! Which baselines are meant for which nodes: patch groups and the defaults of a fleet (reference 2.6, 3).
//!
//! In AWS both are calls (`register-patch-baseline-for-patch-group`, `register-default-patch-baseline`); here they are
//! documents that name baselines. They name no operating system: each baseline is for exactly one. What they mean
//! for one node follows in [`crate::selection`].

use serde::{Deserialize, Serialize};

/// Longest value of a `Patch Group` tag, in characters (reference 3).
pub const MAX_PATCH_GROUP_CHARS: usize = 256;

/// Most baselines that one document names; there are fewer operating systems.
pub const MAX_BASELINES: usize = 50;

/// A patch group and the baselines it is registered with, at most one for each operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchGroup {
    /// Name of the document.
    pub name: String,
    /// Value of the `Patch Group` tag, compared exactly.
    pub patch_group: String,
    /// Names of baselines, 1 to [`MAX_BASELINES`], each once.
    pub baselines: Vec<String>,
    /// Description for people.
    pub description: Option<String>,
}

/// The baselines of nodes whose patch group has none, at most one for each operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultBaselines {
    /// Names of baselines, 1 to [`MAX_BASELINES`], each once.
    pub baselines: Vec<String>,
    /// Description for people.
    pub description: Option<String>,
}

impl DefaultBaselines {
    /// The name of the only document of this kind: two of them could contradict each other.
    pub const NAME: &'static str = "defaults";
}
