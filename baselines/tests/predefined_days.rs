//! What every predefined baseline approves, and on which day: table 1.4 of the reference, row by row.
//!
//! Each table lists patches that were released at one instant; each of them is judged at every age of
//! [`table::AGES`].

#![allow(clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "sample/machine.rs"]
mod machine;
#[path = "predefined_days/table.rs"]
mod table;

use machine::*;
use patchflock_baselines::approval::Verdict;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::inventory::{Advisory, Candidate};
use table::*;

/// Class Security, severity Critical or Important; all Bugfix; after 7 days.
fn high_and_bugfix(name: &str) {
    let dated = |issued: Option<i64>, updated: Option<i64>| Advisory {
        issued: issued.map(later),
        updated: updated.map(later),
        ..advisory("NOTICE-1", "security", "Critical", "")
    };
    let built = |at| Candidate { build_time: Some(later(at)), ..bare("built") };
    #[rustfmt::skip]
    let table = [
        (notice("security", "Critical"),     after_7_days(1)),
        (notice("security", "Important"),    after_7_days(1)),
        (notice("Security", "critical"),     after_7_days(1)),
        (notice("security", "Moderate"),     NEVER),
        (notice("security", "Medium"),       NEVER),
        (notice("security", "Low"),          NEVER),
        // Reference 1.5: a patch without severity is judged by its class alone.
        (notice("security", ""),             after_7_days(1)),
        (notice("security", "None"),         after_7_days(1)),
        (notice("bugfix", ""),               after_7_days(2)),
        (notice("bugfix", "Low"),            after_7_days(2)),
        (notice("bugfix", "Critical"),       after_7_days(2)),
        (notice("enhancement", ""),          NEVER),
        (notice("enhancement", "Critical"),  NEVER),
        (notice("newpackage", ""),           NEVER),
        (notice("recommended", "Important"), NEVER),
        (notice("", "Critical"),             NEVER),
        (built(0),                           NEVER),
        // Both rules see their own notice, and a rule that takes the patch is enough.
        (with_advisory(notice("security", "Low"), advisory("NOTICE-2", "bugfix", "", RELEASE)), after_7_days(2)),
        (with_advisory(notice("bugfix", ""), advisory("NOTICE-2", "security", "Critical", RELEASE)), after_7_days(1)),
        // What the days count from: issued, else updated, else built.
        (with_advisory(bare("issued, updated"), dated(Some(0), Some(3 * DAY))), after_7_days(1)),
        (with_advisory(bare("updated"), dated(None, Some(0))),                  after_7_days(1)),
        (with_advisory(built(0), dated(None, None)),                            after_7_days(1)),
        (with_advisory(built(-9 * DAY), dated(Some(0), None)),                  after_7_days(1)),
        (with_advisory(bare("no date"), dated(None, None)),                     once_dated(1)),
    ];
    check(name, &table);
    newest_of_what_has_waited(name);
}

/// A newer version starts a wait of its own, and the older one is taken meanwhile (reference 1.5 step 6).
fn newest_of_what_has_waited(name: &str) {
    let baseline = shipped(name);
    let version = |version: &str, days: i64| {
        let notice = Advisory {
            issued: Some(later(days * DAY)),
            ..advisory(&format!("NOTICE-{version}"), "security", "Important", "")
        };
        with_advisory(Candidate { version: version.into(), ..bare("package") }, notice)
    };
    for (seconds, wanted) in [
        (7 * DAY - 1, None),
        (7 * DAY, Some("1.1-1")),
        (10 * DAY - 1, Some("1.1-1")),
        (10 * DAY, Some("1.2-1")),
        (400 * DAY, Some("1.2-1")),
    ] {
        let decisions = judged(&baseline, vec![version("1.1-1", 0), version("1.2-1", 3)], later(seconds));
        let chosen: Vec<&str> = decisions.iter().filter(|d| d.chosen).map(|d| d.version.as_str()).collect();
        assert_eq!(chosen, Vec::from_iter(wanted), "{name}, {seconds} s");
    }
}

#[test]
fn amazon_linux_1_takes_high_security_and_bugfixes_after_7_days() {
    high_and_bugfix("predefined-amazon-linux");
}

#[test]
fn amazon_linux_2_takes_high_security_and_bugfixes_after_7_days() {
    high_and_bugfix("predefined-amazon-linux-2");
}

#[test]
fn amazon_linux_2022_takes_high_security_and_bugfixes_after_7_days() {
    high_and_bugfix("predefined-amazon-linux-2022");
}

#[test]
fn amazon_linux_2023_takes_high_security_and_bugfixes_after_7_days() {
    high_and_bugfix("predefined-amazon-linux-2023");
}

#[test]
fn alma_linux_takes_high_security_and_bugfixes_after_7_days() {
    high_and_bugfix("predefined-alma-linux");
}

#[test]
fn red_hat_takes_high_security_and_bugfixes_after_7_days() {
    high_and_bugfix("predefined-red-hat");
}

#[test]
fn rocky_linux_takes_high_security_and_bugfixes_after_7_days() {
    high_and_bugfix("predefined-rocky-linux");
}

#[test]
fn oracle_linux_takes_important_and_moderate_security_and_bugfixes_after_7_days() {
    let name = "predefined-oracle-linux";
    #[rustfmt::skip]
    check(name, &[
        // As AWS has it: Critical is not in the list.
        (notice("security", "Critical"),  NEVER),
        (notice("security", "Important"), after_7_days(1)),
        (notice("security", "Moderate"),  after_7_days(1)),
        (notice("security", "Low"),       NEVER),
        (notice("security", ""),          after_7_days(1)),
        (notice("bugfix", ""),            after_7_days(2)),
        (notice("bugfix", "Critical"),    after_7_days(2)),
        (notice("enhancement", ""),       NEVER),
        (notice("newpackage", ""),        NEVER),
        (bare("without notice"),          NEVER),
    ]);
    newest_of_what_has_waited(name);
}

#[test]
fn suse_takes_high_security_patches_after_7_days() {
    // The unit is a zypper patch, which upgrades nothing by itself.
    let patch = |class, severity| Candidate {
        installed: String::new(),
        arch: String::new(),
        ..notice(class, severity)
    };
    #[rustfmt::skip]
    check("predefined-suse", &[
        (patch("security", "critical"),     after_7_days(1)),
        (patch("security", "important"),    after_7_days(1)),
        (patch("security", "moderate"),     NEVER),
        (patch("security", "low"),          NEVER),
        (patch("security", ""),             after_7_days(1)),
        // Non-security patches may be installed on SLES without a flag, if a rule takes their class: none does.
        (patch("recommended", "important"), NEVER),
        (patch("recommended", ""),          NEVER),
        (patch("optional", "low"),          NEVER),
        (patch("feature", "critical"),      NEVER),
        (patch("document", ""),             NEVER),
        (patch("yast", "critical"),         NEVER),
    ]);
}

#[test]
fn centos_takes_everything_after_7_days() {
    let name = "predefined-centos";
    #[rustfmt::skip]
    check(name, &[
        (notice("security", "Critical"), after_7_days(1)),
        (notice("security", "Low"),      after_7_days(1)),
        (notice("bugfix", ""),           after_7_days(1)),
        (notice("enhancement", ""),      after_7_days(1)),
        (notice("", ""),                 after_7_days(1)),
        // The usual case there: no notices at all.
        (Candidate { build_time: Some(released()), ..bare("built") }, after_7_days(1)),
        (bare("without any date"),       once_dated(1)),
    ]);
    newest_of_what_has_waited(name);
}

/// Security sources only, every priority, at once.
fn every_security_update(name: &str) {
    let from = |source: &str, priority: Option<&str>| Candidate {
        priority: priority.map(str::to_owned),
        ..candidate(&format!("{source} {priority:?}"), "1.0-1", "1.1-1", source)
    };
    let mut table: Vec<Row> = Vec::new();
    for priority in ["required", "important", "standard", "optional", "extra", "Required", "EXTRA"] {
        table.push((from("security", Some(priority)), at_any_time(1)));
        for elsewhere in ["main", "backports", "vendor"] {
            table.push((from(elsewhere, Some(priority)), NEVER));
        }
    }
    let dated =
        |seconds| Candidate { build_time: Some(later(seconds)), ..from("security", Some("optional")) };
    #[rustfmt::skip]
    table.extend([
        // The rule lists the five priorities of the archive; a package without any has none of them.
        (from("security", None),           NEVER),
        (from("security", Some("source")), NEVER),
        // No date holds it up, not even one in the future.
        (dated(-400 * DAY),                at_any_time(1)),
        (dated(500 * DAY),                 at_any_time(1)),
    ]);
    check(name, &table);

    // A point release moves a fix into main, and it stays a security update (design 7b); what came to main
    // before the fix is none.
    let baseline = shipped(name);
    let offers = [("main", "1.3-1", true), ("security", "1.2-1", true), ("main", "1.1-1", false)];
    let candidates: Vec<Candidate> = offers
        .iter()
        .map(|(source, version, _)| Candidate {
            name: "package".into(),
            version: (*version).into(),
            ..from(source, Some("optional"))
        })
        .collect();
    let decisions = judged(&baseline, candidates, released());
    for (decision, (_, version, approved)) in decisions.iter().zip(offers) {
        assert_eq!(decision.version, version);
        assert_eq!(decision.verdict == Verdict::Approved, approved, "{name} {version}: {}", decision.reason);
        assert_eq!(decision.chosen, version == "1.3-1", "{name} {version}");
    }
}

#[test]
fn debian_takes_security_updates_of_every_priority_at_once() {
    every_security_update("predefined-debian");
}

#[test]
fn raspbian_takes_security_updates_of_every_priority_at_once() {
    every_security_update("predefined-raspbian");
}

#[test]
fn ubuntu_takes_security_updates_of_every_priority_at_once() {
    every_security_update("predefined-ubuntu");
}

#[test]
fn macos_takes_security_updates_and_everything_else_that_is_current_at_once() {
    let update = |name: &str, security| Candidate { security, ..candidate(name, "", "14.2", "apple") };
    let dated = |name: &str, security| Candidate { build_time: Some(released()), ..update(name, security) };
    #[rustfmt::skip]
    check("predefined-macos", &[
        (update("security response", true), at_any_time(1)),
        (update("printer software", false), at_any_time(2)),
        (dated("security response", true),  from_its_release(1)),
        (dated("printer software", false),  from_its_release(2)),
        (notice("security", ""),            from_its_release(1)),
        (notice("recommended", ""),         from_its_release(2)),
    ]);
}

/// A Windows update: patch set, class and MSRC severity as the catalogue writes them.
fn kb(set: &str, class: &str, severity: &str) -> Candidate {
    let plain = Candidate {
        installed: String::new(),
        arch: String::new(),
        version: String::new(),
        ..bare("KB5031356")
    };
    let plain =
        Candidate { patch_set: Some(set.into()), title: Some(format!("{set} {class} {severity}")), ..plain };
    with_advisory(plain, advisory("KB5031356", class, severity, RELEASE))
}

/// What the three baselines have in common; `application` is what happens to Microsoft's applications.
fn windows(name: &str, application: Days) {
    #[rustfmt::skip]
    let mut table = vec![
        (kb("OS", "CriticalUpdates", "Critical"),     after_7_days(1)),
        (kb("OS", "CriticalUpdates", "Important"),    after_7_days(1)),
        (kb("OS", "SecurityUpdates", "Critical"),     after_7_days(1)),
        (kb("OS", "SecurityUpdates", "Important"),    after_7_days(1)),
        (kb("OS", "Security Updates", "Critical"),    after_7_days(1)),
        (kb("OS", "Critical Updates", "Important"),   after_7_days(1)),
        (kb("OS", "SecurityUpdates", "Moderate"),     NEVER),
        (kb("OS", "SecurityUpdates", "Low"),          NEVER),
        (kb("OS", "SecurityUpdates", "Unspecified"),  NEVER),
        (kb("OS", "SecurityUpdates", ""),             NEVER),
        (kb("OS", "CriticalUpdates", "Moderate"),     NEVER),
        (kb("OS", "CriticalUpdates", ""),             NEVER),
        (kb("OS", "", "Critical"),                    NEVER),
        // Never a candidate (reference 1.11).
        (Candidate { name: "Driver".into(), ..kb("OS", "SecurityUpdates", "Critical") }, NEVER),
    ];
    for class in [
        "DefinitionUpdates",
        "Drivers",
        "FeaturePacks",
        "ServicePacks",
        "Tools",
        "UpdateRollups",
        "Updates",
        "Upgrades",
    ] {
        table.push((kb("OS", class, "Critical"), NEVER));
    }
    for (class, severity) in
        [("SecurityUpdates", "Critical"), ("SecurityUpdates", "Low"), ("Updates", ""), ("", "")]
    {
        table.push((kb("APPLICATION", class, severity), application));
    }
    check(name, &table);
}

#[test]
fn windows_takes_high_critical_and_security_updates_of_the_system_after_7_days() {
    windows("predefined-windows", NEVER);
}

#[test]
fn windows_os_is_the_same_as_the_default_of_windows() {
    windows("predefined-windows-os", NEVER);
    let renamed = Baseline { name: "predefined-windows".into(), ..shipped("predefined-windows-os") };
    assert_eq!(renamed, shipped("predefined-windows"));
}

#[test]
fn windows_os_applications_takes_every_update_of_applications_as_well() {
    windows("predefined-windows-os-applications", after_7_days(2));
}
