//! Whether a run may disturb the machine, and how far: judged here, whatever the agent says.
//!
//! A permission is derived afresh each time, from the newest adopted documents, the orders, the configuration and the
//! clock: what an administrator has changed since counts at once. All that the agent says is which firing or which order
//! a run is based on, and the run's name follows from that: so what is done once per run is done once per firing or order.
//!
//! One thing is the agent's own claim: the id of its node, which a task can name. Tags and host name are not.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::catalogue::Catalogue;
use patchflock_api::config::Config;
use patchflock_api::ids::{OrderId, RunId};
use patchflock_api::privileged::Basis;
use patchflock_api::run::{Operation, RebootChoice, Trouble};
use patchflock_baselines::document::{Document, Kind};
use patchflock_baselines::window::{NodeFacts, RebootOption, TaskAction};
use patchflock_machine::host;

use crate::plans::Kept;
use crate::trouble::failed;
use crate::{Desk, orders};

/// Name of the fleet in run ids: a machine alone is a fleet of its own.
const ALONE: &str = "";
/// What the agent takes itself for; it writes this file.
const NODE_ID: &str = "/var/lib/patchflock/agent/node-id";
/// Longer, it is no id.
const NODE_ID_CAP: u64 = 4096;
/// No firing is under way for longer: [`patchflock_baselines::window::MAX_DURATION_MINUTES`].
const LONGEST: TimeDelta = TimeDelta::hours(24);
/// A patch-now that began in time may reboot so long after its order expired: its transaction takes what it takes.
const REBOOT_AFTER: TimeDelta = TimeDelta::hours(24);

/// How far a run may go now.
#[derive(Debug)]
struct Permission {
    /// From here on nothing starts.
    start_until: DateTime<Utc>,
    reboot: RebootChoice,
    /// From here on nothing reboots.
    reboot_until: DateTime<Utc>,
}

/// Whether the run could install now.
pub(crate) fn may_start(desk: &Desk, basis: &Basis, run: &RunId) -> bool {
    of(desk, basis, run).is_ok_and(|permission| desk.now() < permission.start_until)
}

/// The permission to run the first hooks and to install: until when.
pub(crate) fn to_start(desk: &Desk, kept: &Kept) -> Result<DateTime<Utc>, Trouble> {
    let until = of(desk, &kept.basis, &kept.run)?.start_until;
    desk.in_time(Some(until)).map(|()| until)
}

/// The permission to reboot, and to run the hooks before it.
pub(crate) fn to_reboot(desk: &Desk, kept: &Kept) -> Result<(), Trouble> {
    let permission = of(desk, &kept.basis, &kept.run)?;
    match permission.reboot {
        RebootChoice::Never => Err(failed(format!("the run {} is not to reboot the machine", kept.run))),
        RebootChoice::IfNeeded if !kept.reboot_needed => {
            Err(failed(format!("the newest survey of the run {} found no need to reboot", kept.run)))
        }
        RebootChoice::IfNeeded | RebootChoice::Always => desk.in_time(Some(permission.reboot_until)),
    }
}

/// Whether a survey fits its basis. A window's time does not count: what it will need is fetched ahead of it.
pub(crate) fn to_survey(desk: &Desk, basis: &Basis, run: &RunId, dry_run: bool) -> Result<(), Trouble> {
    named(basis, run)?;
    match orders::get(desk, basis.order())? {
        Some((order, _)) if order.dry_run && !dry_run => {
            Err(failed("the order is for a dry run: place another one to install"))
        }
        // What has begun is looked at to its end.
        Some((order, _)) if begun(desk, run)?.is_empty() => orders::alive(&order, desk.now()),
        _ => Ok(()),
    }
}

fn of(desk: &Desk, basis: &Basis, run: &RunId) -> Result<Permission, Trouble> {
    named(basis, run)?;
    match basis {
        Basis::Look {} => {
            Err(failed(format!("the run {run} only looks: neither a window nor an order lets it do more")))
        }
        Basis::Order { order } => of_order(desk, order),
        Basis::Window { window, task, start } => of_window(desk, window, task, *start).map_err(|t| Trouble {
            why: format!("the window {window} permits nothing here: {}", t.why),
            ..t
        }),
    }
}

/// Each firing and each order has one run.
fn named(basis: &Basis, run: &RunId) -> Result<(), Trouble> {
    let name = match basis {
        Basis::Look {} => return Ok(()),
        Basis::Window { window, task, start } => RunId::of_window(ALONE, window, *start, task),
        Basis::Order { order } => RunId::of_order(order),
    };
    if name == *run {
        return Ok(());
    }
    Err(failed(format!("{run} is not the run of this window's firing or order: that is {name}")))
}

fn of_order(desk: &Desk, id: &OrderId) -> Result<Permission, Trouble> {
    match orders::get(desk, Some(id))? {
        Some((order, _)) if order.operation == Operation::Install && !order.dry_run => Ok(Permission {
            start_until: order.expires,
            reboot: order.reboot,
            reboot_until: order.expires.checked_add_signed(REBOOT_AFTER).unwrap_or(order.expires),
        }),
        _ => Err(failed(format!("the order {id} is for looking only: place another one to install"))),
    }
}

fn of_window(desk: &Desk, name: &str, task: &str, start: DateTime<Utc>) -> Result<Permission, Trouble> {
    let now = desk.now();
    let adopted = Catalogue::load(&desk.root).map_err(|e| failed(e.to_string()))?;
    let (documents, _) = adopted.documents(&desk.root);
    let found = documents.get(Kind::MaintenanceWindow, name);
    let found = found.ok_or_else(|| failed("there is no such document"))?;
    let Some(Document::MaintenanceWindow(window)) = &found.document else {
        return Err(failed("its document cannot be read: apply it again"));
    };
    if !found.in_force(now) {
        return Err(failed("its document has expired: apply a newer one"));
    }
    let config = Config::load(&desk.root).map_err(|e| failed(e.to_string()))?;
    let hostname = desk.open()?.facts.hostname;
    let node = NodeFacts { node_id: node_id(desk), hostname, tags: config.tags };
    let mine = window.tasks_for(&node).into_iter().find(|found| found.task.name == task);
    let reboot = match mine.map(|found| (found.not_run, &found.task.action)) {
        None => return Err(failed(format!("it has no task {task} for this node"))),
        Some((Some(why), _)) => return Err(failed(why)),
        Some((None, TaskAction::Install { reboot_option: RebootOption::RebootIfNeeded })) => {
            RebootChoice::IfNeeded
        }
        Some((None, TaskAction::Install { reboot_option: RebootOption::NoReboot })) => RebootChoice::Never,
        Some((None, _)) => return Err(failed(format!("its task {task} installs nothing"))),
    };
    // A splay and `catch_up` only hold back: they are the agent's to keep.
    let under_way = start <= now && now - start < LONGEST;
    let mut firings = window.occurrences(start).take_while(|firing| firing.start <= start && under_way);
    match firings.find(|firing| firing.start == start) {
        Some(firing) if firing.frozen.is_none() => {
            Ok(Permission { start_until: firing.cutoff, reboot, reboot_until: firing.end })
        }
        Some(firing) => Err(failed(format!("it is frozen: {}", firing.frozen.unwrap_or_default()))),
        None => {
            let start = start.format("%F %T UTC");
            Err(failed(format!("no firing of it that started at {start} is under way")))
        }
    }
}

/// The node's id by the agent's own word; none, where that cannot be read.
fn node_id(desk: &Desk) -> String {
    let file = host::read_bytes(&desk.root, NODE_ID, NODE_ID_CAP).unwrap_or_default();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap_or_default();
    file.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned()
}

fn path(run: &RunId) -> String {
    format!("{}/begun/{run}.json", crate::STATE)
}

/// Tokens of the run's transactions that may have changed something, the newest last.
pub(crate) fn begun(desk: &Desk, run: &RunId) -> Result<Vec<u64>, Trouble> {
    Ok(desk.read(&path(run))?.unwrap_or_default())
}

/// Notes them before the newest one starts.
pub(crate) fn begin(desk: &Desk, run: &RunId, tokens: &[u64]) -> Result<(), Trouble> {
    desk.write(&path(run), &tokens)
}

#[cfg(test)]
mod tests;
