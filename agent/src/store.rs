//! What the agent keeps on disk: the journal, the history of its runs, and who it is.
//!
//! Truth is in files that are fsynced: `journal.json`, `history/YYYY-MM.jsonl`, `node-id`. `index/` (sled) is made from
//! the history and can be deleted without loss. One process at a time: `lock`.
//!
//! A crash at any instant leaves every acknowledged entry, once. What else it leaves is mended at the next start and
//! said in [`Store::warnings`].

pub mod codec;
mod durable;
mod history;
mod identity;
mod index;
mod journal;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use patchflock_api::ids::{NodeId, RunId};
use patchflock_api::run::RunEntry;
use patchflock_machine::root::Root;
use rustix::fs::FlockOperation;

pub(crate) use self::durable::replace;
use self::history::History;
pub use self::history::{LINE_CAP, Month, Place};
pub use self::identity::IdentityError;
use self::index::{Index, Lost};
pub use self::journal::{JOURNAL_CAP, Journal, JournalError, JournalRead};

/// Where it is on a machine.
pub const DIRECTORY: &str = "/var/lib/patchflock/agent";
/// What a node id is bound to.
const MACHINE_ID: &str = "/etc/machine-id";
/// Most entries of one answer.
pub const MAX_ENTRIES: usize = 1000;
/// Most bytes of lines in one answer; the first entry always fits.
const MAX_ANSWER: u64 = 16 << 20;
/// Warnings that nobody fetched are kept up to this many.
const MAX_WARNINGS: usize = 100;

/// The store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refuses.
    #[error("{what} {}: {source}; look at the disk and the rights of its directory", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("{} is in use by another process: is patchflockd running already?", .0.display())]
    InUse(PathBuf),
    /// A longer line than any that is read.
    #[error("the entry of a run would have {0} bytes; {LINE_CAP} are the most")]
    TooLong(usize),
    /// An entry has no form on disk.
    #[error("the entry of a run cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// No node id.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The index cannot be made. The history is unharmed.
    #[error("the index {} cannot be made: {why}; the history beside it is unharmed", path.display())]
    Index {
        /// Its directory.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl StoreError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// What an entry is found by. It is in the record that the privileged half keeps of the run, not in the entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// Names of the packages that the run changed or should have changed.
    pub packages: Vec<String>,
    /// CVEs that it fixed.
    pub cves: Vec<String>,
}

/// Reads the facets of an entry when the index is made from the history.
pub type FacetsOf = Box<dyn Fn(&RunEntry) -> Facets + Send>;

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Where the entry is, durably.
    pub place: Place,
    /// It was there already: effects may be performed twice.
    pub repeated: bool,
}

/// The store. Shared as it is: each operation is short and waits for the one before.
pub struct Store {
    directory: PathBuf,
    node_id: NodeId,
    journal: Journal,
    inner: Mutex<Inner>,
    _lock: File,
}

struct Inner {
    directory: PathBuf,
    history: History,
    /// `None`: it was lost, and is made anew when it is needed.
    index: Option<Index>,
    facets_of: FacetsOf,
    warnings: Vec<String>,
}

impl Store {
    /// Opens the store of a machine and makes what is missing. Mends what a crash left; [`Store::warnings`] says what.
    ///
    /// # Errors
    /// When the disk refuses, or another process has the store. Never for the index, a damaged line of the history or
    /// a damaged journal.
    pub fn open(root: &Root, facets_of: FacetsOf) -> Result<Self, StoreError> {
        let directory = root.path(DIRECTORY);
        durable::make_directory(&directory, 0o750).map_err(StoreError::io("making", &directory))?;
        let lock = locked(&directory)?;
        let (node_id, mut warnings) = identity::of(&directory, &root.path(MACHINE_ID))?;
        let (history, cut) = History::open(&directory)?;
        warnings.extend(cut);
        let journal = Journal::of(&directory);
        let mut inner = Inner { directory: directory.clone(), history, index: None, facets_of, warnings };
        match inner.opened() {
            Ok(index) => inner.index = Some(index),
            Err(why) => inner.replace_index(&why),
        }
        inner.complain_of_lines();
        Ok(Self { directory, node_id, journal, inner: Mutex::new(inner), _lock: lock })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Who this node is.
    pub fn node_id(&self) -> &NodeId {
        &self.node_id
    }

    /// The journal beside it.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What people should know, and was not handed out before.
    pub fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().warnings)
    }

    /// Appends the entry of a run that ended. When this returns, the entry survives a power cut. The same entry again
    /// changes nothing. Another entry of the same run is appended too, and the one with the later end is the run's.
    ///
    /// # Errors
    /// When the entry is too long or the disk refuses; nothing is appended then.
    pub fn append(&self, entry: &RunEntry, facets: &Facets) -> Result<Appended, StoreError> {
        self.inner().append(entry, facets)
    }

    /// The runs that ended last, newest first, that touched a package (its exact name) and fixed a CVE, as far as
    /// these are given. At most [`MAX_ENTRIES`], and fewer where entries are so long that they fill 16 MiB.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn newest(
        &self,
        limit: usize,
        package: Option<&str>,
        cve: Option<&str>,
    ) -> Result<Vec<RunEntry>, StoreError> {
        let limit = limit.min(MAX_ENTRIES);
        self.inner().asked(|index, history| {
            let (mut entries, mut bytes) = (Vec::new(), 0);
            for (run, place) in index.newest(limit, package, cve)? {
                bytes += u64::from(place.length);
                if bytes > MAX_ANSWER && !entries.is_empty() {
                    break;
                }
                entries.push(entry_at(history, &run, place)?);
            }
            Ok(entries)
        })
    }

    /// The entry of a run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn one(&self, run: &RunId) -> Result<Option<RunEntry>, StoreError> {
        self.inner()
            .asked(|index, history| index.place(run)?.map(|place| entry_at(history, run, place)).transpose())
    }

    /// Whether a run ended and has its entry.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn has(&self, run: &RunId) -> Result<bool, StoreError> {
        self.inner().asked(|index, _| Ok(index.place(run)?.is_some()))
    }

    /// Removes the segments older than so many months before `now`; the newest one never. Answers how many.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn retire(&self, now: DateTime<Utc>, months: u32) -> Result<usize, StoreError> {
        let mut inner = self.inner();
        let removed = inner.history.retire(now, months)?;
        if !removed.is_empty() {
            // Once a month, and simpler than finding what points there.
            inner.index = None;
            match inner.fresh() {
                Ok(index) => inner.index = Some(index),
                Err(e) => inner.warn(e.to_string()),
            }
        }
        Ok(removed.len())
    }

    /// A panic in another thread left files that are as good as after a crash.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("directory", &self.directory).field("node_id", &self.node_id).finish()
    }
}

impl Inner {
    fn append(&mut self, entry: &RunEntry, facets: &Facets) -> Result<Appended, StoreError> {
        let line = serde_json::to_vec(entry)?;
        if let Some(place) = self.repeated(&entry.spec.id, &line)? {
            return Ok(Appended { place, repeated: true });
        }
        let place = self.history.append(Month::of(entry.finished_at), line)?;
        // From here on the entry is there; an index that cannot follow is lost.
        let indexed =
            self.index.as_mut().map(|index| index.put(entry, place, facets).and_then(|()| index.flush()));
        if let Some(Err(why)) = indexed {
            self.index = None;
            self.warn(format!(
                "the index did not take the entry of {} ({why}); it is made anew",
                entry.spec.id
            ));
        }
        Ok(Appended { place, repeated: false })
    }

    /// Where this very line is already the run's entry.
    fn repeated(&mut self, run: &RunId, line: &[u8]) -> Result<Option<Place>, StoreError> {
        let place = match self.asked(|index, _| index.place(run)) {
            Ok(place) => place,
            // Without an index: it can only have been one of the last.
            Err(StoreError::Index { .. }) => return self.repeated_lately(line),
            Err(e) => return Err(e),
        };
        let Some(place) = place else { return Ok(None) };
        Ok((self.history.read(place)?.as_deref() == Some(line)).then_some(place))
    }

    fn repeated_lately(&self, line: &[u8]) -> Result<Option<Place>, StoreError> {
        for (month, _) in self.history.segments().rev().take(2) {
            let mut lines = self.history.lines(month, 0)?;
            let path = self.history.path(month);
            while let Some(old) = lines.next().map_err(StoreError::io("reading", &path))? {
                if old.bytes == Some(line) {
                    let length = u32::try_from(line.len()).map_err(|_| StoreError::TooLong(line.len()))?;
                    return Ok(Some(Place { month, offset: old.offset, length }));
                }
            }
        }
        Ok(None)
    }

    /// Asks the index. One that cannot answer is made anew and asked again, once.
    fn asked<T>(&mut self, ask: impl Fn(&Index, &History) -> Result<T, Lost>) -> Result<T, StoreError> {
        let why = match &self.index {
            None => Lost::Absent,
            Some(index) => match ask(index, &self.history) {
                Ok(answer) => return Ok(answer),
                // The segments themselves cannot be read: another index changes nothing.
                Err(Lost::History(e)) => return Err(e),
                Err(why) => why,
            },
        };
        self.index = None;
        let index = self.made_anew(&why)?;
        let answer = ask(&index, &self.history);
        self.index = Some(index);
        answer.map_err(|why| self.unindexed(why))
    }

    fn opened(&self) -> Result<Index, Lost> {
        let mut index = Index::open(&self.directory)?;
        index.catch_up(&self.history, &self.facets_of)?;
        Ok(index)
    }

    fn made_anew(&mut self, why: &Lost) -> Result<Index, StoreError> {
        self.warn(format!("the index of the history was lost ({why}) and is made anew from the segments"));
        self.fresh()
    }

    /// [`Inner::made_anew`] where it is not needed yet: a full disk keeps no agent from starting.
    fn replace_index(&mut self, why: &Lost) {
        match self.made_anew(why) {
            Ok(index) => self.index = Some(index),
            Err(e) => self.warn(e.to_string()),
        }
    }

    /// An index from nothing but the segments.
    fn fresh(&self) -> Result<Index, StoreError> {
        Index::delete(&self.directory).map_err(|e| self.unindexed(e.into()))?;
        self.opened().map_err(|why| self.unindexed(why))
    }

    fn unindexed(&self, why: Lost) -> StoreError {
        match why {
            Lost::History(e) => e,
            why => StoreError::Index { path: self.directory.join("index"), why: why.to_string() },
        }
    }

    fn complain_of_lines(&mut self) {
        let damaged: Vec<(Month, u64)> = self.index.iter().flat_map(Index::damaged).collect();
        for (month, count) in damaged {
            let path = self.history.path(month);
            self.warn(format!(
                "{}: {count} damaged lines are skipped; the runs in them are missing from the history",
                path.display()
            ));
        }
    }

    fn warn(&mut self, words: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(words);
        }
    }
}

/// The entry that the index says is there.
fn entry_at(history: &History, run: &RunId, place: Place) -> Result<RunEntry, Lost> {
    let entry = history.read(place)?.and_then(|line| index::parse(&line));
    entry.filter(|e| e.spec.id == *run).ok_or(Lost::Segment(place.month))
}

/// Keeps other processes out as long as the file lives.
fn locked(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join("lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(StoreError::io("opening", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse(directory.to_owned())),
        Err(e) => Err(StoreError::io("locking", &path)(e.into())),
    }
}

#[cfg(test)]
mod tests;
