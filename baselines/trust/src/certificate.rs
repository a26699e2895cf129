//! Who a node is: a certificate by the enrolment keys.
//!
//! P70: it says fleet, node id, name, the node's public key, when it was issued and until when it counts, at most two
//! years; the node id is that of the key (P15). P71: it needs the enrolment keys of the fleet document in force, at
//! their threshold and without revoked ones, and a node that is not revoked. P72: names are for people and need not
//! be unique: an installed-anew machine has the same name and another id. P73: whoever shows a certificate that
//! counts gets the next one for the same key and name, without an invitation.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::envelope::{Envelope, EnvelopeError, Purpose};
use crate::key::{KeyId, PublicKey};
use crate::node::NodeId;
use crate::state::{CLOCK_TOLERANCE, Revoked, State};
use crate::statement::{Body, FORMAT, FleetId, StatementError, check_format, check_text, check_time, demand};

/// Longest life of a certificate (P70).
pub const MAX_LIFE: TimeDelta = TimeDelta::days(731);

/// Longest name of a node, in characters (P70): that of a host.
pub const MAX_NAME_CHARS: usize = 253;

/// A node's certificate (P70).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`FORMAT`].
    pub format: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// The node.
    pub node: NodeId,
    /// Its name, for people.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
    /// When it was issued.
    pub issued: DateTime<Utc>,
    /// From here on it does not count.
    pub expires: DateTime<Utc>,
}

impl Certificate {
    /// A certificate for a node, to be signed by the enrolment keys.
    #[must_use]
    pub fn new(
        fleet: FleetId,
        name: String,
        key: PublicKey,
        issued: DateTime<Utc>,
        expires: DateTime<Utc>,
    ) -> Self {
        Self { format: FORMAT, fleet, node: NodeId::of(&key), name, key, issued, expires }
    }
}

impl Body for Certificate {
    const PURPOSE: Purpose = Purpose::NodeCertificate;

    fn check(&self) -> Result<(), StatementError> {
        check_format(self.format)?;
        check_time("issued", self.issued)?;
        check_time("expires", self.expires)?;
        check_text("name", &self.name, MAX_NAME_CHARS)?;
        demand(!self.name.is_empty(), || "a node needs a name".into())?;
        demand(self.node == NodeId::of(&self.key), || "the node id is not that of the key".into())?;
        let life = self.expires - self.issued;
        demand(life > TimeDelta::zero() && life <= MAX_LIFE, || {
            format!("it counts for {} days; from more than none to {}", life.num_days(), MAX_LIFE.num_days())
        })
    }
}

/// Why a node is not believed to be one of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Its signatures do not hold.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// What was signed is beyond what is understood.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It is for another fleet.
    #[error("the certificate is for another fleet")]
    WrongFleet,
    /// Nothing counts before the first fleet document.
    #[error("this node has no fleet document yet")]
    NoFleetDocument,
    /// Too few enrolment keys signed, revoked ones not counted.
    #[error("the certificate has the signatures of {found} enrolment keys and needs {needed}")]
    Threshold {
        /// How many count.
        found: usize,
        /// How many must.
        needed: usize,
    },
    /// The node is revoked.
    #[error("the node {0} was revoked")]
    Revoked(NodeId),
    /// It has expired.
    #[error("the certificate expired on {0}; enrol the node again")]
    Expired(DateTime<Utc>),
    /// Its date lies ahead (P55).
    #[error("the certificate was issued on {0}, which is more than a day ahead of this node's clock")]
    FromTheFuture(DateTime<Utc>),
}

/// A node that has shown its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    certificate: Certificate,
}

impl Member {
    /// The node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.certificate.node
    }

    /// Its key: what it says of itself is signed by this one.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.certificate.key
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// The next certificate of a node that shows the one it has (P73), to be signed by the enrolment keys. That the
/// asking side has the node's key is for the transport to see.
///
/// # Errors
/// The old one does not count any more: the node needs an invitation.
pub fn renew(
    state: &State,
    old: &Envelope,
    now: DateTime<Utc>,
    life: TimeDelta,
) -> Result<Certificate, CertificateError> {
    let Certificate { fleet, name, key, .. } = admit(state, old, now)?.certificate;
    let clock = state.clock(now);
    let expires = clock.checked_add_signed(life).unwrap_or(clock);
    let renewed = Certificate::new(fleet, name, key, clock, expires);
    renewed.check()?;
    Ok(renewed)
}

/// Whether a certificate counts at this moment (P71). To be asked again after each fleet document and revocation.
///
/// # Errors
/// Why it does not.
pub fn admit(state: &State, envelope: &Envelope, now: DateTime<Utc>) -> Result<Member, CertificateError> {
    let tip = state.tip().ok_or(CertificateError::NoFleetDocument)?;
    let enrolment = tip.authority().enrolment();
    let verified = envelope.verify(Purpose::NodeCertificate, |id| enrolment.key(id))?;
    let certificate = Certificate::read(&verified)?;
    if certificate.fleet != state.fleet() {
        return Err(CertificateError::WrongFleet);
    }
    let Revoked { keys, nodes, .. } = state.revoked();
    let good: std::collections::BTreeSet<KeyId> = verified.signers().difference(&keys).copied().collect();
    if !enrolment.reached(&good) {
        let found = enrolment.count(&good);
        return Err(CertificateError::Threshold { found, needed: enrolment.threshold() });
    }
    let own = certificate.key.id();
    if nodes.contains(&certificate.node) || keys.contains(&own) {
        return Err(CertificateError::Revoked(certificate.node));
    }
    let clock = state.clock(now);
    if certificate.expires <= clock {
        return Err(CertificateError::Expired(certificate.expires));
    }
    if certificate.issued.checked_sub_signed(CLOCK_TOLERANCE).is_some_and(|issued| issued > clock) {
        return Err(CertificateError::FromTheFuture(certificate.issued));
    }
    Ok(Member { certificate })
}
