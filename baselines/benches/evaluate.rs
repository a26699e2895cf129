//! How long policy takes: 5,000 packages against 10 rules, the size of a large machine and a large baseline.
//!
//! Prints the best and the median of many evaluations in this one run; `make bench` shows it. The aim is 20 ms.

use std::time::Instant;

use chrono::{DateTime, Duration, TimeZone, Utc};
use patchflock_baselines::approval::evaluate;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::document::{self, Document};
use patchflock_baselines::inventory::{
    Advisory, Candidate, FORMAT, Installed, Inventory, Node, RebootEvidence, Source, SourceState,
};
use patchflock_baselines::os::OperatingSystem;

const PACKAGES: usize = 5_000;
const ROUNDS: usize = 60;

fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).single().unwrap_or_default()
}

fn baseline() -> Baseline {
    let rules: String = [
        ("Security", "Critical", 0),
        ("Security", "Important", 1),
        ("Security", "Moderate", 7),
        ("Security", "Low", 14),
        ("Bugfix", "Critical", 3),
        ("Bugfix", "Important", 10),
        ("Bugfix", "None", 21),
        ("Enhancement", "None", 30),
        ("Recommended", "Low", 60),
        ("Newpackage", "None", 90),
    ]
    .iter()
    .map(|(class, severity, days)| {
        format!(
            "    - filters: {{CLASSIFICATION: [{class}], SEVERITY: [{severity}]}}\n      approve_after_days: {days}\n"
        )
    })
    .collect();
    let yaml = format!(
        "kind: PatchBaseline\nname: bench\nspec:\n  operating_system: ROCKY_LINUX\n  approval_rules:\n{rules}  \
         rejected_patches: [\"kernel-rt*\", \"CVE-2020-1\"]\n"
    );
    match document::parse("bench", yaml.as_bytes()).map(|p| p.documents.into_iter().next()) {
        Ok(Some(Document::PatchBaseline(baseline))) => baseline,
        other => panic!("the bench's own baseline: {other:?}"),
    }
}

fn inventory() -> Inventory {
    let classes = ["security", "bugfix", "enhancement"];
    let severities = ["Critical", "Important", "Moderate", "Low", "None"];
    let installed = |i: usize| Installed {
        name: format!("package-{i}"),
        arch: "x86_64".into(),
        version: "1.2.3-4.el9".into(),
        section: None,
        priority: None,
        auto: i % 3 == 0,
        installed_at: None,
        broken: false,
        sources: vec!["baseos".into()],
        advisories: Vec::new(),
        build_time: Some(at() - Duration::days(400)),
    };
    let candidate = |i: usize| Candidate {
        name: format!("package-{i}"),
        arch: "x86_64".into(),
        installed: "1.2.3-4.el9".into(),
        version: format!("1.2.{}-1.el9", 4 + i % 7),
        title: None,
        sources: vec!["baseos".into()],
        security: i % 3 == 0,
        section: None,
        priority: None,
        product: None,
        product_family: None,
        patch_set: None,
        advisories: vec![Advisory {
            id: format!("RLSA-2026:{i}"),
            classification: classes.get(i % 3).map(|c| (*c).to_owned()),
            severity: severities.get(i % 5).map(|s| (*s).to_owned()),
            issued: Some(at() - Duration::days((i % 40) as i64)),
            updated: None,
            cves: vec![format!("CVE-2026-{i}")],
            bugzilla: Vec::new(),
            title: None,
            reboot_suggested: false,
        }],
        aliases: Vec::new(),
        packages: Vec::new(),
        build_time: None,
        first_seen: None,
        held: None,
        phased: None,
        obsoletes: false,
        size: None,
    };
    Inventory {
        format: FORMAT,
        taken_at: at(),
        node: Node {
            hostname: "bench".into(),
            operating_system: OperatingSystem::RockyLinux,
            product: "RockyLinux9.4".into(),
            pretty_name: "Rocky Linux 9.4".into(),
            arch: "x86_64".into(),
            boot_id: None,
            booted_at: None,
            package_manager: "dnf 4.14".into(),
            patch_group: None,
        },
        sources: vec![Source {
            id: "baseos".into(),
            origin: String::new(),
            label: String::new(),
            codename: String::new(),
            suite: String::new(),
            component: String::new(),
            security: false,
            metadata_date: Some(at()),
            valid_until: None,
            refreshed_at: Some(at()),
            state: SourceState::Readable,
        }],
        installed: (0..PACKAGES).map(installed).collect(),
        candidates: (0..PACKAGES).map(candidate).collect(),
        sightings: Vec::new(),
        native: Vec::new(),
        foreign_updaters: Vec::new(),
        reboot: RebootEvidence::default(),
        services_to_restart: Vec::new(),
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let (baseline, inventory) = (baseline(), inventory());
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            let evaluation = evaluate(&baseline, &inventory, at());
            let took = started.elapsed().as_secs_f64() * 1e3;
            assert_eq!(evaluation.map(|e| e.decisions.len()), Ok(PACKAGES));
            took
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "policy: {PACKAGES} packages x 10 rules: best {:.2} ms, median {:.2} ms (aim 20 ms)",
        times.first().copied().unwrap_or_default(),
        times.get(ROUNDS / 2).copied().unwrap_or_default()
    );
}
