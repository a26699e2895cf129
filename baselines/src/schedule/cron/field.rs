//! The fields of a cron expression: items between commas, each plain or one of the day rules.

use std::collections::BTreeSet;
use std::str::FromStr;

use cron::TimeUnitSpec;

use super::super::day::DayRule;
use super::super::error::{Field, ScheduleError};
use super::super::{FIRST_YEAR, LAST_YEAR};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// What a field takes, for people.
fn takes(field: Field) -> &'static str {
    match field {
        Field::Seconds | Field::Minutes => "0-59 with , - * /",
        Field::Hours => "0-23 with , - * /",
        Field::DayOfMonth => "1-31 with , - * / or ?, L, LW, 15W",
        Field::Month => "1-12 or JAN-DEC with , - * /",
        Field::DayOfWeek => "1-7 (1 = Sunday) or SUN-SAT with , - * / or ?, L, 6L, FRIL, 5#3, TUE#2",
        _ => "1970-2199 with , - * /",
    }
}

fn refuse(field: Field, item: &str) -> ScheduleError {
    let hint = if item.contains('?') {
        "`?` stands alone, and only in day-of-month or day-of-week".to_owned()
    } else if item.starts_with('/') {
        format!("write `*{item}`")
    } else if item.is_empty() {
        "nothing stands before or after a comma".to_owned()
    } else {
        format!("takes {}; a range goes upwards and a step is not 0", takes(field))
    };
    ScheduleError::new(field, item, hint)
}

/// Months and days by number: the crate takes names in ranges but not before a step, and longer names than AWS.
fn number(field: Field, name: &str) -> Option<u32> {
    let names: &[&str] = match field {
        Field::Month => &MONTHS,
        Field::DayOfWeek => &WEEKDAYS,
        _ => &[],
    };
    let position = names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    u32::try_from(position).ok()?.checked_add(1)
}

/// Expands one plain item: `*`, `5`, `1-5`, `1/10`, `*/2`, `1-30/2`, names for numbers.
fn item(field: Field, item: &str) -> Result<BTreeSet<u32>, ScheduleError> {
    let wrong = || refuse(field, item);
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut plain = String::new();
    for part in range.split('-') {
        let separator = if plain.is_empty() { "" } else { "-" };
        match number(field, part) {
            Some(value) => plain.push_str(&format!("{separator}{value}")),
            None if digits(part) || range == "*" => plain.push_str(&format!("{separator}{part}")),
            None => return Err(wrong()),
        }
    }
    if let Some(step) = step {
        if !digits(step) {
            return Err(wrong());
        }
        plain.push_str(&format!("/{step}"));
    }
    if field == Field::Year { years_of(&plain) } else { expand(field, &plain) }.ok_or_else(wrong)
}

/// Lets the crate expand one field of an expression whose others do not matter.
fn expand(field: Field, plain: &str) -> Option<BTreeSet<u32>> {
    let expression = match field {
        Field::Seconds => format!("{plain} 0 0 * * *"),
        Field::Minutes => format!("0 {plain} 0 * * *"),
        Field::Hours => format!("0 0 {plain} * * *"),
        Field::DayOfMonth => format!("0 0 0 {plain} * *"),
        Field::Month => format!("0 0 0 * {plain} *"),
        Field::DayOfWeek => format!("0 0 0 * * {plain}"),
        _ => return None,
    };
    let schedule = cron::Schedule::from_str(&expression).ok()?;
    Some(match field {
        Field::Seconds => schedule.seconds().iter().collect(),
        Field::Minutes => schedule.minutes().iter().collect(),
        Field::Hours => schedule.hours().iter().collect(),
        Field::DayOfMonth => schedule.days_of_month().iter().collect(),
        Field::Month => schedule.months().iter().collect(),
        _ => schedule.days_of_week().iter().collect(),
    })
}

/// Years are ours: the crate stops at 2100, AWS at 2199.
fn years_of(plain: &str) -> Option<BTreeSet<u32>> {
    let (first, last) = (FIRST_YEAR.unsigned_abs(), LAST_YEAR.unsigned_abs());
    let (range, step) = match plain.split_once('/') {
        Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
        None => (plain, 1_usize),
    };
    let (low, high) = match range.split_once('-') {
        Some((low, high)) => (low.parse().ok()?, high.parse().ok()?),
        None if range == "*" => (first, last),
        None if plain.contains('/') => (range.parse().ok()?, last),
        None => (range.parse().ok()?, range.parse().ok()?),
    };
    (first <= low && low <= high && high <= last).then(|| (low..=high).step_by(step).collect())
}

/// A field without day rules: its values, ascending.
pub(super) fn plain(field: Field, text: &str) -> Result<Vec<u32>, ScheduleError> {
    let mut values = BTreeSet::new();
    for part in text.split(',') {
        values.append(&mut item(field, part)?);
    }
    Ok(values.into_iter().collect())
}

/// The year field.
pub(super) fn years(text: &str) -> Result<Vec<i32>, ScheduleError> {
    Ok(plain(Field::Year, text)?.into_iter().filter_map(|year| i32::try_from(year).ok()).collect())
}

/// The day-of-month field. AWS does not say whether rules may stand in a list; their union is the only meaning.
pub(super) fn days_of_month(text: &str) -> Result<Vec<DayRule>, ScheduleError> {
    let rule = |part: &str| -> Result<DayRule, ScheduleError> {
        let upper = part.to_ascii_uppercase();
        match upper.as_str() {
            "L" => return Ok(DayRule::LastDay),
            "LW" => return Ok(DayRule::LastWeekday),
            _ if upper.starts_with("L-") => {
                return Err(ScheduleError::new(
                    Field::DayOfMonth,
                    part,
                    "days before the last are not part of AWS's dialect: write the days, such as 28",
                ));
            }
            _ => {}
        }
        if let Some(day) = upper.strip_suffix('W') {
            let day = one(day, 31).ok_or_else(|| refuse(Field::DayOfMonth, part))?;
            return Ok(DayRule::NearestWeekday(day));
        }
        Ok(DayRule::DaysOfMonth(bits(item(Field::DayOfMonth, part)?)))
    };
    text.split(',').map(rule).collect()
}

/// The day-of-week field.
pub(super) fn days_of_week(text: &str) -> Result<Vec<DayRule>, ScheduleError> {
    let rule = |part: &str| -> Result<DayRule, ScheduleError> {
        let wrong = || refuse(Field::DayOfWeek, part);
        let upper = part.to_ascii_uppercase();
        let day = |text: &str| number(Field::DayOfWeek, text).or_else(|| one(text, 7));
        if let Some((name, nth)) = upper.split_once('#') {
            let nth = one(nth, 5).ok_or_else(|| {
                ScheduleError::new(
                    Field::DayOfWeek,
                    part,
                    "`#` is followed by 1 to 5: 5#3 is the third Thursday",
                )
            })?;
            return Ok(DayRule::NthOfWeek(day(name).ok_or_else(wrong)?, nth));
        }
        match upper.strip_suffix('L') {
            // The last day of the week.
            Some("") => Ok(DayRule::DaysOfWeek(1 << 7)),
            Some(name) => Ok(DayRule::LastOfWeek(day(name).ok_or_else(wrong)?)),
            None => Ok(DayRule::DaysOfWeek(bits(item(Field::DayOfWeek, part)?))),
        }
    };
    text.split(',').map(rule).collect()
}

/// A number from 1 to `last`, in at most two digits.
fn one(text: &str, last: u32) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|value| digits && (1..=last).contains(value))
}

fn bits(days: BTreeSet<u32>) -> u32 {
    days.into_iter().filter(|day| *day < 32).fold(0, |bits, day| bits | 1 << day)
}
