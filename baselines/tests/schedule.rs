//! Schedule expressions, clause by clause: every example of the reference, refusals, clock changes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "sample/window.rs"]
mod sample;

use patchflock_baselines::schedule::{Field, Schedule};
use sample::{starts, utc, window};

fn check(schedule: &str, zone: &str, from: &str, wanted: &[&str]) {
    assert_eq!(starts(&window(schedule, zone), from, wanted.len()), wanted, "{schedule} in {zone}");
}

fn refused(schedule: &str, field: Field, hint: &str) {
    let Err(error) = Schedule::parse(schedule) else { panic!("{schedule} was taken") };
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
