//! What people are told about a baseline that is wrong: one snapshot for each clause.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::document::{Problem, parse, render};

/// Problems and warnings of a document, one after another.
fn told(source: &str) -> String {
    let problems = match parse("b.yaml", source.as_bytes()) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// As [`told`], for the lines below `spec:` of a baseline for one operating system.
fn told_spec(os: &str, spec: &str) -> String {
    told(&format!("kind: PatchBaseline\nname: x\nspec:\n  operating_system: {os}\n{spec}"))
}

#[test]
fn a_good_baseline_has_no_problem() {
    insta::assert_snapshot!(told_spec(
        "DEBIAN",
        "  approval_rules: [{filters: {PRIORITY: [Required, Important], SECTION: ['*']}, approve_after_days: 7}]",
    ), @"");
}

#[test]
fn every_problem_of_the_schema_comes_at_once() {
    insta::assert_snapshot!(told(
"kind: PatchBaseline
name: not a name
spec:
  operating_sytem: DEBIAN
  ApprovedPatches: [bash]
  approval_rules:
    - ApproveAfterDays: 7
      compliance_level: critical
      approve_after_days: 9999
    - approve_after_days: seven
      filters: {PRIORITY: []}
      enable_non_security: yes
  approved_patches: [1.10, true, '', ' bash', {a: 1}]
  rejected_patches: bash
  rejected_patches_action: BLOK
  max_wait_days: 0
  sources:
    - name: a
      products: ['*']
"), @r#"
    b.yaml:2:7: error: `name` cannot be `not a name`
      hint: expected: letters, digits, `_`, `.` and `-`
    b.yaml:4:3: error: unknown field `operating_sytem` in `spec`
      hint: did you mean `operating_system`?
    b.yaml:4:3: error: `operating_system` is missing in `spec`
      hint: add `operating_system:`
    b.yaml:5:3: error: unknown field `ApprovedPatches` in `spec`
      hint: did you mean `approved_patches`?
    b.yaml:7:7: error: unknown field `ApproveAfterDays` in `approval_rules[0]`
      hint: did you mean `approve_after_days`?
    b.yaml:8:25: error: `approval_rules[0].compliance_level` cannot be `critical`
      hint: did you mean `CRITICAL`?
    b.yaml:9:27: error: `approval_rules[0].approve_after_days` must be 3650 or less, not the number `9999`
    b.yaml:10:27: error: `approval_rules[1].approve_after_days` must be a whole number, not the text `seven`
    b.yaml:11:27: error: `approval_rules[1].filters.PRIORITY` must not be empty
    b.yaml:12:28: error: `approval_rules[1].enable_non_security` must be `true` or `false`, not the text `yes`
      hint: write `true`; yes and on are text in YAML 1.2
    b.yaml:13:22: error: `approved_patches[0]` must be text, not the number `1.10`
      hint: put it in quotes: "1.10"
    b.yaml:13:28: error: `approved_patches[1]` must be text, not the boolean `true`
      hint: put it in quotes: "true"
    b.yaml:13:34: error: `approved_patches[2]` must not be empty
    b.yaml:13:38: error: `approved_patches[3]` cannot be ` bash`
      hint: expected: no white space at either end
    b.yaml:13:47: error: `approved_patches[4]` must be text, not a mapping
    b.yaml:14:21: error: `rejected_patches` must be a list, not the text `bash`
      hint: write it as a list, in square brackets or with `- ` before each entry
    b.yaml:15:28: error: `rejected_patches_action` cannot be `BLOK`
      hint: did you mean `BLOCK`?
    b.yaml:16:18: error: `max_wait_days` must be 1 or more, not the number `0`
    b.yaml:18:7: error: `configuration` is missing in `sources[0]`
      hint: add `configuration:`
    "#);
}

#[test]
fn a_wrong_field_does_not_hide_what_else_is_wrong() {
    insta::assert_snapshot!(told_spec("DEBIAN",
"  description: 7
  max_wait_days: soon
  approved_patches: [Bash, libc6]
  rejected_patches: [libc6, 1.10]
  approval_rules:
    - {filters: {CLASSIFICATION: [Security]}, approve_after_days: many}
    - {filters: {PRIORITY: [required]}, approve_after_days: 1, approve: manual}
"), @r#"
    b.yaml:5:16: error: `description` must be text, not the number `7`
      hint: put it in quotes: "7"
    b.yaml:6:18: error: `max_wait_days` must be a whole number, not the text `soon`
    b.yaml:7:22: error: `Bash` is not a Debian package name
      hint: write `bash`, `bash*` or `bash=5.2-1`, without architecture; Debian's index knows no CVE or advisory ids
    b.yaml:8:29: error: `rejected_patches[1]` must be text, not the number `1.10`
      hint: put it in quotes: "1.10"
    b.yaml:10:18: error: DEBIAN has no filter `CLASSIFICATION`
      hint: usable: `PRODUCT`, `PRIORITY`, `SECTION`
    b.yaml:10:67: error: `approval_rules[0].approve_after_days` must be a whole number, not the text `many`
    b.yaml:11:7: error: a rule gives only one of `approve_after_days`, `approve_until_date` and `approve: manual`
      hint: keep one, or write a second rule
    b.yaml:11:29: error: `PRIORITY` has no value `required`
      hint: did you mean `Required`?
    "#);
    insta::assert_snapshot!(told_spec("CENTOS", "  approval_rules: [{ApproveAfterDays: 7}, {approve_after_days: -1}, {}]"), @r"
    b.yaml:5:21: error: unknown field `ApproveAfterDays` in `approval_rules[0]`
      hint: did you mean `approve_after_days`?
    b.yaml:5:64: error: `approval_rules[1].approve_after_days` must be 0 or more, not the number `-1`
    b.yaml:5:69: error: a rule for CENTOS gives one of `approve_after_days`, `approve_until_date` and `approve: manual`
      hint: to approve at once, write `approve_after_days: 0`
    ");
}

#[test]
fn problems_are_shown_in_their_source() {
    let source = "kind: PatchBaseline\nname: x\nspec:\n  operating_system: DEBIAN\n  approval_rule: []\n";
    insta::assert_snapshot!(render(source, &parse("b.yaml", source.as_bytes()).unwrap_err()), @r"
    error: unknown field `approval_rule` in `spec`
      --> b.yaml:5:3
       |
     5 |   approval_rule: []
       |   ^
      hint: did you mean `approval_rules`?
    ");
}

#[test]
fn a_document_says_its_kind() {
    insta::assert_snapshot!(told("name: x"), @r"
    b.yaml:1:1: error: the document has no `kind`
      hint: known kinds: PatchBaseline, MaintenanceWindow, PatchGroup, DefaultBaselines
    ");
    insta::assert_snapshot!(told("Kind: PatchBaseline\nname: x\nspec: {}"), @r"
    b.yaml:1:1: error: the document has no `kind`
      hint: write `kind` in lower case
    ");
    insta::assert_snapshot!(told("kind: PatchBasline\nname: x"), @r"
    b.yaml:1:7: error: unknown kind `PatchBasline`
      hint: did you mean `PatchBaseline`?
    ");
    insta::assert_snapshot!(told("kind: Banana"), @r"
    b.yaml:1:7: error: unknown kind `Banana`
      hint: known kinds: PatchBaseline, MaintenanceWindow, PatchGroup, DefaultBaselines
    ");
    insta::assert_snapshot!(told("kind: [x]"), @r"
    b.yaml:1:7: error: `kind` must be text, not a list
      hint: known kinds: PatchBaseline, MaintenanceWindow, PatchGroup, DefaultBaselines
    ");
    insta::assert_snapshot!(told("just text"), @"b.yaml:1:1: error: a document is a mapping with `kind`, `name` and `spec`, not the text `just text`");
    insta::assert_snapshot!(told("- kind: PatchBaseline"), @"b.yaml:1:1: error: a document is a mapping with `kind`, `name` and `spec`, not a list");
}

#[test]
fn missing_and_empty_parts_are_named() {
    insta::assert_snapshot!(told("kind: PatchBaseline"), @r"
    b.yaml:1:1: error: `name` is missing
      hint: add `name:`
    b.yaml:1:1: error: `spec` is missing
      hint: add `spec:`
    ");
    insta::assert_snapshot!(told("kind: PatchBaseline\nname:\nspec: null\n"), @r"
    b.yaml:2:1: error: `name` has no value
    b.yaml:3:1: error: `spec` has no value
    ");
    insta::assert_snapshot!(told("kind: PatchBaseline\nname: 7\nspec: []\n"), @r#"
    b.yaml:2:7: error: `name` must be text, not the number `7`
      hint: put it in quotes: "7"
    b.yaml:3:7: error: `spec` must be a mapping, not a list
    "#);
}

#[test]
fn a_rule_gives_exactly_one_way_to_approve() {
    insta::assert_snapshot!(told_spec("ROCKY_LINUX", "  approval_rules: [{}]"), @r"
    b.yaml:5:20: error: a rule for ROCKY_LINUX gives one of `approve_after_days`, `approve_until_date` and `approve: manual`
      hint: to approve at once, write `approve_after_days: 0`
    ");
    insta::assert_snapshot!(told_spec(
        "DEBIAN",
        "  approval_rules:\n    - approve_after_days: 1\n      approve: manual\n",
    ), @r"
    b.yaml:6:7: error: a rule gives only one of `approve_after_days`, `approve_until_date` and `approve: manual`
      hint: keep one, or write a second rule
    ");
    insta::assert_snapshot!(told_spec("DEBIAN", "  approval_rules: [{}]"), @"");
}

#[test]
fn dates_are_days_of_the_calendar() {
    insta::assert_snapshot!(told_spec("SUSE", "  approval_rules: [{approve_until_date: 2026-02-30}]"), @r"
    b.yaml:5:41: error: `2026-02-30` is not a day of the calendar
      hint: write YYYY-MM-DD, of the years 1970 to 2199
    ");
    insta::assert_snapshot!(told_spec("SUSE", "  approval_rules: [{approve_until_date: tomorrow}]"), @r"
    b.yaml:5:41: error: `approval_rules[0].approve_until_date` cannot be `tomorrow`
      hint: expected: a date such as 2026-12-24
    ");
    insta::assert_snapshot!(told_spec("SUSE", "  approval_rules: [{approve_until_date: 20260228}]"), @r#"
    b.yaml:5:41: error: `approval_rules[0].approve_until_date` must be text, not the number `20260228`
      hint: put it in quotes: "20260228"
    "#);
    insta::assert_snapshot!(told_spec("SUSE", "  approval_rules: [{approve_until_date: 2026-02-28}]"), @"");
}

#[test]
fn filters_are_those_of_the_operating_system() {
    insta::assert_snapshot!(told_spec(
        "DEBIAN",
        "  global_filters: {CLASSIFICATION: [Security]}\n  approval_rules: [{filters: {PRIORITY: [required, Urgent], SEVERITY: ['*']}}]",
    ), @r#"
    b.yaml:5:20: error: DEBIAN has no filter `CLASSIFICATION`
      hint: usable: `PRODUCT`, `PRIORITY`, `SECTION`
    b.yaml:6:42: error: `PRIORITY` has no value `required`
      hint: did you mean `Required`?
    b.yaml:6:52: error: `PRIORITY` has no value `Urgent`
      hint: known values: Required, Important, Standard, Optional, Extra, or "*"
    b.yaml:6:61: error: DEBIAN has no filter `SEVERITY`
      hint: usable: `PRODUCT`, `PRIORITY`, `SECTION`
    "#);
    insta::assert_snapshot!(told_spec(
        "WINDOWS",
        "  approval_rules: [{approve_after_days: 0, filters: {PATCH_SET: [APP], MSRC_SEVERITY: [critical], PRIORITY: [Extra], CLASSIFICATION: [SecurityUpdate]}}]",
    ), @r#"
    b.yaml:5:66: error: `PATCH_SET` has no value `APP`
      hint: known values: OS, APPLICATION, or "*"
    b.yaml:5:88: error: `MSRC_SEVERITY` has no value `critical`
      hint: did you mean `Critical`?
    b.yaml:5:99: error: WINDOWS has no filter `PRIORITY`
      hint: usable: `PATCH_SET`, `PRODUCT_FAMILY`, `PRODUCT`, `CLASSIFICATION`, `MSRC_SEVERITY`
    b.yaml:5:135: warning: `SecurityUpdate` is not a known value of `CLASSIFICATION`
      hint: did you mean `SecurityUpdates`?
    "#);
    insta::assert_snapshot!(told_spec(
        "ROCKY_LINUX",
        "  approval_rules: [{approve_after_days: 0, filters: {CLASSIFICATION: [security], SEVERITY: [Catastrophic]}}]",
    ), @r#"
    b.yaml:5:71: warning: `security` is not a known value of `CLASSIFICATION`
      hint: did you mean `Security`?
    b.yaml:5:93: warning: `Catastrophic` is not a known value of `SEVERITY`
      hint: known values: Critical, Important, Moderate, Medium, Low, None, or "*"
    "#);
    insta::assert_snapshot!(told_spec("MACOS", "  approval_rules: [{approve_after_days: 0, filters: {priorities: [x]}}]"), @r"
    b.yaml:5:54: error: unknown field `priorities` in `approval_rules[0].filters`
      hint: known fields: `CLASSIFICATION`, `MSRC_SEVERITY`, `PATCH_SET`, `PRIORITY`, `PRODUCT`, `PRODUCT_FAMILY`, `SECTION`, `SEVERITY`
    ");
}

#[test]
fn names_of_patches_have_the_form_of_the_operating_system() {
    insta::assert_snapshot!(told_spec("DEBIAN", "  approved_patches: ['bash:amd64', bash=5.2, 'bash=5 2', Bash, libc6, CVE-2026-1]"), @r"
    b.yaml:5:22: error: `bash:amd64` is not a Debian package name
      hint: write `bash`, `bash*` or `bash=5.2-1`, without architecture; Debian's index knows no CVE or advisory ids
    b.yaml:5:46: error: `bash=5 2` is not a Debian package name
      hint: write `bash`, `bash*` or `bash=5.2-1`, without architecture; Debian's index knows no CVE or advisory ids
    b.yaml:5:58: error: `Bash` is not a Debian package name
      hint: write `bash`, `bash*` or `bash=5.2-1`, without architecture; Debian's index knows no CVE or advisory ids
    b.yaml:5:71: error: `CVE-2026-1` is not a Debian package name
      hint: write `bash`, `bash*` or `bash=5.2-1`, without architecture; Debian's index knows no CVE or advisory ids
    ");
    insta::assert_snapshot!(told_spec("ROCKY_LINUX", "  approved_patches: ['a b', kernel*, 'CVE-2026-1', '1234']"), @r"
    b.yaml:5:22: error: `a b` is not the name of an rpm package or advisory
      hint: write a name such as `kernel*` or `bash-5.1-2.x86_64`, or an id such as `CVE-2026-1` or `RHSA-2026:1`
    ");
    insta::assert_snapshot!(told_spec("SUSE", "  approved_patches: ['a*b*']"), @r"
    b.yaml:5:22: error: `a*b*` is not the name of a SUSE patch or rpm file
      hint: write the full name, with at most one `*`
    ");
    insta::assert_snapshot!(told_spec("MACOS", "  approved_patches: ['Safari*']"), @r"
    b.yaml:5:22: error: `Safari*` holds a wildcard
      hint: macOS takes full names only
    ");
    insta::assert_snapshot!(told_spec("WINDOWS", "  approved_patches: [KB123, MS10-048, 'KB 1', kb12]"), @r"
    b.yaml:5:39: error: `KB 1` is neither an article nor a bulletin of Microsoft
      hint: write it as `KB2032276` or `MS10-048`
    b.yaml:5:47: error: `kb12` is neither an article nor a bulletin of Microsoft
      hint: write it as `KB2032276` or `MS10-048`
    ");
}

#[test]
fn rejecting_and_approving_one_patch_is_a_warning() {
    insta::assert_snapshot!(told_spec("DEBIAN", "  approved_patches: [a, b, a]\n  rejected_patches: [b]"), @r"
    b.yaml:5:28: warning: `a` is listed twice in `approved_patches`
      hint: remove one of them
    b.yaml:6:22: warning: `b` is in `approved_patches` too; rejecting wins
      hint: remove it from one of the lists
    ");
}

#[test]
fn a_baseline_that_approves_nothing_is_a_warning() {
    insta::assert_snapshot!(told_spec("DEBIAN", "  approval_rules: []"), @r"
    b.yaml:4:3: warning: this baseline approves nothing
      hint: add `approval_rules` or `approved_patches`
    ");
}

#[test]
fn fields_without_meaning_for_the_operating_system_are_told() {
    insta::assert_snapshot!(told_spec("WINDOWS",
"  approved_patches: [KB1]
  approved_patches_enable_non_security: true
  sources: [{name: a, products: ['*'], configuration: x}]
  approval_rules: [{approve: manual, enable_non_security: true}]
"), @r"
    b.yaml:6:3: warning: `approved_patches_enable_non_security` has no effect on WINDOWS
      hint: remove it; it exists for Linux
    b.yaml:7:3: error: WINDOWS has no alternative sources
      hint: remove `sources`; it exists for Linux
    b.yaml:8:38: warning: `enable_non_security` has no effect on WINDOWS
      hint: remove it; it exists for Linux and macOS
    ");
    insta::assert_snapshot!(told_spec("DEBIAN",
        "  approved_patches: [a]\n  available_security_updates_compliance_status: COMPLIANT"), @r"
    b.yaml:6:3: warning: `available_security_updates_compliance_status` has no effect on DEBIAN
      hint: remove it; it exists for WINDOWS
    ");
}

#[test]
fn sources_have_the_form_of_their_package_manager() {
    insta::assert_snapshot!(told_spec("DEBIAN",
"  approved_patches: [a]
  sources:
    - {name: a, products: ['*'], configuration: 'http://x'}
    - {name: a, products: ['*'], configuration: 'deb http://x y z'}
    - {name: 'a/b', products: [], configuration: ''}
"), @r"
    b.yaml:7:49: error: the configuration of an apt source is one line that begins with `deb `
      hint: for example `deb https://mirror.example/debian bookworm main`
    b.yaml:8:14: error: two sources are called `a`
      hint: rename one of them
    b.yaml:9:14: error: `sources[2].name` cannot be `a/b`
      hint: expected: letters, digits, `_`, `.` and `-`
    b.yaml:9:31: error: `sources[2].products` must not be empty
    b.yaml:9:50: error: `sources[2].configuration` must not be empty
    ");
    insta::assert_snapshot!(told_spec("ROCKY_LINUX",
        "  approved_patches: [a]\n  sources: [{name: a, products: ['*'], configuration: 'baseurl=x'}]"), @r"
    b.yaml:6:55: error: the configuration of an rpm source is the body of a `.repo` file
      hint: it needs a section such as `[main]`
    ");
}

#[test]
fn limits_are_told_with_what_was_found() {
    let many = (0..1001).map(|n| format!("p{n}")).collect::<Vec<_>>().join(",");
    let rules = vec!["{}"; 101].join(",");
    let long = "x".repeat(257);
    insta::assert_snapshot!(told_spec("DEBIAN",
        &format!("  approved_patches: [{many}]\n  rejected_patches: [{long}]\n  approval_rules: [{rules}]")), @r"
    b.yaml:5:21: error: `approved_patches` has 1001 entries; the limit is 1000
    b.yaml:6:22: error: `rejected_patches[0]` has 257 characters; the limit is 256
    b.yaml:7:19: error: `approval_rules` has 101 entries; the limit is 100
    ");
}

#[test]
fn two_documents_of_one_name_are_refused() {
    let one = "kind: PatchBaseline\nname: x\nspec: {operating_system: DEBIAN, approved_patches: [a]}\n";
    insta::assert_snapshot!(told(&format!("{one}---\n{one}")), @r"
    b.yaml:6:7: error: two documents are PatchBaseline `x`
      hint: rename or remove one of them
    ");
}

#[test]
fn one_bad_document_refuses_the_file_and_the_others_are_still_checked() {
    insta::assert_snapshot!(told("kind: PatchBaseline\n---\nkind: X\n---\nkind: PatchBaseline\nname: x\nspec: {operating_system: BeOS}\n"), @r"
    b.yaml:1:1: error: `name` is missing
      hint: add `name:`
    b.yaml:1:1: error: `spec` is missing
      hint: add `spec:`
    b.yaml:3:7: error: unknown kind `X`
      hint: known kinds: PatchBaseline, MaintenanceWindow, PatchGroup, DefaultBaselines
    b.yaml:7:26: error: `operating_system` cannot be `BeOS`
      hint: one of `WINDOWS`, `AMAZON_LINUX`, `AMAZON_LINUX_2`, `AMAZON_LINUX_2022`, `AMAZON_LINUX_2023`, `UBUNTU`, `REDHAT_ENTERPRISE_LINUX`, `SUSE`, `CENTOS`, `ORACLE_LINUX`, `DEBIAN`, `MACOS`, `RASPBIAN`, `ROCKY_LINUX`, `ALMA_LINUX`
    ");
}
