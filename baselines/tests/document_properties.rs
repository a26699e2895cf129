//! Properties: what is written reads back the same, and no input panics.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

#[path = "document_properties/values.rs"]
mod values;
#[path = "document_properties/windows.rs"]
mod windows;

use patchflock_baselines::document::override_list::{parse_baseline_override, parse_override_list};
use patchflock_baselines::document::{
    Document, MAX_PROBLEMS, Parsed, import_aws, parse, render, to_yaml, to_yaml_until,
};
use proptest::prelude::*;

use values::{document, expires};

/// Everything that reads bytes, on these bytes. A document that is accepted must survive being written.
fn read_all(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse("p", bytes) {
        Ok(Parsed { documents, warnings, .. }) => {
            render(&text, &warnings);
            for document in documents {
                let again = parse("again", to_yaml(&document).as_bytes()).unwrap();
                assert_eq!(again.documents, [document]);
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty() && problems.len() <= MAX_PROBLEMS);
            assert!(problems.iter().all(|problem| problem.line >= 1 && problem.column >= 1), "{problems:?}");
            render(&text, &problems);
        }
    }
    let _ = import_aws("p", bytes);
    let _ = parse_override_list("p", bytes);
    let _ = parse_baseline_override("p", bytes);
}

/// A piece of YAML that is likely to mean something.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just("\n  ".to_owned()),
        Just("\n    - ".to_owned()),
        Just(": ".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(", ".to_owned()),
        Just("---\n".to_owned()),
        Just("...\n".to_owned()),
        Just("'".to_owned()),
        Just("\"".to_owned()),
        Just("|\n".to_owned()),
        Just(">-\n".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!!str ".to_owned()),
        Just("%YAML 1.1\n".to_owned()),
        Just("? ".to_owned()),
        Just("#".to_owned()),
        Just("\t".to_owned()),
        Just("kind: PatchBaseline\nname: x\nspec:\n".to_owned()),
        Just("kind: MaintenanceWindow\nname: x\nspec:\n".to_owned()),
        Just("kind: PatchGroup\nname: x\nspec:\n".to_owned()),
        Just("kind: DefaultBaselines\nname: defaults\nspec:\n".to_owned()),
        Just("\nexpires: 2027-01-31\n".to_owned()),
        Just("baselines".to_owned()),
        Just("operating_system: DEBIAN".to_owned()),
        Just("approval_rules".to_owned()),
        Just("filters".to_owned()),
        Just("PRIORITY".to_owned()),
        Just("ApprovalRules".to_owned()),
        Just("PatchRules".to_owned()),
        Just("BaselineId".to_owned()),
        Just("WindowId".to_owned()),
        Just("null".to_owned()),
        Just("1.10".to_owned()),
        Just("-1".to_owned()),
        Just("1e400".to_owned()),
        Just("99999999999999999999".to_owned()),
        "[a-z]{1,5}",
        "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_the_same(document in document(), expires in expires()) {
        let yaml = to_yaml_until(&document, expires);
        match parse("p.yaml", yaml.as_bytes()) {
            Ok(parsed) => {
                prop_assert_eq!(&parsed.documents, &[document], "{}", &yaml);
                prop_assert_eq!(&parsed.expires, &[expires], "{}", yaml);
            }
            Err(problems) => prop_assert!(false, "{}", render(&yaml, &problems)),
        }
    }

    #[test]
    fn writing_is_stable(document in document()) {
        let yaml = to_yaml(&document);
        let again: Vec<Document> = parse("p.yaml", yaml.as_bytes()).unwrap().documents;
        prop_assert_eq!(again.iter().map(to_yaml).collect::<String>(), yaml);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        read_all(text.as_bytes());
    }

    #[test]
    fn arbitrary_pieces_of_yaml_never_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        read_all(pieces.concat().as_bytes());
    }

    #[test]
    fn a_damaged_document_never_panics(
        document in document(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), piece(), 0_usize..4), 1..6),
    ) {
        let mut chars: Vec<char> = to_yaml(&document).chars().collect();
        for (at, piece, removed) in cuts {
            let start = at.index(chars.len() + 1);
            let end = (start + removed).min(chars.len());
            chars.splice(start..end, piece.chars());
        }
        read_all(chars.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn a_damaged_document_of_aws_never_panics(
        which in 0_usize..4,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), piece(), 0_usize..4), 0..4),
    ) {
        let source = [
            include_str!("../testdata/aws/get-patch-baseline-windows.json"),
            include_str!("../testdata/aws/get-patch-baseline-amazon-linux-2023.json"),
            include_str!("../testdata/aws/get-patch-baseline-debian.json"),
            include_str!("../testdata/aws/get-maintenance-window.json"),
        ][which];
        let mut chars: Vec<char> = source.chars().collect();
        for (at, piece, removed) in cuts {
            let start = at.index(chars.len() + 1);
            let end = (start + removed).min(chars.len());
            chars.splice(start..end, piece.chars());
        }
        read_all(chars.into_iter().collect::<String>().as_bytes());
    }
}
