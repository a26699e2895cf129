//! The order of versions is an order.

use std::cmp::Ordering;

use patchflock_baselines::os::Family;
use patchflock_baselines::version::compare;

use crate::text;

/// Every family with an order of its own.
pub(crate) const FAMILIES: [Family; 5] =
    [Family::Apt, Family::Rpm, Family::Zypper, Family::Macos, Family::Windows];

/// `version::compare` on three lines is a total preorder: reflexive, antisymmetric, transitive.
pub fn versions(data: &[u8]) {
    let text = text(data);
    let mut lines = text.lines();
    let three = [0; 3].map(|_| lines.next().unwrap_or_default());
    for family in FAMILIES {
        let order = |a: usize, b: usize| compare(family, three[a], three[b]);
        for a in 0..3 {
            assert_eq!(order(a, a), Ordering::Equal, "{family:?} {three:?} {a}");
            for b in 0..3 {
                assert_eq!(order(a, b), order(b, a).reverse(), "{family:?} {three:?} {a} {b}");
                for c in 0..3 {
                    if order(a, b).is_le() && order(b, c).is_le() {
                        assert!(order(a, c).is_le(), "{family:?}: {three:?} {a} <= {b} <= {c}");
                        let equal = order(a, b).is_eq() && order(b, c).is_eq();
                        assert_eq!(order(a, c).is_eq(), equal, "{family:?}: {three:?} {a} {b} {c}");
                    }
                }
            }
        }
    }
}
