//! Weeks with many windows: they overlap each other and themselves, are splayed, cut off, frozen, and expire; the clocks of
//! their zone change; the machine sleeps, loses its power and its agent, and its clock jumps.

use super::super::tests::at;
use super::*;

const WINDOWS: &str = "
kind: MaintenanceWindow
name: berlin
spec:
  # In the hour that a change of the clocks leaves out in March and repeats in October.
  schedule: cron(30 2 ? * * *)
  schedule_timezone: Europe/Berlin
  duration: 3h
  cutoff: 1h
  splay: 20m
  tasks:
    - {type: INSTALL, name: patch, targets: [{key: InstanceIds, values: ['*']}], max_concurrency: 1, max_errors: 0}
---
kind: MaintenanceWindow
name: two-tasks
spec:
  schedule: cron(0 1 ? * * *)
  duration: 4h
  cutoff: 30m
  catch_up: scan_later
  tasks:
    - {type: INSTALL, name: patch, priority: 1, targets: [{key: InstanceIds, values: ['*']}], max_concurrency: 1, max_errors: 0}
    - {type: SCAN, name: look, priority: 2, targets: [{key: InstanceIds, values: ['*']}], max_concurrency: 1, max_errors: 0}
---
kind: MaintenanceWindow
name: over-itself
spec:
  schedule: rate(6 hours)
  duration: 7h
  cutoff: 0m
  tasks:
    - type: INSTALL
      name: patch
      reboot_option: NoReboot
      targets: [{key: InstanceIds, values: ['*']}]
      max_concurrency: 1
      max_errors: 0
---
kind: MaintenanceWindow
name: punctual
spec:
  schedule: cron(0 12 ? * * *)
  duration: 2h
  cutoff: 15m
  splay: 45m
  catch_up: never
  freezes:
    - {dates: 2026-10-26..2026-10-26, reason: fair}
    - {dates: 2027-03-29..2027-03-29, reason: fair}
  tasks:
    - {type: INSTALL, name: patch, targets: [{key: InstanceIds, values: ['*']}], max_concurrency: 1, max_errors: 0}
---
kind: MaintenanceWindow
name: expires
spec:
  schedule: rate(8 hours)
  duration: 1h
  cutoff: 0m
  tasks:
    - {type: SCAN, name: look, targets: [{key: InstanceIds, values: ['*']}], max_concurrency: 1, max_errors: 0}
";

#[test]
fn every_firing_of_a_week_is_accounted_for_once_and_nothing_happens_outside_windows() {
    let (mut firings, mut installed, mut ahead, mut crashes) = (0, 0, 0, 0);
    for seed in 1..=100 {
        let result = std::panic::catch_unwind(|| {
            let begin = at(if seed % 2 == 0 { "2026-10-22T00:00:00Z" } else { "2027-03-25T00:00:00Z" });
            let mut windows = windows_of(WINDOWS);
            windows.last_mut().unwrap().expires = Some(begin + TimeDelta::days(4));
            let mut world = World::new(seed, windows, begin);
            world.jumps = true;
            world.start();
            while world.now < begin + TimeDelta::days(8) {
                world.go_on();
            }
            world.troublesome = false;
            world.jumps = false;
            let healed = world.now;
            while world.now < healed + TimeDelta::days(1) || world.disk.active.is_some() {
                world.go_on();
            }
            assert!(!world.core.view(world.now).outdated, "looked at under the policy in force");
            let fetched = world.history.iter().filter(|h| matches!(h.spec.trigger, Trigger::Ahead { .. }));
            let fetched = fetched.filter(|h| h.ending == Ending::Succeeded).count();
            let done = world.transactions.values().filter(|(_, t)| *t == Transaction::Done).count();
            (world.accounted(), done, fetched, world.crashes)
        });
        let (f, i, a, c) = result.unwrap_or_else(|cause| {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(cause)
        });
        (firings, installed, ahead, crashes) = (firings + f, installed + i, ahead + a, crashes + c);
    }
    let told = format!("{firings} firings, {installed} installed, {ahead} fetched ahead, {crashes} crashes");
    assert!(
        firings > 5000 && installed > 300 && ahead > 300 && crashes > 1000,
        "the weeks were not dull: {told}"
    );
}
