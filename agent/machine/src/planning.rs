//! From approved versions to a plan the native tool agrees with: simulate, check the closure, drop what may not
//! come along, and simulate again until nothing is left to object to (design 7b, "Plan and closure").

use patchflock_baselines::approval::Evaluation;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::{self, Held, Plan, Settled};

use crate::pm::{PackageManager, PmError};

/// The plan for one machine. Changes nothing.
pub fn plan(
    pm: &dyn PackageManager,
    baseline: &Baseline,
    inventory: &Inventory,
    evaluation: &Evaluation,
) -> Result<Plan, PmError> {
    let mut targets = plan::targets(evaluation);
    let mut held: Vec<Held> = Vec::new();
    // Each round drops at least one target, so this ends.
    while !targets.is_empty() {
        let simulation = pm.simulate(&targets)?;
        let dropped = match plan::settle(baseline, inventory, evaluation, &targets, &simulation) {
            Settled::Plan(mut settled) => {
                settled.held.splice(0..0, held);
                return Ok(settled);
            }
            Settled::Drop(dropped) => dropped,
        };
        let before = targets.len();
        targets.retain(|t| !dropped.iter().any(|d| d.name == t.name && d.arch == t.arch));
        if targets.len() == before {
            let named = dropped.iter().map(|d| d.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(PmError::Unexpected {
                what: format!("the simulation of {}", pm.name()),
                place: named,
                found: "an objection to packages that are no targets".into(),
            });
        }
        held.extend(dropped);
    }
    Ok(Plan { items: Vec::new(), held })
}
