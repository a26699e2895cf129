//! What one node has and another lacks: for catching up in one exchange.
//!
//! P120: a node says what it has: number and digest of its fleet document, for each document that counts (and each text
//! that lost against it under the same version) name, version, digest and a fingerprint of its signers, the revocations
//! likewise, and its set digest. It is a hint and unsigned: whoever lies in it gets less or more than needed, and no
//! node believes anything for it. P121: the other answers with the envelopes that are lacking, in the order in which they
//! can be adopted: fleet documents, revocations, documents, set digest. Two nodes that have the same send nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::envelope::{Envelope, Purpose};
use crate::hash::Hash;
use crate::state::{MAX_DOCUMENTS, MAX_REVOCATIONS, Signatures, State};
use crate::statement::{DocumentName, FleetId, StatementError, demand};

/// What a node has (P120).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Have {
    /// The fleet.
    pub fleet: FleetId,
    /// Version and digest of its fleet document.
    pub tip: Option<(u64, Hash)>,
    /// Its documents.
    pub documents: Vec<HaveDocument>,
    /// Its revocations, by digest, each with the fingerprint of its signers.
    pub revocations: Vec<(Hash, u32)>,
    /// When its set digest was issued, the digest of that envelope, and the fingerprint of its signers.
    pub set_digest: Option<(DateTime<Utc>, Hash, u32)>,
}

/// One version of a document that a node has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaveDocument {
    /// Its name.
    pub name: DocumentName,
    /// Its version.
    pub version: u64,
    /// The digest of its envelope.
    pub digest: Hash,
    /// The fingerprint of its signers.
    pub signers: u32,
}

impl Have {
    /// What a node has at this moment.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let documents = state.heads().chain(state.conflicts()).map(|(name, one)| HaveDocument {
            name: name.clone(),
            version: one.version(),
            digest: one.digest(),
            signers: fingerprint(one.signatures()),
        });
        let revocations =
            state.revocations().iter().map(|(digest, one)| (*digest, fingerprint(one.signatures())));
        let set_digest =
            state.set_digest().map(|mark| (mark.issued(), mark.digest(), fingerprint(mark.signatures())));
        Self {
            fleet: state.fleet(),
            tip: state.tip().map(|tip| (tip.version(), tip.digest())),
            documents: documents.collect(),
            revocations: revocations.collect(),
            set_digest,
        }
    }

    /// Whether it can be what a node has (P33).
    ///
    /// # Errors
    /// It names more than any node keeps.
    pub fn check(&self) -> Result<(), StatementError> {
        // A document and what lost against it.
        demand(self.documents.len() <= 2 * MAX_DOCUMENTS, || "too many documents".into())?;
        demand(self.revocations.len() <= MAX_REVOCATIONS, || "too many revocations".into())
    }
}

/// What this node has and the other lacks, in the order in which it can be adopted (P121).
#[must_use]
pub fn lacking(state: &State, other: &Have) -> Vec<Hash> {
    if other.fleet != state.fleet() {
        return Vec::new();
    }
    let mut lacking = Vec::new();
    let (version, tip) = other.tip.map_or((0, None), |(version, digest)| (version, Some(digest)));
    for link in state.chain() {
        if link.version() > version || (link.version() == version && Some(link.digest()) != tip) {
            lacking.push(link.digest());
        }
    }
    let revoked: BTreeSet<&(Hash, u32)> = other.revocations.iter().collect();
    let lacks = |digest: &Hash, signatures| !revoked.contains(&(*digest, fingerprint(signatures)));
    let revocations = state.revocations().iter().filter(|(digest, one)| lacks(digest, one.signatures()));
    lacking.extend(revocations.map(|(digest, _)| *digest));
    let mut newest: BTreeMap<&DocumentName, u64> = BTreeMap::new();
    for one in &other.documents {
        let version = newest.entry(&one.name).or_default();
        *version = one.version.max(*version);
    }
    let has: BTreeSet<(Hash, u32)> = other.documents.iter().map(|one| (one.digest, one.signers)).collect();
    for (name, one) in state.heads().chain(state.conflicts()) {
        let newer = newest.get(name).is_some_and(|version| *version > one.version());
        if !newer && !has.contains(&(one.digest(), fingerprint(one.signatures()))) {
            lacking.push(one.digest());
        }
    }
    if let Some(mark) = state.set_digest() {
        let own = (mark.issued(), mark.digest(), fingerprint(mark.signatures()));
        let newer = |(issued, digest, signers)| {
            (own.0, own.1) > (issued, digest) || (own.1 == digest && own.2 != signers)
        };
        if other.set_digest.is_none_or(newer) {
            lacking.push(mark.digest());
        }
    }
    lacking
}

/// An envelope that this node has, put together again from its payload, which the store keeps under this digest.
#[must_use]
pub fn envelope(state: &State, digest: &Hash, payload: Vec<u8>) -> Option<Envelope> {
    let link = || state.chain().iter().find(|link| link.digest() == *digest).map(|link| link.signatures());
    let revocation = || state.revocations().get(digest).map(|one| one.signatures());
    let document = || {
        let mut all = state.heads().flat_map(|(name, _)| state.versions(name));
        all.find(|one| one.digest() == *digest).map(|one| one.signatures())
    };
    let dated = state.set_digest().filter(|mark| mark.digest() == *digest).map(|mark| mark.signatures());
    let (purpose, signatures) = match dated {
        Some(signatures) => (Purpose::SetDigest, signatures),
        None => (Purpose::Document, link().or_else(revocation).or_else(document)?),
    };
    let envelope = Envelope::from_parts(purpose, payload, signatures.clone());
    (envelope.digest() == *digest).then_some(envelope)
}

/// Tells sets of signers apart, nearly always; where it does not, the next signature will.
fn fingerprint(signatures: &Signatures) -> u32 {
    let ids: Vec<String> = signatures.keys().map(ToString::to_string).collect();
    let hash = Hash::of_pieces(ids.iter().map(String::as_bytes));
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}
