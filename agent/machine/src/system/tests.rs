//! What a run leaves out stays out, with what depends on it.

use patchflock_baselines::document::override_list::OverridePatch;
use patchflock_baselines::document::{self, Document};

use super::*;
use crate::pm::fake::{ARCH, Fake};

fn system(fake: Fake) -> System {
    let facts = HostFacts {
        hostname: "bench".into(),
        operating_system: OperatingSystem::Debian,
        product: "Debian12".into(),
        pretty_name: "Debian".into(),
        arch: ARCH.into(),
        boot_id: None,
        booted_at: None,
    };
    System { facts, pm: Box::new(fake), root: Root::at("/nowhere") }
}

fn everything() -> Baseline {
    let yaml = "kind: PatchBaseline\nname: all\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    \
                - approve_after_days: 0\n      enable_non_security: true\n";
    match document::parse("t", yaml.as_bytes()).unwrap().documents.pop() {
        Some(Document::PatchBaseline(baseline)) => baseline,
        other => panic!("{other:?}"),
    }
}

fn plan(fake: Fake, wishes: &Wishes) -> (Vec<String>, Vec<String>) {
    let system = system(fake);
    let now = "2026-11-24T12:00:00Z".parse().unwrap();
    let inventory = system.inventory(now).unwrap();
    let baseline = everything();
    let (evaluation, _) = verdict(&baseline, &inventory, &RunTraces::default(), false, now).unwrap();
    let judged = judged(&baseline, &inventory, &evaluation, wishes, now).unwrap();
    let plan = system.planned(&judged, &mut |_| {}).unwrap();
    (plan.items.into_iter().map(|i| i.name).collect(), judged.without_match)
}

fn machine() -> Fake {
    ["app", "lib", "jq"]
        .iter()
        .fold(Fake::new(), |fake, name| fake.installed(name, "1"))
        .offers("app", "2", &[("lib", "2"), ("new", "1")])
        .offers("lib", "2", &[])
        .offers("new", "1", &[])
        .offers("jq", "2", &[])
}

fn wishes(list: &[&str], exclude: &[&str]) -> Wishes {
    let patch = |id: &&str| OverridePatch { id: format!("{id}.*"), title: Some("2*".into()) };
    let list = InstallOverrideList { patches: list.iter().map(patch).collect() };
    Wishes {
        list: (!list.patches.is_empty()).then_some(list),
        exclude: exclude.iter().map(|e| (*e).to_owned()).collect(),
    }
}

#[test]
fn without_wishes_everything_approved_is_planned_with_what_it_needs() {
    assert_eq!(plan(machine(), &Wishes::default()).0, ["app", "jq", "lib", "new"]);
}

#[test]
fn what_is_excluded_stays_out_with_what_needs_it() {
    let (items, without) = plan(machine(), &wishes(&[], &["lib", "nonesuch"]));
    assert_eq!((items, without), (vec!["jq".into()], vec!["nonesuch".into()]));
}

#[test]
fn a_package_that_is_not_there_yet_can_be_excluded_and_keeps_out_what_needs_it() {
    assert_eq!(plan(machine(), &wishes(&[], &["new"])).0, ["jq", "lib"]);
}

#[test]
fn a_list_does_not_bring_back_what_is_excluded() {
    let (items, without) = plan(machine(), &wishes(&["jq", "lib", "gone"], &["lib"]));
    assert_eq!((items, without), (vec!["jq".into()], vec!["gone.*".into()]));
}

#[test]
fn a_baseline_with_sources_of_its_own_is_never_served_by_those_of_the_machine() {
    let mut baseline = everything();
    let untouched = system(Fake::new()).for_baseline(&baseline).unwrap();
    assert_eq!(untouched.pm.name(), "fake");
    baseline.sources.push(patchflock_baselines::baseline::AlternativeSource {
        name: "mirror".into(),
        products: vec!["*".into()],
        configuration: "deb x y z".into(),
    });
    assert!(
        system(Fake::new()).for_baseline(&baseline).is_err(),
        "this machine has no apt that could take it"
    );
}
