//! Each layout that people write, before and after; what is refused; and that any layout is edited right or not at all.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A baseline with these lines in its spec.
fn with(lines: &str) -> String {
    format!(
        "# who: ops\nkind: PatchBaseline\nname: b   # ours\nspec:\n  operating_system: DEBIAN # 12\n{lines}"
    )
}

/// What `approve x` makes of these lines.
#[track_caller]
fn approved(lines: &str) -> String {
    let changed = approve(&with(lines), "x").unwrap_or_else(|error| panic!("{error}:\n{lines}"));
    changed.strip_prefix(&with("")).unwrap().to_owned()
}

#[test]
fn an_entry_goes_behind_the_last_one_as_the_list_is_laid_out() {
    for (before, after) in [
        ("  approved_patches: [a, b] # two\n", "  approved_patches: [a, b, x] # two\n"),
        ("  approved_patches: [ 'a', \"b\" ]\n", "  approved_patches: [ 'a', \"b\", x ]\n"),
        ("  approved_patches: [a,]\n", "  approved_patches: [a, x,]\n"),
        ("  approved_patches: [a,\n    b]\n", "  approved_patches: [a,\n    b, x]\n"),
        (
            "  approved_patches: [\n    a, # why\n    b # why not\n  ]\n",
            "  approved_patches: [\n    a, # why\n    b, # why not\n    x\n  ]\n",
        ),
        (
            "  approved_patches: [\n    a,\n    b, # last\n  ]\n",
            "  approved_patches: [\n    a,\n    b, # last\n    x,\n  ]\n",
        ),
        (
            "  approved_patches:\n    # the first\n    - a   # why\n    # the end\n",
            "  approved_patches:\n    # the first\n    - a   # why\n    - x\n    # the end\n",
        ),
        (
            "  approved_patches:\n  -   a\n  max_wait_days: 3\n",
            "  approved_patches:\n  -   a\n  -   x\n  max_wait_days: 3\n",
        ),
        ("  approved_patches:\n    - a", "  approved_patches:\n    - a\n    - x"),
        ("  approved_patches: [] # none\n", "  approved_patches: [x] # none\n"),
        ("  approved_patches: # none\n", "  approved_patches: [x] # none\n"),
        ("  approved_patches: ~ # none\n", "  approved_patches: [x] # none\n"),
        ("  approved_patches: null", "  approved_patches: [x]"),
    ] {
        assert_eq!(approved(before), after);
    }
}

#[test]
fn a_new_list_goes_beside_the_other_one_or_below_the_operating_system() {
    let rules = "  # rules\n  approval_rules: [{approve: manual}]\n";
    assert_eq!(approved(rules), format!("  approved_patches: [x]\n{rules}"));
    let other = "  rejected_patches:\n    - r # bad\n  # the end\n";
    assert_eq!(approved(other), "  rejected_patches:\n    - r # bad\n  approved_patches: [x]\n  # the end\n");
    let other = "  rejected_patches: [r,\n    s]\n";
    assert_eq!(approved(other), format!("{other}  approved_patches: [x]\n"));
    let flow = "kind: PatchBaseline\nname: b\nspec: {operating_system: DEBIAN}\n";
    let wanted = flow.replace("DEBIAN}", "DEBIAN, approved_patches: [x]}");
    assert_eq!(approve(flow, "x").unwrap(), wanted);
}

#[test]
fn json_stays_json() {
    let json = r#"{"kind": "PatchBaseline", "name": "b", "spec": {
  "operating_system": "DEBIAN",
  "rejected_patches": [
    "a",
    "x"
  ]
}}"#;
    let changed = approve(json, "x").unwrap();
    let wanted = r#"{"kind": "PatchBaseline", "name": "b", "spec": {
  "operating_system": "DEBIAN",
  "rejected_patches": [
    "a"
  ],
  "approved_patches": ["x"]
}}"#;
    assert_eq!(changed, wanted);
    assert!(serde_json::from_str::<serde_json::Value>(&changed).is_ok());
}

#[test]
fn the_entry_leaves_the_other_list_with_its_own_comment_only() {
    let approved = |lines: &str| approved(&format!("  approved_patches: [a]\n{lines}"));
    for (before, after) in [
        ("[x]\n", "[]\n"),
        ("[x, r]\n", "[r]\n"),
        ("[r, x] # two\n", "[r] # two\n"),
        ("[r, 'x', s]\n", "[r, s]\n"),
        ("[r,\n    x, s]\n", "[r,\n    s]\n"),
        ("[\n    r, # bad\n    x, # worse\n    s,\n  ]\n", "[\n    r, # bad\n    s,\n  ]\n"),
        ("[\n    r,\n    x\n  ]\n", "[\n    r\n  ]\n"),
        ("[\n    x # worse\n  ]\n", "[]\n"),
        (
            "# bad ones\n    # first\n    - r\n    # second\n    - x # worse\n    # the end\n",
            "# bad ones\n    # first\n    - r\n    # second\n    # the end\n",
        ),
        ("# bad ones\n    - x\n    # the end\n", "[] # bad ones\n    # the end\n"),
        ("\n    - x\n    - r", "\n    - r"),
        ("\n    - r\n    - x", "\n    - r"),
        ("[x, r, x]\n", "[r]\n"),
    ] {
        let wanted = format!("  approved_patches: [a, x]\n  rejected_patches: {after}");
        assert_eq!(approved(&format!("  rejected_patches: {before}")), wanted, "{before}");
    }
}

#[test]
fn rejecting_is_the_mirror_of_approving() {
    let before = with("  approved_patches: [x, a]\n");
    let wanted = with("  approved_patches: [a]\n  rejected_patches: [x]\n");
    assert_eq!(reject(&before, "x").unwrap(), wanted);
    assert_eq!(approve(&wanted, "x").unwrap(), with("  approved_patches: [a, x]\n  rejected_patches: []\n"));
}

#[test]
fn line_breaks_a_mark_and_characters_of_any_width_stay_as_they_are() {
    let unix =
        with("  description: Größe 群 🦀\n  approved_patches:\n    - a # ü\n  rejected_patches: [x]\n")
            .replace("ops", "öps");
    let wanted = with(
        "  description: Größe 群 🦀\n  approved_patches:\n    - a # ü\n    - x\n  rejected_patches: []\n",
    )
    .replace("ops", "öps");
    assert_eq!(approve(&unix, "x").unwrap(), wanted);
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(approve(&windows(&unix), "x").unwrap(), windows(&wanted));
}

#[test]
fn an_entry_that_yaml_would_take_for_something_else_is_quoted() {
    let source =
        "kind: PatchBaseline\nname: b\nspec: {operating_system: ROCKY_LINUX, approved_patches: [a]}\n";
    for (patch, written) in [
        ("12345", "\"12345\""),
        ("kernel*", "\"kernel*\""),
        ("RHSA-2026:1", "\"RHSA-2026:1\""),
        ("bash", "bash"),
    ] {
        assert_eq!(approve(source, patch).unwrap(), source.replace("[a]", &format!("[a, {written}]")));
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_words() {
    let told = |source: &str, patch: &str| approve(source, patch).unwrap_err().to_string();
    let good = with("  approved_patches: [x]\n");
    insta::assert_snapshot!(told(&good, "x"), @"nothing to change: `x` is in `approved_patches` of baseline b");
    insta::assert_snapshot!(told(&good, "Not A Name"), @"`Not A Name` is not a Debian package name: write `bash`, `bash*` or `bash=5.2-1`, without architecture; Debian's index knows no CVE or advisory ids");
    insta::assert_snapshot!(told(&good, ""), @"`approved_patches[1]` must not be empty");
    insta::assert_snapshot!(told("kind: PatchGroup\nname: web\nspec: {baselines: [b]}", "x"), @"PatchGroup web is not a baseline: name one");
    insta::assert_snapshot!(told(&format!("{good}---\n{}", good.replace("name: b", "name: c")), "y"), @"the source holds 2 documents: give one baseline");
    insta::assert_snapshot!(told("kind: PatchBaseline", "x"), @"the document is not valid: repair it first");
    let aws =
        "{\"BaselineId\": \"pb-0123456789abcdef0\", \"Name\": \"aws\", \"OperatingSystem\": \"DEBIAN\"}";
    insta::assert_snapshot!(told(aws, "x"), @"the document has no `spec`, so it is AWS's and must be imported first: put `x` into `approved_patches` by hand");
    insta::assert_snapshot!(told(&with("  approved_patches:\n    - |-\n      a\n"), "x"), @"the list is laid out in an unusual way: put `x` into `approved_patches` by hand");
    insta::assert_snapshot!(told(&with("  rejected_patches: [r, # bad\n    x]\n"), "x"), @"a comment stands between the entries: put `x` into `approved_patches` and take `x` out of `rejected_patches` by hand");
    insta::assert_snapshot!(told(&with("  ? rejected_patches\n  : [r]\n"), "x"), @"the list is laid out in an unusual way: put `x` into `approved_patches` by hand");
    let EditError::Invalid(problems) = approve("kind: PatchBaseline", "x").unwrap_err() else { panic!() };
    assert!(!problems.is_empty());
}

/// A list of names laid out in one of many ways, behind its key.
fn list() -> impl Strategy<Value = String> {
    let name = select(vec!["x", "y", "'x'", "\"x\"", "z", "linux-image-6.1", "\"a*\""]);
    let space =
        || select(vec!["", " ", " # a comment", "\n    ", " # a, [comment]\n    ", "\n    # - x\n    "]);
    let flow = prop::collection::vec((space(), name.clone(), space()), 0..5).prop_flat_map(move |items| {
        let inner: Vec<String> = items.iter().map(|(a, name, b)| format!("{a} {name}{b}")).collect();
        select(vec![
            format!(" [{}]", inner.join("\n    ,")),
            format!(" [{}]", inner.join(",")),
            format!(" [{},]", inner.join(", ")),
        ])
    });
    let end = || select(vec!["", " ", " # c", "  # - x\n    # y", "\n"]);
    let block = prop::collection::vec((name, end()), 1..5)
        .prop_map(|items| items.iter().map(|(name, end)| format!("\n    - {name}{end}")).collect::<String>());
    prop_oneof![flow, block, select(vec!["", " ~", " null # none", " # none"]).prop_map(str::to_owned)]
}

fn source() -> impl Strategy<Value = String> {
    let field = |name: &'static str| list().prop_map(move |list| format!("{name}:{list}"));
    let fields = (
        prop::option::of(field("approved_patches")),
        prop::option::of(field("rejected_patches")),
        any::<[bool; 4]>(),
    );
    fields.prop_map(|(first, second, [swap, windows, description, last])| {
        let mut lines = vec!["operating_system: DEBIAN".to_owned()];
        let lists = if swap { [second, first] } else { [first, second] };
        lines.extend(lists.into_iter().flatten());
        if description {
            lines.insert(1, "description: |\n    approved_patches: [x]\n    - ü".to_owned());
        }
        let end = if last { "" } else { "\n" };
        let text = format!("kind: PatchBaseline\nname: b\nspec:\n  {}{end}", lines.join("\n  "));
        if windows { text.replace('\n', "\r\n") } else { text }
    })
}

/// Every beginning of a comment, inside of one as well.
fn comments(text: &str) -> usize {
    text.matches('#').count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn any_layout_is_edited_right_or_refused(source in source(), patch in select(vec!["x", "y", "a*", "new"])) {
        let Ok(before) = parse("s", source.as_bytes()) else { return Ok(()) };
        for (edit, list) in [(approve as fn(&str, &str) -> _, List::Approved), (reject, List::Rejected)] {
            let Ok(changed) = edit(&source, patch) else { continue };
            let after = parse("s", changed.as_bytes()).unwrap();
            let (mut old, mut new) = (before.documents.clone(), after.documents);
            let (Document::PatchBaseline(old), Document::PatchBaseline(new)) = (&mut old[0], &mut new[0]) else {
                return Err(TestCaseError::fail("no baseline"));
            };
            prop_assert!(list.of(new).iter().any(|p| p == patch), "{}", changed);
            prop_assert!(!list.other().of(new).iter().any(|p| p == patch), "{}", changed);
            for list in [List::Approved, List::Rejected] {
                let others = |b: &mut Baseline| list.of(b).iter().filter(|p| *p != patch).cloned().collect::<Vec<_>>();
                prop_assert_eq!(others(old), others(new));
            }
            // Only an entry that goes takes its comment with it, and that ends with its line, whatever it holds.
            let commented = |text: &str| text.lines().filter(|line| line.contains('#')).count();
            let removed = list.other().of(old).iter().filter(|p| *p == patch).count();
            prop_assert!(commented(&changed) + removed * 2 >= commented(&source), "from\n{}\nto\n{}", source, changed);
            if removed == 0 {
                prop_assert_eq!(comments(&changed), comments(&source));
                let kept = diff(&source, &changed).lines().filter(|l| l.starts_with('-')).count();
                prop_assert!(kept <= 3, "at most one line changes: {}", diff(&source, &changed));
            }
            prop_assert!(matches!(edit(&changed, patch), Err(EditError::NothingToChange(_))));
        }
    }
}

#[test]
fn nearly_every_layout_is_edited() {
    // Else the property above would hold for nothing.
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut edited, mut valid) = (0, 0);
    for _ in 0..300 {
        let source = source().new_tree(&mut runner).unwrap().current();
        if parse("s", source.as_bytes()).is_ok() {
            valid += 1;
            edited += usize::from(approve(&source, "new").is_ok());
        }
    }
    assert!(valid > 100 && edited * 10 > valid * 9, "{edited} of {valid}");
}
