//! Whether an entry of a list names anything on this machine: what is mistyped approves or rejects nothing, for ever.

use chrono::{DateTime, Utc};
use patchflock_api::answer::SurveyFile;
use patchflock_baselines::approval::{self, Verdict};
use patchflock_baselines::baseline::Baseline;

use crate::output;

/// Names that are shown beside the one that was typed.
const NEAREST: usize = 3;
/// Less alike is no mistyping.
const ALIKE: f64 = 0.8;

/// Why an entry should be looked at again before it goes into a list; `None`: the newest survey knows what it names.
pub(crate) fn doubt(
    entry: &str,
    baseline: &Baseline,
    survey: Option<&SurveyFile>,
    now: DateTime<Utc>,
) -> Option<String> {
    let Some(survey) = survey else {
        return Some(format!(
            "nobody has looked at this machine yet, so it is not known whether anything is called {entry}: `patchflock \
             scan` looks"
        ));
    };
    let here = survey.inventory.node.operating_system;
    if here != baseline.operating_system {
        return Some(format!(
            "{} is for {}, and this machine is {here}: whether anything is called {entry} there is not known here",
            baseline.name, baseline.operating_system
        ));
    }
    if is_offered(entry, baseline, survey, now) || is_installed(entry, survey) {
        return None;
    }
    let nearest = nearest(entry, survey);
    let nearest =
        if nearest.is_empty() { String::new() } else { format!("; nearest: {}", nearest.join(", ")) };
    Some(format!("no patch here is called {entry} (as of {}){nearest}", output::instant(survey.taken_at())))
}

/// By the very rules that read the lists: a baseline that approves this entry and nothing else.
fn is_offered(entry: &str, baseline: &Baseline, survey: &SurveyFile, now: DateTime<Utc>) -> bool {
    let alone = Baseline {
        global_filters: Vec::new(),
        approval_rules: Vec::new(),
        approved_patches: vec![entry.to_owned()],
        approved_patches_enable_non_security: true,
        rejected_patches: Vec::new(),
        ..baseline.clone()
    };
    let named = |v: &Verdict| !matches!(v, Verdict::NotMatched);
    approval::evaluate(&alone, &survey.inventory, now).is_ok_and(|e| {
        e.decisions.iter().any(|d| named(&d.verdict) && !matches!(d.verdict, Verdict::Deferred))
    })
}

/// What is installed and not offered anew can be named, too; a pattern by what stands before its first `*`.
fn is_installed(entry: &str, survey: &SurveyFile) -> bool {
    let beginning = entry.split('*').next().unwrap_or_default();
    survey.inventory.installed.iter().any(|i| {
        let (name, arch, version) = (&i.name, &i.arch, &i.version);
        let names = [
            name.clone(),
            format!("{name}:{arch}"),
            format!("{name}.{arch}"),
            format!("{name}={version}"),
            format!("{name}-{version}"),
            format!("{name}-{version}.{arch}"),
        ];
        names.iter().any(|n| n == entry || (beginning != entry && n.starts_with(beginning)))
    })
}

fn nearest(entry: &str, survey: &SurveyFile) -> Vec<String> {
    let bare = entry.split(['*', '=', ':']).next().unwrap_or(entry);
    // A text that no name is as long as is like none, and takes long to compare.
    if bare.len() > 100 {
        return Vec::new();
    }
    let offered = survey.inventory.candidates.iter().map(|c| c.name.as_str());
    let installed = survey.inventory.installed.iter().map(|i| i.name.as_str());
    let mut names: Vec<(f64, &str)> = offered
        .chain(installed)
        .map(|name| (strsim::jaro_winkler(name, bare), name))
        .filter(|(alike, _)| *alike > ALIKE)
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    names.dedup_by(|a, b| a.1 == b.1);
    names.into_iter().take(NEAREST).map(|(_, name)| name.to_owned()).collect()
}
