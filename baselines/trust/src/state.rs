//! What a node knows of its fleet: a plain value that a store can keep.
//!
//! It holds no texts, only what follows from them: the store keeps each payload under its digest, and [`State`] keeps
//! the signatures that hold, so that an envelope can be put together again for whoever asks.
//!
//! P30: of the versions of a document that count, the highest (version, issued, digest) is the document; this does
//! not depend on the order in which they came. P31: a document counts by the newest fleet document and all
//! revocations, not by those of the day on which it came: whoever is removed or revoked is unheard, and an older
//! version by somebody else counts again, unless the revocation says otherwise (P44). P32: an expired version still
//! hides the older ones. P33: at most 4,096 documents, 4 versions of each for each set of signers and 32 in all,
//! 4,096 revocations, 1,024 fleet documents.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::hash::Hash;
use crate::key::{KeyId, PublicKey};
use crate::statement::{DocumentName, FleetId};

mod candidate;
mod judge;
mod revoked;

pub use candidate::{Candidate, Signatures};
pub use revoked::{Revocation, Revoked};

pub(crate) use candidate::{join, merged};

/// Most documents (P33).
pub const MAX_DOCUMENTS: usize = 4_096;

/// Most revocations (P33).
pub const MAX_REVOCATIONS: usize = 4_096;

/// Most fleet documents in a chain (P33).
pub const MAX_CHAIN: usize = 1_024;

/// How many versions of one document there may be for each day since the fleet began, and two days on top (P34). More
/// would be an attempt to use the numbers up.
pub const VERSIONS_A_DAY: u64 = 1_000;

/// How far clocks may be apart (P35).
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::hours(24);

/// One version of the `Fleet` document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub(crate) version: u64,
    pub(crate) digest: Hash,
    pub(crate) issued: DateTime<Utc>,
    pub(crate) expires: Option<DateTime<Utc>>,
    pub(crate) authority: Authority,
    pub(crate) signatures: Signatures,
}

impl Link {
    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The digest of its envelope, under which the store has its payload.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// Its rules.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The instant from which the fleet takes no document but the next of this kind.
    #[must_use]
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        self.expires
    }

    /// The signatures that hold.
    #[must_use]
    pub fn signatures(&self) -> &Signatures {
        &self.signatures
    }
}

/// The newest signed digest over all documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetMark {
    pub(crate) issued: DateTime<Utc>,
    pub(crate) digest: Hash,
    pub(crate) set: Hash,
    pub(crate) versions: u64,
    pub(crate) signatures: Signatures,
}

impl SetMark {
    /// When it was issued.
    #[must_use]
    pub fn issued(&self) -> DateTime<Utc> {
        self.issued
    }

    /// The digest of its envelope, under which the store has its payload.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// The signatures that hold.
    #[must_use]
    pub fn signatures(&self) -> &Signatures {
        &self.signatures
    }
}

/// Everything that a node has adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(crate) fleet: FleetId,
    pub(crate) chain: Vec<Link>,
    pub(crate) documents: BTreeMap<DocumentName, Vec<Candidate>>,
    pub(crate) revocations: BTreeMap<Hash, Revocation>,
    pub(crate) set_digest: Option<SetMark>,
}

impl State {
    /// A node that knows its fleet's id and nothing else yet.
    #[must_use]
    pub fn new(fleet: FleetId) -> Self {
        Self {
            fleet,
            chain: Vec::new(),
            documents: BTreeMap::new(),
            revocations: BTreeMap::new(),
            set_digest: None,
        }
    }

    /// The fleet.
    #[must_use]
    pub fn fleet(&self) -> FleetId {
        self.fleet
    }

    /// The fleet documents, the first one first.
    #[must_use]
    pub fn chain(&self) -> &[Link] {
        &self.chain
    }

    /// The fleet document in force; `None` before the first.
    #[must_use]
    pub fn tip(&self) -> Option<&Link> {
        self.chain.last()
    }

    /// The documents that count, tombstones and expired ones among them.
    pub fn heads(&self) -> impl Iterator<Item = (&DocumentName, &Candidate)> {
        self.documents.iter().filter_map(|(name, list)| list.first().map(|head| (name, head)))
    }

    /// The version of a document that counts.
    #[must_use]
    pub fn head(&self, name: &DocumentName) -> Option<&Candidate> {
        self.documents.get(name).and_then(|list| list.first())
    }

    /// All versions of a document that are kept, the one that counts first.
    #[must_use]
    pub fn versions(&self, name: &DocumentName) -> &[Candidate] {
        self.documents.get(name).map_or(&[], Vec::as_slice)
    }

    /// What lost against the document that counts: another text under its version.
    pub fn conflicts(&self) -> impl Iterator<Item = (&DocumentName, &Candidate)> {
        self.documents.iter().flat_map(|(name, list)| {
            let version = list.first().map(|head| head.version);
            list.iter()
                .skip(1)
                .filter(move |other| Some(other.version) == version)
                .map(move |loser| (name, loser))
        })
    }

    /// The documents that a key has signed and that count, with their versions: what a revocation of the key should
    /// name.
    pub fn signed_by<'a>(&'a self, id: &'a KeyId) -> impl Iterator<Item = (&'a DocumentName, u64)> {
        let signed = self.heads().filter(|(_, head)| head.signatures.contains_key(id));
        signed.map(|(name, head)| (name, head.version))
    }

    /// The revocations, by the digests of their envelopes.
    #[must_use]
    pub fn revocations(&self) -> &BTreeMap<Hash, Revocation> {
        &self.revocations
    }

    /// The newest signed digest over all documents.
    #[must_use]
    pub fn set_digest(&self) -> Option<&SetMark> {
        self.set_digest.as_ref()
    }

    /// A key that any fleet document named: a signature by it can be looked at, which says nothing about its right.
    pub(crate) fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.chain.iter().rev().find_map(|link| link.authority.key(id))
    }
}
