//! How a machine becomes a node.
//!
//! P80: an invitation is one line: `patchflock-join-1.` and base64url of JSON with fleet id, the enrolment key that
//! will answer, the terms (id, end, number of uses), a secret, addresses to begin with and the pre-shared key of the
//! transport, if there is one. The same line in a file pre-provisions an image. P81: the secret follows from the
//! enrolment key and the terms (HMAC-SHA256), so that whoever has the key can answer without having kept anything,
//! and nobody can change the terms. P82: the machine makes its key and sends a join request, signed by that key, with
//! an HMAC of its public key by the secret: whoever overhears or relays it can only help this machine in, not another
//! one. P83: the enroller counts the uses and answers with a certificate; P84: the machine believes it after it has
//! walked the fleet's documents from the id in its line, so that it cannot be led into another fleet.

use chrono::{DateTime, Utc};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::envelope::Envelope;
use crate::key::{KeyId, PublicKey, SecretKey};
use crate::statement::{FleetId, StatementError, check_text, check_time, demand};

mod request;

pub use request::{EnrolError, JoinRequest, judge};

/// What a line begins with (P80).
const PREFIX: &str = "patchflock-join-1.";

/// Longest line, in bytes (P80).
pub const MAX_LINE: usize = 4_096;

/// Most addresses to begin with (P80).
pub const MAX_SEEDS: usize = 16;

/// What an invitation allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Tells invitations apart: 16 random bytes in hex.
    pub id: String,
    /// From here on it does not count.
    pub expires: DateTime<Utc>,
    /// How many nodes may use it.
    pub uses: u32,
}

/// An invitation. Whoever has it can join: keep it like a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// The fleet, and with it its root keys.
    pub fleet: FleetId,
    /// The enrolment key that answers.
    pub by: KeyId,
    /// What it allows.
    pub terms: Terms,
    /// Proves that one was invited, in hex.
    secret: String,
    /// Addresses of nodes to begin with.
    pub seeds: Vec<String>,
    /// The pre-shared key of the transport, if the fleet has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<String>,
}

impl Terms {
    /// Terms under a new id.
    #[must_use]
    pub fn new(entropy: &[u8; 16], expires: DateTime<Utc>, uses: u32) -> Self {
        Self { id: HEXLOWER.encode(entropy), expires, uses }
    }

    fn check(&self) -> Result<(), StatementError> {
        let hex = self.id.len() == 32 && HEXLOWER.decode(self.id.as_bytes()).is_ok();
        demand(hex, || "the id of an invitation is 32 hex digits".into())?;
        demand(self.uses > 0, || "an invitation for nobody".into())?;
        check_time("expires", self.expires)
    }

    /// The secret of these terms (P81).
    fn secret(&self, fleet: FleetId, key: &SecretKey) -> [u8; 32] {
        let inner = mac(key.seed(), &[b"patchflock invitation v1"]);
        let (expires, uses) = (self.expires.timestamp_micros().to_le_bytes(), self.uses.to_le_bytes());
        mac(&inner, &[fleet.0.as_bytes(), self.id.as_bytes(), &expires, &uses])
    }
}

impl Invitation {
    /// An invitation by an enrolment key.
    ///
    /// # Errors
    /// Its terms or addresses are beyond their limits.
    pub fn new(
        fleet: FleetId,
        key: &SecretKey,
        terms: Terms,
        seeds: Vec<String>,
        psk: Option<String>,
    ) -> Result<Self, StatementError> {
        let secret = HEXLOWER.encode(&terms.secret(fleet, key));
        let invitation = Self { fleet, by: key.public().id(), terms, secret, seeds, psk };
        invitation.check()?;
        Ok(invitation)
    }

    fn check(&self) -> Result<(), StatementError> {
        self.terms.check()?;
        demand(self.secret().is_some(), || "the secret is not 64 hex digits".into())?;
        demand(self.seeds.len() <= MAX_SEEDS, || format!("more than {MAX_SEEDS} addresses"))?;
        self.seeds.iter().chain(&self.psk).try_for_each(|text| check_text("seeds", text, 256))
    }

    /// The line (P80).
    ///
    /// # Errors
    /// It would be too long to be read.
    pub fn to_line(&self) -> Result<String, StatementError> {
        let json = serde_json::to_vec(self).map_err(|error| StatementError(error.to_string()))?;
        let line = format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&json));
        demand(line.len() <= MAX_LINE, || {
            format!("the line is longer than {MAX_LINE} bytes; name fewer seeds")
        })?;
        Ok(line)
    }

    /// Reads a line; blanks around it do not count.
    ///
    /// # Errors
    /// It is no invitation, or was cut off on its way.
    pub fn from_line(line: &str) -> Result<Self, StatementError> {
        let line = line.trim();
        let refused = || StatementError(format!("an invitation is one line that begins with {PREFIX}"));
        let body = line.strip_prefix(PREFIX).filter(|_| line.len() <= MAX_LINE).ok_or_else(refused)?;
        let cut = || StatementError("the invitation was cut off or changed; copy the whole line".into());
        let json = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| cut())?;
        let invitation: Self = serde_json::from_slice(&json).map_err(|_| cut())?;
        invitation.check()?;
        Ok(invitation)
    }

    /// The wish to join, by the key that the machine has made.
    ///
    /// # Errors
    /// The name is beyond its limits.
    pub fn request(
        &self,
        key: &SecretKey,
        name: String,
        issued: DateTime<Utc>,
    ) -> Result<Envelope, StatementError> {
        let secret = self.secret().ok_or_else(|| StatementError("no secret".into()))?;
        JoinRequest::sealed(self, &secret, key, name, issued)
    }

    fn secret(&self) -> Option<[u8; 32]> {
        HEXLOWER.decode(self.secret.as_bytes()).ok()?.try_into().ok()
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invitation({}, {:?}, by {})", self.fleet, self.terms, self.by)
    }
}

/// HMAC-SHA256 over pieces, each with its length before it.
fn mac(key: &[u8; 32], pieces: &[&[u8]]) -> [u8; 32] {
    keyed(key, pieces).finalize().into_bytes().into()
}

/// Whether a text is that HMAC in hex, compared in constant time.
fn mac_holds(key: &[u8; 32], pieces: &[&[u8]], claimed: &str) -> bool {
    let claimed = HEXLOWER.decode(claimed.as_bytes()).unwrap_or_default();
    keyed(key, pieces).verify_slice(&claimed).is_ok()
}

fn keyed(key: &[u8; 32], pieces: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes keys of any length; one of 32 bytes is filled up with zeros to a block, which `new` takes as it is.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into());
    for piece in pieces {
        mac.update(&(piece.len() as u64).to_le_bytes());
        mac.update(piece);
    }
    mac
}

/// What binds a join request to one machine (P82).
fn proof_pieces<'a>(fleet: &'a FleetId, key: &'a PublicKey) -> [&'a [u8]; 3] {
    [b"patchflock join v1", fleet.0.as_bytes(), key.as_bytes()]
}
