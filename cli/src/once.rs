//! `patchflock once`: scan, plan, ask, install exactly the plan, look again, and keep a record.
//!
//! The order is that of a run of the agent, in the foreground. Nothing is resumed half-way: a run that was
//! interrupted is repaired by the next one, which then scans and plans anew.

mod carry_out;
mod show;
mod talk;

use std::io::IsTerminal;

use chrono::{DateTime, Utc};
use patchflock_baselines::approval::{Evaluation, names};
use patchflock_baselines::compliance::{NodeCompliance, NodeStatus};
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::Plan;
use patchflock_machine::lock::{self, LockError};
use patchflock_machine::record::{self, Phase, Record};
use patchflock_machine::system::{self, System, Wishes};

use crate::args::{Format, OnceArgs};
use crate::blame::{Failure, Verdict};
use crate::machine::{self, is_root};
use crate::{ask, output, policy};
use talk::Talk;

/// `patchflock once`.
pub(crate) fn once(once: &OnceArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    // Before anything is touched: repairing and refreshing change the machine too.
    if !once.dry_run && !once.yes {
        ask::somebody("the plan", ask::INSTALL)?;
    }
    if !once.dry_run && !is_root() {
        return Err(Failure::operator(
            "once installs packages and needs root: run it with sudo, or add --dry-run to look only",
        ));
    }
    let list = once.install_override_list.as_deref().map(policy::override_list).transpose()?;
    let file = policy::baseline_file(&once.baseline)?;
    let overridden = file.as_ref().is_some_and(|f| f.is_override);
    names::check_overrides(overridden, list.is_some()).map_err(Failure::operator)?;
    carry_out::interruptible()?;
    let machine = machine::open(&once.machine, now)?;
    let baseline = policy::baseline(file, machine.facts.operating_system)?;
    let machine = machine.for_baseline(&baseline).map_err(Failure::operator)?;
    let talk = Talk::new();

    let _lock = if once.dry_run { None } else { Some(lock::take(&machine.root).map_err(locked)?) };
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
    let records = record::all(&machine.root);
    records.complain(|sentence| talk.line(sentence));
    let traces = record::traces(&records, inventory.node.boot_id.as_deref());
    let (evaluation, before) =
        system::verdict(&baseline, &inventory, &traces, false, now).map_err(Failure::operator)?;

    talk.phase("planning");
    let wishes = Wishes { list, exclude: Vec::new() };
    let judged =
        system::judged(&baseline, &inventory, &evaluation, &wishes, now).map_err(Failure::operator)?;
    for id in &judged.without_match {
        talk.line(&format!("the install-override list names {id}, and nothing offered here matches it"));
    }
    let plan = machine.planned(&judged, &mut |p| talk.progress(p))?;
    let without_match = judged.without_match;
    let list = wishes.list;
    talk.clear();

    // A list is an order: what of it cannot be done is no success, whatever the baseline thinks of the machine.
    let unfulfilled = list.is_some() && !(plan.held.is_empty() && without_match.is_empty());
    let mut record = Record {
        format: record::FORMAT,
        id: format!("{}-{}", now.format("%Y%m%dT%H%M%SZ"), std::process::id()),
        phase: Phase::Installing,
        started_at: now,
        finished_at: None,
        started_by: started_by(),
        boot_id: inventory.node.boot_id.clone(),
        baseline,
        repaired,
        install_override_list: list,
        plan,
        fixes: Vec::new(),
        failure: None,
        report: None,
        before,
        after: None,
    };
    if once.dry_run || record.plan.items.is_empty() {
        carry_out::keep_repair(&machine, &record)?;
        let verdict = nothing_done(once, &inventory, &evaluation, &record.plan, &record.before)?;
        return Ok(if unfulfilled { Verdict::NotCompliant } else { verdict });
    }
    let heading = show::heading(&inventory, &evaluation, &record.plan);
    if once.output == Format::Table {
        output::data(&heading)?;
    }
    // Nobody confirms what he has not seen: where standard output goes elsewhere, the plan is shown here too.
    if !once.yes && (once.output != Format::Table || !std::io::stdout().is_terminal()) {
        output::talk(&heading);
    }
    let n = output::count(record.plan.items.len(), "package", "packages");
    if !once.yes
        && let Err(no) = ask::confirm(&format!("Change {n} as shown?"), "nothing was installed")
    {
        carry_out::keep_repair(&machine, &record)?;
        return Err(no);
    }

    let trouble = carry_out::carry_out(&machine, &mut record, &talk, carry_out::uninterrupted)?;
    talk.clear();
    if once.output == Format::Table {
        output::data(&show::result(&record))?;
        talk.line(&format!("record: {}", record::path(&machine.root, &record).display()));
    } else {
        output::structured(once.output, &record)?;
    }
    match trouble {
        Some(failure) => Err(failure),
        None if unfulfilled || record.has_failures() => Ok(Verdict::NotCompliant),
        None => Ok(verdict(record.after.as_ref())),
    }
}

fn verdict(compliance: Option<&NodeCompliance>) -> Verdict {
    match compliance.map(|c| c.status) {
        Some(NodeStatus::Compliant) => Verdict::Fine,
        _ => Verdict::NotCompliant,
    }
}

fn locked(e: LockError) -> Failure {
    match e {
        LockError::Held => Failure::operator(e),
        LockError::File { .. } => Failure::Ours(e.into()),
    }
}

/// Who started this: the login name that sudo passes on, else the user id.
fn started_by() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("SUDO_USER") {
        Ok(name) if !name.is_empty() => format!("{name} (sudo)"),
        _ => format!("uid {uid}"),
    }
}

/// Finishes what an interrupted run, ours or another tool's, left half-done.
fn repair(machine: &System, talk: &Talk) -> Result<Option<String>, Failure> {
    let repaired = machine.pm.repair()?;
    for id in record::mark_interrupted(&machine.root)? {
        talk.line(&format!("the run {id} was interrupted"));
    }
    if let Some(what) = &repaired {
        talk.line(&format!("repaired: {what}"));
    }
    Ok(repaired)
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
