//! Small builders for inventories and baselines, shared by the policy tests.

#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::expect_used, reason = "a wrong literal in a test must end it")]

use chrono::{DateTime, Utc};
use patchflock_baselines::baseline::*;
use patchflock_baselines::inventory::*;
use patchflock_baselines::os::OperatingSystem;

/// `2026-11-03` or `2026-11-03T18:00:00Z`.
pub(crate) fn time(text: &str) -> DateTime<Utc> {
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    full.parse().expect("a date of a test")
}

pub(crate) fn machine(operating_system: OperatingSystem, product: &str) -> Inventory {
    Inventory {
        format: FORMAT,
        taken_at: time("2026-11-24"),
        node: Node {
            hostname: "node".into(),
            operating_system,
            product: product.into(),
            pretty_name: product.into(),
            arch: "amd64".into(),
            boot_id: None,
            booted_at: None,
            package_manager: "test".into(),
            patch_group: None,
        },
        sources: Vec::new(),
        installed: Vec::new(),
        candidates: Vec::new(),
        sightings: Vec::new(),
        native: Vec::new(),
        foreign_updaters: Vec::new(),
        reboot: RebootEvidence::default(),
        services_to_restart: Vec::new(),
    }
}

/// A Debian machine with main, security, backports and a third party.
pub(crate) fn debian() -> Inventory {
    let mut inventory = machine(OperatingSystem::Debian, "Debian12");
    inventory.sources = vec![
        source("main", "Debian", "bookworm", false),
        source("security", "Debian", "bookworm-security", true),
        source("backports", "Debian", "bookworm-backports", false),
        source("vendor", "Example Inc", "bookworm", false),
    ];
    inventory
}

pub(crate) fn rhel() -> Inventory {
    let mut inventory = machine(OperatingSystem::RedhatEnterpriseLinux, "RedhatEnterpriseLinux9.4");
    inventory.sources = vec![
        source("baseos", "Red Hat, Inc.", "", false),
        source("appstream", "Red Hat, Inc.", "", false),
        source("epel", "Fedora Project", "", false),
    ];
    inventory
}

pub(crate) fn source(id: &str, origin: &str, codename: &str, security: bool) -> Source {
    Source {
        id: id.into(),
        origin: origin.into(),
        label: origin.into(),
        codename: codename.into(),
        suite: codename.into(),
        component: "main".into(),
        security,
        metadata_date: None,
        valid_until: None,
        refreshed_at: Some(time("2026-11-23")),
        state: SourceState::Readable,
    }
}

pub(crate) fn candidate(name: &str, installed: &str, version: &str, source: &str) -> Candidate {
    Candidate {
        sources: vec![source.into()],
        security: source == "security",
        ..Candidate::bare(name, "amd64", installed, version)
    }
}

pub(crate) fn with_advisory(mut candidate: Candidate, advisory: Advisory) -> Candidate {
    candidate.security |= advisory.classification.as_deref() == Some("security");
    candidate.advisories.push(advisory);
    candidate
}

pub(crate) fn advisory(id: &str, class: &str, severity: &str, issued: &str) -> Advisory {
    Advisory {
        id: id.into(),
        classification: (!class.is_empty()).then(|| class.into()),
        severity: (!severity.is_empty()).then(|| severity.into()),
        issued: (!issued.is_empty()).then(|| time(issued)),
        updated: None,
        cves: Vec::new(),
        bugzilla: Vec::new(),
        title: None,
        reboot_suggested: false,
    }
}

pub(crate) fn installed(name: &str, version: &str, source: &str) -> Installed {
    Installed {
        name: name.into(),
        arch: "amd64".into(),
        version: version.into(),
        section: None,
        priority: None,
        auto: false,
        installed_at: None,
        broken: false,
        sources: vec![source.into()],
        advisories: Vec::new(),
        build_time: None,
    }
}

pub(crate) fn baseline(inventory: &Inventory, rules: Vec<Rule>) -> Baseline {
    Baseline {
        name: "test".into(),
        operating_system: inventory.node.operating_system,
        description: None,
        global_filters: Vec::new(),
        approval_rules: rules,
        approved_patches: Vec::new(),
        approved_patches_compliance_level: ComplianceLevel::Unspecified,
        approved_patches_enable_non_security: false,
        rejected_patches: Vec::new(),
        rejected_patches_action: RejectedAction::AllowAsDependency,
        sources: Vec::new(),
        available_security_updates_compliance_status: AvailableSecurityStatus::Compliant,
        security_rule: SecurityRule::AnyVersion,
        undated_patches: Undated::Wait,
        max_wait_days: None,
        overdue_compliance_status: AvailableSecurityStatus::NonCompliant,
        max_metadata_age_hours: None,
    }
}

pub(crate) fn rule(filters: &[(FilterKey, &[&str])], approve: Approve) -> Rule {
    Rule {
        filters: filters.iter().map(|(key, values)| filter(*key, values)).collect(),
        approve,
        compliance_level: ComplianceLevel::Unspecified,
        enable_non_security: false,
    }
}

pub(crate) fn filter(key: FilterKey, values: &[&str]) -> Filter {
    Filter { key, values: values.iter().map(|v| (*v).to_owned()).collect() }
}

/// Approves everything, non-security included, at once.
pub(crate) fn everything() -> Rule {
    Rule { enable_non_security: true, ..rule(&[], Approve::AfterDays(0)) }
}

pub(crate) fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}
