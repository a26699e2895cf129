//! Power cuts of a machine in every phase of a run but the transaction: after the next boot the run ends, tells the truth,
//! and no hook has run twice.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::http::Fault;

/// The limit of every wait here; nothing takes that long.
const SOON: Duration = Duration::from_secs(120);
const HOOKS: [&str; 4] = ["pre-install", "post-install", "pre-reboot", "on-exit"];

/// A machine with an approved update, and hooks that note that they ran.
fn noted() -> Agent {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    for point in HOOKS {
        let path = format!("/etc/patchflock/hooks/{point}.d/10-note");
        let note = "#!/bin/sh\necho $PATCHFLOCK_HOOK >> /root/hooks; sync /root/hooks\n";
        agent.machine.files().script(&path, note).unwrap();
    }
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    agent
}

/// The hooks that ran, in order.
fn hooks(agent: &Agent) -> String {
    let noted = agent.machine.files().read("/root/hooks").unwrap_or_default();
    noted.lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_power_cut_while_packages_are_fetched_costs_the_download_and_nothing_else() {
    let agent = noted();
    agent.server.fault(".deb", Fault::Stall);
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_step("fetch").unwrap();
    agent.machine.power_cut().unwrap();
    agent.server.heal();
    agent.machine.power_on().unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
    assert_eq!(hooks(&agent), "pre-install post-install on-exit");
}

#[test]
fn a_hook_that_a_power_cut_interrupted_is_not_repeated_and_nothing_is_installed() {
    let agent = noted();
    let wait = "#!/bin/sh\ntouch /root/waits; while :; do sleep 0.1; done\n";
    agent.machine.files().script("/etc/patchflock/hooks/pre-install.d/20-wait", wait).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let waits = agent.machine.files().at("/root/waits");
    door::wait("the hook to run", SOON, || waits.exists()).unwrap();
    agent.machine.power_cut().unwrap();
    agent.machine.power_on().unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "failed", "{entry}");
    let why = entry["reason"].as_str().unwrap();
    assert!(why.contains("interrupted") && why.contains("nothing was installed"), "{why}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    assert_eq!(hooks(&agent), "pre-install on-exit");
    // The next run is free to.
    agent.machine.ok("rm /etc/patchflock/hooks/pre-install.d/20-wait").unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn hooks_after_the_installation_are_not_repeated_either_and_what_was_installed_is_told() {
    let mut agent = noted();
    let waits = agent.machine.files().at("/root/waits");
    let mut version = 1;
    for (point, wanted) in [
        ("post-install", "pre-install post-install on-exit"),
        ("on-exit", "pre-install post-install on-exit"),
        ("pre-reboot", "pre-install post-install pre-reboot on-exit"),
    ] {
        let hook = format!("/etc/patchflock/hooks/{point}.d/20-wait");
        let wait = "#!/bin/sh\ntouch /root/waits; while :; do sleep 0.1; done\n";
        agent.machine.files().script(&hook, wait).unwrap();
        let reboot = if point == "pre-reboot" { "always" } else { "never" };
        agent.machine.ok(&format!("patchflock install --yes --detach --reboot {reboot}")).unwrap();
        door::wait("the hook to run", SOON, || waits.exists()).unwrap();
        let id = agent.status().unwrap()["active"]["spec"]["id"].clone();
        agent.machine.power_cut().unwrap();
        for file in ["/root/waits", &hook] {
            std::fs::remove_file(agent.machine.files().at(file)).unwrap();
        }
        agent.machine.power_on().unwrap();
        let entry = agent.wait_idle().unwrap()["last_run"].clone();
        assert_eq!((&entry["spec"]["id"], &entry["ending"]), (&id, &"failed".into()), "{point}: {entry}");
        assert!(entry["reason"].as_str().unwrap().contains("interrupted"), "{point}: {entry}");
        assert_eq!(entry["installed"]["installed"], 1, "{point}: {entry}");
        assert_eq!(agent.installed().unwrap()["tool"], format!("1.{version} installed"), "{point}");
        assert_eq!(hooks(&agent), wanted, "{point}");
        std::fs::remove_file(agent.machine.files().at("/root/hooks")).unwrap();
        version += 1;
        agent.publish([Deb::new("tool", &format!("1.{version}"))]).unwrap();
    }
}

#[test]
fn a_power_cut_while_the_machine_goes_down_for_its_reboot_is_that_reboot() {
    let agent = noted();
    let slow = "[Unit]\nAfter=patchflock-priv.socket\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n\
                ExecStop=/bin/sh -c 'while [ ! -e /root/go ]; do sleep 0.1; done'\nTimeoutStopSec=infinity\n";
    agent.machine.files().write("/etc/systemd/system/slow-stop.service", slow).unwrap();
    agent.machine.ok("systemctl daemon-reload && systemctl start slow-stop").unwrap();
    let boot = agent.machine.boot_id().unwrap();
    agent.machine.ok("patchflock install --yes --detach --reboot always").unwrap();
    let lives = |what: &str| agent.machine.command_lines().iter().any(|line| line.contains(what));
    door::wait("the machine to go down", SOON, || lives("/root/go") && !lives("/usr/sbin/patchflockd"))
        .unwrap();
    assert_eq!(agent.machine.boot_id().unwrap(), boot, "it is held up");
    agent.machine.power_cut().unwrap();
    agent.machine.power_on().unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(entry["reboot"][0], boot.as_str(), "{entry}");
    assert_eq!(entry["reboot"][1], agent.machine.boot_id().unwrap().as_str(), "one reboot: {entry}");
    assert_eq!(hooks(&agent), "pre-install post-install pre-reboot on-exit");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn a_power_cut_while_the_result_is_verified_is_followed_by_another_look() {
    let agent = noted();
    // Takes the machine's lock at each boot before the agent can, as long as the file is there.
    let holder = "[Unit]\nBefore=patchflockd.service\nConditionPathExists=/root/hold\n[Service]\nExecStart=/usr/bin/flock \
                  /run/patchflock.lock /bin/sh -c 'while [ -e /root/hold ]; do sleep 0.1; done'\n\
                  [Install]\nWantedBy=multi-user.target\n";
    agent.machine.files().write("/etc/systemd/system/holder.service", holder).unwrap();
    agent.machine.ok("systemctl daemon-reload && systemctl -q enable holder && touch /root/hold").unwrap();
    let boot = agent.machine.boot_id().unwrap();
    agent.machine.ok("patchflock install --yes --detach --reboot always").unwrap();
    agent.machine.wait_boot_after(&boot).unwrap();
    agent.wait_step("verify").unwrap();
    let verified_in = agent.machine.boot_id().unwrap();
    agent.machine.power_cut().unwrap();
    std::fs::remove_file(agent.machine.files().at("/root/hold")).unwrap();
    agent.machine.power_on().unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(entry["reboot"], serde_json::json!([boot, verified_in]), "the run's own reboot: {entry}");
    assert_eq!(entry["after"]["status"], "COMPLIANT", "{entry}");
    assert_eq!(hooks(&agent), "pre-install post-install pre-reboot on-exit");
}
