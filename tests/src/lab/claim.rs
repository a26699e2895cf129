//! What the lab has made on this host, and how it is undone.
//!
//! Each root, machine and key owns one directory under the state directory and holds a lock on a file in it. The
//! kernel drops the lock when the owner dies, however it dies, so a sweep can tell leftovers from things in use.
//! Processes, mounts, namespaces, links and control groups are found by the directory or by the name.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

use super::{base, host};

/// In front of the name of everything the lab makes outside its own directories. Network interfaces have 15
/// characters, so it is short.
pub const PREFIX: &str = "pfl-";
const KEPT: &str = "kept";
const LOCK: &str = "lock";

/// Where leftovers are noted: `$PATCHFLOCK_LAB_STATE`, or a directory that survives a reboot of the host.
pub fn state_dir() -> PathBuf {
    std::env::var_os("PATCHFLOCK_LAB_STATE").map_or_else(|| "/var/lib/patchflock-lab".into(), PathBuf::from)
}

/// Where bases are kept: `$PATCHFLOCK_LAB_CACHE`, or a directory that may be deleted at any time without a loss.
pub fn cache_dir() -> PathBuf {
    std::env::var_os("PATCHFLOCK_LAB_CACHE").map_or_else(|| "/var/cache/patchflock-lab".into(), PathBuf::from)
}

/// One thing in the lab, with a directory of its own. Dropping it undoes everything that carries its name.
#[derive(Debug)]
pub struct Claim {
    name: String,
    dir: PathBuf,
    keep: bool,
    _lock: File,
}

impl Claim {
    /// A new claim with a name no other process uses: `WORD` and a number.
    ///
    /// # Errors
    /// Not root, or the state directory cannot be written.
    pub fn new(word: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Sweeping in front of the first claim heals what an earlier, killed run left.
        if NEXT.load(Ordering::Relaxed) == 0 {
            sweep(false)?;
        }
        let name = format!("{word}{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self::named(&name)
    }

    /// A claim with a name that a person chose.
    ///
    /// # Errors
    /// The name is taken or unfit, not root, or the state directory cannot be written.
    pub fn named(name: &str) -> Result<Self> {
        check_name(name)?;
        if !rustix::process::geteuid().is_root() {
            bail!("the lab mounts file systems and makes namespaces: run it as root");
        }
        let state = state_dir();
        let _gate = gate(&state)?;
        let dir = state.join(name);
        if dir.exists() {
            bail!("{name} exists already in the lab; end it with `./lab down {name}`");
        }
        fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
        let lock = lock_file(&dir.join(LOCK))?;
        lock.lock().with_context(|| dir.display().to_string())?;
        Ok(Self { name: name.to_owned(), dir, keep: false, _lock: lock })
    }

    /// Something kept by an earlier process.
    ///
    /// # Errors
    /// Nothing of that name is kept.
    pub fn open(name: &str) -> Result<Self> {
        check_name(name)?;
        let dir = state_dir().join(name);
        if !dir.join(KEPT).exists() {
            bail!("nothing in the lab is called {name}; `./lab list` shows what there is");
        }
        // Several processes may use what is kept: nobody holds the lock.
        let lock = lock_file(&dir.join(LOCK))?;
        Ok(Self { name: name.to_owned(), dir, keep: true, _lock: lock })
    }

    /// Its name, without [`PREFIX`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory. What is in it goes with it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Leaves the thing behind when this process ends; only `down` or a sweep of everything ends it.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn keep(&mut self) -> Result<()> {
        fs::write(self.dir.join(KEPT), "").with_context(|| self.dir.display().to_string())?;
        self.keep = true;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The next sweep takes what resists, so a failure here is said, and not fatal.
        if !self.keep
            && let Err(e) = undo(&self.name)
        {
            say(&format!("lab: {} was not undone completely: {e:#}", self.name));
        }
    }
}

/// Names of the things that are kept on purpose.
///
/// # Errors
/// The state directory cannot be read.
pub fn kept() -> Result<Vec<String>> {
    Ok(names()?.into_iter().filter(|n| state_dir().join(n).join(KEPT).exists()).collect())
}

/// Undoes what dead processes left, and with `all` also what was kept on purpose. What a living process uses is
/// left alone. Returns the names.
///
/// # Errors
/// Something could not be undone: the message says what.
pub fn sweep(all: bool) -> Result<Vec<String>> {
    let state = state_dir();
    if !state.exists() {
        return Ok(Vec::new());
    }
    let _gate = gate(&state)?;
    let mut gone = Vec::new();
    for name in names()? {
        let dir = state.join(&name);
        if dir.join(KEPT).exists() && !all {
            continue;
        }
        if lock_file(&dir.join(LOCK))?.try_lock().is_ok() {
            release(&name)?;
            remove(&name)?;
            gone.push(name);
        }
    }
    gone.extend(base::sweep_unfinished()?);
    Ok(gone)
}

/// Undoes everything that carries the name, whoever owns it.
///
/// # Errors
/// A process, a mount or a file resists.
pub fn undo(name: &str) -> Result<()> {
    release(name)?;
    // Behind the gate, so that a sweep never meets a directory that is half gone.
    let _gate = gate(&state_dir())?;
    remove(name)
}

/// Everything but the directory: the slow part.
fn release(name: &str) -> Result<()> {
    check_name(name)?;
    let dir = state_dir().join(name);
    host::kill_users(name, &dir)?;
    host::unmount_under(&dir)?;
    host::drop_namespace(&format!("{PREFIX}{name}"))?;
    host::drop_cgroups(name)
}

fn remove(name: &str) -> Result<()> {
    let dir = state_dir().join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    host::drop_nspawn_places();
    Ok(())
}

pub(super) fn names() -> Result<Vec<String>> {
    let state = state_dir();
    if !state.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&state).with_context(|| state.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Some(name) = entry.file_name().to_str()
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn check_name(name: &str) -> Result<()> {
    let fit = !name.is_empty()
        && name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !fit {
        bail!("`{name}` is no name for the lab: use up to 40 of a-z, 0-9 and -, starting with a letter");
    }
    Ok(())
}

/// Held while claims appear and leftovers go, so that a sweep never meets a claim whose lock is not yet held.
fn gate(state: &Path) -> Result<File> {
    fs::create_dir_all(state).with_context(|| state.display().to_string())?;
    let gate = lock_file(&state.join(LOCK))?;
    gate.lock().with_context(|| state.display().to_string())?;
    Ok(gate)
}

/// Opens, or makes, a file to lock.
///
/// # Errors
/// It cannot be written.
pub(super) fn lock_file(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| path.display().to_string())
}

/// Progress of something slow, and what could not be undone: a test that waits must say for what.
pub(super) fn say(line: &str) {
    #[expect(clippy::print_stderr, reason = "people wait for the lab; stderr is talk")]
    {
        eprintln!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_state_directory() {
        for bad in ["", "..", "a/b", "A", "-x", "1a", "a b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        check_name("web-1").unwrap();
    }
}
