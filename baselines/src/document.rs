//! Documents: from bytes to checked values, with every problem at its place.
//!
//! A file holds one or more YAML documents (JSON is YAML) with `kind`, `name` and `spec`, and `expires` where it has
//! an end. The path of a document is
//! bytes → `load` (tree with places) → `validate` (JSON Schema generated from [`fragment`]) → checks between fields
//! → value. What AWS prints ([`import_aws`]) is rewritten into our shape first and then goes the same way, so that both
//! are checked by the same code. [`to_yaml`] is the way back.

mod aws;
mod baseline_check;
mod check;
pub mod edit;
mod expiry;
mod filters;
mod fleet_check;
pub mod fragment;
mod group_check;
mod kind;
mod load;
mod node;
pub mod override_list;
mod problem;
mod suggest;
mod task_check;
mod validate;
mod window_check;
mod window_sense;
mod write;

pub use aws::{Imported, import_aws};
pub use fleet_check::{parse_fleet, parse_revocation};
pub use kind::Kind;
pub use load::{MAX_BYTES, MAX_DEPTH, MAX_FIELDS, MAX_NODES};
pub use problem::{MAX_PROBLEMS, Problem, Severity, render};
pub use write::{to_yaml, to_yaml_until};

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::baseline::Baseline;
use crate::patch_group::{DefaultBaselines, PatchGroup};
use crate::window::MaintenanceWindow;
use load::load;
use problem::{failed, in_order};

/// A checked document.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// Which patches are approved.
    PatchBaseline(Baseline),
    /// When machines may be disturbed, by what, and which.
    MaintenanceWindow(MaintenanceWindow),
    /// Which baselines the nodes of a patch group get.
    PatchGroup(PatchGroup),
    /// Which baselines the nodes get whose patch group has none.
    DefaultBaselines(DefaultBaselines),
}

impl Document {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::PatchBaseline(_) => Kind::PatchBaseline,
            Self::MaintenanceWindow(_) => Kind::MaintenanceWindow,
            Self::PatchGroup(_) => Kind::PatchGroup,
            Self::DefaultBaselines(_) => Kind::DefaultBaselines,
        }
    }

    /// Its name, unique within its kind.
    pub fn name(&self) -> &str {
        match self {
            Self::PatchBaseline(baseline) => &baseline.name,
            Self::MaintenanceWindow(window) => &window.name,
            Self::PatchGroup(group) => &group.name,
            Self::DefaultBaselines(_) => DefaultBaselines::NAME,
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The documents in the order of the file; at least one.
    pub documents: Vec<Document>,
    /// For each document the instant from which it has no effect, if it expires; see [`Parsed::dated`].
    pub expires: Vec<Option<DateTime<Utc>>>,
    /// What is probably not meant, in the order of the file.
    pub warnings: Vec<Problem>,
}

impl Parsed {
    /// Each document with the instant from which it has no effect, if it expires.
    pub fn dated(&self) -> impl Iterator<Item = (&Document, Option<DateTime<Utc>>)> {
        self.documents.iter().zip(self.expires.iter().copied())
    }
}

/// Reads every document of a file. `label` names the file in problems.
///
/// The JSON that AWS prints for a baseline, a window or patch groups is recognised by its shape and accepted as
/// [`import_aws`] does; its notes become warnings.
///
/// # Errors
/// All problems, warnings among them, as soon as one of them is an error: a file is taken as a whole or not at all.
pub fn parse(label: &str, bytes: &[u8]) -> Result<Parsed, Vec<Problem>> {
    let loaded = load(label, bytes);
    let mut problems = loaded.problems;
    let mut documents: Vec<Document> = Vec::new();
    let mut expires: Vec<Option<DateTime<Utc>>> = Vec::new();
    let mut names: BTreeSet<(Kind, String)> = BTreeSet::new();
    for root in &loaded.roots {
        // Whoever has so many problems reads no more of them, and finding each costs time.
        if problems.len() >= MAX_PROBLEMS && failed(&problems) {
            break;
        }
        let (read, found) = if aws::looks_like(root) {
            let (documents, notes) = aws::read_with_notes(label, root);
            (documents.into_iter().map(|document| (document, None)).collect(), notes)
        } else {
            let (document, found) = kind::read(label, root);
            (Vec::from_iter(document), found)
        };
        problems.extend(found);
        for (document, until) in read {
            if !names.insert((document.kind(), document.name().to_owned())) {
                let at = root.get("name").or_else(|| root.get("Name")).unwrap_or(root).at;
                problems.push(Problem {
                    severity: Severity::Error,
                    file: label.to_owned(),
                    line: at.line,
                    column: at.column,
                    message: format!("two documents are {} `{}`", document.kind(), document.name()),
                    hint: Some("rename or remove one of them".into()),
                });
            }
            documents.push(document);
            expires.push(until);
        }
    }
    let problems = in_order(problems);
    if failed(&problems) || documents.is_empty() {
        Err(problems)
    } else {
        Ok(Parsed { documents, expires, warnings: problems })
    }
}
