//! What people are told about a maintenance window that is wrong: one snapshot for each clause.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::document::{Document, Problem, import_aws, parse, to_yaml};
use patchflock_baselines::window::{CatchUp, MaintenanceWindow};

/// Problems and warnings of a document, one after another.
fn told(source: &str) -> String {
    let problems = match parse("w.yaml", source.as_bytes()) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems,
    };
    lines(&problems)
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

const GOOD: &str = "kind: MaintenanceWindow
name: w
spec:
  schedule: cron(0 2 ? * TUE#2 *)
  schedule_timezone: Europe/Berlin
  schedule_offset: 2
  start_date: 2026-01-01
  end_date: 2027-01-01T00:00:00+01:00
  duration: 2h30m
  cutoff: 1
  splay: 15m
  freezes:
    - 2026-12-24
    - {dates: 2026-12-30..2027-01-02, reason: end of year}
  targets:
    - name: web
      targets: [{key: 'tag:Patch Group', values: [web]}]
  tasks:
    - type: SCAN
      targets: [{key: WindowTargetIds, values: [web]}]
      max_concurrency: 100%
      max_errors: 10%
    - type: INSTALL
      priority: 2
      targets: [{key: WindowTargetIds, values: [web]}]
      max_concurrency: 10%
      max_errors: 3
      cutoff_behavior: CANCEL_TASK
      reboot_option: NoReboot
";

/// The good window with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert_eq!(GOOD.matches(line).count(), 1, "{line}");
    GOOD.replace(line, replacement)
}

fn window(source: &str) -> MaintenanceWindow {
    match parse("w.yaml", source.as_bytes())
        .unwrap_or_else(|problems| panic!("{}", lines(&problems)))
        .documents
        .as_slice()
    {
        [Document::MaintenanceWindow(window)] => window.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_window_has_no_problem_and_is_written_as_it_was_meant() {
    assert_eq!(told(GOOD), "");
    insta::assert_snapshot!(to_yaml(&Document::MaintenanceWindow(window(GOOD))), @r#"
    kind: MaintenanceWindow
    name: w
    spec:
      schedule: "cron(0 2 ? * TUE#2 *)"
      schedule_timezone: Europe/Berlin
      schedule_offset: 2
      start_date: "2026-01-01T00:00:00Z"
      end_date: "2026-12-31T23:00:00Z"
      duration: 2h30m
      cutoff: 1h
      splay: 15m
      freezes:
        - dates: 2026-12-24
        - dates: 2026-12-30..2027-01-02
          reason: "end of year"
      targets:
        - name: web
          targets:
            - key: "tag:Patch Group"
              values: [web]
      tasks:
        - type: SCAN
          name: scan
          targets:
            - key: WindowTargetIds
              values: [web]
          max_concurrency: 100%
          max_errors: 10%
        - type: INSTALL
          name: install
          priority: 2
          targets:
            - key: WindowTargetIds
              values: [web]
          max_concurrency: 10%
          max_errors: 3
          cutoff_behavior: CANCEL_TASK
          reboot_option: NoReboot
    "#);
}

#[test]
fn a_wrong_field_does_not_hide_what_else_is_wrong_nor_invent_more() {
    let bad = GOOD
        .replace("targets: [{key: 'tag:Patch Group', values: [web]}]", "targets: web")
        .replace("cutoff: 1", "cutoff: 3h")
        .replace("type: SCAN", "type: LAMBDA\n      function: [f]")
        .replace("priority: 2", "priority: first")
        .replace("- 2026-12-24", "- 2026-12-32");
    insta::assert_snapshot!(told(&bad), @r"
    w.yaml:10:11: error: `cutoff` must be less than `duration`
      hint: the window lasts 2h30m, so nothing could ever start
    w.yaml:13:7: error: `2026-12-32` does not name days of the calendar
      hint: write a day of the years 1970 to 2199 such as 2026-12-24, or days such as 2026-12-24..2027-01-02
    w.yaml:17:16: error: `targets[0].targets` must be a list, not the text `web`
      hint: write it as a list, in square brackets or with `- ` before each entry
    w.yaml:20:17: error: `tasks[0].function` must be text, not a list
    w.yaml:25:17: error: `tasks[1].priority` must be a whole number, not the text `first`
    ");
}

#[test]
fn lengths_are_hours_or_hours_and_minutes() {
    let minutes =
        |text: &str| window(&with("duration: 2h30m", &format!("duration: {text}"))).duration_minutes;
    assert_eq!((minutes("3"), minutes("3h"), minutes("90m"), minutes("24h")), (180, 180, 90, 1440));
    assert_eq!((minutes("2h5m"), minutes("1440m")), (125, 1440));
    insta::assert_snapshot!(told(&with("duration: 2h30m", "duration: 3 hours")), @r"
    w.yaml:9:13: error: `duration` cannot be `3 hours`
      hint: expected: a length such as `3h`, `90m` or `2h30m`, or a number of hours
    ");
    insta::assert_snapshot!(told(&with("duration: 2h30m", "duration: 2.5")), @r"
    w.yaml:9:13: error: `duration` must be text or a whole number, not the number `2.5`
      hint: expected: a length such as `3h`, `90m` or `2h30m`, or a number of hours
    ");
    insta::assert_snapshot!(told(&with("duration: 2h30m", "duration: 25")), @"w.yaml:9:13: error: `duration` must be 24 or less, not the number `25`");
    insta::assert_snapshot!(told(&with("duration: 2h30m", "duration: 24h1m")), @"w.yaml:9:13: error: `duration` is 24h1m; the limit is 24h");
    insta::assert_snapshot!(told(&with("duration: 2h30m", "duration: 0h")), @r"
    w.yaml:9:13: error: a window must be longer than 0 minutes
      hint: write a length such as `2h`, at most `24h`
    ");
    insta::assert_snapshot!(told(&with("duration: 2h30m", "duration: ''")), @"w.yaml:9:13: error: `duration` must not be empty");
    insta::assert_snapshot!(told(&with("duration: 2h30m", "duration:")), @"w.yaml:9:3: error: `duration` has no value in `spec`");
}

#[test]
fn the_cutoff_and_the_splay_leave_time_to_start() {
    insta::assert_snapshot!(told(&with("cutoff: 1", "cutoff: 150m")), @r"
    w.yaml:10:11: error: `cutoff` must be less than `duration`
      hint: the window lasts 2h30m, so nothing could ever start
    ");
    insta::assert_snapshot!(told(&with("splay: 15m", "splay: 90m")), @r"
    w.yaml:11:10: error: `splay` would delay nodes past the cutoff
      hint: nothing starts later than 1h30m after the start
    ");
    assert_eq!(told(&with("splay: 15m", "splay: 89m")), "");
}

#[test]
fn schedules_are_told_with_the_part_that_is_wrong() {
    insta::assert_snapshot!(told(&with("schedule: cron(0 2 ? * TUE#2 *)", "schedule: every tuesday")), @r"
    w.yaml:4:13: error: schedule `every tuesday` is not understood
      hint: write cron(minutes hours day-of-month month day-of-week year), rate(value unit) or at(yyyy-mm-ddThh:mm:ss), in lower case and without spaces around it
    ");
    insta::assert_snapshot!(told(&with("cron(0 2 ? * TUE#2 *)", "cron(0 25 ? * TUE#2 *)")), @r"
    w.yaml:4:13: error: hours `25` is not understood
      hint: takes 0-23 with , - * /; a range goes upwards and a step is not 0
    ");
    insta::assert_snapshot!(told(&with("cron(0 2 ? * TUE#2 *)", "rate(7 days)")), @r"
    w.yaml:6:20: error: only a `cron(…)` schedule can have an offset
      hint: remove `schedule_offset`
    ");
    insta::assert_snapshot!(told(&with("Europe/Berlin", "Europe/Belin")), @r"
    w.yaml:5:22: error: unknown time zone `Europe/Belin`
      hint: did you mean `Europe/Berlin`?
    ");
    insta::assert_snapshot!(told(&with("Europe/Berlin", "Middle Earth")), @r"
    w.yaml:5:22: error: unknown time zone `Middle Earth`
      hint: write an IANA name such as `Europe/Berlin`
    ");
    insta::assert_snapshot!(told(&with("schedule_offset: 2", "schedule_offset: 7")), @"w.yaml:6:20: error: `schedule_offset` must be 6 or less, not the number `7`");
}

#[test]
fn dates_are_iso_8601_and_in_order() {
    for good in [
        "2026-01-01",
        "2026-01-01T03:15",
        "2026-01-01T03:15:00Z",
        "2026-01-01T03:15+09:00",
        "2026-01-01T03:15:00.5-08:00",
    ] {
        assert_eq!(told(&with("start_date: 2026-01-01", &format!("start_date: {good}"))), "", "{good}");
    }
    insta::assert_snapshot!(told(&with("start_date: 2026-01-01", "start_date: 1 January")), @r"
    w.yaml:7:15: error: `start_date` cannot be `1 January`
      hint: write a time of the years 1970 to 2199, such as `2026-12-24T02:00:00Z` or `2026-12-24T02:00:00+01:00`
    ");
    insta::assert_snapshot!(told(&with("start_date: 2026-01-01", "start_date: 2026-02-30")), @r"
    w.yaml:7:15: error: `start_date` cannot be `2026-02-30`
      hint: write a time of the years 1970 to 2199, such as `2026-12-24T02:00:00Z` or `2026-12-24T02:00:00+01:00`
    ");
    insta::assert_snapshot!(told(&with("start_date: 2026-01-01", "start_date: 2028-01-01")), @r"
    w.yaml:8:13: error: `end_date` is not after `start_date`
      hint: the window would never open
    ");
}

#[test]
fn freezes_are_days_of_the_calendar_in_order() {
    insta::assert_snapshot!(told(&with("- 2026-12-24", "- 2026-13-24\n    - 24.12.\n    - 20261224\n    - {dates: 2027-01-02..2026-12-30}\n    - {reason: x}\n    - {dates: 2026-12-24, raeson: x}")), @r"
    w.yaml:14:7: error: `freezes[1]` cannot be `24.12.`
      hint: expected: a day such as 2026-12-24, or days such as 2026-12-24..2027-01-02
    w.yaml:15:7: error: `freezes[2]` must be text or a mapping, not the number `20261224`
      hint: expected: a day such as 2026-12-24, or days such as 2026-12-24..2027-01-02
    w.yaml:17:7: error: `dates` is missing in `freezes[4]`
      hint: add `dates:`
    w.yaml:18:27: error: unknown field `raeson` in `freezes[5]`
      hint: did you mean `reason`?
    ");
    insta::assert_snapshot!(told(&with("- 2026-12-24", "- 2026-12-24..2026-12-23")), @r"
    w.yaml:13:7: error: `2026-12-24..2026-12-23` ends before it begins
      hint: write 2026-12-23..2026-12-24
    ");
}

#[test]
fn a_task_has_the_fields_of_its_type() {
    insta::assert_snapshot!(told(&with("type: SCAN", "type: SCAN\n      reboot_option: NoReboot\n      function: f")), @r"
    w.yaml:20:7: error: a task of type SCAN has no `reboot_option`
      hint: it is for INSTALL
    w.yaml:21:7: error: a task of type SCAN has no `function`
      hint: it is for LAMBDA
    ");
    insta::assert_snapshot!(told(&with("type: SCAN", "type: PATCH")), @r"
    w.yaml:19:13: error: `tasks[0].type` cannot be `PATCH`
      hint: one of `SCAN`, `INSTALL`, `RUN_COMMAND`, `AUTOMATION`, `LAMBDA`, `STEP_FUNCTIONS`
    ");
    insta::assert_snapshot!(told(&with("type: SCAN", "type: RUN_COMMAND")), @r"
    w.yaml:19:7: error: a task of type RUN_COMMAND needs `document_name`
      hint: add `document_name:`
    ");
    insta::assert_snapshot!(told(&with("type: SCAN", "type: LAMBDA\n      function: f\n      parameters: {}")), @r"
    w.yaml:19:13: warning: tasks of type LAMBDA are kept and not executed yet
      hint: their runs are reported as not run; use SCAN and INSTALL for patching
    w.yaml:21:7: error: a task of type LAMBDA has no `parameters`
      hint: it is for RUN_COMMAND, AUTOMATION
    ");
}

#[test]
fn tasks_that_nothing_executes_yet_are_told() {
    insta::assert_snapshot!(told(&with("type: SCAN", "type: LAMBDA\n      function: f")), @r"
    w.yaml:19:13: warning: tasks of type LAMBDA are kept and not executed yet
      hint: their runs are reported as not run; use SCAN and INSTALL for patching
    ");
}

#[test]
fn rate_control_follows_the_patterns_of_aws() {
    insta::assert_snapshot!(told(&with("max_concurrency: 10%", "max_concurrency: 0")), @r"
    w.yaml:26:24: error: `max_concurrency` cannot be `0`
      hint: write a number from 1 (at most 7 digits) or 1% to 100%
    ");
    insta::assert_snapshot!(told(&with("max_concurrency: 10%", "max_concurrency: 101%")), @r"
    w.yaml:26:24: error: `tasks[1].max_concurrency` cannot be `101%`
      hint: expected: a number such as 5, or a percentage such as `10%`
    ");
    insta::assert_snapshot!(told(&with("max_errors: 3", "max_errors: -1")), @"w.yaml:27:19: error: `tasks[1].max_errors` must be 0 or more, not the number `-1`");
    insta::assert_snapshot!(told(&with("      max_errors: 3\n", "")), @"w.yaml:23:7: error: task install: max_concurrency and max_errors are both required");
}

#[test]
fn targets_have_keys_that_windows_take() {
    insta::assert_snapshot!(told(&with("'tag:Patch Group'", "Patch Group")), @r"
    w.yaml:17:23: error: `Patch Group` is not a target key
      hint: write `InstanceIds`, `tag:KEY`, `tag-key`, `resource-groups:Name`, `resource-groups:ResourceTypeFilters` or, in a task, `WindowTargetIds`
    ");
    insta::assert_snapshot!(told(&with("'tag:Patch Group'", "WindowTargetIds")), @r"
    w.yaml:17:23: error: a registered target cannot name other targets
      hint: `WindowTargetIds` is for tasks
    ");
    insta::assert_snapshot!(told(&GOOD.replace("values: [web]}]\n      max_concurrency: 10%", "values: [web, db]}]\n      max_concurrency: 10%")), @"w.yaml:23:7: error: task install: WindowTargetIds names db, which the window's targets do not have");
    insta::assert_snapshot!(told(&with("'tag:Patch Group', values: [web]", "'resource-groups:Name', values: [a, b]")), @r"
    w.yaml:17:23: warning: a node does not know whether `resource-groups:Name` means it, so that nothing is run by it
      hint: name nodes by `tag:KEY`, `tag-key` or `InstanceIds`
    w.yaml:17:55: error: 2 values; `resource-groups:Name` takes at most 1
    ");
}

#[test]
fn names_are_unique_in_a_window() {
    insta::assert_snapshot!(told(&with("- type: INSTALL", "- type: INSTALL\n      name: scan")), @r"
    w.yaml:23:7: error: two tasks are called `scan`
      hint: give each a `name` of its own
    ");
    insta::assert_snapshot!(told(&with("  tasks:", "    - name: web\n      targets: [{key: tag-key, values: [a]}]\n  tasks:")), @r"
    w.yaml:18:13: error: two targets are called `web`
      hint: rename one of them; tasks name targets
    ");
}

#[test]
fn words_of_aws_find_ours() {
    insta::assert_snapshot!(told(&with("  schedule_offset: 2", "  ScheduleOffset: 2\n  AllowUnassociatedTargets: no\n  enabled: no")), @r"
    w.yaml:6:3: error: unknown field `ScheduleOffset` in `spec`
      hint: did you mean `schedule_offset`?
    w.yaml:7:3: error: unknown field `AllowUnassociatedTargets` in `spec`
      hint: did you mean `allow_unassociated_targets`?
    w.yaml:8:12: error: `enabled` must be `true` or `false`, not the text `no`
      hint: write `false`; no and off are text in YAML 1.2
    ");
}

#[test]
fn a_window_without_tasks_is_a_warning() {
    insta::assert_snapshot!(told("kind: MaintenanceWindow\nname: w\nspec: {schedule: rate(1 day), duration: 1}"), @r"
    w.yaml:3:7: warning: this window does nothing
      hint: add `tasks`
    ");
}

#[test]
fn a_window_of_aws_becomes_ours() {
    let bytes = include_bytes!("../testdata/aws/get-maintenance-window.json");
    let imported = import_aws("aws.json", bytes).unwrap();
    insta::assert_snapshot!(format!("{}---\n{}", imported.to_yaml(), lines(&imported.notes)), @r#"
    kind: MaintenanceWindow
    name: Patch-Tuesday
    spec:
      description: "Two days after the second Tuesday"
      schedule: "cron(0 2 ? * TUE#2 *)"
      schedule_timezone: Europe/Berlin
      schedule_offset: 2
      start_date: "2025-12-31T23:00:00Z"
      end_date: "2027-01-01T00:00:00Z"
      duration: 4h
      cutoff: 1h
      catch_up: never
    ---
    aws.json:1:1: warning: targets and tasks of the window are not in this output, and `catch_up: never` keeps AWS's meaning
      hint: add `targets` and `tasks`; remove `catch_up` to let nodes join a window that is still open
    aws.json:1:1: warning: this window does nothing
      hint: add `tasks`
    "#);
    let Document::MaintenanceWindow(window) = &imported.documents[0] else { panic!("not a window") };
    assert_eq!(window.catch_up, CatchUp::Never);
    let parsed = parse("aws.json", bytes).unwrap();
    assert_eq!(parsed.documents, imported.documents);
}

#[test]
fn mistakes_in_a_window_of_aws_have_their_place() {
    let bad = r#"{
    "WindowId": "mw-0123456789abcdef0",
    "Name": "a b",
    "Schedule": "cron(x)",
    "Duration": 4,
    "Cutoff": 4,
    "Enabeld": true
}"#;
    insta::assert_snapshot!(lines(&import_aws("aws.json", bad.as_bytes()).unwrap_err()), @r"
    aws.json:1:1: warning: targets and tasks of the window are not in this output, and `catch_up: never` keeps AWS's meaning
      hint: add `targets` and `tasks`; remove `catch_up` to let nodes join a window that is still open
    aws.json:3:13: error: `name` cannot be `a b`
      hint: expected: letters, digits, `_`, `.` and `-`
    aws.json:4:17: error: schedule `x` is not understood
      hint: cron has 6 fields (minutes hours day-of-month month day-of-week year) or 7 with seconds before them, separated by spaces; this has 1
    aws.json:6:15: error: `cutoff` must be less than `duration`
      hint: the window lasts 4h, so nothing could ever start
    aws.json:7:5: error: unknown field `Enabeld` in the window
      hint: did you mean `Enabled`?
    ");
}
