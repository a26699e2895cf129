//! The agent on a machine whose disk is full: nothing is installed without a record, the reason is told, and with room
//! made everything goes on.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;

/// The limit of every wait here; nothing takes that long.
const SOON: Duration = Duration::from_secs(120);
const FILL: &str = "cat /dev/zero > /var/lib/patchflock/filler 2>/dev/null; true";
const ROOM: &str = "rm /var/lib/patchflock/filler";

/// A machine with an approved update of `tool`, whose state lies on a disk of a few MiB; with `apart` the agent's own
/// part of it lies elsewhere.
fn small(apart: bool, script: &str) -> Agent {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1").script("postinst", script)]).unwrap();
    let state = "/var/lib/patchflock";
    let bind = if apart { "mount --bind /root/state/agent /var/lib/patchflock/agent &&" } else { "" };
    agent
        .machine
        .ok(&format!(
            "systemctl stop patchflockd && cp -a {state} /root/state && \
             mount -t tmpfs -o size=8m,mode=755 small {state} && cp -a /root/state/. {state}/ && {bind} \
             systemctl start patchflockd"
        ))
        .unwrap();
    agent.wait_idle().unwrap();
    agent
}

#[test]
fn with_a_full_disk_a_request_waits_nothing_is_done_and_status_says_why() {
    let agent = small(false, "true");
    agent.machine.ok(FILL).unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    assert!(
        out.code > 0 && out.stderr_text().contains("No space left"),
        "an order that cannot be kept is none"
    );
    agent.machine.ok("systemd-run --quiet --collect --unit=asks patchflock scan --detach").unwrap();
    let mut said = String::new();
    door::wait("status to say what is wrong", SOON, || {
        said = agent.patchflock("status").unwrap().stdout_text().into_owned();
        said.contains("journal cannot be written") && said.contains("No space left")
    })
    .map_err(|e| format!("{e:#}: {said}"))
    .unwrap();
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    agent.machine.ok(ROOM).unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert!(["succeeded", "nothing_to_do"].contains(&entry["ending"].as_str().unwrap()), "{entry}");
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
    let status = agent.wait_idle().unwrap();
    assert_eq!(status["warnings"], serde_json::json!([]), "it is over");
}

#[test]
fn where_no_record_can_be_written_nothing_is_installed() {
    let agent = small(true, "true");
    let fill = format!("#!/bin/sh\n{FILL}\n");
    agent.machine.files().script("/etc/patchflock/hooks/pre-install.d/10-fill", &fill).unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code > 1 && said.contains("No space left"), "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "failed", "{entry}");
    // A disk that is full from the beginning.
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code > 0 && said.contains("No space left"), "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    agent.machine.ok(&format!("{ROOM}; rm /etc/patchflock/hooks/pre-install.d/10-fill")).unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn a_disk_that_a_package_fills_leaves_no_run_that_succeeded_by_mistake_or_hangs() {
    let agent = small(true, FILL);
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "failed", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("No space left"), "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed", "which the next look shows");
    agent.machine.ok(ROOM).unwrap();
    assert_eq!(agent.patchflock("scan").unwrap().code, 0);
    assert_eq!(agent.state("tool").unwrap(), "INSTALLED");
    let runs = agent.json(&format!("runs show {}", entry["spec"]["id"].as_str().unwrap())).unwrap();
    assert_eq!(runs["record"]["phase"], "interrupted", "{runs}");
}

#[test]
fn a_document_is_adopted_whole_or_not_at_all() {
    let agent = small(true, "true");
    let versions = || agent.json("get baseline").unwrap();
    let before = versions();
    agent.machine.ok(FILL).unwrap();
    let said = format!("{:#}", agent.baseline("  description: new\n").unwrap_err());
    assert!(said.contains("No space left"), "{said}");
    assert_eq!(versions(), before);
    agent.machine.ok(ROOM).unwrap();
    agent.machine.ok("systemctl restart patchflockd").unwrap();
    agent.wait_idle().unwrap();
    assert_eq!(versions(), before, "nothing of it was kept");
    agent.baseline("  description: new\n").unwrap();
    assert_eq!(versions()[0]["version"], before[0]["version"].as_u64().unwrap() + 1, "{}", versions());
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
}
