//! Our own packages on machines that run: what apt and dnf make of them from the first installation to the last trace.
//!
//! The programs are stand-ins in most of them, so that each test says which of the packages' promises it is
//! about; the real ones are installed by [`package::install`].
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::BTreeSet;

use patchflock_machine::exec::Output;
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::door;
use patchflock_tests::lab::machine::Machine;
use patchflock_tests::lab::package::{self, Packages, Recipe, tree, wait_active};
use patchflock_tests::lab::root::RootDir;

const SETTINGS: &str = "/etc/patchflock/patchflock.toml";
/// Connects, asks, shows the answer.
const ASK: &str = r#"perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => "/run/patchflock/priv.sock")
    or die "$!\n"; print $s "hello\n"; print scalar <$s>;'"#;
/// The same, and holds the connection until its file is gone; then shows whether the other side still listens.
const HOLD: &str = r#"perl -MIO::Socket::UNIX -e '$| = 1; my $s = IO::Socket::UNIX->new(Peer => "/run/patchflock/priv.sock")
    or die "$!\n"; print $s "held\n"; print scalar <$s>; open my $f, ">", "/root/hold"; close $f;
    select undef, undef, undef, 0.1 while -e "/root/hold"; print $s "bye\n"; print "ended\n" unless defined <$s>;'"#;
const TRANSACTION: &str = "systemd-run --quiet --unit=patchflock-txn-1 --collect -p Type=exec -p KillMode=process -p SendSIGKILL=no";

fn stand_in(version: &str) -> Packages {
    Recipe::stand_in().version(version).build().unwrap()
}

fn said(out: &Output) -> String {
    format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text())
}

/// Mode, owner and group of each path.
fn modes(machine: &Machine, paths: &[&str]) -> Vec<String> {
    let shown = machine.ok(&format!("stat -c '%a %U:%G' {}", paths.join(" "))).unwrap();
    shown.lines().map(str::to_owned).collect()
}

/// A property of a unit.
fn property(machine: &Machine, unit: &str, name: &str) -> String {
    machine.ok(&format!("systemctl show -P {name} {unit}")).unwrap().trim().to_owned()
}

/// What must hold on any machine after an installation, an upgrade or a boot.
fn check_installed(machine: &Machine) {
    wait_active(machine).unwrap();
    let expected = [
        ("/usr/bin/patchflock", "755 root:root"),
        ("/usr/sbin/patchflockd", "755 root:root"),
        ("/usr/libexec/patchflock/patchflock-priv", "755 root:root"),
        ("/usr/lib/systemd/system/patchflockd.service", "644 root:root"),
        (SETTINGS, "644 root:root"),
        ("/etc/patchflock", "755 root:root"),
        ("/etc/patchflock/conf.d", "755 root:root"),
        ("/etc/patchflock/hooks", "755 root:root"),
        ("/etc/patchflock/hooks/pre-install.d", "755 root:root"),
        ("/etc/patchflock/hooks/post-install.d", "755 root:root"),
        ("/etc/patchflock/hooks/pre-reboot.d", "755 root:root"),
        ("/etc/patchflock/hooks/on-exit.d", "755 root:root"),
        ("/var/lib/patchflock", "755 root:root"),
        ("/var/lib/patchflock/agent", "750 patchflock:patchflock"),
        ("/run/patchflock", "755 root:root"),
        ("/run/patchflock/agent", "755 patchflock:patchflock"),
        ("/run/patchflock/priv.sock", "660 root:patchflock"),
        ("/run/patchflock/agent/patchflockd.sock", "666 patchflock:patchflock"),
        ("/run/patchflock/agent/admin.sock", "660 patchflock:patchflock"),
    ];
    let found = modes(machine, &expected.map(|(path, _)| path));
    for ((path, wanted), found) in expected.iter().zip(&found) {
        assert_eq!(found, wanted, "{path}");
    }
    machine.ok("systemctl is-enabled patchflockd.service patchflock-priv.socket").unwrap();
    assert_eq!(machine.ok("ps -o user:16= -C patchflockd").unwrap().trim(), "patchflock");
    let account = machine.ok("getent passwd patchflock; getent shadow patchflock").unwrap();
    assert!(account.contains("nologin") && account.contains("\npatchflock:!"), "{account}");
    machine.ok("patchflock --help").unwrap();
    // No unit of ours says something that this systemd does not know.
    let verified =
        machine.run("systemd-analyze verify --man=no patchflockd.service patchflock-priv.socket").unwrap();
    assert!(!said(&verified).contains("patchflock"), "{}", said(&verified));
}

/// Who can ask the privileged half, and what it gets.
fn check_door(machine: &Machine) {
    let answer = "root=0 suspend=1 hello\n";
    assert_eq!(machine.ok(ASK).unwrap(), answer);
    let agent = format!("setpriv --reuid=patchflock --regid=patchflock --clear-groups {ASK}");
    assert_eq!(machine.ok(&agent).unwrap(), answer);
    let nobody = format!("setpriv --reuid=nobody --regid=nogroup --clear-groups {ASK}");
    assert!(said(&machine.run(&nobody).unwrap()).contains("Permission denied"));
    // Nor can the agent put a door of its own in the place of that one, or anything beside it.
    for attempt in [
        "rm -f /run/patchflock/priv.sock",
        "touch /run/patchflock/x",
        "mv /run/patchflock/agent /run/patchflock/y",
    ] {
        let attempt = format!("setpriv --reuid=patchflock --regid=patchflock --clear-groups {attempt}");
        assert_ne!(machine.run(&attempt).unwrap().code, 0, "{attempt}");
    }
}

/// Upgrades while a request is open and from inside a transaction, as a run of patchflock that patches patchflock does.
fn check_upgrade_inside_a_transaction(machine: &Machine, upgrade: &str) {
    let before = property(machine, "patchflockd", "MainPID");
    let socket = property(machine, "patchflock-priv.socket", "InvocationID");
    machine
        .ok(&format!(
            "systemd-run --quiet --unit=client -p StandardOutput=file:/root/client sh -c '{}'",
            HOLD.replace('\'', "'\\''")
        ))
        .unwrap();
    machine.ok("until test -e /root/hold; do sleep 0.1; done").unwrap();

    let line = format!("{upgrade} > /root/upgrade.log 2>&1; echo $? > /root/code; sleep 1000");
    machine.ok(&format!("{TRANSACTION} sh -c '{line}'")).unwrap();
    machine.ok("until test -s /root/code; do sleep 0.1; done").unwrap();
    assert_eq!(
        machine.ok("cat /root/code").unwrap(),
        "0\n",
        "{}",
        machine.ok("cat /root/upgrade.log").unwrap()
    );
    check_installed(machine);
    assert_eq!(property(machine, "patchflock-txn-1", "ActiveState"), "active");
    assert_ne!(property(machine, "patchflockd", "MainPID"), before, "the agent is still the old one");
    assert_eq!(
        property(machine, "patchflock-priv.socket", "InvocationID"),
        socket,
        "the door was closed meanwhile"
    );

    machine.ok("rm /root/hold; while systemctl --quiet is-active client; do sleep 0.1; done").unwrap();
    assert_eq!(machine.ok("cat /root/client").unwrap(), "root=0 suspend=1 held\nended\n");
}

/// What an older version kept, for everybody to read; then the same after an upgrade.
const OLD: &str = "cd /var/lib/patchflock && mkdir -p documents/PatchBaseline/web plans sources/apt && \
    for f in documents/log.jsonl documents/PatchBaseline/web/1.yaml plans/r-1.json survey.json sources/apt/x agent/x; do \
    touch $f && chmod 0644 $f; done && touch documents/lock && chmod 0600 documents/lock && \
    touch /run/patchflock/patchflockd.sock /run/patchflock/admin.sock && chgrp patchflock /run/patchflock && chmod 1775 /run/patchflock";

fn check_closed(machine: &Machine) {
    let expected = [
        ("documents", "750 root:patchflock"),
        ("documents/PatchBaseline/web", "750 root:patchflock"),
        ("documents/PatchBaseline/web/1.yaml", "640 root:patchflock"),
        ("documents/log.jsonl", "640 root:patchflock"),
        ("documents/lock", "600 root:root"),
        ("plans/r-1.json", "640 root:patchflock"),
        ("survey.json", "640 root:patchflock"),
        ("sources/apt/x", "644 root:root"),
        ("agent/x", "644 root:root"),
    ];
    let paths = expected.map(|(path, _)| format!("/var/lib/patchflock/{path}"));
    let found = modes(machine, &paths.each_ref().map(String::as_str));
    for ((path, wanted), found) in expected.iter().zip(&found) {
        assert_eq!(found, wanted, "{path}");
    }
    machine.ok("test ! -e /run/patchflock/patchflockd.sock -a ! -e /run/patchflock/admin.sock").unwrap();
}

/// As long as a transaction runs nothing can be removed.
fn check_removal_waits(machine: &Machine, remove: &str) {
    let out = machine.run(remove).unwrap();
    assert!(
        out.code != 0 && said(&out).contains("a transaction is running: patchflock-txn-1.service"),
        "{}",
        said(&out)
    );
    check_installed(machine);
    machine.ok("systemctl kill --kill-whom=all patchflock-txn-1; while systemctl --quiet is-active patchflock-txn-1; do sleep 0.1; done")
        .unwrap();
}

#[test]
fn the_deb_installs_upgrades_itself_and_keeps_what_the_administrator_wrote() {
    let machine = Machine::boot(&Base::debian().unwrap()).unwrap();
    stand_in("1.0").install(&machine).unwrap();
    check_installed(&machine);
    check_door(&machine);
    machine.ok("zcat /usr/share/man/man8/patchflockd.8.gz | grep -q SYNOPSIS").unwrap();
    // In tenths; 100 is no sandbox at all.
    machine.ok("systemd-analyze security --no-pager --threshold=10 patchflockd.service").unwrap();
    machine.reboot().unwrap();
    check_installed(&machine);

    machine.ok(&format!("sed -i 's/^#group.*/group = \"mine\"/' {SETTINGS}")).unwrap();
    machine.ok(OLD).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("patchflock.toml");
    std::fs::write(&other, "# other defaults\n").unwrap();
    let newer = Recipe::stand_in().version("1.1").settings(&other).build().unwrap();
    let place = newer.copy_to(&machine).unwrap();
    let upgrade = format!(
        "env DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Options::=--force-confold install {place}"
    );
    check_upgrade_inside_a_transaction(&machine, &upgrade);
    assert_eq!(machine.ok("dpkg-query -W -f '${Version}' patchflock").unwrap(), "1.1");
    check_closed(&machine);
    machine.ok(&format!("grep '^group = \"mine\"' {SETTINGS}")).unwrap();
    check_removal_waits(&machine, "apt-get -y purge patchflock");

    // Whoever turned the agent off finds it off after an upgrade.
    machine.ok("systemctl disable --now patchflockd").unwrap();
    let newest = Recipe::stand_in().version("1.2").settings(&other).build().unwrap();
    let out = newest.try_install(&machine).unwrap();
    assert!(out.success(), "{}", said(&out));
    assert_eq!(property(&machine, "patchflockd", "ActiveState"), "inactive");
    assert_eq!(property(&machine, "patchflockd", "UnitFileState"), "disabled");
}

/// Everything on the disk, with mode, owner and size; without what records that packages came and went.
fn disk(machine: &Machine) -> BTreeSet<String> {
    let skip =
        ["/srv", "/var/log", "/var/lib/dpkg", "/var/lib/apt", "/var/cache/apt", "/var/tmp", "/tmp", "/root"];
    let prune = skip.map(|p| format!("-path {p} -prune")).join(" -o ");
    let all = machine
        .ok(&format!(
            "find / -xdev \\( {prune} \\) -o -type f -printf '%p %M %u:%g %s\\n' -o -printf '%p %M %u:%g %l\\n'"
        ))
        .unwrap();
    all.lines().map(str::to_owned).collect()
}

#[test]
fn the_deb_keeps_settings_and_state_when_removed_and_leaves_nothing_but_the_account_when_purged() {
    let machine = Machine::boot(&Base::debian().unwrap()).unwrap();
    let packages = stand_in("1.0");
    let before = disk(&machine);
    packages.install(&machine).unwrap();
    machine.ok("touch /etc/patchflock/conf.d/mine.toml && mkdir -p /var/lib/patchflock/runs && touch /var/lib/patchflock/runs/1.json").unwrap();

    machine.ok("apt-get -y remove patchflock").unwrap();
    let kept = format!(
        "test -e {SETTINGS} -a -e /etc/patchflock/conf.d/mine.toml -a -e /var/lib/patchflock/runs/1.json"
    );
    machine.ok(&kept).unwrap();
    let running =
        machine.run("systemctl is-active patchflockd patchflock-priv.socket; pgrep -x patchflockd").unwrap();
    assert_ne!(running.code, 0, "{}", said(&running));
    machine.ok("test ! -e /usr/sbin/patchflockd -a ! -e /run/patchflock/priv.sock").unwrap();

    packages.install(&machine).unwrap();
    check_installed(&machine);
    check_door(&machine);
    machine.ok(&kept).unwrap();

    machine.ok("apt-get -y purge patchflock").unwrap();
    machine.ok("test ! -e /run/patchflock && ! systemctl cat patchflockd 2> /dev/null").unwrap();
    let failed = machine.ok("systemctl --failed --no-legend").unwrap();
    assert_eq!(failed, "");
    let after = disk(&machine);
    let changed: Vec<&String> = before.symmetric_difference(&after).collect();
    let account = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"];
    let is_account = |l: &&&String| account.iter().any(|a| l.starts_with(a));
    assert!(changed.iter().any(|l| is_account(&l)), "this would not notice a change: {changed:?}");
    let rest: Vec<_> = changed.iter().filter(|l| !is_account(l)).collect();
    assert!(rest.is_empty(), "{rest:#?}");
}

#[test]
fn the_rpm_installs_upgrades_itself_and_leaves_state_when_erased() {
    let machine = Machine::boot(&Base::rpm().unwrap()).unwrap();
    stand_in("1.0").install(&machine).unwrap();
    check_installed(&machine);
    check_door(&machine);
    machine.reboot().unwrap();
    check_installed(&machine);

    machine.ok(&format!("sed -i 's/^#group.*/group = \"mine\"/' {SETTINGS}")).unwrap();
    machine.ok(OLD).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("patchflock.toml");
    std::fs::write(&other, "# other defaults\n").unwrap();
    let newer = Recipe::stand_in().version("1.1").settings(&other).build().unwrap();
    let place = newer.copy_to(&machine).unwrap();
    let upgrade =
        format!("dnf -y --setopt=reposdir=/nonexistent --repofrompath=d,/srv/distribution upgrade {place}");
    check_upgrade_inside_a_transaction(&machine, &upgrade);
    assert_eq!(machine.ok("rpm -q --qf '%{version}' patchflock").unwrap(), "1.1");
    check_closed(&machine);
    machine
        .ok(&format!("grep '^group = \"mine\"' {SETTINGS} && grep 'other defaults' {SETTINGS}.rpmnew"))
        .unwrap();
    check_removal_waits(&machine, "rpm -e patchflock");

    machine.ok("touch /var/lib/patchflock/first-seen.jsonl && rpm -e patchflock").unwrap();
    machine.ok(&format!("test -e /var/lib/patchflock/first-seen.jsonl -a -e {SETTINGS}.rpmsave")).unwrap();
    machine.ok("test ! -e /usr/sbin/patchflockd -a ! -e /run/patchflock/priv.sock").unwrap();
    let running =
        machine.run("systemctl is-active patchflockd patchflock-priv.socket; pgrep -x patchflockd").unwrap();
    assert_ne!(running.code, 0, "{}", said(&running));

    // A site that wants nothing started by itself is obeyed.
    machine.files().write("/etc/systemd/system-preset/00-site.preset", "disable *\n").unwrap();
    let newest = stand_in("1.2");
    let out = newest.try_install(&machine).unwrap();
    assert!(out.success(), "{}", said(&out));
    assert_eq!(property(&machine, "patchflockd", "ActiveState"), "inactive");
    assert_eq!(property(&machine, "patchflockd", "UnitFileState"), "disabled");
}

#[test]
fn the_packages_of_the_real_programs_satisfy_the_checkers_of_both_families_and_can_be_made_again() {
    let packages = Recipe::built().unwrap().build().unwrap();
    let deb = packages.deb.display().to_string();
    let out = door::ok("lintian", ["--allow-root", "--fail-on=error,warning,info", &deb]).unwrap();
    assert_eq!(
        out.stdout_text().lines().filter(|l| !l.starts_with(['O', 'N'])).count(),
        0,
        "{}",
        out.stdout_text()
    );
    let packaging = tree().join("packaging");
    let scripts = ["build.sh", "deb/postinst", "deb/prerm", "deb/postrm"].map(|s| packaging.join(s));
    door::ok("shellcheck", scripts.iter().map(|s| s.as_os_str())).unwrap();
    let rc = packaging.join("rpm/rpmlintrc").display().to_string();
    let out = door::ok("rpmlint", ["-r", &rc, &packages.rpm.display().to_string()]).unwrap();
    assert!(out.stdout_text().contains("0 errors, 0 warnings"), "{}", out.stdout_text());

    let dir = tempfile::tempdir().unwrap();
    let again = Recipe::built().unwrap().build_into(dir.path()).unwrap();
    assert_eq!(std::fs::read(&packages.deb).unwrap(), std::fs::read(&again.deb).unwrap());
    assert_eq!(std::fs::read(&packages.rpm).unwrap(), std::fs::read(&again.rpm).unwrap());
}

#[test]
fn the_deb_of_the_real_programs_installs_where_no_systemd_runs_and_its_command_works() {
    let root = RootDir::new(&Base::debian().unwrap()).unwrap();
    let packages = Recipe::built().unwrap().build().unwrap();
    root.write("/srv/patchflock.deb", std::fs::read(&packages.deb).unwrap()).unwrap();
    root.ok("apt-get -y install /srv/patchflock.deb").unwrap();
    let help = root.ok("patchflock --help").unwrap();
    assert!(help.contains("Usage: patchflock"), "{help}");
    let links = "/etc/systemd/system/multi-user.target.wants/patchflockd.service \
                 /etc/systemd/system/sockets.target.wants/patchflock-priv.socket";
    root.ok(&format!("ls {links}")).unwrap();
    assert_eq!(root.ok("stat -c '%a %U' /var/lib/patchflock/agent").unwrap(), "750 patchflock\n");
    assert!(root.processes().is_empty(), "{:?}", root.processes());
    root.ok("apt-get -y purge patchflock").unwrap();
    root.ok(&format!("! ls {links} /etc/patchflock /var/lib/patchflock 2> /dev/null")).unwrap();
}

#[test]
fn the_real_agent_comes_up_from_its_package_and_after_a_reboot_on_both_families() {
    for base in [Base::debian().unwrap(), Base::rpm().unwrap()] {
        let machine = Machine::boot(&base).unwrap();
        package::install(&machine).unwrap();
        for boot in ["first", "second"] {
            check_installed(&machine);
            let sockets = ["agent/patchflockd.sock", "agent/admin.sock", "priv.sock"]
                .map(|s| format!("/run/patchflock/{s}"));
            assert_eq!(
                modes(&machine, &sockets.each_ref().map(String::as_str)),
                ["666 patchflock:patchflock", "660 patchflock:patchflock", "660 root:patchflock"],
                "{boot} boot"
            );
            // 3: nobody has looked at it since the boot, which is an answer as well.
            for who in ["", "runuser -u nobody -- "] {
                machine.ok(&format!("{who}patchflock status || [ $? -eq 3 ]")).unwrap();
            }
            machine.reboot().unwrap();
        }
        wait_active(&machine).unwrap();
        machine.ok("systemctl stop patchflockd").unwrap();
        assert_eq!(property(&machine, "patchflockd", "Result"), "success");
    }
}
