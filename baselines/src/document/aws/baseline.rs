//! AWS's baseline (reference 2.1) as ours.

use std::collections::BTreeSet;

use super::{Entry, Node, Translation, Tree, added, assembled, quoted, renamed};
use crate::baseline::FilterKey;
use crate::document::filters::name;
use crate::document::suggest::did_you_mean;
use crate::os::{Family, OperatingSystem};

const FIELDS: [&str; 20] = [
    "Name",
    "OperatingSystem",
    "Description",
    "GlobalFilters",
    "ApprovalRules",
    "ApprovedPatches",
    "ApprovedPatchesComplianceLevel",
    "ApprovedPatchesEnableNonSecurity",
    "RejectedPatches",
    "RejectedPatchesAction",
    "Sources",
    "AvailableSecurityUpdatesComplianceStatus",
    // Reported or used by AWS only.
    "BaselineId",
    "PatchGroups",
    "CreatedDate",
    "ModifiedDate",
    "ClientToken",
    "Tags",
    "DefaultBaseline",
    "ResponseMetadata",
];

/// Fields of AWS that only change their name.
const SAME: [(&str, &str); 8] = [
    ("Description", "description"),
    ("ApprovedPatches", "approved_patches"),
    ("ApprovedPatchesComplianceLevel", "approved_patches_compliance_level"),
    ("ApprovedPatchesEnableNonSecurity", "approved_patches_enable_non_security"),
    ("RejectedPatches", "rejected_patches"),
    ("RejectedPatchesAction", "rejected_patches_action"),
    ("AvailableSecurityUpdatesComplianceStatus", "available_security_updates_compliance_status"),
    ("OperatingSystem", "operating_system"),
];

const RULE_SAME: [(&str, &str); 4] = [
    ("ComplianceLevel", "compliance_level"),
    ("ApproveAfterDays", "approve_after_days"),
    ("ApproveUntilDate", "approve_until_date"),
    ("EnableNonSecurity", "enable_non_security"),
];

const SOURCE_SAME: [(&str, &str); 3] =
    [("Name", "name"), ("Products", "products"), ("Configuration", "configuration")];

fn our_name(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(aws, _)| *aws == key).map(|(_, ours)| *ours)
}

impl Translation<'_> {
    /// The document in our shape; `default_name` is for a baseline override, whose entries have none.
    pub(super) fn baseline(&mut self, root: &Node, default_name: Option<&str>) -> Node {
        let apt = root
            .get("OperatingSystem")
            .and_then(Node::text)
            .and_then(|text| OperatingSystem::ALL.into_iter().find(|os| os.as_str() == text))
            .is_some_and(|os| os.family() == Family::Apt);
        let mut document_name = default_name.map(|name| added(root.at, "name", name));
        let mut spec = Vec::new();
        for entry in self.fields(root, "the baseline", &FIELDS) {
            if let Some(ours) = our_name(&SAME, &entry.key) {
                spec.push(renamed(entry, ours, entry.value.clone()));
                continue;
            }
            match entry.key.as_str() {
                "Name" => document_name = Some(renamed(entry, "name", entry.value.clone())),
                "GlobalFilters" => {
                    let filters = self.filters(&entry.value, "`GlobalFilters`");
                    spec.push(renamed(entry, "global_filters", filters));
                }
                "ApprovalRules" => {
                    let rules = self.rules(&entry.value, apt);
                    spec.push(renamed(entry, "approval_rules", rules));
                }
                "Sources" => {
                    let sources = self.sources(&entry.value);
                    spec.push(renamed(entry, "sources", sources));
                }
                "PatchGroups" if !entry.value.items().is_empty() => self.note(
                    entry.key_at,
                    "the registrations for patch groups are not part of a baseline and are not imported",
                    "import the output of `aws ssm describe-patch-groups` as well",
                ),
                _ => {}
            }
        }
        if !spec.iter().any(|entry| entry.key == "operating_system") {
            spec.push(added(root.at, "operating_system", OperatingSystem::Windows.as_str()));
            self.note(
                root.at,
                "the baseline names no operating system; AWS takes WINDOWS",
                "check that this is meant",
            );
        }
        spec.push(added(root.at, "security_rule", "candidate"));
        spec.push(added(root.at, "undated_patches", "approve"));
        if default_name.is_none() {
            self.note(
                root.at,
                "imported with AWS's meaning: `security_rule: candidate` and `undated_patches: approve`",
                "remove both for our defaults: a fix stays a security fix when a point release carries it, and a patch without date waits",
            );
        }
        assembled(root.at, "PatchBaseline", document_name, spec)
    }

    fn rules(&mut self, node: &Node, apt: bool) -> Node {
        let mut rules = Vec::new();
        for field in self.fields(node, "`ApprovalRules`", &["PatchRules"]) {
            for rule in self.list(&field.value, "PatchRules") {
                rules.push(self.rule(rule, apt));
            }
        }
        Node { at: node.at, tree: Tree::List(rules) }
    }

    fn rule(&mut self, node: &Node, apt: bool) -> Node {
        let known = [
            "PatchFilterGroup",
            "ComplianceLevel",
            "ApproveAfterDays",
            "ApproveUntilDate",
            "EnableNonSecurity",
        ];
        let mut entries = Vec::new();
        for entry in self.fields(node, "`PatchRules`", &known) {
            let Some(ours) = our_name(&RULE_SAME, &entry.key) else {
                let filters = self.filters(&entry.value, "`PatchFilterGroup`");
                entries.push(renamed(entry, "filters", filters));
                continue;
            };
            let delays = matches!(ours, "approve_after_days" | "approve_until_date");
            let at_once = matches!(&entry.value.tree, Tree::Number(number, _) if number.as_u64() == Some(0));
            if apt && delays && !at_once {
                self.note(
                    entry.key_at,
                    &format!(
                        "`{}` has no effect on AWS for this operating system and is not imported",
                        entry.key
                    ),
                    "here it works: add it to the rule to make patches wait",
                );
            } else {
                entries.push(renamed(entry, ours, entry.value.clone()));
            }
        }
        Node { at: node.at, tree: Tree::Map(entries) }
    }

    fn sources(&mut self, node: &Node) -> Node {
        let mut sources = Vec::new();
        for source in self.list(node, "Sources") {
            let entries = self
                .fields(source, "`Sources`", &["Name", "Products", "Configuration"])
                .into_iter()
                .filter_map(|entry| {
                    our_name(&SOURCE_SAME, &entry.key).map(|ours| renamed(entry, ours, entry.value.clone()))
                })
                .collect();
            sources.push(Node { at: source.at, tree: Tree::Map(entries) });
        }
        Node { at: node.at, tree: Tree::List(sources) }
    }

    /// `{PatchFilters: [{Key, Values}]}` as a mapping. Filters are AND-ed, so two with one key become one with the
    /// values that both have.
    fn filters(&mut self, node: &Node, what: &str) -> Node {
        let mut entries: Vec<Entry> = Vec::new();
        for field in self.fields(node, what, &["PatchFilters"]) {
            for filter in self.list(&field.value, "PatchFilters") {
                let Some(entry) = self.filter(filter) else { continue };
                match entries.iter_mut().find(|other| other.key == entry.key) {
                    None => entries.push(entry),
                    Some(first) => {
                        intersect(&mut first.value, &entry.value);
                        if first.value.items().is_empty() {
                            self.error(
                                entry.key_at,
                                format!(
                                    "two filters `{}` have no value in common, so nothing can match",
                                    entry.key
                                ),
                                Some("remove one of them".into()),
                            );
                        }
                    }
                }
            }
        }
        Node { at: node.at, tree: Tree::Map(entries) }
    }

    fn filter(&mut self, node: &Node) -> Option<Entry> {
        let fields = self.fields(node, "`PatchFilters`", &["Key", "Values"]);
        let value = |key: &str| fields.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let (Some(key), Some(values)) = (value("Key"), value("Values")) else {
            if matches!(node.tree, Tree::Map(_)) {
                self.error(node.at, "a filter has `Key` and `Values`".into(), None);
            }
            return None;
        };
        let all = [
            FilterKey::PatchSet,
            FilterKey::Product,
            FilterKey::ProductFamily,
            FilterKey::Classification,
            FilterKey::MsrcSeverity,
            FilterKey::Severity,
            FilterKey::Priority,
            FilterKey::Section,
        ];
        let text = key.text().unwrap_or_default();
        let Some(known) = all.into_iter().map(name).find(|known| *known == text) else {
            self.error(
                key.at,
                format!("{} is not a key that a rule can filter by", quoted(text)),
                did_you_mean(text, all.into_iter().map(name)),
            );
            return None;
        };
        Some(Entry { key: known.to_owned(), key_at: key.at, value: values.clone() })
    }
}

fn intersect(first: &mut Node, second: &Node) {
    let is_any = |node: &Node| node.items().iter().any(|item| item.text() == Some("*"));
    if is_any(second) {
        return;
    }
    if is_any(first) {
        *first = second.clone();
    } else if let Tree::List(items) = &mut first.tree {
        // What is not text stays, so that it is reported.
        let both: BTreeSet<&str> = second.items().iter().filter_map(Node::text).collect();
        items.retain(|item| item.text().is_none_or(|text| both.contains(text)));
    }
}
