//! Whether these signers may say this.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use patchflock_baselines::fleet::Administrator;

use super::Authority;
use crate::key::KeyId;
use crate::statement::DocumentName;

/// By what right a document counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// By the root keys (P20).
    Root,
    /// By administrators (P21-P23).
    Administrators,
}

/// Why signers may not say something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// None of the signers is an administrator who counts.
    #[error("no signature by an administrator")]
    NoAdministrator,
    /// A revoked key signed, and no other.
    #[error("{0} was revoked")]
    Revoked(KeyId),
    /// The administrator may not sign this (P21, P23).
    #[error("the administrator `{administrator}` may not publish {document}: {why}")]
    Scope {
        /// Whose signature does not count.
        administrator: String,
        /// What was signed.
        document: DocumentName,
        /// What is missing.
        why: &'static str,
    },
    /// Too few signatures (P22).
    #[error("{document} needs the signatures of {needed} administrators and has {found}")]
    Threshold {
        /// What was signed.
        document: DocumentName,
        /// How many count.
        found: usize,
        /// How many must.
        needed: usize,
    },
}

impl Authority {
    /// Whether a document that these keys signed counts. Whose signature holds was found out before.
    ///
    /// # Errors
    /// Why not. Where there are several reasons, that of the signer who came furthest.
    pub fn permits(
        &self,
        document: &DocumentName,
        issued: DateTime<Utc>,
        signers: &BTreeSet<KeyId>,
        revoked: &BTreeSet<KeyId>,
    ) -> Result<Permit, Denied> {
        let good: BTreeSet<KeyId> = signers.difference(revoked).copied().collect();
        // Root keys are replaced by the next fleet document, not revoked, so all of the signers are asked.
        if self.root.reached(signers) {
            return Ok(Permit::Root);
        }
        let needed = self.needed(document);
        let mut found = 0;
        let mut out_of_scope = None;
        for administrator in good.iter().filter_map(|id| self.administrator(id)) {
            match self.scope(administrator, document, issued) {
                Ok(()) => found += 1,
                Err(why) => out_of_scope = Some((administrator.name.clone(), why)),
            }
        }
        if found >= needed {
            return Ok(Permit::Administrators);
        }
        let document = document.clone();
        Err(match (found, out_of_scope) {
            (0, Some((administrator, why))) => Denied::Scope { administrator, document, why },
            (0, None) => match signers.intersection(revoked).next() {
                Some(id) => Denied::Revoked(*id),
                None => Denied::NoAdministrator,
            },
            _ => Denied::Threshold { document, found, needed },
        })
    }

    /// Whether an administrator may sign this (P21, P23).
    fn scope(
        &self,
        administrator: &Administrator,
        document: &DocumentName,
        issued: DateTime<Utc>,
    ) -> Result<(), &'static str> {
        if administrator.until.is_some_and(|until| issued >= until) {
            return Err("it was issued after this administrator left");
        }
        if administrator.kinds.as_ref().is_some_and(|kinds| !kinds.contains(&document.kind)) {
            return Err("the kind is not among those given");
        }
        let Some(groups) = &administrator.patch_groups else { return Ok(()) };
        let mut owners = self.groups_of(document).peekable();
        if owners.peek().is_none() {
            return Err("it belongs to no patch group that was given");
        }
        if owners.all(|owner| groups.contains(&owner.patch_group)) {
            Ok(())
        } else {
            Err("it belongs to a patch group that was not given")
        }
    }
}
