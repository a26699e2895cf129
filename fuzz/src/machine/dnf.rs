//! Texts of dnf, rpm and rpm repositories.

use std::collections::BTreeSet;

use patchflock_machine::pm::dnf::fuzzing::{self, Exact};

use crate::text;

/// Most bytes that a packed file may give out here; in the program it is 512 MiB.
const CAP: u64 = 1 << 20;

fn wanted() -> Vec<Exact> {
    [("alpha", "noarch", "1.1-1"), ("gamma", "noarch", "2:1.1-1"), ("", "", "-")]
        .map(|(name, arch, version)| (name.to_owned(), arch.to_owned(), version.to_owned()))
        .to_vec()
}

/// The scan script's lines: JSON in, at most one entry per line out.
pub fn dnf_script(data: &[u8]) {
    let lines = data.split(|b| *b == b'\n').count();
    if let Ok((installed, candidates, native)) = fuzzing::script(data) {
        assert!(installed.len() + candidates.len() + native.len() <= lines);
        let exact: BTreeSet<_> = candidates.iter().map(|c| (&c.name, &c.arch, &c.version)).collect();
        assert_eq!(exact.len(), candidates.len(), "a version is offered twice");
    }
}

/// `rpm -qa`: what is said to be there stands in the text.
pub fn rpm_list(data: &[u8]) {
    let text = text(data);
    for exact in wanted() {
        if fuzzing::installed(&text, &exact) == Some(true) {
            assert!(text.contains(&exact.0), "{exact:?}");
        }
    }
}

/// repomd.xml: the file name it gives stays in the directory.
pub fn repomd(data: &[u8]) {
    if let Ok(Some(name)) = fuzzing::repomd(data) {
        assert!(!name.is_empty() && !name.contains('/') && name != "..", "{name:?}");
    }
}

/// updateinfo.xml, packed or not: only what was wanted, every field bounded and fit for a terminal.
pub fn updateinfo(data: &[u8]) {
    let wanted = wanted();
    let Ok(found) = fuzzing::updateinfo(data, CAP, &wanted) else { return };
    for (exact, advisory) in found {
        assert!(wanted.contains(&exact), "{exact:?}");
        assert!(!advisory.id.is_empty());
        assert!(advisory.cves.len() <= 5000 && advisory.bugzilla.len() <= 5000);
        let optional = [&advisory.classification, &advisory.severity, &advisory.title];
        let texts = optional.into_iter().flatten().chain(&advisory.cves).chain(&advisory.bugzilla);
        for text in texts.chain([&advisory.id]) {
            assert!(text.len() <= 20_000 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
}

/// Packed files: never more than the cap comes out, and what ends there is an error and not a shorter file.
pub fn packed(data: &[u8]) {
    let (count, whole) = fuzzing::unpacked(data, CAP);
    assert!(count <= CAP);
    for less in [0, count / 2, count.saturating_sub(1)].into_iter().filter(|less| *less < count) {
        let (count, ended) = fuzzing::unpacked(data, less);
        assert!(count <= less && !ended, "a bomb passes for a file of {count} bytes");
    }
    if whole {
        assert_eq!(fuzzing::unpacked(data, count), (count, true));
    }
    updateinfo(data);
}
