//! Reboot evidence, services that use replaced files, and other updaters: read from files, without a process.
//!
//! `needs-restarting` (a dnf plugin that may be absent and costs a second of Python) is not called; its rule is
//! followed: one of a list of packages was installed after the machine booted.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use patchflock_baselines::inventory::{ForeignUpdater, Installed, RebootEvidence};

use crate::host::{booted, exists, list, read_text};
use crate::root::Root;

/// Packages that only a reboot brings into use: those of needs-restarting, and what other agents add (gnutls and
/// openssl-libs, osconfig; the kernels of Oracle).
const NEED_REBOOT: &[&str] = &[
    "kernel",
    "kernel-core",
    "kernel-PAE",
    "kernel-rt",
    "kernel-rt-core",
    "kernel-uek",
    "kernel-uek-core",
    "glibc",
    "linux-firmware",
    "microcode_ctl",
    "systemd",
    "dbus",
    "dbus-broker",
    "dbus-daemon",
    "gnutls",
    "openssl-libs",
];
/// Directory in which administrators and packages add names to that list.
const MORE: &str = "/etc/dnf/plugins/needs-restarting.d";
/// Services named at most.
const SERVICES: usize = 500;

/// Whether a reboot is needed. A system in a directory needs none: nothing of it runs.
pub(super) fn reboot(root: &Root, installed: &[Installed]) -> RebootEvidence {
    if !root.is_host() {
        return RebootEvidence { needed: Some(false), evidence: Vec::new() };
    }
    match booted(root) {
        Some(at) => reboot_since(at, installed, &more_names(root)),
        None => RebootEvidence::default(),
    }
}

fn more_names(root: &Root) -> BTreeSet<String> {
    let files = list(root, MORE, 1000).unwrap_or_default();
    let texts = files
        .iter()
        .filter(|f| f.ends_with(".conf"))
        .filter_map(|f| read_text(root, &format!("{MORE}/{f}"), 64 << 10).ok());
    texts
        .flat_map(|t| {
            t.lines()
                .map(|l| l.trim().to_owned())
                .filter(|l| !l.is_empty() && !l.starts_with('#'))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The rule itself; also counts a notice that suggests a reboot for a version installed since.
fn reboot_since(booted: DateTime<Utc>, installed: &[Installed], more: &BTreeSet<String>) -> RebootEvidence {
    // Amazon Linux 2023 names its newer kernels kernel6.12.
    let listed = |name: &str| {
        NEED_REBOOT.contains(&name)
            || more.contains(name)
            || name.strip_prefix("kernel").is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut evidence = Vec::new();
    for p in installed.iter().filter(|p| p.installed_at.is_some_and(|at| at > booted)) {
        let suggests = p.advisories.iter().find(|a| a.reboot_suggested);
        if listed(&p.name) {
            evidence.push(format!("{} {} was installed after the machine booted", p.name, p.version));
        } else if let Some(advisory) = suggests {
            evidence.push(format!("{} {}: {} suggests a reboot", p.name, p.version, advisory.id));
        }
    }
    RebootEvidence { needed: Some(!evidence.is_empty()), evidence }
}

/// Units whose processes still map files that were deleted, as an upgrade leaves them; what may not be read
/// (other users' processes without root) is left out.
pub(super) fn services_to_restart(root: &Root) -> Vec<String> {
    if !root.is_host() {
        return Vec::new();
    }
    let mut units = BTreeSet::new();
    for pid in list(root, "/proc", 1 << 20).unwrap_or_default() {
        if !pid.bytes().all(|b| b.is_ascii_digit()) || units.len() >= SERVICES {
            continue;
        }
        let Ok(cgroup) = read_text(root, &format!("/proc/{pid}/cgroup"), 64 << 10) else { continue };
        let Some(unit) = unit_of(&cgroup) else { continue };
        if units.contains(&unit) {
            continue;
        }
        let Ok(maps) = read_text(root, &format!("/proc/{pid}/maps"), 16 << 20) else { continue };
        if maps.lines().any(uses_deleted) {
            units.insert(unit);
        }
    }
    units.into_iter().collect()
}

/// A line of /proc/PID/maps that maps the code of a deleted file of the system.
fn uses_deleted(line: &str) -> bool {
    let mut fields = line.split_ascii_whitespace();
    let executable = fields.nth(1).is_some_and(|p| p.contains('x'));
    let path = fields.nth(3).unwrap_or_default();
    let of_system = ["/usr/", "/lib", "/bin/", "/sbin/", "/opt/"].iter().any(|d| path.starts_with(d));
    executable && of_system && line.ends_with(" (deleted)")
}

/// The service in /proc/PID/cgroup (`0::/system.slice/sshd.service`); not those of user sessions.
fn unit_of(cgroup: &str) -> Option<String> {
    let path = cgroup
        .lines()
        .find_map(|l| l.rsplit_once(':').map(|(_, p)| p).filter(|p| p.contains("/system.slice/")))?;
    path.split('/')
        .find(|part| part.ends_with(".service"))
        .map(|s| s.chars().filter(|c| !c.is_control()).collect())
}

/// Other programs that may install updates on this machine.
pub(super) fn foreign_updaters(root: &Root) -> Vec<ForeignUpdater> {
    let mut out = Vec::new();
    let wants = "/etc/systemd/system/timers.target.wants";
    let config = |path: &str| read_text(root, path, 256 << 10).unwrap_or_default();
    let applies = |text: &str| {
        setting(text, "apply_updates").is_some_and(|v| matches!(v.as_str(), "yes" | "1" | "true" | "on"))
    };
    for unit in list(root, wants, 1000).unwrap_or_default() {
        if !unit.starts_with("dnf-automatic") || !unit.ends_with(".timer") {
            continue;
        }
        // A mask leaves the link by which it is enabled.
        if masked(root, &unit) {
            let evidence = format!("{unit} is masked");
            out.push(ForeignUpdater { name: "dnf-automatic".into(), active: false, evidence });
            continue;
        }
        // dnf-automatic-install always installs, dnf-automatic does what the configuration says.
        let by_config = unit == "dnf-automatic.timer" && applies(&config("/etc/dnf/automatic.conf"));
        let active = unit == "dnf-automatic-install.timer" || by_config;
        let detail = if by_config { " and apply_updates is on in /etc/dnf/automatic.conf" } else { "" };
        let evidence = format!("{unit} is enabled{detail}");
        out.push(ForeignUpdater { name: "dnf-automatic".into(), active, evidence });
    }
    let cron = "/etc/systemd/system/multi-user.target.wants/yum-cron.service";
    if exists(root, cron) {
        let files = ["/etc/yum/yum-cron.conf", "/etc/yum/yum-cron-hourly.conf"];
        let active = files.iter().any(|f| applies(&config(f)));
        let detail = if active { "apply_updates is on" } else { "apply_updates is off" };
        out.push(ForeignUpdater {
            name: "yum-cron".into(),
            active,
            evidence: format!("yum-cron.service is enabled, {detail}"),
        });
    }
    if exists(root, "/usr/share/dbus-1/system-services/org.freedesktop.PackageKit.service") {
        let prepared = exists(root, "/var/lib/PackageKit/prepared-update") && exists(root, "/system-update");
        let evidence = if prepared {
            "PackageKit has prepared updates for the next boot (/system-update)"
        } else {
            "PackageKit is installed: a desktop may install updates through it"
        };
        out.push(ForeignUpdater { name: "packagekit".into(), active: prepared, evidence: evidence.into() });
    }
    out
}

/// Whether a unit is masked for good.
fn masked(root: &Root, unit: &str) -> bool {
    let link = root.path("/etc/systemd/system").join(unit);
    std::fs::read_link(link).is_ok_and(|target| target.as_os_str() == "/dev/null")
}

/// A `key = value` setting of an ini file, lower case; the last one wins.
fn setting(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().filter_map(|l| l.split_once('='));
    lines.filter(|(k, _)| k.trim() == key).map(|(_, v)| v.trim().to_ascii_lowercase()).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, installed: i64) -> Installed {
        Installed {
            name: name.into(),
            arch: "x86_64".into(),
            version: "1-1".into(),
            section: None,
            priority: None,
            auto: false,
            installed_at: DateTime::from_timestamp(installed, 0),
            broken: false,
            sources: Vec::new(),
            advisories: Vec::new(),
            build_time: None,
        }
    }

    #[test]
    fn a_system_in_a_directory_needs_no_reboot() {
        let dir = tempfile::tempdir().unwrap();
        let found = reboot(&Root::at(dir.path()), &[]);
        assert_eq!((found.needed, found.evidence.len()), (Some(false), 0));
    }

    #[test]
    fn a_kernel_installed_after_the_boot_needs_a_reboot_and_an_editor_does_not() {
        let booted = DateTime::from_timestamp(1000, 0).unwrap();
        let none = BTreeSet::new();
        let check = |list: &[Installed]| reboot_since(booted, list, &none).needed;
        assert_eq!(check(&[package("kernel", 999), package("vim", 2000)]), Some(false));
        assert_eq!(check(&[package("kernel6.12", 2000)]), Some(true));
        let more = ["vim".to_owned()].into();
        let found = reboot_since(booted, &[package("vim", 2000)], &more);
        assert_eq!(found.evidence, ["vim 1-1 was installed after the machine booted"]);
    }

    #[test]
    fn a_notice_that_suggests_a_reboot_counts_for_what_was_installed_since() {
        let booted = DateTime::from_timestamp(1000, 0).unwrap();
        let mut p = package("vim", 2000);
        p.advisories.push(patchflock_baselines::inventory::Advisory {
            id: "A-1".into(),
            classification: None,
            severity: None,
            issued: None,
            updated: None,
            cves: Vec::new(),
            bugzilla: Vec::new(),
            title: None,
            reboot_suggested: true,
        });
        assert_eq!(reboot_since(booted, &[p.clone()], &BTreeSet::new()).needed, Some(true));
        p.installed_at = DateTime::from_timestamp(500, 0);
        assert_eq!(reboot_since(booted, &[p], &BTreeSet::new()).needed, Some(false));
    }

    #[test]
    fn deleted_code_of_the_system_is_told_from_other_maps() {
        let line = |p: &str, path: &str| format!("7f0-7f1 {p} 00000000 08:01 1234 {path}");
        assert!(uses_deleted(&line("r-xp", "/usr/lib64/libssl.so.3 (deleted)")));
        assert!(!uses_deleted(&line("r--p", "/usr/lib64/libssl.so.3 (deleted)")));
        assert!(!uses_deleted(&line("r-xp", "/usr/lib64/libssl.so.3")));
        assert!(!uses_deleted(&line("r-xp", "/memfd:x (deleted)")));
        assert!(!uses_deleted(""));
    }

    #[test]
    fn the_unit_is_the_service_in_the_system_slice() {
        assert_eq!(unit_of("0::/system.slice/sshd.service\n").as_deref(), Some("sshd.service"));
        let old = "1:name=systemd:/system.slice/system-x.slice/x@1.service\n";
        assert_eq!(unit_of(old).as_deref(), Some("x@1.service"));
        assert_eq!(unit_of("0::/user.slice/user-0.slice/session-1.scope\n"), None);
    }

    #[test]
    fn dnf_automatic_is_active_only_if_it_would_install() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let wants = dir.path().join("etc/systemd/system/timers.target.wants");
        std::fs::create_dir_all(&wants).unwrap();
        std::fs::create_dir_all(dir.path().join("etc/dnf")).unwrap();
        assert!(foreign_updaters(&root).is_empty());
        std::fs::write(wants.join("dnf-automatic.timer"), "").unwrap();
        std::fs::write(dir.path().join("etc/dnf/automatic.conf"), "[commands]\napply_updates = no\n")
            .unwrap();
        assert!(!foreign_updaters(&root)[0].active);
        std::fs::write(dir.path().join("etc/dnf/automatic.conf"), "[commands]\napply_updates=Yes\n").unwrap();
        assert!(foreign_updaters(&root)[0].active);
        std::fs::write(wants.join("dnf-automatic-install.timer"), "").unwrap();
        assert_eq!(foreign_updaters(&root).iter().filter(|u| u.active).count(), 2);
        let mask = dir.path().join("etc/systemd/system/dnf-automatic-install.timer");
        std::os::unix::fs::symlink("/dev/null", mask).unwrap();
        let found = foreign_updaters(&root);
        assert!(
            found[0].evidence == "dnf-automatic-install.timer is masked" && !found[0].active,
            "{found:?}"
        );
    }
}
