//! Occurrences of a window: when it opens, stops starting things, and closes.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Setting, local, past_last_instant};
use crate::window::{Freeze, MAX_DURATION_MINUTES, MAX_OFFSET_DAYS, MaintenanceWindow};

/// One firing of a window. The end is exclusive: at `cutoff` nothing starts any more, at `end` it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// When it opens.
    pub start: DateTime<Utc>,
    /// From here on nothing new starts.
    pub cutoff: DateTime<Utc>,
    /// When it closes. What has started may run on (reference 6.2).
    pub end: DateTime<Utc>,
    /// The reason of the freeze that suppresses it. Such an occurrence is listed so that people see what does not
    /// happen and why; it never opens.
    pub frozen: Option<String>,
}

/// What a window is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WindowState {
    /// Nothing may start.
    Closed {
        /// The next occurrence that is not frozen; `None` if there is none, or the window is disabled.
        next: Option<Occurrence>,
    },
    /// Work may start.
    Open {
        /// This one.
        occurrence: Occurrence,
    },
    /// What has started may go on, nothing new starts.
    PastCutoff {
        /// This one.
        occurrence: Occurrence,
    },
}

impl MaintenanceWindow {
    /// Every occurrence that ends after `from`, by start, without end where the schedule has none.
    ///
    /// So the first may have started before `from` and be open now, perhaps since before midnight. Frozen ones
    /// are included and marked. A disabled window has none. Occurrences overlap where the duration is longer than
    /// the interval: a start while the previous *run* still works is skipped by the runner, which knows that
    /// (reference 6.11); a schedule does not.
    ///
    /// A start lies at or after `start_date` and before `end_date`. With an offset the cron match itself must lie
    /// at or after `start_date`, too: a period whose match is past is skipped, even if its offset day lies ahead
    /// (reference 6.2).
    pub fn occurrences(&self, from: DateTime<Utc>) -> impl Iterator<Item = Occurrence> + '_ {
        let after = from.checked_sub_signed(self.duration()).unwrap_or(DateTime::<Utc>::MIN_UTC);
        self.starting_at_or_after(after).filter(move |occurrence| occurrence.end > from)
    }

    /// Whether work may start at this instant.
    ///
    /// Where occurrences overlap, the newest one counts: all nodes then name the same run.
    #[must_use]
    pub fn state_at(&self, now: DateTime<Utc>) -> WindowState {
        let started = self.occurrences(now).take_while(|occurrence| occurrence.start <= now);
        match started.filter(|occurrence| occurrence.frozen.is_none()).last() {
            Some(occurrence) if now < occurrence.cutoff => WindowState::Open { occurrence },
            Some(occurrence) => WindowState::PastCutoff { occurrence },
            None => WindowState::Closed { next: self.next_unfrozen(now) },
        }
    }

    /// The first occurrence that starts after `now` and is not frozen. Jumps over whole freezes, so that a long
    /// one does not cost a step for each of its occurrences.
    fn next_unfrozen(&self, now: DateTime<Utc>) -> Option<Occurrence> {
        let mut from = now.checked_add_signed(TimeDelta::nanoseconds(1))?;
        // Each round leaves a freeze behind for good, but for a local day that comes twice.
        for _ in 0..=self.freezes.len().saturating_mul(2) {
            let occurrence = self.starting_at_or_after(from).next()?;
            let Some(freeze) = self.freeze_on(occurrence.start) else { return Some(occurrence) };
            let thaw = freeze.until.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN);
            let second = TimeDelta::seconds(1);
            from = local::instant(thaw, self.schedule_timezone)?
                .max(occurrence.start.checked_add_signed(second)?);
        }
        None
    }

    fn starting_at_or_after(&self, from: DateTime<Utc>) -> impl Iterator<Item = Occurrence> + '_ {
        let setting = Setting {
            timezone: self.schedule_timezone,
            // Only cron has an offset, and the schedules that have none ignore it.
            offset_days: self.schedule_offset_days.unwrap_or(0).min(MAX_OFFSET_DAYS),
            start_date: self.start_date,
        };
        let end_date = self.end_date.unwrap_or_else(past_last_instant);
        let starts = self.enabled.then(|| self.schedule.starts(from, setting)).into_iter().flatten();
        starts.take_while(move |start| *start < end_date).filter_map(|start| self.occurrence(start))
    }

    fn occurrence(&self, start: DateTime<Utc>) -> Option<Occurrence> {
        let end = start.checked_add_signed(self.duration())?;
        let cutoff = end.checked_sub_signed(TimeDelta::minutes(self.cutoff_minutes.into()))?.max(start);
        Some(Occurrence { start, cutoff, end, frozen: self.freeze_on(start).map(|f| f.reason.clone()) })
    }

    /// The freeze that suppresses a start: the first one that covers its local day.
    fn freeze_on(&self, start: DateTime<Utc>) -> Option<&Freeze> {
        let day = start.with_timezone(&self.schedule_timezone).date_naive();
        self.freezes.iter().find(|freeze| freeze.covers(day))
    }

    /// The duration, within its bounds even in a window that nobody validated.
    fn duration(&self) -> TimeDelta {
        TimeDelta::minutes(self.duration_minutes.min(MAX_DURATION_MINUTES).into())
    }
}
