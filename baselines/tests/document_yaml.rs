//! YAML itself: what is refused, what scalars mean, and bombs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use std::fmt::Write as _;

use patchflock_baselines::document::{Document, MAX_BYTES, MAX_NODES, Problem, parse};

const GOOD: &str = "kind: PatchBaseline
name: x
spec:
  operating_system: DEBIAN
  approved_patches: [bash]
";

fn told(source: impl AsRef<[u8]>) -> String {
    let problems = match parse("y.yaml", source.as_ref()) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// The approved patches of the only document.
fn approved(source: &str) -> Vec<String> {
    let parsed = parse("y.yaml", source.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    match parsed.documents.as_slice() {
        [Document::PatchBaseline(baseline)] => baseline.approved_patches.clone(),
        other => panic!("{other:?}"),
    }
}

fn approving(list: &str) -> String {
    GOOD.replace("[bash]", list)
}

#[test]
fn empty_files_are_refused() {
    for source in ["", "\n\n", "# only a comment\n", "---\n---\n", "null", "\u{feff}"] {
        assert_eq!(
            told(source),
            "y.yaml:1:1: error: the file holds no document\n  hint: a document has `kind`, `name` and `spec`",
            "{source:?}"
        );
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(parse("y.yaml", windows.as_bytes()), parse("y.yaml", GOOD.as_bytes()));
    // Places count the same lines.
    let bad = windows.replace("DEBIAN", "DEBIAM");
    assert!(told(&bad).starts_with("y.yaml:4:21: error:"), "{}", told(&bad));
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    insta::assert_snapshot!(told(b"kind: x\nname: \xff\n"), @r#"
    y.yaml:2:7: error: the file is not UTF-8 text (byte 15)
      hint: save it as UTF-8; Windows editors may call what they wrote "Unicode" or "ANSI"
    "#);
    insta::assert_snapshot!(told(b"\xff\xfek\x00i\x00"), @r#"
    y.yaml:1:1: error: the file is not UTF-8 text (byte 1)
      hint: save it as UTF-8; Windows editors may call what they wrote "Unicode" or "ANSI"
    "#);
}

#[test]
fn characters_that_hide_text_are_refused() {
    insta::assert_snapshot!(told("kind: a\0b"), @r#"
    y.yaml:1:8: error: the file holds a control character (U+0000)
      hint: remove it, or write it as an escape such as "\u001b" in double quotes
    "#);
    insta::assert_snapshot!(told("a: 1\nkind: \u{1b}[31m"), @r#"
    y.yaml:2:7: error: the file holds a control character (U+001B)
      hint: remove it, or write it as an escape such as "\u001b" in double quotes
    "#);
    insta::assert_snapshot!(told("kind: \u{202e}x"), @r#"
    y.yaml:1:7: error: the file holds a character that changes the direction of text (U+202E)
      hint: remove it, or write it as an escape such as "\u001b" in double quotes
    "#);
    insta::assert_snapshot!(told("kind: x\rname: y\n"), @r#"
    y.yaml:1:8: error: the file holds a carriage return without a line feed (U+000D)
      hint: remove it, or write it as an escape such as "\u001b" in double quotes
    "#);
    insta::assert_snapshot!(told("kind: x\u{2028}name: y\n"), @r#"
    y.yaml:1:8: error: the file holds a Unicode line separator (U+2028)
      hint: remove it, or write it as an escape such as "\u001b" in double quotes
    "#);
}

#[test]
fn tabs_are_refused_with_a_hint() {
    insta::assert_snapshot!(told("kind: PatchBaseline\nspec:\n\toperating_system: DEBIAN\n"), @r"
    y.yaml:3:2: error: not valid YAML: tabs disallowed within this context (block indentation)
      hint: indent with spaces; YAML does not allow tabs there
    ");
}

#[test]
fn anchors_aliases_and_tags_are_refused() {
    insta::assert_snapshot!(told("kind: &a PatchBaseline\nname: *a\nspec: !!map {}\n"), @r"
    y.yaml:1:7: error: anchors (`&name`) are not supported
      hint: remove it, and write the value out where it is used
    y.yaml:2:1: error: `name` has no value
    y.yaml:2:7: error: aliases (`*name`) are not supported
      hint: write the value out; quote text that begins with `*`
    y.yaml:3:7: error: tags (`!name`) are not supported
      hint: remove it; quote text that begins with `!`
    y.yaml:3:7: error: `operating_system` is missing in `spec`
      hint: add `operating_system:`
    ");
    insta::assert_snapshot!(told("kind: *nowhere\n"), @r"
    y.yaml:1:7: error: not valid YAML: while parsing node, found unknown anchor
      hint: aliases (`*name`) are not supported: write the value out; quote text that begins with `*`
    ");
    insta::assert_snapshot!(told("a: &x [1]\n<<: *x\n"), @r"
    y.yaml:1:1: error: the document has no `kind`
      hint: known kinds: PatchBaseline, MaintenanceWindow, PatchGroup, DefaultBaselines
    y.yaml:1:4: error: anchors (`&name`) are not supported
      hint: remove it, and write the value out where it is used
    y.yaml:2:5: error: aliases (`*name`) are not supported
      hint: write the value out; quote text that begins with `*`
    ");
}

#[test]
fn duplicate_and_odd_keys_are_refused() {
    insta::assert_snapshot!(told(format!("{GOOD}name: y\n")), @r"
    y.yaml:6:1: error: `name` is given twice
      hint: it is already given in line 2; keep one of them
    ");
    insta::assert_snapshot!(told(format!("{GOOD}1: y\n[a]: b\n{{a: b}}: c\nnull: d\n")), @r"
    y.yaml:6:1: error: the name of a field must be text; this is the number `1`
      hint: write a field name; quote it if it looks like something else
    y.yaml:7:1: error: the name of a field must be text; this is a list
      hint: write a field name; quote it if it looks like something else
    y.yaml:8:1: error: the name of a field must be text; this is a mapping
      hint: text that begins with `{` must be quoted; templates are not expanded here
    y.yaml:9:1: error: the name of a field must be text; this is nothing
      hint: write a field name; quote it if it looks like something else
    ");
    insta::assert_snapshot!(told("kind: {{ kind }}\n"), @r"
    y.yaml:1:7: error: `kind` must be text, not a mapping
      hint: known kinds: PatchBaseline, MaintenanceWindow, PatchGroup, DefaultBaselines
    y.yaml:1:8: error: the name of a field must be text; this is a mapping
      hint: text that begins with `{` must be quoted; templates are not expanded here
    ");
}

#[test]
fn broken_syntax_names_its_place() {
    insta::assert_snapshot!(told("kind: [a\nname: b\n"), @r"
    y.yaml:2:5: error: not valid YAML: illegal placement of ':' indicator
      hint: check indentation, quotes and brackets at and just before this place
    ");
    insta::assert_snapshot!(told("kind: \"a\n"), @r"
    y.yaml:1:7: error: not valid YAML: while scanning a quoted scalar, found unexpected end of stream
      hint: check indentation, quotes and brackets at and just before this place
    ");
    insta::assert_snapshot!(told("kind: \"\\ud83d\\ude00\"\n"), @r"
    y.yaml:1:7: error: not valid YAML: while parsing a quoted scalar, found invalid Unicode character escape code
      hint: write the character itself; JSON's surrogate pairs (\ud83d\ude00) are not characters in YAML
    ");
    insta::assert_snapshot!(told("kind: a: b\n"), @r"
    y.yaml:1:8: error: not valid YAML: mapping values are not allowed in this context
      hint: check indentation, quotes and brackets at and just before this place
    ");
    insta::assert_snapshot!(told("{\"kind\": \"PatchBaseline\",\n \"name\": }"), @r"
    y.yaml:1:1: error: `spec` is missing
      hint: add `spec:`
    y.yaml:2:2: error: `name` has no value
    ");
}

#[test]
fn words_that_yaml_1_1_took_for_booleans_are_text() {
    assert_eq!(approved(&approving("[yes, no, on, off, y, n]")), ["yes", "no", "on", "off", "y", "n"]);
    let source = approving("[a]\n  approved_patches_enable_non_security: on");
    insta::assert_snapshot!(told(source), @r"
    y.yaml:6:41: error: `approved_patches_enable_non_security` must be `true` or `false`, not the text `on`
      hint: write `true`; yes and on are text in YAML 1.2
    ");
}

#[test]
fn dates_and_odd_numbers_are_text_as_written() {
    assert_eq!(
        approved(&approving("[2024-01-01, 1.2.3, 0x1f, 1.10-2, 5e, .5]")),
        ["2024-01-01", "1.2.3", "0x1f", "1.10-2", "5e", ".5"]
    );
}

#[test]
fn a_number_where_text_is_expected_is_a_problem_that_shows_the_quoted_spelling() {
    insta::assert_snapshot!(told(approving("[1.10, 7, 1e3, true, ~]")), @r#"
    y.yaml:5:22: error: `approved_patches[0]` must be text, not the number `1.10`
      hint: put it in quotes: "1.10"
    y.yaml:5:28: error: `approved_patches[1]` must be text, not the number `7`
      hint: put it in quotes: "7"
    y.yaml:5:31: error: `approved_patches[2]` must be text, not the number `1e3`
      hint: put it in quotes: "1e3"
    y.yaml:5:36: error: `approved_patches[3]` must be text, not the boolean `true`
      hint: put it in quotes: "true"
    y.yaml:5:42: error: `approved_patches[4]` must be text, not nothing
      hint: give it a value or remove it
    "#);
    assert_eq!(approved(&approving("['1.10', \"7\"]")), ["1.10", "7"]);
}

#[test]
fn a_number_in_quotes_or_with_leading_zeros_is_not_a_number() {
    let source = approving("[a]\n  max_wait_days: '7'\n  max_metadata_age_hours: 010");
    insta::assert_snapshot!(told(source), @r"
    y.yaml:6:18: error: `max_wait_days` must be a whole number, not the text `7`
      hint: write 7, without quotes and leading zeros
    y.yaml:7:27: error: `max_metadata_age_hours` must be a whole number, not the text `010`
      hint: write 10, without quotes and leading zeros
    ");
}

#[test]
fn several_documents_come_in_their_order() {
    let file = format!("---\n{GOOD}---\n# nothing here\n---\n{}...\n", GOOD.replace("name: x", "name: y"));
    let parsed = parse("y.yaml", file.as_bytes()).unwrap();
    let names: Vec<&str> = parsed.documents.iter().map(Document::name).collect();
    assert_eq!(names, ["x", "y"]);
}

#[test]
fn json_is_yaml() {
    let json = r#"{
	"kind": "PatchBaseline",
	"name": "x",
	"spec": {"operating_system": "DEBIAN", "approved_patches": ["bash"]}
}"#;
    assert_eq!(parse("y.json", json.as_bytes()), parse("y.yaml", GOOD.as_bytes()));
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let problems = parse("y.yaml", &vec![b'\xff'; MAX_BYTES + 1]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("more than the limit"), "{}", problems[0]);
}

#[test]
fn alias_bombs_unfold_nothing() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let previous = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{previous}]").unwrap();
    }
    let problems = parse("y.yaml", bomb.as_bytes()).unwrap_err();
    assert!(problems.iter().all(|problem| problem.message.contains("not supported")), "{problems:#?}");
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let deep = open.repeat(10_000) + &close.repeat(10_000);
        let shown = told(&deep);
        assert!(shown.contains("error:"), "{open}: {shown}");
        assert!(shown.len() < 1000, "{open}: {shown}");
    }
    insta::assert_snapshot!(told("[".repeat(40)), @r"
    y.yaml:1:33: error: nested deeper than 32 levels
      hint: no document needs this; check the brackets
    ");
}

#[test]
fn wide_files_are_refused() {
    let wide = format!("kind: [{}]", "a,".repeat(MAX_NODES + 1));
    insta::assert_snapshot!(told(wide), @r"
    y.yaml:1:200006: error: more than 100000 values in one file
      hint: split it into several files
    ");
    let mut fields = String::new();
    for n in 0..2000 {
        writeln!(fields, "f{n}: 1").unwrap();
    }
    insta::assert_snapshot!(told(fields), @"y.yaml:1001:1: error: more than 1000 fields in one mapping");
}

#[test]
fn problems_without_number_are_cut() {
    let mut source = String::from(GOOD);
    for n in 0..900 {
        writeln!(source, "f{n}: 1").unwrap();
    }
    let problems = parse("y.yaml", source.as_bytes()).unwrap_err();
    assert_eq!(problems.len(), patchflock_baselines::document::MAX_PROBLEMS);
}

#[test]
fn many_warnings_do_not_hide_an_error() {
    let unknown = (0..300).map(|n| format!("Odd{n}")).collect::<Vec<_>>();
    let rules: String = unknown
        .chunks(100)
        .map(|values| {
            format!("    - {{approve: manual, filters: {{CLASSIFICATION: [{}]}}}}\n", values.join(", "))
        })
        .collect();
    let good = format!(
        "kind: PatchBaseline\nname: x\nspec:\n  operating_system: CENTOS\n  approval_rules:\n{rules}"
    );
    let parsed = parse("y.yaml", good.as_bytes()).unwrap();
    assert_eq!(parsed.warnings.len(), patchflock_baselines::document::MAX_PROBLEMS);
    let bad = format!("{good}    - {{approve: manual, approve_after_days: 1}}\n");
    let problems = parse("y.yaml", bad.as_bytes()).unwrap_err();
    assert!(problems.last().unwrap().message.contains("only one of"), "{}", problems.last().unwrap());
    let second = format!("{good}---\nkind: PatchBaseline\nname: y\nspec: {{operating_system: BEOS}}\n");
    assert!(parse("y.yaml", second.as_bytes()).is_err());
}
