//! From documents to the baseline: every way in which a document can have no effect, and that none opens the fallback.

use proptest::prelude::*;

use super::super::Adopted;
use super::*;
use crate::document::{Document, Kind, parse};

const OS: OperatingSystem = OperatingSystem::Debian;

fn now() -> DateTime<Utc> {
    "2027-01-31T00:00:00Z".parse().unwrap()
}

fn adopted(version: u64, source: &str) -> Adopted {
    let parsed = parse("t.yaml", source.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let (document, expires) = parsed.dated().next().unwrap();
    let name = document.name().to_owned();
    Adopted { kind: document.kind(), name, version, expires, document: Some(document.clone()) }
}

fn baseline(name: &str, os: &str) -> Adopted {
    let spec = format!("{{operating_system: {os}, approval_rules: [{{approve_after_days: 3}}]}}");
    adopted(1, &format!("kind: PatchBaseline\nname: {name}\nspec: {spec}"))
}

fn group(name: &str, baselines: &str) -> Adopted {
    adopted(1, &format!("kind: PatchGroup\nname: {name}\nspec: {{baselines: [{baselines}]}}"))
}

fn defaults(baselines: &str) -> Adopted {
    adopted(1, &format!("kind: DefaultBaselines\nname: defaults\nspec: {{baselines: [{baselines}]}}"))
}

fn expired(document: Adopted) -> Adopted {
    Adopted { expires: Some(now()), ..document }
}

fn unreadable(document: Adopted) -> Adopted {
    Adopted { document: None, ..document }
}

fn node(patch_group: Option<&str>) -> NodeFacts<'_> {
    NodeFacts { patch_group, operating_system: OS, is_fleet: true, untagged: UntaggedNodes::DefaultBaseline }
}

/// The name of the baseline in effect, or the reason in brackets.
fn chosen_by(documents: Vec<Adopted>, node: &NodeFacts<'_>) -> String {
    match choose(&Catalogue::new(documents, true), node, now()) {
        Choice::Selected { baseline, .. } => baseline.name.clone(),
        Choice::SkipUntagged { why } => format!("skip ({why})"),
        Choice::Unknown { why } => format!("unknown ({why})"),
    }
}

fn chosen(documents: Vec<Adopted>) -> String {
    chosen_by(documents, &node(Some("web")))
}

#[test]
fn a_group_gets_its_baseline_for_its_own_system_with_its_version() {
    let documents = vec![
        Adopted { version: 7, ..baseline("d", "DEBIAN") },
        baseline("r", "ROCKY_LINUX"),
        group("web", "r, d"),
    ];
    let catalogue = Catalogue::new(documents, false);
    let choice = choose(&catalogue, &node(Some("web")), now());
    let Choice::Selected { baseline, version, why } = choice else { panic!("{choice:?}") };
    assert_eq!((baseline.name.as_str(), version), ("d", Some(7)));
    assert_eq!(why, "registered for patch group web on DEBIAN");
}

#[test]
fn the_order_is_registration_then_default_then_predefined() {
    let all = || vec![baseline("d", "DEBIAN"), baseline("std", "DEBIAN"), group("web", "d"), defaults("std")];
    assert_eq!(chosen(all()), "d");
    assert_eq!(chosen_by(all(), &node(Some("db"))), "std");
    assert_eq!(chosen_by(all(), &node(None)), "std");
    assert_eq!(chosen(vec![]), "predefined-debian");
    assert_eq!(chosen(vec![group("web", "predefined-debian")]), "predefined-debian");
    let rocky = vec![baseline("r", "ROCKY_LINUX"), defaults("r"), group("web", "r")];
    assert_eq!(chosen(rocky), "predefined-debian", "nothing is registered or set for DEBIAN");
    let skip = NodeFacts { untagged: UntaggedNodes::Skip, ..node(None) };
    assert!(chosen_by(all(), &skip).starts_with("skip (this node has no `Patch Group` tag"));
}

#[test]
fn what_has_no_effect_is_told_and_never_replaced() {
    let std = || vec![baseline("std", "DEBIAN"), defaults("std")];
    let with = |documents: Vec<Adopted>| chosen([std(), documents].concat());
    insta::assert_snapshot!(with(vec![expired(baseline("d", "DEBIAN")), group("web", "d")]), @"unknown (patch group web: baseline d expired on 2027-01-31 00:00 UTC: nothing is installed until a newer version is applied)");
    insta::assert_snapshot!(with(vec![group("web", "d")]), @"unknown (patch group web: baseline d is not here: nothing is installed until it is applied, or no longer named)");
    insta::assert_snapshot!(with(vec![unreadable(baseline("d", "DEBIAN")), group("web", "d")]), @"unknown (patch group web: baseline d is adopted and cannot be read by this version: nothing is installed until it is applied anew)");
    insta::assert_snapshot!(with(vec![baseline("d", "DEBIAN"), expired(group("web", "d"))]), @"unknown (the document of patch group web expired on 2027-01-31 00:00 UTC: nothing is installed until a newer version is applied)");
    insta::assert_snapshot!(with(vec![baseline("d", "DEBIAN"), unreadable(group("shop", "d"))]), @"unknown (document PatchGroup shop is adopted and cannot be read by this version: no default applies until it is applied anew)");
    insta::assert_snapshot!(
        with(vec![baseline("d", "DEBIAN"), baseline("e", "DEBIAN"), group("web", "d, e")]), @"unknown (patch group web: several baselines are for DEBIAN (d, e): keep one)");
    insta::assert_snapshot!(chosen(vec![expired(baseline("std", "DEBIAN")), defaults("std")]), @"unknown (the defaults: baseline std expired on 2027-01-31 00:00 UTC: nothing is installed until a newer version is applied)");
    insta::assert_snapshot!(chosen(vec![defaults("std")]), @"unknown (the defaults: baseline std is not here: nothing is installed until it is applied, or no longer named)");
    insta::assert_snapshot!(chosen(vec![baseline("std", "DEBIAN"), expired(defaults("std"))]), @"unknown (document DefaultBaselines defaults expired on 2027-01-31 00:00 UTC: nothing is installed until a newer version is applied)");
    insta::assert_snapshot!(chosen(vec![unreadable(defaults("std"))]), @"unknown (document DefaultBaselines defaults is adopted and cannot be read by this version: no default applies until it is applied anew)");
    insta::assert_snapshot!(chosen(vec![expired(baseline("predefined-debian", "DEBIAN"))]), @"unknown (baseline predefined-debian expired on 2027-01-31 00:00 UTC: nothing is installed until a newer version is applied)");
    insta::assert_snapshot!(chosen(vec![baseline("predefined-debian", "UBUNTU")]), @"unknown (baseline predefined-debian was replaced by one for UBUNTU: set a default for DEBIAN)");
}

#[test]
fn a_missing_baseline_stops_its_whole_group_and_an_expired_one_its_own_system() {
    let debian = || baseline("d", "DEBIAN");
    assert!(chosen(vec![debian(), group("web", "d, gone")]).starts_with("unknown"));
    assert_eq!(chosen(vec![debian(), expired(baseline("r", "ROCKY_LINUX")), group("web", "d, r")]), "d");
    let both = vec![debian(), expired(baseline("e", "DEBIAN")), group("web", "d, e")];
    assert!(chosen(both).starts_with("unknown"), "which of the two was meant is not known");
    assert_eq!(chosen(vec![debian(), group("web", "d"), group("db", "gone")]), "d", "another group's matter");
}

#[test]
fn a_missing_default_stops_only_who_would_use_it() {
    let documents = || vec![baseline("d", "DEBIAN"), defaults("d, gone")];
    assert_eq!(chosen(documents()), "d");
    let ubuntu = NodeFacts { operating_system: OperatingSystem::Ubuntu, ..node(Some("web")) };
    assert!(chosen_by(documents(), &ubuntu).starts_with("unknown"));
}

#[test]
fn a_document_has_its_effect_until_the_instant_of_its_expiry() {
    let until = |at: &str| {
        let last = Adopted { expires: Some(at.parse().unwrap()), ..baseline("d", "DEBIAN") };
        chosen(vec![last, group("web", "d")])
    };
    assert_eq!(until("2027-01-31T00:00:00.000000001Z"), "d");
    assert!(until("2027-01-31T00:00:00Z").starts_with("unknown"));
}

#[test]
fn one_group_may_be_spread_over_documents_and_several_values_share_a_baseline() {
    let spread = adopted(1, "kind: PatchGroup\nname: web-2\nspec: {patch_group: web, baselines: [d]}");
    let documents = vec![baseline("d", "DEBIAN"), baseline("r", "ROCKY_LINUX"), group("web", "r"), spread];
    assert_eq!(chosen(documents), "d");
}

#[test]
fn only_the_newest_version_counts_even_if_it_has_no_effect() {
    let older = || baseline("d", "DEBIAN");
    let newer = |document: Adopted| Adopted { version: 2, ..document };
    for newest in [expired(older()), unreadable(older()), baseline("d", "UBUNTU")] {
        for documents in [vec![newer(newest.clone()), older()], vec![older(), newer(newest.clone())]] {
            let found = chosen([documents, vec![group("web", "d")]].concat());
            assert_ne!(found, "d", "{newest:?}");
        }
    }
    let two = vec![older(), expired(older()), group("web", "d")];
    assert!(chosen(two).starts_with("unknown"), "two contents under one version");
}

#[test]
fn a_document_under_another_name_or_kind_is_nobodys_word() {
    let stranger = Adopted { name: "d".into(), ..baseline("wide", "DEBIAN") };
    assert!(chosen(vec![stranger, group("web", "d")]).starts_with("unknown"));
    let stranger = Adopted { kind: Kind::PatchGroup, name: "web".into(), ..baseline("web", "DEBIAN") };
    assert!(chosen(vec![stranger]).starts_with("unknown"));
}

#[test]
fn windows_are_those_in_force() {
    let window = |name: &str| {
        adopted(
            3,
            &format!("kind: MaintenanceWindow\nname: {name}\nspec: {{schedule: rate(1 day), duration: 1}}"),
        )
    };
    let catalogue = Catalogue::new(vec![window("a"), expired(window("b")), unreadable(window("c"))], true);
    let found: Vec<_> =
        catalogue.windows(now()).map(|(window, version)| (window.name.as_str(), version)).collect();
    assert_eq!(found, [("a", 3)]);
}

/// Documents in any state, over few names, so that they meet.
fn documents() -> impl Strategy<Value = Vec<Adopted>> {
    let name = || prop::sample::select(vec!["a", "b", "c", "predefined-debian"]);
    let names = move || {
        prop::collection::btree_set(name(), 1..4).prop_map(|n| n.into_iter().collect::<Vec<_>>().join(", "))
    };
    let one = prop_oneof![
        (name(), prop::sample::select(vec!["DEBIAN", "UBUNTU"])).prop_map(|(name, os)| baseline(name, os)),
        (prop::sample::select(vec!["web", "db"]), names()).prop_map(|(name, names)| group(name, &names)),
        names().prop_map(|names| defaults(&names)),
    ];
    let one = (one, 1_u64..3, 0_u8..6).prop_map(|(document, version, state)| {
        let document = Adopted { version, ..document };
        match state {
            0 => expired(document),
            1 => unreadable(document),
            _ => document,
        }
    });
    prop::collection::vec(one, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whoever_has_a_group_document_of_any_state_never_gets_a_fallback_for_its_system(
        documents in documents(), complete in any::<bool>(), is_fleet in any::<bool>(),
    ) {
        let catalogue = Catalogue::new(documents, complete);
        let facts = NodeFacts { is_fleet, ..node(Some("web")) };
        let Choice::Selected { baseline, version, why } = choose(&catalogue, &facts, now()) else { return Ok(()) };
        prop_assert_eq!(baseline.operating_system, OS);
        if let Some(version) = version {
            let adopted = catalogue.get(Kind::PatchBaseline, &baseline.name).unwrap();
            prop_assert!(adopted.in_force(now()) && adopted.version == version);
        }
        prop_assert!(complete || !is_fleet || why.starts_with("registered"), "{}", why);
        let Some(group) = catalogue.get(Kind::PatchGroup, "web") else { return Ok(()) };
        prop_assert!(group.in_force(now()), "{}", why);
        let Some(Document::PatchGroup(group)) = &group.document else { return Ok(()) };
        let mut for_os = 0;
        for name in &group.baselines {
            let adopted = catalogue.get(Kind::PatchBaseline, name);
            prop_assert!(adopted.is_some() || name == "predefined-debian", "{} is missing", name);
            let Some(adopted) = adopted else { for_os += 1; continue };
            let Some(Document::PatchBaseline(named)) = &adopted.document else {
                return Err(TestCaseError::fail(format!("{name} is unreadable, yet {why}")));
            };
            if named.operating_system == OS {
                prop_assert!(adopted.in_force(now()), "{} has expired", name);
                for_os += 1;
            }
        }
        prop_assert!(for_os <= 1, "a conflict");
        prop_assert_eq!(for_os == 1, why.starts_with("registered"), "{}", why);
    }

    #[test]
    fn the_order_of_documents_does_not_matter(documents in documents()) {
        let reversed: Vec<_> = documents.iter().rev().cloned().collect();
        prop_assert_eq!(chosen(documents), chosen(reversed));
    }
}
