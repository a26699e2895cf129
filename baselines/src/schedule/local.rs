//! From a local time to the one instant at which it counts.
//!
//! AWS documents nothing about clock changes (reference 6.2). Ours: a local time that is skipped counts at the
//! first instant after the gap, so that no occurrence is lost; one that comes twice counts once, the first time,
//! so that nothing runs twice. Both keep the order of local times. A start that moves may come closer to the next
//! than the least interval; what then overlaps is the runner's to skip (reference 6.11).

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// The instant of a local time.
///
/// The zone tables end with 2099: later years keep the offset that is in force at its end.
pub(super) fn instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => Some(at.with_timezone(&Utc)),
        LocalResult::Ambiguous(one, other) => Some(one.min(other).with_timezone(&Utc)),
        LocalResult::None => Some(GapInfo::new(&local, &zone)?.end?.with_timezone(&Utc)),
    }
}
