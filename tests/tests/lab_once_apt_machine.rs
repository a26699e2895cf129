//! `patchflock once` on a machine that runs: reboots, and what shows that one is needed.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::machine::Machine;
use patchflock_tests::lab::site::{self, MAIN, SECURITY};
use serde_json::Value;

/// Exit code and report of `patchflock try`.
fn look(machine: &Machine) -> (i32, Value) {
    let out = machine.run("patchflock try -o json").unwrap();
    (out.code, site::json(&out).unwrap())
}

fn state(report: &Value, name: &str) -> String {
    let patches = report["compliance"]["patches"].as_array().unwrap();
    let found = patches.iter().find(|p| p["name"] == name).unwrap();
    found["state"].as_str().unwrap().to_owned()
}

#[test]
fn patches_wait_for_a_reboot_where_the_machine_asks_for_one_and_compliance_returns_after_it() {
    let machine = Machine::boot(&Base::debian().unwrap()).unwrap();
    site::install(machine.files()).unwrap();
    let mut repo = AptRepo::new(machine.files().at("/srv/debian")).unwrap();
    repo.suite(Suite::debian(MAIN)).suite(Suite::debian_security(MAIN));
    for name in ["tool", "engine"] {
        repo.add(MAIN, Deb::new(name, "1.0")).unwrap();
    }
    repo.publish().unwrap();
    repo.attach(machine.files(), "file:/srv/debian").unwrap();
    machine.ok(&format!("{} && apt-get install -y tool engine", site::UPDATE)).unwrap();

    // A container without a kernel of its own knows that it needs no boot, before a run and after it.
    let (code, report) = look(&machine);
    assert_eq!(code, 0, "{report}");
    repo.add(SECURITY, Deb::new("tool", "1.1")).unwrap();
    let asks = "touch /run/reboot-required; echo engine >> /run/reboot-required.pkgs";
    repo.add(SECURITY, Deb::new("engine", "1.1").script("postinst", asks)).unwrap();
    repo.publish().unwrap();
    let out = machine.run("patchflock once --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert_eq!(out.code, 3, "{said}");
    assert!(said.contains("a reboot is needed for 1 patches (/run/reboot-required names engine)"), "{said}");

    let (code, report) = look(&machine);
    assert_eq!((code, &report["compliance"]["status"]), (3, &"NON_COMPLIANT".into()), "{report}");
    assert_eq!(state(&report, "engine"), "INSTALLED_PENDING_REBOOT");
    assert_eq!(state(&report, "tool"), "INSTALLED");
    machine.reboot().unwrap();
    let (code, report) = look(&machine);
    assert_eq!((code, &report["compliance"]["status"]), (0, &"COMPLIANT".into()), "{report}");
    assert_eq!([state(&report, "engine"), state(&report, "tool")], ["INSTALLED", "INSTALLED"]);

    // The first process runs on a library that was replaced: nothing but a boot, or its own restart, changes that.
    machine.ok("lib=$(sed -n 's/.* \\(\\/.*libcrypto.so.*\\|\\/.*libsystemd-shared.*\\)/\\1/p' /proc/1/maps | head -1) && \
                cp -a $lib $lib.new && mv $lib.new $lib")
        .unwrap();
    repo.add(SECURITY, Deb::new("tool", "1.2")).unwrap();
    repo.publish().unwrap();
    let out = machine.run("patchflock once --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code == 3 && said.contains("process 1 runs on replaced files"), "{said}");
    // No package is named, so what was installed since the boot waits, and only that.
    let (_, report) = look(&machine);
    assert_eq!([state(&report, "engine"), state(&report, "tool")], ["INSTALLED", "INSTALLED_PENDING_REBOOT"]);
    machine.reboot().unwrap();
    let (code, report) = look(&machine);
    assert_eq!(code, 0, "{report}");
}
