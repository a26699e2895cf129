//! Whether a node takes what it is shown: one pure function for operator, gossip, catch-up and disk.
//!
//! P50: [`consider`] decides and changes nothing; the store writes the payload and the change durably, and then the
//! change is applied ([`State::apply`]). P51: the payload is not read before one signature of a key holds that some
//! fleet document names, and its text not before all that are needed hold. P52: every envelope counts by its own
//! signatures: two halves below a threshold do not make a whole (`cosign` does). P53: what is refused today may be
//! right tomorrow (a new fleet document, a corrected clock): it is not remembered as refused.

use chrono::{DateTime, Utc};

use crate::authority::patch_group_of;
use crate::envelope::{Envelope, Purpose};
use crate::hash::Hash;
use crate::set_digest::SetDigest;
use crate::state::{CLOCK_TOLERANCE, Candidate, MAX_DOCUMENTS, SetMark, State, merged};
use crate::statement::{Body, FleetId, Statement};

mod apply;
mod fleet;
mod refusal;
mod revocation;

pub use apply::Change;
pub use refusal::Refusal;

/// Where an envelope comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An administrator, on this node.
    Operator,
    /// A peer that passes on what is new.
    Gossip,
    /// A peer that was asked.
    CatchUp,
    /// The node's own disk: it was adopted once, by whatever clock.
    Disk,
}

/// What becomes of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is new and counts from now on.
    Adopt {
        /// What to write down and apply.
        change: Box<Change>,
        /// It counts and has no effect any more: it hides what is older (P32).
        expired: bool,
    },
    /// It is here; with a change where it brought signatures.
    Known {
        /// What to write down and apply.
        change: Option<Box<Change>>,
    },
    /// A newer version is here; with a change where it is worth keeping (P31).
    Older {
        /// What to write down and apply.
        change: Option<Box<Change>>,
    },
    /// Another text under the version that counts here.
    Conflict {
        /// The digest of the one that counts from now on.
        winner: Hash,
        /// What to write down and apply.
        change: Option<Box<Change>>,
    },
    /// It does not count.
    Refuse {
        /// Why.
        reason: Refusal,
    },
    /// It may count; something must be known first.
    Need {
        /// What.
        what: Need,
    },
}

impl Verdict {
    /// What to write down and apply, if anything.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Adopt { change, .. } => Some(change),
            Self::Known { change } | Self::Older { change } | Self::Conflict { change, .. } => {
                change.as_deref()
            }
            Self::Refuse { .. } | Self::Need { .. } => None,
        }
    }
}

/// What must be known first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The fleet document with this version: they follow each other without a gap (P61).
    FleetDocument {
        /// The version.
        version: u64,
    },
}

/// Decides about an envelope: pure, and the same on every node that knows the same.
#[must_use]
pub fn consider(state: &State, envelope: &Envelope, now: DateTime<Utc>, origin: Origin) -> Verdict {
    let decided = match envelope.purpose() {
        Purpose::SetDigest => set_digest(state, envelope, now, origin),
        // Another purpose is refused where the envelope is opened.
        _ if state.tip().is_none() => fleet::first(state, envelope, now),
        _ => document(state, envelope, now, origin),
    };
    decided.unwrap_or_else(|reason| Verdict::Refuse { reason })
}

fn document(
    state: &State,
    envelope: &Envelope,
    now: DateTime<Utc>,
    origin: Origin,
) -> Result<Verdict, Refusal> {
    if state.chain().first().is_some_and(|first| first.digest() == envelope.digest()) {
        return Ok(Verdict::Known { change: None });
    }
    let verified = envelope.verify(Purpose::Document, |id| state.key(id))?;
    let statement = Statement::read(&verified)?;
    belongs(state, statement.fleet)?;
    match statement.kind.as_str() {
        "Fleet" => return fleet::next(state, envelope, &verified, &statement, state.clock(now)),
        "Revocation" => return revocation::consider(state, &verified, &statement),
        _ => {}
    }
    let clock = state.clock(now);
    not_ahead(statement.issued, clock, origin)?;
    if let Some(expires) = state.tip().and_then(|tip| tip.expires()).filter(|expires| *expires <= clock) {
        return Err(Refusal::FleetExpired(expires));
    }
    let name = statement.document();
    let candidate = Candidate {
        version: statement.version,
        digest: verified.digest(),
        issued: statement.issued,
        expires: statement.expires,
        deleted: statement.deleted,
        patch_group: None,
        signatures: verified.signatures().clone(),
    };
    let revoked = state.revoked();
    // Signatures first; only what they cover is read further (P51).
    state.judge(&name, &candidate, &revoked)?;
    let patch_group = patch_group_of(&statement).map_err(Refusal::Text)?;
    let candidate = Candidate { patch_group, ..candidate };
    state.judge(&name, &candidate, &revoked)?;
    let list = state.versions(&name);
    if list.is_empty() && state.documents.len() >= MAX_DOCUMENTS {
        return Err(Refusal::Full(MAX_DOCUMENTS));
    }
    let expired = candidate.expires.is_some_and(|expires| expires <= clock);
    let (digest, rank) = (candidate.digest, candidate.rank());
    let known = list.iter().find(|other| other.digest == digest);
    let has_all = known.is_some_and(|other| other.has(&candidate.signatures));
    let kept = !has_all && merged(list, candidate.clone()).iter().any(|other| other.digest == digest);
    let change = kept.then(|| Box::new(Change::document(name, candidate)));
    Ok(match (list.first().map(Candidate::rank), change) {
        _ if known.is_some() && has_all => Verdict::Known { change: None },
        (_, change) if known.is_some() => Verdict::Known { change },
        (Some(head), change) if rank.0 < head.0 => Verdict::Older { change },
        (Some(head), change) if rank.0 == head.0 => Verdict::Conflict { winner: head.max(rank).2, change },
        (_, Some(change)) => Verdict::Adopt { change, expired },
        (_, None) => Verdict::Older { change: None },
    })
}

fn set_digest(
    state: &State,
    envelope: &Envelope,
    now: DateTime<Utc>,
    origin: Origin,
) -> Result<Verdict, Refusal> {
    if state.tip().is_none() {
        return Err(Refusal::NoFleetDocument);
    }
    let verified = envelope.verify(Purpose::SetDigest, |id| state.key(id))?;
    let body = SetDigest::read(&verified)?;
    belongs(state, Some(body.fleet))?;
    not_ahead(body.issued, state.clock(now), origin)?;
    let signatures = verified.signatures().clone();
    state.may_date(body.issued, &signatures, &state.revoked())?;
    let digest = verified.digest();
    let mark = SetMark { issued: body.issued, digest, set: body.set, versions: body.versions, signatures };
    let change = |mark| Box::new(Change::set_digest(mark));
    Ok(match state.set_digest() {
        Some(kept) if kept.digest == digest => {
            let news = mark.signatures.iter().any(|(id, s)| kept.signatures.get(id).is_none_or(|k| s < k));
            Verdict::Known { change: news.then(|| change(mark)) }
        }
        Some(kept) if (kept.issued, kept.digest) > (mark.issued, mark.digest) => {
            Verdict::Older { change: None }
        }
        _ => Verdict::Adopt { change: change(mark), expired: false },
    })
}

/// P13: everything but the first fleet document names its fleet.
fn belongs(state: &State, fleet: Option<FleetId>) -> Result<(), Refusal> {
    if fleet == Some(state.fleet()) { Ok(()) } else { Err(Refusal::WrongFleet) }
}

/// P55: nothing is taken that is dated more than a day ahead, but fleet documents and revocations, which decide by
/// their place in a chain and by being there.
fn not_ahead(issued: DateTime<Utc>, clock: DateTime<Utc>, origin: Origin) -> Result<(), Refusal> {
    let latest = clock.checked_add_signed(CLOCK_TOLERANCE).unwrap_or(clock);
    if issued > latest && origin != Origin::Disk {
        return Err(Refusal::FromTheFuture { issued, clock });
    }
    Ok(())
}
