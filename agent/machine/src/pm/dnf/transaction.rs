//! Simulation and download of exact versions, and what they share with the installation.
//!
//! Who decides what: the plan names every version; dnf's solver may use nothing else of the repositories and must
//! come to exactly the plan, in the process that then installs it; rpm's database says what became of it.

use std::time::Duration;

use patchflock_baselines::plan::{Change, Item, Plan, Refused, Role, Simulation, Target};
use serde::Deserialize;
use serde_json::Value;

use super::System;
use super::database::Database;
use super::script::{Said, Script, TRANSACTION, text};
use super::updateinfo::Nevra;
use crate::pm::{OnProgress, PmError, Progress, needs_root};
use crate::root::Root;

/// A change of the script.
#[derive(Debug, Deserialize)]
struct RawChange {
    name: String,
    arch: String,
    from: Option<String>,
    to: Option<String>,
    sources: Vec<String>,
}

pub(super) fn simulate(system: &System, targets: &[Target]) -> Result<Simulation, PmError> {
    let mut simulation = Simulation::default();
    let mut args = Vec::new();
    for t in targets {
        match argument("want", &t.name, &t.arch, &t.version, None) {
            Some(arg) => args.push(arg),
            None => simulation.refused.push(Refused {
                name: t.name.clone(),
                arch: t.arch.clone(),
                why: format!("{:?} is not an rpm version", t.version),
            }),
        }
    }
    if args.is_empty() {
        return Ok(simulation);
    }
    let what = "simulating with dnf's Python";
    let said = run(system, what, "simulate", args, |_| {})?;
    said.typed::<Value>(what, "end")?;
    let changes: Vec<RawChange> = said.all(what, "change")?;
    simulation.changes = changes
        .into_iter()
        .map(|c| Change { name: c.name, arch: c.arch, from: c.from, to: c.to, sources: c.sources })
        .collect();
    let refused: Vec<Refused> = said.all(what, "refused")?;
    simulation.refused.extend(refused.into_iter().map(|r| Refused { why: one_line(&r.why), ..r }));
    Ok(simulation)
}

pub(super) fn fetch(system: &System, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError> {
    needs_root("downloading packages into dnf's cache")?;
    let pending = pending(&system.root, plan)?;
    if pending.is_empty() {
        return Ok(());
    }
    progress(Progress::Phase("Fetching".into()));
    let what = "downloading with dnf's Python";
    let mut done = 0;
    let said = run(system, what, "fetch", arguments(&pending, |_| true)?, |fact| {
        if text(fact, "fact") == "fetched" {
            done += 1;
            progress(Progress::Package { name: text(fact, "name"), what: "downloaded".into() });
            progress(Progress::Percent(percent(done, pending.len() as u64)));
        }
    })?;
    said.typed::<Value>(what, "end").map(|_| ())
}

pub(super) fn run(
    system: &System,
    what: &'static str,
    mode: &'static str,
    items: Vec<String>,
    on_fact: impl FnMut(&Value),
) -> Result<Said, PmError> {
    let mut args = vec![mode.to_owned()];
    args.extend(items);
    let writes = matches!(mode, "install" | "part" | "repair");
    let deadline = Duration::from_secs(if writes || mode == "fetch" { 3 * 3600 } else { 900 });
    let said = Script { system, what, source: TRANSACTION, args, deadline, writes }.run(on_fact)?;
    match said.fact("notplan") {
        Some(fact) => Err(PmError::NotThePlan { difference: one_line(&text(fact, "difference")) }),
        None => Ok(said),
    }
}

/// The items that are not there yet: a plan may be installed again after an interruption.
pub(super) fn pending<'p>(root: &Root, plan: &'p Plan) -> Result<Vec<&'p Item>, PmError> {
    let now = Database::read(root)?;
    Ok(plan.items.iter().filter(|i| !now.has(&nevra(i))).collect())
}

/// The script's arguments; an approved item that `wanted` picks is a job, everything else only may change. What is
/// approved is an upgrade (reference 1.5); a new package comes in because something needs it, and keeps that mark.
pub(super) fn arguments(items: &[&Item], wanted: impl Fn(&Item) -> bool) -> Result<Vec<String>, PmError> {
    let one = |i: &&Item| {
        let job = matches!(i.role, Role::Approved { .. }) && i.from.is_some() && wanted(i);
        argument(if job { "want" } else { "may" }, &i.name, &i.arch, &i.to, i.from.as_deref()).ok_or_else(
            || PmError::NotThePlan { difference: format!("{:?} {:?} is not an rpm version", i.name, i.to) },
        )
    };
    items.iter().map(one).collect()
}

/// One argument; `None` if a part could be taken for something else (rpm allows none of these characters).
fn argument(role: &str, name: &str, arch: &str, version: &str, from: Option<&str>) -> Option<String> {
    let plain = |s: &str| {
        !s.is_empty() && s.len() < 300 && s.chars().all(|c| c.is_ascii_graphic() && !"*?[]".contains(c))
    };
    let all = plain(name) && plain(arch) && plain(version) && version.contains('-') && from.is_none_or(plain);
    all.then(|| [role, name, arch, version, from.unwrap_or_default()].join("\t"))
}

pub(super) fn nevra(item: &Item) -> Nevra {
    Nevra { name: item.name.clone(), arch: item.arch.clone(), version: item.to.clone() }
}

/// dnf's words on several lines as one, shortened.
pub(super) fn one_line(words: &str) -> String {
    let parts: Vec<&str> = words.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    parts.join(" ").chars().take(2000).collect()
}

pub(super) fn percent(done: u64, total: u64) -> u8 {
    let (done, total) = (u128::from(done.min(total)), u128::from(total));
    u8::try_from((done * 100).checked_div(total).unwrap_or(0)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, to: &str) -> Item {
        Item {
            name: name.into(),
            arch: "noarch".into(),
            from: None,
            to: to.into(),
            role: Role::Approved { reason: "test".into() },
        }
    }

    #[test]
    fn names_that_could_be_something_else_are_not_passed_on() {
        assert_eq!(argument("may", "a", "noarch", "1:1-1", None).as_deref(), Some("may\ta\tnoarch\t1:1-1\t"));
        for (name, arch, version) in [
            ("a\tb", "noarch", "1-1"),
            ("", "noarch", "1-1"),
            ("a*", "noarch", "1-1"),
            ("a", "", "1-1"),
            ("a", "x", "1"),
        ] {
            assert_eq!(argument("may", name, arch, version, None), None, "{name:?} {arch:?} {version:?}");
        }
    }

    #[test]
    fn only_approved_items_are_jobs() {
        let mut pulled = item("lib", "1-1");
        pulled.role = Role::PulledIn { by: vec!["app".into()] };
        let mut app = item("app", "1-1");
        let new = item("new", "1-1");
        app.from = Some("0-1".into());
        let args = arguments(&[&pulled, &app, &new], |_| true).unwrap();
        let wanted = ["may\tlib\tnoarch\t1-1\t", "want\tapp\tnoarch\t1-1\t0-1", "may\tnew\tnoarch\t1-1\t"];
        assert_eq!(args, wanted);
    }

    #[test]
    fn a_share_is_never_over_a_hundred() {
        assert_eq!(
            (percent(0, 0), percent(1, 3), percent(9, 3), percent(u64::MAX / 200, u64::MAX)),
            (0, 33, 100, 0)
        );
    }
}
