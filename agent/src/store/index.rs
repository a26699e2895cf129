//! The index over the history: by time, run, package and CVE. Everything in it can be made from the segments.
//!
//! sled 0.34 is not trusted with anything: its `flush` is no fsync, a kill while it writes its start-up snapshot makes
//! every later open fail, and it may come up without its last pages. So nothing here promises durability. Each entry
//! goes in as one batch together with how far its segment is indexed and with a sum over the whole index. At the start
//! the sum is taken again: an index that does not open or does not add up is deleted and made anew, and one that is
//! merely old catches up.

mod keys;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use patchflock_api::ids::RunId;
use patchflock_api::run::RunEntry;

use self::keys::{Check, Found, Progress};
use super::codec::{CodecError, decode, encode};
use super::history::{History, Month, Place};
use super::{Facets, FacetsOf, StoreError, durable};

/// Its name in the store's directory.
const DIRECTORY: &str = "index";
/// Memory for pages in bytes.
const CACHE: u64 = 4 << 20;
/// Most names of one entry that are indexed.
const NAMES: usize = 20_000;

/// Why an index is no use any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("sled: {0}")]
    Sled(#[from] sled::Error),
    #[error("{0}")]
    Value(#[from] CodecError),
    #[error("there is none")]
    Absent,
    #[error("it does not add up")]
    Sum,
    #[error("sled panicked on it")]
    Panic,
    #[error("{0} is not the segment that was indexed")]
    Segment(Month),
    #[error("{0}")]
    History(#[from] StoreError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The index.
pub(super) struct Index {
    db: sled::Db,
    check: Check,
    progress: BTreeMap<Month, Progress>,
}

impl Index {
    /// The index below the store's directory, as it is on disk. An empty one where there is none.
    pub(super) fn open(store: &Path) -> Result<Self, Lost> {
        let directory = place(store);
        durable::make_directory(&directory, 0o700)?;
        // A kill while sled wrote its start-up snapshot left it, and sled would take it for the newest.
        for entry in std::fs::read_dir(&directory)? {
            let name = entry?.file_name();
            if name.to_string_lossy().ends_with(".generating") {
                std::fs::remove_file(directory.join(name))?;
            }
        }
        // Damaged files make sled panic here and there. Nothing of ours is half-way in there.
        std::panic::catch_unwind(AssertUnwindSafe(|| Self::checked(&directory))).unwrap_or(Err(Lost::Panic))
    }

    fn checked(directory: &Path) -> Result<Self, Lost> {
        let config = sled::Config::new().path(directory).cache_capacity(CACHE).mode(sled::Mode::LowSpace);
        // No thread that flushes behind our back: each append flushes.
        let db = config.flush_every_ms(None).open()?;
        let (mut check, mut progress) = (Check::default(), BTreeMap::new());
        let mut stored = None;
        for pair in db.iter() {
            let (key, value) = pair?;
            if key == keys::CHECK {
                stored = Some(decode::<Check>(&value)?);
                continue;
            }
            check.add(&key, &value);
            if let Some(month) = key.strip_prefix(keys::PROGRESS) {
                let number = <[u8; 4]>::try_from(month).map_err(|_| Lost::Sum)?;
                progress.insert(Month::from_number(u32::from_be_bytes(number)), decode::<Progress>(&value)?);
            }
        }
        if stored.unwrap_or_default() != check {
            return Err(Lost::Sum);
        }
        Ok(Self { db, check, progress })
    }

    /// Deletes what is there.
    pub(super) fn delete(store: &Path) -> std::io::Result<()> {
        let directory = place(store);
        match std::fs::remove_dir_all(&directory) {
            Err(e) if e.kind() == ErrorKind::NotADirectory => std::fs::remove_file(&directory),
            other => durable::gone(other),
        }
    }

    /// Takes in what the history has and the index has not.
    pub(super) fn catch_up(&mut self, history: &History, facets_of: &FacetsOf) -> Result<(), Lost> {
        for (month, progress) in &self.progress {
            let same = match progress.last {
                _ if progress.end > history.end(*month) => false,
                None => true,
                Some((offset, length)) => {
                    let line = history.read(Place { month: *month, offset, length })?;
                    let entry = line.and_then(|bytes| parse(&bytes));
                    entry.is_some_and(|e| self.find(&e.spec.id).is_ok_and(|found| found.is_some()))
                }
            };
            if !same {
                return Err(Lost::Segment(*month));
            }
        }
        for (month, end) in history.segments() {
            let mut progress = self.progress.get(&month).copied().unwrap_or_default();
            if progress.end == end {
                continue;
            }
            let mut lines = history.lines(month, progress.end)?;
            loop {
                let (offset, entry, length) = match lines.next()? {
                    None => break,
                    Some(line) => (
                        line.offset,
                        line.bytes.and_then(parse),
                        line.bytes.and_then(|b| u32::try_from(b.len()).ok()),
                    ),
                };
                match (entry, length) {
                    (Some(entry), Some(length)) => {
                        let place = Place { month, offset, length };
                        self.put(&entry, place, &facets_of(&entry))?;
                    }
                    _ => {
                        progress = self.progress.get(&month).copied().unwrap_or_default();
                        progress.damaged += 1;
                        progress.end = lines.offset();
                        let mut batch = sled::Batch::default();
                        self.advance(&mut batch, month, progress)?;
                        self.apply(batch)?;
                    }
                }
            }
        }
        self.flush()
    }

    /// Takes in one entry.
    pub(super) fn put(&mut self, entry: &RunEntry, place: Place, facets: &Facets) -> Result<(), Lost> {
        let run = &entry.spec.id;
        let found = Found { at: keys::micros(entry.finished_at), place };
        let mut batch = sled::Batch::default();
        // A run has one entry: the one that ended later, else the one that is further down.
        if self.find(run)?.is_none_or(|old| old < found) {
            let suffix = keys::suffix(found.at, run);
            let at = encode(&place)?;
            let packages = facets.packages.iter().take(NAMES).filter_map(|n| keys::package(n));
            let cves = facets.cves.iter().take(NAMES).filter_map(|n| keys::cve(n));
            let mut prefixes: BTreeSet<Vec<u8>> = packages.chain(cves).collect();
            prefixes.insert(keys::TIMES.to_vec());
            for prefix in prefixes {
                self.set(&mut batch, [&prefix[..], &suffix].concat(), at.clone())?;
            }
            self.set(&mut batch, keys::run(run), encode(&found)?)?;
        }
        let damaged = self.progress.get(&place.month).map_or(0, |p| p.damaged);
        let progress = Progress { end: place.end(), damaged, last: Some((place.offset, place.length)) };
        self.advance(&mut batch, place.month, progress)?;
        self.apply(batch)
    }

    fn advance(&mut self, batch: &mut sled::Batch, month: Month, progress: Progress) -> Result<(), Lost> {
        self.set(batch, keys::progress(month), encode(&progress)?)?;
        self.progress.insert(month, progress);
        Ok(())
    }

    /// Each key at most once per batch.
    fn set(&mut self, batch: &mut sled::Batch, key: Vec<u8>, value: Vec<u8>) -> Result<(), Lost> {
        if let Some(old) = self.db.get(&key)? {
            self.check.remove(&key, &old);
        }
        self.check.add(&key, &value);
        batch.insert(key, value);
        Ok(())
    }

    fn apply(&self, mut batch: sled::Batch) -> Result<(), Lost> {
        batch.insert(keys::CHECK, encode(&self.check)?);
        Ok(self.db.apply_batch(batch)?)
    }

    /// Hands everything to the kernel: a killed agent has less to catch up with.
    pub(super) fn flush(&self) -> Result<(), Lost> {
        self.db.flush()?;
        Ok(())
    }

    fn find(&self, run: &RunId) -> Result<Option<Found>, Lost> {
        self.db.get(keys::run(run))?.map(|value| Ok(decode::<Found>(&value)?)).transpose()
    }

    /// Where the entry of a run is.
    pub(super) fn place(&self, run: &RunId) -> Result<Option<Place>, Lost> {
        Ok(self.find(run)?.map(|found| found.place))
    }

    /// The runs that ended last, newest first, that touched a package and fixed a CVE, as far as these are given.
    pub(super) fn newest(
        &self,
        limit: usize,
        package: Option<&str>,
        cve: Option<&str>,
    ) -> Result<Vec<(RunId, Place)>, Lost> {
        let prefixes = [package.map(keys::package), cve.map(keys::cve)];
        // A name that nothing can have has no runs.
        let Some(named) = prefixes.into_iter().flatten().collect::<Option<Vec<_>>>() else {
            return Ok(Vec::new());
        };
        let scanned = named.first().map_or(keys::TIMES, Vec::as_slice);
        let mut found = Vec::new();
        for pair in self.db.scan_prefix(scanned).rev() {
            if found.len() == limit {
                break;
            }
            let (key, value) = pair?;
            let suffix = key.get(scanned.len()..).unwrap_or_default();
            let place: Place = decode(&value)?;
            let run = keys::run_of(suffix).ok_or(Lost::Sum)?;
            // An entry that a later one of the same run took the place of is still under its names.
            let current = self.place(&run)? == Some(place);
            let mut others = named.iter().skip(1);
            let all = others.try_fold(true, |all, prefix| {
                Ok::<_, Lost>(all && self.db.get([&prefix[..], suffix].concat())?.is_some())
            })?;
            if current && all {
                found.push((run, place));
            }
        }
        Ok(found)
    }

    /// Segments with lines that could not be read, and how many.
    pub(super) fn damaged(&self) -> impl Iterator<Item = (Month, u64)> {
        self.progress.iter().filter(|(_, p)| p.damaged > 0).map(|(month, p)| (*month, p.damaged))
    }
}

fn place(store: &Path) -> PathBuf {
    store.join(DIRECTORY)
}

/// The entry in a line; `None`: the line is damaged, or in words of another version.
pub(super) fn parse(line: &[u8]) -> Option<RunEntry> {
    serde_json::from_slice(line).ok()
}
