//! What hostile peers, thieves of keys and careless administrators try, one test each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

#[path = "sample/fleet.rs"]
mod sample;

use patchflock_trust::adoption::{Origin, Refusal, Verdict, consider};
use patchflock_trust::authority::Denied;
use patchflock_trust::envelope::{Envelope, EnvelopeError, Purpose};
use patchflock_trust::set_digest::{self, SetDigest, Standing};
use patchflock_trust::state::State;
use patchflock_trust::statement::{Body, Statement};
use sample::*;

fn refusal(state: &State, envelope: &Envelope, hours: i64) -> Refusal {
    match consider(state, envelope, at(hours), Origin::Gossip) {
        Verdict::Refuse { reason } => reason,
        other => panic!("taken: {other:?}"),
    }
}

fn adopted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Adopt { .. })
}

fn version(state: &State, name: &str) -> Option<u64> {
    state.head(&name.parse().unwrap()).map(|head| head.version())
}

#[test]
fn an_unsigned_document_is_refused() {
    let state = node();
    let unsigned = document("PatchBaseline/web", 1, 1, &[]);
    assert_eq!(refusal(&state, &unsigned, 1), Refusal::Envelope(EnvelopeError::Unsigned));
    let stranger = document("PatchBaseline/web", 1, 1, &[99]);
    assert_eq!(refusal(&state, &stranger, 1), Refusal::Envelope(EnvelopeError::Unsigned));
}

#[test]
fn a_document_outside_its_signers_scope_is_refused() {
    let mut state = node();
    let scope = |envelope| match refusal(&node(), &envelope, 1) {
        Refusal::Denied(Denied::Scope { administrator, .. }) => administrator,
        other => panic!("{other}"),
    };
    assert_eq!(scope(document("PatchBaseline/web", 1, 1, &[WINA])), "wina");
    assert_eq!(scope(document("PatchBaseline/prod-web", 1, 1, &[DEVA])), "deva");
    assert_eq!(scope(document("PatchBaseline/web", 1, 1, &[DEVA])), "deva");
    // Bound to a group, and yet reaching all nodes through a document that chooses them otherwise.
    assert_eq!(scope(document("MaintenanceWindow/dev-night", 1, 1, &[DEVA])), "deva");
    assert!(adopted(&take(&mut state, &document("MaintenanceWindow/night", 1, 1, &[WINA]), 1)));
    assert!(adopted(&take(&mut state, &document("PatchBaseline/dev-web", 1, 1, &[DEVA]), 1)));
    // A name that belongs to a second group as well.
    let shared = first_text().replace("[prod, prod-*]", "[prod, prod-*, dev-prod-*]");
    let mut other = node();
    take(&mut other, &fleet_version(2, 1, shared, &[1, 2]), 1);
    let both = refusal(&other, &document("PatchBaseline/dev-prod-x", 1, 1, &[DEVA]), 1);
    assert!(matches!(both, Refusal::Denied(Denied::Scope { .. })));
    // Enrolment and root keys below their threshold are no administrators.
    for signer in [ENROL, 1] {
        let reason = refusal(&state, &document("PatchBaseline/web", 1, 1, &[signer]), 1);
        assert_eq!(reason, Refusal::Denied(Denied::NoAdministrator));
    }
    assert!(adopted(&take(&mut state, &document("PatchBaseline/web", 1, 1, &[1, 3]), 1)));
}

#[test]
fn a_protected_group_is_not_spoken_for_under_another_name() {
    let mut state = node();
    assert!(matches!(refusal(&state, &group("shadow", "prod", 1, &[ALICE, BOB]), 1), Refusal::Text(_)));
    assert!(matches!(refusal(&state, &group("dev-x", "prod", 1, &[DEVA]), 1), Refusal::Text(_)));
    assert!(matches!(
        refusal(&state, &group("prod", "prod", 1, &[ALICE]), 1),
        Refusal::Denied(Denied::Threshold { .. })
    ));
    assert!(adopted(&take(&mut state, &group("prod", "prod", 1, &[ALICE, BOB]), 1)));
    assert!(adopted(&take(&mut state, &group("shadow", "free", 1, &[ALICE]), 1)));
    // A fleet document that protects the group later takes its word away.
    let protects = first_text().replace(
        "patch_group: dev, documents",
        "patch_group: free, documents: [x]}\n  - {patch_group: dev, documents",
    );
    assert!(adopted(&take(&mut state, &fleet_version(2, 2, protects, &[1, 2]), 2)));
    assert_eq!((version(&state, "PatchGroup/shadow"), version(&state, "PatchGroup/prod")), (None, Some(1)));
}

#[test]
fn a_document_below_its_threshold_is_refused() {
    let mut state = node();
    let half = refusal(&state, &document("PatchBaseline/prod-web", 1, 1, &[ALICE]), 1);
    let threshold =
        Denied::Threshold { document: "PatchBaseline/prod-web".parse().unwrap(), found: 1, needed: 2 };
    assert_eq!(half, Refusal::Denied(threshold));
    // The other half alone does not make it whole; both on one do.
    let other = refusal(&state, &document("PatchBaseline/prod-web", 1, 1, &[BOB, DEVA]), 1);
    assert!(matches!(other, Refusal::Denied(Denied::Threshold { found: 1, .. })));
    assert!(adopted(&take(&mut state, &document("PatchBaseline/prod-web", 1, 1, &[BOB, ALICE]), 1)));
    let defaults = document("DefaultBaselines/defaults", 1, 1, &[ALICE]);
    assert!(matches!(refusal(&state, &defaults, 1), Refusal::Denied(Denied::Threshold { .. })));
}

#[test]
fn copies_of_one_text_give_their_signatures_to_each_other() {
    let mut state = node();
    let by = |signers: &[u8]| document("PatchBaseline/web", 1, 1, signers);
    take(&mut state, &by(&[ALICE]), 1);
    assert!(matches!(take(&mut state, &by(&[BOB]), 1), Verdict::Known { change: Some(_) }));
    assert_eq!(take(&mut state, &by(&[BOB]), 1), Verdict::Known { change: None });
    assert_eq!(take(&mut state, &by(&[ALICE, BOB]), 1), Verdict::Known { change: None });
    // Each was enough by itself; where two are needed later, there are two.
    let two = first_text().replace("{DefaultBaselines: 2}", "{PatchBaseline: 2}");
    assert!(adopted(&take(&mut state, &fleet_version(2, 2, two, &[1, 2]), 2)));
    assert_eq!(version(&state, "PatchBaseline/web"), Some(1));
    assert!(matches!(refusal(&state, &document("PatchBaseline/web", 2, 2, &[ALICE]), 2), Refusal::Denied(_)));
    // Revocations and set digests as well.
    assert!(adopted(&take(&mut state, &revocation("x", &[WINA], &[], &[1, 2]), 2)));
    let more = revocation("x", &[WINA], &[], &[2, 3]);
    assert!(matches!(take(&mut state, &more, 2), Verdict::Known { change: Some(_) }));
    assert_eq!(state.revocations().values().map(|one| one.signatures().len()).sum::<usize>(), 3);
    let dated = SetDigest::of(&state, at(2));
    assert!(adopted(&take(&mut state, &dated.sign(&[&key(ALICE)]).unwrap(), 2)));
    let verdict = take(&mut state, &dated.sign(&[&key(BOB)]).unwrap(), 2);
    assert!(matches!(verdict, Verdict::Known { change: Some(_) }));
    assert_eq!(state.set_digest().unwrap().signatures().len(), 2);
}

#[test]
fn duplicate_signatures_by_one_key_do_not_reach_a_threshold() {
    let state = node();
    let json = document("PatchBaseline/prod-web", 1, 1, &[ALICE]).to_json().unwrap();
    let (head, tail) = json.split_once("\"signatures\":[").unwrap();
    let entry = tail.trim_end_matches("]}");
    let twice = Envelope::from_json(format!("{head}\"signatures\":[{entry},{entry}]}}").as_bytes()).unwrap();
    assert!(matches!(
        refusal(&state, &twice, 1),
        Refusal::Denied(Denied::Threshold { found: 1, needed: 2, .. })
    ));
}

#[test]
fn a_key_id_that_names_another_signer_is_refused() {
    let state = node();
    let json = document("PatchBaseline/web", 1, 1, &[99]).to_json().unwrap();
    let (stranger, alice) = (key(99).public().id(), key(ALICE).public().id());
    let confused = json.replace(&stranger.to_string(), &alice.to_string());
    let confused = Envelope::from_json(confused.as_bytes()).unwrap();
    assert_eq!(refusal(&state, &confused, 1), Refusal::Envelope(EnvelopeError::BadSignature(alice)));
}

#[test]
fn a_signature_for_another_payload_type_is_refused() {
    let state = node();
    let digest = SetDigest::of(&state, at(1)).sign(&[&key(ALICE)]).unwrap();
    let as_document = digest.to_json().unwrap().replace("set-digest.v1", "document.v1");
    let as_document = Envelope::from_json(as_document.as_bytes()).unwrap();
    let alice = key(ALICE).public().id();
    assert_eq!(refusal(&state, &as_document, 1), Refusal::Envelope(EnvelopeError::BadSignature(alice)));
    let other = Envelope::from_parts(Purpose::ReportSummary, b"{}".to_vec(), []);
    assert!(matches!(refusal(&state, &other, 1), Refusal::Envelope(EnvelopeError::WrongPurpose { .. })));
}

#[test]
fn a_replayed_old_version_changes_nothing() {
    let mut state = node();
    let old = document("PatchBaseline/web", 1, 1, &[ALICE]);
    take(&mut state, &old, 1);
    take(&mut state, &document("PatchBaseline/web", 2, 2, &[ALICE]), 2);
    assert_eq!(take(&mut state, &old, 3), Verdict::Known { change: None });
    let older = document("PatchBaseline/web", 1, 0, &[ALICE]);
    assert!(matches!(take(&mut state, &older, 3), Verdict::Older { .. }));
    // Also over a deletion.
    let gone = Statement::tombstone(fleet(), "PatchBaseline/web".parse().unwrap(), 3, at(3));
    assert!(adopted(&take(&mut state, &sealed(&gone, &[ALICE]), 3)));
    take(&mut state, &document("PatchBaseline/web", 2, 2, &[ALICE]), 4);
    assert!(state.head(&"PatchBaseline/web".parse().unwrap()).unwrap().deleted());
}

#[test]
fn an_expired_document_has_no_effect_and_brings_no_older_one_back() {
    let mut state = node();
    take(&mut state, &document("PatchBaseline/web", 1, 1, &[ALICE]), 1);
    let brief = Statement { expires: Some(at(5)), ..statement("PatchBaseline/web", 2, 2) };
    let verdict = take(&mut state, &sealed(&brief, &[ALICE]), 6);
    assert!(matches!(verdict, Verdict::Adopt { expired: true, .. }));
    assert_eq!(state.head(&"PatchBaseline/web".parse().unwrap()).unwrap().expires(), Some(at(5)));
    assert!(matches!(
        take(&mut state, &document("PatchBaseline/web", 1, 0, &[ALICE]), 6),
        Verdict::Older { .. }
    ));
}

#[test]
fn a_clock_that_was_set_back_does_not_revive_an_expired_document() {
    let mut state = node();
    let brief = Statement { expires: Some(at(50)), ..statement("PatchBaseline/web", 1, 1) };
    let dated = SetDigest::of(&state, at(100)).sign(&[&key(ALICE)]).unwrap();
    assert!(adopted(&take(&mut state, &dated, 100)));
    assert!(matches!(take(&mut state, &sealed(&brief, &[ALICE]), 2), Verdict::Adopt { expired: true, .. }));
    assert_eq!(state.clock(at(2)), at(76));
    assert!(state.clock_is_behind(at(2)) && !state.clock_is_behind(at(80)));
}

#[test]
fn a_document_from_the_future_is_refused() {
    let state = node();
    let ahead = document("PatchBaseline/web", 1, 48, &[ALICE]);
    assert!(matches!(refusal(&state, &ahead, 23), Refusal::FromTheFuture { .. }));
    assert!(adopted(&consider(&state, &ahead, at(25), Origin::Gossip)));
    assert!(adopted(&consider(&state, &ahead, at(0), Origin::Disk)));
    let digest = SetDigest::of(&state, at(48)).sign(&[&key(ALICE)]).unwrap();
    assert!(matches!(refusal(&state, &digest, 23), Refusal::FromTheFuture { .. }));
}

#[test]
fn a_version_far_ahead_needs_the_root_keys() {
    let mut state = node();
    let far = |version, signers: &[u8]| document("PatchBaseline/web", version, 1, signers);
    assert!(matches!(
        refusal(&state, &far(2_001, &[ALICE, BOB]), 1),
        Refusal::FastForward { version: 2_001, most: 2_000 }
    ));
    assert!(adopted(&take(&mut state, &far(2_000, &[ALICE]), 1)));
    assert!(adopted(&take(&mut state, &far(1 << 50, &[1, 2]), 1)));
    assert_eq!(version(&state, "PatchBaseline/web"), Some(1 << 50));
    // A day later a thousand more.
    assert!(adopted(&take(&mut state, &document("PatchBaseline/db", 3_000, 24, &[ALICE]), 24)));
}

#[test]
fn two_texts_under_one_version_have_one_winner_everywhere() {
    let (early, late) =
        (document("PatchBaseline/web", 1, 1, &[ALICE]), document("PatchBaseline/web", 1, 2, &[BOB]));
    for order in [[&early, &late], [&late, &early]] {
        let mut state = node();
        assert!(adopted(&take(&mut state, order[0], 3)));
        let verdict = take(&mut state, order[1], 3);
        assert!(matches!(verdict, Verdict::Conflict { winner, .. } if winner == late.digest()));
        let losers: Vec<_> = state.conflicts().map(|(_, loser)| loser.digest()).collect();
        assert_eq!(losers, [early.digest()]);
        // The next version ends it.
        take(&mut state, &document("PatchBaseline/web", 2, 3, &[ALICE]), 3);
        assert_eq!(state.conflicts().count(), 0);
    }
}

#[test]
fn a_frozen_node_and_a_mix_of_old_and_new_are_noticed() {
    let (web1, web2) =
        (document("PatchBaseline/web", 1, 1, &[ALICE]), document("PatchBaseline/web", 2, 2, &[ALICE]));
    let (db1, db2) =
        (document("PatchBaseline/db", 1, 1, &[ALICE]), document("PatchBaseline/db", 2, 2, &[ALICE]));
    let with = |envelopes: &[&Envelope]| {
        let mut state = node();
        envelopes.iter().for_each(|envelope| assert!(adopted(&take(&mut state, envelope, 2))));
        state
    };
    let publisher = with(&[&web2, &db1]);
    let dated = SetDigest::of(&publisher, at(3)).sign(&[&key(ALICE)]).unwrap();
    let standing = |envelopes: &[&Envelope], hours| {
        let mut state = with(envelopes);
        assert!(adopted(&take(&mut state, &dated, 3)));
        let check = set_digest::check(&state, at(hours));
        assert_eq!(
            check.warning().is_some(),
            !check.proves_completeness() && check.standing != Standing::Ahead || check.stale
        );
        (check.standing, check.stale)
    };
    assert_eq!(standing(&[&web2, &db1], 4), (Standing::Complete, false));
    assert_eq!(standing(&[&web2, &db1], 76), (Standing::Complete, true));
    assert_eq!(standing(&[&web1, &db1], 4), (Standing::Behind, false));
    assert_eq!(standing(&[&web1, &db2], 4), (Standing::Different, false));
    assert_eq!(standing(&[&web2, &db2], 4), (Standing::Ahead, false));
    assert_eq!(set_digest::check(&publisher, at(4)).standing, Standing::Undated);
    // An older digest does not replace a newer one, and one by a stranger none.
    let mut state = with(&[&web2, &db1]);
    take(&mut state, &dated, 3);
    let older = SetDigest::of(&publisher, at(2)).sign(&[&key(BOB)]).unwrap();
    assert_eq!(take(&mut state, &older, 4), Verdict::Older { change: None });
    let by = |signer| SetDigest::of(&publisher, at(4)).sign(&[&key(signer)]).unwrap();
    assert_eq!(refusal(&state, &by(ENROL), 4), Refusal::Denied(Denied::NoAdministrator));
    // Who is bound to a kind or a group could prove that documents of others do not exist.
    for bound in [WINA, DEVA] {
        assert!(matches!(refusal(&state, &by(bound), 4), Refusal::Denied(Denied::Scope { .. })));
    }
}

#[test]
fn nested_and_oversize_documents_are_refused() {
    let state = node();
    let deep = format!("kind: PatchGroup\nname: x\nspec: {}", "[".repeat(100_000));
    let deep = Statement { text: Some(deep), ..statement("PatchGroup/x", 1, 1) };
    assert!(matches!(refusal(&state, &sealed(&deep, &[ALICE]), 1), Refusal::Text(_)));
    let nested = format!("{{\"format\":{}", "[".repeat(200_000));
    let nested = Envelope::from_parts(Purpose::Document, nested.into_bytes(), []);
    let mut nested = nested;
    nested.cosign(&key(ALICE));
    assert!(matches!(refusal(&state, &nested, 1), Refusal::Statement(_)));
    let mut big = Envelope::from_parts(
        Purpose::Document,
        serde_json::to_vec(&Statement {
            text: Some("x".repeat(300 << 10)),
            ..statement("PatchBaseline/x", 1, 1)
        })
        .unwrap(),
        [],
    );
    big.cosign(&key(ALICE));
    assert!(matches!(refusal(&state, &big, 1), Refusal::Statement(_)));
}

#[test]
fn a_state_is_kept_and_read_as_it_was() {
    let mut state = node();
    take(&mut state, &group("prod", "prod", 1, &[ALICE, BOB]), 1);
    take(&mut state, &revocation_of("bob", &[BOB], &[50], "PatchBaseline/x@1", &[1, 2]), 1);
    let dated = SetDigest::of(&state, at(1)).sign(&[&key(ALICE)]).unwrap();
    take(&mut state, &dated, 1);
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
}
