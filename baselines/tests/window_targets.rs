//! Which tasks of a window are for a node: the tables of reference 6.5, 6.7 and 9, and properties of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use patchflock_baselines::document::{Document, parse};
use patchflock_baselines::window::{
    MaintenanceWindow, MaxConcurrency, MaxErrors, NodeFacts, Target, TargetKey, Task, TaskAction,
    WindowTarget,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

#[path = "sample/window.rs"]
#[allow(dead_code, reason = "only the window itself is needed here")]
mod sample;

fn node() -> NodeFacts {
    let tags = [("Patch Group", "web"), ("Environment", "live"), ("empty", "")];
    NodeFacts {
        node_id: "mi-0123456789abcdef0".into(),
        hostname: "web1".into(),
        tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    }
}

/// `key=value,value`.
fn target(text: &str) -> Target {
    let (key, values) = text.split_once('=').unwrap();
    let values = values.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    Target { key: TargetKey::parse(key).unwrap(), values }
}

fn targets(texts: &[&str]) -> Vec<Target> {
    texts.iter().map(|text| target(text)).collect()
}

fn registered(name: &str, texts: &[&str]) -> WindowTarget {
    WindowTarget { name: name.into(), description: None, owner_information: None, targets: targets(texts) }
}

fn task(name: &str, priority: u32, action: TaskAction, targets: Vec<Target>) -> Task {
    Task {
        name: name.into(),
        description: None,
        priority,
        targets,
        max_concurrency: Some(MaxConcurrency::parse("1").unwrap()),
        max_errors: Some(MaxErrors::parse("0").unwrap()),
        cutoff_behavior: Default::default(),
        action,
    }
}

/// A window for whoever its tasks name.
fn open_to_all(tasks: Vec<Task>) -> MaintenanceWindow {
    let window = sample::window("rate(1 day)", "UTC");
    MaintenanceWindow { allow_unassociated_targets: true, tasks, ..window }
}

/// `run`, `-` where it is not for the node, else the reason.
fn outcome(window: &MaintenanceWindow) -> String {
    match window.tasks_for(&node()).as_slice() {
        [] => "-".into(),
        [one] => one.not_run.clone().unwrap_or_else(|| "run".into()),
        more => panic!("{more:?}"),
    }
}

fn of_task(texts: &[&str]) -> String {
    outcome(&open_to_all(vec![task("t", 1, TaskAction::Scan, targets(texts))]))
}

#[test]
fn a_task_is_for_a_node_that_meets_all_its_conditions_with_any_of_their_values() {
    let table: &[(&[&str], &str)] = &[
        (&["InstanceIds=mi-0123456789abcdef0"], "run"),
        (&["InstanceIds=mi-0,mi-0123456789abcdef0"], "run"),
        (&["InstanceIds=mi-0123456789ABCDEF0"], "-"),
        (&["InstanceIds=web1"], "run"),
        (&["InstanceIds=WEB1"], "-"),
        (&["InstanceIds=web"], "-"),
        (&["InstanceIds=*"], "run"),
        (&["InstanceIds=web*"], "-"),
        (&["instanceids=web1"], "run"),
        (&["InstanceIds="], "-"),
        (&["tag:Environment=live"], "run"),
        (&["tag:Environment=test,live"], "run"),
        (&["tag:Environment=Live"], "-"),
        (&["tag:environment=live"], "-"),
        (&["tag:Environment=*"], "-"),
        (&["tag:Environment="], "-"),
        (&["tag:Patch Group=web"], "run"),
        (&["tag:PatchGroup=web"], "-"),
        (&["tag-key=Environment"], "run"),
        (&["tag-key=none,empty"], "run"),
        (&["tag-key=environment"], "-"),
        (&["tag-key=*"], "-"),
        (&["tag:Environment=live", "tag:Patch Group=web"], "run"),
        (&["tag:Environment=live", "tag:Patch Group=db"], "-"),
        (&["tag:Environment=live", "tag:Environment=test"], "-"),
        (&["WindowTargetIds=nobody"], "-"),
    ];
    for (texts, wanted) in table {
        assert_eq!(of_task(texts), *wanted, "{texts:?}");
    }
}

#[test]
fn an_empty_id_or_host_name_is_nobody() {
    let mut window = open_to_all(vec![task("t", 1, TaskAction::Scan, targets(&["InstanceIds=x"]))]);
    window.tasks[0].targets[0].values = vec![String::new()];
    assert_eq!(window.tasks_for(&NodeFacts::default()), []);
}

#[test]
fn a_group_that_a_node_cannot_resolve_is_told_and_not_dropped() {
    for texts in [
        &["resource-groups:Name=g"] as &[&str],
        &["resource-groups:ResourceTypeFilters=AWS::EC2::Instance"],
        &["resource-groups:Name=g", "tag:Environment=live"],
    ] {
        let found = of_task(texts);
        assert!(found.contains("resource group"), "{texts:?}: {found}");
    }
    // Whatever the group is, this node is not meant.
    assert_eq!(of_task(&["resource-groups:Name=g", "tag:Environment=test"]), "-");
}

#[test]
fn names_of_registered_targets_are_alternatives() {
    let window = |names: &str| MaintenanceWindow {
        allow_unassociated_targets: false,
        targets: vec![
            registered("web", &["tag:Patch Group=web", "tag:Environment=live"]),
            registered("db", &["tag:Patch Group=db"]),
            registered("grouped", &["resource-groups:Name=g"]),
            registered("nothing", &[]),
        ],
        ..open_to_all(vec![task("t", 1, TaskAction::Scan, targets(&[&format!("WindowTargetIds={names}")]))])
    };
    for (names, wanted) in [
        ("web", "run"),
        ("db", "-"),
        ("db,web", "run"),
        ("grouped,web", "run"),
        ("nothing", "-"),
        ("Web", "-"),
    ] {
        assert_eq!(outcome(&window(names)), wanted, "{names}");
    }
    assert!(outcome(&window("grouped,db")).contains("resource group"));
}

#[test]
fn a_node_outside_of_the_windows_targets_is_reached_only_if_the_window_allows_it() {
    let with = |registered: Vec<WindowTarget>| MaintenanceWindow {
        allow_unassociated_targets: false,
        targets: registered,
        ..open_to_all(vec![task("t", 1, TaskAction::Scan, targets(&["InstanceIds=web1"]))])
    };
    assert_eq!(outcome(&with(vec![registered("live", &["tag:Environment=live"])])), "run");
    let outside = outcome(&with(vec![registered("db", &["tag:Patch Group=db"])]));
    assert!(outside.contains("allow_unassociated_targets: true"), "{outside}");
    // Without targets of its own the window restricts nothing.
    assert_eq!(outcome(&with(vec![])), "run");
    assert!(outcome(&with(vec![registered("g", &["resource-groups:Name=g"])])).contains("resource group"));
}

#[test]
fn what_nothing_executes_yet_comes_back_with_the_reason() {
    let lambda =
        TaskAction::Lambda { function: "SSMx".into(), client_context: None, qualifier: None, payload: None };
    let with = |texts: &[&str]| outcome(&open_to_all(vec![task("t", 1, lambda.clone(), targets(texts))]));
    assert!(with(&["InstanceIds=web1"]).contains("LAMBDA are not executed yet"));
    assert!(with(&[]).contains("LAMBDA are not executed yet"));
    assert_eq!(with(&["InstanceIds=web2"]), "-");
    assert!(of_task(&[]).contains("names no targets"));
}

#[test]
fn tasks_come_by_priority_and_then_in_the_order_of_the_document() {
    let here = || targets(&["InstanceIds=*"]);
    let install = TaskAction::Install { reboot_option: Default::default() };
    let window = open_to_all(vec![
        task("c", 5, install.clone(), here()),
        task("a", 1, TaskAction::Scan, here()),
        task("other", 1, TaskAction::Scan, targets(&["InstanceIds=web2"])),
        task("d", 5, TaskAction::Scan, here()),
        task("b", 1, install, here()),
        task("first", 0, TaskAction::Scan, here()),
    ]);
    let names: Vec<&str> = window.tasks_for(&node()).iter().map(|found| found.task.name.as_str()).collect();
    assert_eq!(names, ["first", "a", "b", "c", "d"]);
}

#[test]
fn a_window_as_it_is_written_finds_its_tasks() {
    let source = "kind: MaintenanceWindow
name: w
spec:
  schedule: rate(1 day)
  duration: 2h
  targets:
    - {name: web, targets: [{key: 'tag:Patch Group', values: [web]}]}
  tasks:
    - {type: INSTALL, priority: 2, max_concurrency: 10%, max_errors: 0,
       targets: [{key: WindowTargetIds, values: [web]}]}
    - {type: SCAN, max_concurrency: 100%, max_errors: 0, targets: [{key: WindowTargetIds, values: [web]}]}
";
    let parsed = parse("w.yaml", source.as_bytes()).unwrap();
    let Some(Document::MaintenanceWindow(window)) = parsed.documents.first() else { panic!("{parsed:?}") };
    let found: Vec<(&str, bool)> =
        window.tasks_for(&node()).iter().map(|f| (f.task.name.as_str(), f.not_run.is_none())).collect();
    assert_eq!(found, [("scan", true), ("install", true)]);
}

/// Conditions over few words, so that they often meet.
fn any_target() -> impl Strategy<Value = Target> {
    let key =
        select(vec!["InstanceIds", "tag:a", "tag:b", "tag-key", "resource-groups:Name", "WindowTargetIds"]);
    let values = subsequence(vec!["a", "b", "x", "*"], 0..=3);
    (key, values).prop_map(|(key, values)| Target {
        key: TargetKey::parse(key).unwrap(),
        values: values.into_iter().map(str::to_owned).collect(),
    })
}

fn any_window() -> impl Strategy<Value = MaintenanceWindow> {
    let conditions = || prop::collection::vec(any_target(), 0..4);
    let tasks = prop::collection::vec((0_u32..4, any::<bool>(), conditions()), 0..6);
    (any::<bool>(), prop::collection::vec(conditions(), 0..3), tasks).prop_map(|(open, groups, tasks)| {
        let tasks = tasks.into_iter().enumerate().map(|(index, (priority, scan, targets))| {
            let action = if scan { TaskAction::Scan } else { TaskAction::RunCommand(Box::default()) };
            task(&index.to_string(), priority, action, targets)
        });
        let names = ["a", "b", "x"];
        MaintenanceWindow {
            allow_unassociated_targets: open,
            targets: groups
                .into_iter()
                .zip(names)
                .map(|(targets, name)| WindowTarget { targets, ..registered(name, &[]) })
                .collect(),
            ..open_to_all(tasks.collect())
        }
    })
}

fn any_node() -> impl Strategy<Value = NodeFacts> {
    let word = || select(vec!["", "a", "b", "x", "*"]).prop_map(str::to_owned);
    (word(), word(), prop::collection::btree_map(word(), word(), 0..3))
        .prop_map(|(node_id, hostname, tags)| NodeFacts { node_id, hostname, tags })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tasks_are_ordered_and_run_only_if_something_executes_them(window in any_window(), node in any_node()) {
        let found = window.tasks_for(&node);
        let order: Vec<(u32, usize)> =
            found.iter().map(|f| (f.task.priority, f.task.name.parse().unwrap())).collect();
        prop_assert!(order.is_sorted(), "{order:?}");
        for f in &found {
            prop_assert!(f.not_run.is_some() || f.task.action.is_executed() && !f.task.targets.is_empty());
        }
    }

    #[test]
    fn another_condition_never_brings_a_task_to_a_node(
        window in any_window(), node in any_node(), more in any_target(),
    ) {
        let runs = |window: &MaintenanceWindow| -> Vec<String> {
            let found = window.tasks_for(&node);
            found.into_iter().filter(|f| f.not_run.is_none()).map(|f| f.task.name.clone()).collect()
        };
        let before = runs(&window);
        let narrow = |mut task: Task| {
            // A task without conditions is for nobody, so that the first one may bring it to somebody; and naming
            // a registered target is what makes a node one of the window's.
            if !task.targets.is_empty() && more.key != TargetKey::WindowTargetIds {
                task.targets.push(more.clone());
            }
            task
        };
        let tasks = window.tasks.iter().cloned().map(narrow).collect();
        for name in runs(&MaintenanceWindow { tasks, ..window }) {
            prop_assert!(before.contains(&name));
        }
    }

    #[test]
    fn a_node_that_is_not_told_of_a_task_fails_one_of_its_conditions(
        window in any_window(), node in any_node(),
    ) {
        // The definition again, in its slow form: what holds for sure, and what cannot be excluded.
        let holds = |target: &Target| target.values.iter().any(|value| match &target.key {
            TargetKey::InstanceIds => {
                value == "*" || !value.is_empty() && [&node.node_id, &node.hostname].contains(&value)
            }
            TargetKey::Tag(key) => node.tags.get(key) == Some(value),
            TargetKey::TagKey => node.tags.contains_key(value),
            TargetKey::ResourceGroupName | TargetKey::ResourceTypeFilters => true,
            TargetKey::WindowTargetIds => false,
        });
        let named = |target: &Target| window.targets.iter().any(|registered| {
            target.values.contains(&registered.name)
                && !registered.targets.is_empty()
                && registered.targets.iter().all(holds)
        });
        let told: Vec<&str> = window.tasks_for(&node).iter().map(|f| f.task.name.as_str()).collect();
        for task in &window.tasks {
            let possible = task.targets.iter().all(|target| match target.key {
                TargetKey::WindowTargetIds => named(target),
                _ => holds(target),
            });
            prop_assert_eq!(told.contains(&task.name.as_str()), possible, "{:?}", task);
        }
    }
}
