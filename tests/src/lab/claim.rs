//! What the lab has made on this host, and how it is undone.
//!
//! Each root, machine and key owns one directory under the state directory and holds a lock on a file in it. The
//! kernel drops the lock when the owner dies, however it dies, so a sweep can tell leftovers from things in use.
//! Processes, mounts, namespaces, links and control groups are found by the directory or by the name.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::door;

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
            undo(&name)?;
            gone.push(name);
        }
    }
    Ok(gone)
}

/// Undoes everything that carries the name, whoever owns it.
///
/// # Errors
/// A mount or a file resists.
pub fn undo(name: &str) -> Result<()> {
    check_name(name)?;
    let dir = state_dir().join(name);
    kill_users(name, &dir)?;
    for mount in mounts_under(&dir)?.iter().rev() {
        if rustix::mount::unmount(mount, rustix::mount::UnmountFlags::empty()).is_err() {
            rustix::mount::unmount(mount, rustix::mount::UnmountFlags::DETACH)
                .with_context(|| format!("cannot unmount {}", mount.display()))?;
        }
    }
    let left = mounts_under(&dir)?;
    if !left.is_empty() {
        // Removing the tree now would reach through the mount.
        bail!("still mounted: {left:?}");
    }
    let net = format!("{PREFIX}{name}");
    if Path::new("/run/netns").join(&net).exists() {
        door::ok("ip", ["netns", "delete", &net])?;
    }
    for cgroup in cgroups(name) {
        // It is empty once its processes are reaped; a parent goes after its children.
        door::wait("an empty control group", Duration::from_secs(10), || remove_cgroup(&cgroup))?;
    }
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}

/// The control-group directories of a machine, one per hierarchy that exists.
pub fn cgroups(name: &str) -> Vec<PathBuf> {
    ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .iter()
        .map(|h| Path::new(h).join(format!("{PREFIX}{name}")))
        .filter(|d| d.join("cgroup.procs").exists())
        .collect()
}

fn remove_cgroup(dir: &Path) -> bool {
    if let Ok(entries) = fs::read_dir(dir) {
        for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
            remove_cgroup(&entry.path());
        }
    }
    !dir.exists() || fs::remove_dir(dir).is_ok()
}

fn kill_users(name: &str, dir: &Path) -> Result<()> {
    door::wait("processes to end", Duration::from_secs(20), || {
        let users = users(name, dir);
        for pid in &users {
            if let Some(pid) = rustix::process::Pid::from_raw(*pid) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
        }
        users.is_empty()
    })
    .with_context(|| format!("of {name}: {:?}", users(name, dir)))
}

/// Processes whose root is inside the directory, that carry it on their command line, or that are in the control
/// group. Ourselves and our parents may name the directory too: they are not meant.
fn users(name: &str, dir: &Path) -> Vec<i32> {
    let inside = format!("{}/", dir.display());
    let group = format!("/{PREFIX}{name}");
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        if u32::try_from(pid).is_ok_and(|p| p == std::process::id()) {
            continue;
        }
        let proc = entry.path();
        let rooted = fs::read_link(proc.join("root")).is_ok_and(|r| r.starts_with(dir));
        let grouped = fs::read_to_string(proc.join("cgroup")).is_ok_and(|c| {
            c.lines()
                .filter_map(|l| l.splitn(3, ':').nth(2))
                .any(|g| g == group || g.strip_prefix(&group).is_some_and(|rest| rest.starts_with('/')))
        });
        let cmdline = fs::read(proc.join("cmdline")).unwrap_or_default();
        let program = cmdline.split(|b| *b == 0).next().unwrap_or_default();
        let ours = [&b"gpg-agent"[..], b"scdaemon", b"keyboxd", b"systemd-nspawn"];
        let named = ours.iter().any(|o| program.ends_with(o))
            && cmdline.windows(inside.len()).any(|w| w == inside.as_bytes());
        // A zombie holds nothing; its parent reaps it.
        let zombie = fs::read_to_string(proc.join("stat"))
            .is_ok_and(|s| s.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')));
        if (rooted || grouped || named) && !zombie {
            found.push(pid);
        }
    }
    found
}

/// Mount points in the directory, in the order they were made.
fn mounts_under(dir: &Path) -> Result<Vec<PathBuf>> {
    let info = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    Ok(info
        .lines()
        .filter_map(|l| l.split(' ').nth(4))
        .map(|p| PathBuf::from(p.replace("\\040", " ")))
        .filter(|p| p.starts_with(dir))
        .collect())
}

fn names() -> Result<Vec<String>> {
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
