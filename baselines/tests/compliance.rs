//! States of patches and verdicts on nodes, each with its clause of reference 5.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "sample/machine.rs"]
mod machine;

use machine::*;
use patchflock_baselines::approval::evaluate;
use patchflock_baselines::baseline::*;
use patchflock_baselines::compliance::*;
use patchflock_baselines::inventory::*;
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::plan::Target;

fn assessed(
    baseline: &Baseline,
    inventory: &Inventory,
    traces: &RunTraces,
    after_install: bool,
) -> NodeCompliance {
    let evaluation = evaluate(baseline, inventory, time("2026-11-24")).expect("same system");
    assess(baseline, inventory, &evaluation, traces, after_install)
}

fn scan(baseline: &Baseline, inventory: &Inventory) -> NodeCompliance {
    assessed(baseline, inventory, &RunTraces::default(), false)
}

fn states(node: &NodeCompliance) -> Vec<(&str, PatchState)> {
    node.patches.iter().map(|p| (p.name.as_str(), p.state)).collect()
}

/// `fixed` came from security, `plain` from main, `stale` has a security update.
fn node() -> (Inventory, Baseline) {
    let mut inventory = debian();
    inventory.installed = vec![
        installed("fixed", "1.1", "security"),
        installed("plain", "1.0", "main"),
        installed("stale", "1.0", "main"),
    ];
    inventory.candidates = vec![candidate("stale", "1.0", "1.1", "security")];
    let rule = Rule { compliance_level: ComplianceLevel::Critical, ..rule(&[], Approve::AfterDays(0)) };
    let baseline = baseline(&inventory, vec![rule]);
    (inventory, baseline)
}

fn up_to_date() -> (Inventory, Baseline) {
    let (mut inventory, baseline) = node();
    inventory.candidates.clear();
    inventory.installed.pop();
    (inventory, baseline)
}

fn target(name: &str, version: &str) -> Target {
    Target { name: name.into(), arch: "amd64".into(), version: version.into() }
}

#[test]
fn installed_other_and_missing_are_told_apart_by_the_baseline_5_1() {
    let (inventory, baseline) = node();
    let node = scan(&baseline, &inventory);
    assert_eq!(
        states(&node),
        [
            ("stale", PatchState::Missing),
            ("plain", PatchState::InstalledOther),
            ("fixed", PatchState::Installed)
        ]
    );
    assert_eq!(node.status, NodeStatus::NonCompliant);
    assert_eq!(node.overall_severity, ComplianceLevel::Critical);
    assert_eq!(node.patches[0].version, "1.1");
    let c = &node.counts;
    assert_eq!((c.installed, c.installed_other, c.missing), (1, 1, 1));
    assert_eq!((c.critical_non_compliant, c.security_non_compliant, c.other_non_compliant), (1, 1, 0));
}

#[test]
fn a_node_without_missing_patches_is_compliant_5_2() {
    let (inventory, baseline) = up_to_date();
    let node = scan(&baseline, &inventory);
    assert_eq!((node.status, node.notes.len()), (NodeStatus::Compliant, 0), "{node:?}");
}

#[test]
fn a_version_once_seen_in_security_counts_as_installed_after_a_point_release_5_1() {
    let (mut inventory, baseline) = up_to_date();
    inventory.sightings = vec![Sighting {
        name: "plain".into(),
        arch: "amd64".into(),
        version: "1.0".into(),
        security: true,
        at: time("2026-01-01"),
    }];
    assert_eq!(scan(&baseline, &inventory).counts.installed, 2);
}

#[test]
fn patches_that_wait_or_are_not_selected_are_not_missing_5_2() {
    let (mut inventory, mut baseline) = node();
    baseline.approval_rules[0].approve = Approve::AfterDays(7);
    inventory.candidates[0].first_seen =
        Some(FirstSeen { at: time("2026-11-20"), at_first_sight_of_source: false });
    assert_eq!(scan(&baseline, &inventory).counts.missing, 0);
    baseline.approval_rules.clear();
    assert_eq!(scan(&baseline, &inventory).counts.missing, 0);
}

#[test]
fn what_the_administrator_holds_is_missing_and_says_so_and_phasing_is_not() {
    let (mut inventory, baseline) = node();
    inventory.candidates[0].held = Some("apt-mark".into());
    let node = scan(&baseline, &inventory);
    assert_eq!(node.patches[0].state, PatchState::Missing);
    assert!(node.patches[0].reason.starts_with("held by administrator"), "{}", node.patches[0].reason);
    let after = assessed(&baseline, &inventory, &RunTraces::default(), true);
    assert_eq!(after.patches[0].state, PatchState::Missing);
    inventory.candidates[0].held = None;
    inventory.candidates[0].phased = Some(Phased { percentage: 10, deferred: true });
    assert_eq!(scan(&baseline, &inventory).counts.missing, 0);
}

#[test]
fn rejected_and_installed_is_noncompliant_under_block_only_2_3() {
    let (inventory, mut baseline) = up_to_date();
    baseline.rejected_patches = strings(&["plain"]);
    let node = scan(&baseline, &inventory);
    assert_eq!(
        (node.status, node.counts.installed_other, node.counts.installed_rejected),
        (NodeStatus::Compliant, 1, 0)
    );
    baseline.rejected_patches_action = RejectedAction::Block;
    let node = scan(&baseline, &inventory);
    assert_eq!((node.status, node.counts.installed_rejected), (NodeStatus::NonCompliant, 1));
    assert_eq!((node.counts.other_non_compliant, node.counts.security_non_compliant), (1, 0));
}

#[test]
fn after_an_install_what_is_still_absent_has_failed_and_a_scan_only_mentions_it_5_1() {
    let (inventory, baseline) = node();
    let traces =
        RunTraces { failed: vec![(target("stale", "1.1"), "disk full".into())], ..RunTraces::default() };
    let node = assessed(&baseline, &inventory, &traces, true);
    assert_eq!(node.patches[0].state, PatchState::Failed);
    assert!(node.patches[0].reason.contains("disk full"));
    let node = assessed(&baseline, &inventory, &RunTraces::default(), true);
    assert_eq!((node.patches[0].state, node.counts.failed), (PatchState::Failed, 1));
    let node = assessed(&baseline, &inventory, &traces, false);
    assert_eq!(node.patches[0].state, PatchState::Missing);
    assert!(node.patches[0].reason.contains("last attempt failed: disk full"));
    // The failure of another version says nothing.
    let traces =
        RunTraces { failed: vec![(target("stale", "1.0"), "disk full".into())], ..RunTraces::default() };
    assert!(!assessed(&baseline, &inventory, &traces, false).patches[0].reason.contains("disk full"));
}

#[test]
fn a_package_that_did_not_finish_installing_has_failed_if_it_is_in_the_baseline() {
    let (mut inventory, baseline) = up_to_date();
    for i in &mut inventory.installed {
        i.broken = true;
    }
    let node = scan(&baseline, &inventory);
    assert_eq!((node.counts.failed, node.counts.installed_other), (1, 1));
    assert_eq!(node.status, NodeStatus::NonCompliant);
}

#[test]
fn patches_wait_for_a_reboot_by_the_evidence_of_the_machine_5_1() {
    let (mut inventory, baseline) = up_to_date();
    let ours = RunTraces { installed_since_boot: vec![target("fixed", "1.1")], ..RunTraces::default() };
    let none = RunTraces::default();
    for (needed, evidence, traces, waiting) in [
        (Some(false), "", &ours, &[][..]),
        (Some(true), "the running kernel is older than the installed one", &ours, &["fixed"][..]),
        (Some(true), "/run/reboot-required names plain.", &ours, &["plain"][..]),
        (Some(true), "needs-restarting: plain-1.0", &none, &["plain"][..]),
        (Some(true), "explaining plainly", &none, &[][..]),
        (None, "", &ours, &["fixed"][..]),
        (None, "", &none, &[][..]),
    ] {
        inventory.reboot = RebootEvidence { needed, evidence: vec![evidence.into()] };
        let node = assessed(&baseline, &inventory, traces, false);
        let pending: Vec<&str> = states(&node)
            .into_iter()
            .filter(|(_, state)| *state == PatchState::InstalledPendingReboot)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(pending, waiting, "{needed:?} {evidence}");
        assert_eq!(node.status == NodeStatus::NonCompliant, !waiting.is_empty());
        assert_eq!(node.notes.is_empty(), needed != Some(true) && waiting.is_empty(), "{:?}", node.notes);
    }
}

#[test]
fn the_kernel_that_runs_does_not_wait_for_a_reboot_5_1() {
    let (mut inventory, baseline) = up_to_date();
    let boot = inventory.taken_at;
    inventory.node.booted_at = Some(boot);
    inventory.reboot = RebootEvidence { needed: Some(true), evidence: vec!["plain was installed".into()] };
    let waiting = |inventory: &_| assessed(&baseline, inventory, &RunTraces::default(), false).counts;
    let running = inventory.installed.iter().position(|i| i.name == "plain").unwrap();
    inventory.installed[running].installed_at = Some(boot - chrono::TimeDelta::days(1));
    assert_eq!(waiting(&inventory).installed_pending_reboot, 1, "the machine's word counts");
    let mut new = inventory.installed[running].clone();
    new.version = "9.9".into();
    new.installed_at = Some(boot + chrono::TimeDelta::hours(1));
    inventory.installed.push(new);
    assert_eq!(waiting(&inventory).installed_pending_reboot, 1);
}

#[test]
fn a_source_that_cannot_be_believed_makes_the_verdict_unknown_never_compliant() {
    type Edit = fn(&mut Source);
    let edits: [(Edit, &str); 6] = [
        (|s| s.refreshed_at = Some(time("2026-11-26")), "which is in the future"),
        (|s| s.state = SourceState::Unreadable { why: "404".into() }, "source main could not be read: 404"),
        (|s| s.valid_until = Some(time("2026-11-23")), "expired on 2026-11-23"),
        (|s| s.refreshed_at = Some(time("2026-11-16")), "more than 168 h ago"),
        (|s| s.refreshed_at = None, "nobody knows"),
        (|s| (s.refreshed_at, s.metadata_date) = (None, Some(time("2026-11-01"))), "more than 168 h ago"),
    ];
    for (edit, words) in edits {
        let (mut inventory, baseline) = up_to_date();
        edit(&mut inventory.sources[0]);
        let node = scan(&baseline, &inventory);
        assert_eq!(node.status, NodeStatus::Unknown, "{words}");
        assert!(node.notes[0].contains(words), "{:?}", node.notes);
        // What is known to be missing stays known.
        let (mut inventory, baseline) = self::node();
        edit(&mut inventory.sources[0]);
        assert_eq!(scan(&baseline, &inventory).status, NodeStatus::NonCompliant, "{words}");
    }
}

#[test]
fn the_age_limit_is_the_baselines_and_a_machine_without_sources_is_unknown() {
    let (mut inventory, mut baseline) = up_to_date();
    baseline.max_metadata_age_hours = Some(24);
    assert_eq!(scan(&baseline, &inventory).status, NodeStatus::Compliant);
    baseline.max_metadata_age_hours = Some(23);
    assert_eq!(scan(&baseline, &inventory).status, NodeStatus::Unknown);
    baseline.max_metadata_age_hours = Some(u32::MAX);
    assert_eq!(scan(&baseline, &inventory).status, NodeStatus::Compliant);
    inventory.sources.clear();
    assert_eq!(scan(&baseline, &inventory).status, NodeStatus::Unknown);
}

#[test]
fn a_machine_without_a_security_source_cannot_know_of_security_updates() {
    let (mut inventory, mut baseline) = up_to_date();
    inventory.sources.retain(|s| !s.security);
    inventory.installed.retain(|p| p.name == "plain");
    let node = scan(&baseline, &inventory);
    assert_eq!(node.status, NodeStatus::Unknown);
    assert!(node.notes[0].contains("no security source is configured"), "{:?}", node.notes);
    // A baseline that does not tell them apart sees what there is.
    baseline.approval_rules[0].enable_non_security = true;
    assert_eq!(scan(&baseline, &inventory).status, NodeStatus::Compliant);
}

#[test]
fn overdue_patches_count_unless_the_baseline_says_compliant_7b() {
    let (mut inventory, mut baseline) = node();
    baseline.approval_rules[0].approve = Approve::AfterDays(7);
    baseline.max_wait_days = Some(30);
    inventory.candidates[0].first_seen =
        Some(FirstSeen { at: time("2026-11-20"), at_first_sight_of_source: false });
    inventory.sightings = vec![Sighting {
        name: "stale".into(),
        arch: "amd64".into(),
        version: "1.0.1".into(),
        security: true,
        at: time("2026-09-01"),
    }];
    let node = scan(&baseline, &inventory);
    assert_eq!((node.status, node.counts.security_non_compliant), (NodeStatus::NonCompliant, 1));
    assert_eq!(node.patches[0].state, PatchState::AvailableSecurityUpdate);
    assert!(node.notes[0].starts_with("overdue by supersedence: stale 1.0.1"), "{:?}", node.notes);
    baseline.overdue_compliance_status = AvailableSecurityStatus::Compliant;
    let node = scan(&baseline, &inventory);
    assert_eq!((node.status, node.counts.available_security_update), (NodeStatus::Compliant, 1));
    assert!(!node.notes.is_empty());
}

#[test]
fn windows_lists_unapproved_security_updates_and_counts_them_as_told_5_3() {
    let mut inventory = machine(OperatingSystem::Windows, "WindowsServer2022");
    let kb = |name: &str| {
        let a = advisory("MS", "SecurityUpdates", "Critical", "2026-11-20");
        with_advisory(Candidate { arch: String::new(), ..candidate(name, "", "1", "wu") }, a)
    };
    inventory.candidates = vec![kb("KB1"), kb("KB2")];
    let mut b = baseline(&inventory, vec![rule(&[], Approve::AfterDays(7))]);
    b.rejected_patches = strings(&["KB2"]);
    let node = scan(&b, &inventory);
    assert_eq!(states(&node), [("KB1", PatchState::AvailableSecurityUpdate)]);
    assert_eq!((node.status, node.counts.security_non_compliant), (NodeStatus::Compliant, 0));
    b.available_security_updates_compliance_status = AvailableSecurityStatus::NonCompliant;
    let node = scan(&b, &inventory);
    assert_eq!((node.status, node.counts.security_non_compliant), (NodeStatus::NonCompliant, 1));
    assert_eq!(
        (node.counts.critical_non_compliant, node.overall_severity),
        (0, ComplianceLevel::Unspecified)
    );
}

#[test]
fn approved_entries_that_name_nothing_here_are_counted_as_not_applicable_5_1() {
    let (inventory, mut baseline) = node();
    baseline.approved_patches = strings(&["fixed", "stale", "absent", "gone*"]);
    assert_eq!(scan(&baseline, &inventory).counts.not_applicable, 2);
}

#[test]
fn the_overall_severity_is_the_highest_and_the_worst_comes_first_5_2() {
    let (mut inventory, mut baseline) = node();
    inventory.candidates.push(candidate("also", "1.0", "1.1", "main"));
    inventory.installed.push(installed("also", "1.0", "main"));
    baseline.approved_patches = strings(&["also"]);
    baseline.approved_patches_enable_non_security = true;
    baseline.approved_patches_compliance_level = ComplianceLevel::Low;
    let node = scan(&baseline, &inventory);
    assert_eq!(node.overall_severity, ComplianceLevel::Critical);
    assert_eq!(node.patches[0].name, "stale");
    assert_eq!((node.patches[1].name.as_str(), node.patches[1].level), ("also", ComplianceLevel::Low));
    assert_eq!((node.counts.critical_non_compliant, node.counts.other_non_compliant), (1, 1));
}
