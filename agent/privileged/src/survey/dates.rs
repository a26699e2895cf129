//! Approval delays where the vendor gives no dates: a version keeps its age (the ledger of first sights).

use patchflock_machine::first_seen::LEDGER;
use patchflock_machine::pm::fake::Fake;

use crate::bench::{Bench, default, items};

fn day(n: u32) -> String {
    format!("2026-11-{n:02}T00:00:00Z")
}

/// Looks at the machine on a day, with an index that was signed at its beginning; what is planned.
fn planned(bench: &Bench, on: u32) -> Vec<String> {
    bench.set_clock(&format!("2026-11-{on:02}T06:00:00Z"));
    *bench.pm.index.lock().unwrap() = Some(day(on).parse().unwrap());
    items(&bench.survey().plan).into_iter().map(str::to_owned).collect()
}

fn ledger(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path(LEDGER)).unwrap_or_default()
}

#[test]
fn a_version_is_approved_after_its_delay_although_the_index_is_signed_anew_every_day() {
    let bench = Bench::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    bench.apply(&default("week", 7)).unwrap();
    for on in 1..=7 {
        assert!(planned(&bench, on).is_empty(), "day {on}");
    }
    assert_eq!(planned(&bench, 8), ["jq"]);
    assert_eq!(ledger(&bench).lines().count(), 2, "one line for the source, one for the version");
}

#[test]
fn without_a_date_in_the_index_nothing_is_dated() {
    let bench = Bench::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    bench.survey();
    assert!(ledger(&bench).is_empty());
}

#[test]
fn what_is_damaged_in_the_ledger_costs_time_and_nothing_else() {
    let bench = Bench::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    bench.apply(&default("week", 7)).unwrap();
    planned(&bench, 1);
    let whole = std::fs::read(bench.path(LEDGER)).unwrap();
    std::fs::write(bench.path(LEDGER), &whole[..whole.len() - 9]).unwrap();
    assert_eq!(planned(&bench, 8), ["jq"], "the version was written before its source");
    assert!(ledger(&bench).ends_with("}\n"));
}
