//! Who may sign what: the rules of one version of the `Fleet` document.
//!
//! P20: the root keys, at their threshold, may sign everything. P21: an administrator signs the kinds that the fleet
//! document gives, and what was issued before `until`. P22: a document needs as many administrators as its kind asks,
//! or any protected patch group that its name belongs to, whichever is more. P23: an administrator who is bound to
//! patch groups signs baselines and patch groups only, and only those whose name belongs to these groups and to no
//! other. P24: a `PatchGroup` document for a protected group has a name that belongs to it.
//!
//! All of this follows from the fleet document and the statement's kind, name and time: never from other documents, so
//! that the order in which documents arrive changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use patchflock_baselines::document::{Document, parse, parse_fleet};
use patchflock_baselines::fleet::{Administrator, Fleet, ProtectedGroup};
use patchflock_baselines::selection::UntaggedNodes;
use serde::{Deserialize, Serialize};

use crate::key::{KeyId, PublicKey};
use crate::statement::{DocumentName, Statement};

mod permit;

pub use permit::{Denied, Permit};

/// Keys, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    keys: BTreeMap<KeyId, PublicKey>,
    threshold: usize,
}

impl Role {
    fn new(role: &patchflock_baselines::fleet::Role) -> Result<Self, String> {
        let keys = keys(role.keys.iter())?;
        let threshold = usize::try_from(role.threshold).unwrap_or(usize::MAX);
        Ok(Self { keys: keys.into_iter().map(|key| (key.id(), key)).collect(), threshold })
    }

    /// How many of its keys must sign.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Its key of this name.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys.get(id)
    }

    /// The names of its keys.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }

    /// How many of these signers are of the role.
    #[must_use]
    pub fn count(&self, signers: &BTreeSet<KeyId>) -> usize {
        signers.iter().filter(|id| self.keys.contains_key(id)).count()
    }

    /// Whether enough of these signers are of the role.
    #[must_use]
    pub fn reached(&self, signers: &BTreeSet<KeyId>) -> bool {
        self.count(signers) >= self.threshold
    }

    /// Whether the same keys in the same number decide.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self == other
    }
}

/// The rules of one `Fleet` document, its keys read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fleet", into = "Fleet")]
pub struct Authority {
    fleet: Fleet,
    root: Role,
    enrolment: Role,
    administrators: BTreeMap<KeyId, (PublicKey, Administrator)>,
}

impl Authority {
    /// Reads the text of a `Fleet` document.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let fleet = parse_fleet("Fleet", text.as_bytes())
            .map_err(|problems| problems.first().map_or_else(String::new, ToString::to_string))?;
        Self::try_from(fleet)
    }

    /// Who may change the fleet document.
    #[must_use]
    pub fn root(&self) -> &Role {
        &self.root
    }

    /// Who lets nodes in.
    #[must_use]
    pub fn enrolment(&self) -> &Role {
        &self.enrolment
    }

    /// Name of the fleet, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.fleet.name
    }

    /// What to do with nodes without a patch group.
    #[must_use]
    pub fn untagged_nodes(&self) -> UntaggedNodes {
        self.fleet.untagged_nodes
    }

    /// The instant from which the document has no effect, as its text says.
    #[must_use]
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        self.fleet.expires
    }

    /// The administrator with this key.
    #[must_use]
    pub fn administrator(&self, id: &KeyId) -> Option<&Administrator> {
        self.administrators.get(id).map(|(_, admin)| admin)
    }

    /// A key that the document names in any role.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        let administrator = || self.administrators.get(id).map(|(key, _)| key);
        self.root.key(id).or_else(|| self.enrolment.key(id)).or_else(administrator)
    }

    /// The protected groups that a document with this kind and name belongs to.
    pub fn groups_of<'a>(&'a self, document: &'a DocumentName) -> impl Iterator<Item = &'a ProtectedGroup> {
        let grouped = matches!(document.kind.as_str(), "PatchBaseline" | "PatchGroup");
        self.fleet.patch_groups.iter().filter(move |group| grouped && group.owns(&document.name))
    }

    /// How many administrators must sign a document of this kind and name (P22).
    #[must_use]
    pub fn needed(&self, document: &DocumentName) -> usize {
        let kind = self.fleet.signatures.get(&document.kind).copied().unwrap_or(1);
        let most = self.groups_of(document).map(|group| group.signatures).fold(kind, u32::max);
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// P24: a protected group is spoken for under a name of its own.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn check_group(&self, document: &DocumentName, patch_group: &str) -> Result<(), String> {
        let protected = self.fleet.patch_groups.iter().find(|known| known.patch_group == patch_group);
        match protected {
            Some(protected) if !protected.owns(&document.name) => Err(format!(
                "the patch group `{patch_group}` is protected: its documents are named {}",
                protected.documents.join(", ")
            )),
            _ => Ok(()),
        }
    }
}

/// The group that the text of a `PatchGroup` document speaks for; `None` for other kinds and tombstones.
///
/// # Errors
/// The text is not one patch group of the statement's name, in words.
pub(crate) fn patch_group_of(statement: &Statement) -> Result<Option<String>, String> {
    let Some(text) = statement.text.as_ref().filter(|_| statement.kind == "PatchGroup") else {
        return Ok(None);
    };
    let parsed = parse("PatchGroup", text.as_bytes())
        .map_err(|problems| problems.first().map_or_else(String::new, ToString::to_string))?;
    match parsed.documents.as_slice() {
        [Document::PatchGroup(group)] if group.name == statement.name => Ok(Some(group.patch_group.clone())),
        [document] => Err(format!("the text is the {} `{}`", document.kind(), document.name())),
        _ => Err("the text holds more than one document".into()),
    }
}

impl TryFrom<Fleet> for Authority {
    type Error = String;

    fn try_from(fleet: Fleet) -> Result<Self, String> {
        let (root, enrolment) = (Role::new(&fleet.root)?, Role::new(&fleet.enrolment)?);
        let administrators = keys(fleet.administrators.iter().map(|admin| &admin.key))?
            .into_iter()
            .zip(fleet.administrators.iter().cloned())
            .map(|(key, admin)| (key.id(), (key, admin)))
            .collect();
        Ok(Self { fleet, root, enrolment, administrators })
    }
}

impl From<Authority> for Fleet {
    fn from(authority: Authority) -> Self {
        authority.fleet
    }
}

/// The keys of a list, each of which is there once.
fn keys<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<PublicKey>, String> {
    let mut seen = BTreeSet::new();
    let mut keys = Vec::new();
    for text in texts {
        let key: PublicKey = text.parse().map_err(|error| format!("{text}: {error}"))?;
        if !seen.insert(key.id()) {
            return Err(format!("{text}: the key stands twice"));
        }
        keys.push(key);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
