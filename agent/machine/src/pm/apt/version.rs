//! Order of dpkg versions, in the one implementation of the project.

use std::cmp::Ordering;

use patchflock_baselines::os::Family;

/// dpkg's order.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    patchflock_baselines::version::compare(Family::Apt, a, b)
}

/// Whether `a` is newer than `b`.
pub(super) fn newer(a: &str, b: &str) -> bool {
    compare(a, b) == Ordering::Greater
}
