//! Machines boot, reboot, lose power and network, and leave nothing.
#![cfg(feature = "lab")]

use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::http::Server;
use patchflock_tests::lab::machine::Machine;
use patchflock_tests::lab::network::{GATEWAY, Network};

#[test]
fn a_debian_and_an_rpm_machine_boot_side_by_side_and_one_reboots() {
    let network = Network::new().unwrap();
    let debian = Machine::boot_in(&network, &Base::debian().unwrap()).unwrap();
    let rpm = Machine::boot_in(&network, &Base::rpm().unwrap()).unwrap();
    assert_eq!(debian.ok("cat /etc/hostname").unwrap().trim(), debian.name());
    assert!(rpm.ok("dnf --version && . /etc/os-release && echo $ID").unwrap().contains("rocky"));
    assert_ne!(debian.boot_id().unwrap(), rpm.boot_id().unwrap());
    assert_ne!(debian.ok("cat /etc/machine-id").unwrap(), rpm.ok("cat /etc/machine-id").unwrap());

    debian.ok(&format!("ping -c1 -W5 {} && ping -c1 -W5 {GATEWAY}", rpm.address().unwrap())).unwrap();
    let before = debian.boot_id().unwrap();
    debian.ok("echo kept > /var/kept && echo lost > /run/lost").unwrap();
    debian.reboot().unwrap();
    assert_ne!(debian.boot_id().unwrap(), before);
    assert_eq!(debian.ok("cat /var/kept; test ! -e /run/lost && echo gone").unwrap(), "kept\ngone\n");
    debian.ok(&format!("ping -c1 -W5 {}", rpm.address().unwrap())).unwrap();
}

#[test]
fn a_machine_survives_a_power_cut_a_cut_link_and_a_killed_service() {
    let machine = Machine::boot(&Base::debian().unwrap()).unwrap();
    machine.ok("echo kept > /var/kept && sync").unwrap();
    machine.power_cut().unwrap();
    assert!(machine.run("true").unwrap_err().to_string().ends_with(" is off"));
    machine.power_on().unwrap();
    assert_eq!(machine.ok("cat /var/kept").unwrap(), "kept\n");

    machine.cut_network().unwrap();
    assert_ne!(machine.run(&format!("ping -c1 -W1 {GATEWAY}")).unwrap().code, 0);
    machine.heal_network().unwrap();
    machine.ok(&format!("ping -c1 -W5 {GATEWAY}")).unwrap();

    machine.ok("systemd-run --unit=victim --property=Restart=no sleep 1000").unwrap();
    machine.kill9("sleep").unwrap();
    machine.ok("until systemctl is-failed victim; do sleep 0.1; done").unwrap();
    machine.power_off().unwrap();
    assert!(machine.leader().is_none());
}

#[test]
fn a_machine_installs_from_a_repository_on_its_network_and_leaves_nothing() {
    let machine = Machine::boot(&Base::debian().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut repo = AptRepo::new(dir.path().join("debian")).unwrap();
    repo.suite(Suite::debian("bookworm"));
    repo.add("bookworm", Deb::new("tool", "1.0").program("/usr/bin/tool", "#!/bin/sh\necho hello\n"))
        .unwrap();
    repo.publish().unwrap();
    let server = Server::in_network(machine.network().unwrap(), repo.dir()).unwrap();
    repo.attach(machine.files(), &server.uri()).unwrap();
    machine.ok("apt-get -o APT::Update::Error-Mode=any update && apt-get -y install tool").unwrap();
    assert_eq!(machine.ok("tool").unwrap(), "hello\n");

    let (name, place) = (machine.name().to_owned(), machine.files().path().to_owned());
    drop((server, machine));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&name) && !place.exists(), "{mounts}");
    assert!(!std::path::Path::new("/run/netns").join(format!("pfl-{name}")).exists());
}
