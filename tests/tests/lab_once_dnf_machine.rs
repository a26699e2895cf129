//! `patchflock once` on a booted machine with real dnf 4: timers, services and reboots.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::machine::Machine;
use patchflock_tests::lab::rpm::Rpm;
use serde_json::Value;

/// Exit status and JSON of one call.
fn patchflock(machine: &Machine, line: &str) -> (i32, Value) {
    let out = machine.run(&format!("patchflock {line} -o json")).unwrap();
    let json = serde_json::from_slice(&out.stdout);
    (out.code, json.unwrap_or_else(|_| Value::String(out.stderr_text().into_owned())))
}

#[test]
fn a_new_kernel_waits_for_the_reboot_and_other_updaters_are_seen_as_systemd_has_them() {
    let kernel = |v: &str| Rpm::new("kernel", v, "1").tag("Provides", "installonlypkg(kernel)");
    let machine = Machine::boot(&Base::rpm().unwrap()).unwrap();
    machine.install(&door::patchflock().unwrap()).unwrap();
    let mut repo = RpmRepo::new(machine.files().at("/srv/baseos")).unwrap();
    repo.add(kernel("5.14.0")).unwrap();
    repo.publish().unwrap();
    repo.attach(machine.files(), "file:///srv/baseos").unwrap();
    machine.ok("dnf -q -y install kernel").unwrap();
    machine.reboot().unwrap();
    // What was installed before this boot waits for nothing, although the host's kernel runs for longer.
    let (code, tried) = patchflock(&machine, "try");
    assert_eq!((code, &tried["compliance"]["status"]), (0, &Value::from("COMPLIANT")), "{tried}");

    let fixed = repo.add(kernel("5.14.1")).unwrap();
    let issued = door::now() - 30 * 86_400;
    repo.advise(Advisory::security("RLSA-1", "Important").issued(issued).fixes(&fixed));
    repo.publish().unwrap();
    let (code, done) = patchflock(&machine, "once --yes");
    assert_eq!((code, &done["after"]["status"]), (3, &Value::from("NON_COMPLIANT")), "{done}");
    assert_eq!(done["after"]["counts"]["installed_pending_reboot"], 1, "{done}");
    let both = machine.ok("rpm -q kernel").unwrap();
    assert_eq!(both.lines().count(), 2, "{both}");
    let (_, inventory) = patchflock(&machine, "inventory");
    assert_eq!(inventory["reboot"]["needed"], true, "{}", inventory["reboot"]);

    machine.reboot().unwrap();
    let (code, tried) = patchflock(&machine, "try");
    assert_eq!((code, &tried["compliance"]["status"]), (0, &Value::from("COMPLIANT")), "{tried}");

    // Debian's dnf-automatic is another package; the unit is what counts.
    for (unit, text) in [
        ("dnf-automatic-install.timer", "[Timer]\nOnCalendar=yearly\n[Install]\nWantedBy=timers.target\n"),
        ("dnf-automatic-install.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n"),
    ] {
        machine.files().write(&format!("/usr/lib/systemd/system/{unit}"), text).unwrap();
    }
    let updaters = || patchflock(&machine, "inventory").1["foreign_updaters"].clone();
    assert_eq!(updaters(), serde_json::json!([]));
    machine.ok("systemctl daemon-reload && systemctl enable --now dnf-automatic-install.timer").unwrap();
    assert_eq!(updaters()[0]["active"], true);
    machine.ok("systemctl disable --now dnf-automatic-install.timer").unwrap();
    assert_eq!(updaters(), serde_json::json!([]));
}
