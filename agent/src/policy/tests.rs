//! What of documents and configuration makes a survey outdated, and what people are told.

use super::*;

fn noon() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn config(group: &str) -> Config {
    let tags = [("Patch Group".to_owned(), group.to_owned())].into();
    Config { tags, ..Config::default() }
}

fn entry(kind: Kind, name: &str, version: u64, text: &str) -> DocumentEntry {
    DocumentEntry {
        kind: kind.as_str().into(),
        name: name.into(),
        version,
        sha256: catalogue::sha256(text.as_bytes()),
        adopted_at: noon(),
        by: "root".into(),
        expires: None,
        deleted: false,
    }
}

#[test]
fn the_fingerprint_changes_with_whatever_decides_and_with_nothing_else() {
    let baseline = entry(Kind::PatchBaseline, "a", 1, "x");
    let of = |config: &Config, entries: &[DocumentEntry], now| {
        fingerprint(config, &entries.iter().collect::<Vec<_>>(), now)
    };
    let first = of(&config("prod"), std::slice::from_ref(&baseline), noon());
    let window = entry(Kind::MaintenanceWindow, "w", 7, "y");
    assert_eq!(of(&config("prod"), &[baseline.clone(), window], noon()), first, "a window decides when");
    let other = Config { scan_interval_hours: 3, ..config("prod") };
    assert_eq!(of(&other, std::slice::from_ref(&baseline), noon()), first);

    let expiring = DocumentEntry { expires: Some(noon()), ..baseline.clone() };
    let before = noon() - chrono::TimeDelta::seconds(1);
    assert_eq!(of(&config("prod"), std::slice::from_ref(&expiring), before), first);
    let others = [
        of(&config("test"), std::slice::from_ref(&baseline), noon()),
        of(&Config::default(), std::slice::from_ref(&baseline), noon()),
        of(&config("prod"), &[], noon()),
        of(&config("prod"), &[DocumentEntry { version: 2, ..baseline.clone() }], noon()),
        of(&config("prod"), &[DocumentEntry { deleted: true, ..baseline.clone() }], noon()),
        of(&config("prod"), &[expiring], noon()),
        of(&config("prod"), &[baseline.clone(), entry(Kind::PatchGroup, "g", 1, "z")], noon()),
    ];
    for (n, other) in others.iter().enumerate() {
        assert_ne!(*other, first, "{n}");
    }
}

#[test]
fn a_group_that_nothing_registers_is_told_and_one_that_something_may_register_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    let text = "kind: PatchGroup\nname: prod\nspec: {patch_group: prod eu, baselines: [a]}\n";
    let prod = entry(Kind::PatchGroup, "prod", 1, text);
    let place = root.path(catalogue::path(&prod.kind, &prod.name, 1));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, text).unwrap();

    assert_eq!(unregistered(&root, &config("prod eu"), &[&prod]), None);
    assert_eq!(
        unregistered(&root, &config("pr od"), &[&prod]).as_deref(),
        Some("no PatchGroup registers \"pr od\": the default baseline is in effect")
    );
    assert_eq!(unregistered(&root, &Config::default(), &[&prod]), None, "a node without a group");
    let deleted = DocumentEntry { deleted: true, ..prod.clone() };
    assert!(unregistered(&root, &config("prod eu"), &[&deleted]).is_some());
    let lost = entry(Kind::PatchGroup, "lost", 1, "gone");
    assert_eq!(unregistered(&root, &config("pr od"), &[&prod, &lost]), None, "it may be that one's");
}

#[test]
fn what_was_read_holds_until_the_next_document_expires() {
    let later = |days: i64| Some(noon() + chrono::TimeDelta::days(days));
    let expiring =
        |name: &str, expires| DocumentEntry { expires, ..entry(Kind::PatchBaseline, name, 1, "x") };
    let gone = DocumentEntry { deleted: true, ..expiring("gone", later(1)) };
    let all = [expiring("a", later(3)), expiring("b", later(2)), expiring("over", later(0)), gone];
    let all: Vec<_> = all.iter().collect();
    assert_eq!((until(&all, noon()), until(&[], noon())), (later(2), None));
    assert_ne!(
        fingerprint(&Config::default(), &all, noon()),
        fingerprint(&Config::default(), &all, noon() + chrono::TimeDelta::days(2)),
        "and then it is another policy"
    );
}
