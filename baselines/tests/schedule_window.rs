//! Windows, clause by clause: offsets, bounds, midnight, freezes, overlaps, hostile values, rules between fields.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "sample/window.rs"]
mod sample;

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_baselines::schedule::{Schedule, WindowState};
use patchflock_baselines::window::{Freeze, MaintenanceWindow};
use sample::{starts, utc, window};

#[test]
fn an_offset_moves_whole_calendar_days_at_the_same_local_time() {
    let mut patch = window("cron(30 23 ? * TUE#3 *)", "UTC");
    patch.schedule_offset_days = Some(2);
    let wanted = ["Thu 2026-11-19 23:30:00 +0000", "Thu 2026-12-17 23:30:00 +0000"];
    assert_eq!(starts(&patch, "2026-11-01T00:00:00Z", 2), wanted);

    // Over a clock change: 02:00 stays 02:00. And over the end of a month.
    let mut berlin = window("cron(0 2 ? * SAT *)", "Europe/Berlin");
    berlin.schedule_offset_days = Some(2);
    assert_eq!(starts(&berlin, "2024-03-29T00:00:00Z", 1), ["Mon 2024-04-01 02:00:00 +0200"]);
}

#[test]
fn a_period_whose_match_is_past_at_the_start_date_is_skipped_with_its_offset_day() {
    let mut patch = window("cron(30 23 ? * TUE#3 *)", "UTC");
    patch.schedule_offset_days = Some(2);
    patch.start_date = Some(utc("2026-11-18T00:00:00Z"));
    assert_eq!(starts(&patch, "2026-11-18T00:00:00Z", 1), ["Thu 2026-12-17 23:30:00 +0000"]);
}

#[test]
fn the_start_date_is_included_and_the_end_date_is_not() {
    // AWS's example says Wednesday, January 4, 2021, which was a Monday: the first Wednesday is the 6th.
    let mut weekly = window("cron(0 9 ? * WED *)", "UTC");
    weekly.start_date = Some(utc("2021-01-04T00:00:00Z"));
    assert_eq!(starts(&weekly, "2020-01-01T00:00:00Z", 1), ["Wed 2021-01-06 09:00:00 +0000"]);
    weekly.start_date = Some(utc("2021-01-06T09:00:00Z"));
    weekly.end_date = Some(utc("2021-01-20T09:00:00Z"));
    let wanted = ["Wed 2021-01-06 09:00:00 +0000", "Wed 2021-01-13 09:00:00 +0000"];
    assert_eq!(starts(&weekly, "2020-01-01T00:00:00Z", 9), wanted);
    // One that has started runs to its own end.
    weekly.end_date = Some(utc("2021-01-13T09:01:00Z"));
    assert!(matches!(weekly.state_at(utc("2021-01-13T09:30:00Z")), WindowState::Open { .. }));
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_starts() {
    let friday = window("cron(0 23 ? * FRI *)", "Europe/Berlin");
    let open = |at: &str| matches!(friday.state_at(utc(at)), WindowState::Open { .. });
    // Friday 2026-11-27, 23:00 in Berlin is 22:00 UTC; cutoff at midnight, end at 01:00.
    assert!(!open("2026-11-27T21:59:59Z"));
    assert!(open("2026-11-27T22:00:00Z"));
    assert!(open("2026-11-27T22:59:59Z"));
    assert!(matches!(friday.state_at(utc("2026-11-27T23:00:00Z")), WindowState::PastCutoff { .. }));
    assert!(matches!(friday.state_at(utc("2026-11-27T23:59:59Z")), WindowState::PastCutoff { .. }));
    let WindowState::Closed { next } = friday.state_at(utc("2026-11-28T00:00:00Z")) else {
        panic!("still open")
    };
    assert_eq!(next.unwrap().start, utc("2026-12-04T22:00:00Z"));
    // On Friday from midnight on nothing is open.
    assert!(!open("2026-11-26T23:30:00Z"));
    // The one that is open now is listed first.
    assert_eq!(starts(&friday, "2026-11-27T23:30:00Z", 1), ["Fri 2026-11-27 23:00:00 +0100"]);
}

#[test]
fn a_freeze_suppresses_what_starts_on_its_days_and_says_why() {
    let mut nightly = window("cron(30 23 ? * * *)", "America/New_York");
    let day = |text: &str| text.parse().unwrap();
    nightly.freezes = vec![
        Freeze { from: day("2026-12-24"), until: day("2026-12-26"), reason: "holidays".to_owned() },
        Freeze { from: day("2026-12-27"), until: day("2026-12-27"), reason: "stocktaking".to_owned() },
    ];
    let listed: Vec<_> = nightly.occurrences(utc("2026-12-24T12:00:00Z")).take(5).map(|o| o.frozen).collect();
    let holidays = Some("holidays".to_owned());
    let wanted = [holidays.clone(), holidays.clone(), holidays, Some("stocktaking".to_owned()), None];
    assert_eq!(listed, wanted);
    // The one of the evening before runs on into the freeze; it is already the 24th there.
    assert!(matches!(nightly.state_at(utc("2026-12-24T05:15:00Z")), WindowState::Open { .. }));
    let WindowState::Closed { next } = nightly.state_at(utc("2026-12-25T05:00:00Z")) else {
        panic!("opened")
    };
    assert_eq!(next.unwrap().start, utc("2026-12-29T04:30:00Z"));
}

#[test]
fn where_occurrences_overlap_the_newest_counts() {
    let hourly = window("rate(1 hour)", "UTC");
    let WindowState::Open { occurrence } = hourly.state_at(utc("2026-11-24T12:30:00Z")) else {
        panic!("closed")
    };
    assert_eq!(occurrence.start, utc("2026-11-24T12:00:00Z"));
    let starts: Vec<_> = hourly.occurrences(utc("2026-11-24T12:30:00Z")).map(|o| o.start).take(2).collect();
    assert_eq!(starts, [utc("2026-11-24T11:00:00Z"), utc("2026-11-24T12:00:00Z")]);
}

#[test]
fn a_disabled_window_and_one_whose_years_are_over_never_open() {
    let mut disabled = window("cron(*/5 * ? * * *)", "UTC");
    disabled.enabled = false;
    assert_eq!(disabled.state_at(utc("2026-11-24T12:30:00Z")), WindowState::Closed { next: None });
    let over = window("cron(0 2 ? * * 2020-2025)", "UTC");
    assert_eq!(over.state_at(utc("2026-11-24T02:30:00Z")), WindowState::Closed { next: None });
    assert_eq!(over.occurrences(utc("2025-12-31T12:00:00Z")).count(), 0);
    assert_eq!(starts(&window("cron(0 2 ? * * *)", "UTC"), "2199-12-31T00:00:00Z", 9).len(), 1);
}

#[test]
fn hostile_values_end_with_an_answer() {
    let mut odd = window("cron(0 2 ? * * *)", "Pacific/Kiritimati");
    (odd.duration_minutes, odd.cutoff_minutes, odd.schedule_offset_days) =
        (u32::MAX, u32::MAX, Some(u32::MAX));
    (odd.start_date, odd.end_date) = (Some(DateTime::<Utc>::MIN_UTC), Some(DateTime::<Utc>::MAX_UTC));
    let all = |reason: &str| Freeze {
        from: chrono::NaiveDate::MIN,
        until: chrono::NaiveDate::MAX,
        reason: reason.to_owned(),
    };
    for schedule in
        ["cron(*/5 * ? * * *)", "rate(5 minutes)", "rate(10000000 days)", "at(2199-12-31T23:59:59)"]
    {
        odd.schedule = Schedule::parse(schedule).unwrap();
        for freezes in [Vec::new(), vec![all("for ever")], vec![all("a"), all("b")]] {
            odd.freezes = freezes;
            for now in [DateTime::<Utc>::MIN_UTC, DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC] {
                let state = odd.state_at(now);
                assert!(
                    !matches!(state, WindowState::Open { .. }),
                    "a cutoff as long as the window leaves nothing"
                );
                assert!(odd.occurrences(now).take(300).all(|o| o.start <= o.cutoff && o.cutoff <= o.end));
            }
        }
    }
    // A start date far ahead of a dense schedule costs nothing to reach.
    let mut late = window("cron(*/5 * ? * * *)", "UTC");
    late.start_date = Some(utc("2199-06-01T00:00:00Z"));
    assert_eq!(late.occurrences(DateTime::UNIX_EPOCH).next().unwrap().start, utc("2199-06-01T00:00:00Z"));
    // A freeze of 200 years before a dense schedule is passed in one step.
    let mut dense = window("cron(*/5 * ? * * *)", "UTC");
    let day = |text: &str| text.parse().unwrap();
    dense.freezes =
        vec![Freeze { from: day("1970-01-01"), until: day("2198-12-31"), reason: "for ages".to_owned() }];
    let WindowState::Closed { next } = dense.state_at(utc("1980-01-01T00:00:00Z")) else { panic!("opened") };
    assert_eq!(next.unwrap().start, utc("2199-01-01T00:00:00Z"));
}

#[test]
fn a_window_reads_back_as_it_was_written() {
    let mut window = window("cron(0 2 ? * TUE#2 *)", "Europe/Dublin");
    window.tasks = serde_json::from_value(serde_json::json!([
        {"name": "patch", "priority": 1, "targets": [{"key": "tag:Patch Group", "values": ["web"]}],
         "max_concurrency": "10%", "max_errors": 0,
         "action": {"task_type": "INSTALL", "reboot_option": "NoReboot"}},
        {"name": "tell", "priority": 2, "targets": [], "max_concurrency": null, "max_errors": null,
         "cutoff_behavior": "CANCEL_TASK",
         "action": {"task_type": "LAMBDA", "function": "SSM-tell", "payload": "{}"}},
        {"name": "run", "priority": 3, "targets": [{"key": "InstanceIds", "values": ["n1"]}],
         "max_concurrency": 1, "max_errors": 1,
         "action": {"task_type": "RUN_COMMAND", "document_name": "check", "parameters": {"x": ["1"]},
                    "timeout_seconds": 600}},
    ]))
    .unwrap();
    assert_eq!(window.problems(), []);
    let text = serde_json::to_string(&window).unwrap();
    assert_eq!(serde_json::from_str::<MaintenanceWindow>(&text).unwrap(), window);
    let executed: Vec<_> = window.tasks.iter().map(|task| task.action.is_executed()).collect();
    assert_eq!(executed, [true, false, false]);
}

#[test]
fn problems_name_the_field_that_breaks_a_rule() {
    let fields = |change: &dyn Fn(&mut MaintenanceWindow)| -> Vec<&'static str> {
        let mut window = window("cron(0 2 ? * * *)", "UTC");
        change(&mut window);
        window.problems().into_iter().map(|problem| problem.field).collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(fields(&|_| ()), none);
    assert_eq!(fields(&|w| w.duration_minutes = 1441), ["duration_minutes"]);
    assert_eq!(fields(&|w| w.duration_minutes = 0), ["duration_minutes", "cutoff_minutes"]);
    assert_eq!(fields(&|w| w.cutoff_minutes = 120), ["cutoff_minutes"]);
    assert_eq!(fields(&|w| w.splay_minutes = 60), ["splay_minutes"]);
    assert_eq!(fields(&|w| w.schedule_offset_days = Some(7)), ["schedule_offset_days"]);
    assert_eq!(
        fields(&|w| {
            w.schedule = Schedule::parse("rate(1 day)").unwrap();
            w.schedule_offset_days = Some(1);
        }),
        ["schedule_offset_days"]
    );
    assert_eq!(
        fields(&|w| {
            w.start_date = Some(utc("2026-01-01T00:00:00Z"));
            w.end_date = w.start_date.map(|start| start - TimeDelta::days(1));
        }),
        ["end_date"]
    );
}

#[test]
fn problems_of_tasks_and_targets_say_what_to_change() {
    let say = |tasks: serde_json::Value, wanted: &[&str]| {
        let mut window = window("cron(0 2 ? * * *)", "UTC");
        window.targets = serde_json::from_value(serde_json::json!([
            {"name": "web", "targets": [{"key": "tag:Patch Group", "values": ["web"]}]},
        ]))
        .unwrap();
        window.tasks = serde_json::from_value(tasks).unwrap();
        let found: Vec<_> = window.problems().into_iter().map(|problem| problem.message).collect();
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.contains(wanted), "{found}");
        }
    };
    let task = |targets: serde_json::Value, limit: Option<&str>, kind: &str| {
        serde_json::json!([{"name": "t", "priority": 1, "targets": targets, "max_concurrency": limit,
            "max_errors": limit, "action": {"task_type": kind, "function": "f"}}])
    };
    let on = |key: &str, values: &[&str]| serde_json::json!([{"key": key, "values": values}]);
    say(task(on("WindowTargetIds", &["web"]), Some("1"), "SCAN"), &[]);
    say(task(on("WindowTargetIds", &["db"]), Some("1"), "SCAN"), &["names db"]);
    say(task(on("tag:x", &["a"]), None, "SCAN"), &["both required"]);
    say(task(on("tag:x", &[]), Some("1"), "SCAN"), &["no values"]);
    say(task(on("resource-groups:Name", &["a", "b"]), Some("1"), "SCAN"), &["2 values: at most 1"]);
    say(task(serde_json::json!([]), None, "INSTALL"), &["targets are missing"]);
    say(task(serde_json::json!([]), None, "LAMBDA"), &[]);
    say(task(serde_json::json!([]), Some("1"), "LAMBDA"), &["remove them"]);
    let one = &task(serde_json::json!([]), None, "LAMBDA")[0];
    say(serde_json::json!([one, one]), &["given twice", "given twice"]);

    let mut window = window("cron(0 2 ? * * *)", "UTC");
    window.targets = serde_json::from_value(serde_json::json!([
        {"name": "a", "targets": []},
        {"name": "b", "targets": [{"key": "WindowTargetIds", "values": ["a"]}]},
    ]))
    .unwrap();
    let fields: Vec<_> = window.problems().into_iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["targets", "targets"]);
}
