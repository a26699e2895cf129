//! Parsers against captured output of real tools, and against anything at all.

use std::collections::HashSet;

use patchflock_baselines::inventory::{NativeAction, SourceState};
use patchflock_baselines::plan::{Item, Plan, Role};
use proptest::prelude::*;

use super::status::Status;
use super::{dpkg_log, lists, output, policy, release, settings, sources, status, surroundings, transaction};
use crate::exec::Output;
use crate::root::Root;

macro_rules! captured {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/apt/", $name))
    };
}

fn machine(stanzas: &str) -> Status {
    let mut status = Status { native_arch: "amd64".into(), ..Status::default() };
    status::apply(&mut status, stanzas).unwrap();
    status
}

const HELD: &str = "Package: held\nStatus: hold ok installed\nArchitecture: all\nVersion: 1.0\n\n";
const ALPHA: &str = "Package: alpha\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\n\n";

#[test]
fn both_generations_of_apt_give_the_same_opinion() {
    let status = machine(&format!("{HELD}{ALPHA}"));
    let old = output::parse(captured!("apt-2.6.2-dist-upgrade.txt")).unwrap();
    let new = output::parse(captured!("apt-3.0.4-dist-upgrade.txt")).unwrap();
    assert_eq!(old, new);
    let native = old.native(&status);
    let of =
        |name: &str| native.iter().find(|n| n.name == name).map(|n| (n.action, &*n.from, &*n.to, &*n.arch));
    assert_eq!(of("alpha-data"), Some((NativeAction::Install, "", "2.0", "all")));
    assert_eq!(of("alpha"), Some((NativeAction::Upgrade, "1.0", "2.0", "all")));
    assert_eq!(of("beta"), Some((NativeAction::Upgrade, "1.0", "2.0", "amd64")));
    assert_eq!(of("held"), Some((NativeAction::KeptBack, "1.0", "2.0", "all")));
    // `gamma` is named twice, once as no longer required: only the upgrade counts.
    assert_eq!(native.iter().filter(|n| n.name == "gamma").count(), 1);
}

#[test]
fn phased_removed_and_foreign_packages_are_recognised_and_advertisements_are_not() {
    let text = "The following upgrades have been deferred due to phasing:\n   tzdata (1 => 2)\n\
        Get more security updates through Ubuntu Pro with 'esm-apps' enabled:\n  libpng vlc\n\
        Remv old [1.0]\nInst libc6:i386 [1] (2 Debian:12.1/stable, Security:12/stable-security [i386]) [x:i386 ]\n";
    let found = output::parse(text).unwrap();
    assert_eq!(found.deferred, [("tzdata".to_owned(), "1".to_owned(), "2".to_owned())]);
    let steps: Vec<_> = found.steps.iter().map(|s| (&*s.name, s.arch.as_deref(), s.to.as_deref())).collect();
    assert_eq!(steps, [("old", None, None), ("libc6", Some("i386"), Some("2"))]);
    assert_eq!(found.kept_back, []);
}

#[test]
fn a_step_that_is_not_understood_is_refused_with_its_place() {
    let refused = output::parse("Reading package lists...\nInst what is this\n").unwrap_err();
    assert_eq!(refused, ("line 2".to_owned(), "Inst what is this".to_owned()));
}

#[test]
fn a_step_without_an_architecture_behind_its_colon_is_refused() {
    // Else it would be a change of a package of no architecture, which nothing can be compared with.
    for line in ["Remv gone: [3]", "Inst new: (1 X:1/y [amd64])", "Inst new (1 X:1/y [])"] {
        let (place, found) = output::parse(&format!("{line}\n")).unwrap_err();
        assert_eq!((place.as_str(), found.as_str()), ("line 1", line));
    }
}

#[test]
fn policy_gives_candidate_and_priorities() {
    for text in [captured!("apt-2.6.2-policy.txt"), captured!("apt-3.0.4-policy.txt")] {
        let found = policy::parse(text).unwrap();
        assert_eq!(found["alpha"].candidate.as_deref(), Some("2.0"));
        assert_eq!(found["held"].priorities["2.0"], 500);
    }
    let none = policy::parse(
        "x:i386:\n  Installed: 1\n  Candidate: (none)\n  Version table:\n     2 -5 (phased 10%)\n",
    )
    .unwrap();
    assert_eq!((none["x:i386"].candidate.as_deref(), none["x:i386"].priorities["2"]), (None, -5));
}

#[test]
fn every_configured_repository_is_known_before_it_is_fetched() {
    let entries = sources::parse_uris(captured!("apt-2.6.2-print-uris.txt")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = "security.example_debian-security_dists_bookworm-security_InRelease";
    std::fs::write(dir.path().join(file), captured!("bookworm-security-InRelease.txt")).unwrap();
    let mut repos = sources::configured(&Root::host(), &entries, dir.path());
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    for repo in &mut repos {
        assert_eq!(repo.read(&Root::host(), &HashSet::new(), now), []);
        let unfetched =
            matches!(&repo.source.state, SourceState::Unreadable { why } if why.contains("never fetched"));
        assert!(unfetched, "{repo:?}");
    }
    let ids: Vec<_> = repos.iter().map(|r| (r.source.id.as_str(), r.source.security)).collect();
    // What was never fetched has only the name in the configuration, and that tells a security suite as well.
    let expected = [
        ("no-origin/bookworm-updates/main", false),
        ("no-origin/bookworm/main", false),
        ("Debian/bookworm-security/main", true),
    ];
    assert_eq!(ids, expected);
    assert!(repos.iter().all(|r| !r.source.id.contains("example")));
}

#[test]
fn a_release_file_gives_dates_and_promised_sizes() {
    let found = release::parse(captured!("bookworm-security-InRelease.txt")).unwrap();
    assert_eq!(found.date.unwrap().to_rfc3339(), "2026-11-22T19:58:56+00:00");
    assert_eq!(found.valid_until.unwrap().to_rfc3339(), "2026-11-29T19:58:56+00:00");
    assert!(found.size_of("main/binary-amd64/Packages").is_some_and(|s| s > 100_000));
    assert!(found.knows("main/binary-amd64/Packages") && !found.knows("main/binary-mips/Packages"));
    assert!(!found.separate_all && !found.not_automatic);
}

#[test]
fn security_is_told_by_origin() {
    for (origin, label, suite, codename, security) in [
        ("Debian", "Debian-Security", "oldoldstable", "buster", true),
        ("Ubuntu", "Ubuntu", "noble-security", "noble", true),
        ("UbuntuESM", "UbuntuESM", "jammy-infra-security", "jammy", true),
        ("UbuntuESMApps", "UbuntuESMApps", "jammy-apps-security", "jammy", true),
        ("UbuntuESM", "UbuntuESM", "jammy-infra-updates", "jammy", false),
        ("Debian", "Debian", "stable", "bookworm", false),
        // Somebody else's repository, whatever it calls itself.
        ("Vendor", "Debian-Security", "stable", "bookworm", false),
        ("Vendor", "Vendor", "bookworm-security", "bookworm-security", false),
        ("", "Debian-Security", "bookworm-security", "bookworm-security", false),
    ] {
        assert_eq!(
            sources::is_security(origin, label, suite, codename),
            security,
            "{origin} {label} {suite}"
        );
    }
}

#[test]
fn ubuntus_pockets_get_different_ids_and_two_mirrors_are_numbered() {
    let dir = tempfile::tempdir().unwrap();
    let mut uris = String::new();
    for (host, suite) in [("a", "noble"), ("a", "noble-security"), ("b", "noble")] {
        let list = format!("{host}_dists_{suite}_");
        uris += &format!("'http://{host}/dists/{suite}/InRelease' {list}InRelease 0 \n");
        uris += &format!(
            "'http://{host}/dists/{suite}/main/binary-amd64/Packages.xz' {list}main_binary-amd64_Packages 0 \n"
        );
        let release =
            format!("Origin: Ubuntu\nLabel: Ubuntu\nSuite: {suite}\nCodename: noble\nComponents: main\n");
        std::fs::write(dir.path().join(format!("{list}InRelease")), release).unwrap();
    }
    let repos = sources::configured(&Root::host(), &sources::parse_uris(&uris).unwrap(), dir.path());
    let ids: Vec<_> = repos.iter().map(|r| r.source.id.as_str()).collect();
    assert_eq!(ids, ["Ubuntu/noble-security/main", "Ubuntu/noble/main", "Ubuntu/noble/main-2"]);
}

#[test]
fn only_wanted_packages_are_read_from_an_index() {
    let wanted = HashSet::from(["bash".to_owned(), "absent".to_owned()]);
    let found = lists::offers(captured!("bookworm-Packages.txt").as_bytes(), &wanted).unwrap();
    let [bash] = &found[..] else { unreachable!("{found:?}") };
    assert_eq!((&*bash.name, &*bash.arch, bash.priority.as_deref()), ("bash", "amd64", Some("required")));
    assert!(
        bash.section.as_deref() == Some("shells") && bash.size.is_some_and(|s| s > 1_000_000),
        "{bash:?}"
    );
}

#[test]
fn an_index_with_a_hole_is_damaged() {
    let wanted = HashSet::from(["bash".to_owned()]);
    let torn = captured!("bookworm-Packages.txt").replacen("\n\n", "\n\nngle: line\n\n", 1);
    assert!(lists::offers(torn.as_bytes(), &wanted).unwrap_err().starts_with("damaged: an entry without"));
    let cut = "Package: bash\nVersion: 1\n";
    assert!(lists::offers(cut.as_bytes(), &wanted).unwrap_err().starts_with("damaged: an entry that cannot"));
}

#[test]
fn an_entry_is_an_offer_of_the_name_it_was_picked_by_and_of_words() {
    let wanted: HashSet<String> = ["bash".to_owned()].into();
    for start in [
        "package: evil\nPackage: bash\nArchitecture: amd64\nVersion: 1",
        "Package: bash\n ed\nArchitecture: amd64\nVersion: 1",
        "Package: bash\nArchitecture: amd64\nVersion: 1\n 2",
        "Package: bash\nArchitecture: amd64 i386\nVersion: 1",
    ] {
        let refused = lists::offers(format!("{start}\n\n").as_bytes(), &wanted).unwrap_err();
        assert!(refused.contains("cannot be read at byte 0"), "{refused}");
    }
}

#[test]
fn a_half_configured_package_is_incomplete_and_the_journal_has_the_last_word() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("updates")).unwrap();
    std::fs::write(dir.path().join("status"), ALPHA).unwrap();
    let half = ALPHA.replace("installed", "half-configured").replace("1.0", "2.0");
    std::fs::write(dir.path().join("updates/0003"), half).unwrap();
    std::fs::write(dir.path().join("updates/tmp.i"), "torn").unwrap();
    let found = status::read(&Root::host(), &dir.path().join("status"), "amd64").unwrap();
    let alpha = found.get("alpha", "amd64").unwrap();
    assert_eq!((alpha.complete, &*alpha.version, &*alpha.state), (false, "2.0", "half-configured"));
}

#[test]
fn links_of_a_system_in_a_directory_lead_into_it_and_not_to_ours() {
    let (dir, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = Root::at(dir.path());
    std::fs::write(ours.path().join("status"), ALPHA).unwrap();
    std::fs::create_dir_all(root.path("/var/lib/dpkg")).unwrap();
    let status = root.path("/var/lib/dpkg/status");
    std::os::unix::fs::symlink(ours.path().join("status"), &status).unwrap();
    let refused = status::read(&root, &status, "amd64").unwrap_err();
    assert!(refused.to_string().contains("/var/lib/dpkg/status"), "{refused}");
    // The same path is there in the system itself.
    std::fs::create_dir_all(root.path(ours.path())).unwrap();
    std::fs::write(root.path(ours.path()).join("status"), HELD).unwrap();
    let found = status::read(&root, &status, "amd64").unwrap();
    assert_eq!(found.names(), HashSet::from(["held".to_owned()]));
}

#[test]
fn an_answer_that_is_not_whole_is_none() {
    let whole = Output { code: 0, stdout: b"x".to_vec(), stderr: Vec::new(), truncated: false };
    output::check("apt-get", &whole).unwrap();
    let cut = Output { truncated: true, ..whole };
    assert!(output::check("apt-get", &cut).unwrap_err().to_string().contains("not whole"));
}

#[test]
fn an_installed_package_without_a_version_is_a_damaged_file() {
    let text = "Package: a\nStatus: install ok installed\nArchitecture: amd64\n";
    let (place, found) = status::apply(&mut Status::default(), text).unwrap_err();
    assert_eq!((place.as_str(), found.as_str()), ("stanza 1 (a)", "installed, and no Version field"));
}

#[test]
fn a_package_of_all_is_that_of_the_native_architecture_and_no_other() {
    let status = machine(ALPHA);
    assert!(status.get("alpha", "amd64").is_some() && status.get("alpha", "i386").is_none());
}

#[test]
fn dpkg_blames_a_package_with_the_lines_that_lead_there() {
    let log = "Setting up broken (2.0) ...\nno database\nSetting up beta (2.0) ...\n\
        dpkg: error processing package broken (--configure):\n installed script returned 1\n\
        Preparing to unpack .../2-bad_2.0_all.deb ...\nno\n\
        dpkg: error processing archive /tmp/apt-dpkg-install-xy/2-bad_2.0_all.deb (--unpack):\n new script returned 3\n";
    let found = dpkg_log::errors(log);
    let meeting = "Setting up one (2) ...\nSetting up two (2) ...\n\
        dpkg: error processing package one (--configure):\n first\nno disk\n\
        dpkg: error processing package two (--configure):\n second\n";
    assert_eq!(dpkg_log::errors(meeting)["two"], "no disk | second");
    assert_eq!(found["broken"], "no database | installed script returned 1");
    assert_eq!(found["bad"], "no | new script returned 3");
}

#[test]
fn a_log_of_nothing_but_blame_is_read_in_linear_time() {
    // Quadratic, this takes minutes.
    let log: String = (0..20_000).map(|n| format!("dpkg: error processing package p{n} (--x):\n")).collect();
    assert_eq!(dpkg_log::errors(&log).len(), 20_000);
}

fn item(name: &str, to: &str) -> Item {
    let role = Role::Approved { reason: "test".into() };
    Item { name: name.into(), arch: "all".into(), from: Some("1.0".into()), to: to.into(), role }
}

#[test]
fn nothing_in_a_plan_can_become_an_option_or_a_line_of_a_file() {
    for (name, to) in [("-o", "2"), ("a b", "2"), ("alpha", "2\nPin-Priority: 9"), ("alpha", ""), ("", "2")] {
        let plan = Plan { items: vec![item(name, to)], held: Vec::new() };
        assert!(transaction::pending(&plan, &machine(ALPHA)).is_err(), "{name:?} {to:?}");
    }
}

#[test]
fn a_plan_never_goes_back() {
    let plan = Plan { items: vec![item("alpha", "0.9")], held: Vec::new() };
    let refused = transaction::pending(&plan, &machine(ALPHA)).unwrap_err();
    assert!(refused.to_string().contains("alpha would go back from 1.0 to 0.9"), "{refused}");
}

#[test]
fn a_transaction_that_differs_from_the_plan_is_described() {
    let steps =
        output::parse("Inst alpha [1.0] (2.0 X:1/y [all])\nInst more (1 X:1/y [amd64])\nRemv gone [3]\n");
    let (alpha, beta) = (item("alpha", "2.0"), item("beta", "2.0"));
    let found = transaction::difference(&steps.unwrap().steps, &[&alpha, &beta], &machine(ALPHA));
    assert_eq!(
        found.unwrap(),
        "more 1 would be installed; gone would be removed; beta 2.0 would not be installed"
    );
}

#[test]
fn settings_and_services_are_read_line_by_line() {
    let found = settings::parse("ARCH='amd64'\nUNATTENDED='it'\\''s'\nnonsense\n");
    assert_eq!((found.len(), &*found["UNATTENDED"]), (2, "it's"));
    assert_eq!(
        surroundings::parse_needrestart("NEEDRESTART-VER: 3\nNEEDRESTART-SVC: ssh.service\n"),
        ["ssh.service"]
    );
}

proptest! {
    #[test]
    fn no_parser_panics_whatever_it_is_given(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        feed(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_parser_panics_on_nearly_right_text(words in proptest::collection::vec(
        prop_oneof![
            Just("Inst "), Just("Remv "), Just("["), Just("]"), Just("("), Just(")"), Just("])"), Just(" => "),
            Just("\n"), Just("\n\n"), Just("Package:"), Just("Package: a"), Just("Status: "), Just("a ok installed"),
            Just("Version: 1"), Just(" "), Just("'"), Just("' "), Just("/Packages"), Just("InRelease"), Just("/binary-"),
            Just("x:"), Just("     "), Just(" *** "), Just("dpkg: error processing "), Just("package "), Just("archive "),
            Just("The following packages have been kept back:\n"), Just("-----BEGIN PGP SIGNED MESSAGE-----"), Just("é"),
        ], 0..40)) {
        feed(&words.concat());
    }
}

fn feed(text: &str) {
    let wanted = HashSet::from(["a".to_owned()]);
    output::parse(text).ok();
    policy::parse(text).ok();
    release::parse(text);
    lists::offers(text.as_bytes(), &wanted).ok();
    status::apply(&mut Status::default(), text).ok();
    status::parse_auto(text);
    settings::parse(text);
    dpkg_log::errors(text);
    if let Ok(entries) = sources::parse_uris(text) {
        sources::configured(&Root::host(), &entries, std::path::Path::new("/nonexistent"));
    }
    let mut ignore = |_: crate::pm::Progress| {};
    super::progress::show(text.as_bytes(), &mut ignore);
}
