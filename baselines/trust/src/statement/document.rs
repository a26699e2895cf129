//! A version of a document, as it is signed.
//!
//! P13: a document statement says fleet, kind, name, version, when it was issued, until when it counts, and its
//! source text as written, or that it is deleted. P14: names are those of documents (1-128 of `A-Z a-z 0-9 _ . -`),
//! kinds are letters (1-64), versions 1 to 2^53 - 1, texts at most 256 KiB. A kind that this version does not know is
//! adopted and passed on like any other, so that old nodes do not stand in the way of new kinds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Body, FORMAT, FleetId, StatementError, check_format, check_time, demand};
use crate::envelope::{Envelope, Purpose};

/// Longest source text, in bytes (P14).
pub const MAX_TEXT: usize = 256 << 10;

/// Highest version (P14): exact in every reader of JSON.
const MAX_VERSION: u64 = (1 << 53) - 1;

/// A kind and a name: what a document is known by. Written `PatchBaseline/web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentName {
    /// Kind.
    pub kind: String,
    /// Name, unique within the kind.
    pub name: String,
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for DocumentName {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let (kind, name) = text.split_once('/').unwrap_or_default();
        demand(is_kind(kind) && is_name(name), || "a document is named KIND/NAME".into())?;
        Ok(Self { kind: kind.into(), name: name.into() })
    }
}

impl TryFrom<String> for DocumentName {
    type Error = StatementError;

    fn try_from(text: String) -> Result<Self, StatementError> {
        text.parse()
    }
}

impl From<DocumentName> for String {
    fn from(name: DocumentName) -> Self {
        name.to_string()
    }
}

/// Whether a text can be a kind (P14).
#[must_use]
pub fn is_kind(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Whether a text can be the name of a document (P14).
#[must_use]
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

/// One version of a document (P13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`FORMAT`].
    pub format: u32,
    /// The fleet it is for; `None` in the first `Fleet` document alone, whose digest is the fleet's id.
    pub fleet: Option<FleetId>,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: u64,
    /// When its author issued it.
    pub issued: DateTime<Utc>,
    /// From here on it has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
    /// The source text; `None` where it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// This version says that there is no such document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl Statement {
    /// A version with a text, which does not expire.
    #[must_use]
    pub fn new(
        fleet: Option<FleetId>,
        name: DocumentName,
        version: u64,
        issued: DateTime<Utc>,
        text: String,
    ) -> Self {
        let DocumentName { kind, name } = name;
        let text = Some(text);
        Self { format: FORMAT, fleet, kind, name, version, issued, expires: None, text, deleted: false }
    }

    /// A tombstone: this version says that there is no such document.
    #[must_use]
    pub fn tombstone(fleet: FleetId, name: DocumentName, version: u64, issued: DateTime<Utc>) -> Self {
        let whole = Self::new(Some(fleet), name, version, issued, String::new());
        Self { text: None, deleted: true, ..whole }
    }

    /// What an envelope claims to say, whoever signed it: to show it to somebody who is asked to sign it too, never
    /// to act by it.
    ///
    /// # Errors
    /// It is no document, or beyond what is understood.
    pub fn unverified(envelope: &Envelope) -> Result<Self, StatementError> {
        demand(envelope.purpose() == Purpose::Document, || format!("it is {}", envelope.purpose()))?;
        let claimed: Self = serde_json::from_slice(envelope.unverified_payload())
            .map_err(|error| StatementError(error.to_string()))?;
        claimed.check()?;
        Ok(claimed)
    }

    /// What it is known by.
    #[must_use]
    pub fn document(&self) -> DocumentName {
        DocumentName { kind: self.kind.clone(), name: self.name.clone() }
    }
}

impl Body for Statement {
    const PURPOSE: Purpose = Purpose::Document;

    fn check(&self) -> Result<(), StatementError> {
        check_format(self.format)?;
        demand(is_kind(&self.kind), || "its kind is not 1 to 64 letters".into())?;
        demand(is_name(&self.name), || "its name is not 1 to 128 of A-Z a-z 0-9 _ . -".into())?;
        demand((1..=MAX_VERSION).contains(&self.version), || format!("version {}", self.version))?;
        check_time("issued", self.issued)?;
        if let Some(expires) = self.expires {
            check_time("expires", expires)?;
        }
        demand(self.text.is_some() != self.deleted, || "it has a text or it is deleted, one of both".into())?;
        let length = self.text.as_ref().map_or(0, String::len);
        demand(length <= MAX_TEXT, || format!("its text has {length} bytes; the limit is {MAX_TEXT}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::key::SecretKey;

    fn statement() -> Statement {
        let at = DateTime::from_timestamp(1_795_500_000, 0).unwrap();
        let fleet = FleetId(Hash::of(b"fleet"));
        Statement::new(Some(fleet), "PatchBaseline/web".parse().unwrap(), 3, at, "kind: …\n".into())
    }

    fn read(json: &str) -> Result<Statement, StatementError> {
        let key = SecretKey::from_entropy(&[1; 32]);
        let public = key.public();
        let envelope = Envelope::seal(Purpose::Document, json.into(), &[&key]);
        Statement::read(&envelope.verify(Purpose::Document, |_| Some(&public)).unwrap())
    }

    #[test]
    fn a_statement_is_read_as_it_is_signed() {
        let json = serde_json::to_string(&statement()).unwrap();
        assert_eq!(read(&json), Ok(statement()));
        assert!(!json.contains("deleted") && !json.contains("expires"));
        let gone =
            Statement::tombstone(statement().fleet.unwrap(), statement().document(), 4, statement().issued);
        assert_eq!(read(&serde_json::to_string(&gone).unwrap()), Ok(gone));
    }

    #[test]
    fn a_statement_beyond_its_limits_is_neither_signed_nor_read() {
        let good = statement();
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        for bad in [
            Statement { format: 2, ..good.clone() },
            Statement { kind: String::new(), ..good.clone() },
            Statement { kind: "Patch Baseline".into(), ..good.clone() },
            Statement { name: "../x".into(), ..good.clone() },
            Statement { name: "x".repeat(129), ..good.clone() },
            Statement { version: 0, ..good.clone() },
            Statement { version: u64::MAX, ..good.clone() },
            Statement { issued: at(-1), ..good.clone() },
            Statement { expires: Some(at(7_258_118_401)), ..good.clone() },
            Statement { deleted: true, ..good.clone() },
            Statement { text: None, ..good.clone() },
            Statement { text: Some("x".repeat(MAX_TEXT + 1)), ..good.clone() },
        ] {
            assert!(bad.sign(&[]).is_err(), "{bad:?}");
            assert!(read(&serde_json::to_string(&bad).unwrap()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unknown_and_duplicate_fields_and_deep_nesting_are_refused() {
        let json = serde_json::to_string(&statement()).unwrap();
        assert!(read(&json.replace("\"kind\"", "\"more\":1,\"kind\"")).is_err());
        assert!(read(&json.replace("\"version\":3", "\"version\":3,\"version\":4")).is_err());
        assert!(
            read(&json.replace("\"version\":3", &format!("\"version\":{}", "[".repeat(100_000)))).is_err()
        );
        assert!(read(&format!("{json} {json}")).is_err());
    }

    #[test]
    fn the_name_of_a_document_is_kind_and_name() {
        let name: DocumentName = "PatchBaseline/web-1.x_y".parse().unwrap();
        assert_eq!(name.to_string(), "PatchBaseline/web-1.x_y");
        for bad in ["", "web", "/web", "PatchBaseline/", "Patch9/x", "a/b/c", "a/ü"] {
            assert!(bad.parse::<DocumentName>().is_err(), "{bad}");
        }
    }
}
