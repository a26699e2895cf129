//! Each command in each form of output: what it prints on which stream, and its exit status.

use std::collections::BTreeSet;

use crate::bench::{AT, Bench};

fn shown(name: &str, words: &str) {
    let ran = Bench::new().run(words);
    insta::assert_snapshot!(name.to_owned(), ran.all(), words);
}

#[test]
fn help_explains_the_program_and_each_command() {
    let bench = Bench::new();
    let mut pages = String::new();
    for command in [
        "",
        "apply",
        "get",
        "scan",
        "install",
        "status",
        "explain",
        "runs",
        "runs show",
        "runs watch",
        "runs cancel",
        "compliance",
        "describe",
        "diff",
        "delete",
        "approve",
        "reject",
        "try",
        "once",
        "inventory",
        "evaluate",
        "window",
        "window next",
        "import",
        "import aws",
        "validate",
        "predefined",
        "predefined list",
        "predefined show",
        "completions",
        "man",
    ] {
        let ran = bench.run(&format!("{command} --help"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command}");
        pages += &format!("===== patchflock {command}\n{}\n", ran.stdout);
    }
    insta::assert_snapshot!("help", pages);
}

#[test]
fn without_a_command_the_help_is_talk_and_the_status_that_of_a_usage_error() {
    Bench::new().run("").refused(&["Usage: patchflock <COMMAND>", "Start with `patchflock try`"]);
}

#[test]
fn the_version_is_data() {
    let ran = Bench::new().run("--version");
    assert_eq!((ran.code, ran.stdout.starts_with("patchflock 0.")), (0, true), "{}", ran.all());
}

#[test]
fn evaluate_explains_an_apt_machine() {
    shown("evaluate_apt_table", &format!("evaluate --inventory apt.json {AT}"));
}

#[test]
fn evaluate_explains_an_rpm_machine() {
    shown("evaluate_rpm_table", &format!("evaluate --inventory rpm.json {AT}"));
}

#[test]
fn evaluate_shows_every_version_on_request() {
    shown("evaluate_apt_all", &format!("evaluate --inventory apt.json {AT} --all"));
}

#[test]
fn evaluate_takes_the_baseline_of_a_file() {
    shown("evaluate_apt_baseline", &format!("evaluate --inventory apt.json -f baseline.yaml {AT}"));
}

#[test]
fn evaluate_prints_json() {
    shown("evaluate_rpm_json", &format!("evaluate --inventory rpm.json {AT} -o json"));
}

#[test]
fn evaluate_prints_yaml() {
    shown("evaluate_rpm_yaml", &format!("evaluate --inventory rpm.json {AT} -o yaml"));
}

#[test]
fn evaluate_reads_standard_input() {
    let bench = Bench::new();
    let piped = bench.shell(&format!("patchflock evaluate --inventory - {AT} -o json < rpm.json"));
    assert_eq!(piped.all(), bench.run(&format!("evaluate --inventory rpm.json {AT} -o json")).all());
}

#[test]
fn a_compliant_machine_ends_with_0_and_a_noncompliant_one_with_3() {
    let bench = Bench::new();
    let mut machine: serde_json::Value = serde_json::from_str(&crate::bench::fixture("rpm.json")).unwrap();
    machine["candidates"] = serde_json::json!([]);
    machine["native"] = serde_json::json!([]);
    bench.file("clean.json", machine.to_string());
    let clean = bench.run(&format!("evaluate --inventory clean.json {AT}"));
    assert_eq!((clean.code, clean.stderr.as_str()), (0, ""), "{}", clean.all());
    assert!(clean.stdout.contains("No installed package has a newer version"), "{}", clean.stdout);
    assert_eq!(bench.run(&format!("evaluate --inventory rpm.json {AT}")).code, 3);
}

#[test]
fn the_same_question_gets_the_same_answer() {
    let bench = Bench::new();
    for words in [
        format!("evaluate --inventory apt.json {AT} -o json"),
        "window next -f window.yaml --from 2026-11-01T00:00:00Z -o yaml".into(),
        "predefined list -o json".into(),
    ] {
        assert_eq!(bench.run(&words).all(), bench.run(&words).all(), "{words}");
    }
}

#[test]
fn json_and_yaml_say_the_same() {
    let bench = Bench::new();
    let json = bench.run(&format!("evaluate --inventory apt.json {AT} -o json"));
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let yaml = bench.run(&format!("evaluate --inventory apt.json {AT} -o yaml")).stdout;
    // Names of YAML are those of JSON; each key is there as often.
    for key in keys(&json) {
        assert!(yaml.contains(&format!("{key}:")), "{key}");
    }
}

fn keys(value: &serde_json::Value) -> BTreeSet<String> {
    match value {
        serde_json::Value::Object(map) => {
            map.iter().flat_map(|(k, v)| std::iter::once(k.clone()).chain(keys(v))).collect()
        }
        serde_json::Value::Array(all) => all.iter().flat_map(keys).collect(),
        _ => BTreeSet::new(),
    }
}

/// Programs read these names: one may be added here, none may go or change.
#[test]
fn the_keys_of_the_json_output_are_stable() {
    let bench = Bench::new();
    let mut all = String::new();
    for words in [
        format!("evaluate --inventory apt.json {AT} -o json"),
        "window next -f window.yaml --from 2026-11-01T00:00:00Z -o json".into(),
        "predefined list -o json".into(),
    ] {
        let value = serde_json::from_str(&bench.run(&words).stdout).unwrap();
        all += &format!("{words}\n  {}\n", keys(&value).into_iter().collect::<Vec<_>>().join(" "));
    }
    insta::assert_snapshot!("json_keys", all);
}

#[test]
fn window_next_shows_start_cutoff_and_end() {
    shown("window_table", "window next -f window.yaml --from 2026-09-01T00:00:00Z --count 4");
}

#[test]
fn window_next_prints_json_and_yaml() {
    shown("window_json", "window next -f window.yaml --from 2026-11-01T00:00:00Z --count 2 -o json");
    shown("window_yaml", "window next -f window.yaml --from 2026-11-01T00:00:00Z --count 2 -o yaml");
}

#[test]
fn a_window_that_never_opens_again_says_so() {
    let bench = Bench::new();
    let old = bench.path().join("window.yaml");
    let text =
        std::fs::read_to_string(old).unwrap().replace("  duration", "  end_date: 2026-01-01\n  duration");
    bench.file("over.yaml", text);
    let ran = bench.run("window next -f over.yaml --from 2026-06-01T00:00:00Z");
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("does not open after 2026-06-01 00:00 UTC"), "{}", ran.all());
    let json = bench.run("window next -f over.yaml --from 2026-06-01T00:00:00Z -o json");
    assert_eq!(json.stdout, "[]\n");
}

#[test]
fn import_aws_prints_a_document_that_is_valid() {
    let bench = Bench::new();
    for name in [
        "get-patch-baseline-debian",
        "get-patch-baseline-windows",
        "get-maintenance-window",
        "describe-patch-groups",
    ] {
        let from = crate::bench::tree().join(format!("baselines/testdata/aws/{name}.json"));
        bench.file(&format!("{name}.json"), std::fs::read(from).unwrap());
        let ran = bench.shell(&format!("patchflock import aws {name}.json > {name}.yaml"));
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.all());
        let valid = bench.run(&format!("validate -f {name}.yaml"));
        assert!(valid.code == 0 && valid.stdout.ends_with(" is valid\n"), "{}", valid.all());
    }
    shown_in(&bench, "import_window", "import aws get-maintenance-window.json");
}

fn shown_in(bench: &Bench, name: &str, words: &str) {
    insta::assert_snapshot!(name.to_owned(), bench.run(words).all(), words);
}

#[test]
fn validate_names_what_is_valid_and_every_problem_of_the_rest() {
    let bench = Bench::new();
    bench.file("wrong.yaml", "kind: PatchBaseline\nname: x\nspec:\n  operating_sytem: DEBIAN\n");
    let ran = bench.run("validate -f baseline.yaml window.yaml wrong.yaml");
    insta::assert_snapshot!("validate", ran.all());
}

#[test]
fn predefined_baselines_are_listed_and_shown() {
    shown("predefined_list", "predefined list");
    shown("predefined_list_json", "predefined list -o json");
    shown("predefined_show", "predefined show predefined-debian");
}

#[test]
fn what_predefined_show_prints_is_a_valid_document() {
    let bench = Bench::new();
    let ran = bench.shell("patchflock predefined show predefined-suse | patchflock validate -f -");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.all());
}

#[test]
fn once_without_root_refuses_and_says_how_to_go_on() {
    Bench::new().run("once --yes").refused(&["needs root", "sudo", "--dry-run"]);
    let asked = Bench::new().on_terminal(80, "once");
    assert!(asked.code == 1 && asked.stdout.contains("needs root"), "{}", asked.all());
    Bench::new().run("once --yes --dry-run").refused(&["--yes", "--dry-run"]);
    Bench::new().run("try --root .").refused(&["--root", "needs root"]);
}

#[test]
fn once_that_nobody_can_confirm_refuses_before_it_does_anything() {
    let bench = Bench::new();
    for words in ["once", "once -o json", "once -f gone", "once --no-refresh"] {
        for input in ["< /dev/null", "< window.yaml", "<&-"] {
            let ran = bench.shell(&format!("patchflock {words} {input}"));
            ran.refused(&["nobody is there to confirm", "nothing was done", "--yes", "--dry-run"]);
        }
    }
}
