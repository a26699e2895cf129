//! Doors for the fuzz targets: each parser of apt's texts by itself, which nothing else may call from outside.
//!
//! They return just enough to check what a parser promises; the checks are in the crate `patchflock-fuzz`.

use std::collections::{BTreeMap, HashSet};

use patchflock_baselines::inventory::NativeUpgrade;

use super::status::Status;
use super::{
    changelog, dpkg_log, lists, output, policy, progress, release, settings, sources, status, surroundings,
};
use crate::pm::Progress;

/// A refusal: place, and what was found there.
pub type Refused = (String, String);

/// One offer of an index: name, architecture, version, phased percentage.
pub type Offered = (String, String, String, Option<u8>);

/// Offers of the wanted names in a package index.
pub fn packages(index: &[u8], wanted: &[&str]) -> Result<Vec<Offered>, String> {
    let wanted: HashSet<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
    let offers = lists::offers(index, &wanted)?;
    Ok(offers.into_iter().map(|o| (o.name, o.arch, o.version, o.phased)).collect())
}

/// A Release file: whether it is one, and whether it knows `path` and its size.
pub fn release(text: &str, path: &str) -> Option<(bool, Option<u64>)> {
    release::parse(text).map(|r| (r.knows(path), r.size_of(path)))
}

/// The status file: name and architecture of what is at least partly installed.
pub fn status(text: &str) -> Result<Vec<(String, String)>, Refused> {
    read(text).map(|s| s.packages.into_keys().collect())
}

/// Names and architectures marked automatic.
pub fn auto(text: &str) -> HashSet<(String, String)> {
    status::parse_auto(text)
}

/// What `apt-get -s` prints, as the inventory tells it, on a machine with this status file.
pub fn simulated(text: &str, status: &str) -> Result<Vec<NativeUpgrade>, Refused> {
    let status = read(status)?;
    output::parse(text).map(|s| s.native(&status))
}

/// What `apt-cache policy` prints: the names, each with its number of versions.
pub fn policy(text: &str) -> Result<BTreeMap<String, usize>, Refused> {
    let found = policy::parse(text)?;
    Ok(found.into_iter().map(|(name, opinion)| (name, opinion.priorities.len())).collect())
}

/// One status line; `None` if it is something else.
pub fn progress(line: &[u8]) -> Option<Vec<Progress>> {
    let mut steps = Vec::new();
    progress::show(line, &mut |step| steps.push(step)).then_some(steps)
}

/// Whom dpkg blames, and why.
pub fn blamed(log: &str) -> BTreeMap<String, String> {
    dpkg_log::errors(log)
}

/// CVE ids of a changelog's entries that are newer than a version.
pub fn fixed(changelog: &[u8], installed: &str) -> Vec<String> {
    changelog::newer(changelog, installed)
}

/// How many lists `apt-get update --print-uris` names.
pub fn uris(text: &str) -> Result<usize, Refused> {
    sources::parse_uris(text).map(|found| found.len())
}

/// What `apt-config shell` and needrestart print.
pub fn settings_and_services(text: &str) -> (BTreeMap<String, String>, Vec<String>) {
    (settings::parse(text), surroundings::parse_needrestart(text))
}

fn read(text: &str) -> Result<Status, Refused> {
    let mut status = Status { native_arch: "amd64".to_owned(), ..Status::default() };
    status::apply(&mut status, text)?;
    Ok(status)
}
