//! When windows start what, seen from one node.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::run::{Choice, Ending, RunEntry, Trigger};
use patchflock_baselines::document::{self, Document};

use super::super::event::{Answer, SlotAnswer};
use super::super::tests::{answer, at, doing, hooked, survey, surveyed};
use super::super::*;
use super::*;

/// A window that opens at 02:00 UTC for two hours with half an hour of cutoff, with more lines in its spec.
pub(crate) fn window(name: &str, more: &str) -> Window {
    let text = format!(
        "kind: MaintenanceWindow\nname: {name}\nspec:\n  schedule: cron(0 2 ? * * *)\n  duration: 2h\n  cutoff: 30m\n{more}"
    );
    let mut parsed = document::parse("w.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{text}\n{e:?}"));
    match parsed.documents.remove(0) {
        Document::MaintenanceWindow(window) => Window { window, version: 3, expires: None },
        other => panic!("{other:?}"),
    }
}

pub(crate) const INSTALL: &str = "  tasks:
    - {type: INSTALL, name: patch, targets: [{key: InstanceIds, values: ['*']}], max_concurrency: 1, max_errors: 0}
";
pub(crate) const SCAN: &str = "  tasks:
    - {type: SCAN, name: look, targets: [{key: InstanceIds, values: ['*']}], max_concurrency: 1, max_errors: 0}
";

fn started(windows: Vec<Window>, now: &str, journal: Journal) -> (Core, Vec<Effect>) {
    let policy = Policy { windows, ..Policy::default() };
    let mut core = Core::new("n-1".parse().unwrap(), policy, journal);
    let effects = core.on(at(now), Event::Started);
    (core, effects)
}

pub(crate) fn wake(effects: &[Effect]) -> DateTime<Utc> {
    let mut wakes = effects.iter().filter_map(|e| match e {
        Effect::WakeAt(at) => Some(*at),
        _ => None,
    });
    wakes.next_back().expect("a wake-up")
}

pub(crate) fn entries(effects: &[Effect]) -> Vec<RunEntry> {
    let entries = effects.iter().filter_map(|e| match e {
        Effect::Record(entry) => Some((**entry).clone()),
        _ => None,
    });
    entries.collect()
}

#[test]
fn a_window_fires_by_itself_at_its_start_and_only_once() {
    let (mut core, effects) =
        started(vec![window("nightly", INSTALL)], "2026-11-24T01:30:00Z", Journal::default());
    assert_eq!(doing(&effects), None);
    assert_eq!(wake(&effects), at("2026-11-24T02:00:00Z"));
    let effects = core.on(at("2026-11-24T02:00:00Z"), Event::Woke);
    assert!(matches!(doing(&effects), Some((_, Act::Survey { refresh: true, .. }))));
    let spec = core.journal().active.as_ref().unwrap().spec.clone();
    assert!(
        matches!(&spec.trigger, Trigger::Window { version: 3, cutoff, .. } if *cutoff == at("2026-11-24T03:30:00Z"))
    );
    answer(&mut core, at("2026-11-24T02:01:00Z"), surveyed(&[], Some(false)));
    for minute in 2..59 {
        let effects = core.on(at(&format!("2026-11-24T02:{minute:02}:00Z")), Event::Woke);
        assert_eq!(doing(&effects), None, "I8: minute {minute}");
    }
}

#[test]
fn a_window_that_expired_or_is_frozen_does_not_open() {
    let mut expired = window("nightly", INSTALL);
    expired.expires = Some(at("2026-11-24T02:00:00Z"));
    let frozen = window(
        "frozen",
        &format!("  freezes:\n    - {{dates: 2026-11-24..2026-11-24, reason: fair}}\n{INSTALL}"),
    );
    let (mut core, _) = started(vec![expired, frozen], "2026-11-24T01:30:00Z", Journal::default());
    assert_eq!(doing(&core.on(at("2026-11-24T02:00:00Z"), Event::Woke)), None);
    assert!(core.view(at("2026-11-24T02:00:00Z")).next.iter().all(|n| n.window == "frozen"));
}

#[test]
fn the_splay_delays_a_node_by_a_fixed_share_and_never_past_it() {
    let splayed = window("nightly", &format!("  splay: 60m\n{INSTALL}"));
    let start = at("2026-11-24T02:00:00Z");
    let mut shares = std::collections::BTreeSet::new();
    for n in 0..200 {
        let node: NodeId = format!("n-{n}").parse().unwrap();
        let firing = splayed.window.occurrences(at("2026-11-24T01:00:00Z")).next().unwrap();
        let share = start_of(&splayed, &node, &firing) - start;
        assert!(share >= TimeDelta::zero() && share < TimeDelta::hours(1), "{share}");
        assert_eq!(start_of(&splayed, &node, &firing) - start, share, "the same after every restart");
        shares.insert(share.num_minutes() / 6);
    }
    assert_eq!(shares.len(), 10, "spread over the whole hour");
}

#[test]
fn whoever_was_away_at_the_start_joins_while_it_is_open_unless_told_never() {
    for (catch_up, joins) in [("while_open", true), ("scan_later", true), ("never", false)] {
        let late = window("nightly", &format!("  catch_up: {catch_up}\n{INSTALL}"));
        let (core, effects) = started(vec![late], "2026-11-24T02:40:00Z", Journal::default());
        assert_eq!(doing(&effects).is_some(), joins, "{catch_up}");
        if !joins {
            let entry = &entries(&effects)[0];
            assert_eq!(entry.ending, Ending::Skipped);
            assert!(entry.reason.contains("was not running when the window opened"), "{}", entry.reason);
            assert!(core.journal().has_ended(&entry.spec.id));
        }
    }
}

#[test]
fn nothing_starts_at_or_after_the_cutoff_and_that_is_accounted_for() {
    let (_, effects) = started(vec![window("nightly", INSTALL)], "2026-11-24T03:30:00Z", Journal::default());
    assert_eq!(doing(&effects), None);
    assert!(entries(&effects)[0].reason.contains("the cutoff passed"));
}

#[test]
fn a_firing_that_was_slept_through_is_accounted_for_and_a_scan_is_made_up_for_if_wanted() {
    let asleep = Journal { awake_until: Some(at("2026-11-24T01:00:00Z")), ..Journal::default() };
    let back = "2026-11-24T09:00:00Z";
    let (_, effects) = started(vec![window("nightly", INSTALL)], back, asleep.clone());
    assert!(
        entries(&effects)[0].reason.contains("was not running while the window was open (2026-11-24 02:00")
    );
    assert_eq!(doing(&effects), None, "no choice installs outside a window");

    let (_, effects) = started(vec![window("nightly", SCAN)], back, asleep.clone());
    assert_eq!((doing(&effects), entries(&effects).len()), (None, 1));

    let later = window("nightly", &format!("  catch_up: scan_later\n{SCAN}"));
    let (mut core, effects) = started(vec![later], back, asleep);
    assert!(doing(&effects).is_some(), "it scans now");
    let effects = answer(&mut core, at(back), surveyed(&["a"], None));
    assert_eq!((entries(&effects)[0].ending, doing(&effects)), (Ending::Succeeded, None));
}

#[test]
fn a_machine_that_slept_is_late_like_one_that_was_off() {
    let (mut core, _) = started(vec![window("nightly", INSTALL)], "2026-11-24T01:30:00Z", Journal::default());
    // The timer for 02:00 fires when the lid opens.
    let effects = core.on(at("2026-11-24T08:00:00Z"), Event::Woke);
    assert_eq!(doing(&effects), None);
    assert!(entries(&effects)[0].reason.contains("was not running while the window was open"));
}

#[test]
fn the_same_windows_next_firing_is_skipped_while_its_run_is_at_work_and_another_windows_waits_its_turn() {
    let hourly = |name: &str| {
        let mut window = window(name, INSTALL);
        window.window.schedule = "rate(1 hour)".parse().unwrap();
        window
    };
    let (mut core, effects) =
        started(vec![hourly("a"), hourly("b")], "2026-11-24T02:00:00Z", Journal::default());
    assert!(doing(&effects).is_some());
    let running = core.journal().active.as_ref().unwrap().spec.clone();
    answer(&mut core, at("2026-11-24T02:01:00Z"), surveyed(&["a"], None));
    answer(&mut core, at("2026-11-24T02:02:00Z"), Answer::Fetched(Ok(())));
    answer(&mut core, at("2026-11-24T02:03:00Z"), Answer::Slot(SlotAnswer::Granted { token: 1 }));
    answer(
        &mut core,
        at("2026-11-24T02:04:00Z"),
        Answer::Hooked(Ok(hooked(patchflock_api::run::HookPoint::PreInstall, None))),
    );
    let effects = core.on(at("2026-11-24T03:00:00Z"), Event::Woke);
    let told = entries(&effects);
    let of = |window: &str| {
        told.iter().find(|e| matches!(&e.spec.trigger, Trigger::Window { window: w, .. } if w == window))
    };
    assert!(of("a").unwrap().reason.contains(&format!("run {} was still in progress", running.id)));
    // The other window's first firing was overtaken by its second, which waits for its turn.
    assert!(of("b").unwrap().reason.contains("opened again before it could start"));
    let effects = answer(
        &mut core,
        at("2026-11-24T03:05:00Z"),
        Answer::Installed(Err(patchflock_api::run::Trouble {
            kind: patchflock_api::run::TroubleKind::Failed,
            why: "broken".into(),
        })),
    );
    assert!(doing(&effects).is_some());
    for reply in [
        surveyed(&["a"], Some(false)),
        Answer::Health(Ok(patchflock_api::run::Health { complaints: Vec::new() })),
        Answer::Hooked(Ok(hooked(patchflock_api::run::HookPoint::OnExit, None))),
    ] {
        answer(&mut core, at("2026-11-24T03:06:00Z"), reply);
    }
    let next = core.journal().active.as_ref().expect("the other window's turn").spec.clone();
    assert!(matches!(&next.trigger, Trigger::Window { window, .. } if window == "b"), "{next:?}");
}

#[test]
fn a_task_that_this_version_does_not_carry_out_is_told_as_not_run() {
    let command = "  tasks:
    - type: RUN_COMMAND
      name: command
      document_name: AWS-RunShellScript
      targets: [{key: InstanceIds, values: ['*']}]
      max_concurrency: 1
      max_errors: 0
";
    let (mut core, _) = started(vec![window("nightly", command)], "2026-11-24T01:30:00Z", Journal::default());
    let effects = core.on(at("2026-11-24T02:00:00Z"), Event::Woke);
    assert_eq!(doing(&effects), None);
    assert_eq!(entries(&effects)[0].ending, Ending::Skipped);
}

#[test]
fn a_document_that_expired_installs_nothing_and_says_so() {
    let (mut core, _) = started(vec![window("nightly", INSTALL)], "2026-11-24T02:00:00Z", Journal::default());
    let why = "baseline prod expired on 2026-11-01";
    let unknown = Survey { choice: Choice::Unknown { why: why.into() }, ..survey(&[], None) };
    let effects = answer(&mut core, at("2026-11-24T02:01:00Z"), Answer::Surveyed(Ok(Box::new(unknown))));
    let entry = &entries(&effects)[0];
    assert_eq!((entry.ending, entry.reason.as_str()), (Ending::Skipped, why));
}

#[test]
fn the_reboot_is_left_out_when_the_window_is_over() {
    let (mut core, _) = started(vec![window("nightly", INSTALL)], "2026-11-24T02:00:00Z", Journal::default());
    let now = at("2026-11-24T03:20:00Z");
    answer(&mut core, now, surveyed(&["a"], None));
    answer(&mut core, now, Answer::Fetched(Ok(())));
    answer(&mut core, now, Answer::Slot(SlotAnswer::Granted { token: 1 }));
    answer(&mut core, now, Answer::Hooked(Ok(hooked(patchflock_api::run::HookPoint::PreInstall, None))));
    let late = at("2026-11-24T04:00:00Z");
    let installed = patchflock_api::run::Installed { installed: 1, failed: Vec::new() };
    answer(&mut core, late, Answer::Installed(Ok(installed)));
    answer(&mut core, late, Answer::Hooked(Ok(hooked(patchflock_api::run::HookPoint::PostInstall, None))));
    let effects = answer(&mut core, late, surveyed(&[], Some(true)));
    assert_eq!(doing(&effects).unwrap().1, Act::Health, "no reboot at the window's end");
    assert!(core.journal().active.as_ref().unwrap().notes[0].contains("the window is over"));
}
