//! Filters: which keys an operating system has and which values are known (reference 1.2, 1.3).

use super::check::Check;
use super::fragment::baseline::FilterMap;
use super::problem::quoted;
use super::suggest::nearest;
use crate::baseline::{Filter, FilterKey};
use crate::os::{Family, OperatingSystem};

const RPM_CLASSIFICATIONS: [&str; 5] = ["Security", "Bugfix", "Enhancement", "Recommended", "Newpackage"];
const SUSE_CLASSIFICATIONS: [&str; 7] =
    ["Security", "Recommended", "Optional", "Feature", "Features", "Document", "Yast"];
const WINDOWS_CLASSIFICATIONS: [&str; 10] = [
    "CriticalUpdates",
    "DefinitionUpdates",
    "Drivers",
    "FeaturePacks",
    "SecurityUpdates",
    "ServicePacks",
    "Tools",
    "UpdateRollups",
    "Updates",
    "Upgrades",
];
const SEVERITIES: [&str; 6] = ["Critical", "Important", "Moderate", "Medium", "Low", "None"];
const MSRC_SEVERITIES: [&str; 5] = ["Critical", "Important", "Moderate", "Low", "Unspecified"];
const PRIORITIES: [&str; 5] = ["Required", "Important", "Standard", "Optional", "Extra"];
const PATCH_SETS: [&str; 2] = ["OS", "APPLICATION"];

/// Keys usable in a rule for a family (reference 1.2).
pub(crate) fn keys(family: Family) -> &'static [FilterKey] {
    use FilterKey::{
        Classification, MsrcSeverity, PatchSet, Priority, Product, ProductFamily, Section, Severity,
    };
    match family {
        Family::Rpm | Family::Zypper => &[Product, Classification, Severity],
        Family::Apt => &[Product, Priority, Section],
        Family::Macos => &[Product, Classification],
        Family::Windows => &[PatchSet, ProductFamily, Product, Classification, MsrcSeverity],
    }
}

/// The name of a key in a document.
pub(crate) fn name(key: FilterKey) -> &'static str {
    match key {
        FilterKey::PatchSet => "PATCH_SET",
        FilterKey::Product => "PRODUCT",
        FilterKey::ProductFamily => "PRODUCT_FAMILY",
        FilterKey::Classification => "CLASSIFICATION",
        FilterKey::MsrcSeverity => "MSRC_SEVERITY",
        FilterKey::Severity => "SEVERITY",
        FilterKey::Priority => "PRIORITY",
        FilterKey::Section => "SECTION",
    }
}

/// Filters in the order of their keys, which is the same for every spelling of the same filters.
pub(crate) fn checked(
    os: OperatingSystem,
    pointer: &str,
    map: FilterMap,
    check: &mut Check<'_>,
) -> Vec<Filter> {
    let given = [
        (FilterKey::PatchSet, map.patch_set),
        (FilterKey::Product, map.product),
        (FilterKey::ProductFamily, map.product_family),
        (FilterKey::Classification, map.classification),
        (FilterKey::MsrcSeverity, map.msrc_severity),
        (FilterKey::Severity, map.severity),
        (FilterKey::Priority, map.priority),
        (FilterKey::Section, map.section),
    ];
    let usable = keys(os.family());
    let mut filters = Vec::new();
    for (key, values) in given {
        let Some(values) = values else { continue };
        if usable.contains(&key) {
            for (index, value) in values.iter().enumerate() {
                known_value(os.family(), key, value, &format!("{pointer}/{}/{index}", name(key)), check);
            }
        } else {
            let usable: Vec<String> = usable.iter().map(|key| format!("`{}`", name(*key))).collect();
            check.error_at_key(
                pointer,
                name(key),
                format!("{os} has no filter `{}`", name(key)),
                Some(format!("usable: {}", usable.join(", "))),
            );
        }
        filters.push(Filter { key, values });
    }
    filters
}

/// A value outside a list that is closed by definition can never match and is an error. Where vendors may add values
/// (reference 1.3 has the last lists AWS published), it is a warning: a rule that matches nothing approves nothing.
fn known_value(family: Family, key: FilterKey, value: &str, pointer: &str, check: &mut Check<'_>) {
    if value == "*" {
        return;
    }
    let (known, closed): (&[&str], bool) = match (key, family) {
        (FilterKey::PatchSet, _) => (&PATCH_SETS, true),
        (FilterKey::Priority, _) => (&PRIORITIES, true),
        (FilterKey::MsrcSeverity, _) => (&MSRC_SEVERITIES, true),
        (FilterKey::Severity, _) => (&SEVERITIES, false),
        (FilterKey::Classification, Family::Rpm) => (&RPM_CLASSIFICATIONS, false),
        (FilterKey::Classification, Family::Zypper) => (&SUSE_CLASSIFICATIONS, false),
        (FilterKey::Classification, Family::Windows) => (&WINDOWS_CLASSIFICATIONS, false),
        // Products grow with every release, sections are the archive's, macOS's classes are not published.
        _ => return,
    };
    if known.contains(&value) {
        return;
    }
    let hint = match nearest(value, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known values: {}, or \"*\"", known.join(", ")),
    };
    if closed {
        check.error(pointer, format!("`{}` has no value {}", name(key), quoted(value)), Some(hint));
    } else {
        check.warning(
            pointer,
            format!("{} is not a known value of `{}`", quoted(value), name(key)),
            Some(hint),
        );
    }
}
