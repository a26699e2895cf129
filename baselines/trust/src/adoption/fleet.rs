//! The chain of fleet documents.
//!
//! P60: the first is version 1, names no fleet, and its digest is the fleet's id: whoever has the id has the root
//! keys. P61: version n + 1 needs the root keys of version n and its own, each at their threshold; no version is
//! skipped, so that a node that was away walks the chain. P62: of two documents with the number of the newest, one
//! that changes the root keys beats one that does not; of two that do not, the higher (issued, digest) counts; of two
//! that do, the first to come stays, since whoever has old keys must not be able to take the fleet with them. The
//! next version, signed by keys that both name, ends the conflict. P63: an older number never comes back.

use chrono::{DateTime, Utc};

use super::{Change, Need, Refusal, Verdict};
use crate::authority::Authority;
use crate::envelope::{Envelope, Purpose, Verified};
use crate::state::{Link, MAX_CHAIN, Signatures, State};
use crate::statement::{Body, Statement};

/// The first fleet document, known by its digest.
pub(super) fn first(state: &State, envelope: &Envelope, now: DateTime<Utc>) -> Result<Verdict, Refusal> {
    let Ok(pinned) = envelope.pinned(Purpose::Document, &state.fleet().0) else {
        return match envelope.purpose() {
            Purpose::Document => Ok(Verdict::Need { what: Need::FleetDocument { version: 1 } }),
            _ => Err(Refusal::NoFleetDocument),
        };
    };
    let statement = Statement::read(&pinned)?;
    if statement.fleet.is_some() || statement.version != 1 || statement.kind != "Fleet" {
        return Err(Refusal::WrongFleet);
    }
    let authority = authority(&statement)?;
    let signed = by_own_root(envelope, &authority)?;
    Ok(adopt(&statement, authority, signed.signatures().clone(), pinned.digest(), now))
}

/// A later one.
pub(super) fn next(
    state: &State,
    envelope: &Envelope,
    verified: &Verified<'_>,
    statement: &Statement,
    now: DateTime<Utc>,
) -> Result<Verdict, Refusal> {
    let Some(tip) = state.tip() else { return Err(Refusal::NoFleetDocument) };
    if state.chain().iter().any(|link| link.digest == verified.digest()) {
        return Ok(Verdict::Known { change: None });
    }
    if statement.version < tip.version || statement.version == 1 {
        return Ok(Verdict::Older { change: None });
    }
    let at = usize::try_from(statement.version).unwrap_or(usize::MAX);
    // Versions begin with 1 and have no gaps, so version n stands at n - 1, after the one that must have signed it.
    let Some(before) = at.checked_sub(2).and_then(|place| state.chain().get(place)) else {
        return Ok(Verdict::Need { what: Need::FleetDocument { version: tip.version.saturating_add(1) } });
    };
    let old = before.authority.root();
    if !old.reached(&verified.signers()) {
        let found = old.count(&verified.signers());
        return Err(Refusal::Root { which: "old", found, needed: old.threshold() });
    }
    let authority = authority(statement)?;
    if authority.name() != before.authority.name() {
        return Err(Refusal::Text("a fleet keeps its name".into()));
    }
    let own = by_own_root(envelope, &authority)?;
    let of_old = verified.signatures().iter().filter(|(id, _)| old.key(id).is_some());
    let signatures: Signatures = of_old.chain(own.signatures()).map(|(id, made)| (*id, *made)).collect();
    let digest = verified.digest();
    let adopted = adopt(statement, authority, signatures, digest, now);
    if statement.version > tip.version {
        return if state.chain().len() < MAX_CHAIN { Ok(adopted) } else { Err(Refusal::Full(MAX_CHAIN)) };
    }
    match adopted {
        Verdict::Adopt { change, .. } if change.link().is_some_and(|link| beats(before, tip, link)) => {
            Ok(Verdict::Conflict { winner: digest, change: Some(change) })
        }
        _ => Ok(Verdict::Conflict { winner: tip.digest, change: None }),
    }
}

/// Whether one fleet document may follow another (P61).
pub(super) fn follows(before: &Link, link: &Link) -> bool {
    let signers = link.signatures.keys().copied().collect();
    before.version.checked_add(1) == Some(link.version)
        && before.authority.root().reached(&signers)
        && link.authority.root().reached(&signers)
}

/// Whether of two that may follow the same one the second counts (P62).
pub(super) fn beats(before: &Link, tip: &Link, link: &Link) -> bool {
    let rotates = |link: &Link| !link.authority.root().same_as(before.authority.root());
    match (rotates(tip), rotates(link)) {
        (false, true) => true,
        (true, _) => false,
        (false, false) => (link.issued, link.digest) > (tip.issued, tip.digest),
    }
}

/// The rules that a statement's text holds.
fn authority(statement: &Statement) -> Result<Authority, Refusal> {
    let Some(text) = &statement.text else {
        return Err(Refusal::Text("a fleet document cannot be deleted".into()));
    };
    let authority = Authority::from_text(text).map_err(Refusal::Text)?;
    if authority.name() == statement.name {
        Ok(authority)
    } else {
        Err(Refusal::Text(format!("the text is the fleet `{}`", authority.name())))
    }
}

/// Whether enough of the root keys signed that the document itself names.
fn by_own_root<'a>(envelope: &'a Envelope, authority: &Authority) -> Result<Verified<'a>, Refusal> {
    let own = authority.root();
    let refused = |found| Refusal::Root { which: "new", found, needed: own.threshold() };
    let verified = match envelope.verify(Purpose::Document, |id| own.key(id)) {
        Ok(verified) => verified,
        Err(crate::envelope::EnvelopeError::Unsigned) => return Err(refused(0)),
        Err(error) => return Err(error.into()),
    };
    if own.reached(&verified.signers()) { Ok(verified) } else { Err(refused(own.count(&verified.signers()))) }
}

fn adopt(
    statement: &Statement,
    authority: Authority,
    signatures: Signatures,
    digest: crate::hash::Hash,
    now: DateTime<Utc>,
) -> Verdict {
    let expires = [statement.expires, authority.expires()].into_iter().flatten().min();
    let (version, issued) = (statement.version, statement.issued);
    let expired = expires.is_some_and(|expires| expires <= now);
    let link = Link { version, digest, issued, expires, authority, signatures };
    Verdict::Adopt { change: Box::new(Change::fleet(link)), expired }
}
