//! Reading files of the machine with a bound, without leaving the root.
//!
//! A system in a directory is not trusted to keep its links inside: paths are resolved as `chroot` would
//! (`openat2` with `RESOLVE_IN_ROOT`), and device files and pipes are not read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::root::Root;

/// The file at an absolute path of that system.
pub(crate) fn open(root: &Root, path: &str) -> io::Result<File> {
    // NONBLOCK: opening a pipe that somebody put there must not hold us.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = open_with(root, path, flags)?;
    match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok(file),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a directory")),
    }
}

fn open_with(root: &Root, path: &str, flags: OFlags) -> io::Result<File> {
    if root.is_host() {
        return Ok(rustix::fs::open(path, flags, Mode::empty())?.into());
    }
    let dir =
        rustix::fs::open(root.dir(), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let relative = path.trim_start_matches('/');
    let relative = if relative.is_empty() { "." } else { relative };
    match rustix::fs::openat2(&dir, relative, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        Ok(file) => Ok(file.into()),
        // Kernels before 5.6 and some sandboxes: such a system is read as the path says.
        Err(Errno::NOSYS) => Ok(rustix::fs::openat(&dir, relative, flags, Mode::empty())?.into()),
        Err(e) => Err(e.into()),
    }
}

/// At most `cap` bytes of a file; a longer one is refused, not cut.
pub fn read_bytes(root: &Root, path: &str, cap: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(root, path)?.take(cap + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {cap} bytes")));
    }
    Ok(bytes)
}

/// [`read_bytes`] of a path as [`Root::path`] gives it.
pub(crate) fn read_ours(root: &Root, ours: &Path, cap: u64) -> io::Result<Vec<u8>> {
    read_bytes(root, &root.inside(ours).to_string_lossy(), cap)
}

/// [`open`] of a path as [`Root::path`] gives it.
pub(crate) fn open_ours(root: &Root, ours: &Path) -> io::Result<File> {
    open(root, &root.inside(ours).to_string_lossy())
}

/// [`read_bytes`] as text; what is not UTF-8 becomes U+FFFD.
pub(crate) fn read_text(root: &Root, path: &str, cap: u64) -> io::Result<String> {
    read_bytes(root, path, cap).map(|b| String::from_utf8_lossy(&b).into_owned())
}

/// The first bytes of a file, at most `count`.
pub(crate) fn read_head(root: &Root, path: &str, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(root, path)?.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether the path leads to something inside the root.
pub(crate) fn exists(root: &Root, path: &str) -> bool {
    open_with(root, path, OFlags::PATH | OFlags::CLOEXEC).is_ok()
}

/// When a file was last written.
pub(crate) fn modified(root: &Root, path: &str) -> io::Result<SystemTime> {
    open_with(root, path, OFlags::PATH | OFlags::CLOEXEC)?.metadata()?.modified()
}

/// Names in a directory, sorted, at most `cap`; a missing directory has none.
pub fn list(root: &Root, path: &str, cap: usize) -> io::Result<Vec<String>> {
    let dir = match open(root, path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(&dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name == "." || name == ".." {
            continue;
        }
        if names.len() == cap {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {cap} entries")));
        }
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
}

/// Where a chain of links inside one directory ends (`/usr/bin/yum` → `dnf-3`), as a bare file name.
pub(crate) fn real_name(root: &Root, path: &str) -> Option<String> {
    let mut path = path.to_owned();
    for _ in 0..8 {
        let (parent, name) = path.rsplit_once('/')?;
        let dir = open(root, parent).ok()?;
        match rustix::fs::readlinkat(&dir, name, Vec::new()) {
            Ok(target) => {
                let target = target.to_string_lossy().into_owned();
                path = if target.starts_with('/') { target } else { format!("{parent}/{target}") };
            }
            Err(_) => {
                return rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)
                    .ok()
                    .map(|_| name.to_owned());
            }
        }
    }
    None
}
