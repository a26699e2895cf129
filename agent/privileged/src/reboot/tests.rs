//! A run reboots the machine once.

use patchflock_api::privileged::{Answer, Request};
use patchflock_api::run::TroubleKind;

use crate::bench::{Bench, run};

fn ask(bench: &Bench) -> Result<Answer, patchflock_api::run::Trouble> {
    bench.ask(Request::Reboot { run: run(), not_after: None })
}

#[test]
fn after_the_boot_id_has_changed_it_is_done_and_not_done_again() {
    let bench = Bench::ready();
    bench.boot("one\n");
    assert!(ask(&bench).is_ok() && ask(&bench).is_ok());
    assert_eq!(bench.asked(), ["reboot", "reboot"], "within one boot the order is only repeated");
    bench.boot("two\n");
    assert_eq!(ask(&bench).unwrap(), Answer::Rebooted { boot_id: Some("two".into()) });
    assert_eq!(bench.asked().len(), 2);
}

#[test]
fn a_refusal_is_told_and_a_running_transaction_is_not_cut_off() {
    let bench = Bench::ready();
    bench.boot("one\n");
    bench.systemctl(|_| (1, String::new()));
    assert_eq!(ask(&bench).unwrap_err().kind, TroubleKind::Failed);
    let _lock = patchflock_machine::lock::take(&bench.desk.root).unwrap();
    assert_eq!(ask(&bench).unwrap_err().kind, TroubleKind::Busy);
    assert_eq!(bench.asked().len(), 1);
}

#[test]
fn after_the_end_of_the_window_nothing_reboots() {
    let bench = Bench::ready();
    bench.boot("one\n");
    let not_after = Some(bench.time());
    let trouble = bench.ask(Request::Reboot { run: run(), not_after }).unwrap_err();
    assert!(trouble.why.contains("too late"), "{}", trouble.why);
    assert!(bench.asked().is_empty());
}
