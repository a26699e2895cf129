//! `Fleet` and `Revocation` documents: what is read, and what is wrong with them at its place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::document::{Problem, parse_fleet, parse_revocation};
use patchflock_baselines::selection::UntaggedNodes;

/// A text in the form of a key. Whether it is one, cryptography says elsewhere.
fn key(n: char) -> String {
    format!("MCowBQYDK2VwAyEA{}=", n.to_string().repeat(43))
}

fn fleet() -> String {
    let [a, b, c] = ['a', 'b', 'c'].map(key);
    format!(
        "kind: Fleet
name: acme
expires: 2027-01-31
spec:
  root:
    keys: ['{a}', '{b}']
    threshold: 2
  enrolment: {{keys: ['{c}'], threshold: 1}}
  administrators:
  - {{name: alice, key: '{a}'}}
  - {{name: dev, key: '{b}', kinds: [PatchBaseline], patch_groups: [dev], until: 2026-12-01}}
  signatures: {{PatchBaseline: 2}}
  patch_groups:
  - {{patch_group: dev, documents: [dev, 'dev-*'], signatures: 2}}
  untagged_nodes: default_baseline
"
    )
}

fn told<T: std::fmt::Debug>(parsed: Result<T, Vec<Problem>>) -> String {
    let problems = parsed.unwrap_err();
    problems
        .iter()
        .map(Problem::to_string)
        .collect::<Vec<_>>()
        .join("\n")
        .replace(&"a".repeat(43), "A")
        .replace(&"b".repeat(43), "B")
}

#[test]
fn a_fleet_document_is_read() {
    let read = parse_fleet("f.yaml", fleet().as_bytes()).unwrap();
    assert_eq!((read.name.as_str(), read.root.threshold, read.enrolment.keys.len()), ("acme", 2, 1));
    assert_eq!(read.expires.unwrap().to_rfc3339(), "2027-02-01T00:00:00+00:00");
    assert_eq!(read.administrators[1].until.unwrap().to_rfc3339(), "2026-12-02T00:00:00+00:00");
    assert_eq!(read.untagged_nodes, UntaggedNodes::DefaultBaseline);
    let group = &read.patch_groups[0];
    assert!(group.owns("dev") && group.owns("dev-") && group.owns("dev-web"));
    assert!(!group.owns("devel") && !group.owns("prod-dev") && !group.owns(""));
}

#[test]
fn a_fleet_that_would_lock_everybody_out_is_refused() {
    let bad = fleet()
        .replace("threshold: 2", "threshold: 3")
        .replace("{PatchBaseline: 2}", "{PatchBaseline: 3, MaintenanceWindow: 0}")
        .replace("signatures: 2}", "signatures: 9}")
        .replace("patch_groups: [dev]", "patch_groups: [prod]")
        .replace("name: dev,", "name: alice,");
    insta::assert_snapshot!(told(parse_fleet("f.yaml", bad.as_bytes())), @r"
    f.yaml:7:16: error: 3 signatures are asked of 2 keys
      hint: ask for 2 or less, or add keys
    f.yaml:11:12: error: the name `alice` stands twice
      hint: remove one of them
    f.yaml:11:127: error: the patch group `prod` is not among `patch_groups`
      hint: list it there, with the names of its documents
    f.yaml:12:31: error: 3 signatures are asked of 2 administrators
      hint: a number from 1 to 2
    f.yaml:12:53: error: 0 signatures are asked of 2 administrators
      hint: a number from 1 to 2
    f.yaml:14:63: error: 9 signatures are asked of 2 administrators
      hint: a number from 1 to 2
    ");
}

#[test]
fn one_key_under_two_names_is_refused() {
    let bad = fleet().replace(&key('b'), &key('a'));
    insta::assert_snapshot!(told(parse_fleet("f.yaml", bad.as_bytes())), @r"
    f.yaml:6:76: error: the key `MCowBQYDK2VwAyEAA=` stands twice
      hint: remove one of them
    f.yaml:11:22: error: the key `MCowBQYDK2VwAyEAA=` stands twice
      hint: remove one of them
    ");
}

#[test]
fn what_the_schema_does_not_know_is_refused_with_its_place() {
    let bad = fleet()
        .replace("threshold: 2", "treshold: 2")
        .replace("kind: Fleet", "kind: Fleets")
        .replace("'dev-*'", "'*-dev'");
    insta::assert_snapshot!(told(parse_fleet("f.yaml", bad.as_bytes())), @r"
    f.yaml:1:7: error: `kind` cannot be `Fleets`
      hint: did you mean `Fleet`?
    f.yaml:6:5: error: `threshold` is missing in `root`
      hint: add `threshold:`
    f.yaml:7:5: error: unknown field `treshold` in `root`
      hint: did you mean `threshold`?
    f.yaml:14:41: error: `patch_groups[0].documents[1]` cannot be `*-dev`
      hint: expected: names of documents; a last `*` stands for any ending
    ");
    insta::assert_snapshot!(told(parse_fleet("f.yaml", format!("{}---\n{}", fleet(), fleet()).as_bytes())), @"f.yaml:1:1: error: the file must hold exactly one document");
    assert!(parse_fleet("f.yaml", b"").is_err());
}

#[test]
fn a_revocation_names_keys_or_nodes() {
    let text = "kind: Revocation\nname: lost\nspec:\n  keys: ['ed25519:00112233445566778899aabbccddeeff']\n  nodes: []\n  reason: stolen\n";
    let read = parse_revocation("r.yaml", text.as_bytes()).unwrap();
    assert_eq!((read.keys.len(), read.nodes.len(), read.reason.as_deref()), (1, 0, Some("stolen")));
    let none = "kind: Revocation\nname: lost\nspec: {}\n";
    insta::assert_snapshot!(told(parse_revocation("r.yaml", none.as_bytes())), @r"
    r.yaml:3:7: error: the revocation names nothing
      hint: list `keys`, `nodes` or `documents`
    ");
    let wrong = "kind: Revocation\nname: lost\nexpires: 2030-01-01\nspec: {keys: [alice], nodes: ['n-1'], documents: ['PatchBaseline/web']}\n";
    insta::assert_snapshot!(told(parse_revocation("r.yaml", wrong.as_bytes())), @r"
    r.yaml:3:1: error: unknown field `expires`
      hint: known fields: `kind`, `name`, `spec`
    r.yaml:4:15: error: `keys[0]` cannot be `alice`
      hint: expected: ids of keys: `ed25519:` and 32 digits 0-9a-f
    r.yaml:4:31: error: `nodes[0]` cannot be `n-1`
      hint: expected: ids of nodes: `n-` and 32 digits 0-9a-f
    r.yaml:4:51: error: `documents[0]` cannot be `PatchBaseline/web`
      hint: expected: documents with a version, such as `PatchBaseline/web@3`
    ");
}
