//! A table of the predefined baselines: patches, the ages at which they are judged, and the check.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use Seen::{Approved as Y, NoDate as D, Not as N, Waits as W};
use chrono::{DateTime, TimeDelta, Utc};
use patchflock_baselines::approval::{Decision, Verdict, evaluate};
use patchflock_baselines::baseline::{Baseline, ComplianceLevel};
use patchflock_baselines::inventory::{Candidate, Inventory};
use patchflock_baselines::os::{Family, OperatingSystem};
use patchflock_baselines::predefined;

use crate::machine::*;

/// Not midnight, so that calendar days and spans of 24 hours differ; the example of reference 1.7.
pub(crate) const RELEASE: &str = "2025-11-09T18:00:00Z";
pub(crate) const DAY: i64 = 24 * 3600;

/// When every row is judged: seconds after [`RELEASE`].
#[rustfmt::skip]
pub(crate) const AGES: [(&str, i64); 8] = [
    ("1 s before", -1), ("day 0", 0), ("day 1", DAY), ("day 6", 6 * DAY),
    ("day 7 less 1 s", 7 * DAY - 1), ("day 7", 7 * DAY), ("day 8", 8 * DAY), ("day 400", 400 * DAY),
];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Seen {
    /// Approved.
    Approved,
    /// Approved later, exactly 7 days after its release, or at its release without delay.
    Waits,
    /// No rule takes it.
    Not,
    /// It waits for a date that nobody knows.
    NoDate,
}

/// The verdict at each of [`AGES`], and the rule that decides.
pub(crate) type Days = ([Seen; AGES.len()], Option<usize>);
pub(crate) type Row = (Candidate, Days);

pub(crate) const NEVER: Days = ([N; 8], None);

/// The release date plays no part (apt).
pub(crate) const fn at_any_time(rule: usize) -> Days {
    ([Y; 8], Some(rule))
}
pub(crate) const fn from_its_release(rule: usize) -> Days {
    ([W, Y, Y, Y, Y, Y, Y, Y], Some(rule))
}
pub(crate) const fn after_7_days(rule: usize) -> Days {
    ([W, W, W, W, W, Y, Y, Y], Some(rule))
}
pub(crate) const fn once_dated(rule: usize) -> Days {
    ([D; 8], Some(rule))
}

pub(crate) fn released() -> DateTime<Utc> {
    time(RELEASE)
}

pub(crate) fn later(seconds: i64) -> DateTime<Utc> {
    released() + TimeDelta::seconds(seconds)
}

pub(crate) fn shipped(name: &str) -> Baseline {
    predefined::named(name).expect("shipped").baseline().expect("valid")
}

pub(crate) fn node(os: OperatingSystem, candidates: Vec<Candidate>) -> Inventory {
    let sources = if os.family() == Family::Apt { debian().sources } else { rhel().sources };
    Inventory { sources, candidates, ..machine(os, "a product") }
}

pub(crate) fn judged(baseline: &Baseline, candidates: Vec<Candidate>, at: DateTime<Utc>) -> Vec<Decision> {
    let inventory = node(baseline.operating_system, candidates);
    evaluate(baseline, &inventory, at).expect("its own system").decisions
}

/// Judges every row at every age, each patch alone.
pub(crate) fn check(name: &str, table: &[Row]) {
    let baseline = shipped(name);
    for (patch, (days, rule)) in table {
        for ((age, seconds), wanted) in AGES.into_iter().zip(days) {
            let decision = judged(&baseline, vec![patch.clone()], later(seconds)).remove(0);
            let seen = match decision.verdict {
                Verdict::Approved => Y,
                Verdict::Pending { .. } => W,
                Verdict::NotMatched => N,
                Verdict::Waiting => D,
                other => panic!("{name}, {}: {other:?}", patch.name),
            };
            let place = format!("{name}, {}, {age}: {}", patch.name, decision.reason);
            assert_eq!((seen, decision.rule), (*wanted, *rule), "{place}");
            assert_eq!(decision.level, ComplianceLevel::Unspecified, "{place}");
            assert_eq!(decision.chosen, seen == Y, "{place}");
            if let Verdict::Pending { at } = decision.verdict {
                // The told instant is the first column of the row that says yes.
                let (_, first) =
                    AGES.into_iter().zip(days).find(|(_, d)| **d == Y).expect("a wait that ends").0;
                assert_eq!(at, later(first), "{place}");
            }
        }
    }
}

/// A package or patch whose notice has this class and severity (`""`: none).
pub(crate) fn notice(class: &str, severity: &str) -> Candidate {
    with_advisory(bare(&format!("{class} {severity}")), advisory("NOTICE-1", class, severity, RELEASE))
}

pub(crate) fn bare(name: &str) -> Candidate {
    candidate(name, "1.0-1", "1.1-1", "baseos")
}
