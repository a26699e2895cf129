//! Every parser on every seed and on some thousand damaged seeds, the same ones in every run.
//!
//! The promises are in the crate `patchflock-fuzz`; `fuzz/README.md` says how to let libFuzzer look further. An input
//! that breaks a promise is printed as a literal, to be put into a test beside the parser.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use patchflock_fuzz::{Mutator, TARGETS, Target, seeds};

/// Damaged inputs for each target.
const INPUTS: usize = 3000;

/// After so long without an end an input counts as endless: the slowest takes a thousandth of it.
const ENDLESS: Duration = Duration::from_secs(60);

/// The inputs of a target: its seeds as they are, then damaged ones.
fn inputs(target: &str, count: usize) -> Vec<Vec<u8>> {
    let files = seeds(target);
    assert!(!files.is_empty(), "fuzz/seeds/{target} is empty");
    let whole: Vec<&[u8]> = files.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    // Each target has a sequence of its own, whatever targets come before it.
    let number = target.bytes().fold(1, |n: u64, b| n.wrapping_mul(31).wrapping_add(b.into()));
    let mut mutator = Mutator::new(number);
    let damaged = (0..count).map(|_| mutator.next(&whole)).collect::<Vec<_>>();
    whole.iter().map(|w| w.to_vec()).chain([Vec::new()]).chain(damaged).collect()
}

/// Runs a target in a thread of its own, so that an input without an end fails instead of hanging.
fn run(name: &str, target: Target, inputs: Vec<Vec<u8>>, endless: Duration) -> Result<(), String> {
    let (begun, progress) = mpsc::channel::<Option<Vec<u8>>>();
    std::thread::spawn(move || {
        for input in inputs {
            let kept = input.clone();
            if begun.send(Some(input)).is_err() {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| target(&kept))).is_err() {
                return;
            }
        }
        begun.send(None).ok();
    });
    let mut current = Vec::new();
    loop {
        let why = match progress.recv_timeout(endless) {
            Ok(Some(input)) => {
                current = input;
                continue;
            }
            Ok(None) => return Ok(()),
            Err(mpsc::RecvTimeoutError::Disconnected) => "breaks a promise (see above) on",
            Err(mpsc::RecvTimeoutError::Timeout) => "does not come to an end with",
        };
        return Err(format!("{name} {why} b\"{}\"", current.escape_ascii()));
    }
}

fn holds(name: &str) {
    let (_, target) = TARGETS.iter().find(|(n, _)| *n == name).unwrap();
    if let Err(why) = run(name, *target, inputs(name, INPUTS), ENDLESS) {
        panic!("{why}");
    }
}

/// One test for each target, and the list of them.
macro_rules! targets {
    ($($name:ident)*) => {
        mod on_seeds_and_damaged_seeds_every_promise_holds_of {
            $(#[test] fn $name() { super::holds(stringify!($name)) })*
        }
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    document document_edit import_aws override_list baseline_override schedule inventory versions names limits
    os_release elf proc_files
    deb_packages deb_release dpkg_status apt_simulation apt_policy status_fd dpkg_blame changelog
    dnf_script rpm_list repomd updateinfo packed
    codec
    envelope adoption invitation key_file
}

#[test]
fn every_target_is_tested_and_has_seeds_of_its_own() {
    let known: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(known, TESTED.iter().copied().collect());
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz/seeds");
    let dirs: Vec<String> =
        std::fs::read_dir(top).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(known, dirs.iter().map(String::as_str).collect(), "directories of fuzz/seeds");
}

#[test]
fn a_broken_promise_and_an_endless_input_are_told_with_the_input() {
    fn picky(data: &[u8]) {
        assert!(data != b"a\n\xff");
        if data == b"forever" {
            loop {
                std::thread::park();
            }
        }
    }
    let until =
        |inputs: &[&[u8]], endless| run("picky", picky, inputs.iter().map(|i| i.to_vec()).collect(), endless);
    let try_out = |inputs| until(inputs, ENDLESS);
    assert_eq!(try_out(&[b"", b"x"]), Ok(()));
    assert_eq!(
        try_out(&[b"x", b"a\n\xff", b"y"]).unwrap_err(),
        r#"picky breaks a promise (see above) on b"a\n\xff""#
    );
    let soon = Duration::from_millis(100);
    assert_eq!(until(&[b"forever"], soon).unwrap_err(), r#"picky does not come to an end with b"forever""#);
}

#[test]
fn some_damaged_seeds_are_still_accepted() {
    // Else every promise about accepted values would hold for nothing.
    let accepted = |name: &str, accepts: fn(&[u8]) -> bool| {
        let count = inputs(name, 400).iter().filter(|i| accepts(i)).count();
        assert!(count > 10, "{name}: {count} inputs are accepted");
    };
    accepted("document", |i| patchflock_baselines::document::parse("x", i).is_ok());
    accepted("document_edit", |i| {
        let text = String::from_utf8_lossy(i);
        patchflock_baselines::document::edit::approve(&text, "new").is_ok()
    });
    accepted("updateinfo", |i| patchflock_machine::pm::dnf::fuzzing::updateinfo(i, 1 << 20, &[]).is_ok());
    accepted("deb_packages", |i| patchflock_machine::pm::apt::fuzzing::packages(i, &["bash"]).is_ok());
    accepted("codec", |i| {
        use patchflock_agent::store::{Place, codec::decode};
        [i, &[b"pf\x01\x01", i].concat()].into_iter().any(|bytes| decode::<Place>(bytes).is_ok())
    });
    accepted("adoption", |i| patchflock_fuzz::adopted(i) > 1);
    accepted("inventory", |i| {
        serde_json::from_slice::<patchflock_baselines::inventory::Inventory>(i).is_ok()
    });
}
