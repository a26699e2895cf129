//! How a plan differs from what the native tool itself would do, line by line.
//!
//! People trust `apt` and `dnf`; each difference from them is a question, and this is where it is answered.

use std::collections::{BTreeMap, BTreeSet};

use patchflock_baselines::approval::{Decision, Evaluation, Verdict};
use patchflock_baselines::inventory::{Inventory, NativeAction, NativeUpgrade};
use serde::Serialize;

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
    let native: BTreeMap<Key<'_>, &NativeUpgrade> =
        inventory.native.iter().map(|n| ((n.name.as_str(), n.arch.as_str()), n)).collect();
    let mut ours: BTreeMap<Key<'_>, &Decision> = BTreeMap::new();
    for decision in &evaluation.decisions {
        let slot = ours.entry((&decision.name, &decision.arch)).or_insert(decision);
        // Decisions come newest first: the first one stands unless another one is chosen.
        if decision.chosen {
            *slot = decision;
        }
    }
    let keys: BTreeSet<Key<'_>> = native.keys().chain(ours.keys()).copied().collect();
    let mut lines: Vec<Difference> = keys
        .into_iter()
        .filter_map(|key| {
            let (kind, explanation) = line(tool, native.get(&key).copied(), ours.get(&key).copied())?;
            Some(Difference { name: key.0.into(), arch: key.1.into(), kind, explanation })
        })
        .collect();
    lines.sort_by(|a, b| (a.kind, &a.name, &a.arch).cmp(&(b.kind, &b.name, &b.arch)));
    lines
}

fn line(tool: &str, native: Option<&NativeUpgrade>, ours: Option<&Decision>) -> Option<(Kind, String)> {
    let acts = |n: &NativeUpgrade| {
        matches!(n.action, NativeAction::Upgrade | NativeAction::Install | NativeAction::Remove)
    };
    match (native, ours) {
        (Some(n), Some(d)) if acts(n) && d.chosen && n.to == d.version => {
            Some((Kind::Same, format!("both upgrade it to {}", n.to)))
        }
        (Some(n), Some(d)) if n.action == NativeAction::Upgrade && d.chosen => {
            Some((Kind::OtherVersion, format!("{tool} takes {}, the baseline {}: {}", n.to, d.version, d.reason)))
        }
        (Some(n), d) if acts(n) => {
            let would = match n.action {
                NativeAction::Install => format!("{tool} would install {} newly", n.to),
                NativeAction::Remove => format!("{tool} would remove {}", n.from),
                _ => format!("{tool} would upgrade it to {}", n.to),
            };
            let why = match d {
                Some(d) => d.reason.clone(),
                None if n.action == NativeAction::Install => {
                    "a new dependency; it comes in only with an approved patch that needs it".into()
                }
                None => "not an update of an installed package".into(),
            };
            Some((Kind::OnlyNative, format!("{would}; the baseline: {why}")))
        }
        (n, Some(d)) if d.chosen => {
            let why = match n.map(|n| n.action) {
                Some(NativeAction::KeptBack) => format!("{tool} keeps it back"),
                Some(NativeAction::Deferred) => format!("{tool} defers it by phasing"),
                _ => format!("{tool} does not upgrade it"),
            };
            Some((Kind::OnlyBaseline, format!("{why}; the baseline takes {}: {}", d.version, d.reason)))
        }
        (Some(n), Some(d)) if !matches!(d.verdict, Verdict::Approved) => {
            let why = match n.action {
                NativeAction::Deferred => format!("{tool} defers it by phasing"),
                _ => format!("{tool} keeps it back"),
            };
            Some((Kind::Same, format!("{why}; the baseline: {}", d.reason)))
        }
        _ => None,
    }
}
