//! Revocations: what they name counts for nothing.
//!
//! P40: a set that only grows; a revocation has no versions, cannot be deleted and does not expire. P41: the root
//! keys of any fleet document so far revoke keys, nodes and versions of documents, its enrolment keys revoke nodes.
//! Of any, not of the newest, so that a rotation does not forgive: what old keys can still do is stop, never permit.
//! P42: a revocation by an enrolment key that is itself revoked does not count. P43: root keys are not revoked; the
//! next fleet document leaves them out. P44: of a document whose versions are revoked up to one, only later versions
//! count, whoever signed; until one comes it is unreadable, which is not the same as missing. An administrator's key
//! alone cannot revoke itself: with the key of one of two signers a thief could bring back what both had replaced.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Link, Signatures};
use crate::key::KeyId;
use crate::node::NodeId;
use crate::statement::DocumentName;

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    pub(crate) document: DocumentName,
    pub(crate) issued: DateTime<Utc>,
    pub(crate) keys: BTreeSet<KeyId>,
    pub(crate) nodes: BTreeSet<NodeId>,
    pub(crate) documents: BTreeMap<DocumentName, u64>,
    pub(crate) signatures: Signatures,
}

/// All that is revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Keys.
    pub keys: BTreeSet<KeyId>,
    /// Nodes.
    pub nodes: BTreeSet<NodeId>,
    /// Documents, each with the last version that counts no more.
    pub documents: BTreeMap<DocumentName, u64>,
}

impl Revocation {
    /// What it is known by.
    #[must_use]
    pub fn document(&self) -> &DocumentName {
        &self.document
    }

    /// The signatures that hold.
    #[must_use]
    pub fn signatures(&self) -> &Signatures {
        &self.signatures
    }

    /// Whether it has any effect.
    pub(crate) fn counts(&self, chain: &[Link], revoked: &Revoked) -> bool {
        self.by_root(chain) || (!self.nodes.is_empty() && self.may_revoke_nodes(chain, &revoked.keys))
    }

    fn by_root(&self, chain: &[Link]) -> bool {
        let signers: BTreeSet<KeyId> = self.signatures.keys().copied().collect();
        chain.iter().any(|link| link.authority.root().reached(&signers))
    }

    /// Whether it may revoke nodes (P41, P42): the least right that a revocation can have.
    pub(crate) fn may_revoke_nodes(&self, chain: &[Link], revoked: &BTreeSet<KeyId>) -> bool {
        let good: BTreeSet<KeyId> =
            self.signatures.keys().filter(|id| !revoked.contains(id)).copied().collect();
        self.by_root(chain) || chain.iter().any(|link| link.authority.enrolment().reached(&good))
    }
}

impl Revoked {
    /// Everything that these revocations revoke: keys first, since they decide about the rest.
    pub(crate) fn new<'a>(revocations: impl Iterator<Item = &'a Revocation> + Clone, chain: &[Link]) -> Self {
        let by_root = || revocations.clone().filter(|revocation| revocation.by_root(chain));
        let keys = by_root().flat_map(|revocation| revocation.keys.iter().copied()).collect();
        let mut documents: BTreeMap<DocumentName, u64> = BTreeMap::new();
        for (name, version) in by_root().flat_map(|revocation| &revocation.documents) {
            let last = documents.entry(name.clone()).or_default();
            *last = (*last).max(*version);
        }
        let nodes = revocations
            .clone()
            .filter(|revocation| revocation.may_revoke_nodes(chain, &keys))
            .flat_map(|revocation| revocation.nodes.iter().copied())
            .collect();
        Self { keys, nodes, documents }
    }
}
