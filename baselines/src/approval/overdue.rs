//! Starvation: security patches that are superseded again and again before their wait ends (design 7b).

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::dates::due;
use super::{Decision, Overdue, Verdict};
use crate::baseline::Baseline;
use crate::inventory::{Candidate, Sighting};
use crate::os::Family;
use crate::version::compare;

/// Whether a package starves: some security version of it waits (for its time, for a date, or for ever after a
/// cutoff), and the first security version that is still not approved was offered `max_wait_days` ago.
///
/// `sightings` are the package's security versions that were ever offered; the age of a version that is still
/// offered is that of its first sight, else its date. Versions that the plan would already install or that are
/// not newer than what is installed do not count: they are no longer missing. A package that the rules do not
/// select at all, or that is rejected, does not starve.
pub(crate) fn starved(
    baseline: &Baseline,
    family: Family,
    group: &[&Candidate],
    decided: &[Decision],
    sightings: &[&Sighting],
    at: DateTime<Utc>,
) -> Option<Overdue> {
    let max_wait = baseline.max_wait_days?;
    let waits = |d: &Decision| {
        d.security && matches!(d.verdict, Verdict::Pending { .. } | Verdict::Waiting | Verdict::TooNew)
    };
    let waiting = decided.iter().find(|d| waits(d))?;
    // What is installed or will be: everything up to here is no longer missing.
    let settled =
        decided.iter().find(|d| d.chosen).map_or(waiting.installed.as_str(), |d| d.version.as_str());
    let missing =
        |version: &str| settled.is_empty() || compare(family, version, settled) == Ordering::Greater;
    if !missing(&waiting.version) {
        return None;
    }
    let offered = group.iter().zip(decided).filter(|(_, d)| waits(d)).filter_map(|(c, d)| {
        let since = c.first_seen.as_ref().map(|seen| seen.at).or(d.date.as_ref().map(|date| date.at))?;
        Some((since, d.version.as_str()))
    });
    let seen = sightings.iter().map(|s| (s.at, s.version.as_str()));
    let (since, version) = offered.chain(seen).filter(|(_, version)| missing(version)).min()?;
    (at > due(since, max_wait)).then(|| Overdue {
        name: waiting.name.clone(),
        arch: waiting.arch.clone(),
        first_version: version.to_owned(),
        since,
    })
}
