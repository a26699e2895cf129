//! By what a run is found in the history: packages it was to change, CVEs it fixed.

use std::collections::BTreeSet;

use patchflock_api::run::RunEntry;
use patchflock_machine::record;
use patchflock_machine::root::Root;

use crate::store::Facets;

/// From the run's entry and the record that the privileged half keeps under the same id.
pub(crate) fn of(entry: &RunEntry, root: &Root) -> Facets {
    let mut packages = BTreeSet::new();
    let mut cves = BTreeSet::new();
    if let Some(survey) = &entry.survey {
        packages.extend(survey.plan.items.iter().map(|item| item.name.clone()));
    }
    if let Ok(Some(record)) = record::of_run(root, entry.spec.id.as_str()) {
        packages.extend(record.plan.items.iter().map(|item| item.name.clone()));
        cves.extend(record.fixes.iter().flat_map(|f| f.cves.iter().cloned()));
        // What an advisory said was missing before and is installed now.
        for patch in record.before.patches.iter().filter(|p| packages.contains(&p.name)) {
            cves.extend(patch.cves.iter().cloned());
        }
    }
    Facets { packages: packages.into_iter().collect(), cves: cves.into_iter().collect() }
}
