//! Completions and man pages in `packaging/` are those of the program; `UPDATE_PACKAGING=1` makes them anew.

use std::collections::BTreeMap;

use crate::bench::{Bench, tree};

/// What the program makes: path below `packaging/` and content.
fn made() -> BTreeMap<String, String> {
    let bench = Bench::new();
    let mut files = BTreeMap::new();
    for (shell, name) in [("bash", "patchflock.bash"), ("zsh", "_patchflock"), ("fish", "patchflock.fish")] {
        let ran = bench.run(&format!("completions {shell}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell}");
        files.insert(format!("completions/{name}"), ran.stdout);
    }
    let script = "patchflock man man 2> talk && cd man && for f in *; do echo \"@@@$f\"; cat $f; done";
    for page in bench.shell(script).stdout.split("@@@").skip(1) {
        let (name, text) = page.split_once('\n').unwrap();
        files.insert(format!("man/{name}"), text.to_owned());
    }
    files
}

#[test]
fn what_is_packaged_is_what_the_program_makes() {
    let made = made();
    assert!(made.keys().filter(|n| n.starts_with("man/")).count() > 10, "{:?}", made.keys());
    let packaging = tree().join("packaging");
    if std::env::var_os("UPDATE_PACKAGING").is_some() {
        for dir in ["completions", "man"] {
            std::fs::remove_dir_all(packaging.join(dir)).ok();
            std::fs::create_dir_all(packaging.join(dir)).unwrap();
        }
        for (name, text) in &made {
            std::fs::write(packaging.join(name), text).unwrap();
        }
    }
    let mut there = BTreeMap::new();
    for dir in ["completions", "man"] {
        for entry in std::fs::read_dir(packaging.join(dir)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{dir}/{}", path.file_name().unwrap().to_string_lossy());
            there.insert(name, std::fs::read_to_string(path).unwrap());
        }
    }
    let stale: Vec<&String> =
        made.keys().chain(there.keys()).filter(|n| made.get(*n) != there.get(*n)).collect();
    assert!(
        stale.is_empty(),
        "stale: {stale:?}; run this test with UPDATE_PACKAGING=1 and commit the result"
    );
}

#[test]
fn bash_completes_commands_options_and_values() {
    let bench = Bench::new();
    bench.file("completion", std::fs::read(tree().join("packaging/completions/patchflock.bash")).unwrap());
    let complete = |line: &str| {
        let script = format!(
            "source ./completion; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _patchflock patchflock \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let ran = bench.shell(&format!("bash -c '{script}'"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        ran.stdout.trim().to_owned()
    };
    assert_eq!(complete("patchflock ev"), "evaluate");
    assert_eq!(complete("patchflock evaluate --inv"), "--inventory");
    assert_eq!(complete("patchflock evaluate -o \"\""), "table json yaml");
    assert_eq!(complete("patchflock once --dr"), "--dry-run");
    assert_eq!(complete("patchflock predefined sh"), "show");
}
