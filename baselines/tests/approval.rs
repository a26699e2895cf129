//! The selection pipeline by example, each test with its clause of the reference.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a missing decision must end the test")]

#[path = "sample/machine.rs"]
mod machine;

use chrono::{DateTime, Utc};
use machine::*;
use patchflock_baselines::approval::{DateSource, Decision, EvaluateError, Evaluation, Verdict, evaluate};
use patchflock_baselines::baseline::FilterKey::{
    Classification, MsrcSeverity, PatchSet, Priority, Product, ProductFamily, Section, Severity,
};
use patchflock_baselines::baseline::*;
use patchflock_baselines::inventory::*;
use patchflock_baselines::os::OperatingSystem;

fn now() -> DateTime<Utc> {
    time("2026-11-24T12:00:00Z")
}

fn run(baseline: &Baseline, inventory: &Inventory) -> Evaluation {
    evaluate(baseline, inventory, now()).expect("same operating system")
}

/// Judges one candidate under one set of rules.
fn one(mut inventory: Inventory, candidate: Candidate, rules: Vec<Rule>) -> Decision {
    inventory.candidates = vec![candidate];
    let baseline = baseline(&inventory, rules);
    run(&baseline, &inventory).decisions.remove(0)
}

fn verdict(inventory: Inventory, candidate: Candidate, rules: Vec<Rule>) -> Verdict {
    one(inventory, candidate, rules).verdict
}

fn rpm(advisories: &[Advisory]) -> Candidate {
    let plain = candidate("bind", "9.1-1", "9.2-1", "baseos");
    advisories.iter().fold(plain, |c, a| with_advisory(c, a.clone()))
}

fn apt(source: &str) -> Candidate {
    Candidate {
        priority: Some("optional".into()),
        section: Some("net".into()),
        ..candidate("bind9", "1.0", "1.1", source)
    }
}

const AT_ONCE: Approve = Approve::AfterDays(0);
const SECURITY: (FilterKey, &[&str]) = (Classification, &["Security"]);
const HIGH: (FilterKey, &[&str]) = (Severity, &["Critical", "Important"]);

#[test]
fn a_baseline_for_another_system_is_refused() {
    let inventory = debian();
    let other = baseline(&rhel(), vec![]);
    let error = evaluate(&other, &inventory, now()).unwrap_err();
    assert!(matches!(error, EvaluateError::OtherOperatingSystem { .. }), "{error}");
}

#[test]
fn filters_of_a_rule_are_anded_and_their_values_ored_1_2() {
    let filters: &[(FilterKey, &[&str])] = &[(Priority, &["Required", "Optional"]), (Section, &["net"])];
    for (priority, section, wanted) in [
        ("optional", "net", Verdict::Approved),
        ("required", "net", Verdict::Approved),
        ("extra", "net", Verdict::NotMatched),
        ("optional", "admin", Verdict::NotMatched),
    ] {
        let c =
            Candidate { priority: Some(priority.into()), section: Some(section.into()), ..apt("security") };
        assert_eq!(verdict(debian(), c, vec![rule(filters, AT_ONCE)]), wanted, "{priority} {section}");
    }
}

#[test]
fn rules_are_ored_and_the_deciding_one_is_numbered_1_2() {
    let rules = vec![rule(&[(Priority, &["Required"])], AT_ONCE), rule(&[(Section, &["net"])], AT_ONCE)];
    let d = one(debian(), apt("security"), rules);
    assert_eq!((d.verdict, d.rule), (Verdict::Approved, Some(2)));
}

#[test]
fn values_are_compared_without_case_and_whole_1_2() {
    for (wanted, approved) in
        [("OPTIONAL", true), ("optional", true), ("option", false), ("optional ", false)]
    {
        let v = verdict(debian(), apt("security"), vec![rule(&[(Priority, &[wanted])], AT_ONCE)]);
        assert_eq!(v == Verdict::Approved, approved, "{wanted}");
    }
}

#[test]
fn a_star_matches_an_absent_attribute_and_a_named_value_does_not_1_2() {
    let bare = candidate("bind9", "1.0", "1.1", "security");
    for (values, approved) in [(&["*"][..], true), (&["optional"][..], false)] {
        let v = verdict(debian(), bare.clone(), vec![rule(&[(Priority, values)], AT_ONCE)]);
        assert_eq!(v == Verdict::Approved, approved);
    }
}

#[test]
fn product_is_that_of_the_node_1_2() {
    for (product, approved) in [("Debian12", true), ("Debian11", false), ("*", true)] {
        let v = verdict(debian(), apt("security"), vec![rule(&[(Product, &[product])], AT_ONCE)]);
        assert_eq!(v == Verdict::Approved, approved, "{product}");
    }
}

#[test]
fn global_filters_drop_before_rules_and_only_what_passes_stays_1_5_2() {
    let mut inventory = debian();
    inventory.candidates = vec![
        apt("security"),
        Candidate { name: "other".into(), section: Some("admin".into()), ..apt("security") },
    ];
    let mut b = baseline(&inventory, vec![everything()]);
    b.global_filters = vec![filter(Section, &["net"])];
    let e = run(&b, &inventory);
    assert_eq!(e.decisions[0].verdict, Verdict::Approved);
    assert_eq!(e.decisions[1].verdict, Verdict::NotMatched);
    assert!(e.decisions[1].reason.contains("global filter"), "{}", e.decisions[1].reason);
}

#[test]
fn approved_patches_beat_global_filters_and_rules_2_2() {
    let mut inventory = debian();
    inventory.candidates = vec![apt("security")];
    let mut b = baseline(&inventory, vec![]);
    b.global_filters = vec![filter(Section, &["admin"])];
    b.approved_patches = strings(&["bind9"]);
    b.approved_patches_compliance_level = ComplianceLevel::High;
    let d = run(&b, &inventory).decisions.remove(0);
    assert_eq!(
        (d.verdict, d.level, d.rule, d.chosen),
        (Verdict::Approved, ComplianceLevel::High, None, true)
    );
}

#[test]
fn approved_patches_take_non_security_only_when_told_2_1() {
    let mut inventory = debian();
    inventory.candidates = vec![apt("main")];
    let mut b = baseline(&inventory, vec![]);
    b.approved_patches = strings(&["bind9"]);
    let d = run(&b, &inventory).decisions.remove(0);
    assert_eq!(d.verdict, Verdict::NotMatched);
    assert!(d.reason.contains("approved_patches_enable_non_security"), "{}", d.reason);
    b.approved_patches_enable_non_security = true;
    assert_eq!(run(&b, &inventory).decisions[0].verdict, Verdict::Approved);
}

#[test]
fn rejected_beats_approved_and_rules_2_2() {
    let mut inventory = debian();
    inventory.candidates = vec![apt("security")];
    let mut b = baseline(&inventory, vec![everything()]);
    b.approved_patches = strings(&["bind9"]);
    b.rejected_patches = strings(&["bind9"]);
    let d = run(&b, &inventory).decisions.remove(0);
    assert_eq!((d.verdict, d.chosen), (Verdict::Rejected, false));
}

#[test]
fn the_newest_approved_version_is_chosen_1_5_6() {
    let mut inventory = debian();
    inventory.candidates =
        ["1.2", "1.10", "1.9"].map(|v| Candidate { version: v.into(), ..apt("security") }).to_vec();
    let mut b = baseline(&inventory, vec![everything()]);
    let chosen = |b: &Baseline| {
        let e = run(b, &inventory);
        e.decisions.into_iter().filter(|d| d.chosen).map(|d| d.version).collect::<Vec<_>>()
    };
    assert_eq!(chosen(&b), ["1.10"]);
    b.rejected_patches = strings(&["bind9=1.10"]);
    assert_eq!(chosen(&b), ["1.9"]);
}

#[test]
fn a_rule_without_non_security_takes_security_origins_only_1_8_4() {
    let rules = || vec![rule(&[], AT_ONCE)];
    assert_eq!(verdict(debian(), apt("security"), rules()), Verdict::Approved);
    assert_eq!(verdict(debian(), apt("main"), rules()), Verdict::NotMatched);
    assert_eq!(verdict(debian(), apt("main"), vec![everything()]), Verdict::Approved);
}

#[test]
fn a_point_release_stays_a_security_patch_when_a_version_on_the_way_was_one_7b() {
    let mut inventory = debian();
    inventory.candidates = vec![apt("security"), Candidate { version: "1.2".into(), ..apt("main") }];
    let mut b = baseline(&inventory, vec![rule(&[], AT_ONCE)]);
    let chosen =
        |b: &Baseline, i: &Inventory| run(b, i).decisions.into_iter().find(|d| d.chosen).map(|d| d.version);
    assert_eq!(chosen(&b, &inventory).as_deref(), Some("1.2"));
    b.security_rule = SecurityRule::Candidate;
    assert_eq!(chosen(&b, &inventory).as_deref(), Some("1.1"));

    // The security version is gone from the index and only remembered.
    b.security_rule = SecurityRule::AnyVersion;
    inventory.candidates.remove(0);
    assert_eq!(chosen(&b, &inventory), None);
    let sighting = |version: &str| Sighting {
        name: "bind9".into(),
        arch: "amd64".into(),
        version: version.into(),
        security: true,
        at: time("2026-11-01"),
    };
    for (version, wanted) in [("1.0", None), ("1.1", Some("1.2")), ("1.2", Some("1.2")), ("1.3", None)] {
        inventory.sightings = vec![sighting(version)];
        assert_eq!(chosen(&b, &inventory).as_deref(), wanted, "{version}");
    }
}

#[test]
fn class_and_severity_must_both_match_where_both_exist_1_5() {
    for (class, severity, wanted) in [
        ("security", "Critical", Verdict::Approved),
        ("security", "Important", Verdict::Approved),
        ("security", "Low", Verdict::NotMatched),
        ("bugfix", "Critical", Verdict::NotMatched),
    ] {
        let c = rpm(&[advisory("RHSA-2026:1", class, severity, "2026-11-01")]);
        assert_eq!(verdict(rhel(), c, vec![rule(&[SECURITY, HIGH], AT_ONCE)]), wanted, "{class} {severity}");
    }
}

#[test]
fn a_patch_with_a_class_only_is_matched_on_it_alone_1_5() {
    for severity in ["", "None"] {
        let c = rpm(&[advisory("RHBA-2026:1", "bugfix", severity, "2026-11-01")]);
        let both: &[(FilterKey, &[&str])] = &[(Classification, &["Security", "Bugfix"]), HIGH];
        assert_eq!(verdict(rhel(), c.clone(), vec![rule(both, AT_ONCE)]), Verdict::Approved, "{severity:?}");
        // Without a classification filter there is nothing to match on.
        let rule = Rule { enable_non_security: true, ..rule(&[HIGH], AT_ONCE) };
        assert_eq!(verdict(rhel(), c, vec![rule]), Verdict::NotMatched, "{severity:?}");
    }
}

#[test]
fn a_rule_that_asks_for_bugfixes_gets_them_and_one_without_class_gets_security_only_1_6_4() {
    let c = rpm(&[advisory("RHBA-2026:1", "bugfix", "", "2026-11-01")]);
    let bugfix = rule(&[(Classification, &["Bugfix"])], AT_ONCE);
    assert_eq!(verdict(rhel(), c.clone(), vec![bugfix]), Verdict::Approved);
    assert_eq!(verdict(rhel(), c, vec![rule(&[], AT_ONCE)]), Verdict::NotMatched);
}

#[test]
fn every_notice_of_amazon_linux_counts_as_security_1_6_2() {
    let amazon = || Inventory {
        sources: rhel().sources,
        ..machine(OperatingSystem::AmazonLinux2023, "AmazonLinux2023")
    };
    let c = rpm(&[advisory("ALAS2023-2026-1", "bugfix", "", "2026-11-01")]);
    assert_eq!(verdict(amazon(), c, vec![rule(&[], AT_ONCE)]), Verdict::Approved);
    assert_eq!(verdict(amazon(), rpm(&[]), vec![rule(&[], AT_ONCE)]), Verdict::NotMatched);
}

#[test]
fn medium_also_selects_moderate_on_amazon_linux_2023_only_1_3() {
    let c = rpm(&[advisory("X-1", "security", "Moderate", "2026-11-01")]);
    let rules = || vec![rule(&[(Severity, &["Medium"])], AT_ONCE)];
    let amazon = machine(OperatingSystem::AmazonLinux2023, "AmazonLinux2023");
    assert_eq!(verdict(amazon, c.clone(), rules()), Verdict::Approved);
    assert_eq!(verdict(rhel(), c, rules()), Verdict::NotMatched);
}

#[test]
fn packages_without_updateinfo_need_non_security_and_never_bypass_filters_1_6_5_6_7_13() {
    let rules = |filters: &[(FilterKey, &[&str])], non_security| {
        vec![Rule { enable_non_security: non_security, ..rule(filters, AT_ONCE) }]
    };
    for (filters, non_security, wanted) in [
        (&[][..], false, Verdict::NotMatched),
        (&[][..], true, Verdict::Approved),
        (&[(Classification, &["*"][..])][..], false, Verdict::NotMatched),
        (&[(Classification, &["*"][..]), (Severity, &["*"][..])][..], true, Verdict::Approved),
        (&[SECURITY][..], true, Verdict::NotMatched),
        (&[HIGH][..], true, Verdict::NotMatched),
    ] {
        assert_eq!(
            verdict(rhel(), rpm(&[]), rules(filters, non_security)),
            wanted,
            "{filters:?} {non_security}"
        );
    }
}

#[test]
fn of_several_advisories_the_security_then_severest_then_earliest_decides_whatever_their_order() {
    let all = [
        advisory("RHBA-2026:1", "bugfix", "Critical", "2026-10-01"),
        advisory("RHSA-2026:4", "security", "Important", "2026-11-05"),
        advisory("RHSA-2026:3", "security", "Important", "2026-11-03"),
        advisory("RHSA-2026:2", "security", "Low", "2026-11-02"),
    ];
    let decided = |advisories: &[Advisory]| {
        let d = one(rhel(), rpm(advisories), vec![everything()]);
        (d.severity, d.date.map(|d| d.at), d.advisories)
    };
    let mut reversed = all.clone();
    reversed.reverse();
    assert_eq!(decided(&all), decided(&reversed));
    assert_eq!(decided(&all).1, Some(time("2026-11-03")));
    assert_eq!(decided(&all).2, ["RHSA-2026:3", "RHSA-2026:4", "RHSA-2026:2", "RHBA-2026:1"]);
    // A rule that wants another class is decided by the notice of that class.
    let d = one(rhel(), rpm(&all), vec![rule(&[(Classification, &["Bugfix"])], AT_ONCE)]);
    assert_eq!((d.verdict, d.classification.as_deref()), (Verdict::Approved, Some("bugfix")));
}

#[test]
fn obsoleting_packages_are_never_candidates_even_when_listed_1_6_8() {
    let mut inventory = rhel();
    inventory.candidates = vec![Candidate { obsoletes: true, ..rpm(&[]) }];
    let mut b = baseline(&inventory, vec![everything()]);
    b.approved_patches = strings(&["bind"]);
    b.approved_patches_enable_non_security = true;
    assert_eq!(run(&b, &inventory).decisions[0].verdict, Verdict::NotMatched);
}

#[test]
fn offers_that_are_not_upgrades_of_something_installed_are_no_candidates_1_8_6() {
    for (installed, version) in [("", "1.1"), ("1.1", "1.1"), ("2.0", "1.1")] {
        let c = Candidate { installed: installed.into(), version: version.into(), ..apt("security") };
        assert_eq!(verdict(debian(), c, vec![everything()]), Verdict::NotMatched, "{installed}");
    }
}

#[test]
fn holds_and_phasing_win_over_the_baseline_and_say_so_7b() {
    let held = Candidate { held: Some("apt-mark hold".into()), ..apt("security") };
    let d = one(debian(), held.clone(), vec![everything()]);
    assert_eq!((d.verdict, d.chosen, d.rule), (Verdict::Held, false, Some(1)));
    assert!(d.reason.starts_with("held by administrator: apt-mark hold"), "{}", d.reason);
    // What the baseline does not want is not wanted, held or not.
    assert_eq!(verdict(debian(), held, vec![]), Verdict::NotMatched);

    let phased =
        |deferred| Candidate { phased: Some(Phased { percentage: 20, deferred }), ..apt("security") };
    assert_eq!(verdict(debian(), phased(true), vec![everything()]), Verdict::Deferred);
    assert_eq!(verdict(debian(), phased(false), vec![everything()]), Verdict::Approved);
}

#[test]
fn zypper_patches_need_no_non_security_flag_1_9() {
    let suse = || machine(OperatingSystem::Suse, "Suse15.5");
    let c = |class: &str| {
        let patch = Candidate { arch: String::new(), ..candidate("SUSE-SLE-15-2026-1", "", "1", "updates") };
        with_advisory(patch, advisory("SUSE-2026-1", class, "moderate", "2026-11-01"))
    };
    assert_eq!(verdict(suse(), c("recommended"), vec![rule(&[], AT_ONCE)]), Verdict::Approved);
    let security = || vec![rule(&[SECURITY], AT_ONCE)];
    assert_eq!(verdict(suse(), c("recommended"), security()), Verdict::NotMatched);
    assert_eq!(verdict(suse(), c("security"), security()), Verdict::Approved);
}

#[test]
fn macos_takes_security_updates_only_unless_told_1_10() {
    let mac = || machine(OperatingSystem::Macos, "macOS14");
    let c = |security| Candidate {
        security,
        arch: String::new(),
        ..candidate("macOS 14.2.1", "", "14.2.1", "apple")
    };
    for (security, non_security, approved) in
        [(true, false, true), (false, false, false), (false, true, true)]
    {
        let rules = vec![Rule { enable_non_security: non_security, ..rule(&[], AT_ONCE) }];
        assert_eq!(verdict(mac(), c(security), rules) == Verdict::Approved, approved);
    }
    // Apple's list has no notices; the mark alone gives the class.
    assert_eq!(verdict(mac(), c(true), vec![rule(&[SECURITY], AT_ONCE)]), Verdict::Approved);
}

fn kb(name: &str, version: &str, class: &str, severity: &str) -> Candidate {
    let c = Candidate { arch: String::new(), ..candidate(name, "", version, "wu") };
    with_advisory(c, advisory("MS", class, severity, "2026-11-01"))
}

fn windows() -> Inventory {
    machine(OperatingSystem::Windows, "WindowsServer2022")
}

#[test]
fn windows_rules_know_class_severity_family_and_patch_set_1_2() {
    let office = Candidate {
        patch_set: Some("APPLICATION".into()),
        product: Some("Office2021".into()),
        product_family: Some("Office".into()),
        ..kb("KB1", "", "Security Updates", "Critical")
    };
    let system = kb("KB2", "", "Security Updates", "Critical");
    for (filters, os, app) in [
        (&[][..], true, false),
        (&[(PatchSet, &["APPLICATION"][..])][..], false, true),
        (&[(PatchSet, &["*"][..])][..], true, true),
        (&[(PatchSet, &["APPLICATION"][..]), (ProductFamily, &["Office"][..])][..], false, true),
        (&[(Classification, &["SecurityUpdates"][..]), (MsrcSeverity, &["Critical"][..])][..], true, false),
        (&[(MsrcSeverity, &["Important"][..])][..], false, false),
        (&[(Product, &["WindowsServer2022"][..])][..], true, false),
    ] {
        for (c, wanted) in [(&system, os), (&office, app)] {
            let v = verdict(windows(), c.clone(), vec![rule(filters, AT_ONCE)]);
            assert_eq!(v == Verdict::Approved, wanted, "{filters:?} {}", c.name);
        }
    }
}

#[test]
fn the_latest_version_of_a_kb_is_taken_once_any_earlier_one_satisfies_1_11() {
    let mut inventory = windows();
    inventory.candidates =
        vec![kb("KB1", "200", "SecurityUpdates", "Critical"), kb("KB1", "1000", "SecurityUpdates", "Low")];
    let mut b = baseline(&inventory, vec![rule(&[(MsrcSeverity, &["Critical"])], AT_ONCE)]);
    let e = run(&b, &inventory);
    assert_eq!(
        e.decisions.iter().filter(|d| d.chosen).map(|d| d.version.as_str()).collect::<Vec<_>>(),
        ["1000"]
    );
    b.rejected_patches = strings(&["kb1"]);
    assert!(run(&b, &inventory).decisions.iter().all(|d| d.verdict == Verdict::Rejected));
}

#[test]
fn windows_updates_without_kb_number_are_left_out_1_11() {
    for name in ["Driver", "KB", "KBx1", "K", ""] {
        let c = kb(name, "", "Drivers", "");
        assert_eq!(verdict(windows(), c, vec![rule(&[], AT_ONCE)]), Verdict::NotMatched, "{name}");
    }
}

#[test]
fn among_approving_rules_the_one_with_the_highest_level_decides_2_2() {
    let level = |compliance_level| Rule { compliance_level, ..everything() };
    let rules = vec![level(ComplianceLevel::Low), level(ComplianceLevel::High), level(ComplianceLevel::High)];
    let d = one(debian(), apt("main"), rules);
    assert_eq!((d.rule, d.level), (Some(2), ComplianceLevel::High));
}

// Dates: reference 1.7, design 7b.

fn dated(issued: &str) -> Candidate {
    rpm(&[advisory("RHSA-2026:1", "security", "Critical", issued)])
}

fn verdict_at(inventory: &Inventory, baseline: &Baseline, at: &str) -> Verdict {
    evaluate(baseline, inventory, time(at)).expect("same system").decisions.remove(0).verdict
}

#[test]
fn a_wait_is_the_exact_timestamp_plus_n_times_24_hours_1_7() {
    let mut inventory = rhel();
    inventory.candidates = vec![dated("2025-11-09T18:00:00Z")];
    let b = baseline(&inventory, vec![rule(&[], Approve::AfterDays(7))]);
    let due = time("2025-11-16T18:00:00Z");
    assert_eq!(verdict_at(&inventory, &b, "2025-11-16T17:59:59Z"), Verdict::Pending { at: due });
    assert_eq!(verdict_at(&inventory, &b, "2025-11-16T18:00:00Z"), Verdict::Approved);
}

#[test]
fn a_cutoff_includes_its_whole_utc_day_1_7() {
    for (issued, wanted) in [
        ("2025-11-16T23:59:59Z", Verdict::Approved),
        ("2025-11-16T23:59:59.999999999Z", Verdict::Approved),
        ("2025-11-17T00:00:00Z", Verdict::TooNew),
    ] {
        let cutoff = Approve::UntilDate("2025-11-16".parse().expect("a day"));
        assert_eq!(verdict(rhel(), dated(issued), vec![rule(&[], cutoff)]), wanted, "{issued}");
    }
}

#[test]
fn issued_goes_before_updated_and_build_time_is_the_last_resort_1_7() {
    let mut a = advisory("RHSA-2026:1", "security", "Critical", "2026-11-03");
    a.updated = Some(time("2026-11-09"));
    let built = Candidate { build_time: Some(time("2026-11-01")), ..rpm(&[a.clone()]) };
    let date = |c: &Candidate| one(rhel(), c.clone(), vec![everything()]).date.map(|d| (d.at, d.source));
    assert_eq!(date(&built), Some((time("2026-11-03"), DateSource::AdvisoryIssued)));
    a.issued = None;
    let c = Candidate { advisories: vec![a.clone()], ..built.clone() };
    assert_eq!(date(&c), Some((time("2026-11-09"), DateSource::AdvisoryUpdated)));
    a.updated = None;
    let c = Candidate { advisories: vec![a], ..built };
    assert_eq!(date(&c), Some((time("2026-11-01"), DateSource::BuildTime)));
}

#[test]
fn a_version_that_appeared_later_is_dated_by_the_later_of_vendor_and_first_sight_7b() {
    let seen = |at: &str, first| Some(FirstSeen { at: time(at), at_first_sight_of_source: first });
    for (first_seen, wanted) in [
        (seen("2026-11-10", false), (time("2026-11-10"), DateSource::FirstSeen)),
        (seen("2026-11-01", false), (time("2026-11-03"), DateSource::AdvisoryIssued)),
        (seen("2026-11-10", true), (time("2026-11-03"), DateSource::AdvisoryIssued)),
    ] {
        let c = Candidate { first_seen, ..dated("2026-11-03") };
        assert_eq!(one(rhel(), c, vec![everything()]).date.map(|d| (d.at, d.source)), Some(wanted));
    }
    // A build date says nothing once the version was seen to appear.
    let c =
        Candidate { first_seen: seen("2026-11-10", false), build_time: Some(time("2026-10-01")), ..rpm(&[]) };
    assert_eq!(one(rhel(), c, vec![everything()]).date.map(|d| d.at), Some(time("2026-11-10")));
}

#[test]
fn without_any_date_of_its_own_the_earliest_metadata_that_carry_it_bound_it_7b() {
    let mut inventory = debian();
    for s in &mut inventory.sources {
        s.metadata_date = Some(if s.id == "security" { time("2026-11-15") } else { time("2026-11-20") });
    }
    let c = Candidate { sources: strings(&["main", "security"]), ..apt("security") };
    let week = |c: &Candidate| one(inventory.clone(), c.clone(), vec![rule(&[], Approve::AfterDays(7))]);
    let d = week(&c);
    assert_eq!(d.date.map(|d| (d.at, d.source)), Some((time("2026-11-15"), DateSource::MetadataDate)));
    assert_eq!(d.verdict, Verdict::Approved);
    let only_main = Candidate { sources: strings(&["main"]), ..c.clone() };
    assert_eq!(week(&only_main).verdict, Verdict::Pending { at: time("2026-11-27") });
    // The ledger knows better, even if it only saw it with the source itself.
    let seen = FirstSeen { at: time("2026-11-12"), at_first_sight_of_source: true };
    let d = week(&Candidate { first_seen: Some(seen), ..c });
    assert_eq!(d.date.map(|d| (d.at, d.source)), Some((time("2026-11-12"), DateSource::FirstSeen)));
}

#[test]
fn a_patch_without_any_date_waits_for_a_delay_or_counts_as_1970_as_told_1_7() {
    let mut inventory = debian();
    inventory.candidates = vec![apt("security")];
    let cutoff = Approve::UntilDate("2026-11-16".parse().expect("a day"));
    for (approve, undated, wanted) in [
        (AT_ONCE, Undated::Wait, Verdict::Approved),
        (Approve::AfterDays(7), Undated::Wait, Verdict::Waiting),
        (cutoff, Undated::Wait, Verdict::Waiting),
        (Approve::AfterDays(7), Undated::Approve, Verdict::Approved),
        (cutoff, Undated::Approve, Verdict::Approved),
    ] {
        let mut b = baseline(&inventory, vec![rule(&[], approve)]);
        b.undated_patches = undated;
        assert_eq!(run(&b, &inventory).decisions[0].verdict, wanted, "{approve:?} {undated:?}");
    }
}

#[test]
fn on_apt_a_rule_without_delay_approves_at_once_whatever_the_dates_say_1_7() {
    let c = Candidate {
        first_seen: Some(FirstSeen { at: time("2030-01-01"), at_first_sight_of_source: false }),
        ..apt("security")
    };
    assert_eq!(verdict(debian(), c, vec![rule(&[], AT_ONCE)]), Verdict::Approved);
}

#[test]
fn a_date_in_the_future_waits_and_the_end_of_the_calendar_does_not_overflow() {
    let v = verdict(rhel(), dated("2026-12-01"), vec![rule(&[], AT_ONCE)]);
    assert_eq!(v, Verdict::Pending { at: time("2026-12-01") });
    for at in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
        for approve in
            [Approve::AfterDays(u32::MAX), Approve::AfterDays(1), Approve::UntilDate(chrono::NaiveDate::MAX)]
        {
            let mut c = dated("2026-11-01");
            c.advisories[0].issued = Some(at);
            let d = one(rhel(), c, vec![rule(&[], approve)]);
            assert!(!d.reason.is_empty());
        }
    }
}

#[test]
fn manual_rules_wait_for_the_approved_list() {
    let mut inventory = debian();
    inventory.candidates = vec![apt("security")];
    let mut b = baseline(&inventory, vec![rule(&[], Approve::Manual)]);
    assert_eq!(run(&b, &inventory).decisions[0].verdict, Verdict::Waiting);
    b.approved_patches = strings(&["bind9"]);
    assert_eq!(run(&b, &inventory).decisions[0].verdict, Verdict::Approved);
}

#[test]
fn an_approval_by_any_rule_beats_waits_and_the_earliest_wait_is_told() {
    let rules = |days: &[u32]| days.iter().map(|d| rule(&[], Approve::AfterDays(*d))).collect::<Vec<_>>();
    assert_eq!(one(rhel(), dated("2026-11-20"), rules(&[30, 2, 7])).rule, Some(2));
    let d = one(rhel(), dated("2026-11-20"), rules(&[30, 14, 20]));
    assert_eq!((d.verdict, d.rule), (Verdict::Pending { at: time("2026-12-04") }, Some(2)));
}

// Starvation: design 7b.

fn starving() -> (Inventory, Baseline) {
    let mut inventory = debian();
    let seen = |at: &str| Some(FirstSeen { at: time(at), at_first_sight_of_source: false });
    inventory.candidates =
        vec![Candidate { version: "1.5".into(), first_seen: seen("2026-11-22"), ..apt("security") }];
    inventory.sightings = [("1.0", "2026-01-01"), ("1.2", "2026-10-01"), ("1.3", "2026-11-01")]
        .map(|(version, at)| Sighting {
            name: "bind9".into(),
            arch: "amd64".into(),
            version: version.into(),
            security: true,
            at: time(at),
        })
        .to_vec();
    let mut b = baseline(&inventory, vec![rule(&[], Approve::AfterDays(7))]);
    b.max_wait_days = Some(30);
    (inventory, b)
}

#[test]
fn a_patch_that_is_superseded_while_it_waits_is_overdue_from_its_first_version_on_7b() {
    let (inventory, b) = starving();
    let overdue = run(&b, &inventory).overdue;
    assert_eq!(overdue.len(), 1);
    assert_eq!((overdue[0].first_version.as_str(), overdue[0].since), ("1.2", time("2026-10-01")));
}

#[test]
fn nothing_is_overdue_before_the_wait_or_without_a_limit_or_once_approved_or_rejected_7b() {
    let (inventory, b) = starving();
    let overdue = |at: &str| evaluate(&b, &inventory, time(at)).expect("same system").overdue.len();
    assert_eq!((overdue("2026-10-31"), overdue("2026-10-31T00:00:01Z")), (0, 1));
    assert!(run(&Baseline { max_wait_days: None, ..b.clone() }, &inventory).overdue.is_empty());
    assert!(run(&Baseline { max_wait_days: Some(55), ..b.clone() }, &inventory).overdue.is_empty());
    assert!(run(&Baseline { max_wait_days: Some(u32::MAX), ..b.clone() }, &inventory).overdue.is_empty());
    assert!(
        run(&Baseline { approval_rules: vec![everything()], ..b.clone() }, &inventory).overdue.is_empty()
    );
    assert!(
        run(&Baseline { rejected_patches: strings(&["bind9"]), ..b.clone() }, &inventory).overdue.is_empty()
    );
    // A version that is approved settles everything up to it.
    let mut inventory = inventory;
    let old = FirstSeen { at: time("2026-11-01"), at_first_sight_of_source: false };
    inventory.candidates.push(Candidate { version: "1.3".into(), first_seen: Some(old), ..apt("security") });
    assert!(run(&b, &inventory).overdue.is_empty());
}
