//! Order of dpkg versions.

use std::cmp::Ordering;

use debversion::Version;

/// dpkg's order. Versions that are none are equal to nothing newer: they never become candidates.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (Version::parse_lenient(a), Version::parse_lenient(b)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}

/// Whether `a` is newer than `b`.
pub(super) fn newer(a: &str, b: &str) -> bool {
    compare(a, b) == Ordering::Greater
}
