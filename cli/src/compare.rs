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
    let chosen = ours.filter(|d| d.chosen);
    let word = ours.map_or("no update of an installed package", verdict_word);
    let Some(native) = native else {
        return chosen
            .map(|d| (Kind::OnlyBaseline, format!("the baseline takes {}, {tool} does nothing", d.version)));
    };
    let line = match (native.action, chosen) {
        (NativeAction::Upgrade, Some(d)) if native.to == d.version => {
            (Kind::Same, format!("both take {}", d.version))
        }
        (NativeAction::Upgrade, Some(d)) => {
            (Kind::OtherVersion, format!("{tool} takes {}, the baseline {}", native.to, d.version))
        }
        (NativeAction::Upgrade, None) => {
            (Kind::OnlyNative, format!("{tool} takes {}, the baseline nothing ({word})", native.to))
        }
        (NativeAction::Install, _) => (
            Kind::OnlyNative,
            format!("{tool} installs {} newly; here only if an approved patch needs it", native.to),
        ),
        (NativeAction::Remove, _) => {
            (Kind::OnlyNative, format!("{tool} removes {}; a baseline never removes", native.from))
        }
        (NativeAction::KeptBack | NativeAction::Deferred, Some(d)) => {
            let why = if native.action == NativeAction::Deferred {
                "defers it by phasing"
            } else {
                "keeps it back"
            };
            (Kind::OnlyBaseline, format!("the baseline takes {}, {tool} {why}", d.version))
        }
        (NativeAction::KeptBack | NativeAction::Deferred, None) => {
            (Kind::Same, format!("neither upgrades it ({word})"))
        }
    };
    Some(line)
}
