//! Random valid documents.

use chrono::{DateTime, NaiveDate, Utc};
use patchflock_baselines::baseline::{
    AlternativeSource, Approve, AvailableSecurityStatus, Baseline, ComplianceLevel, Filter, FilterKey,
    RejectedAction, Rule, SecurityRule, Undated,
};
use patchflock_baselines::document::Document;
use patchflock_baselines::os::{Family, OperatingSystem};
use patchflock_baselines::patch_group::{DefaultBaselines, PatchGroup};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Any valid document.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    prop_oneof![
        baseline().prop_map(Document::PatchBaseline),
        super::windows::window().prop_map(Document::MaintenanceWindow),
        patch_group().prop_map(Document::PatchGroup),
        (baselines(), option::of(text(60))).prop_map(|(baselines, description)| {
            Document::DefaultBaselines(DefaultBaselines { baselines, description })
        }),
    ]
}

/// Any instant at which a document can expire, or none.
pub(crate) fn expires() -> impl Strategy<Value = Option<DateTime<Utc>>> {
    let instant = (0_i64..7_258_204_800, select(vec![0, 1, 500_000_000]))
        .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap());
    option::of(instant)
}

fn baselines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(name(), 1..5).prop_map(|names| names.into_iter().collect())
}

fn patch_group() -> impl Strategy<Value = PatchGroup> {
    let value = prop_oneof![
        "[\\p{L}\\p{N}_.:/=+@-]([\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,20}[\\p{L}\\p{N}_.:/=+@-])?",
        select(vec!["no", "1.10", "-", "null", "prod web", "=", "@", "- a", "a\u{2028}b"])
            .prop_map(str::to_owned),
    ];
    (name(), option::of(value), baselines(), option::of(text(60))).prop_map(
        |(name, value, baselines, description)| PatchGroup {
            patch_group: value.unwrap_or_else(|| name.clone()),
            name,
            baselines,
            description,
        },
    )
}

/// Text of which everything is seen: what is compared with something.
pub(crate) fn word(max: usize) -> BoxedStrategy<String> {
    let seen = |text: String| {
        let plain: String =
            text.chars().filter(|c| c.is_alphanumeric() || c.is_ascii_graphic() || *c == ' ').collect();
        match plain.trim() {
            "" => "x".to_owned(),
            trimmed => trimmed.to_owned(),
        }
    };
    text(max).prop_map(seen).boxed()
}

/// Text that a document can hold, and that YAML can stumble over.
pub(crate) fn text(max: usize) -> BoxedStrategy<String> {
    prop_oneof![
        proptest::string::string_regex(&format!("\\PC{{1,{max}}}")).unwrap(),
        proptest::string::string_regex(&format!("[ -~\\n\\t]{{1,{max}}}")).unwrap(),
        select(vec![
            "no",
            "yes",
            "On",
            "null",
            "~",
            "true",
            "1.10",
            "0x1f",
            "2024-01-01",
            "- a",
            "a: b",
            "#a",
            "a #b",
            "*a",
            "&a",
            "!a",
            "{a}",
            "[a",
            "\"",
            "'",
            "\\",
            "|",
            ">",
            "%",
            "@",
            "`",
            "a\nb",
            "a\n",
            "\na",
            " a",
            "a ",
            "a\n\n",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{1b}[0m",
            "\r\n",
            "---",
            "...",
            "? a",
            "=",
            "<<",
            "\u{202e}",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        "[a-z]+ [a-z]+\n[a-z]+",
    ]
    .prop_filter("limit", move |text| !text.is_empty() && text.chars().count() <= max)
    .boxed()
}

pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_.-]{1,20}",
        select(vec!["no", "1.10", "-", ".", "007", "null", "1e5"]).prop_map(str::to_owned)
    ]
}

fn status() -> impl Strategy<Value = AvailableSecurityStatus> {
    select(vec![AvailableSecurityStatus::Compliant, AvailableSecurityStatus::NonCompliant])
}

fn level() -> impl Strategy<Value = ComplianceLevel> {
    use ComplianceLevel::{Critical, High, Informational, Low, Medium, Unspecified};
    select(vec![Unspecified, Informational, Low, Medium, High, Critical])
}

/// The keys of reference 1.2, written again here, in the order in which a document lists them.
fn keys(os: OperatingSystem) -> Vec<FilterKey> {
    use FilterKey::{
        Classification, MsrcSeverity, PatchSet, Priority, Product, ProductFamily, Section, Severity,
    };
    match os.family() {
        Family::Apt => vec![Product, Priority, Section],
        Family::Rpm | Family::Zypper => vec![Product, Classification, Severity],
        Family::Macos => vec![Product, Classification],
        Family::Windows => vec![PatchSet, Product, ProductFamily, Classification, MsrcSeverity],
    }
}

fn values(key: FilterKey) -> BoxedStrategy<Vec<String>> {
    let known: &[&str] = match key {
        FilterKey::PatchSet => &["OS", "APPLICATION", "*"],
        FilterKey::Priority => &["Required", "Important", "Standard", "Optional", "Extra", "*"],
        FilterKey::MsrcSeverity => &["Critical", "Important", "Moderate", "Low", "Unspecified", "*"],
        _ => return prop::collection::vec(word(30), 1..4).boxed(),
    };
    prop::collection::vec(select(known).prop_map(str::to_owned), 1..4).boxed()
}

fn filters(os: OperatingSystem) -> BoxedStrategy<Vec<Filter>> {
    let all = keys(os);
    let count = all.len();
    subsequence(all, 0..=count)
        .prop_flat_map(|keys| {
            keys.into_iter()
                .map(|key| values(key).prop_map(move |values| Filter { key, values }))
                .collect::<Vec<_>>()
        })
        .boxed()
}

fn approve() -> impl Strategy<Value = Approve> {
    prop_oneof![
        (0_u32..=3650).prop_map(Approve::AfterDays),
        // Means nothing need be written on apt families, and only there.
        Just(Approve::AfterDays(0)),
        (1970_i32..=2199, 1_u32..=12, 1_u32..=28)
            .prop_map(|(y, m, d)| Approve::UntilDate(NaiveDate::from_ymd_opt(y, m, d).unwrap())),
        Just(Approve::Manual),
    ]
}

fn rule(os: OperatingSystem) -> impl Strategy<Value = Rule> {
    (filters(os), approve(), level(), any::<bool>()).prop_map(
        |(filters, approve, compliance_level, enable_non_security)| Rule {
            filters,
            approve,
            compliance_level,
            enable_non_security,
        },
    )
}

fn patches(os: OperatingSystem) -> BoxedStrategy<Vec<String>> {
    let one = match os.family() {
        Family::Apt => "[a-z0-9][a-z0-9+.-]{0,20}",
        Family::Rpm => "[!-~]{1,20}",
        Family::Zypper => "[a-zA-Z0-9:_.-]{1,10}[*]?",
        Family::Macos => "[a-zA-Z0-9_.-]{1,10}( [a-z]{1,5})?",
        Family::Windows => "KB[0-9]{1,9}|MS[0-9]{2}-[0-9]{3}",
    };
    prop_oneof![prop::collection::vec(one, 0..4), prop::collection::vec(one, 10..30)].boxed()
}

fn sources(os: OperatingSystem) -> BoxedStrategy<Vec<AlternativeSource>> {
    let body = match os.family() {
        Family::Apt => "deb [ -~]{0,40}[!-~]".prop_map(|line| line).boxed(),
        Family::Rpm | Family::Zypper => {
            (text(40), text(40)).prop_map(|(before, after)| format!("[{before}\n[main]\n{after}")).boxed()
        }
        Family::Macos | Family::Windows => return Just(Vec::new()).boxed(),
    };
    prop::collection::vec((name(), prop::collection::vec(word(20), 1..3), body), 0..3)
        .prop_map(|sources| {
            let numbered = sources.into_iter().enumerate();
            numbered
                .map(|(index, (name, products, configuration))| AlternativeSource {
                    name: format!("{name}{index}"),
                    products,
                    configuration,
                })
                .collect()
        })
        .boxed()
}

fn baseline() -> impl Strategy<Value = Baseline> {
    select(OperatingSystem::ALL.to_vec()).prop_flat_map(|os| {
        let lists =
            (filters(os), prop::collection::vec(rule(os), 0..4), patches(os), patches(os), sources(os));
        let switches =
            (level(), any::<bool>(), any::<bool>(), status(), status(), any::<bool>(), any::<bool>());
        let rest = (name(), option::of(text(60)), option::of(1_u32..3650), option::of(1_u32..87600));
        (lists, switches, rest).prop_map(move |(lists, switches, rest)| {
            let (global_filters, approval_rules, approved_patches, rejected_patches, sources) = lists;
            let (level, non_security, block, available, overdue, candidate, undated) = switches;
            let (name, description, max_wait_days, max_metadata_age_hours) = rest;
            Baseline {
                name,
                operating_system: os,
                description,
                global_filters,
                approval_rules,
                approved_patches,
                approved_patches_compliance_level: level,
                approved_patches_enable_non_security: non_security,
                rejected_patches,
                rejected_patches_action: if block {
                    RejectedAction::Block
                } else {
                    RejectedAction::AllowAsDependency
                },
                sources,
                available_security_updates_compliance_status: available,
                security_rule: if candidate { SecurityRule::Candidate } else { SecurityRule::AnyVersion },
                undated_patches: if undated { Undated::Approve } else { Undated::Wait },
                max_wait_days,
                overdue_compliance_status: overdue,
                max_metadata_age_hours,
            }
        })
    })
}
