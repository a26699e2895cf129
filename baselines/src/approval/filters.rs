//! Filters of rules and the global filters (reference 1.2, 1.5).
//!
//! Comparison: whole values, without regard to ASCII case (`Security` in a baseline, `security` in
//! updateinfo.xml), on Windows also without spaces (`SecurityUpdates`, `Security Updates`). `*` matches every
//! value and, what AWS leaves open, an absent one too: else an allow-all rule would miss just the packages that
//! nobody described. Any other value needs the attribute.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::subject::Subject;
use crate::baseline::{Filter, FilterKey};
use crate::inventory::{Advisory, Node};
use crate::os::{Family, OperatingSystem};

/// Filters of one rule, or the global ones, with what is known about them beforehand.
#[derive(Debug)]
pub(crate) struct Filters<'b> {
    filters: &'b [Filter],
    /// Each filter in words, made once: most reasons name them.
    words: Vec<String>,
    has_classification: bool,
    has_patch_set: bool,
}

/// Why a patch does not pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mismatch<'x> {
    /// The filter in words; `None`: a Windows rule without PATCH_SET, which means the operating system only.
    wanted: Option<&'x str>,
    found: Option<&'x str>,
}

impl<'b> Filters<'b> {
    pub(crate) fn new(filters: &'b [Filter]) -> Self {
        let has = |key| filters.iter().any(|f: &Filter| f.key == key);
        Self {
            filters,
            words: filters.iter().map(filter_words).collect(),
            has_classification: has(FilterKey::Classification),
            has_patch_set: has(FilterKey::PatchSet),
        }
    }

    pub(crate) fn has_classification(&self) -> bool {
        self.has_classification
    }

    /// All filters must pass. `os_only`: a missing PATCH_SET means `OS` on Windows. AWS's examples set it for
    /// applications, and an approval that silently covered Office would be the worse reading.
    pub(crate) fn admit<'x>(
        &'x self,
        subject: &Subject<'x>,
        advisory: Option<&'x Advisory>,
        node: &'x Node,
        os_only: bool,
    ) -> Result<(), Mismatch<'x>> {
        let os = node.operating_system;
        let family = os.family();
        let patch_set = subject.patch_set.unwrap_or("OS");
        if os_only
            && family == Family::Windows
            && !self.has_patch_set
            && !patch_set.eq_ignore_ascii_case("OS")
        {
            return Err(Mismatch { wanted: None, found: Some(patch_set) });
        }
        let class = classification(subject, advisory, family);
        for (filter, words) in self.filters.iter().zip(&self.words) {
            let found = match filter.key {
                FilterKey::Product => Some(subject.product.unwrap_or(&node.product)),
                FilterKey::PatchSet => Some(patch_set),
                FilterKey::ProductFamily => subject.product_family,
                FilterKey::Classification => class,
                FilterKey::Severity | FilterKey::MsrcSeverity => {
                    advisory.and_then(|a| a.severity.as_deref()).filter(|s| !s.trim().is_empty())
                }
                FilterKey::Priority => subject.priority,
                FilterKey::Section => subject.section,
            };
            if filter.values.iter().any(|wanted| accepts(wanted, found, filter.key, os)) {
                continue;
            }
            // Reference 1.5: a patch that carries only a classification is matched on it alone. `None` is how
            // vendors write "no severity"; a filter that lists `None` matched above.
            let unrated = found.is_none_or(|s| s.eq_ignore_ascii_case("None"));
            let by_class_alone =
                filter.key == FilterKey::Severity && self.has_classification && class.is_some();
            if unrated && by_class_alone {
                continue;
            }
            return Err(Mismatch { wanted: Some(words), found });
        }
        Ok(())
    }

    /// The filters in words, for example `severity Critical or Important`.
    pub(crate) fn words(&self) -> String {
        if self.filters.is_empty() {
            return "every patch".to_owned();
        }
        self.words.join(" and ")
    }
}

/// `wants priority Required, this is optional`.
impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.wanted, self.found) {
            (None, found) => {
                let found = short(found.unwrap_or("something else"));
                write!(f, "names no patch set and so wants OS, this is {found}")
            }
            (Some(wanted), Some(found)) => write!(f, "wants {wanted}, this is {}", short(found)),
            (Some(wanted), None) => write!(f, "wants {wanted}, this has none"),
        }
    }
}

/// The CLASSIFICATION of a patch under one advisory. Apple's list of updates marks security updates without
/// any notice that would carry the class.
pub(crate) fn classification<'x>(
    subject: &Subject<'x>,
    advisory: Option<&'x Advisory>,
    family: Family,
) -> Option<&'x str> {
    match advisory {
        Some(advisory) => advisory.classification.as_deref().filter(|class| !class.trim().is_empty()),
        None if family == Family::Macos && subject.security() => Some("Security"),
        None => None,
    }
}

fn accepts(wanted: &str, found: Option<&str>, key: FilterKey, os: OperatingSystem) -> bool {
    if wanted == "*" {
        return true;
    }
    let Some(found) = found else {
        // Microsoft's catalogue writes no severity where MSRC gave none; AWS lists that as `Unspecified`.
        return key == FilterKey::MsrcSeverity && wanted.eq_ignore_ascii_case("Unspecified");
    };
    if wanted.eq_ignore_ascii_case(found) {
        return true;
    }
    let amazon = matches!(os, OperatingSystem::AmazonLinux2022 | OperatingSystem::AmazonLinux2023);
    if amazon && key == FilterKey::Severity && wanted.eq_ignore_ascii_case("Medium") {
        // Reference 1.3: `Medium` also selects the external label `Moderate`.
        return found.eq_ignore_ascii_case("Moderate");
    }
    os == OperatingSystem::Windows && {
        let plain = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
        found.contains(' ') && plain(found).eq_ignore_ascii_case(&plain(wanted))
    }
}

/// A list that is longer is cut to fewer values, so that counting the rest is worth it.
const VALUES_AT_MOST: usize = 4;
/// Values that are named then; the rest is counted.
const VALUES_SHOWN: usize = 3;
/// All there are (Debian policy 2.5): a filter that lists them excludes no described package.
const PRIORITIES: [&str; 5] = ["required", "important", "standard", "optional", "extra"];

fn filter_words(filter: &Filter) -> String {
    let key = match filter.key {
        FilterKey::PatchSet => "patch set",
        FilterKey::Product => "product",
        FilterKey::ProductFamily => "product family",
        FilterKey::Classification => "class",
        FilterKey::MsrcSeverity => "MSRC severity",
        FilterKey::Severity => "severity",
        FilterKey::Priority => "priority",
        FilterKey::Section => "section",
    };
    let lists = |value: &str| filter.values.iter().any(|v| v.eq_ignore_ascii_case(value));
    if lists("*") || (filter.key == FilterKey::Priority && PRIORITIES.into_iter().all(lists)) {
        return format!("any {key}");
    }
    let all = filter.values.len();
    let shown = if all > VALUES_AT_MOST { VALUES_SHOWN } else { all };
    let mut words = key.to_owned();
    for (index, value) in filter.values.iter().take(shown).enumerate() {
        let before = match index {
            0 => " ",
            _ if index + 1 == all => " or ",
            _ => ", ",
        };
        write!(words, "{before}{}", short(value)).ok();
    }
    match all - shown {
        _ if all == 0 => words.push_str(" without values"),
        0 => {}
        more => drop(write!(words, " or {more} more")),
    }
    words
}

/// Text from a repository, cut to what a line of a report bears.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) if text.len() > LONGEST => {
            Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
        }
        _ => Cow::Borrowed(text),
    }
}
