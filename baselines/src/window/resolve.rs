//! Which tasks of a window are for a node (reference 6.5, 6.7, 9): membership is decided on the node, from its own
//! facts, when the window runs.
//!
//! Nothing is silently left out: a task whose targets cannot be decided here, that the window does not allow for this
//! node, or that nothing executes yet comes back with the reason why it is not run.

use std::collections::BTreeMap;

use super::MaintenanceWindow;
use super::target::{Target, TargetKey, WindowTarget};
use super::task::{Task, TaskAction};

/// What targets are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Id of the node.
    pub node_id: String,
    /// Its host name. `InstanceIds` takes it as well as the id, because outside of a cloud that is what people know.
    pub hostname: String,
    /// Its tags. `Patch Group` and `PatchGroup` are two tags here (reference 3).
    pub tags: BTreeMap<String, String>,
}

/// A task that names a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskForNode<'a> {
    /// The task.
    pub task: &'a Task,
    /// Why it is not run, and what would change that; `None`: it is to be run.
    pub not_run: Option<String>,
}

/// Whether a node is meant. In this order, AND is the least and OR the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    No,
    /// A node does not know the resource groups that it is in.
    Undecided,
    Yes,
}

impl MaintenanceWindow {
    /// The tasks for this node, lowest priority number first; equal priorities stay in the order of the document,
    /// and may run in parallel (reference 6.7). When the window is open is not looked at.
    ///
    /// Two rules of ours where the reference is silent: a task without targets, which is for no node in particular,
    /// comes back on every node as not run, so that it is seen; and where the window registers targets and
    /// `allow_unassociated_targets` is false, a task is not run on a node that is in none of them, which AWS refuses at
    /// registration. A window that registers none leaves the choice to its tasks.
    #[must_use]
    pub fn tasks_for(&self, node: &NodeFacts) -> Vec<TaskForNode<'_>> {
        let mut tasks: Vec<TaskForNode<'_>> = self
            .tasks
            .iter()
            .filter_map(|task| {
                let not_run = match self.meant_by(task, node) {
                    Meant::No if !task.targets.is_empty() => return None,
                    Meant::No => Some("it names no targets, so it is for no node: add `targets`".to_owned()),
                    Meant::Undecided => Some(UNDECIDED.to_owned()),
                    Meant::Yes => self.not_allowed(task, node),
                };
                Some(TaskForNode { task, not_run: not_executed(&task.action).or(not_run) })
            })
            .collect();
        // Stable, so equal priorities keep their order.
        tasks.sort_by_key(|found| found.task.priority);
        tasks
    }

    fn meant_by(&self, task: &Task, node: &NodeFacts) -> Meant {
        all(&task.targets, |target| match target.key {
            TargetKey::WindowTargetIds => self
                .targets
                .iter()
                .filter(|registered| target.values.contains(&registered.name))
                .map(|registered| registered.means(node))
                .max()
                .unwrap_or(Meant::No),
            _ => target.means(node),
        })
    }

    /// Why this node must not be reached although the task names it.
    fn not_allowed(&self, task: &Task, node: &NodeFacts) -> Option<String> {
        let by_window_target = task.targets.iter().any(|target| target.key == TargetKey::WindowTargetIds);
        if self.allow_unassociated_targets || by_window_target || self.targets.is_empty() {
            return None;
        }
        match self.targets.iter().map(|registered| registered.means(node)).max().unwrap_or(Meant::No) {
            Meant::Yes => None,
            Meant::Undecided => Some(UNDECIDED.to_owned()),
            Meant::No => Some(
                "the task names this node and none of the window's targets does: add it to `targets` of the \
                 window, or set `allow_unassociated_targets: true`"
                    .to_owned(),
            ),
        }
    }
}

const UNDECIDED: &str = "whether it is for this node depends on a resource group, and a node does not know its groups: \
                         name tags or ids instead";

fn not_executed(action: &TaskAction) -> Option<String> {
    let kind = match action {
        TaskAction::Scan | TaskAction::Install { .. } => return None,
        TaskAction::RunCommand(_) => "RUN_COMMAND",
        TaskAction::Automation { .. } => "AUTOMATION",
        TaskAction::Lambda { .. } => "LAMBDA",
        TaskAction::StepFunctions { .. } => "STEP_FUNCTIONS",
    };
    Some(format!("tasks of type {kind} are not executed yet: use SCAN and INSTALL for patching"))
}

impl WindowTarget {
    fn means(&self, node: &NodeFacts) -> Meant {
        all(&self.targets, |target| target.means(node))
    }
}

impl Target {
    /// Whether one condition holds; names of registered targets are the window's, and mean nothing here.
    fn means(&self, node: &NodeFacts) -> Meant {
        let any = |holds: &dyn Fn(&String) -> bool| {
            if self.values.iter().any(holds) { Meant::Yes } else { Meant::No }
        };
        match &self.key {
            TargetKey::InstanceIds => any(&|value| {
                value == "*" || !value.is_empty() && (*value == node.node_id || *value == node.hostname)
            }),
            TargetKey::Tag(key) => any(&|value| node.tags.get(key) == Some(value)),
            TargetKey::TagKey => any(&|value| node.tags.contains_key(value)),
            TargetKey::ResourceGroupName | TargetKey::ResourceTypeFilters if self.values.is_empty() => {
                Meant::No
            }
            TargetKey::ResourceGroupName | TargetKey::ResourceTypeFilters => Meant::Undecided,
            TargetKey::WindowTargetIds => Meant::No,
        }
    }
}

/// All conditions; none at all mean nobody rather than everybody.
fn all(targets: &[Target], means: impl Fn(&Target) -> Meant) -> Meant {
    targets.iter().map(means).min().unwrap_or(Meant::No)
}
