//! Install-override lists (reference 2.8).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::document::Problem;
use patchflock_baselines::document::override_list::{OverridePatch, parse_override_list};

fn told(source: &str) -> String {
    match parse_override_list("o.yaml", source.as_bytes()) {
        Ok(list) => format!("{list:?}"),
        Err(problems) => problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn the_example_of_the_reference_is_read_and_extra_keys_are_ignored() {
    let source = "patches:
    - id: 'bind*.x86_64'          # required
      title: '39.11.4-26.P2*'     # optional; extra keys are ignored
      severity: [whatever]
    - id: KB2032276
";
    let list = parse_override_list("o.yaml", source.as_bytes()).unwrap();
    let patch = |id: &str, title: Option<&str>| OverridePatch { id: id.into(), title: title.map(Into::into) };
    assert_eq!(list.patches, [patch("bind*.x86_64", Some("39.11.4-26.P2*")), patch("KB2032276", None)]);
    let json = r#"{"patches": [{"id": "bind*.x86_64", "title": "39.11.4-26.P2*"}, {"id": "KB2032276"}]}"#;
    assert_eq!(parse_override_list("o.json", json.as_bytes()).unwrap(), list);
}

#[test]
fn a_list_that_would_install_nothing_is_refused() {
    insta::assert_snapshot!(told("patchs: [{id: a}]"), @r"
    o.yaml:1:1: error: unknown field `patchs`
      hint: did you mean `patches`?
    o.yaml:1:1: error: an install-override list holds `patches`, a list with at least one entry
      hint: for example `patches: [{id: 'bind*.x86_64'}]`
    ");
    insta::assert_snapshot!(told("patches: []"), @r"
    o.yaml:1:10: error: an install-override list holds `patches`, a list with at least one entry
      hint: for example `patches: [{id: 'bind*.x86_64'}]`
    ");
    insta::assert_snapshot!(told("patches:\n"), @r"
    o.yaml:1:8: error: an install-override list holds `patches`, a list with at least one entry
      hint: for example `patches: [{id: 'bind*.x86_64'}]`
    ");
    insta::assert_snapshot!(told("[a]"), @r"
    o.yaml:1:1: error: an install-override list holds `patches`, a list with at least one entry
      hint: for example `patches: [{id: 'bind*.x86_64'}]`
    ");
    insta::assert_snapshot!(told(""), @r"
    o.yaml:1:1: error: the file holds no document
      hint: a document has `kind`, `name` and `spec`
    ");
    insta::assert_snapshot!(told("patches: [{id: a}]\n---\npatches: [{id: b}]\n"), @"o.yaml:3:1: error: the file must hold exactly one document");
}

#[test]
fn every_bad_entry_is_told_at_once() {
    insta::assert_snapshot!(told(
        "patches:\n- bash\n- title: x\n- id: 1.10\n- {id: '', title: [a]}\n- {id: ~}\n- {id: a, title: 2.0}\n"
    ), @r#"
    o.yaml:2:3: error: a patch is a mapping with `id`, not the text `bash`
      hint: write `- id: …`
    o.yaml:3:3: error: a patch needs an `id`
      hint: for example `id: 'bind*.x86_64'`
    o.yaml:4:7: error: `id` must be text, not the number `1.10`
      hint: put it in quotes: "1.10"
    o.yaml:5:8: error: `id` must not be empty
    o.yaml:5:19: error: `title` must be text, not a list
    o.yaml:6:3: error: a patch needs an `id`
      hint: for example `id: 'bind*.x86_64'`
    o.yaml:7:18: error: `title` must be text, not the number `2.0`
      hint: put it in quotes: "2.0"
    "#);
}

#[test]
fn sizes_are_bounded() {
    let long = format!("patches: [{{id: {}}}]", "x".repeat(2000));
    assert!(told(&long).contains("longer than 1024"), "{}", told(&long));
    let many = format!("patches: [{}]", "{id: a},".repeat(10_001));
    assert!(told(&many).contains("the limit is 10000"));
}
