//! What is signed: one strict JSON value per purpose.
//!
//! P9: every payload is JSON with `format` and `fleet`; an unknown field, an unknown format or a value beyond its
//! limit refuses the whole. P10: what was signed is kept and forwarded as bytes and never written anew, so how JSON
//! is spelt does not matter. P11: times are whole seconds or finer, UTC, of the years 1970 to 2199.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::envelope::{Envelope, Purpose, Verified};
use crate::hash::Hash;
use crate::key::SecretKey;

mod document;

pub use document::{DocumentName, MAX_TEXT, Statement, is_kind, is_name};

/// The only format of each payload so far (P9).
pub const FORMAT: u32 = 1;

/// The identity of a fleet: the digest of its first `Fleet` document (P12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FleetId(pub Hash);

impl fmt::Display for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FleetId {
    type Err = crate::hash::HashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Why a payload is refused although its signatures hold, or cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signed text is refused: {0}")]
pub struct StatementError(pub(crate) String);

/// A value that is signed.
pub trait Body: Serialize + DeserializeOwned {
    /// What it is signed for.
    const PURPOSE: Purpose;

    /// Whether it keeps its limits: asked before signing, and after reading.
    ///
    /// # Errors
    /// The first limit that it breaks.
    fn check(&self) -> Result<(), StatementError>;

    /// Signs it.
    ///
    /// # Errors
    /// It breaks a limit, and would be refused everywhere.
    fn sign(&self, keys: &[&SecretKey]) -> Result<Envelope, StatementError> {
        self.check()?;
        let payload = serde_json::to_vec(self).map_err(|error| StatementError(error.to_string()))?;
        if payload.len() > crate::envelope::MAX_PAYLOAD {
            return Err(StatementError(format!("it is longer than {} bytes", crate::envelope::MAX_PAYLOAD)));
        }
        Ok(Envelope::seal(Self::PURPOSE, payload, keys))
    }

    /// Reads what was signed.
    ///
    /// # Errors
    /// It is no such value, or breaks a limit.
    fn read(verified: &Verified<'_>) -> Result<Self, StatementError> {
        let value: Self =
            serde_json::from_slice(verified.payload()).map_err(|error| StatementError(error.to_string()))?;
        value.check()?;
        Ok(value)
    }
}

/// Refuses with a reason unless a condition holds.
pub(crate) fn demand(holds: bool, reason: impl FnOnce() -> String) -> Result<(), StatementError> {
    if holds { Ok(()) } else { Err(StatementError(reason())) }
}

/// P9: the format is one that this version knows.
pub(crate) fn check_format(format: u32) -> Result<(), StatementError> {
    demand(format == FORMAT, || format!("format {format}, and this version knows {FORMAT}"))
}

/// P11: a time that every reader can compare.
pub(crate) fn check_time(what: &str, time: DateTime<Utc>) -> Result<(), StatementError> {
    // 2200-01-01T00:00:00Z, where the last day of 2199 is over.
    const END: i64 = 7_258_118_400;
    demand((0..=END).contains(&time.timestamp()), || format!("`{what}` is outside of the years 1970 to 2199"))
}

/// A text of bounded length without control characters.
pub(crate) fn check_text(what: &str, text: &str, most: usize) -> Result<(), StatementError> {
    demand(text.chars().count() <= most && !text.chars().any(char::is_control), || {
        format!("`{what}` has control characters or more than {most} characters")
    })
}
