//! Ordering of versions as the package managers themselves order them.
//!
//! Everything that is called "newer" in this crate is decided here, so a wrong answer would install a
//! downgrade or hide a fix. The orders are therefore taken from crates that copy dpkg's and rpm's own
//! algorithms and are tested against the real `dpkg` and `rpm` on thousands of pairs
//! (`tests/version_oracle.rs`).
//!
//! [`compare`] is a total preorder: it never fails, whatever a hostile repository writes, and two different
//! strings may be equal (`1.0` and `1.00`).

use std::cmp::Ordering;

use crate::os::Family;

/// Compares two full version strings the way the family's package manager does.
///
/// - [`Family::Apt`]: `[epoch:]upstream[-revision]`, Debian policy 5.6.12 as `dpkg --compare-versions` does.
/// - [`Family::Rpm`] and [`Family::Zypper`]: `[epoch:]version[-release]`, as `rpmvercmp` per component. zypper
///   is an rpm system: the packages of its patches, and its installed packages, carry rpm versions. A missing
///   release sorts before every release; rpm would call both equal, which is no order at all.
/// - [`Family::Macos`] and [`Family::Windows`]: neither vendor publishes an order for the strings that
///   `softwareupdate` and Windows Update print. The fallback compares runs of digits as numbers and the rest
///   as text, with rpm's rules: `14.2.1` < `14.10`, and an update's revision `200` < `1000`.
///
/// Characters that the format forbids do not fail: non-ASCII characters all count as one and the same
/// character behind every ASCII one, an epoch that is not a number belongs to the upstream version, and an
/// epoch beyond 32 bits counts as the largest.
pub fn compare(family: Family, a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match family {
        Family::Apt => debian(a).cmp(&debian(b)),
        Family::Rpm | Family::Zypper => rpm(a).cmp(&rpm(b)),
        Family::Macos | Family::Windows => {
            rpm_version::Evr::new("", a, "").cmp(&rpm_version::Evr::new("", b, ""))
        }
    }
}

/// Splits an rpm version into epoch (empty where absent), version and release.
pub(crate) fn split_evr(evr: &str) -> (&str, &str, &str) {
    rpm_version::Evr::parse_values(evr)
}

fn rpm(evr: &str) -> rpm_version::Evr<'_> {
    rpm_version::Evr::parse(evr)
}

/// Builds the crate's version from its parts, since its parser refuses what dpkg accepts with a warning.
fn debian(version: &str) -> debversion::Version {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (Some(epoch.parse().unwrap_or(u32::MAX)), rest)
        }
        _ => (None, version),
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((upstream, revision)) => (upstream, revision),
        None => (rest, ""),
    };
    debversion::Version {
        epoch,
        upstream_version: component(upstream),
        debian_revision: Some(component(revision)),
    }
}

/// Longest component that is compared in full; longer than any real one by far, it bounds the work that
/// hostile runs of digits can cause (they become big integers).
const LONGEST: usize = 512;

/// One component in the form that the crate compares as dpkg does.
///
/// The crate slices by character position and would panic between the bytes of a character, so everything
/// outside ASCII becomes one character. It also says `1.` < `1.0` where dpkg says equal (an absent run of
/// digits counts as zero), hence the closing zero; an absent revision becomes `0` the same way.
fn component(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LONGEST) + 1);
    out.extend(text.chars().take(LONGEST).map(|c| if c.is_ascii() { c } else { '\u{7f}' }));
    if !out.ends_with(|c: char| c.is_ascii_digit()) {
        out.push('0');
    }
    out
}

#[cfg(test)]
mod tests;
