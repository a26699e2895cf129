//! The closure check: which changes that an approved patch brings along are acceptable (design 7b "Plan and
//! closure").
//!
//! A change outside the targets (a *member*) is acceptable if all of these hold:
//! 1. It installs or upgrades. A removal, a downgrade or a reinstallation never is.
//! 2. It is not rejected under BLOCK. Under ALLOW_AS_DEPENDENCY a rejected package may come in this way
//!    (reference 2.3). What needs a blocked package is held, and what needs that in turn as well, because its own
//!    simulation contains the blocked package too.
//! 3. Neither the administrator nor the distribution's phasing holds back that version.
//! 4. Its origin is one that the approving rule accepts: it is offered by a source that also offers an approved
//!    patch needing it, or by one of the same `origin` as such a source that is not opt-in (backports, proposed).
//!    So a kernel's new image from security, and a library from main that a security update needs, are fine; what
//!    exists only in backports or at a third party is not, unless the patch itself is from there. The rule's own
//!    security condition and filters do not apply to members: a security fix that needs a newer library of the
//!    same distribution would otherwise never install, and nobody expects that. Neither do delays (AWS's
//!    dependencies come in at their latest version as well, reference 1.6 step 9).
//!
//! A change that is itself approved for this machine at that very version passes 4.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Change, Held, Item, Plan, Role, Simulation, Target};
use crate::approval::names::{NameList, Named};
use crate::approval::{Decision, Evaluation, Verdict};
use crate::baseline::{Baseline, RejectedAction};
use crate::inventory::{Candidate, Inventory, Source};
use crate::os::Family;
use crate::version::compare;

/// Result of [`settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Everything that would change is accounted for.
    Plan(Plan),
    /// Leave these targets out, never empty, and simulate the rest again.
    Drop(Vec<Held>),
}

/// Which target brings which other changes along, learned from simulations of single targets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attribution {
    /// By name and architecture of the change: the targets whose own simulation contains it.
    by: BTreeMap<(String, String), BTreeSet<Target>>,
}

/// Every version that the plan wants: the chosen decisions, ordered.
pub fn targets(evaluation: &Evaluation) -> Vec<Target> {
    let chosen: BTreeSet<Target> = evaluation.decisions.iter().filter(|d| d.chosen).map(target_of).collect();
    chosen.into_iter().collect()
}

/// Whether a simulation changes more than its targets, so that the caller should simulate each target alone and
/// give the results to [`attribute`]. Without that, [`settle`] cannot tell whom to blame.
pub fn needs_attribution(inventory: &Inventory, targets: &[Target], simulation: &Simulation) -> bool {
    let wanted = Wanted::new(inventory, targets);
    targets.len() > 1 && simulation.changes.iter().any(|change| wanted.owner(change).is_none())
}

/// Learns from simulations of single targets which target brings what along.
pub fn attribute(alone: &[(Target, Simulation)]) -> Attribution {
    let mut by: BTreeMap<(String, String), BTreeSet<Target>> = BTreeMap::new();
    for (target, simulation) in alone {
        for change in &simulation.changes {
            by.entry((change.name.clone(), change.arch.clone())).or_default().insert(target.clone());
        }
    }
    Attribution { by }
}

/// Checks what the native tool would do for `targets` together.
///
/// [`Settled::Drop`] always names at least one of `targets`, so a caller that leaves them out and simulates again
/// comes to an end. A change that no single simulation contains comes from several targets together: everything
/// that brings something along is then blamed (everything, if nothing does), since guessing one would let the
/// others in unexamined. With one target, or for every change when `attribution` is empty, all targets are to
/// blame.
///
/// The plan's `held` is empty: the caller knows what was dropped before ([`super::resolve`] puts it together).
pub fn settle(
    baseline: &Baseline,
    inventory: &Inventory,
    evaluation: &Evaluation,
    targets: &[Target],
    simulation: &Simulation,
    attribution: &Attribution,
) -> Settled {
    let check = Check {
        family: inventory.node.operating_system.family(),
        block: baseline.rejected_patches_action == RejectedAction::Block,
        rejected: NameList::new(inventory.node.operating_system.family(), &baseline.rejected_patches),
        sources: inventory.sources.iter().map(|s| (s.id.as_str(), s)).collect(),
        candidates: by_package(&inventory.candidates),
        decisions: evaluation
            .decisions
            .iter()
            .map(|d| ((d.name.as_str(), d.arch.as_str(), d.version.as_str()), d))
            .collect(),
        wanted: Wanted::new(inventory, targets),
        targets,
        attribution,
    };
    let mut held: BTreeMap<&Target, String> = BTreeMap::new();
    check.refused(simulation, &mut held);
    check.changes(simulation, &mut held);
    check.untouched(simulation, &mut held);
    if held.is_empty() {
        Settled::Plan(check.plan(simulation))
    } else {
        Settled::Drop(held.into_iter().map(hold).collect())
    }
}

/// The targets, found by the changes that belong to them.
struct Wanted<'a> {
    direct: HashMap<(&'a str, &'a str), &'a Target>,
    /// zypper: `name-version-release.arch` of a patch's packages.
    packages: HashMap<&'a str, &'a Target>,
}

impl<'a> Wanted<'a> {
    fn new(inventory: &'a Inventory, targets: &'a [Target]) -> Self {
        let direct: HashMap<_, _> = targets.iter().map(|t| ((t.name.as_str(), t.arch.as_str()), t)).collect();
        let mut packages = HashMap::new();
        for candidate in inventory.candidates.iter().filter(|c| !c.packages.is_empty()) {
            if let Some(target) = direct.get(&(candidate.name.as_str(), candidate.arch.as_str()))
                && target.version == candidate.version
            {
                packages.extend(candidate.packages.iter().map(|package| (package.as_str(), *target)));
            }
        }
        Self { direct, packages }
    }

    /// The target that a change is the installation of, whatever version it brings.
    fn owner(&self, change: &Change) -> Option<&'a Target> {
        let direct = self.direct.get(&(change.name.as_str(), change.arch.as_str()));
        direct.copied().or_else(|| {
            let to = change.to.as_deref().filter(|_| !self.packages.is_empty())?;
            let (epoch, version, release) = crate::version::split_evr(to);
            let plain = format!("{}-{version}-{release}.{}", change.name, change.arch);
            let full = format!("{}-{epoch}:{version}-{release}.{}", change.name, change.arch);
            self.packages.get(plain.as_str()).or_else(|| self.packages.get(full.as_str())).copied()
        })
    }
}

struct Check<'a> {
    family: Family,
    block: bool,
    rejected: NameList<'a>,
    sources: HashMap<&'a str, &'a Source>,
    candidates: HashMap<(&'a str, &'a str), Vec<&'a Candidate>>,
    decisions: HashMap<(&'a str, &'a str, &'a str), &'a Decision>,
    wanted: Wanted<'a>,
    targets: &'a [Target],
    attribution: &'a Attribution,
}

impl<'a> Check<'a> {
    fn refused(&self, simulation: &Simulation, held: &mut BTreeMap<&'a Target, String>) {
        for refused in &simulation.refused {
            let reason = || format!("the package manager cannot install it: {}", refused.why);
            match self.wanted.direct.get(&(refused.name.as_str(), refused.arch.as_str())) {
                Some(target) => drop(held.entry(target).or_insert_with(reason)),
                // It refuses something else: whoever needs that, or everyone.
                None => {
                    let why = format!("the package manager cannot install {}: {}", refused.name, refused.why);
                    self.blame(&refused.name, &refused.arch, &why, held);
                }
            }
        }
    }

    fn changes(&self, simulation: &Simulation, held: &mut BTreeMap<&'a Target, String>) {
        for change in &simulation.changes {
            match self.wanted.owner(change) {
                Some(target) => {
                    if let Some(why) = self.wrong_target(target, change) {
                        held.entry(target).or_insert(why);
                    }
                }
                None => {
                    if let Some(why) = self.unacceptable(change) {
                        self.blame(&change.name, &change.arch, &why, held);
                    }
                }
            }
        }
    }

    /// A target that nothing was said about would be reported as installed and is not.
    fn untouched(&self, simulation: &Simulation, held: &mut BTreeMap<&'a Target, String>) {
        let touched: BTreeSet<&Target> =
            simulation.changes.iter().filter_map(|c| self.wanted.owner(c)).collect();
        for target in self.targets.iter().filter(|t| !touched.contains(t)) {
            held.entry(target).or_insert_with(|| {
                "the package manager would not change it (a dependency or its own policy keeps it back)"
                    .to_owned()
            });
        }
    }

    fn wrong_target(&self, target: &Target, change: &Change) -> Option<String> {
        let Some(to) = &change.to else {
            return Some(format!("the package manager would remove {} instead", change.name));
        };
        if change.name == target.name && *to != target.version {
            return Some(format!("the package manager would install {to} instead of {}", target.version));
        }
        self.backwards(change, to)
    }

    fn backwards(&self, change: &Change, to: &str) -> Option<String> {
        let from = change.from.as_deref()?;
        match compare(self.family, to, from) {
            Ordering::Greater => None,
            Ordering::Equal => Some(format!("would reinstall {} {from}", change.name)),
            Ordering::Less => Some(format!("would downgrade {} from {from} to {to}", change.name)),
        }
    }

    /// Why a member is not acceptable; the words complete "it …".
    fn unacceptable(&self, change: &Change) -> Option<String> {
        let name = &change.name;
        let Some(to) = &change.to else { return Some(format!("would remove {name}")) };
        if let Some(why) = self.backwards(change, to) {
            return Some(why);
        }
        let offers = self.candidates.get(&(name.as_str(), change.arch.as_str()));
        let offers: &[&Candidate] = offers.map_or(&[], Vec::as_slice);
        let exact = offers.iter().find(|c| c.version == *to).copied();
        let named = match exact {
            Some(candidate) => Named::from(candidate),
            None => {
                Named { name, arch: &change.arch, version: to, advisories: &[], aliases: &[], packages: &[] }
            }
        };
        if self.block && self.rejected.matches(&named) {
            return Some(format!("needs {name} {to}, which is rejected (rejected_patches_action: BLOCK)"));
        }
        // A hold of the whole package shows on all its offers, even if this version is not among them.
        let holds = |c: &&Candidate| c.held.clone();
        let hold = match exact {
            Some(candidate) => candidate.held.clone(),
            None => offers.iter().all(|c| c.held.is_some()).then(|| offers.iter().find_map(holds)).flatten(),
        };
        if let Some(why) = hold {
            return Some(format!("needs {name} {to}, which is held by administrator: {why}"));
        }
        if exact.is_some_and(|c| c.phased.as_ref().is_some_and(|p| p.deferred)) {
            return Some(format!(
                "needs {name} {to}, which the distribution's phasing defers on this machine"
            ));
        }
        self.foreign(change, exact, to)
    }

    fn foreign(&self, change: &Change, exact: Option<&Candidate>, to: &str) -> Option<String> {
        let name = change.name.as_str();
        let decision = self.decisions.get(&(name, change.arch.as_str(), to));
        if decision.is_some_and(|d| d.verdict == Verdict::Approved) {
            return None;
        }
        let from: BTreeSet<&str> =
            change.sources.iter().chain(exact.iter().flat_map(|c| &c.sources)).map(String::as_str).collect();
        if from.is_empty() {
            return Some(format!("needs {name} {to}, which no known source offers"));
        }
        let by = self.needing(name, &change.arch);
        let accepted: BTreeSet<&str> = by.iter().flat_map(|t| self.sources_of(t)).collect();
        let fine = from.iter().any(|id| {
            accepted.contains(id) || {
                let source = self.sources.get(id);
                source.is_some_and(|s| !opt_in(s) && accepted.iter().any(|a| self.same_origin(s, a)))
            }
        });
        if fine {
            return None;
        }
        let sources: Vec<&str> = from.into_iter().collect();
        Some(format!(
            "needs {name} {to}, which only {} offers; what the baseline approves here comes from {}",
            sources.join(", "),
            accepted.into_iter().collect::<Vec<_>>().join(", ")
        ))
    }

    /// Two sources of one vendor. What does not say whose it is belongs to nobody else's.
    fn same_origin(&self, source: &Source, accepted: &str) -> bool {
        !source.origin.is_empty() && self.sources.get(accepted).is_some_and(|a| a.origin == source.origin)
    }

    fn sources_of(&self, target: &Target) -> impl Iterator<Item = &'a str> + use<'a> {
        let offers = self.candidates.get(&(target.name.as_str(), target.arch.as_str()));
        let exact = offers.and_then(|offers| offers.iter().find(|c| c.version == target.version)).copied();
        exact.into_iter().flat_map(|c: &'a Candidate| c.sources.iter().map(String::as_str))
    }

    /// The targets that bring a member along.
    fn needing(&self, name: &str, arch: &str) -> Vec<&'a Target> {
        if self.targets.len() == 1 {
            return self.targets.iter().collect();
        }
        let known = self.attribution.by.get(&(name.to_owned(), arch.to_owned()));
        let exact = |t: &&Target| known.is_some_and(|known| known.contains(*t));
        let by: Vec<&Target> = self.targets.iter().filter(exact).collect();
        if !by.is_empty() {
            return by;
        }
        // Only several targets together bring it: whoever brings anything along at all.
        let brings = |t: &&Target| {
            self.attribution.by.iter().any(|((name, arch), by)| {
                by.contains(*t) && !self.wanted.direct.contains_key(&(name.as_str(), arch.as_str()))
            })
        };
        let by: Vec<&Target> = self.targets.iter().filter(brings).collect();
        if by.is_empty() { self.targets.iter().collect() } else { by }
    }

    fn blame(&self, name: &str, arch: &str, why: &str, held: &mut BTreeMap<&'a Target, String>) {
        for target in self.needing(name, arch) {
            held.entry(target).or_insert_with(|| why.to_owned());
        }
    }

    fn plan(&self, simulation: &Simulation) -> Plan {
        let mut items: Vec<Item> = simulation.changes.iter().filter_map(|change| self.item(change)).collect();
        items.sort_by(|a, b| (&a.name, &a.arch, &a.to).cmp(&(&b.name, &b.arch, &b.to)));
        items.dedup();
        Plan { items, held: Vec::new() }
    }

    fn item(&self, change: &Change) -> Option<Item> {
        // Removals were refused before.
        let to = change.to.clone()?;
        let role = match self.wanted.owner(change) {
            Some(target) => Role::Approved { reason: self.reason(target) },
            None => {
                let mut by: Vec<String> =
                    self.needing(&change.name, &change.arch).into_iter().map(|t| t.name.clone()).collect();
                by.dedup();
                Role::PulledIn { by }
            }
        };
        Some(Item {
            name: change.name.clone(),
            arch: change.arch.clone(),
            from: change.from.clone(),
            to,
            role,
        })
    }

    fn reason(&self, target: &Target) -> String {
        let key = (target.name.as_str(), target.arch.as_str(), target.version.as_str());
        // A target from an install-override list has no approving decision (reference 2.8).
        self.decisions.get(&key).filter(|d| d.verdict == Verdict::Approved).map_or_else(
            || "the install-override list names it".to_owned(),
            |decision| decision.reason.clone(),
        )
    }
}

/// Sources that a distribution carries beside its release, for those who ask for them.
fn opt_in(source: &Source) -> bool {
    [&source.suite, &source.codename].into_iter().any(|name| {
        name.contains("backports")
            || name.contains("-proposed")
            || name == "experimental"
            || name == "rc-buggy"
    })
}

fn by_package(candidates: &[Candidate]) -> HashMap<(&str, &str), Vec<&Candidate>> {
    let mut map: HashMap<(&str, &str), Vec<&Candidate>> = HashMap::new();
    for candidate in candidates {
        map.entry((&candidate.name, &candidate.arch)).or_default().push(candidate);
    }
    map
}

fn target_of(decision: &Decision) -> Target {
    Target { name: decision.name.clone(), arch: decision.arch.clone(), version: decision.version.clone() }
}

fn hold((target, reason): (&Target, String)) -> Held {
    Held { name: target.name.clone(), arch: target.arch.clone(), version: target.version.clone(), reason }
}
