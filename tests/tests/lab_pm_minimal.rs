//! Which version of several a plan takes on rpm, beside what the commands do that AWS quotes for it (reference 1.6
//! point 4): without non-security updates the newest version that a matching notice names (`upgrade-minimal`), also
//! where a repository offers newer ones; with them the newest of every package that a matching notice names (`upgrade`).
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use chrono::DateTime;
use patchflock_baselines::plan::Target;
use patchflock_machine::pm::dnf::Dnf;
use patchflock_machine::pm::{InstallReport, OutcomeKind, PackageManager, PmError};
use patchflock_tests::contract::{baseline, carry_out, plan_of, plan_under};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::rpm::Rpm;

fn rpm(name: &str, version: &str) -> Rpm {
    Rpm::new(name, version, "1")
}

/// What a notice says of one version.
enum Notice {
    Security(&'static str),
    Bugfix,
    Enhancement,
    None,
}
use Notice::{Bugfix, Enhancement, None as Unnamed, Security};

/// Every package with what is offered beyond 1.0, and what its notices say.
fn offers() -> Vec<(&'static str, Vec<Notice>)> {
    vec![
        ("fixed-then-unnamed", vec![Security("Important"), Unnamed]),
        ("fixed-then-bugfix", vec![Security("Critical"), Bugfix]),
        ("fixed-then-low", vec![Security("Important"), Security("Low")]),
        ("low-then-fixed", vec![Security("Low"), Security("Important")]),
        ("fixed-then-enhanced", vec![Security("Important"), Enhancement]),
        ("enhanced", vec![Enhancement]),
        ("unnamed", vec![Unnamed]),
    ]
}

/// A machine with 1.0 of everything.
fn machine() -> RootDir {
    let root = RootDir::new(&Base::rpm().unwrap()).unwrap();
    let mut repo = RpmRepo::new(root.at("/srv/base")).unwrap();
    let mut ask = vec!["exact", "exact-lib", "needs", "needs-lib"];
    for name in ask.clone() {
        repo.add(rpm(name, "1.0")).unwrap();
    }
    for (name, _) in offers() {
        repo.add(rpm(name, "1.0")).unwrap();
        ask.push(name);
    }
    repo.publish().unwrap();
    repo.attach(&root, "file:///srv/base").unwrap();
    root.ok(&format!("dnf -q -y install {}", ask.join(" "))).unwrap();
    let mut number = 0;
    let mut advise = |repo: &mut RpmRepo, rpm: &Rpm, notice: &Notice| {
        number += 1;
        let id = format!("LAB-{number}");
        let advisory = match notice {
            Security(severity) => Advisory::security(&id, severity),
            Bugfix => Advisory::new(&id, "bugfix"),
            Enhancement => Advisory::new(&id, "enhancement"),
            Unnamed => return,
        };
        repo.advise(advisory.issued(door::now() - 86_400).fixes(rpm));
    };
    for (name, notices) in offers() {
        for (n, notice) in notices.iter().enumerate() {
            let new = repo.add(rpm(name, &format!("1.{}", n + 1))).unwrap();
            advise(&mut repo, &new, notice);
        }
    }
    // An older version whose library must be the older one, too.
    for version in ["1.1", "1.2"] {
        let new = repo.add(rpm("exact", version).requires(&format!("exact-lib = {version}"))).unwrap();
        advise(&mut repo, &new, if version == "1.1" { &Security("Important") } else { &Unnamed });
        repo.add(rpm("exact-lib", version)).unwrap();
    }
    repo.add(rpm("needs", "1.1").requires("needs-lib >= 1.1")).unwrap();
    for version in ["1.1", "1.2"] {
        repo.add(rpm("needs-lib", version)).unwrap();
    }
    repo.publish().unwrap();
    root.ok("dnf -q makecache --refresh").unwrap();
    root
}

fn installed(root: &RootDir) -> Vec<String> {
    let all = root.ok("rpm -qa --qf '%{name} %{version}\\n' | sort").unwrap();
    all.lines().map(str::to_owned).collect()
}

/// What is installed after a run under a baseline with these rules.
fn patched(rules: &str) -> Vec<String> {
    let root = machine();
    let dnf = Dnf::new(root.root());
    let text = format!("kind: PatchBaseline\nname: lab\nspec:\n  operating_system: ROCKY_LINUX\n{rules}");
    let now = DateTime::from_timestamp(door::now(), 0).unwrap();
    let plan = plan_under(&root.root(), &dnf, &baseline(&text).unwrap(), now).unwrap();
    let report = carry_out(&dnf, &plan).unwrap();
    assert!(report.outcomes.iter().all(|o| o.result == OutcomeKind::Installed), "{report:?}");
    installed(&root)
}

/// What is installed after a command of dnf.
fn by_dnf(command: &str) -> Vec<String> {
    let root = machine();
    root.ok(&format!("dnf -q -y {command}")).unwrap();
    installed(&root)
}

fn rules(non_security: bool) -> String {
    format!(
        "  approval_rules:\n    - filters:\n        CLASSIFICATION: [Security]\n        \
         SEVERITY: [Critical, Important]\n      approve_after_days: 0\n      enable_non_security: {non_security}\n    \
         - filters:\n        CLASSIFICATION: [Bugfix]\n      approve_after_days: 0\n      \
         enable_non_security: {non_security}\n"
    )
}

const SEVERITIES: &str = "--sec-severity=Critical --sec-severity=Important --bugfix";

#[test]
fn without_non_security_updates_the_newest_version_that_a_matching_notice_names_is_taken() {
    let ours = patched(&rules(false));
    assert_eq!(ours, by_dnf(&format!("upgrade-minimal {SEVERITIES}")));
    for line in ["exact 1.1", "exact-lib 1.1", "fixed-then-low 1.1", "fixed-then-bugfix 1.2"] {
        assert!(ours.iter().any(|l| l == line), "{line}: {ours:?}");
    }
}

#[test]
fn with_non_security_updates_the_newest_of_every_package_that_a_matching_notice_names_is_taken() {
    let ours = patched(&rules(true));
    assert_eq!(ours, by_dnf(&format!("upgrade {SEVERITIES}")));
    for line in ["exact 1.2", "fixed-then-low 1.2", "fixed-then-enhanced 1.2", "enhanced 1.0", "unnamed 1.0"]
    {
        assert!(ours.iter().any(|l| l == line), "{line}: {ours:?}");
    }
}

#[test]
fn a_rule_without_filters_takes_what_a_security_notice_names_under_either_security_rule() {
    let by_dnf = by_dnf("upgrade-minimal --security");
    for rule in ["candidate", "any_version"] {
        let spec = format!("  security_rule: {rule}\n  approval_rules:\n    - approve_after_days: 0\n");
        assert_eq!(patched(&spec), by_dnf, "{rule}");
    }
}

#[test]
fn an_exact_version_is_installed_though_newer_ones_are_offered_and_never_taken_back() {
    let root = machine();
    let dnf = Dnf::new(root.root());
    let target = |version: &str| Target {
        name: "exact".into(),
        arch: "noarch".into(),
        version: format!("{version}-1"),
    };
    let plan_to = |version| plan_of(&dnf.simulate(&[target(version)]).unwrap()).unwrap();
    let plan = plan_to("1.1");
    let items: Vec<_> = plan.items.iter().map(|i| format!("{} {}", i.name, i.to)).collect();
    assert_eq!(items, ["exact 1.1-1", "exact-lib 1.1-1"]);
    let failed = |report: InstallReport| {
        let failed = report.outcomes.into_iter().filter(|o| o.result != OutcomeKind::Installed);
        failed.collect::<Vec<_>>()
    };
    assert_eq!(failed(carry_out(&dnf, &plan).unwrap()), []);
    assert!(installed(&root).contains(&"exact 1.1".to_owned()));
    assert_eq!(failed(carry_out(&dnf, &plan_to("1.2")).unwrap()), []);
    let back = dnf.simulate(&[target("1.1")]).unwrap();
    assert!(back.changes.is_empty() && back.refused[0].why.contains("newer"), "{back:?}");
    assert!(matches!(carry_out(&dnf, &plan), Err(PmError::NotThePlan { .. })));
    assert!(installed(&root).contains(&"exact 1.2".to_owned()));
}

#[test]
fn a_dependency_comes_in_at_its_latest_version() {
    // Reference 1.6 point 9, where it differs from upgrade-minimal.
    let ours = patched("  approved_patches: [needs]\n  approved_patches_enable_non_security: true\n");
    assert!(ours.contains(&"needs 1.1".to_owned()) && ours.contains(&"needs-lib 1.2".to_owned()), "{ours:?}");
}
