//! What must hold for any inventory and any baseline.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "sample/machine.rs"]
mod machine;

use std::collections::BTreeSet;
use std::convert::Infallible;

use chrono::{DateTime, TimeDelta, Utc};
use machine::*;
use patchflock_baselines::approval::{Evaluation, Verdict, evaluate};
use patchflock_baselines::baseline::*;
use patchflock_baselines::compliance::{NodeStatus, RunTraces, assess};
use patchflock_baselines::inventory::*;
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::plan::{Change, Simulation, Target, resolve, targets};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const SYSTEMS: [(OperatingSystem, &str); 6] = [
    (OperatingSystem::Debian, "Debian12"),
    (OperatingSystem::RedhatEnterpriseLinux, "RedhatEnterpriseLinux9.4"),
    (OperatingSystem::AmazonLinux2023, "AmazonLinux2023"),
    (OperatingSystem::Suse, "Suse15.5"),
    (OperatingSystem::Macos, "macOS14"),
    (OperatingSystem::Windows, "WindowsServer2022"),
];
const SOURCES: [&str; 4] = ["main", "security", "backports", "vendor"];

fn day() -> impl Strategy<Value = DateTime<Utc>> {
    (0i64..40 * 24).prop_map(|hours| time("2026-10-25") + TimeDelta::hours(hours))
}

fn word(list: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(list).prop_map(str::to_owned)
}

fn advisories() -> impl Strategy<Value = Vec<Advisory>> {
    let one = (
        word(&["RHSA-2026:1", "RHSA-2026:2", "RHBA-2026:3"]),
        option::of(word(&["security", "bugfix", "SecurityUpdates"])),
        option::of(word(&["Critical", "important", "Moderate", "None"])),
        option::of(day()),
        option::of(day()),
        vec(word(&["CVE-2026-1", "CVE-2026-2"]), 0..2),
    )
        .prop_map(|(id, classification, severity, issued, updated, cves)| Advisory {
            classification,
            severity,
            issued,
            updated,
            cves,
            ..advisory(&id, "", "", "")
        });
    vec(one, 0..3).prop_map(|mut notices| {
        let mut ids = BTreeSet::new();
        notices.retain(|a| ids.insert(a.id.clone()));
        notices
    })
}

fn offered() -> impl Strategy<Value = Candidate> {
    let what = (
        word(&["bind", "dbus", "KB1", "KB2"]),
        word(&["1.1-1", "1.2-1", "1.3-1", "1:0.1-1"]),
        vec(word(&SOURCES), 1..3),
        any::<bool>(),
        option::of(word(&["optional", "required"])),
        advisories(),
    );
    let when = (option::of(day()), option::of((day(), any::<bool>())));
    let local = (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.05));
    (what, when, local).prop_map(|(what, (build_time, seen), (held, deferred, obsoletes))| {
        let (name, version, sources, security, priority, advisories) = what;
        Candidate {
            sources,
            security,
            priority,
            advisories,
            build_time,
            first_seen: seen.map(|(at, first)| FirstSeen { at, at_first_sight_of_source: first }),
            held: held.then(|| "hold".into()),
            phased: deferred.then_some(Phased { percentage: 10, deferred: true }),
            obsoletes,
            ..candidate(&name, "1.0-1", &version, "main")
        }
    })
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let sightings =
        vec((word(&["bind", "dbus"]), word(&["0.9-1", "1.1-1", "1.2-1"]), any::<bool>(), day()), 0..4);
    (select(&SYSTEMS), vec(offered(), 0..8), sightings).prop_map(
        |((os, product), mut candidates, sightings)| {
            let mut inventory = machine(os, product);
            inventory.sources = debian().sources;
            // One version is offered once; its sources are a list.
            let mut seen = BTreeSet::new();
            candidates.retain(|c| seen.insert((c.name.clone(), c.version.clone())));
            inventory.installed = ["bind", "dbus"].map(|name| installed(name, "1.0-1", "main")).to_vec();
            inventory.candidates = candidates;
            inventory.sightings = sightings
                .into_iter()
                .map(|(name, version, security, at)| Sighting {
                    name,
                    arch: "amd64".into(),
                    version,
                    security,
                    at,
                })
                .collect();
            inventory
        },
    )
}

fn entries() -> impl Strategy<Value = Vec<String>> {
    vec(word(&["bind", "dbus*", "bind=1.2-1", "KB1", "CVE-2026-1", "RHSA-2026:2", "*1.3*", "nothing"]), 0..3)
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    use FilterKey::{Classification, Priority, Product, Severity};
    let values = vec(word(&["*", "Security", "Bugfix", "Critical", "Optional", "Debian12"]), 1..3);
    let filters = vec((select(&[Classification, Severity, Priority, Product][..]), values), 0..2)
        .prop_map(|list| list.into_iter().map(|(key, values)| Filter { key, values }).collect::<Vec<_>>());
    let approve = prop_oneof![
        (0u32..20).prop_map(Approve::AfterDays),
        day().prop_map(|at| Approve::UntilDate(at.date_naive())),
        Just(Approve::Manual),
    ];
    let level = select(&[ComplianceLevel::Unspecified, ComplianceLevel::Critical][..]);
    let one = (filters, approve, level, any::<bool>()).prop_map(
        |(filters, approve, compliance_level, non_security)| Rule {
            filters,
            approve,
            compliance_level,
            enable_non_security: non_security,
        },
    );
    vec(one, 0..4)
}

prop_compose! {
    fn policy()(
        rules in rules(),
        approved in entries(),
        rejected in entries(),
        block in any::<bool>(),
        all in any::<bool>(),
        candidate_only in any::<bool>(),
        approve_undated in any::<bool>(),
        max_wait in option::of(0u32..40),
    ) -> Baseline {
        Baseline {
            approved_patches: approved,
            rejected_patches: rejected,
            rejected_patches_action: if block { RejectedAction::Block } else { RejectedAction::AllowAsDependency },
            approved_patches_enable_non_security: all,
            security_rule: if candidate_only { SecurityRule::Candidate } else { SecurityRule::AnyVersion },
            undated_patches: if approve_undated { Undated::Approve } else { Undated::Wait },
            max_wait_days: max_wait,
            ..baseline(&debian(), rules)
        }
    }
}

fn judged(baseline: &Baseline, inventory: &Inventory, at: DateTime<Utc>) -> Evaluation {
    let baseline = Baseline { operating_system: inventory.node.operating_system, ..baseline.clone() };
    evaluate(&baseline, inventory, at).expect("same system")
}

fn approved(evaluation: &Evaluation) -> BTreeSet<(String, String)> {
    let of = evaluation.decisions.iter().filter(|d| d.verdict == Verdict::Approved);
    of.map(|d| (d.name.clone(), d.version.clone())).collect()
}

fn now() -> DateTime<Utc> {
    time("2026-11-24T12:00:00Z")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_offer_gets_one_decision_with_a_reason(i in inventory(), b in policy()) {
        let e = judged(&b, &i, now());
        prop_assert_eq!(e.decisions.len(), i.candidates.len());
        for d in &e.decisions {
            prop_assert!(!d.reason.is_empty());
            prop_assert!(!d.chosen || d.verdict == Verdict::Approved);
        }
        let chosen: BTreeSet<_> = e.decisions.iter().filter(|d| d.chosen).map(|d| &d.name).collect();
        let any: BTreeSet<_> =
            e.decisions.iter().filter(|d| d.verdict == Verdict::Approved).map(|d| &d.name).collect();
        prop_assert_eq!(chosen.len(), e.decisions.iter().filter(|d| d.chosen).count());
        prop_assert_eq!(chosen, any);
    }

    #[test]
    fn the_order_of_the_inventory_does_not_matter(
        i in inventory(), b in policy(), shuffled in any::<prop::sample::Index>(),
    ) {
        let mut other = i.clone();
        if !other.candidates.is_empty() {
            let at = shuffled.index(other.candidates.len());
            other.candidates.rotate_left(at);
            other.candidates.reverse();
        }
        other.sources.reverse();
        other.sightings.reverse();
        for c in &mut other.candidates {
            c.advisories.reverse();
            c.sources.reverse();
        }
        prop_assert_eq!(judged(&b, &i, now()), judged(&b, &other, now()));
    }

    #[test]
    fn one_more_rejection_never_approves_more(i in inventory(), b in policy(), more in entries()) {
        let mut stricter = b.clone();
        stricter.rejected_patches.extend(more);
        let (before, after) = (approved(&judged(&b, &i, now())), approved(&judged(&stricter, &i, now())));
        // A rejected version of a KB takes its successors along on Windows; nowhere does one bring another in.
        prop_assert!(after.is_subset(&before), "{:?} {:?}", after, before);
    }

    #[test]
    fn one_more_rule_never_approves_less(i in inventory(), b in policy(), more in rules()) {
        let mut wider = b.clone();
        wider.approval_rules.extend(more);
        let (before, after) = (judged(&b, &i, now()), judged(&wider, &i, now()));
        prop_assert!(approved(&before).is_subset(&approved(&after)));
    }

    #[test]
    fn time_alone_never_takes_an_approval_back(i in inventory(), b in policy(), hours in 0i64..2000) {
        let (before, after) = (judged(&b, &i, now()), judged(&b, &i, now() + TimeDelta::hours(hours)));
        prop_assert!(approved(&before).is_subset(&approved(&after)));
    }

    #[test]
    fn a_pending_patch_is_approved_at_the_told_instant_and_not_before(i in inventory(), b in policy()) {
        for d in judged(&b, &i, now()).decisions {
            let Verdict::Pending { at } = d.verdict else { continue };
            let verdict = |at| {
                let e = judged(&b, &i, at);
                e.decisions.into_iter().find(|x| (&x.name, &x.version) == (&d.name, &d.version)).expect("known").verdict
            };
            let is = |v: Verdict| matches!(v, Verdict::Approved | Verdict::Held | Verdict::Deferred);
            prop_assert!(is(verdict(at)), "{}", d.reason);
            // Another version of the same KB may approve this one earlier.
            if i.node.operating_system != OperatingSystem::Windows {
                prop_assert!(!is(verdict(at - TimeDelta::seconds(1))), "{}", d.reason);
            }
        }
    }

    #[test]
    fn nothing_rejected_held_or_unapproved_is_in_a_plan(i in inventory(), b in policy()) {
        let e = judged(&b, &i, now());
        let wanted = targets(&e);
        let answer = |targets: &[Target]| {
            let change = |t: &Target| Change {
                name: t.name.clone(),
                arch: t.arch.clone(),
                from: Some("1.0-1".into()),
                to: Some(t.version.clone()),
                sources: vec!["main".into()],
            };
            let mut changes: Vec<Change> = targets.iter().map(change).collect();
            // A package manager that always wants everything.
            changes.extend(i.candidates.iter().filter(|c| !targets.iter().any(|t| t.name == c.name)).map(|c| Change {
                name: c.name.clone(),
                arch: c.arch.clone(),
                from: Some("1.0-1".into()),
                to: Some(c.version.clone()),
                sources: c.sources.clone(),
            }));
            Ok::<_, Infallible>(Simulation { changes, refused: vec![] })
        };
        let Ok(plan) = resolve(&b, &i, &e, wanted.clone(), answer);
        for item in &plan.items {
            let decision = e.decisions.iter().find(|d| (&d.name, &d.version) == (&item.name, &item.to)).expect("offered");
            let blocked = decision.verdict == Verdict::Rejected && b.rejected_patches_action == RejectedAction::Block;
            prop_assert!(!blocked && !matches!(decision.verdict, Verdict::Held | Verdict::Deferred), "{:?}", item);
            let source = i.candidates.iter().find(|c| (&c.name, &c.version) == (&item.name, &item.to)).expect("offered");
            prop_assert!(source.held.is_none());
        }
        // Every target is accounted for.
        let targets_in_plan = wanted.iter().filter(|t| plan.items.iter().any(|x| x.name == t.name && x.to == t.version));
        prop_assert_eq!(targets_in_plan.count() + plan.held.len(), wanted.len());
    }

    #[test]
    fn a_node_is_compliant_only_if_nothing_chosen_is_left_and_every_source_is_believed(
        i in inventory(), b in policy(), dead in any::<bool>(),
    ) {
        let mut i = i;
        if dead {
            i.sources[0].state = SourceState::Unreadable { why: "404".into() };
        }
        let b = Baseline { operating_system: i.node.operating_system, ..b };
        let e = evaluate(&b, &i, now()).expect("same system");
        let node = assess(&b, &i, &e, &RunTraces::default(), false);
        let missing = e.decisions.iter().any(|d| d.chosen || d.verdict == Verdict::Held);
        prop_assert!(!missing || node.status == NodeStatus::NonCompliant);
        prop_assert!(!dead || node.status != NodeStatus::Compliant);
        prop_assert_eq!(node.counts.missing > 0, missing);
    }
}
