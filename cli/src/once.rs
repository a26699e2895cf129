//! `patchflock once`: scan, plan, ask, install exactly the plan, look again, and keep a record.
//!
//! The order is that of a run of the agent, in the foreground. Nothing is resumed half-way: a run that was
//! interrupted is repaired by the next one, which then scans and plans anew.

mod lock;
mod show;
mod talk;

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_baselines::approval::{self, Evaluation};
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::compliance::{self, NodeCompliance, NodeStatus, RunTraces};
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::{self, Plan, Target};

use crate::args::{Format, MachineArgs, OnceArgs};
use crate::blame::{Failure, Verdict};
use crate::machine::{Machine, is_root};
use crate::record::{self, Phase, Record};
use crate::{output, policy};
use talk::Talk;

/// `patchflock once`.
pub(crate) fn once(args: &MachineArgs, once: &OnceArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    if !once.dry_run && !is_root() {
        return Err(Failure::operator(
            "once installs packages and needs root: run it with sudo, or add --dry-run to look only",
        ));
    }
    let machine = Machine::open(args, now)?;
    let baseline = policy::baseline(&once.baseline, machine.facts.operating_system)?;
    refuse_what_once_cannot_do(&baseline)?;
    let list = once.install_override_list.as_deref().map(policy::override_list).transpose()?;
    let talk = Talk::new();

    let _lock = if once.dry_run { None } else { Some(lock::take(&machine.root)?) };
    let repaired = if once.dry_run { None } else { repair(&machine, &talk)? };
    if !once.dry_run && !once.no_refresh {
        talk.phase("refreshing repository metadata");
        let report = machine.pm.refresh(&mut |p| talk.progress(p))?;
        for (source, why) in &report.failed {
            talk.line(&format!("{source}: {why}"));
        }
    }

    talk.phase("scanning");
    let inventory = machine.inventory(now)?;
    let evaluation = approval::evaluate(&baseline, &inventory, now).map_err(Failure::operator)?;
    let traces = record::traces(&machine.root, inventory.node.boot_id.as_deref());
    let before = compliance::assess(&baseline, &inventory, &evaluation, &traces, false);

    talk.phase("planning");
    let plan = match &list {
        None => planned(&machine, &baseline, &inventory, &evaluation)?,
        Some(list) => {
            let listed = approval::evaluate_override_list(list, &inventory, now);
            for id in &listed.without_match {
                talk.line(&format!(
                    "the install-override list names {id}, and nothing offered here matches it"
                ));
            }
            // What the list names is installed whatever the baseline says, its rejections included.
            let open = Baseline { rejected_patches: Vec::new(), ..baseline.clone() };
            planned(&machine, &open, &inventory, &listed.evaluation)?
        }
    };
    talk.clear();

    if once.dry_run || plan.items.is_empty() {
        return nothing_done(once, &inventory, &evaluation, &plan, &before);
    }
    if once.output == Format::Table {
        output::data(&show::heading(&inventory, &evaluation, &plan))?;
    }
    if !once.yes && !confirmed(&plan)? {
        return Err(Failure::operator("not confirmed; nothing was installed"));
    }

    let mut record = Record {
        format: 1,
        id: format!("{}-{}", now.format("%Y%m%dT%H%M%SZ"), std::process::id()),
        phase: Phase::Installing,
        started_at: now,
        finished_at: None,
        started_by: record::started_by(),
        boot_id: inventory.node.boot_id.clone(),
        baseline,
        repaired,
        plan,
        report: None,
        before,
        after: None,
    };
    install(&machine, &mut record, &talk)?;
    let after = record.after.clone();
    let path = record::write(&machine.root, &record)?;
    talk.clear();
    if once.output == Format::Table {
        output::data(&show::result(&record))?;
        talk.line(&format!("record: {}", path.display()));
    } else {
        output::structured(once.output, &record)?;
    }
    Ok(verdict(after.as_ref()))
}

fn verdict(compliance: Option<&NodeCompliance>) -> Verdict {
    match compliance.map(|c| c.status) {
        Some(NodeStatus::Compliant) => Verdict::Fine,
        _ => Verdict::NotCompliant,
    }
}

/// What a baseline may ask for and this command does not do yet is refused, never passed over in silence.
fn refuse_what_once_cannot_do(baseline: &Baseline) -> Result<(), Failure> {
    match baseline.sources.first() {
        None => Ok(()),
        Some(source) => Err(Failure::operator(format!(
            "baseline {} names the alternative source {}; once installs only from the repositories that this \
             machine is configured with: remove `sources` from the baseline, or configure the repository",
            baseline.name, source.name
        ))),
    }
}

/// Finishes what an interrupted run, ours or another tool's, left half-done.
fn repair(machine: &Machine, talk: &Talk) -> Result<Option<String>, Failure> {
    let repaired = machine.pm.repair()?;
    for mut old in record::all(&machine.root) {
        if old.phase == Phase::Installing {
            talk.line(&format!("the run {} was interrupted", old.id));
            old.phase = Phase::Interrupted;
            record::write(&machine.root, &old)?;
        }
    }
    if let Some(what) = &repaired {
        talk.line(&format!("repaired: {what}"));
    }
    Ok(repaired)
}

/// Exactly what will change: simulated, checked, and simulated again until nothing is objected to.
fn planned(
    machine: &Machine,
    baseline: &Baseline,
    inventory: &Inventory,
    evaluation: &Evaluation,
) -> Result<Plan, Failure> {
    let targets = plan::targets(evaluation);
    let simulate = |targets: &[Target]| machine.pm.simulate(targets);
    Ok(plan::resolve(baseline, inventory, evaluation, targets, simulate)?)
}

fn nothing_done(
    once: &OnceArgs,
    inventory: &Inventory,
    evaluation: &Evaluation,
    plan: &Plan,
    compliance: &NodeCompliance,
) -> Result<Verdict, Failure> {
    if once.output == Format::Table {
        output::data(&show::heading(inventory, evaluation, plan))?;
        output::data(&show::unchanged(once.dry_run, compliance))?;
    } else {
        #[derive(serde::Serialize)]
        struct Unchanged<'a> {
            format: u32,
            dry_run: bool,
            plan: &'a Plan,
            compliance: &'a NodeCompliance,
        }
        let shown = Unchanged { format: 1, dry_run: once.dry_run, plan, compliance };
        output::structured(once.output, &shown)?;
    }
    Ok(verdict(Some(compliance)))
}

fn confirmed(plan: &Plan) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::operator(
            "nobody is there to confirm the plan: add --yes, or --dry-run to look only",
        ));
    }
    let n = output::count(plan.items.len(), "package", "packages");
    output::talk(&format!("Change {n} as shown? [y/N] "));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Fetch, write down what is about to happen, install, look again.
fn install(machine: &Machine, record: &mut Record, talk: &Talk) -> Result<(), Failure> {
    talk.phase("fetching packages");
    machine.pm.fetch(&record.plan, &mut |p| talk.progress(p))?;
    record::write(&machine.root, record)?;
    let stop = uninterrupted()?;
    talk.phase("installing");
    let report = machine.pm.install(&record.plan, &mut |p| talk.progress(p))?;
    if stop.load(Ordering::Relaxed) {
        talk.line("asked to stop: the running transaction was finished first");
    }
    record.report = Some(report);

    talk.phase("looking again");
    #[expect(clippy::disallowed_methods, reason = "installing took time; the verdict is for now")]
    let now = Utc::now();
    let inventory = machine.inventory(now)?;
    let evaluation = approval::evaluate(&record.baseline, &inventory, now).map_err(Failure::operator)?;
    let mut traces: RunTraces = record::traces(&machine.root, inventory.node.boot_id.as_deref());
    if let Some(report) = &record.report {
        traces.failed = record::failed(&record.plan, report);
        traces.installed_since_boot.extend(record::targets(report, true).map(|(t, _)| t));
    }
    record.after = Some(compliance::assess(&record.baseline, &inventory, &evaluation, &traces, true));
    record.phase = Phase::Finished;
    record.finished_at = Some(now);
    Ok(())
}

/// From here on a signal does not end us: half a transaction is worse than a late prompt.
fn uninterrupted() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("guarding the transaction from signals")?;
    }
    Ok(stop)
}
