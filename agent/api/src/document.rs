//! Adopted documents as they are listed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One version of a document that this machine has adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentEntry {
    /// `PatchBaseline`, `MaintenanceWindow`, `PatchGroup`, `DefaultBaselines`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Version: 1 for the first, and it only grows, also over a deletion.
    pub version: u64,
    /// SHA-256 of the source text, in hex.
    pub sha256: String,
    /// When it was adopted.
    pub adopted_at: DateTime<Utc>,
    /// Who applied it.
    pub by: String,
    /// From here on it has no effect.
    pub expires: Option<DateTime<Utc>>,
    /// It was deleted: this version says so and has no text.
    pub deleted: bool,
}

/// What applying did with one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The document as it stands now.
    pub entry: DocumentEntry,
    /// Whether anything changed: the same text again changes nothing.
    pub change: Change,
    /// What changed, as a unified diff; empty for a new document.
    pub diff: String,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Created,
    /// It has a new version.
    Updated,
    /// It was so before.
    Unchanged,
    /// It is gone.
    Deleted,
}
