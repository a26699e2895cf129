//! A fleet for tests: two of three root keys, one enrolment key, administrators of different scopes.

#![allow(dead_code, reason = "each test uses a part")]

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_trust::adoption::{Origin, Verdict, consider};
use patchflock_trust::envelope::Envelope;
use patchflock_trust::key::SecretKey;
use patchflock_trust::state::State;
use patchflock_trust::statement::{Body, FleetId, Statement};

/// Root keys: 1, 2, 3; two of them decide.
pub(crate) const ROOTS: [u8; 3] = [1, 2, 3];
/// The enrolment key.
pub(crate) const ENROL: u8 = 10;
/// Administrators of everything.
pub(crate) const ALICE: u8 = 20;
pub(crate) const BOB: u8 = 21;
/// An administrator of windows only.
pub(crate) const WINA: u8 = 22;
/// An administrator of the patch group `dev` only.
pub(crate) const DEVA: u8 = 23;

pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_entropy(&[n; 32])
}

pub(crate) fn at(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_500_000, 0).unwrap() + TimeDelta::hours(hours)
}

fn list(keys: &[u8]) -> String {
    let keys: Vec<String> = keys.iter().map(|n| format!("\"{}\"", key(*n).public())).collect();
    format!("[{}]", keys.join(", "))
}

/// The administrators of the first fleet document.
pub(crate) const ADMINISTRATORS: &[(&str, u8, &str)] = &[
    ("alice", ALICE, ""),
    ("bob", BOB, ""),
    ("wina", WINA, "kinds: [MaintenanceWindow]"),
    ("deva", DEVA, "patch_groups: [dev]"),
];

/// The text of a fleet document.
pub(crate) fn fleet_text(
    roots: &[u8],
    threshold: usize,
    administrators: &[(&str, u8, &str)],
    more: &str,
) -> String {
    let mut text = format!(
        "kind: Fleet\nname: acme\nspec:\n  root: {{keys: {}, threshold: {threshold}}}\n  enrolment: {{keys: {}, \
         threshold: 1}}\n  signatures: {{DefaultBaselines: 2}}\n  patch_groups:\n  - {{patch_group: prod, documents: \
         [prod, prod-*], signatures: 2}}\n  - {{patch_group: dev, documents: [dev, dev-*]}}\n{more}  administrators:\n",
        list(roots),
        list(&[ENROL]),
    );
    for (name, n, rest) in administrators {
        text += &format!("  - name: {name}\n    key: \"{}\"\n", key(*n).public());
        if !rest.is_empty() {
            text += &format!("    {rest}\n");
        }
    }
    text
}

pub(crate) fn first_text() -> String {
    fleet_text(&ROOTS, 2, ADMINISTRATORS, "")
}

pub(crate) fn sealed(statement: &Statement, signers: &[u8]) -> Envelope {
    let keys: Vec<SecretKey> = signers.iter().map(|n| key(*n)).collect();
    statement.sign(&keys.iter().collect::<Vec<_>>()).unwrap()
}

/// The first fleet document and the fleet's id.
pub(crate) fn genesis() -> (FleetId, Envelope) {
    let statement = Statement::new(None, "Fleet/acme".parse().unwrap(), 1, at(0), first_text());
    let envelope = sealed(&statement, &[1, 2]);
    (FleetId(envelope.digest()), envelope)
}

pub(crate) fn fleet() -> FleetId {
    genesis().0
}

/// A later fleet document.
pub(crate) fn fleet_version(version: u64, hours: i64, text: String, signers: &[u8]) -> Envelope {
    sealed(&Statement::new(Some(fleet()), "Fleet/acme".parse().unwrap(), version, at(hours), text), signers)
}

pub(crate) fn statement(document: &str, version: u64, hours: i64) -> Statement {
    let name = document.parse().unwrap();
    Statement::new(Some(fleet()), name, version, at(hours), format!("{document} {version}"))
}

/// A document without a meaning.
pub(crate) fn document(document: &str, version: u64, hours: i64, signers: &[u8]) -> Envelope {
    sealed(&statement(document, version, hours), signers)
}

/// A patch group as a document.
pub(crate) fn group(name: &str, patch_group: &str, version: u64, signers: &[u8]) -> Envelope {
    let text =
        format!("kind: PatchGroup\nname: {name}\nspec: {{patch_group: {patch_group}, baselines: [web]}}\n");
    sealed(&Statement { text: Some(text), ..statement(&format!("PatchGroup/{name}"), version, 1) }, signers)
}

/// A revocation.
pub(crate) fn revocation(name: &str, keys: &[u8], nodes: &[u8], signers: &[u8]) -> Envelope {
    revocation_of(name, keys, nodes, "", signers)
}

/// A revocation that names documents.
pub(crate) fn revocation_of(
    name: &str,
    keys: &[u8],
    nodes: &[u8],
    documents: &str,
    signers: &[u8],
) -> Envelope {
    let keys: Vec<String> = keys.iter().map(|n| format!("\"{}\"", key(*n).public().id())).collect();
    let nodes: Vec<String> =
        nodes.iter().map(|n| patchflock_trust::node::NodeId::of(&key(*n).public()).to_string()).collect();
    let text = format!(
        "kind: Revocation\nname: {name}\nspec: {{keys: [{}], nodes: [{}], documents: [{documents}]}}\n",
        keys.join(", "),
        nodes.join(", ")
    );
    sealed(&Statement { text: Some(text), ..statement(&format!("Revocation/{name}"), 1, 1) }, signers)
}

/// A node that has the first fleet document.
pub(crate) fn node() -> State {
    let (id, first) = genesis();
    let mut state = State::new(id);
    assert!(matches!(take(&mut state, &first, 0), Verdict::Adopt { .. }));
    state
}

/// Considers an envelope and applies what follows, as a store does.
pub(crate) fn take(state: &mut State, envelope: &Envelope, hours: i64) -> Verdict {
    let verdict = consider(state, envelope, at(hours), Origin::Gossip);
    if let Some(change) = verdict.change() {
        state.apply(change.clone());
    }
    verdict
}
