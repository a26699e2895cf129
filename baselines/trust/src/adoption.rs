//! Whether a node takes what it is shown: one pure function for operator, gossip, catch-up and disk.
//!
//! P50: [`consider`] decides and changes nothing; the store writes the payload and the change durably, and then the change is
//! applied ([`State::apply`]). P51: the payload is not read before one signature of a key holds that some fleet document
//! names, and its text not before all that are needed hold. P52: every envelope counts by its own signatures: two
//! halves below a threshold do not make a whole (`cosign` does). P53: what is refused today may be right tomorrow (a new fleet
//! document, a corrected clock): it is not remembered as refused.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use patchflock_baselines::document::parse_revocation;

use crate::authority::{Denied, patch_group_of};
use crate::envelope::{Envelope, EnvelopeError, Purpose};
use crate::hash::Hash;
use crate::key::KeyId;
use crate::set_digest::SetDigest;
use crate::state::{
    CLOCK_TOLERANCE, Candidate, MAX_DOCUMENTS, MAX_REVOCATIONS, Revocation, Revoked, SetMark, State, join,
    merged,
};
use crate::statement::{Body, DocumentName, FleetId, Statement, StatementError};

mod apply;
mod fleet;

pub use apply::Change;

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

/// Why something does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its signatures do not hold, or it is for another purpose.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// What was signed is beyond what is understood.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Whoever signed may not say it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It is for another fleet.
    #[error("it was signed for another fleet")]
    WrongFleet,
    /// Nothing counts before the first fleet document.
    #[error("this node has no fleet document yet")]
    NoFleetDocument,
    /// The fleet document has expired (P54).
    #[error("the fleet document expired on {0}; publish its next version first")]
    FleetExpired(DateTime<Utc>),
    /// Its date lies ahead (P55).
    #[error("it was issued on {issued}, which is more than a day ahead of this node's clock ({clock})")]
    FromTheFuture {
        /// When it says it was issued.
        issued: DateTime<Utc>,
        /// What this node takes for now.
        clock: DateTime<Utc>,
    },
    /// Too high a version (P34).
    #[error(
        "version {version} is higher than {most}, the most that can have been by then; root keys can sign it"
    )]
    FastForward {
        /// Its version.
        version: u64,
        /// The highest that needs no root keys.
        most: u64,
    },
    /// Its versions up to one were revoked (P44).
    #[error("its versions up to {last} were revoked; publish a higher one")]
    Voided {
        /// The last version that counts no more.
        last: u64,
    },
    /// Its text says something that its signatures do not cover, or cannot be read.
    #[error("its text is refused: {0}")]
    Text(String),
    /// A fleet document without the old or the new root keys (P61).
    #[error("a fleet document needs the {which} root keys: {found} of {needed} signed")]
    Root {
        /// `old` or `new`.
        which: &'static str,
        /// How many signed.
        found: usize,
        /// How many must.
        needed: usize,
    },
    /// There are too many already (P33).
    #[error("there are {0} already, and this node keeps no more")]
    Full(usize),
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
        "Fleet" => return fleet::next(state, envelope, &verified, &statement, now),
        "Revocation" => return revocation(state, &verified, &statement),
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

fn revocation(
    state: &State,
    verified: &crate::envelope::Verified<'_>,
    statement: &Statement,
) -> Result<Verdict, Refusal> {
    let known = state.revocations().get(&verified.digest());
    let Some(text) = &statement.text else {
        return Err(Refusal::Text("a revocation cannot be deleted".into()));
    };
    let read = |text: &str| {
        let revocation = parse_revocation("Revocation", text.as_bytes())
            .map_err(|problems| problems.first().map_or_else(String::new, ToString::to_string))?;
        if revocation.name != statement.name {
            return Err(format!("the text is the revocation `{}`", revocation.name));
        }
        let keys = revocation.keys.iter().map(|id| id.parse::<KeyId>().map_err(|e| e.to_string()));
        let nodes = revocation.nodes.iter().map(|id| id.parse().map_err(|_| format!("{id} is no node id")));
        let mut documents: BTreeMap<DocumentName, u64> = BTreeMap::new();
        for one in &revocation.documents {
            let read =
                |(name, version): (&str, &str)| Some((name.parse().ok()?, version.parse::<u64>().ok()?));
            let split = one.rsplit_once('@').and_then(read);
            let (name, version) = split.ok_or_else(|| format!("{one} is no document with a version"))?;
            let last = documents.entry(name).or_default();
            *last = version.max(*last);
        }
        Ok((keys.collect::<Result<BTreeSet<_>, _>>()?, nodes.collect::<Result<BTreeSet<_>, _>>()?, documents))
    };
    let (keys, nodes, documents) = read(text).map_err(Refusal::Text)?;
    let mut signatures = verified.signatures().clone();
    if let Some(known) = known {
        join(&mut signatures, known.signatures.clone());
        if signatures == known.signatures {
            return Ok(Verdict::Known { change: None });
        }
    }
    let revocation = Revocation {
        document: statement.document(),
        issued: statement.issued,
        keys,
        nodes,
        documents,
        signatures,
    };
    let own = Revocation { signatures: verified.signatures().clone(), ..revocation.clone() };
    let everything = state.revocations().values().chain([&own]);
    let revoked = Revoked::new(everything, state.chain());
    if !own.counts(state.chain(), &revoked) {
        return Err(Refusal::Denied(Denied::NoAdministrator));
    }
    let change = Box::new(Change::revocation(verified.digest(), revocation));
    match known {
        Some(_) => Ok(Verdict::Known { change: Some(change) }),
        None if state.revocations().len() >= MAX_REVOCATIONS => Err(Refusal::Full(MAX_REVOCATIONS)),
        None => Ok(Verdict::Adopt { change, expired: false }),
    }
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

/// P55: nothing is taken that is dated more than a day ahead, but fleet documents and revocations, which decide by their
/// place in a chain and by being there.
fn not_ahead(issued: DateTime<Utc>, clock: DateTime<Utc>, origin: Origin) -> Result<(), Refusal> {
    let latest = clock.checked_add_signed(CLOCK_TOLERANCE).unwrap_or(clock);
    if issued > latest && origin != Origin::Disk {
        return Err(Refusal::FromTheFuture { issued, clock });
    }
    Ok(())
}
