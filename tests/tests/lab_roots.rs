//! Roots and repositories of the lab do what the tests built on them assume.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::path::Path;
use std::time::Duration;

use patchflock_machine::exec::Command;
use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::claim;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::http::{Fault, Server};
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::rpm::Rpm;

const UPDATE: &str = "apt-get -o APT::Update::Error-Mode=any update";

/// A Debian root with `tool` 1.0 installed and 1.1 in the security suite of a local repository.
fn debian() -> (RootDir, AptRepo) {
    let root = RootDir::new(&Base::debian().unwrap()).unwrap();
    let mut repo = AptRepo::new(root.at("/srv/debian")).unwrap();
    repo.suite(Suite::debian("bookworm")).suite(Suite::debian_security("bookworm"));
    repo.add("bookworm", Deb::new("tool", "1.0").conffile("/etc/tool.conf", "a\n")).unwrap();
    repo.publish().unwrap();
    repo.attach(&root, "file:/srv/debian").unwrap();
    root.ok(&format!("{UPDATE} && apt-get install -y tool")).unwrap();
    repo.add("bookworm-security", Deb::new("tool", "1.1")).unwrap();
    repo.publish().unwrap();
    (root, repo)
}

fn mounted(dir: &Path) -> bool {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&dir.display().to_string())
}

#[test]
fn a_root_is_writable_and_leaves_nothing() {
    let base = Base::debian().unwrap();
    let root = RootDir::new(&base).unwrap();
    let dir = root.path().to_owned();
    root.ok("touch /etc/mark && test -e /proc/self && echo x > /dev/null").unwrap();
    root.ok("setsid sleep 1000 > /dev/null 2>&1 &").unwrap();
    assert!(mounted(&dir) && !base.path().join("etc/mark").exists());
    drop(root);
    assert!(!mounted(&dir) && !dir.exists());
}

#[test]
fn what_a_killed_owner_left_is_swept_and_what_lives_is_not() {
    let alive = RootDir::new(&Base::debian().unwrap()).unwrap();
    // A leftover: a claim's directory whose lock nobody holds, with a mount in it.
    let dead = claim::state_dir().join(format!("dead{}", std::process::id()));
    let mount = format!("mkdir -p {0}/m && mount -t tmpfs lab {0}/m", dead.display());
    let host = patchflock_machine::root::Root::host();
    assert!(Command::new(&host, "sh").args(["-c", &mount]).run().unwrap().success());
    claim::sweep(false).unwrap();
    assert!(!dead.exists() && !mounted(&dead));
    alive.ok("true").unwrap();
}

#[test]
fn the_base_has_genuine_security_updates_open() {
    let root = RootDir::new(&Base::debian().unwrap()).unwrap();
    root.use_mirror().unwrap();
    let plan = root.ok("apt-get -s -o Debug::NoLocking=1 dist-upgrade").unwrap();
    let open = plan.lines().filter(|l| l.starts_with("Inst ") && l.contains("ecurity")).count();
    assert!(open > 0, "{plan}");
}

#[test]
fn apt_sees_the_origin_and_a_version_that_moves() {
    let (root, mut repo) = debian();
    root.ok(UPDATE).unwrap();
    let security = root.ok("apt-get -s upgrade").unwrap();
    assert!(
        security.contains("Inst tool [1.0] (1.1 Debian-Security:oldstable-security [all])"),
        "{security}"
    );
    repo.move_version("tool", "1.1", "bookworm-security", "bookworm").unwrap();
    repo.publish().unwrap();
    root.ok(UPDATE).unwrap();
    let moved = root.ok("apt-get -s upgrade").unwrap();
    assert!(moved.contains("Inst tool [1.0] (1.1 Debian:oldstable [all])"), "{moved}");
    root.ok("apt-get -y upgrade && dpkg -s tool | grep -x 'Version: 1.1'").unwrap();
}

#[test]
fn apt_refuses_a_repository_that_is_expired_torn_dead_or_forged() {
    let (root, mut repo) = debian();
    let refused = |why: &str| {
        let out = root.run(UPDATE).unwrap();
        assert!(!out.success() && out.stderr_text().contains(why), "{why}: {}", out.stderr_text());
    };
    repo.truncate("bookworm-security").unwrap();
    refused("Hash Sum mismatch");
    repo.publish().unwrap();
    root.ok(UPDATE).unwrap();
    repo.kill().unwrap();
    refused("no longer has a Release file");
    repo.revive().unwrap();
    repo.suite_mut("bookworm-security").unwrap().valid_until = None;
    repo.publish().unwrap();
    root.ok(UPDATE).unwrap();
    let stranger = AptRepo::new(root.at("/srv/stranger")).unwrap();
    let release = repo.dir().join("dists/bookworm/Release");
    stranger.key().clearsign(&release, &release.with_file_name("InRelease")).unwrap();
    refused("NO_PUBKEY");
    repo.publish().unwrap();
    repo.expire("bookworm-security").unwrap();
    refused("is expired (invalid since");
}

#[test]
fn a_failing_maintainer_script_leaves_the_package_half_configured() {
    let (root, mut repo) = debian();
    repo.add("bookworm-security", Deb::new("tool", "1.2").script("postinst", "echo no >&2; exit 3")).unwrap();
    repo.publish().unwrap();
    root.ok(UPDATE).unwrap();
    assert_eq!(root.run("apt-get -y upgrade").unwrap().code, 100);
    assert_eq!(
        root.ok("dpkg-query -W -f '${db:Status-Status} ${Version}' tool").unwrap(),
        "half-configured 1.2"
    );
}

#[test]
fn apt_and_dnf_meet_the_faults_of_a_web_server() {
    let (root, repo) = debian();
    let server = Server::start(repo.dir()).unwrap();
    repo.attach(&root, &server.uri()).unwrap();
    root.ok(UPDATE).unwrap();
    assert!(server.take_requests().contains(&"/dists/bookworm-security/InRelease".to_owned()));
    server.fault("tool_1.1", Fault::Status(404));
    let out = root.run("apt-get -y upgrade").unwrap();
    assert!(out.stderr_text().contains("404"), "{}", out.stderr_text());
    server.heal();
    server.fault("tool_1.1", Fault::Truncate);
    assert_ne!(root.run("apt-get -y -o Acquire::Retries=0 upgrade").unwrap().code, 0);
    server.heal();
    server.fault("tool_1.1", Fault::Stall);
    let patient = root.run("apt-get -y -o Acquire::http::Timeout=1 -o Acquire::Retries=0 upgrade").unwrap();
    assert_ne!(patient.code, 0);
    server.heal();
    root.ok("apt-get -y upgrade").unwrap();
}

#[test]
fn dnf_sees_advisories_and_their_severity() {
    let root = RootDir::new(&Base::rpm().unwrap()).unwrap();
    let mut repo = RpmRepo::signed(root.at("/srv/baseos")).unwrap();
    repo.add(Rpm::new("tool", "1.0", "1").program("/usr/bin/tool", "#!/bin/sh\necho 100%\n")).unwrap();
    repo.publish().unwrap();
    repo.attach(&root, "file:///srv/baseos").unwrap();
    root.ok("dnf -y install tool && test \"$(tool)\" = 100%").unwrap();
    let fixed = repo.add(Rpm::new("tool", "1.1", "1").built_at(1_700_000_000)).unwrap();
    let broken = repo.add(Rpm::new("tool", "1.2", "1").script("pre", "exit 7")).unwrap();
    repo.advise(
        Advisory::security("RLSA-2026:0001", "Important")
            .issued(1_750_000_000)
            .fixes(&fixed)
            .cve("CVE-2026-1")
            .reboot(),
    );
    repo.advise(Advisory::new("RLBA-2026:0002", "bugfix").fixes(&broken));
    repo.publish().unwrap();
    assert_eq!(root.run("dnf -q --refresh check-update").unwrap().code, 100);
    let list = root.ok("dnf -q updateinfo list").unwrap();
    assert!(list.contains("RLSA-2026:0001 Important/Sec. tool-1.1-1.noarch"), "{list}");
    assert!(root.ok("dnf -q updateinfo info RLSA-2026:0001").unwrap().contains("CVE-2026-1"));
    assert_ne!(root.run("dnf -y upgrade tool-1.2-1").unwrap().code, 0);
    assert_eq!(root.ok("rpm -q tool").unwrap(), "tool-1.0-1.noarch\n");
    root.ok("dnf -y upgrade tool-1.1-1").unwrap();
    assert_eq!(root.ok("rpm -q --qf '%{version} %{buildtime}' tool").unwrap(), "1.1 1700000000");
    repo.truncate().unwrap();
    assert_ne!(root.run("dnf clean all && dnf check-update").unwrap().code, 0);
    repo.publish().unwrap();
    repo.kill().unwrap();
    assert_ne!(root.run("dnf clean all && dnf check-update").unwrap().code, 0);
}

#[test]
fn parallel_roots_of_one_base_do_not_see_each_other() {
    let base = Base::debian().unwrap();
    let roots: Vec<RootDir> = (0..3).map(|_| RootDir::new(&base).unwrap()).collect();
    for (n, root) in roots.iter().enumerate() {
        root.write("/etc/number", n.to_string()).unwrap();
    }
    for (n, root) in roots.iter().enumerate() {
        assert_eq!(root.read("/etc/number").unwrap(), n.to_string());
    }
    let waited = patchflock_tests::lab::door::wait("the impossible", Duration::from_millis(50), || false);
    assert_eq!(waited.unwrap_err().to_string(), "waited 0 s for the impossible");
}
