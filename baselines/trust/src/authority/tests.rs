//! Rules of one fleet document.

use super::*;
use crate::key::SecretKey;

fn public(n: u8) -> String {
    SecretKey::from_entropy(&[n; 32]).public().to_string()
}

fn text(keys: &[String], threshold: u32) -> String {
    let keys = keys.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(", ");
    let one = public(9);
    format!(
        "kind: Fleet\nname: acme\nspec:\n  root: {{keys: [{keys}], threshold: {threshold}}}\n  enrolment: {{keys: \
         [\"{one}\"], threshold: 1}}\n  administrators: [{{name: alice, key: \"{one}\"}}]\n"
    )
}

#[test]
fn a_fleet_document_with_good_keys_is_a_set_of_rules() {
    let rules = Authority::from_text(&text(&[public(1), public(2)], 2)).unwrap();
    let ids: BTreeSet<KeyId> = rules.root().ids().copied().collect();
    assert!(rules.root().reached(&ids));
    assert!(!rules.root().reached(&ids.iter().take(1).copied().collect()));
    // One key may have two roles: a fleet with one administrator.
    let both = SecretKey::from_entropy(&[9; 32]).public().id();
    assert!(rules.administrator(&both).is_some() && rules.enrolment().key(&both).is_some());
    let json = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<Authority>(&json).unwrap(), rules);
}

#[test]
fn keys_that_are_none_and_keys_that_stand_twice_are_refused() {
    for (keys, why) in [
        (vec![neutral()], "small order"),
        (vec![format!("MCowBQYDK2VwAyEA{}=", "/".repeat(43))], "public key"),
        (vec![public(1), public(1)], "stands twice"),
        (vec!["key".into()], "cannot be"),
    ] {
        let error = Authority::from_text(&text(&keys, 1)).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    let error = Authority::from_text(&text(&[public(1)], 2)).unwrap_err();
    assert!(error.contains("2 signatures are asked of 1 keys"), "{error}");
}

/// The neutral element, as a key.
fn neutral() -> String {
    let mut spki =
        [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &[0; 32]].concat();
    spki[12] = 1;
    data_encoding::BASE64.encode(&spki)
}
