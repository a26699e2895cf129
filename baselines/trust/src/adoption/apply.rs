//! A decided change, and what it makes of what is known.

use serde::{Deserialize, Serialize};

use super::fleet::{beats, follows};
use crate::hash::Hash;
use crate::state::{Candidate, Link, Revocation, SetMark, State, join, merged};
use crate::statement::DocumentName;

/// What an adopted envelope changes. Only [`super::consider`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Fleet(Box<Link>),
    Document(DocumentName, Candidate),
    Revocation(Hash, Revocation),
    SetDigest(SetMark),
}

impl Change {
    pub(super) fn fleet(link: Link) -> Self {
        Self(Kind::Fleet(Box::new(link)))
    }

    pub(super) fn document(name: DocumentName, candidate: Candidate) -> Self {
        Self(Kind::Document(name, candidate))
    }

    pub(super) fn revocation(digest: Hash, revocation: Revocation) -> Self {
        Self(Kind::Revocation(digest, revocation))
    }

    pub(super) fn set_digest(mark: SetMark) -> Self {
        Self(Kind::SetDigest(mark))
    }

    /// The fleet document, if it is one.
    pub(super) fn link(&self) -> Option<&Link> {
        match &self.0 {
            Kind::Fleet(link) => Some(link),
            _ => None,
        }
    }

    /// The digest of the envelope: where the store keeps its payload.
    #[must_use]
    pub fn digest(&self) -> Hash {
        match &self.0 {
            Kind::Fleet(link) => link.digest,
            Kind::Document(_, candidate) => candidate.digest,
            Kind::Revocation(digest, _) => *digest,
            Kind::SetDigest(mark) => mark.digest,
        }
    }

    /// The document that changes; `None` for a set digest or a fleet document.
    #[must_use]
    pub fn document_name(&self) -> Option<&DocumentName> {
        match &self.0 {
            Kind::Document(name, _) => Some(name),
            Kind::Revocation(_, revocation) => Some(&revocation.document),
            Kind::Fleet(_) | Kind::SetDigest(_) => None,
        }
    }

    /// It is about the fleet itself or about who is revoked: it spreads before everything else.
    #[must_use]
    pub fn goes_first(&self) -> bool {
        matches!(self.0, Kind::Fleet(_) | Kind::Revocation(..))
    }
}

impl State {
    /// Applies a change that [`super::consider`] decided on. Doing it twice is doing it once. What came in between is
    /// respected: a version that is no longer the newest does not become the document that counts.
    ///
    /// After a change that [`Change::goes_first`] the store offers what it keeps anew: what was refused or went may
    /// count.
    pub fn apply(&mut self, change: Change) {
        match change.0 {
            Kind::Fleet(link) => {
                match self.chain.as_mut_slice() {
                    [] => self.chain.push(*link),
                    [.., before, tip]
                        if tip.version == link.version
                            && follows(before, &link)
                            && beats(before, tip, &link) =>
                    {
                        *tip = *link;
                    }
                    [.., tip] if follows(tip, &link) => self.chain.push(*link),
                    _ => return,
                }
                self.judge_all();
            }
            Kind::Document(name, candidate) => {
                if self.judge(&name, &candidate, &self.revoked()).is_ok() {
                    let list = merged(self.versions(&name), candidate);
                    self.documents.insert(name, list);
                }
            }
            Kind::Revocation(digest, revocation) => {
                match self.revocations.get_mut(&digest) {
                    Some(known) => join(&mut known.signatures, revocation.signatures),
                    None => {
                        self.revocations.insert(digest, revocation);
                    }
                }
                self.judge_all();
            }
            Kind::SetDigest(mark)
                if self.may_date(mark.issued, &mark.signatures, &self.revoked()).is_err() => {}
            Kind::SetDigest(mark) => match &mut self.set_digest {
                Some(kept) if kept.digest == mark.digest => join(&mut kept.signatures, mark.signatures),
                Some(kept) if (kept.issued, kept.digest) > (mark.issued, mark.digest) => {}
                _ => self.set_digest = Some(mark),
            },
        }
    }
}
