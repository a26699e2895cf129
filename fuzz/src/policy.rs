//! Policy on hostile inventories, schedules, lists and limits.

use std::convert::Infallible;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use patchflock_baselines::approval::names::matches_override;
use patchflock_baselines::approval::{Verdict, evaluate, evaluate_override_list};
use patchflock_baselines::baseline::{Approve, Baseline, RejectedAction, Rule, Undated};
use patchflock_baselines::compliance::{RunTraces, assess};
use patchflock_baselines::document::override_list::{InstallOverrideList, OverridePatch};
use patchflock_baselines::inventory::{Candidate, FORMAT, Inventory, Node, RebootEvidence};
use patchflock_baselines::os::{Family, OperatingSystem};
use patchflock_baselines::plan::{Change, Role, Simulation, Target, resolve, targets};
use patchflock_baselines::predefined;
use patchflock_baselines::schedule::{
    FIRST_YEAR, LAST_YEAR, MAX_LENGTH, MIN_INTERVAL_MINUTES, Schedule, WindowState,
};
use patchflock_baselines::window::{Limit, MaintenanceWindow, MaxConcurrency, MaxErrors, TargetKey};

use crate::text;
use crate::versions::FAMILIES;

/// `Schedule::parse`: what it accepts reads back, and its next starts come quickly and in order.
pub fn schedule(data: &[u8]) {
    let text = text(data);
    let Ok(schedule) = Schedule::parse(&text) else { return };
    assert!(text.chars().count() <= MAX_LENGTH);
    assert_eq!(Schedule::parse(&schedule.to_string()).as_ref(), Ok(&schedule), "{text}");
    for timezone in [Tz::UTC, Tz::Europe__Berlin, Tz::Australia__Lord_Howe, Tz::Pacific__Apia] {
        for offset in [None, Some(6)] {
            check_window(&window(schedule.clone(), timezone, offset));
        }
    }
    let window = window(schedule.clone(), Tz::UTC, None);
    let starts: Vec<_> = window.occurrences(now()).take(5).map(|o| o.start).collect();
    let least = TimeDelta::minutes(MIN_INTERVAL_MINUTES.into());
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= least), "{text}: {starts:?}");
}

fn window(schedule: Schedule, schedule_timezone: Tz, schedule_offset_days: Option<u32>) -> MaintenanceWindow {
    MaintenanceWindow {
        name: "window".into(),
        description: None,
        schedule,
        schedule_timezone,
        schedule_offset_days,
        start_date: None,
        end_date: None,
        duration_minutes: 180,
        cutoff_minutes: 60,
        allow_unassociated_targets: false,
        enabled: true,
        splay_minutes: 0,
        catch_up: Default::default(),
        freezes: Vec::new(),
        targets: Vec::new(),
        tasks: Vec::new(),
    }
}

/// Its next occurrences end, in order and within the years; its state can be told at any of their bounds.
pub(crate) fn check_window(window: &MaintenanceWindow) {
    for from in [now(), DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        let next: Vec<_> = window.occurrences(from).take(5).collect();
        assert!(next.windows(2).all(|pair| pair[0].start < pair[1].start), "{window:?}: {next:?}");
        for occurrence in &next {
            let year = occurrence.start.date_naive().format("%Y").to_string().parse::<i32>().unwrap();
            assert!((FIRST_YEAR - 1..=LAST_YEAR + 1).contains(&year), "{window:?}: {occurrence:?}");
            assert!(occurrence.start <= occurrence.cutoff && occurrence.cutoff <= occurrence.end);
            assert!(occurrence.end > from, "{window:?}: {occurrence:?}");
            if occurrence.frozen.is_none() && occurrence.start < occurrence.cutoff {
                let open = WindowState::Open { occurrence: occurrence.clone() };
                assert_eq!(window.state_at(occurrence.start), open, "{window:?}");
            }
            for at in [occurrence.cutoff, occurrence.end] {
                let over = WindowState::Open { occurrence: occurrence.clone() };
                assert_ne!(window.state_at(at), over, "{window:?}");
            }
        }
        assert!(!next.is_empty() || matches!(window.state_at(from), WindowState::Closed { next: None }));
    }
}

/// An inventory in JSON, then the whole way of policy over it, under its own baseline and under ones that approve
/// and reject as much as they can.
pub fn inventory(data: &[u8]) {
    let Ok(inventory) = serde_json::from_slice::<Inventory>(data) else { return };
    let written = serde_json::to_vec(&inventory).expect("an inventory as JSON");
    let again: Inventory = serde_json::from_slice(&written).expect("our own inventory");
    assert_eq!(again, inventory);

    let os = inventory.node.operating_system;
    for baseline in baselines(os) {
        for at in [now(), inventory.taken_at, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            judge(&inventory, baseline, at);
        }
    }
    let id = inventory.candidates.first().map_or("*", |c| c.name.as_str());
    let patches = ["*", id, "a*b"].map(|id| OverridePatch { id: id.into(), title: None }).to_vec();
    let list = InstallOverrideList { patches };
    for judged in baselines(os).into_iter().filter_map(|b| evaluate(b, &inventory, now()).ok()) {
        let listed = evaluate_override_list(&list, &inventory, &judged);
        assert!(listed.evaluation.decisions.len() <= inventory.candidates.len());
    }
}

fn judge(inventory: &Inventory, baseline: &Baseline, at: DateTime<Utc>) {
    let evaluation = evaluate(baseline, inventory, at).expect("a baseline for this system");
    assert!(evaluation.decisions.len() <= inventory.candidates.len());
    let mut turned = inventory.clone();
    turned.candidates.reverse();
    let again = evaluate(baseline, &turned, at).expect("a baseline for this system");
    assert_eq!(again.overdue, evaluation.overdue);
    let wanted = targets(&evaluation);
    assert_eq!(targets(&again), wanted, "the order of candidates decides");
    assert!(evaluation.decisions.iter().all(|d| !d.chosen || d.verdict == Verdict::Approved));
    let packages: std::collections::BTreeSet<_> = wanted.iter().map(|t| (&t.name, &t.arch)).collect();
    assert_eq!(packages.len(), wanted.len(), "two versions of one package are wanted: {wanted:?}");
    // A tool that also does everything else that it says it would.
    let simulate = |targets: &[Target]| {
        let asked = targets.iter().map(|t| Change {
            name: t.name.clone(),
            arch: t.arch.clone(),
            from: None,
            to: Some(t.version.clone()),
            sources: Vec::new(),
        });
        let more = inventory.native.iter().map(|n| Change {
            name: n.name.clone(),
            arch: n.arch.clone(),
            from: Some(n.from.clone()),
            to: (!n.to.is_empty()).then(|| n.to.clone()),
            sources: inventory.sources.iter().map(|s| s.id.clone()).collect(),
        });
        Ok::<_, Infallible>(Simulation { changes: asked.chain(more).collect(), refused: Vec::new() })
    };
    let Ok(plan) = resolve(baseline, inventory, &evaluation, wanted.clone(), simulate);
    assert!(plan.held.len() <= wanted.len());
    for item in &plan.items {
        let exact = Target { name: item.name.clone(), arch: item.arch.clone(), version: item.to.clone() };
        assert!(
            !matches!(item.role, Role::Approved { .. }) || wanted.contains(&exact),
            "not approved: {item:?}"
        );
        // Names of the other families have no wildcards, or are not what packages are called.
        let plain = matches!(inventory.node.operating_system.family(), Family::Apt | Family::Rpm);
        let blocked = baseline.rejected_patches_action == RejectedAction::Block && item.name.starts_with('a');
        assert!(!(plain && blocked), "rejected under BLOCK, and in the plan: {item:?}");
    }
    let traces = RunTraces {
        failed: wanted.iter().map(|t| (t.clone(), "failed".to_owned())).collect(),
        installed_since_boot: wanted,
    };
    for after_install in [false, true] {
        let report = assess(baseline, inventory, &evaluation, &traces, after_install);
        serde_json::to_vec(&report).expect("a report as JSON");
    }
}

/// The shipped baseline of a system, and two that go to the ends.
fn baselines(os: OperatingSystem) -> [&'static Baseline; 3] {
    static ALL: OnceLock<Vec<(OperatingSystem, [Baseline; 3])>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let of = |os| {
            let shipped =
                predefined::default_for(os).expect("a shipped baseline").baseline().expect("a good one");
            let everything = Rule {
                filters: Vec::new(),
                approve: Approve::AfterDays(0),
                compliance_level: Default::default(),
                enable_non_security: true,
            };
            let open = Baseline { approval_rules: vec![everything], ..shipped.clone() };
            let strict = Baseline {
                approval_rules: vec![Rule {
                    approve: Approve::AfterDays(u32::MAX),
                    ..open.approval_rules[0].clone()
                }],
                approved_patches: ["*", "linux*", "CVE-2024-1", "KB4551762", "1"].map(String::from).to_vec(),
                rejected_patches: ["bash", "*=1*", "a*", "RHSA-2024:1"].map(String::from).to_vec(),
                rejected_patches_action: RejectedAction::Block,
                undated_patches: Undated::Approve,
                max_wait_days: Some(u32::MAX),
                max_metadata_age_hours: Some(u32::MAX),
                ..shipped.clone()
            };
            (os, [shipped, open, strict])
        };
        OperatingSystem::ALL.map(of).to_vec()
    });
    let (_, three) = all.iter().find(|(of, _)| *of == os).expect("every system");
    three.each_ref()
}

/// Lists against one patch: the lines are name, architecture, version, and then entries. On apt an install-override
/// entry matches exactly where a simple matcher says so.
pub fn names(data: &[u8]) {
    let text = text(data);
    let mut lines = text.lines().map(str::to_owned);
    let mut line = || lines.next().unwrap_or_default();
    let mut candidate = bare_candidate();
    (candidate.name, candidate.arch, candidate.version) = (line(), line(), line());
    let entries: Vec<String> = lines.take(50).collect();
    candidate.installed = "0".into();
    candidate.aliases = entries.iter().take(2).cloned().collect();
    candidate.packages.clone_from(&candidate.aliases);
    for id in &entries {
        for family in FAMILIES {
            matches_override(family, id, None, &candidate);
            matches_override(family, "*", Some(id), &candidate);
        }
        let full = format!("{}.{}", candidate.name, candidate.arch);
        if id.len() < 200 && full.len() < 200 {
            let found = matches_override(Family::Apt, id, None, &candidate);
            assert_eq!(found, wild(id.as_bytes(), full.as_bytes()), "{id:?} on {full:?}");
        }
    }
    // One of each family.
    use OperatingSystem as Os;
    for os in [Os::Debian, Os::AmazonLinux2023, Os::Suse, Os::Macos, Os::Windows] {
        let inventory = one_candidate(os, &candidate);
        let [shipped, open, _] = baselines(os);
        let approving = Baseline { approved_patches: entries.clone(), ..shipped.clone() };
        let rejecting = Baseline { rejected_patches: entries.clone(), ..open.clone() };
        for baseline in [approving, rejecting] {
            judge(&inventory, &baseline, now());
        }
    }
}

/// The definition of `*`, cell by cell.
fn wild(pattern: &[u8], text: &[u8]) -> bool {
    let mut row: Vec<bool> = (0..=text.len()).map(|n| n == 0).collect();
    for p in pattern {
        let mut before = row[0];
        row[0] &= *p == b'*';
        for (at, byte) in text.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if *p == b'*' { above || row[at] } else { before && p == byte };
            before = above;
        }
    }
    row[text.len()]
}

/// `MaxConcurrency`, `MaxErrors` and `TargetKey`: what is accepted is written as it was read, and bounded.
pub fn limits(data: &[u8]) {
    let text = text(data);
    if let Ok(limit) = MaxConcurrency::parse(&text) {
        assert_eq!(limit.to_string(), *text);
        for targets in [0, 1, 50, u32::MAX] {
            assert!(limit.allowed_concurrency(targets) >= 1, "{text} of {targets}");
        }
        assert!(MaxErrors::parse(&text).is_ok(), "{text}: errors take whatever concurrency takes");
    }
    if let Ok(limit) = MaxErrors::parse(&text) {
        assert_eq!(limit.to_string(), *text);
        assert!(text.len() <= 7);
        for targets in [0, 1, 50, u32::MAX] {
            let allowed = limit.allowed_errors(targets);
            assert!(matches!(limit.limit(), Limit::Count(_)) || allowed <= targets, "{text} of {targets}");
            assert!(!limit.errors_exceed(targets, allowed));
        }
    }
    if let Ok(key) = TargetKey::parse(&text) {
        let written = key.to_string();
        assert!(written == *text || *text == *"instanceids", "{text}: {written}");
        assert!(written.chars().count() <= TargetKey::MAX_LENGTH && key.max_values() >= 1);
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_500_000, 0).expect("a time of 2026")
}

fn one_candidate(operating_system: OperatingSystem, candidate: &Candidate) -> Inventory {
    Inventory {
        format: FORMAT,
        taken_at: now(),
        node: Node {
            hostname: "node".into(),
            operating_system,
            product: "Debian12".into(),
            pretty_name: String::new(),
            arch: "amd64".into(),
            boot_id: None,
            booted_at: None,
            package_manager: "fuzz".into(),
            patch_group: None,
        },
        sources: Vec::new(),
        installed: Vec::new(),
        candidates: vec![candidate.clone()],
        sightings: Vec::new(),
        native: Vec::new(),
        foreign_updaters: Vec::new(),
        reboot: RebootEvidence::default(),
        services_to_restart: Vec::new(),
    }
}

fn bare_candidate() -> Candidate {
    serde_json::from_str(r#"{"name": "", "sources": [], "security": false}"#).expect("the least candidate")
}
