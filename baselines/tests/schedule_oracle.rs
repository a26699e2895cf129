//! Schedules against a stupid oracle that walks every minute.
//!
//! The oracle never reads an expression: it judges the same random rule from which the expression was written. Nor
//! does it know how a gap or a repeated hour is found. It keeps the highest local time seen so far, and whatever
//! local minutes a step of one real minute passes for the first time happen at that step.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use patchflock_baselines::schedule::{Schedule, WindowState};
use patchflock_baselines::window::{CatchUp, Freeze, MaintenanceWindow};
use proptest::prelude::*;

/// One item of a plain field.
#[derive(Debug, Clone)]
enum Item {
    All,
    Value(u32),
    Range(u32, u32),
    From(u32, u32),
    Every(u32),
    RangeEvery(u32, u32, u32),
}

impl Item {
    fn text(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::Value(a) => format!("{a}"),
            Self::Range(a, b) => format!("{a}-{b}"),
            Self::From(a, s) => format!("{a}/{s}"),
            Self::Every(s) => format!("*/{s}"),
            Self::RangeEvery(a, b, s) => format!("{a}-{b}/{s}"),
        }
    }

    fn has(&self, value: u32, first: u32) -> bool {
        match *self {
            Self::All => true,
            Self::Value(a) => value == a,
            Self::Range(a, b) => a <= value && value <= b,
            Self::From(a, s) => value >= a && (value - a).is_multiple_of(s),
            Self::Every(s) => (value - first).is_multiple_of(s),
            Self::RangeEvery(a, b, s) => a <= value && value <= b && (value - a).is_multiple_of(s),
        }
    }
}

#[derive(Debug, Clone)]
enum Day {
    OfMonth(Vec<Item>),
    OfWeek(Vec<Item>),
    Last,
    LastWeekday,
    Nearest(u32),
    LastOfWeek(u32),
    Nth(u32, u32),
}

fn working(date: NaiveDate) -> bool {
    date.weekday().num_days_from_monday() < 5
}

fn other_month(date: NaiveDate, days: u64) -> bool {
    date.checked_add_days(Days::new(days)).unwrap().month() != date.month()
}

impl Day {
    /// The day-of-month and day-of-week fields.
    fn text(&self) -> (String, String) {
        let any = || "?".to_owned();
        match self {
            Self::OfMonth(items) => (list(items), any()),
            Self::OfWeek(items) => (any(), list(items)),
            Self::Last => ("L".to_owned(), any()),
            Self::LastWeekday => ("LW".to_owned(), any()),
            Self::Nearest(day) => (format!("{day}W"), any()),
            Self::LastOfWeek(dow) => (any(), format!("{dow}L")),
            Self::Nth(dow, nth) => (any(), format!("{dow}#{nth}")),
        }
    }

    fn has(&self, date: NaiveDate) -> bool {
        let dow = date.weekday().number_from_sunday();
        let month = || (1..=31).filter_map(|day| date.with_day(day));
        match self {
            Self::OfMonth(items) => items.iter().any(|item| item.has(date.day(), 1)),
            Self::OfWeek(items) => items.iter().any(|item| item.has(dow, 1)),
            Self::Last => other_month(date, 1),
            Self::LastWeekday => month().rfind(|day| working(*day)) == Some(date),
            Self::Nearest(wanted) => {
                let nearest =
                    month().filter(|day| working(*day)).min_by_key(|day| day.day().abs_diff(*wanted));
                date.with_day(*wanted).is_some() && nearest == Some(date)
            }
            Self::LastOfWeek(wanted) => dow == *wanted && other_month(date, 7),
            Self::Nth(wanted, nth) => dow == *wanted && (date.day() - 1) / 7 + 1 == *nth,
        }
    }
}

#[derive(Debug, Clone)]
struct Rule {
    minutes: Vec<Item>,
    hours: Vec<Item>,
    day: Day,
    months: Vec<Item>,
}

fn list(items: &[Item]) -> String {
    items.iter().map(Item::text).collect::<Vec<_>>().join(",")
}

impl Rule {
    fn text(&self) -> String {
        let (day_of_month, day_of_week) = self.day.text();
        let (minutes, hours, months) = (list(&self.minutes), list(&self.hours), list(&self.months));
        format!("cron({minutes} {hours} {day_of_month} {months} {day_of_week} *)")
    }

    fn has_time(&self, minute_of_day: u32) -> bool {
        self.hours.iter().any(|item| item.has(minute_of_day / 60, 0))
            && self.minutes.iter().any(|item| item.has(minute_of_day % 60, 0))
    }

    fn has_day(&self, date: NaiveDate) -> bool {
        self.months.iter().any(|item| item.has(date.month(), 1)) && self.day.has(date)
    }

    fn has(&self, local: NaiveDateTime, offset: u64) -> bool {
        self.has_time(local.hour() * 60 + local.minute())
            && self.has_day(local.date().checked_sub_days(Days::new(offset)).unwrap())
    }

    /// Whether two times of day, round the clock, are closer than five minutes.
    fn is_dense(&self) -> bool {
        (0..1440)
            .filter(|at| self.has_time(*at))
            .any(|at| (1..5).any(|step| self.has_time((at + step) % 1440)))
    }
}

/// Every start in a span, minute by minute.
fn walk(rule: &Rule, offset: u64, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let minute = TimeDelta::minutes(1);
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    // Enough ahead of the span that no clock goes back further.
    let mut at = from - TimeDelta::hours(30);
    let mut highest = local(at);
    let mut starts = Vec::new();
    while at < to {
        let now = local(at);
        let mut fires = false;
        while highest < now {
            highest += minute;
            fires |= rule.has(highest, offset);
        }
        if fires && at >= from {
            starts.push(at);
        }
        at += minute;
    }
    starts
}

fn field(low: u32, high: u32) -> impl Strategy<Value = Vec<Item>> {
    let item = prop_oneof![
        1 => Just(Item::All),
        3 => (low..=high).prop_map(Item::Value),
        1 => (low..=high, low..=high).prop_map(|(a, b)| Item::Range(a.min(b), a.max(b))),
        1 => (low..=high, 1..=high).prop_map(|(a, s)| Item::From(a, s)),
        1 => (1..=high).prop_map(Item::Every),
        1 => (low..=high, low..=high, 1..=high).prop_map(|(a, b, s)| Item::RangeEvery(a.min(b), a.max(b), s)),
    ];
    prop::collection::vec(item, 1..4)
}

fn sparse_minutes() -> impl Strategy<Value = Vec<Item>> {
    let item = prop_oneof![
        4 => (0..60_u32).prop_map(Item::Value),
        1 => (0..60_u32, 5..60_u32).prop_map(|(a, s)| Item::From(a, s)),
        1 => (5..60_u32).prop_map(Item::Every),
    ];
    prop::collection::vec(item, 1..3)
}

fn day() -> impl Strategy<Value = Day> {
    prop_oneof![
        4 => Just(Day::OfMonth(vec![Item::All])),
        2 => field(1, 31).prop_map(Day::OfMonth),
        2 => field(1, 7).prop_map(Day::OfWeek),
        1 => Just(Day::Last),
        1 => Just(Day::LastWeekday),
        1 => (1..=31_u32).prop_map(Day::Nearest),
        1 => (1..=7_u32).prop_map(Day::LastOfWeek),
        1 => (1..=7_u32, 1..=5_u32).prop_map(|(dow, nth)| Day::Nth(dow, nth)),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let months = prop_oneof![3 => Just(vec![Item::All]), 1 => field(1, 12)];
    (sparse_minutes(), field(0, 23), day(), months).prop_map(|(minutes, hours, day, months)| Rule {
        minutes,
        hours,
        day,
        months,
    })
}

/// Zones with instants near which their clocks do something, and one at which they do not.
fn place() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    prop::sample::select(vec![
        ("America/New_York", "2024-03-10T07:00:00Z"),
        ("America/New_York", "2024-11-03T06:00:00Z"),
        ("America/Santiago", "2024-09-08T04:00:00Z"),
        ("America/Santiago", "2024-04-07T03:00:00Z"),
        ("Australia/Sydney", "2024-10-05T16:00:00Z"),
        ("Australia/Sydney", "2024-04-06T16:00:00Z"),
        ("Australia/Lord_Howe", "2024-10-05T15:30:00Z"),
        ("Australia/Lord_Howe", "2024-04-06T15:00:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2012-03-31T14:00:00Z"),
        ("Europe/Dublin", "2024-03-31T01:00:00Z"),
        ("Europe/Dublin", "2024-10-27T01:00:00Z"),
        ("Europe/Berlin", "2024-10-27T01:00:00Z"),
        ("Africa/Cairo", "2024-04-25T22:00:00Z"),
        ("Africa/Casablanca", "2024-03-10T02:00:00Z"),
        ("America/Godthab", "2024-03-31T01:00:00Z"),
        ("Asia/Kathmandu", "2024-02-29T00:00:00Z"),
        ("UTC", "2023-12-31T23:00:00Z"),
    ])
    .prop_map(|(zone, at)| (zone.parse().unwrap(), at.parse().unwrap()))
}

fn window(schedule: Schedule, zone: Tz, offset: u64) -> MaintenanceWindow {
    MaintenanceWindow {
        name: "w".to_owned(),
        description: None,
        schedule,
        schedule_timezone: zone,
        schedule_offset_days: u32::try_from(offset).ok().filter(|days| *days > 0),
        start_date: None,
        end_date: None,
        duration_minutes: 90,
        cutoff_minutes: 30,
        allow_unassociated_targets: false,
        enabled: true,
        splay_minutes: 0,
        catch_up: CatchUp::Never,
        freezes: Vec::new(),
        targets: Vec::new(),
        tasks: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn starts_and_states_are_those_of_the_minute_walk(
        rule in rule(),
        (zone, centre) in place(),
        offset in prop_oneof![3 => Just(0_u64), 1 => 1..=6_u64],
        shift in -2880..2880_i64,
        probes in prop::collection::vec(0..5760_i64, 8),
        freeze in prop::option::of((0..4_u64, 0..2_u64)),
        end in prop::option::of(0..5760_i64),
    ) {
        let from = centre + TimeDelta::minutes(shift) - TimeDelta::days(2);
        let to = from + TimeDelta::days(4);
        let Ok(schedule) = Schedule::parse(&rule.text()) else {
            let never = !(0..4000).any(|day| {
                rule.has_day(NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + TimeDelta::days(day))
            });
            prop_assert!(rule.is_dense() || never, "{} was refused", rule.text());
            return Ok(());
        };
        let mut window = window(schedule, zone, offset);
        window.end_date = end.map(|minutes| from + TimeDelta::minutes(minutes));
        let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        window.freezes.extend(freeze.map(|(ahead, days)| {
            let first = day(from) + Days::new(ahead);
            Freeze { from: first, until: first + Days::new(days), reason: "stop".to_owned() }
        }));
        let frozen = |at: DateTime<Utc>| window.freezes.iter().any(|f| (f.from..=f.until).contains(&day(at)));
        let mut walked = walk(&rule, offset, zone, from - TimeDelta::minutes(90), to);
        walked.retain(|at| window.end_date.is_none_or(|end| *at < end));

        let recent = walked.iter().filter(|at| **at > from - TimeDelta::minutes(90));
        let wanted: Vec<_> = recent.map(|at| (*at, frozen(*at))).collect();
        let found = window.occurrences(from).map(|o| (o.start, o.frozen.is_some()));
        let found: Vec<_> = found.take_while(|(at, _)| *at < to).collect();
        prop_assert_eq!(found, wanted, "{} in {}", rule.text(), zone);

        walked.retain(|at| !frozen(*at));
        for probe in probes {
            let now = from + TimeDelta::minutes(probe);
            let newest = walked.iter().rev().find(|at| **at <= now).filter(|at| now - **at < TimeDelta::minutes(90));
            let (open, start) = match window.state_at(now) {
                WindowState::Open { occurrence } => (true, Some(occurrence.start)),
                WindowState::PastCutoff { occurrence } => (false, Some(occurrence.start)),
                WindowState::Closed { next } => {
                    let after = walked.iter().find(|at| **at > now);
                    if let Some(after) = after {
                        prop_assert_eq!(next.map(|o| o.start), Some(*after));
                    }
                    (false, None)
                }
            };
            prop_assert_eq!(start, newest.copied());
            prop_assert_eq!(open, newest.is_some_and(|at| now - *at < TimeDelta::minutes(60)));
        }
    }

    #[test]
    fn day_rules_name_the_days_that_a_calendar_names(day in day(), months in field(1, 12), year in 1990..2150_i32) {
        let rule = Rule { minutes: vec![Item::Value(0)], hours: vec![Item::Value(12)], day, months };
        let Ok(schedule) = Schedule::parse(&rule.text()) else { return Ok(()) };
        let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        let last = NaiveDate::from_ymd_opt(year + 5, 1, 1).unwrap();
        let wanted: Vec<_> =
            first.iter_days().take_while(|date| *date < last).filter(|date| rule.has_day(*date)).collect();
        let window = window(schedule, Tz::UTC, 0);
        let from = first.and_hms_opt(0, 0, 0).unwrap().and_utc();
        let found: Vec<_> =
            window.occurrences(from).map(|o| o.start.date_naive()).take_while(|date| *date < last).collect();
        prop_assert_eq!(found, wanted, "{}", rule.text());
    }

    #[test]
    fn a_rate_is_a_sum_of_periods_from_its_anchor(
        minutes in 5..5000_u32, anchor in 0..2_000_000_000_i64, ahead in -1_000_000..10_000_000_i64,
    ) {
        let anchor = DateTime::from_timestamp(anchor, 0).unwrap();
        let mut window = window(Schedule::parse(&format!("rate({minutes} minutes)")).unwrap(), Tz::UTC, 0);
        (window.start_date, window.duration_minutes) = (Some(anchor), 1);
        let from = anchor + TimeDelta::seconds(ahead);
        let mut at = anchor;
        while at + TimeDelta::minutes(1) <= from {
            at += TimeDelta::minutes(minutes.into());
        }
        let found: Vec<_> = window.occurrences(from).take(3).map(|o| o.start).collect();
        let wanted: Vec<_> = (0..3).map(|n| at + TimeDelta::minutes(minutes.into()) * n).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn hostile_text_is_an_answer_and_never_a_panic(
        text in "(cron|rate|at)?\\(?[0-9A-Za-z*?,/#LW :T-]{0,80}\\)?",
        noise in any::<String>(),
    ) {
        for text in [text.as_str(), noise.as_str()] {
            if let Ok(schedule) = Schedule::parse(text) {
                prop_assert_eq!(schedule.to_string(), text);
            }
        }
    }

    #[test]
    fn hostile_fields_are_answered_and_fire_in_order(
        fields in prop::collection::vec("[0-9*?,/#LW-]{1,6}|\\*|\\?|[0-9]{1,2}|[a-z]{3}", 6..8),
        from in any::<i64>(),
    ) {
        if let Ok(schedule) = Schedule::parse(&format!("cron({})", fields.join(" "))) {
            let from = DateTime::from_timestamp(from >> 20, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let starts: Vec<_> =
                window(schedule, chrono_tz::Europe::Paris, 3).occurrences(from).take(50).map(|o| o.start).collect();
            prop_assert!(starts.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
