//! From the documents that a node has adopted to the baseline in effect on it.

use chrono::{DateTime, Utc};

use super::catalogue::{Catalogue, UNREADABLE};
use super::resolve::{Found, expired, registered, set};
use super::{Concerns, Selection, Situation, Unsettled, UntaggedNodes, select};
use crate::baseline::Baseline;
use crate::os::OperatingSystem;
use crate::predefined;

/// What the choice depends on besides the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeFacts<'a> {
    /// The node's patch group; `None` or empty where it has none.
    pub patch_group: Option<&'a str>,
    /// The node's operating system.
    pub operating_system: OperatingSystem,
    /// The node belongs to a fleet.
    pub is_fleet: bool,
    /// What its fleet does with nodes without a patch group.
    pub untagged: UntaggedNodes,
}

/// The baseline in effect, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// This baseline is in effect.
    Selected {
        /// The baseline.
        baseline: &'a Baseline,
        /// Version of its document; `None` for a predefined one.
        version: Option<u64>,
        /// Why this one.
        why: String,
    },
    /// The node has no patch group and its fleet skips such nodes: the run ends, and not as a failure.
    SkipUntagged {
        /// Why.
        why: String,
    },
    /// It cannot be known: scan, report the verdict as unknown, install nothing.
    Unknown {
        /// Why, and what would settle it.
        why: String,
    },
}

/// Chooses the baseline of a node at an instant.
///
/// The default and the predefined baseline take effect only where nothing is registered for the node's group, not
/// even something expired, missing or unreadable (design 7b "Fallback never opens production").
pub fn choose<'a>(catalogue: &'a Catalogue, node: &NodeFacts<'_>, now: DateTime<Utc>) -> Choice<'a> {
    let find = |name: &str| catalogue.find(name, now);
    let mut unsettled = Vec::new();
    let mut say = |concerns, why| unsettled.push(Unsettled { concerns, operating_system: None, why });

    let mut groups = Vec::new();
    for (adopted, group) in catalogue.groups() {
        match (group, adopted.expired_at(now)) {
            (Some(group), None) => groups.push(group),
            (Some(group), Some(at)) => say(
                Concerns::PatchGroup(group.patch_group.clone()),
                expired("the document of patch group", &group.patch_group, at),
            ),
            (None, _) => {
                let what = format!("document PatchGroup {} {UNREADABLE}", adopted.name);
                say(Concerns::AnyPatchGroup, format!("{what}: no default applies until it is applied anew"));
            }
        }
    }
    let mut defaults = Vec::new();
    if let Some((adopted, document)) = catalogue.defaults() {
        match (document, adopted.expired_at(now)) {
            (Some(document), None) => {
                let (found, open) = set(document, &find);
                defaults = found;
                unsettled.extend(open);
            }
            (Some(_), Some(at)) => say(
                Concerns::Defaults,
                expired("document", &format!("{} {}", adopted.kind, adopted.name), at),
            ),
            (None, _) => {
                let what = format!("document DefaultBaselines {} {UNREADABLE}", adopted.name);
                say(Concerns::Defaults, format!("{what}: no default applies until it is applied anew"));
            }
        }
    }
    let (registrations, open) = registered(groups.into_iter(), &find);
    unsettled.extend(open);

    let predefined = predefined::default_for(node.operating_system).map(|p| p.name);
    if let Some(name) = predefined
        && let Some(why) = hidden(name, &find(name), node.operating_system)
    {
        unsettled.push(Unsettled { concerns: Concerns::Defaults, operating_system: None, why });
    }
    let selection = select(&Situation {
        patch_group: node.patch_group,
        operating_system: node.operating_system,
        registrations: &registrations,
        unsettled: &unsettled,
        defaults: &defaults,
        predefined,
        catalogue_complete: catalogue.is_complete(),
        untagged: node.untagged,
        is_fleet: node.is_fleet,
    });
    match selection {
        Selection::Selected { which, why } => named(catalogue, &which, why, node.operating_system),
        Selection::SkipUntagged { why } => Choice::SkipUntagged { why },
        Selection::Unknown { why } => Choice::Unknown { why },
    }
}

/// Why the predefined baseline of a system cannot be taken: an adopted document has its name and is no replacement.
fn hidden(name: &str, found: &Found, os: OperatingSystem) -> Option<String> {
    match found {
        Found::For(other) if *other == os => None,
        Found::For(other) => {
            Some(format!("baseline {name} was replaced by one for {other}: set a default for {os}"))
        }
        Found::Expired(_, at) => Some(expired("baseline", name, *at)),
        Found::Unusable(why) => Some(format!("baseline {name} {why}: apply it anew")),
        Found::Missing => None,
    }
}

/// The baseline that was selected by name. What is wrong here was found before, or is a bug of ours: nothing is
/// installed then.
fn named<'a>(catalogue: &'a Catalogue, name: &str, why: String, os: OperatingSystem) -> Choice<'a> {
    let found = match catalogue.baseline(name) {
        Some((baseline, version)) => Some((baseline, Some(version))),
        None => predefined::baseline_named(name).map(|baseline| (baseline, None)),
    };
    match found {
        Some((baseline, version)) if baseline.operating_system == os => {
            Choice::Selected { baseline, version, why }
        }
        _ => Choice::Unknown { why: format!("baseline {name} for {os} cannot be read: apply it anew") },
    }
}

#[cfg(test)]
mod tests;
