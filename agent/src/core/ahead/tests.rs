//! Looking and downloading ahead of windows, seen from one node.

use patchflock_api::run::{Ending, TroubleKind};

use super::super::tests::{answer, at, doing, entry, install, request, survey, surveyed, trouble};
use super::super::windows::tests::{INSTALL, SCAN, entries, wake, window};
use super::super::*;
use super::*;

/// A node whose only task is to patch between two and four at night.
fn node(name: &str, more: &str, journal: Journal) -> Core {
    let windows = vec![window("nightly", more)];
    let policy = Policy { windows, fetch_ahead_minutes: 60, ..Policy::default() };
    Core::new(name.parse().unwrap(), policy, journal)
}

/// When the node begins.
fn begins_at(core: &Core) -> DateTime<Utc> {
    core.view(at("2026-11-24T00:00:00Z")).next[0].ahead_at.expect("something is fetched")
}

/// A node that looks ahead of its window.
fn looking() -> (Core, DateTime<Utc>) {
    let mut core = node("n-1", INSTALL, Journal::default());
    let begins = begins_at(&core);
    core.on(begins, Event::Started);
    assert!(core.journal().active.as_ref().is_some_and(|a| a.ahead_of().is_some()));
    (core, begins)
}

fn opening() -> DateTime<Utc> {
    at("2026-11-24T02:00:00Z")
}

#[test]
fn every_node_begins_at_a_time_of_its_own_and_has_a_quarter_of_the_time_left_at_least() {
    let mut quarters = std::collections::BTreeSet::new();
    for n in 0..200 {
        let core = node(&format!("n-{n}"), INSTALL, Journal::default());
        let before = opening() - begins_at(&core);
        assert!(before > TimeDelta::minutes(15) && before <= TimeDelta::minutes(60), "{before}");
        quarters.insert(before.num_minutes() / 5);
    }
    assert!(quarters.len() >= 9, "spread over 45 minutes: {quarters:?}");
}

#[test]
fn it_wakes_for_it_looks_downloads_and_ends_without_a_slot_and_once() {
    let mut core = node("n-1", INSTALL, Journal::default());
    let begins = begins_at(&core);
    let effects = core.on(begins - TimeDelta::minutes(30), Event::Started);
    assert_eq!((doing(&effects), wake(&effects)), (None, begins));
    let effects = core.on(begins, Event::Woke);
    assert_eq!(doing(&effects).unwrap().1, Act::Survey { refresh: true, attempted: false });
    assert_eq!(doing(&answer(&mut core, begins, surveyed(&["a"], Some(true)))).unwrap().1, Act::Fetch);
    let effects = answer(&mut core, begins, Answer::Fetched(Ok(())));
    let told = entry(&effects).expect("it is in the history");
    assert_eq!(
        (told.ending, told.reason.as_str()),
        (Ending::Succeeded, "1 fetched ahead of the window nightly")
    );
    assert!(told.spec.id.as_str().starts_with("a-") && doing(&effects).is_none());
    for minutes in 1..15 {
        assert_eq!(doing(&core.on(begins + TimeDelta::minutes(minutes), Event::Woke)), None, "once");
    }
    // The window's own run comes all the same, and under another name.
    let effects = core.on(opening(), Event::Woke);
    assert_eq!(doing(&effects).unwrap().1, Act::Survey { refresh: true, attempted: false });
    assert!(matches!(core.journal().active.as_ref().unwrap().spec.trigger, Trigger::Window { .. }));
}

#[test]
fn with_nothing_to_install_nothing_is_fetched() {
    let (mut core, begins) = looking();
    let effects = answer(&mut core, begins, surveyed(&[], Some(true)));
    assert_eq!((doing(&effects), entry(&effects).unwrap().ending), (None, Ending::NothingToDo));
    let (mut core, begins) = looking();
    let unknown = Survey {
        choice: patchflock_api::run::Choice::Unknown { why: "expired".into() },
        ..survey(&["a"], None)
    };
    let effects = answer(&mut core, begins, Answer::Surveyed(Ok(Box::new(unknown))));
    assert_eq!(doing(&effects), None, "no baseline is in effect");
}

#[test]
fn it_is_tried_again_until_the_window_opens_and_then_the_window_takes_over() {
    let (mut core, mut now) = looking();
    answer(&mut core, now, surveyed(&["a"], None));
    let mut tries = 0;
    while core.journal().active.as_ref().is_some_and(|a| a.ahead_of().is_some()) {
        assert!(now < opening(), "it ends with the window's opening");
        let effects = answer(&mut core, now, Answer::Fetched(Err(trouble(TroubleKind::Unavailable))));
        tries += 1;
        now = wake(&effects);
        let effects = core.on(now, Event::Woke);
        if now >= opening() {
            let told = entries(&effects);
            assert_eq!(told[0].ending, Ending::Failed);
            assert!(told[0].reason.ends_with("was fetched; last trouble: why"), "{}", told[0].reason);
            assert!(doing(&effects).is_some(), "the window's own run");
        }
    }
    assert!((3..20).contains(&tries) && now == opening(), "{tries} tries, until {now}");
}

#[test]
fn what_is_still_downloading_when_the_window_opens_is_left_to_its_own_run() {
    let (mut core, begins) = looking();
    let effects = answer(&mut core, begins, surveyed(&["a"], None));
    let (download, _) = doing(&effects).unwrap();
    assert_eq!(wake(&effects), opening().min(begins + HEARTBEAT));
    let effects = core.on(opening(), Event::Woke);
    assert_eq!(entries(&effects)[0].ending, Ending::Failed);
    assert!(matches!(doing(&effects).unwrap().1, Act::Survey { .. }));
    let late = core.on(opening(), Event::Answered { step: download, answer: Answer::Fetched(Ok(())) });
    assert_eq!((doing(&late), core.view(opening()).strays), (None, 1));
}

#[test]
fn it_gives_way_to_a_request_and_to_another_window() {
    let (mut core, begins) = looking();
    let effects = request(&mut core, begins, "r-1", install());
    assert_eq!(entry(&effects).unwrap().ending, Ending::Cancelled);
    assert_eq!(core.journal().active.as_ref().unwrap().spec.id.as_str(), "r-1");

    let (mut core, begins) = looking();
    let mut other = window("other", SCAN);
    other.window.schedule = format!("at({})", begins.format("%FT%T")).parse().unwrap();
    let mut windows = core.policy.windows.clone();
    windows.push(other);
    let effects = core.on(begins, Event::PolicyRead { policy: Policy { windows, ..core.policy.clone() } });
    assert_eq!(entry(&effects).unwrap().reason, "gave way to the window other");
    assert!(doing(&effects).is_some());
}

#[test]
fn a_scan_a_window_too_near_a_firing_that_is_frozen_and_the_setting_0_have_none() {
    assert_eq!(node("n-1", SCAN, Journal::default()).view(opening() - HEARTBEAT).next[0].ahead_at, None);
    let mut near = node("n-1", INSTALL, Journal::default());
    assert_eq!(doing(&near.on(opening() - TimeDelta::seconds(60), Event::Started)), None);
    let frozen = format!("  freezes:\n    - {{dates: 2026-11-24..2026-11-24, reason: fair}}\n{INSTALL}");
    let mut frozen = node("n-1", &frozen, Journal::default());
    assert_eq!(doing(&frozen.on(opening() - TimeDelta::minutes(5), Event::Started)), None);
    let mut off = node("n-1", INSTALL, Journal::default());
    off.policy.fetch_ahead_minutes = 0;
    assert_eq!(doing(&off.on(opening() - TimeDelta::minutes(5), Event::Started)), None);
}

#[test]
fn a_restart_goes_on_with_it_and_one_that_comes_late_still_does_it() {
    let (mut core, begins) = looking();
    answer(&mut core, begins, surveyed(&["a"], None));
    let mut again = node("n-1", INSTALL, core.journal().clone());
    let effects = again.on(begins + TimeDelta::minutes(2), Event::Started);
    assert!(matches!(doing(&effects).unwrap().1, Act::Survey { .. }), "from its beginning");
    let mut late = node("n-1", INSTALL, core.journal().clone());
    let effects = late.on(opening(), Event::Started);
    assert_eq!(entries(&effects)[0].ending, Ending::Failed, "the window is open by then");
    let mut late = node("n-1", INSTALL, Journal::default());
    assert!(doing(&late.on(opening() - TimeDelta::minutes(5), Event::Started)).is_some());
}
