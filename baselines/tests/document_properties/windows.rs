//! Random valid maintenance windows.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use patchflock_baselines::schedule::Schedule;
use patchflock_baselines::window::{
    CatchUp, CutoffBehavior, Freeze, HashType, MaintenanceWindow, MaxConcurrency, MaxErrors,
    NotificationConfig, RebootOption, RunCommand, Target, TargetKey, Task, TaskAction, WindowTarget,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::values::{name, text, word};

fn day() -> impl Strategy<Value = NaiveDate> {
    (1970_i32..=2199, 1_u32..=12, 1_u32..=28).prop_map(|(y, m, d)| NaiveDate::from_ymd_opt(y, m, d).unwrap())
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (day(), 0_i64..86_400, select(vec![0, 500_000_000, 1])).prop_map(|(day, seconds, nanos)| {
        day.and_hms_opt(0, 0, 0).unwrap().and_utc()
            + TimeDelta::seconds(seconds)
            + TimeDelta::nanoseconds(nanos)
    })
}

fn conditions() -> impl Strategy<Value = Vec<Target>> {
    let key = prop_oneof![
        word(20).prop_map(TargetKey::Tag),
        Just(TargetKey::InstanceIds),
        Just(TargetKey::TagKey),
        Just(TargetKey::ResourceTypeFilters),
    ];
    let target =
        (key, prop::collection::vec(word(20), 1..4)).prop_map(|(key, values)| Target { key, values });
    // One condition for each key: two on one tag may exclude each other.
    prop::collection::btree_map(word(20), target, 1..4).prop_map(|targets| {
        let mut targets: Vec<Target> = targets.into_values().collect();
        targets.sort_by(|a, b| a.key.cmp(&b.key));
        targets.dedup_by(|a, b| a.key == b.key);
        targets
    })
}

fn parameters() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<String>>> {
    prop::collection::btree_map(text(20), prop::collection::vec(text(20), 0..3), 0..3)
}

fn command() -> impl Strategy<Value = RunCommand> {
    let notification =
        (text(30), option::of(select(vec!["Command", "Invocation"]))).prop_map(|(arn, kind)| {
            NotificationConfig {
                notification_arn: arn,
                notification_events: vec!["All".into(), "TimedOut".into()],
                notification_type: kind.map(Into::into),
            }
        });
    let document = (
        text(30),
        option::of(text(10)),
        option::of(text(10)),
        option::of(any::<bool>()),
        option::of(text(20)),
    );
    let output = (option::of("[a-z]{3,10}"), option::of(text(10)), option::of(text(10)), any::<bool>());
    let rest = (parameters(), option::of(30_u32..=2_592_000), option::of(notification), option::of(text(30)));
    (document, output, rest).prop_map(|(document, output, rest)| RunCommand {
        document_name: document.0,
        document_version: document.1,
        document_hash: document.2,
        document_hash_type: document.3.map(|long| if long { HashType::Sha256 } else { HashType::Sha1 }),
        comment: document.4,
        parameters: rest.0,
        timeout_seconds: rest.1,
        output_s3_bucket_name: output.0,
        output_s3_key_prefix: output.1,
        cloud_watch_log_group_name: output.2,
        cloud_watch_output_enabled: output.3,
        notification_config: rest.2,
        service_role_arn: rest.3,
    })
}

fn action() -> impl Strategy<Value = TaskAction> {
    prop_oneof![
        Just(TaskAction::Scan),
        select(vec![RebootOption::RebootIfNeeded, RebootOption::NoReboot])
            .prop_map(|reboot_option| TaskAction::Install { reboot_option }),
        command().prop_map(|command| TaskAction::RunCommand(Box::new(command))),
        (text(20), option::of(text(10)), parameters()).prop_map(
            |(document_name, document_version, parameters)| {
                TaskAction::Automation { document_name, document_version, parameters }
            }
        ),
        (text(20), option::of(text(10)), option::of(text(10)), option::of(text(30))).prop_map(
            |(function, client_context, qualifier, payload)| TaskAction::Lambda {
                function,
                client_context,
                qualifier,
                payload
            }
        ),
        (text(20), option::of(text(30)), option::of(text(10))).prop_map(|(state_machine, input, name)| {
            TaskAction::StepFunctions { state_machine, input, name }
        }),
    ]
}

fn task() -> impl Strategy<Value = Task> {
    let limits = (select(vec!["1", "7", "9999999", "1%", "100%"]), select(vec!["0", "0%", "3", "50%"]));
    (
        name(),
        option::of(text(20)),
        prop_oneof![0_u32..3, any::<u32>()],
        conditions(),
        limits,
        any::<bool>(),
        action(),
    )
        .prop_map(|(name, description, priority, targets, limits, cancel, action)| Task {
            name,
            description,
            priority,
            targets,
            max_concurrency: Some(MaxConcurrency::parse(limits.0).unwrap()),
            max_errors: Some(MaxErrors::parse(limits.1).unwrap()),
            cutoff_behavior: if cancel { CutoffBehavior::CancelTask } else { CutoffBehavior::ContinueTask },
            action,
        })
}

fn freeze() -> impl Strategy<Value = Freeze> {
    (day(), 0_i64..30, prop_oneof![Just(String::new()), text(20)]).prop_map(|(from, days, reason)| Freeze {
        from,
        until: from + TimeDelta::days(days),
        reason,
    })
}

fn registered() -> impl Strategy<Value = WindowTarget> {
    (name(), option::of(text(20)), option::of(text(20)), conditions()).prop_map(
        |(name, description, owner_information, targets)| WindowTarget {
            name,
            description,
            owner_information,
            targets,
        },
    )
}

/// Any valid window.
pub(crate) fn window() -> impl Strategy<Value = MaintenanceWindow> {
    let schedule = (
        select(vec![
            "cron(0 2 ? * THU#3 *)",
            "cron(24 30 09 ? * * *)",
            "cron(15 10 ? * 6L *)",
            "rate(7 days)",
            "rate(1 hour)",
            "at(2027-01-01T02:00:00)",
        ]),
        select(vec!["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]),
        option::of(1_u32..=6),
        option::of(instant()),
        option::of(1_i64..100_000),
    );
    let times = (1_u32..=1440).prop_flat_map(|duration| {
        (0..duration).prop_flat_map(move |cutoff| (Just(duration), Just(cutoff), 0..duration - cutoff))
    });
    let lists = (
        prop::collection::vec(freeze(), 0..3),
        prop::collection::vec(registered(), 0..3),
        prop::collection::vec(task(), 0..4),
    );
    let switches =
        (any::<bool>(), any::<bool>(), select(vec![CatchUp::Never, CatchUp::WhileOpen, CatchUp::ScanLater]));
    (name(), option::of(text(60)), schedule, times, lists, switches).prop_map(
        |(name, description, schedule, times, lists, switches)| {
            let (freezes, mut targets, mut tasks) = lists;
            for (index, target) in targets.iter_mut().enumerate() {
                target.name.push_str(&index.to_string());
            }
            for (index, task) in tasks.iter_mut().enumerate() {
                task.name.push_str(&index.to_string());
                // No two do the same at once.
                task.priority = (task.priority & 0x7fff_fff0) + u32::try_from(index).unwrap();
            }
            let cron = schedule.0.starts_with("cron");
            let end_date = schedule.3.filter(|_| schedule.4.is_some()).map(|start| {
                // The years of a schedule end with 2199.
                (start + TimeDelta::seconds(schedule.4.unwrap_or(1)))
                    .min("2199-12-31T23:59:59Z".parse().unwrap())
            });
            opening(MaintenanceWindow {
                name,
                description,
                schedule: Schedule::parse(schedule.0).unwrap(),
                schedule_timezone: schedule.1.parse().unwrap(),
                schedule_offset_days: schedule.2.filter(|_| cron),
                start_date: schedule.3,
                end_date,
                duration_minutes: times.0,
                cutoff_minutes: times.1,
                allow_unassociated_targets: switches.0,
                enabled: switches.1,
                splay_minutes: times.2,
                catch_up: switches.2,
                freezes,
                targets,
                tasks,
            })
        },
    )
}

/// The window, without what keeps it from ever opening.
fn opening(window: MaintenanceWindow) -> MaintenanceWindow {
    let enabled = MaintenanceWindow { enabled: true, ..window.clone() };
    let opens = enabled.occurrences(DateTime::UNIX_EPOCH).any(|occurrence| occurrence.frozen.is_none());
    if opens {
        window
    } else {
        MaintenanceWindow { start_date: None, end_date: None, freezes: Vec::new(), ..window }
    }
}
