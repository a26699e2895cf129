//! Doors for the fuzz targets: each parser of dnf's and rpm's texts by itself, which nothing else may call from
//! outside.
//!
//! They return just enough to check what a parser promises; the checks are in the crate `patchflock-fuzz`.

use std::collections::HashSet;
use std::io::BufRead;

use patchflock_baselines::inventory::{Advisory, Candidate, Installed, NativeUpgrade};

use super::database::Database;
use super::metadata;
use super::scan;
use super::updateinfo::{self, Advisories, Nevra};
use crate::pm::PmError;

/// An exact version: name, architecture, `[epoch:]version-release`.
pub type Exact = (String, String, String);

/// What a scan found: installed, offered, and what dnf would do.
pub type Scanned = (Vec<Installed>, Vec<Candidate>, Vec<NativeUpgrade>);

/// Advisories of the wanted versions in an updateinfo.xml, packed or not, of which at most `cap` bytes are read.
pub fn updateinfo(bytes: &[u8], cap: u64, wanted: &[Exact]) -> Result<Vec<(Exact, Advisory)>, String> {
    let wanted: HashSet<Nevra> = wanted.iter().map(nevra).collect();
    let mut found = Advisories::new();
    updateinfo::read(metadata::unpack(bytes, cap)?, "fuzzed", &wanted, &mut found)?;
    let of = |n: Nevra, a: &Advisory| ((n.name, n.arch, n.version), a.clone());
    Ok(found
        .into_iter()
        .flat_map(|(n, list)| list.into_iter().map(move |(_, a)| of(n.clone(), &a)))
        .collect())
}

/// How many bytes a packed file has, of which at most `cap` are given out, and whether it was read to its end.
pub fn unpacked(bytes: &[u8], cap: u64) -> (u64, bool) {
    let Ok(mut reader) = metadata::unpack(bytes, cap) else { return (0, false) };
    let mut count = 0;
    loop {
        match reader.fill_buf().map(<[u8]>::len) {
            Ok(0) => return (count, true),
            Ok(more) => {
                count += more as u64;
                reader.consume(more);
            }
            Err(_) => return (count, false),
        }
    }
}

/// The name of the updateinfo that a repomd.xml gives.
pub fn repomd(bytes: &[u8]) -> Result<Option<String>, String> {
    metadata::parse_repomd(bytes).map(|r| r.updateinfo.map(|(name, _)| name))
}

/// What the scan makes of the script's output; the first line that is not JSON ends it.
pub fn script(stdout: &[u8]) -> Result<Scanned, String> {
    scan::of_lines(stdout).map_err(|e: PmError| e.to_string())
}

/// Whether the output of `rpm -qa` is accepted and holds this version.
pub fn installed(text: &str, exact: &Exact) -> Option<bool> {
    Database::parse(text).ok().map(|all| all.has(&nevra(exact)))
}

fn nevra((name, arch, version): &Exact) -> Nevra {
    Nevra { name: name.clone(), arch: arch.clone(), version: version.clone() }
}
