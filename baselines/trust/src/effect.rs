//! From adopted documents to the policy that they are: the store's payloads become `patchflock-baselines`' values.
//!
//! P110: a payload from the store is taken under its digest alone, so a store that was tampered with yields nothing.
//! P111: a document has no effect from the earlier of the statement's `expires` and its text's. P112: a text that
//! cannot be read, or that is another document's, is adopted and unreadable: what depends on it is unknown, and
//! nothing older takes its place.

use patchflock_baselines::document::{Kind, parse};
use patchflock_baselines::selection::{Adopted, Catalogue};

use crate::adoption::Refusal;
use crate::envelope::{Envelope, Purpose};
use crate::hash::Hash;
use crate::state::State;
use crate::statement::{Body, DocumentName, Statement};

/// The statement in a payload that the store keeps under this digest (P110).
///
/// # Errors
/// The payload is another one, or cannot be understood.
pub fn statement(digest: &Hash, payload: Vec<u8>) -> Result<Statement, Refusal> {
    let envelope = Envelope::from_parts(Purpose::Document, payload, []);
    Ok(Statement::read(&envelope.pinned(Purpose::Document, digest)?)?)
}

/// The policy of this machine: what is adopted, with the texts that `payload` finds. `complete`: no document is
/// missing, which [`crate::set_digest::check`] proves.
#[must_use]
pub fn catalogue(state: &State, complete: bool, payload: impl Fn(&Hash) -> Option<Vec<u8>>) -> Catalogue {
    let documents = state.heads().filter(|(_, head)| !head.deleted()).filter_map(|(name, head)| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name.kind)?;
        let statement = payload(&head.digest()).and_then(|payload| statement(&head.digest(), payload).ok());
        let text = statement.and_then(|statement| statement.text).unwrap_or_default();
        Some(adopted(kind, name, head.version(), head.expires(), &text))
    });
    // Revoked and not replaced: unknown, and not absent (P44).
    let revoked = state.revoked();
    let void =
        revoked.documents.iter().filter(|(name, _)| state.head(name).is_none()).filter_map(|(name, last)| {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name.kind)?;
            Some(Adopted { kind, name: name.name.clone(), version: *last, expires: None, document: None })
        });
    Catalogue::new(documents.chain(void).collect(), complete)
}

/// One document, read (P111, P112).
fn adopted(
    kind: Kind,
    name: &DocumentName,
    version: u64,
    expires: Option<chrono::DateTime<chrono::Utc>>,
    text: &str,
) -> Adopted {
    let read = parse(&name.to_string(), text.as_bytes()).ok();
    let (document, own) = match read.map(|parsed| (parsed.documents, parsed.expires)) {
        Some((mut documents, own)) if documents.len() == 1 => {
            (documents.pop(), own.first().copied().flatten())
        }
        _ => (None, None),
    };
    let expires = [expires, own].into_iter().flatten().min();
    Adopted { kind, name: name.name.clone(), version, expires, document }
}
