//! A run reboots the machine once.

use patchflock_api::privileged::{Answer, Request};
use patchflock_api::run::TroubleKind;

use crate::bench::{Bench, run};

/// A machine that wants a reboot, looked at by a run that may give it one.
fn machine() -> Bench {
    let bench = Bench::ready();
    *bench.pm.reboot.lock().unwrap() = Some(true);
    bench.boot("one\n");
    bench.survey();
    bench
}

fn ask(bench: &Bench) -> Result<Answer, patchflock_api::run::Trouble> {
    bench.ask(Request::Reboot { run: run() })
}

fn reboots(bench: &Bench) -> usize {
    bench.asked().iter().filter(|asked| *asked == "reboot").count()
}

#[test]
fn after_the_boot_id_has_changed_it_is_done_and_not_done_again() {
    let bench = machine();
    assert!(ask(&bench).is_ok() && ask(&bench).is_ok());
    assert_eq!(reboots(&bench), 2, "within one boot the order is only repeated");
    bench.boot("two\n");
    // Whatever the time and the documents say by then.
    bench.set_clock("2026-11-25T12:00:00Z");
    bench.ask(Request::Delete { kind: "MaintenanceWindow".into(), name: "bench".into() }).unwrap();
    assert_eq!(ask(&bench).unwrap(), Answer::Rebooted { boot_id: Some("two".into()) });
    assert_eq!(reboots(&bench), 2);
}

#[test]
fn a_refusal_is_told_and_a_running_transaction_is_not_cut_off() {
    let bench = machine();
    bench.systemctl(|_| (1, String::new()));
    assert_eq!(ask(&bench).unwrap_err().kind, TroubleKind::Failed);
    let _lock = patchflock_machine::lock::take(&bench.desk.root).unwrap();
    assert_eq!(ask(&bench).unwrap_err().kind, TroubleKind::Busy);
    assert_eq!(reboots(&bench), 1);
}

#[test]
fn a_reboot_that_was_refused_for_a_transaction_does_not_count_as_done_after_the_next_boot() {
    let bench = machine();
    let lock = patchflock_machine::lock::take(&bench.desk.root).unwrap();
    assert_eq!(ask(&bench).unwrap_err().kind, TroubleKind::Busy);
    drop(lock);
    bench.boot("two\n");
    assert_eq!(ask(&bench).unwrap(), Answer::Done {});
    assert_eq!(reboots(&bench), 1);
}
