//! What else matters about an apt machine: other updaters, reboot evidence, services on replaced files.

use patchflock_baselines::inventory::{ForeignUpdater, RebootEvidence};

use super::settings::Settings;
use super::status::{Package, Status};
use super::version;
use crate::exec::Command;
use crate::host::read_text;
use crate::root::Root;

/// Programs that install updates by themselves, or make others do it.
pub(super) fn foreign_updaters(root: &Root, settings: &Settings, status: &Status) -> Vec<ForeignUpdater> {
    let mut found = Vec::new();
    if status.get("unattended-upgrades", "all").is_some() {
        let on = |value: &Option<String>, unset: bool| {
            value.as_deref().map_or(unset, |v| !matches!(v.trim(), "" | "0" | "false" | "no"))
        };
        // apt.systemd.daily: Enable defaults to 1, Unattended-Upgrade to 0.
        let configured = on(&settings.unattended, false) && on(&settings.periodic, true);
        let timer = timer(root, "apt-daily-upgrade.timer");
        found.push(ForeignUpdater {
            name: "unattended-upgrades".into(),
            active: configured && timer.starts,
            evidence: format!(
                "APT::Periodic::Unattended-Upgrade is {}; {}",
                settings.unattended.as_deref().map_or("not set".to_owned(), |v| format!("\"{v}\"")),
                timer.evidence
            ),
        });
    }
    // Package, whether it installs by itself, what it does.
    let others = [
        ("packagekit", false, "installs when a desktop program or `pkcon` asks it to"),
        ("update-notifier", false, "tells the user about updates"),
        ("cron-apt", true, "runs apt from cron; what it does is in its configuration"),
        ("landscape-client", true, "takes orders from a Landscape server"),
    ];
    for (name, active, what) in others {
        if status
            .packages
            .range((name.to_owned(), String::new())..)
            .next()
            .is_some_and(|((n, _), _)| n == name)
        {
            found.push(ForeignUpdater {
                name: name.into(),
                active,
                evidence: format!("package {name} is installed; it {what}"),
            });
        }
    }
    found
}

struct Timer {
    starts: bool,
    evidence: String,
}

/// Read from the unit links: asking systemd does not work for a system in a directory.
fn timer(root: &Root, unit: &str) -> Timer {
    let own = root.path("/etc/systemd/system").join(unit);
    if std::fs::read_link(&own).is_ok_and(|target| target.ends_with("null")) {
        return Timer { starts: false, evidence: format!("{unit} is masked") };
    }
    let wanted = root.path("/etc/systemd/system/timers.target.wants").join(unit);
    if wanted.symlink_metadata().is_ok() {
        return Timer { starts: true, evidence: format!("{unit} is enabled") };
    }
    // Without systemd cron does the same work.
    let cron = root.path("/etc/cron.daily/apt-compat").exists() && root.path("/usr/sbin/cron").exists();
    let systemd = root.path("/lib/systemd/systemd").exists();
    if cron && !systemd {
        return Timer { starts: true, evidence: "/etc/cron.daily/apt-compat runs it".into() };
    }
    Timer { starts: false, evidence: format!("{unit} is not enabled") }
}

/// Whether the machine asks for a reboot. Without a sign either way the answer is that it cannot tell.
pub(super) fn reboot(root: &Root, status: &Status) -> RebootEvidence {
    if !root.is_host() {
        // A system in a directory does not run, so nothing in it waits for a boot.
        return RebootEvidence { needed: Some(false), evidence: Vec::new() };
    }
    let mut evidence = Vec::new();
    let read = |path: &str| read_text(root, path, 8 << 20).ok();
    if root.path("/run/reboot-required").exists() {
        let mut names: Vec<String> = read("/run/reboot-required.pkgs")
            .unwrap_or_default()
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        evidence.push(if names.is_empty() {
            "/run/reboot-required exists".to_owned()
        } else {
            format!("/run/reboot-required names {}", names.join(", "))
        });
    }
    let kernel = if status.packages.values().any(|p| p.name.starts_with("linux-image-")) {
        let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
        let banner = read("/proc/version").unwrap_or_default();
        newer_kernel(status, release.trim(), &banner)
    } else {
        // A container: its kernel is not its business. What is left to be old is its first process, which no
        // service restart replaces. Only root may look; a user sees no sign, and root will.
        Some(read("/proc/1/maps").and_then(|maps| replaced(&maps)))
    };
    if let Some(Some(newer)) = &kernel {
        evidence.push(newer.clone());
    }
    let needed = match (evidence.is_empty(), kernel) {
        (false, _) => Some(true),
        (true, Some(None)) => Some(false),
        (true, _) => None,
    };
    RebootEvidence { needed, evidence }
}

/// What in a process's memory map shows that a program or library under it was replaced.
fn replaced(maps: &str) -> Option<String> {
    let file = maps.lines().find_map(|line| {
        let path = line.get(line.find('/')?..)?.strip_suffix(" (deleted)")?;
        ["/usr/", "/lib"].iter().any(|dir| path.starts_with(dir)).then_some(path)
    })?;
    Some(format!("process 1 runs on replaced files ({file})"))
}

/// `None`: the running kernel is not of a package (a container, a kernel of one's own). Otherwise what shows that
/// an installed one is newer, if anything does.
fn newer_kernel(status: &Status, release: &str, banner: &str) -> Option<Option<String>> {
    let images: Vec<&Package> =
        status.packages.values().filter(|p| p.name.starts_with("linux-image-") && p.complete).collect();
    let running = images.iter().find(|p| p.name.strip_prefix("linux-image-") == Some(release))?;
    // Debian replaces a kernel in place within one ABI and names the package version in the banner.
    let booted = banner.split_whitespace().skip_while(|w| *w != "Debian").nth(1);
    if let Some(booted) = booted.filter(|b| version::newer(&running.version, b)) {
        return Some(Some(format!(
            "kernel {release} is running as {booted}, {} is installed",
            running.version
        )));
    }
    // The same flavour: what follows the numbers (`amd64`, `cloud-amd64`, `generic`).
    let flavour = |name: &str| {
        let rest = name.strip_prefix("linux-image-")?;
        let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        rest.starts_with(|c: char| c.is_ascii_digit()).then(|| rest.get(at..).unwrap_or_default().to_owned())
    };
    let newest = images
        .iter()
        .filter(|p| {
            flavour(&p.name) == flavour(&running.name) && version::newer(&p.version, &running.version)
        })
        .max_by(|a, b| version::compare(&a.version, &b.version));
    Some(newest.map(|p| format!("kernel {release} is running, {} {} is installed", p.name, p.version)))
}

/// Services on replaced files, as needrestart sees them; empty where it is not installed or may not look.
pub(super) fn services_to_restart(root: &Root) -> Vec<String> {
    if !root.is_host()
        || !root.path("/usr/sbin/needrestart").exists()
        || !rustix::process::geteuid().is_root()
    {
        return Vec::new();
    }
    // Batch mode, list only, nothing but libraries: it restarts nothing and asks nothing.
    let out = Command::new(root, "/usr/sbin/needrestart").args(["-b", "-r", "l", "-l"]).run();
    out.map(|o| parse_needrestart(&o.stdout_text())).unwrap_or_default()
}

/// `NEEDRESTART-SVC: ssh.service` lines.
pub(super) fn parse_needrestart(text: &str) -> Vec<String> {
    text.lines().filter_map(|l| l.strip_prefix("NEEDRESTART-SVC:")).map(|s| s.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_replaced_program_or_library_shows_that_a_process_is_old() {
        let line = |path: &str| format!("7f1-7f2 r-xp 00000000 08:01 123                   {path}\n");
        let quiet =
            [line("/usr/lib/libc.so.6"), line("/dev/shm/x (deleted)"), "7f1-7f2 rw-p 0 00:00 0 \n".into()];
        assert_eq!(replaced(&quiet.concat()), None);
        let old = quiet.concat() + &line("/usr/lib/libcrypto.so.3 (deleted)");
        assert_eq!(
            replaced(&old).as_deref(),
            Some("process 1 runs on replaced files (/usr/lib/libcrypto.so.3)")
        );
        assert!(replaced(&line("/lib/systemd/systemd (deleted)")).is_some());
    }

    #[test]
    fn a_system_in_a_directory_waits_for_no_reboot() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        std::fs::write(dir.path().join("run/reboot-required"), "").unwrap();
        let status = Status::default();
        assert_eq!(reboot(&Root::at(dir.path()), &status).needed, Some(false));
    }
}
