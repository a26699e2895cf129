//! From targets to a plan: simulate, check, leave out, again.

use super::{Attribution, Held, Plan, Settled, Simulation, Target, attribute, needs_attribution, settle};
use crate::approval::Evaluation;
use crate::baseline::Baseline;
use crate::inventory::Inventory;

/// Runs `simulate` on ever fewer targets until what would change is accounted for, and puts the plan together
/// with everything that was left out on the way.
///
/// `simulate` is the native tool's answer for a set of targets; it is called once per round and, in the first
/// round whose changes go beyond the targets, once per target as well. Every round drops at least one target, so
/// there are at most as many rounds as targets. No targets: an empty plan, without any call.
///
/// # Errors
/// The first error of `simulate`.
pub fn resolve<E>(
    baseline: &Baseline,
    inventory: &Inventory,
    evaluation: &Evaluation,
    targets: Vec<Target>,
    mut simulate: impl FnMut(&[Target]) -> Result<Simulation, E>,
) -> Result<Plan, E> {
    let mut targets = targets;
    targets.sort();
    targets.dedup();
    let mut left_out: Vec<Held> = Vec::new();
    let mut attribution: Option<Attribution> = None;
    while !targets.is_empty() {
        let simulation = simulate(&targets)?;
        if attribution.is_none() && needs_attribution(inventory, &targets, &simulation) {
            let mut alone = Vec::with_capacity(targets.len());
            for target in &targets {
                alone.push((target.clone(), simulate(std::slice::from_ref(target))?));
            }
            attribution = Some(attribute(&alone));
        }
        let known = attribution.clone().unwrap_or_default();
        match settle(baseline, inventory, evaluation, &targets, &simulation, &known) {
            Settled::Plan(plan) => return Ok(Plan { held: sorted(left_out), ..plan }),
            Settled::Drop(held) => {
                targets.retain(|t| !held.iter().any(|h| is(h, t)));
                left_out.extend(held);
            }
        }
    }
    Ok(Plan { items: Vec::new(), held: sorted(left_out) })
}

fn is(held: &Held, target: &Target) -> bool {
    held.name == target.name && held.arch == target.arch && held.version == target.version
}

fn sorted(mut held: Vec<Held>) -> Vec<Held> {
    held.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
    held
}
