//! AWS's cron dialect (reference 6.3): six fields, or seven with leading seconds.
//!
//! The `cron` crate expands the plain fields. It knows no `L`, `W` or `#`, ends in the year 2100, skips local
//! times in a gap and repeats those that come twice; so days ([`super::day`]), years and instants
//! ([`super::local`]) are ours.

use chrono::{DateTime, Datelike, Days as DaySpan, NaiveDate, NaiveTime, Utc};

use super::day::DayRule;
use super::error::{Field, ScheduleError};
use super::{MIN_INTERVAL_MINUTES, Setting, local};

mod field;

/// A cron expression, expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// As written, between the parentheses.
    text: String,
    /// Times of day, ascending.
    times: Vec<NaiveTime>,
    /// Any of them names the day.
    days: Vec<DayRule>,
    /// Months, ascending.
    months: Vec<u32>,
    /// Years, ascending.
    years: Vec<i32>,
}

impl Cron {
    pub(super) fn parse(body: &str) -> Result<Self, ScheduleError> {
        let mut fields: Vec<&str> = body.split(' ').filter(|field| !field.is_empty()).collect();
        if fields.len() == 6 {
            fields.insert(0, "0");
        }
        let [seconds, minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else {
            return Err(ScheduleError::new(
                Field::Schedule,
                body,
                format!(
                    "cron has 6 fields (minutes hours day-of-month month day-of-week year) or 7 with seconds \
                     before them, separated by spaces; this has {}",
                    fields.len()
                ),
            ));
        };
        let seconds = field::plain(Field::Seconds, seconds)?;
        let minutes = field::plain(Field::Minutes, minutes)?;
        let hours = field::plain(Field::Hours, hours)?;
        let days = match (day_of_month, day_of_week) {
            ("?", "?") => {
                return Err(ScheduleError::new(
                    Field::DayOfMonth,
                    "?",
                    "day-of-month and day-of-week are both `?`: write `*` or a value in one of them",
                ));
            }
            (days, "?") => field::days_of_month(days)?,
            ("?", days) => field::days_of_week(days)?,
            (_, days) => {
                return Err(ScheduleError::new(
                    Field::DayOfWeek,
                    days,
                    "one of day-of-month and day-of-week must be `?`, because they would contradict each other",
                ));
            }
        };
        let months = field::plain(Field::Month, month)?;
        let years = field::years(year)?;
        let times = times_of_day(&seconds, &minutes, &hours);
        let cron = Self { text: body.to_owned(), times, days, months, years };
        cron.check(body)?;
        Ok(cron)
    }

    /// It must fire at all, and not too often.
    fn check(&self, body: &str) -> Result<(), ScheduleError> {
        let refuse = |hint: String| Err(ScheduleError::new(Field::Schedule, body, hint));
        if self.dates(NaiveDate::MIN).next().is_none() {
            return refuse("no day of 1970 to 2199 matches: check day, month and year".to_owned());
        }
        let least = i64::from(MIN_INTERVAL_MINUTES) * 60;
        let too_often = || refuse(format!("a window starts at most every {MIN_INTERVAL_MINUTES} minutes"));
        let close = |pair: &[NaiveTime]| matches!(pair, [a, b] if (*b - *a).num_seconds() < least);
        if self.times.windows(2).any(close) {
            return too_often();
        }
        // From the last time of one day to the first of the next, if two days in a row ever match.
        if let (Some(first), Some(last)) = (self.times.first(), self.times.last())
            && (*first - *last).num_seconds() + 24 * 3600 < least
        {
            let mut previous = None;
            for date in self.dates(NaiveDate::MIN) {
                if previous.is_some_and(|p: NaiveDate| p.succ_opt() == Some(date)) {
                    return too_often();
                }
                previous = Some(date);
            }
        }
        Ok(())
    }

    /// Matching days from this one on. Ends with the last year.
    fn dates(&self, from: NaiveDate) -> impl Iterator<Item = NaiveDate> + '_ {
        let years = self.years.iter().filter(move |year| **year >= from.year());
        let months = years.flat_map(|year| self.months.iter().map(move |month| (*year, *month)));
        months
            .filter(move |month| *month >= (from.year(), from.month()))
            .flat_map(|(year, month)| {
                let days = self.days.iter().fold(0, |days, rule| days | rule.days(year, month));
                (1..=31)
                    .filter(move |day| days & (1 << day) != 0)
                    .filter_map(move |day| NaiveDate::from_ymd_opt(year, month, day))
            })
            .filter(move |date| *date >= from)
    }

    pub(super) fn starts(
        &self,
        from: DateTime<Utc>,
        setting: Setting,
    ) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        let Setting { timezone, offset_days, start_date } = setting;
        let offset = DaySpan::new(u64::from(offset_days));
        // No start comes before its match, so nothing before the start date needs a look.
        let from = start_date.map_or(from, |start| start.max(from));
        // Two days early: one for the zone's offset, one for a gap as long as Samoa's skipped day.
        let first = from.date_naive().checked_sub_days(offset);
        let first = first.and_then(|day| day.checked_sub_days(DaySpan::new(2))).unwrap_or(NaiveDate::MIN);
        let mut last = None;
        self.dates(first)
            .flat_map(|date| self.times.iter().map(move |time| date.and_time(*time)))
            // A match before the start date is over, with the offset day that follows it (reference 6.2).
            .filter(move |at| {
                start_date.is_none_or(|start| local::instant(*at, timezone).is_some_and(|at| at >= start))
            })
            .filter_map(move |at| local::instant(at.checked_add_days(offset)?, timezone))
            .filter(move |at| *at >= from)
            // Two local times in one gap are one start.
            .filter(move |at| last.replace(*at) != Some(*at))
    }
}

fn times_of_day(seconds: &[u32], minutes: &[u32], hours: &[u32]) -> Vec<NaiveTime> {
    let mut times = Vec::new();
    for hour in hours {
        for minute in minutes {
            // A second time within the minute proves that it is too often; more would only cost memory.
            times.extend(seconds.iter().take(2).filter_map(|s| NaiveTime::from_hms_opt(*hour, *minute, *s)));
        }
    }
    times
}

impl std::fmt::Display for Cron {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
