//! Our own small files on the machine, written without leaving its root.
//!
//! As for what is read, a system in a directory is not trusted to keep its links inside: paths are resolved as
//! `chroot` would (`openat2` with `RESOLVE_IN_ROOT`).

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, renameat, unlinkat};
use rustix::io::Errno;

use crate::root::Root;

/// Writes a file, whole or not at all and durably, with the directories above it.
pub fn write(root: &Root, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    write_for(root, path, bytes, Mode::from_raw_mode(mode), None)
}

/// The same, for a group.
pub(crate) fn write_for(
    root: &Root,
    path: &str,
    bytes: &[u8],
    mode: Mode,
    group: Option<Gid>,
) -> io::Result<()> {
    let (dir, name) = parent(path)?;
    let dir = made(root, dir)?;
    let new = format!(".{name}.new");
    // What an interrupted run left, be it a link: nothing is followed and nothing is kept.
    removed(&dir, &new)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // For nobody else until it belongs to whom it should.
    let mut file = File::from(openat(&dir, &new, flags, Mode::RUSR | Mode::WUSR)?);
    let written = group.map_or(Ok(()), |group| rustix::fs::fchown(&file, None, Some(group)));
    // Whatever the caller's umask.
    let written = written.and_then(|()| rustix::fs::fchmod(&file, mode)).map_err(io::Error::from);
    let written = written.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| Ok(renameat(&dir, &new, &dir, name)?));
    if placed.is_err() {
        removed(&dir, &new)?;
    }
    placed?;
    // Some file systems know no sync of a directory; then the rename is as durable as they make it.
    rustix::fs::fsync(&dir).ok();
    Ok(())
}

/// Makes a directory with those above it, for everybody to read: what lies in it has modes of its own.
pub(crate) fn make_dir(root: &Root, path: &str) -> io::Result<()> {
    made(root, path).map(|_| ())
}

/// Takes a file away; one that is not there is gone already.
pub fn remove(root: &Root, path: &str) -> io::Result<()> {
    let (dir, name) = parent(path)?;
    match directory(root, dir) {
        Ok(dir) => removed(&dir, name),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

fn removed(dir: &OwnedFd, name: &str) -> io::Result<()> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn parent(path: &str) -> io::Result<(&str, &str)> {
    path.rsplit_once('/').ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "not an absolute path"))
}

/// A directory at an absolute path of that system.
fn directory(root: &Root, path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::open(root.dir(), flags, Mode::empty())?;
    let relative = path.trim_start_matches('/');
    let relative = if relative.is_empty() { "." } else { relative };
    if root.is_host() {
        return Ok(openat(&top, relative, flags, Mode::empty())?);
    }
    match openat2(&top, relative, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        // Kernels before 5.6 and some sandboxes: such a system is taken as the path says.
        Err(Errno::NOSYS) => Ok(openat(&top, relative, flags, Mode::empty())?),
        other => Ok(other?),
    }
}

/// The same, made where it is missing.
pub(crate) fn made(root: &Root, path: &str) -> io::Result<OwnedFd> {
    match directory(root, path) {
        Err(e) if e.kind() == ErrorKind::NotFound && Path::new(path).parent().is_some() => {
            let (above, name) = parent(path)?;
            let above = made(root, above)?;
            match mkdirat(&above, name, Mode::from_raw_mode(0o755)) {
                Ok(()) => {
                    let made = directory(root, path)?;
                    // Whatever the caller's umask: ordinary users scan, and apt fetches as one.
                    rustix::fs::fchmod(&made, Mode::from_raw_mode(0o755))?;
                    Ok(made)
                }
                Err(Errno::EXIST) => directory(root, path),
                Err(e) => Err(e.into()),
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::host::read_bytes;

    const FILE: &str = "/var/lib/ours/file";

    #[test]
    fn a_file_is_written_with_its_directories_and_replaced_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        remove(&root, FILE).unwrap();
        write(&root, FILE, b"one", 0o600).unwrap();
        write(&root, FILE, b"two", 0o644).unwrap();
        assert_eq!(read_bytes(&root, FILE, 10).unwrap(), b"two");
        let mode = std::fs::metadata(root.path(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(
            std::fs::read_dir(root.path("/var/lib/ours")).unwrap().count(),
            1,
            "nothing lies beside it"
        );
        remove(&root, FILE).unwrap();
        remove(&root, FILE).unwrap();
        assert!(!root.path(FILE).exists());
    }

    #[test]
    fn links_of_a_system_in_a_directory_do_not_lead_out_of_it() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = Root::at(dir.path());
        let inside = root.path(outside.path());
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir(root.path("/var")).unwrap();
        symlink(outside.path(), root.path("/var/lib")).unwrap();
        std::fs::create_dir(outside.path().join("ours")).unwrap();
        std::fs::write(outside.path().join("ours/file"), "the host's").unwrap();
        write(&root, FILE, b"x", 0o600).unwrap();
        assert_eq!(std::fs::read(inside.join("ours/file")).unwrap(), b"x");
        // A link in the place of the file or of its draft is replaced, not followed.
        remove(&root, FILE).unwrap();
        for name in ["file", ".file.new"] {
            symlink(outside.path().join("ours/file"), inside.join("ours").join(name)).unwrap();
        }
        write(&root, FILE, b"y", 0o600).unwrap();
        assert!(std::fs::symlink_metadata(inside.join("ours/file")).unwrap().is_file());
        remove(&root, FILE).unwrap();
        assert_eq!(std::fs::read(outside.path().join("ours/file")).unwrap(), b"the host's");
    }
}
