//! Other updaters are put to rest on a machine that runs systemd, stay so over a reboot, and come back as they were.
//!
//! Masking is a matter of the machine itself, so this very program is copied into it and does there what it is told
//! ([`the_part_that_runs_inside_a_machine`]).
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use patchflock_machine::host::updaters::{self, How, Masked};
use patchflock_machine::root::Root;
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::machine::Machine;

/// What the copy of this program is told to do.
const TOLD: &str = "LAB_UPDATERS";
const RECORD: &str = "/var/lib/patchflock/masked.json";
/// Every unit that the test looks at.
const UNITS: &str = "apt-daily-upgrade.timer apt-daily.timer dnf-automatic.timer dnf-automatic-download.timer \
                     dnf-automatic-install.timer packagekit-offline-update.service";

#[test]
fn the_part_that_runs_inside_a_machine() {
    let root = Root::host();
    match std::env::var(TOLD).as_deref() {
        Ok("mask") => {
            println!("\nanswer {}", serde_json::to_string(&updaters::mask(&root).unwrap()).unwrap())
        }
        Ok("restore") => {
            let masked = updaters::masked(&root).unwrap().unwrap_or_default();
            updaters::restore(&root, &masked).unwrap();
        }
        Ok(other) => unreachable!("{other}"),
        // On the host it only shows that there is no record of anything there.
        Err(_) => assert_eq!(updaters::masked(&Root::at("/nonexistent")).unwrap(), None),
    }
}

struct Lab {
    machine: Machine,
    program: String,
}

impl Lab {
    /// A machine with the timers of apt as Debian enables them, those of dnf-automatic in three states, and an offline
    /// update that PackageKit would install at the next boot.
    fn new() -> Self {
        let machine = Machine::boot(&Base::debian().unwrap()).unwrap();
        let ours = std::env::current_exe().unwrap();
        machine.install(&ours).unwrap();
        let program = format!("/usr/bin/{}", ours.file_name().unwrap().to_string_lossy());
        let files = machine.files();
        let timer = |unit: &str| {
            format!(
                "[Timer]\nOnCalendar=*-*-* 6:00\nUnit={unit}.service\n[Install]\nWantedBy=timers.target\n"
            )
        };
        let service = "[Service]\nType=oneshot\nExecStart=/bin/true\n";
        files.write("/usr/lib/systemd/system/dnf-automatic.service", service).unwrap();
        for name in ["dnf-automatic", "dnf-automatic-download"] {
            files.write(&format!("/usr/lib/systemd/system/{name}.timer"), timer("dnf-automatic")).unwrap();
        }
        // The administrator's own file lies where a mask would.
        files.write("/etc/systemd/system/dnf-automatic-install.timer", timer("dnf-automatic")).unwrap();
        let offline = "[Unit]\nDefaultDependencies=no\nRequires=sysinit.target\nAfter=sysinit.target\n\
                       Before=shutdown.target system-update.target\n\
                       [Service]\nType=oneshot\nExecStart=/bin/sh -c 'rm -f /system-update; touch /updated'\n\
                       ExecStart=/bin/systemctl --no-block reboot\n";
        files.write("/usr/lib/systemd/system/packagekit-offline-update.service", offline).unwrap();
        files.write("/var/lib/PackageKit/prepared-update", "tool").unwrap();
        machine
            .ok("mkdir -p /usr/lib/systemd/system/system-update.target.wants && \
                 ln -s ../packagekit-offline-update.service /usr/lib/systemd/system/system-update.target.wants/ && \
                 ln -s /var/cache /system-update && systemctl daemon-reload && \
                 systemctl -q unmask apt-daily.timer apt-daily-upgrade.timer && \
                 systemctl -q enable --now apt-daily.timer apt-daily-upgrade.timer && \
                 systemctl -q enable --now dnf-automatic.timer dnf-automatic-install.timer")
            .unwrap();
        Self { machine, program }
    }

    fn told(&self, what: &str) -> String {
        let test = "--exact the_part_that_runs_inside_a_machine --nocapture";
        self.machine.ok(&format!("{TOLD}={what} {} {test}", self.program)).unwrap()
    }

    fn mask(&self) -> Masked {
        let out = self.told("mask");
        serde_json::from_str(out.lines().find_map(|l| l.strip_prefix("answer ")).unwrap()).unwrap()
    }

    /// Everything that masking could have changed.
    fn state(&self) -> String {
        let line = format!(
            "for u in {UNITS}; do echo $u $(systemctl is-enabled $u) $(systemctl is-active $u); done; \
             find /etc/systemd /system-update -printf '%p %l\\n' | sort"
        );
        self.machine.ok(&line).unwrap()
    }

    fn unit(&self, name: &str) -> String {
        let state = self.state();
        let line = state.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        line.to_owned()
    }
}

#[test]
fn what_would_update_by_itself_rests_over_a_reboot_and_comes_back_as_it_was() {
    let lab = Lab::new();
    let before = lab.state();
    assert_eq!(lab.unit("dnf-automatic-download.timer"), "disabled inactive");
    let masked = lab.mask();
    let names: Vec<_> = masked.units.iter().map(|u| (u.name.as_str(), u.state.as_str(), u.active)).collect();
    let wanted = [
        ("apt-daily-upgrade.timer", "enabled", true),
        ("dnf-automatic-download.timer", "disabled", false),
        ("dnf-automatic-install.timer", "enabled", true),
        ("dnf-automatic.timer", "enabled", true),
        ("packagekit-offline-update.service", "static", false),
    ];
    assert_eq!(names, wanted);
    assert_eq!(masked.units[2].how, How::Disabled);
    assert_eq!(masked.offline_update.as_deref(), Some("/var/cache".as_ref()));
    let rests = || {
        for name in ["apt-daily-upgrade", "dnf-automatic", "dnf-automatic-download"] {
            assert_eq!(lab.unit(&format!("{name}.timer")), "masked inactive");
        }
        assert_eq!(lab.unit("dnf-automatic-install.timer"), "disabled inactive");
        assert_eq!(lab.unit("packagekit-offline-update.service"), "masked inactive");
        assert_eq!(lab.unit("apt-daily.timer"), "enabled active", "it only fetches");
    };
    rests();
    assert_eq!(lab.mask(), masked, "again is the same");

    lab.machine.reboot().unwrap();
    rests();
    assert!(!lab.machine.files().at("/updated").exists(), "the offline update was installed");
    assert_eq!(lab.mask(), masked, "and again after a reboot");
    lab.told("restore");
    assert_eq!(lab.state(), before);
    assert!(!lab.machine.files().at(RECORD).exists());
    lab.told("restore");
    assert_eq!(lab.state(), before, "there was nothing to restore");
}

#[test]
fn what_happens_in_between_is_heeded() {
    let lab = Lab::new();
    // Apt before 1.4 fetches and installs in one service.
    let old = "[Service]\nExecStart=\nExecStart=/usr/lib/apt/apt.systemd.daily\n";
    lab.machine.files().write("/etc/systemd/system/apt-daily.service.d/old.conf", old).unwrap();
    lab.machine.ok("systemctl daemon-reload").unwrap();
    lab.machine.ok("systemctl -q mask --now dnf-automatic-download.timer").unwrap();
    let masked = lab.mask();
    assert_eq!(lab.unit("apt-daily.timer"), "masked inactive");
    assert!(!masked.units.iter().any(|u| u.name == "dnf-automatic-download.timer"), "not ours to restore");

    // The administrator wants one of them, and turns it off again: that is how it stays.
    lab.machine
        .ok("systemctl -q unmask dnf-automatic.timer && systemctl -q disable dnf-automatic.timer")
        .unwrap();
    lab.told("restore");
    assert_eq!(lab.unit("dnf-automatic.timer"), "disabled inactive");
    assert_eq!(lab.unit("dnf-automatic-download.timer"), "masked inactive");
    assert_eq!(lab.unit("apt-daily.timer"), "enabled active");

    // A restoration that was cut off after it had unmasked and before it could start.
    lab.mask();
    let record = lab.machine.files().read(RECORD).unwrap();
    assert!(record.contains("\"restoring\":false"), "{record}");
    lab.machine.files().write(RECORD, record.replace("\"restoring\":false", "\"restoring\":true")).unwrap();
    lab.machine.ok("systemctl -q unmask apt-daily-upgrade.timer").unwrap();
    assert_eq!(lab.unit("apt-daily-upgrade.timer"), "enabled inactive");
    lab.told("restore");
    assert_eq!(lab.unit("apt-daily-upgrade.timer"), "enabled active");

    // A package that is gone when its timer is to come back leaves nothing behind.
    lab.mask();
    lab.machine.ok("rm /usr/lib/systemd/system/dnf-automatic.timer && systemctl daemon-reload").unwrap();
    lab.told("restore");
    lab.machine.ok("test ! -L /etc/systemd/system/dnf-automatic.timer").unwrap();

    // A damaged record is not passed over: it says what was.
    lab.machine.files().write(RECORD, "{\"units\":").unwrap();
    let test = "--exact the_part_that_runs_inside_a_machine --nocapture";
    let out = lab.machine.run(&format!("{TOLD}=mask {} {test}", lab.program)).unwrap();
    assert!(out.code != 0 && out.stderr_text().contains("Damaged"), "{}", out.stderr_text());
    assert_eq!(lab.unit("apt-daily-upgrade.timer"), "enabled active");
}
