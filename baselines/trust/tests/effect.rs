//! From adopted documents to policy.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

#[path = "sample/fleet.rs"]
mod sample;

use std::collections::BTreeMap;

use patchflock_baselines::document::Kind;
use patchflock_trust::effect::{catalogue, statement};
use patchflock_trust::statement::Statement;
use sample::*;

#[test]
fn what_is_adopted_is_policy_and_what_cannot_be_read_is_unknown() {
    let mut state = node();
    let mut payloads = BTreeMap::new();
    let mut publish = |envelope: patchflock_trust::envelope::Envelope| {
        payloads.insert(envelope.digest(), envelope.unverified_payload().to_vec());
        take(&mut state, &envelope, 1)
    };
    publish(group("dev", "dev", 1, &[DEVA]));
    publish(document("PatchBaseline/broken", 1, 1, &[ALICE]));
    publish(document("NotYetKnown/x", 1, 1, &[ALICE]));
    let gone = Statement::tombstone(fleet(), "PatchBaseline/gone".parse().unwrap(), 1, at(1));
    publish(sealed(&gone, &[ALICE]));
    let brief = Statement { expires: Some(at(9)), ..statement_of_group("brief") };
    publish(sealed(&brief, &[ALICE]));
    let policy = catalogue(&state, true, |digest| payloads.get(digest).cloned());
    let told: Vec<String> = policy
        .documents()
        .map(|one| format!("{} {} {} {:?}", one.kind, one.name, one.document.is_some(), one.expires))
        .collect();
    assert_eq!(
        told,
        [
            "PatchBaseline broken false None".to_owned(),
            format!("PatchGroup brief true Some({:?})", at(9)),
            "PatchGroup dev true None".to_owned(),
        ]
    );
    assert!(policy.is_complete() && policy.get(Kind::PatchGroup, "dev").unwrap().in_force(at(1)));
    // A store that was tampered with yields nothing.
    let tampered = catalogue(&state, true, |_| Some(b"{}".to_vec()));
    assert!(tampered.documents().all(|one| one.document.is_none()));
    let (digest, payload) = payloads.iter().next().unwrap();
    assert!(statement(digest, payload.clone()).is_ok());
    assert!(statement(digest, [payload.as_slice(), b" "].concat()).is_err());
}

fn statement_of_group(name: &str) -> Statement {
    let text = format!("kind: PatchGroup\nname: {name}\nexpires: 2030-01-01\nspec: {{baselines: [web]}}\n");
    Statement { text: Some(text), ..sample::statement(&format!("PatchGroup/{name}"), 1, 1) }
}
