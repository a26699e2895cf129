//! What replaces the baseline for one run: AWS's list of baselines, and AWS's list of patches.

use crate::bench::{AT, Bench};

const OVERRIDE: &str = r#"[
  {"OperatingSystem": "ROCKY_LINUX", "ApprovalRules": {"PatchRules": []}, "ApprovedPatches": ["*"]},
  {"OperatingSystem": "DEBIAN", "ApprovalRules": {"PatchRules": [
    {"PatchFilterGroup": {"PatchFilters": [{"Key": "PRIORITY", "Values": ["*"]}]}, "EnableNonSecurity": true}
  ]}}
]"#;

#[test]
fn a_baseline_override_is_taken_where_a_baseline_is_and_gives_the_entry_of_the_system_2_7() {
    let bench = Bench::new();
    bench.file("override.json", OVERRIDE);
    let ran = bench.run(&format!("evaluate -f override.json --inventory apt.json {AT}"));
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stdout.contains("12 packages with updates: 12 approved\n"), "{}", ran.all());
    assert!(ran.stdout.contains("compared with apt: no difference\n"), "{}", ran.all());
}

#[test]
fn an_override_without_an_entry_for_the_system_is_refused() {
    let bench = Bench::new();
    bench.file("override.json", r#"[{"OperatingSystem": "SUSE", "ApprovedPatches": ["x"]}]"#);
    let ran = bench.run(&format!("evaluate -f override.json --inventory apt.json {AT}"));
    assert_eq!(ran.code, 1);
    ran.refused(&["override.json", "DEBIAN", "SUSE"]);
}

#[test]
fn both_lists_at_once_are_refused_before_anything_is_read_2_7() {
    let bench = Bench::new();
    bench.file("override.json", OVERRIDE);
    bench.file("list.yaml", "patches: [{id: 'bash*'}]\n");
    let ran = bench
        .run("once --dry-run --operating-system DEBIAN -f override.json --install-override-list list.yaml");
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("cannot be used in one run"), "{}", ran.all());
}

#[test]
fn what_is_named_with_f_may_be_a_pipe() {
    let bench = Bench::new();
    bench.file("override.json", OVERRIDE);
    for file in ["baseline.yaml", "override.json"] {
        let line = format!("cat {file} | patchflock evaluate -f /dev/stdin --inventory apt.json {AT}");
        let ran = bench.shell(&line);
        assert_eq!(ran.code, 3, "{}", ran.all());
        assert!(ran.stdout.contains("12 packages with updates"), "{}", ran.all());
    }
}
