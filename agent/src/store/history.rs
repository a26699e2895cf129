//! The history: one line of JSON per run that ended, in one append-only file per month. This is the truth; the index
//! can be made from it.
//!
//! A line is there when its newline is there and fsync returned. What a crash leaves behind the last newline was never
//! acknowledged and is cut off at the next start; a damaged line further up is skipped, counted and said, and takes no
//! other with it. Nothing but that tail is ever rewritten, and only whole months are removed.

mod lines;
mod month;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bincode::{Decode, Encode};
use chrono::{DateTime, Utc};

pub(super) use lines::Lines;
pub use month::Month;

use super::{StoreError, durable};

/// Its name in the store's directory.
const DIRECTORY: &str = "history";
/// Longest line in bytes, without its newline.
pub const LINE_CAP: u64 = 8 << 20;
/// How much of the end of a file is looked at in one go for the last newline.
const BLOCK: u64 = 64 << 10;

/// Where the line of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Place {
    /// The segment.
    pub month: Month,
    /// First byte.
    pub offset: u64,
    /// Length in bytes, without the newline.
    pub length: u32,
}

impl Place {
    /// Length of the segment with this line in it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.length)).saturating_add(1)
    }
}

/// The segments.
#[derive(Debug)]
pub(super) struct History {
    directory: PathBuf,
    /// Length of each segment as far as it is whole and durable.
    ends: BTreeMap<Month, u64>,
}

impl History {
    /// The history below the store's directory, with damaged tails cut off; and what was cut off.
    pub(super) fn open(store: &Path) -> Result<(Self, Vec<String>), StoreError> {
        let directory = store.join(DIRECTORY);
        durable::make_directory(&directory, 0o750).map_err(StoreError::io("making", &directory))?;
        let mut history = Self { directory, ends: BTreeMap::new() };
        let mut warnings = Vec::new();
        let listed = std::fs::read_dir(&history.directory)
            .and_then(|entries| entries.map(|e| e.map(|e| e.file_name())).collect::<io::Result<Vec<_>>>());
        for name in listed.map_err(StoreError::io("listing", &history.directory))? {
            // What is not named like a segment is not ours.
            let Some(month) = name.to_str().and_then(Month::of_file) else { continue };
            let path = history.path(month);
            let (end, cut) = mend(&path).map_err(StoreError::io("mending", &path))?;
            if cut > 0 {
                warnings.push(format!(
                    "{}: the last {cut} bytes are no whole line, as a crash leaves them, and were cut off",
                    path.display()
                ));
            }
            history.ends.insert(month, end);
        }
        Ok((history, warnings))
    }

    /// File of a segment.
    pub(super) fn path(&self, month: Month) -> PathBuf {
        self.directory.join(month.file())
    }

    /// The segments with their lengths, oldest first.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = (Month, u64)> {
        self.ends.iter().map(|(month, end)| (*month, *end))
    }

    /// Length of a segment; none has 0.
    pub(super) fn end(&self, month: Month) -> u64 {
        self.ends.get(&month).copied().unwrap_or(0)
    }

    /// Appends a line. When this returns its place, a power cut does not take it.
    pub(super) fn append(&mut self, month: Month, mut line: Vec<u8>) -> Result<Place, StoreError> {
        let path = self.path(month);
        let length = u32::try_from(line.len()).ok().filter(|l| u64::from(*l) <= LINE_CAP);
        let length = length.ok_or(StoreError::TooLong(line.len()))?;
        let offset = self.end(month);
        line.push(b'\n');
        let place = Place { month, offset, length };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o640).open(&path);
        let file = file.map_err(StoreError::io("opening", &path))?;
        // What a failed append left: it was not acknowledged.
        let cut = file.metadata().and_then(|m| if m.len() > offset { file.set_len(offset) } else { Ok(()) });
        let written = cut.and_then(|()| file.write_all_at(&line, offset)).and_then(|()| file.sync_all());
        let written = written.and_then(|()| {
            if self.ends.contains_key(&month) { Ok(()) } else { durable::sync_directory_of(&path) }
        });
        if written.is_err() {
            // The next append and the next start try the same.
            file.set_len(offset).ok();
        }
        written.map_err(StoreError::io("appending to", &path))?;
        self.ends.insert(month, place.end());
        Ok(place)
    }

    /// The line at a place; `None` if no line is there.
    pub(super) fn read(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        if u64::from(place.length) > LINE_CAP || place.end() > self.end(place.month) {
            return Ok(None);
        }
        let path = self.path(place.month);
        let mut bytes = vec![0; place.length as usize + 1];
        let read = File::open(&path).and_then(|f| f.read_exact_at(&mut bytes, place.offset));
        read.map_err(StoreError::io("reading", &path))?;
        Ok((bytes.pop() == Some(b'\n') && !bytes.contains(&b'\n')).then_some(bytes))
    }

    /// The lines of a segment from an offset on.
    pub(super) fn lines(&self, month: Month, from: u64) -> Result<Lines, StoreError> {
        let path = self.path(month);
        Lines::of(&path, from, self.end(month)).map_err(StoreError::io("reading", &path))
    }

    /// Removes the segments that are older than so many months, counted from the month of `now`, or from the newest
    /// segment where that is older: a clock that went far ahead takes no history. Answers what was removed.
    pub(super) fn retire(&mut self, now: DateTime<Utc>, months: u32) -> Result<Vec<Month>, StoreError> {
        let Some(newest) = self.ends.keys().next_back().copied() else { return Ok(Vec::new()) };
        let oldest = Month::of(now).min(newest).earlier(months);
        let old: Vec<Month> = self.ends.keys().copied().filter(|m| *m < oldest).collect();
        for month in &old {
            let path = self.path(*month);
            durable::gone(std::fs::remove_file(&path)).map_err(StoreError::io("removing", &path))?;
            self.ends.remove(month);
        }
        if let Some(month) = old.first() {
            let path = self.path(*month);
            durable::sync_directory_of(&path).map_err(StoreError::io("syncing", &self.directory))?;
        }
        Ok(old)
    }
}

/// Cuts off what stands behind the last newline: length then, and how much it was.
fn mend(path: &Path) -> io::Result<(u64, u64)> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut block = vec![0; BLOCK as usize];
    let mut upper = length;
    let end = loop {
        if upper == 0 {
            break 0;
        }
        let lower = upper.saturating_sub(BLOCK);
        let part = block.get_mut(..(upper - lower) as usize).unwrap_or_default();
        file.read_exact_at(part, lower)?;
        match part.iter().rposition(|b| *b == b'\n') {
            Some(at) => break lower + at as u64 + 1,
            None => upper = lower,
        }
    };
    if end < length {
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok((end, length - end))
}

#[cfg(test)]
mod tests;
