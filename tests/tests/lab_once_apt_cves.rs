//! On apt the record and the result say which CVEs the installed packages fix, by the changelogs in them.
#![cfg(feature = "lab")]

use std::collections::BTreeSet;

use patchflock_baselines::plan::{Item, Plan, Role, Target};
use patchflock_machine::pm::PackageManager;
use patchflock_machine::pm::apt::Apt;
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::site::{SECURITY, Site};
use serde_json::json;

/// An entry of a changelog.
fn entry(version: &str, cve: &str) -> String {
    format!(
        "tool ({version}) bookworm-security; urgency=high\n\n  * Fix {cve}.\n\n -- Lab <lab@localhost>  Tue, 24 Nov \
         2026 12:00:00 +0000\n\n"
    )
}

#[test]
fn only_cves_since_the_installed_version_are_told_also_by_packages_that_share_a_changelog() {
    // Rebuilt without a change: the entry of 1.0-1 counts as installed.
    let rebuilt = Deb::new("tool", "1:1.0-1+b1").field("Source", "tool (1:1.0-1)");
    let of = |name: &str, version: &str| Deb::new(name, version).field("Source", "tool");
    // `alib` comes before `tool`, whose changelog it links to.
    let mut site = Site::new([rebuilt, of("alib", "1:1.0-1"), Deb::new("plain", "1.0")]).unwrap();
    let entries = [
        entry("1:1.0-3", "CVE-2026-0003, cve-2026-0002"),
        entry("1:1.0-2", "CVE-2026-0002"),
        entry("1:1.0-1", "CVE-2026-0001"),
    ];
    let tool = of("tool", "1:1.0-3").changelog(&entries.concat()).unwrap();
    let alib = of("alib", "1:1.0-3").link("/usr/share/doc/alib", "tool");
    let broken = Deb::new("plain", "1.1").file("/usr/share/doc/plain/changelog.Debian.gz", "CVE-2026-9999");
    let new = Deb::new("fresh", "1.0").changelog(&entry("1.0", "CVE-2026-8888")).unwrap();
    site.publish(SECURITY, [tool, alib, broken.depends("fresh"), new]).unwrap();

    let out = site.patchflock(["once", "--yes"]).unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert_eq!(out.code, 0, "{said}");
    let cves = ["CVE-2026-0002", "CVE-2026-0003"];
    let fixes = |name: &str| json!({"name": name, "arch": "all", "version": "1:1.0-3", "cves": cves});
    assert_eq!(site.record().unwrap()["fixes"], json!([fixes("alib"), fixes("tool")]), "{said}");
    let lines = "installed 4 of 4 packages\n\
                 alib: fixes CVE-2026-0002, CVE-2026-0003 (its changelog)\n\
                 tool: fixes CVE-2026-0002, CVE-2026-0003 (its changelog)\n\
                 before: ";
    assert!(said.contains(lines), "{said}");
}

#[test]
fn the_changelogs_of_real_updates_are_read() {
    let root = RootDir::new(&Base::debian().unwrap()).unwrap();
    root.use_mirror().unwrap();
    let apt = Apt::new(root.root());
    let scan = apt.scan().unwrap();
    let target = |c: &patchflock_baselines::inventory::Candidate| Target {
        name: c.name.clone(),
        arch: c.arch.clone(),
        version: c.version.clone(),
    };
    let targets: Vec<Target> = scan.candidates.iter().map(target).collect();
    let simulation = apt.simulate(&targets).unwrap();
    let item = |c: patchflock_baselines::plan::Change| Item {
        name: c.name,
        arch: c.arch,
        from: c.from,
        to: c.to.unwrap(),
        role: Role::Approved { reason: "it is real".into() },
    };
    let plan = Plan { items: simulation.changes.into_iter().map(item).collect(), held: Vec::new() };
    assert!(!plan.items.is_empty(), "nothing to upgrade: {targets:?}");
    apt.fetch(&plan, &mut |_| {}).unwrap();
    let fixes = apt.fixes(&plan);
    let mut compared = 0;
    for item in &plan.items {
        let found = fixes.iter().find(|f| f.name == item.name && f.arch == item.arch);
        let Some(from) = &item.from else {
            assert_eq!(found, None);
            continue;
        };
        // The same from an unpacked package, where it has a changelog with the installed version in it.
        let doc = format!("/root/x/usr/share/doc/{}", item.name);
        let text = root.run(&format!(
            "rm -rf /root/x; dpkg-deb -x /var/cache/apt/archives/{}_*.deb /root/x; test ! -L {doc} && zcat \
             {doc}/changelog.Debian.gz || zcat {doc}/changelog.gz",
            item.name
        ));
        let text = text.unwrap().stdout_text().into_owned();
        let Some((newer, _)) = text.split_once(&format!(" ({from}) ")) else { continue };
        let words = newer.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let cves: BTreeSet<&str> =
            words.map(|w| w.trim_end_matches('-')).filter(|w| w.starts_with("CVE-2")).collect();
        let told = found.iter().flat_map(|f| &f.cves).map(String::as_str).collect();
        assert_eq!(cves, told, "{}", item.name);
        compared += 1;
    }
    assert!(compared > 0, "no update has a changelog with the installed version: {:?}", plan.items);
}
