//! The rules of `PROTOCOL.md` and the numbers that the code cites are the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Numbers after a `P` that begins a word.
fn numbers(text: &str) -> BTreeSet<u32> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !word(c)).filter_map(|word| word.strip_prefix('P')?.parse().ok());
    words.collect()
}

fn sources() -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut text, mut open): (String, Vec<PathBuf>) = (String::new(), vec![top.join("src")]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                text += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    // Ranges are written out.
    text.replace("P21-P23", "P21 P22 P23").replace("P40-P44", "P40")
}

#[test]
fn the_code_cites_every_rule_of_the_first_section_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../PROTOCOL.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("1. ")).unwrap();
    let stated: Vec<u32> = section
        .lines()
        .filter_map(|line| line.strip_prefix("- **P")?.split_once("**")?.0.parse().ok())
        .collect();
    assert!(stated.windows(2).all(|two| two[0] < two[1]), "out of order: {stated:?}");
    assert!(stated.len() > 50);
    assert_eq!(numbers(&sources()), stated.into_iter().collect());
}
