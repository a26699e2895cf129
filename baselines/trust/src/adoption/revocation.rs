//! Revocations, as they arrive (P40-P44).

use std::collections::{BTreeMap, BTreeSet};

use patchflock_baselines::document::parse_revocation;

use super::{Change, Refusal, Verdict};
use crate::authority::Denied;
use crate::envelope::Verified;
use crate::key::KeyId;
use crate::state::{MAX_REVOCATIONS, Revocation, Revoked, State, join};
use crate::statement::{DocumentName, Statement};

/// Whether a revocation counts: it is added to the others, or adds signatures to one of them.
pub(super) fn consider(
    state: &State,
    verified: &Verified<'_>,
    statement: &Statement,
) -> Result<Verdict, Refusal> {
    let known = state.revocations().get(&verified.digest());
    let Some(text) = &statement.text else {
        return Err(Refusal::Text("a revocation cannot be deleted".into()));
    };
    let mut revocation = Revocation {
        document: statement.document(),
        issued: statement.issued,
        keys: BTreeSet::new(),
        nodes: BTreeSet::new(),
        documents: BTreeMap::new(),
        signatures: verified.signatures().clone(),
    };
    // Signatures first; only what they cover is read further (P51).
    if !revocation.may_revoke_nodes(state.chain(), &state.revoked().keys) {
        return Err(Refusal::Denied(Denied::NoAdministrator));
    }
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
    (revocation.keys, revocation.nodes, revocation.documents) = read(text).map_err(Refusal::Text)?;
    let everything = state.revocations().values().chain([&revocation]);
    let revoked = Revoked::new(everything, state.chain());
    if !revocation.counts(state.chain(), &revoked) {
        return Err(Refusal::Denied(Denied::NoAdministrator));
    }
    if let Some(known) = known {
        join(&mut revocation.signatures, known.signatures.clone());
        if revocation.signatures == known.signatures {
            return Ok(Verdict::Known { change: None });
        }
    }
    let change = Box::new(Change::revocation(verified.digest(), revocation));
    match known {
        Some(_) => Ok(Verdict::Known { change: Some(change) }),
        None if state.revocations().len() >= MAX_REVOCATIONS => Err(Refusal::Full(MAX_REVOCATIONS)),
        None => Ok(Verdict::Adopt { change, expired: false }),
    }
}
