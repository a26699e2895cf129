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
const NSPAWN: &str = "/run/systemd/nspawn";
const NETNS: &str = "/run/netns";

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
    drop_namespace(&format!("{PREFIX}{name}"))?;
    for cgroup in cgroups(name) {
        // It is empty once its processes are gone; a parent goes after its children.
        door::wait("an empty control group", Duration::from_secs(10), || remove_cgroup(&cgroup))?;
    }
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    drop_nspawn_places();
    Ok(())
}

/// The hierarchies that systemd looks at: version 1 with a named one, version 2 beside it, or version 2 alone.
fn hierarchies() -> Vec<PathBuf> {
    let all = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    all.iter().map(PathBuf::from).filter(|h| h.join("cgroup.procs").exists()).collect()
}

/// Makes the control groups of a machine. Without its own, two machines collide.
///
/// # Errors
/// The host's control groups cannot be written.
pub(super) fn make_cgroups(name: &str) -> Result<Vec<PathBuf>> {
    let groups: Vec<PathBuf> = hierarchies().into_iter().map(|h| h.join(format!("{PREFIX}{name}"))).collect();
    for group in &groups {
        fs::create_dir_all(group).with_context(|| group.display().to_string())?;
    }
    Ok(groups)
}

fn cgroups(name: &str) -> Vec<PathBuf> {
    let groups = hierarchies().into_iter().map(|h| h.join(format!("{PREFIX}{name}")));
    groups.filter(|d| d.join("cgroup.procs").exists()).collect()
}

/// Processes in the control groups of a machine, its supervisor among them.
pub(super) fn group_processes(name: &str) -> Vec<i32> {
    fn collect(dir: &Path, found: &mut Vec<i32>) {
        let procs = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        found.extend(procs.lines().filter_map(|l| l.parse::<i32>().ok()).filter(|p| *p > 0));
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                collect(&entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    for group in cgroups(name) {
        collect(&group, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Kills every process in the control groups of a machine.
///
/// # Errors
/// Some survive for twenty seconds.
pub(super) fn kill_group(name: &str) -> Result<()> {
    door::wait("a machine to end", Duration::from_secs(20), || {
        let left = group_processes(name);
        left.iter().for_each(|pid| kill(*pid));
        left.is_empty()
    })
}

fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
    }
}

/// Makes a named network namespace.
///
/// # Errors
/// ip is missing or refuses.
pub(super) fn make_namespace(name: &str) -> Result<()> {
    // `ip` mounts the directory on first use; noted, so that the last namespace takes it along.
    let _places = places()?;
    let fresh = !Path::new(NETNS).exists();
    if fresh {
        fs::write(state_dir().join("netns"), "")?;
    }
    door::ok("ip", ["netns", "add", name]).map(drop)
}

fn drop_namespace(name: &str) -> Result<()> {
    let _places = places()?;
    if Path::new(NETNS).join(name).exists() {
        door::ok("ip", ["netns", "delete", name])?;
    }
    let mark = state_dir().join("netns");
    let empty = fs::read_dir(NETNS).is_ok_and(|mut d| d.next().is_none());
    if mark.exists() && empty {
        rustix::mount::unmount(NETNS, rustix::mount::UnmountFlags::empty()).ok();
        // One that a stranger adds meanwhile makes this fail, and that is right.
        if fs::remove_dir(NETNS).is_ok() {
            fs::remove_file(mark).ok();
        }
    }
    Ok(())
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
        users.iter().for_each(|pid| kill(*pid));
        users.is_empty()
    })
    .with_context(|| format!("of {name}: {:?}", users(name, dir)))
}

/// Held while the directories that all machines share come and go.
fn places() -> Result<File> {
    let lock = lock_file(&state_dir().join("places.lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// Makes the directories that nspawn expects and a host without machines lacks.
///
/// # Errors
/// They cannot be made.
pub(super) fn make_nspawn_places() -> Result<()> {
    let _places = places()?;
    if !Path::new(NSPAWN).exists() {
        fs::write(state_dir().join("nspawn"), "")?;
    }
    fs::create_dir_all(Path::new(NSPAWN).join("propagate")).context(NSPAWN)
}

/// Removes them, with the locks that nspawn leaves, after the last machine.
fn drop_nspawn_places() {
    let mark = state_dir().join("nspawn");
    // A machine says what it is before it asks for the places, so none can slip in between.
    let machine = |n: &String| fs::read(state_dir().join(n).join("kind")).is_ok_and(|k| k == b"machine");
    let Ok(_places) = places() else { return };
    if mark.exists() && names().is_ok_and(|all| !all.iter().any(machine)) {
        fs::remove_dir_all(NSPAWN).ok();
        fs::remove_file(mark).ok();
    }
}

/// Processes whose root is inside the directory or that are in the control group; and of the programs that the lab
/// leaves in the background those that carry the directory on their command line.
fn users(name: &str, dir: &Path) -> Vec<i32> {
    let inside = format!("{}/", dir.display());
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found = group_processes(name);
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let proc = entry.path();
        let rooted = fs::read_link(proc.join("root")).is_ok_and(|r| r.starts_with(dir));
        let cmdline = fs::read(proc.join("cmdline")).unwrap_or_default();
        let program = cmdline.split(|b| *b == 0).next().unwrap_or_default();
        let ours = [&b"gpg-agent"[..], b"scdaemon", b"systemd-nspawn"];
        let named = ours.iter().any(|o| program.ends_with(o))
            && cmdline.windows(inside.len()).any(|w| w == inside.as_bytes());
        if rooted || named {
            found.push(pid);
        }
    }
    // A zombie has neither a root nor a command line: it holds nothing, and its parent reaps it.
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
