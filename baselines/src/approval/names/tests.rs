//! Every format of reference 2.4 and 2.8.

use proptest::prelude::*;

use super::*;

fn candidate(name: &str, arch: &str, version: &str) -> Candidate {
    let json = serde_json::json!({
        "name": name, "arch": arch, "version": version, "sources": [], "security": true,
        "advisories": [{
            "id": "RHSA-2017:0864", "classification": null, "severity": null, "issued": null, "updated": null,
            "cves": ["CVE-2026-1234"], "bugzilla": ["1550000"],
        }],
        "aliases": ["MS10-048"],
        "packages": ["dbus-1-1.14.4-150500.1.2.x86_64"],
    });
    serde_json::from_value(json).expect("a candidate")
}

fn named(family: Family, entry: &str, candidate: &Candidate) -> bool {
    NameList::new(family, &[entry.to_owned()]).matches(&Named::from(candidate))
}

#[test]
fn rpm_entries_match_in_every_documented_form_2_4() {
    let dbus = candidate("dbus", "x86_64", "1:1.12.28-1.amzn2023.0.1");
    for entry in [
        "dbus",
        "dbus.x86_64",
        "dbus-1.12.28",
        "dbus-1.12.28-1.amzn2023.0.1",
        "dbus-1.12.28-1.amzn2023.0.1.x86_64",
        "1.12.28",
        "1.12.28-1.amzn2023.0.1",
        "1:1.12.28-1.amzn2023.0.1",
        "dbus-1:1.12.28-1.amzn2023.0.1",
        "dbus-1:1.12.28-1.amzn2023.0.1.x86_64",
        "1:dbus-1.12.28-1.amzn2023.0.1.x86_64",
        "dbus.x86_64:1:1.12.28-1.amzn2023.0.1",
        "dbus*",
        "d*s",
        "dbus-1.12.2*",
        "dbus-*:1.12.28-1.amzn2023.0.1.x86_64",
        "*",
        " dbus ",
    ] {
        assert!(named(Family::Rpm, entry, &dbus), "{entry}");
    }
    for entry in [
        "dbu",
        "dbus-",
        "Dbus",
        "dbus.i686",
        "dbus-1.12",
        "0:1.12.28-1.amzn2023.0.1",
        "dbus2*",
        "bus*",
        "",
        "?bus",
    ] {
        assert!(!named(Family::Rpm, entry, &dbus), "{entry}");
    }
    // Without an epoch it is 0.
    let plain = candidate("dbus", "x86_64", "1.12-1");
    assert!(named(Family::Rpm, "dbus-0:1.12-1", &plain));
}

#[test]
fn ids_work_in_every_linux_list_whole_and_without_case_2_4() {
    let c = candidate("dbus", "x86_64", "1-1");
    for family in [Family::Rpm, Family::Apt, Family::Zypper] {
        for entry in ["RHSA-2017:0864", "rhsa-2017:0864", "CVE-2026-1234", "cve-2026-1234", "1550000"] {
            assert!(named(family, entry, &c), "{entry}");
        }
        for entry in ["RHSA*", "CVE-2026-123", "CVE-*", "155000"] {
            assert!(!named(family, entry, &c), "{entry}");
        }
    }
}

#[test]
fn an_all_digit_entry_is_a_bugzilla_id_and_never_a_version_2_4() {
    assert!(!named(Family::Rpm, "253", &candidate("systemd", "x86_64", "253-1")));
}

#[test]
fn apt_entries_are_bare_names_and_ours_name_version_and_globs_2_4() {
    let bind = candidate("bind9", "amd64", "1:9.18.1-1");
    for entry in ["bind9", "bind*", "bind9=1:9.18.1-1", "bind9=*", "bind9=1:9.18*"] {
        assert!(named(Family::Apt, entry, &bind), "{entry}");
    }
    for entry in ["bind", "bind9.amd64", "bind9=9.18.1-1", "1:9.18.1-1", "bind9-dev"] {
        assert!(!named(Family::Apt, entry, &bind), "{entry}");
    }
}

#[test]
fn sles_entries_are_patch_names_or_rpm_file_names_2_4() {
    let patch = candidate("SUSE-SLE-Module-Basesystem-15-SP5-2023-123", "", "1");
    for entry in [
        "SUSE-SLE-Module-Basesystem-15-SP5-2023-123",
        "SUSE-SLE-*-15-SP5-2023-123",
        "dbus-1-1.14.4-150500.1.2.x86_64",
        "dbus-1-1.14.4-150500.1.2.x86_64.rpm",
        "dbus-1-1.14*",
    ] {
        assert!(named(Family::Zypper, entry, &patch), "{entry}");
    }
    for entry in ["SUSE-SLE-Module-Basesystem-15-SP5-2023-12", "dbus-1"] {
        assert!(!named(Family::Zypper, entry, &patch), "{entry}");
    }
}

#[test]
fn macos_names_are_whole_and_windows_ids_without_case_2_4() {
    let mac = candidate("macOS Ventura 13.6.4", "", "13.6.4");
    assert!(named(Family::Macos, "macOS Ventura 13.6.4", &mac));
    assert!(!named(Family::Macos, "macOS*", &mac));
    let kb = candidate("KB2032276", "", "");
    for (entry, matches) in
        [("KB2032276", true), ("kb2032276", true), ("MS10-048", true), ("KB203*", false), ("2032276", false)]
    {
        assert_eq!(named(Family::Windows, entry, &kb), matches, "{entry}");
    }
}

#[test]
fn override_entries_match_id_and_title_2_8() {
    let bind = candidate("bind-libs", "x86_64", "32:9.11.4-26.P2.el7");
    for (id, title, matches) in [
        ("bind-libs.x86_64", None, true),
        ("bind*.x86_64", Some("9.11.4-26.P2*"), true),
        ("bind*.x86_64", Some("32:9.11.4-26.P2*"), true),
        ("bind*", Some("bind-libs.x86_64:32:9.11.4-26.P2.el7"), true),
        ("bind*", Some("*:32:*"), true),
        ("bind*", Some("bind-libs.x86_64:0:9.11.4*"), false),
        ("bind*", Some("9.11.4-25*"), false),
        ("bind*.i686", None, false),
        ("bind-libs", None, false),
    ] {
        assert_eq!(matches_override(Family::Rpm, id, title, &bind), matches, "{id} {title:?}");
    }
    let apt = candidate("apt", "amd64", "1.2.25");
    for (id, title, matches) in [
        ("apt.amd64", None, true),
        ("apt.amd64", Some("apt.amd64:1.2.25"), true),
        ("apt.amd64", Some("1.2.25"), true),
        ("apt.amd64", Some("apt.amd64:1.2.27"), false),
        ("apt", None, false),
    ] {
        assert_eq!(matches_override(Family::Apt, id, title, &apt), matches, "{id} {title:?}");
    }
    let patch = candidate("SUSE-1", "", "1");
    assert!(matches_override(Family::Zypper, "dbus*.x86_64", Some("*1.14*"), &patch));
    assert!(matches_override(
        Family::Zypper,
        "dbus-1.x86_64",
        Some("dbus-1.x86_64:0:1.14.4-150500.1.2"),
        &patch
    ));
    assert!(!matches_override(Family::Zypper, "dbus-1.x86_64", Some("2*"), &patch));
    let kb = candidate("KB2032276", "", "");
    assert!(matches_override(Family::Windows, "kb2032276", Some("anything"), &kb));
    assert!(matches_override(Family::Windows, "MS10-048", None, &kb));
    let mac = candidate("Safari", "", "17.1");
    for (id, matches) in
        [("Safari", true), ("Safari.17.1", true), ("Safari.17", false), ("Safari17.1", false), ("*", false)]
    {
        assert_eq!(matches_override(Family::Macos, id, None, &mac), matches, "{id}");
    }
}

#[test]
fn a_baseline_override_and_an_override_list_exclude_each_other_2_7() {
    assert_eq!(check_overrides(true, true), Err(OverrideConflict));
    for (a, b) in [(true, false), (false, true), (false, false)] {
        assert_eq!(check_overrides(a, b), Ok(()));
    }
}

#[test]
fn a_hostile_pattern_costs_no_more_than_a_plain_one() {
    // A backtracking matcher would need longer than the universe has.
    let pattern = "a*".repeat(2000) + "b";
    assert!(!Pattern::new(&pattern, true).matches(&"a".repeat(20_000)));
}

/// The definition of a wildcard, too slow for use.
fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| by_definition(rest, &text[at..])),
        Some((first, rest)) => text.first() == Some(first) && by_definition(rest, &text[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn wildcards_match_as_defined(pattern in "[ab*]{0,7}", text in "[ab]{0,8}") {
        let wanted = by_definition(pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(Pattern::new(&pattern, true).matches(&text), wanted);
    }

    #[test]
    fn any_entry_and_any_patch_compare_without_panic(
        entry in "\\PC{0,12}", name in "\\PC{0,6}", arch in "\\PC{0,3}", version in "\\PC{0,8}",
    ) {
        let c = candidate(&name, &arch, &version);
        for family in [Family::Apt, Family::Rpm, Family::Zypper, Family::Macos, Family::Windows] {
            named(family, &entry, &c);
            matches_override(family, &entry, Some(&version), &c);
        }
    }

    /// The quick look at the beginning must not hide a match.
    #[test]
    fn rpm_entries_match_exactly_when_some_form_does(
        entry in "[ab1:.*-]{1,6}", name in "[ab]{0,2}", arch in "a?", version in "(1:)?[1b]{0,2}(-[1a]?)?",
    ) {
        prop_assume!(!entry.bytes().all(|b| b.is_ascii_digit()));
        let c = Candidate { advisories: vec![], aliases: vec![], ..candidate(&name, &arch, &version) };
        let forms = rpm_forms(&Named::from(&c));
        let wanted = forms.iter().any(|form| by_definition(entry.as_bytes(), form.as_bytes()));
        prop_assert_eq!(named(Family::Rpm, &entry, &c), wanted, "{:?}", forms);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// However the list is kept, it names what one of its entries names.
    #[test]
    fn a_list_names_what_some_entry_of_it_names(
        entries in prop::collection::vec("[ab1:.*-]{0,5}|CVE-1|cVe-2|rhsa-2017:0864", 0..6),
        name in "[ab]{0,2}", version in "(1:)?[1b]{0,2}-[1a]",
        family in prop::sample::select(&[Family::Apt, Family::Rpm, Family::Zypper, Family::Macos, Family::Windows][..]),
    ) {
        let c = Candidate { packages: vec!["ab-1-1.a".into()], ..candidate(&name, "a", &version) };
        let each = entries.iter().any(|entry| named(family, entry, &c));
        prop_assert_eq!(NameList::new(family, &entries).matches(&Named::from(&c)), each);
        let mut turned = entries.clone();
        turned.reverse();
        let (list, other) = (NameList::new(family, &entries), NameList::new(family, &turned));
        prop_assert_eq!(list.entry(&Named::from(&c)), other.entry(&Named::from(&c)));
    }
}
