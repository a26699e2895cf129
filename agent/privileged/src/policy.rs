//! Which baseline is in effect here. Everything that chooses is in this file.

use patchflock_api::catalogue::Catalogue;
use patchflock_api::config::Config;
use patchflock_api::run::{Choice, Trouble};
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::selection::{self, NodeFacts, UntaggedNodes};

use crate::Desk;
use crate::serve::journal;
use crate::trouble::failed;
use patchflock_api::order::Meaning;

/// The choice, and the baseline where one is in effect.
#[derive(Debug)]
pub(crate) struct Effective {
    pub(crate) choice: Choice,
    pub(crate) baseline: Option<Baseline>,
}

/// Chooses by the documents as they are now. An order's baseline goes before all of them (reference 2.7).
pub(crate) fn choose(
    desk: &Desk,
    config: &Config,
    os: OperatingSystem,
    order: Option<&Meaning>,
) -> Result<Effective, Trouble> {
    Ok(crate::sources::allowed(config, chosen(desk, config, os, order)?))
}

fn chosen(
    desk: &Desk,
    config: &Config,
    os: OperatingSystem,
    order: Option<&Meaning>,
) -> Result<Effective, Trouble> {
    if let Some(baseline) = order.and_then(|o| o.baseline(os)) {
        return Ok(selected(baseline, None, "the order of this run brings it".into()));
    }
    let adopted = Catalogue::load(&desk.root).map_err(|e| failed(e.to_string()))?;
    let (catalogue, warnings) = adopted.documents(&desk.root);
    adopted.warnings.iter().chain(&warnings).for_each(|w| journal(&format!("warning: {w}")));
    let node = NodeFacts {
        patch_group: config.patch_group(),
        operating_system: os,
        is_fleet: false,
        untagged: UntaggedNodes::DefaultBaseline,
    };
    Ok(match selection::choose(&catalogue, &node, desk.now()) {
        selection::Choice::Selected { baseline, version, why } => selected(baseline, version, why),
        selection::Choice::SkipUntagged { why } => {
            Effective { choice: Choice::Skipped { why }, baseline: None }
        }
        selection::Choice::Unknown { why } => Effective { choice: Choice::Unknown { why }, baseline: None },
    })
}

fn selected(baseline: &Baseline, version: Option<u64>, why: String) -> Effective {
    let choice = Choice::Selected { baseline: baseline.name.clone(), version, why };
    Effective { choice, baseline: Some(baseline.clone()) }
}
