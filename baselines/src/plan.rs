//! From decisions to exactly what will be changed: the approved versions plus their closure (design 7b).

use serde::{Deserialize, Serialize};

mod closure;
mod resolve;

pub use closure::{Attribution, Settled, attribute, needs_attribution, settle, targets};
pub use resolve::resolve;

/// One approved version that the plan wants installed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Exact version.
    pub version: String,
}

/// One change that the native tool says it would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Installed version; `None` for a new package.
    pub from: Option<String>,
    /// New version; `None` for a removal.
    pub to: Option<String>,
    /// Ids of the sources that offer `to`.
    pub sources: Vec<String>,
}

/// What the native tool would do for a set of targets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Simulation {
    /// Everything that would change.
    pub changes: Vec<Change>,
    /// Targets that cannot be installed, with the tool's words.
    pub refused: Vec<Refused>,
}

/// A target that the native tool would not install.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Why.
    pub why: String,
}

/// Exactly what will be changed. Nothing outside it may change (invariant I1).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Changes, ordered by name.
    pub items: Vec<Item>,
    /// Approved patches that are left out, and why.
    pub held: Vec<Held>,
}

/// One change of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Installed version; `None` for a new package.
    pub from: Option<String>,
    /// Exact version to install.
    pub to: String,
    /// Why it is in the plan.
    pub role: Role,
}

/// Why a change is in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Role {
    /// The baseline approves it.
    Approved {
        /// The decision's reason.
        reason: String,
    },
    /// An approved patch needs it.
    PulledIn {
        /// Names of the approved patches that need it.
        by: Vec<String>,
    },
}

/// An approved patch that the plan leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version that is approved.
    pub version: String,
    /// Why it is left out.
    pub reason: String,
}
