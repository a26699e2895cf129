//! What a window does: tasks and their actions (reference 6.6).
//!
//! [`TaskAction::Scan`] and [`TaskAction::Install`] are what this product does by itself; in AWS they are the
//! command document `AWS-RunPatchBaseline` and its `Operation`. The other four carry AWS's invocation parameters
//! unchanged, so that an imported window loses nothing. **Nothing executes them yet**: they are named places at
//! which a runner can be fitted, and whoever meets one must report the task as not run, never as done.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limit::{MaxConcurrency, MaxErrors};
use super::target::{Target, TargetKey, WindowTarget, problems_of};

/// One task of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Name, unique in its window.
    pub name: String,
    /// Description for people, 1-128 characters.
    pub description: Option<String>,
    /// Lowest first; equal priorities run in parallel, and the next waits for all of them (reference 6.7).
    pub priority: u32,
    /// Up to five conditions. Empty only where the action needs no node.
    pub targets: Vec<Target>,
    /// Nodes at once. Given exactly when there are targets.
    pub max_concurrency: Option<MaxConcurrency>,
    /// Errors borne. Given exactly when there are targets.
    pub max_errors: Option<MaxErrors>,
    /// What happens to it at the cutoff.
    #[serde(default)]
    pub cutoff_behavior: CutoffBehavior,
    /// What it does.
    pub action: TaskAction,
}

/// What happens at the cutoff to a task that has started (reference 6.10). Tasks that have not do not start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CutoffBehavior {
    /// It goes on, and keeps reaching its remaining nodes.
    #[default]
    ContinueTask,
    /// No further node starts; what runs finishes or is cancelled as far as that is safe.
    CancelTask,
}

/// Whether an installation may reboot (reference 4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RebootOption {
    /// After at least one installed patch, or while one waits for a reboot.
    #[default]
    RebootIfNeeded,
    /// Never; what needs a reboot stays noncompliant until one.
    NoReboot,
}

/// What a task does. AWS's parameters in snake_case; limits in the reference, 6.6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task_type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskAction {
    /// Find out what is missing; changes nothing.
    Scan,
    /// Install what the baseline approves.
    Install {
        /// Whether it may reboot.
        #[serde(default)]
        reboot_option: RebootOption,
    },
    /// Run a command document. Not executed yet.
    RunCommand(Box<RunCommand>),
    /// Run an automation document. Not executed yet.
    Automation {
        /// Document name or ARN (AWS: `TaskArn`).
        document_name: String,
        /// `$LATEST`, `$DEFAULT` or a number.
        document_version: Option<String>,
        /// Up to 200 keys.
        #[serde(default)]
        parameters: BTreeMap<String, Vec<String>>,
    },
    /// Call a function. Not executed yet.
    Lambda {
        /// Function name or ARN (AWS: `TaskArn`).
        function: String,
        /// Up to 8000 characters.
        client_context: Option<String>,
        /// Version or alias, up to 128 characters.
        qualifier: Option<String>,
        /// JSON text, up to 4096 bytes.
        payload: Option<String>,
    },
    /// Start a state machine. Not executed yet.
    StepFunctions {
        /// ARN (AWS: `TaskArn`).
        state_machine: String,
        /// JSON text, up to 4096 characters.
        input: Option<String>,
        /// Name of the execution, up to 80 characters.
        name: Option<String>,
    },
}

impl TaskAction {
    /// Whether anything executes it today. A task for which this is false must be reported as not run.
    #[must_use]
    pub fn is_executed(&self) -> bool {
        matches!(self, Self::Scan | Self::Install { .. })
    }

    /// Patching and commands act on nodes; the other three may do without (reference 6.6).
    #[must_use]
    pub fn needs_targets(&self) -> bool {
        matches!(self, Self::Scan | Self::Install { .. } | Self::RunCommand(_))
    }
}

/// Parameters of a command task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCommand {
    /// Document name or ARN, 1-1600 characters (AWS: `TaskArn`).
    pub document_name: String,
    /// `$LATEST`, `$DEFAULT` or a number.
    pub document_version: Option<String>,
    /// Hash that the document must have.
    pub document_hash: Option<String>,
    /// Algorithm of `document_hash`.
    pub document_hash_type: Option<HashType>,
    /// Up to 100 characters.
    pub comment: Option<String>,
    /// Values for the document's parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, Vec<String>>,
    /// 30 to 2592000; a command not started by then is not run.
    pub timeout_seconds: Option<u32>,
    /// Bucket for output.
    pub output_s3_bucket_name: Option<String>,
    /// Prefix in that bucket.
    pub output_s3_key_prefix: Option<String>,
    /// Log group for output (AWS: inside `CloudWatchOutputConfig`).
    pub cloud_watch_log_group_name: Option<String>,
    /// Whether output goes there (AWS: inside `CloudWatchOutputConfig`).
    #[serde(default)]
    pub cloud_watch_output_enabled: bool,
    /// Whom to notify, and when.
    pub notification_config: Option<NotificationConfig>,
    /// Role for notifications.
    pub service_role_arn: Option<String>,
}

/// Algorithm of a document hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "each variant is the AWS value it names")]
pub enum HashType {
    Sha256,
    Sha1,
}

/// Whom to notify about a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationConfig {
    /// Topic.
    pub notification_arn: String,
    /// Events: `All`, `InProgress`, `Success`, `TimedOut`, `Cancelled`, `Failed`.
    pub notification_events: Vec<String>,
    /// `Command` or `Invocation`.
    pub notification_type: Option<String>,
}

impl Task {
    /// Rules of reference 6.5 and 6.6 between the fields of one task and its window's targets.
    pub(super) fn problems(&self, registered: &[WindowTarget]) -> Vec<String> {
        let mut found = Vec::new();
        match (self.targets.is_empty(), self.max_concurrency.is_some(), self.max_errors.is_some()) {
            (true, _, _) if self.action.needs_targets() => {
                found.push("targets are missing: it acts on nodes".to_owned());
            }
            (true, false, false) | (false, true, true) => {}
            (true, _, _) => found.push("max_concurrency and max_errors need targets: remove them".to_owned()),
            (false, _, _) => found.push("max_concurrency and max_errors are both required".to_owned()),
        }
        found.extend(problems_of(&self.targets));
        for target in &self.targets {
            if target.key == TargetKey::WindowTargetIds {
                let unknown = |name: &&String| !registered.iter().any(|r| r.name == **name);
                found.extend(target.values.iter().filter(unknown).map(|name| {
                    format!("WindowTargetIds names {name}, which the window's targets do not have")
                }));
            }
        }
        found
    }
}
