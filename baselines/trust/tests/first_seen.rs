//! The ledger of first sights, and who would like to age a patch.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

#[path = "sample/fleet.rs"]
mod sample;

use std::collections::BTreeSet;

use patchflock_trust::certificate::{Certificate, admit};
use patchflock_trust::claim::{self, Place};
use patchflock_trust::hash::Hash;
use patchflock_trust::node::NodeId;
use patchflock_trust::sighting::{Ledger, MAX_BATCH, Seen, Sighting, Sightings};
use patchflock_trust::statement::{Body, FORMAT};
use proptest::prelude::*;
use sample::*;

fn id(n: u8) -> NodeId {
    NodeId::of(&key(n).public())
}

fn seen(version: &str) -> Seen {
    Seen {
        origin: "Debian:Debian-Security:bookworm".into(),
        package: "openssl".into(),
        version: version.into(),
        arch: "amd64".into(),
        hash: Hash::of(version.as_bytes()),
    }
}

fn ledger(sightings: &[(u8, i64)]) -> Ledger {
    let mut ledger = Ledger::default();
    sightings.iter().for_each(|(n, hours)| {
        ledger.add(id(*n), seen("1"), at(*hours));
    });
    ledger
}

fn date(ledger: &Ledger, own: u8, revoked: &[u8]) -> Option<i64> {
    let revoked: BTreeSet<NodeId> = revoked.iter().map(|n| id(*n)).collect();
    ledger.first_seen(&seen("1"), id(own), &revoked).map(|time| (time - at(0)).num_hours())
}

#[test]
fn poisoned_dates_do_not_age_a_patch() {
    // Two hostile witnesses claim that it is years old.
    let poisoned = [(60, -20_000), (61, -20_000)];
    assert_eq!(date(&ledger(&poisoned), 50, &[]), None);
    let with_honest = ledger(&[(60, -20_000), (61, -20_000), (51, 10), (52, 12)]);
    assert_eq!(date(&with_honest, 50, &[]), Some(10));
    // The same key twice is one witness.
    assert_eq!(date(&ledger(&[(60, -20_000), (60, -19_000), (60, -18_000)]), 50, &[]), None);
    // Once they are revoked, they do not count at all.
    assert_eq!(date(&with_honest, 50, &[60, 61]), None);
    assert_eq!(date(&ledger(&[(60, 0), (51, 10), (52, 12), (53, 14)]), 50, &[60]), Some(14));
}

#[test]
fn a_nodes_own_sighting_suffices_for_itself_and_others_may_have_seen_it_before() {
    assert_eq!(date(&ledger(&[(50, 7)]), 50, &[]), Some(7));
    assert_eq!(date(&ledger(&[(50, 7)]), 51, &[]), None);
    assert_eq!(date(&ledger(&[(50, 9), (51, 1), (52, 2), (53, 3)]), 50, &[]), Some(3));
    assert_eq!(date(&ledger(&[(50, 2), (51, 1), (52, 8), (53, 9)]), 50, &[]), Some(2));
}

#[test]
fn who_knows_three_earlier_witnesses_keeps_silent() {
    let ledger = ledger(&[(51, 1), (52, 2), (53, 3)]);
    assert!(!ledger.is_worth_telling(&seen("1"), at(3)));
    assert!(ledger.is_worth_telling(&seen("1"), at(2)));
    assert!(ledger.is_worth_telling(&seen("2"), at(9)));
}

#[test]
fn one_witness_cannot_fill_the_ledger() {
    let mut ledger = Ledger::default();
    for n in 0..20_100 {
        ledger.add(id(60), seen(&n.to_string()), at(0));
    }
    assert_eq!(ledger.len(), 20_000);
    assert!(ledger.add(id(51), seen("new"), at(0)));
    // What others brought may still be witnessed.
    assert!(ledger.add(id(60), seen("new"), at(1)));
}

#[test]
fn a_batch_is_signed_by_its_node_and_sees_nothing_of_tomorrow() {
    let state = node();
    let certificate = Certificate::new(fleet(), "host".into(), key(50).public(), at(0), at(99));
    let member = admit(&state, &certificate.sign(&[&key(ENROL)]).unwrap(), at(1)).unwrap();
    let sighting = |version, hours| Sighting { seen: seen(version), time: at(hours) };
    let batch = Sightings {
        format: FORMAT,
        fleet: fleet(),
        node: id(50),
        place: Place { epoch: 1, seq: 1 },
        issued: at(2),
        sightings: vec![sighting("1", 1), sighting("2", 5)],
    };
    let genuine =
        claim::open::<Sightings>(&state, &member, &batch.sign(&[&key(50)]).unwrap(), at(2)).unwrap();
    let mut ledger = Ledger::default();
    assert!(ledger.take(&genuine) && !ledger.take(&genuine));
    assert_eq!((ledger.len(), date(&ledger, 50, &[])), (1, Some(1)));
    assert!(claim::open::<Sightings>(&state, &member, &batch.sign(&[&key(51)]).unwrap(), at(2)).is_err());
    let long = Sightings { sightings: vec![sighting("1", 1); MAX_BATCH + 1], ..batch };
    assert!(long.sign(&[&key(50)]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn ledgers_end_alike_whatever_the_order(
        sightings in prop::collection::vec((50..64_u8, 0..40_i64), 0..40).prop_shuffle(),
        cut in 0..40_usize,
    ) {
        let (one, two) = sightings.split_at(cut.min(sightings.len()));
        let other: Vec<_> = two.iter().chain(one).chain(two).copied().collect();
        let (first, second) = (ledger(&sightings), ledger(&other));
        for own in 50..64 {
            prop_assert_eq!(date(&first, own, &[]), date(&second, own, &[]));
        }
    }
}
