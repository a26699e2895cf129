//! What is told of a version by when it was first seen.

use patchflock_baselines::inventory::Node;
use patchflock_baselines::os::OperatingSystem;

use super::*;
use crate::pm::PackageManager;
use crate::pm::fake::{ARCH, Fake, SOURCE};

fn machine() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    (dir, root)
}

fn day(n: u32) -> String {
    format!("2026-11-{n:02}T00:00:00Z")
}

/// An inventory with these offers of `jq`, from one source signed on a day.
fn inventory(on: u32, offers: &[&str]) -> Inventory {
    let fake = offers.iter().fold(Fake::new().installed("jq", "1"), |fake, v| fake.offers("jq", v, &[]));
    let mut scan = fake.scan().unwrap();
    scan.sources[0].metadata_date = Some(day(on).parse().unwrap());
    Inventory {
        format: patchflock_baselines::inventory::FORMAT,
        taken_at: day(on).parse().unwrap(),
        node: Node {
            hostname: "bench".into(),
            operating_system: OperatingSystem::Debian,
            product: "Debian12".into(),
            pretty_name: "Debian".into(),
            arch: ARCH.into(),
            boot_id: None,
            booted_at: None,
            package_manager: scan.package_manager,
            patch_group: None,
        },
        sources: scan.sources,
        installed: scan.installed,
        candidates: scan.candidates,
        sightings: Vec::new(),
        native: scan.native,
        foreign_updaters: scan.foreign_updaters,
        reboot: scan.reboot,
        services_to_restart: scan.services_to_restart,
    }
}

fn ledger(root: &Root) -> Vec<Line> {
    lines::read(root, LEDGER, CAP).unwrap().entries
}

#[test]
fn what_appears_later_is_told_from_what_was_there_first_and_what_is_gone_is_remembered() {
    let (_dir, root) = machine();
    let seen = |on: u32, offers: &[&str]| {
        let mut inventory = inventory(on, offers);
        date(&root, &mut inventory, true).unwrap();
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
fn a_large_ledger_forgets_what_is_older_than_what_is_installed() {
    let (_dir, root) = machine();
    let old = |n: u32, name: &str| Line::Version {
        source: "Fake/Fake/stable".into(),
        name: name.into(),
        arch: ARCH.into(),
        version: format!("0.{n}"),
        security: false,
        at: day(1).parse().unwrap(),
        first_sight: false,
    };
    std::fs::create_dir_all(root.path("/var/lib/patchflock")).unwrap();
    let lines: Vec<Line> = (0..5_000).map(|n| old(n, "jq")).chain([old(1, "removed")]).collect();
    lines::append(&root, LEDGER, 0, &lines).unwrap();
    let mut now = inventory(2, &["2"]);
    date(&root, &mut now, true).unwrap();
    let mut again = inventory(5, &["2"]);
    compact(&root, ledger_of(&root), &again).unwrap();
    assert_eq!(ledger(&root).len(), 2);
    date(&root, &mut again, true).unwrap();
    assert_eq!(again.candidates[0].first_seen, now.candidates[0].first_seen);
}

fn ledger_of(root: &Root) -> Ledger {
    let mut all = Ledger::default();
    ledger(root).into_iter().for_each(|line| all.take(line));
    all
}
