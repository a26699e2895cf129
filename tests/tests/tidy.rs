//! Rules of the tree that no compiler checks: layers, headers, sizes, names, what must not be written down.
//!
//! Each rule is a function from text to complaints, tried on a text that breaks it, and then run over every tracked
//! file.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use patchflock_machine::exec::Command;
use patchflock_machine::root::Root;

/// Lines from which a file is talked about, and from which it fails.
const TALK: usize = 400;
const FAIL: usize = 800;
/// Names where unrelated things collect.
const JUNK: [&str; 5] = ["utils", "helpers", "common", "manager", "misc"];
/// Who may depend on whom among our own crates. A crate that is not here is not allowed yet.
const LAYERS: [(&str, &[&str]); 9] = [
    ("patchflock-baselines", &[]),
    ("patchflock-trust", &["patchflock-baselines"]),
    ("patchflock-machine", &["patchflock-baselines"]),
    ("patchflock-api", &["patchflock-baselines", "patchflock-machine"]),
    ("patchflock-priv", &["patchflock-api", "patchflock-baselines", "patchflock-machine"]),
    ("patchflock-agent", &["patchflock-api", "patchflock-baselines", "patchflock-machine"]),
    ("patchflock-cli", &["patchflock-api", "patchflock-baselines", "patchflock-machine"]),
    (
        "patchflock-fuzz",
        &["patchflock-agent", "patchflock-baselines", "patchflock-machine", "patchflock-trust"],
    ),
    (
        "patchflock-tests",
        &[
            "patchflock-agent",
            "patchflock-api",
            "patchflock-baselines",
            "patchflock-fuzz",
            "patchflock-machine",
        ],
    ),
];
/// What pure policy may not touch, and what it would mean.
const IMPURE: [(&str, &str); 11] = [
    ("tokio", "async"),
    ("std::fs", "files"),
    ("std::net", "network"),
    ("std::process", "processes"),
    ("std::env", "environment"),
    ("std::thread", "threads"),
    ("SystemTime", "a clock"),
    ("Instant::now", "a clock"),
    ("Utc::now", "a clock"),
    ("Local::now", "a clock"),
    ("rand::", "randomness"),
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn host(program: &str, args: &[&str]) -> String {
    let out = Command::new(&Root::host(), program).args(args).run().unwrap();
    assert!(out.success(), "{program} {args:?}: {}", out.stderr_text());
    out.stdout_text().into_owned()
}

/// Paths of the tree: what git tracks or would track; without git (a source archive) everything outside `target`.
fn paths() -> Vec<String> {
    let top = top();
    if top.join(".git").exists() {
        let dir = top.display().to_string();
        // The owner of the files may be another than who runs the tests.
        let safe = format!("safe.directory={dir}");
        let args = ["-c", &safe, "-C", &dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = host("git", &args);
        return listed
            .split('\0')
            .filter(|p| !p.is_empty() && top.join(p).is_file())
            .map(str::to_owned)
            .collect();
    }
    let (mut found, mut open) = (Vec::new(), vec![top.clone()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if path.is_file() {
                found.push(path.strip_prefix(&top).unwrap().display().to_string());
            }
        }
    }
    found
}

/// Text files of the tree with their content; what is not UTF-8 is left out.
fn texts(keep: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let found: Vec<(String, String)> = paths()
        .into_iter()
        .filter(|p| keep(p))
        .filter_map(|p| std::fs::read_to_string(top().join(&p)).ok().map(|t| (p, t)))
        .collect();
    assert!(!found.is_empty(), "no file to look at: the rule would pass for nothing");
    found
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn demand(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The text in front of inline tests, without comments.
fn code(text: &str) -> String {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    production.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn layers(arrows: &[(String, String)]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.into_iter().collect();
    arrows
        .iter()
        .filter(|(from, to)| !allowed.get(from.as_str()).is_some_and(|a| a.contains(&to.as_str())))
        .map(|(from, to)| format!("{from} must not depend on {to}"))
        .collect()
}

#[test]
fn crates_depend_downwards_only() {
    assert_eq!(layers(&[("patchflock-baselines".into(), "patchflock-machine".into())]).len(), 1);
    let manifest = top().join("Cargo.toml").display().to_string();
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let out = Command::new(&Root::host(), cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--manifest-path", &manifest])
        .env("PATH", std::env::var_os("PATH").unwrap())
        .run()
        .unwrap();
    assert!(out.success(), "{}", out.stderr_text());
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(
        ours,
        LAYERS.iter().map(|(name, _)| *name).collect(),
        "name the layer of each crate in LAYERS"
    );
    let mut arrows = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let from = package["name"].as_str().unwrap();
            if ours.contains(to) {
                arrows.push((from.to_owned(), to.to_owned()));
            }
            assert!(
                (from, to) != ("patchflock-baselines", "tokio"),
                "policy is synchronous: no tokio in patchflock-baselines"
            );
        }
    }
    demand(layers(&arrows));
}

fn impurities(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let found = IMPURE.iter().filter(|(word, _)| code.contains(word));
    found
        .map(|(word, what)| format!("{path}: {word} is {what}: policy is pure, take it as an argument"))
        .collect()
}

#[test]
fn policy_touches_no_file_clock_or_network() {
    assert_eq!(impurities("x", "use std::fs;\n// tokio\nlet t = Utc::now();").len(), 2);
    assert!(impurities("x", "#[cfg(test)]\nmod t { use std::fs; }").is_empty());
    let inside = |p: &str| {
        let pure = p.starts_with("baselines/src/") || p.starts_with("baselines/trust/src/");
        is_rust(p) && pure && !p.ends_with("/tests.rs")
    };
    demand(texts(inside).iter().flat_map(|(p, t)| impurities(p, t)).collect());
}

/// Modules of `pm` that are adapters: they share the trait and never each other.
fn adapter_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("agent/machine/src/pm/")?;
    Some(rest.split(['/', '.']).next().unwrap_or_default())
}

fn crossings(path: &str, text: &str, adapters: &BTreeSet<String>) -> Vec<String> {
    let Some(own) = adapter_of(path) else { return Vec::new() };
    let code = code(text);
    let reaches = |other: &str| {
        [
            format!("pm::{other}::"),
            format!("pm::{other};"),
            format!("super::{other}::"),
            format!("super::{other};"),
        ]
        .iter()
        .any(|w| code.contains(w.as_str()))
    };
    // Below an adapter, `super::x` is a sibling inside it, so only the top file's `super` leaves.
    adapters
        .iter()
        .filter(|other| other.as_str() != own && reaches(other))
        .map(|other| format!("{path}: the adapter {own} imports the adapter {other}"))
        .collect()
}

#[test]
fn package_managers_do_not_import_each_other() {
    let known: BTreeSet<String> = ["apt", "dnf"].map(str::to_owned).into();
    assert_eq!(crossings("agent/machine/src/pm/apt/plan.rs", "use crate::pm::dnf::X;", &known).len(), 1);
    assert!(crossings("agent/machine/src/pm/apt.rs", "use crate::pm::apt::X;", &known).is_empty());
    let files = texts(|p| is_rust(p) && adapter_of(p).is_some());
    let adapters: BTreeSet<String> = files
        .iter()
        .filter_map(|(p, _)| p.strip_prefix("agent/machine/src/pm/"))
        .filter(|rest| !rest.contains('/'))
        .map(|rest| rest.trim_end_matches(".rs").to_owned())
        .collect();
    assert!(adapters.contains("apt") && adapters.contains("dnf"), "{adapters:?}");
    demand(files.iter().flat_map(|(p, t)| crossings(p, t, &adapters)).collect());
}

fn header(path: &str, text: &str) -> Vec<String> {
    let first = text.lines().next().unwrap_or_default();
    if first.strip_prefix("//!").is_some_and(|rest| rest.trim().len() > 10) {
        return Vec::new();
    }
    vec![format!("{path}: line 1 does not say with `//!` what the file is")]
}

#[test]
fn every_file_says_what_it_is() {
    assert_eq!(header("x", "use std::fs;").len() + header("x", "//! x").len(), 2);
    demand(texts(is_rust).iter().flat_map(|(p, t)| header(p, t)).collect());
}

fn size(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines > FAIL {
        vec![format!("{path}: {lines} lines, more than {FAIL}: split it at a seam")]
    } else {
        Vec::new()
    }
}

#[test]
fn no_file_outgrows_a_reader() {
    assert_eq!(size("x", &"\n".repeat(FAIL + 1)).len(), 1);
    let files = texts(is_rust);
    for (path, text) in files.iter().filter(|(_, t)| t.lines().count() > TALK) {
        println!("talk about {path}: {} lines", text.lines().count());
    }
    demand(files.iter().flat_map(|(p, t)| size(p, t)).collect());
}

fn name(path: &str) -> Vec<String> {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_owned();
    let junk = path
        .split('/')
        .map(stem)
        .find(|s| JUNK.contains(&s.as_str()) || JUNK.contains(&format!("{s}s").as_str()));
    let mut complaints: Vec<String> = junk.iter().map(|j| format!("{path}: `{j}` says nothing")).collect();
    if path.ends_with("/mod.rs") {
        complaints.push(format!("{path}: a module is foo.rs beside foo/, never mod.rs"));
    }
    complaints
}

#[test]
fn file_names_say_what_is_inside() {
    assert_eq!([name("a/utils.rs"), name("a/helper/x.rs"), name("a/mod.rs")].map(|c| c.len()), [1, 1, 1]);
    demand(paths().iter().flat_map(|p| name(p)).collect());
}

/// Hosts of registries and mirrors, and paths of build machines. In pieces, so that this file may be looked at too.
fn unwanted() -> Vec<String> {
    let hosts = [
        ("crates", "io"),
        ("debian", "org"),
        ("ubuntu", "com"),
        ("debian", "net"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("rockylinux", "org"),
        ("centos", "org"),
        ("fedoraproject", "org"),
        ("almalinux", "org"),
        ("opensuse", "org"),
        ("golang", "org"),
    ];
    let mut all: Vec<String> = hosts.iter().map(|(name, zone)| format!("{name}.{zone}")).collect();
    all.extend(["/wo", "/ho", "/ro"].iter().zip(["rk/", "me/", "ot/."]).map(|(a, b)| format!("{a}{b}")));
    all
}

/// Captured answers of real tools name their sources; a document may name where an advisory can be read.
fn may_name_hosts(path: &str) -> bool {
    path.contains("/testdata/") || path.ends_with(".snap") || path == "Cargo.lock"
}

fn leaks(path: &str, text: &str) -> Vec<String> {
    let found = unwanted();
    let hits = text.lines().enumerate().flat_map(|(n, line)| {
        let hit = found.iter().find(|w| line.contains(w.as_str()));
        hit.map(|w| format!("{path}:{}: `{w}` belongs to a machine or a registry, not into the tree", n + 1))
    });
    hits.collect()
}

#[test]
fn no_registry_and_no_build_machine_is_named() {
    let leak = format!("a\nhttp://deb.{}/x", unwanted()[1]);
    assert_eq!(leaks("x", &leak).len(), 1);
    demand(texts(|p| !may_name_hosts(p)).iter().flat_map(|(p, t)| leaks(p, t)).collect());
}

fn skipped(path: &str, text: &str) -> Vec<String> {
    let word = concat!("#[ign", "ore");
    let hits = text.lines().enumerate().filter(|(_, l)| l.trim_start().starts_with(word));
    hits.map(|(n, _)| format!("{path}:{}: a skipped test is a test nobody knows about", n + 1)).collect()
}

#[test]
fn no_test_is_skipped() {
    assert_eq!(skipped("x", concat!("    #[ign", "ore]\nfn x() {}")).len(), 1);
    demand(texts(is_rust).iter().flat_map(|(p, t)| skipped(p, t)).collect());
}

#[test]
fn shell_scripts_can_be_parsed() {
    let broken = Command::new(&Root::host(), "bash").args(["-n", "-c", "if"]).run().unwrap();
    assert!(!broken.success());
    for (path, _) in texts(|_| true)
        .iter()
        .filter(|(_, t)| t.starts_with("#!") && t.lines().next().unwrap().contains("sh"))
    {
        let out = Command::new(&Root::host(), "bash")
            .args(["-n", &top().join(path).display().to_string()])
            .run()
            .unwrap();
        assert!(out.success(), "{path}: {}", out.stderr_text());
    }
}

/// What a page tells people to type, from its `sh` and `console` blocks: `./script` and `make target` of ours.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            inside = !inside && matches!(kind.trim(), "sh" | "bash" | "console");
        } else if inside {
            found.push(line.trim().trim_start_matches("$ ").to_owned());
        }
    }
    found
}

fn dead(
    command: &str,
    makefile: &str,
    programs: &BTreeSet<String>,
    exists: impl Fn(&str) -> bool,
) -> Option<String> {
    let mut words = command.split_whitespace().skip_while(|w| *w == "sudo" || w.contains('='));
    let first = words.next()?;
    let missing = match first.strip_prefix("./") {
        Some(script) => !exists(script) && !script.starts_with("target/"),
        None if first == "make" => words.any(|t| !makefile.lines().any(|l| l.starts_with(&format!("{t}:")))),
        None if first.starts_with("patchflock") => !programs.contains(first),
        None => false,
    };
    missing.then(|| format!("`{command}` does not exist"))
}

#[test]
fn what_the_pages_tell_people_to_type_exists() {
    let programs: BTreeSet<String> = [String::from("patchflock")].into();
    let sample = commands("```sh\n$ ./gone\nmake gone\npatchflock scan\npatchflock-gone\n```\n./outside\n");
    let complaints = sample.iter().filter_map(|c| dead(c, "test:\n", &programs, |_| false)).count();
    assert_eq!((sample.len(), complaints), (4, 3));
    let makefile = std::fs::read_to_string(top().join("Makefile")).unwrap();
    let pages = paths().into_iter().filter(|p| p.ends_with(".md"));
    let mut wrong = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(top().join(&page)).unwrap();
        let here = |c: &String| dead(c, &makefile, &programs, |s| top().join(s).exists());
        wrong.extend(commands(&text).iter().filter_map(here).map(|e| format!("{page}: {e}")));
    }
    demand(wrong);
}
