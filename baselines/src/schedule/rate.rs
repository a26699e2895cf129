//! `rate(value unit)`: every so much elapsed time, whatever local clocks do (reference 6.4).

use chrono::{DateTime, TimeDelta, Utc};

use super::error::{Field, ScheduleError};
use super::{MIN_INTERVAL_MINUTES, Setting, past_last_instant};

/// A period of elapsed time.
///
/// It counts from `start_date` and fires there first. AWS replaces a past start date by the time of creation
/// (reference 6.2); a document has no such time that all nodes agree on, so ours keeps counting from the date that
/// is written, however long ago. Without one it counts from 1970-01-01T00:00:00Z, for the same reason: every node
/// must compute the same starts from the document alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    value: u32,
    unit: Unit,
}

/// Unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 60 seconds.
    Minute,
    /// 3600 seconds.
    Hour,
    /// 24 hours of elapsed time, also on days that have more or fewer.
    Day,
}

impl Unit {
    const fn minutes(self) -> u32 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 24 * 60,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl Rate {
    pub(super) fn parse(body: &str) -> Result<Self, ScheduleError> {
        let refuse = |hint: String| ScheduleError::new(Field::Rate, body, hint);
        let (number, word) = body
            .split_once(' ')
            .filter(|(number, word)| !number.is_empty() && !word.is_empty())
            .ok_or_else(|| refuse("write a number, one space and minutes, hours or days".to_owned()))?;
        if !number.bytes().all(|b| b.is_ascii_digit()) || number.starts_with('0') {
            return Err(refuse(format!("`{number}` is not a positive whole number")));
        }
        // More is a typing error, and the bound keeps the arithmetic far from its limits.
        let value = number
            .parse::<u32>()
            .ok()
            .filter(|value| *value <= 10_000_000)
            .ok_or_else(|| refuse(format!("{number} is too large: at most 10000000")))?;
        let unit = [Unit::Minute, Unit::Hour, Unit::Day]
            .into_iter()
            .find(|unit| word.strip_suffix('s').unwrap_or(word) == unit.name())
            .ok_or_else(|| refuse(format!("`{word}` is not minutes, hours or days")))?;
        let name = unit.name();
        match (value == 1, word.ends_with('s')) {
            (true, true) => return Err(refuse(format!("use '{name}' with 1"))),
            (false, false) => return Err(refuse(format!("use '{name}s' with {value}"))),
            _ => {}
        }
        if u64::from(value) * u64::from(unit.minutes()) < u64::from(MIN_INTERVAL_MINUTES) {
            return Err(refuse(format!("a window starts at most every {MIN_INTERVAL_MINUTES} minutes")));
        }
        Ok(Self { value, unit })
    }

    /// Elapsed time from one start to the next.
    #[must_use]
    pub fn period(self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.value) * i64::from(self.unit.minutes()))
    }

    pub(super) fn starts(
        self,
        from: DateTime<Utc>,
        setting: Setting,
    ) -> impl Iterator<Item = DateTime<Utc>> + use<> {
        let period = self.period();
        let anchor = setting.start_date.unwrap_or(DateTime::UNIX_EPOCH);
        // The last start at or before `from`, and never before the anchor; then one on if that is before `from`.
        let seconds = period.num_seconds().max(1);
        let steps = (from - anchor).num_seconds().max(0) / seconds;
        let first = TimeDelta::try_seconds(steps.saturating_mul(seconds))
            .and_then(|elapsed| anchor.checked_add_signed(elapsed))
            .and_then(|at| if at < from { at.checked_add_signed(period) } else { Some(at) });
        std::iter::successors(first, move |at| at.checked_add_signed(period))
            .take_while(|at| *at < past_last_instant())
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.value == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.value, self.unit.name())
    }
}
