//! How long policy takes: 5,000 packages against 10 rules, the size of a large machine and a large baseline, on rpm
//! and on apt, with short lists and with 50 approved and 50 rejected entries, half of them with wildcards.
//!
//! Prints the best and the median of many evaluations in this one run; `make bench` shows it. The aim is 20 ms.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its figures or says what is wrong"
)]

use std::time::Instant;

use chrono::{DateTime, Duration, TimeZone, Utc};
use patchflock_baselines::approval::evaluate;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::document::{self, Document};
use patchflock_baselines::inventory::{
    Advisory, Candidate, FORMAT, Inventory, Node, RebootEvidence, Source, SourceState,
};
use patchflock_baselines::os::OperatingSystem;

const PACKAGES: usize = 5_000;
const ROUNDS: usize = 60;

/// Filters and delays of the ten rules.
const RPM: [(&str, u32); 10] = [
    ("CLASSIFICATION: [Security], SEVERITY: [Critical]", 0),
    ("CLASSIFICATION: [Security], SEVERITY: [Important]", 1),
    ("CLASSIFICATION: [Security], SEVERITY: [Moderate]", 7),
    ("CLASSIFICATION: [Security], SEVERITY: [Low]", 14),
    ("CLASSIFICATION: [Bugfix], SEVERITY: [Critical]", 3),
    ("CLASSIFICATION: [Bugfix], SEVERITY: [Important]", 10),
    ("CLASSIFICATION: [Bugfix], SEVERITY: [None]", 21),
    ("CLASSIFICATION: [Enhancement], SEVERITY: [None]", 30),
    ("CLASSIFICATION: [Recommended], SEVERITY: [Low]", 60),
    ("CLASSIFICATION: [Newpackage], SEVERITY: [None]", 90),
];
const APT: [(&str, u32); 10] = [
    ("PRIORITY: [Required], SECTION: [libs, admin]", 0),
    ("PRIORITY: [Required, Important], SECTION: [net]", 1),
    ("PRIORITY: [Standard], SECTION: [libs]", 3),
    ("PRIORITY: [Standard], SECTION: [admin, net, web]", 5),
    ("PRIORITY: [Optional], SECTION: [web]", 7),
    ("PRIORITY: [Optional], SECTION: [net]", 10),
    ("PRIORITY: [Optional], SECTION: [devel, libdevel]", 14),
    ("PRIORITY: [Extra], SECTION: [games]", 30),
    ("SECTION: [doc]", 60),
    ("PRIORITY: [Required, Important, Standard, Optional, Extra], SECTION: [kernel]", 21),
];

fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).single().unwrap_or_default()
}

fn pick<'a>(list: &[&'a str], i: usize) -> &'a str {
    list.get(i % list.len()).copied().unwrap_or_default()
}

/// Entries of one list: names, ids and wildcards of every sort.
fn entries(seed: usize, count: usize) -> Vec<String> {
    let entry = |i: usize| match i % 8 {
        0 => format!("package-{}", seed + 97 * i),
        1 => format!("CVE-2026-{}", seed + 89 * i),
        2 => format!("kernel-rt-{seed}-{i}*"),
        3 => format!("package-{}*", seed + 1000 + i),
        4 => format!("lib{seed}{i}"),
        5 => format!("*-debug-{seed}-{i}"),
        6 => format!("RLSA-2026:{}", seed + 83 * i),
        _ => format!("pack*-{seed}-{i}*"),
    };
    (0..count).map(entry).collect()
}

fn baseline(os: OperatingSystem, rules: &[(&str, u32)], listed: usize) -> Baseline {
    let rules: String = rules
        .iter()
        .map(|(filters, days)| format!("    - filters: {{{filters}}}\n      approve_after_days: {days}\n"))
        .collect();
    let yaml = format!(
        "kind: PatchBaseline\nname: bench\nspec:\n  operating_system: {os}\n  approval_rules:\n{rules}"
    );
    match document::parse("bench", yaml.as_bytes()).map(|p| p.documents.into_iter().next()) {
        Ok(Some(Document::PatchBaseline(baseline))) => Baseline {
            approved_patches: entries(100, listed),
            rejected_patches: entries(300, listed),
            ..baseline
        },
        other => panic!("the bench's own baseline: {other:?}"),
    }
}

fn offered(i: usize) -> Candidate {
    Candidate {
        sources: vec!["baseos".into()],
        security: i.is_multiple_of(3),
        ..Candidate::bare(format!("package-{i}"), "x86_64", "1.2.3-4.el9", format!("1.2.{}-1.el9", 4 + i % 7))
    }
}

fn on_rpm(i: usize) -> Candidate {
    let notice = Advisory {
        id: format!("RLSA-2026:{i}"),
        classification: Some(pick(&["security", "bugfix", "enhancement"], i).to_owned()),
        severity: Some(pick(&["Critical", "Important", "Moderate", "Low", "None"], i).to_owned()),
        issued: Some(at() - Duration::days((i % 40) as i64)),
        updated: None,
        cves: vec![format!("CVE-2026-{i}")],
        bugzilla: Vec::new(),
        title: None,
        reboot_suggested: false,
    };
    Candidate { advisories: vec![notice], ..offered(i) }
}

/// Every second one is a security update, whose fix every fourth time is in an earlier version.
fn on_apt(i: usize) -> Vec<Candidate> {
    let one = Candidate {
        security: i.is_multiple_of(2),
        sources: vec![if i.is_multiple_of(2) { "security".into() } else { "baseos".into() }],
        section: Some(pick(&["libs", "net", "admin", "web", "devel", "doc", "games"], i).to_owned()),
        priority: Some(pick(&["optional", "standard", "required", "important", "extra"], i).to_owned()),
        build_time: Some(at() - Duration::days((i % 40) as i64)),
        ..offered(i)
    };
    let newer =
        Candidate { version: "1.3-1".into(), security: false, sources: vec!["baseos".into()], ..one.clone() };
    if i.is_multiple_of(4) { vec![one, newer] } else { vec![one] }
}

fn inventory(operating_system: OperatingSystem, candidates: Vec<Candidate>) -> Inventory {
    let source = |id: &str, security| Source {
        id: id.into(),
        origin: String::new(),
        label: String::new(),
        codename: format!("bench-{id}"),
        suite: String::new(),
        component: String::new(),
        security,
        metadata_date: Some(at()),
        valid_until: None,
        refreshed_at: Some(at()),
        state: SourceState::Readable,
    };
    Inventory {
        format: FORMAT,
        taken_at: at(),
        node: Node {
            hostname: "bench".into(),
            operating_system,
            product: "Product9.4".into(),
            pretty_name: "Product 9.4".into(),
            arch: "x86_64".into(),
            boot_id: None,
            booted_at: None,
            package_manager: "bench".into(),
            patch_group: None,
        },
        sources: vec![source("baseos", false), source("security", true)],
        installed: Vec::new(),
        candidates,
        sightings: Vec::new(),
        native: Vec::new(),
        foreign_updaters: Vec::new(),
        reboot: RebootEvidence::default(),
        services_to_restart: Vec::new(),
    }
}

fn main() {
    let rpm = inventory(OperatingSystem::RockyLinux, (0..PACKAGES).map(on_rpm).collect());
    let apt = inventory(OperatingSystem::Debian, (0..PACKAGES).flat_map(on_apt).collect());
    for (what, inventory, rules) in [("rpm", &rpm, &RPM), ("apt", &apt, &APT)] {
        for listed in [2, 50] {
            let baseline = baseline(inventory.node.operating_system, rules, listed);
            let mut times: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    let started = Instant::now();
                    let evaluation = evaluate(&baseline, inventory, at());
                    let took = started.elapsed().as_secs_f64() * 1e3;
                    assert_eq!(evaluation.map(|e| e.decisions.len()), Ok(inventory.candidates.len()));
                    took
                })
                .collect();
            times.sort_by(f64::total_cmp);
            println!(
                "policy: {what}, {PACKAGES} packages x 10 rules, lists of {listed}: best {:.2} ms, median {:.2} ms (aim 20 ms)",
                times.first().copied().unwrap_or_default(),
                times.get(ROUNDS / 2).copied().unwrap_or_default()
            );
        }
    }
}
