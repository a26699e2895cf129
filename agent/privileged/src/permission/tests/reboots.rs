//! Attacks on the reboot and on the end of a run, and what of it is allowed.

use super::*;

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
