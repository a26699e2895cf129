//! What a survey finds, keeps and leaves alone.

use patchflock_api::order::Order;
use patchflock_api::privileged::Request;
use patchflock_baselines::compliance::NodeStatus;
use patchflock_machine::pm::fake::Fake;

use super::*;
use crate::bench::{Bench, baseline, basis, default, items, looked, run};

fn ask(dry_run: bool) -> Request {
    looked(run(), basis(), dry_run)
}

fn surveyed(bench: &Bench, request: Request) -> (Survey, Vec<String>) {
    match bench.ask(request) {
        Ok(Answer::Surveyed { survey, without_match }) => (*survey, without_match),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_says_what_is_missing_by_which_baseline_and_keeps_the_whole_for_readers() {
    let bench = Bench::ready();
    bench.file("/etc/patchflock/patchflock.toml", "[node]\ngroup = \"prod\"\n", 0o644);
    let (survey, _) = surveyed(&bench, ask(false));
    assert_eq!(items(&survey.plan), ["jq"]);
    assert_eq!(survey.compliance.unwrap().status, NodeStatus::NonCompliant);
    let Choice::Selected { baseline, version, .. } = survey.choice else { panic!() };
    assert_eq!((baseline.as_str(), version), ("all", Some(1)));
    let newest: serde_json::Value = bench.desk.read(SURVEY).unwrap().unwrap();
    assert_eq!(newest["inventory"]["node"]["patch_group"], "prod");
    assert_eq!(newest["plan"]["items"][0]["to"], "2");
    assert_eq!(newest["choice"]["baseline"], "all");
    assert_eq!(plans::get(&bench.desk, &run()).unwrap().baseline.name, "all");
}

#[test]
fn a_machine_without_documents_gets_the_predefined_baseline() {
    let bench = Bench::new(Fake::new().installed("jq", "1"));
    let Choice::Selected { baseline, version, .. } = bench.survey().choice else { panic!() };
    assert_eq!((baseline.as_str(), version), ("predefined-debian", None));
}

#[test]
fn a_dry_run_changes_nothing_at_all() {
    let bench = Bench::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]).broken("jq"));
    *bench.pm.index.lock().unwrap() = Some(bench.time());
    let (survey, _) = surveyed(&bench, ask(true));
    assert_eq!(survey.repaired, None);
    assert!(!bench.path(crate::STATE).exists());
    bench.apply(&default("all", 0)).unwrap();
    assert_eq!(bench.survey().repaired.unwrap(), "configured jq", "it was left for the real one");
}

#[test]
fn what_cannot_be_read_of_the_documents_makes_the_choice_unknown_and_takes_the_old_plan_away() {
    let bench = Bench::ready();
    bench.survey();
    let text = bench.path(&patchflock_api::catalogue::path("PatchBaseline", "all", 1));
    std::fs::write(text, "kind: PatchBaseline").unwrap();
    let (survey, _) = surveyed(&bench, ask(false));
    assert!(matches!(survey.choice, Choice::Unknown { ref why } if why.contains("all")));
    assert_eq!((survey.compliance, survey.plan), (None, Plan::default()));
    assert!(bench.install(1).is_err());
    assert_eq!(bench.version("jq"), "1");
}

#[test]
fn a_patch_group_gets_its_baseline_until_the_document_expires_and_then_none() {
    let bench = Bench::ready();
    bench.file("/etc/patchflock/patchflock.toml", "[node]\ngroup = \"web\"\n", 0o644);
    bench.apply(&baseline("of-web", 0)).unwrap();
    let group = "kind: PatchGroup\nname: web\nexpires: 2026-11-24T13:00:00Z\nspec: {baselines: [of-web]}\n";
    bench.apply(group).unwrap();
    let Choice::Selected { baseline, .. } = bench.survey().choice else { panic!() };
    assert_eq!(baseline, "of-web");
    bench.set_clock("2026-11-24T13:00:00Z");
    let trouble = bench.install(1).unwrap_err();
    assert!(trouble.why.contains("no baseline is in effect any more"), "{}", trouble.why);
    assert!(matches!(bench.survey().choice, Choice::Unknown { ref why } if why.contains("web")));
}

#[test]
fn an_order_leaves_patches_out_and_says_what_it_names_in_vain() {
    let bench = Bench::new(
        ["app", "lib", "jq"]
            .iter()
            .fold(Fake::new(), |fake, name| fake.installed(name, "1"))
            .offers("app", "2", &[("lib", "2")])
            .offers("lib", "2", &[])
            .offers("jq", "2", &[]),
    );
    bench.apply(&default("all", 0)).unwrap();
    let expires = "2026-11-24T13:00:00Z".parse().unwrap();
    let exclude = vec!["lib".to_owned(), "nonesuch".to_owned()];
    let order = Order { exclude, expires, ..Order::default() };
    let Ok(Answer::Placed { order }) = bench.ask(Request::Place { order }) else { panic!() };
    let run = RunId::of_order(&order);
    let (survey, without_match) = surveyed(&bench, looked(run.clone(), Basis::Order { order }, false));
    assert_eq!((items(&survey.plan), without_match), (vec!["jq"], vec!["nonesuch".into()]));
    assert_eq!(survey.compliance.unwrap().counts.missing, 3, "what is left out is missing all the same");
    let installed = bench.ask(Request::Install { run, token: 1 });
    assert!(installed.is_ok(), "the plan is compared with one by the same order");
    assert_eq!(bench.version("lib"), "1");
}

#[test]
fn a_wrong_configuration_stops_everything_with_its_place() {
    let bench = Bench::ready();
    bench.file("/etc/patchflock/conf.d/x.toml", "[hooks]\ntimeout = 1\n", 0o644);
    let why = bench.ask(ask(false)).unwrap_err().why;
    assert!(why.contains("/etc/patchflock/conf.d/x.toml") && why.contains("line 2"), "{why}");
}

#[test]
fn what_was_masked_comes_back_when_the_configuration_no_longer_asks_for_it() {
    let bench = Bench::ready();
    let record = "/var/lib/patchflock/masked.json";
    bench.file(record, r#"{"units":[],"offline_update":null}"#, 0o644);
    bench.file("/etc/patchflock/patchflock.toml", "[agent]\nforeign_updaters = \"mask\"\n", 0o644);
    bench.survey();
    assert!(bench.path(record).exists());
    bench.file("/etc/patchflock/patchflock.toml", "", 0o644);
    surveyed(&bench, ask(true));
    assert!(bench.path(record).exists(), "a dry run leaves it");
    bench.survey();
    assert!(!bench.path(record).exists() || !rustix::process::geteuid().is_root());
    bench.file(record, "damaged", 0o644);
    bench.survey();
}
