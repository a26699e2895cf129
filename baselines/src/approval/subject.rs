//! What a rule looks at: one version of one package, offered or installed.

use chrono::{DateTime, Utc};

use super::judge::Carried;
use super::names::Named;
use crate::inventory::{Advisory, Candidate, FirstSeen, Installed, Sighting};
use crate::os::{Family, OperatingSystem};

/// What makes a version a security patch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fix<'a> {
    /// This very version comes from a security source or has a security notice.
    Own,
    /// An earlier version that is not installed either does, and is still offered.
    Earlier(&'a Candidate),
    /// An earlier version did, and is gone from its source.
    Gone(&'a Sighting),
}

/// One version as the rules see it; the same view for offered and installed versions, so that "in the
/// baseline" means one thing.
#[derive(Debug, Clone)]
pub(crate) struct Subject<'a> {
    pub(crate) named: Named<'a>,
    pub(crate) section: Option<&'a str>,
    pub(crate) priority: Option<&'a str>,
    pub(crate) product: Option<&'a str>,
    pub(crate) product_family: Option<&'a str>,
    pub(crate) patch_set: Option<&'a str>,
    pub(crate) sources: &'a [String],
    pub(crate) build_time: Option<DateTime<Utc>>,
    pub(crate) first_seen: Option<&'a FirstSeen>,
    /// Advisories in the order in which they decide: see [`ordered`].
    pub(crate) advisories: Vec<&'a Advisory>,
    /// Why it counts as a security patch, if it does.
    pub(crate) fix: Option<Fix<'a>>,
    /// For each rule what later versions of the package carry. Empty where no rule asks.
    pub(crate) carried: &'a [Option<Carried<'a>>],
}

impl<'a> Subject<'a> {
    pub(crate) fn offered(
        candidate: &'a Candidate,
        fix: Option<Fix<'a>>,
        carried: &'a [Option<Carried<'a>>],
    ) -> Self {
        Self {
            named: Named::from(candidate),
            section: candidate.section.as_deref(),
            priority: candidate.priority.as_deref(),
            product: candidate.product.as_deref(),
            product_family: candidate.product_family.as_deref(),
            patch_set: candidate.patch_set.as_deref(),
            sources: &candidate.sources,
            build_time: candidate.build_time,
            first_seen: candidate.first_seen.as_ref(),
            advisories: ordered(&candidate.advisories),
            fix,
            carried,
        }
    }

    pub(crate) fn installed(installed: &'a Installed, security: bool) -> Self {
        Self {
            named: Named::from(installed),
            section: installed.section.as_deref(),
            priority: installed.priority.as_deref(),
            product: None,
            product_family: None,
            patch_set: None,
            sources: &installed.sources,
            build_time: installed.build_time,
            first_seen: None,
            advisories: ordered(&installed.advisories),
            fix: security.then_some(Fix::Own),
            carried: &[],
        }
    }

    /// Whether it counts as a security patch.
    pub(crate) fn security(&self) -> bool {
        self.fix.is_some()
    }
}

/// Several advisories may name one version. The first one here that passes a rule's filters decides for that
/// rule (class, severity, date): security notices first, then the most severe, then the earliest published,
/// then by id, so that the answer does not depend on the order in the repository's file.
fn ordered(advisories: &[Advisory]) -> Vec<&Advisory> {
    let mut ordered: Vec<&Advisory> = advisories.iter().collect();
    if ordered.len() > 1 {
        ordered.sort_by_cached_key(|a| {
            (
                !is_security(a),
                std::cmp::Reverse(severity_rank(a.severity.as_deref())),
                a.issued.or(a.updated).unwrap_or(DateTime::<Utc>::MAX_UTC),
                a.id.as_str(),
            )
        });
    }
    ordered
}

/// The vendor's type is a security one. Microsoft writes `Security Updates`.
pub(crate) fn is_security(advisory: &Advisory) -> bool {
    advisory.classification.as_deref().is_some_and(|class| {
        class.eq_ignore_ascii_case("security")
            || class.eq_ignore_ascii_case("SecurityUpdates")
            || class.eq_ignore_ascii_case("Security Updates")
    })
}

/// Higher is more severe; vendors' synonyms share a rank.
fn severity_rank(severity: Option<&str>) -> u8 {
    const RANKS: [(&str, u8); 6] =
        [("critical", 4), ("important", 3), ("high", 3), ("moderate", 2), ("medium", 2), ("low", 1)];
    let Some(severity) = severity else { return 0 };
    RANKS.iter().find(|(name, _)| severity.eq_ignore_ascii_case(name)).map_or(0, |(_, rank)| *rank)
}

/// Whether this very version is a security patch, apart from its predecessors.
///
/// Every notice of Amazon Linux counts (reference 1.6 step 2), and every patch of SLES (reference 1.9).
pub(crate) fn own_security(os: OperatingSystem, flagged: bool, advisories: &[Advisory]) -> bool {
    let amazon = matches!(
        os,
        OperatingSystem::AmazonLinux
            | OperatingSystem::AmazonLinux2
            | OperatingSystem::AmazonLinux2022
            | OperatingSystem::AmazonLinux2023
    );
    flagged
        || os.family() == Family::Zypper
        || (amazon && !advisories.is_empty())
        || advisories.iter().any(is_security)
}
