//! Bad input: each a clear error with exit 1 and no data, from tired people and from hostile ones.

use std::os::unix::fs::PermissionsExt;

use crate::bench::{AT, Bench, fixture};

#[test]
fn usage_errors_end_with_1() {
    let bench = Bench::new();
    bench.run("frobnicate").refused(&["unrecognized subcommand 'frobnicate'"]);
    bench.run("evalute").refused(&["similar subcommands exist: 'delete', 'validate', 'evaluate'"]);
    bench.run("evaluate").refused(&["--inventory <FILE>"]);
    bench.run("evaluate --inventory apt.json --frob").refused(&["--frob"]);
    bench.run("evaluate --inventory apt.json -o xml").refused(&["xml", "json"]);
    bench.run("window next -f window.yaml --count 0").refused(&["--count", "1..=1000"]);
    bench.run("window next -f window.yaml --count many").refused(&["many", "--count"]);
    bench.run("try --operating-system BEOS").refused(&["BEOS", "ROCKY_LINUX"]);
    // It would say nothing about an inventory from elsewhere; to take it silently would mislead.
    bench.run("evaluate --inventory apt.json --root /").refused(&["--root"]);
}

#[test]
fn a_moment_that_cannot_be_read_shows_how_to_write_one() {
    let bench = Bench::new();
    for bad in ["nonsense", "2026-13-45T00:00:00Z", "2026-11-25", "2026-11-25T00:00:00", "''", "99999999999"]
    {
        bench
            .run(&format!("evaluate --inventory apt.json --at {bad}"))
            .refused(&["--at", "2026-12-24T18:00:00Z"]);
        bench.run(&format!("window next -f window.yaml --from {bad}")).refused(&["--from", "2026-12-24T18"]);
    }
    assert_eq!(bench.run("evaluate --inventory apt.json --at 2026-11-25T01:00:00+01:00").code, 3);
}

#[test]
fn moments_at_the_ends_of_the_calendar_break_nothing() {
    let bench = Bench::new();
    for at in ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
        let ran = bench.run(&format!("evaluate --inventory rpm.json --at {at}"));
        assert!(ran.code == 3 || ran.code == 0, "{}", ran.all());
        let ran = bench.run(&format!("window next -f window.yaml --from {at} --count 1"));
        assert!(ran.code == 0 && !ran.stderr.contains("panicked"), "{}", ran.all());
    }
}

#[test]
fn files_that_are_not_there_or_are_no_files_are_named() {
    let bench = Bench::new();
    for words in ["evaluate --inventory", "validate -f", "window next -f", "import aws"] {
        bench.run(&format!("{words} gone")).refused(&["gone: No such file", "check the path"]);
        bench.run(&format!("{words} .")).refused(&[".: Is a directory", "name a file"]);
    }
    bench.run("evaluate --inventory apt.json -f gone").refused(&["gone: No such file"]);
    bench.file("secret", "x");
    let closed = bench.path().join("secret");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    bench.run("validate -f secret").refused(&["secret: Permission denied"]);
    bench.run("evaluate --inventory secret").refused(&["secret: Permission denied"]);
}

/// Documents no program should choke on, with the words of their refusal.
fn documents() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for pair in ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"] {
        let (from, to) = pair.split_at(1);
        bomb += &format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(","));
    }
    let head = "kind: PatchBaseline\nname: x\nspec: ";
    vec![
        ("empty.yaml", Vec::new(), "holds no document"),
        ("binary.yaml", (0..=255).cycle().take(4096).collect(), "not UTF-8"),
        ("latin1.yaml", b"kind: PatchBaseline\nname: m\xfcnchen\n".to_vec(), "not UTF-8"),
        ("utf16.yaml", "kind: x".encode_utf16().flat_map(u16::to_le_bytes).collect(), "control character"),
        ("huge.yaml", vec![b'#'; 2 << 20], "larger than 1 MiB"),
        ("bomb.yaml", bomb.into_bytes(), "anchors"),
        ("deep.yaml", format!("{head}{}{}", "[".repeat(5000), "]".repeat(5000)).into_bytes(), "recursion limit"),
        ("deepmap.yaml", format!("{head}{}", "{a: ".repeat(5000)).into_bytes(), "nested deeper than 32 levels"),
        ("half.yaml", format!("{head}{{operating_system: DEB").into_bytes(), "YAML"),
        ("list.yaml", b"- a\n- b\n".to_vec(), "half"),
        (
            "both.yaml",
            b"kind: PatchBaseline\nname: b\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - filters: {PRIORITY: [Required]}\n      approve_after_days: 3\n      approve_until_date: 2026-01-01\n".to_vec(),
            "only one of `approve_after_days`, `approve_until_date`",
        ),
        ("twice.yaml", format!("{head}{{operating_system: DEBIAN, operating_system: UBUNTU}}").into_bytes(), "operating_system"),
    ]
}

#[test]
fn documents_no_program_should_choke_on_are_refused_everywhere() {
    let bench = Bench::new();
    for (name, content, words) in documents() {
        bench.file(name, content);
        let said: &[&str] = if words == "half" { &[] } else { &[words] };
        bench.run(&format!("validate -f {name}")).refused(&[said, &[name]].concat());
        bench.run(&format!("evaluate --inventory apt.json -f {name} {AT}")).refused(said);
        bench.run(&format!("window next -f {name}")).refused(said);
        bench.run(&format!("import aws {name}")).refused(&[]);
        bench.run(&format!("evaluate --inventory {name}")).refused(&[name, "not an inventory"]);
    }
}

#[test]
fn endless_input_is_cut_off() {
    let bench = Bench::new();
    bench.run("validate -f /dev/zero").refused(&["larger than 1 MiB"]);
    bench.shell("yes | patchflock validate -f -").refused(&["larger than 1 MiB"]);
}

#[test]
fn a_baseline_for_another_system_names_both() {
    let bench = Bench::new();
    let ran = bench.run(&format!("evaluate --inventory rpm.json -f baseline.yaml {AT}"));
    ran.refused(&["ROCKY_LINUX", "careful for DEBIAN", "choose a baseline for ROCKY_LINUX"]);
}

#[test]
fn several_baselines_for_one_system_and_none_at_all_are_refused() {
    let bench = Bench::new();
    let one = std::fs::read_to_string(bench.path().join("baseline.yaml")).unwrap();
    bench.file("two.yaml", format!("{one}---\n{}", one.replace("careful", "bold")));
    bench.run("evaluate --inventory apt.json -f two.yaml").refused(&[
        "several baselines for DEBIAN",
        "careful",
        "bold",
        "keep one",
    ]);
    bench.run("evaluate --inventory apt.json -f window.yaml").refused(&["no document of kind PatchBaseline"]);
    bench.run("window next -f baseline.yaml").refused(&["no document of kind MaintenanceWindow"]);
    // One for each system is no contradiction.
    bench.file("each.yaml", format!("{one}---\nkind: PatchBaseline\nname: other\nspec: {{operating_system: UBUNTU, approval_rules: [{{filters: {{PRIORITY: [Required]}}, approve_after_days: 0}}]}}\n"));
    let ran = bench.run(&format!("evaluate --inventory apt.json -f each.yaml {AT}"));
    assert!(ran.stdout.contains("baseline careful"), "{}", ran.all());
}

#[test]
fn an_unknown_predefined_baseline_is_answered_with_the_nearest_name() {
    let bench = Bench::new();
    for (typed, meant) in [
        ("debian", "predefined-debian"),
        ("predefined-ubunto", "predefined-ubuntu"),
        ("RED_HAT", "predefined-red-hat"),
    ] {
        bench.run(&format!("predefined show {typed}")).refused(&[&format!("did you mean {meant}?")]);
    }
    let ran = bench.run("predefined show zzzzzz");
    ran.refused(&["zzzzzz", "`patchflock predefined list`"]);
    assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr);
}

#[test]
fn an_inventory_of_another_format_is_refused_by_its_number() {
    let bench = Bench::new();
    bench.file("newer.json", r#"{"format": 2, "what_is_new": []}"#);
    bench.run("evaluate --inventory newer.json").refused(&["format 2, this patchflock reads format 1"]);
    bench.file("far.json", fixture("apt.json").replacen("\"format\": 1", "\"format\": 99999999999", 1));
    bench.run("evaluate --inventory far.json").refused(&["format 99999999999"]);
}

#[test]
fn an_inventory_that_is_cut_off_or_changed_is_refused_with_its_place() {
    let bench = Bench::new();
    let whole = fixture("apt.json");
    for part in [1, 100, whole.len() / 2, whole.len() - 4] {
        bench.file("half.json", &whole[..part]);
        bench.run("evaluate --inventory half.json").refused(&["half.json:", "not an inventory", "EOF"]);
    }
    bench.file("extra.json", whole.replacen("\"hostname\"", "\"surprise\": 1, \"hostname\"", 1));
    bench.run("evaluate --inventory extra.json").refused(&["unknown field `surprise`"]);
    bench.file("tail.json", format!("{whole} x"));
    bench.run("evaluate --inventory tail.json").refused(&["trailing characters"]);
    bench.file("os.json", whole.replacen("DEBIAN", "BEOS", 1));
    bench.run("evaluate --inventory os.json").refused(&["BEOS"]);
    let deep = format!("{{\"format\": 1, \"installed\": {}", "[".repeat(100_000));
    bench.file("deep.json", deep);
    bench.run("evaluate --inventory deep.json").refused(&["not an inventory"]);
}

#[test]
fn a_hostile_inventory_cannot_steer_the_terminal() {
    let bench = Bench::new();
    let mut machine: serde_json::Value = serde_json::from_str(&fixture("apt.json")).unwrap();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\nroot";
    machine["node"]["hostname"] = evil.into();
    machine["candidates"][0]["name"] = evil.into();
    machine["native"][0]["name"] = evil.into();
    machine["sources"][0]["state"] = serde_json::json!({"state": "unreadable", "why": evil});
    machine["foreign_updaters"][0]["evidence"] = evil.into();
    bench.file("evil.json", machine.to_string());
    let ran = bench.run(&format!("evaluate --inventory evil.json {AT}"));
    assert!(ran.code == 3 && ran.stdout.contains("owned"), "{}", ran.all());
    let bad: Vec<char> = ran.stdout.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert_eq!(bad, [], "{:?}", ran.stdout);
    bench.file("evil.yaml", format!("kind: \"{}\"\n", "\u{1b}[2J"));
    let ran = bench.run("validate -f evil.yaml");
    ran.refused(&[]);
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);
}

#[test]
fn a_refused_command_changes_nothing_beside_it() {
    let bench = Bench::new();
    let list = || {
        let mut names: Vec<_> =
            std::fs::read_dir(bench.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = list();
    bench.run("import aws baseline.yaml").refused(&[]);
    bench.run("evaluate --inventory baseline.yaml").refused(&[]);
    bench.run("once --yes").refused(&[]);
    assert_eq!(list(), before);
}
