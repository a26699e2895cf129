//! The agent beside other programs that have a say in updates: unattended-upgrades and needrestart.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::machine::Machine;
use patchflock_tests::lab::package;

const TIMER: &str = "apt-daily-upgrade.timer";

/// A machine where unattended-upgrades would install by itself; the package is a stand-in, its timer and the settings
/// that turn it on are the real ones.
fn unattended() -> Agent {
    let agent = Agent::new([Deb::new("unattended-upgrades", "2.9"), Deb::new("tool", "1.0")]).unwrap();
    let on = "APT::Periodic::Unattended-Upgrade \"1\";\n";
    agent.machine.files().write("/etc/apt/apt.conf.d/20auto-upgrades", on).unwrap();
    agent.machine.ok(&format!("systemctl -q unmask {TIMER} && systemctl -q enable --now {TIMER}")).unwrap();
    agent.baseline("").unwrap();
    agent
}

/// Whether the timer is enabled, and whether it runs.
fn timer(agent: &Agent) -> String {
    let line = format!("echo $(systemctl is-enabled {TIMER}) $(systemctl is-active {TIMER})");
    agent.machine.ok(&line).unwrap().trim().to_owned()
}

fn mask(agent: &Agent, word: &str) {
    let setting = format!("[agent]\nforeign_updaters = \"{word}\"\n");
    agent.machine.files().write("/etc/patchflock/conf.d/updaters.toml", setting).unwrap();
}

#[test]
fn another_updater_is_told_of_until_it_is_masked_and_is_back_after_the_removal() {
    let agent = unattended();
    assert_eq!(agent.patchflock("scan").unwrap().code, 0);
    let said = agent.patchflock("status").unwrap().stdout_text().into_owned();
    assert!(said.contains("also installs updates here: unattended-upgrades"), "{said}");
    assert_eq!(timer(&agent), "enabled active", "reporting changes nothing");

    mask(&agent, "mask");
    assert_eq!(agent.patchflock("scan").unwrap().code, 0);
    assert_eq!(timer(&agent), "masked inactive");
    let said = agent.patchflock("status").unwrap().stdout_text().into_owned();
    assert!(!said.contains("also installs updates here"), "{said}");

    // An upgrade leaves it so, a removal does not.
    agent.machine.ok("apt-get -y --reinstall install /srv/patchflock/*.deb").unwrap();
    assert_eq!(timer(&agent), "masked inactive");
    agent.machine.ok("apt-get -y remove patchflock").unwrap();
    assert_eq!(timer(&agent), "enabled active");
    agent.machine.ok("test ! -e /var/lib/patchflock/masked.json").unwrap();
}

#[test]
fn a_masked_updater_is_back_after_the_next_run_that_finds_it_is_to_be_reported_only() {
    let agent = unattended();
    mask(&agent, "mask");
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    assert_eq!(timer(&agent), "masked inactive");
    mask(&agent, "report");
    assert_eq!(agent.patchflock("scan").unwrap().code, 0);
    assert_eq!(timer(&agent), "enabled active");
}

#[test]
fn the_removal_of_the_rpm_brings_a_masked_updater_back_too() {
    let machine = Machine::boot(&Base::rpm().unwrap()).unwrap();
    let files = machine.files();
    let timer = "[Timer]\nOnCalendar=*-*-* 6:00\n[Install]\nWantedBy=timers.target\n";
    files.write("/usr/lib/systemd/system/dnf-automatic.timer", timer).unwrap();
    let service = "[Service]\nType=oneshot\nExecStart=/bin/true\n";
    files.write("/usr/lib/systemd/system/dnf-automatic.service", service).unwrap();
    machine.ok("systemctl daemon-reload && systemctl -q enable --now dnf-automatic.timer").unwrap();
    let mask = "[agent]\nforeign_updaters = \"mask\"\n";
    files.write("/etc/patchflock/conf.d/updaters.toml", mask).unwrap();
    package::install(&machine).unwrap();
    let state = "echo $(systemctl is-enabled dnf-automatic.timer) $(systemctl is-active dnf-automatic.timer)";
    door::wait("the first scan to mask it", Duration::from_secs(120), || {
        machine.ok(state).is_ok_and(|said| said.trim() == "masked inactive")
    })
    .unwrap();
    machine.ok("dnf -y remove patchflock").unwrap();
    assert_eq!(machine.ok(state).unwrap().trim(), "enabled active");
    machine.ok("test ! -e /var/lib/patchflock/masked.json").unwrap();
}

#[test]
fn needrestart_is_told_to_restart_nothing_while_packages_are_installed() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    // Where needrestart hooks itself into apt. It does nothing when the variable is set.
    let hook = "DPkg::Post-Invoke {\"env > /root/hook\"; };\n";
    agent.machine.files().write("/etc/apt/apt.conf.d/99needrestart", hook).unwrap();
    agent.publish([Deb::new("tool", "1.1").script("postinst", "env > /root/script")]).unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    for place in ["/root/hook", "/root/script"] {
        let said = agent.machine.files().read(place).unwrap();
        let suspended = said.lines().find_map(|l| l.strip_prefix("NEEDRESTART_SUSPEND="));
        assert!(suspended.is_some_and(|v| !v.is_empty()), "{place}: {said}");
    }
}
