//! A package manager in memory, scripted by tests: what is installed, offered, held, locked, failing, unreadable.
//!
//! It passes the same contract suite as the real ones, so tests of what is built on the trait can use it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use patchflock_baselines::inventory::{
    Candidate, Installed, NativeAction, NativeUpgrade, RebootEvidence, Source, SourceState,
};
use patchflock_baselines::plan::{Change, Plan, Refused, Simulation, Target};

use crate::pm::{
    InstallReport, OnProgress, Outcome, OutcomeKind, PackageManager, PmError, Progress, RefreshReport, Scan,
};

/// The only architecture of a [`Fake`].
pub const ARCH: &str = "fake64";
/// The only source of a [`Fake`].
pub const SOURCE: &str = "Fake/stable/main";

/// A scripted package manager. Versions compare as in dpkg.
#[derive(Debug, Default)]
pub struct Fake {
    world: Mutex<World>,
}

#[derive(Debug, Default, Clone)]
struct World {
    installed: BTreeMap<String, Package>,
    /// Versions on offer with what they need, by name.
    offered: BTreeMap<String, Vec<Offer>>,
    /// Why installing this package fails.
    failing: BTreeMap<String, String>,
    locked_by: Option<String>,
    unreadable: Option<String>,
    /// Half-installed packages.
    broken: Vec<String>,
}

#[derive(Debug, Clone)]
struct Package {
    version: String,
    auto: bool,
    held: bool,
}

#[derive(Debug, Clone)]
struct Offer {
    version: String,
    needs: Vec<(String, String)>,
}

impl Fake {
    /// An empty machine.
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world());
        self
    }

    /// A package is installed because the administrator asked for it.
    pub fn installed(self, name: &str, version: &str) -> Self {
        let package = Package { version: version.into(), auto: false, held: false };
        self.with(|w| drop(w.installed.insert(name.into(), package)))
    }

    /// An installed package is marked automatic.
    pub fn auto(self, name: &str) -> Self {
        self.with(|w| w.installed.get_mut(name).into_iter().for_each(|p| p.auto = true))
    }

    /// An installed package is held by the administrator.
    pub fn held(self, name: &str) -> Self {
        self.with(|w| w.installed.get_mut(name).into_iter().for_each(|p| p.held = true))
    }

    /// The source offers a version, which needs other packages in exactly these versions.
    pub fn offers(self, name: &str, version: &str, needs: &[(&str, &str)]) -> Self {
        let needs = needs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        self.with(|w| {
            w.offered.entry(name.into()).or_default().push(Offer { version: version.into(), needs })
        })
    }

    /// Installing this package fails and leaves the old version.
    pub fn failing(self, name: &str, why: &str) -> Self {
        self.with(|w| drop(w.failing.insert(name.into(), why.into())))
    }

    /// An interrupted run left this package half-installed.
    pub fn broken(self, name: &str) -> Self {
        self.with(|w| w.broken.push(name.into()))
    }

    /// From now on another program holds the lock (`None`: nobody any more).
    pub fn lock(&self, holder: Option<&str>) {
        self.world().locked_by = holder.map(str::to_owned);
    }

    /// From now on the source cannot be read (`None`: it can again).
    pub fn unreadable(&self, why: Option<&str>) {
        self.world().unreadable = why.map(str::to_owned);
    }
}

impl World {
    fn unlocked(&self) -> Result<(), PmError> {
        match &self.locked_by {
            Some(holder) => Err(PmError::Locked { holder: holder.clone(), waited: Duration::ZERO }),
            None => Ok(()),
        }
    }

    fn offer(&self, name: &str, version: &str) -> Option<&Offer> {
        self.offered.get(name)?.iter().find(|o| o.version == version)
    }

    fn newer(&self, name: &str) -> Vec<&Offer> {
        let Some(package) = self.installed.get(name) else { return Vec::new() };
        let offers = self.offered.get(name).map(Vec::as_slice).unwrap_or_default();
        offers.iter().filter(|o| newer(&o.version, &package.version)).collect()
    }

    /// The closure of one version, as changes; the error is the native tool's refusal.
    fn closure(&self, name: &str, version: &str, into: &mut BTreeMap<String, String>) -> Result<(), String> {
        if self.installed.get(name).is_some_and(|p| p.version == version) || into.contains_key(name) {
            return Ok(());
        }
        let offer = self
            .offer(name, version)
            .ok_or_else(|| format!("Version '{version}' for '{name}' was not found"))?;
        if self.installed.get(name).is_some_and(|p| p.held) {
            return Err(format!("{name} is on hold"));
        }
        into.insert(name.to_owned(), version.to_owned());
        offer.needs.iter().try_for_each(|(name, version)| self.closure(name, version, into))
    }

    /// Refuses a plan that is not closed or was made for another state.
    fn check(&self, plan: &Plan) -> Result<(), PmError> {
        let refuse = |difference: String| Err(PmError::NotThePlan { difference });
        let mut would = BTreeMap::new();
        for item in &plan.items {
            let now = self.installed.get(&item.name).map(|p| &p.version);
            if now != item.from.as_ref() && now != Some(&item.to) {
                return refuse(format!("{} is at {now:?}, the plan was made for {:?}", item.name, item.from));
            }
            if let Err(words) = self.closure(&item.name, &item.to, &mut would) {
                return refuse(format!("{} would not be installed: {words}", item.name));
            }
        }
        match would.iter().find(|(n, v)| !plan.items.iter().any(|i| i.name == **n && i.to == **v)) {
            Some((name, version)) => refuse(format!("{name} {version} would be installed")),
            None => Ok(()),
        }
    }

    fn source(&self) -> Source {
        Source {
            id: SOURCE.into(),
            origin: "Fake".into(),
            label: "Fake".into(),
            codename: "stable".into(),
            suite: "stable".into(),
            component: "main".into(),
            security: false,
            metadata_date: None,
            valid_until: None,
            refreshed_at: None,
            state: match &self.unreadable {
                Some(why) => SourceState::Unreadable { why: why.clone() },
                None => SourceState::Readable,
            },
        }
    }
}

fn newer(a: &str, b: &str) -> bool {
    patchflock_baselines::version::compare(patchflock_baselines::os::Family::Apt, a, b).is_gt()
}

impl PackageManager for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn refresh(&self, progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
        let world = self.world();
        world.unlocked()?;
        progress(Progress::Phase("Refreshing".into()));
        Ok(RefreshReport {
            failed: world.unreadable.iter().map(|why| (SOURCE.into(), why.clone())).collect(),
        })
    }

    fn scan(&self) -> Result<Scan, PmError> {
        let world = self.world();
        let readable = world.unreadable.is_none();
        let mut candidates = Vec::new();
        let mut native = Vec::new();
        for (name, package) in world.installed.iter().filter(|_| readable) {
            let newer = world.newer(name);
            candidates.extend(newer.iter().map(|offer| candidate(name, package, &offer.version)));
            native.extend(newer.last().map(|offer| NativeUpgrade {
                name: name.clone(),
                arch: ARCH.into(),
                from: package.version.clone(),
                to: offer.version.clone(),
                action: if package.held { NativeAction::KeptBack } else { NativeAction::Upgrade },
            }));
        }
        let installed = world.installed.iter().map(|(name, p)| Installed {
            name: name.clone(),
            arch: ARCH.into(),
            version: p.version.clone(),
            section: None,
            priority: None,
            auto: p.auto,
            installed_at: None,
            broken: world.broken.contains(name),
            sources: world
                .offer(name, &p.version)
                .filter(|_| readable)
                .map(|_| SOURCE.into())
                .into_iter()
                .collect(),
            advisories: Vec::new(),
            build_time: None,
        });
        Ok(Scan {
            package_manager: "fake 1".into(),
            sources: vec![world.source()],
            installed: installed.collect(),
            candidates,
            native,
            foreign_updaters: Vec::new(),
            reboot: RebootEvidence::default(),
            services_to_restart: Vec::new(),
        })
    }

    fn simulate(&self, targets: &[Target]) -> Result<Simulation, PmError> {
        let world = self.world();
        let mut would = BTreeMap::new();
        let mut refused = Vec::new();
        for target in targets {
            let mut with = would.clone();
            let answer = match world.installed.contains_key(&target.name) {
                true => world.closure(&target.name, &target.version, &mut with),
                false => Err("it is not installed: only installed packages are upgraded".to_owned()),
            };
            match answer {
                Ok(()) => would = with,
                Err(why) => {
                    refused.push(Refused { name: target.name.clone(), arch: target.arch.clone(), why })
                }
            }
        }
        let changes = would.into_iter().map(|(name, version)| Change {
            from: world.installed.get(&name).map(|p| p.version.clone()),
            name,
            arch: ARCH.into(),
            to: Some(version),
            sources: vec![SOURCE.into()],
        });
        Ok(Simulation { changes: changes.collect(), refused })
    }

    fn fetch(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError> {
        let world = self.world();
        world.check(plan)?;
        world.unlocked()?;
        progress(Progress::Phase("Fetching".into()));
        Ok(())
    }

    fn install(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<InstallReport, PmError> {
        let mut world = self.world();
        world.check(plan)?;
        world.unlocked()?;
        progress(Progress::Phase("Installing".into()));
        let mut report = InstallReport::default();
        for item in &plan.items {
            progress(Progress::Package { name: item.name.clone(), what: "Installing".into() });
            let before = world.installed.get(&item.name).cloned();
            let mut closure = BTreeMap::new();
            // A package that needs a failing one fails with it.
            let culprit = match world.closure(&item.name, &item.to, &mut closure) {
                Ok(()) => {
                    closure.keys().find_map(|name| Some((name.clone(), world.failing.get(name)?.clone())))
                }
                Err(words) => Some((item.name.clone(), words)),
            };
            let result = match culprit {
                Some((name, why)) => OutcomeKind::Failed { why: format!("{name}: {why}") },
                None => {
                    let old =
                        before.clone().unwrap_or(Package { version: String::new(), auto: true, held: false });
                    world.installed.insert(item.name.clone(), Package { version: item.to.clone(), ..old });
                    OutcomeKind::Installed
                }
            };
            let target =
                Target { name: item.name.clone(), arch: item.arch.clone(), version: item.to.clone() };
            report.outcomes.push(Outcome { target, from: before.map(|p| p.version), result });
        }
        Ok(report)
    }

    fn repair(&self) -> Result<Option<String>, PmError> {
        let mut world = self.world();
        world.unlocked()?;
        let broken = std::mem::take(&mut world.broken);
        Ok((!broken.is_empty()).then(|| format!("configured {}", broken.join(", "))))
    }
}

fn candidate(name: &str, package: &Package, version: &str) -> Candidate {
    Candidate {
        sources: vec![SOURCE.into()],
        held: package.held.then(|| "on hold".to_owned()),
        ..Candidate::bare(name, ARCH, package.version.clone(), version)
    }
}
