//! What nodes say of themselves: signed by the node's key, kept by everybody, believed of nobody else.
//!
//! P90: a claim names fleet, node, epoch and number; the fleet and node must be those of the certificate whose key
//! signed. P91: of the claims of one node of one sort the highest (epoch, number) counts. The epoch is random at
//! every loss of the counter and dated, so that it grows; the number grows within it. P92: two different claims under
//! one (epoch, number) mean that the key is in two places: a clone. The higher digest counts everywhere, and the
//! alarm stays until a higher epoch comes. P93: nothing that a node claims makes another node act.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::certificate::Member;
use crate::envelope::{Envelope, EnvelopeError};
use crate::hash::Hash;
use crate::node::NodeId;
use crate::state::{CLOCK_TOLERANCE, State};
use crate::statement::{Body, FleetId, StatementError};

mod description;
mod report;

pub use description::{Description, MAX_TAGS, Tag};
pub use report::{BaselineUsed, Summary, Verdict};

/// What every claim says of itself.
pub trait Claim: Body {
    /// The fleet that it is for.
    fn fleet(&self) -> FleetId;
    /// The node that says it.
    fn node(&self) -> NodeId;
    /// Epoch and number (P91).
    fn place(&self) -> Place;
    /// When it was said, by the node's clock.
    fn issued(&self) -> DateTime<Utc>;
}

/// Where a claim stands among those of its node (P91).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Counts how often the node lost its counter: seconds since 1970 when it began to count anew.
    pub epoch: u64,
    /// Grows by one with each claim.
    pub seq: u64,
}

/// The claim that counts, of one node and one sort, and whether the node was seen twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Its place.
    pub place: Place,
    /// The digest of its envelope.
    pub digest: Hash,
    /// The epoch in which two different claims were seen under one number (P92).
    pub cloned_in: Option<u64>,
}

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It counts from now on.
    Newer,
    /// It is here.
    Known,
    /// A newer one is here.
    Older,
    /// Another claim has its number: the node's key is in two places (P92).
    Clone {
        /// The new one counts from now on.
        replaces: bool,
    },
}

impl Mark {
    /// The mark of a claim.
    #[must_use]
    pub fn of<C: Claim>(claim: &Genuine<C>) -> Self {
        Self { place: claim.body.place(), digest: claim.digest, cloned_in: None }
    }

    /// Two marks become one: in whatever order and however often, the same claim counts in the end (P91, P92). The
    /// alarm is raised where both claims of one number came before a newer one did.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let twice = self.place == other.place && self.digest != other.digest;
        let seen = twice.then_some(self.place.epoch);
        let cloned_in = [self.cloned_in, other.cloned_in, seen].into_iter().flatten().max();
        let newest = if (self.place, self.digest) >= (other.place, other.digest) { self } else { other };
        Self { cloned_in, ..newest }
    }

    /// The node's key was in two places, and it has not begun to count anew since.
    #[must_use]
    pub fn is_clone(&self) -> bool {
        self.cloned_in.is_some_and(|epoch| epoch >= self.place.epoch)
    }
}

/// What a claim means to whoever has (or lacks) an earlier one.
#[must_use]
pub fn news(kept: Option<&Mark>, new: &Mark) -> News {
    let Some(kept) = kept else { return News::Newer };
    match new.place.cmp(&kept.place) {
        std::cmp::Ordering::Greater => News::Newer,
        std::cmp::Ordering::Less => News::Older,
        std::cmp::Ordering::Equal if new.digest == kept.digest => News::Known,
        std::cmp::Ordering::Equal => News::Clone { replaces: new.digest > kept.digest },
    }
}

/// A claim that its node made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genuine<C> {
    body: C,
    digest: Hash,
}

impl<C> Genuine<C> {
    /// What it says.
    pub fn body(&self) -> &C {
        &self.body
    }

    /// The digest of its envelope.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.digest
    }
}

/// Why a claim is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It is not signed by the node's key.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// What was signed is beyond what is understood.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It is for another fleet, or about another node than the one that signed.
    #[error("the claim is about {claimed}, and {signer} signed it")]
    NotItsOwn {
        /// About whom.
        claimed: NodeId,
        /// By whom.
        signer: NodeId,
    },
    /// It is for another fleet.
    #[error("the claim is for another fleet")]
    WrongFleet,
    /// Its date or its epoch lies more than a day ahead (P55): a node must not be able to use its numbers up.
    #[error("the claim is dated {0}, which is more than a day ahead of this node's clock")]
    FromTheFuture(DateTime<Utc>),
}

/// Opens a claim of a node that has shown its certificate (P90).
///
/// # Errors
/// Why it is not believed.
pub fn open<C: Claim>(
    state: &State,
    member: &Member,
    envelope: &Envelope,
    now: DateTime<Utc>,
) -> Result<Genuine<C>, ClaimError> {
    let own = member.key();
    let verified = envelope.verify(C::PURPOSE, |id| (*id == own.id()).then_some(own))?;
    let body = C::read(&verified)?;
    if body.fleet() != state.fleet() {
        return Err(ClaimError::WrongFleet);
    }
    if body.node() != member.node() {
        return Err(ClaimError::NotItsOwn { claimed: body.node(), signer: member.node() });
    }
    let clock = state.clock(now);
    let latest = clock.checked_add_signed(CLOCK_TOLERANCE).unwrap_or(clock);
    let epoch = i64::try_from(body.place().epoch).unwrap_or(i64::MAX);
    if body.issued() > latest || epoch > latest.timestamp() {
        return Err(ClaimError::FromTheFuture(body.issued()));
    }
    Ok(Genuine { body, digest: verified.digest() })
}
