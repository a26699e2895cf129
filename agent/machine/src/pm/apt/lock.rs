//! The locks of apt and dpkg: bounded waiting, and who holds them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Flock, FlockType, fcntl_getlk};

use crate::exec::Output;
use crate::pm::PmError;
use crate::root::Root;

/// Between two looks at a foreign lock.
const LOOK: Duration = Duration::from_millis(200);

/// How long to wait, given the machine's own setting in seconds. apt takes a negative number as "for ever"; a run
/// that never ends helps nobody, so that is an hour.
pub(super) fn bound(configured: Option<i64>) -> Duration {
    const LONGEST: u64 = 3600;
    let seconds = match configured {
        None => 120,
        Some(seconds) => u64::try_from(seconds).map_or(LONGEST, |s| s.min(LONGEST)),
    };
    Duration::from_secs(seconds)
}

/// Waits until nobody holds any of the files, at most `limit`.
///
/// apt's own `DPkg::Lock::Timeout` covers only dpkg's locks: `apt-get update` and downloads give up at once when
/// another apt holds theirs.
pub(super) fn wait(files: &[PathBuf], limit: Duration) -> Result<(), PmError> {
    let started = Instant::now();
    while let Some(pid) = files.iter().find_map(|f| holder(f)) {
        if started.elapsed() >= limit {
            return Err(PmError::Locked { holder: process(pid), waited: started.elapsed() });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the lock of a foreign process gives no event to wait for"
        )]
        std::thread::sleep(LOOK.min(limit));
    }
    Ok(())
}

/// Process that holds the lock, if one does. A file that cannot be opened is held by nobody we could wait for.
fn holder(file: &Path) -> Option<i32> {
    let file = std::fs::File::open(file).ok()?;
    let held = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
    Some(held.pid.map_or(0, |p| p.as_raw_nonzero().get()))
}

fn process(pid: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match name.trim() {
        "" => format!("process {pid}"),
        name => format!("{name} (process {pid})"),
    }
}

/// The locks that a change of packages takes.
pub(super) fn of_packages(root: &Root, archives: &Path) -> Vec<PathBuf> {
    let mut files = vec![root.path("/var/lib/dpkg/lock-frontend"), root.path("/var/lib/dpkg/lock")];
    files.push(archives.join("lock"));
    files
}

/// Recognises in the words of a failed run that somebody came first after all.
pub(super) fn refused(out: &Output, waited: Duration) -> Option<PmError> {
    let (stderr, stdout) = (out.stderr_text(), out.stdout_text());
    let line = stderr
        .lines()
        .chain(stdout.lines())
        .find(|l| l.contains("Could not get lock ") || l.contains("Unable to lock "))?;
    let holder = match line.split_once("It is held by ") {
        // While apt waits it counts the seconds behind dots.
        Some((_, who)) => reworded(who.split("...").next().unwrap_or_default().trim()),
        None => "another program".to_owned(),
    };
    Some(PmError::Locked { holder, waited })
}

/// In the words of [`process`]; apt says `process 4711 (dpkg)`.
fn reworded(who: &str) -> String {
    let parts =
        who.strip_prefix("process ").and_then(|w| w.strip_suffix(')')).and_then(|w| w.split_once(" ("));
    parts.map_or_else(|| who.to_owned(), |(pid, name)| format!("{name} (process {pid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_read_from_apts_words() {
        let said = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt-get)\n\
                    E: Unable to acquire the dpkg frontend lock\n";
        let out = Output { code: 100, stdout: Vec::new(), stderr: said.into(), truncated: false };
        let error = refused(&out, Duration::from_secs(3)).unwrap();
        assert!(error.to_string().starts_with("apt-get (process 4711) holds"), "{error}");
        // As it says it while it waits.
        let said = "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 \
                    (apt-get)... 1s\n";
        let out = Output { code: 100, stdout: Vec::new(), stderr: said.into(), truncated: false };
        let error = refused(&out, Duration::from_secs(3)).unwrap();
        assert!(error.to_string().starts_with("apt-get (process 4711) holds"), "{error}");
    }

    #[test]
    fn the_machine_says_how_long_to_wait_and_never_for_ever() {
        let seconds = [None, Some(0), Some(7), Some(-1), Some(i64::MAX)].map(|c| bound(c).as_secs());
        assert_eq!(seconds, [120, 0, 7, 3600, 3600]);
    }

    #[test]
    fn waiting_for_nobody_returns_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lock");
        std::fs::write(&file, "").unwrap();
        assert!(wait(&[file, dir.path().join("missing")], Duration::ZERO).is_ok());
    }
}
