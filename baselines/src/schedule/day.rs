//! The day rules that plain cron fields cannot say: `L`, `LW`, `nW`, `nL`, `d#n`.
//!
//! Quartz's meaning, which AWS's table paraphrases (reference 6.3): a rule never leaves its month, and a month
//! without such a day is skipped.

use chrono::{Datelike, NaiveDate};

/// The days of a month, as bits 1 to 31.
pub(super) type Days = u32;

/// One item of a day-of-month or day-of-week field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayRule {
    /// These days of the month.
    DaysOfMonth(Days),
    /// `L`: the last day.
    LastDay,
    /// `LW`: the last Monday to Friday.
    LastWeekday,
    /// `nW`: the Monday to Friday nearest to day n.
    NearestWeekday(u32),
    /// These days of the week, as bits 1 (Sunday) to 7.
    DaysOfWeek(Days),
    /// `dL`: the last d of the month, 1 = Sunday.
    LastOfWeek(u32),
    /// `d#n`: the nth d of the month.
    NthOfWeek(u32, u32),
}

impl DayRule {
    /// The days of this month that it names.
    pub(super) fn days(self, year: i32, month: u32) -> Days {
        let Some(first) = NaiveDate::from_ymd_opt(year, month, 1) else { return 0 };
        let last = u32::from(first.num_days_in_month());
        let first_dow = first.weekday().num_days_from_sunday();
        // 1 = Sunday to 7 = Saturday.
        let dow = |day: u32| (first_dow + day - 1) % 7 + 1;
        let named = |wanted: u32| (1..=last).filter(move |day| dow(*day) == wanted);
        let bits = |days: &mut dyn Iterator<Item = u32>| days.fold(0, |bits, day| bits | 1 << day);
        match self {
            Self::DaysOfMonth(days) => bits(&mut (1..=last).filter(|day| days & (1 << day) != 0)),
            Self::LastDay => 1 << last,
            Self::LastWeekday => {
                bits(&mut (1..=last).rev().find(|day| (2..=6).contains(&dow(*day))).into_iter())
            }
            Self::NearestWeekday(day) if day < 1 || day > last => 0,
            Self::NearestWeekday(day) => {
                1 << match dow(day) {
                    7 if day == 1 => 3,
                    7 => day - 1,
                    1 if day == last => day - 2,
                    1 => day + 1,
                    _ => day,
                }
            }
            Self::DaysOfWeek(days) => bits(&mut (1..=last).filter(|day| days & (1 << dow(*day)) != 0)),
            Self::LastOfWeek(wanted) => bits(&mut named(wanted).next_back().into_iter()),
            Self::NthOfWeek(wanted, nth) => {
                bits(&mut named(wanted).nth(nth.saturating_sub(1) as usize).into_iter())
            }
        }
    }
}
