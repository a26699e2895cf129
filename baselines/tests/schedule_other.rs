//! Schedules against another cron crate, where the dialects agree.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_baselines::window::MaintenanceWindow;

/// Where the dialects agree: croner with Quartz's weekday numbers, both day fields binding, UTC, five years.
#[test]
fn another_cron_crate_names_the_same_instants() {
    use croner::parser::{CronParser, Seconds};
    let parser =
        CronParser::builder().seconds(Seconds::Required).dom_and_dow(true).alternative_weekdays(true).build();
    // (ours, croner's where it is written otherwise)
    let table = [
        ("0 2 ? * THU#3 *", None),
        ("15 10 ? * * *", None),
        ("15 10 ? * MON-FRI *", None),
        ("0 2 L * ? *", None),
        ("0 10 * * ? *", None),
        ("15 10 ? * 6L *", Some("15 10 ? * FRI#L *")),
        ("0 8 1 * ? *", None),
        ("30 23 ? * TUE#2 *", None),
        ("30 23 ? * 3#5 *", None),
        ("5/15 4-20/3 1-30/7 2,5,JUL ? *", Some("5-59/15 4-20/3 1-30/7 2,5,JUL ? *")),
        ("0 0 1W * ? *", None),
        ("0 0 15W * ? *", None),
        ("0 0 30W * ? *", None),
        ("0 0 31W * ? *", None),
        ("0 12 29 2 ? *", None),
        ("0 0 ? JAN-MAR SUN,7 *", None),
    ];
    let from: DateTime<Utc> = "2023-12-31T00:00:00Z".parse().unwrap();
    let to = from + TimeDelta::days(5 * 366);
    for (ours, theirs) in table {
        let theirs = format!("0 {}", theirs.unwrap_or(ours));
        let other = parser.parse(&theirs).unwrap_or_else(|error| panic!("croner on {theirs}: {error}"));
        let mut wanted = Vec::new();
        let mut at = from;
        while let Ok(next) = other.find_next_occurrence(&at, false) {
            if next >= to {
                break;
            }
            wanted.push(next);
            at = next;
        }
        let window: MaintenanceWindow = serde_json::from_value(serde_json::json!({
            "name": "other", "schedule": format!("cron({ours})"), "duration_minutes": 1, "cutoff_minutes": 0,
            "allow_unassociated_targets": true,
        }))
        .unwrap();
        let found: Vec<_> = window.occurrences(from).map(|o| o.start).take_while(|at| *at < to).collect();
        assert!(!found.is_empty(), "{ours} names nothing");
        assert_eq!(found, wanted, "{ours}");
    }
}
