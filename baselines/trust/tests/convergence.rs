//! Any set of envelopes, in any order, with duplicates and losses: nodes that tell each other what they have end alike.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test whose own input is wrong has failed"
)]

#[path = "sample/fleet.rs"]
mod sample;

use std::collections::BTreeMap;

use patchflock_trust::catch_up::{Have, envelope, lacking};
use patchflock_trust::envelope::Envelope;
use patchflock_trust::hash::Hash;
use patchflock_trust::set_digest::{SetDigest, set_of};
use patchflock_trust::state::State;
use patchflock_trust::statement::{Body, Statement};
use proptest::prelude::*;
use sample::*;

/// A node and its disk.
struct Node {
    state: State,
    payloads: BTreeMap<Hash, Vec<u8>>,
}

impl Node {
    fn new() -> Self {
        let first = genesis().1;
        let payloads = [(first.digest(), first.unverified_payload().to_vec())].into();
        Self { state: node(), payloads }
    }

    fn take(&mut self, envelope: &Envelope) -> bool {
        let before = self.state.clone();
        let verdict = take(&mut self.state, envelope, 30);
        if let Some(change) = verdict.change() {
            self.payloads.insert(change.digest(), envelope.unverified_payload().to_vec());
        }
        self.state != before
    }

    /// What another lacks of what it knows, as it would answer it.
    fn answer(&self, other: &Node) -> Vec<Envelope> {
        let lacking = lacking(&self.state, &Have::of(&other.state));
        let whole =
            |digest| envelope(&self.state, digest, self.payloads.get(digest).unwrap().clone()).unwrap();
        lacking.iter().map(whole).collect()
    }
}

/// All that is ever published: good and bad, by whoever is trusted, removed, added or revoked on the way.
fn everything() -> Vec<Envelope> {
    let mut all = Vec::new();
    // Two routine updates race for number 2; number 3 changes a root key and an administrator.
    let carol =
        [("alice", ALICE, ""), ("bob", BOB, ""), ("carol", 24, ""), ("deva", DEVA, "patch_groups: [dev]")];
    all.push(fleet_version(2, 1, first_text(), &[1, 2]));
    all.push(fleet_version(
        2,
        2,
        fleet_text(&ROOTS, 2, ADMINISTRATORS, "  untagged_nodes: default_baseline\n"),
        &[2, 3],
    ));
    all.push(fleet_version(3, 3, fleet_text(&[2, 3, 4], 2, &carol, ""), &[2, 3]));
    for version in 1..=3 {
        for signer in [ALICE, BOB, 24, WINA] {
            all.push(document("PatchBaseline/web", version, i64::from(signer), &[signer]));
        }
        all.push(document("PatchBaseline/prod-db", version, 4, &[ALICE, BOB]));
        all.push(document("PatchBaseline/prod-db", version, 5, &[BOB, 24]));
        all.push(document("PatchBaseline/dev-db", version, 4, &[DEVA]));
        all.push(document("MaintenanceWindow/night", version, 4, &[WINA]));
    }
    // Copies of one text with other signatures, some of them too few.
    all.push(document("PatchBaseline/prod-db", 3, 4, &[ALICE]));
    all.push(document("PatchBaseline/prod-db", 3, 4, &[BOB, ALICE, 24]));
    all.push(document("PatchBaseline/web", 3, i64::from(BOB), &[24]));
    let gone = Statement::tombstone(fleet(), "PatchBaseline/dev-db".parse().unwrap(), 3, at(6));
    all.push(sealed(&gone, &[DEVA]));
    all.push(group("dev", "dev", 1, &[DEVA]));
    all.push(group("free", "free", 1, &[ALICE]));
    all.push(revocation("alice", &[ALICE], &[], &[1, 3]));
    all.push(revocation_of("bob", &[BOB], &[], "PatchBaseline/web@2, PatchGroup/dev@1", &[2, 3]));
    all.push(revocation("nodes", &[], &[50, 51], &[ENROL]));
    all.push(revocation("enrol", &[ENROL], &[], &[1, 2]));
    for signer in [ALICE, BOB, 24] {
        all.push(SetDigest::of(&node(), at(i64::from(signer))).sign(&[&key(signer)]).unwrap());
    }
    all
}

/// Each catches up with each, until nobody lacks anything.
fn heal(nodes: &mut [Node]) {
    for round in 0.. {
        assert!(round < 20, "no end in sight");
        let mut sent = 0;
        for from in 0..nodes.len() {
            for to in 0..nodes.len() {
                let answer = nodes[from].answer(&nodes[to]);
                sent += answer.len();
                for envelope in &answer {
                    nodes[to].take(envelope);
                }
            }
        }
        if sent == 0 {
            return;
        }
    }
}

/// What must be alike; the way to the newest fleet document may differ.
fn view(state: &State) -> (Hash, Vec<String>, Option<Hash>, Vec<Hash>) {
    let heads = state.heads().map(|(name, head)| format!("{name} {head:?}")).collect();
    let conflicts = state.conflicts().map(|(_, loser)| loser.digest()).collect();
    (set_of(state), heads, state.set_digest().map(|mark| mark.digest()), conflicts)
}

/// For each of three nodes the envelopes that reach it, in their order; some twice, some never.
fn deliveries(count: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0..count, 0..count), 3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nodes_that_heard_different_things_in_different_orders_end_alike(order in deliveries(everything().len())) {
        let all = everything();
        let mut nodes: Vec<Node> = order.iter().map(|_| Node::new()).collect();
        for (node, order) in nodes.iter_mut().zip(&order) {
            order.iter().for_each(|at| { node.take(&all[*at]); });
        }
        heal(&mut nodes);
        let first = view(&nodes[0].state);
        for node in &nodes {
            prop_assert_eq!(&view(&node.state), &first);
        }
    }

    #[test]
    fn one_node_that_hears_everything_again_ends_alike_whatever_the_order(
        order in Just((0..everything().len()).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let all = everything();
        let settle = |order: &[usize]| {
            let mut node = Node::new();
            // What was refused on its first way may be right on its second.
            while order.iter().filter(|at| node.take(&all[**at])).count() > 0 {}
            view(&node.state)
        };
        let sorted: Vec<usize> = (0..all.len()).collect();
        prop_assert_eq!(settle(&order), settle(&sorted));
    }
}

#[test]
fn a_node_that_was_away_for_a_thousand_versions_catches_up_in_one_exchange() {
    let (mut there, mut away) = (Node::new(), Node::new());
    for version in 1..=1_000 {
        there.take(&document("PatchBaseline/web", version, 1, &[BOB]));
    }
    there.take(&fleet_version(2, 1, first_text(), &[1, 2]));
    there.take(&fleet_version(3, 1, fleet_text(&[4, 5, 6], 2, ADMINISTRATORS, ""), &[1, 2, 4, 5]));
    there.take(&document("PatchBaseline/prod-web", 1, 1, &[ALICE, BOB]));
    let answer = there.answer(&away);
    assert_eq!(answer.len(), 4, "two fleet documents, two documents, and none of the old ones");
    answer.iter().for_each(|envelope| assert!(away.take(envelope)));
    assert_eq!(view(&there.state), view(&away.state));
    assert!(there.answer(&away).is_empty() && away.answer(&there).is_empty());
    assert!(Have::of(&there.state).check().is_ok());
}

#[test]
fn what_the_properties_publish_is_not_refused_altogether() {
    let mut node = Node::new();
    let all = everything();
    while all.iter().filter(|envelope| node.take(envelope)).count() > 0 {}
    let heads: Vec<String> =
        node.state.heads().map(|(name, head)| format!("{name} {}", head.version())).collect();
    assert_eq!(
        heads,
        ["PatchBaseline/dev-db 3", "PatchBaseline/web 3"],
        "alice, bob and wina are out, the rest stays"
    );
    assert_eq!(node.state.tip().unwrap().version(), 3);
    let conflicts: Vec<String> = node.state.conflicts().map(|(name, _)| name.to_string()).collect();
    assert_eq!(conflicts, ["PatchBaseline/dev-db", "PatchBaseline/web"]);
    assert!(node.state.set_digest().is_some());
}
