//! Signed bytes: DSSE, the Dead Simple Signing Envelope.
//!
//! P4: the file form is JSON, `{"payloadType", "payload", "signatures": [{"keyid", "sig"}]}` with base64, and nothing
//! else in it. P5: what is signed is the pre-authentication encoding, `DSSEv1 LEN TYPE LEN PAYLOAD`, so that a
//! signature for one purpose means nothing for another. P6: the digest of an envelope is the SHA-256 of that
//! encoding: signatures may be added to a document without making it another one.
//!
//! The payload of an [`Envelope`] is out of reach until signatures hold: [`Verified`] is the only way to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::hash::Hash;
use crate::key::{KeyId, PublicKey, SecretKey, Signature};

mod read;

pub use read::{MAX_BYTES, MAX_PAYLOAD, MAX_SIGNATURES};

/// What signed bytes are for (P5). A payload type of its own for each keeps them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A document or its tombstone: [`crate::statement::Statement`].
    Document,
    /// The dated digest over all documents.
    SetDigest,
    /// Who a node is.
    NodeCertificate,
    /// What a node says of itself.
    NodeDescription,
    /// What a node's last look found.
    ReportSummary,
    /// When a node first saw versions of packages.
    Sightings,
    /// A node's wish to be enrolled.
    JoinRequest,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Document,
        Self::SetDigest,
        Self::NodeCertificate,
        Self::NodeDescription,
        Self::ReportSummary,
        Self::Sightings,
        Self::JoinRequest,
    ];

    /// The payload type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Document => "application/vnd.patchflock.document.v1",
            Self::SetDigest => "application/vnd.patchflock.set-digest.v1",
            Self::NodeCertificate => "application/vnd.patchflock.node-certificate.v1",
            Self::NodeDescription => "application/vnd.patchflock.node-description.v1",
            Self::ReportSummary => "application/vnd.patchflock.report-summary.v1",
            Self::Sightings => "application/vnd.patchflock.sightings.v1",
            Self::JoinRequest => "application/vnd.patchflock.join-request.v1",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Signed bytes of which nothing is known yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    purpose: Purpose,
    payload: Vec<u8>,
    signatures: Vec<(KeyId, Signature)>,
}

/// Why an envelope cannot be read or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than allowed (P7).
    #[error("an envelope has at most {MAX_BYTES} bytes and a payload of at most {MAX_PAYLOAD}")]
    TooLong,
    /// Not an envelope.
    #[error("not a signed envelope: {0}")]
    Malformed(String),
    /// Too many signatures (P7).
    #[error("more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// A payload type that is none of ours.
    #[error("the payload type is none that this version knows")]
    UnknownPurpose,
    /// Signed for something else.
    #[error("signed as {found}, where {wanted} is needed")]
    WrongPurpose {
        /// What it was signed as.
        found: Purpose,
        /// What was asked for.
        wanted: Purpose,
    },
    /// No signature at all, or none by a key that counts here.
    #[error("no signature by a key that the fleet names")]
    Unsigned,
    /// It names a key that did not sign it.
    #[error("the signature of {0} does not hold: the text was changed, or another key signed it")]
    BadSignature(KeyId),
}

impl Envelope {
    /// Signs a payload. The caller has checked that the payload means what it should.
    #[must_use]
    pub(crate) fn seal(purpose: Purpose, payload: Vec<u8>, keys: &[&SecretKey]) -> Self {
        let mut envelope = Self { purpose, payload, signatures: Vec::new() };
        keys.iter().for_each(|key| envelope.cosign(key));
        envelope
    }

    /// An envelope again, from a payload and signatures that were kept apart. It is as unknown as one from outside.
    #[must_use]
    pub fn from_parts(
        purpose: Purpose,
        payload: Vec<u8>,
        signatures: impl IntoIterator<Item = (KeyId, Signature)>,
    ) -> Self {
        Self { purpose, payload, signatures: signatures.into_iter().collect() }
    }

    /// Adds the signature of a key, if it has none yet.
    pub fn cosign(&mut self, key: &SecretKey) {
        let id = key.public().id();
        if self.signatures.iter().all(|(other, _)| *other != id) {
            self.signatures.push((id, key.sign(&self.encoding())));
        }
    }

    /// What it was signed for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The digest of what is signed (P6).
    #[must_use]
    pub fn digest(&self) -> Hash {
        Hash::of(&self.encoding())
    }

    /// The keys that it claims to be signed by.
    pub fn claimed_signers(&self) -> impl Iterator<Item = KeyId> {
        self.signatures.iter().map(|(id, _)| *id)
    }

    /// The payload as unverified bytes: to store and forward it, never to act by it.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The pre-authentication encoding (P5).
    fn encoding(&self) -> Vec<u8> {
        let kind = self.purpose.as_str();
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), self.payload.len());
        [head.as_bytes(), &self.payload].concat()
    }

    /// Opens it if it was signed for this purpose by at least one of the keys that `known` finds (P8): signatures of
    /// unknown keys are passed over, several of one key count once, and one by a known key that does not hold refuses
    /// the whole.
    ///
    /// # Errors
    /// As said.
    pub fn verify<'k>(
        &self,
        purpose: Purpose,
        known: impl Fn(&KeyId) -> Option<&'k PublicKey>,
    ) -> Result<Verified<'_>, EnvelopeError> {
        if self.purpose != purpose {
            return Err(EnvelopeError::WrongPurpose { found: self.purpose, wanted: purpose });
        }
        let encoding = self.encoding();
        let mut signatures: BTreeMap<KeyId, Signature> = BTreeMap::new();
        for (id, signature) in &self.signatures {
            let Some(key) = known(id) else { continue };
            // `known` may find a key under a name that is not its own.
            if key.id() != *id || !key.verifies(&encoding, signature) {
                return Err(EnvelopeError::BadSignature(*id));
            }
            // A key can make several signatures over one text; all nodes keep the same.
            let kept = signatures.entry(*id).or_insert(*signature);
            *kept = (*kept).min(*signature);
        }
        if signatures.is_empty() {
            return Err(EnvelopeError::Unsigned);
        }
        Ok(Verified { payload: &self.payload, digest: Hash::of(&encoding), signatures })
    }

    /// Opens it by its content: the digest was known before (P6).
    ///
    /// # Errors
    /// Another purpose, or another content.
    pub(crate) fn pinned(&self, purpose: Purpose, digest: &Hash) -> Result<Verified<'_>, EnvelopeError> {
        if self.purpose != purpose {
            return Err(EnvelopeError::WrongPurpose { found: self.purpose, wanted: purpose });
        }
        let found = self.digest();
        if found != *digest {
            return Err(EnvelopeError::Unsigned);
        }
        Ok(Verified { payload: &self.payload, digest: found, signatures: BTreeMap::new() })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signers: Vec<KeyId> = self.claimed_signers().collect();
        write!(f, "Envelope({}, {} bytes, {signers:?})", self.purpose, self.payload.len())
    }
}

/// A payload whose signatures hold, and by whom they are.
#[derive(Debug, Clone)]
pub struct Verified<'a> {
    payload: &'a [u8],
    digest: Hash,
    signatures: BTreeMap<KeyId, Signature>,
}

impl Verified<'_> {
    /// The signed bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload
    }

    /// Their digest (P6).
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// The signatures that hold, by key.
    #[must_use]
    pub fn signatures(&self) -> &BTreeMap<KeyId, Signature> {
        &self.signatures
    }

    /// The keys that signed.
    #[must_use]
    pub fn signers(&self) -> BTreeSet<KeyId> {
        self.signatures.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests;
