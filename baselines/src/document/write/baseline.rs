//! A baseline as YAML.

use super::yaml::Yaml;
use crate::baseline::{
    Approve, AvailableSecurityStatus, Baseline, ComplianceLevel, Filter, RejectedAction, Rule, SecurityRule,
    Undated,
};
use crate::document::filters::name;
use crate::os::Family;

pub(super) fn write(yaml: &mut Yaml, baseline: &Baseline) {
    yaml.plain("operating_system", baseline.operating_system);
    if let Some(description) = &baseline.description {
        yaml.text("description", description);
    }
    if !baseline.global_filters.is_empty() {
        filters(yaml, "global_filters", &baseline.global_filters);
    }
    if !baseline.approval_rules.is_empty() {
        let apt = baseline.operating_system.family() == Family::Apt;
        yaml.mappings("approval_rules", &baseline.approval_rules, |yaml, rule| write_rule(yaml, rule, apt));
    }
    if !baseline.approved_patches.is_empty() {
        yaml.texts("approved_patches", &baseline.approved_patches);
    }
    if baseline.approved_patches_compliance_level != ComplianceLevel::default() {
        yaml.plain("approved_patches_compliance_level", level(baseline.approved_patches_compliance_level));
    }
    if baseline.approved_patches_enable_non_security {
        yaml.plain("approved_patches_enable_non_security", true);
    }
    if !baseline.rejected_patches.is_empty() {
        yaml.texts("rejected_patches", &baseline.rejected_patches);
    }
    match baseline.rejected_patches_action {
        RejectedAction::AllowAsDependency => {}
        RejectedAction::Block => yaml.plain("rejected_patches_action", "BLOCK"),
    }
    if !baseline.sources.is_empty() {
        yaml.mappings("sources", &baseline.sources, |yaml, source| {
            yaml.text("name", &source.name);
            yaml.texts("products", &source.products);
            yaml.text("configuration", &source.configuration);
        });
    }
    if baseline.available_security_updates_compliance_status == AvailableSecurityStatus::NonCompliant {
        yaml.plain("available_security_updates_compliance_status", "NON_COMPLIANT");
    }
    match baseline.security_rule {
        SecurityRule::AnyVersion => {}
        SecurityRule::Candidate => yaml.plain("security_rule", "candidate"),
    }
    match baseline.undated_patches {
        Undated::Wait => {}
        Undated::Approve => yaml.plain("undated_patches", "approve"),
    }
    if let Some(days) = baseline.max_wait_days {
        yaml.plain("max_wait_days", days);
    }
    if baseline.overdue_compliance_status == AvailableSecurityStatus::Compliant {
        yaml.plain("overdue_compliance_status", "COMPLIANT");
    }
    if let Some(hours) = baseline.max_metadata_age_hours {
        yaml.plain("max_metadata_age_hours", hours);
    }
}

fn write_rule(yaml: &mut Yaml, rule: &Rule, apt: bool) {
    if !rule.filters.is_empty() {
        filters(yaml, "filters", &rule.filters);
    }
    match rule.approve {
        Approve::AfterDays(0) if apt => {}
        Approve::AfterDays(days) => yaml.plain("approve_after_days", days),
        Approve::UntilDate(date) => yaml.plain("approve_until_date", date.format("%Y-%m-%d")),
        Approve::Manual => yaml.plain("approve", "manual"),
    }
    if rule.compliance_level != ComplianceLevel::default() {
        yaml.plain("compliance_level", level(rule.compliance_level));
    }
    if rule.enable_non_security {
        yaml.plain("enable_non_security", true);
    }
}

fn filters(yaml: &mut Yaml, key: &str, filters: &[Filter]) {
    yaml.mapping(key, |yaml| {
        for filter in filters {
            yaml.texts(name(filter.key), &filter.values);
        }
    });
}

fn level(level: ComplianceLevel) -> &'static str {
    match level {
        ComplianceLevel::Unspecified => "UNSPECIFIED",
        ComplianceLevel::Informational => "INFORMATIONAL",
        ComplianceLevel::Low => "LOW",
        ComplianceLevel::Medium => "MEDIUM",
        ComplianceLevel::High => "HIGH",
        ComplianceLevel::Critical => "CRITICAL",
    }
}
