//! When a document stops having an effect: the field `expires`, which every kind has.
//!
//! It stands beside the `spec` and not in it, because it says nothing about patches or windows: it belongs to the
//! document, and so the values of [`super::Document`] do not carry it. Two forms are taken:
//! - a time *with* its offset. Without one it would mean another instant to every reader; the dates of a window may
//!   go without only because AWS's may.
//! - a day, which counts whole, in UTC: `expires: 2027-01-31` has its last effect at 23:59:59 of that day, as
//!   `approve_until_date` includes its whole UTC day. The other reading would end a policy a day before the day that
//!   its author wrote.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};

use super::check::Check;
use super::problem::quoted;

/// The instant from which the document has no effect; `None` if it does not say, or says something wrong.
pub(super) fn expires(text: Option<&str>, check: &mut Check<'_>) -> Option<DateTime<Utc>> {
    let text = text?;
    let found = instant(text);
    if found.is_none() {
        check.error(
            "/expires",
            format!("`expires` cannot be {}", quoted(text)),
            Some(
                "write a time with its offset such as `2027-01-31T00:00:00Z`, or a day such as `2027-01-31`, \
                 which counts whole (UTC), of the years 1970 to 2199"
                    .into(),
            ),
        );
    }
    found
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    // chrono also reads signs, short years, lower case and blanks.
    let (year, rest) = text.split_at_checked(4)?;
    let year: u16 = year.bytes().all(|b| b.is_ascii_digit()).then(|| year.parse().ok())??;
    let strict = text.bytes().all(|b| b.is_ascii_digit() || b"-+:.TZ".contains(&b));
    if year < 1970 || !rest.starts_with('-') || !strict {
        return None;
    }
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let found = match day(text).filter(|_| text.len() == 10) {
        Some(day) => day.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN).and_utc(),
        None => DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc),
    };
    // Where the last day of 2199 is over, and no later: what we write must read back.
    let last = NaiveDate::from_ymd_opt(2200, 1, 1)?.and_time(NaiveTime::MIN).and_utc();
    (found >= DateTime::UNIX_EPOCH && found <= last).then_some(found)
}

/// As a document writes it. A day is written as the instant at which it is over.
pub(super) fn written(expires: DateTime<Utc>) -> String {
    expires.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_needs_its_offset_and_a_day_counts_whole() {
        let table = [
            ("2027-01-31T00:00:00Z", Some("2027-01-31T00:00:00Z")),
            ("2027-01-31T00:00:00+01:00", Some("2027-01-30T23:00:00Z")),
            ("2027-01-31T12:30:00.5-08:00", Some("2027-01-31T20:30:00.500Z")),
            ("2027-01-31", Some("2027-02-01T00:00:00Z")),
            ("2199-12-31", Some("2200-01-01T00:00:00Z")),
            ("2027-01-31T00:00:00", None),
            ("2027-01-31 00:00:00Z", None),
            ("2027-01-31t00:00:00z", None),
            ("2027-02-29", None),
            ("2027-1-31", None),
            ("+2027-01-31", None),
            ("1969-12-31", None),
            ("9999-12-31", None),
            ("never", None),
            ("", None),
        ];
        for (text, wanted) in table {
            assert_eq!(instant(text).map(written).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_instant() {
        for text in ["2027-01-31", "2027-01-31T00:00:00.000000001Z", "2200-01-01T00:00:00Z"] {
            let found = instant(text).unwrap();
            assert_eq!(instant(&written(found)), Some(found), "{text}");
        }
    }
}
