//! Why something does not count, in words that say what to do.

use chrono::{DateTime, Utc};

use crate::authority::Denied;
use crate::envelope::EnvelopeError;
use crate::statement::StatementError;

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
