//! The documents that a node has adopted, as selection sees them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::resolve::{Found, shipped};
use crate::baseline::Baseline;
use crate::document::{Document, Kind};
use crate::patch_group::{DefaultBaselines, PatchGroup};
use crate::window::MaintenanceWindow;

/// One adopted document.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// Kind under which it was adopted.
    pub kind: Kind,
    /// Name under which it was adopted.
    pub name: String,
    /// Its version, which only grows.
    pub version: u64,
    /// The instant from which it has no effect, if it expires.
    pub expires: Option<DateTime<Utc>>,
    /// Its content; `None` where it was adopted and cannot be read here: damaged, or written for another version.
    pub document: Option<Document>,
}

impl Adopted {
    /// Whether it has an effect at this instant. The instant of expiry is not included.
    #[must_use]
    pub fn in_force(&self, now: DateTime<Utc>) -> bool {
        self.document.is_some() && self.expired_at(now).is_none()
    }

    /// When it expired, if it has.
    pub(super) fn expired_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.expires.filter(|expires| *expires <= now)
    }
}

/// All adopted documents: the newest version of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    documents: BTreeMap<(Kind, String), Adopted>,
    complete: bool,
}

impl Catalogue {
    /// Of several versions of a document the newest counts, also where it is expired or unreadable: falling back to an
    /// older version would undo what an administrator did.
    ///
    /// `complete`: it is proven that no document is missing here. A lone machine's catalogue needs no proof.
    #[must_use]
    pub fn new(documents: Vec<Adopted>, complete: bool) -> Self {
        let mut newest: BTreeMap<(Kind, String), Adopted> = BTreeMap::new();
        for mut adopted in documents {
            // A document under another's name is nobody's word.
            let its_own = |d: &Document| d.kind() == adopted.kind && d.name() == adopted.name;
            if !adopted.document.as_ref().is_some_and(its_own) {
                adopted.document = None;
            }
            let key = (adopted.kind, adopted.name.clone());
            match newest.get_mut(&key) {
                Some(other) if other.version > adopted.version => {}
                Some(other) if other.version == adopted.version => {
                    if *other != adopted {
                        // Two contents under one version: neither is known to be the one that was meant.
                        other.document = None;
                    }
                }
                _ => {
                    newest.insert(key, adopted);
                }
            }
        }
        Self { documents: newest, complete }
    }

    /// It is proven that no document is missing here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The newest version of each document, by kind and name.
    pub fn documents(&self) -> impl Iterator<Item = &Adopted> {
        self.documents.values()
    }

    /// The newest version of one document.
    #[must_use]
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Adopted> {
        self.documents.get(&(kind, name.to_owned()))
    }

    /// The windows in force, with the version of each.
    pub fn windows(&self, now: DateTime<Utc>) -> impl Iterator<Item = (&MaintenanceWindow, u64)> {
        self.documents().filter(move |adopted| adopted.in_force(now)).filter_map(|adopted| {
            match &adopted.document {
                Some(Document::MaintenanceWindow(window)) => Some((window, adopted.version)),
                _ => None,
            }
        })
    }

    /// A baseline and its version, in force or not.
    pub(super) fn baseline(&self, name: &str) -> Option<(&Baseline, u64)> {
        let adopted = self.get(Kind::PatchBaseline, name)?;
        match &adopted.document {
            Some(Document::PatchBaseline(baseline)) => Some((baseline, adopted.version)),
            _ => None,
        }
    }

    /// What stands under the name of a baseline. An adopted document hides a predefined one of its name, also when it
    /// has expired.
    pub(super) fn find(&self, name: &str, now: DateTime<Utc>) -> Found {
        let Some(adopted) = self.get(Kind::PatchBaseline, name) else { return shipped(name) };
        let Some((baseline, _)) = self.baseline(name) else { return Found::Unusable(UNREADABLE.to_owned()) };
        match adopted.expired_at(now) {
            Some(at) => Found::Expired(baseline.operating_system, at),
            None => Found::For(baseline.operating_system),
        }
    }

    /// The patch groups: `None` for one that cannot be read.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&Adopted, Option<&PatchGroup>)> {
        self.documents().filter(|adopted| adopted.kind == Kind::PatchGroup).map(|adopted| {
            let group = match &adopted.document {
                Some(Document::PatchGroup(group)) => Some(group),
                _ => None,
            };
            (adopted, group)
        })
    }

    /// The defaults, if there is such a document; `None` inside if it cannot be read.
    pub(super) fn defaults(&self) -> Option<(&Adopted, Option<&DefaultBaselines>)> {
        let adopted = self.get(Kind::DefaultBaselines, DefaultBaselines::NAME)?;
        match &adopted.document {
            Some(Document::DefaultBaselines(defaults)) => Some((adopted, Some(defaults))),
            _ => Some((adopted, None)),
        }
    }
}

/// Said of a document that was adopted and is no value here.
pub(super) const UNREADABLE: &str = "is adopted and cannot be read by this version";
