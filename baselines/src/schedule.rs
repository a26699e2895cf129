//! When a maintenance window opens: AWS's `cron(…)`, `rate(…)` and `at(…)` (reference 6.2 to 6.4).
//!
//! A schedule is parsed once, wholly, and then only asked for instants. Everything ends: years run from
//! [`FIRST_YEAR`] to [`LAST_YEAR`], and a cron expression that matches no day of them is refused when it is read.
//! What is open when, with offsets, bounds and freezes, is in [`occurrence`].

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

mod at;
mod cron;
mod day;
mod error;
mod local;
pub mod occurrence;
mod rate;

pub use at::At;
pub use cron::Cron;
pub use error::{Field, ScheduleError};
pub use occurrence::{Occurrence, WindowState};
pub use rate::{Rate, Unit};

/// First year a schedule can name (reference 6.3).
pub const FIRST_YEAR: i32 = 1970;

/// Last year a schedule can name; nothing starts after it.
pub const LAST_YEAR: i32 = 2199;

/// Longest schedule in characters (reference 6.1).
pub const MAX_LENGTH: usize = 256;

/// Least time between two starts in minutes. AWS states it for cron; a rate is held to it as well, since it
/// would be the way around (reference 6.4 leaves it open).
pub const MIN_INTERVAL_MINUTES: u32 = 5;

/// When a window starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Schedule {
    /// `cron(minutes hours day-of-month month day-of-week year)`.
    Cron(Cron),
    /// `rate(value unit)`.
    Rate(Rate),
    /// `at(yyyy-mm-ddThh:mm:ss)`.
    At(At),
}

/// What a schedule does not say itself and its window does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Zone in which cron and at are read.
    pub(crate) timezone: Tz,
    /// Days after each cron match.
    pub(crate) offset_days: u32,
    /// Nothing matches before it; anchor of a rate.
    pub(crate) start_date: Option<DateTime<Utc>>,
}

impl Schedule {
    /// Reads an AWS schedule expression.
    ///
    /// # Errors
    /// Whatever is not understood, never fires, or fires more often than [`MIN_INTERVAL_MINUTES`] allows.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let length = text.chars().count();
        if length > MAX_LENGTH {
            return Err(ScheduleError::new(
                Field::Schedule,
                text,
                format!("{length} characters are too many: at most {MAX_LENGTH}"),
            ));
        }
        let body = |form: &str| text.strip_prefix(form)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(body) = body("cron") {
            Cron::parse(body).map(Self::Cron)
        } else if let Some(body) = body("rate") {
            Rate::parse(body).map(Self::Rate)
        } else if let Some(body) = body("at") {
            At::parse(body).map(Self::At)
        } else {
            Err(ScheduleError::new(
                Field::Schedule,
                text,
                "write cron(minutes hours day-of-month month day-of-week year), rate(value unit) or \
                 at(yyyy-mm-ddThh:mm:ss), in lower case and without spaces around it",
            ))
        }
    }

    /// Starts at or after `from`, in order, each once.
    pub(crate) fn starts(
        &self,
        from: DateTime<Utc>,
        setting: Setting,
    ) -> Box<dyn Iterator<Item = DateTime<Utc>> + '_> {
        let from = from.clamp(first_instant(), past_last_instant());
        match self {
            Self::Cron(cron) => Box::new(cron.starts(from, setting)),
            Self::Rate(rate) => Box::new(rate.starts(from, setting)),
            Self::At(at) => Box::new(at.starts(from, setting)),
        }
    }
}

/// Start of the first year, a day early so that every zone's first year is whole.
fn first_instant() -> DateTime<Utc> {
    year_start(FIRST_YEAR) - chrono::TimeDelta::days(1)
}

/// Nothing starts from here on: a day and the largest offset past the last year.
fn past_last_instant() -> DateTime<Utc> {
    year_start(LAST_YEAR + 1) + chrono::TimeDelta::days(8)
}

fn year_start(year: i32) -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN).and_utc()
}

impl std::str::FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        Self::parse(text)
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cron(cron) => write!(f, "cron({cron})"),
            Self::Rate(rate) => write!(f, "rate({rate})"),
            Self::At(at) => write!(f, "at({at})"),
        }
    }
}

impl TryFrom<String> for Schedule {
    type Error = ScheduleError;

    fn try_from(text: String) -> Result<Self, ScheduleError> {
        Self::parse(&text)
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}
