//! One version of a document, and which versions are kept.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::key::{KeyId, Signature};

/// Signatures that hold, by the key that made them.
pub type Signatures = BTreeMap<KeyId, Signature>;

/// How many versions are kept for each set of signers, and in all (P33). By signers, so that somebody whose key is
/// revoked later cannot have pushed out what others published before.
const FOR_EACH: usize = 4;
const IN_ALL: usize = 32;

/// One version of a document, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    pub(crate) version: u64,
    pub(crate) digest: Hash,
    pub(crate) issued: DateTime<Utc>,
    pub(crate) expires: Option<DateTime<Utc>>,
    pub(crate) deleted: bool,
    /// The group that a `PatchGroup` document speaks for: a later fleet document may protect it.
    pub(crate) patch_group: Option<String>,
    pub(crate) signatures: Signatures,
}

impl Candidate {
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

    /// When its author issued it.
    #[must_use]
    pub fn issued(&self) -> DateTime<Utc> {
        self.issued
    }

    /// The instant from which it has no effect, if it expires.
    #[must_use]
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        self.expires
    }

    /// It says that there is no such document.
    #[must_use]
    pub fn deleted(&self) -> bool {
        self.deleted
    }

    /// The signatures that hold.
    #[must_use]
    pub fn signatures(&self) -> &Signatures {
        &self.signatures
    }

    /// What decides between versions (P30).
    pub(crate) fn rank(&self) -> (u64, DateTime<Utc>, Hash) {
        (self.version, self.issued, self.digest)
    }

    /// Whether all signatures of another copy of the same text are here.
    pub(crate) fn has(&self, signatures: &Signatures) -> bool {
        signatures.iter().all(|(id, signature)| self.signatures.get(id).is_some_and(|kept| kept <= signature))
    }
}

/// Signatures of two copies of one text: of several by one key all nodes keep the same.
pub(crate) fn join(into: &mut Signatures, from: Signatures) {
    for (id, signature) in from {
        let kept = into.entry(id).or_insert(signature);
        *kept = (*kept).min(signature);
    }
}

/// The versions of a document with one more: newest first, as many as are kept (P30, P33).
pub(crate) fn merged(list: &[Candidate], one: Candidate) -> Vec<Candidate> {
    let mut list = list.to_vec();
    match list.iter_mut().find(|other| other.digest == one.digest) {
        Some(other) => join(&mut other.signatures, one.signatures),
        None => list.push(one),
    }
    list.sort_by_key(|candidate| std::cmp::Reverse(candidate.rank()));
    let mut kept: BTreeMap<Vec<KeyId>, usize> = BTreeMap::new();
    list.retain(|candidate| {
        let count = kept.entry(candidate.signatures.keys().copied().collect()).or_default();
        *count += 1;
        *count <= FOR_EACH
    });
    list.truncate(IN_ALL);
    list
}
