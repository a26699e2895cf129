//! The agent on a booted machine that loses its daemon, its power or its repository in the middle of a run.
#![cfg(feature = "lab")]

use std::time::{Duration, Instant};

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;

/// A script that holds the transaction until a file appears.
const HOLD: &str = "while [ ! -e /root/go ]; do sleep 0.1; done";

#[test]
fn a_transaction_outlives_the_agent_and_is_reported_after_its_restart() {
    let mut agent = Agent::new([Deb::new("slow", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("slow", "1.1").script("postinst", HOLD)]).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_script("slow").unwrap();
    // Killed like by the kernel, then ended in order, which takes no longer than a second.
    agent.machine.kill9("patchflockd").unwrap();
    agent.wait_step("transaction").unwrap();
    let asked = Instant::now();
    agent.machine.ok("systemctl stop patchflockd").unwrap();
    assert!(asked.elapsed() < Duration::from_secs(20), "ended while the transaction goes on");
    agent.wait_script("slow").unwrap();
    agent.machine.ok("touch /root/go; systemctl start patchflockd").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(
        (&entry["ending"], &entry["installed"]["installed"]),
        (&"succeeded".into(), &1.into()),
        "{entry}"
    );
    assert_eq!(agent.installed().unwrap()["slow"], "1.1 installed");
    let tried = entry["steps"].as_array().unwrap().iter().filter(|s| s["step"] == "survey").count();
    assert_eq!(tried, 1, "followed, not begun anew: {entry}");
}

#[test]
fn a_package_that_restarts_the_agent_from_its_own_script_is_installed() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1").script("postinst", "systemctl restart patchflockd")]).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn after_a_power_cut_in_the_transaction_the_machine_is_repaired_and_patched_in_the_same_run() {
    let mut agent = Agent::new([Deb::new("slow", "1.0"), Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("slow", "1.1").script("postinst", HOLD), Deb::new("tool", "1.1")]).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_script("slow").unwrap();
    agent.machine.power_cut().unwrap();
    agent.machine.files().write("/root/go", "").unwrap();
    agent.machine.power_on().unwrap();
    let entry = agent.wait_run("request").unwrap();
    let installed = agent.installed().unwrap();
    assert_eq!([&installed["slow"], &installed["tool"]], ["1.1 installed", "1.1 installed"], "{entry}");
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("interrupted"), "{entry}");
    assert_eq!(agent.state("slow").unwrap(), "INSTALLED");
}

#[test]
fn a_repository_that_dies_after_the_download_does_not_stop_the_run() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    agent
        .machine
        .files()
        .script("/etc/patchflock/hooks/pre-install.d/10-wait", &format!("#!/bin/sh\n{HOLD}\n"))
        .unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_step("pre_install").unwrap();
    agent.machine.cut_network().unwrap();
    agent.machine.ok("touch /root/go").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn a_run_reboots_where_the_machine_shows_that_it_must_and_proves_the_result_after_the_boot() {
    let mut agent = Agent::new([Deb::new("engine", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    let asks = "touch /run/reboot-required; echo engine >> /run/reboot-required.pkgs";
    agent.publish([Deb::new("engine", "1.1").script("postinst", asks)]).unwrap();
    let boot = agent.machine.boot_id().unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.machine.wait_boot_after(&boot).unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    let boots = entry["reboot"].as_array().unwrap();
    assert_eq!(boots[0], boot.as_str());
    assert_eq!(boots[1], agent.machine.boot_id().unwrap().as_str());
    assert_eq!(agent.state("engine").unwrap(), "INSTALLED");
    // Told never to, it stays up and says that a reboot is missing.
    agent.publish([Deb::new("engine", "1.2").script("postinst", asks)]).unwrap();
    let boot = agent.machine.boot_id().unwrap();
    assert_eq!(agent.patchflock("install --yes --reboot never").unwrap().code, 3);
    assert_eq!(agent.machine.boot_id().unwrap(), boot);
    assert_eq!(agent.state("engine").unwrap(), "INSTALLED_PENDING_REBOOT");
}

#[test]
fn the_index_can_be_deleted_and_nothing_is_lost() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    let before =
        (agent.json("runs").unwrap(), agent.json("runs --package tool").unwrap(), agent.json("get").unwrap());
    assert!(!before.1.as_array().unwrap().is_empty(), "{}", before.1);
    agent.machine.ok("systemctl stop patchflockd && rm -rf /var/lib/patchflock/agent/index && systemctl start patchflockd").unwrap();
    agent.wait_idle().unwrap();
    let after =
        (agent.json("runs").unwrap(), agent.json("runs --package tool").unwrap(), agent.json("get").unwrap());
    assert_eq!(before, after);
}
