//! What no document may say although each field may say it alone, and what probably nobody means: with place and remedy.

#![allow(clippy::unwrap_used, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::document::{Problem, parse};

const WINDOW: &str = "kind: MaintenanceWindow
name: w
spec:
  schedule: rate(7 days)
  duration: 2h
  targets:
    - name: web
      targets: [{key: 'tag:env', values: [web]}]
  tasks:
    - type: INSTALL
      name: patch
      priority: 2
      targets: [{key: WindowTargetIds, values: [web]}]
      max_concurrency: 10%
      max_errors: 3
";

const BASELINE: &str = "kind: PatchBaseline
name: b
spec:
  operating_system: ROCKY_LINUX
  approval_rules:
    - filters: {CLASSIFICATION: [Security]}
      approve_after_days: 7
  max_wait_days: 30
";

const GROUP: &str = "kind: PatchGroup
name: g
spec:
  patch_group: web
  baselines: [b]
";

/// What is said when one piece of a document is replaced; a good document says nothing.
fn told(document: &str, cases: &[(&str, &str)]) -> String {
    assert_eq!(problems(document), "");
    let told = cases.iter().map(|(piece, replacement)| {
        assert_eq!(document.matches(piece).count(), 1, "{piece}");
        problems(&document.replace(piece, replacement))
    });
    told.collect::<Vec<_>>().join("\n")
}

fn problems(source: &str) -> String {
    let problems = match parse("x", source.as_bytes()) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn numbers_of_a_window_have_bounds() {
    insta::assert_snapshot!(
        "window_numbers",
        told(
            WINDOW,
            &[
                ("10%", "0"),
                ("10%", "0%"),
                ("10%", "101%"),
                ("10%", "-1"),
                ("max_errors: 3", "max_errors: -1"),
                ("max_errors: 3", "max_errors: 101%"),
                ("priority: 2", "priority: -1"),
                ("priority: 2", "priority: 2147483648"),
                ("priority: 2", "priority: 99999999999"),
                ("duration: 2h", "duration: 0"),
                ("duration: 2h", "duration: 25"),
                ("duration: 2h", "duration: 24h1m"),
                ("duration: 2h", "duration: 2h\n  cutoff: 2h"),
                ("duration: 2h", "duration: 2h\n  splay: 3h"),
                ("duration: 2h", "duration: 2h\n  schedule_offset: 0"),
            ]
        )
    );
}

#[test]
fn names_keys_and_values_have_no_blanks_at_their_ends_and_nothing_that_nobody_sees() {
    insta::assert_snapshot!(
        "window_names",
        told(
            WINDOW,
            &[
                ("name: patch", "name: ' patch '"),
                ("name: patch", "name: \"a\\nb\""),
                ("tag:env", "tag:"),
                ("tag:env", "tag: env"),
                ("tag:env", "tag:env "),
                ("values: [web]}]\n  tasks", "values: ['web ']}]\n  tasks"),
                ("key: 'tag:env', values: [web]", "key: tag-key, values: [' ']"),
                ("key: 'tag:env', values: [web]", "key: tag-key, values: ['']"),
                ("key: 'tag:env', values: [web]", "key: InstanceIds, values: [' i-1']"),
            ]
        )
    );
}

#[test]
fn targets_that_no_node_can_match_are_refused() {
    let twice = "targets: [{key: 'tag:env', values: [web]}, {key: 'tag:env', values: [db, dba]}]";
    let own = "targets: [{key: 'tag:env', values: [db]}]\n";
    let both = "targets: [{key: WindowTargetIds, values: [web]}, {key: 'tag:env', values: [db]}]\n";
    insta::assert_snapshot!(
        "window_targets",
        told(
            WINDOW,
            &[
                ("targets: [{key: 'tag:env', values: [web]}]", twice),
                ("targets: [{key: WindowTargetIds, values: [web]}]\n", own),
                ("targets: [{key: WindowTargetIds, values: [web]}]\n", both),
                ("values: [web]}]\n  tasks", "values: [web, web]}]\n  tasks"),
                ("key: 'tag:env'", "key: 'resource-groups:Name'"),
                (
                    "values: [web]}]\n  tasks",
                    "values: [web]}]\n    - name: db\n      targets: [{key: tag-key, values: [db]}]\n  tasks"
                ),
            ]
        )
    );
    // The same value among others, and a window that lets tasks choose.
    for (piece, replacement) in [
        (
            "[{key: 'tag:env', values: [web]}]",
            "[{key: 'tag:env', values: [web]}, {key: 'tag:env', values: [db, web]}]",
        ),
        (
            "[{key: 'tag:env', values: [web]}]",
            "[{key: 'tag:env', values: [web]}, {key: 'tag:tier', values: [db]}]",
        ),
        ("[{key: WindowTargetIds, values: [web]}]", "[{key: tag-key, values: [db]}]"),
    ] {
        assert_eq!(problems(&WINDOW.replace(piece, replacement)), "", "{replacement}");
    }
}

#[test]
fn two_tasks_that_do_the_same_at_the_same_time_are_refused() {
    let again = |priority: u32, kind: &str| {
        format!(
            "max_errors: 3\n    - type: {kind}\n      name: again\n      priority: {priority}\n      \
             targets: [{{key: WindowTargetIds, values: [web]}}]\n      max_concurrency: 1\n      max_errors: 0\n"
        )
    };
    insta::assert_snapshot!(
        told(WINDOW, &[("max_errors: 3\n", &again(2, "INSTALL\n      reboot_option: NoReboot"))]),
        @r"
    x:16:7: error: the tasks `patch` and `again` do the same at the same time on the same nodes
      hint: remove one of them, or give it other `targets` or another `priority`
    "
    );
    assert_eq!(problems(&WINDOW.replace("max_errors: 3\n", &again(3, "INSTALL"))), "");
    assert_eq!(problems(&WINDOW.replace("max_errors: 3\n", &again(2, "SCAN"))), "");
}

#[test]
fn a_window_that_never_opens_is_refused() {
    insta::assert_snapshot!(
        "window_openings",
        told(
            WINDOW,
            &[
                ("rate(7 days)", "at(2026-01-01T00:00:00)\n  start_date: 2026-02-01"),
                ("rate(7 days)", "cron(0 2 ? * MON 2026)\n  start_date: 2027-01-01\n  enabled: false"),
                ("rate(7 days)", "rate(7 days)\n  start_date: 2026-01-01\n  end_date: 2026-01-01"),
                ("rate(7 days)", "cron(0 2 ? * MON 2026)\n  freezes: [2026-01-01..2026-12-31]"),
                ("rate(7 days)", "cron(0 2 30 2 ? *)"),
                ("rate(7 days)", "rate(7 days)\n  freezes: [0001-01-01..9999-12-31]"),
                ("rate(7 days)", "rate(1 hour)"),
            ]
        )
    );
}

#[test]
fn numbers_and_lists_of_a_baseline_have_bounds() {
    let spec = "max_wait_days: 30";
    insta::assert_snapshot!(
        "baseline",
        told(
            BASELINE,
            &[
                ("days: 7", "days: -1"),
                ("days: 7", "days: 3651"),
                ("approve_after_days: 7", "approve_until_date: 0001-01-01"),
                ("approve_after_days: 7", "approve_until_date: 9999-01-01"),
                ("[Security]", "[]"),
                ("[Security]", "['Security ']"),
                ("{CLASSIFICATION: [Security]}", "{PRODUCT: ['Rocky 9 ']}"),
                (
                    "days: 7\n",
                    "days: 7\n    - filters: {CLASSIFICATION: [Security]}\n      approve_after_days: 7\n"
                ),
                (spec, "max_wait_days: 0"),
                (spec, "max_wait_days: 6"),
                (spec, "max_metadata_age_hours: 0"),
                (spec, "approved_patches: [' bash']"),
                (spec, "rejected_patches: ['*']"),
                (spec, "sources: [{name: x, products: [' '], configuration: '[main]'}]"),
                (spec, "sources: [{name: x, products: ['*', '*'], configuration: '[main]'}]"),
            ]
        )
    );
    assert_eq!(problems(&BASELINE.replace(spec, "max_wait_days: 7")), "");
}

#[test]
fn a_patch_group_has_no_blanks_that_nobody_sees() {
    insta::assert_snapshot!(
        "group",
        told(
            GROUP,
            &[
                ("patch_group: web", "patch_group: ' web'"),
                ("patch_group: web", "patch_group: '  '"),
                ("patch_group: web", "patch_group: \"we\\tb\""),
                ("patch_group: web", "patch_group: \"we\\u00a0b\""),
                ("[b]", "[b, b]"),
                ("[b]", "[' b']"),
                ("[b]", "[]"),
            ]
        )
    );
    assert_eq!(problems(&GROUP.replace("patch_group: web", "patch_group: web servers")), "");
}
