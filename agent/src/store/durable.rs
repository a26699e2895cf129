//! Files that are whole and durable, or not there: what every part of the store is made of.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How many damaged files of one name are kept for people to look at; the last place is used again and again.
const KEPT: u32 = 9;

/// Replaces a file: temporary file, fsync, rename, fsync of the directory.
///
/// The temporary file has a fixed name, so that crashes leave one at most; [`super::Store`] holds the lock that keeps
/// a second writer away.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // A mode counts only for a file that is made.
    gone(std::fs::remove_file(&new))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    sync_directory_of(path)
}

/// A new name, or one that went, is durable only with its directory.
pub(super) fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// At most `cap` bytes of a file: `None` if there is none, an error of kind `FileTooLarge` if it is longer.
pub(super) fn read(path: &Path, cap: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(cap + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("longer than {cap} bytes")));
    }
    Ok(Some(bytes))
}

/// Moves a damaged file to `NAME.damaged-N` and says where it is now.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let place = |n: u32| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".damaged-{n}"));
        path.with_file_name(name)
    };
    let aside = (1..KEPT).map(place).find(|p| !p.exists()).unwrap_or_else(|| place(KEPT));
    std::fs::rename(path, &aside)?;
    sync_directory_of(path)?;
    Ok(aside)
}

/// Makes a directory and those above it.
pub(super) fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
    sync_directory_of(path)
}

/// What was to be removed and is not there is removed.
pub(super) fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_what_a_crash_left_beside_it_is_not_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(dir.path().join("file.new"), "half of").unwrap();
        for text in ["one", "two"] {
            replace(&path, text.as_bytes(), 0o600).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_more_than_nine_damaged_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for n in 1..=12 {
            std::fs::write(&path, n.to_string()).unwrap();
            set_aside(&path).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 9);
        assert_eq!(std::fs::read_to_string(dir.path().join("file.damaged-9")).unwrap(), "12");
        assert_eq!(std::fs::read_to_string(dir.path().join("file.damaged-1")).unwrap(), "1");
    }
}
