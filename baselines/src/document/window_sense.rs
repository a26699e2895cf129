//! What each field of a window may say and what makes no sense together: windows that never open, conditions that no
//! node can meet, tasks that get into each other's way (reference 6.2, 6.5, 6.7).
//!
//! An error is what cannot be meant by anybody. What may be meant, and probably is not, is a warning.

use chrono::{DateTime, TimeDelta, Utc};

use super::check::Check;
use super::problem::quoted;
use super::window_check::in_words;
use crate::schedule::{Schedule, WindowState};
use crate::window::{MaintenanceWindow, Target, TargetKey, Task, TaskAction, WindowTarget};

/// One condition beside those before it in the same list, all of which must hold.
pub(super) fn of_condition(
    pointer: &str,
    key: &TargetKey,
    values: &[String],
    before: &[Target],
    check: &mut Check<'_>,
) {
    for (index, value) in values.iter().enumerate() {
        if values.iter().take(index).any(|other| other == value) {
            check.warning(
                &format!("{pointer}/values/{index}"),
                format!("{} is listed twice", quoted(value)),
                Some("remove one of them".into()),
            );
        }
    }
    let this = Target { key: key.clone(), values: values.to_vec() };
    if before.iter().any(|other| exclude_each_other(&this, other)) {
        check.error(
            &format!("{pointer}/key"),
            format!("no node matches: `{key}` must have one of these values and one of those above"),
            Some("conditions of one list must all hold; write alternatives into one `values`".into()),
        );
    }
    if matches!(key, TargetKey::ResourceGroupName | TargetKey::ResourceTypeFilters) {
        check.warning(
            &format!("{pointer}/key"),
            format!("a node does not know whether `{key}` means it, so that nothing is run by it"),
            Some("name nodes by `tag:KEY`, `tag-key` or `InstanceIds`".into()),
        );
    }
}

/// A node has one value of a tag. (`InstanceIds` twice may be met, by its id and by its host name.)
fn exclude_each_other(one: &Target, other: &Target) -> bool {
    matches!(one.key, TargetKey::Tag(_))
        && one.key == other.key
        && !one.values.iter().any(|value| other.values.contains(value))
}

/// The window as a whole. Only where it has no error: what follows from a mistake is not told as well.
pub(super) fn of_window(window: &MaintenanceWindow, check: &mut Check<'_>) {
    if check.failed() {
        return;
    }
    opens(window, check);
    overlaps(window, check);
    within_registered(window, check);
    for (index, target) in window.targets.iter().enumerate() {
        let named = |task: &Task| {
            task.targets
                .iter()
                .any(|t| t.key == TargetKey::WindowTargetIds && t.values.contains(&target.name))
        };
        // Tasks that name nodes themselves are kept to the registered ones by this very list.
        let fence = !window.allow_unassociated_targets
            && window.tasks.iter().any(|t| t.targets.iter().any(|t| t.key != TargetKey::WindowTargetIds));
        if !window.tasks.is_empty() && !fence && !window.tasks.iter().any(named) {
            check.warning(
                &format!("/spec/targets/{index}/name"),
                format!("no task names the target {}", quoted(&target.name)),
                Some("name it under `WindowTargetIds` of a task, or remove it".into()),
            );
        }
    }
    for (index, task) in window.tasks.iter().enumerate() {
        if let Some(other) = window.tasks.iter().take(index).find(|other| same_work(task, other)) {
            check.error(
                &format!("/spec/tasks/{index}"),
                format!(
                    "the tasks {} and {} do the same at the same time on the same nodes",
                    quoted(&other.name),
                    quoted(&task.name)
                ),
                Some("remove one of them, or give it other `targets` or another `priority`".into()),
            );
        }
    }
}

/// Tasks whose own conditions exclude every registered target that they are kept to.
fn within_registered(window: &MaintenanceWindow, check: &mut Check<'_>) {
    for (index, task) in window.tasks.iter().enumerate() {
        let names = task.targets.iter().find(|target| target.key == TargetKey::WindowTargetIds);
        if names.is_none() && window.allow_unassociated_targets {
            continue;
        }
        let mut meant = window
            .targets
            .iter()
            .filter(|t| names.is_none_or(|names| names.values.contains(&t.name)))
            .peekable();
        let excluded = |t: &WindowTarget| {
            t.targets.iter().any(|a| task.targets.iter().any(|b| exclude_each_other(a, b)))
        };
        if meant.peek().is_some() && meant.all(excluded) {
            check.error(
                &format!("/spec/tasks/{index}/targets"),
                "no node matches: a tag must have one value here and another in every target of the window",
                Some(
                    "change one of them, or set `allow_unassociated_targets: true` and name no target".into(),
                ),
            );
        }
    }
}

/// Reference 6.7: two patch tasks of one priority on the same nodes collide. Order means nothing in conditions.
fn same_work(task: &Task, other: &Task) -> bool {
    let kind = match (&task.action, &other.action) {
        (TaskAction::Scan, TaskAction::Scan) | (TaskAction::Install { .. }, TaskAction::Install { .. }) => {
            true
        }
        (action, other) => action == other,
    };
    let plain = |targets: &[Target]| {
        let mut plain: Vec<Target> = targets.to_vec();
        plain.iter_mut().for_each(|target| target.values.sort_unstable());
        plain.sort_by(|a, b| (&a.key, &a.values).cmp(&(&b.key, &b.values)));
        plain
    };
    kind && task.priority == other.priority && plain(&task.targets) == plain(&other.targets)
}

/// A schedule that has no opening between the dates, or none outside the freezes.
fn opens(window: &MaintenanceWindow, check: &mut Check<'_>) {
    let enabled = MaintenanceWindow { enabled: true, ..window.clone() };
    let hint = || Some("check `schedule`, `start_date`, `end_date` and `freezes`".into());
    if enabled.occurrences(DateTime::<Utc>::UNIX_EPOCH).next().is_none() {
        let message = "the window never opens: no start lies between `start_date` and `end_date`";
        check.error("/spec/schedule", message, hint());
        return;
    }
    let before = DateTime::<Utc>::UNIX_EPOCH - TimeDelta::seconds(1);
    if matches!(enabled.state_at(before), WindowState::Closed { next: None }) {
        check.warning("/spec/schedule", "the window never opens: a freeze covers every start", hint());
    }
}

/// Reference 6.11. Only a rate says how often without a calendar.
fn overlaps(window: &MaintenanceWindow, check: &mut Check<'_>) {
    if let Schedule::Rate(rate) = &window.schedule
        && rate.period() < TimeDelta::minutes(window.duration_minutes.into())
    {
        check.warning(
            "/spec/duration",
            format!(
                "the window opens again before its {} are over; a start is left out while a run is at work",
                in_words(window.duration_minutes)
            ),
            Some("shorten `duration` or open it less often".into()),
        );
    }
}
