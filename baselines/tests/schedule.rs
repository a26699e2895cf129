//! Schedules and windows, clause by clause: every example of AWS's pages, clock changes, offsets, bounds, freezes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_baselines::schedule::{Field, Occurrence, Schedule, WindowState};
use patchflock_baselines::window::{Freeze, MaintenanceWindow};

/// A window as a document would give it; its defaults are the type's own.
fn window(schedule: &str, zone: &str) -> MaintenanceWindow {
    serde_json::from_value(serde_json::json!({
        "name": "nightly", "schedule": schedule, "schedule_timezone": zone,
        "duration_minutes": 120, "cutoff_minutes": 60, "allow_unassociated_targets": false,
    }))
    .unwrap_or_else(|error| panic!("{schedule}: {error}"))
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The first starts after an instant, in the window's own zone.
fn starts(window: &MaintenanceWindow, from: &str, count: usize) -> Vec<String> {
    let local =
        |o: Occurrence| o.start.with_timezone(&window.schedule_timezone).format("%a %F %T %z").to_string();
    window.occurrences(utc(from)).map(local).take(count).collect()
}

fn check(schedule: &str, zone: &str, from: &str, wanted: &[&str]) {
    assert_eq!(starts(&window(schedule, zone), from, wanted.len()), wanted, "{schedule} in {zone}");
}

fn refused(schedule: &str, field: Field, hint: &str) {
    let error = Schedule::parse(schedule).expect_err(schedule);
    assert_eq!(error.field, field, "{schedule}: {error}");
    assert!(error.to_string().contains(hint), "{schedule}: {error}");
}

#[test]
fn every_cron_example_of_the_reference_fires_when_the_table_says() {
    let from = "2026-11-01T00:00:00Z";
    let table: [(&str, &[&str]); 10] = [
        ("cron(0 2 ? * THU#3 *)", &["Thu 2026-11-19 02:00:00 +0000", "Thu 2026-12-17 02:00:00 +0000"]),
        ("cron(15 10 ? * * *)", &["Sun 2026-11-01 10:15:00 +0000", "Mon 2026-11-02 10:15:00 +0000"]),
        ("cron(15 10 ? * MON-FRI *)", &["Mon 2026-11-02 10:15:00 +0000", "Tue 2026-11-03 10:15:00 +0000"]),
        ("cron(0 2 L * ? *)", &["Mon 2026-11-30 02:00:00 +0000", "Thu 2026-12-31 02:00:00 +0000"]),
        ("cron(15 10 ? * 6L *)", &["Fri 2026-11-27 10:15:00 +0000", "Fri 2026-12-25 10:15:00 +0000"]),
        ("cron(24 30 09 ? * * *)", &["Sun 2026-11-01 09:30:24 +0000", "Mon 2026-11-02 09:30:24 +0000"]),
        ("cron(0 18 ? * MON-FRI *)", &["Mon 2026-11-02 18:00:00 +0000"]),
        ("cron(0 8 1 * ? *)", &["Sun 2026-11-01 08:00:00 +0000", "Tue 2026-12-01 08:00:00 +0000"]),
        ("cron(0 10 * * ? *)", &["Sun 2026-11-01 10:00:00 +0000", "Mon 2026-11-02 10:00:00 +0000"]),
        ("cron(0 2 ? * TUE#2 *)", &["Tue 2026-11-10 02:00:00 +0000", "Tue 2026-12-08 02:00:00 +0000"]),
    ];
    for (schedule, wanted) in table {
        check(schedule, "UTC", from, wanted);
    }
}

#[test]
fn wildcards_lists_steps_and_names_mean_what_the_reference_says() {
    let from = "2026-02-01T00:00:00Z";
    let table: [(&str, &[&str]); 9] = [
        ("cron(1/10 0 1 2 ? *)", &["Sun 2026-02-01 00:01:00 +0000", "Sun 2026-02-01 00:11:00 +0000"]),
        ("cron(0 0 ? * 5#3 *)", &["Thu 2026-02-19 00:00:00 +0000"]),
        ("cron(0 0 ? * L *)", &["Sat 2026-02-07 00:00:00 +0000", "Sat 2026-02-14 00:00:00 +0000"]),
        ("cron(0 0 ? * 1 *)", &["Sun 2026-02-01 00:00:00 +0000", "Sun 2026-02-08 00:00:00 +0000"]),
        ("cron(0 0 ? mar,Jul sun *)", &["Sun 2026-03-01 00:00:00 +0000"]),
        ("cron(0 0 LW * ? *)", &["Fri 2026-02-27 00:00:00 +0000", "Tue 2026-03-31 00:00:00 +0000"]),
        ("cron(0 0 ? * MON/3 *)", &["Mon 2026-02-02 00:00:00 +0000", "Thu 2026-02-05 00:00:00 +0000"]),
        ("cron(0 0 1,l * ? *)", &["Sun 2026-02-01 00:00:00 +0000", "Sat 2026-02-28 00:00:00 +0000"]),
        ("cron(0 0 1 1 ? 2101/50)", &["Sat 2101-01-01 00:00:00 +0000", "Fri 2151-01-01 00:00:00 +0000"]),
    ];
    for (schedule, wanted) in table {
        check(schedule, "UTC", from, wanted);
    }
}

#[test]
fn the_nearest_weekday_stays_in_its_month_and_a_missing_day_skips_it() {
    // 2026-08-01 is a Saturday, 2026-05-31 a Sunday.
    check("cron(0 0 1W 8 ? *)", "UTC", "2026-07-01T00:00:00Z", &["Mon 2026-08-03 00:00:00 +0000"]);
    check("cron(0 0 31W 4,5 ? *)", "UTC", "2026-04-01T00:00:00Z", &["Fri 2026-05-29 00:00:00 +0000"]);
    check(
        "cron(0 0 15W 8,11 ? *)",
        "UTC",
        "2026-08-01T00:00:00Z",
        &["Fri 2026-08-14 00:00:00 +0000", "Mon 2026-11-16 00:00:00 +0000"],
    );
    // A fifth Tuesday comes in March and June 2026, not in between.
    check(
        "cron(0 0 ? * TUE#5 *)",
        "UTC",
        "2026-03-01T00:00:00Z",
        &["Tue 2026-03-31 00:00:00 +0000", "Tue 2026-06-30 00:00:00 +0000"],
    );
}

#[test]
fn refusals_name_the_field_and_say_what_to_write() {
    let table = [
        ("rate(1 hours)", Field::Rate, "use 'hour' with 1"),
        ("rate(5 hour)", Field::Rate, "use 'hours' with 5"),
        ("rate(0 days)", Field::Rate, "positive"),
        ("rate(4 minutes)", Field::Rate, "every 5 minutes"),
        ("rate(1 weeks)", Field::Rate, "minutes, hours or days"),
        ("rate(-1 days)", Field::Rate, "positive"),
        ("rate(1 days )", Field::Rate, "minutes, hours or days"),
        ("rate(5  days)", Field::Rate, "minutes, hours or days"),
        ("at(2026-11-31T00:00:00)", Field::At, "no such date"),
        ("at(2026-11-30T00:00:60)", Field::At, "no such date"),
        ("at(2026-11-30T00:00)", Field::At, "yyyy-mm-ddThh:mm:ss"),
        ("at(2026-11-30T00:00:00Z)", Field::At, "without fractions or an offset"),
        ("at(1969-12-31T00:00:00)", Field::At, "1970 to 2199"),
        ("Cron(0 2 ? * * *)", Field::Schedule, "lower case"),
        ("0 2 * * *", Field::Schedule, "write cron("),
        ("cron(0 2 ? * * *", Field::Schedule, "write cron("),
        ("cron(0 2 ? * *)", Field::Schedule, "this has 5"),
        ("cron(0 2 ? * * * * *)", Field::Schedule, "this has 8"),
        ("cron(@daily)", Field::Schedule, "this has 1"),
        ("cron(60 2 ? * * *)", Field::Minutes, "0-59"),
        ("cron(0 24 ? * * *)", Field::Hours, "0-23"),
        ("cron(0 2 32 * ? *)", Field::DayOfMonth, "1-31"),
        ("cron(0 2 0W * ? *)", Field::DayOfMonth, "15W"),
        ("cron(0 2 L-3 * ? *)", Field::DayOfMonth, "not part of AWS's dialect"),
        ("cron(0 2 1 13 ? *)", Field::Month, "JAN-DEC"),
        ("cron(0 2 1 L ? *)", Field::Month, "JAN-DEC"),
        ("cron(0 2 1 ? * *)", Field::DayOfWeek, "must be `?`"),
        ("cron(0 2 * * * *)", Field::DayOfWeek, "must be `?`"),
        ("cron(0 2 ? * ? *)", Field::DayOfMonth, "both `?`"),
        ("cron(0 ? ? * * *)", Field::Hours, "only in day-of-month or day-of-week"),
        ("cron(0 2 ? * 8 *)", Field::DayOfWeek, "1 = Sunday"),
        ("cron(0 2 ? * MONDAY *)", Field::DayOfWeek, "SUN-SAT"),
        ("cron(0 2 ? * FRI-MON *)", Field::DayOfWeek, "goes upwards"),
        ("cron(0 2 ? * 5#6 *)", Field::DayOfWeek, "1 to 5"),
        ("cron(0 2 ? * #3 *)", Field::DayOfWeek, "1-7"),
        ("cron(0 2 ? * 2W *)", Field::DayOfWeek, "1-7"),
        ("cron(0 2 ? * * 1969)", Field::Year, "1970-2199"),
        ("cron(0 2 ? * * 2200)", Field::Year, "1970-2199"),
        ("cron(/15 2 ? * * *)", Field::Minutes, "write `*/15`"),
        ("cron(0,,30 2 ? * * *)", Field::Minutes, "comma"),
        ("cron(*/0 2 ? * * *)", Field::Minutes, "step is not 0"),
        ("cron(+5 2 ? * * *)", Field::Minutes, "0-59"),
        ("cron(0\t2 ? * * *)", Field::Schedule, "this has 5"),
        ("cron(0 2 30 2 ? *)", Field::Schedule, "no day"),
        ("cron(0 2 29 2 ? 2026)", Field::Schedule, "no day"),
        ("cron(* 2 ? * * *)", Field::Schedule, "every 5 minutes"),
        ("cron(0,4 2 ? * * *)", Field::Schedule, "every 5 minutes"),
        ("cron(0,30 0 2 ? * * *)", Field::Schedule, "every 5 minutes"),
        ("cron(2,58 0,23 ? * * *)", Field::Schedule, "every 5 minutes"),
    ];
    for (schedule, field, hint) in table {
        refused(schedule, field, hint);
    }
    refused(&format!("cron(0 2 ? * {} *)", "1,".repeat(130)), Field::Schedule, "at most 256");
}

#[test]
fn five_minutes_apart_is_allowed_and_midnight_counts_only_between_neighbouring_days() {
    for good in ["cron(*/5 * ? * * *)", "cron(0,5 0 ? * * *)", "rate(5 minutes)", "cron(2,58 0,23 1 * ? *)"] {
        assert_eq!(Schedule::parse(good).unwrap().to_string(), good);
    }
}

#[test]
fn a_local_time_in_a_gap_moves_to_its_end_and_a_repeated_one_runs_once() {
    let table: [(&str, &str, &str, &[&str]); 8] = [
        (
            "cron(30 2 ? * * *)",
            "America/New_York",
            "2024-03-09T12:00:00Z",
            &["Sun 2024-03-10 03:00:00 -0400", "Mon 2024-03-11 02:30:00 -0400"],
        ),
        (
            "cron(30 1 ? * * *)",
            "America/New_York",
            "2024-11-02T12:00:00Z",
            &["Sun 2024-11-03 01:30:00 -0400", "Mon 2024-11-04 01:30:00 -0500"],
        ),
        (
            "cron(15 2 ? * * *)",
            "Australia/Lord_Howe",
            "2024-10-05T00:00:00Z",
            &["Sun 2024-10-06 02:30:00 +1100", "Mon 2024-10-07 02:15:00 +1100"],
        ),
        (
            "cron(45 1 ? * * *)",
            "Australia/Lord_Howe",
            "2024-04-06T00:00:00Z",
            &["Sun 2024-04-07 01:45:00 +1100", "Mon 2024-04-08 01:45:00 +1030"],
        ),
        (
            "cron(0 2 ? * * *)",
            "Pacific/Apia",
            "2011-12-29T00:00:00Z",
            &[
                "Thu 2011-12-29 02:00:00 -1000",
                "Sat 2011-12-31 00:00:00 +1400",
                "Sat 2011-12-31 02:00:00 +1400",
            ],
        ),
        (
            "cron(30 1 ? * * *)",
            "Europe/Dublin",
            "2024-10-26T12:00:00Z",
            &["Sun 2024-10-27 01:30:00 +0100", "Mon 2024-10-28 01:30:00 +0000"],
        ),
        // Santiago's gap is at midnight: the day begins at 01:00.
        (
            "cron(0 0 ? * SUN *)",
            "America/Santiago",
            "2024-09-02T12:00:00Z",
            &["Sun 2024-09-08 01:00:00 -0300"],
        ),
        // Both times lie in one gap: one start.
        (
            "cron(15,45 2 ? * * *)",
            "Europe/Berlin",
            "2024-03-31T00:00:00Z",
            &["Sun 2024-03-31 03:00:00 +0200", "Mon 2024-04-01 02:15:00 +0200"],
        ),
    ];
    for (schedule, zone, from, wanted) in table {
        let mut window = window(schedule, zone);
        // Short, so that nothing from before `from` is still open.
        (window.duration_minutes, window.cutoff_minutes) = (1, 0);
        assert_eq!(starts(&window, from, wanted.len()), wanted, "{schedule} in {zone}");
    }
}

#[test]
fn a_rate_counts_elapsed_time_from_the_start_date() {
    // Reference 6.2: 2019-01-01 03:15 in Tokyo and every 7 days.
    let mut tokyo = window("rate(7 days)", "Asia/Tokyo");
    tokyo.start_date = Some(utc("2018-12-31T18:15:00Z"));
    tokyo.end_date = Some(utc("2019-01-14T18:15:00Z"));
    let wanted = ["Tue 2019-01-01 03:15:00 +0900", "Tue 2019-01-08 03:15:00 +0900"];
    assert_eq!(starts(&tokyo, "2018-01-01T00:00:00Z", 9), wanted);

    let mut berlin = window("rate(1 day)", "Europe/Berlin");
    berlin.start_date = Some(utc("2024-03-30T01:30:00Z"));
    let wanted = ["Sat 2024-03-30 02:30:00 +0100", "Sun 2024-03-31 03:30:00 +0200"];
    assert_eq!(starts(&berlin, "2024-03-30T00:00:00Z", 2), wanted);

    check(
        "rate(12 hours)",
        "UTC",
        "2026-11-24T12:30:00Z",
        &["Tue 2026-11-24 12:00:00 +0000", "Wed 2026-11-25 00:00:00 +0000"],
    );
}

#[test]
fn at_runs_once_in_the_zone_of_the_window() {
    assert_eq!(
        starts(&window("at(2026-12-01T03:00:00)", "UTC"), "2026-11-24T00:00:00Z", 9),
        ["Tue 2026-12-01 03:00:00 +0000"]
    );
    let tokyo = window("at(2026-12-01T03:00:00)", "Asia/Tokyo");
    assert_eq!(
        tokyo.occurrences(utc("2026-11-24T00:00:00Z")).next().unwrap().start,
        utc("2026-11-30T18:00:00Z")
    );
    assert_eq!(tokyo.occurrences(utc("2026-11-30T20:00:00Z")).next(), None);
    check(
        "at(2024-03-31T02:30:00)",
        "Europe/Berlin",
        "2024-03-01T00:00:00Z",
        &["Sun 2024-03-31 03:00:00 +0200"],
    );
}

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
