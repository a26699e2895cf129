//! The shipped baselines as documents: names, files, one default per system, schema. What they approve is in
//! `predefined_days.rs`.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use patchflock_baselines::baseline::{Baseline, ComplianceLevel, SecurityRule, Undated};
use patchflock_baselines::document::{Document, parse, to_yaml};
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::predefined::{ALL, Predefined, default_for, named};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

/// Name here, name at AWS (reference 1.4).
const NAMES: [(&str, &str); 17] = [
    ("amazon-linux", "AWS-AmazonLinuxDefaultPatchBaseline"),
    ("amazon-linux-2", "AWS-AmazonLinux2DefaultPatchBaseline"),
    ("amazon-linux-2022", "AWS-AmazonLinux2022DefaultPatchBaseline"),
    ("amazon-linux-2023", "AWS-AmazonLinux2023DefaultPatchBaseline"),
    ("alma-linux", "AWS-AlmaLinuxDefaultPatchBaseline"),
    ("red-hat", "AWS-RedHatDefaultPatchBaseline"),
    ("rocky-linux", "AWS-RockyLinuxDefaultPatchBaseline"),
    ("oracle-linux", "AWS-OracleLinuxDefaultPatchBaseline"),
    ("suse", "AWS-SuseDefaultPatchBaseline"),
    ("centos", "AWS-CentOSDefaultPatchBaseline"),
    ("debian", "AWS-DebianDefaultPatchBaseline"),
    ("raspbian", "AWS-DefaultRaspbianPatchBaseline"),
    ("ubuntu", "AWS-UbuntuDefaultPatchBaseline"),
    ("macos", "AWS-MacOSDefaultPatchBaseline"),
    ("windows", "AWS-DefaultPatchBaseline"),
    ("windows-os", "AWS-WindowsPredefinedPatchBaseline-OS"),
    ("windows-os-applications", "AWS-WindowsPredefinedPatchBaseline-OS-Applications"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn value(shipped: &Predefined) -> Baseline {
    shipped.baseline().unwrap_or_else(|problems| panic!("{}: {problems:#?}", shipped.name))
}

#[test]
fn table_1_4_is_shipped_whole_and_each_document_says_which_row_it_is() {
    let names: Vec<&str> = ALL.iter().map(|p| p.name).collect();
    let wanted: Vec<String> = NAMES.iter().map(|(ours, _)| format!("predefined-{ours}")).collect();
    assert_eq!(names, wanted);
    for (shipped, (_, aws)) in ALL.iter().zip(NAMES) {
        let first = shipped.yaml.lines().next().unwrap_or_default();
        assert_eq!(first, format!("# What AWS approves in {aws}."), "{}", shipped.name);
    }
}

#[test]
fn every_file_of_the_folder_is_shipped_under_its_name() {
    let files: BTreeSet<String> = std::fs::read_dir(folder().join("predefined"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, NAMES.iter().map(|(ours, _)| format!("{ours}.yaml")).collect());
    for (shipped, (ours, _)) in ALL.iter().zip(NAMES) {
        let file = folder().join("predefined").join(format!("{ours}.yaml"));
        assert_eq!(shipped.yaml, std::fs::read_to_string(file).expect("a file"), "{}", shipped.name);
        assert_eq!(named(shipped.name), Some(shipped));
    }
    assert_eq!(named("predefined-nothing"), None);
}

#[test]
fn every_operating_system_has_exactly_one_default_that_is_for_it() {
    for os in OperatingSystem::ALL {
        let defaults: Vec<&Predefined> =
            ALL.iter().filter(|p| p.default && p.operating_system == os).collect();
        assert_eq!(defaults.len(), 1, "{os}");
        assert_eq!(default_for(os), defaults.first().copied(), "{os}");
    }
    // Only Windows has others beside it.
    let others: Vec<OperatingSystem> =
        ALL.iter().filter(|p| !p.default).map(|p| p.operating_system).collect();
    assert_eq!(others, [OperatingSystem::Windows; 2]);
}

#[test]
fn name_and_system_of_the_table_are_those_of_the_document() {
    for shipped in &ALL {
        let baseline = value(shipped);
        assert_eq!(
            (baseline.name.as_str(), baseline.operating_system),
            (shipped.name, shipped.operating_system)
        );
        assert!(baseline.description.is_some_and(|d| !d.is_empty()), "{}", shipped.name);
    }
}

#[test]
fn no_document_has_a_warning_and_each_reads_back_from_its_own_yaml() {
    for shipped in &ALL {
        let parsed = parse(shipped.name, shipped.yaml.as_bytes()).expect("valid");
        assert!(parsed.warnings.is_empty(), "{}: {:?}", shipped.name, parsed.warnings);
        assert_eq!(parsed.documents, [Document::PatchBaseline(value(shipped))]);
        let yaml = to_yaml(&parsed.documents[0]);
        let again = parse(shipped.name, yaml.as_bytes()).expect("our own YAML");
        assert_eq!(again.documents, parsed.documents, "{yaml}");
    }
}

#[test]
fn levels_are_unspecified_and_nothing_is_listed_1_4() {
    for shipped in &ALL {
        let b = value(shipped);
        assert!(b.approval_rules.iter().all(|r| r.compliance_level == ComplianceLevel::Unspecified));
        assert!(!b.approval_rules.is_empty() && b.global_filters.is_empty() && b.sources.is_empty());
        assert!(b.approved_patches.is_empty() && b.rejected_patches.is_empty(), "{}", shipped.name);
        assert_eq!((b.security_rule, b.undated_patches), (SecurityRule::AnyVersion, Undated::Wait));
    }
}

#[test]
fn each_document_is_valid_by_the_published_schema_read_with_another_reader() {
    let text = std::fs::read_to_string(folder().join("schemas/PatchBaseline.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for shipped in &ALL {
        let json = json(shipped.yaml);
        let errors: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?} {json:#}", shipped.name);
        // The validator does look: one field that is not known, and it refuses.
        let mut wrong = json.clone();
        wrong["spec"]["surprise"] = Value::Bool(true);
        assert!(!validator.is_valid(&wrong), "{}", shipped.name);
    }
}

/// YAML as JSON without any of our own loader, which would hide what it repairs.
fn json(yaml: &str) -> Value {
    fn node(events: &mut dyn Iterator<Item = Event<'_>>) -> Option<Value> {
        Some(match events.next()? {
            Event::Scalar(text, ScalarStyle::Plain, _, _) => {
                serde_json::from_str(&text).unwrap_or(Value::String(text.into_owned()))
            }
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) => Value::Array(std::iter::from_fn(|| node(events)).collect()),
            Event::MappingStart(..) => {
                let entry = || Some((node(events)?.as_str()?.to_owned(), node(events)?));
                Value::Object(std::iter::from_fn(entry).collect())
            }
            Event::StreamStart | Event::DocumentStart(_) => return node(events),
            Event::SequenceEnd | Event::MappingEnd => return None,
            other => panic!("{other:?} in a plain document"),
        })
    }
    let mut events = Parser::new_from_str(yaml).map(|event| event.expect("YAML").0);
    node(&mut events).expect("a document")
}
