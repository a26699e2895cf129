//! What thieves of root, enrolment and administrators' keys try, and what revoking them does, one test each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

#[path = "sample/fleet.rs"]
mod sample;

use patchflock_trust::adoption::{Need, Origin, Refusal, Verdict, consider};
use patchflock_trust::authority::Denied;
use patchflock_trust::envelope::{Envelope, EnvelopeError};
use patchflock_trust::state::State;
use patchflock_trust::statement::{FleetId, Statement};
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
fn a_revoked_key_says_nothing_and_what_it_said_is_undone() {
    let mut state = node();
    take(&mut state, &document("PatchBaseline/web", 1, 1, &[BOB]), 1);
    take(&mut state, &document("PatchBaseline/web", 2, 2, &[ALICE]), 2);
    take(&mut state, &document("PatchBaseline/other", 1, 2, &[ALICE]), 2);
    let signed: Vec<String> = state
        .signed_by(&key(ALICE).public().id())
        .map(|(name, version)| format!("{name}@{version}"))
        .collect();
    assert_eq!(signed, ["PatchBaseline/other@1", "PatchBaseline/web@2"]);
    assert!(adopted(&take(&mut state, &revocation("stolen", &[ALICE], &[], &[1, 2]), 3)));
    assert_eq!(version(&state, "PatchBaseline/web"), Some(1));
    assert_eq!(version(&state, "PatchBaseline/other"), None);
    let alice = key(ALICE).public().id();
    let again = refusal(&state, &document("PatchBaseline/web", 3, 3, &[ALICE]), 3);
    assert_eq!(again, Refusal::Denied(Denied::Revoked(alice)));
    // It does not help another signature over a threshold either.
    let both = refusal(&state, &document("PatchBaseline/prod-x", 1, 3, &[ALICE, BOB]), 3);
    assert!(matches!(both, Refusal::Denied(Denied::Threshold { found: 1, .. })));
    // There is no way back.
    let back = Statement::tombstone(fleet(), "Revocation/stolen".parse().unwrap(), 2, at(4));
    assert!(matches!(refusal(&state, &sealed(&back, &[1, 2]), 4), Refusal::Text(_)));
}

#[test]
fn a_revocation_that_names_a_document_brings_no_older_version_back() {
    let envelopes = [
        group("prod", "prod", 1, &[BOB, 1, 2]),
        document("PatchBaseline/prod-web", 1, 1, &[BOB, 1, 2]),
        document("PatchBaseline/prod-web", 2, 2, &[ALICE, BOB]),
        revocation_of("stolen", &[ALICE], &[], "PatchBaseline/prod-web@2", &[1, 2]),
        revocation_of("group", &[], &[], "PatchGroup/prod@1, PatchGroup/never@4", &[1, 3]),
    ];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]] {
        let mut state = node();
        order.iter().for_each(|at| drop(take(&mut state, &envelopes[*at], 3)));
        assert_eq!(
            (version(&state, "PatchBaseline/prod-web"), version(&state, "PatchGroup/prod")),
            (None, None)
        );
        let replay = refusal(&state, &envelopes[1], 3);
        assert_eq!(replay, Refusal::Voided { last: 2 });
        // Unknown, and not absent: no other baseline takes the place of what was revoked.
        let policy = patchflock_trust::effect::catalogue(&state, true, |_| None);
        let told: Vec<_> =
            policy.documents().map(|d| (d.name.as_str(), d.version, d.document.is_some())).collect();
        assert_eq!(told, [("prod-web", 2, false), ("never", 4, false), ("prod", 1, false)]);
        assert!(adopted(&take(&mut state, &document("PatchBaseline/prod-web", 3, 3, &[BOB, 1, 2]), 3)));
    }
}

#[test]
fn who_may_not_revoke_revokes_nothing() {
    let mut state = node();
    for (keys, nodes, signers) in [
        (&[ALICE][..], &[][..], &[BOB][..]),
        (&[ALICE], &[], &[1]),
        (&[ALICE], &[], &[ENROL]),
        (&[], &[50], &[ALICE]),
        // Not even oneself: see the next test.
        (&[BOB], &[], &[BOB]),
    ] {
        let reason = refusal(&state, &revocation("x", keys, nodes, signers), 1);
        assert_eq!(reason, Refusal::Denied(Denied::NoAdministrator), "{keys:?} {nodes:?} by {signers:?}");
    }
    let void = revocation_of("x", &[], &[], "PatchBaseline/web@9", &[ALICE, ENROL, 1]);
    assert_eq!(refusal(&state, &void, 1), Refusal::Denied(Denied::NoAdministrator));
    assert!(adopted(&take(&mut state, &revocation("node", &[BOB], &[50], &[ENROL]), 1)));
    assert_eq!((state.revoked().keys.len(), state.revoked().nodes.len()), (0, 1));
    // What a revoked enrolment key revoked does not count.
    assert!(adopted(&take(&mut state, &revocation("enrol", &[ENROL], &[], &[2, 3]), 1)));
    assert_eq!(state.revoked().nodes.len(), 0);
}

#[test]
fn a_document_of_another_fleet_is_refused() {
    let mut state = node();
    let other = FleetId(patchflock_trust::hash::Hash::of(b"other"));
    for fleet in [Some(other), None] {
        let foreign = Statement { fleet, ..statement("PatchBaseline/web", 1, 1) };
        assert_eq!(refusal(&state, &sealed(&foreign, &[ALICE]), 1), Refusal::WrongFleet);
    }
    // A first fleet document by the same keys is another fleet's.
    let text = first_text().replace("acme", "evil");
    let evil = Statement::new(None, "Fleet/evil".parse().unwrap(), 1, at(0), text);
    let evil = sealed(&evil, &[1, 2, 3]);
    assert_eq!(refusal(&state, &evil, 1), Refusal::WrongFleet);
    let mut fresh = State::new(fleet());
    assert!(matches!(take(&mut fresh, &evil, 1), Verdict::Need { what: Need::FleetDocument { version: 1 } }));
    assert_eq!(take(&mut state, &genesis().1, 1), Verdict::Known { change: None });
}

#[test]
fn a_fleet_document_that_skips_a_version_is_asked_to_wait() {
    let mut state = node();
    let text = fleet_text(&[4, 5, 6], 2, ADMINISTRATORS, "");
    let second = fleet_version(2, 1, text.clone(), &[1, 2, 4, 5]);
    let third = fleet_version(3, 2, text, &[4, 6]);
    let need = Verdict::Need { what: Need::FleetDocument { version: 2 } };
    // The keys of the third are not even known yet, or known and not yet in their turn.
    assert_eq!(refusal(&state, &third, 2), Refusal::Envelope(EnvelopeError::Unsigned));
    assert_eq!(take(&mut state, &fleet_version(3, 2, first_text(), &[1, 2]), 2), need);
    assert!(adopted(&take(&mut state, &second, 2)));
    assert!(adopted(&take(&mut state, &third, 2)));
    assert_eq!(state.tip().unwrap().version(), 3);
    assert_eq!(take(&mut state, &second, 3), Verdict::Known { change: None });
    let old = fleet_version(2, 9, first_text(), &[1, 2]);
    assert_eq!(take(&mut state, &old, 9), Verdict::Older { change: None });
}

#[test]
fn a_root_rotation_signed_by_the_new_keys_alone_is_refused() {
    let state = node();
    let text = fleet_text(&[4, 5, 6], 2, ADMINISTRATORS, "");
    let stranger = refusal(&state, &fleet_version(2, 1, text.clone(), &[4, 5]), 1);
    assert_eq!(stranger, Refusal::Envelope(EnvelopeError::Unsigned));
    let one_old = refusal(&state, &fleet_version(2, 1, text, &[1, 4, 5]), 1);
    assert_eq!(one_old, Refusal::Root { which: "old", found: 1, needed: 2 });
    // Administrators are not asked.
    let by_admins = refusal(&state, &fleet_version(2, 1, first_text(), &[ALICE, BOB, ENROL]), 1);
    assert_eq!(by_admins, Refusal::Root { which: "old", found: 0, needed: 2 });
}

#[test]
fn a_root_rotation_signed_by_the_old_keys_alone_is_refused() {
    let state = node();
    let text = fleet_text(&[4, 5, 6], 2, ADMINISTRATORS, "");
    let reason = refusal(&state, &fleet_version(2, 1, text.clone(), &[1, 2, 3]), 1);
    assert_eq!(reason, Refusal::Root { which: "new", found: 0, needed: 2 });
    let reason = refusal(&state, &fleet_version(2, 1, text, &[1, 2, 3, 4]), 1);
    assert_eq!(reason, Refusal::Root { which: "new", found: 1, needed: 2 });
}

#[test]
fn old_root_keys_cannot_take_a_fleet_back_after_a_rotation() {
    let mut state = node();
    let rotated = fleet_version(2, 1, fleet_text(&[4, 5, 6], 2, ADMINISTRATORS, ""), &[1, 2, 4, 5]);
    let tip = rotated.digest();
    assert!(adopted(&take(&mut state, &rotated, 1)));
    let later = fleet_version(2, 9, first_text(), &[1, 2]);
    assert_eq!(take(&mut state, &later, 9), Verdict::Conflict { winner: tip, change: None });
    let stolen = fleet_version(2, 9, fleet_text(&[7, 8], 1, ADMINISTRATORS, ""), &[1, 2, 7]);
    assert_eq!(take(&mut state, &stolen, 9), Verdict::Conflict { winner: tip, change: None });
    // Whoever saw the other first changes over to the rotation.
    let mut other = node();
    assert!(adopted(&take(&mut other, &later, 9)));
    assert!(matches!(take(&mut other, &rotated, 9), Verdict::Conflict { winner, .. } if winner == tip));
    assert_eq!(other.tip().unwrap().digest(), tip);
}

#[test]
fn a_change_that_was_overtaken_is_applied_to_nothing() {
    let rotated = fleet_version(2, 1, fleet_text(&[4, 5, 6], 2, ADMINISTRATORS, ""), &[1, 2, 4, 5]);
    let (routine, next) =
        (fleet_version(2, 2, first_text(), &[1, 2]), fleet_version(3, 3, first_text(), &[1, 2]));
    let mut state = node();
    let change = |state: &State, envelope: &Envelope| {
        consider(state, envelope, at(3), Origin::Gossip).change().unwrap().clone()
    };
    let (of_routine, of_rotated) = (change(&state, &routine), change(&state, &rotated));
    let web = change(&state, &document("PatchBaseline/web", 1, 1, &[ALICE]));
    state.apply(of_routine.clone());
    let of_next = change(&state, &next);
    state.apply(of_rotated);
    for late in [of_next, of_routine] {
        state.apply(late);
        assert_eq!(state.tip().unwrap().digest(), rotated.digest());
    }
    take(&mut state, &revocation("alice", &[ALICE], &[], &[4, 5]), 3);
    state.apply(web);
    assert_eq!(version(&state, "PatchBaseline/web"), None);
}

#[test]
fn an_administrator_who_left_publishes_no_more_and_what_was_published_stays() {
    let mut state = node();
    take(&mut state, &document("PatchBaseline/web", 1, 1, &[ALICE]), 1);
    let left = format!("until: \"{}\"", at(5).to_rfc3339());
    let administrators = [("alice", ALICE, left.as_str()), ("bob", BOB, "")];
    let text = fleet_text(&ROOTS, 2, &administrators, "");
    assert!(adopted(&take(&mut state, &fleet_version(2, 6, text, &[1, 2]), 6)));
    assert_eq!(version(&state, "PatchBaseline/web"), Some(1));
    let late = refusal(&state, &document("PatchBaseline/web", 2, 6, &[ALICE]), 6);
    assert!(matches!(late, Refusal::Denied(Denied::Scope { .. })));
}

#[test]
fn an_expired_fleet_document_lets_nothing_in_but_the_next() {
    let mut state = node();
    let text =
        first_text().replace("name: acme\n", &format!("name: acme\nexpires: \"{}\"\n", at(10).to_rfc3339()));
    assert!(adopted(&take(&mut state, &fleet_version(2, 1, text, &[1, 2]), 1)));
    let web = document("PatchBaseline/web", 1, 1, &[ALICE]);
    assert_eq!(refusal(&state, &web, 11), Refusal::FleetExpired(at(10)));
    assert!(adopted(&take(&mut state, &revocation("bob", &[BOB], &[], &[1, 2]), 11)));
    assert!(adopted(&take(&mut state, &fleet_version(3, 11, first_text(), &[1, 2]), 11)));
    assert!(adopted(&take(&mut state, &web, 11)));
}
