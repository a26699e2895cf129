//! A random machine, its repositories and their dependencies, with a package manager of a few lines.

use std::collections::{BTreeMap, BTreeSet};

use patchflock_baselines::baseline::*;
use patchflock_baselines::inventory::*;
use patchflock_baselines::os::Family;
use patchflock_baselines::plan::{Change, Plan, Refused, Simulation, Target};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::machine::*;

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
/// Compare as text and as versions alike.
const VERSIONS: [&str; 3] = ["1.1-1", "1.2-1", "1.3-1"];
const SOURCES: [&str; 4] = ["main", "security", "backports", "vendor"];

/// The version of a package, if it changes, wants another one or wants it gone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Need {
    who: &'static str,
    whom: &'static str,
    /// At least this one; `None`: a conflict.
    version: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) inventory: Inventory,
    pub(crate) needs: Vec<Need>,
}

impl World {
    /// The baseline for this machine's system.
    pub(crate) fn own(&self, baseline: Baseline) -> Baseline {
        Baseline { operating_system: self.inventory.node.operating_system, ..baseline }
    }

    pub(crate) fn offer(&self, name: &str, version: &str) -> Option<&Candidate> {
        self.inventory.candidates.iter().find(|c| c.name == name && c.version == version)
    }

    fn version_of(&self, name: &str) -> Option<&str> {
        self.inventory.installed.iter().find(|i| i.name == name).map(|i| i.version.as_str())
    }

    /// What the package manager does for these targets. It takes the newest version that fits a dependency, and
    /// refuses a target whose dependencies cannot be met.
    pub(crate) fn simulate(&self, targets: &[Target]) -> Simulation {
        let mut changes: BTreeMap<&str, Option<String>> = BTreeMap::new();
        let mut refused = Vec::new();
        for target in targets {
            match self.closure(target) {
                // The newest of what several targets ask for; a removal wins, as the worst case.
                Some(closure) => {
                    for (name, to) in closure {
                        let known = changes.entry(name).or_insert_with(|| to.clone());
                        *known = match (known.take(), to) {
                            (Some(a), Some(b)) => Some(a.max(b)),
                            _ => None,
                        };
                    }
                }
                None => refused.push(Refused {
                    name: target.name.clone(),
                    arch: target.arch.clone(),
                    why: "unmet dependencies".into(),
                }),
            }
        }
        let change = |(name, to): (&str, Option<String>)| Change {
            name: name.to_owned(),
            arch: "amd64".into(),
            from: self.version_of(name).map(str::to_owned),
            sources: to.as_ref().and_then(|to| self.offer(name, to)).map_or(vec![], |c| c.sources.clone()),
            to,
        };
        Simulation { changes: changes.into_iter().map(change).collect(), refused }
    }

    fn closure(&self, target: &Target) -> Option<BTreeMap<&str, Option<String>>> {
        let first = self.offer(&target.name, &target.version)?;
        let mut changes: BTreeMap<&str, Option<String>> =
            BTreeMap::from([(first.name.as_str(), Some(first.version.clone()))]);
        let mut todo = vec![first.name.as_str()];
        while let Some(who) = todo.pop() {
            for need in self.needs.iter().filter(|n| n.who == who) {
                let has = match changes.get(need.whom) {
                    Some(to) => to.as_deref(),
                    None => self.version_of(need.whom),
                };
                let Some(wanted) = need.version else {
                    if has.is_some() && need.whom != target.name {
                        changes.insert(need.whom, None);
                    }
                    continue;
                };
                if has.is_some_and(|has| has >= wanted) {
                    continue;
                }
                let fits = |c: &&Candidate| c.name == need.whom && c.version.as_str() >= wanted;
                let newest = self.inventory.candidates.iter().filter(fits).map(|c| &c.version).max()?;
                changes.insert(need.whom, Some(newest.clone()));
                todo.push(need.whom);
            }
        }
        Some(changes)
    }

    /// The names that these targets reach over dependencies, themselves included.
    pub(crate) fn needed_by(&self, targets: &[Target]) -> BTreeSet<String> {
        let mut reached: BTreeSet<String> = targets.iter().map(|t| t.name.clone()).collect();
        for _ in NAMES {
            let more = self.needs.iter().filter(|n| reached.contains(n.who)).map(|n| n.whom.to_owned());
            reached.extend(more.collect::<Vec<_>>());
        }
        reached
    }

    /// The machine after everything in the plan went well.
    pub(crate) fn installed(&self, plan: &Plan) -> Inventory {
        let mut inventory = self.inventory.clone();
        for item in &plan.items {
            let offer = self.offer(&item.name, &item.to).expect("offered");
            inventory.installed.retain(|i| i.name != item.name);
            inventory.installed.push(Installed {
                sources: offer.sources.clone(),
                advisories: offer.advisories.clone(),
                priority: offer.priority.clone(),
                build_time: offer.build_time,
                ..installed(&item.name, &item.to, "main")
            });
            for c in inventory.candidates.iter_mut().filter(|c| c.name == item.name) {
                c.installed.clone_from(&item.to);
            }
        }
        inventory.candidates.retain(|c| c.version > c.installed);
        inventory.installed.sort_by(|a, b| a.name.cmp(&b.name));
        inventory
    }
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let version = option::weighted(0.8, select(&VERSIONS[..]));
    let offers =
        vec((option::weighted(0.7, select(&SOURCES[..])), prop::bool::weighted(0.08)), VERSIONS.len());
    let package = (prop::bool::weighted(0.75), offers);
    let need = (select(&NAMES[..]), select(&NAMES[..]), version)
        .prop_filter("others only", |(who, whom, _)| who != whom)
        .prop_map(|(who, whom, version)| Need { who, whom, version });
    (any::<bool>(), vec(package, NAMES.len()), vec(need, 0..10)).prop_map(|(rpm, packages, mut needs)| {
        let mut inventory = if rpm { rhel() } else { debian() };
        inventory.sources = debian().sources;
        // One word per pair, so that dependency and conflict do not fight.
        let mut pairs = BTreeSet::new();
        needs.retain(|n| pairs.insert((n.who, n.whom)));
        for (name, (here, offers)) in NAMES.into_iter().zip(packages) {
            if here {
                inventory.installed.push(installed(name, "1.0-1", "main"));
            }
            for (version, (source, held)) in VERSIONS.into_iter().zip(offers) {
                let Some(source) = source else { continue };
                let offer = candidate(name, if here { "1.0-1" } else { "" }, version, source);
                inventory.candidates.push(offered(offer, rpm, held));
            }
        }
        World { inventory, needs }
    })
}

fn offered(plain: Candidate, rpm: bool, held: bool) -> Candidate {
    let class = if plain.security { "security" } else { "bugfix" };
    let notice =
        advisory(&format!("RLSA-{}-{}", plain.name, plain.version), class, "Important", "2026-11-01");
    let plain = Candidate {
        held: held.then(|| "hold".into()),
        priority: Some("optional".into()),
        build_time: Some(time("2026-10-01")),
        ..plain
    };
    if rpm { with_advisory(plain, notice) } else { plain }
}

prop_compose! {
    pub(crate) fn policy()(
        all in any::<bool>(),
        days in select(&[0u32, 7, 400][..]),
        by_class in any::<bool>(),
        rejected in vec(select(&NAMES[..]), 0..3),
        approved in vec(select(&NAMES[..]), 0..3),
        block in any::<bool>(),
        listed_all in any::<bool>(),
    ) -> Baseline {
        let mut plain = rule(&[], Approve::AfterDays(days));
        plain.enable_non_security = all;
        let bugfixes = rule(&[(FilterKey::Classification, &["Bugfix"])], Approve::AfterDays(0));
        let rules = if by_class { vec![plain, bugfixes] } else { vec![plain] };
        let action = if block { RejectedAction::Block } else { RejectedAction::AllowAsDependency };
        Baseline {
            rejected_patches: strings(&rejected),
            rejected_patches_action: action,
            approved_patches: strings(&approved),
            approved_patches_enable_non_security: listed_all,
            ..baseline(&debian(), rules)
        }
    }
}

/// Whether the machine's versions are ordered as text, which the little package manager relies on.
#[test]
fn versions_of_the_world_compare_as_text() {
    let mut all = vec!["1.0-1"];
    all.extend(VERSIONS);
    for pair in all.windows(2) {
        assert!(pair[0] < pair[1]);
        for family in [Family::Apt, Family::Rpm] {
            assert_eq!(
                patchflock_baselines::version::compare(family, pair[0], pair[1]),
                std::cmp::Ordering::Less
            );
        }
    }
}
