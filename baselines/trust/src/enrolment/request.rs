//! A machine's wish to be enrolled, and the enroller's answer (P82, P83).

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{Invitation, Terms, mac, mac_holds, proof_pieces};
use crate::certificate::{Certificate, MAX_NAME_CHARS};
use crate::envelope::{Envelope, EnvelopeError, Purpose};
use crate::key::{PublicKey, SecretKey};
use crate::node::NodeId;
use crate::state::State;
use crate::statement::{Body, FORMAT, FleetId, StatementError, check_format, check_text, check_time, demand};

/// A wish to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// [`FORMAT`].
    pub format: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// The machine's key, which signs this.
    pub key: PublicKey,
    /// The machine's name, for people.
    pub name: String,
    /// When.
    pub issued: DateTime<Utc>,
    /// The terms of the invitation.
    pub terms: Terms,
    /// That one was invited: HMAC by the secret, in hex.
    pub proof: String,
}

impl JoinRequest {
    pub(super) fn sealed(
        invitation: &Invitation,
        secret: &[u8; 32],
        key: &SecretKey,
        name: String,
        issued: DateTime<Utc>,
    ) -> Result<Envelope, StatementError> {
        let public = key.public();
        let proof = HEXLOWER.encode(&mac(secret, &proof_pieces(&invitation.fleet, &public)));
        let (fleet, terms) = (invitation.fleet, invitation.terms.clone());
        let request = Self { format: FORMAT, fleet, key: public, name, issued, terms, proof };
        request.sign(&[key])
    }
}

impl Body for JoinRequest {
    const PURPOSE: Purpose = Purpose::JoinRequest;

    fn check(&self) -> Result<(), StatementError> {
        check_format(self.format)?;
        check_time("issued", self.issued)?;
        check_text("name", &self.name, MAX_NAME_CHARS)?;
        demand(!self.name.is_empty(), || "a node needs a name".into())?;
        demand(self.proof.len() == 64, || "the proof is not 64 hex digits".into())?;
        self.terms.check()
    }
}

/// Why a machine is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// The request is not signed by the key in it.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// What was signed is beyond what is understood.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It is for another fleet, or for another enrolment key.
    #[error("the invitation is of another fleet or another enrolment key")]
    WrongFleet,
    /// This key lets nobody in.
    #[error("this enrolment key is not, or no longer, one of the fleet's")]
    NotEnrolling,
    /// Not invited.
    #[error("the request does not prove an invitation; make a new one with `patchflock fleet invite`")]
    NotInvited,
    /// The invitation is over.
    #[error("the invitation expired on {0}; make a new one with `patchflock fleet invite`")]
    Expired(DateTime<Utc>),
    /// The invitation was used as often as it may be.
    #[error(
        "the invitation was used {0} times, as often as it may be; make a new one with `patchflock fleet invite`"
    )]
    UsedUp(u32),
    /// The node was revoked, and its key with it.
    #[error("the node {0} was revoked; remove its key to make it a new node")]
    Revoked(NodeId),
}

/// Answers a join request: a certificate, to be signed by the enrolment key and by as many others as the fleet asks
/// for. `used` is how many *other* nodes used this invitation; the caller keeps the count durably before it answers,
/// and counts a node that asks again once.
///
/// # Errors
/// Why the machine is not let in.
pub fn judge(
    state: &State,
    envelope: &Envelope,
    enrolment: &SecretKey,
    used: u32,
    now: DateTime<Utc>,
    life: TimeDelta,
) -> Result<(Terms, Certificate), EnrolError> {
    let by = enrolment.public().id();
    let revoked = state.revoked();
    let enrols = state.tip().is_some_and(|tip| tip.authority().enrolment().key(&by).is_some());
    if !enrols || revoked.keys.contains(&by) {
        return Err(EnrolError::NotEnrolling);
    }
    // The key is in the request itself: it proves possession and nothing more, so it is looked at before it is
    // believed.
    let request = peek(envelope)?;
    let key = request.key.clone();
    envelope.verify(Purpose::JoinRequest, |id| (*id == key.id()).then_some(&key))?;
    if request.fleet != state.fleet() {
        return Err(EnrolError::WrongFleet);
    }
    let secret = request.terms.secret(state.fleet(), enrolment);
    if !mac_holds(&secret, &proof_pieces(&state.fleet(), &key), &request.proof) {
        return Err(EnrolError::NotInvited);
    }
    let clock = state.clock(now);
    if request.terms.expires <= clock {
        return Err(EnrolError::Expired(request.terms.expires));
    }
    if used >= request.terms.uses {
        return Err(EnrolError::UsedUp(used));
    }
    let node = NodeId::of(&key);
    if revoked.nodes.contains(&node) || revoked.keys.contains(&key.id()) {
        return Err(EnrolError::Revoked(node));
    }
    let expires = clock.checked_add_signed(life).unwrap_or(clock);
    let certificate = Certificate::new(state.fleet(), request.name, key, clock, expires);
    certificate.check()?;
    Ok((request.terms, certificate))
}

/// A join request before its signature is looked at: whose key it names can only be read in it.
fn peek(envelope: &Envelope) -> Result<JoinRequest, EnrolError> {
    if envelope.purpose() != Purpose::JoinRequest {
        let (found, wanted) = (envelope.purpose(), Purpose::JoinRequest);
        return Err(EnrolError::Envelope(EnvelopeError::WrongPurpose { found, wanted }));
    }
    let bytes = envelope.unverified_payload();
    demand(bytes.len() <= 8 << 10, || "a join request has at most 8 KiB".into())?;
    let request: JoinRequest =
        serde_json::from_slice(bytes).map_err(|error| StatementError(error.to_string()))?;
    request.check()?;
    Ok(request)
}
