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
fn a_security_update_says_where_its_fix_comes_from() {
    let every: &[(FilterKey, &[&str])] =
        &[(Priority, &["Extra", "Required", "standard", "Important", "Optional"])];
    let mut inventory = debian();
    inventory.sources.extend([
        Source { suite: "noble-security".into(), ..source("noble", "Ubuntu", "noble", true) },
        Source { label: "Debian-Security".into(), ..source("buster", "Debian", "buster", true) },
    ]);
    let patch = |name: &str, version: &str, source: &str| Candidate {
        priority: Some("optional".into()),
        ..candidate(name, "5.1", version, source)
    };
    let security = |name: &str, source: &str| Candidate { security: true, ..patch(name, "5.2-1", source) };
    inventory.candidates = vec![
        security("by-codename", "security"),
        security("by-label", "buster"),
        security("by-suite", "noble"),
        security("moved", "security"),
        patch("moved", "5.2-2", "main"),
        patch("gone", "5.2-2", "main"),
        security("listed", "security"),
        Candidate { sources: strings(&["main", "security", "noble"]), ..security("several", "") },
        Candidate { sources: strings(&["noble", "security", "main"]), ..security("several-turned", "") },
    ];
    let gone = |version: &str, at| Sighting {
        name: "gone".into(),
        arch: "amd64".into(),
        version: version.into(),
        security: true,
        at: time(at),
    };
    inventory.sightings = vec![gone("5.1-1", "2026-11-01"), gone("5.2-1", "2026-11-02")];
    let mut apt = baseline(&inventory, vec![rule(every, Approve::AfterDays(0))]);
    apt.approved_patches = strings(&["list*"]);
    let apt = reasons(&apt, &inventory);

    let mut inventory = rhel();
    let patch = |name: &str, version: &str, advisories: &[Advisory]| {
        let c = candidate(name, "5.1-1", version, "baseos");
        advisories.iter().fold(c, |c, a| with_advisory(c, a.clone()))
    };
    let low = advisory("RLSA-2026:1", "security", "Low", "2026-11-03");
    let bugs = advisory("RLBA-2026:2", "bugfix", "", "2026-11-04");
    inventory.candidates = vec![
        patch("both", "5.2-1", &[low.clone(), bugs.clone()]),
        patch("moved", "5.2-1", std::slice::from_ref(&low)),
        patch("moved", "5.3-1", std::slice::from_ref(&bugs)),
        patch("only-bugs", "5.2-1", &[bugs]),
        Candidate { security: true, build_time: Some(time("2026-11-01")), ..patch("told", "5.2-1", &[]) },
    ];
    let everything = Rule { enable_non_security: true, ..rule(&[], Approve::AfterDays(7)) };
    let rules = vec![rule(&[(Classification, &["Bugfix"])], Approve::AfterDays(7)), everything];
    let rpm = reasons(&baseline(&inventory, rules), &inventory);
    insta::assert_snapshot!("origins", format!("{apt}\n{rpm}"));
}

#[test]
fn long_lists_of_values_are_counted() {
    let mut inventory = debian();
    inventory.candidates = vec![candidate("bind9", "1.0", "1.1", "security")];
    for (values, wanted) in [
        (&["a"][..], "section a,"),
        (&["a", "b"], "section a or b,"),
        (&["a", "b", "c", "d"], "section a, b, c or d,"),
        (&["a", "b", "c", "d", "e"], "section a, b, c or 2 more,"),
    ] {
        let b = baseline(&inventory, vec![rule(&[(Section, values)], Approve::AfterDays(0))]);
        let reason = reasons(&b, &inventory);
        assert!(reason.contains(wanted), "{reason}");
    }
    let four: &[&str] = &["required", "important", "standard", "optional"];
    let b = baseline(&inventory, vec![rule(&[(Priority, four)], Approve::AfterDays(0))]);
    assert!(!reasons(&b, &inventory).contains("any"));
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
