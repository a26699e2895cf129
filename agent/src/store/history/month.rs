//! The month that a segment of the history is for.

use bincode::{Decode, Encode};
use chrono::{DateTime, Datelike, Utc};

/// What the name of a segment ends with.
const SUFFIX: &str = ".jsonl";

/// A month, counted from January of the year 0, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Month(u32);

impl Month {
    /// The month of an instant. A clock outside the years 0 to 9999 counts as the end that is nearer.
    pub fn of(at: DateTime<Utc>) -> Self {
        match u32::try_from(at.year()) {
            Err(_) => Self(0),
            Ok(year) if year > 9999 => Self(9999 * 12 + 11),
            Ok(year) => Self(year * 12 + at.month0()),
        }
    }

    /// The month whose segment has this file name.
    pub(super) fn of_file(name: &str) -> Option<Self> {
        let (year, month) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        let month: u32 = month.parse().ok().filter(|m| (1..=12).contains(m))?;
        Some(Self(year.parse::<u32>().ok()? * 12 + month - 1))
    }

    /// File name of its segment.
    pub fn file(self) -> String {
        format!("{self}{SUFFIX}")
    }

    /// So many months before.
    pub(super) fn earlier(self, months: u32) -> Self {
        Self(self.0.saturating_sub(months))
    }

    /// The way back from [`Month::number`].
    pub(in crate::store) fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// As a key that sorts.
    pub(in crate::store) fn number(self) -> u32 {
        self.0
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_named_after_the_month_in_utc_and_read_back() {
        let at: DateTime<Utc> = "2026-12-31T23:30:00-01:00".parse().unwrap();
        assert_eq!(Month::of(at).file(), "2027-01.jsonl");
        for at in [at, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC, DateTime::UNIX_EPOCH] {
            assert_eq!(Month::of_file(&Month::of(at).file()), Some(Month::of(at)));
        }
        assert_eq!(Month::of(at).earlier(13).to_string(), "2025-12");
    }

    #[test]
    fn other_names_are_no_segments() {
        for name in
            ["2026-13.jsonl", "2026-00.jsonl", "2026-1.jsonl", "+026-01.jsonl", "2026-01.jsonl.new", "x"]
        {
            assert_eq!(Month::of_file(name), None, "{name}");
        }
    }
}
