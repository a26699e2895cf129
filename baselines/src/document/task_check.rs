//! Targets and tasks of a window (reference 6.5, 6.6).

use super::check::Check;
use super::fragment::window::{
    LimitSpec, NotificationSpec, TargetSpec, TaskSpec, TaskType, WindowTargetSpec,
};
use super::node::Node;
use super::problem::quoted;
use super::window_sense as sense;
use crate::window::{
    LimitError, MaxConcurrency, MaxErrors, NotificationConfig, RunCommand, Target, TargetKey, Task,
    TaskAction, WindowTarget,
};

/// The targets that tasks can name.
pub(super) fn registered_targets(specs: Vec<WindowTargetSpec>, check: &mut Check<'_>) -> Vec<WindowTarget> {
    let mut targets: Vec<WindowTarget> = Vec::new();
    for (index, spec) in specs.into_iter().enumerate() {
        let pointer = format!("/spec/targets/{index}");
        if targets.iter().any(|other| other.name == spec.name) {
            let hint = "rename one of them; tasks name targets".to_owned();
            check.error(
                &format!("{pointer}/name"),
                format!("two targets are called {}", quoted(&spec.name)),
                Some(hint),
            );
        }
        targets.push(WindowTarget {
            name: spec.name,
            description: spec.description,
            owner_information: spec.owner_information,
            targets: conditions(&format!("{pointer}/targets"), spec.targets, false, check),
        });
    }
    targets
}

fn conditions(pointer: &str, specs: Vec<TargetSpec>, in_task: bool, check: &mut Check<'_>) -> Vec<Target> {
    let mut targets = Vec::new();
    for (index, spec) in specs.into_iter().enumerate() {
        let key_pointer = format!("{pointer}/{index}/key");
        match TargetKey::parse(&spec.key) {
            Ok(TargetKey::WindowTargetIds) if !in_task => check.error(
                &key_pointer,
                "a registered target cannot name other targets",
                Some("`WindowTargetIds` is for tasks".into()),
            ),
            Ok(key) => {
                if spec.values.len() > key.max_values() {
                    let message =
                        format!("{} values; `{key}` takes at most {}", spec.values.len(), key.max_values());
                    check.error(&format!("{pointer}/{index}/values"), message, None);
                }
                sense::of_condition(&format!("{pointer}/{index}"), &key, &spec.values, &targets, check);
                targets.push(Target { key, values: spec.values });
            }
            Err(_) => check.error(
                &key_pointer,
                format!("{} is not a target key", quoted(&spec.key)),
                Some(
                    "write `InstanceIds`, `tag:KEY`, `tag-key`, `resource-groups:Name`, \
                     `resource-groups:ResourceTypeFilters` or, in a task, `WindowTargetIds`"
                        .into(),
                ),
            ),
        }
    }
    targets
}

/// One task; `None` if something that its action cannot do without is missing.
pub(super) fn checked_task(pointer: &str, mut spec: TaskSpec, check: &mut Check<'_>) -> Option<Task> {
    let kind = spec.task_type;
    foreign_fields(pointer, kind, check);
    let name = spec.name.take().unwrap_or_else(|| word(kind).to_lowercase());
    if let Some(first) = earlier_task(pointer, &name, check.root) {
        check.has_said_about(&first);
        let hint = "give each a `name` of its own".to_owned();
        check.error_inside(pointer, format!("two tasks are called {}", quoted(&name)), Some(hint));
    }
    let targets = conditions(&format!("{pointer}/targets"), std::mem::take(&mut spec.targets), true, check);
    let max_concurrency =
        limit(pointer, "max_concurrency", spec.max_concurrency.take(), MaxConcurrency::parse, check);
    let max_errors = limit(pointer, "max_errors", spec.max_errors.take(), MaxErrors::parse, check);
    let task = Task {
        name,
        description: spec.description.take(),
        // AWS's console fills in 1; the service's own default is not documented (reference 6.6).
        priority: spec.priority.unwrap_or(1),
        targets,
        max_concurrency,
        max_errors,
        cutoff_behavior: spec.cutoff_behavior.unwrap_or_default(),
        action: action(pointer, spec, check)?,
    };
    if !task.action.is_executed() {
        check.warning(
            &format!("{pointer}/type"),
            format!("tasks of type {} are kept and not executed yet", word(kind)),
            Some("their runs are reported as not run; use SCAN and INSTALL for patching".into()),
        );
    }
    Some(task)
}

/// The pointer of a task before this one that has the same name.
fn earlier_task(pointer: &str, name: &str, root: &Node) -> Option<String> {
    let (list, index) = pointer.rsplit_once('/')?;
    let first = root.at_pointer(list).items().iter().take(index.parse().ok()?).position(|task| {
        let by_type = || task.get("type").and_then(Node::text).map(str::to_lowercase);
        let given = task.get("name").and_then(Node::text).map(str::to_owned);
        given.or_else(by_type).as_deref() == Some(name)
    })?;
    Some(format!("{list}/{first}"))
}

fn action(pointer: &str, spec: TaskSpec, check: &mut Check<'_>) -> Option<TaskAction> {
    let mut needed = |field: &str, value: Option<String>| {
        if value.is_none() && !check.has_error_in(pointer) {
            let message = format!("a task of type {} needs `{field}`", word(spec.task_type));
            check.error_inside(pointer, message, Some(format!("add `{field}:`")));
        }
        value
    };
    Some(match spec.task_type {
        TaskType::Scan => TaskAction::Scan,
        TaskType::Install => TaskAction::Install { reboot_option: spec.reboot_option.unwrap_or_default() },
        TaskType::RunCommand => TaskAction::RunCommand(Box::new(RunCommand {
            document_name: needed("document_name", spec.document_name)?,
            document_version: spec.document_version,
            document_hash: spec.document_hash,
            document_hash_type: spec.document_hash_type,
            comment: spec.comment,
            parameters: spec.parameters.unwrap_or_default(),
            timeout_seconds: spec.timeout_seconds,
            output_s3_bucket_name: spec.output_s3_bucket_name,
            output_s3_key_prefix: spec.output_s3_key_prefix,
            cloud_watch_log_group_name: spec.cloud_watch_log_group_name,
            cloud_watch_output_enabled: spec.cloud_watch_output_enabled.unwrap_or(false),
            notification_config: spec.notification_config.map(notification),
            service_role_arn: spec.service_role_arn,
        })),
        TaskType::Automation => TaskAction::Automation {
            document_name: needed("document_name", spec.document_name)?,
            document_version: spec.document_version,
            parameters: spec.parameters.unwrap_or_default(),
        },
        TaskType::Lambda => TaskAction::Lambda {
            function: needed("function", spec.function)?,
            client_context: spec.client_context,
            qualifier: spec.qualifier,
            payload: spec.payload,
        },
        TaskType::StepFunctions => TaskAction::StepFunctions {
            state_machine: needed("state_machine", spec.state_machine)?,
            input: spec.input,
            name: spec.execution_name,
        },
    })
}

fn notification(spec: NotificationSpec) -> NotificationConfig {
    // Unit variants are written as their names, which are AWS's.
    NotificationConfig {
        notification_arn: spec.notification_arn,
        notification_events: spec.notification_events.iter().map(|event| format!("{event:?}")).collect(),
        notification_type: spec.notification_type.map(|kind| format!("{kind:?}")),
    }
}

/// Fields of every task.
const OF_ALL: [&str; 8] = [
    "type",
    "name",
    "description",
    "priority",
    "targets",
    "max_concurrency",
    "max_errors",
    "cutoff_behavior",
];

/// Further fields of each type.
fn fields_of(kind: TaskType) -> &'static [&'static str] {
    match kind {
        TaskType::Scan => &[],
        TaskType::Install => &["reboot_option"],
        TaskType::RunCommand => &[
            "document_name",
            "document_version",
            "document_hash",
            "document_hash_type",
            "comment",
            "parameters",
            "timeout_seconds",
            "output_s3_bucket_name",
            "output_s3_key_prefix",
            "cloud_watch_log_group_name",
            "cloud_watch_output_enabled",
            "notification_config",
            "service_role_arn",
        ],
        TaskType::Automation => &["document_name", "document_version", "parameters"],
        TaskType::Lambda => &["function", "client_context", "qualifier", "payload"],
        TaskType::StepFunctions => &["state_machine", "input", "execution_name"],
    }
}

/// A field that another type has and this one has not: an error, because it would be silently dropped.
fn foreign_fields(pointer: &str, kind: TaskType, check: &mut Check<'_>) {
    let root = check.root;
    for entry in root.at_pointer(pointer).entries() {
        let key = entry.key.as_str();
        let known_elsewhere = [
            TaskType::Install,
            TaskType::RunCommand,
            TaskType::Automation,
            TaskType::Lambda,
            TaskType::StepFunctions,
        ]
        .into_iter()
        .filter(|other| fields_of(*other).contains(&key))
        .map(word)
        .collect::<Vec<_>>();
        if !OF_ALL.contains(&key) && !fields_of(kind).contains(&key) && !known_elsewhere.is_empty() {
            check.error_at_key(
                pointer,
                key,
                format!("a task of type {} has no `{key}`", word(kind)),
                Some(format!("it is for {}", known_elsewhere.join(", "))),
            );
        }
    }
}

/// A limit. A wrong one has its error and counts as given: nobody is told as well that it is missing.
fn limit<T>(
    pointer: &str,
    field: &str,
    spec: Option<LimitSpec>,
    parse: impl Fn(&str) -> Result<T, LimitError>,
    check: &mut Check<'_>,
) -> Option<T> {
    let text = match spec? {
        LimitSpec::Count(count) => count.to_string(),
        LimitSpec::Text(text) => text,
    };
    match parse(&text) {
        Ok(limit) => Some(limit),
        Err(error) => {
            let message = format!("`{field}` cannot be {}", quoted(&text));
            check.error(&format!("{pointer}/{field}"), message, Some(format!("write {}", error.wanted)));
            parse("1").ok()
        }
    }
}

/// The type as a document writes it.
pub(super) fn word(kind: TaskType) -> &'static str {
    match kind {
        TaskType::Scan => "SCAN",
        TaskType::Install => "INSTALL",
        TaskType::RunCommand => "RUN_COMMAND",
        TaskType::Automation => "AUTOMATION",
        TaskType::Lambda => "LAMBDA",
        TaskType::StepFunctions => "STEP_FUNCTIONS",
    }
}
