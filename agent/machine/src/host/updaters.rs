//! Other programs that install updates by themselves, put to rest and brought back (design 7b, `foreign_updaters: mask`).
//!
//! What is masked is what *starts* them: timers, and PackageKit's wish for an offline update at the next boot. What is
//! running already is left to end by itself, for it may be writing the package database; its lock is waited for as ever.
//! Masking leaves the links by which a unit is enabled where they are, so that nothing has to be made up again. What was
//! active before is written down before anything is done, and kept until it is restored: a second call, a crash
//! in between and a reboot lose nothing of it.

mod systemd;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{exists, read_bytes, records};
use crate::exec::ExecError;
use crate::root::Root;
use systemd::Unit;

/// What is masked, until it is restored.
const FILE: &str = "/var/lib/patchflock/masked.json";
/// More than this is no record of ours.
const CAP: u64 = 1 << 20;

/// The units that start an update by themselves. `apt-daily-upgrade` runs unattended-upgrades, where that is installed
/// now or later.
const UNITS: [&str; 3] = ["apt-daily-upgrade.timer", APT_DAILY, "dnf-automatic*.timer"];
/// Fetches lists and packages; on old systems it also installs them, see [`systemd::upgrades`].
const APT_DAILY: &str = "apt-daily.timer";

/// What starts PackageKit's offline update, and installs it, at a boot.
const OFFLINE: &str = "packagekit-offline-update.service";
/// The link whose presence makes the next boot one for updates (systemd.offline-updates(7)).
const TRIGGER: &str = "/system-update";
/// Where that link leads when it is PackageKit's: it takes any other for that of another program.
const OF_PACKAGEKIT: [&str; 2] = ["/var/cache", "/var/cache/PackageKit"];
/// What PackageKit has prepared for it.
const PREPARED: &str = "/var/lib/PackageKit/prepared-update";

/// What was put to rest, and how it was before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Masked {
    /// Units, by name.
    pub units: Vec<MaskedUnit>,
    /// Where `/system-update` led: PackageKit would have installed updates at the next boot.
    pub offline_update: Option<PathBuf>,
    /// Restoring has begun: what is not masked any more was unmasked by us.
    #[serde(default)]
    restoring: bool,
}

/// One unit before it was masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedUnit {
    /// For example `apt-daily-upgrade.timer`.
    pub name: String,
    /// `enabled`, `disabled`, `static` and so on, in systemd's words.
    pub state: String,
    /// Whether it ran.
    pub active: bool,
    /// How it was put to rest.
    pub how: How,
}

/// How a unit was put to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Masked.
    Masked,
    /// Disabled: its file is the administrator's own, which lies where the mask would.
    Disabled,
}

/// Why other updaters were not put to rest, or not brought back.
#[derive(Debug, thiserror::Error)]
pub enum UpdatersError {
    /// This needs root.
    #[error("masking other updaters needs root; run it with sudo")]
    NeedsRoot,
    /// The record of what was masked cannot be read or written.
    #[error("{path}: {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The record is damaged: what to restore is not known.
    #[error(
        "{path} is damaged ({why}): unmask what it should name (`systemctl list-unit-files --state=masked`) and remove it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// systemd could not be asked.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// systemd refused, or said what is not understood. Everything else was done.
    #[error("{0}")]
    Systemd(String),
}

/// What is masked at present; `None`: nothing is.
pub fn masked(root: &Root) -> Result<Option<Masked>, UpdatersError> {
    let path = || root.path(FILE);
    match read_bytes(root, FILE, CAP) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| UpdatersError::Damaged { path: path(), why: e.to_string() }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(UpdatersError::Record { path: path(), source }),
    }
}

/// Stops and masks what would install updates by itself. Again: also what has come since, and what somebody has unmasked.
///
/// Without a running systemd (a system in a directory, another init) nothing is started by units: nothing is done.
/// Whatever fails, the rest is done, and the record says what to restore.
pub fn mask(root: &Root) -> Result<Masked, UpdatersError> {
    needs_root()?;
    if !systemd::runs(root) {
        return Ok(masked(root)?.unwrap_or_default());
    }
    let known = masked(root)?.unwrap_or_default();
    let offline = armed(root);
    let mut units = systemd::units(root, &UNITS)?;
    if units.iter().any(|u| u.name == APT_DAILY) && !systemd::upgrades(root, "apt-daily.service")? {
        units.retain(|u| u.name != APT_DAILY);
    }
    if offline.is_some() {
        units.extend(systemd::units(root, &[OFFLINE])?);
    }
    let masked = merged(known, &units, offline);
    write(root, &masked)?;
    let mut failed = Vec::new();
    for unit in &masked.units {
        failed.extend(systemd::rest(root, unit, &units)?.err());
    }
    if masked.offline_update.is_some() && armed(root).is_some() {
        failed.extend(remove_trigger(root).err());
    }
    done(failed).map(|()| masked)
}

/// Brings back what `masked` says, as it was, and forgets the record. What the administrator has unmasked meanwhile is
/// left as it is.
///
/// A timer that missed its time while it was masked may run at once, as after a time without power.
pub fn restore(root: &Root, masked: &Masked) -> Result<(), UpdatersError> {
    needs_root()?;
    if systemd::runs(root) {
        // Only now it is certain that whatever is unmasked later on was unmasked by us.
        write(root, &Masked { restoring: true, ..masked.clone() })?;
        let names: Vec<&str> = masked.units.iter().map(|u| u.name.as_str()).collect();
        let now = systemd::units(root, &names)?;
        let mut failed = Vec::new();
        for unit in &masked.units {
            let found = now.iter().find(|u| u.name == unit.name);
            failed.extend(systemd::bring_back(root, unit, found, masked.restoring)?.err());
        }
        if let Some(target) = &masked.offline_update {
            failed.extend(set_trigger(root, target).err());
        }
        done(failed)?;
    }
    records::remove(root, FILE).map_err(|source| UpdatersError::Record { path: root.path(FILE), source })
}

fn needs_root() -> Result<(), UpdatersError> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(UpdatersError::NeedsRoot) }
}

fn done(failed: Vec<String>) -> Result<(), UpdatersError> {
    if failed.is_empty() { Ok(()) } else { Err(UpdatersError::Systemd(failed.join("; "))) }
}

fn write(root: &Root, masked: &Masked) -> Result<(), UpdatersError> {
    let write = || crate::kept::write(root, FILE, &serde_json::to_vec(masked)?);
    write().map_err(|source| UpdatersError::Record { path: root.path(FILE), source })
}

/// What is known from before, with what is found now. What we have put to rest says nothing about how it was; nor does
/// what is still enabled as it was, for we may have stopped it before we were cut off. Anything else that is found is
/// how somebody wants it.
fn merged(known: Masked, found: &[Unit], offline: Option<PathBuf>) -> Masked {
    let mut units = known.units;
    for unit in found.iter().filter(|u| !u.is_masked()) {
        let now = unit.before();
        match units.iter_mut().find(|k| k.name == now.name) {
            Some(old) if old.how != How::Masked || old.state == now.state || known.restoring => {}
            Some(old) => *old = now,
            None => units.push(now),
        }
    }
    units.sort_by(|a, b| a.name.cmp(&b.name));
    Masked { units, offline_update: offline.or(known.offline_update), restoring: false }
}

/// Where `/system-update` leads, if the next boot is to be PackageKit's.
fn armed(root: &Root) -> Option<PathBuf> {
    let target = std::fs::read_link(trigger(root)).ok()?;
    let is_its = OF_PACKAGEKIT.iter().any(|place| target.as_os_str() == *place);
    (is_its && exists(root, PREPARED)).then_some(target)
}

/// Where the link itself is for us, not what it leads to.
fn trigger(root: &Root) -> PathBuf {
    root.dir().join(TRIGGER.trim_start_matches('/'))
}

fn remove_trigger(root: &Root) -> Result<(), String> {
    match std::fs::remove_file(trigger(root)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("cannot remove {TRIGGER}: {e}")),
        _ => Ok(()),
    }
}

/// Only where what it is for is still there, and nobody else has set one.
fn set_trigger(root: &Root, target: &std::path::Path) -> Result<(), String> {
    if !exists(root, PREPARED) {
        return Ok(());
    }
    match std::os::unix::fs::symlink(target, trigger(root)) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(format!("cannot make {TRIGGER}: {e}")),
        _ => Ok(()),
    }
}
