//! The store as its users see it: what was appended is found, whatever happened to the index.

use std::os::unix::fs::PermissionsExt;

use chrono::TimeDelta;
use patchflock_api::run::{Ending, Operation, RebootChoice, RunSpec, Trigger};

use super::*;

/// An entry that ended so many minutes after the start of 2026. `names`: what its facets are read from.
fn entry(run: &str, minutes: i64, names: &str) -> RunEntry {
    let at = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes);
    RunEntry {
        spec: RunSpec {
            id: run.parse().unwrap(),
            operation: Operation::Install,
            reboot: RebootChoice::IfNeeded,
            dry_run: false,
            trigger: Trigger::Routine {},
            order: None,
        },
        started_at: at,
        finished_at: at,
        ending: Ending::Succeeded,
        reason: names.to_owned(),
        steps: Vec::new(),
        survey: None,
        installed: None,
        hooks: Vec::new(),
        reboot: None,
        after: None,
        health: None,
    }
}

fn facets_of(entry: &RunEntry) -> Facets {
    let (cves, packages) =
        entry.reason.split_whitespace().map(str::to_owned).partition(|n: &String| n.starts_with("CVE"));
    Facets { packages, cves }
}

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(machine.0.path().join("etc")).unwrap();
        std::fs::write(machine.0.path().join("etc/machine-id"), "0123456789abcdef0123456789abcdef\n")
            .unwrap();
        machine
    }

    fn open(&self) -> Store {
        Store::open(&Root::at(self.0.path()), Box::new(facets_of)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("var/lib/patchflock/agent").join(name)
    }
}

fn append(store: &Store, entry: &RunEntry) -> Appended {
    store.append(entry, &facets_of(entry)).unwrap()
}

fn names(store: &Store, package: Option<&str>, cve: Option<&str>) -> Vec<String> {
    let found = store.newest(100, package, cve).unwrap();
    found.into_iter().map(|e| e.spec.id.to_string()).collect()
}

/// What must be answered however the index came to be.
fn filled(machine: &Machine) -> Vec<RunEntry> {
    let entries = [
        entry("a", 10, "bash openssl CVE-2026-1"),
        entry("b", 50_000, "openssl CVE-2026-2"),
        entry("c", 20, "CVE-2026-1"),
        entry("d", 100_000, "bash"),
    ];
    let store = machine.open();
    for entry in &entries {
        assert!(!append(&store, entry).repeated);
    }
    entries.to_vec()
}

fn is_whole(store: &Store, entries: &[RunEntry]) {
    for entry in entries {
        assert!(store.has(&entry.spec.id).unwrap());
        assert_eq!(store.one(&entry.spec.id).unwrap().as_ref(), Some(entry));
    }
    assert_eq!(names(store, None, None), ["d", "b", "c", "a"]);
    assert_eq!(names(store, Some("bash"), None), ["d", "a"]);
    assert_eq!(names(store, Some("openssl"), Some("cve-2026-1")), ["a"]);
    assert_eq!(names(store, None, Some("CVE-2026-1")), ["c", "a"]);
    assert_eq!(names(store, Some("bas"), None), [""; 0]);
    assert_eq!(names(store, Some("bash\0"), None), [""; 0]);
    assert_eq!(store.newest(1, None, None).unwrap(), [entries[3].clone()]);
    assert!(!store.has(&"e".parse().unwrap()).unwrap());
    assert_eq!(store.one(&"e".parse().unwrap()).unwrap(), None);
}

#[test]
fn what_was_appended_is_found_before_and_after_a_restart() {
    let machine = Machine::new();
    let entries = filled(&machine);
    for _ in 0..2 {
        let store = machine.open();
        is_whole(&store, &entries);
        assert_eq!(store.warnings(), [""; 0]);
    }
}

#[test]
fn an_entry_is_there_once_however_often_it_is_appended() {
    let machine = Machine::new();
    let entries = filled(&machine);
    let store = machine.open();
    for entry in &entries {
        assert!(append(&store, entry).repeated);
    }
    is_whole(&store, &entries);
    store.inner().index = None;
    std::fs::remove_dir_all(machine.path("index")).unwrap();
    assert!(append(&store, &entries[1]).repeated);
    is_whole(&store, &entries);
    assert_eq!(std::fs::read_to_string(machine.path("history/2026-02.jsonl")).unwrap().lines().count(), 1);
}

#[test]
fn without_an_index_a_repetition_is_found_in_the_segments() {
    let machine = Machine::new();
    let entries = filled(&machine);
    let store = machine.open();
    let line = serde_json::to_vec(&entries[1]).unwrap();
    let place = store.inner().repeated_lately(&line).unwrap().unwrap();
    assert_eq!(store.inner().history.read(place).unwrap(), Some(line));
    assert_eq!(store.inner().repeated_lately(b"{}").unwrap(), None);
}

#[test]
fn of_two_entries_of_one_run_the_later_end_counts_in_whatever_order_they_came() {
    for order in [[0, 1], [1, 0]] {
        let machine = Machine::new();
        let both = [entry("a", 10, "bash"), entry("a", 20, "openssl CVE-2026-1")];
        let store = machine.open();
        for n in order {
            append(&store, &both[n]);
        }
        drop(store);
        for deleted in [false, true] {
            if deleted {
                std::fs::remove_dir_all(machine.path("index")).unwrap();
            }
            let store = machine.open();
            assert_eq!(store.one(&"a".parse().unwrap()).unwrap().as_ref(), Some(&both[1]));
            assert_eq!(names(&store, None, None), ["a"]);
            assert_eq!(names(&store, Some("bash"), None), [""; 0]);
            assert_eq!(names(&store, Some("openssl"), Some("CVE-2026-1")), ["a"]);
        }
    }
}

#[test]
fn an_index_that_is_gone_or_garbage_is_made_anew() {
    let machine = Machine::new();
    let entries = filled(&machine);
    let damages: [&dyn Fn(&Path); 5] = [
        &|index| std::fs::remove_dir_all(index).unwrap(),
        &|index| std::fs::write(index.join("db"), vec![0xa5; 100_000]).unwrap(),
        &|index| std::fs::write(index.join("conf"), "version: 99").unwrap(),
        &|index| std::fs::write(index.join("snap.FFFFFFFFFFFFFFFF"), "garbage that sorts last").unwrap(),
        &|index| {
            std::fs::remove_dir_all(index).unwrap();
            std::fs::write(index, "a file").unwrap();
        },
    ];
    for damage in damages {
        damage(&machine.path("index"));
        is_whole(&machine.open(), &entries);
        let store = machine.open();
        is_whole(&store, &entries);
        assert_eq!(store.warnings(), [""; 0], "it was made anew for good");
    }
}

#[test]
fn a_snapshot_that_a_kill_left_half_written_costs_nothing() {
    let machine = Machine::new();
    let entries = filled(&machine);
    std::fs::write(machine.path("index/snap.00000000000FFFFF.generating"), "half").unwrap();
    let store = machine.open();
    assert_eq!(store.warnings(), [""; 0]);
    is_whole(&store, &entries);
}

#[test]
fn an_index_of_another_history_is_noticed() {
    let machine = Machine::new();
    let entries = filled(&machine);
    let shorter = machine.path("history/2026-01.jsonl");
    let text = std::fs::read_to_string(&shorter).unwrap();
    let first = format!("{}\n", text.lines().next().unwrap());
    // Shorter; as long with other lines; gone.
    std::fs::write(&shorter, &first).unwrap();
    let store = machine.open();
    assert_eq!(names(&store, None, None), ["d", "b", "a"]);
    assert_eq!(store.warnings().len(), 1);
    drop(store);
    std::fs::write(&shorter, first.replace("\"id\":\"a\"", "\"id\":\"x\"")).unwrap();
    let store = machine.open();
    assert_eq!(names(&store, None, None), ["d", "b", "x"]);
    assert_eq!(store.warnings().len(), 1);
    drop(store);
    std::fs::remove_file(&shorter).unwrap();
    assert_eq!(names(&machine.open(), None, None), ["d", "b"]);
    std::fs::write(&shorter, text).unwrap();
    is_whole(&machine.open(), &entries);
}

#[test]
fn an_index_that_lies_while_it_is_open_is_made_anew() {
    let machine = Machine::new();
    let entries = filled(&machine);
    let store = machine.open();
    let wrong = Place { offset: 1, ..append(&store, &entries[0]).place };
    store.inner().index.as_mut().unwrap().put(&entry("a", 20, ""), wrong, &Facets::default()).unwrap();
    assert_eq!(store.one(&"a".parse().unwrap()).unwrap().as_ref(), Some(&entries[0]));
    assert_eq!(store.warnings().len(), 1);
    is_whole(&store, &entries);
}

#[test]
fn damaged_lines_take_no_other_with_them_and_are_said_at_each_start() {
    let machine = Machine::new();
    let entries = filled(&machine);
    let path = machine.path("history/2026-01.jsonl");
    let text = std::fs::read(&path).unwrap();
    let noise: Vec<u8> = [&b"\n{}\n\xff\xfe\n"[..], &vec![b'['; 100_000], b"\n"].concat();
    std::fs::write(&path, [&noise[..], &text, &noise, b"{\"spec\":"].concat()).unwrap();
    for _ in 0..2 {
        let store = machine.open();
        is_whole(&store, &entries);
        let warnings = store.warnings();
        assert!(warnings.iter().any(|w| w.contains("8 damaged lines")), "{warnings:?}");
        assert_eq!(store.warnings(), [""; 0], "each is handed out once");
    }
}

#[test]
fn a_store_belongs_to_one_process() {
    let machine = Machine::new();
    let store = machine.open();
    let second = Store::open(&Root::at(machine.0.path()), Box::new(facets_of));
    assert!(matches!(second, Err(StoreError::InUse(_))));
    drop(store);
    machine.open();
}

#[test]
fn what_was_retired_is_found_no_more() {
    let machine = Machine::new();
    filled(&machine);
    let store = machine.open();
    let now = "2026-03-20T00:00:00Z".parse().unwrap();
    assert_eq!(store.retire(now, 24).unwrap(), 0);
    assert_eq!(store.retire(now, 1).unwrap(), 1);
    assert_eq!(names(&store, None, None), ["d", "b"]);
    assert_eq!(names(&store, None, Some("CVE-2026-1")), [""; 0]);
    drop(store);
    assert_eq!(names(&machine.open(), None, None), ["d", "b"]);
}

#[test]
fn an_entry_that_is_too_long_changes_nothing() {
    let machine = Machine::new();
    let entries = filled(&machine);
    let store = machine.open();
    let long = entry("long", 30, &"x".repeat(LINE_CAP as usize));
    assert!(matches!(store.append(&long, &Facets::default()), Err(StoreError::TooLong(_))));
    is_whole(&store, &entries);
}

#[test]
fn an_answer_is_bounded_in_bytes() {
    let machine = Machine::new();
    let store = machine.open();
    for n in 0..4 {
        append(&store, &entry(&format!("r{n}"), n, &"x".repeat(6 << 20)));
    }
    assert_eq!(names(&store, None, None), ["r3", "r2"]);
}

#[test]
fn others_on_the_machine_read_nothing_of_it() {
    let machine = Machine::new();
    filled(&machine);
    machine.open().journal().write(&"x").unwrap();
    for (name, mode) in [
        ("", 0o750),
        ("history", 0o750),
        ("history/2026-01.jsonl", 0o640),
        ("index", 0o700),
        ("journal.json", 0o600),
        ("lock", 0o600),
        ("node-id", 0o600),
    ] {
        let found = std::fs::metadata(machine.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found & !mode, 0, "{name}: {found:o}");
    }
}
