//! One transaction for one token, and only what the policy of now says.

use patchflock_api::order::Order as PatchNow;
use patchflock_api::privileged::{Basis, Request};
use patchflock_api::run::Installed;
use patchflock_machine::pm::PmError;
use patchflock_machine::pm::fake::Fake;

use super::*;
use crate::bench::{Bench, baseline, basis, default, looked, run};

fn installed(answer: Result<Answer, Trouble>) -> Installed {
    match answer {
        Ok(Answer::Installed { installed }) => installed,
        other => panic!("{other:?}"),
    }
}

fn kind(answer: Result<Answer, Trouble>) -> TroubleKind {
    answer.unwrap_err().kind
}

fn record(bench: &Bench) -> record::Record {
    record::of_run(&bench.desk.root, run().as_str()).unwrap().unwrap()
}

#[test]
fn a_plan_is_carried_out_once_per_token_and_asking_again_repeats_the_result() {
    let bench = Bench::ready();
    bench.survey();
    assert_eq!(bench.ask(Request::Fetch { run: run() }), Ok(Answer::Done {}));
    let (said, answer) = bench.heard(Request::Install { run: run(), token: 7 });
    assert_eq!(installed(answer), Installed { installed: 1, failed: vec![] });
    assert!(said.iter().any(|s| s == "jq: Installing"), "{said:?}");
    assert_eq!((bench.version("jq"), record(&bench).phase), ("2".into(), Phase::Finished));
    bench.scripted_install(|_| panic!("a second transaction"));
    assert_eq!(installed(bench.install(7)).installed, 1);
    // Older than the newest: refused, whatever became of it.
    let trouble = bench.install(6).unwrap_err();
    assert!(trouble.why.contains("token 6 is older than 7"), "{}", trouble.why);
    let other = bench.ask(Request::Install { run: "r-other".parse().unwrap(), token: 7 });
    assert!(other.unwrap_err().why.contains("token 7 belongs to the run w-"));
    assert_eq!(std::fs::read_to_string(bench.path(NEWEST)).unwrap(), "7");
}

#[test]
fn the_survey_after_it_completes_the_record() {
    let bench = Bench::ready();
    bench.survey();
    installed(bench.install(1));
    assert!(record(&bench).after.is_none());
    let again =
        Request::Survey { run: run(), refresh: false, dry_run: false, basis: basis(), attempted: true };
    bench.ask(again).unwrap();
    assert_eq!(record(&bench).after.unwrap().counts.missing, 0);
}

#[test]
fn a_package_that_fails_is_named_with_its_reason() {
    let bench = Bench::new(
        Fake::new().installed("jq", "1").offers("jq", "2", &[]).failing("jq", "its script failed"),
    );
    bench.apply(&default("all", 0)).unwrap();
    bench.survey();
    let done = installed(bench.install(1));
    assert_eq!(done, Installed { installed: 0, failed: vec!["jq: jq: its script failed".into()] });
}

#[test]
fn a_plan_that_was_tampered_with_or_has_changed_installs_nothing() {
    let bench = Bench::ready();
    bench.survey();
    let path = bench.path(&plans::path(&run()));
    let kept = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, kept.replace("\"to\":\"2\"", "\"to\":\"666\"")).unwrap();
    let trouble = bench.install(1).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::PlanChanged);
    assert_eq!(trouble.why, "the plan is not what it was; no longer jq 1 → 666; now also jq 1 → 2");
    assert_eq!(bench.version("jq"), "1");
    assert!(!bench.path("/var/lib/patchflock/txn").exists(), "the token is still good");
    // The baseline was changed since: what follows from it now counts.
    std::fs::write(&path, kept).unwrap();
    bench.apply(&baseline("all", 30)).unwrap();
    assert_eq!(kind(bench.install(1)), TroubleKind::PlanChanged);
    bench.apply(&baseline("all", 0)).unwrap();
    assert_eq!(installed(bench.install(1)).installed, 1);
}

#[test]
fn a_baseline_that_was_deleted_ends_the_run() {
    let bench = Bench::ready();
    bench.survey();
    bench.ask(Request::Delete { kind: "PatchBaseline".into(), name: "all".into() }).unwrap();
    let trouble = bench.install(1).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Failed);
    assert!(trouble.why.contains("all"), "{}", trouble.why);
    assert_eq!(bench.version("jq"), "1");
}

#[test]
fn what_an_order_brings_is_installed_in_the_name_of_whoever_placed_it() {
    let bench = Bench::ready();
    let expires = "2026-11-24T12:30:00Z".parse().unwrap();
    let order = PatchNow { baseline_override: Some(baseline("now", 0)), expires, ..PatchNow::default() };
    let Ok(Answer::Placed { order }) = bench.ask(Request::Place { order }) else { panic!() };
    let run = RunId::of_order(&order);
    let survey = bench.ask(looked(run.clone(), Basis::Order { order }, false));
    let Ok(Answer::Surveyed { survey, .. }) = survey else { panic!("{survey:?}") };
    assert!(
        matches!(survey.choice, Choice::Selected { ref baseline, version: None, .. } if baseline == "now")
    );
    assert_eq!(installed(bench.ask(Request::Install { run: run.clone(), token: 1 })).installed, 1);
    let record = record::of_run(&bench.desk.root, run.as_str()).unwrap().unwrap();
    assert_eq!((record.baseline.name, record.started_by), ("now".into(), "tester".into()));
}

#[test]
fn while_somebody_else_works_on_the_machine_nothing_starts_and_the_token_stays_good() {
    let bench = Bench::ready();
    bench.survey();
    let lock = lock::take(&bench.desk.root).unwrap();
    for request in [
        Request::Install { run: run(), token: 1 },
        Request::Fetch { run: run() },
        Request::Survey {
            run: run(),
            refresh: false,
            dry_run: true,
            basis: Basis::Look {},
            attempted: false,
        },
    ] {
        assert_eq!(kind(bench.ask(request)), TroubleKind::Busy);
    }
    drop(lock);
    bench.scripted_install(|_| Some(Err(PmError::Locked { holder: "dpkg".into(), waited: Duration::ZERO })));
    assert_eq!(kind(bench.install(1)), TroubleKind::Busy);
    assert_eq!(record(&bench).phase, Phase::Failed);
    bench.scripted_install(|_| None);
    assert_eq!(installed(bench.install(1)).installed, 1, "nothing was changed, so the token was not used up");
    assert_eq!(record(&bench).phase, Phase::Finished);
}

#[test]
fn what_the_package_manager_refuses_is_planned_anew_and_what_it_fails_at_is_not() {
    for (scripted, expected) in [
        (PmError::NotThePlan { difference: "libc6 would be removed".into() }, TroubleKind::PlanChanged),
        (PmError::Failed { what: "apt-get".into(), tool_says: "no space".into() }, TroubleKind::Failed),
    ] {
        let bench = Bench::ready();
        bench.survey();
        let scripted = std::sync::Mutex::new(Some(scripted));
        bench.scripted_install(move |_| scripted.lock().unwrap().take().map(Err));
        assert_eq!(kind(bench.install(1)), expected);
        assert!(record(&bench).failure.is_some());
        // The same token: again where nothing was changed, else the same answer.
        assert_eq!(bench.install(1).is_ok(), expected == TroubleKind::PlanChanged);
    }
}

#[test]
fn a_guard_that_never_comes_is_given_up_and_a_late_one_begins_nothing() {
    let mut bench = Bench::ready();
    bench.desk.start = Box::new(|_, _| Ok(()));
    bench.desk.start_within = Duration::from_millis(300);
    bench.survey();
    assert_eq!(kind(bench.install(1)), TroubleKind::Unavailable);
    transaction::guard(&bench.desk, &run(), 1).unwrap();
    assert_eq!(bench.version("jq"), "1");
}

#[test]
fn a_guard_that_cannot_be_started_leaves_the_token_good() {
    let mut bench = Bench::ready();
    let start = std::mem::replace(
        &mut bench.desk.start,
        Box::new(|_, _| {
            let source = std::io::Error::other("no units left");
            Err(patchflock_machine::exec::ExecError::Spawn { program: "systemd-run".into(), source })
        }),
    );
    bench.survey();
    let trouble = bench.install(1).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unavailable);
    assert!(trouble.why.contains("no units left"), "{}", trouble.why);
    bench.desk.start = start;
    assert_eq!(installed(bench.install(1)).installed, 1);
}

#[test]
fn a_run_without_a_plan_is_told_to_survey_first() {
    let bench = Bench::ready();
    assert!(bench.install(1).unwrap_err().why.contains("survey the machine first"));
    assert!(bench.ask(Request::Fetch { run: run() }).unwrap_err().why.contains("survey the machine first"));
}
