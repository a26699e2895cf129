//! When the fleet first saw a version of a package: many witnesses, of whom some may be wrong or lie.
//!
//! P100: a sighting is (origin, package, version, architecture, digest) and the time that the *signed metadata* bore
//! in which a node first saw it; a batch of at most 500 is signed by the node. P101: a version's date is the earlier
//! of the node's own sighting and the k-th earliest by distinct enrolled witnesses, k = 3: one wrong clock or two
//! hostile keys cannot age a patch. P102: of each version the 8 earliest witnesses are kept, of each witness its
//! earliest time. P103: a ledger has at most 200,000 versions, of which one witness may bring up to 20,000. P104:
//! whoever knows k earlier witnesses keeps silent.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::claim::{Claim, Genuine, Place};
use crate::envelope::Purpose;
use crate::hash::Hash;
use crate::node::NodeId;
use crate::statement::{Body, FleetId, StatementError, check_format, check_text, check_time, demand};

/// How many distinct witnesses make a date (P101).
pub const WITNESSES: usize = 3;

/// How many witnesses of one version are kept (P102).
const KEPT: usize = 8;

/// Most versions in a ledger, and how many of them one witness may bring (P103).
pub const MAX_VERSIONS: usize = 200_000;
const MAX_OF_ONE: usize = 20_000;

/// Most sightings in one batch (P100).
pub const MAX_BATCH: usize = 500;

/// A version of a package, from one origin, with its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Origin, label and code name; never an address.
    pub origin: String,
    /// Name of the package.
    pub package: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub arch: String,
    /// Digest of the package file.
    pub hash: Hash,
}

/// One sighting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// What was seen.
    pub seen: Seen,
    /// The date of the signed metadata that first carried it.
    pub time: DateTime<Utc>,
}

/// Sightings of one node, signed by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sightings {
    /// [`crate::statement::FORMAT`].
    pub format: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// The witness.
    pub node: NodeId,
    /// Where the batch stands among the node's batches. All count, not the newest alone.
    pub place: Place,
    /// When, by the node's clock.
    pub issued: DateTime<Utc>,
    /// What it saw.
    pub sightings: Vec<Sighting>,
}

impl Body for Sightings {
    const PURPOSE: Purpose = Purpose::Sightings;

    fn check(&self) -> Result<(), StatementError> {
        check_format(self.format)?;
        check_time("issued", self.issued)?;
        demand(self.sightings.len() <= MAX_BATCH, || format!("more than {MAX_BATCH} sightings"))?;
        for Sighting { seen, time } in &self.sightings {
            check_time("time", *time)?;
            check_text("origin", &seen.origin, 256)?;
            check_text("package", &seen.package, 256)?;
            check_text("version", &seen.version, 256)?;
            check_text("arch", &seen.arch, 32)?;
        }
        Ok(())
    }
}

impl Claim for Sightings {
    fn fleet(&self) -> FleetId {
        self.fleet
    }

    fn node(&self) -> NodeId {
        self.node
    }

    fn place(&self) -> Place {
        self.place
    }

    fn issued(&self) -> DateTime<Utc> {
        self.issued
    }
}

/// Everything that was seen, by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    versions: BTreeMap<Seen, BTreeMap<NodeId, DateTime<Utc>>>,
    brought: BTreeMap<NodeId, usize>,
}

impl Ledger {
    /// Takes a batch in. Sightings dated after the batch itself are left out: nobody sees what is signed tomorrow.
    /// Whether anything was news.
    pub fn take(&mut self, batch: &Genuine<Sightings>) -> bool {
        let body = batch.body();
        let plausible = body.sightings.iter().filter(|one| one.time <= body.issued);
        plausible.filter(|one| self.add(body.node, one.seen.clone(), one.time)).count() > 0
    }

    /// Takes one sighting in, of a witness whose word is good.
    pub fn add(&mut self, node: NodeId, seen: Seen, time: DateTime<Utc>) -> bool {
        let known = self.versions.contains_key(&seen);
        let brought = self.brought.entry(node).or_default();
        if !known && (*brought >= MAX_OF_ONE || self.versions.len() >= MAX_VERSIONS) {
            return false;
        }
        *brought += usize::from(!known);
        let witnesses = self.versions.entry(seen).or_default();
        match witnesses.get_mut(&node) {
            Some(earlier) if *earlier <= time => return false,
            Some(later) => *later = time,
            None => {
                witnesses.insert(node, time);
            }
        }
        if witnesses.len() <= KEPT {
            return true;
        }
        let last = witnesses.iter().map(|(id, at)| (*at, *id)).max();
        if let Some((_, last)) = last {
            witnesses.remove(&last);
            return last != node;
        }
        true
    }

    /// The date from which a version counts (P101), or `None` if nobody whose word suffices has seen it.
    #[must_use]
    pub fn first_seen(&self, seen: &Seen, own: NodeId, revoked: &BTreeSet<NodeId>) -> Option<DateTime<Utc>> {
        let witnesses = self.versions.get(seen)?;
        let mut times: Vec<_> =
            witnesses.iter().filter(|(id, _)| !revoked.contains(id)).map(|(_, time)| *time).collect();
        times.sort_unstable();
        let by_all = times.get(WITNESSES - 1).copied();
        [by_all, witnesses.get(&own).copied()].into_iter().flatten().min()
    }

    /// Whether a node's sighting would change anything for others (P104).
    #[must_use]
    pub fn is_worth_telling(&self, seen: &Seen, time: DateTime<Utc>) -> bool {
        let earlier = |witnesses: &BTreeMap<NodeId, DateTime<Utc>>| {
            witnesses.values().filter(|other| **other <= time).count()
        };
        self.versions.get(seen).is_none_or(|witnesses| earlier(witnesses) < WITNESSES)
    }

    /// How many versions it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// It knows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }
}
