//! Amazon Linux 2023 is patched beyond the release that its repositories are locked to, and no other system is.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use chrono::DateTime;
use patchflock_machine::pm::dnf::Dnf;
use patchflock_machine::pm::{OutcomeKind, PackageManager};
use patchflock_tests::contract::{baseline, carry_out, plan_under};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::rpm::Rpm;

const LOCKED: &str = "2023.1.20230705";

/// A machine whose repository is another for each release: the locked one offers 1.1, the latest 1.2 as well.
fn machine(id: &str, version: &str) -> RootDir {
    let root = RootDir::new(&Base::rpm().unwrap()).unwrap();
    let os = format!("NAME=\"Lab\"\nID=\"{id}\"\nVERSION_ID=\"{version}\"\nPRETTY_NAME=\"Lab {version}\"\n");
    root.write("/etc/os-release", os).unwrap();
    root.write("/etc/dnf/vars/releasever", format!("{LOCKED}\n")).unwrap();
    for (release, versions) in [(LOCKED, &["1.0", "1.1"][..]), ("latest", &["1.0", "1.1", "1.2"])] {
        let mut repo = RpmRepo::new(root.at(&format!("/srv/al2023/{release}"))).unwrap();
        for version in versions {
            let rpm = repo.add(Rpm::new("tool", version, "1.amzn2023")).unwrap();
            let id = format!("ALAS2023-{version}");
            repo.advise(Advisory::security(&id, "Important").issued(door::now() - 86_400).fixes(&rpm));
        }
        repo.publish().unwrap();
    }
    let repo = "[amazonlinux]\nname=Amazon Linux $releasever\nbaseurl=file:///srv/al2023/$releasever\n\
                enabled=1\ngpgcheck=0\n";
    root.write("/etc/yum.repos.d/amazonlinux.repo", repo).unwrap();
    root.ok("dnf -q -y install tool-1.0 && dnf -q makecache").unwrap();
    root
}

fn offered(dnf: &Dnf) -> Vec<String> {
    assert_eq!(dnf.refresh(&mut |_| {}).unwrap().failed, []);
    dnf.scan().unwrap().candidates.into_iter().map(|c| c.version).collect()
}

fn etc(root: &RootDir) -> String {
    root.ok("find /etc -type f -print0 | sort -z | xargs -0 sha256sum").unwrap()
}

#[test]
fn amazon_linux_2023_is_offered_the_latest_release_in_spite_of_its_lock() {
    let root = machine("amzn", "2023");
    let before = etc(&root);
    let dnf = Dnf::new(root.root());
    assert_eq!(offered(&dnf), ["1.1-1.amzn2023", "1.2-1.amzn2023"]);
    let text = "kind: PatchBaseline\nname: lab\nspec:\n  operating_system: AMAZON_LINUX_2023\n  \
                approval_rules:\n    - approve_after_days: 0\n";
    let now = DateTime::from_timestamp(door::now(), 0).unwrap();
    let plan = plan_under(&root.root(), &dnf, &baseline(text).unwrap(), now).unwrap();
    let report = carry_out(&dnf, &plan).unwrap();
    assert_eq!(report.outcomes[0].result, OutcomeKind::Installed);
    assert_eq!(root.ok("rpm -q tool").unwrap(), "tool-1.2-1.amzn2023.noarch\n");
    // The lock is dnf's own business: it is as it was, and holds for everybody else.
    assert_eq!(etc(&root), before);
    assert_eq!(
        root.ok("dnf -q -C repoquery tool | sort | tail -1").unwrap(),
        "tool-0:1.1-1.amzn2023.noarch\n"
    );
}

#[test]
fn other_systems_are_offered_what_their_configured_release_has() {
    for (id, version) in [("amzn", "2022"), ("rocky", "9.4")] {
        let root = machine(id, version);
        assert_eq!(offered(&Dnf::new(root.root())), ["1.1-1.amzn2023"], "{id} {version}");
    }
}
