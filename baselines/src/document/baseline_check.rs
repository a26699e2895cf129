//! What the schema cannot say about a baseline: rules between fields, and what each operating system has
//! (reference 1.2, 1.3, 2.1 to 2.5).

use chrono::{Datelike, NaiveDate};

use super::check::Check;
use super::filters;
use super::fragment::baseline::{ApproveWord, BaselineFile, BaselineSpec, RuleSpec};
use super::problem::quoted;
use super::window_check::YEARS;
use crate::baseline::{AlternativeSource, Approve, AvailableSecurityStatus, Baseline, Rule};
use crate::os::{Family, OperatingSystem};

/// The checked value. Everything wrong with it goes to `check`; the value counts only if nothing is an error.
pub(crate) fn baseline(file: BaselineFile, check: &mut Check<'_>) -> Baseline {
    let BaselineFile { kind: _, name, expires: _, spec } = file;
    let os = spec.operating_system;
    inapplicable_fields(&spec, check);
    patch_names(os, &spec, check);
    let global_filters =
        filters::checked(os, "/spec/global_filters", spec.global_filters.unwrap_or_default(), check);
    let approval_rules: Vec<Rule> = spec
        .approval_rules
        .into_iter()
        .enumerate()
        .map(|(index, rule)| checked_rule(os, &format!("/spec/approval_rules/{index}"), rule, check))
        .collect();
    sense_of_rules(&approval_rules, spec.max_wait_days, check);
    // With an error the reason may be that the rules are misspelt.
    if approval_rules.is_empty() && spec.approved_patches.is_empty() && !check.failed() {
        check.warning(
            "/spec",
            "this baseline approves nothing",
            Some("add `approval_rules` or `approved_patches`".into()),
        );
    }
    let sources = spec.sources.into_iter().map(|source| AlternativeSource {
        name: source.name,
        products: source.products,
        configuration: source.configuration,
    });
    Baseline {
        name,
        operating_system: os,
        description: spec.description,
        global_filters,
        approval_rules,
        approved_patches: spec.approved_patches,
        approved_patches_compliance_level: spec.approved_patches_compliance_level.unwrap_or_default(),
        approved_patches_enable_non_security: spec.approved_patches_enable_non_security.unwrap_or(false),
        rejected_patches: spec.rejected_patches,
        rejected_patches_action: spec.rejected_patches_action.unwrap_or_default(),
        sources: sources.collect(),
        // The reference names no default; COMPLIANT is what a baseline meant before the field existed.
        available_security_updates_compliance_status: spec
            .available_security_updates_compliance_status
            .unwrap_or(AvailableSecurityStatus::Compliant),
        security_rule: spec.security_rule.unwrap_or_default(),
        undated_patches: spec.undated_patches.unwrap_or_default(),
        max_wait_days: spec.max_wait_days,
        overdue_compliance_status: spec
            .overdue_compliance_status
            .unwrap_or(AvailableSecurityStatus::NonCompliant),
        max_metadata_age_hours: spec.max_metadata_age_hours,
    }
}

/// What each rule may say and what makes no sense beside the others.
fn sense_of_rules(rules: &[Rule], max_wait_days: Option<u32>, check: &mut Check<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        if let Some(first) = rules.iter().take(index).position(|other| other == rule) {
            let pointer = format!("/spec/approval_rules/{index}");
            if !check.has_error_in(&pointer) {
                check.warning(
                    &pointer,
                    format!("rule {} says the same as rule {}", index + 1, first + 1),
                    Some("remove one of them".into()),
                );
            }
        }
    }
    let longest = rules.iter().filter_map(|rule| match rule.approve {
        Approve::AfterDays(days) => Some(days),
        Approve::UntilDate(_) | Approve::Manual => None,
    });
    if let (Some(wait), Some(longest)) = (max_wait_days, longest.max())
        && wait < longest
        && !check.failed()
    {
        check.warning(
            "/spec/max_wait_days",
            format!(
                "a rule waits {longest} days, so that its security patches are overdue after {wait} without having \
                 been superseded"
            ),
            Some(format!("write at least {longest}, or shorten `approve_after_days`")),
        );
    }
}

fn checked_rule(os: OperatingSystem, pointer: &str, rule: RuleSpec, check: &mut Check<'_>) -> Rule {
    let filters =
        filters::checked(os, &format!("{pointer}/filters"), rule.filters.clone().unwrap_or_default(), check);
    let enable_non_security = rule.enable_non_security.unwrap_or(false);
    // macOS has non-security updates too (reference 1.10); only Windows tells them apart otherwise.
    if enable_non_security && os.family() == Family::Windows {
        check.warning_at_key(
            pointer,
            "enable_non_security",
            format!("`enable_non_security` has no effect on {os}"),
            Some("remove it; it exists for Linux and macOS".into()),
        );
    }
    Rule {
        filters,
        approve: checked_approve(os, pointer, &rule, check),
        compliance_level: rule.compliance_level.unwrap_or_default(),
        enable_non_security,
    }
}

/// Exactly one of delay, date and `manual`. On apt families AWS allows neither delay nor date, because the index has
/// no dates; here both work, since nodes record when they first saw a version. Giving none there is AWS's rule that
/// approves at once (reference 1.7).
fn checked_approve(os: OperatingSystem, pointer: &str, rule: &RuleSpec, check: &mut Check<'_>) -> Approve {
    const FIELDS: &str = "`approve_after_days`, `approve_until_date` and `approve: manual`";
    let given = [
        rule.approve_after_days.map(Approve::AfterDays),
        rule.approve_until_date.as_deref().map(|text| Approve::UntilDate(date(pointer, text, check))),
        rule.approve.map(|ApproveWord::Manual| Approve::Manual),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(approve), None) => approve,
        (Some(_), Some(_)) => {
            check.error(
                pointer,
                format!("a rule gives only one of {FIELDS}"),
                Some("keep one, or write a second rule".into()),
            );
            Approve::Manual
        }
        (None, _) if os.family() == Family::Apt => Approve::AfterDays(0),
        // A misspelt or wrong field of the rule has its error, and may be the one that is missing.
        (None, _) if check.has_error_in(pointer) => Approve::Manual,
        (None, _) => {
            check.error(
                pointer,
                format!("a rule for {os} gives one of {FIELDS}"),
                Some("to approve at once, write `approve_after_days: 0`".into()),
            );
            Approve::Manual
        }
    }
}

fn date(pointer: &str, text: &str, check: &mut Check<'_>) -> NaiveDate {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| YEARS.contains(&day.year()));
    day.unwrap_or_else(|| {
        check.error(
            &format!("{pointer}/approve_until_date"),
            format!("{} is not a day of the calendar", quoted(text)),
            Some("write YYYY-MM-DD, of the years 1970 to 2199".into()),
        );
        NaiveDate::MIN
    })
}

fn is_linux(os: OperatingSystem) -> bool {
    matches!(os.family(), Family::Apt | Family::Rpm | Family::Zypper)
}

/// Fields that this operating system does not have. What would be silently dropped and matters (sources) is an error;
/// what merely has no effect is a warning.
fn inapplicable_fields(spec: &BaselineSpec, check: &mut Check<'_>) {
    let os = spec.operating_system;
    if !is_linux(os) {
        if !spec.sources.is_empty() {
            check.error_at_key(
                "/spec",
                "sources",
                format!("{os} has no alternative sources"),
                Some("remove `sources`; it exists for Linux".into()),
            );
        }
        if spec.approved_patches_enable_non_security == Some(true) {
            check.warning_at_key(
                "/spec",
                "approved_patches_enable_non_security",
                format!("`approved_patches_enable_non_security` has no effect on {os}"),
                Some("remove it; it exists for Linux".into()),
            );
        }
    }
    if os.family() != Family::Windows && spec.available_security_updates_compliance_status.is_some() {
        check.warning_at_key(
            "/spec",
            "available_security_updates_compliance_status",
            format!("`available_security_updates_compliance_status` has no effect on {os}"),
            Some("remove it; it exists for WINDOWS".into()),
        );
    }
    for (index, source) in spec.sources.iter().enumerate() {
        let pointer = format!("/spec/sources/{index}");
        if spec.sources.iter().take(index).any(|other| other.name == source.name) {
            check.error(
                &format!("{pointer}/name"),
                format!("two sources are called {}", quoted(&source.name)),
                Some("rename one of them".into()),
            );
        }
        for (index, product) in source.products.iter().enumerate() {
            if source.products.iter().take(index).any(|other| other == product) {
                check.warning(
                    &format!("{pointer}/products/{index}"),
                    format!("{} is listed twice in `products`", quoted(product)),
                    Some("remove one of them".into()),
                );
            }
        }
        let body = source.configuration.trim();
        let configuration = format!("{pointer}/configuration");
        if os.family() == Family::Apt && (body.lines().count() != 1 || !body.starts_with("deb ")) {
            check.error(
                &configuration,
                "the configuration of an apt source is one line that begins with `deb `",
                Some("for example `deb https://mirror.example/debian bookworm main`".into()),
            );
        }
        if matches!(os.family(), Family::Rpm | Family::Zypper)
            && !body.lines().any(|line| line.trim_start().starts_with('['))
        {
            check.error(
                &configuration,
                "the configuration of an rpm source is the body of a `.repo` file",
                Some("it needs a section such as `[main]`".into()),
            );
        }
    }
}

/// Formats of the explicit lists (reference 2.4), as far as a wrong one can be told from a right one.
fn patch_names(os: OperatingSystem, spec: &BaselineSpec, check: &mut Check<'_>) {
    let lists = [("approved_patches", &spec.approved_patches), ("rejected_patches", &spec.rejected_patches)];
    for (field, names) in lists {
        for (index, name) in names.iter().enumerate() {
            let pointer = format!("/spec/{field}/{index}");
            if let Some((wrong, hint)) = wrong_name(os, name) {
                check.error(&pointer, format!("{} {wrong}", quoted(name)), Some(hint.into()));
            }
            if names.iter().take(index).any(|other| other == name) {
                check.warning(
                    &pointer,
                    format!("{} is listed twice in `{field}`", quoted(name)),
                    Some("remove one of them".into()),
                );
            }
        }
    }
    for (index, name) in spec.rejected_patches.iter().enumerate() {
        if name == "*" {
            check.warning(
                &format!("/spec/rejected_patches/{index}"),
                "`*` rejects everything, so that this baseline approves nothing",
                Some("name what is to be rejected".into()),
            );
        }
        if spec.approved_patches.contains(name) {
            check.warning(
                &format!("/spec/rejected_patches/{index}"),
                format!("{} is in `approved_patches` too; rejecting wins", quoted(name)),
                Some("remove it from one of the lists".into()),
            );
        }
    }
}

fn wrong_name(os: OperatingSystem, name: &str) -> Option<(&'static str, &'static str)> {
    match os.family() {
        Family::Apt => {
            // AWS takes bare names only (reference 2.4); an exact version is ours.
            let (package, version) = name.split_once('=').unwrap_or((name, "*"));
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-*".contains(c);
            let versioned = |c: char| c.is_ascii_alphanumeric() || "+.-~:*".contains(c);
            let good = !package.is_empty()
                && package.chars().all(plain)
                && !version.is_empty()
                && version.chars().all(versioned);
            (!good).then_some((
                "is not a Debian package name",
                "write `bash`, `bash*` or `bash=5.2-1`, without architecture; Debian's index knows no CVE or \
                 advisory ids",
            ))
        }
        Family::Rpm => name.contains(char::is_whitespace).then_some((
            "is not the name of an rpm package or advisory",
            "write a name such as `kernel*` or `bash-5.1-2.x86_64`, or an id such as `CVE-2026-1` or `RHSA-2026:1`",
        )),
        Family::Zypper => (name.contains(char::is_whitespace) || name.matches('*').count() > 1).then_some((
            "is not the name of a SUSE patch or rpm file",
            "write the full name, with at most one `*`",
        )),
        Family::Macos => name.contains('*').then_some(("holds a wildcard", "macOS takes full names only")),
        Family::Windows => {
            let kb = name.strip_prefix("KB").is_some_and(all_digits);
            let bulletin = name
                .strip_prefix("MS")
                .and_then(|rest| rest.split_once('-'))
                .is_some_and(|(year, number)| all_digits(year) && all_digits(number));
            (!kb && !bulletin).then_some((
                "is neither an article nor a bulletin of Microsoft",
                "write it as `KB2032276` or `MS10-048`",
            ))
        }
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
