//! Looking and downloading ahead of a window, so that its time goes to the installation (design 7b).
//!
//! Every node begins at a time of its own, so that a fleet does not ask its mirrors all at once. Nothing is disturbed and
//! no slot is asked for; at the window's start the window's own run takes over, whatever has become of this one.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::{NodeId, RunId};
use patchflock_api::run::{Operation, RebootChoice, RunSpec, Trigger};
use patchflock_baselines::schedule::Occurrence;

use super::event::{Policy, Window};
use super::windows;

/// With less time left the window's own run does it.
const LEAST: TimeDelta = TimeDelta::minutes(1);

/// A look and a download that are to come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ahead {
    /// When this node begins.
    pub(super) at: DateTime<Utc>,
    /// From here on it is not begun any more.
    pub(super) until: DateTime<Utc>,
    /// Its run.
    pub(super) spec: RunSpec,
}

/// When this node begins: in the first three quarters of the time there is, so that a quarter of it is left to each.
pub(super) fn begins(
    policy: &Policy,
    window: &Window,
    node: &NodeId,
    firing: &Occurrence,
) -> Option<DateTime<Utc>> {
    let seconds = i64::from(policy.fetch_ahead_minutes) * 60;
    if seconds == 0 {
        return None;
    }
    let share = windows::share(node, &["ahead", &window.window.name], firing.start, seconds * 3 / 4);
    firing.start.checked_sub_signed(TimeDelta::seconds(seconds))?.checked_add_signed(share)
}

/// What is to be fetched ahead of the next firing of each window, soonest first; of this node's installations only.
pub(super) fn coming(policy: &Policy, node: &NodeId, now: DateTime<Utc>) -> Vec<Ahead> {
    let mut found = Vec::new();
    for window in &policy.windows {
        let Some(firing) = windows::next(window, now) else { continue };
        let Some(at) = begins(policy, window, node, &firing) else { continue };
        for task in windows::mine(window, policy, node) {
            if matches!(task.what, Ok((Operation::Install, _))) {
                found.push(Ahead { at, until: firing.start - LEAST, spec: spec(window, &firing, task.task) });
            }
        }
    }
    found.sort_by(|a, b| (a.at, &a.spec.id).cmp(&(b.at, &b.spec.id)));
    found
}

fn spec(window: &Window, firing: &Occurrence, task: String) -> RunSpec {
    RunSpec {
        id: RunId::of_ahead(windows::ALONE, &window.window.name, firing.start, &task),
        operation: Operation::Scan,
        reboot: RebootChoice::Never,
        dry_run: false,
        trigger: Trigger::Ahead { window: window.window.name.clone(), task, start: firing.start },
        order: None,
    }
}

#[cfg(test)]
mod tests;
