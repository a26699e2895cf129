//! The command line on a booted machine as an administrator meets it: what is shown before the question, what an answer
//! does, and what is said when the agent is not there.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;

/// Runs `patchflock` on a terminal with somebody who types this line; its exit status and all that it showed.
fn typed(agent: &Agent, line: &str, args: &str) -> (i32, String) {
    let command = format!("echo '{line}' | TERM=dumb script -qec 'patchflock {args}' /dev/null");
    let out = agent.machine.run(&command).unwrap();
    (out.code, format!("{}{}", out.stdout_text(), out.stderr_text()))
}

fn said(agent: &Agent, args: &str) -> (i32, String) {
    let out = agent.patchflock(args).unwrap();
    (out.code, format!("{}{}", out.stdout_text(), out.stderr_text()))
}

#[test]
fn the_plan_is_shown_and_only_a_yes_installs_it() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    let hook = "/etc/patchflock/hooks/pre-install.d/10-drain";
    agent.machine.files().script(hook, "#!/bin/sh\ntouch /root/drained\n").unwrap();
    let (code, shown) = said(&agent, "install </dev/null");
    assert!(code == 1 && shown.contains("--yes") && shown.contains("nothing was done"), "{shown}");
    assert_eq!(
        agent
            .json("runs")
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .filter(|r| r["spec"]["operation"] == "install")
            .count(),
        0
    );
    let (code, shown) = typed(&agent, "n", "install");
    assert_eq!(code, 1, "{shown}");
    for part in [
        "tool",
        "1.0",
        "1.1",
        "hooks: pre-install 10-drain",
        "reboot: ",
        "Change 1 package as shown",
        "nothing was changed",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    assert!(!agent.machine.files().at("/root/drained").exists(), "{shown}");
    let (code, shown) = typed(&agent, "y", "install --reboot never");
    assert_eq!(code, 0, "{shown}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
    let (code, shown) = typed(&agent, "n", "install --reboot never");
    assert!(code == 0 && shown.contains("Nothing to install") && !shown.contains("[y/N]"), "{shown}");
    // What was done answers to the beginning of its name.
    let id = agent.json("runs").unwrap()[0]["spec"]["id"].as_str().unwrap().to_owned();
    let (code, shown) = said(&agent, &format!("runs show {}", &id[..id.len() - 4]));
    assert!(code == 0 && shown.contains(&id), "{shown}");
}

#[test]
fn a_name_that_nobody_knows_is_doubted_and_what_waits_is_counted() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    agent
        .default_baseline(
            "  operating_system: DEBIAN\n  approval_rules:\n    - filters: {PRIORITY: ['*']}\n      approve_after_days: 7\n",
        )
        .unwrap();
    said(&agent, "scan");
    let (code, shown) = said(&agent, "status");
    assert!(code == 0 && shown.contains("1 waiting for approval, the next on "), "{shown}");
    let (code, shown) = said(&agent, "approve tol --baseline lab");
    assert!(
        code == 1 && shown.contains("no patch here is called tol") && shown.contains("nearest: tool"),
        "{shown}"
    );
    let (code, shown) = said(&agent, "approve tool --baseline lab");
    assert!(code == 0 && shown.contains("PatchBaseline lab updated (version 2)"), "{shown}");
}

#[test]
fn settings_that_cannot_be_read_are_named_by_every_command_that_needs_the_agent() {
    let agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.machine.files().write("/etc/patchflock/conf.d/wrong.toml", "[node\ngroup = 1\n").unwrap();
    agent.machine.run("systemctl restart patchflockd").unwrap();
    door::wait("the agent to be gone", Duration::from_secs(60), || said(&agent, "status").0 == 2).unwrap();
    let (_, shown) = said(&agent, "status");
    for part in [
        "journalctl -u patchflockd -n 20",
        "/etc/patchflock/conf.d/wrong.toml",
        "systemctl reset-failed patchflockd && systemctl restart patchflockd",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    agent.machine.ok("rm /etc/patchflock/conf.d/wrong.toml").unwrap();
    agent.machine.ok("systemctl reset-failed patchflockd && systemctl restart patchflockd").unwrap();
    agent.wait_idle().unwrap();
}
