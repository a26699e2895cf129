//! Signed things: envelopes, what a node adopts, invitations, key files.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use patchflock_trust::adoption::{Origin, Verdict, consider};
use patchflock_trust::effect::catalogue;
use patchflock_trust::enrolment::{Invitation, MAX_LINE, MAX_SEEDS};
use patchflock_trust::envelope::{Envelope, MAX_BYTES, MAX_PAYLOAD, MAX_SIGNATURES, Purpose};
use patchflock_trust::hash::Hash;
use patchflock_trust::key::{SecretKey, file};
use patchflock_trust::set_digest::{self, set_of};
use patchflock_trust::state::State;
use patchflock_trust::statement::{Body, FleetId, Statement};

use crate::text;

/// Envelopes: what is read is within its limits and is written and read alike, and holds for no key that did not sign.
pub fn envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::from_json(data) else { return };
    assert!(data.len() <= MAX_BYTES && envelope.unverified_payload().len() <= MAX_PAYLOAD);
    assert!(envelope.claimed_signers().count() <= MAX_SIGNATURES);
    let written = envelope.to_json().expect("what was read can be written");
    assert_eq!(Envelope::from_json(written.as_bytes()).expect("what was written can be read"), envelope);
    let stranger = key(200).public();
    let opened = envelope.verify(envelope.purpose(), |id| (*id == stranger.id()).then_some(&stranger));
    assert!(opened.is_err(), "a stranger's signature holds");
    // Whoever signs says what was there, and then it holds.
    let mut signed = envelope.clone();
    signed.cosign(&stranger_key());
    if envelope.claimed_signers().all(|id| id != stranger.id()) {
        let opened = signed.verify(envelope.purpose(), |id| (*id == stranger.id()).then_some(&stranger));
        assert_eq!(opened.expect("a fresh signature holds").payload(), envelope.unverified_payload());
    }
    assert_eq!(signed.digest(), envelope.digest());
    drop(Statement::unverified(&envelope));
}

/// Adoption. Each line is the numbers of keys, a blank, and a payload that they sign, so that also what a thief of
/// keys or a careless administrator writes is tried: no version falls but by a fleet document or a revocation,
/// nothing is adopted twice, and what is known can be kept, read and asked.
pub fn adoption(data: &[u8]) {
    let (state, payloads) = adopt(data);
    let json = serde_json::to_string(&state).expect("a state as JSON");
    assert_eq!(serde_json::from_str::<State>(&json).expect("a state from JSON"), state);
    assert_eq!(set_digest::check(&state, now()).issued, state.set_digest().map(|mark| mark.issued()));
    assert_eq!(set_of(&state), set_of(&state.clone()));
    let policy = catalogue(&state, true, |digest| payloads.get(digest).cloned());
    assert!(policy.documents().count() <= state.heads().count());
}

/// How many documents the lines of an input publish.
#[must_use]
pub fn adopted(data: &[u8]) -> usize {
    adopt(data).0.heads().count()
}

/// What a node of the fleet knows after these lines, and what its store holds.
fn adopt(data: &[u8]) -> (State, BTreeMap<Hash, Vec<u8>>) {
    static FLEET: OnceLock<(State, FleetId)> = OnceLock::new();
    let (first, fleet) = FLEET.get_or_init(fleet);
    let mut state = first.clone();
    let mut payloads: BTreeMap<Hash, Vec<u8>> = BTreeMap::new();
    for line in text(data).lines().take(24) {
        let Some((signers, payload)) = line.split_once(' ') else { continue };
        let payload = payload.replace("FLEET", &fleet.to_string()).into_bytes();
        let purpose = if signers.contains('d') { Purpose::SetDigest } else { Purpose::Document };
        let mut envelope = Envelope::from_parts(purpose, payload.clone(), []);
        for signer in signers.split(',').take(4).filter_map(|n| n.trim_matches('d').parse().ok()) {
            envelope.cosign(&key(signer));
        }
        let verdict = consider(&state, &envelope, now(), Origin::Gossip);
        let Some(change) = verdict.change().cloned() else { continue };
        assert_eq!(change.digest(), envelope.digest());
        payloads.insert(change.digest(), payload);
        let before = state.clone();
        state.apply(change.clone());
        if !change.goes_first() {
            for (name, head) in before.heads() {
                assert!(state.head(name).is_some_and(|now| now.version() >= head.version()), "{name} fell");
            }
        }
        let once = state.clone();
        state.apply(change);
        assert_eq!(state, once, "applied twice is not applied once");
        let again = consider(&state, &envelope, now(), Origin::Gossip);
        assert!(!matches!(again, Verdict::Adopt { .. }), "adopted twice: {again:?}");
    }
    (state, payloads)
}

/// Invitations: what is read is within its limits and is written and read alike.
pub fn invitation(data: &[u8]) {
    let line = text(data);
    let Ok(invitation) = Invitation::from_line(&line) else { return };
    assert!(
        line.trim().len() <= MAX_LINE && invitation.seeds.len() <= MAX_SEEDS && invitation.terms.uses > 0
    );
    if let Ok(written) = invitation.to_line() {
        assert_eq!(Invitation::from_line(&written).expect("what was written can be read"), invitation);
    }
    invitation.request(&key(9), "node".into(), now()).expect("a request for what was read");
}

/// Key files: none costs much, and what is no key is an error.
pub fn key_file(data: &[u8]) {
    let pem = text(data);
    if let Ok(public) = file::read_public(&pem) {
        let written = file::write_public(&public).expect("a key as a file");
        assert_eq!(file::read_public(&written).as_ref(), Ok(&public));
    }
    if let Ok(secret) = file::read_node_secret(&pem) {
        let written = file::write_node_secret(&secret).expect("a key as a file");
        assert!(file::read_node_secret(&written).is_ok_and(|again| again.public() == secret.public()));
    }
    drop(file::read_secret(&pem, "wrong"));
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_entropy(&[n; 32])
}

fn stranger_key() -> SecretKey {
    key(200)
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_500_000, 0).expect("a time of 2026")
}

/// A fleet whose root keys are 1, 2 and 3, of which two decide; 10 enrols; 20 and 21 publish, 22 windows, 23 for `dev`.
fn fleet() -> (State, FleetId) {
    let line = |n: u8| format!("\"{}\"", key(n).public());
    let administrators: String =
        [(20, ""), (21, ""), (22, "kinds: [MaintenanceWindow], "), (23, "patch_groups: [dev], ")]
            .iter()
            .map(|(n, rest)| format!("  - {{{rest}name: a{n}, key: {}}}\n", line(*n)))
            .collect();
    let text = format!(
        "kind: Fleet\nname: acme\nspec:\n  root: {{keys: [{}, {}, {}], threshold: 2}}\n  enrolment: {{keys: [{}], \
         threshold: 1}}\n  patch_groups:\n  - {{patch_group: prod, documents: [prod*], signatures: 2}}\n  - \
         {{patch_group: dev, documents: [dev*]}}\n  administrators:\n{administrators}",
        line(1),
        line(2),
        line(3),
        line(10)
    );
    let statement = Statement::new(None, "Fleet/acme".parse().expect("a name"), 1, now(), text);
    let envelope = statement.sign(&[&key(1), &key(2)]).expect("a fleet document");
    let id = FleetId(envelope.digest());
    let mut state = State::new(id);
    let verdict = consider(&state, &envelope, now(), Origin::Operator);
    state.apply(verdict.change().expect("the first fleet document is adopted").clone());
    (state, id)
}
