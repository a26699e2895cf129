//! The whole way from an inventory over decisions and a plan to compliance, on random machines with a small package
//! manager that knows dependencies and conflicts.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "sample/machine.rs"]
mod machine;
#[path = "pipeline_properties/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::convert::Infallible;

use chrono::{DateTime, Utc};
use machine::*;
use patchflock_baselines::approval::{Evaluation, Verdict, evaluate};
use patchflock_baselines::baseline::*;
use patchflock_baselines::compliance::{NodeCompliance, PatchState, RunTraces, assess};
use patchflock_baselines::inventory::*;
use patchflock_baselines::plan::{Plan, Role, Target, resolve, targets};
use proptest::prelude::*;
use world::{World, policy, world};

fn now() -> DateTime<Utc> {
    time("2026-11-24T12:00:00Z")
}

/// Everything that a run on a machine decides.
struct Run {
    evaluation: Evaluation,
    wanted: Vec<Target>,
    plan: Plan,
}

fn run(world: &World, baseline: &Baseline) -> Run {
    let evaluation = evaluate(baseline, &world.inventory, now()).expect("same system");
    let wanted = targets(&evaluation);
    let simulate = |some: &[Target]| Ok::<_, Infallible>(world.simulate(some));
    let Ok(plan) = resolve(baseline, &world.inventory, &evaluation, wanted.clone(), simulate);
    Run { evaluation, wanted, plan }
}

impl Run {
    /// The targets that are left in the plan.
    fn kept(&self) -> Vec<Target> {
        let left_out =
            |t: &Target| self.plan.held.iter().any(|h| (&h.name, &h.version) == (&t.name, &t.version));
        self.wanted.iter().filter(|t| !left_out(t)).cloned().collect()
    }
}

fn compliance(inventory: &Inventory, baseline: &Baseline, after_install: bool) -> NodeCompliance {
    let evaluation = evaluate(baseline, inventory, now()).expect("same system");
    assess(baseline, inventory, &evaluation, &RunTraces::default(), after_install)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_plan_is_exactly_what_its_own_targets_bring(w in world(), b in policy()) {
        let b = w.own(b);
        let r = run(&w, &b);
        let kept = r.kept();
        let planned: BTreeSet<(&str, &str)> =
            r.plan.items.iter().map(|i| (i.name.as_str(), i.to.as_str())).collect();
        let simulation = w.simulate(&kept);
        let changed: BTreeSet<(&str, &str)> = simulation
            .changes
            .iter()
            .map(|c| (c.name.as_str(), c.to.as_deref().unwrap_or("removed")))
            .collect();
        prop_assert_eq!(&planned, &changed);
        // Each target is in it or told to be left out, and each other item is needed by one that is in it.
        prop_assert_eq!(kept.len() + r.plan.held.len(), r.wanted.len());
        for t in &kept {
            prop_assert!(planned.contains(&(t.name.as_str(), t.version.as_str())), "{t:?}");
        }
        let needed = w.needed_by(&kept);
        for item in &r.plan.items {
            prop_assert!(needed.contains(&item.name), "{item:?} {needed:?}");
        }
    }

    #[test]
    fn every_item_has_a_reason_and_every_left_out_patch_too(w in world(), b in policy()) {
        let b = w.own(b);
        let r = run(&w, &b);
        let kept: BTreeSet<String> = r.kept().into_iter().map(|t| t.name).collect();
        for item in &r.plan.items {
            match &item.role {
                Role::Approved { reason } => {
                    prop_assert!(!reason.is_empty() && kept.contains(&item.name), "{item:?}");
                }
                Role::PulledIn { by } => {
                    prop_assert!(!by.is_empty() && by.iter().all(|name| kept.contains(name)), "{item:?}");
                    prop_assert!(!kept.contains(&item.name), "{item:?}");
                }
            }
        }
        prop_assert!(r.plan.held.iter().all(|h| !h.reason.is_empty()));
    }

    #[test]
    fn nothing_that_is_rejected_or_held_or_older_is_in_a_plan(w in world(), b in policy()) {
        let b = w.own(b);
        let r = run(&w, &b);
        for item in &r.plan.items {
            let rejected = b.rejected_patches.contains(&item.name);
            let allowed = b.rejected_patches_action == RejectedAction::AllowAsDependency
                && matches!(item.role, Role::PulledIn { .. });
            prop_assert!(!rejected || allowed, "{item:?}");
            let offer = w.offer(&item.name, &item.to).expect("only what is offered");
            prop_assert!(offer.held.is_none(), "{item:?}");
            prop_assert!(item.from.as_ref().is_none_or(|from| *from < item.to), "{item:?}");
            // Backports and third parties come in only where the baseline approves something from there.
            let approved = |d: &&patchflock_baselines::approval::Decision| d.verdict == Verdict::Approved;
            let trusted: BTreeSet<&String> = r.evaluation.decisions.iter().filter(approved)
                .flat_map(|d| &w.offer(&d.name, &d.version).expect("offered").sources)
                .collect();
            let distribution = ["main", "security"];
            prop_assert!(
                offer.sources.iter().any(|s| trusted.contains(s) || distribution.contains(&s.as_str())),
                "{item:?}"
            );
        }
    }

    #[test]
    fn after_a_perfect_install_nothing_of_the_plan_is_missing_or_failed(w in world(), b in policy()) {
        let b = w.own(b);
        let r = run(&w, &b);
        let after = w.installed(&r.plan);
        let report = compliance(&after, &b, true);
        for item in &r.plan.items {
            let rows: Vec<_> = report.patches.iter()
                .filter(|p| (&p.name, &p.version) == (&item.name, &item.to))
                .collect();
            let wrong = [PatchState::Missing, PatchState::Failed, PatchState::InstalledRejected];
            prop_assert!(rows.iter().all(|p| !wrong.contains(&p.state)), "{item:?} {rows:?}");
        }
        // What is still missing was left out of the plan, or is held, and was missing before.
        let before = compliance(&w.inventory, &b, false);
        for patch in report.patches.iter().filter(|p| p.state == PatchState::Missing || p.state == PatchState::Failed) {
            let same = |p: &&patchflock_baselines::compliance::PatchCompliance| (&p.name, &p.version) == (&patch.name, &patch.version);
            let was = before.patches.iter().find(same).map(|p| p.state);
            prop_assert_eq!(was, Some(PatchState::Missing), "{:?}", patch);
            let left = r.plan.held.iter().any(|h| (&h.name, &h.version) == (&patch.name, &patch.version));
            let offer = w.offer(&patch.name, &patch.version).expect("offered");
            prop_assert!(left || offer.held.is_some(), "{patch:?}");
        }
        // A second run finds nothing of the first one again.
        let again = targets(&evaluate(&b, &after, now()).expect("same system"));
        for item in &r.plan.items {
            prop_assert!(!again.iter().any(|t| (&t.name, &t.version) == (&item.name, &item.to)), "{item:?}");
        }
    }

    #[test]
    fn the_order_of_everything_in_the_inventory_is_irrelevant(w in world(), b in policy(), by in 0usize..12) {
        let b = w.own(b);
        let mut turned = w.clone();
        let i = &mut turned.inventory;
        i.candidates.reverse();
        i.sources.reverse();
        i.installed.reverse();
        let (candidates, installed) = (i.candidates.len(), i.installed.len());
        i.candidates.rotate_left(by.checked_rem(candidates).unwrap_or(0));
        i.installed.rotate_left(by.checked_rem(installed).unwrap_or(0));
        let mut other = b.clone();
        other.approved_patches.reverse();
        other.rejected_patches.reverse();
        let (one, two) = (run(&w, &b), run(&turned, &other));
        prop_assert_eq!(&one.plan, &two.plan);
        prop_assert_eq!(one.evaluation, two.evaluation);
        prop_assert_eq!(compliance(&w.inventory, &b, false), compliance(&turned.inventory, &other, false));
        let (after, after_turned) = (w.installed(&one.plan), turned.installed(&two.plan));
        prop_assert_eq!(compliance(&after, &b, true), compliance(&after_turned, &other, true));
    }
}
