//! Records survive what happens to files, and say so when they do not.

use super::*;
use crate::pm::Outcome;
use patchflock_baselines::plan::Held;

/// A record of a finished run: `(name, result)` of each package.
fn record(id: &str, boot: Option<&str>, outcomes: &[(&str, OutcomeKind)]) -> Record {
    let target = |n: &str| Target { name: n.into(), arch: "amd64".into(), version: "2".into() };
    let outcomes = outcomes
        .iter()
        .map(|(n, result)| Outcome { target: target(n), from: Some("1".into()), result: result.clone() })
        .collect();
    Record {
        format: FORMAT,
        id: id.into(),
        phase: Phase::Finished,
        started_at: "2026-11-24T12:00:00Z".parse().unwrap(),
        finished_at: None,
        started_by: "uid 0".into(),
        boot_id: boot.map(str::to_owned),
        baseline: patchflock_baselines::predefined::named("predefined-debian").unwrap().baseline().unwrap(),
        repaired: None,
        install_override_list: None,
        plan: Plan::default(),
        fixes: Vec::new(),
        failure: None,
        report: Some(InstallReport { outcomes, ..InstallReport::default() }),
        before: NodeCompliance {
            status: patchflock_baselines::compliance::NodeStatus::Compliant,
            overall_severity: patchflock_baselines::baseline::ComplianceLevel::Unspecified,
            counts: patchflock_baselines::compliance::Counts::default(),
            patches: Vec::new(),
            notes: Vec::new(),
        },
        after: None,
    }
}

fn failed_with(why: &str) -> OutcomeKind {
    OutcomeKind::Failed { why: why.into() }
}

fn names(targets: &[Target]) -> Vec<&str> {
    targets.iter().map(|t| t.name.as_str()).collect()
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_written_is_read_back_and_is_for_root_alone_where_there_is_no_group() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    let mut one = record("20261124T120000Z-1", None, &[("jq", OutcomeKind::Installed)]);
    write(&root, &one).unwrap();
    one.failure = Some("later".into());
    write(&root, &one).unwrap();
    let found = all(&root);
    assert_eq!((found.runs, found.unreadable), (vec![one.clone()], vec![]));
    assert_eq!(mode(&path(&root, &one)), 0o600);
    assert_eq!(mode(&root.path(kept::STATE)), 0o755);
    assert_eq!(mode(&root.path(DIRECTORY)), 0o700);
    // Nothing half-written stays beside it.
    assert_eq!(std::fs::read_dir(root.path(DIRECTORY)).unwrap().count(), 1);
}

#[test]
fn a_machine_without_records_has_none_and_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let found = all(&Root::at(dir.path()));
    assert_eq!((found.runs.len(), found.unreadable.len()), (0, 0));
}

#[test]
fn records_that_cannot_be_read_are_named_and_the_others_still_count() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    let good = record("20261124T120000Z-1", None, &[("jq", OutcomeKind::Installed)]);
    write(&root, &good).unwrap();
    let whole = std::fs::read(path(&root, &good)).unwrap();
    let beside = |name: &str| root.path(DIRECTORY).join(name);
    std::fs::write(beside("a-half.json"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(beside("b-binary.json"), [0_u8, 255, 254]).unwrap();
    let newer = String::from_utf8(whole).unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
    std::fs::write(beside("c-newer.json"), newer).unwrap();
    std::fs::create_dir(beside("d-directory.json")).unwrap();
    std::fs::File::create(beside("e-huge.json")).unwrap().set_len(RECORD_CAP + 1).unwrap();
    std::fs::write(beside("README"), "not a record").unwrap();
    let found = all(&root);
    assert_eq!(found.runs, [good]);
    let mut said = Vec::new();
    found.complain(|s| said.push(s.to_owned()));
    assert_eq!(said.len(), 5, "{said:#?}");
    for (sentence, name) in said.iter().zip(["a-half", "b-binary", "c-newer", "d-directory", "e-huge"]) {
        assert!(sentence.starts_with("warning: ") && sentence.contains(name), "{sentence}");
    }
    assert!(said[2].contains("its format is 2"), "{}", said[2]);
}

#[test]
fn what_was_installed_before_the_boot_waits_for_no_reboot() {
    let runs = vec![
        record("1", Some("old"), &[("before", OutcomeKind::Installed)]),
        record("2", Some("now"), &[("since", OutcomeKind::Installed), ("bad", failed_with("x"))]),
    ];
    let records = Records { runs, unreadable: Vec::new() };
    assert_eq!(names(&traces(&records, Some("now")).installed_since_boot), ["since"]);
    assert_eq!(names(&traces(&records, None).installed_since_boot), ["before", "since"]);
}

#[test]
fn a_run_that_was_refused_as_a_whole_hides_no_earlier_failure() {
    let mut refused = record("2", None, &[]);
    refused.report = None;
    refused.phase = Phase::Failed;
    let mut earlier = record("1", None, &[("bad", failed_with("its script failed"))]);
    earlier.plan.held.push(Held {
        name: "left".into(),
        arch: "amd64".into(),
        version: "2".into(),
        reason: "needs what is rejected".into(),
    });
    let records = Records { runs: vec![earlier, refused], unreadable: Vec::new() };
    let failed = traces(&records, None).failed;
    let failed: Vec<_> = failed.iter().map(|(t, why)| (t.name.as_str(), why.as_str())).collect();
    assert_eq!(failed, [("bad", "its script failed"), ("left", "needs what is rejected")]);
}

#[test]
fn a_record_of_an_older_version_is_still_read() {
    let mut value = serde_json::to_value(record("1", None, &[])).unwrap();
    value.as_object_mut().unwrap().remove("failure").unwrap();
    assert!(serde_json::from_value::<Record>(value).unwrap().failure.is_none());
}

#[test]
fn records_are_in_the_order_of_their_runs_whatever_these_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    for (id, started) in [("w-zz", 1), ("20261124T120000Z-1", 2), ("r-aa", 3)] {
        let mut one = record(id, None, &[]);
        one.started_at += chrono::Duration::hours(started);
        write(&root, &one).unwrap();
    }
    let ids: Vec<String> = all(&root).runs.into_iter().map(|r| r.id).collect();
    assert_eq!(ids, ["w-zz", "20261124T120000Z-1", "r-aa"]);
    assert_eq!(of_run(&root, "r-aa").unwrap().unwrap().id, "r-aa");
    assert!(of_run(&root, "r-bb").unwrap().is_none());
}

#[test]
fn only_runs_that_were_installing_are_marked_as_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    let mut open = record("open", None, &[]);
    open.phase = Phase::Installing;
    write(&root, &open).unwrap();
    write(&root, &record("done", None, &[])).unwrap();
    assert_eq!(mark_interrupted(&root).unwrap(), ["open"]);
    let phases: Vec<Phase> = all(&root).runs.into_iter().map(|r| r.phase).collect();
    assert_eq!(phases, [Phase::Finished, Phase::Interrupted]);
    assert!(mark_interrupted(&root).unwrap().is_empty());
}
