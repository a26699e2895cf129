//! Looking at the machine, and planning for a run.

use patchflock_api::config::{Config, ForeignUpdaters};
use patchflock_api::ids::RunId;
use patchflock_api::order::Meaning;
use patchflock_api::privileged::{Answer, Basis};
use patchflock_api::run::{Choice, ComplianceSummary, Survey, Trouble};
use patchflock_baselines::approval::Evaluation;
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::Plan;
use patchflock_machine::host::updaters;
use patchflock_machine::system::{self, System};
use patchflock_machine::{first_seen, host, record};
use serde::Serialize;

use crate::install::{self, Ended};
use crate::plans::{self, Kept};
use crate::policy::{self, Effective};
use crate::serve::{Caller, calm};
use crate::trouble::{failed, of_pm, words};
use crate::{Desk, Say, health, orders, permission, transaction};

/// The newest survey, for readers.
pub(crate) const SURVEY: &str = "/var/lib/patchflock/survey.json";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) run: RunId,
    pub(crate) refresh: bool,
    pub(crate) dry_run: bool,
    pub(crate) basis: Basis,
    pub(crate) attempted: bool,
}

/// What was seen, and what follows from it.
pub(crate) struct Seen {
    pub(crate) inventory: Inventory,
    pub(crate) evaluation: Option<Evaluation>,
    pub(crate) compliance: Option<NodeCompliance>,
    pub(crate) plan: Plan,
    pub(crate) without_match: Vec<String>,
}

/// The policy of a run as it is now, and the machine with the sources that it wants.
pub(crate) struct Ready {
    pub(crate) config: Config,
    pub(crate) order: Option<Meaning>,
    pub(crate) effective: Effective,
    pub(crate) system: System,
}

/// Reads everything that decides.
pub(crate) fn ready(desk: &Desk, basis: &Basis) -> Result<Ready, Trouble> {
    let config = Config::load(&desk.root).map_err(|e| failed(e.to_string()))?;
    let order = orders::get(desk, basis.order())?.map(|(order, _)| orders::read(&order)).transpose()?;
    let system = desk.open()?;
    let effective = policy::choose(desk, &config, system.facts.operating_system, order.as_ref())?;
    let system = match &effective.baseline {
        None => system,
        Some(baseline) => system.for_baseline(baseline).map_err(|e| failed(e.to_string()))?,
    };
    Ok(Ready { config, order, effective, system })
}

/// Scans, evaluates and plans. `keep`: new sightings are written down.
pub(crate) fn look(
    desk: &Desk,
    ready: &Ready,
    attempted: bool,
    keep: bool,
    say: Say<'_>,
) -> Result<Seen, Trouble> {
    let now = desk.now();
    say("scanning");
    let mut inventory = ready.system.inventory(now).map_err(of_pm)?;
    inventory.node.patch_group = ready.config.patch_group().map(str::to_owned);
    let warnings = first_seen::date(&desk.root, &mut inventory, keep)
        .map_err(|e| failed(format!("{e}; without it approval delays cannot be counted")))?;
    warnings.iter().for_each(|w| crate::serve::journal(&format!("warning: {w}")));
    let Some(baseline) = &ready.effective.baseline else {
        let plan = Plan::default();
        return Ok(Seen { inventory, evaluation: None, compliance: None, plan, without_match: Vec::new() });
    };
    let records = record::all(&desk.root);
    records.complain(crate::serve::journal);
    let traces = record::traces(&records, inventory.node.boot_id.as_deref());
    let wishes = ready.order.as_ref().map(|o| o.wishes.clone()).unwrap_or_default();
    let (evaluation, compliance) =
        system::verdict_of_run(baseline, &inventory, &wishes, &traces, attempted, now)
            .map_err(|e| failed(e.to_string()))?;
    say("planning");
    let judged =
        system::judged(baseline, &inventory, &evaluation, &wishes, now).map_err(|e| failed(e.to_string()))?;
    let plan = ready.system.planned(&judged, &mut |p| say(&words(p))).map_err(of_pm)?;
    let without_match = judged.without_match;
    Ok(Seen { inventory, evaluation: Some(evaluation), compliance: Some(compliance), plan, without_match })
}

/// Answers to `Survey`.
pub(crate) fn survey(desk: &Desk, caller: &mut Caller<'_>, ask: &Ask) -> Result<Answer, Trouble> {
    let _lock = transaction::machine(&desk.root)?;
    permission::to_survey(desk, &ask.basis, &ask.run, ask.dry_run)?;
    let ready = ready(desk, &ask.basis)?;
    let newest = install::newest(desk, &ask.run)?;
    let attempted = ask.attempted && newest.is_some();
    let mut repaired = None;
    if !ask.dry_run {
        quiet(desk, caller, &ready.config);
        // Configuring what was left half-done disturbs the machine like any installation; what the run itself left is
        // finished at any time.
        let left = matches!(newest, Some(Ended::Trouble(_)));
        let may = left || permission::may_start(desk, &ask.basis, &ask.run);
        repaired = repair(desk, &ready.system, may)?;
    }
    let mut refresh_failed = Vec::new();
    if ask.refresh {
        caller.say("refreshing repository metadata");
        let report = ready.system.pm.refresh(&mut |p| caller.say(&words(p))).map_err(of_pm)?;
        refresh_failed = report.failed;
    }
    let seen = look(desk, &ready, attempted, !ask.dry_run, &mut |what| caller.say(what))?;
    if !ask.dry_run {
        let _calm = calm();
        keep(desk, ask, &ready, &seen, repaired.clone())?;
        if attempted {
            complete(desk, &ask.run, &seen)?;
        }
    }
    let Seen { inventory, compliance, plan, without_match, .. } = seen;
    let updaters = inventory.foreign_updaters.into_iter().filter(|u| u.active);
    let survey = Survey {
        taken_at: inventory.taken_at,
        boot_id: inventory.node.boot_id,
        choice: ready.effective.choice,
        plan,
        compliance: compliance.as_ref().map(ComplianceSummary::from),
        reboot_needed: inventory.reboot.needed,
        reboot_evidence: inventory.reboot.evidence,
        repaired,
        refresh_failed,
        foreign_updaters: updaters.map(|u| format!("{}: {}", u.name, u.evidence)).collect(),
        services_to_restart: inventory.services_to_restart,
        without_match: without_match.clone(),
    };
    Ok(Answer::Surveyed { survey: Box::new(survey), without_match })
}

/// Puts other updaters to rest, or brings them back, as the configuration says. A failure stops nothing: they are named in
/// the survey all the same.
fn quiet(desk: &Desk, caller: &mut Caller<'_>, config: &Config) {
    let _calm = calm();
    let done = match config.foreign_updaters {
        ForeignUpdaters::Mask => updaters::mask(&desk.root).map(drop),
        ForeignUpdaters::Report => match updaters::masked(&desk.root) {
            Ok(Some(masked)) => updaters::restore(&desk.root, &masked),
            other => other.map(drop),
        },
    };
    if let Err(e) = done {
        let words = format!("warning: other updaters: {e}");
        crate::serve::journal(&words);
        caller.say(&words);
    }
}

/// Finishes what an interrupted run, ours or another tool's, left half-done, where the run may.
fn repair(desk: &Desk, system: &System, may: bool) -> Result<Option<String>, Trouble> {
    let _calm = calm();
    let repaired = if may { system.pm.repair().map_err(of_pm)? } else { None };
    let marked = record::mark_interrupted(&desk.root).map_err(|e| failed(format!("{e:#}")))?;
    marked.iter().for_each(|id| crate::serve::journal(&format!("the run {id} was interrupted")));
    Ok(repaired)
}

fn keep(desk: &Desk, ask: &Ask, ready: &Ready, seen: &Seen, repaired: Option<String>) -> Result<(), Trouble> {
    #[derive(Serialize)]
    struct Newest<'a> {
        format: u32,
        inventory: &'a Inventory,
        evaluation: &'a Option<Evaluation>,
        compliance: &'a Option<NodeCompliance>,
        choice: &'a Choice,
        plan: &'a Plan,
    }
    crate::sweep::sweep(desk);
    let path = plans::path(&ask.run);
    let pending = seen.compliance.as_ref().is_some_and(|c| c.counts.installed_pending_reboot > 0);
    let reboot_needed = seen.inventory.reboot.needed.unwrap_or(pending);
    match (&ready.effective.baseline, &seen.compliance) {
        (Some(baseline), Some(before)) => {
            let kept = Kept {
                format: plans::FORMAT,
                run: ask.run.clone(),
                choice: ready.effective.choice.clone(),
                baseline: baseline.clone(),
                basis: ask.basis.clone(),
                plan: seen.plan.clone(),
                reboot_needed,
                before: before.clone(),
                repaired,
            };
            desk.write(&path, &kept)?;
        }
        // An earlier plan of this run followed from what is no longer so. What it did may still want its reboot.
        _ => match plans::get(desk, &ask.run) {
            Ok(old) => desk.write(&path, &Kept { plan: Plan::default(), reboot_needed, ..old })?,
            Err(_) => host::records::remove(&desk.root, &path)
                .map_err(|e| failed(format!("removing {path}: {e}")))?,
        },
    }
    health::remember(desk, &ask.run)?;
    desk.write(
        SURVEY,
        &Newest {
            format: 1,
            inventory: &seen.inventory,
            evaluation: &seen.evaluation,
            compliance: &seen.compliance,
            choice: &ready.effective.choice,
            plan: &seen.plan,
        },
    )
}

/// The record of a run learns how the machine is after it.
fn complete(desk: &Desk, run: &RunId, seen: &Seen) -> Result<(), Trouble> {
    let words = |e: anyhow::Error| failed(format!("{e:#}"));
    if let Some(mut record) = record::of_run(&desk.root, run.as_str()).map_err(words)? {
        record.after.clone_from(&seen.compliance);
        record::write(&desk.root, &record).map_err(words)?;
    }
    Ok(())
}

#[cfg(test)]
mod dates;
#[cfg(test)]
mod tests;
