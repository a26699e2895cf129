//! Finishing what an interrupted run left: once, and only what cannot change anything else.
//!
//! Nobody has confirmed anything when this runs, so it brings in no version that is not there already: a package that
//! has to be unpacked again gets the version that dpkg's status names, or is left to a later plan and to its
//! administrator.

use std::path::Path;
use std::time::Duration;

use super::install::{cached, quiet};
use super::output::Step;
use super::settings::Settings;
use super::status::{self, Package, Status};
use super::system::System;
use super::transaction::{self, Preferences};
use super::{lock, output, settings};
use crate::exec::Command;
use crate::pm::{PmError, needs_root};
use crate::root::Root;

const LONG: Duration = Duration::from_secs(3600);
const OPTIONS: [&str; 2] = ["--force-confdef", "--force-confold"];

/// Repairs, if there is something to repair. `Some`: what was done, in words.
pub(super) fn repair(system: &System, lock_wait: Duration) -> Result<Option<String>, PmError> {
    needs_root("repairing the package database")?;
    let root = &system.root;
    let settings = settings::read(system)?;
    let look = || -> Result<(Vec<String>, bool), PmError> {
        Ok((
            half_done(&status::read(root, &settings.status, &settings.arch)?),
            journal(root, &settings.status)?,
        ))
    };
    let nothing = |(half, journal): &(Vec<String>, bool)| half.is_empty() && !journal;
    if nothing(&look()?) {
        return Ok(None);
    }
    // Half done may also be what somebody is doing right now: then it is over when the lock is free.
    lock::wait(&lock::of_packages(root, &settings.archives), lock_wait)?;
    let found = look()?;
    if nothing(&found) {
        return Ok(None);
    }
    let (half, journal) = found;
    let mut done = Vec::new();
    if journal {
        done.push("the journal of an interrupted dpkg was written back".to_owned());
    }
    if !half.is_empty() {
        done.push(format!("found {}", half.join(", ")));
    }
    // With nothing to configure this only writes the journal back.
    let out = quiet(Command::new(root, "dpkg").args(OPTIONS).args(["--configure", "--pending"]))
        .deadline(LONG)
        .uninterruptible()
        .run()?;
    if !out.success() {
        done.push(format!("dpkg --configure --pending says: {}", last_words(&out.stderr_text())));
    }
    let after = status::read(root, &settings.status, &settings.arch)?;
    if !half_done(&after).is_empty() {
        done.push(fix(system, &settings, &after, lock_wait)?);
    }
    let left = half_done(&status::read(root, &settings.status, &settings.arch)?);
    done.push(if left.is_empty() {
        "everything is configured now".to_owned()
    } else {
        format!(
            "still not right: {}; see `dpkg --audit`. What an update does not finish, `apt-get -f install` may, with \
             whatever version it finds",
            left.join(", ")
        )
    });
    Ok(Some(done.join("; ")))
}

/// Packages that were killed while they were unpacked have to be unpacked again, in the version that the status
/// names: from a repository, else from the cache. No other version, no removal, no package that was whole.
fn fix(
    system: &System,
    settings: &Settings,
    status: &Status,
    lock_wait: Duration,
) -> Result<String, PmError> {
    let root = &system.root;
    let half: Vec<&Package> = status
        .packages
        .values()
        .filter(|p| !p.complete && transaction::well_formed(&p.name, &p.arch, &p.version).is_ok())
        .collect();
    let versions = half.iter().map(|p| (p.name.as_str(), p.arch.as_str(), p.version.as_str()));
    let preferences = Preferences::only(system, versions, status)?;
    let said = by_apt(&preferences, status, lock_wait)?;
    let left = status::read(root, &settings.status, &settings.arch)?;
    let unpack = |p: &&&Package| left.get(&p.name, &p.arch).is_some_and(to_unpack);
    let files: Vec<String> = half
        .iter()
        .filter(unpack)
        .filter_map(|p| cached(root, &settings.archives, &p.name, &p.version, &p.arch))
        .collect();
    if files.is_empty() {
        return Ok(said);
    }
    let command = Command::new(root, "dpkg").args(OPTIONS).arg("--install").args(&files);
    let out = quiet(command).deadline(LONG).uninterruptible().run()?;
    Ok(match out.success() {
        true => format!("{said}; dpkg --install of the cached {} did", files.join(", ")),
        false => format!("{said}; dpkg --install says: {}", last_words(&out.stderr_text())),
    })
}

/// Configuring again is not enough for it.
fn to_unpack(package: &Package) -> bool {
    !package.complete
        && (package.state.contains("half-installed") || package.state.contains("reinst-required"))
}

fn by_apt(preferences: &Preferences, status: &Status, lock_wait: Duration) -> Result<String, PmError> {
    let apt = || {
        preferences
            .apt_get()
            .args(["-y", "-o", "quiet=1", "--no-remove", "-o", "Dpkg::Use-Pty=0"])
            .args(["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"])
            .args(["-o", &format!("DPkg::Lock::Timeout={}", lock_wait.as_secs().max(1))])
    };
    let out = apt().args(super::scan::SIMULATE).args(["-f", "install"]).run()?;
    if !out.success() {
        return Ok(format!("apt-get -f install finds no way: {}", output::words(&out)));
    }
    let would = output::simulated("apt-get -s -f install", &out)?;
    let again = |s: &Step| {
        let package = status.get(&s.name, s.arch.as_deref().unwrap_or(&status.native_arch));
        package.is_some_and(|p| !p.complete && s.to.as_ref() == Some(&p.version))
    };
    let outside: Vec<&str> = would.steps.iter().filter(|s| !again(s)).map(|s| s.name.as_str()).collect();
    if !outside.is_empty() {
        return Ok(format!("apt-get -f install was not run, it would also change {}", outside.join(", ")));
    }
    let out = quiet(apt().args(["-f", "install"])).deadline(LONG).uninterruptible().run()?;
    Ok(match out.success() {
        true => "apt-get -f install ran for the same versions".to_owned(),
        false => format!("apt-get -f install says: {}", output::words(&out)),
    })
}

fn half_done(status: &Status) -> Vec<String> {
    status
        .packages
        .values()
        .filter(|p| !p.complete)
        .map(|p| format!("{} {} {}", p.name, p.version, p.state))
        .collect()
}

/// A killed dpkg leaves the newest states in `updates/`.
fn journal(root: &Root, status: &Path) -> Result<bool, PmError> {
    let Some(dir) = status.parent().map(|p| p.join("updates")) else { return Ok(false) };
    Ok(!status::journal(root, &dir)?.is_empty())
}

fn last_words(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    lines.get(lines.len().saturating_sub(6)..).unwrap_or_default().join(" | ").chars().take(1000).collect()
}
