//! What the schema cannot say about a window: schedules, times, and rules between fields (reference 6.1, 6.2).

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::check::Check;
use super::fragment::window::{FreezeSpec, Length, WindowFile};
use super::problem::quoted;
use super::suggest::nearest;
use super::task_check::{checked_task, registered_targets};
use super::window_sense;
use crate::schedule::Schedule;
use crate::window::{Freeze, MAX_DURATION_MINUTES, MaintenanceWindow};

/// Years that a schedule knows (reference 6.3).
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

/// The checked value; `None` where there is no schedule to put into it. Everything wrong goes to `check`.
pub(super) fn window(file: WindowFile, check: &mut Check<'_>) -> Option<MaintenanceWindow> {
    let WindowFile { kind: _, name, expires: _, spec } = file;
    let schedule = match Schedule::parse(&spec.schedule) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let message = format!("{} {} is not understood", error.field, quoted(&error.text));
            check.error("/spec/schedule", message, Some(error.hint));
            None
        }
    };
    if spec.schedule_offset.is_some() && matches!(schedule, Some(Schedule::Rate(_) | Schedule::At(_))) {
        check.error(
            "/spec/schedule_offset",
            "only a `cron(…)` schedule can have an offset",
            Some("remove `schedule_offset`".into()),
        );
    }
    let schedule_timezone = spec.schedule_timezone.as_deref().map_or(Tz::UTC, |text| zone(text, check));
    let start_date = spec.start_date.as_deref().and_then(|text| instant("start_date", text, check));
    let end_date = spec.end_date.as_deref().and_then(|text| instant("end_date", text, check));
    if let (Some(start), Some(end)) = (start_date, end_date)
        && end <= start
    {
        check.error(
            "/spec/end_date",
            "`end_date` is not after `start_date`",
            Some("the window would never open".into()),
        );
    }

    let length = minutes("duration", &spec.duration, check);
    let cutoff = spec.cutoff.as_ref().map_or(Some(0), |text| minutes("cutoff", text, check));
    let splay = spec.splay.as_ref().map_or(Some(0), |text| minutes("splay", text, check));
    if length == Some(0) {
        check.error(
            "/spec/duration",
            "a window must be longer than 0 minutes",
            Some("write a length such as `2h`, at most `24h`".into()),
        );
    } else if let (Some(length), Some(cutoff)) = (length, cutoff)
        && cutoff >= length
    {
        let hint = format!("the window lasts {}, so nothing could ever start", in_words(length));
        check.error("/spec/cutoff", "`cutoff` must be less than `duration`", Some(hint));
    } else if let (Some(length), Some(cutoff), Some(splay)) = (length, cutoff, splay)
        && splay >= length - cutoff
    {
        let hint = format!("nothing starts later than {} after the start", in_words(length - cutoff));
        check.error("/spec/splay", "`splay` would delay nodes past the cutoff", Some(hint));
    }

    let freezes = spec
        .freezes
        .into_iter()
        .enumerate()
        .filter_map(|(index, freeze)| checked_freeze(&format!("/spec/freezes/{index}"), freeze, check))
        .collect();
    let targets = registered_targets(spec.targets, check);
    if spec.tasks.is_empty() && !check.failed() {
        check.warning("/spec", "this window does nothing", Some("add `tasks`".into()));
    }
    let tasks = spec
        .tasks
        .into_iter()
        .enumerate()
        .filter_map(|(index, task)| checked_task(&format!("/spec/tasks/{index}"), task, check))
        .collect();

    let window = MaintenanceWindow {
        name,
        description: spec.description,
        schedule: schedule?,
        schedule_timezone,
        schedule_offset_days: spec.schedule_offset,
        start_date,
        end_date,
        // A wrong length has its error; the longest one lets the other rules be judged.
        duration_minutes: length.filter(|length| *length > 0).unwrap_or(MAX_DURATION_MINUTES),
        cutoff_minutes: cutoff.unwrap_or(0),
        allow_unassociated_targets: spec.allow_unassociated_targets.unwrap_or(false),
        enabled: spec.enabled.unwrap_or(true),
        splay_minutes: splay.unwrap_or(0),
        catch_up: spec.catch_up.unwrap_or_default(),
        freezes,
        targets,
        tasks,
    };
    rules_of_the_window(&window, check);
    window_sense::of_window(&window, check);
    Some(window)
}

/// The window's own rules between fields. Most were said above, at their place and in a document's words; what has
/// its error gets no second one.
fn rules_of_the_window(window: &MaintenanceWindow, check: &mut Check<'_>) {
    let clean = !check.failed();
    let tasks: Vec<String> = (0..check.root.at_pointer("/spec/tasks").items().len())
        .map(|index| format!("/spec/tasks/{index}"))
        .collect();
    // Tasks name targets: what is wrong with those is not the task's fault.
    let clean_targets = !check.has_error_in("/spec/targets");
    let clean_tasks: Vec<bool> =
        tasks.iter().map(|pointer| clean_targets && !check.has_error_in(pointer)).collect();
    // A task without action is not in the window, so that numbers agree only if all are.
    let numbered = window.tasks.len() == tasks.len();
    for problem in window.problems() {
        let field = match problem.field {
            "duration_minutes" => "duration",
            "cutoff_minutes" => "cutoff",
            "splay_minutes" => "splay",
            "schedule_offset_days" => "schedule_offset",
            "tasks" if numbered => {
                let about = |name: &str| problem.message.starts_with(&format!("task {name}: "));
                let index = window.tasks.iter().position(|task| about(&task.name)).unwrap_or(usize::MAX);
                if let (Some(pointer), Some(true)) = (tasks.get(index), clean_tasks.get(index)) {
                    check.error_inside(pointer, problem.message, None);
                }
                continue;
            }
            other => other,
        };
        if clean {
            check.error(&format!("/spec/{field}"), format!("`{field}`: {}", problem.message), None);
        }
    }
}

fn zone(text: &str, check: &mut Check<'_>) -> Tz {
    text.parse().unwrap_or_else(|_| {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let hint = match nearest(text, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write an IANA name such as `Europe/Berlin`".into(),
        };
        check.error("/spec/schedule_timezone", format!("unknown time zone {}", quoted(text)), Some(hint));
        Tz::UTC
    })
}

/// ISO 8601 in the extended form, with or without seconds and offset; without offset it is UTC, because AWS lets dates
/// and the schedule's zone not influence each other (reference 6.2).
fn instant(field: &str, text: &str, check: &mut Check<'_>) -> Option<DateTime<Utc>> {
    let offset = match text.strip_suffix('Z') {
        Some(local) => format!("{local}+00:00"),
        None => text.to_owned(),
    };
    let with_offset = ["%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M%:z"]
        .iter()
        .find_map(|form| DateTime::parse_from_str(&offset, form).ok())
        .map(|time| time.with_timezone(&Utc));
    let without = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .or_else(|| {
                NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN))
            })
            .map(|time| time.and_utc())
    };
    // chrono also reads signs and short years.
    let found = with_offset
        .or_else(without)
        .filter(|time| text.get(..5).is_some_and(|year| year.ends_with('-')) && YEARS.contains(&time.year()));
    if found.is_none() {
        check.error(
            &format!("/spec/{field}"),
            format!("`{field}` cannot be {}", quoted(text)),
            Some("write a time of the years 1970 to 2199, such as `2026-12-24T02:00:00Z` or `2026-12-24T02:00:00+01:00`".into()),
        );
    }
    found
}

/// Minutes of `2h30m` or of AWS's whole hours, at most those of a window.
fn minutes(field: &str, length: &Length, check: &mut Check<'_>) -> Option<u32> {
    let found = match length {
        Length::Hours(hours) => hours.checked_mul(60),
        Length::Text(text) => parse_length(text),
    };
    match found {
        Some(minutes) if minutes <= MAX_DURATION_MINUTES => Some(minutes),
        Some(minutes) => {
            let message = format!(
                "`{field}` is {}; the limit is {}",
                in_words(minutes),
                in_words(MAX_DURATION_MINUTES)
            );
            check.error(&format!("/spec/{field}"), message, None);
            None
        }
        None => {
            let hint = "expected: a length such as `3h`, `90m` or `2h30m`, or a number of hours";
            check.error(
                &format!("/spec/{field}"),
                format!("`{field}` is not a length of time"),
                Some(hint.into()),
            );
            None
        }
    }
}

fn parse_length(text: &str) -> Option<u32> {
    let (hours, rest) = match text.split_once('h') {
        Some((hours, rest)) => (hours.parse::<u32>().ok()?, rest),
        None => (0, text),
    };
    let minutes = match rest {
        "" if text.is_empty() => return None,
        "" => 0,
        rest => rest.strip_suffix('m')?.parse::<u32>().ok()?,
    };
    hours.checked_mul(60)?.checked_add(minutes)
}

/// Minutes as a document writes them.
pub(super) fn in_words(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    }
}

fn checked_freeze(pointer: &str, freeze: FreezeSpec, check: &mut Check<'_>) -> Option<Freeze> {
    let (dates, reason) = match freeze {
        FreezeSpec::Dates(dates) => (dates, None),
        FreezeSpec::Named { dates, reason } => (dates, reason),
    };
    let (first, last) = dates.split_once("..").unwrap_or((&dates, &dates));
    let day = |text: &str| {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        YEARS.contains(&day.year()).then_some(day)
    };
    let (Some(from), Some(until)) = (day(first), day(last)) else {
        let hint = "write a day of the years 1970 to 2199 such as 2026-12-24, or days such as 2026-12-24..2027-01-02";
        check.error(
            pointer,
            format!("{} does not name days of the calendar", quoted(&dates)),
            Some(hint.into()),
        );
        return None;
    };
    if until < from {
        check.error(
            pointer,
            format!("{} ends before it begins", quoted(&dates)),
            Some(format!("write {last}..{first}")),
        );
        return None;
    }
    Some(Freeze { from, until, reason: reason.unwrap_or_default() })
}
