//! Each line of the native tool is answered, and by the right sentence.

use super::*;
use patchflock_baselines::approval::Verdict;
use patchflock_baselines::baseline::ComplianceLevel;

fn native(name: &str, to: &str, action: NativeAction) -> NativeUpgrade {
    NativeUpgrade { name: name.into(), arch: "amd64".into(), from: "1".into(), to: to.into(), action }
}

fn decision(name: &str, version: &str, chosen: bool) -> Decision {
    Decision {
        name: name.into(),
        arch: "amd64".into(),
        installed: "1".into(),
        version: version.into(),
        security: false,
        classification: None,
        severity: None,
        advisories: Vec::new(),
        cves: Vec::new(),
        verdict: if chosen { Verdict::Approved } else { Verdict::NotMatched },
        level: ComplianceLevel::Unspecified,
        rule: None,
        date: None,
        reason: String::new(),
        chosen,
    }
}

/// Compares and renders: `kind name: explanation`.
fn compared(native: Vec<NativeUpgrade>, decisions: Vec<Decision>) -> Vec<String> {
    let inventory = Inventory {
        native,
        ..serde_json::from_str(include_str!("../../../tests/testdata/cli/apt.json")).unwrap()
    };
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    let evaluation = Evaluation { at, baseline: "b".into(), decisions, overdue: Vec::new() };
    compare(&inventory, &evaluation, "apt")
        .into_iter()
        .map(|d| format!("{:?} {}: {}", d.kind, d.name, d.explanation))
        .collect()
}

#[test]
fn both_sides_are_put_into_words() {
    use NativeAction::{Deferred, Install, KeptBack, Remove, Upgrade};
    let natives = vec![
        native("same", "2", Upgrade),
        native("newer", "3", Upgrade),
        native("unasked", "2", Upgrade),
        native("library", "2", Install),
        native("gone", "", Remove),
        native("kept", "2", KeptBack),
        native("phased", "2", Deferred),
        native("kept-by-both", "2", KeptBack),
    ];
    let decisions = vec![
        decision("same", "2", true),
        decision("newer", "2", true),
        decision("unasked", "2", false),
        decision("kept", "2", true),
        decision("phased", "2", true),
        decision("kept-by-both", "2", false),
        decision("ours", "2", true),
        decision("nobodys", "2", false),
    ];
    assert_eq!(
        compared(natives, decisions),
        [
            "OnlyNative gone: apt removes 1; a baseline never removes",
            "OnlyNative library: apt installs 2 newly; here only if an approved patch needs it",
            "OnlyNative unasked: apt takes 2, the baseline nothing (not matched)",
            "OnlyBaseline kept: the baseline takes 2, apt keeps it back",
            "OnlyBaseline ours: the baseline takes 2, apt does nothing",
            "OnlyBaseline phased: the baseline takes 2, apt defers it by phasing",
            "OtherVersion newer: apt takes 3, the baseline 2",
            "Same kept-by-both: neither upgrades it (not matched)",
            "Same same: both take 2",
        ]
    );
}

#[test]
fn a_kernel_that_is_installed_beside_the_old_one_is_the_same_update() {
    let lines = compared(
        vec![native("kernel", "6", NativeAction::Install)],
        vec![decision("kernel", "6", true), decision("kernel", "5", false)],
    );
    assert_eq!(lines, ["Same kernel: both take 6"]);
}

#[test]
fn two_lines_for_one_package_are_both_answered() {
    let lines = compared(
        vec![native("kernel", "6", NativeAction::Install), native("kernel", "4", NativeAction::Remove)],
        vec![decision("kernel", "6", true)],
    );
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn the_chosen_version_stands_even_if_a_newer_one_is_offered() {
    let lines = compared(
        vec![native("jq", "3", NativeAction::Upgrade)],
        vec![decision("jq", "3", false), decision("jq", "2", true)],
    );
    assert_eq!(lines, ["OtherVersion jq: apt takes 3, the baseline 2"]);
}

#[test]
fn a_kernel_that_is_not_approved_yet_is_named_with_its_verdict() {
    let lines =
        compared(vec![native("kernel", "6", NativeAction::Install)], vec![decision("kernel", "6", false)]);
    assert_eq!(lines, ["OnlyNative kernel: apt installs 6, the baseline nothing (not matched)"]);
}

/// What `apt list --upgradable` printed on the machine of the fixture: `name/suites version arch [...]`.
#[test]
fn every_line_of_apt_list_is_accounted_for() {
    let inventory: Inventory =
        serde_json::from_str(include_str!("../../../tests/testdata/cli/apt.json")).unwrap();
    let baseline = patchflock_baselines::predefined::named("predefined-debian").unwrap().baseline().unwrap();
    let at = "2026-11-25T00:00:00Z".parse().unwrap();
    let evaluation = patchflock_baselines::approval::evaluate(&baseline, &inventory, at).unwrap();
    let lines = compare(&inventory, &evaluation, "apt");
    let listed = include_str!("../../../tests/testdata/cli/apt-list-upgradable.txt");
    let mut seen = 0;
    for line in listed.lines().filter(|l| l.contains('/')) {
        let name = line.split('/').next().unwrap();
        let version = line.split(' ').nth(1).unwrap();
        let answer = lines.iter().find(|d| d.name == name).unwrap_or_else(|| panic!("no answer to {line}"));
        assert!(answer.explanation.contains(version), "{line} is answered by {}", answer.explanation);
        assert!(evaluation.decisions.iter().any(|d| d.name == name && d.version == version), "{line}");
        seen += 1;
    }
    assert!(seen > 5 && seen == lines.len(), "{seen} lines of apt, {} of ours", lines.len());
}
