//! What we keep below `/var/lib/patchflock`: written by root, read by the group `patchflock` and by nobody else.
//!
//! Documents, plans and records hold configuration of repositories, passwords among it, and what hooks and packages said.
//! `/var/lib/patchflock` itself stays open: apt drops to a user of its own, which has to pass through it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use rustix::fs::{Gid, Mode, fchmod, fchown, fstat};

use crate::host::{read_bytes, records};
use crate::root::Root;

/// Everything that we keep on a machine.
pub const STATE: &str = "/var/lib/patchflock";
/// Whose members may read it. The agent's own user is in it.
pub const GROUP: &str = "patchflock";
/// The machine's list of groups; a larger file is none.
const GROUPS: &str = "/etc/group";
const GROUPS_CAP: u64 = 16 << 20;

/// Mode of files, and of directories, with that group and without it.
const FILE: (u32, u32) = (0o640, 0o600);
const DIRECTORY: (u32, u32) = (0o750, 0o700);

/// Writes a file, whole or not at all and durably, with the directories above it.
///
/// # Errors
/// The file is as it was before.
pub fn write(root: &Root, path: &str, bytes: &[u8]) -> io::Result<()> {
    let group = group(root);
    if let Some((above, _)) = path.rsplit_once('/') {
        directory_of(root, above, group)?;
    }
    records::write_for(root, path, bytes, Mode::from_raw_mode(mode(FILE, group)), group)
}

/// Makes a directory of ours with those above it, and gives those that an older version or an installation without the
/// group made the mode that they should have.
///
/// # Errors
/// It cannot be made or changed.
pub fn directory(root: &Root, path: &str) -> io::Result<()> {
    directory_of(root, path, group(root))
}

/// Gives an open file of ours its mode and group, whatever the umask and whoever made it.
pub(crate) fn settle(root: &Root, file: &File) -> io::Result<()> {
    settled(file, FILE, group(root))
}

fn directory_of(root: &Root, path: &str, group: Option<Gid>) -> io::Result<()> {
    let Some(below) = path.strip_prefix(STATE) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("{path} is not below {STATE}")));
    };
    records::make_dir(root, STATE)?;
    let mut place = STATE.to_owned();
    for part in below.split('/').filter(|part| !part.is_empty()) {
        place = format!("{place}/{part}");
        settled(&records::made(root, &place)?, DIRECTORY, group)?;
    }
    Ok(())
}

fn mode((with, without): (u32, u32), group: Option<Gid>) -> u32 {
    if group.is_some() { with } else { without }
}

fn settled(file: &impl AsFd, modes: (u32, u32), group: Option<Gid>) -> io::Result<()> {
    let (found, wanted) = (fstat(file)?, mode(modes, group));
    if let Some(group) = group.filter(|group| group.as_raw() != found.st_gid) {
        fchown(file, None, Some(group))?;
    }
    if found.st_mode & 0o7777 != wanted {
        fchmod(file, Mode::from_raw_mode(wanted))?;
    }
    Ok(())
}

/// The group's number on that machine, where it has one. Without it what we write is for root alone.
fn group(root: &Root) -> Option<Gid> {
    let text = read_bytes(root, GROUPS, GROUPS_CAP).ok()?;
    let text = String::from_utf8_lossy(&text);
    let number = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(GROUP)).then(|| fields.nth(1)?.parse().ok())?
    })?;
    // The one number that means "leave it as it is".
    (number != u32::MAX).then(|| Gid::from_raw(number))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    const PLAN: &str = "/var/lib/patchflock/plans/r-1.json";

    fn machine(groups: &str) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/group"), groups).unwrap();
        let root = Root::at(dir.path());
        (dir, root)
    }

    fn modes(root: &Root) -> [u32; 3] {
        [STATE, "/var/lib/patchflock/plans", PLAN]
            .map(|path| std::fs::metadata(root.path(path)).unwrap().mode() & 0o7777)
    }

    /// A group that this process may give a file to, whoever runs the tests.
    fn ours() -> String {
        format!("root:x:0:\nbroken\npatchflock:x:{}:alice\n", rustix::process::getegid().as_raw())
    }

    #[test]
    fn files_are_for_root_and_the_group_and_their_directories_too() {
        let (_dir, root) = machine(&ours());
        write(&root, PLAN, b"one").unwrap();
        assert_eq!(modes(&root), [0o755, 0o750, 0o640]);
        if rustix::process::geteuid().is_root() {
            std::fs::write(root.path(GROUPS), "patchflock:x:4711:\n").unwrap();
            write(&root, PLAN, b"two").unwrap();
            for path in [PLAN, "/var/lib/patchflock/plans"] {
                assert_eq!(std::fs::metadata(root.path(path)).unwrap().gid(), 4711, "{path}");
            }
        }
    }

    #[test]
    fn without_the_group_they_are_for_root_alone_until_there_is_one() {
        let (_dir, root) = machine("root:x:0:\npatchflock:x:nonsense:\n");
        write(&root, PLAN, b"one").unwrap();
        assert_eq!(modes(&root), [0o755, 0o700, 0o600]);
        std::fs::write(root.path(GROUPS), ours()).unwrap();
        write(&root, PLAN, b"two").unwrap();
        assert_eq!(modes(&root), [0o755, 0o750, 0o640]);
    }

    #[test]
    fn what_an_older_version_left_open_is_closed_when_it_is_written_again() {
        let (_dir, root) = machine(&ours());
        std::fs::create_dir_all(root.path("/var/lib/patchflock/plans")).unwrap();
        std::fs::write(root.path(PLAN), "old").unwrap();
        for (path, mode) in [("/var/lib/patchflock/plans", 0o755), (PLAN, 0o644)] {
            std::fs::set_permissions(root.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        settle(&root, &File::open(root.path(PLAN)).unwrap()).unwrap();
        assert_eq!(modes(&root), [0o755, 0o755, 0o640]);
        write(&root, PLAN, b"new").unwrap();
        assert_eq!(modes(&root), [0o755, 0o750, 0o640]);
        assert!(directory(&root, "/etc/elsewhere").is_err());
    }
}
