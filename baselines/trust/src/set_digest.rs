//! The publisher's dated digest over all documents: against freezing a node, and against mixing old and new documents.
//!
//! P36: signed as a document of the kind `SetDigest` would be; the newest (issued, digest) counts. P37: the set is
//! the SHA-256 over the fleet id, the fleet document's version and digest, and each document's kind, name, version
//! and digest in their order, each with its length before it. P38: it warns and stops nothing: only where it matches
//! is the catalogue proven complete.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::envelope::Purpose;
use crate::hash::Hash;
use crate::state::State;
use crate::statement::{Body, FORMAT, FleetId, StatementError, check_format, check_time};

/// After so long without a new digest a node cannot know whether it misses something (P38).
pub const STALE_AFTER: TimeDelta = TimeDelta::hours(72);

/// A dated digest over all documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetDigest {
    /// [`FORMAT`].
    pub format: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// When.
    pub issued: DateTime<Utc>,
    /// The digest over all documents (P37).
    pub set: Hash,
    /// The sum of all their versions: tells who is behind where two digests differ.
    pub versions: u64,
}

impl SetDigest {
    /// What a node knows at this moment.
    #[must_use]
    pub fn of(state: &State, issued: DateTime<Utc>) -> Self {
        Self {
            format: FORMAT,
            fleet: state.fleet(),
            issued,
            set: set_of(state),
            versions: versions_of(state),
        }
    }
}

impl Body for SetDigest {
    const PURPOSE: Purpose = Purpose::SetDigest;

    fn check(&self) -> Result<(), StatementError> {
        check_format(self.format)?;
        check_time("issued", self.issued)
    }
}

/// How what a node knows compares with what a publisher knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The same documents: none is missing here that the publisher knew.
    Complete,
    /// Documents are missing here.
    Behind,
    /// This node knows newer documents, published since.
    Ahead,
    /// Some documents differ, though not in number: a mix of old and new.
    Different,
    /// Nobody has signed a digest yet.
    Undated,
}

/// How far a node may believe that it knows everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetCheck {
    /// The comparison.
    pub standing: Standing,
    /// The newest digest is older than [`STALE_AFTER`], or there is none.
    pub stale: bool,
    /// When the newest digest was issued.
    pub issued: Option<DateTime<Utc>>,
}

impl SetCheck {
    /// P38: proven that no document is missing.
    #[must_use]
    pub fn proves_completeness(&self) -> bool {
        self.standing == Standing::Complete && !self.stale
    }

    /// What to tell people, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let what = match self.standing {
            Standing::Behind => "documents that were published are missing here",
            Standing::Different => "old and new documents are mixed here",
            Standing::Undated => return Some("nobody has signed which documents there are".into()),
            Standing::Complete | Standing::Ahead if !self.stale => return None,
            Standing::Complete | Standing::Ahead => "newer documents may be missing here",
        };
        let since = self.issued.map_or_else(String::new, |issued| format!(" (last signed on {issued})"));
        Some(format!("{what}{since}"))
    }
}

/// Compares what a node knows with the newest digest it has (P38).
#[must_use]
pub fn check(state: &State, now: DateTime<Utc>) -> SetCheck {
    let Some(mark) = state.set_digest() else {
        return SetCheck { standing: Standing::Undated, stale: true, issued: None };
    };
    let standing = match versions_of(state).cmp(&mark.versions) {
        _ if set_of(state) == mark.set => Standing::Complete,
        std::cmp::Ordering::Less => Standing::Behind,
        std::cmp::Ordering::Greater => Standing::Ahead,
        std::cmp::Ordering::Equal => Standing::Different,
    };
    SetCheck { standing, stale: now - mark.issued > STALE_AFTER, issued: Some(mark.issued) }
}

/// The digest over all documents (P37). Two nodes with the same one have nothing to tell each other.
#[must_use]
pub fn set_of(state: &State) -> Hash {
    let mut pieces: Vec<Vec<u8>> = vec![state.fleet().to_string().into_bytes()];
    if let Some(tip) = state.tip() {
        pieces.extend([tip.version().to_le_bytes().to_vec(), tip.digest().as_bytes().to_vec()]);
    }
    for (name, head) in state.heads() {
        pieces.extend([
            name.to_string().into_bytes(),
            head.version().to_le_bytes().to_vec(),
            head.digest().as_bytes().to_vec(),
        ]);
    }
    for (digest, revocation) in state.revocations() {
        pieces.extend([revocation.document().to_string().into_bytes(), digest.as_bytes().to_vec()]);
    }
    Hash::of_pieces(pieces.iter().map(Vec::as_slice))
}

fn versions_of(state: &State) -> u64 {
    let tip = state.tip().map_or(0, crate::state::Link::version);
    let revocations = u64::try_from(state.revocations().len()).unwrap_or(u64::MAX);
    let heads = state.heads().map(|(_, head)| head.version());
    heads.chain([tip, revocations]).fold(0, u64::saturating_add)
}
