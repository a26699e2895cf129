//! What patch groups and defaults mean together with the baselines that they name.
//!
//! The operating system of a registration comes from the baseline, so whoever names a baseline that is not there has
//! registered *something*: the answer is then an [`Unsettled`], never nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Concerns, DefaultBaseline, Registration, Unsettled};
use crate::baseline::Baseline;
use crate::os::OperatingSystem;
use crate::patch_group::{DefaultBaselines, PatchGroup};
use crate::predefined;

/// What stands under the name of a baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A baseline in force.
    For(OperatingSystem),
    /// A baseline that has expired.
    Expired(OperatingSystem, DateTime<Utc>),
    /// A document that cannot be used, and why.
    Unusable(String),
    /// Nothing.
    Missing,
}

/// Each patch group with its baselines by operating system, and what does not become a registration.
///
/// Names that no baseline has may be those of predefined ones. A group that names two baselines for one operating
/// system, by one document or by several, has both registrations and the conflict among the unsettled (AWS refuses
/// the second registration, reference 3).
pub fn registrations(groups: &[PatchGroup], baselines: &[Baseline]) -> (Vec<Registration>, Vec<Unsettled>) {
    registered(groups.iter(), &among(baselines))
}

/// The default baselines by operating system, and what does not become one; see [`registrations`].
pub fn defaults(
    document: &DefaultBaselines,
    baselines: &[Baseline],
) -> (Vec<DefaultBaseline>, Vec<Unsettled>) {
    set(document, &among(baselines))
}

fn among(baselines: &[Baseline]) -> impl Fn(&str) -> Found {
    |name| match baselines.iter().find(|baseline| baseline.name == name) {
        Some(baseline) => Found::For(baseline.operating_system),
        None => shipped(name),
    }
}

/// What a name means that no document has.
pub(super) fn shipped(name: &str) -> Found {
    predefined::named(name).map_or(Found::Missing, |p| Found::For(p.operating_system))
}

/// [`registrations`] with any way of finding baselines.
pub(super) fn registered<'a>(
    groups: impl Iterator<Item = &'a PatchGroup>,
    find: &dyn Fn(&str) -> Found,
) -> (Vec<Registration>, Vec<Unsettled>) {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for group in groups {
        names.entry(&group.patch_group).or_default().extend(group.baselines.iter().map(String::as_str));
    }
    let (mut found, mut unsettled) = (Vec::new(), Vec::new());
    for (patch_group, names) in names {
        let concerns = Concerns::PatchGroup(patch_group.to_owned());
        let who = format!("patch group {patch_group}");
        for (operating_system, baseline) in by_system(names, &concerns, &who, find, &mut unsettled) {
            found.push(Registration { patch_group: patch_group.to_owned(), operating_system, baseline });
        }
    }
    (found, unsettled)
}

/// [`defaults`] with any way of finding baselines.
pub(super) fn set(
    document: &DefaultBaselines,
    find: &dyn Fn(&str) -> Found,
) -> (Vec<DefaultBaseline>, Vec<Unsettled>) {
    let mut unsettled = Vec::new();
    let names = document.baselines.iter().map(String::as_str).collect();
    let found = by_system(names, &Concerns::Defaults, "the defaults", find, &mut unsettled)
        .into_iter()
        .map(|(operating_system, baseline)| DefaultBaseline { operating_system, baseline })
        .collect();
    (found, unsettled)
}

fn by_system(
    mut names: Vec<&str>,
    concerns: &Concerns,
    who: &str,
    find: &dyn Fn(&str) -> Found,
    unsettled: &mut Vec<Unsettled>,
) -> Vec<(OperatingSystem, String)> {
    names.sort_unstable();
    names.dedup();
    let mut say = |operating_system, why| {
        unsettled.push(Unsettled { concerns: concerns.clone(), operating_system, why });
    };
    let mut found: BTreeMap<OperatingSystem, Vec<&str>> = BTreeMap::new();
    for name in names {
        match find(name) {
            Found::For(os) => found.entry(os).or_default().push(name),
            Found::Expired(os, at) => say(Some(os), format!("{who}: {}", expired("baseline", name, at))),
            Found::Unusable(why) => {
                say(
                    None,
                    format!("{who}: baseline {name} {why}: nothing is installed until it is applied anew"),
                );
            }
            Found::Missing => say(
                None,
                format!(
                    "{who}: baseline {name} is not here: nothing is installed until it is applied, or \
                     no longer named"
                ),
            ),
        }
    }
    for (os, names) in &found {
        if names.len() > 1 {
            let names = names.join(", ");
            say(Some(*os), format!("{who}: several baselines are for {os} ({names}): keep one"));
        }
    }
    found
        .into_iter()
        .flat_map(|(os, names)| names.into_iter().map(move |name| (os, name.to_owned())))
        .collect()
}

/// That a document has expired, and what to do.
pub(super) fn expired(what: &str, name: &str, at: DateTime<Utc>) -> String {
    let at = at.format("%Y-%m-%d %H:%M UTC");
    format!("{what} {name} expired on {at}: nothing is installed until a newer version is applied")
}
