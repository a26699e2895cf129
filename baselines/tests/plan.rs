//! From decisions to a plan: the closure check of design 7b, with a small package manager made of tables.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "sample/machine.rs"]
mod machine;

use std::collections::BTreeMap;
use std::convert::Infallible;

use machine::*;
use patchflock_baselines::approval::{Evaluation, evaluate, evaluate_override_list};
use patchflock_baselines::baseline::*;
use patchflock_baselines::document::override_list::{InstallOverrideList, OverridePatch};
use patchflock_baselines::inventory::*;
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::plan::*;

fn target(name: &str, version: &str) -> Target {
    Target { name: name.into(), arch: "amd64".into(), version: version.into() }
}

fn change(name: &str, from: Option<&str>, to: Option<&str>, source: &str) -> Change {
    Change {
        name: name.into(),
        arch: "amd64".into(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        sources: if source.is_empty() { vec![] } else { vec![source.into()] },
    }
}

/// What each target changes; a simulation of several is the union.
type World = BTreeMap<&'static str, Vec<Change>>;

fn simulate(world: &World, targets: &[Target]) -> Simulation {
    let mut changes: Vec<Change> = targets.iter().flat_map(|t| world[t.name.as_str()].clone()).collect();
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    changes.dedup();
    Simulation { changes, refused: vec![] }
}

fn judged(baseline: &Baseline, inventory: &Inventory) -> Evaluation {
    evaluate(baseline, inventory, time("2026-11-24")).expect("same system")
}

/// Resolves all targets of an inventory in a world.
fn plan(baseline: &Baseline, inventory: &Inventory, world: &World) -> Plan {
    let evaluation = judged(baseline, inventory);
    let wanted = targets(&evaluation);
    let answer = |t: &[Target]| Ok::<_, Infallible>(simulate(world, t));
    match resolve(baseline, inventory, &evaluation, wanted, answer) {
        Ok(plan) => plan,
        Err(never) => match never {},
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.items.iter().map(|i| i.name.as_str()).collect()
}

fn held(plan: &Plan) -> Vec<(&str, &str)> {
    plan.held.iter().map(|h| (h.name.as_str(), h.reason.as_str())).collect()
}

/// Two security updates, `a` and `b`, and a rule that takes security only.
fn pair() -> (Inventory, Baseline, World) {
    let mut inventory = debian();
    inventory.candidates = ["a", "b"].map(|name| candidate(name, "1.0", "1.1", "security")).to_vec();
    let baseline = baseline(&inventory, vec![rule(&[], Approve::AfterDays(0))]);
    let world = World::from([
        ("a", vec![change("a", Some("1.0"), Some("1.1"), "security")]),
        ("b", vec![change("b", Some("1.0"), Some("1.1"), "security")]),
    ]);
    (inventory, baseline, world)
}

/// `a` brings one more change along; what becomes of it?
fn with_member(member: Change) -> Plan {
    let (inventory, baseline, mut world) = pair();
    world.get_mut("a").expect("a").push(member);
    plan(&baseline, &inventory, &world)
}

#[test]
fn targets_are_the_chosen_versions_only() {
    let (mut inventory, baseline, _) = pair();
    inventory.candidates.push(candidate("a", "1.0", "1.2", "security"));
    inventory.candidates.push(candidate("c", "1.0", "1.1", "main"));
    assert_eq!(targets(&judged(&baseline, &inventory)), [target("a", "1.2"), target("b", "1.1")]);
}

#[test]
fn a_plan_of_approved_patches_names_exact_versions_and_reasons() {
    let (inventory, baseline, world) = pair();
    let plan = plan(&baseline, &inventory, &world);
    assert_eq!(names(&plan), ["a", "b"]);
    assert_eq!(plan.items[0].to, "1.1");
    let Role::Approved { reason } = &plan.items[0].role else { panic!("{plan:?}") };
    assert!(reason.contains("rule 1"), "{reason}");
    assert!(plan.held.is_empty());
}

#[test]
fn a_new_package_from_a_source_of_the_patch_is_pulled_in_by_it_7b() {
    let plan = with_member(change("linux-image-6.1.0-30", None, Some("6.1"), "security"));
    assert_eq!(names(&plan), ["a", "b", "linux-image-6.1.0-30"]);
    assert_eq!(plan.items[2].role, Role::PulledIn { by: vec!["a".into()] });
}

#[test]
fn a_dependency_from_main_of_the_same_origin_is_fine_under_a_security_rule_7b() {
    for from in [None, Some("1.0")] {
        assert_eq!(names(&with_member(change("lib", from, Some("2.0"), "main"))), ["a", "b", "lib"]);
    }
}

#[test]
fn two_sources_that_do_not_say_whose_they_are_are_not_the_same_origin_7b() {
    let (mut inventory, baseline, mut world) = pair();
    for source in &mut inventory.sources {
        source.origin.clear();
    }
    world.get_mut("a").expect("a").push(change("lib", None, Some("2.0"), "vendor"));
    let plan = plan(&baseline, &inventory, &world);
    assert_eq!(names(&plan), ["b"]);
}

#[test]
fn a_dependency_that_only_backports_or_a_third_party_or_nobody_offers_holds_what_needs_it_7b() {
    for source in ["backports", "vendor", "unheard-of", ""] {
        let plan = with_member(change("lib", None, Some("2.0"), source));
        assert_eq!(names(&plan), ["b"], "{source}");
        let [("a", reason)] = held(&plan)[..] else { panic!("{plan:?}") };
        assert!(reason.contains("needs lib 2.0"), "{reason}");
    }
}

#[test]
fn backports_are_fine_for_a_patch_that_is_from_backports_itself_7b() {
    let (mut inventory, mut baseline, mut world) = pair();
    inventory.candidates[0].sources = strings(&["backports"]);
    inventory.candidates[0].security = false;
    baseline.approval_rules = vec![everything()];
    world.get_mut("a").expect("a").push(change("lib", None, Some("2.0"), "backports"));
    assert_eq!(names(&plan(&baseline, &inventory, &world)), ["a", "b", "lib"]);
}

#[test]
fn removals_downgrades_and_reinstallations_are_never_part_of_a_plan_7b() {
    for (member, words) in [
        (change("x", Some("1.0"), None, "main"), "would remove x"),
        (change("x", Some("2.0"), Some("1.9"), "main"), "would downgrade x from 2.0 to 1.9"),
        (change("x", Some("2.0"), Some("2.0"), "main"), "would reinstall x 2.0"),
    ] {
        let plan = with_member(member);
        assert_eq!((names(&plan), held(&plan)), (vec!["b"], vec![("a", words)]));
    }
}

#[test]
fn a_blocked_dependency_holds_everything_that_needs_it_however_deep_2_3() {
    let (mut inventory, mut baseline, mut world) = pair();
    // c needs a, a needs bad: the simulation of c contains bad as well.
    inventory.candidates.push(candidate("c", "1.0", "1.1", "security"));
    let bad = change("bad", Some("1.0"), Some("1.1"), "security");
    world.get_mut("a").expect("a").push(bad.clone());
    let a = change("a", Some("1.0"), Some("1.1"), "security");
    world.insert("c", vec![change("c", Some("1.0"), Some("1.1"), "security"), a, bad]);
    baseline.rejected_patches = strings(&["bad"]);

    baseline.rejected_patches_action = RejectedAction::Block;
    let blocked = plan(&baseline, &inventory, &world);
    assert_eq!(names(&blocked), ["b"]);
    let words = "needs bad 1.1, which is rejected (rejected_patches_action: BLOCK)";
    assert_eq!(held(&blocked), [("a", words), ("c", words)]);

    baseline.rejected_patches_action = RejectedAction::AllowAsDependency;
    let allowed = plan(&baseline, &inventory, &world);
    assert_eq!(names(&allowed), ["a", "b", "bad", "c"]);
    assert_eq!(allowed.items[2].role, Role::PulledIn { by: vec!["a".into(), "c".into()] });
}

#[test]
fn a_dependency_that_the_administrator_or_phasing_holds_is_not_taken_7b() {
    let (mut inventory, baseline, mut world) = pair();
    world.get_mut("a").expect("a").push(change("lib", Some("1.0"), Some("2.0"), "security"));
    let lib = candidate("lib", "1.0", "2.0", "security");
    let words = |inventory: &Inventory| {
        let plan = plan(&baseline, inventory, &world);
        assert_eq!(names(&plan), ["b"]);
        held(&plan)[0].1.to_owned()
    };
    inventory.candidates.push(Candidate { held: Some("hold".into()), ..lib.clone() });
    assert_eq!(words(&inventory), "needs lib 2.0, which is held by administrator: hold");
    // The hold shows on another version of it.
    inventory.candidates[2].version = "1.5".into();
    assert_eq!(words(&inventory), "needs lib 2.0, which is held by administrator: hold");
    inventory.candidates[2] = Candidate { phased: Some(Phased { percentage: 5, deferred: true }), ..lib };
    assert!(words(&inventory).contains("phasing"));
}

#[test]
fn a_refused_or_untouched_or_different_target_is_held_with_the_reason() {
    let (inventory, baseline, world) = pair();
    let evaluation = judged(&baseline, &inventory);
    let wanted = targets(&evaluation);
    let settled = |simulation: &Simulation| {
        settle(&baseline, &inventory, &evaluation, &wanted, simulation, &Attribution::default())
    };
    let fine = simulate(&world, &wanted);
    assert!(matches!(settled(&fine), Settled::Plan(_)));

    let mut other = fine.clone();
    other.changes.remove(0);
    let mut refused = other.clone();
    refused.refused.push(Refused {
        name: "a".into(),
        arch: "amd64".into(),
        why: "unmet dependencies".into(),
    });
    let mut different = fine.clone();
    different.changes[0].to = Some("1.2".into());
    let mut removed = fine.clone();
    removed.changes[0].to = None;
    for (simulation, words) in [
        (other, "would not change it"),
        (refused, "cannot install it: unmet dependencies"),
        (different, "would install 1.2 instead of 1.1"),
        (removed, "would remove a instead"),
    ] {
        let Settled::Drop(held) = settled(&simulation) else { panic!("{words}") };
        assert_eq!(held.len(), 1, "{held:?}");
        assert_eq!(held[0].name, "a");
        assert!(held[0].reason.contains(words), "{}", held[0].reason);
    }
}

#[test]
fn without_attribution_a_bad_change_holds_every_target_and_with_it_the_culprit_only() {
    let (inventory, baseline, mut world) = pair();
    world.get_mut("b").expect("b").push(change("x", Some("1"), None, ""));
    let evaluation = judged(&baseline, &inventory);
    let wanted = targets(&evaluation);
    let all = simulate(&world, &wanted);
    assert!(needs_attribution(&inventory, &wanted, &all));
    let dropped = |attribution: &Attribution| {
        let Settled::Drop(held) = settle(&baseline, &inventory, &evaluation, &wanted, &all, attribution)
        else {
            panic!("settled")
        };
        held.into_iter().map(|h| h.name).collect::<Vec<_>>()
    };
    assert_eq!(dropped(&Attribution::default()), ["a", "b"]);
    let alone: Vec<_> =
        wanted.iter().map(|t| (t.clone(), simulate(&world, std::slice::from_ref(t)))).collect();
    assert_eq!(dropped(&attribute(&alone)), ["b"]);
}

#[test]
fn a_change_that_only_targets_together_bring_holds_those_that_bring_something() {
    let (mut inventory, baseline, mut world) = pair();
    inventory.candidates.push(candidate("c", "1.0", "1.1", "security"));
    world.insert("c", vec![change("c", Some("1.0"), Some("1.1"), "security")]);
    for name in ["a", "b"] {
        world.get_mut(name).expect("known").push(change("lib", Some("1.0"), Some("1.1"), "security"));
    }
    let evaluation = judged(&baseline, &inventory);
    let answer = |targets: &[Target]| {
        let mut simulation = simulate(&world, targets);
        if targets.len() > 1 && targets.iter().any(|t| t.name == "a") {
            simulation.changes.push(change("x", Some("1"), None, ""));
        }
        Ok::<_, Infallible>(simulation)
    };
    let Ok(plan) = resolve(&baseline, &inventory, &evaluation, targets(&evaluation), answer);
    assert_eq!(names(&plan), ["c"]);
    assert_eq!(held(&plan), [("a", "would remove x"), ("b", "would remove x")]);
}

#[test]
fn resolving_ends_even_if_the_package_manager_refuses_everything_and_asks_nothing_for_nothing() {
    let (inventory, baseline, _) = pair();
    let evaluation = judged(&baseline, &inventory);
    let mut calls = 0;
    let Ok(plan) = resolve(&baseline, &inventory, &evaluation, targets(&evaluation), |_| {
        calls += 1;
        Ok::<_, Infallible>(Simulation::default())
    });
    assert_eq!((plan.items.len(), plan.held.len(), calls), (0, 2, 1));
    calls = 0;
    let Ok(plan) = resolve(&baseline, &inventory, &evaluation, vec![], |_| {
        calls += 1;
        Ok::<_, Infallible>(Simulation::default())
    });
    assert_eq!(calls, 0);
    assert_eq!(plan, Plan::default());
}

#[test]
fn rpm_dependencies_may_come_from_another_repository_of_the_vendor_but_not_from_elsewhere() {
    for (source, fine) in [("appstream", true), ("epel", false)] {
        let mut inventory = rhel();
        let a = advisory("RHSA-2026:1", "security", "Critical", "2026-11-01");
        inventory.candidates = vec![with_advisory(candidate("a", "1-1", "1-2", "baseos"), a)];
        let baseline = baseline(&inventory, vec![rule(&[], Approve::AfterDays(0))]);
        let world = World::from([(
            "a",
            vec![change("a", Some("1-1"), Some("1-2"), "baseos"), change("lib", None, Some("2-1"), source)],
        )]);
        assert_eq!(plan(&baseline, &inventory, &world).items.len(), if fine { 2 } else { 0 }, "{source}");
    }
}

#[test]
fn packages_of_a_zypper_patch_belong_to_it() {
    let mut inventory = machine(OperatingSystem::Suse, "Suse15.5");
    inventory.sources = vec![source("updates", "SUSE", "", false)];
    let patch = Candidate {
        arch: String::new(),
        packages: strings(&["bind-9.2-1.x86_64", "bind-libs-9.2-1.x86_64"]),
        ..candidate("SUSE-SLE-15-2026-1", "", "1", "updates")
    };
    inventory.candidates = vec![patch];
    let baseline = baseline(&inventory, vec![rule(&[], Approve::AfterDays(0))]);
    let package = |name: &str, to: &str| Change {
        arch: "x86_64".into(),
        ..change(name, Some("9.1-1"), Some(to), "updates")
    };
    let world = World::from([(
        "SUSE-SLE-15-2026-1",
        vec![package("bind", "9.2-1"), package("bind-libs", "0:9.2-1"), package("other", "9.2-1")],
    )]);
    let plan = plan(&baseline, &inventory, &world);
    assert_eq!(names(&plan), ["bind", "bind-libs", "other"]);
    assert!(matches!(plan.items[0].role, Role::Approved { .. }));
    assert!(matches!(plan.items[1].role, Role::Approved { .. }));
    assert_eq!(plan.items[2].role, Role::PulledIn { by: vec!["SUSE-SLE-15-2026-1".into()] });
}

fn list(entries: &[(&str, Option<&str>)]) -> InstallOverrideList {
    let patch = |(id, title): &(&str, Option<&str>)| OverridePatch {
        id: (*id).into(),
        title: title.map(str::to_owned),
    };
    InstallOverrideList { patches: entries.iter().map(patch).collect() }
}

#[test]
fn an_override_list_takes_the_newest_listed_update_whatever_the_baseline_says_2_8() {
    let (mut inventory, mut baseline, _) = pair();
    inventory.candidates = vec![
        candidate("a", "1.0", "1.1", "main"),
        candidate("a", "1.0", "1.3", "main"),
        candidate("a", "1.0", "1.2", "main"),
        Candidate { held: Some("hold".into()), ..candidate("b", "1.0", "1.1", "security") },
        candidate("c", "", "1.1", "security"),
        candidate("d", "1.0", "1.1", "security"),
    ];
    baseline.rejected_patches = strings(&["a"]);
    let evaluation = judged(&baseline, &inventory);
    let chosen = |entries: &[(&str, Option<&str>)]| {
        targets(&evaluate_override_list(&list(entries), &inventory, &evaluation).evaluation)
    };
    let all = [("a.amd64", None), ("b.amd64", None), ("c.amd64", None)];
    assert_eq!(chosen(&all), [target("a", "1.3")]);
    assert_eq!(chosen(&[("*", Some("1.2"))]), [target("a", "1.2")]);
    assert_eq!(chosen(&[]), []);
}

#[test]
fn on_windows_an_override_list_takes_only_what_the_baseline_approves_2_8() {
    let mut inventory = machine(OperatingSystem::Windows, "WindowsServer2022");
    inventory.candidates = ["KB1", "KB2"].map(|name| candidate(name, "", "1", "wu")).to_vec();
    let mut baseline = baseline(&inventory, vec![everything()]);
    baseline.rejected_patches = strings(&["KB2"]);
    let listed = evaluate_override_list(
        &list(&[("KB1", None), ("KB2", None), ("KB3", None)]),
        &inventory,
        &judged(&baseline, &inventory),
    );
    assert_eq!(targets(&listed.evaluation), [target("KB1", "1")]);
    assert_eq!(listed.without_match, ["KB2", "KB3"]);
}
