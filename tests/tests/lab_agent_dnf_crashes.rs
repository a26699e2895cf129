//! The agent on a booted machine of the Red Hat family that loses a process, its cache, its repository or its plan in the
//! middle of a run.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use patchflock_tests::lab::agent_dnf::DnfAgent;
use patchflock_tests::lab::door;
use patchflock_tests::lab::rpm::Rpm;

/// A scriptlet that says that it runs and holds the transaction until a file appears.
const HOLD: &str = "touch /root/waits; while [ ! -e /root/go ]; do sleep 0.1; done";

fn rpm(name: &str, version: &str) -> Rpm {
    Rpm::new(name, version, "1").file(&format!("/usr/share/{name}/{version}"), "x")
}

/// A machine with `tool` in an old version, and a hook before the installation.
fn with_hook(body: &str) -> DnfAgent {
    let mut agent = DnfAgent::new([rpm("tool", "1.0")], "tool").unwrap();
    agent.baseline("").unwrap();
    agent.publish([rpm("tool", "1.1")]).unwrap();
    let place = "/etc/patchflock/hooks/pre-install.d/10-lab";
    agent.machine.files().script(place, &format!("#!/bin/sh\n{body}\n")).unwrap();
    agent
}

/// A machine in the middle of the upgrade of `slow`, with `tool` to come after it.
fn in_post() -> DnfAgent {
    let mut agent = DnfAgent::new([rpm("slow", "1.0"), rpm("tool", "1.0")], "slow tool").unwrap();
    agent.baseline("").unwrap();
    let slow = rpm("slow", "1.1").script("post", HOLD);
    agent.publish([slow, rpm("tool", "1.1").requires("slow >= 1.1")]).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_file("/root/waits").unwrap();
    agent
}

#[test]
fn a_killed_guard_leaves_dnf_to_finish_and_the_run_finds_what_became_of_it() {
    let agent = in_post();
    agent.machine.ok("pkill -KILL -f 'patchflock-priv [t]ransaction'").unwrap();
    agent.machine.ok("touch /root/go").unwrap();
    let entry = agent.wait_run("request").unwrap();
    let installed = agent.installed().unwrap();
    assert_eq!([&installed["slow"], &installed["tool"]], ["1.1-1", "1.1-1"], "{entry}");
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("interrupted"), "{entry}");
    assert_eq!([agent.state("slow").unwrap(), agent.state("tool").unwrap()], ["INSTALLED", "INSTALLED"]);
    agent.machine.ok("rpm --verifydb && dnf -C -q check").unwrap();
}

#[test]
fn a_killed_dnf_is_a_failed_run_and_the_next_one_repairs_and_finishes() {
    let agent = in_post();
    agent.machine.ok("pkill -KILL -f '[1]20 install want.'").unwrap();
    agent.machine.ok("touch /root/go").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "failed", "{entry}");
    assert!(entry["installed"]["failed"].to_string().contains("tool"), "{entry}");
    assert!(!agent.installed().unwrap()["tool"].contains("1.1"));
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert_eq!(out.code, 0, "{said}");
    let installed = agent.installed().unwrap();
    assert_eq!([&installed["slow"], &installed["tool"]], ["1.1-1", "1.1-1"], "{said}");
    assert_eq!([agent.state("slow").unwrap(), agent.state("tool").unwrap()], ["INSTALLED", "INSTALLED"]);
    agent.machine.ok("rpm --verifydb && dnf -C -q check").unwrap();
}

#[test]
fn a_repository_that_dies_after_the_download_does_not_stop_the_run() {
    let agent = with_hook(HOLD);
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_file("/root/waits").unwrap();
    agent.machine.cut_network().unwrap();
    agent.machine.ok("touch /root/go").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1-1");
}

#[test]
fn an_administrator_who_is_faster_leaves_nothing_to_do_and_that_is_no_failure() {
    let agent = with_hook("dnf -y upgrade tool");
    let last = "#!/bin/sh\ntouch /root/last\n";
    agent.machine.files().script("/etc/patchflock/hooks/on-exit.d/10-lab", last).unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    let entry = agent.wait_run("request").unwrap();
    assert_eq!((out.code, &entry["ending"]), (0, &"nothing_to_do".into()), "{said}\n{entry}");
    assert!(entry["installed"].is_null() || entry["installed"]["installed"] == 0, "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1-1");
    assert_eq!(agent.state("tool").unwrap(), "INSTALLED");
    // What the first hook began, the last one ends.
    agent.machine.ok("test -e /root/last").unwrap();
}

#[test]
fn a_cache_that_is_cleaned_between_the_download_and_the_installation_is_filled_again() {
    let agent = with_hook("[ -e /root/once ] || dnf clean all; touch /root/once");
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    let entry = agent.wait_run("request").unwrap();
    assert_eq!((out.code, &entry["ending"]), (0, &"succeeded".into()), "{said}\n{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1-1");
}

#[test]
fn a_power_cut_before_and_after_the_files_of_a_package_ends_with_one_version_of_each() {
    for (script, of) in [("pre", "1.1"), ("postun", "1.0")] {
        let slow = |v: &str| {
            let slow = rpm("slow", v).config("/etc/slow.conf", v);
            if v == of { slow.script(script, HOLD) } else { slow }
        };
        let mut agent = DnfAgent::new([slow("1.0"), rpm("tool", "1.0")], "slow tool").unwrap();
        agent.baseline("").unwrap();
        agent.machine.files().write("/etc/slow.conf", "mine").unwrap();
        agent.publish([slow("1.1"), rpm("tool", "1.1").requires("slow >= 1.1")]).unwrap();
        agent.machine.ok("patchflock install --yes --detach").unwrap();
        agent.wait_file("/root/waits").unwrap();
        agent.machine.power_cut().unwrap();
        agent.machine.files().write("/root/go", "").unwrap();
        agent.machine.power_on().unwrap();
        let entry = agent.wait_run("request").unwrap();
        let installed = agent.installed().unwrap();
        assert_eq!([&installed["slow"], &installed["tool"]], ["1.1-1", "1.1-1"], "%{script}: {entry}");
        assert_eq!(entry["ending"], "succeeded", "%{script}: {entry}");
        assert_eq!(agent.machine.files().read("/etc/slow.conf").unwrap(), "mine");
        agent.machine.ok("test -e /usr/share/slow/1.1 -a ! -e /usr/share/slow/1.0").unwrap();
        agent.machine.ok("rpm --verifydb && dnf -C -q check").unwrap();
    }
}

#[test]
fn a_package_that_restarts_the_agent_from_its_own_scriptlets_is_installed() {
    let mut agent = DnfAgent::new([rpm("tool", "1.0")], "tool").unwrap();
    agent.baseline("").unwrap();
    let restart = "systemctl restart patchflockd";
    agent.publish([rpm("tool", "1.1").script("post", restart).script("posttrans", restart)]).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1-1");
}

#[test]
fn a_full_disk_while_downloading_is_said_and_waited_for() {
    let mut agent = DnfAgent::new([rpm("tool", "1.0")], "tool").unwrap();
    agent.baseline("").unwrap();
    // Nothing that could be compressed.
    let mut number = 1_u64;
    let large: String = std::iter::repeat_with(|| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{number:016x}")
    })
    .take(400_000)
    .collect();
    agent.publish([rpm("tool", "1.1").file("/usr/share/tool/large", &large)]).unwrap();
    agent.machine.ok("mount -t tmpfs -o size=1m tmpfs /var/cache/dnf").unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let waiting = || agent.status().unwrap()["active"]["waiting"][1].clone();
    door::wait("the run to wait for room", Duration::from_secs(100), || !waiting().is_null()).unwrap();
    let said = waiting().as_str().unwrap().to_owned();
    assert!(said.contains("tool-1.1-1") && said.contains("disk"), "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0-1");
    agent.machine.ok("umount /var/cache/dnf").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1-1");
}
