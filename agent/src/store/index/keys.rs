//! Keys and values of the index. What sorts is big-endian, so that a scan backwards begins with the newest.

use bincode::{Decode, Encode};
use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;

use crate::store::codec::Stored;
use crate::store::history::{Month, Place};

/// Longest name of a package or CVE that is indexed; no tool knows longer ones.
const NAME_CAP: usize = 256;

impl Stored for Place {
    const KIND: u8 = 1;
}

/// Where the entry of a run is, and when the run ended (microseconds since 1970).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) struct Found {
    pub(super) at: i64,
    pub(super) place: Place,
}

impl Stored for Found {
    const KIND: u8 = 2;
}

/// How far a segment is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(super) struct Progress {
    pub(super) end: u64,
    pub(super) damaged: u64,
    /// The last entry in it: whether it is still there tells whether this is still that segment.
    pub(super) last: Option<(u64, u32)>,
}

impl Stored for Progress {
    const KIND: u8 = 3;
}

/// Count and sum over everything else in the index: what a lost or altered page changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(super) struct Check {
    pub(super) count: u64,
    pub(super) sum: u64,
}

impl Stored for Check {
    const KIND: u8 = 4;
}

impl Check {
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(hash(key, value));
    }

    pub(super) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(hash(key, value));
    }
}

/// FNV-1a: against accidents, on which the index can be made anew; nobody gains by forging it.
fn hash(key: &[u8], value: &[u8]) -> u64 {
    let length = (key.len() as u64).to_le_bytes();
    let bytes = length.iter().chain(key).chain(value);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(super) const CHECK: &[u8] = b"!";
pub(super) const TIMES: &[u8] = b"t";
pub(super) const PROGRESS: &[u8] = b"s";

pub(super) fn progress(month: Month) -> Vec<u8> {
    [PROGRESS, &month.number().to_be_bytes()].concat()
}

pub(super) fn run(id: &RunId) -> Vec<u8> {
    [b"r", id.as_str().as_bytes()].concat()
}

/// Prefix of the runs that touched a package; `None`: no package is called so.
pub(super) fn package(name: &str) -> Option<Vec<u8>> {
    named(b"p", name)
}

/// Prefix of the runs that fixed a CVE, however it is written.
pub(super) fn cve(name: &str) -> Option<Vec<u8>> {
    named(b"c", &name.to_ascii_uppercase())
}

fn named(kind: &[u8], name: &str) -> Option<Vec<u8>> {
    let fits = !name.is_empty() && name.len() <= NAME_CAP && !name.contains('\0');
    fits.then(|| [kind, name.as_bytes(), b"\0"].concat())
}

/// What follows a prefix: the time so that it sorts, and the run.
pub(super) fn suffix(at: i64, run: &RunId) -> Vec<u8> {
    [&(at as u64 ^ (1 << 63)).to_be_bytes()[..], run.as_str().as_bytes()].concat()
}

/// The run of such a key.
pub(super) fn run_of(suffix: &[u8]) -> Option<RunId> {
    std::str::from_utf8(suffix.get(8..)?).ok()?.parse().ok()
}

pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_before_1970_too_and_the_run_is_read_back() {
        let run: RunId = "r-1".parse().unwrap();
        let keys: Vec<_> = [i64::MIN, -1, 0, 1, i64::MAX].map(|at| suffix(at, &run)).to_vec();
        assert!(keys.is_sorted());
        assert!(keys.iter().all(|k| run_of(k) == Some(run.clone())));
        assert_eq!(run_of(b"short"), None);
    }

    #[test]
    fn one_name_is_never_the_beginning_of_another() {
        assert!(!package("bash-doc").unwrap().starts_with(&package("bash").unwrap()));
        for none in ["", "a\0b", &"x".repeat(257)] {
            assert_eq!(package(none), None);
        }
        assert_eq!(cve("cve-2026-1"), cve("CVE-2026-1"));
    }

    #[test]
    fn the_sum_does_not_depend_on_the_order_and_notices_each_change() {
        let mut one = Check::default();
        one.add(b"a", b"1");
        one.add(b"b", b"2");
        let mut two = Check::default();
        two.add(b"b", b"2");
        two.add(b"c", b"3");
        two.add(b"a", b"1");
        assert_ne!(one, two);
        two.remove(b"c", b"3");
        assert_eq!(one, two);
        two.remove(b"a", b"1");
        two.add(b"a1", b"");
        assert_ne!(one, two);
    }
}
