//! Lives with one window: whatever happens, everything heals in the end.

use patchflock_api::run::{Operation, RebootChoice};
use patchflock_api::status::StartRun;

use super::super::tests::{at, run_id};
use super::*;

const WINDOW: &str = "
kind: MaintenanceWindow
name: nightly
spec:
  schedule: cron(0 2 ? * * *)
  duration: 4h
  cutoff: 1h
  splay: 20m
  targets:
    - name: all
      targets: [{ key: InstanceIds, values: ['*'] }]
  tasks:
    - name: patch
      priority: 1
      type: INSTALL
      targets: [{ key: WindowTargetIds, values: [all] }]
      max_concurrency: '1'
      max_errors: '0'
";

fn start() -> DateTime<Utc> {
    at("2026-11-20T00:00:00Z")
}

#[test]
fn whatever_happens_no_invariant_breaks_and_everything_is_accounted_for() {
    let mut crashes = 0;
    let mut installed = 0;
    for seed in 1..=300 {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, windows_of(WINDOW), start());
            world.feed(Event::Started);
            while world.now < start() + TimeDelta::days(6) {
                world.go_on();
            }
            // Then everything heals, and all that is missing gets installed.
            world.troublesome = false;
            world.missing.insert("last".to_owned());
            let healed = world.now;
            while world.now < healed + TimeDelta::days(3) || world.disk.active.is_some() {
                world.go_on();
            }
            assert!(world.missing.len() < 12, "patched again after it healed: {:?}", world.missing);
            assert!(!world.missing.contains("last"));
            assert!(world.accounted() > 5);
            for ((run, point), times) in &world.hooks {
                assert!(*times < 60, "{run} {point:?} was asked for {times} times");
            }
            let done = world.transactions.values().filter(|(_, t)| *t == Transaction::Done).count();
            (world.crashes, done)
        });
        let (c, i) = result.unwrap_or_else(|cause| {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(cause)
        });
        crashes += c;
        installed += i;
    }
    assert!(
        crashes > 1000 && installed > 500,
        "the world was not dull: {crashes} crashes, {installed} installed"
    );
}

#[test]
fn a_request_that_was_answered_survives_any_crash() {
    for seed in 1..=100 {
        let mut world = World::new(seed, windows_of(WINDOW), start());
        world.policy.scan_interval_hours = 0;
        world.policy.windows.clear();
        world.core = Core::new("n-1".parse().unwrap(), world.policy.clone(), Journal::default());
        world.feed(Event::Started);
        let start = StartRun {
            operation: Operation::Install,
            reboot: RebootChoice::Never,
            dry_run: false,
            order: None,
            expires: None,
        };
        let event = Event::Requested { request: 1, run: run_id("r-1"), start, by: "root".into() };
        let mut promised = false;
        for effect in world.core.on(world.now, event) {
            if world.dice.one_in(5) {
                break;
            }
            promised |= matches!(effect, Effect::Reply { result: Ok(_), .. });
            world.perform(effect);
        }
        world.crash();
        for _ in 0..2000 {
            world.go_on();
        }
        let told = world.history.iter().filter(|h| h.spec.id == run_id("r-1")).count();
        assert!(told <= 1 && (told == 1 || !promised), "seed {seed}: promised {promised}, told {told}");
    }
}
