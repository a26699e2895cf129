//! Orders by example and by property; the comparison with the real tools is in `tests/version_oracle.rs`.

use std::cmp::Ordering::{Equal, Greater, Less};

use proptest::prelude::*;

use super::compare;
use crate::os::Family;

#[test]
fn dpkg_examples_sort_as_debian_policy_says() {
    for (a, b, order) in [
        ("1.0-1", "1.0-2", Less),
        ("1:0.1", "2.0", Greater),
        ("1.0~rc1", "1.0", Less),
        ("1.0-1~bpo12+1", "1.0-1", Less),
        ("1.", "1.0", Equal),
        ("1.0", "1.0-0", Equal),
        ("2.36-9+deb12u4", "2.36-9+deb12u10", Less),
        ("99999999999:1", "1:1", Greater),
        ("", "1", Less),
    ] {
        assert_eq!(compare(Family::Apt, a, b), order, "{a} {b}");
    }
}

#[test]
fn rpm_examples_sort_as_rpm_does() {
    for (a, b, order) in [
        ("1.0-1.el9", "1.0-1.el9_2", Less),
        ("0:1.0-1", "1.0-1", Equal),
        ("1:1.0-1", "2.0-1", Greater),
        ("1.0~rc1-1", "1.0-1", Less),
        ("1.0^git1-1", "1.0-1", Greater),
        ("1.10-1", "1.9-1", Greater),
        ("1.0", "1.0-1", Less),
    ] {
        assert_eq!(compare(Family::Rpm, a, b), order, "{a} {b}");
        assert_eq!(compare(Family::Zypper, a, b), order, "{a} {b}");
    }
}

#[test]
fn versions_without_a_published_order_compare_numbers_as_numbers() {
    assert_eq!(compare(Family::Macos, "14.10", "14.2.1"), Greater);
    assert_eq!(compare(Family::Windows, "200", "1000"), Less);
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,4}:?[0-9a-zA-Z.+~^_-]{0,12}",
        "\\PC{0,12}",
        "[0-9]{0,60}",
        "[é0:~-]{0,8}",
        any::<String>().prop_map(|s| s.chars().take(20).collect()),
    ]
}

const FAMILIES: [Family; 5] = [Family::Apt, Family::Rpm, Family::Zypper, Family::Macos, Family::Windows];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_strings_compare_without_panic_and_in_mirror(a in hostile(), b in hostile()) {
        for family in FAMILIES {
            prop_assert_eq!(compare(family, &a, &b), compare(family, &b, &a).reverse());
            prop_assert_eq!(compare(family, &a, &a), Equal);
        }
    }

    #[test]
    fn the_order_is_transitive_for_any_strings(a in hostile(), b in hostile(), c in hostile()) {
        for family in FAMILIES {
            let mut sorted = [&a, &b, &c];
            sorted.sort_by(|x, y| compare(family, x, y));
            let [low, middle, high] = sorted;
            prop_assert_ne!(compare(family, low, middle), Greater);
            prop_assert_ne!(compare(family, middle, high), Greater);
            prop_assert_ne!(compare(family, low, high), Greater, "{} {} {}", low, middle, high);
        }
    }
}
