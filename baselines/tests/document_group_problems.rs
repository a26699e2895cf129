//! What people are told about patch groups, defaults and expiry that are wrong: one snapshot for each clause.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::document::{Document, Problem, parse, to_yaml, to_yaml_until};
use patchflock_baselines::patch_group::{DefaultBaselines, PatchGroup};

/// Problems and warnings of a document, one after another.
fn told(source: &str) -> String {
    let problems = match parse("g.yaml", source.as_bytes()) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

fn one(source: &str) -> Document {
    let parsed = parse("g.yaml", source.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let [document] = parsed.documents.as_slice() else { panic!("{parsed:?}") };
    document.clone()
}

const GROUP: &str = "kind: PatchGroup
name: web
spec:
  patch_group: prod web
  baselines: [web-debian, web-rocky]
  description: The shop
";

const DEFAULTS: &str = "kind: DefaultBaselines
name: defaults
spec: {baselines: [debian]}
";

#[test]
fn good_documents_have_no_problem_and_are_written_as_they_were_meant() {
    assert_eq!((told(GROUP), told(DEFAULTS)), (String::new(), String::new()));
    insta::assert_snapshot!(to_yaml(&one(GROUP)), @r#"
    kind: PatchGroup
    name: web
    spec:
      patch_group: "prod web"
      description: "The shop"
      baselines: [web-debian, web-rocky]
    "#);
    insta::assert_snapshot!(to_yaml(&one(DEFAULTS)), @r"
    kind: DefaultBaselines
    name: defaults
    spec:
      baselines: [debian]
    ");
    let wanted = DefaultBaselines { baselines: vec!["debian".into()], description: None };
    assert_eq!(one(DEFAULTS), Document::DefaultBaselines(wanted));
}

#[test]
fn a_patch_group_is_called_as_its_document_where_it_says_nothing_else() {
    let named = GROUP.replace("  patch_group: prod web\n", "");
    let Document::PatchGroup(PatchGroup { patch_group, .. }) = one(&named) else { panic!("{named}") };
    assert_eq!(patch_group, "web");
    assert!(!to_yaml(&one(&named)).contains("patch_group"));
}

#[test]
fn the_value_of_a_tag_follows_the_pattern_and_the_length_of_the_reference() {
    for good in ["Prüfung 1/2", "a_.:/=+-@", "群", &"x".repeat(256)] {
        let source = GROUP.replace("prod web", &format!("'{good}'"));
        assert_eq!(told(&source), "", "{good}");
    }
    insta::assert_snapshot!(told(&GROUP.replace("prod web", "a*")), @r"
    g.yaml:4:16: error: `patch_group` cannot be `a*`
      hint: expected: letters, digits, spaces and `_.:/=+-@`
    ");
    insta::assert_snapshot!(told(&GROUP.replace("prod web", "''")), @"g.yaml:4:16: error: `patch_group` must not be empty");
    insta::assert_snapshot!(told(&GROUP.replace("prod web", &"x".repeat(257))), @"g.yaml:4:16: error: `patch_group` has 257 characters; the limit is 256");
    insta::assert_snapshot!(told(&GROUP.replace("prod web", "'prod '")), @r"
    g.yaml:4:16: error: `prod ` begins or ends with white space, and tags are compared exactly
      hint: remove it here and from the tags of the nodes
    ");
}

#[test]
fn baselines_are_names_each_of_them_once_and_at_least_one() {
    insta::assert_snapshot!(told(&GROUP.replace("[web-debian, web-rocky]", "[a, b, a]")), @r"
    g.yaml:5:21: error: `a` is listed twice in `baselines`
      hint: remove one of them
    ");
    insta::assert_snapshot!(told(&GROUP.replace("[web-debian, web-rocky]", "[]")), @"g.yaml:5:14: error: `baselines` must not be empty");
    insta::assert_snapshot!(told(&GROUP.replace("[web-debian, web-rocky]", "web-debian")), @r"
    g.yaml:5:14: error: `baselines` must be a list, not the text `web-debian`
      hint: write it as a list, in square brackets or with `- ` before each entry
    ");
    insta::assert_snapshot!(told(&GROUP.replace("[web-debian, web-rocky]", "[web debian, 7]")), @r#"
    g.yaml:5:15: error: `baselines[0]` cannot be `web debian`
      hint: expected: names of baselines: letters, digits, `_`, `.` and `-`
    g.yaml:5:27: error: `baselines[1]` must be text, not the number `7`
      hint: put it in quotes: "7"
    "#);
    insta::assert_snapshot!(told(&GROUP.replace("  baselines: [web-debian, web-rocky]\n", "  baseline: [a]\n")), @r"
    g.yaml:4:3: error: `baselines` is missing in `spec`
      hint: add `baselines:`
    g.yaml:5:3: error: unknown field `baseline` in `spec`
      hint: did you mean `baselines`?
    ");
    let many = (0..51).map(|n| format!("b{n}")).collect::<Vec<_>>().join(", ");
    insta::assert_snapshot!(told(&GROUP.replace("web-debian, web-rocky", &many)), @"g.yaml:5:14: error: `baselines` has 51 entries; the limit is 50");
    insta::assert_snapshot!(told(&DEFAULTS.replace("[debian]", "[a, a]")), @r"
    g.yaml:3:23: error: `a` is listed twice in `baselines`
      hint: remove one of them
    ");
}

#[test]
fn there_is_one_document_of_defaults() {
    insta::assert_snapshot!(told(&DEFAULTS.replace("name: defaults", "name: default")), @r"
    g.yaml:2:7: error: `name` cannot be `default`
      hint: did you mean `defaults`?
    ");
    insta::assert_snapshot!(told(&format!("{DEFAULTS}---\n{DEFAULTS}")), @r"
    g.yaml:6:7: error: two documents are DefaultBaselines `defaults`
      hint: rename or remove one of them
    ");
}

#[test]
fn every_kind_may_expire() {
    let baseline =
        "kind: PatchBaseline\nname: b\nspec: {operating_system: DEBIAN, approved_patches: [bash]}\n";
    let window = "kind: MaintenanceWindow\nname: w\nspec: {schedule: rate(1 day), duration: 1}\n";
    for source in [GROUP, DEFAULTS, baseline, window] {
        for (text, instant) in
            [("2027-01-31T01:00:00+01:00", "2027-01-31T00:00:00Z"), ("2027-01-31", "2027-02-01T00:00:00Z")]
        {
            let dated = source.replace("spec:", &format!("expires: {text}\nspec:"));
            let parsed = parse("g.yaml", dated.as_bytes()).unwrap();
            let (document, expires) = parsed.dated().next().unwrap();
            assert_eq!(
                expires.unwrap(),
                instant.parse::<chrono::DateTime<chrono::Utc>>().unwrap(),
                "{dated}"
            );
            let again = parse("again.yaml", to_yaml_until(document, expires).as_bytes()).unwrap();
            assert_eq!((again.documents, again.expires), (parsed.documents.clone(), parsed.expires.clone()));
        }
        assert_eq!(parse("g.yaml", source.as_bytes()).unwrap().expires, [None]);
    }
}

#[test]
fn an_expiry_that_is_wrong_has_its_place_and_hides_nothing_else() {
    let with = |expires: &str| told(&GROUP.replace("spec:", &format!("expires: {expires}\nspec:")));
    insta::assert_snapshot!(with("2027-01-31T00:00:00"), @r"
    g.yaml:3:10: error: `expires` cannot be `2027-01-31T00:00:00`
      hint: write a time with its offset such as `2027-01-31T00:00:00Z`, or a day such as `2027-01-31`, which counts whole (UTC), of the years 1970 to 2199
    ");
    insta::assert_snapshot!(with("2027"), @r#"
    g.yaml:3:10: error: `expires` must be text, not the number `2027`
      hint: put it in quotes: "2027"
    "#);
    insta::assert_snapshot!(with("''"), @"g.yaml:3:10: error: `expires` must not be empty");
    assert_eq!(with("").as_str(), "", "a field without value is a field that is not given");
    let two = GROUP.replace("web-rocky", "web-debian").replace("spec:", "expires: 7\nspec:");
    insta::assert_snapshot!(told(&two), @r#"
    g.yaml:3:10: error: `expires` must be text, not the number `7`
      hint: put it in quotes: "7"
    g.yaml:6:27: error: `web-debian` is listed twice in `baselines`
      hint: remove one of them
    "#);
    insta::assert_snapshot!(told(&GROUP.replace("spec:", "spec:\n  expires: 2027-01-31")), @r"
    g.yaml:4:3: error: unknown field `expires` in `spec`
      hint: known fields: `baselines`, `description`, `patch_group`
    ");
}
