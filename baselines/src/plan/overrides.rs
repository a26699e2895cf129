//! Targets of an install-override list (reference 2.8), which replaces the baseline for one run.

use std::collections::HashMap;

use super::Target;
use crate::approval::names::matches_override;
use crate::approval::{Evaluation, Verdict, never_a_candidate};
use crate::inventory::{Candidate, Inventory};
use crate::os::Family;

/// The newest version of each package that some entry (`id`, `title`) names, approved by the baseline or not;
/// on Windows only what the baseline approves as well. Only updates of what is installed, never what replaces
/// another package, and never what the administrator holds or the distribution's phasing defers: those win over
/// lists as they win over baselines.
///
/// `evaluation` is that of the same inventory; entries that name nothing have no effect.
pub fn override_targets(
    inventory: &Inventory,
    evaluation: &Evaluation,
    entries: &[(String, Option<String>)],
) -> Vec<Target> {
    let family = inventory.node.operating_system.family();
    let candidates: HashMap<(&str, &str, &str), &Candidate> = inventory
        .candidates
        .iter()
        .map(|c| ((c.name.as_str(), c.arch.as_str(), c.version.as_str()), c))
        .collect();
    let listed =
        |c: &Candidate| entries.iter().any(|(id, title)| matches_override(family, id, title.as_deref(), c));
    let free = |c: &Candidate| {
        c.held.is_none()
            && !c.phased.as_ref().is_some_and(|p| p.deferred)
            && never_a_candidate(family, c).is_none()
    };
    evaluation
        .decisions
        .chunk_by(|a, b| a.name == b.name && a.arch == b.arch)
        .filter_map(|group| {
            // Newest first: the first that fits is the one.
            group.iter().find(|d| {
                let offer = candidates.get(&(d.name.as_str(), d.arch.as_str(), d.version.as_str()));
                (family != Family::Windows || d.verdict == Verdict::Approved)
                    && offer.is_some_and(|c| free(c) && listed(c))
            })
        })
        .map(|d| Target { name: d.name.clone(), arch: d.arch.clone(), version: d.version.clone() })
        .collect()
}
