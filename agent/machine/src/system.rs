//! The machine in front of us: which it is, which package manager it has, its inventory, and what a baseline makes
//! of it. What `patchflock once` and the agent do with it is decided by the same code.

use chrono::{DateTime, Utc};
use patchflock_baselines::approval::{self, EvaluateError, Evaluation};
use patchflock_baselines::baseline::{Baseline, RejectedAction};
use patchflock_baselines::compliance::{self, NodeCompliance, RunTraces};
use patchflock_baselines::document::override_list::InstallOverrideList;
use patchflock_baselines::inventory::{FORMAT, Inventory, Node};
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::plan::{self, Plan, Target};

use crate::host::{self, HostError, HostFacts, NativeTool};
use crate::pm::apt::Apt;
use crate::pm::dnf::Dnf;
use crate::pm::{OnProgress, Outcome, OutcomeKind, PackageManager, PmError, Progress};
use crate::root::Root;

/// A machine that can be scanned.
pub struct System {
    /// Its facts.
    pub facts: HostFacts,
    /// Its package manager.
    pub pm: Box<dyn PackageManager>,
    /// Its files.
    pub root: Root,
}

/// Why a machine cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// It could not be found out what it is.
    #[error(transparent)]
    Host(#[from] HostError),
    /// No package manager of it is supported.
    #[error("{0}")]
    Unsupported(String),
    /// A baseline names a source that cannot be used.
    #[error(transparent)]
    Source(#[from] PmError),
}

impl System {
    /// Finds out what the machine is; `operating_system` is the administrator's word where its os-release's is not
    /// enough.
    pub fn open(
        root: &Root,
        operating_system: Option<OperatingSystem>,
        now: DateTime<Utc>,
    ) -> Result<Self, SystemError> {
        let facts = host::read_as(root, now, operating_system)?;
        let pm: Box<dyn PackageManager> = match host::package_manager_for(facts.operating_system, root) {
            NativeTool::Apt => Box::new(Apt::new(root.clone())),
            NativeTool::Dnf => Box::new(Dnf::new(root.clone())),
            NativeTool::Unsupported { reason } => return Err(SystemError::Unsupported(reason)),
        };
        Ok(Self { facts, pm, root: root.clone() })
    }

    /// The same machine, with the alternative sources of a baseline in the place of its own (reference 2.5).
    ///
    /// # Errors
    /// A source that cannot be used.
    pub fn for_baseline(mut self, baseline: &Baseline) -> Result<Self, SystemError> {
        let sources = &baseline.sources;
        if sources.is_empty() {
            return Ok(self);
        }
        let (root, product) = (self.root.clone(), &self.facts.product);
        self.pm = match host::package_manager_for(self.facts.operating_system, &root) {
            NativeTool::Apt => Box::new(Apt::new(root).with_sources(sources, product)?),
            NativeTool::Dnf => Box::new(Dnf::new(root).with_sources(sources, product)?),
            NativeTool::Unsupported { reason } => return Err(SystemError::Unsupported(reason)),
        };
        Ok(self)
    }

    /// Scans it.
    pub fn inventory(&self, now: DateTime<Utc>) -> Result<Inventory, PmError> {
        let scan = self.pm.scan()?;
        let facts = self.facts.clone();
        Ok(Inventory {
            format: FORMAT,
            taken_at: now,
            node: Node {
                hostname: facts.hostname,
                operating_system: facts.operating_system,
                product: facts.product,
                pretty_name: facts.pretty_name,
                arch: facts.arch,
                boot_id: facts.boot_id,
                booted_at: facts.booted_at,
                package_manager: scan.package_manager,
                patch_group: None,
            },
            sources: scan.sources,
            installed: scan.installed,
            candidates: scan.candidates,
            sightings: Vec::new(),
            native: scan.native,
            foreign_updaters: scan.foreign_updaters,
            reboot: scan.reboot,
            services_to_restart: scan.services_to_restart,
        })
    }

    /// Exactly what will change: simulated, checked, and simulated again until nothing is objected to.
    pub fn planned(&self, judged: &Judged<'_>, progress: OnProgress<'_>) -> Result<Plan, PmError> {
        let targets = plan::targets(&judged.evaluation);
        // Where something is pulled in, each target is asked about alone: that takes a while, and is said.
        let simulate = |targets: &[Target]| {
            let asked = match targets {
                [one] => one.name.clone(),
                many => format!("{} packages", many.len()),
            };
            progress(Progress::Package { name: asked, what: "what would change?".into() });
            self.pm.simulate(targets)
        };
        let Judged { baseline, inventory, evaluation, .. } = judged;
        plan::resolve(baseline, inventory, evaluation, targets, simulate)
    }

    /// What became of each item of a plan, by the package database alone; `why` is said of those that are not as planned.
    pub fn became(&self, plan: &Plan, why: &str) -> Result<Vec<Outcome>, PmError> {
        let scan = self.pm.scan()?;
        let outcomes = plan.items.iter().map(|item| {
            let mut found = scan.installed.iter().filter(|p| p.name == item.name && p.arch == item.arch);
            let first = found.clone().next();
            // Several versions of one package may be installed (kernels): the wanted one counts.
            let result = match (found.find(|p| p.version == item.to), first) {
                (Some(p), _) if !p.broken => OutcomeKind::Installed,
                (Some(_), _) => OutcomeKind::Failed { why: format!("not configured completely: {why}") },
                (None, Some(p)) => OutcomeKind::Failed { why: format!("still at {}: {why}", p.version) },
                (None, None) => OutcomeKind::Failed { why: format!("not installed: {why}") },
            };
            let target =
                Target { name: item.name.clone(), arch: item.arch.clone(), version: item.to.clone() };
            Outcome { target, from: item.from.clone(), result }
        });
        Ok(outcomes.collect())
    }
}

/// Options of one run that change what is planned, not what is compliant.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// This and nothing else, whatever the baseline approves (reference 2.8).
    pub list: Option<InstallOverrideList>,
    /// Not in this run: names as in `rejected_patches`; what depends on them is left out, too.
    pub exclude: Vec<String>,
}

/// What a run would take, before the package manager was asked what comes along.
#[derive(Debug)]
pub struct Judged<'a> {
    /// What the closure is judged by.
    pub baseline: std::borrow::Cow<'a, Baseline>,
    /// What was found.
    pub inventory: std::borrow::Cow<'a, Inventory>,
    /// What would be taken.
    pub evaluation: Evaluation,
    /// Entries of the wishes that name nothing here.
    pub without_match: Vec<String>,
}

/// What a baseline says of an inventory: every decision, and the verdict on the node.
pub fn verdict(
    baseline: &Baseline,
    inventory: &Inventory,
    traces: &RunTraces,
    attempted: bool,
    now: DateTime<Utc>,
) -> Result<(Evaluation, NodeCompliance), EvaluateError> {
    let evaluation = approval::evaluate(baseline, inventory, now)?;
    let compliance = compliance::assess(baseline, inventory, &evaluation, traces, attempted);
    Ok((evaluation, compliance))
}

/// As [`verdict`], for a run with wishes. `attempted`: it has installed already, so that what is approved and not there
/// has failed (reference 5.1) — but not what the run left out because somebody wished it: that was never tried and is
/// missing as before.
pub fn verdict_of_run(
    baseline: &Baseline,
    inventory: &Inventory,
    wishes: &Wishes,
    traces: &RunTraces,
    attempted: bool,
    now: DateTime<Utc>,
) -> Result<(Evaluation, NodeCompliance), EvaluateError> {
    // A list leaves out everything that it does not name.
    let tried = attempted && wishes.list.is_none();
    if !tried || wishes.exclude.is_empty() {
        return verdict(baseline, inventory, traces, tried, now);
    }
    let mut left = inventory.clone();
    hold_excluded(&mut left, baseline, &wishes.exclude, now)?;
    let (_, compliance) = verdict(baseline, &left, traces, tried, now)?;
    Ok((approval::evaluate(baseline, inventory, now)?, compliance))
}

/// What a run takes of what the baseline's `evaluation` approves.
///
/// What a list names is installed whatever the baseline says. What comes along is not on the list, so that the
/// baseline rejects it still counts: only targets are free of it. What is excluded is held for this run, as by a hold
/// of the machine's administrator, which wins over lists too. A package that is not installed yet cannot be held, so it
/// is rejected under BLOCK; for this run the baseline's own rejected list is as well then, which leaves out more, never
/// less.
pub fn judged<'a>(
    baseline: &'a Baseline,
    inventory: &'a Inventory,
    evaluation: &Evaluation,
    wishes: &Wishes,
    now: DateTime<Utc>,
) -> Result<Judged<'a>, EvaluateError> {
    use std::borrow::Cow;
    let mut judged = Judged {
        baseline: Cow::Borrowed(baseline),
        inventory: Cow::Borrowed(inventory),
        evaluation: evaluation.clone(),
        without_match: Vec::new(),
    };
    if !wishes.exclude.is_empty() {
        judged.without_match = hold_excluded(judged.inventory.to_mut(), baseline, &wishes.exclude, now)?;
        judged.evaluation = approval::evaluate(baseline, &judged.inventory, now)?;
        let strict = judged.baseline.to_mut();
        strict.rejected_patches.extend(wishes.exclude.iter().cloned());
        strict.rejected_patches_action = RejectedAction::Block;
    }
    if let Some(list) = &wishes.list {
        let listed = approval::evaluate_override_list(list, &judged.inventory, &judged.evaluation);
        judged.evaluation = listed.evaluation;
        judged.without_match.extend(listed.without_match);
    }
    Ok(judged)
}

/// Holds what the entries name; those that name nothing are given back.
fn hold_excluded(
    inventory: &mut Inventory,
    baseline: &Baseline,
    exclude: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<String>, EvaluateError> {
    let mut without_match = Vec::new();
    for name in exclude {
        // The baseline's own reading of its rejected list, on one entry: there is one meaning of a name.
        let only = Baseline {
            rejected_patches: vec![name.clone()],
            approved_patches: Vec::new(),
            ..baseline.clone()
        };
        let decisions = approval::evaluate(&only, inventory, now)?.decisions;
        let rejected = decisions.iter().filter(|d| d.verdict == approval::Verdict::Rejected);
        let hit: std::collections::BTreeSet<(&str, &str, &str)> =
            rejected.map(|d| (d.name.as_str(), d.arch.as_str(), d.version.as_str())).collect();
        if hit.is_empty() {
            without_match.push(name.clone());
        }
        let named = inventory
            .candidates
            .iter_mut()
            .filter(|c| hit.contains(&(c.name.as_str(), c.arch.as_str(), c.version.as_str())));
        for candidate in named {
            candidate.held.get_or_insert_with(|| format!("this run leaves it out ({name})"));
        }
    }
    Ok(without_match)
}

#[cfg(test)]
mod tests;
