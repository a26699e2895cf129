//! Documents: YAML and JSON that people and AWS write.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use patchflock_baselines::document::edit::{self, EditError};
use patchflock_baselines::document::override_list::{
    MAX_PATCH_CHARS, MAX_PATCHES, parse_baseline_override, parse_override_list,
};
use patchflock_baselines::document::{
    self, Document, MAX_BYTES, MAX_PROBLEMS, Problem, Severity, parse, render, to_yaml_until,
};

use crate::policy::check_window;
use crate::text;

/// `document::parse`: what it accepts is written and read back as the same value, and its windows can be asked.
pub fn document(data: &[u8]) {
    match parse("f.yaml", data) {
        Ok(parsed) => {
            assert!(!parsed.documents.is_empty() && data.len() <= MAX_BYTES);
            check_warnings(data, &parsed.warnings);
            assert_eq!(parsed.documents.len(), parsed.expires.len());
            parsed.dated().for_each(|(document, expires)| check_document(document, expires));
        }
        Err(problems) => check_errors(data, &problems),
    }
}

/// `document::import_aws`, as [`document`].
pub fn import_aws(data: &[u8]) {
    match document::import_aws("aws.json", data) {
        Ok(imported) => {
            check_warnings(data, &imported.notes);
            assert!(!imported.documents.is_empty());
            imported.documents.iter().for_each(|document| check_document(document, None));
        }
        Err(problems) => check_errors(data, &problems),
    }
}

/// `document::edit`: an edited source has the patch in the list it was put into and not in the other, keeps its lines
/// but for one and the entries that went, and has nothing more to change; a diff of the two says so.
pub fn document_edit(data: &[u8]) {
    let source = text(data);
    for (edit, approves) in [(edit::approve as fn(&str, &str) -> _, true), (edit::reject, false)] {
        for patch in ["bash", "linux-image-*", "CVE-2026-1"] {
            let changed: String = match edit(&source, patch) {
                Ok(changed) => changed,
                Err(EditError::Invalid(problems)) => return check_errors(source.as_bytes(), &problems),
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    continue;
                }
            };
            let parsed = parse("changed.yaml", changed.as_bytes()).expect("an edited document is valid");
            let [Document::PatchBaseline(baseline)] = parsed.documents.as_slice() else {
                panic!("no baseline: {changed}")
            };
            let has = |list: &[String]| list.iter().any(|listed| listed == patch);
            assert_eq!(has(&baseline.approved_patches), approves, "{changed}");
            assert_eq!(has(&baseline.rejected_patches), !approves, "{changed}");
            assert!(matches!(edit(&changed, patch), Err(EditError::NothingToChange(_))), "{changed}");
            assert!(edit::diff(&source, &changed).starts_with("--- old\n+++ new\n@@ "));
        }
    }
}

/// `parse_override_list`: bounded, and nothing in it is empty.
pub fn override_list(data: &[u8]) {
    match parse_override_list("list.yaml", data) {
        Ok(list) => {
            assert!((1..=MAX_PATCHES).contains(&list.patches.len()));
            for patch in &list.patches {
                for field in [Some(&patch.id), patch.title.as_ref()].into_iter().flatten() {
                    assert!((1..=MAX_PATCH_CHARS).contains(&field.chars().count()), "{field:?}");
                }
            }
        }
        Err(problems) => check_errors(data, &problems),
    }
}

/// `parse_baseline_override`: one baseline for each operating system.
pub fn baseline_override(data: &[u8]) {
    match parse_baseline_override("override.json", data) {
        Ok(found) => {
            assert!(!found.baselines.is_empty());
            let systems: BTreeSet<_> = found.baselines.iter().map(|b| b.operating_system).collect();
            assert_eq!(systems.len(), found.baselines.len());
            for baseline in found.baselines {
                check_document(&Document::PatchBaseline(baseline), None);
            }
        }
        Err(problems) => check_errors(data, &problems),
    }
}

fn check_document(document: &Document, expires: Option<DateTime<Utc>>) {
    let yaml = to_yaml_until(document, expires);
    let again = match parse("again.yaml", yaml.as_bytes()) {
        Ok(again) => again,
        Err(problems) => panic!("our own document is refused: {}\n{yaml}", render(&yaml, &problems)),
    };
    assert_eq!(again.documents.as_slice(), std::slice::from_ref(document), "read back from\n{yaml}");
    assert_eq!(again.expires, [expires], "read back from\n{yaml}");
    assert_eq!(to_yaml_until(&again.documents[0], expires), yaml, "written twice");
    if let Document::MaintenanceWindow(window) = document {
        check_window(window);
    }
}

fn check_warnings(data: &[u8], warnings: &[Problem]) {
    check_problems(data, warnings);
    assert!(warnings.iter().all(|w| w.severity == Severity::Warning), "an accepted error: {warnings:?}");
}

fn check_errors(data: &[u8], problems: &[Problem]) {
    check_problems(data, problems);
    assert!(problems.iter().any(|p| p.severity == Severity::Error), "refused without a reason: {problems:?}");
}

/// Few, placed, and harmless on a terminal.
fn check_problems(data: &[u8], problems: &[Problem]) {
    assert!(problems.len() <= MAX_PROBLEMS, "{}", problems.len());
    let source = text(data);
    for problem in problems {
        assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
        assert!(!problem.message.is_empty() && problem.message.len() < 10_000, "{problem:?}");
    }
    let shown = render(&source, problems);
    let bad = shown.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t');
    assert_eq!(bad, None, "a control character is shown: {shown:?}");
}
