//! The date a wait counts from, and what follows from it (reference 1.7, design 7b "Dates").

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike, Utc};

use super::subject::Subject;
use super::{DateSource, EffectiveDate};
use crate::inventory::Advisory;

/// The date of a version, or `None` where nothing is known.
///
/// A version that was there when its source was first seen is dated by its vendor: `issued` of the deciding
/// advisory (AWS's newest page), else `updated`, else its build time. A version that appeared later is dated
/// by the later of vendor date and first sight, since an advisory can precede the package by days and a build
/// always does.
///
/// What AWS lacks: where neither vendor nor build date exist (Debian, Ubuntu), the version was released at the
/// latest when its source was first seen with it, or else on the `Date` of the signed metadata that carry it
/// now, the earliest of its sources. These are upper bounds, so a wait counted from them is too long and never
/// too short. The second one moves with every refresh of the metadata; the first-seen ledger ends that.
pub(crate) fn effective(
    subject: &Subject<'_>,
    advisory: Option<&Advisory>,
    metadata_date: impl FnOnce() -> Option<DateTime<Utc>>,
) -> Option<EffectiveDate> {
    let dated = |at: DateTime<Utc>, source| EffectiveDate { at, source };
    let vendor = advisory.and_then(|a| {
        a.issued
            .map(|at| dated(at, DateSource::AdvisoryIssued))
            .or(a.updated.map(|at| dated(at, DateSource::AdvisoryUpdated)))
    });
    let first_seen = subject.first_seen.map(|seen| dated(seen.at, DateSource::FirstSeen));
    if subject.first_seen.is_some_and(|seen| !seen.at_first_sight_of_source) {
        return match (vendor, first_seen) {
            (Some(vendor), Some(seen)) if vendor.at >= seen.at => Some(vendor),
            (_, seen) => seen,
        };
    }
    vendor
        .or(subject.build_time.map(|at| dated(at, DateSource::BuildTime)))
        .or(first_seen)
        .or_else(|| metadata_date().map(|at| dated(at, DateSource::MetadataDate)))
}

/// When a wait of `days` × 24 h from `from` ends. A wait beyond the calendar ends never, which is its last day.
pub(crate) fn due(from: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    TimeDelta::try_days(i64::from(days))
        .and_then(|wait| from.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Whether `at` is no later than the end of the UTC day `day` (its last nanosecond included).
pub(crate) fn within(at: DateTime<Utc>, day: chrono::NaiveDate) -> bool {
    at.date_naive() <= day
}

/// A date for people: the day alone at midnight, else with minutes, always UTC.
pub(crate) fn words(at: DateTime<Utc>) -> String {
    if at.time() == NaiveTime::MIN { at.date_naive().to_string() } else { minutes(at) }
}

/// A point in time for people. Without a format string, which chrono would parse anew for every patch.
pub(crate) fn minutes(at: DateTime<Utc>) -> String {
    format!("{} {:02}:{:02} UTC", at.date_naive(), at.hour(), at.minute())
}

/// What happened on a date, for people: `issued 2026-11-03`.
pub(crate) fn event(date: &EffectiveDate) -> String {
    let day = words(date.at);
    match date.source {
        DateSource::AdvisoryIssued => format!("issued {day}"),
        DateSource::AdvisoryUpdated => format!("updated {day}"),
        DateSource::BuildTime => format!("built {day}"),
        DateSource::FirstSeen => format!("first seen {day}"),
        DateSource::MetadataDate => format!("released by {day} (the date of its index)"),
    }
}
