//! What fetched packages say they fix: CVE ids in the part of their changelog that is newer than what is installed.
//!
//! Debian's index knows no CVEs, its changelogs do (design 7b). They are words of people: an entry that takes a fix
//! back names the CVE as well. For a person who reads the record, never for a decision.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::{Duration, Instant};

use patchflock_baselines::os::Family;
use patchflock_baselines::plan::{Item, Plan};
use patchflock_baselines::version::compare;

use super::status::{self, Package, Status};
use super::system::System;
use super::{install, settings};
use crate::exec::Command;
use crate::pm::{Fixes, PmError};
use crate::root::Root;

/// A larger compressed changelog is none: 16 MiB.
const PACKED_CAP: usize = 16 << 20;
/// Read of an unpacked changelog, newest entries first: 32 MiB.
const TEXT_CAP: u64 = 32 << 20;
/// Entries looked at; real packages have some hundred.
const ENTRIES: usize = 10_000;
/// CVEs kept of one package.
const CVES: usize = 500;
/// One package file is read in seconds, however large.
const ONE: Duration = Duration::from_secs(60);
/// All of them together: nobody waits longer for what is only told.
const ALL: Duration = Duration::from_secs(300);

/// What the upgrades of a fetched plan say they fix. What cannot be read says nothing: a package without a changelog,
/// a package that a `file:` source leaves where it is, outside apt's cache, and whatever is left after five minutes.
pub(super) fn fixes(system: &System, plan: &Plan) -> Vec<Fixes> {
    let root = &system.root;
    // Whatever is wrong with the machine, the installation that follows says it better.
    let read = || -> Result<_, PmError> {
        let settings = settings::read(system)?;
        let status = status::read(root, &settings.status, &settings.arch)?;
        Ok((settings, status))
    };
    let Ok((settings, status)) = read() else { return Vec::new() };
    let file = |item: &Item| install::cached(root, &settings.archives, &item.name, &item.to, &item.arch);
    let upgrades = plan.items.iter().filter_map(|i| Some((i, before(i, &status)?, file(i)?)));
    gather(root, upgrades)
}

/// What is installed of an item, as the plan knows it.
fn before<'a>(item: &Item, status: &'a Status) -> Option<&'a Package> {
    status.get(&item.name, &item.arch).filter(|p| Some(&p.version) == item.from.as_ref())
}

/// Source package with its new and its installed version: packages of which these agree have the same changelog.
type Origin = (String, String, String);

fn gather<'a>(root: &Root, upgrades: impl Iterator<Item = (&'a Item, &'a Package, String)>) -> Vec<Fixes> {
    let started = Instant::now();
    let mut known: BTreeMap<Origin, Vec<String>> = BTreeMap::new();
    let mut of_items = Vec::new();
    for (item, package, file) in upgrades {
        if started.elapsed() > ALL {
            break;
        }
        let installed = package.source_version();
        let Some((source, version)) = source(root, &file) else { continue };
        let origin = (source, version, installed.clone());
        if !known.contains_key(&origin)
            && let Some(text) = read(root, &file, &item.name)
        {
            known.insert(origin.clone(), newer(&text, &installed));
        }
        of_items.push((item, origin));
    }
    // Only now: the one package that has the changelog may come after those that link to its directory.
    of_items
        .into_iter()
        .filter_map(|(item, origin)| {
            let cves = known.get(&origin).filter(|cves| !cves.is_empty())?.clone();
            let (name, arch, version) = (item.name.clone(), item.arch.clone(), item.to.clone());
            Some(Fixes { name, arch, version, cves })
        })
        .collect()
}

/// Source name and version of a package file.
fn source(root: &Root, file: &str) -> Option<(String, String)> {
    let command = Command::new(root, "dpkg-deb").args(["--field", file, "Package", "Source", "Version"]);
    let out = command.deadline(ONE).output_cap(64 << 10).run().ok().filter(|o| o.success())?;
    let text = out.stdout_text();
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))?;
        Some(line.trim())
    };
    let version = field("Version")?;
    Some(match field("Source") {
        Some(source) => split(source, version),
        None => (field("Package")?.to_owned(), version.to_owned()),
    })
}

/// A `Source` field, whose version is left out where it is that of the package.
pub(super) fn split(source: &str, package_version: &str) -> (String, String) {
    let (name, version) = source.split_once(" (").unwrap_or((source, ""));
    let version = version.trim_end().strip_suffix(')').unwrap_or(package_version);
    (name.trim().to_owned(), version.to_owned())
}

/// The Debian changelog inside a package file; that of a package made for Debian alone has another name.
fn read(root: &Root, file: &str, name: &str) -> Option<Vec<u8>> {
    // tar's exit status counts, not that of dpkg-deb, which complains when tar has read enough.
    let script = "dpkg-deb --fsys-tarfile \"$1\" | tar --extract --to-stdout --occurrence=1 --file=- \"$2\"";
    ["changelog.Debian.gz", "changelog.gz"].iter().find_map(|log| {
        let member = format!("./usr/share/doc/{name}/{log}");
        let command = Command::new(root, "/bin/sh").args(["-c", script, "sh", file, &member]);
        let out = command.deadline(ONE).output_cap(PACKED_CAP).run().ok()?;
        // A link to another package's changelog comes out empty.
        let whole = out.success() && !out.truncated && !out.stdout.is_empty();
        whole.then(|| unpack(&out.stdout)).filter(|text| !text.is_empty())
    })
}

/// The text as far as it can be unpacked: the newest entries come first.
fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).take(TEXT_CAP).read_to_end(&mut text).ok();
    text
}

/// CVE ids of the entries down to the first that is not newer than the installed source version, in order of their
/// text, 500 at most. A changelog that was cut off before that entry tells what it has.
pub(super) fn newer(changelog: &[u8], installed: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut entries = 0;
    for line in changelog.split(|b| *b == b'\n') {
        if let Some(version) = head(line) {
            entries += 1;
            if entries > ENTRIES || compare(Family::Apt, &version, installed) != Ordering::Greater {
                break;
            }
        } else if entries > 0 && line.starts_with(b" ") {
            cves(line, &mut found);
        }
        if found.len() >= CVES {
            break;
        }
    }
    found.into_iter().take(CVES).collect()
}

/// The version in `package (version) distribution; urgency=medium`.
fn head(line: &[u8]) -> Option<String> {
    if line.first().is_none_or(|b| !b.is_ascii_alphanumeric()) {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    let (name, rest) = text.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let words = |s: &str| !s.is_empty() && !s.contains(char::is_whitespace);
    (words(name) && words(version) && rest.contains(';')).then(|| version.to_owned())
}

/// Adds every `CVE-year-number` of a line, in any case: four digits, then 4 to 19 (the CVE record format).
fn cves(line: &[u8], found: &mut BTreeSet<String>) {
    let digits = |s: &[u8]| s.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut before = None;
    for (at, byte) in line.iter().enumerate() {
        let begins =
            byte.eq_ignore_ascii_case(&b'c') && before.is_none_or(|b: u8| !b.is_ascii_alphanumeric());
        before = Some(*byte);
        if !begins {
            continue;
        }
        let Some((word, rest)) = line.get(at..).and_then(|l| l.split_at_checked(4)) else { return };
        let Some((year, number)) = rest.split_at_checked(5) else { return };
        let is_year = digits(year) == 4 && year.ends_with(b"-");
        let length = digits(number);
        if word.eq_ignore_ascii_case(b"CVE-") && is_year && (4..=19).contains(&length) {
            let id = line.get(at..at + 9 + length).unwrap_or_default();
            found.insert(String::from_utf8_lossy(id).to_ascii_uppercase());
        }
    }
}

#[cfg(test)]
mod tests;
