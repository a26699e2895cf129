//! Attacks of an agent that wants to disturb the machine when nobody allowed it: what it may ask for, in the worst order
//! and at the worst time. It can name firings and orders as it likes; it cannot write documents, orders or the clock.

mod once;
mod reboots;

use std::os::unix::fs::PermissionsExt;

use patchflock_api::order::Order;
use patchflock_api::privileged::{Answer, Request, TOKEN_MAX};
use patchflock_api::run::{HookPoint, HookRun, TroubleKind};
use patchflock_machine::pm::fake::Fake;

use super::*;
use crate::bench::{Bench, baseline, basis, default, looked, run, window};
use crate::install::Ended;

type Asked = Result<Answer, Trouble>;

/// A machine with an update and with hooks that leave a trace, that wants a reboot. Nothing is open unless said below.
fn machine() -> Bench {
    let bench = Bench::ready();
    *bench.pm.reboot.lock().unwrap() = Some(true);
    bench.boot("one\n");
    for point in ["pre-install", "post-install", "pre-reboot", "on-exit"] {
        let path = format!("/etc/patchflock/hooks/{point}.d/1");
        let trace = bench.path("/hooked");
        bench.file(&path, &format!("#!/bin/sh\necho {point} >> {}\n", trace.display()), 0o755);
        std::fs::set_permissions(bench.path(&path), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    bench
}

fn install(bench: &Bench, run: &RunId, token: u64) -> Asked {
    bench.ask(Request::Install { run: run.clone(), token })
}

fn hook(bench: &Bench, run: &RunId, point: HookPoint) -> Asked {
    bench.ask(Request::Hook { run: run.clone(), point })
}

fn reboot(bench: &Bench, run: &RunId) -> Asked {
    bench.ask(Request::Reboot { run: run.clone() })
}

fn placed(bench: &Bench, order: Order) -> (RunId, Basis) {
    let expires = "2026-11-24T13:00:00Z".parse().unwrap();
    match bench.ask(Request::Place { order: Order { expires, ..order } }) {
        Ok(Answer::Placed { order }) => (RunId::of_order(&order), Basis::Order { order }),
        other => panic!("{other:?}"),
    }
}

/// Everything that disturbs is refused for this run, and nothing was disturbed. The refusal of the installation.
fn refused(bench: &Bench, run: &RunId, token: u64) -> String {
    let why = install(bench, run, token).unwrap_err().why;
    for point in [HookPoint::PreInstall, HookPoint::PostInstall, HookPoint::PreReboot] {
        assert!(hook(bench, run, point).is_err(), "{point:?}");
    }
    let nothing = HookRun { point: HookPoint::OnExit, hooks: Vec::new() };
    assert_eq!(hook(bench, run, HookPoint::OnExit), Ok(Answer::Hooked { hooks: nothing }));
    assert!(reboot(bench, run).is_err());
    undisturbed(bench);
    why
}

fn undisturbed(bench: &Bench) {
    assert_eq!(bench.version("jq"), "1");
    assert!(!bench.path("/hooked").exists());
    assert!(!bench.asked().iter().any(|asked| asked == "reboot"));
    for left in ["hooks", "reboots", "begun", "txn"] {
        assert!(!bench.path(&format!("/var/lib/patchflock/{left}")).exists(), "{left}");
    }
}

#[test]
fn attack_install_hook_and_reboot_without_any_plan() {
    let bench = machine();
    let why = refused(&bench, &run(), 1);
    assert!(why.contains("survey the machine first"), "{why}");
}

#[test]
fn attack_a_run_that_only_looks_goes_on_to_install() {
    let bench = machine();
    let looks: RunId = "r-look".parse().unwrap();
    // It may take the name of a run that could: then there is no such run.
    for name in [looks, run(), placed(&bench, Order::default()).0] {
        bench.ask(looked(name.clone(), Basis::Look {}, false)).unwrap();
        assert_eq!(bench.ask(Request::Fetch { run: name.clone() }), Ok(Answer::Done {}));
        let why = refused(&bench, &name, 1);
        assert!(why.contains("only looks"), "{why}");
    }
}

#[test]
fn attack_a_scan_repairs_what_is_half_configured_whenever_the_agent_likes() {
    let bench = Bench::new(Fake::new().installed("jq", "1").broken("jq"));
    bench.apply(&default("all", 0)).unwrap();
    bench.set_clock("2026-11-24T11:59:59Z");
    for (run, basis) in [(run(), basis()), ("r-look".parse().unwrap(), Basis::Look {})] {
        let Ok(Answer::Surveyed { survey, .. }) = bench.ask(looked(run, basis, false)) else { panic!() };
        assert_eq!(survey.repaired, None);
    }
    // A run that is over is no reason either. One that was interrupted has left it, and finishes it at any time.
    let ended = |ended: &Ended| bench.desk.write(&crate::install::file(1, "result.json"), ended).unwrap();
    begin(&bench.desk, &run(), &[1]).unwrap();
    ended(&Ended::Done(Answer::Done {}));
    assert_eq!(bench.survey().repaired, None);
    ended(&Ended::Trouble(crate::trouble::interrupted("a power cut")));
    assert!(bench.survey().repaired.is_some());
}

#[test]
fn attack_a_window_that_is_not_open() {
    let bench = machine();
    for (at, words) in [
        ("2026-11-24T11:59:59Z", "no firing of it that started at 2026-11-24 12:00:00 UTC is under way"),
        ("2026-11-24T16:00:00Z", "too late"),
        ("2026-11-25T12:00:00Z", "no firing"),
        ("2027-11-24T12:00:00Z", "no firing"),
    ] {
        bench.set_clock(at);
        bench.survey();
        assert_eq!(bench.ask(Request::Fetch { run: run() }), Ok(Answer::Done {}), "fetched ahead");
        let why = refused(&bench, &run(), 1);
        assert!(why.contains(words), "{at}: {why}");
    }
}

#[test]
fn attack_a_firing_that_no_schedule_has() {
    let bench = machine();
    for start in [
        "2026-11-24T11:59:00Z",
        "2026-11-24T12:00:00.5Z",
        "2026-11-23T12:00:00Z",
        "2026-11-24T12:00:01Z",
        "-262143-01-01T00:00:00Z",
        "+262142-12-31T00:00:00Z",
    ] {
        let start: DateTime<Utc> = start.parse().unwrap();
        bench.set_clock("2026-11-24T12:00:30Z");
        let basis = Basis::Window { window: "bench".into(), task: "patch".into(), start };
        let run = RunId::of_window("", "bench", start, "patch");
        bench.ask(looked(run.clone(), basis, false)).unwrap();
        // A fraction of a second is not in the name of a run, and its firing is none all the same.
        let why = refused(&bench, &run, 1);
        assert!(why.contains("no firing of it"), "{start}: {why}");
    }
}

#[test]
fn attack_the_name_of_another_run_in_the_place_of_its_own() {
    let bench = machine();
    let (of_order, order) = placed(&bench, Order::default());
    let other: RunId = "w-another".parse().unwrap();
    for (name, basis) in [(&other, basis()), (&other, order.clone()), (&run(), order), (&of_order, basis())] {
        let why = bench.ask(looked(name.clone(), basis, false)).unwrap_err().why;
        assert!(why.contains("is not the run of this window's firing or order"), "{why}");
    }
    undisturbed(&bench);
}

#[test]
fn attack_a_window_that_is_gone_or_off_or_expired_or_frozen_or_for_others_or_that_only_scans() {
    let elsewhere = window("", "").replace("'*'", "other-host");
    let cases = [
        (window("  enabled: false\n", ""), "no firing"),
        (window("  freezes: [{dates: 2026-11-24, reason: the fair}]\n", ""), "the fair"),
        (window("", "").replace("spec:", "expires: 2026-11-24T12:00:00Z\nspec:"), "expired"),
        (elsewhere, "no task patch for this node"),
        (window("", "").replace("name: patch", "name: other"), "no task patch for this node"),
        (window("", "").replace("INSTALL", "SCAN"), "installs nothing"),
        (window("", "").replace("InstanceIds", "resource-groups:Name"), "resource group"),
        (window("", "").replace("T12:00:00", "T11:00:00"), "no firing"),
        (window("", "").replace("cutoff: 1h", "cutoff: 239m"), "too late"),
    ];
    for (document, words) in cases {
        let bench = machine();
        bench.survey();
        bench.apply(&document).unwrap_or_else(|e| panic!("{document}: {}", e.why));
        bench.set_clock("2026-11-24T12:01:00Z");
        let why = install(&bench, &run(), 1).unwrap_err().why;
        assert!(why.contains(words), "{document}: {why}");
        assert!(hook(&bench, &run(), HookPoint::PreInstall).is_err());
        undisturbed(&bench);
    }
    let bench = machine();
    bench.survey();
    bench.ask(Request::Delete { kind: "MaintenanceWindow".into(), name: "bench".into() }).unwrap();
    assert!(refused(&bench, &run(), 1).contains("no such document"));
}

#[test]
fn attack_a_window_whose_text_was_damaged() {
    let bench = machine();
    bench.survey();
    std::fs::write(bench.path(&patchflock_api::catalogue::path("MaintenanceWindow", "bench", 1)), "x")
        .unwrap();
    assert!(refused(&bench, &run(), 1).contains("cannot be read"));
}

#[test]
fn attack_after_the_cutoff_only_what_has_begun_is_brought_to_its_end() {
    let bench = machine();
    bench.survey();
    bench.set_clock("2026-11-24T15:00:00Z");
    let why = install(&bench, &run(), 1).unwrap_err().why;
    assert!(why.contains("too late: it was to start before 2026-11-24 15:00:00 UTC"), "{why}");
    assert!(hook(&bench, &run(), HookPoint::PreInstall).is_err());
    undisturbed(&bench);
    bench.set_clock("2026-11-24T14:59:59Z");
    assert!(install(&bench, &run(), 1).is_ok());
    // What has begun ends, also where the window is gone meanwhile.
    bench.set_clock("2026-11-24T15:30:00Z");
    assert!(install(&bench, &run(), 1).is_ok(), "followed");
    assert!(hook(&bench, &run(), HookPoint::PreReboot).is_ok(), "before the end");
    bench.set_clock("2026-11-24T16:00:00Z");
    bench.ask(Request::Delete { kind: "MaintenanceWindow".into(), name: "bench".into() }).unwrap();
    assert!(hook(&bench, &run(), HookPoint::PostInstall).is_ok());
    assert!(hook(&bench, &run(), HookPoint::OnExit).is_ok());
    assert!(hook(&bench, &run(), HookPoint::PreInstall).is_err(), "that is no end");
}

#[test]
fn attack_the_cutoff_passes_while_the_plan_is_checked() {
    let bench = machine();
    bench.survey();
    // The check itself takes a while: scanning moves the clock on.
    let moved = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (mark, time) = (std::sync::Arc::clone(&moved), bench.clock());
    bench.pm.on_simulate(move || {
        *time.lock().unwrap() = "2026-11-24T15:00:00Z".parse().unwrap();
        mark.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let why = install(&bench, &run(), 1).unwrap_err().why;
    assert!(moved.load(std::sync::atomic::Ordering::SeqCst) && why.contains("too late"), "{why}");
    undisturbed(&bench);
}

#[test]
fn in_its_window_a_run_finishes_what_others_left_half_done() {
    let bench = Bench::new(Fake::new().installed("jq", "1").broken("jq"));
    bench.apply(&default("all", 0)).unwrap();
    assert_eq!(bench.survey().repaired.unwrap(), "configured jq");
}

#[test]
fn attack_an_order_for_a_dry_run_is_used_for_a_real_one() {
    let bench = machine();
    let (run, dry) = placed(&bench, Order { dry_run: true, ..Order::default() });
    let why = bench.ask(looked(run.clone(), dry.clone(), false)).unwrap_err().why;
    assert!(why.contains("for a dry run"), "{why}");
    assert!(bench.ask(looked(run.clone(), dry.clone(), true)).is_ok());
    refused(&bench, &run, 1);
    // Not even where a plan is there that says so.
    bench.survey();
    let kept = crate::plans::get(&bench.desk, &crate::bench::run()).unwrap();
    let forged = Kept { run: run.clone(), basis: dry, ..kept };
    bench.desk.write(&crate::plans::path(&run), &forged).unwrap();
    assert!(refused(&bench, &run, 1).contains("for looking only"));
    // A real one may look before.
    let (run, real) = placed(&bench, Order { nonce: "1".into(), ..Order::default() });
    assert!(bench.ask(looked(run.clone(), real, true)).is_ok());
    refused(&bench, &run, 1);
}

#[test]
fn attack_an_order_that_has_expired_or_was_never_placed() {
    let bench = machine();
    let (run, basis) = placed(&bench, Order::default());
    bench.ask(looked(run.clone(), basis.clone(), false)).unwrap();
    bench.set_clock("2026-11-24T13:00:00Z");
    let why = install(&bench, &run, 1).unwrap_err().why;
    assert!(why.contains("too late"), "{why}");
    assert!(hook(&bench, &run, HookPoint::PreInstall).is_err());
    undisturbed(&bench);
    assert!(bench.ask(looked(run, basis, false)).unwrap_err().why.contains("the order expired"));
    let order: OrderId = "o-0123456789abcdef01234567".parse().unwrap();
    let run = RunId::of_order(&order);
    let why = bench.ask(looked(run.clone(), Basis::Order { order }, false)).unwrap_err().why;
    assert!(why.contains("there is no order"), "{why}");
    refused(&bench, &run, 1);
}

#[test]
fn what_the_agent_calls_its_node_is_bounded_and_never_more_than_a_name() {
    let bench = machine();
    bench.apply(&window("", "").replace("'*'", "n-1")).unwrap();
    bench.survey();
    for id in ["{\"id\":\"n-2\"}", "", "[]", "{\"id\":7}", &format!("{{\"id\":\"{}\"}}", "x".repeat(5000))] {
        bench.file(NODE_ID, id, 0o600);
        assert!(install(&bench, &run(), 1).unwrap_err().why.contains("no task patch for this node"));
    }
    std::fs::remove_file(bench.path(NODE_ID)).unwrap();
    std::os::unix::fs::symlink("/dev/zero", bench.path(NODE_ID)).unwrap();
    assert!(install(&bench, &run(), 1).is_err());
    std::fs::remove_file(bench.path("/").join(NODE_ID.trim_start_matches('/'))).unwrap();
    undisturbed(&bench);
    bench.file(NODE_ID, "{\"id\":\"n-1\",\"machine_id_hash\":null}", 0o600);
    assert!(install(&bench, &run(), 1).is_ok());
}

#[test]
fn tags_choose_as_the_configuration_has_them_now() {
    let bench = machine();
    let tagged = window("", "").replace("InstanceIds", "tag:Ring").replace("'*'", "late");
    bench.apply(&tagged).unwrap();
    bench.survey();
    assert!(install(&bench, &run(), 1).is_err());
    bench.file("/etc/patchflock/patchflock.toml", "[node.tags]\nRing = \"late\"\n", 0o644);
    assert!(install(&bench, &run(), 1).is_ok());
}
