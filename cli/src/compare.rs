//! How a plan differs from what the native tool itself would do, line by line.
//!
//! People trust `apt` and `dnf`; each difference from them is a question, and this is where it is answered.

use std::collections::{BTreeMap, BTreeSet};

use patchflock_baselines::approval::{Decision, Evaluation};
use patchflock_baselines::inventory::{Inventory, NativeAction, NativeUpgrade};
use serde::Serialize;

use crate::decisions::verdict_word;

/// One line of the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Package name.
    pub(crate) name: String,
    /// Architecture.
    pub(crate) arch: String,
    /// Kind of difference.
    pub(crate) kind: Kind,
    /// Both sides in words.
    pub(crate) explanation: String,
}

/// Kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The tool would do it and the baseline does not ask for it.
    OnlyNative,
    /// The baseline approves it and the tool would not do it.
    OnlyBaseline,
    /// Both would upgrade it, to different versions.
    OtherVersion,
    /// Both would do the same.
    Same,
}

type Key<'a> = (&'a str, &'a str);

/// Compares package by package; the same lines come last.
pub(crate) fn compare(inventory: &Inventory, evaluation: &Evaluation, tool: &str) -> Vec<Difference> {
    // Several lines for one package are possible (kernels beside each other): none of them may get lost.
    let mut native: BTreeMap<Key<'_>, Vec<&NativeUpgrade>> = BTreeMap::new();
    for upgrade in &inventory.native {
        native.entry((&upgrade.name, &upgrade.arch)).or_default().push(upgrade);
    }
    let mut ours: BTreeMap<Key<'_>, &Decision> = BTreeMap::new();
    for decision in &evaluation.decisions {
        let slot = ours.entry((&decision.name, &decision.arch)).or_insert(decision);
        // Decisions come newest first: the first one stands unless another one is chosen.
        if decision.chosen {
            *slot = decision;
        }
    }
    let keys: BTreeSet<Key<'_>> = native.keys().chain(ours.keys()).copied().collect();
    let mut lines: Vec<Difference> = Vec::new();
    for key in keys {
        let (theirs, decision) =
            (native.get(&key).map(Vec::as_slice).unwrap_or_default(), ours.get(&key).copied());
        let found: Vec<(Kind, String)> = match theirs {
            [] => decision.filter(|d| d.chosen).map(|d| alone(tool, d)).into_iter().collect(),
            theirs => theirs.iter().map(|n| line(tool, n, decision)).collect(),
        };
        lines.extend(found.into_iter().map(|(kind, explanation)| Difference {
            name: key.0.into(),
            arch: key.1.into(),
            kind,
            explanation,
        }));
    }
    lines.sort_by(|a, b| (a.kind, &a.name, &a.arch).cmp(&(b.kind, &b.name, &b.arch)));
    lines
}

/// The tool has no line for what the baseline takes.
fn alone(tool: &str, ours: &Decision) -> (Kind, String) {
    (Kind::OnlyBaseline, format!("the baseline takes {}, {tool} does nothing", ours.version))
}

fn line(tool: &str, native: &NativeUpgrade, ours: Option<&Decision>) -> (Kind, String) {
    let chosen = ours.filter(|d| d.chosen);
    let word = ours.map_or("no update of an installed package", verdict_word);
    let to = &native.to;
    match (native.action, chosen) {
        // A new kernel is installed beside the old one: for the tool an installation, for the baseline an update.
        (NativeAction::Upgrade | NativeAction::Install, Some(d)) if *to == d.version => {
            (Kind::Same, format!("both take {to}"))
        }
        (NativeAction::Upgrade, Some(d)) => {
            (Kind::OtherVersion, format!("{tool} takes {to}, the baseline {}", d.version))
        }
        (NativeAction::Install, None) if ours.is_some() => {
            (Kind::OnlyNative, format!("{tool} installs {to}, the baseline nothing ({word})"))
        }
        (NativeAction::Upgrade, None) => {
            (Kind::OnlyNative, format!("{tool} takes {to}, the baseline nothing ({word})"))
        }
        (NativeAction::Install, Some(d)) => {
            (Kind::OtherVersion, format!("{tool} installs {to}, the baseline {}", d.version))
        }
        (NativeAction::Install, None) => {
            (Kind::OnlyNative, format!("{tool} installs {to} newly; here only if an approved patch needs it"))
        }
        (NativeAction::Remove, _) => {
            (Kind::OnlyNative, format!("{tool} removes {}; a baseline never removes", native.from))
        }
        (NativeAction::KeptBack, Some(d)) => {
            (Kind::OnlyBaseline, format!("the baseline takes {}, {tool} keeps it back", d.version))
        }
        (NativeAction::Deferred, Some(d)) => {
            (Kind::OnlyBaseline, format!("the baseline takes {}, {tool} defers it by phasing", d.version))
        }
        (NativeAction::KeptBack | NativeAction::Deferred, None) => {
            (Kind::Same, format!("neither upgrades it ({word})"))
        }
    }
}

#[cfg(test)]
mod tests;
