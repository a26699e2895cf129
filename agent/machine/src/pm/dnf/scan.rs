//! The scan: one dnf process for packages and dnf's opinion, the cached repodata for advisories.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use patchflock_baselines::inventory::{
    Advisory, Candidate, Installed, NativeAction, NativeUpgrade, Source, SourceState,
};
use patchflock_baselines::os::{Family, OperatingSystem};
use patchflock_baselines::version::compare;
use serde::Deserialize;

use super::script::{SCAN, Script, decisive, facts_of};
use super::transaction::one_line;
use super::updateinfo::{Advisories, Nevra};
use super::{System, evidence, metadata, refresh};
use crate::failures::Failure;
use crate::pm::{PmError, Scan};
use crate::root::Root;

/// What scan.py prints.
#[derive(Debug, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
enum Fact {
    Source(RawSource),
    Installed(RawInstalled),
    Candidate(RawCandidate),
    /// All versions are named.
    Listed,
    Native(RawNative),
    /// The script came to its end.
    Scan {
        version: String,
    },
    Locked {
        holder: String,
        waited: u64,
    },
    Failed {
        why: String,
    },
    /// dnf does not take an alternative source.
    SourceRefused {
        name: String,
        why: String,
    },
}

/// The facts by kind.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// Of dnf; `None` until the end.
    version: Option<String>,
    sources: Vec<RawSource>,
    installed: Vec<RawInstalled>,
    candidates: Vec<RawCandidate>,
    native: Vec<RawNative>,
    /// Why there is no scan.
    refusal: Option<PmError>,
}

#[derive(Debug, Clone, Deserialize)]
struct RawSource {
    id: String,
    name: String,
    /// Who is behind it; the script says how it is found. Without any it stands for itself.
    #[serde(default)]
    origin: String,
    cache: String,
    failed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawInstalled {
    name: String,
    arch: String,
    version: String,
    built: i64,
    installed: i64,
    auto: bool,
    /// An older version that an interrupted upgrade left beside the newer one.
    broken: bool,
    sources: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RawCandidate {
    name: String,
    arch: String,
    version: String,
    from: String,
    built: i64,
    size: i64,
    source: String,
    held: Option<String>,
    replaces: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RawNative {
    name: String,
    arch: String,
    from: String,
    to: String,
    action: NativeAction,
}

pub(super) fn scan(system: &System) -> Result<Scan, PmError> {
    let what = "reading packages with dnf's Python";
    let deadline = Duration::from_secs(300);
    let script = Script { system, what, source: SCAN, args: Vec::new(), deadline, writes: false };
    let root = &system.root;
    let mut raw = Raw::default();
    // The advisories are read while dnf is still at its own opinion.
    std::thread::scope(|scope| {
        let mut reading = None;
        let words = script.lines(|fact: Fact| {
            if matches!(fact, Fact::Listed) && reading.is_none() {
                let (sources, wanted) = (raw.sources.clone(), wanted(&raw));
                reading = Some(scope.spawn(move || read_sources(system, &sources, &wanted)));
            }
            raw.add(what, fact);
        })?;
        let version = raw.end(what, &words)?;
        let read = reading.and_then(|thread| thread.join().ok());
        let read = read.unwrap_or_else(|| read_sources(system, &raw.sources, &wanted(&raw)));
        Ok(assemble(root, raw, &version, read))
    })
}

impl Raw {
    fn add(&mut self, what: &str, fact: Fact) {
        match fact {
            Fact::Source(source) => self.sources.push(source),
            Fact::Installed(package) => self.installed.push(package),
            Fact::Candidate(package) => self.candidates.push(package),
            Fact::Native(line) => self.native.push(line),
            Fact::Listed => {}
            Fact::Scan { version } => self.version = Some(version),
            Fact::Locked { holder, waited } => {
                self.refusal = Some(PmError::Locked { holder, waited: Duration::from_secs(waited) });
            }
            Fact::Failed { why } => {
                self.refusal = Some(PmError::Failed { what: what.into(), tool_says: why });
            }
            Fact::SourceRefused { name, why } => {
                self.refusal = Some(PmError::Source { name, why: one_line(&why) });
            }
        }
    }

    /// dnf's version, which shows that the script came to its end.
    fn end(&mut self, what: &str, words: &str) -> Result<String, PmError> {
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        self.version.take().ok_or_else(|| PmError::Failed { what: what.into(), tool_says: decisive(words) })
    }
}

/// The repositories, and the advisories of the wanted versions.
fn read_sources(
    system: &System,
    sources: &[RawSource],
    wanted: &HashSet<Nevra>,
) -> (Vec<Source>, Advisories) {
    let root = &system.root;
    let mut advisories = Advisories::new();
    let refused = refresh::last_failures(system);
    let sources = sources.iter().map(|s| source(root, s, wanted, &mut advisories, &refused)).collect();
    (sources, advisories)
}

/// Adds to dnf's facts what is read from files.
fn assemble(root: &Root, raw: Raw, version: &str, read: (Vec<Source>, Advisories)) -> Scan {
    let (sources, advisories) = read;
    let all_security = crate::host::identify_root(root).is_some_and(is_amazon);
    let installed = installed(raw.installed, &advisories);
    let reboot = evidence::reboot(root, &installed);
    Scan {
        package_manager: format!("dnf {version}"),
        sources,
        candidates: candidates(raw.candidates, &advisories, all_security),
        native: native(raw.native),
        foreign_updaters: evidence::foreign_updaters(root),
        reboot,
        services_to_restart: evidence::services_to_restart(root),
        installed,
    }
}

/// What the script's output becomes in an inventory when no advisory is known: the door of the fuzz target.
pub(super) fn of_lines(stdout: &[u8]) -> Result<super::fuzzing::Scanned, PmError> {
    let what = "the scan script";
    let mut raw = Raw::default();
    for line in stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let facts = facts_of(line).map_err(|e| PmError::Unexpected {
            what: what.into(),
            place: "a line".into(),
            found: e.to_string(),
        })?;
        facts.into_iter().for_each(|fact| raw.add(what, fact));
    }
    raw.end(what, "")?;
    let none = Advisories::new();
    Ok((installed(raw.installed, &none), candidates(raw.candidates, &none, false), native(raw.native)))
}

/// "Everything in a notice counts as security-relevant on Amazon Linux" (reference 1.6 point 2).
fn is_amazon(os: OperatingSystem) -> bool {
    use OperatingSystem as Os;
    matches!(os, Os::AmazonLinux | Os::AmazonLinux2 | Os::AmazonLinux2022 | Os::AmazonLinux2023)
}

/// Every version whose advisories matter.
fn wanted(raw: &Raw) -> HashSet<Nevra> {
    let installed = raw.installed.iter().map(|p| (&p.name, &p.arch, &p.version));
    let offered = raw.candidates.iter().map(|p| (&p.name, &p.arch, &p.version));
    installed
        .chain(offered)
        .map(|(n, a, v)| Nevra { name: n.clone(), arch: a.clone(), version: v.clone() })
        .collect()
}

/// One repository: its dates, and whether what it offers is known.
///
/// A repository with `skip_if_unavailable` is not skipped: it is unreadable like any other (reference 11, 31).
/// dnf's `metadata_expire` says when dnf asks again, not when metadata are void, so it does not make a source
/// unreadable: its age is in `refreshed_at` and judged by the baseline.
fn source(
    root: &Root,
    raw: &RawSource,
    wanted: &HashSet<Nevra>,
    advisories: &mut Advisories,
    refused: &[Failure],
) -> Source {
    let repomd = metadata::repomd(root, &raw.cache);
    let refreshed_at = metadata::refreshed_at(root, &raw.cache, repomd.as_ref().ok());
    let metadata_date = repomd.as_ref().ok().and_then(|r| r.date);
    let later = |f: &&Failure| f.id == raw.id && refreshed_at.is_none_or(|at| f.at > at);
    let next = "refresh the metadata as root (dnf makecache)";
    let why = match (&raw.failed, &repomd, refused.iter().find(later)) {
        // dnf checks the cached files against repomd.xml, and says the same of absent and of damaged ones.
        (Some(words), _, _) if words.contains("no cache for") => {
            Some(format!("{words}: the metadata are absent or damaged; {next}"))
        }
        (Some(words), _, _) => Some(format!("{words}; {next}")),
        (_, Err(e), _) => Some(format!("{e}; {next}")),
        (_, _, Some(failure)) => Some(format!("the last refresh failed: {}", failure.why)),
        (None, Ok(repomd), None) => {
            metadata::advisories(root, &raw.id, &raw.cache, repomd, wanted, advisories)
                .err()
                .map(|e| format!("{e}; {next}"))
        }
    };
    Source {
        id: raw.id.clone(),
        origin: if raw.origin.is_empty() { format!("repository {}", raw.id) } else { raw.origin.clone() },
        label: raw.name.clone(),
        codename: String::new(),
        suite: String::new(),
        component: String::new(),
        security: false,
        metadata_date,
        valid_until: None,
        refreshed_at,
        state: why.map_or(SourceState::Readable, |why| SourceState::Unreadable { why }),
    }
}

fn installed(raw: Vec<RawInstalled>, advisories: &Advisories) -> Vec<Installed> {
    raw.into_iter()
        .map(|p| Installed {
            section: None,
            priority: None,
            auto: p.auto,
            installed_at: time(p.installed),
            broken: p.broken,
            advisories: of(advisories, &p.name, &p.arch, &p.version, &p.sources),
            sources: p.sources,
            build_time: time(p.built),
            name: p.name,
            arch: p.arch,
            version: p.version,
        })
        .collect()
}

/// One candidate per version; a version that several repositories offer names them all.
fn candidates(mut raw: Vec<RawCandidate>, advisories: &Advisories, all_security: bool) -> Vec<Candidate> {
    raw.sort_by(|a, b| {
        (&a.name, &a.arch)
            .cmp(&(&b.name, &b.arch))
            .then_with(|| compare(Family::Rpm, &a.version, &b.version).then_with(|| a.source.cmp(&b.source)))
    });
    let mut out: Vec<Candidate> = Vec::with_capacity(raw.len());
    for p in raw {
        if let Some(known) =
            out.last_mut().filter(|k| k.name == p.name && k.arch == p.arch && k.version == p.version)
        {
            if !known.sources.contains(&p.source) {
                known.sources.push(p.source);
            }
            // Held only if no repository offers it freely.
            if p.held.is_none() {
                known.held = None;
            }
            continue;
        }
        out.push(Candidate {
            title: (!p.replaces.is_empty()).then(|| format!("replaces {}", p.replaces.join(", "))),
            sources: vec![p.source],
            build_time: time(p.built),
            held: p.held,
            obsoletes: !p.replaces.is_empty(),
            size: u64::try_from(p.size).ok().filter(|s| *s > 0),
            ..Candidate::bare(p.name, p.arch, p.from, p.version)
        });
    }
    // Only now it is known who offers each.
    for c in &mut out {
        let is_security = |a: &Advisory| {
            all_security || a.classification.as_deref().is_some_and(|c| c.eq_ignore_ascii_case("security"))
        };
        c.advisories = of(advisories, &c.name, &c.arch, &c.version, &c.sources);
        c.security = c.advisories.iter().any(is_security);
    }
    out
}

fn native(raw: Vec<RawNative>) -> Vec<NativeUpgrade> {
    raw.into_iter()
        .map(|n| NativeUpgrade { name: n.name, arch: n.arch, from: n.from, to: n.to, action: n.action })
        .collect()
}

/// The notices about one version by the repositories that offer it: a third party's say nothing about the vendor's
/// package. Two that share an id and differ are both kept. What is installed and offered nowhere any more is judged by
/// all that is said about it.
fn of(advisories: &Advisories, name: &str, arch: &str, version: &str, sources: &[String]) -> Vec<Advisory> {
    let key = Nevra { name: name.into(), arch: arch.into(), version: version.into() };
    let known = advisories.get(&key).into_iter().flatten();
    let counts = |of: &str| sources.is_empty() || sources.iter().any(|s| s == of);
    let mut list: Vec<Advisory> = Vec::new();
    for (_, advisory) in known.filter(|(of, _)| counts(of)) {
        if !list.contains(advisory) {
            list.push(Advisory::clone(advisory));
        }
    }
    list.sort_by(|a, b| a.id.cmp(&b.id));
    list
}

/// Seconds since the epoch; rpm writes 0 for unknown.
fn time(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).filter(|_| seconds > 0)
}

#[cfg(test)]
mod tests;
