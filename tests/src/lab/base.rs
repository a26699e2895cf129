//! Unpacked systems that roots and machines are layered over. Built once, then shared and never written.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use patchflock_machine::exec::Command;
use patchflock_machine::root::Root;
use sha2::{Digest, Sha256};

use super::claim::{cache_dir, lock_file, say};
use super::mirror::{Mirror, proxy_options};
use super::{door, host, rpm};

/// Beyond the essential packages: what boots a machine, what the package managers need, what a person looks for.
/// `needrestart` is left out on purpose: minimal machines lack it.
const DEBIAN: &str =
    "apt,gpgv,ca-certificates,systemd,systemd-sysv,dbus,iproute2,iputils-ping,procps,openssl";
/// The same for a machine that is managed with rpm.
const RPM: &str = "dnf,rpm,dnf-plugins-core,python3-dbus";

/// What manages the packages of a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// dpkg and apt; the host's own distribution and release.
    Debian,
    /// rpm and dnf 4, posing as Rocky Linux 9, with an empty rpm database.
    Rpm,
}

/// An unpacked system in the cache.
#[derive(Debug, Clone)]
pub struct Base {
    family: Family,
    dir: PathBuf,
}

impl Base {
    /// Debian (on an Ubuntu host: Ubuntu) as first published, without a later fix: its genuine security updates
    /// are open. No sources are configured; see [`super::root::RootDir::use_mirror`]. Built if it is not cached,
    /// which takes about half a minute.
    ///
    /// # Errors
    /// Not root, a program is missing (`./test.sh` installs them), or the mirror cannot be reached.
    pub fn debian() -> Result<Self> {
        Self::cached(Family::Debian)
    }

    /// A system with dnf and rpm that says it is Rocky Linux 9.
    ///
    /// # Errors
    /// As [`Base::debian`].
    pub fn rpm() -> Result<Self> {
        Self::cached(Family::Rpm)
    }

    /// What manages its packages.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Where it is unpacked. Read only.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    fn cached(family: Family) -> Result<Self> {
        let mirror = Mirror::of_host()?;
        let word = if family == Family::Debian { "debian" } else { "rpm" };
        // This file is the recipe: editing it makes a new base.
        let mut hash = Sha256::new();
        hash.update(include_str!("base.rs"));
        hash.update(format!("{mirror:?} {:?}", rpm::SYSTEM_FILES));
        let key: String = hash.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect();
        let cache = cache_dir();
        fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        let dir = cache.join(format!("{word}-{key}"));
        let lock = lock_file(&cache.join(format!("{word}-{key}.lock")))?;
        lock.lock()?;
        if !dir.exists() {
            let unfinished = cache.join(format!("{word}-{key}.unfinished"));
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished).with_context(|| unfinished.display().to_string())?;
            }
            say(&format!("lab: building {} once; about half a minute", dir.display()));
            build(family, &mirror, &unfinished)?;
            fs::rename(&unfinished, &dir)?;
        }
        Ok(Self { family, dir })
    }
}

/// Removes builds whose builder was killed, with what it started. Returns their names.
///
/// # Errors
/// Something resists.
pub(super) fn sweep_unfinished() -> Result<Vec<String>> {
    let (cache, mut gone) = (cache_dir(), Vec::new());
    for entry in fs::read_dir(&cache).into_iter().flatten().flatten() {
        let dir = entry.path();
        if dir.extension().is_none_or(|e| e != "unfinished") {
            continue;
        }
        let lock = lock_file(&dir.with_extension("lock"))?;
        if lock.try_lock().is_ok() {
            host::kill_users("unfinished", &dir)?;
            host::unmount_under(&dir)?;
            fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
            gone.push(dir.display().to_string());
        }
    }
    Ok(gone)
}

fn build(family: Family, mirror: &Mirror, into: &Path) -> Result<()> {
    let packages = if family == Family::Debian { DEBIAN.to_owned() } else { format!("{DEBIAN},{RPM}") };
    let mut args = vec![
        "--mode=root".to_owned(),
        "--format=directory".into(),
        "--variant=minbase".into(),
        format!("--include={packages}"),
        "--aptopt=Acquire::Languages \"none\"".into(),
        "--aptopt=APT::Install-Recommends \"false\"".into(),
    ];
    args.extend(proxy_options()?.into_iter().map(|o| format!("--aptopt={o}")));
    args.extend([mirror.codename.clone(), into.display().to_string()]);
    args.extend(mirror.plain.iter().cloned());
    let limit = std::time::Duration::from_secs(1200);
    door::ok_command(Command::new(&Root::host(), "mmdebstrap").args(args).deadline(limit))?;
    finish(family, into)
}

fn finish(family: Family, dir: &Path) -> Result<()> {
    let write = |path: &str, text: &str| {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text).with_context(|| path.display().to_string())
    };
    // Recommended packages come with a real machine; only the build of the base leaves them out.
    fs::remove_file(dir.join("etc/apt/apt.conf.d/99mmdebstrap")).context("99mmdebstrap")?;
    fs::write(dir.join("etc/apt/sources.list"), "")?;
    write("etc/apt/apt.conf.d/99lab", "Acquire::Languages \"none\";\n")?;
    // An empty one is filled at each boot, so that two machines of one base differ.
    fs::write(dir.join("etc/machine-id"), "")?;
    // Timers of the base would patch behind the back of the test.
    for unit in ["apt-daily.timer", "apt-daily-upgrade.timer", "dnf-makecache.timer"] {
        let link = dir.join("etc/systemd/system").join(unit);
        std::os::unix::fs::symlink("/dev/null", &link).with_context(|| link.display().to_string())?;
    }
    if family == Family::Rpm {
        for (path, text) in rpm::SYSTEM_FILES {
            let place = dir.join(path);
            // Debian's os-release is a link into /usr/lib: written through, it would change both.
            if place.is_symlink() {
                fs::remove_file(&place)?;
            }
            write(path, text)?;
        }
        std::os::unix::fs::symlink("dnf-3", dir.join("usr/bin/yum")).context("usr/bin/yum")?;
    }
    Ok(())
}
