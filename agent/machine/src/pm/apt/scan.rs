//! The scan: our own reading of status and indexes beside apt's opinion.
//!
//! apt's simulation is the slowest part, so it runs while we read; the whole takes little more than it alone.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use patchflock_baselines::inventory::{
    Candidate, Installed, NativeAction, NativeUpgrade, Phased, Source, SourceState,
};

use super::lists::Offer;
use super::policy::{self, Opinion};
use super::settings::Settings;
use super::sources::{self, Repo};
use super::status::{self, Package, Status};
use super::system::System;
use super::{output, surroundings, version};
use crate::exec::Output;
use crate::host::read_ours;
use crate::pm::{PmError, Scan};
use crate::root::Root;

/// Arguments of every simulation: no note for non-root users, the old output format on apt 3, and no `quiet` of the
/// administrator's (2 and more leaves out what is kept back).
pub(super) const SIMULATE: [&str; 8] = [
    "-s",
    "-V",
    "-o",
    "APT::Get::Show-User-Simulation-Note=no",
    "-o",
    "APT::Output-Version=0",
    "-o",
    "quiet=1",
];

/// Reads everything; changes nothing.
pub(super) fn scan(system: &System, now: DateTime<Utc>) -> Result<Scan, PmError> {
    let root = &system.root;
    let settings = super::settings::read(system)?;
    let (native, services, ours) = std::thread::scope(|scope| {
        let native = scope.spawn(|| simulate(system, &[]));
        let services = scope.spawn(|| surroundings::services_to_restart(root));
        let ours = read(system, &settings, now);
        (native.join(), services.join(), ours)
    });
    let (native_out, native) = native.map_err(|_| died("the simulation"))??;
    let Ours { status, auto, repos, offers, opinions, package_manager } = ours?;
    let mut native = native.native(&status);
    tell_deferred(system, &status, &offers, &mut native)?;

    let mut sources: Vec<Source> = repos.iter().map(|r| r.source.clone()).collect();
    sources.extend(complaint(&native_out, &sources));
    let (found, candidates) = match_offers(&status, &repos, &offers, &opinions, &native)?;
    Ok(Scan {
        package_manager,
        installed: installed(root, &status, &auto, found),
        candidates,
        foreign_updaters: surroundings::foreign_updaters(root, &settings, &status),
        reboot: surroundings::reboot(root, &status),
        services_to_restart: services.map_err(|_| died("the service check"))?,
        sources,
        native,
    })
}

fn died(what: &str) -> PmError {
    PmError::Failed { what: what.to_owned(), tool_says: "its thread ended early".to_owned() }
}

/// Options that make apt forget phasing.
pub(super) const PHASED_TOO: [&str; 2] = ["-o", "APT::Get::Always-Include-Phased-Updates=true"];

/// apt 2.5 and 2.6 list what phasing defers among what is kept back (2.4 and 2.7 do not). What would be upgraded
/// without phasing is told apart by asking again, and only where a version in phases is kept back at all.
fn tell_deferred(
    system: &System,
    status: &Status,
    offers: &[(usize, Offer)],
    native: &mut [NativeUpgrade],
) -> Result<(), PmError> {
    let in_phases = |n: &NativeUpgrade| {
        n.action == NativeAction::KeptBack
            && offers.iter().any(|(_, o)| {
                o.name == n.name
                    && o.version == n.to
                    && o.phased.is_some_and(|percent| percent < 100)
                    && status.same_arch(&o.arch, &n.arch)
            })
    };
    if !native.iter().any(in_phases) {
        return Ok(());
    }
    let unphased = simulate(system, &PHASED_TOO)?.1.native(status);
    for n in native.iter_mut().filter(|n| in_phases(n)) {
        let upgraded = |u: &NativeUpgrade| {
            u.action == NativeAction::Upgrade && u.name == n.name && u.arch == n.arch && u.to == n.to
        };
        if unphased.iter().any(upgraded) {
            n.action = NativeAction::Deferred;
        }
    }
    Ok(())
}

fn simulate(system: &System, more: &[&str]) -> Result<(Output, output::Simulated), PmError> {
    let what = "apt-get -s -V dist-upgrade";
    let out = system.tool("apt-get").args(SIMULATE).args(more).arg("dist-upgrade").run()?;
    let parsed = output::simulated(what, &out)?;
    Ok((out, parsed))
}

/// What we read while apt thinks.
struct Ours {
    status: Status,
    auto: HashSet<(String, String)>,
    repos: Vec<Repo>,
    offers: Offers,
    opinions: BTreeMap<String, Opinion>,
    package_manager: String,
}

fn read(system: &System, settings: &Settings, now: DateTime<Utc>) -> Result<Ours, PmError> {
    let root = &system.root;
    let status = status::read(root, &settings.status, &settings.arch)?;
    let auto = read_ours(root, &settings.extended_states, status::STATUS_CAP)
        .map(|bytes| status::parse_auto(&String::from_utf8_lossy(&bytes)))
        .unwrap_or_default();
    let (repos, offers) = read_offers(system, settings, &status.names(), now)?;
    let mut upgradable: Vec<String> = offers
        .iter()
        .filter_map(|(_, o)| status.get(&o.name, &o.arch).filter(|p| version::newer(&o.version, &p.version)))
        .map(|p| apt_name(p, &status))
        .collect();
    upgradable.sort();
    upgradable.dedup();
    let opinions = if upgradable.is_empty() { BTreeMap::new() } else { opinions(system, &upgradable)? };
    let out = system.tool("apt-get").arg("--version").run()?;
    let text = out.stdout_text();
    let package_manager = text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Ok(Ours { status, auto, repos, offers, opinions, package_manager })
}

/// What repositories offer, each with the index of its repository.
pub(super) type Offers = Vec<(usize, Offer)>;

/// Every repository, read, and what it offers of the wanted names.
pub(super) fn read_offers(
    system: &System,
    settings: &Settings,
    wanted: &HashSet<String>,
    now: DateTime<Utc>,
) -> Result<(Vec<Repo>, Offers), PmError> {
    let mut repos = sources::find(system, &settings.lists)?;
    let mut offers = Vec::new();
    for (at, repo) in repos.iter_mut().enumerate() {
        offers.extend(repo.read(&system.root, wanted, now).into_iter().map(|o| (at, o)));
    }
    Ok((repos, offers))
}

/// The name by which apt's tools take and print a package: the native architecture goes without saying.
pub(super) fn apt_name(package: &Package, status: &Status) -> String {
    if status.same_arch(&package.arch, "all") {
        package.name.clone()
    } else {
        format!("{}:{}", package.name, package.arch)
    }
}

fn opinions(system: &System, names: &[String]) -> Result<BTreeMap<String, Opinion>, PmError> {
    let what = "apt-cache policy";
    let mut all = BTreeMap::new();
    // Far below the limit on arguments, whatever the names.
    for chunk in names.chunks(2000) {
        let out = system.tool("apt-cache").args(["policy", "--"]).args(chunk).run()?;
        output::check(what, &out)?;
        let parsed = policy::parse(&out.stdout_text()).map_err(|(place, found)| PmError::Unexpected {
            what: what.to_owned(),
            place,
            found,
        })?;
        all.extend(parsed);
    }
    Ok(all)
}

/// A complaint of apt that belongs to no source we found unreadable ourselves: what apt warned about may hide
/// updates, so it stands as a source of unknown content. Notes about double configuration hide nothing.
fn complaint(out: &Output, sources: &[Source]) -> Option<Source> {
    let explained = sources.iter().any(|s| s.state != SourceState::Readable);
    let said: Vec<String> = output::complaints(out, "W: ")
        .into_iter()
        .filter(|w| !w.contains("configured multiple times"))
        .filter(|w| !(explained && w.starts_with("You may want to run apt-get update")))
        .collect();
    (!said.is_empty()).then(|| unknown(said.join("; ")))
}

/// The source that stands for what apt could not tell us about any one source.
pub(super) fn unknown(why: String) -> Source {
    Source {
        id: "apt".to_owned(),
        origin: String::new(),
        label: String::new(),
        codename: String::new(),
        suite: String::new(),
        component: String::new(),
        security: false,
        metadata_date: None,
        valid_until: None,
        refreshed_at: None,
        state: SourceState::Unreadable { why },
    }
}

/// Where the installed version of each package is offered, by name and architecture.
type Origins = BTreeMap<(String, String), Vec<String>>;

fn match_offers(
    status: &Status,
    repos: &[Repo],
    offers: &[(usize, Offer)],
    opinions: &BTreeMap<String, Opinion>,
    native: &[NativeUpgrade],
) -> Result<(Origins, Vec<Candidate>), PmError> {
    let mut origins = Origins::new();
    let mut candidates: BTreeMap<(String, String, String), (Candidate, bool)> = BTreeMap::new();
    for (at, offer) in offers {
        let (Some(repo), Some(package)) = (repos.get(*at), status.get(&offer.name, &offer.arch)) else {
            continue;
        };
        let sources = if offer.version == package.version {
            origins.entry((package.name.clone(), package.arch.clone())).or_default()
        } else if version::newer(&offer.version, &package.version) {
            let key = (package.name.clone(), package.arch.clone(), offer.version.clone());
            let (candidate, not_automatic) =
                candidates.entry(key).or_insert_with(|| (candidate(package, offer), true));
            candidate.security |= repo.source.security;
            *not_automatic &= repo.not_automatic;
            &mut candidate.sources
        } else {
            continue;
        };
        if !sources.contains(&repo.source.id) {
            sources.push(repo.source.id.clone());
        }
    }
    let mut list: Vec<Candidate> = Vec::new();
    for ((name, arch, _), (mut candidate, not_automatic)) in candidates {
        let Some(package) = status.packages.get(&(name.clone(), arch.clone())) else { continue };
        let key = apt_name(package, status);
        let opinion = opinions.get(&key).ok_or_else(|| PmError::Unexpected {
            what: "apt-cache policy".to_owned(),
            place: key,
            found: "no answer".to_owned(),
        })?;
        let deferred =
            native.iter().any(|n| n.action == NativeAction::Deferred && n.name == name && n.arch == arch);
        let priority = opinion.priorities.get(&candidate.version).copied();
        if let Some(phased) = &mut candidate.phased {
            // apt before 2.5 defers by giving the version priority 1 and lists nothing.
            phased.deferred = deferred || priority == Some(1);
        }
        candidate.held = held(package, &candidate, opinion, not_automatic);
        list.push(candidate);
    }
    list.sort_by(|a, b| {
        (&a.name, &a.arch).cmp(&(&b.name, &b.arch)).then_with(|| version::compare(&a.version, &b.version))
    });
    Ok((origins, list))
}

fn candidate(package: &Package, offer: &Offer) -> Candidate {
    Candidate {
        section: offer.section.clone(),
        priority: offer.priority.clone(),
        phased: offer.phased.map(|percentage| Phased { percentage, deferred: false }),
        size: offer.size,
        ..Candidate::bare(
            package.name.clone(),
            package.arch.clone(),
            package.version.clone(),
            offer.version.clone(),
        )
    }
}

/// Why the administrator does not want this version, if so: what apt itself would choose is the upper bound.
fn held(package: &Package, candidate: &Candidate, opinion: &Opinion, not_automatic: bool) -> Option<String> {
    if package.hold {
        return Some("on hold (apt-mark hold)".to_owned());
    }
    let priority = opinion.priorities.get(&candidate.version).copied();
    let shown = priority.map_or("none".to_owned(), |p| p.to_string());
    if priority.is_none_or(|p| p < 0) {
        return Some(format!("pinned: priority {shown}"));
    }
    let bound = opinion.candidate.as_deref();
    if bound.is_some_and(|b| !version::newer(&candidate.version, b)) {
        return None;
    }
    // Deferred by phasing is the distribution's word, not the administrator's.
    if candidate.phased.as_ref().is_some_and(|p| p.deferred) {
        return None;
    }
    if not_automatic && priority.is_some_and(|p| p <= 100) {
        return Some(format!(
            "not automatic: its repository is chosen only when asked for (priority {shown})"
        ));
    }
    Some(match bound {
        Some(bound) => format!("pinned: apt would install {bound}; priority {shown}"),
        None => format!("pinned: apt would install no version; priority {shown}"),
    })
}

fn installed(
    root: &Root,
    status: &Status,
    auto: &HashSet<(String, String)>,
    mut origins: Origins,
) -> Vec<Installed> {
    let info = root.path("/var/lib/dpkg/info");
    let at = |p: &Package| {
        // dpkg writes the file list when it unpacks; nothing touches it afterwards.
        [format!("{}.list", p.name), format!("{}:{}.list", p.name, p.arch)]
            .iter()
            .find_map(|file| std::fs::metadata(info.join(file)).ok()?.modified().ok())
            .map(DateTime::<Utc>::from)
    };
    status
        .packages
        .values()
        .map(|p| Installed {
            name: p.name.clone(),
            arch: p.arch.clone(),
            version: p.version.clone(),
            section: p.section.clone(),
            priority: p.priority.clone(),
            // extended_states knows packages of `all` under the native architecture.
            auto: auto.contains(&(p.name.clone(), p.arch.clone()))
                || (p.arch == "all" && auto.contains(&(p.name.clone(), status.native_arch.clone()))),
            installed_at: at(p),
            broken: !p.complete,
            sources: origins.remove(&(p.name.clone(), p.arch.clone())).unwrap_or_default(),
            advisories: Vec::new(),
            build_time: None,
        })
        .collect()
}
