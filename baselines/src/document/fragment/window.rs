//! A `MaintenanceWindow` document as typed (reference 6.1, 6.5, 6.6).

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::window::{CatchUp, CutoffBehavior, HashType, RebootOption};

/// A maintenance window: when machines may be disturbed, by what, and which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "MaintenanceWindow")]
pub struct WindowFile {
    /// Kind of document.
    pub kind: WindowKind,
    /// Name, unique among the windows of a fleet.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    #[schemars(extend("x-expected" = "letters, digits, `_`, `.` and `-`"))]
    pub name: String,
    /// When the document stops having any effect: a time with its offset, or a day, which counts whole (UTC).
    #[schemars(length(min = 1, max = 64))]
    pub expires: Option<String>,
    /// What the window says.
    pub spec: WindowSpec,
}

/// Always `MaintenanceWindow`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub enum WindowKind {
    /// A maintenance window.
    MaintenanceWindow,
}

/// What a window says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// Description for people.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
    /// `cron(…)`, `rate(…)` or `at(…)`.
    #[schemars(length(min = 1, max = 256))]
    pub schedule: String,
    /// IANA name of the zone in which the schedule is read. Default: UTC.
    #[schemars(length(min = 1, max = 64))]
    pub schedule_timezone: Option<String>,
    /// Days after each cron match at which the window starts.
    #[schemars(range(min = 1, max = 6))]
    pub schedule_offset: Option<u32>,
    /// Nothing starts before it. ISO 8601; without an offset it is UTC.
    #[schemars(length(min = 1, max = 64))]
    pub start_date: Option<String>,
    /// Nothing starts at or after it.
    #[schemars(length(min = 1, max = 64))]
    pub end_date: Option<String>,
    /// Length: `3h`, `90m`, `2h30m`, or a number of hours. At most 24 hours.
    pub duration: Length,
    /// How long before the end nothing new starts. Default: 0.
    pub cutoff: Option<Length>,
    /// Each node delays its part by a fixed share of this. Default: 0.
    pub splay: Option<Length>,
    /// What a node does that was away when the window opened. Default: while_open.
    pub catch_up: Option<CatchUp>,
    /// Whether tasks may name nodes that are not among `targets`. Default: false.
    pub allow_unassociated_targets: Option<bool>,
    /// A disabled window never opens. Default: true.
    pub enabled: Option<bool>,
    /// Days on which the window does not open.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub freezes: Vec<FreezeSpec>,
    /// Targets that tasks can name.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub targets: Vec<WindowTargetSpec>,
    /// What happens in the window.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub tasks: Vec<TaskSpec>,
}

/// A length of time: text such as `2h30m`, or AWS's whole hours.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Length {
    /// Hours.
    Hours(u32),
    /// Hours and minutes.
    Text(String),
}

impl JsonSchema for Length {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "pattern": "^([0-9]{1,4}h)?([0-9]{1,4}m)?$",
            "minLength": 1,
            "minimum": 0,
            "maximum": 24,
            "x-expected": "a length such as `3h`, `90m` or `2h30m`, or a number of hours"
        })
    }
}

/// Days on which the window does not open: one day, or `FIRST..LAST`, with or without a reason.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum FreezeSpec {
    /// Days alone.
    Dates(String),
    /// Days with a reason.
    Named {
        /// One day or `FIRST..LAST`.
        dates: String,
        /// Shown with each opening that is left out.
        reason: Option<String>,
    },
}

impl JsonSchema for FreezeSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Freeze".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let dates = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([.][.][0-9]{4}-[0-9]{2}-[0-9]{2})?$";
        let expected = "a day such as 2026-12-24, or days such as 2026-12-24..2027-01-02";
        json_schema!({
            "description": "Days on which the window does not open: one day, or FIRST..LAST, with or without a reason.",
            "type": ["string", "object"],
            "pattern": dates,
            "x-expected": expected,
            "properties": {
                "dates": { "type": "string", "pattern": dates, "x-expected": expected },
                "reason": { "type": "string", "maxLength": 4096 }
            },
            "required": ["dates"],
            "additionalProperties": false
        })
    }
}

/// A condition on nodes. Its values are alternatives.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// `InstanceIds`, `tag:KEY`, `tag-key`, `resource-groups:Name`, `resource-groups:ResourceTypeFilters`; in a task
    /// also `WindowTargetIds`.
    #[schemars(length(min = 1, max = 163), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub key: String,
    /// Alternatives.
    #[schemars(
        length(min = 1, max = 1000),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))
    )]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub values: Vec<String>,
}

/// A target that tasks can name under `WindowTargetIds`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowTargetSpec {
    /// How tasks name it.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub name: String,
    /// Description for people.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
    /// Echoed in events.
    #[schemars(length(min = 1, max = 128))]
    pub owner_information: Option<String>,
    /// Conditions; all must hold.
    #[schemars(length(min = 1, max = 5))]
    pub targets: Vec<TargetSpec>,
}

/// What kind of thing a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each variant is the value it names")]
pub enum TaskType {
    Scan,
    Install,
    RunCommand,
    Automation,
    Lambda,
    StepFunctions,
}

/// A task. Which of the later fields it takes follows from its type.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// What it does.
    #[serde(rename = "type")]
    pub task_type: TaskType,
    /// Name, unique in its window. Default: the type in lower case.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\p{Z}\p{C}]([^\p{C}]*[^\p{Z}\p{C}])?$"))]
    #[schemars(extend("x-expected" = "no blank at either end and no invisible characters"))]
    pub name: Option<String>,
    /// Description for people.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
    /// Lowest first; equal priorities run in parallel. Default: 1.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub priority: Option<u32>,
    /// Conditions on nodes; all must hold.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub targets: Vec<TargetSpec>,
    /// Nodes at once: a number or a percentage such as `10%`.
    pub max_concurrency: Option<LimitSpec>,
    /// Errors borne: a number or a percentage.
    pub max_errors: Option<LimitSpec>,
    /// What happens to it at the cutoff. Default: CONTINUE_TASK.
    pub cutoff_behavior: Option<CutoffBehavior>,
    /// INSTALL: whether it may reboot. Default: RebootIfNeeded.
    pub reboot_option: Option<RebootOption>,
    /// RUN_COMMAND, AUTOMATION: the document.
    #[schemars(length(min = 1, max = 1600))]
    pub document_name: Option<String>,
    /// RUN_COMMAND, AUTOMATION: `$LATEST`, `$DEFAULT` or a number.
    #[schemars(length(min = 1, max = 64))]
    pub document_version: Option<String>,
    /// RUN_COMMAND: hash that the document must have.
    #[schemars(length(min = 1, max = 256))]
    pub document_hash: Option<String>,
    /// RUN_COMMAND: algorithm of `document_hash`.
    pub document_hash_type: Option<HashType>,
    /// RUN_COMMAND: comment.
    #[schemars(length(min = 1, max = 100))]
    pub comment: Option<String>,
    /// RUN_COMMAND, AUTOMATION: values for the document's parameters.
    pub parameters: Option<BTreeMap<String, Vec<String>>>,
    /// RUN_COMMAND: a command that has not started by then is not run.
    #[schemars(range(min = 30, max = 2_592_000))]
    pub timeout_seconds: Option<u32>,
    /// RUN_COMMAND: bucket for output.
    #[schemars(length(min = 3, max = 63))]
    pub output_s3_bucket_name: Option<String>,
    /// RUN_COMMAND: prefix in that bucket.
    #[schemars(length(min = 1, max = 500))]
    pub output_s3_key_prefix: Option<String>,
    /// RUN_COMMAND: log group for output.
    #[schemars(length(min = 1, max = 512))]
    pub cloud_watch_log_group_name: Option<String>,
    /// RUN_COMMAND: whether output goes to a log group.
    pub cloud_watch_output_enabled: Option<bool>,
    /// RUN_COMMAND: whom to notify.
    pub notification_config: Option<NotificationSpec>,
    /// RUN_COMMAND: role for notifications.
    #[schemars(length(min = 1, max = 2048))]
    pub service_role_arn: Option<String>,
    /// LAMBDA: the function.
    #[schemars(length(min = 1, max = 1600))]
    pub function: Option<String>,
    /// LAMBDA: client context.
    #[schemars(length(min = 1, max = 8000))]
    pub client_context: Option<String>,
    /// LAMBDA: version or alias.
    #[schemars(length(min = 1, max = 128))]
    pub qualifier: Option<String>,
    /// LAMBDA: JSON text.
    #[schemars(length(max = 4096))]
    pub payload: Option<String>,
    /// STEP_FUNCTIONS: the state machine.
    #[schemars(length(min = 1, max = 1600))]
    pub state_machine: Option<String>,
    /// STEP_FUNCTIONS: JSON text.
    #[schemars(length(max = 4096))]
    pub input: Option<String>,
    /// STEP_FUNCTIONS: name of the execution.
    #[schemars(length(min = 1, max = 80))]
    pub execution_name: Option<String>,
}

/// A number of nodes or a percentage of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum LimitSpec {
    /// So many.
    Count(u32),
    /// As AWS writes it.
    Text(String),
}

impl JsonSchema for LimitSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "pattern": "^(0|[1-9][0-9]{0,6}|[0-9]%|[1-9][0-9]%|100%)$",
            "minimum": 0,
            "maximum": 9_999_999,
            "x-expected": "a number such as 5, or a percentage such as `10%`"
        })
    }
}

/// Whom to notify about a command.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationSpec {
    /// Topic.
    #[schemars(length(min = 1, max = 2048))]
    pub notification_arn: String,
    /// `All`, `InProgress`, `Success`, `TimedOut`, `Cancelled`, `Failed`.
    #[schemars(length(min = 1, max = 6))]
    pub notification_events: Vec<NotificationEvent>,
    /// `Command` or `Invocation`.
    pub notification_type: Option<NotificationType>,
}

/// When to notify.
#[derive(Debug, Clone, Copy, Deserialize, serde::Serialize, JsonSchema)]
#[allow(missing_docs, reason = "each variant is the AWS value it names")]
pub enum NotificationEvent {
    All,
    InProgress,
    Success,
    TimedOut,
    Cancelled,
    Failed,
}

/// What to notify about.
#[derive(Debug, Clone, Copy, Deserialize, serde::Serialize, JsonSchema)]
#[allow(missing_docs, reason = "each variant is the AWS value it names")]
pub enum NotificationType {
    Command,
    Invocation,
}
