//! What the lab leaves on the host outside directories of its own, found by name or by place: processes, control
//! groups, mounts, network namespaces, and the directories that `ip` and nspawn make on first use.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::claim::{PREFIX, lock_file, names, state_dir};
use super::door;

const NSPAWN: &str = "/run/systemd/nspawn";
const NETNS: &str = "/run/netns";

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

pub(super) fn drop_namespace(name: &str) -> Result<()> {
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

/// Removes the control groups of a machine.
///
/// # Errors
/// Something is still in them.
pub(super) fn drop_cgroups(name: &str) -> Result<()> {
    for group in cgroups(name) {
        // It is empty once its processes are gone; a parent goes after its children.
        door::wait("an empty control group", Duration::from_secs(10), || remove_cgroup(&group))?;
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

pub(super) fn kill_users(name: &str, dir: &Path) -> Result<()> {
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
pub(super) fn drop_nspawn_places() {
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
/// leaves in the background (mmdebstrap is a perl program) those that carry the directory on their command line.
fn users(name: &str, dir: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found = group_processes(name);
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let proc = entry.path();
        let rooted = fs::read_link(proc.join("root")).is_ok_and(|r| r.starts_with(dir));
        let cmdline = fs::read(proc.join("cmdline")).unwrap_or_default();
        let program = cmdline.split(|b| *b == 0).next().unwrap_or_default();
        let ours = [&b"gpg-agent"[..], b"scdaemon", b"systemd-nspawn", b"perl"];
        let named = ours.iter().any(|o| program.ends_with(o))
            && cmdline
                .split(|b| matches!(b, 0 | b'='))
                .any(|a| Path::new(OsStr::from_bytes(a)).starts_with(dir));
        if rooted || named {
            found.push(pid);
        }
    }
    // A zombie has neither a root nor a command line: it holds nothing, and its parent reaps it.
    found
}

/// Unmounts everything in the directory, the newest first.
///
/// # Errors
/// Something stays mounted. Then nothing may be deleted: that would reach through the mount.
pub(super) fn unmount_under(dir: &Path) -> Result<()> {
    for mount in mounts_under(dir)?.iter().rev() {
        if rustix::mount::unmount(mount, rustix::mount::UnmountFlags::empty()).is_err() {
            rustix::mount::unmount(mount, rustix::mount::UnmountFlags::DETACH)
                .with_context(|| format!("cannot unmount {}", mount.display()))?;
        }
    }
    let left = mounts_under(dir)?;
    if !left.is_empty() {
        bail!("still mounted: {left:?}");
    }
    Ok(())
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
