//! What AWS prints is taken unchanged, keeps AWS's meaning, and is checked like everybody's documents.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::baseline::{Approve, FilterKey, SecurityRule, Undated};
use patchflock_baselines::document::override_list::parse_baseline_override;
use patchflock_baselines::document::{Document, Problem, import_aws, parse, to_yaml};
use patchflock_baselines::os::OperatingSystem;

const WINDOWS: &[u8] = include_bytes!("../testdata/aws/get-patch-baseline-windows.json");
const AMAZON: &[u8] = include_bytes!("../testdata/aws/get-patch-baseline-amazon-linux-2023.json");
const GROUPS: &[u8] = include_bytes!("../testdata/aws/describe-patch-groups.json");
const DEBIAN: &[u8] = include_bytes!("../testdata/aws/get-patch-baseline-debian.json");

/// An imported document as our YAML, and below it what was noted.
fn imported(bytes: &[u8]) -> String {
    match import_aws("aws.json", bytes) {
        Ok(imported) => format!("{}---\n{}", imported.to_yaml(), lines(&imported.notes)),
        Err(problems) => lines(&problems),
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

fn edited(bytes: &[u8], edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    edit(&mut json);
    serde_json::to_vec_pretty(&json).unwrap()
}

#[test]
fn a_windows_baseline_of_aws_becomes_ours() {
    insta::assert_snapshot!(imported(WINDOWS), @r#"
    kind: PatchBaseline
    name: Windows-Server-2022
    spec:
      operating_system: WINDOWS
      description: "Servers of the second floor"
      global_filters:
        PRODUCT: [WindowsServer2022]
      approval_rules:
        - filters:
            CLASSIFICATION: [SecurityUpdates, CriticalUpdates]
            MSRC_SEVERITY: [Critical, Important]
          approve_after_days: 7
          compliance_level: CRITICAL
        - filters:
            PATCH_SET: [APPLICATION]
            PRODUCT_FAMILY: ["*"]
          approve_until_date: 2026-09-30
      approved_patches: [KB2032276, MS10-048]
      approved_patches_compliance_level: HIGH
      rejected_patches: [KB4041688]
      rejected_patches_action: BLOCK
      available_security_updates_compliance_status: NON_COMPLIANT
      security_rule: candidate
      undated_patches: approve
    ---
    aws.json:1:1: warning: imported with AWS's meaning: `security_rule: candidate` and `undated_patches: approve`
      hint: remove both for our defaults: a fix stays a security fix when a point release carries it, and a patch without date waits
    aws.json:73:5: warning: the registrations for patch groups are not part of a baseline and are not imported
      hint: import the output of `aws ssm describe-patch-groups` as well
    "#);
}

#[test]
fn a_linux_baseline_of_aws_becomes_ours() {
    insta::assert_snapshot!(imported(AMAZON), @r#"
    kind: PatchBaseline
    name: AmazonLinux2023.prod
    spec:
      operating_system: AMAZON_LINUX_2023
      approval_rules:
        - filters:
            PRODUCT: ["*"]
            CLASSIFICATION: [Security]
            SEVERITY: [Critical, Important]
          approve_after_days: 7
          compliance_level: HIGH
        - filters:
            CLASSIFICATION: [Bugfix]
          approve_after_days: 14
          enable_non_security: true
      approved_patches: ["kernel-livepatch*", ALAS2023-2026-123, CVE-2026-1234]
      approved_patches_enable_non_security: true
      rejected_patches: ["dbus-*:1.12.28-1.amzn2023.0.1.x86_64"]
      sources:
        - name: mirror
          products: [AmazonLinux2023]
          configuration: |
            [main]
            name=Mirror
            baseurl=https://mirror.example/al2023
            enabled=1
      security_rule: candidate
      undated_patches: approve
    ---
    aws.json:1:1: warning: imported with AWS's meaning: `security_rule: candidate` and `undated_patches: approve`
      hint: remove both for our defaults: a fix stays a security fix when a point release carries it, and a patch without date waits
    "#);
}

#[test]
fn a_delay_that_aws_ignores_on_debian_is_noted_and_not_imported() {
    insta::assert_snapshot!(imported(DEBIAN), @r#"
    kind: PatchBaseline
    name: AWS-DebianDefaultPatchBaseline
    spec:
      operating_system: DEBIAN
      description: "Default Patch Baseline for Debian Provided by AWS."
      approval_rules:
        - filters:
            PRODUCT: ["*"]
            PRIORITY: [Required, Important, Standard, Optional, Extra]
      security_rule: candidate
      undated_patches: approve
    ---
    aws.json:1:1: warning: imported with AWS's meaning: `security_rule: candidate` and `undated_patches: approve`
      hint: remove both for our defaults: a fix stays a security fix when a point release carries it, and a patch without date waits
    aws.json:32:17: warning: `ApproveAfterDays` has no effect on AWS for this operating system and is not imported
      hint: here it works: add it to the rule to make patches wait
    "#);
}

#[test]
fn an_imported_baseline_keeps_the_meaning_it_had_on_aws() {
    for bytes in [WINDOWS, AMAZON, DEBIAN] {
        let Document::PatchBaseline(baseline) = import_aws("aws.json", bytes).unwrap().documents.remove(0)
        else {
            panic!("not a baseline")
        };
        assert_eq!(baseline.security_rule, SecurityRule::Candidate);
        assert_eq!(baseline.undated_patches, Undated::Approve);
    }
    let Document::PatchBaseline(debian) = import_aws("aws.json", DEBIAN).unwrap().documents.remove(0) else {
        panic!("not a baseline")
    };
    assert_eq!(debian.approval_rules[0].approve, Approve::AfterDays(0));
}

#[test]
fn what_is_imported_is_written_so_that_it_reads_back_the_same() {
    for bytes in [WINDOWS, AMAZON, DEBIAN] {
        let document = import_aws("aws.json", bytes).unwrap().documents.remove(0);
        let again = parse("ours.yaml", to_yaml(&document).as_bytes()).unwrap();
        assert_eq!(again.documents, [document]);
        assert_eq!(again.warnings, []);
    }
}

#[test]
fn apply_recognises_what_aws_prints_by_its_shape() {
    for bytes in [WINDOWS, AMAZON, DEBIAN] {
        let parsed = parse("aws.json", bytes).unwrap();
        let imported = import_aws("aws.json", bytes).unwrap();
        assert_eq!(parsed.documents, imported.documents);
        assert_eq!(parsed.warnings, imported.notes);
    }
}

#[test]
fn several_filters_with_one_key_become_their_intersection() {
    let twice = |first: serde_json::Value, second: serde_json::Value| {
        edited(AMAZON, |json| {
            json["ApprovalRules"]["PatchRules"][0]["PatchFilterGroup"]["PatchFilters"] = serde_json::json!([
                { "Key": "SEVERITY", "Values": first },
                { "Key": "SEVERITY", "Values": second },
            ]);
        })
    };
    let severities = |bytes: &[u8]| {
        let Document::PatchBaseline(baseline) = import_aws("aws.json", bytes).unwrap().documents.remove(0)
        else {
            panic!("not a baseline")
        };
        let filter = &baseline.approval_rules[0].filters[0];
        assert_eq!(filter.key, FilterKey::Severity);
        filter.values.clone()
    };
    let list = |values: &[&str]| serde_json::json!(values);
    assert_eq!(severities(&twice(list(&["Low", "None"]), list(&["None", "Critical"]))), ["None"]);
    assert_eq!(severities(&twice(list(&["*"]), list(&["Low"]))), ["Low"]);
    assert_eq!(severities(&twice(list(&["Low"]), list(&["*"]))), ["Low"]);
    let never = import_aws("aws.json", &twice(list(&["Low"]), list(&["None"]))).unwrap_err();
    assert!(lines(&never).contains("no values in common") || lines(&never).contains("no value in common"));
}

#[test]
fn mistakes_in_what_aws_printed_have_their_place() {
    let bad = edited(AMAZON, |json| {
        json["ApproveAfterDay"] = 7.into();
        json["Name"] = serde_json::Value::Null;
        json["GlobalFilters"] = serde_json::json!([]);
        json["RejectedPatchesAction"] = "block".into();
        json["ApprovalRules"]["PatchRules"][0]["PatchFilterGroup"]["PatchFilters"] = serde_json::json!([
            { "Key": "ARCH", "Values": ["x86_64"] },
            { "Key": "SEVERITTY", "Values": ["Low"] },
            { "Key": "SEVERITY" },
            7,
        ]);
        json["ApprovalRules"]["PatchRules"][1]["ApproveUntilDate"] = "2026-01-01".into();
        json["Sources"] = serde_json::json!({});
    });
    insta::assert_snapshot!(imported(&bad), @r"
    aws.json:1:1: error: `name` is missing
      hint: add `name:`
    aws.json:1:1: warning: imported with AWS's meaning: `security_rule: candidate` and `undated_patches: approve`
      hint: remove both for our defaults: a fix stays a security fix when a point release carries it, and a patch without date waits
    aws.json:11:22: error: `ARCH` is not a key that a rule can filter by
    aws.json:17:22: error: `SEVERITTY` is not a key that a rule can filter by
      hint: did you mean `SEVERITY`?
    aws.json:22:13: error: a filter has `Key` and `Values`
    aws.json:25:13: error: `PatchFilters` must be a mapping, not the number `7`
      hint: AWS writes it with Key, Values
    aws.json:47:3: error: unknown field `ApproveAfterDay` in the baseline
      hint: AWS has no such field here; remove it
    aws.json:57:20: error: `GlobalFilters` must be a mapping, not a list
      hint: AWS writes it with PatchFilters
    aws.json:65:28: error: `rejected_patches_action` cannot be `block`
      hint: did you mean `BLOCK`?
    aws.json:66:14: error: `Sources` must be a list, not a mapping
    ");
}

#[test]
fn anything_else_is_not_imported() {
    insta::assert_snapshot!(imported(b"{}"), @r"
    aws.json:1:1: error: this is no baseline, maintenance window or list of patch groups of AWS
      hint: give the output of `aws ssm get-patch-baseline`, `aws ssm get-maintenance-window` or `aws ssm describe-patch-groups`
    ");
    insta::assert_snapshot!(imported(b"kind: PatchBaseline\nname: x\nspec: {}\n"), @r"
    aws.json:1:1: error: this is no baseline, maintenance window or list of patch groups of AWS
      hint: give the output of `aws ssm get-patch-baseline`, `aws ssm get-maintenance-window` or `aws ssm describe-patch-groups`
    ");
    insta::assert_snapshot!(imported(b"{\"BaselineId\": 1}\n---\n{\"BaselineId\": 2}"), @r"
    aws.json:3:1: error: the file holds more than one document
      hint: give the output of `aws ssm get-patch-baseline`, `aws ssm get-maintenance-window` or `aws ssm describe-patch-groups`
    ");
    insta::assert_snapshot!(imported(b""), @r"
    aws.json:1:1: error: the file holds no document
      hint: a document has `kind`, `name` and `spec`
    ");
    insta::assert_snapshot!(imported(b"[]"), @r"
    aws.json:1:1: error: this is no baseline, maintenance window or list of patch groups of AWS
      hint: give the output of `aws ssm get-patch-baseline`, `aws ssm get-maintenance-window` or `aws ssm describe-patch-groups`
    ");
}

#[test]
fn a_baseline_override_has_one_baseline_for_each_operating_system() {
    let unnamed = |bytes: &[u8]| {
        let mut json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let fields = json.as_object_mut().unwrap();
        for name in ["Name", "BaselineId", "PatchGroups", "CreatedDate", "ModifiedDate"] {
            fields.remove(name);
        }
        json
    };
    let list = serde_json::json!([unnamed(WINDOWS), unnamed(DEBIAN)]);
    let baselines = parse_baseline_override("o.json", list.to_string().as_bytes()).unwrap();
    assert_eq!(baselines.baselines.len(), 2);
    let windows = baselines.for_os(OperatingSystem::Windows).unwrap();
    assert_eq!(windows.approved_patches, ["KB2032276", "MS10-048"]);
    assert!(baselines.for_os(OperatingSystem::Suse).is_none());

    let twice =
        serde_json::json!([unnamed(DEBIAN), unnamed(DEBIAN), unnamed(AMAZON), {"OperatingSystem": "BEOS"}]);
    let problems = parse_baseline_override("o.json", twice.to_string().as_bytes()).unwrap_err();
    let shown = lines(&problems);
    assert!(shown.contains("a second baseline for DEBIAN") && shown.contains("`BEOS`"), "{shown}");
    for bad in ["{}", "[]", "", "7"] {
        assert!(parse_baseline_override("o.json", bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn patch_groups_of_aws_become_one_document_each() {
    insta::assert_snapshot!(imported(GROUPS), @r#"
    kind: PatchGroup
    name: Production
    spec:
      baselines: [AmazonLinux2023.prod, Windows-Server-2022]
    ---
    kind: PatchGroup
    name: Web-servers-eu
    spec:
      patch_group: "Web servers/eu"
      baselines: [predefined-ubuntu]
    ---
    kind: PatchGroup
    name: Web-servers-eu-2
    spec:
      patch_group: Web-servers-eu
      baselines: [Windows-Server-2022]
    ---
    aws.json:7:33: warning: the baseline `AmazonLinux2023.prod` is named here and not part of this output
      hint: import it as well: `aws ssm get-patch-baseline --baseline-id pb-0c10e65780EXAMPLE`
    aws.json:17:33: warning: `AWS-UbuntuDefaultPatchBaseline` is AWS's own; here `predefined-ubuntu` approves the same
      hint: write a baseline of your own if it shall differ
    aws.json:27:33: warning: the baseline `Windows-Server-2022` is named here and not part of this output
      hint: import it as well: `aws ssm get-patch-baseline --baseline-id pb-0123456789abcdef0`
    "#);
    let imported = import_aws("aws.json", GROUPS).unwrap();
    assert_eq!(parse("ours.yaml", imported.to_yaml().as_bytes()).unwrap().documents, imported.documents);
    assert_eq!(parse("aws.json", GROUPS).unwrap().documents, imported.documents);
}

#[test]
fn every_baseline_of_aws_s_own_has_a_shipped_one() {
    for shipped in patchflock_baselines::predefined::ALL {
        let (_, rest) = shipped.yaml.split_once("# What AWS approves in ").unwrap();
        let aws = rest.lines().next().unwrap().trim_end_matches('.');
        let mapping = serde_json::json!({"Mappings": [{
            "PatchGroup": "g",
            "BaselineIdentity": {"BaselineName": aws, "OperatingSystem": shipped.operating_system.as_str()},
        }]});
        let imported = import_aws("aws.json", &serde_json::to_vec(&mapping).unwrap()).unwrap();
        let [Document::PatchGroup(group)] = imported.documents.as_slice() else { panic!("{imported:?}") };
        assert_eq!(group.baselines, [shipped.name], "{aws}");
    }
}

#[test]
fn mistakes_in_patch_groups_of_aws_have_their_place() {
    let bad = |edit: &dyn Fn(&mut serde_json::Value)| imported(&edited(GROUPS, edit));
    let all = [
        bad(&|json| json["NextToken"] = "AAA".into()),
        bad(&|json| json["Mappings"] = serde_json::json!([])),
        bad(&|json| json["Mappings"] = "none".into()),
        bad(&|json| json["Mappings"][0]["PatchGroup"] = " Production".into()),
        bad(&|json| json["Mappings"][0]["PatchGroup"] = 7.into()),
        bad(&|json| json["Mappings"][0]["BaselineIdentity"]["OperatingSystem"] = "WINDOWS".into()),
        bad(&|json| json["Mappings"][0]["BaselineIdentity"]["OperatingSystem"] = "BEOS".into()),
        bad(&|json| json["Mappings"][0]["BaselineIdentity"]["BaselineName"] = serde_json::Value::Null),
        bad(&|json| json["Mappings"][0]["BaselineIdentity"]["Baselinename"] = "x".into()),
        bad(&|json| drop(json["Mappings"][0].as_object_mut().unwrap().remove("BaselineIdentity"))),
    ];
    // What is said beside the errors is in the test of the good ones.
    let errors = |told: &String| {
        let mut shown = Vec::new();
        let mut lines = told.lines().peekable();
        while let Some(line) = lines.next() {
            if line.contains(": error: ") {
                shown.push(line.to_owned());
                shown.extend(lines.next_if(|next| next.starts_with("  hint")).map(str::to_owned));
            }
        }
        shown.join("\n")
    };
    insta::assert_snapshot!("patch_group_mistakes", all.iter().map(errors).collect::<Vec<_>>().join("\n"));
}

#[test]
fn groups_whose_values_look_alike_as_names_get_different_names() {
    let mapping =
        |group: &str| serde_json::json!({"PatchGroup": group, "BaselineIdentity": {"BaselineName": "b"}});
    let groups = ["a b", "a/b", "a-b-2", "a b 2", "a-b", "é", "ü"];
    let json = serde_json::json!({ "Mappings": groups.map(mapping) });
    let imported = import_aws("aws.json", &serde_json::to_vec(&json).unwrap()).unwrap();
    let names: Vec<&str> = imported.documents.iter().map(Document::name).collect();
    assert_eq!(names, ["a-b", "a-b-2", "a-b-2-2", "a-b-2-3", "a-b-3", "-", "--2"]);
    let again = parse("ours.yaml", imported.to_yaml().as_bytes()).unwrap().documents;
    let values: Vec<_> = again
        .iter()
        .map(|d| match d {
            Document::PatchGroup(group) => group.patch_group.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(values, groups);
}
