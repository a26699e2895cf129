//! Attacks of an agent that wants to disturb the machine when nobody allowed it: what it may ask for, in the worst order
//! and at the worst time. It can name firings and orders as it likes; it cannot write documents, orders or the clock.

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
fn attack_a_second_transaction_in_one_firing_or_by_one_order() {
    let bench = machine();
    let (of_order, order) = placed(&bench, Order::default());
    for (n, (run, basis)) in [(run(), basis()), (of_order, order)].into_iter().enumerate() {
        let token = 10 * (n as u64 + 1);
        bench.ask(looked(run.clone(), basis.clone(), false)).unwrap();
        assert!(install(&bench, &run, token).is_ok());
        assert!(install(&bench, &run, token).is_ok(), "the same one is only told of again");
        bench.scripted_install(|_| panic!("a second transaction"));
        bench.ask(looked(run.clone(), basis, false)).unwrap();
        let why = install(&bench, &run, token + 1).unwrap_err().why;
        assert!(why.contains("is over"), "{why}");
        bench.scripted_install(|_| None);
    }
}

#[test]
fn attack_a_run_that_failed_is_begun_again() {
    let bench = machine();
    bench.survey();
    let failed =
        || patchflock_machine::pm::PmError::Failed { what: "apt-get".into(), tool_says: "no".into() };
    bench.scripted_install(move |_| Some(Err(failed())));
    assert_eq!(install(&bench, &run(), 1).unwrap_err().kind, TroubleKind::Failed);
    bench.scripted_install(|_| panic!("a second transaction"));
    assert!(install(&bench, &run(), 2).unwrap_err().why.contains("is over"));
}

#[test]
fn in_its_window_a_run_finishes_what_others_left_half_done() {
    let bench = Bench::new(Fake::new().installed("jq", "1").broken("jq"));
    bench.apply(&default("all", 0)).unwrap();
    assert_eq!(bench.survey().repaired.unwrap(), "configured jq");
}

#[test]
fn what_changed_nothing_is_planned_anew_and_what_was_interrupted_four_times_is_not() {
    let mut bench = machine();
    bench.survey();
    // The package manager refuses the plan: nothing has changed, and a new token may try again.
    let differs =
        || patchflock_machine::pm::PmError::NotThePlan { difference: "libc6 would be removed".into() };
    bench.scripted_install(move |_| Some(Err(differs())));
    for token in 1..=6 {
        assert_eq!(install(&bench, &run(), token).unwrap_err().kind, TroubleKind::PlanChanged);
        bench.survey();
    }
    // Guards that begin and are gone.
    let root = bench.desk.root.clone();
    let start = std::mem::replace(
        &mut bench.desk.start,
        Box::new(move |_, token| {
            let progress = root.path(crate::install::file(token, "progress.jsonl"));
            std::fs::write(progress, "\"the transaction begins\"\n").unwrap();
            Ok(())
        }),
    );
    for token in 11..=14 {
        assert_eq!(install(&bench, &run(), token).unwrap_err().kind, TroubleKind::Interrupted);
        assert_eq!(install(&bench, &run(), token).unwrap_err().kind, TroubleKind::Interrupted, "told again");
        bench.survey();
    }
    bench.desk.start = start;
    let why = install(&bench, &run(), 15).unwrap_err().why;
    assert!(why.contains("4 transactions of the run"), "{why}");
    assert_eq!(bench.version("jq"), "1");
}

#[test]
fn attack_a_new_token_while_the_first_transaction_is_at_work() {
    let bench = machine();
    bench.survey();
    assert!(install(&bench, &run(), 1).is_ok());
    std::fs::remove_file(bench.path(&crate::install::file(1, "result.json"))).unwrap();
    let lock = patchflock_machine::lock::take_at(bench.path(&crate::install::file(1, "lock"))).unwrap();
    bench.scripted_install(|_| panic!("a second transaction"));
    let trouble = install(&bench, &run(), 2).unwrap_err();
    assert!(trouble.kind == TroubleKind::Busy && trouble.why.contains("still at work"), "{}", trouble.why);
    // Nor do the hooks that come after it run beside it.
    for point in [HookPoint::PostInstall, HookPoint::OnExit] {
        assert_eq!(hook(&bench, &run(), point).unwrap_err().kind, TroubleKind::Busy);
    }
    assert!(!bench.path("/hooked").exists());
    drop(lock);
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
fn attack_a_reboot_that_the_task_or_the_order_leaves_out_or_that_nothing_asks_for() {
    let bench = machine();
    bench.apply(&window("", ", reboot_option: NoReboot")).unwrap();
    bench.survey();
    assert!(reboot(&bench, &run()).unwrap_err().why.contains("is not to reboot"));
    assert!(hook(&bench, &run(), HookPoint::PreReboot).is_err());
    let (never, basis) = placed(&bench, Order { reboot: RebootChoice::Never, ..Order::default() });
    bench.ask(looked(never.clone(), basis, false)).unwrap();
    assert!(reboot(&bench, &never).unwrap_err().why.contains("is not to reboot"));
    undisturbed(&bench);
    // Needed, or always: only then.
    let (needed, basis) = placed(&bench, Order::default());
    for (shows, ends) in [(Some(false), false), (None, false), (Some(true), true)] {
        *bench.pm.reboot.lock().unwrap() = shows;
        bench.ask(looked(needed.clone(), basis.clone(), false)).unwrap();
        assert_eq!(reboot(&bench, &needed).is_ok(), ends, "{shows:?}");
    }
    *bench.pm.reboot.lock().unwrap() = Some(false);
    let (always, basis) = placed(&bench, Order { reboot: RebootChoice::Always, ..Order::default() });
    bench.ask(looked(always.clone(), basis, false)).unwrap();
    assert!(reboot(&bench, &always).is_ok());
}

#[test]
fn attack_a_reboot_after_the_end_of_the_window_or_a_day_after_the_order() {
    let bench = machine();
    let (of_order, order) = placed(&bench, Order::default());
    bench.survey();
    bench.ask(looked(of_order.clone(), order, false)).unwrap();
    for (run, last, late) in [
        (run(), "2026-11-24T15:59:59Z", "2026-11-24T16:00:00Z"),
        (of_order, "2026-11-25T12:59:59Z", "2026-11-25T13:00:00Z"),
    ] {
        bench.set_clock(late);
        assert!(reboot(&bench, &run).unwrap_err().why.contains("too late"));
        assert!(hook(&bench, &run, HookPoint::PreReboot).is_err());
        undisturbed_by_reboots(&bench);
        bench.set_clock(last);
        assert!(reboot(&bench, &run).is_ok());
        std::fs::remove_dir_all(bench.path("/var/lib/patchflock/reboots")).unwrap();
    }
}

fn undisturbed_by_reboots(bench: &Bench) {
    assert!(!bench.path("/var/lib/patchflock/reboots").exists());
}

#[test]
fn attack_tokens_that_leave_no_room_for_a_newer_one() {
    let bench = machine();
    bench.survey();
    for token in [u64::MAX, TOKEN_MAX + 1] {
        let why = install(&bench, &run(), token).unwrap_err().why;
        assert!(why.contains("larger than any slot gives"), "{why}");
    }
    undisturbed(&bench);
    // The largest blocks the agent's own later runs; whoever is told so is told what helps.
    assert!(install(&bench, &run(), TOKEN_MAX).is_ok());
    let (next, basis) = placed(&bench, Order::default());
    bench.ask(looked(next.clone(), basis, false)).unwrap();
    let why = install(&bench, &next, 1_800_000_000_000).unwrap_err().why;
    assert!(why.contains("root removes /var/lib/patchflock/newest-token"), "{why}");
    std::fs::remove_file(bench.path("/var/lib/patchflock/newest-token")).unwrap();
    assert!(install(&bench, &next, 1_800_000_000_000).is_ok());
}

#[test]
fn attack_names_of_runs_that_collide_with_files_of_others() {
    let bench = machine();
    *bench.pm.reboot.lock().unwrap() = Some(true);
    bench.survey();
    // Once these were the names of the marker of a reboot, of the failed units, and of a record.
    for tail in ["-reboot", "-health", "-before-1", "-pre-install"] {
        let other: RunId = format!("{}{tail}", run()).parse().unwrap();
        bench.ask(looked(other.clone(), Basis::Look {}, false)).unwrap();
        refused(&bench, &other, 1);
    }
    assert!(install(&bench, &run(), 1).is_ok());
    assert_eq!(reboot(&bench, &run()), Ok(Answer::Done {}), "none of them counts as this run's");
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

#[test]
fn after_an_order_has_expired_its_run_is_still_proven_and_rebooted() {
    let bench = machine();
    bench.apply(&baseline("all", 0)).unwrap();
    let (run, basis) = placed(&bench, Order::default());
    bench.ask(looked(run.clone(), basis.clone(), false)).unwrap();
    assert!(install(&bench, &run, 1).is_ok());
    bench.set_clock("2026-11-24T13:30:00Z");
    let proven = Request::Survey { run: run.clone(), refresh: false, dry_run: false, basis, attempted: true };
    assert!(bench.ask(proven).is_ok());
    assert!(hook(&bench, &run, HookPoint::PostInstall).is_ok());
    assert!(reboot(&bench, &run).is_ok());
    assert!(hook(&bench, &run, HookPoint::OnExit).is_ok());
}

#[test]
fn where_the_baseline_is_gone_after_the_installation_the_reboot_is_still_due_and_nothing_more_is_installed() {
    let bench = machine();
    bench.survey();
    assert!(install(&bench, &run(), 1).is_ok());
    bench.ask(Request::Delete { kind: "PatchBaseline".into(), name: "all".into() }).unwrap();
    let proven =
        Request::Survey { run: run(), refresh: false, dry_run: false, basis: basis(), attempted: true };
    assert!(bench.ask(proven).is_ok());
    assert!(hook(&bench, &run(), HookPoint::PreReboot).is_ok());
    assert!(reboot(&bench, &run()).is_ok());
    assert!(install(&bench, &run(), 2).is_err());
}
