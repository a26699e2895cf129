//! The table of reference 2.6 and 0.3 with the guard of design 7b.

use super::*;

const OS: OperatingSystem = OperatingSystem::Debian;

fn registration(group: &str, os: OperatingSystem, baseline: &str) -> Registration {
    Registration { patch_group: group.into(), operating_system: os, baseline: baseline.into() }
}

fn situation<'a>(registrations: &'a [Registration], defaults: &'a [DefaultBaseline]) -> Situation<'a> {
    Situation {
        patch_group: Some("web"),
        operating_system: OS,
        registrations,
        unsettled: &[],
        defaults,
        predefined: Some("predefined"),
        catalogue_complete: true,
        untagged: UntaggedNodes::Skip,
        is_fleet: true,
    }
}

fn default(baseline: &str) -> DefaultBaseline {
    DefaultBaseline { operating_system: OS, baseline: baseline.into() }
}

fn which(selection: &Selection) -> &str {
    match selection {
        Selection::Selected { which, .. } => which,
        Selection::SkipUntagged { .. } => "(skip)",
        Selection::Unknown { .. } => "(unknown)",
    }
}

#[test]
fn a_registered_group_gets_its_baseline_for_its_own_system() {
    let registrations = [
        registration("web", OperatingSystem::Ubuntu, "u"),
        registration("web", OS, "d"),
        registration("db", OS, "x"),
    ];
    assert_eq!(which(&select(&situation(&registrations, &[default("default")]))), "d");
}

#[test]
fn group_names_are_compared_exactly() {
    let registrations = [registration("Web", OS, "d")];
    assert_eq!(which(&select(&situation(&registrations, &[]))), "predefined");
}

#[test]
fn a_registration_counts_even_while_the_catalogue_is_incomplete() {
    let registrations = [registration("web", OS, "d")];
    let s = Situation { catalogue_complete: false, ..situation(&registrations, &[]) };
    assert_eq!(which(&select(&s)), "d");
}

#[test]
fn an_unregistered_group_falls_back_to_the_default_then_to_the_predefined_one() {
    assert_eq!(which(&select(&situation(&[], &[default("default")]))), "default");
    assert_eq!(which(&select(&situation(&[], &[]))), "predefined");
    assert_eq!(which(&select(&Situation { predefined: None, ..situation(&[], &[]) })), "(unknown)");
}

#[test]
fn no_fallback_opens_production_while_the_catalogue_is_incomplete() {
    for (patch_group, untagged) in [
        (Some("web"), UntaggedNodes::Skip),
        (None, UntaggedNodes::DefaultBaseline),
        (Some("web"), UntaggedNodes::DefaultBaseline),
    ] {
        let s = Situation { patch_group, untagged, catalogue_complete: false, ..situation(&[], &[]) };
        assert_eq!(which(&select(&s)), "(unknown)", "{s:?}");
    }
}

#[test]
fn an_untagged_node_of_a_fleet_is_skipped_unless_the_fleet_says_default_baseline() {
    let defaults = [default("default")];
    for patch_group in [None, Some("")] {
        let s = Situation { patch_group, ..situation(&[], &defaults) };
        assert_eq!(which(&select(&s)), "(skip)");
        let s = Situation { untagged: UntaggedNodes::DefaultBaseline, ..s };
        assert_eq!(which(&select(&s)), "default");
    }
}

#[test]
fn a_lone_machine_uses_its_default_without_tag_and_without_catalogue() {
    let s =
        Situation { patch_group: None, is_fleet: false, catalogue_complete: false, ..situation(&[], &[]) };
    assert_eq!(which(&select(&s)), "predefined");
}

#[test]
fn a_group_with_two_baselines_for_one_system_is_unknown_and_names_both() {
    let registrations =
        [registration("web", OS, "b"), registration("web", OS, "a"), registration("web", OS, "a")];
    let selection = select(&situation(&registrations, &[]));
    let Selection::Unknown { why } = selection else { panic!("{selection:?}") };
    assert!(why.contains("(a, b)"), "{why}");
}

#[test]
fn documents_that_name_baselines_become_registrations_or_say_why_not() {
    let parsed = crate::document::parse(
        "t.yaml",
        b"{kind: PatchBaseline, name: d, spec: {operating_system: DEBIAN, approved_patches: [bash]}}
---
{kind: PatchBaseline, name: e, spec: {operating_system: DEBIAN, approved_patches: [bash]}}
---
{kind: PatchGroup, name: web, spec: {baselines: [d, gone, predefined-ubuntu]}}
---
{kind: PatchGroup, name: web-2, spec: {patch_group: web, baselines: [d, e]}}
---
{kind: DefaultBaselines, name: defaults, spec: {baselines: [e, lost]}}",
    )
    .unwrap();
    let (mut groups, mut baselines, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for document in parsed.documents {
        match document {
            crate::document::Document::PatchGroup(group) => groups.push(group),
            crate::document::Document::PatchBaseline(baseline) => baselines.push(baseline),
            crate::document::Document::DefaultBaselines(document) => found.push(document),
            other => panic!("{other:?}"),
        }
    }
    let (registered, unsettled) = registrations(&groups, &baselines);
    let wanted = [
        registration("web", OperatingSystem::Ubuntu, "predefined-ubuntu"),
        registration("web", OS, "d"),
        registration("web", OS, "e"),
    ];
    assert_eq!(registered, wanted);
    let told =
        |unsettled: &[Unsettled]| unsettled.iter().map(Unsettled::to_string).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told(&unsettled), @r"
    patch group web: baseline gone is not here: nothing is installed until it is applied, or no longer named
    patch group web: several baselines are for DEBIAN (d, e): keep one
    ");
    let (set, unsettled) = defaults(&found[0], &baselines);
    assert_eq!(set, [default("e")]);
    insta::assert_snapshot!(told(&unsettled), @"the defaults: baseline lost is not here: nothing is installed until it is applied, or no longer named");
}
