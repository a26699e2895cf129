//! Which run is due when: windows, their tasks for this node, splay, catch-up, and what was lost.

use std::hash::Hasher;

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::{NodeId, RunId};
use patchflock_api::run::{Operation, RebootChoice, RunSpec, Trigger};
use patchflock_api::status::{NextRun, OpenTask, OpenWindow, TaskState};
use patchflock_baselines::schedule::Occurrence;
use patchflock_baselines::window::{CatchUp, NodeFacts, RebootOption, TaskAction};

use super::event::{Policy, Window};
use super::{Journal, ahead};

/// Name of the fleet in run ids: a machine alone is a fleet of its own.
pub(super) const ALONE: &str = "";
/// Why a run does not happen whose turn did not come.
const TOO_LATE: &str = "the cutoff passed before it could start";
/// Firings looked at of one window while it was away: the last ones tell enough.
const MISSED_CAP: usize = 3;

/// What the windows say now.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Runs that may start now, in the order of their firing and priority. Those that have ended are among them.
    pub(super) open: Vec<RunSpec>,
    /// Runs of firings that are open, or were just now, and that cannot start any more or never can, with the reason.
    pub(super) lost: Vec<(RunSpec, String)>,
}

/// A task of a window that is this node's.
pub(super) struct Mine {
    pub(super) task: String,
    /// What to do, or why it is not done.
    pub(super) what: Result<(Operation, RebootChoice), String>,
}

/// The tasks that are this node's, by priority.
pub(super) fn mine(window: &Window, policy: &Policy, node: &NodeId) -> Vec<Mine> {
    let facts =
        NodeFacts { node_id: node.to_string(), hostname: policy.hostname.clone(), tags: policy.tags.clone() };
    let tasks = window.window.tasks_for(&facts).into_iter();
    tasks
        .map(|found| {
            let what = match (found.not_run, &found.task.action) {
                (Some(why), _) => Err(why),
                (None, TaskAction::Scan) => Ok((Operation::Scan, RebootChoice::Never)),
                (None, TaskAction::Install { reboot_option: RebootOption::RebootIfNeeded }) => {
                    Ok((Operation::Install, RebootChoice::IfNeeded))
                }
                (None, TaskAction::Install { reboot_option: RebootOption::NoReboot }) => {
                    Ok((Operation::Install, RebootChoice::Never))
                }
                (None, _) => Err("this kind of task is not carried out by this version".to_owned()),
            };
            Mine { task: found.task.name.clone(), what }
        })
        .collect()
}

fn spec(window: &Window, firing: &Occurrence, mine: &Mine) -> RunSpec {
    let (operation, reboot) = mine.what.clone().unwrap_or((Operation::Scan, RebootChoice::Never));
    RunSpec {
        id: RunId::of_window(ALONE, &window.window.name, firing.start, &mine.task),
        operation,
        reboot,
        dry_run: false,
        trigger: Trigger::Window {
            window: window.window.name.clone(),
            version: window.version,
            task: mine.task.clone(),
            start: firing.start,
            cutoff: firing.cutoff,
            end: firing.end,
        },
        order: None,
    }
}

/// When this node starts its part of a firing: a fixed share of the splay, the same after every restart.
fn start_of(window: &Window, node: &NodeId, firing: &Occurrence) -> DateTime<Utc> {
    let splay = i64::from(window.window.splay_minutes) * 60;
    if splay == 0 {
        return firing.start;
    }
    firing.start + share(node, &[&window.window.name], firing.start, splay)
}

/// This node's share of so many seconds: less than all of them.
pub(super) fn share(node: &NodeId, of: &[&str], start: DateTime<Utc>, seconds: i64) -> TimeDelta {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.write(node.as_str().as_bytes());
    of.iter().for_each(|part| hash.write(part.as_bytes()));
    hash.write(&start.timestamp().to_le_bytes());
    let seconds = u64::try_from(seconds).unwrap_or(0).max(1);
    TimeDelta::seconds(i64::try_from(hash.finish() % seconds).unwrap_or(0))
}

/// FNV-1a: spread is all that is needed, and it must never change with the compiler.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        // The low bits of FNV are its worst.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Firings in force that have started and not ended, the newest last.
fn under_way(window: &Window, now: DateTime<Utc>) -> Vec<Occurrence> {
    let started = window.window.occurrences(now).take_while(|o| o.start <= now);
    started.filter(|o| o.frozen.is_none() && in_force(window, o.start)).collect()
}

fn in_force(window: &Window, at: DateTime<Utc>) -> bool {
    window.expires.is_none_or(|expires| at < expires)
}

/// What may start now.
pub(super) fn due(policy: &Policy, node: &NodeId, back_at: DateTime<Utc>, now: DateTime<Utc>) -> Due {
    let mut due = Due::default();
    for window in policy.windows.iter().filter(|w| in_force(w, now)) {
        let mut firings = under_way(window, now);
        // Where firings overlap the newest counts: all nodes then name the same run.
        let Some(newest) = firings.pop() else { continue };
        let tasks = mine(window, policy, node);
        for older in &firings {
            for task in &tasks {
                due.lost.push((
                    spec(window, older, task),
                    "the window opened again before it could start".to_owned(),
                ));
            }
        }
        let starts = start_of(window, node, &newest);
        if now < starts {
            continue;
        }
        for task in &tasks {
            let spec = spec(window, &newest, task);
            match &task.what {
                Err(why) => due.lost.push((spec, why.clone())),
                Ok(_) if now >= newest.cutoff => {
                    due.lost.push((spec, TOO_LATE.to_owned()));
                }
                Ok(_) if window.window.catch_up == CatchUp::Never && starts < back_at => {
                    due.lost.push((
                        spec,
                        "this machine or its agent was not running when the window opened (catch_up: never)"
                            .to_owned(),
                    ));
                }
                Ok(_) => due.open.push(spec),
            }
        }
    }
    due.open.sort_by_key(|s| match &s.trigger {
        Trigger::Window { start, .. } => *start,
        _ => now,
    });
    due
}

/// Firings that opened and closed while this node was away, of each window the last ones: their runs do not happen, but
/// for scans that may catch up, which [`catching_up`] names.
pub(super) fn missed(
    policy: &Policy,
    node: &NodeId,
    awake_until: DateTime<Utc>,
    back_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<(RunSpec, String)> {
    let mut found = Vec::new();
    for window in &policy.windows {
        let closed = closed_meanwhile(window, awake_until, back_at.min(now));
        for firing in &closed {
            for task in mine(window, policy, node) {
                // The last scan is made up for, and with it those before.
                if !(scans_later(window, &task) && closed.last() == Some(firing)) {
                    let why = format!(
                        "this machine or its agent was not running while the window was open ({} to {})",
                        firing.start.format("%F %R"),
                        firing.end.format("%F %R UTC")
                    );
                    found.push((spec(window, firing, &task), why));
                }
            }
        }
    }
    found
}

/// Scans of the last firing that was missed, where the window wants them made up for.
pub(super) fn catching_up(
    policy: &Policy,
    node: &NodeId,
    awake_until: DateTime<Utc>,
    back_at: DateTime<Utc>,
) -> Vec<RunSpec> {
    let mut found = Vec::new();
    for window in policy.windows.iter().filter(|w| w.window.catch_up == CatchUp::ScanLater) {
        if let Some(firing) = closed_meanwhile(window, awake_until, back_at).last() {
            let tasks = mine(window, policy, node);
            found.extend(tasks.iter().filter(|t| scans_later(window, t)).map(|t| spec(window, firing, t)));
        }
    }
    found
}

fn scans_later(window: &Window, task: &Mine) -> bool {
    window.window.catch_up == CatchUp::ScanLater && matches!(task.what, Ok((Operation::Scan, _)))
}

/// Runs of firings whose cutoff passed since the last look, while this node was awake: what has not begun never will. A
/// window that has ended by then, as one without a cutoff has, is not under way any more, and so [`due`] is silent.
pub(super) fn passed(
    policy: &Policy,
    node: &NodeId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<(RunSpec, String)> {
    let mut found = Vec::new();
    for window in &policy.windows {
        for firing in closed_meanwhile(window, since, now) {
            for task in mine(window, policy, node) {
                let why = task.what.clone().err().unwrap_or_else(|| TOO_LATE.to_owned());
                found.push((spec(window, &firing, &task), why));
            }
        }
    }
    found
}

/// The last firings whose cutoff passed after `from`, and at `until` at the latest.
fn closed_meanwhile(window: &Window, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Occurrence> {
    // A machine that was off for years does not go through all of them.
    let from = from.max(until - TimeDelta::days(62));
    let mut last: Vec<Occurrence> = Vec::new();
    for firing in window.window.occurrences(from).take_while(|o| o.cutoff <= until) {
        if firing.cutoff > from && firing.frozen.is_none() && in_force(window, firing.start) {
            if last.len() == MISSED_CAP {
                last.remove(0);
            }
            last.push(firing);
        }
    }
    last
}

/// Both are of one task of one window.
pub(super) fn same_task(a: &RunSpec, b: &RunSpec) -> bool {
    match (&a.trigger, &b.trigger) {
        (Trigger::Window { window: a, task: s, .. }, Trigger::Window { window: b, task: t, .. }) => {
            (a, s) == (b, t)
        }
        _ => false,
    }
}

/// Both are firings of one window, and the second one finds the first still at work (reference 6.11).
pub(super) fn overlaps(active: &RunSpec, other: &RunSpec) -> bool {
    match (&active.trigger, &other.trigger) {
        (Trigger::Window { window: a, start: s, .. }, Trigger::Window { window: b, start: t, .. }) => {
            a == b && s < t
        }
        _ => false,
    }
}

/// The next instant at which a window changes what is due: a start, or a cutoff that has to be accounted for.
pub(super) fn next_instant(policy: &Policy, node: &NodeId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let of_window = |window: &Window| {
        let mut instants = Vec::new();
        for firing in window.window.occurrences(now).filter(|o| o.frozen.is_none()).take(3) {
            instants.extend([start_of(window, node, &firing), firing.cutoff]);
        }
        instants.into_iter().filter(|at| *at > now).min()
    };
    policy.windows.iter().filter_map(of_window).min()
}

/// The next firing in force that has not started.
pub(super) fn next(window: &Window, now: DateTime<Utc>) -> Option<Occurrence> {
    let next = window.window.occurrences(now).find(|o| o.start > now && o.frozen.is_none());
    next.filter(|o| in_force(window, o.start))
}

/// Windows that are open, with this node's tasks. How what is over in them ended is the history's to say.
pub(super) fn open(policy: &Policy, node: &NodeId, journal: &Journal, now: DateTime<Utc>) -> Vec<OpenWindow> {
    let mut found = Vec::new();
    for window in policy.windows.iter().filter(|w| in_force(w, now)) {
        let Some(firing) = under_way(window, now).pop() else { continue };
        let at = start_of(window, node, &firing);
        let tasks = mine(window, policy, node).into_iter().map(|task| {
            let run = spec(window, &firing, &task).id;
            let state = match &journal.active {
                Some(active) if active.spec.id == run => TaskState::InProgress {},
                _ if journal.has_ended(&run) => TaskState::Ended { ending: None, reason: String::new() },
                _ => TaskState::Waiting { at },
            };
            OpenTask {
                task: task.task,
                operation: task.what.ok().map(|(operation, _)| operation),
                run,
                state,
            }
        });
        let tasks: Vec<_> = tasks.collect();
        if !tasks.is_empty() {
            let Occurrence { start, cutoff, end, .. } = firing;
            found.push(OpenWindow { window: window.window.name.clone(), start, cutoff, end, tasks });
        }
    }
    found.sort_by(|a, b| (a.start, &a.window).cmp(&(b.start, &b.window)));
    found
}

/// Coming runs of this node: the next of each task, soonest first.
pub(super) fn coming(policy: &Policy, node: &NodeId, now: DateTime<Utc>) -> Vec<NextRun> {
    let mut runs = Vec::new();
    for window in &policy.windows {
        let Some(firing) = next(window, now) else { continue };
        let begins = ahead::begins(policy, window, node, &firing).filter(|at| *at > now);
        for task in mine(window, policy, node) {
            if let Ok((operation, _)) = task.what {
                runs.push(NextRun {
                    window: window.window.name.clone(),
                    task: task.task,
                    operation,
                    at: start_of(window, node, &firing),
                    ahead_at: begins.filter(|_| operation == Operation::Install),
                });
            }
        }
    }
    runs.sort_by(|a, b| (a.at, &a.window, &a.task).cmp(&(b.at, &b.window, &b.task)));
    runs
}

#[cfg(test)]
pub(crate) mod tests;
