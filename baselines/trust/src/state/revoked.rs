//! Revocations: what they name counts for nothing.
//!
//! P40: a set that only grows; a revocation has no versions, cannot be deleted and does not expire. P41: the root keys of
//! any fleet document so far revoke keys and nodes, its enrolment keys revoke nodes, and a key may revoke itself. Of any, not
//! of the newest, so that a rotation does not forgive: what old keys can still do is stop, never permit. P42: a
//! revocation by an enrolment key that is itself revoked does not count. P43: root keys are not revoked; the next fleet
//! document leaves them out.

use std::collections::BTreeSet;

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
    pub(crate) signatures: Signatures,
}

/// All that is revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Keys.
    pub keys: BTreeSet<KeyId>,
    /// Nodes.
    pub nodes: BTreeSet<NodeId>,
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
        self.keys_in_effect(chain).next().is_some()
            || (!self.nodes.is_empty() && self.revokes_nodes(chain, &revoked.keys))
    }

    fn by_root(&self, chain: &[Link]) -> bool {
        let signers: BTreeSet<KeyId> = self.signatures.keys().copied().collect();
        chain.iter().any(|link| link.authority.root().reached(&signers))
    }

    /// The keys that it revokes (P41).
    fn keys_in_effect(&self, chain: &[Link]) -> impl Iterator<Item = KeyId> {
        let root = self.by_root(chain);
        self.keys.iter().copied().filter(move |id| root || self.signatures.contains_key(id))
    }

    /// Whether it revokes its nodes (P41, P42).
    fn revokes_nodes(&self, chain: &[Link], revoked: &BTreeSet<KeyId>) -> bool {
        let good: BTreeSet<KeyId> =
            self.signatures.keys().filter(|id| !revoked.contains(id)).copied().collect();
        self.by_root(chain) || chain.iter().any(|link| link.authority.enrolment().reached(&good))
    }
}

impl Revoked {
    /// Everything that these revocations revoke: keys first, since they decide about the rest.
    pub(crate) fn new<'a>(revocations: impl Iterator<Item = &'a Revocation> + Clone, chain: &[Link]) -> Self {
        let keys = revocations.clone().flat_map(|revocation| revocation.keys_in_effect(chain)).collect();
        let nodes = revocations
            .filter(|revocation| revocation.revokes_nodes(chain, &keys))
            .flat_map(|revocation| revocation.nodes.iter().copied())
            .collect();
        Self { keys, nodes }
    }
}
