//! What AWS prints (`aws ssm get-patch-baseline`, `get-maintenance-window`, `describe-patch-groups`), unchanged, as our
//! documents.
//!
//! AWS's tree is rewritten into ours with every place kept, and then checked like anybody's document. Fields that AWS
//! only reports (identifiers, dates) are dropped; a field that AWS does not have is refused.
//!
//! An imported baseline keeps AWS's meaning where our defaults differ: `undated_patches: approve`,
//! `security_rule: candidate`, and no approval delay on apt families (reference 1.7). The notes say so.

mod baseline;
mod groups;
mod window;

use super::Document;
use super::kind;
use super::load::load;
use super::node::{Entry, Node, Place, Tree};
use super::problem::{Problem, Severity, failed, in_order, quoted};
use super::suggest::did_you_mean;

/// Documents made from what AWS printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The documents: one, or one for each patch group. At least one.
    pub documents: Vec<Document>,
    /// What an administrator should know about the translation, and the documents' own warnings.
    pub notes: Vec<Problem>,
}

impl Imported {
    /// All documents as one YAML file.
    pub fn to_yaml(&self) -> String {
        self.documents.iter().map(super::to_yaml).collect::<Vec<_>>().join("---\n")
    }
}

/// Translates the JSON (or YAML) output of `get-patch-baseline`, `get-maintenance-window` or `describe-patch-groups`.
///
/// # Errors
/// All problems found, if one of them is an error.
pub fn import_aws(label: &str, bytes: &[u8]) -> Result<Imported, Vec<Problem>> {
    let mut loaded = load(label, bytes);
    if !loaded.problems.is_empty() {
        return Err(loaded.problems);
    }
    let refuse = |at: Place, message: &str| {
        vec![Problem {
            severity: Severity::Error,
            file: label.to_owned(),
            line: at.line,
            column: at.column,
            message: message.to_owned(),
            hint: Some(
                "give the output of `aws ssm get-patch-baseline`, `aws ssm get-maintenance-window` or `aws ssm \
                 describe-patch-groups`"
                    .into(),
            ),
        }]
    };
    let Some(root) = loaded.roots.pop() else {
        return Err(refuse(Place { line: 1, column: 1 }, "the file holds no document"));
    };
    if !loaded.roots.is_empty() {
        return Err(refuse(root.at, "the file holds more than one document"));
    }
    if !looks_like(&root) {
        return Err(refuse(
            root.at,
            "this is no baseline, maintenance window or list of patch groups of AWS",
        ));
    }
    match read_with_notes(label, &root) {
        (documents, problems) if documents.is_empty() => Err(problems),
        (documents, notes) => Ok(Imported { documents, notes }),
    }
}

/// Whether a document has the shape of AWS's output rather than ours.
pub(super) fn looks_like(root: &Node) -> bool {
    let has = |key| root.entry(key).is_some();
    if has("kind") || has("spec") {
        return false;
    }
    is_window(root)
        || is_groups(root)
        || has("BaselineId")
        || (has("OperatingSystem") || has("Name"))
            && ["ApprovalRules", "GlobalFilters", "ApprovedPatches", "RejectedPatches"].into_iter().any(has)
}

fn is_window(root: &Node) -> bool {
    let has = |key| root.entry(key).is_some();
    has("WindowId") || has("Schedule") && has("Cutoff")
}

fn is_groups(root: &Node) -> bool {
    root.entry("Mappings").is_some()
}

/// Reads a document that [`looks_like`] AWS's. The notes are warnings among the problems; there are documents exactly if
/// no problem is an error.
pub(super) fn read_with_notes(label: &str, root: &Node) -> (Vec<Document>, Vec<Problem>) {
    let mut translation = Translation { label, problems: Vec::new() };
    if is_groups(root) {
        return translation.groups(root);
    }
    let ours = if is_window(root) { translation.window(root) } else { translation.baseline(root, None) };
    let (document, problems) = translation.finish(&ours);
    (document.into_iter().collect(), problems)
}

/// Reads one entry of a baseline override: a baseline without name.
pub(super) fn read_override(label: &str, root: &Node, name: &str) -> (Option<Document>, Vec<Problem>) {
    let mut translation = Translation { label, problems: Vec::new() };
    let ours = translation.baseline(root, Some(name));
    translation.finish(&ours)
}

/// A translation under way.
struct Translation<'a> {
    label: &'a str,
    problems: Vec<Problem>,
}

impl Translation<'_> {
    fn finish(mut self, ours: &Node) -> (Option<Document>, Vec<Problem>) {
        let (document, found) = kind::read(self.label, ours);
        // Nothing of AWS's expires.
        let document = document.map(|(document, _)| document);
        self.problems.extend(found);
        let problems = in_order(self.problems);
        (if failed(&problems) { None } else { document }, problems)
    }

    fn push(&mut self, severity: Severity, at: Place, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            severity,
            file: self.label.to_owned(),
            line: at.line,
            column: at.column,
            message,
            hint,
        });
    }

    fn error(&mut self, at: Place, message: String, hint: Option<String>) {
        self.push(Severity::Error, at, message, hint);
    }

    fn note(&mut self, at: Place, message: &str, hint: &str) {
        self.push(Severity::Warning, at, message.to_owned(), Some(hint.to_owned()));
    }

    /// The fields of a mapping of AWS's, each with a known name and a value; everything else is a problem.
    fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Vec<&'n Entry> {
        if !matches!(node.tree, Tree::Map(_)) {
            self.error(
                node.at,
                format!("{what} must be a mapping, not {}", node.describe()),
                Some(format!("AWS writes it with {}", known.join(", "))),
            );
        }
        let mut fields = Vec::new();
        for entry in node.entries() {
            if !known.contains(&entry.key.as_str()) {
                self.error(
                    entry.key_at,
                    format!("unknown field {} in {what}", quoted(&entry.key)),
                    did_you_mean(&entry.key, known.iter().copied())
                        .or_else(|| Some("AWS has no such field here; remove it".into())),
                );
            } else if entry.value.tree != Tree::Null {
                fields.push(entry);
            }
        }
        fields
    }

    /// The items of a list of AWS's; anything else is a problem.
    fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if !matches!(node.tree, Tree::List(_)) {
            self.error(node.at, format!("`{what}` must be a list, not {}", node.describe()), None);
        }
        node.items()
    }
}

/// A field under our name, at its place.
fn renamed(entry: &Entry, key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), key_at: entry.key_at, value }
}

/// A field that AWS's document does not have.
fn added(at: Place, key: &str, text: &str) -> Entry {
    Entry { key: key.to_owned(), key_at: at, value: Node { at, tree: Tree::Text(text.to_owned()) } }
}

/// A document of ours.
fn assembled(at: Place, kind: &str, name: Option<Entry>, spec: Vec<Entry>) -> Node {
    let mut entries = vec![added(at, "kind", kind)];
    entries.extend(name);
    entries.push(Entry { key: "spec".into(), key_at: at, value: Node { at, tree: Tree::Map(spec) } });
    Node { at, tree: Tree::Map(entries) }
}
