//! Reasons as people read them, side by side. A change here is a change of what `explain` says.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "sample/machine.rs"]
mod machine;

use machine::*;
use patchflock_baselines::approval::evaluate;
use patchflock_baselines::baseline::FilterKey::{Classification, Priority, Section, Severity};
use patchflock_baselines::baseline::*;
use patchflock_baselines::inventory::*;

fn reasons(baseline: &Baseline, inventory: &Inventory) -> String {
    let evaluation = evaluate(baseline, inventory, time("2026-11-24T12:00:00Z")).expect("same system");
    let lines: Vec<String> =
        evaluation.decisions.iter().map(|d| format!("{} {}: {}", d.name, d.version, d.reason)).collect();
    lines.join("\n")
}

#[test]
fn reasons_on_rpm_read_as_sentences() {
    let mut inventory = rhel();
    let patch = |name: &str, advisories: &[Advisory]| {
        let c = candidate(name, "1-1", "2-1", "baseos");
        advisories.iter().fold(c, |c, a| with_advisory(c, a.clone()))
    };
    let critical = |issued: &str| advisory("RHSA-2026:1234", "security", "Critical", issued);
    inventory.candidates = vec![
        patch("approved", &[critical("2026-11-03")]),
        patch("bugfix", &[advisory("RHBA-2026:1", "bugfix", "", "2026-11-03")]),
        patch("future", &[critical("2027-01-01")]),
        Candidate { held: Some("versionlock entry".into()), ..patch("held", &[critical("2026-11-03")]) },
        patch("listed", &[]),
        patch("low", &[advisory("RHSA-2026:2", "security", "Low", "2026-11-03")]),
        Candidate { obsoletes: true, ..patch("obsoleting", &[]) },
        patch("pending", &[critical("2026-11-24T12:00:01Z")]),
        patch("plain", &[]),
        patch("rejected", &[critical("2026-11-03")]),
        Candidate { build_time: Some(time("2026-09-01")), ..patch("undated", &[critical("")]) },
        patch("unknown", &[critical("")]),
    ];
    let high: &[(FilterKey, &[&str])] =
        &[(Classification, &["Security"]), (Severity, &["Critical", "Important"])];
    let mut baseline = baseline(
        &inventory,
        vec![
            rule(high, Approve::AfterDays(7)),
            rule(&[(Classification, &["Enhancement"])], Approve::AfterDays(0)),
        ],
    );
    baseline.approved_patches = strings(&["listed"]);
    baseline.rejected_patches = strings(&["rejected"]);
    insta::assert_snapshot!("rpm", reasons(&baseline, &inventory));
}

#[test]
fn reasons_on_apt_read_as_sentences() {
    let mut inventory = debian();
    inventory.sources[1].metadata_date = Some(time("2026-11-20T08:30:00Z"));
    let patch = |name: &str, source: &str| Candidate {
        priority: Some("optional".into()),
        section: Some("net".into()),
        ..candidate(name, "1.0", "1.1", source)
    };
    let seen = |at: &str| Some(FirstSeen { at: time(at), at_first_sight_of_source: false });
    inventory.candidates = vec![
        Candidate { first_seen: seen("2026-11-10"), ..patch("approved", "security") },
        Candidate { section: Some("admin".into()), ..patch("filtered", "security") },
        Candidate { first_seen: seen("2026-11-20T18:00:00Z"), ..patch("fresh", "security") },
        patch("indexed", "security"),
        Candidate { section: Some("web".into()), ..patch("manual", "security") },
        patch("main", "main"),
        Candidate { installed: String::new(), ..patch("new", "security") },
        Candidate {
            phased: Some(Phased { percentage: 30, deferred: true }),
            first_seen: seen("2026-11-01"),
            ..patch("phased", "security")
        },
    ];
    let net: &[(FilterKey, &[&str])] =
        &[(Section, &["net"]), (Priority, &["Required", "Important", "Optional"])];
    let mut b = baseline(
        &inventory,
        vec![rule(net, Approve::AfterDays(7)), rule(&[(Section, &["web"])], Approve::Manual)],
    );
    b.global_filters = vec![filter(Section, &["net", "web"])];
    insta::assert_snapshot!("apt", reasons(&b, &inventory));

    let cutoff = |day: &str| Approve::UntilDate(day.parse().expect("a day"));
    inventory.candidates.truncate(1);
    let mut lines = Vec::new();
    for rules in [
        vec![rule(&[], cutoff("2026-11-10"))],
        vec![rule(&[], cutoff("2026-11-09"))],
        vec![rule(&[], Approve::AfterDays(1))],
        vec![everything()],
        vec![rule(&[(Priority, &["Required"])], Approve::AfterDays(0)); 5],
        vec![],
    ] {
        lines.push(reasons(&baseline(&inventory, rules), &inventory));
    }
    inventory.candidates = vec![patch("main", "main")];
    lines.push(reasons(&baseline(&inventory, vec![rule(&[], Approve::AfterDays(0))]), &inventory));
    insta::assert_snapshot!("apt_rules", lines.join("\n"));
}
