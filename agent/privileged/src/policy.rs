//! Which baseline is in effect here. Everything that knows the kinds of documents for it is in this file.

use patchflock_api::catalogue::Catalogue;
use patchflock_api::config::Config;
use patchflock_api::run::{Choice, Trouble};
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::document::Document;
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::predefined;
use patchflock_baselines::selection::{self, DefaultBaseline, Selection, Situation, UntaggedNodes};

use crate::Desk;
use crate::orders::Meaning;
use crate::trouble::failed;

/// The choice, and the baseline where one is in effect.
#[derive(Debug)]
pub(crate) struct Effective {
    pub(crate) choice: Choice,
    pub(crate) baseline: Option<Baseline>,
}

/// Chooses by the documents as they are now.
///
/// A baseline that this machine adopted is the default of its operating system; the predefined one applies where none
/// was adopted. Whatever cannot be read makes the choice unknown: then nothing is installed.
pub(crate) fn choose(
    desk: &Desk,
    config: &Config,
    os: OperatingSystem,
    order: Option<&Meaning>,
) -> Result<Effective, Trouble> {
    if let Some(baseline) = order.and_then(|o| o.baseline(os)) {
        let why = "the order of this run brings it".to_owned();
        let choice = Choice::Selected { baseline: baseline.name.clone(), version: None, why };
        return Ok(Effective { choice, baseline: Some(baseline.clone()) });
    }
    let read = Catalogue::load(&desk.root).and_then(|c| c.documents(&desk.root));
    let documents = match read {
        Ok(documents) => documents,
        Err(e) => return Ok(unknown(format!("the adopted documents cannot be read: {e}"))),
    };
    let now = desk.now();
    let alive = documents.into_iter().filter(|(entry, _)| entry.expires.is_none_or(|at| at > now));
    let baselines: Vec<(u64, Baseline)> = alive
        .filter_map(|(entry, document)| match document {
            Document::PatchBaseline(b) if b.operating_system == os => Some((entry.version, b)),
            _ => None,
        })
        .collect();
    let shipped = predefined::default_for(os);
    let defaults: Vec<DefaultBaseline> = baselines
        .iter()
        .map(|(_, b)| DefaultBaseline { operating_system: os, baseline: b.name.clone() })
        .collect();
    let selection = selection::select(&Situation {
        patch_group: config.patch_group(),
        operating_system: os,
        registrations: &[],
        defaults: &defaults,
        predefined: shipped.map(|p| p.name),
        catalogue_complete: true,
        untagged: UntaggedNodes::DefaultBaseline,
        is_fleet: false,
    });
    let (which, why) = match selection {
        Selection::Selected { which, why } => (which, why),
        Selection::SkipUntagged { why } => {
            return Ok(Effective { choice: Choice::Skipped { why }, baseline: None });
        }
        Selection::Unknown { why } => return Ok(unknown(why)),
    };
    let (version, baseline) = match baselines.into_iter().find(|(_, b)| b.name == which) {
        Some((version, baseline)) => (Some(version), baseline),
        None => {
            let shipped = predefined::named(&which)
                .ok_or_else(|| failed(format!("the baseline {which} was chosen and is not there")))?;
            (None, shipped.baseline().map_err(|_| failed(format!("{which} cannot be read; this is a bug")))?)
        }
    };
    Ok(Effective { choice: Choice::Selected { baseline: which, version, why }, baseline: Some(baseline) })
}

fn unknown(why: String) -> Effective {
    Effective { choice: Choice::Unknown { why }, baseline: None }
}
