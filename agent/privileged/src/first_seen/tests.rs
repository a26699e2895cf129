//! A version keeps its age, whatever is signed anew and whatever is damaged.

use patchflock_machine::pm::fake::{ARCH, Fake, SOURCE};

use super::*;
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

fn ledger(bench: &Bench) -> Vec<Line> {
    lines::read(&bench.desk.root, LEDGER, CAP).unwrap().entries
}

#[test]
fn a_version_is_approved_after_its_delay_although_the_index_is_signed_anew_every_day() {
    let bench = Bench::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    bench.apply(&default("week", 7)).unwrap();
    for on in 1..=7 {
        assert!(planned(&bench, on).is_empty(), "day {on}");
    }
    assert_eq!(planned(&bench, 8), ["jq"]);
    assert_eq!(ledger(&bench).len(), 2, "one line for the source, one for the version");
}

#[test]
fn without_a_date_in_the_index_nothing_is_dated() {
    let bench = Bench::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    bench.survey();
    assert!(ledger(&bench).is_empty());
}

/// An inventory with these offers of `jq`, from one source signed on a day.
fn inventory(on: u32, offers: &[&str]) -> Inventory {
    let bench =
        Bench::new(offers.iter().fold(Fake::new().installed("jq", "1"), |f, v| f.offers("jq", v, &[])));
    let mut found =
        (bench.desk.open)(&bench.desk.root, bench.time()).unwrap().inventory(bench.time()).unwrap();
    found.sources[0].metadata_date = Some(day(on).parse().unwrap());
    found
}

#[test]
fn what_appears_later_is_told_from_what_was_there_first_and_what_is_gone_is_remembered() {
    let bench = Bench::ready();
    let seen = |on: u32, offers: &[&str]| {
        let mut inventory = inventory(on, offers);
        date(&bench.desk, &mut inventory, true).unwrap();
        inventory
    };
    let first = seen(1, &["2"]);
    let at = |n| day(n).parse().unwrap();
    assert_eq!(first.candidates[0].first_seen, Some(FirstSeen { at: at(1), at_first_sight_of_source: true }));
    let second = seen(3, &["3"]);
    assert_eq!(
        second.candidates[0].first_seen,
        Some(FirstSeen { at: at(3), at_first_sight_of_source: false })
    );
    let gone =
        Sighting { name: "jq".into(), arch: ARCH.into(), version: "2".into(), security: false, at: at(1) };
    assert_eq!(second.sightings, [gone]);
}

#[test]
fn a_source_is_what_it_calls_itself_and_never_an_address() {
    let mut found = inventory(1, &["2"]);
    let source = |inventory: &mut Inventory, origin: &str, label: &str, codename: &str| {
        let s = &mut inventory.sources[0];
        (s.origin, s.label, s.codename) = (origin.into(), label.into(), codename.into());
        key(s)
    };
    assert_eq!(
        source(&mut found, "Debian", "Debian-Security", "bookworm").unwrap(),
        "Debian/Debian-Security/bookworm"
    );
    assert_eq!(source(&mut found, "vendor", "", "").unwrap(), format!("vendor//{SOURCE}"));
    assert_eq!(source(&mut found, "", "http://mirror", ""), None);
}

#[test]
fn what_is_damaged_in_the_ledger_costs_time_and_nothing_else() {
    let bench = Bench::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    bench.apply(&default("week", 7)).unwrap();
    planned(&bench, 1);
    let whole = std::fs::read(bench.path(LEDGER)).unwrap();
    std::fs::write(bench.path(LEDGER), &whole[..whole.len() - 9]).unwrap();
    assert_eq!(planned(&bench, 8), ["jq"], "the version was written before its source");
    assert!(lines::read::<Line>(&bench.desk.root, LEDGER, CAP).unwrap().warnings.is_empty());
}

#[test]
fn a_large_ledger_forgets_what_is_older_than_what_is_installed() {
    let bench = Bench::ready();
    let old = |n: u32, name: &str| Line::Version {
        source: "Fake/Fake/stable".into(),
        name: name.into(),
        arch: ARCH.into(),
        version: format!("0.{n}"),
        security: false,
        at: day(1).parse().unwrap(),
        first_sight: false,
    };
    std::fs::create_dir_all(bench.path(crate::STATE)).unwrap();
    let lines: Vec<Line> = (0..5_000).map(|n| old(n, "jq")).chain([old(1, "removed")]).collect();
    lines::append(&bench.desk.root, LEDGER, 0, &lines).unwrap();
    let mut now = inventory(2, &["2"]);
    date(&bench.desk, &mut now, true).unwrap();
    let mut again = inventory(5, &["2"]);
    compact(&bench.desk, ledger_of(&bench), &again).unwrap();
    assert_eq!(ledger(&bench).len(), 2);
    date(&bench.desk, &mut again, true).unwrap();
    assert_eq!(again.candidates[0].first_seen, now.candidates[0].first_seen);
}

fn ledger_of(bench: &Bench) -> Ledger {
    let mut all = Ledger::default();
    ledger(bench).into_iter().for_each(|line| all.take(line));
    all
}
