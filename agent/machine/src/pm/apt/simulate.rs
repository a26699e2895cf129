//! What would change if some versions were installed, under the machine's own pins, and who stands in the way.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use patchflock_baselines::plan::{Change, Refused, Simulation, Target};

use super::output::{self, Step};
use super::scan::{SIMULATE, read_offers};
use super::status::{self, Status};
use super::system::System;
use super::transaction::well_formed;
use crate::pm::PmError;

/// Simulates; changes nothing and needs no root.
pub(super) fn simulate(
    system: &System,
    targets: &[Target],
    now: DateTime<Utc>,
) -> Result<Simulation, PmError> {
    let settings = super::settings::read(system)?;
    let status = status::read(&system.root, &settings.status, &settings.arch)?;
    let mut refused = Vec::new();
    let mut wanted: Vec<&Target> = Vec::new();
    for target in targets {
        well_formed(&target.name, &target.arch, &target.version)?;
        match status.get(&target.name, &target.arch) {
            None => refused.push(refuse(target, "it is not installed: only installed packages are upgraded")),
            Some(p) if p.hold => refused.push(refuse(target, "on hold (apt-mark hold)")),
            // The plan of a second run after a crash: nothing is left to do for this one.
            Some(p) if p.version == target.version && p.complete => {}
            Some(_) => wanted.push(target),
        }
    }
    let (accepted, steps) = Search { system, status: &status, refused: &mut refused }.run(&wanted)?;
    debug_assert!(accepted.len() <= wanted.len());

    let names: HashSet<String> = steps.iter().map(|s| s.name.clone()).collect();
    let (repos, offers) = read_offers(system, &settings, &names, now)?;
    let changes = steps
        .into_iter()
        .map(|step| {
            let arch = step.arch.clone().unwrap_or_else(|| status.native_arch.clone());
            // An upgrade goes by the architecture under which the machine knows the package.
            let arch = status.get(&step.name, &arch).map_or(arch, |p| p.arch.clone());
            let mut sources: Vec<String> = offers
                .iter()
                .filter(|(_, o)| {
                    o.name == step.name
                        && Some(&o.version) == step.to.as_ref()
                        && status.same_arch(&o.arch, &arch)
                })
                .filter_map(|(at, _)| repos.get(*at).map(|r| r.source.id.clone()))
                .collect();
            sources.dedup();
            Change { name: step.name, arch, from: step.from, to: step.to, sources }
        })
        .collect();
    Ok(Simulation { changes, refused })
}

fn refuse(target: &Target, why: &str) -> Refused {
    Refused { name: target.name.clone(), arch: target.arch.clone(), why: why.to_owned() }
}

/// Finds the largest part of the targets that goes together, halving whatever fails. Each question costs one
/// simulation: one when all is well, about 2·log₂ n for each target that has to go.
struct Search<'a> {
    system: &'a System,
    status: &'a Status,
    refused: &'a mut Vec<Refused>,
}

impl Search<'_> {
    fn run<'t>(&mut self, targets: &[&'t Target]) -> Result<(Vec<&'t Target>, Vec<Step>), PmError> {
        let mut accepted: Vec<&Target> = Vec::new();
        let mut steps = Vec::new();
        let mut open: Vec<&[&Target]> = vec![targets];
        while let Some(part) = open.pop() {
            if part.is_empty() {
                continue;
            }
            let together: Vec<&Target> = accepted.iter().chain(part).copied().collect();
            match self.ask(&together)? {
                Ok(would) => {
                    accepted = together;
                    steps = would;
                }
                Err(words) => match part {
                    [one] => self.refused.push(refuse(one, &words)),
                    _ => {
                        let (left, right) = part.split_at(part.len() / 2);
                        open.extend([right, left]);
                    }
                },
            }
        }
        Ok((accepted, steps))
    }

    /// The changes apt would make for these, or why not, in its words.
    fn ask(&self, targets: &[&Target]) -> Result<Result<Vec<Step>, String>, PmError> {
        let names = targets.iter().map(|t| {
            let arch = if t.arch == "all" { &self.status.native_arch } else { &t.arch };
            format!("{}:{arch}={}", t.name, t.version)
        });
        // -y makes apt refuse what a person would have to confirm: changes of held packages and downgrades.
        let out = self
            .system
            .tool("apt-get")
            .args(SIMULATE)
            // The administrator's wish to remove what is unused would meet --no-remove and refuse everything.
            .args(["-y", "--no-remove", "-o", "APT::Get::AutomaticRemove=false"])
            .args(["--only-upgrade", "--no-install-recommends", "install", "--"])
            .args(names)
            .run()?;
        if !out.success() {
            return Ok(Err(output::words(&out)));
        }
        Ok(Ok(output::simulated("apt-get -s install", &out)?.steps))
    }
}
