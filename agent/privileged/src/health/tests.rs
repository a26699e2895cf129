//! Worse than before is told; what was so before is not.

use patchflock_api::privileged::Request;

use super::*;
use crate::bench::{Bench, run};

fn complaints(bench: &Bench) -> Vec<String> {
    match bench.ask(Request::Health { run: run() }) {
        Ok(Answer::Health { health }) => health.complaints,
        other => panic!("{other:?}"),
    }
}

/// A systemd with these failed units that says this of itself.
fn systemd(bench: &Bench, state: &'static str, failed: &'static str) {
    bench.systemctl(move |args| match args {
        ["list-units", ..] => (0, failed.into()),
        ["is-system-running", ..] => (i32::from(state != "running"), format!("{state}\n")),
        other => panic!("{other:?}"),
    });
}

const OLD: &str = "old.service loaded failed failed Old\n";
const BOTH: &str = "old.service loaded failed failed Old\nnew.service loaded failed failed New\n";

#[test]
fn only_units_that_had_not_failed_before_the_first_survey_are_named() {
    let bench = Bench::ready();
    systemd(&bench, "degraded", OLD);
    bench.survey();
    assert!(complaints(&bench).is_empty());
    systemd(&bench, "degraded", BOTH);
    // A later survey of the run does not make it the beginning.
    bench.survey();
    let found = complaints(&bench);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("new.service has failed"), "{found:?}");
}

#[test]
fn a_boot_that_goes_on_is_waited_for() {
    let bench = Bench::ready();
    systemd(&bench, "running", "");
    bench.survey();
    let looks = std::sync::atomic::AtomicU32::new(0);
    bench.systemctl(move |args| match args {
        ["list-units", ..] => (0, String::new()),
        _ if looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => (1, "starting\n".into()),
        _ => (0, "running\n".into()),
    });
    assert!(complaints(&bench).is_empty());
    assert_eq!(bench.asked().iter().filter(|a| a.starts_with("is-system-running")).count(), 2);
    systemd(&bench, "maintenance", "");
    assert_eq!(complaints(&bench), ["the system is in the state maintenance"]);
}

#[test]
fn without_a_survey_there_is_nothing_to_compare_with() {
    let why = Bench::ready().ask(Request::Health { run: run() }).unwrap_err().why;
    assert!(why.contains(run().as_str()), "{why}");
}
