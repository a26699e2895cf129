//! Which of several versions on rpm, by what notices say of each: the two columns of commands in reference 1.6 step
//! 4, row "RHEL 8-10, Rocky, Alma". The lab runs the same packages through the commands themselves.

#![allow(clippy::expect_used, reason = "a missing decision must end the test")]

#[path = "sample/machine.rs"]
mod machine;

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use machine::*;
use patchflock_baselines::approval::{Decision, Verdict, evaluate};
use patchflock_baselines::baseline::FilterKey::{Classification, Severity};
use patchflock_baselines::baseline::*;
use patchflock_baselines::inventory::*;

const AT_ONCE: Approve = Approve::AfterDays(0);
const SECURITY: (FilterKey, &[&str]) = (Classification, &["Security"]);
const HIGH: (FilterKey, &[&str]) = (Severity, &["Critical", "Important"]);
const BUGFIX: (FilterKey, &[&str]) = (Classification, &["Bugfix"]);

fn now() -> DateTime<Utc> {
    time("2026-11-24T12:00:00Z")
}

/// `Class` or `Class/Severity` of the notice of 1.1, 1.2, …; empty where no notice names the version.
const OFFERS: [(&str, &[&str]); 7] = [
    ("enhanced", &["enhancement"]),
    ("fixed-then-bugfix", &["security/Critical", "bugfix"]),
    ("fixed-then-enhanced", &["security/Important", "enhancement"]),
    ("fixed-then-low", &["security/Important", "security/Low"]),
    ("fixed-then-unnamed", &["security/Important", ""]),
    ("low-then-fixed", &["security/Low", "security/Important"]),
    ("unnamed", &[""]),
];

fn offers() -> Inventory {
    let mut inventory = rhel();
    for (name, notices) in OFFERS {
        for (index, notice) in notices.iter().enumerate() {
            inventory.candidates.push(version(name, index + 1, notice));
        }
    }
    inventory
}

fn version(name: &str, minor: usize, notice: &str) -> Candidate {
    let plain = Candidate {
        build_time: Some(time(&format!("2026-11-{:02}", minor * 10))),
        ..candidate(name, "1.0-1", &format!("1.{minor}-1"), "baseos")
    };
    let (class, severity) = notice.split_once('/').unwrap_or((notice, ""));
    match class {
        "" => plain,
        _ => {
            let id = format!("LAB-{name}-{minor}");
            let issued = format!("2026-11-{:02}", minor * 10);
            with_advisory(plain, advisory(&id, class, severity, &issued))
        }
    }
}

fn decisions(inventory: &Inventory, rules: Vec<Rule>) -> Vec<Decision> {
    evaluate(&baseline(inventory, rules), inventory, now()).expect("same operating system").decisions
}

/// The chosen version of each package, in one line.
fn chosen(inventory: &Inventory, rules: Vec<Rule>) -> String {
    decisions(inventory, rules)
        .into_iter()
        .filter(|d| d.chosen)
        .map(|d| format!("{} {}", d.name, d.version.trim_end_matches("-1")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// As in the quoted commands: Security of both severities, and Bugfix.
fn quoted(enable_non_security: bool) -> Vec<Rule> {
    vec![
        Rule { enable_non_security, ..rule(&[SECURITY, HIGH], AT_ONCE) },
        Rule { enable_non_security, ..rule(&[BUGFIX], AT_ONCE) },
    ]
}

#[test]
fn the_flag_makes_of_the_newest_noticed_version_the_newest_of_what_is_noticed_1_6_4() {
    let inventory = offers();
    let mut table = String::new();
    for (what, rules) in [
        ("upgrade-minimal (filters, off)", quoted(false)),
        ("upgrade (filters, on)", quoted(true)),
        ("upgrade-minimal --security (no filters, off)", vec![rule(&[], AT_ONCE)]),
        ("upgrade (no filters, on)", vec![everything()]),
    ] {
        writeln!(table, "{what}: {}", chosen(&inventory, rules)).expect("a string takes text");
    }
    insta::assert_snapshot!(table, @r"
    upgrade-minimal (filters, off): fixed-then-bugfix 1.2, fixed-then-enhanced 1.1, fixed-then-low 1.1, fixed-then-unnamed 1.1, low-then-fixed 1.2
    upgrade (filters, on): fixed-then-bugfix 1.2, fixed-then-enhanced 1.2, fixed-then-low 1.2, fixed-then-unnamed 1.2, low-then-fixed 1.2
    upgrade-minimal --security (no filters, off): fixed-then-bugfix 1.1, fixed-then-enhanced 1.1, fixed-then-low 1.2, fixed-then-unnamed 1.1, low-then-fixed 1.2
    upgrade (no filters, on): enhanced 1.1, fixed-then-bugfix 1.2, fixed-then-enhanced 1.2, fixed-then-low 1.2, fixed-then-unnamed 1.2, low-then-fixed 1.2, unnamed 1.1
    ");
}

#[test]
fn aws_s_security_rule_changes_nothing_of_it_while_the_noticed_version_is_offered() {
    let inventory = offers();
    for rules in [quoted(false), quoted(true), vec![rule(&[], AT_ONCE)], vec![everything()]] {
        let ours = baseline(&inventory, rules);
        let theirs = Baseline { security_rule: SecurityRule::Candidate, ..ours.clone() };
        let versions = |b: &Baseline| {
            let decided = evaluate(b, &inventory, now()).expect("same operating system").decisions;
            decided.into_iter().filter(|d| d.chosen).map(|d| (d.name, d.version)).collect::<Vec<_>>()
        };
        assert_eq!(versions(&ours), versions(&theirs));
    }
}

#[test]
fn a_later_version_takes_the_place_of_a_noticed_one_that_is_gone() {
    let mut inventory = offers();
    inventory.candidates.retain(|c| c.name == "fixed-then-unnamed" && c.version == "1.2-1");
    assert_eq!(chosen(&inventory, vec![rule(&[], AT_ONCE)]), "");
    inventory.sightings = vec![Sighting {
        name: "fixed-then-unnamed".into(),
        arch: "amd64".into(),
        version: "1.1-1".into(),
        security: true,
        at: time("2026-11-10"),
    }];
    assert_eq!(chosen(&inventory, vec![rule(&[], AT_ONCE)]), "fixed-then-unnamed 1.2");
}

#[test]
fn the_approved_list_takes_the_noticed_version_unless_told_2_1() {
    let mut inventory = offers();
    inventory.candidates.retain(|c| c.name == "fixed-then-unnamed");
    let mut b = baseline(&inventory, vec![]);
    b.approved_patches = strings(&["fixed-then-unnamed"]);
    let version = |b: &Baseline| {
        let decided = evaluate(b, &inventory, now()).expect("same operating system").decisions;
        decided.into_iter().find(|d| d.chosen).map(|d| d.version)
    };
    assert_eq!(version(&b).as_deref(), Some("1.1-1"));
    b.approved_patches_enable_non_security = true;
    assert_eq!(version(&b).as_deref(), Some("1.2-1"));
}

#[test]
fn a_later_version_waits_by_its_own_date_and_not_by_that_of_the_notice_1_6_10() {
    let mut inventory = offers();
    inventory.candidates.retain(|c| c.name == "fixed-then-unnamed");
    let rules = |approve| vec![Rule { enable_non_security: true, ..rule(&[SECURITY, HIGH], approve) }];
    // Built on the 20th, noticed on the 10th.
    let week = decisions(&inventory, rules(Approve::AfterDays(7)));
    let verdicts: Vec<_> = week.iter().map(|d| (d.version.as_str(), &d.verdict)).collect();
    let pending = Verdict::Pending { at: time("2026-11-27") };
    assert_eq!(verdicts, [("1.2-1", &pending), ("1.1-1", &Verdict::Approved)]);
    let cutoff = Approve::UntilDate("2026-11-15".parse().expect("a day"));
    assert_eq!(chosen(&inventory, rules(cutoff)), "fixed-then-unnamed 1.1");
}

#[test]
fn global_filters_and_rejections_look_at_the_version_itself_1_5() {
    let mut inventory = offers();
    inventory.candidates.retain(|c| c.name == "fixed-then-enhanced");
    let mut b = baseline(&inventory, quoted(true));
    let version = |b: &Baseline| {
        let decided = evaluate(b, &inventory, now()).expect("same operating system").decisions;
        decided.into_iter().find(|d| d.chosen).map(|d| d.version)
    };
    assert_eq!(version(&b).as_deref(), Some("1.2-1"));
    b.global_filters = vec![filter(Classification, &["Security", "Bugfix"])];
    assert_eq!(version(&b).as_deref(), Some("1.1-1"));
    b.global_filters.clear();
    b.rejected_patches = strings(&["fixed-then-enhanced-1.2-1"]);
    assert_eq!(version(&b).as_deref(), Some("1.1-1"));
}

#[test]
fn what_is_installed_or_older_brings_nothing() {
    let mut inventory = offers();
    inventory.candidates.retain(|c| c.name == "fixed-then-unnamed");
    for c in &mut inventory.candidates {
        c.installed = "1.1-1".into();
    }
    assert_eq!(chosen(&inventory, quoted(true)), "");
    assert_eq!(chosen(&inventory, vec![everything()]), "fixed-then-unnamed 1.2");
}

#[test]
fn the_reasons_name_the_notice_and_the_version_that_has_it() {
    let mut inventory = offers();
    inventory.candidates.retain(|c| c.name.starts_with("fixed-then-"));
    let mut text = String::new();
    for rules in [quoted(true), vec![rule(&[], AT_ONCE)]] {
        for d in decisions(&inventory, rules).iter().filter(|d| d.version == "1.2-1") {
            writeln!(text, "{}: {:?}, {}", d.name, d.verdict, d.reason).expect("a string takes text");
        }
    }
    insta::assert_snapshot!(text, @r"
    fixed-then-bugfix: Approved, contains LAB-fixed-then-bugfix-1 (Security, Critical) from 1.1-1; LAB-fixed-then-bugfix-2 (Bugfix); rule 1 (class Security and severity Critical or Important) has no delay
    fixed-then-enhanced: Approved, contains LAB-fixed-then-enhanced-1 (Security, Important) from 1.1-1; LAB-fixed-then-enhanced-2 (Enhancement); rule 1 (class Security and severity Critical or Important) has no delay
    fixed-then-low: Approved, contains LAB-fixed-then-low-1 (Security, Important) from 1.1-1; LAB-fixed-then-low-2 (Security, Low); rule 1 (class Security and severity Critical or Important) has no delay
    fixed-then-unnamed: Approved, contains LAB-fixed-then-unnamed-1 (Security, Important) from 1.1-1; rule 1 (class Security and severity Critical or Important) has no delay
    fixed-then-bugfix: NotMatched, rule 1 takes what a security notice names, which is 1.1-1 (enable_non_security would include this)
    fixed-then-enhanced: NotMatched, rule 1 takes what a security notice names, which is 1.1-1 (enable_non_security would include this)
    fixed-then-low: Approved, LAB-fixed-then-low-2 (Security, Low); rule 1 (every patch) has no delay
    fixed-then-unnamed: NotMatched, rule 1 takes what a security notice names, which is 1.1-1 (enable_non_security would include this)
    ");
}
