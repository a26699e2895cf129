//! The kinds of documents: the one table that a new kind is added to.

use std::fmt;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Document;
use super::baseline_check;
use super::check::Check;
use super::expiry::expires;
use super::fragment::baseline::BaselineFile;
use super::fragment::group::{DefaultBaselinesFile, PatchGroupFile};
use super::fragment::schema::schema_of;
use super::fragment::window::WindowFile;
use super::group_check;
use super::node::{Node, Tree};
use super::problem::{Problem, quoted};
use super::suggest::did_you_mean;
use super::validate::{CompiledSchema, Validated};
use super::window_check;

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Which patches are approved for one operating system.
    PatchBaseline,
    /// When machines may be disturbed, by what, and which.
    MaintenanceWindow,
    /// Which baselines the nodes of a patch group get.
    PatchGroup,
    /// Which baselines the nodes get whose patch group has none.
    DefaultBaselines,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::PatchBaseline, Self::MaintenanceWindow, Self::PatchGroup, Self::DefaultBaselines];

    /// The name in `kind:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PatchBaseline => "PatchBaseline",
            Self::MaintenanceWindow => "MaintenanceWindow",
            Self::PatchGroup => "PatchGroup",
            Self::DefaultBaselines => "DefaultBaselines",
        }
    }

    /// The JSON Schema (draft 2020-12) of a document of this kind, as published.
    pub fn schema(self) -> Value {
        match self {
            Self::PatchBaseline => schema_of::<BaselineFile>(),
            Self::MaintenanceWindow => schema_of::<WindowFile>(),
            Self::PatchGroup => schema_of::<PatchGroupFile>(),
            Self::DefaultBaselines => schema_of::<DefaultBaselinesFile>(),
        }
    }

    /// The schema, compiled once per process.
    fn compiled(self) -> Result<&'static CompiledSchema, &'static str> {
        static BASELINE: OnceLock<Result<CompiledSchema, String>> = OnceLock::new();
        static WINDOW: OnceLock<Result<CompiledSchema, String>> = OnceLock::new();
        static GROUP: OnceLock<Result<CompiledSchema, String>> = OnceLock::new();
        static DEFAULTS: OnceLock<Result<CompiledSchema, String>> = OnceLock::new();
        let cell = match self {
            Self::PatchBaseline => &BASELINE,
            Self::MaintenanceWindow => &WINDOW,
            Self::PatchGroup => &GROUP,
            Self::DefaultBaselines => &DEFAULTS,
        };
        cell.get_or_init(|| CompiledSchema::new(self.schema())).as_ref().map_err(String::as_str)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A document and the instant from which it has no effect.
pub(super) type Dated = (Document, Option<DateTime<Utc>>);

/// Reads one document in our shape. There is a document exactly if no problem is an error.
pub(super) fn read(label: &str, root: &Node) -> (Option<Dated>, Vec<Problem>) {
    let mut check = Check::new(label, root);
    let document = kind_of(&mut check).and_then(|kind| read_as(kind, &mut check));
    let document = if check.failed() { None } else { document };
    (document, check.finish())
}

/// The kind that a document says it is.
fn kind_of(check: &mut Check<'_>) -> Option<Kind> {
    let root = check.root;
    let all = || Kind::ALL.iter().map(|kind| kind.as_str());
    let known = || format!("known kinds: {}", all().collect::<Vec<_>>().join(", "));
    if !matches!(root.tree, Tree::Map(_)) {
        check.error(
            "",
            format!("a document is a mapping with `kind`, `name` and `spec`, not {}", root.describe()),
            None,
        );
        return None;
    }
    match root.get("kind").map(|node| (node, node.text())) {
        None => {
            let near = root.entries().iter().find(|entry| entry.key.eq_ignore_ascii_case("kind"));
            let hint = if near.is_some() { "write `kind` in lower case".into() } else { known() };
            check.error("", "the document has no `kind`", Some(hint));
            None
        }
        Some((_, Some(text))) => {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
            if kind.is_none() {
                let hint = did_you_mean(text, all()).unwrap_or_else(known);
                check.error("/kind", format!("unknown kind {}", quoted(text)), Some(hint));
            }
            kind
        }
        Some((node, None)) => {
            check.error("/kind", format!("`kind` must be text, not {}", node.describe()), Some(known()));
            None
        }
    }
}

fn read_as(kind: Kind, check: &mut Check<'_>) -> Option<Dated> {
    let schema = match kind.compiled() {
        Ok(schema) => schema,
        Err(error) => {
            check.error(
                "",
                format!("the schema of {kind} is broken: {error}"),
                Some("this is a bug; report it".into()),
            );
            return None;
        }
    };
    let validated = schema.validate(check);
    match kind {
        Kind::PatchBaseline => typed::<BaselineFile>(&validated, check).map(|file| {
            let until = expires(file.expires.as_deref(), check);
            (Document::PatchBaseline(baseline_check::baseline(file, check)), until)
        }),
        Kind::MaintenanceWindow => typed::<WindowFile>(&validated, check).and_then(|file| {
            let until = expires(file.expires.as_deref(), check);
            Some((Document::MaintenanceWindow(window_check::window(file, check)?), until))
        }),
        Kind::PatchGroup => typed::<PatchGroupFile>(&validated, check).map(|file| {
            let until = expires(file.expires.as_deref(), check);
            (Document::PatchGroup(group_check::patch_group(file, check)), until)
        }),
        Kind::DefaultBaselines => typed::<DefaultBaselinesFile>(&validated, check).map(|file| {
            let until = expires(file.expires.as_deref(), check);
            (Document::DefaultBaselines(group_check::default_baselines(file, check)), until)
        }),
    }
}

/// The fragment. A document that the schema refused is read without its wrong fields where that is possible, so that
/// its other checks run as well; they ask `check` before they miss something.
fn typed<T: DeserializeOwned>(validated: &Validated, check: &mut Check<'_>) -> Option<T> {
    if validated.too_long {
        return None;
    }
    let error = match T::deserialize(&validated.json) {
        Ok(fragment) => return Some(fragment),
        Err(error) => error,
    };
    if check.failed() {
        // Three times up is from a condition of a target to the list of targets, the deepest that there is.
        return (0..=3).find_map(|up| T::deserialize(validated.without_wrong_fields(up)).ok());
    }
    // The schema comes from the same definition, so this does not happen while both agree.
    check.error("", format!("cannot be read: {error}"), None);
    None
}
