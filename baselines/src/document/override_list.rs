//! Documents given to one operation: the list of patches to install (reference 2.8) and the baselines that replace
//! those in force (reference 2.7).

use serde::{Deserialize, Serialize};

use super::check::Check;
use super::load::load;
use super::node::{Node, Tree};
use super::problem::{Problem, Severity, failed, in_order, quoted};
use super::suggest::did_you_mean;
use super::{Document, aws};
use crate::baseline::Baseline;
use crate::os::OperatingSystem;

/// Most patches in one install-override list. AWS states no limit.
pub const MAX_PATCHES: usize = 10_000;

/// Longest `id` or `title`, in characters.
pub const MAX_PATCH_CHARS: usize = 1_024;

/// Patches to install in one operation, whatever the baseline says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallOverrideList {
    /// At least one.
    pub patches: Vec<OverridePatch>,
}

/// One entry of an [`InstallOverrideList`]. The formats differ by operating system (reference 2.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverridePatch {
    /// For example `bind*.x86_64` or `KB2032276`.
    pub id: String,
    /// For example `39.11.4-26.P2*`.
    pub title: Option<String>,
}

/// Reads an install-override list, YAML or JSON. Unknown fields of a patch are ignored, as AWS does; unknown fields
/// beside `patches` are refused, since a misspelt `patches` would install nothing and say nothing.
///
/// # Errors
/// All problems found.
pub fn parse_override_list(label: &str, bytes: &[u8]) -> Result<InstallOverrideList, Vec<Problem>> {
    let root = single(label, bytes)?;
    let mut check = Check::new(label, &root);
    let mut list = InstallOverrideList { patches: Vec::new() };
    for entry in root.entries() {
        if entry.key != "patches" {
            let hint = did_you_mean(&entry.key, ["patches"]).unwrap_or_else(|| "remove it".into());
            check.error_at_key("", &entry.key, format!("unknown field {}", quoted(&entry.key)), Some(hint));
        }
    }
    let patches = match root.get("patches") {
        Some(node) if !node.items().is_empty() => node.items(),
        found => {
            let pointer = if found.is_some() { "/patches" } else { "" };
            check.error(
                pointer,
                "an install-override list holds `patches`, a list with at least one entry",
                Some("for example `patches: [{id: 'bind*.x86_64'}]`".into()),
            );
            &[]
        }
    };
    if patches.len() > MAX_PATCHES {
        check.error("/patches", format!("{} patches; the limit is {MAX_PATCHES}", patches.len()), None);
    }
    for (index, node) in patches.iter().enumerate() {
        let pointer = format!("/patches/{index}");
        if !matches!(node.tree, Tree::Map(_)) {
            check.error(
                &pointer,
                format!("a patch is a mapping with `id`, not {}", node.describe()),
                Some("write `- id: …`".into()),
            );
            continue;
        }
        let id = text(&mut check, &pointer, "id");
        let title = text(&mut check, &pointer, "title");
        match id {
            Some(id) => list.patches.push(OverridePatch { id, title }),
            None if node.get("id").is_none_or(|id| id.tree == Tree::Null) => {
                check.error(
                    &pointer,
                    "a patch needs an `id`",
                    Some("for example `id: 'bind*.x86_64'`".into()),
                );
            }
            None => {}
        }
    }
    if check.failed() { Err(check.finish()) } else { Ok(list) }
}

/// The text of a field of a patch; anything but text, or none, is a problem.
fn text(check: &mut Check<'_>, pointer: &str, field: &str) -> Option<String> {
    let node = check.root.at_pointer(pointer).get(field)?;
    let at = format!("{pointer}/{field}");
    match &node.tree {
        Tree::Null => None,
        Tree::Text(text) if text.is_empty() => {
            check.error(&at, format!("`{field}` must not be empty"), None);
            None
        }
        Tree::Text(text) if text.chars().count() > MAX_PATCH_CHARS => {
            check.error(&at, format!("`{field}` is longer than {MAX_PATCH_CHARS} characters"), None);
            None
        }
        Tree::Text(text) => Some(text.clone()),
        Tree::Number(_, spelling) => {
            let hint = format!("put it in quotes: \"{spelling}\"");
            check.error(&at, format!("`{field}` must be text, not {}", node.describe()), Some(hint));
            None
        }
        _ => {
            check.error(&at, format!("`{field}` must be text, not {}", node.describe()), None);
            None
        }
    }
}

/// Baselines that replace those in force for one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineOverride {
    /// At most one for each operating system.
    pub baselines: Vec<Baseline>,
}

impl BaselineOverride {
    /// The baseline for a node of this operating system; without one the node's own baseline stays in force.
    pub fn for_os(&self, os: OperatingSystem) -> Option<&Baseline> {
        self.baselines.iter().find(|baseline| baseline.operating_system == os)
    }
}

/// Reads a baseline override: a list of baselines in the shape that AWS prints, without names.
///
/// # Errors
/// All problems found, if one of them is an error.
pub fn parse_baseline_override(label: &str, bytes: &[u8]) -> Result<BaselineOverride, Vec<Problem>> {
    let root = single(label, bytes)?;
    let mut check = Check::new(label, &root);
    let mut baselines: Vec<Baseline> = Vec::new();
    let mut problems = Vec::new();
    if root.items().is_empty() {
        check.error(
            "",
            format!("a baseline override is a list of baselines, not {}", root.describe()),
            Some("put the baseline into square brackets".into()),
        );
    }
    for (index, node) in root.items().iter().enumerate() {
        let (document, found) = aws::read_override(label, node, &format!("override-{index}"));
        problems.extend(found);
        let baseline = match document {
            Some(Document::PatchBaseline(baseline)) => baseline,
            _ => continue,
        };
        if baselines.iter().any(|other| other.operating_system == baseline.operating_system) {
            check.error(
                &format!("/{index}"),
                format!("a second baseline for {}", baseline.operating_system),
                Some("keep one for each operating system".into()),
            );
        }
        baselines.push(baseline);
    }
    problems.extend(check.finish());
    let problems = in_order(problems);
    if failed(&problems) { Err(problems) } else { Ok(BaselineOverride { baselines }) }
}

/// The one document of a file.
fn single(label: &str, bytes: &[u8]) -> Result<Node, Vec<Problem>> {
    let mut loaded = load(label, bytes);
    if !loaded.problems.is_empty() {
        return Err(loaded.problems);
    }
    let second = loaded.roots.get(1).map(|root| root.at);
    match (loaded.roots.pop(), second) {
        (Some(root), None) => Ok(root),
        (root, second) => {
            let at = second.or(root.map(|root| root.at)).unwrap_or_default();
            Err(vec![Problem {
                severity: Severity::Error,
                file: label.to_owned(),
                line: at.line,
                column: at.column,
                message: "the file must hold exactly one document".into(),
                hint: None,
            }])
        }
    }
}
