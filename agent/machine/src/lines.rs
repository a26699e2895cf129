//! Append-only files of JSON lines: what they say survives a power cut, and a cut line at their end harms nothing.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::read_bytes;
use crate::root::Root;

/// What such a file holds.
#[derive(Debug)]
pub struct Lines<T> {
    /// The lines that could be read, in their order.
    pub entries: Vec<T>,
    /// Bytes up to the end of the last of them: what comes after is damaged.
    pub sound: u64,
    /// What could not be read, in words, with its place.
    pub warnings: Vec<String>,
}

/// Reads a file of at most `cap` bytes; one that is not there is empty.
///
/// A line that cannot be read is passed over and told: the lines after it were written later and still count.
pub fn read<T: DeserializeOwned>(root: &Root, path: &str, cap: u64) -> io::Result<Lines<T>> {
    let bytes = match read_bytes(root, path, cap) {
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    let mut lines = Lines { entries: Vec::new(), sound: 0, warnings: Vec::new() };
    let mut at = 0;
    for (n, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        at += line.len() as u64;
        let whole = line.ends_with(b"\n");
        match serde_json::from_slice(line) {
            Ok(entry) if whole => {
                lines.entries.push(entry);
                lines.sound = at;
            }
            Ok(_) => lines.warnings.push(format!("{path}:{}: cut off, so it does not count", n + 1)),
            Err(e) => lines.warnings.push(format!("{path}:{}: damaged, so it does not count: {e}", n + 1)),
        }
    }
    Ok(lines)
}

/// Adds lines durably, all or none as far as we can tell, after the first `sound` bytes: damage behind them is cut off.
/// The directory must be there.
///
/// # Errors
/// The file is as it was before, unless cutting it back failed as well.
pub fn append<T: Serialize>(root: &Root, path: &str, sound: u64, entries: &[T]) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
    }
    let place = root.path(path);
    let fresh = !place.exists();
    let mut file = File::options().append(true).create(true).mode(0o644).open(&place)?;
    if fresh {
        // Whatever the umask.
        file.set_permissions(Permissions::from_mode(0o644))?;
    }
    if file.metadata()?.len() != sound {
        file.set_len(sound)?;
    }
    if let Err(e) = file.write_all(&text).and_then(|()| file.sync_all()) {
        file.set_len(sound).and_then(|()| file.sync_all()).ok();
        return Err(e);
    }
    if fresh && let Some(dir) = place.parent() {
        File::open(dir)?.sync_all().ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/log.jsonl";

    #[test]
    fn lines_are_read_as_they_were_added_and_a_damaged_end_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let read = || read::<u32>(&root, FILE, 100).unwrap();
        append(&root, FILE, read().sound, &[1, 2]).unwrap();
        for damage in ["3", "{\"a", "\n\u{0}\u{0}\n", "\"x\"\n"] {
            let whole = std::fs::read(root.path(FILE)).unwrap();
            std::fs::write(root.path(FILE), [&whole[..], damage.as_bytes()].concat()).unwrap();
            let found = read();
            assert_eq!(
                (found.entries.len(), found.sound),
                (whole.len() / 2, whole.len() as u64),
                "{damage:?}"
            );
            assert!(!found.warnings.is_empty());
            append(&root, FILE, found.sound, &[7]).unwrap();
            assert!(read().warnings.is_empty());
        }
        assert_eq!(read().entries, [1, 2, 7, 7, 7, 7]);
    }

    #[test]
    fn damage_in_the_middle_hides_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::write(root.path(FILE), "1\nx\n3\n").unwrap();
        let found = read::<u32>(&root, FILE, 100).unwrap();
        assert_eq!((found.entries, found.sound), (vec![1, 3], 6));
        assert!(found.warnings[0].starts_with("/log.jsonl:2: damaged"), "{:?}", found.warnings);
    }

    #[test]
    fn a_file_past_its_bound_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::write(root.path(FILE), "1\n".repeat(51)).unwrap();
        assert_eq!(read::<u32>(&root, FILE, 100).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
