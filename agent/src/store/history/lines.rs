//! Streaming the lines of a segment: never more than one of them in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;

use super::LINE_CAP;

/// Room that is kept from one line to the next.
const KEPT: usize = 256 << 10;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Line<'a> {
    /// First byte in the segment.
    pub(in crate::store) offset: u64,
    /// Without the newline; `None`: longer than any that we write.
    pub(in crate::store) bytes: Option<&'a [u8]>,
}

/// A segment on the way through.
#[derive(Debug)]
pub(in crate::store) struct Lines {
    reader: BufReader<Take<File>>,
    at: u64,
    line: Vec<u8>,
}

impl Lines {
    /// The lines from an offset on, which is the start of one, to the end, which is that of one.
    pub(super) fn of(path: &Path, from: u64, end: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let reader = BufReader::with_capacity(64 << 10, file.take(end.saturating_sub(from)));
        Ok(Self { reader, at: from, line: Vec::new() })
    }

    /// Start of the next line.
    pub(in crate::store) fn offset(&self) -> u64 {
        self.at
    }

    /// The next line. One without a newline is the end.
    pub(in crate::store) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        self.line.shrink_to(KEPT);
        let offset = self.at;
        let mut length = 0_u64;
        loop {
            let part = self.reader.fill_buf()?;
            if part.is_empty() {
                return Ok(None);
            }
            let newline = part.iter().position(|b| *b == b'\n');
            let content = part.get(..newline.unwrap_or(part.len())).unwrap_or_default();
            length += content.len() as u64;
            if length <= LINE_CAP {
                self.line.extend_from_slice(content);
            }
            let used = content.len() + usize::from(newline.is_some());
            self.reader.consume(used);
            if newline.is_some() {
                self.at = offset + length + 1;
                let bytes = (length <= LINE_CAP).then_some(self.line.as_slice());
                return Ok(Some(Line { offset, bytes }));
            }
        }
    }
}
