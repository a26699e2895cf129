//! Facts about the machine that are the same whatever its package manager: name, operating system, boot.
//!
//! Everything is read from files, with a bound, without a child process and without root; text handling is in
//! pure functions so that every distribution is tested on any of them. A system in a directory is read without
//! following its links out of that directory.

pub(crate) mod alternative;
mod files;
pub mod node;
mod os_release;
pub mod records;
#[cfg(test)]
mod tests;
pub mod updaters;

use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use patchflock_baselines::os::{Family, OperatingSystem};

pub(crate) use files::{exists, modified, open, open_ours, read_ours, read_text, real_name};
pub use files::{list, read_bytes};
pub use os_release::{OsRelease, identify, product};

use crate::root::Root;

/// What was read about one machine; the shell makes an inventory's node of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Host name; `localhost` where a directory holds a system that names none.
    pub hostname: String,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// AWS product name (reference 1.3).
    pub product: String,
    /// `PRETTY_NAME` of os-release, for people.
    pub pretty_name: String,
    /// Architecture of the programs on the machine as its package manager spells it.
    pub arch: String,
    /// Boot id of the running kernel; only for `/`.
    pub boot_id: Option<String>,
    /// When the machine booted; only for `/`.
    pub booted_at: Option<DateTime<Utc>>,
}

/// Why the facts could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file that must be there could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Neither os-release file is there.
    #[error(
        "{root} has neither /etc/os-release nor /usr/lib/os-release: it is not a Linux system that names itself; \
         say which operating system it is with --operating-system"
    )]
    NoOsRelease {
        /// The root that was looked at.
        root: PathBuf,
    },
    /// A distribution that is not on the list of reference 1.1.
    #[error(
        "{path}: ID={id}{like} is not a distribution that Patchflock knows; known: {known}. \
         If it is built from one of these, say so with --operating-system{hint}"
    )]
    UnknownDistribution {
        /// The os-release file.
        path: PathBuf,
        /// Its `ID`.
        id: String,
        /// Its `ID_LIKE` in words, or nothing.
        like: String,
        /// What is supported.
        known: String,
        /// Which value would fit, or nothing.
        hint: String,
    },
    /// A processor for which no package architecture is known.
    #[error("{path}: {found}; Patchflock knows x86_64, i386, aarch64, arm, ppc64le, s390x and riscv64")]
    UnknownArchitecture {
        /// The program that was looked at.
        path: PathBuf,
        /// What it says.
        found: String,
    },
}

/// Which tool patches a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NativeTool {
    /// apt-get and dpkg.
    Apt,
    /// dnf 4, also under the name `yum`.
    Dnf,
    /// None that is supported: why, and what to do.
    Unsupported {
        /// The reason in words.
        reason: String,
    },
}

/// Reads the facts; `now` is used for the boot time only where the kernel gives none.
pub fn read(root: &Root, now: DateTime<Utc>) -> Result<HostFacts, HostError> {
    read_as(root, now, None)
}

/// Like [`read`], with the operating system given by the administrator instead of os-release's `ID`.
///
/// The product name then consists of the given system and the `VERSION_ID` that is found.
pub fn read_as(
    root: &Root,
    now: DateTime<Utc>,
    operating_system: Option<OperatingSystem>,
) -> Result<HostFacts, HostError> {
    let (path, release) = match os_release::read(root) {
        Err(HostError::NoOsRelease { .. }) if operating_system.is_some() => {
            (root.path("/etc/os-release"), OsRelease::default())
        }
        other => other?,
    };
    let os = match operating_system {
        Some(os) => os,
        None => identify(&release).ok_or_else(|| os_release::unknown(path, &release))?,
    };
    let version = os_release::full_version(root, os, &release);
    let product = product(os, &version);
    Ok(HostFacts {
        hostname: hostname(root),
        operating_system: os,
        pretty_name: if release.pretty_name.is_empty() { product.clone() } else { release.pretty_name },
        product,
        arch: arch(root, os)?,
        boot_id: if root.is_host() { boot_id(root) } else { None },
        booted_at: if root.is_host() { booted_at(root, now) } else { None },
    })
}

/// Which tool to use on this machine: by family and by what is there (design 7).
pub fn package_manager_for(os: OperatingSystem, root: &Root) -> NativeTool {
    let unsupported = |reason: String| NativeTool::Unsupported { reason };
    let has = |program: &str| exists(root, &format!("/usr/bin/{program}"));
    match os.family() {
        Family::Apt if has("apt-get") && has("dpkg") => NativeTool::Apt,
        Family::Apt => unsupported(format!(
            "{os} is patched with apt, but {} or {} is missing",
            root.path("/usr/bin/apt-get").display(),
            root.path("/usr/bin/dpkg").display()
        )),
        Family::Rpm => match crate::pm::dnf::which(root) {
            Ok(_) => NativeTool::Dnf,
            Err(reason) => unsupported(reason),
        },
        Family::Zypper => unsupported(format!("{os} is patched with zypper, which is not supported yet")),
        Family::Macos => {
            unsupported("macOS is patched with softwareupdate, which is not supported yet".into())
        }
        Family::Windows => {
            unsupported("Windows is patched with the Windows Update Agent, which is not supported yet".into())
        }
    }
}

/// The operating system that a root's os-release names, if it is a known one.
pub(crate) fn identify_root(root: &Root) -> Option<OperatingSystem> {
    os_release::read(root).ok().and_then(|(_, release)| identify(&release))
}

/// When the machine booted; `None` for a system in a directory, which has not.
///
/// A container shares the kernel's boot time with its host and still boots and reboots by itself: there it is the
/// start of the first process, as needs-restarting takes it too.
pub(crate) fn booted(root: &Root) -> Option<DateTime<Utc>> {
    let read = |path: &str| root.is_host().then(|| read_text(root, path, 8 << 20).ok()).flatten();
    let kernel = parse_btime(&read("/proc/stat")?);
    let first = read("/proc/1/stat").and_then(|stat| parse_start(&stat)).filter(|after| *after > EARLY);
    let of_container = first.and_then(|after| {
        let milliseconds = |id| {
            let time = rustix::time::clock_gettime(id);
            time.tv_sec * 1000 + time.tv_nsec / 1_000_000
        };
        let kernel =
            milliseconds(rustix::time::ClockId::Realtime) - milliseconds(rustix::time::ClockId::Boottime);
        DateTime::from_timestamp_millis(kernel)?.checked_add_signed(after)
    });
    of_container.or(kernel)
}

/// A machine of its own has its first process by then.
const EARLY: Duration = Duration::seconds(60);

/// Name of the machine: of the running kernel for `/`, else what the system would call itself.
fn hostname(root: &Root) -> String {
    let of_kernel = root.is_host().then(|| read_text(root, "/proc/sys/kernel/hostname", 4096)).transpose();
    let text = match of_kernel {
        Ok(Some(name)) if !name.trim().is_empty() => name,
        _ => read_text(root, "/etc/hostname", 4096).unwrap_or_default(),
    };
    let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
    let name: String = line.unwrap_or("localhost").chars().filter(|c| !c.is_control()).take(253).collect();
    if name.is_empty() { "localhost".into() } else { name }
}

/// Boot id; `None` where the kernel has none or it is not a UUID.
fn boot_id(root: &Root) -> Option<String> {
    let text = read_text(root, "/proc/sys/kernel/random/boot_id", 4096).ok()?;
    let id = text.trim();
    (id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-')).then(|| id.to_owned())
}

/// `btime` of /proc/stat (what rpm install times are compared with), else `now` minus the uptime.
fn booted_at(root: &Root, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    booted(root).or_else(|| {
        let uptime = read_text(root, "/proc/uptime", 4096).ok()?;
        parse_uptime(&uptime).and_then(|up| now.checked_sub_signed(up))
    })
}

/// `btime` line of /proc/stat: seconds since the epoch.
pub fn parse_btime(stat: &str) -> Option<DateTime<Utc>> {
    let seconds = stat.lines().find_map(|l| l.strip_prefix("btime "))?;
    // 0 is what kernels without a clock and some sandboxes say.
    seconds.trim().parse::<i64>().ok().filter(|s| *s > 0).and_then(|s| DateTime::from_timestamp(s, 0))
}

/// Start of a process after the kernel's boot, from its /proc/PID/stat.
pub fn parse_start(stat: &str) -> Option<Duration> {
    // The name in parentheses may hold anything, parentheses too.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_ascii_whitespace().nth(19)?.parse().ok()?;
    // USER_HZ is 100 on every architecture that `elf_arch` knows.
    i64::try_from(ticks).ok()?.checked_mul(10).and_then(Duration::try_milliseconds)
}

/// First field of /proc/uptime: seconds with a fraction.
pub fn parse_uptime(text: &str) -> Option<Duration> {
    let whole = text.split_whitespace().next()?.split('.').next()?;
    whole.parse::<u32>().ok().map(|s| Duration::seconds(i64::from(s)))
}

/// Architecture of the shell's program: right also for a 32-bit system on a 64-bit kernel, and inside a directory.
fn arch(root: &Root, os: OperatingSystem) -> Result<String, HostError> {
    let program = ["/bin/sh", "/usr/bin/env", "/usr/bin/rpm", "/usr/bin/dpkg"]
        .into_iter()
        .find(|p| exists(root, p))
        .unwrap_or("/bin/sh");
    let path = root.path(program);
    let head = files::read_head(root, program, 64)
        .map_err(|source| HostError::Read { path: path.clone(), source })?;
    match elf_arch(&head) {
        Some((deb, rpm)) => Ok(if os.family() == Family::Apt { deb } else { rpm }.to_owned()),
        None => Err(HostError::UnknownArchitecture {
            path,
            found: match head.get(18..20) {
                Some([a, b]) if head.starts_with(b"\x7fELF") => {
                    format!("a program for ELF machine number {}", u16::from_le_bytes([*a, *b]))
                }
                _ => "not an ELF program".into(),
            },
        }),
    }
}

/// Architecture of an ELF program from its first 64 bytes, in dpkg's and in rpm's spelling.
pub fn elf_arch(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let (class, big) = (*head.get(4)?, *head.get(5)? == 2);
    let pair: [u8; 2] = head.get(18..20)?.try_into().ok()?;
    let machine = if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    Some(match (machine, class, big) {
        (62, 2, false) => ("amd64", "x86_64"),
        (183, 2, false) => ("arm64", "aarch64"),
        (3, 1, false) => ("i386", "i686"),
        (21, 2, false) => ("ppc64el", "ppc64le"),
        (22, 2, true) => ("s390x", "s390x"),
        (243, 2, false) => ("riscv64", "riscv64"),
        (40, 1, false) => {
            let flags: [u8; 4] = head.get(36..40)?.try_into().ok()?;
            // EF_ARM_ABI_FLOAT_HARD tells armhf from the older soft-float ABI.
            if u32::from_le_bytes(flags) & 0x400 != 0 { ("armhf", "armv7hl") } else { ("armel", "armv5tel") }
        }
        _ => return None,
    })
}
