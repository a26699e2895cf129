//! When windows start what, seen from one node.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::run::{Choice, Ending, RunEntry, Trigger};
use patchflock_baselines::document::{self, Document};

use super::super::event::{Answer, SlotAnswer};
use super::super::tests::{answer, at, doing, hooked, install, request, survey, surveyed};
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

#[test]
fn an_answer_that_is_heard_before_the_wake_up_after_a_sleep_hides_no_firing() {
    let (mut core, _) = started(vec![window("nightly", INSTALL)], "2026-11-24T00:30:00Z", Journal::default());
    let scan = patchflock_api::status::StartRun { operation: Operation::Scan, ..install() };
    request(&mut core, at("2026-11-24T00:31:00Z"), "r-1", scan);
    let effects = answer(&mut core, at("2026-11-24T08:00:00Z"), surveyed(&["a"], None));
    let told = entries(&effects);
    assert_eq!((told[0].ending, told[1].ending), (Ending::Skipped, Ending::Succeeded), "{told:?}");
    assert!(told[0].reason.contains("was not running while the window was open"), "{}", told[0].reason);
}

#[test]
fn a_window_without_a_cutoff_that_ends_before_its_turn_came_is_accounted_for() {
    let endless = window("nightly", INSTALL);
    let mut short = window("short", SCAN);
    short.window.cutoff_minutes = 0;
    let (mut core, _) = started(vec![endless, short], "2026-11-24T02:00:00Z", Journal::default());
    let now = at("2026-11-24T02:01:00Z");
    answer(&mut core, now, surveyed(&["a"], None));
    answer(&mut core, now, Answer::Fetched(Ok(())));
    answer(&mut core, now, Answer::Slot(SlotAnswer::Granted { token: 1 }));
    answer(&mut core, now, Answer::Hooked(Ok(hooked(patchflock_api::run::HookPoint::PreInstall, None))));
    assert_eq!(wake(&core.on(at("2026-11-24T03:40:00Z"), Event::Woke)), at("2026-11-24T04:00:00Z"));
    let effects = core.on(at("2026-11-24T04:00:00Z"), Event::Woke);
    let told = &entries(&effects)[0];
    assert!(matches!(&told.spec.trigger, Trigger::Window { window, .. } if window == "short"));
    assert_eq!((told.ending, told.reason.as_str()), (Ending::Skipped, TOO_LATE));
}

#[test]
fn a_scan_that_is_made_up_for_is_not_forgotten_by_another_absence() {
    let windows = || vec![window("nightly", &format!("  catch_up: scan_later\n{SCAN}"))];
    let asleep = Journal { awake_until: Some(at("2026-11-23T01:00:00Z")), ..Journal::default() };
    let (core, effects) = started(windows(), "2026-11-23T09:00:00Z", asleep);
    assert!(doing(&effects).is_some(), "made up for at once");
    // Before that ends the node is away for three more nights.
    let (mut core, effects) = started(windows(), "2026-11-26T09:00:00Z", core.journal().clone());
    let nights = |entries: &[RunEntry]| -> Vec<String> {
        let start = |e: &RunEntry| match &e.spec.trigger {
            Trigger::Window { start, .. } => format!("{:?} of {}", e.ending, start.format("%d")),
            other => panic!("{other:?}"),
        };
        entries.iter().map(start).collect()
    };
    assert_eq!(nights(&entries(&effects)), ["Skipped of 24", "Skipped of 25"]);
    let now = at("2026-11-26T09:01:00Z");
    assert_eq!(nights(&entries(&answer(&mut core, now, surveyed(&[], None)))), ["Succeeded of 23"]);
    assert_eq!(nights(&entries(&answer(&mut core, now, surveyed(&[], None)))), ["Succeeded of 26"]);
    assert_eq!((core.journal().active.is_none(), core.journal().late_scans.len()), (true, 0));
}

#[test]
fn a_scan_of_a_window_that_is_open_after_its_cutoff_is_made_up_for_all_the_same() {
    let later = window("nightly", &format!("  catch_up: scan_later\n{SCAN}"));
    let asleep = Journal { awake_until: Some(at("2026-11-24T01:00:00Z")), ..Journal::default() };
    let (_, effects) = started(vec![later], "2026-11-24T03:45:00Z", asleep);
    assert!(doing(&effects).is_some() && entries(&effects).is_empty());
}

#[test]
fn what_is_open_is_shown_with_what_became_of_its_tasks() {
    let both = format!("{INSTALL}{}", SCAN.trim_start_matches("  tasks:\n"));
    let splayed = window("splayed", &format!("  splay: 60m\n{SCAN}"));
    let (mut core, _) =
        started(vec![window("nightly", &both), splayed], "2026-11-24T01:59:00Z", Journal::default());
    assert!(core.view(at("2026-11-24T01:59:59Z")).open.is_empty());
    let now = at("2026-11-24T02:00:00Z");
    core.on(now, Event::Woke);
    let states = |core: &Core, now| {
        let open = core.view(now).open;
        open.into_iter()
            .map(|w| (w.window, w.tasks.into_iter().map(|t| t.state).collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    let splayed_at = match &states(&core, now)[1].1[0] {
        TaskState::Waiting { at } => *at,
        other => panic!("{other:?}"),
    };
    assert!(splayed_at > now);
    assert_eq!(states(&core, now)[0].1, [TaskState::InProgress {}, TaskState::Waiting { at: now }]);
    answer(&mut core, now, surveyed(&[], Some(false)));
    let over = TaskState::Ended { ending: None, reason: String::new() };
    assert_eq!(states(&core, now)[0].1, [over.clone(), TaskState::InProgress {}]);
    answer(&mut core, now, surveyed(&[], Some(false)));
    assert_eq!(states(&core, at("2026-11-24T03:59:59Z"))[0].1, [over.clone(), over]);
    assert!(core.view(at("2026-11-24T04:00:00Z")).open.is_empty());
}

#[test]
fn what_the_history_tells_is_not_done_again_whatever_the_journal_says() {
    let now = "2026-11-24T02:00:00Z";
    let (core, _) = started(vec![window("nightly", INSTALL)], now, Journal::default());
    let run = core.journal().active.as_ref().unwrap().spec.id.clone();
    // It ended and the crash came before the journal knew; or the journal was lost.
    for mut journal in [core.journal().clone(), Journal::default()] {
        journal.learn([&run]);
        let (core, effects) = started(vec![window("nightly", INSTALL)], now, journal);
        assert_eq!((doing(&effects), core.journal().active.is_none()), (None, true));
    }
}
