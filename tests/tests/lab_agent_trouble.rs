//! The agent on a booted machine whose package manager is replaced, blocked, cut off or killed under its hands.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use patchflock_api::order::Order;
use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::package::Recipe;
use patchflock_tests::lab::privileged::place;

/// A script that holds the transaction until a file appears.
const HOLD: &str = "while [ ! -e /root/go ]; do sleep 0.1; done";
/// The limit of every wait here; nothing takes that long.
const SOON: Duration = Duration::from_secs(120);
/// Holds dpkg's lock, as another package manager does, until a file appears.
const HOLDER: &str = r#"use Fcntl;
open(my $file, ">>", "/var/lib/dpkg/lock-frontend") or die $!;
my $lock = pack("s s x![q] q q i", F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLKW, $lock) or die $!;
open(my $held, ">", "/run/held") or die $!;
select(undef, undef, undef, 0.1) until -e "/root/free";
"#;
/// A machine with an approved update of these packages, and dpkg's lock in somebody else's hands.
fn locked() -> Agent {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    let files = agent.machine.files();
    files.write("/etc/apt/apt.conf.d/98lock", "DPkg::Lock::Timeout \"1\";\n").unwrap();
    files.write("/root/holder", HOLDER).unwrap();
    agent.machine.ok("systemd-run --quiet --unit=holder --collect perl /root/holder").unwrap();
    door::wait("the lock to be held", SOON, || agent.machine.ok("test -e /run/held").is_ok()).unwrap();
    agent
}

/// Waits until the run in progress waits, and gives the reason.
fn waits(agent: &Agent) -> String {
    let mut why = String::new();
    door::wait("the run to wait", SOON, || {
        let status = agent.status().unwrap_or_default();
        status["active"]["waiting"][1].as_str().unwrap_or_default().clone_into(&mut why);
        !why.is_empty()
    })
    .unwrap();
    why
}

#[test]
fn the_agent_is_upgraded_by_a_run_of_its_own_and_the_run_goes_on() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    let package = Recipe::built().unwrap().version("9.9.9").build().unwrap().deb;
    let ours = Deb::of_file(&package).unwrap();
    let version = ours.version().to_owned();
    agent.publish([ours, Deb::new("tool", "1.1")]).unwrap();
    let process = "systemctl show -P MainPID patchflockd";
    let before = agent.machine.ok(process).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(
        (&entry["ending"], &entry["installed"]["installed"]),
        (&"succeeded".into(), &2.into()),
        "{entry}"
    );
    let installed = agent.installed().unwrap();
    assert_eq!(installed["tool"], "1.1 installed");
    assert_eq!(installed["patchflock"], format!("{version} installed"));
    let after = agent.machine.ok(process).unwrap();
    assert!(after != before && after.trim() != "0", "{before} -> {after}");
    let status = agent.wait_idle().unwrap();
    assert_eq!(status["last_run"]["spec"]["id"], entry["spec"]["id"], "{status}");
    let surveys = entry["steps"].as_array().unwrap().iter().filter(|s| s["step"] == "survey").count();
    assert_eq!(surveys, 1, "followed, not begun anew: {entry}");
    // The privileged half of the new version answers, too.
    assert_eq!(agent.patchflock("scan").unwrap().code, 0);
}

#[test]
fn a_lock_in_other_hands_is_waited_for_and_its_holder_named() {
    let agent = locked();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let why = waits(&agent);
    assert!(why.contains("perl (process "), "{why}");
    let shown = agent.patchflock("status").unwrap();
    assert!(shown.stdout_text().contains("perl (process "), "{}", shown.stdout_text());
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    agent.machine.ok("touch /root/free").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn a_request_that_expires_while_it_waits_is_skipped_and_says_for_whom_it_waited() {
    let agent = locked();
    let soon = agent.machine.ok("date -u +%FT%TZ -d '+20 seconds'").unwrap();
    let order = place(&agent.machine, Order::default()).unwrap();
    let body = format!("{{\"operation\":\"install\",\"order\":\"{order}\",\"expires\":\"{}\"}}", soon.trim());
    let said = agent.ask("POST /v1/runs", &body).unwrap();
    assert!(said.contains(" 20") && said.contains("\"run\""), "{said}");
    waits(&agent);
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "skipped", "{entry}");
    let why = entry["reason"].as_str().unwrap();
    assert!(why.contains("cutoff passed") && why.contains("perl (process "), "{why}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
}

#[test]
fn a_lock_that_is_taken_before_the_transaction_is_waited_for_and_past_the_time_nothing_was_tried() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    let files = agent.machine.files();
    files.write("/etc/apt/apt.conf.d/98lock", "DPkg::Lock::Timeout \"1\";\n").unwrap();
    files.write("/root/holder", HOLDER).unwrap();
    let hook = "#!/bin/sh\nsystemd-run --quiet --unit=holder --collect perl /root/holder\n\
                while [ ! -e /run/held ]; do sleep 0.1; done\n";
    files.script("/etc/patchflock/hooks/pre-install.d/10-lock", hook).unwrap();
    let soon = agent.machine.ok("date -u +%FT%TZ -d '+25 seconds'").unwrap();
    let order = place(&agent.machine, Order::default()).unwrap();
    let body = format!("{{\"operation\":\"install\",\"order\":\"{order}\",\"expires\":\"{}\"}}", soon.trim());
    agent.ask("POST /v1/runs", &body).unwrap();
    let why = waits(&agent);
    assert!(why.contains("perl (process "), "{why}");
    assert_eq!(agent.status().unwrap()["active"]["step"], "transaction");
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "skipped", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("perl (process "), "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    assert_eq!(agent.state("tool").unwrap(), "MISSING", "nobody tried to install it");
    agent.machine.ok("touch /root/free; rm /etc/patchflock/hooks/pre-install.d/10-lock").unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn a_reboot_that_somebody_orders_waits_for_the_transaction_and_the_run_is_told_truly() {
    let mut agent = Agent::new([Deb::new("slow", "1.0"), Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("slow", "1.1").script("postinst", HOLD), Deb::new("tool", "1.1")]).unwrap();
    let boot = agent.machine.boot_id().unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_script("slow").unwrap();
    // The answer may be lost with the machine that gives it.
    agent.machine.run("systemctl reboot").ok();
    let lives = |what: &str| agent.machine.command_lines().iter().any(|line| line.contains(what));
    door::wait("the agent to be stopped", SOON, || !lives("/usr/sbin/patchflockd")).unwrap();
    assert!(lives("slow.postinst") && lives("patchflock-priv transaction"), "the transaction was ended");
    assert_eq!(agent.machine.boot_id().unwrap(), boot);
    agent.machine.files().write("/root/go", "").unwrap();
    agent.machine.wait_boot_after(&boot).unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(
        (&entry["ending"], &entry["installed"]["installed"]),
        (&"succeeded".into(), &2.into()),
        "{entry}"
    );
    let installed = agent.installed().unwrap();
    assert_eq!([&installed["slow"], &installed["tool"]], ["1.1 installed", "1.1 installed"]);
    assert_eq!(agent.machine.ok("dpkg --audit").unwrap(), "");
}

/// A run whose transaction is held by a script.
fn held() -> Agent {
    let mut agent = Agent::new([Deb::new("slow", "1.0"), Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.machine.files().write("/etc/apt/apt.conf.d/98lock", "DPkg::Lock::Timeout \"1\";\n").unwrap();
    agent.publish([Deb::new("slow", "1.1").script("postinst", HOLD), Deb::new("tool", "1.1")]).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_script("slow").unwrap();
    agent
}

/// The run has ended well, says that it was interrupted, and everything is installed.
fn ended_well_after_an_interruption(agent: &Agent) {
    let entry = agent.wait_run("request").unwrap();
    let installed = agent.installed().unwrap();
    assert_eq!([&installed["slow"], &installed["tool"]], ["1.1 installed", "1.1 installed"], "{entry}");
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("interrupted"), "{entry}");
    assert_eq!(agent.machine.ok("dpkg --audit").unwrap(), "");
}

#[test]
fn where_the_guard_is_killed_the_package_manager_is_waited_for() {
    let agent = held();
    agent.machine.ok("pkill -KILL -f '^/usr/libexec/patchflock/patchflock-priv transaction'").unwrap();
    let why = waits(&agent);
    assert!(why.contains("(process "), "{why}");
    agent.wait_script("slow").unwrap();
    agent.machine.ok("touch /root/go").unwrap();
    ended_well_after_an_interruption(&agent);
}

#[test]
fn where_guard_and_dpkg_are_killed_the_machine_is_repaired_and_patched() {
    let agent = held();
    agent.machine.ok("pkill -KILL -f '^/usr/libexec/patchflock/patchflock-priv transaction'; pkill -KILL -x apt-get; pkill -KILL -x dpkg; touch /root/go").unwrap();
    ended_well_after_an_interruption(&agent);
}

#[test]
fn where_dpkg_is_killed_what_became_of_each_package_is_told_truly() {
    let agent = held();
    agent.machine.ok("pkill -KILL -x dpkg; touch /root/go").unwrap();
    let entry = agent.wait_run("request").unwrap();
    let installed = agent.installed().unwrap();
    let done = |name: &str| installed[name] == "1.1 installed";
    let number = ["slow", "tool"].iter().filter(|n| done(n)).count();
    assert_eq!(agent.machine.ok("dpkg --audit").unwrap(), "", "{entry}");
    assert_eq!(entry["ending"] == "succeeded", number == 2, "{installed:?}: {entry}");
    if entry["installed"].is_object() {
        assert_eq!(entry["installed"]["installed"], number, "{installed:?}: {entry}");
    }
    for name in ["slow", "tool"] {
        assert_eq!(agent.state(name).unwrap() == "INSTALLED", done(name), "{name}: {entry}");
    }
}
