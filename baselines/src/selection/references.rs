//! What documents say together that cannot be meant: told to whoever changes one of them.
//!
//! None of it is an error, because documents arrive one by one, and what is missing now may be applied next. Where it
//! matters the rest of the product already errs on the safe side: nothing is installed, and no window opens.

use chrono::{DateTime, TimeDelta, Utc};

use super::catalogue::Catalogue;
use super::resolve::{registered, set};
use crate::baseline::Baseline;
use crate::document::{Document, Kind};
use crate::predefined;
use crate::window::{MaintenanceWindow, TargetKey, Task};

/// A window that does not open within it is taken for one that never does.
const SOON_DAYS: i64 = 2 * 366;
/// Occurrences that are looked at: one a minute would fill two years otherwise.
const OCCURRENCES: usize = 10_000;

/// Something that people should know about one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// Kind of the document.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What is odd about it, and what to do, in one sentence.
    pub sentence: String,
}

/// Everything odd in a catalogue, by kind and name. `alternative_sources`: this machine uses repositories that
/// baselines bring.
#[must_use]
pub fn remarks(catalogue: &Catalogue, alternative_sources: bool, now: DateTime<Utc>) -> Vec<Remark> {
    let mut found = Vec::new();
    for adopted in catalogue.documents().filter(|adopted| adopted.in_force(now)) {
        let sentences = match &adopted.document {
            Some(Document::PatchBaseline(baseline)) => of_baseline(baseline, alternative_sources),
            Some(Document::MaintenanceWindow(window)) => of_window(window, now),
            Some(Document::PatchGroup(group)) => {
                let (_, open) = registered(std::iter::once(group), &|name| catalogue.find(name, now));
                open.into_iter().map(|open| open.why).collect()
            }
            Some(Document::DefaultBaselines(defaults)) => {
                let (_, open) = set(defaults, &|name| catalogue.find(name, now));
                open.into_iter().map(|open| open.why).collect()
            }
            None => Vec::new(),
        };
        found.extend(sentences.into_iter().map(|sentence| Remark {
            kind: adopted.kind,
            name: adopted.name.clone(),
            sentence,
        }));
    }
    found
}

fn of_baseline(baseline: &Baseline, alternative_sources: bool) -> Vec<String> {
    let (name, os) = (&baseline.name, baseline.operating_system);
    let mut found = Vec::new();
    if let Some(shipped) = predefined::named(name).filter(|shipped| shipped.operating_system != os) {
        found.push(format!(
            "baseline {name} is for {os} and takes the place of the shipped one for {}: give it another name",
            shipped.operating_system
        ));
    }
    if !baseline.sources.is_empty() && !alternative_sources {
        found.push(format!(
            "baseline {name} brings `sources`, which this machine does not use: nothing is installed by it until root sets \
             `alternative_sources = true` under [policy] in /etc/patchflock/patchflock.toml"
        ));
    }
    found
}

fn of_window(window: &MaintenanceWindow, now: DateTime<Utc>) -> Vec<String> {
    let name = &window.name;
    let mut found = Vec::new();
    if window.enabled {
        found.extend(never(window, now).map(|why| format!("window {name} never opens again: {why}")));
    }
    if window.tasks.is_empty() {
        found.push(format!("window {name} has no tasks, so nothing happens in it: add `tasks`"));
    }
    for task in window.tasks.iter().filter(|task| task.action.needs_targets()) {
        found.extend(
            nobody(window, task)
                .map(|why| format!("window {name}: task {} is for no node, because {why}", task.name)),
        );
    }
    found
}

/// Why no work will start in a window.
fn never(window: &MaintenanceWindow, now: DateTime<Utc>) -> Option<String> {
    if let Some(end) = window.end_date.filter(|end| *end <= now) {
        return Some(format!("its end_date {} has passed", end.format("%Y-%m-%d %H:%M UTC")));
    }
    let until = now.checked_add_signed(TimeDelta::days(SOON_DAYS)).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let soon = window.occurrences(now).take(OCCURRENCES).take_while(|occurrence| occurrence.start < until);
    let mut frozen = None;
    for occurrence in soon {
        frozen = Some(occurrence.frozen?);
    }
    Some(match frozen {
        Some(reason) => format!("every start within two years lies in a freeze ({reason})"),
        None => "its schedule has no start within two years".to_owned(),
    })
}

/// Why a task matches no node.
fn nobody(window: &MaintenanceWindow, task: &Task) -> Option<String> {
    if task.targets.is_empty() {
        return Some("it names no targets: add `targets`".to_owned());
    }
    task.targets.iter().find_map(|target| {
        if target.values.is_empty() {
            return Some(format!("{} has no values", target.key));
        }
        let known = |value: &String| window.targets.iter().any(|registered| registered.name == *value);
        let unknown = target.key == TargetKey::WindowTargetIds && !target.values.iter().any(known);
        unknown.then(|| format!("the window registers no target called {}", target.values.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::selection::Adopted;

    fn said(text: &str, alternative_sources: bool) -> Vec<String> {
        let parsed = document::parse("test", text.as_bytes()).unwrap();
        let adopted = parsed.documents.iter().zip(&parsed.expires).map(|(document, expires)| Adopted {
            kind: document.kind(),
            name: document.name().to_owned(),
            version: 1,
            expires: *expires,
            document: Some(document.clone()),
        });
        let catalogue = Catalogue::new(adopted.collect(), true);
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        remarks(&catalogue, alternative_sources, now).into_iter().map(|remark| remark.sentence).collect()
    }

    fn baseline(name: &str, more: &str) -> String {
        format!("kind: PatchBaseline\nname: {name}\nspec:\n  operating_system: DEBIAN\n{more}")
    }

    fn window(more: &str) -> String {
        format!("kind: MaintenanceWindow\nname: night\nspec:\n  duration: 3h\n  cutoff: 1h\n{more}")
    }

    const TASK: &str = "  tasks:\n    - type: INSTALL\n      max_concurrency: 1\n      max_errors: 0\n      targets: \
                        [{key: 'tag:Patch Group', values: [prod]}]\n";

    #[test]
    fn documents_that_fit_together_are_not_remarked_upon() {
        let group = "---\nkind: PatchGroup\nname: prod\nspec: {baselines: [web, predefined-ubuntu]}\n---\n";
        let text = baseline("web", "") + group + &window(&format!("  schedule: cron(0 2 ? * SUN *)\n{TASK}"));
        assert_eq!(said(&text, false), [""; 0]);
    }

    #[test]
    fn a_name_that_no_baseline_has_and_two_for_one_system_are_told() {
        let text = baseline("web", "")
            + "---\nkind: PatchGroup\nname: prod\nspec: {baselines: [web, predefined-debian]}\n---\n\
               kind: DefaultBaselines\nname: defaults\nspec: {baselines: [wbe]}\n";
        let said = said(&text, false);
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(said[0].contains("several baselines are for"), "{said:#?}");
        assert!(said[1].contains("the defaults: baseline wbe is not here"), "{said:#?}");
    }

    #[test]
    fn a_shipped_name_with_another_system_and_sources_that_are_not_used_are_told() {
        let said_of_shipped = said(&baseline("predefined-ubuntu", ""), false);
        assert!(said_of_shipped[0].contains("takes the place of the shipped one"), "{said_of_shipped:?}");
        let sources = "  sources:\n    - name: mine\n      products: ['*']\n      configuration: deb [trusted=yes] file:/srv/x ./\n";
        let text = baseline("web", sources);
        assert!(said(&text, false)[0].contains("alternative_sources = true"));
        assert_eq!(said(&text, true), [""; 0]);
    }

    #[test]
    fn a_window_that_never_opens_again_says_why() {
        for (more, why) in [
            ("  schedule: at(2026-01-01T00:00:00)\n", "no start within two years"),
            ("  schedule: cron(0 2 ? * SUN *)\n  end_date: 2026-11-01T00:00:00Z\n", "end_date 2026-11-01"),
            (
                "  schedule: cron(0 2 ? * SUN *)\n  freezes: [{dates: 2026-01-01..2030-01-01, reason: for ever}]\n",
                "lies in a freeze (for ever)",
            ),
        ] {
            let said = said(&window(&format!("{more}{TASK}")), false);
            assert!(
                said.len() == 1 && said[0].contains("never opens again") && said[0].contains(why),
                "{said:?}"
            );
        }
        let off = window(&format!("  schedule: at(2026-01-01T00:00:00)\n  enabled: false\n{TASK}"));
        assert_eq!(said(&off, false), [""; 0], "whoever switched it off knows");
        let often = window(&format!("  schedule: rate(5 minutes)\n{TASK}"));
        assert_eq!(said(&often.replace("3h", "4m").replace("1h", "1m"), false), [""; 0]);
    }

    #[test]
    fn a_window_in_which_nothing_can_happen_says_so() {
        let none = said(&window("  schedule: cron(0 2 ? * SUN *)\n"), false);
        assert!(none.len() == 1 && none[0].contains("has no tasks"), "{none:?}");
    }
}
