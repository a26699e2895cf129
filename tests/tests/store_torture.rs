//! The agent's store under `kill -9` at any moment, and with what a power cut may leave of files that were not synced.
//!
//! What must hold: every entry that was acknowledged is there, exactly once, and is found by time, run, package and CVE.
//! Only fsynced bytes are promised anything: of a segment those up to the last acknowledged entry, of the index none.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and says what it tried"
)]

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use patchflock_agent::store::{DIRECTORY, MAX_ENTRIES, Store};
use patchflock_api::run::RunEntry;
use patchflock_machine::root::Root;
use patchflock_tests::ended::{Dice, entry, facets_of};
use proptest::prelude::*;

/// Kills of one series.
const ROUNDS: u64 = 72;
/// Longer than a start takes on any machine: what hangs fails instead.
const HANGS: Duration = Duration::from_secs(60);

/// A machine with a store, and what was acknowledged of it.
struct Victim {
    root: tempfile::TempDir,
    /// Number of the next entry.
    next: u64,
    /// Segment → its length that was fsynced.
    synced: BTreeMap<String, u64>,
}

impl Victim {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        Self { root, next: 0, synced: BTreeMap::new() }
    }

    fn open(&self) -> Store {
        Store::open(&Root::at(self.root.path()), Box::new(facets_of)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        Root::at(self.root.path()).path(DIRECTORY).join(name)
    }

    /// Starts a writer, reads what it acknowledges, and kills it: after so many entries or so long after its start.
    /// Answers how long it took to open, if it came to that.
    fn killed(&mut self, entries: u64, after: Option<Duration>) -> Option<Duration> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the door to processes waits for an end; this one is killed"
        )]
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_store_writer"))
            .arg(self.root.path())
            .arg(self.next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let lines = said(child.stdout.take().unwrap());
        let deadline = started + after.unwrap_or(HANGS);
        let (mut acknowledged, mut opened) = (0, None);
        while acknowledged < entries {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line == "open" => opened = Some(started.elapsed()),
                Ok(line) => {
                    self.acknowledge(&line);
                    acknowledged += 1;
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => panic!("the writer ended: {:?}", child.wait()),
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(after.is_some() || acknowledged == entries, "the writer hangs");
        // What it said before it died counts.
        for line in lines.iter().filter(|l| l != "open") {
            self.acknowledge(&line);
        }
        opened
    }

    fn acknowledge(&mut self, line: &str) {
        let [number, segment, end] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!(number, self.next.to_string());
        self.next += 1;
        let end = end.parse().unwrap();
        let before = self.synced.insert(segment.to_owned(), end);
        assert!(before.is_none_or(|b| b < end), "a segment shrank: {line}");
    }

    /// Takes of each segment some of the bytes that were never fsynced, and leaves noise in their place.
    fn lose_unsynced_bytes(&self, dice: &mut Dice) {
        for listed in std::fs::read_dir(self.path("history")).unwrap() {
            let path = listed.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let synced = self.synced.get(&name).copied().unwrap_or(0);
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            let length = file.metadata().unwrap().len();
            assert!(length >= synced, "{name}: {length} of {synced} bytes");
            file.set_len(synced + dice.below(length - synced + 1)).unwrap();
            let noise: Vec<u8> =
                (0..dice.below(300)).map(|_| dice.below(256) as u8).filter(|b| *b != b'\n').collect();
            let noise = if dice.below(2) == 0 { noise } else { vec![0; noise.len()] };
            file.write_all(&noise).unwrap();
        }
    }

    /// Everything acknowledged is there once and found; so is what was appended and not acknowledged any more.
    fn is_whole(&self, store: &Store) {
        let mut there: Vec<RunEntry> = Vec::new();
        for listed in std::fs::read_dir(self.path("history")).unwrap() {
            let text = std::fs::read_to_string(listed.unwrap().path()).unwrap();
            there.extend(text.lines().map(|line| serde_json::from_str::<RunEntry>(line).unwrap()));
        }
        there.sort_by_key(|e| std::cmp::Reverse(e.finished_at));
        let count = there.len() as u64;
        assert!(count == self.next || count == self.next + 1, "{count} entries, {} acknowledged", self.next);
        for number in 0..count {
            let expected = entry(number);
            assert!(there[(count - 1 - number) as usize] == expected, "entry {number}");
            assert!(store.one(&expected.spec.id).unwrap().as_ref() == Some(&expected), "entry {number}");
        }
        let ids = |entries: &[&RunEntry]| entries.iter().map(|e| e.spec.id.clone()).collect::<Vec<_>>();
        let found = |package: Option<&str>, cve: Option<&str>| {
            let found = store.newest(MAX_ENTRIES, package, cve).unwrap();
            let expected: Vec<&RunEntry> = there
                .iter()
                .filter(|e| {
                    let facets = facets_of(e);
                    package.is_none_or(|p| facets.packages.iter().any(|n| n == p))
                        && cve.is_none_or(|c| facets.cves.iter().any(|n| n == c))
                })
                .take(MAX_ENTRIES)
                .collect();
            assert_eq!(ids(&found.iter().collect::<Vec<_>>()), ids(&expected), "{package:?} {cve:?}");
        };
        found(None, None);
        found(Some("package3"), None);
        found(None, Some("CVE-2026-2"));
        found(Some("package3"), Some("CVE-2026-2"));
        found(Some("lib0-9"), None);
    }
}

/// The lines of a child, as they come.
fn said(out: std::process::ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        // A line that the kill cut off is no line.
        let mut reader = BufReader::new(out);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok() && line.ends_with('\n') {
            if sender.send(line.trim_end().to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}

/// Every file of the index, its blobs included.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return found };
    for listed in entries {
        let path = listed.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// One way to damage a file: what of it, and how.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// The rest is missing.
    Cut,
    /// The rest is zero, as a file system leaves what was not synced.
    Zero,
    /// The rest is noise.
    Noise,
    /// Sixteen bytes are others.
    Spot,
}

const DAMAGES: [Damage; 4] = [Damage::Cut, Damage::Zero, Damage::Noise, Damage::Spot];

fn damage(path: &Path, how: Damage, from: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    let from = (from % (bytes.len() as u64 + 1)) as usize;
    let noise = |at: usize| (at as u8).wrapping_mul(167) ^ 0x5a;
    match how {
        Damage::Cut => bytes.truncate(from),
        Damage::Zero => bytes[from..].fill(0),
        Damage::Noise => bytes[from..].iter_mut().enumerate().for_each(|(at, b)| *b ^= noise(at)),
        Damage::Spot => bytes[from..].iter_mut().take(16).for_each(|b| *b ^= 0xa5),
    }
    std::fs::write(path, bytes).unwrap();
}

/// A start-up snapshot that was being written when the kill came: some of one that is there, under a later name.
fn leave_a_snapshot(index: &Path, dice: &mut Dice) {
    let finished = files(index).into_iter().find(|f| f.to_string_lossy().contains("/snap."));
    let bytes = finished.map(|f| std::fs::read(f).unwrap()).unwrap_or_default();
    let part = dice.below(bytes.len() as u64 + 1) as usize;
    std::fs::create_dir_all(index).unwrap();
    std::fs::write(index.join("snap.00000000FFFFFFFF.generating"), &bytes[..part]).unwrap();
}

/// Kills of one writer after the other, on one store.
fn series(seed: u64) {
    let mut dice = Dice::new(seed << 32);
    let mut victim = Victim::new();
    let opens = victim.killed(5, None).unwrap();
    let (mut died_opening, mut looked_at, mut lost) = (0, 0, 0);
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            victim.killed(dice.below(20), None);
        } else {
            // Around the time of the opening, which is what a later kill of this kind finds half-done.
            let moment = opens.mul_f64(dice.below(1500) as f64 / 1000.0);
            died_opening += u64::from(victim.killed(u64::MAX, Some(moment)).is_none());
        }
        let index = victim.path("index");
        match dice.below(10) {
            0 => victim.lose_unsynced_bytes(&mut dice),
            1 => leave_a_snapshot(&index, &mut dice),
            2 => {
                std::fs::remove_dir_all(&index).unwrap();
            }
            3 | 4 => {
                for file in files(&index) {
                    let how = DAMAGES[dice.below(2) as usize];
                    damage(&file, how, dice.below(u64::MAX));
                }
            }
            // As the kill left it.
            _ => {}
        }
        // Else the next writer finds it as it is.
        if dice.below(3) == 0 {
            looked_at += 1;
            let store = victim.open();
            lost += store.warnings().iter().filter(|w| w.contains("made anew")).count();
            victim.is_whole(&store);
        }
    }
    victim.is_whole(&victim.open());
    println!(
        "{} entries, {died_opening} kills while opening, looked at {looked_at} times, {lost} lost indexes then",
        victim.next
    );
    assert!(died_opening > 0 && looked_at > 0 && victim.next > ROUNDS, "the series tried too little");
}

#[test]
fn every_acknowledged_entry_is_there_once_whatever_was_killed_when() {
    series(1);
}

#[test]
fn every_acknowledged_entry_is_there_once_in_another_series() {
    series(2);
}

/// A store with entries in two months, to be copied and damaged.
fn template() -> &'static Victim {
    static TEMPLATE: std::sync::OnceLock<Victim> = std::sync::OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let mut victim = Victim::new();
        for half in 1..=2 {
            // Twice, so that the index has a snapshot and something behind it.
            let store = victim.open();
            while victim.next < half * 70 {
                let entry = entry(victim.next);
                let appended = store.append(&entry, &facets_of(&entry)).unwrap();
                victim.acknowledge(&format!(
                    "{} {} {}",
                    victim.next,
                    appended.place.month.file(),
                    appended.place.end()
                ));
            }
        }
        victim
    })
}

fn copied(victim: &Victim) -> Victim {
    let copy = Victim { root: Victim::new().root, next: victim.next, synced: victim.synced.clone() };
    let from = victim.path("");
    for directory in ["history", "index/blobs"] {
        std::fs::create_dir_all(copy.path(directory)).unwrap();
    }
    for file in files(&from) {
        std::fs::copy(&file, copy.path("").join(file.strip_prefix(&from).unwrap())).unwrap();
    }
    copy
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_to_the_index_is_seen_in_an_answer(
        damages in proptest::collection::vec((any::<prop::sample::Index>(), 0..DAMAGES.len(), any::<u64>()), 1..4)
    ) {
        let victim = copied(template());
        let files = files(&victim.path("index"));
        prop_assert!(files.len() >= 3, "conf, db and a snapshot: {files:?}");
        for (file, how, from) in damages {
            damage(&files[file.index(files.len())], DAMAGES[how], from);
        }
        victim.is_whole(&victim.open());
        // And again: what was made anew lasts.
        let store = victim.open();
        prop_assert_eq!(store.warnings(), Vec::<String>::new());
        victim.is_whole(&store);
    }

    #[test]
    fn a_history_cut_anywhere_loses_what_was_cut_and_nothing_else(cut: prop::sample::Index, stale: bool) {
        let mut victim = copied(template());
        let segment = victim.path("history").join(victim.synced.keys().next_back().unwrap());
        let text = std::fs::read(&segment).unwrap();
        let cut = cut.index(text.len() + 1);
        std::fs::write(&segment, &text[..cut]).unwrap();
        if !stale {
            std::fs::remove_dir_all(victim.path("index")).unwrap();
        }
        victim.next -= text[cut..].iter().filter(|b| **b == b'\n').count() as u64;
        let store = victim.open();
        victim.is_whole(&store);
        let next = entry(victim.next);
        prop_assert!(!store.append(&next, &facets_of(&next)).unwrap().repeated);
        victim.next += 1;
        victim.is_whole(&store);
    }
}
