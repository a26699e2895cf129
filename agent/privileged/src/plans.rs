//! The plan of a run, kept with everything that it follows from.

use patchflock_api::ids::RunId;
use patchflock_api::privileged::Basis;
use patchflock_api::run::{Choice, Trouble};
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::plan::{Item, Plan};
use serde::{Deserialize, Serialize};

use crate::Desk;
use crate::trouble::failed;

/// What a survey keeps for the installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// Version of this format.
    pub(crate) format: u32,
    pub(crate) run: RunId,
    pub(crate) choice: Choice,
    /// The whole baseline, so that the record explains itself for ever.
    pub(crate) baseline: Baseline,
    /// Where the permission to carry it out comes from.
    pub(crate) basis: Basis,
    pub(crate) plan: Plan,
    /// Whether the machine shows that it needs a reboot, or cannot tell and something installed waits for one.
    pub(crate) reboot_needed: bool,
    /// Compliance when the plan was made.
    pub(crate) before: NodeCompliance,
    /// What the survey repaired.
    pub(crate) repaired: Option<String>,
}

/// Version of the format of [`Kept`].
pub(crate) const FORMAT: u32 = 2;

/// Where the plan of a run lies.
pub(crate) fn path(run: &RunId) -> String {
    format!("{}/plans/{run}.json", crate::STATE)
}

/// The plan of a run.
pub(crate) fn get(desk: &Desk, run: &RunId) -> Result<Kept, Trouble> {
    let kept: Option<Kept> = desk.read(&path(run))?;
    kept.filter(|k| k.format == FORMAT && k.run == *run)
        .ok_or_else(|| failed(format!("no plan is kept for run {run}: survey the machine first")))
}

/// In what two plans differ, if they do. The reasons may change with the day; what is installed may not.
pub(crate) fn difference(kept: &Plan, now: &Plan) -> Option<String> {
    let same = |a: &Item, b: &Item| (&a.name, &a.arch, &a.from, &a.to) == (&b.name, &b.arch, &b.from, &b.to);
    let only = |here: &Plan, there: &Plan| -> Vec<String> {
        let missing = here.items.iter().filter(|i| !there.items.iter().any(|j| same(i, j)));
        missing.map(|i| format!("{} {} → {}", i.name, i.from.as_deref().unwrap_or("(new)"), i.to)).collect()
    };
    let (gone, new) = (only(kept, now), only(now, kept));
    let words = |what: &str, items: &[String]| {
        let more = items.len().saturating_sub(5);
        let shown = items.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        match (items.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => format!("; {what} {shown}"),
            (false, more) => format!("; {what} {shown} and {more} more"),
        }
    };
    let text = words("no longer", &gone) + &words("now also", &new);
    (!text.is_empty()).then(|| format!("the plan is not what it was{text}"))
}
