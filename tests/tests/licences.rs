//! Every crate that is linked has a licence that `deny.toml` allows, and comes from the default registry.
//!
//! `cargo deny` looks at more, but takes longer to build than the whole fast tier; this much is checked always.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::path::Path;

use patchflock_machine::exec::Command;
use patchflock_machine::root::Root;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The words in quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What `deny.toml` allows: for all crates, and for single ones.
fn allowed(deny: &str) -> (Vec<String>, Vec<(String, Vec<String>)>) {
    let section = deny.split("\n[licenses]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let list = section.split("allow = [\n").nth(1).unwrap().split("\n]").next().unwrap();
    let single = section.lines().filter_map(|l| l.trim().strip_prefix("{ crate = ")).map(|l| {
        let mut words = quoted(l).into_iter();
        (words.next().unwrap(), words.collect())
    });
    (quoted(list), single.collect())
}

/// Cuts at a word outside parentheses.
fn split<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in expression.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 && at >= from && expression[at..].starts_with(word) {
            parts.push(&expression[from..at]);
            from = at + word.len();
        }
    }
    parts.push(&expression[from..]);
    parts
}

/// Whether a licence expression can be met: one side of an `OR` (older crates write `/`), all sides of an `AND`.
fn met(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace(" / ", " OR ").replace('/', " OR ");
    let expression = expression.trim();
    let (any, all) = (split(expression, " OR "), split(expression, " AND "));
    if any.len() > 1 {
        return any.iter().any(|e| met(e, allowed));
    }
    if all.len() > 1 {
        return all.iter().all(|e| met(e, allowed));
    }
    match expression.strip_prefix('(').and_then(|e| e.strip_suffix(')')) {
        Some(inner) => met(inner, allowed),
        None => allowed.iter().any(|a| a == expression),
    }
}

#[test]
fn an_expression_is_met_by_what_is_allowed_only() {
    let mit = ["MIT".to_owned(), "ISC".to_owned()];
    for yes in ["MIT", "GPL-3.0 OR MIT", "Apache-2.0/MIT", "(MIT OR GPL-3.0) AND ISC"] {
        assert!(met(yes, &mit), "{yes}");
    }
    for no in ["GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 OR (MIT AND GPL-3.0)", ""] {
        assert!(!met(no, &mit), "{no}");
    }
}

#[test]
fn every_crate_has_an_allowed_licence_and_a_known_source() {
    let (general, single) = allowed(&std::fs::read_to_string(top().join("deny.toml")).unwrap());
    assert!(general.contains(&"MIT".to_owned()), "{general:?}");
    let manifest = top().join("Cargo.toml").display().to_string();
    // Only this platform's crates: others are perhaps not downloaded.
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new(&Root::host(), option_env!("CARGO").unwrap_or("cargo")).args([
        "metadata",
        "--format-version=1",
        "--offline",
        &platform,
        "--manifest-path",
        &manifest,
    ]);
    for inherited in ["PATH", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Some(value) = std::env::var_os(inherited) {
            command = command.env(inherited, value);
        }
    }
    let out = command.run().unwrap();
    assert!(out.success(), "{}", out.stderr_text());
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 20, "{}", packages.len());
    let mut complaints = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("(none named)");
        let own = single.iter().filter(|(n, _)| n == name).flat_map(|(_, l)| l.clone());
        let allowed: Vec<String> = general.iter().cloned().chain(own).collect();
        if !met(licence, &allowed) {
            complaints.push(format!("{name}: licence {licence} is not allowed by deny.toml"));
        }
        if package["source"].as_str().is_some_and(|s| !s.starts_with("registry+")) {
            complaints.push(format!("{name}: {} is no registry", package["source"]));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
