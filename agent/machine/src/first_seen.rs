//! When each version was first offered here: what approval delays count from where the vendor gives no dates (design
//! 7b, "Dates").
//!
//! The time of a sighting is the date of the signed index that first carried the version, never our clock; its source
//! is what the index calls itself, never an address. So a mirror can change and an index be signed anew, and a version
//! keeps its age. An index without a date dates nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use chrono::{DateTime, Utc};
use patchflock_baselines::inventory::{FirstSeen, Inventory, Sighting, Source, SourceState};
use patchflock_baselines::version::compare;
use serde::{Deserialize, Serialize};

use crate::root::Root;
use crate::{kept, lines};

/// The ledger.
pub const LEDGER: &str = "/var/lib/patchflock/first-seen.jsonl";
/// Past this, what nobody asks for any more is taken out.
const COMPACT_AT: u64 = 16 << 20;
/// Past this it is not read.
const CAP: u64 = 256 << 20;
/// Versions of one package that are gone and still told.
const MAX_SIGHTINGS: usize = 100;

/// One line: a source was first seen, or a version in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Source {
        source: String,
        at: DateTime<Utc>,
    },
    Version {
        source: String,
        name: String,
        arch: String,
        version: String,
        security: bool,
        at: DateTime<Utc>,
        /// It was there when its source was first seen.
        first_sight: bool,
    },
}

/// Name, architecture, version.
type Version = (String, String, String);

/// Date, first sight and security.
type Sight = (DateTime<Utc>, bool, bool);

/// The lines, by what is asked for.
#[derive(Default)]
struct Ledger {
    sources: BTreeMap<String, DateTime<Utc>>,
    /// By version and source.
    versions: BTreeMap<Version, BTreeMap<String, Sight>>,
}

impl Ledger {
    fn take(&mut self, line: Line) {
        match line {
            Line::Source { source, at } => drop(self.sources.entry(source).or_insert(at)),
            Line::Version { source, name, arch, version, security, at, first_sight } => {
                let of = self.versions.entry((name, arch, version)).or_default();
                of.entry(source).or_insert((at, first_sight, security));
            }
        }
    }
}

/// Dates every candidate of an inventory, and tells the versions that are gone; what is new goes into the ledger, unless
/// `keep` says that nothing may be changed. What of the ledger was cut off is given back in words.
///
/// # Errors
/// The ledger cannot be read or written: without it approval delays cannot be counted. A line of it that says nothing is
/// no small thing either: what came after a source was first seen would be taken for what was there before.
pub fn date(root: &Root, inventory: &mut Inventory, keep: bool) -> io::Result<Vec<String>> {
    let named = |e: io::Error| {
        let instead = match e.kind() {
            io::ErrorKind::InvalidData => ", or move it away, and every delay counts anew",
            _ => "",
        };
        io::Error::new(e.kind(), format!("{LEDGER}: {e}{instead}"))
    };
    let read = lines::read::<Line>(root, LEDGER, CAP).map_err(named)?;
    let mut ledger = Ledger::default();
    read.entries.into_iter().for_each(|line| ledger.take(line));
    let new = unseen(&ledger, inventory);
    new.iter().cloned().for_each(|line| ledger.take(line));
    fill(&ledger, inventory);
    if keep {
        kept::directory(root, kept::STATE).map_err(named)?;
        lines::append(root, LEDGER, read.sound, &new).map_err(named)?;
        if read.sound > COMPACT_AT {
            compact(root, ledger, inventory).map_err(named)?;
        }
    }
    Ok(read.warnings)
}

/// What a source calls itself. On rpm only the repository id does.
fn key(source: &Source) -> Option<String> {
    let key = match (source.label.is_empty(), source.codename.is_empty()) {
        (true, true) => format!("{}//{}", source.origin, source.id),
        _ => format!("{}/{}/{}", source.origin, source.label, source.codename),
    };
    (!key.contains("://")).then_some(key)
}

/// Lines for what the ledger does not know yet.
fn unseen(ledger: &Ledger, inventory: &Inventory) -> Vec<Line> {
    let dated: BTreeMap<&str, (String, DateTime<Utc>)> = inventory
        .sources
        .iter()
        .filter(|s| s.state == SourceState::Readable)
        .filter_map(|s| Some((s.id.as_str(), (key(s)?, s.metadata_date?))))
        .collect();
    let mut new: BTreeMap<(String, Version), Line> = BTreeMap::new();
    for candidate in &inventory.candidates {
        let version = (candidate.name.clone(), candidate.arch.clone(), candidate.version.clone());
        for (source, at) in candidate.sources.iter().filter_map(|id| dated.get(id.as_str())) {
            if ledger.versions.get(&version).is_some_and(|of| of.contains_key(source)) {
                continue;
            }
            let line = Line::Version {
                source: source.clone(),
                name: version.0.clone(),
                arch: version.1.clone(),
                version: version.2.clone(),
                security: candidate.security,
                at: *at,
                first_sight: !ledger.sources.contains_key(source),
            };
            // Several components of one source are signed together; should their dates differ, the earlier counts.
            match new.entry((source.clone(), version.clone())) {
                std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(line)),
                std::collections::btree_map::Entry::Occupied(mut old) => {
                    if matches!(old.get(), Line::Version { at: earlier, .. } if at < earlier) {
                        old.insert(line);
                    }
                }
            }
        }
    }
    let sources: BTreeMap<&String, &DateTime<Utc>> =
        dated.values().map(|(source, at)| (source, at)).collect();
    // A source after its versions: a ledger that was cut off between them takes none of them for a later release.
    let sources = sources
        .into_iter()
        .filter(|(source, _)| !ledger.sources.contains_key(*source))
        .map(|(source, at)| Line::Source { source: source.clone(), at: *at });
    new.into_values().chain(sources).collect()
}

fn fill(ledger: &Ledger, inventory: &mut Inventory) {
    let mut offered: BTreeSet<Version> = BTreeSet::new();
    for candidate in &mut inventory.candidates {
        let version = (candidate.name.clone(), candidate.arch.clone(), candidate.version.clone());
        let of = ledger.versions.get(&version);
        let earliest = of.and_then(|of| of.values().min_by_key(|(at, first_sight, _)| (*at, *first_sight)));
        candidate.first_seen = earliest
            .map(|(at, first_sight, _)| FirstSeen { at: *at, at_first_sight_of_source: *first_sight });
        offered.insert(version);
    }
    let packages: BTreeSet<(&str, &str)> =
        offered.iter().map(|(name, arch, _)| (name.as_str(), arch.as_str())).collect();
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (version, of) in &ledger.versions {
        let package = (version.0.as_str(), version.1.as_str());
        let gone = packages.contains(&package) && !offered.contains(version);
        let Some(at) = of.values().map(|(at, ..)| *at).min().filter(|_| gone) else { continue };
        let count = told.entry(package).or_default();
        *count += 1;
        if *count <= MAX_SIGHTINGS {
            inventory.sightings.push(Sighting {
                name: version.0.clone(),
                arch: version.1.clone(),
                version: version.2.clone(),
                security: of.values().any(|(_, _, security)| *security),
                at,
            });
        }
    }
}

/// Keeps what is newer than what is installed. A version that comes back after all is dated anew: it waits longer than
/// it must, never shorter.
fn compact(root: &Root, ledger: Ledger, inventory: &Inventory) -> io::Result<()> {
    let family = inventory.node.operating_system.family();
    let installed: BTreeMap<(&str, &str), &str> = inventory
        .installed
        .iter()
        .map(|p| ((p.name.as_str(), p.arch.as_str()), p.version.as_str()))
        .collect();
    let offered: BTreeSet<(&str, &str, &str)> =
        inventory.candidates.iter().map(|c| (c.name.as_str(), c.arch.as_str(), c.version.as_str())).collect();
    let mut text = Vec::new();
    let sources = ledger.sources.into_iter().map(|(source, at)| Line::Source { source, at });
    let versions = ledger.versions.into_iter().filter(|((name, arch, version), _)| {
        let here = installed.get(&(name.as_str(), arch.as_str()));
        offered.contains(&(name.as_str(), arch.as_str(), version.as_str()))
            || here.is_some_and(|here| compare(family, version, here).is_gt())
    });
    let versions = versions.flat_map(|((name, arch, version), of)| {
        of.into_iter().map(move |(source, (at, first_sight, security))| Line::Version {
            source,
            name: name.clone(),
            arch: arch.clone(),
            version: version.clone(),
            security,
            at,
            first_sight,
        })
    });
    for line in sources.chain(versions) {
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
    }
    kept::write(root, LEDGER, &text)
}

#[cfg(test)]
mod tests;
