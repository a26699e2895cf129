//! A maintenance window as YAML.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

use super::yaml::Yaml;
use crate::document::window_check::in_words;
use crate::window::{
    CatchUp, CutoffBehavior, Freeze, HashType, MaintenanceWindow, NotificationConfig, RebootOption,
    RunCommand, Target, Task, TaskAction,
};

pub(super) fn write(yaml: &mut Yaml, window: &MaintenanceWindow) {
    optional(yaml, "description", window.description.as_deref());
    yaml.text("schedule", &window.schedule.to_string());
    if window.schedule_timezone != Tz::UTC {
        yaml.text("schedule_timezone", window.schedule_timezone.name());
    }
    if let Some(days) = window.schedule_offset_days {
        yaml.plain("schedule_offset", days);
    }
    let instant = |time: &DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    optional(yaml, "start_date", window.start_date.as_ref().map(instant).as_deref());
    optional(yaml, "end_date", window.end_date.as_ref().map(instant).as_deref());
    yaml.plain("duration", in_words(window.duration_minutes));
    yaml.plain("cutoff", in_words(window.cutoff_minutes));
    if window.splay_minutes != 0 {
        yaml.plain("splay", in_words(window.splay_minutes));
    }
    match window.catch_up {
        CatchUp::WhileOpen => {}
        CatchUp::Never => yaml.plain("catch_up", "never"),
        CatchUp::ScanLater => yaml.plain("catch_up", "scan_later"),
    }
    if window.allow_unassociated_targets {
        yaml.plain("allow_unassociated_targets", true);
    }
    if !window.enabled {
        yaml.plain("enabled", false);
    }
    if !window.freezes.is_empty() {
        yaml.mappings("freezes", &window.freezes, write_freeze);
    }
    if !window.targets.is_empty() {
        yaml.mappings("targets", &window.targets, |yaml, target| {
            yaml.text("name", &target.name);
            optional(yaml, "description", target.description.as_deref());
            optional(yaml, "owner_information", target.owner_information.as_deref());
            conditions(yaml, &target.targets);
        });
    }
    if !window.tasks.is_empty() {
        yaml.mappings("tasks", &window.tasks, write_task);
    }
}

fn optional(yaml: &mut Yaml, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        yaml.text(key, text);
    }
}

fn write_freeze(yaml: &mut Yaml, freeze: &Freeze) {
    let (from, until) = (freeze.from.format("%Y-%m-%d"), freeze.until.format("%Y-%m-%d"));
    if freeze.from == freeze.until {
        yaml.plain("dates", from);
    } else {
        yaml.plain("dates", format!("{from}..{until}"));
    }
    if !freeze.reason.is_empty() {
        yaml.text("reason", &freeze.reason);
    }
}

fn conditions(yaml: &mut Yaml, targets: &[Target]) {
    if !targets.is_empty() {
        yaml.mappings("targets", targets, |yaml, target| {
            yaml.text("key", &target.key.to_string());
            yaml.texts("values", &target.values);
        });
    }
}

fn write_task(yaml: &mut Yaml, task: &Task) {
    let kind = match &task.action {
        TaskAction::Scan => "SCAN",
        TaskAction::Install { .. } => "INSTALL",
        TaskAction::RunCommand { .. } => "RUN_COMMAND",
        TaskAction::Automation { .. } => "AUTOMATION",
        TaskAction::Lambda { .. } => "LAMBDA",
        TaskAction::StepFunctions { .. } => "STEP_FUNCTIONS",
    };
    yaml.plain("type", kind);
    yaml.text("name", &task.name);
    optional(yaml, "description", task.description.as_deref());
    if task.priority != 1 {
        yaml.plain("priority", task.priority);
    }
    conditions(yaml, &task.targets);
    if let Some(limit) = task.max_concurrency {
        yaml.plain("max_concurrency", limit);
    }
    if let Some(limit) = task.max_errors {
        yaml.plain("max_errors", limit);
    }
    match task.cutoff_behavior {
        CutoffBehavior::ContinueTask => {}
        CutoffBehavior::CancelTask => yaml.plain("cutoff_behavior", "CANCEL_TASK"),
    }
    write_action(yaml, &task.action);
}

fn write_action(yaml: &mut Yaml, action: &TaskAction) {
    match action {
        TaskAction::Scan | TaskAction::Install { reboot_option: RebootOption::RebootIfNeeded } => {}
        TaskAction::Install { reboot_option: RebootOption::NoReboot } => {
            yaml.plain("reboot_option", "NoReboot")
        }
        TaskAction::RunCommand(command) => write_command(yaml, command),
        TaskAction::Automation { document_name, document_version, parameters } => {
            yaml.text("document_name", document_name);
            optional(yaml, "document_version", document_version.as_deref());
            write_parameters(yaml, parameters);
        }
        TaskAction::Lambda { function, client_context, qualifier, payload } => {
            yaml.text("function", function);
            optional(yaml, "client_context", client_context.as_deref());
            optional(yaml, "qualifier", qualifier.as_deref());
            optional(yaml, "payload", payload.as_deref());
        }
        TaskAction::StepFunctions { state_machine, input, name } => {
            yaml.text("state_machine", state_machine);
            optional(yaml, "input", input.as_deref());
            optional(yaml, "execution_name", name.as_deref());
        }
    }
}

fn write_command(yaml: &mut Yaml, command: &RunCommand) {
    let RunCommand {
        document_name,
        document_version,
        document_hash,
        document_hash_type,
        comment,
        parameters,
        timeout_seconds,
        output_s3_bucket_name,
        output_s3_key_prefix,
        cloud_watch_log_group_name,
        cloud_watch_output_enabled,
        notification_config,
        service_role_arn,
    } = command;

    yaml.text("document_name", document_name);
    optional(yaml, "document_version", document_version.as_deref());
    optional(yaml, "document_hash", document_hash.as_deref());
    match document_hash_type {
        None => {}
        Some(HashType::Sha256) => yaml.plain("document_hash_type", "Sha256"),
        Some(HashType::Sha1) => yaml.plain("document_hash_type", "Sha1"),
    }
    optional(yaml, "comment", comment.as_deref());
    write_parameters(yaml, parameters);
    if let Some(seconds) = timeout_seconds {
        yaml.plain("timeout_seconds", seconds);
    }
    optional(yaml, "output_s3_bucket_name", output_s3_bucket_name.as_deref());
    optional(yaml, "output_s3_key_prefix", output_s3_key_prefix.as_deref());
    optional(yaml, "cloud_watch_log_group_name", cloud_watch_log_group_name.as_deref());
    if *cloud_watch_output_enabled {
        yaml.plain("cloud_watch_output_enabled", true);
    }
    if let Some(config) = notification_config {
        yaml.mapping("notification_config", |yaml| write_notification(yaml, config));
    }
    optional(yaml, "service_role_arn", service_role_arn.as_deref());
}

fn write_parameters(yaml: &mut Yaml, parameters: &std::collections::BTreeMap<String, Vec<String>>) {
    if !parameters.is_empty() {
        yaml.mapping("parameters", |yaml| {
            for (name, values) in parameters {
                yaml.texts(&super::yaml::scalar(name), values);
            }
        });
    }
}

fn write_notification(yaml: &mut Yaml, config: &NotificationConfig) {
    yaml.text("notification_arn", &config.notification_arn);
    yaml.texts("notification_events", &config.notification_events);
    optional(yaml, "notification_type", config.notification_type.as_deref());
}
