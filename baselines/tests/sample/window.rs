//! Windows for the tests of schedules, and how their starts are written down.

use chrono::{DateTime, Utc};
use patchflock_baselines::schedule::Occurrence;
use patchflock_baselines::window::MaintenanceWindow;

/// A window as a document would give it; its defaults are the type's own.
pub(crate) fn window(schedule: &str, zone: &str) -> MaintenanceWindow {
    serde_json::from_value(serde_json::json!({
        "name": "nightly", "schedule": schedule, "schedule_timezone": zone,
        "duration_minutes": 120, "cutoff_minutes": 60, "allow_unassociated_targets": false,
    }))
    .unwrap_or_else(|error| panic!("{schedule}: {error}"))
}

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The first starts after an instant, in the window's own zone.
pub(crate) fn starts(window: &MaintenanceWindow, from: &str, count: usize) -> Vec<String> {
    let local =
        |o: Occurrence| o.start.with_timezone(&window.schedule_timezone).format("%a %F %T %z").to_string();
    window.occurrences(utc(from)).map(local).take(count).collect()
}
