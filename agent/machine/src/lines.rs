//! Append-only files of JSON lines: what they say survives a power cut, and a cut line at their end harms nothing.
//!
//! A power cut can only cut the last line off. Anything else that cannot be read was damaged, or written by a newer version:
//! then nobody may go on as if it had not been there, and nothing is taken away from the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::open;
use crate::kept;
use crate::root::Root;

/// What such a file holds.
#[derive(Debug)]
pub struct Lines<T> {
    /// Its lines, in their order.
    pub entries: Vec<T>,
    /// Where each of them ends, in bytes.
    pub ends: Vec<u64>,
    /// Bytes up to the end of the last whole line: what comes after was cut off.
    pub sound: u64,
    /// What was cut off, in words, with its place.
    pub warnings: Vec<String>,
}

/// Reads a file of at most `cap` bytes; one that is not there is empty.
///
/// # Errors
/// The file cannot be read, or a whole line of it cannot: file, line, and what it may be, in words.
pub fn read<T: DeserializeOwned>(root: &Root, path: &str, cap: u64) -> io::Result<Lines<T>> {
    let mut lines = Lines { entries: Vec::new(), ends: Vec::new(), sound: 0, warnings: Vec::new() };
    let file = match open(root, path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(lines),
        other => other?,
    };
    let too_large = || io::Error::new(ErrorKind::FileTooLarge, format!("larger than {cap} bytes"));
    if file.metadata()?.len() > cap {
        return Err(too_large());
    }
    let mut file = BufReader::new(file.take(cap + 1));
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = file.read_until(b'\n', &mut line)? as u64;
        if lines.sound + read > cap {
            return Err(too_large());
        }
        if !line.ends_with(b"\n") {
            if read > 0 {
                lines.warnings.push(format!("{path}:{number}: cut off, so it does not count"));
            }
            break;
        }
        let entry = serde_json::from_slice(&line)
            .map_err(|e| io::Error::new(ErrorKind::InvalidData, unreadable(&line, number, &e)))?;
        lines.entries.push(entry);
        lines.sound += read;
        lines.ends.push(lines.sound);
    }
    Ok(lines)
}

/// What a whole line that is not understood may be.
fn unreadable(line: &[u8], number: usize, e: &serde_json::Error) -> String {
    let e = e.to_string().chars().take(200).collect::<String>();
    if serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() {
        format!(
            "line {number} was written by a newer version of patchflock ({e}): install that version again"
        )
    } else {
        format!("line {number} is damaged ({e}): restore the file from a backup")
    }
}

/// Adds lines durably, all or none as far as we can tell, after the first `sound` bytes: what was cut off behind them goes.
/// The directory must be there. The file is as everything that we keep ([`kept`]).
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
    let mut file = File::options().append(true).create(true).mode(0o600).open(&place)?;
    kept::settle(root, &file)?;
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
        for damage in ["3", "{\"a", "\u{0}\u{0}\u{0}", "\"x\""] {
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
    fn a_whole_line_that_cannot_be_read_is_an_error_wherever_it_is_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        for (text, words) in [
            ("1\nx\n3\n", "line 2 is damaged"),
            ("1\n2\n\u{0}\u{0}\n", "line 3 is damaged"),
            ("1\n\n", "line 2 is damaged"),
            ("1\n{\"newer\": 1}\n3\n", "line 2 was written by a newer version of patchflock"),
            ("1\n\"x\"\n", "line 2 was written by a newer version of patchflock"),
        ] {
            std::fs::write(root.path(FILE), text).unwrap();
            let e = read::<u32>(&root, FILE, 100).unwrap_err();
            assert!(e.kind() == ErrorKind::InvalidData && e.to_string().contains(words), "{text:?}: {e}");
            assert_eq!(std::fs::read_to_string(root.path(FILE)).unwrap(), text);
        }
    }

    #[test]
    fn a_file_past_its_bound_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::write(root.path(FILE), "1\n".repeat(51)).unwrap();
        assert_eq!(read::<u32>(&root, FILE, 100).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
