//! `at(yyyy-mm-ddThh:mm:ss)`: once.

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};

use super::error::{Field, ScheduleError};
use super::{FIRST_YEAR, LAST_YEAR, Setting, local};

/// One local time.
///
/// It is read in the window's zone. AWS describes it as UTC, yet one of its examples passes a zone beside it
/// (reference 6.2). The zone's default is UTC, so a document without one means the same in both; where somebody
/// wrote a zone next to a time without an offset, reading the time in another zone would surprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The local time.
    local: NaiveDateTime,
}

impl At {
    pub(super) fn parse(body: &str) -> Result<Self, ScheduleError> {
        let refuse = |hint: &str| ScheduleError::new(Field::At, body, hint);
        // chrono would also take signs, single digits and a leap second.
        let shape = body.len() == 19
            && body.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                10 => byte == b'T',
                13 | 16 => byte == b':',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return Err(refuse("write yyyy-mm-ddThh:mm:ss, without fractions or an offset"));
        }
        let local = NaiveDateTime::parse_from_str(body, "%Y-%m-%dT%H:%M:%S")
            .ok()
            .filter(|_| !body.ends_with(":60"))
            .ok_or_else(|| refuse("there is no such date or time"))?;
        if !(FIRST_YEAR..=LAST_YEAR).contains(&local.year()) {
            return Err(refuse("the year must be 1970 to 2199"));
        }
        Ok(Self { local })
    }

    pub(super) fn starts(
        self,
        from: DateTime<Utc>,
        setting: Setting,
    ) -> impl Iterator<Item = DateTime<Utc>> + use<> {
        let from = setting.start_date.map_or(from, |start| start.max(from));
        local::instant(self.local, setting.timezone).filter(|at| *at >= from).into_iter()
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.local.format("%Y-%m-%dT%H:%M:%S"))
    }
}
