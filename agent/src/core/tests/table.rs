//! The whole table of the state machine: every step with every answer, and with every time.

use std::fmt::Write;

use super::*;

/// Every kind of answer there is.
fn answers() -> Vec<(String, Answer)> {
    let mut all: Vec<(String, Answer)> = Vec::new();
    for (name, found) in [
        ("nothing planned, no reboot", survey(&[], Some(false))),
        ("nothing planned, reboot needed", survey(&[], Some(true))),
        ("planned", survey(&["a"], Some(false))),
        ("no baseline", Survey { choice: Choice::Unknown { why: "expired".into() }, ..survey(&[], None) }),
        ("skipped node", Survey { choice: Choice::Skipped { why: "untagged".into() }, ..survey(&[], None) }),
        (
            "all held",
            Survey {
                plan: Plan {
                    items: Vec::new(),
                    held: vec![Held {
                        name: "a".into(),
                        arch: String::new(),
                        version: "2".into(),
                        reason: "needs b".into(),
                    }],
                },
                ..survey(&[], Some(false))
            },
        ),
    ] {
        all.push((format!("survey: {name}"), Answer::Surveyed(Ok(Box::new(found)))));
    }
    all.push(("fetched".into(), Answer::Fetched(Ok(()))));
    all.push(("slot granted".into(), Answer::Slot(SlotAnswer::Granted { token: 5 })));
    let until = noon() + TimeDelta::minutes(3);
    all.push(("slot refused".into(), Answer::Slot(SlotAnswer::Refused { until, why: "queue".into() })));
    all.push(("hooks fine".into(), Answer::Hooked(Ok(hooked(HookPoint::OnExit, None)))));
    all.push(("hook failed".into(), Answer::Hooked(Ok(hooked(HookPoint::OnExit, Some("exit 1"))))));
    let failed =
        |failed: &[&str]| Installed { installed: 1, failed: failed.iter().map(|f| (*f).into()).collect() };
    all.push(("installed".into(), Answer::Installed(Ok(failed(&[])))));
    all.push(("one failed".into(), Answer::Installed(Ok(failed(&["b: postinst"])))));
    all.push(("rebooting".into(), Answer::Rebooting(Ok(Reboot::UnderWay))));
    let done = Reboot::Done { boot_id: Some("boot-2".into()) };
    all.push(("rebooted".into(), Answer::Rebooting(Ok(done))));
    all.push(("well".into(), Answer::Health(Ok(Health { complaints: Vec::new() }))));
    all.push(("unwell".into(), Answer::Health(Ok(Health { complaints: vec!["x.service failed".into()] }))));
    for kind in [
        TroubleKind::Busy,
        TroubleKind::Unavailable,
        TroubleKind::PlanChanged,
        TroubleKind::Failed,
        TroubleKind::Interrupted,
    ] {
        let t = || trouble(kind);
        all.push((format!("survey {kind:?}"), Answer::Surveyed(Err(t()))));
        all.push((format!("fetch {kind:?}"), Answer::Fetched(Err(t()))));
        all.push((format!("hook {kind:?}"), Answer::Hooked(Err(t()))));
        all.push((format!("install {kind:?}"), Answer::Installed(Err(t()))));
        all.push((format!("reboot {kind:?}"), Answer::Rebooting(Err(t()))));
        all.push((format!("health {kind:?}"), Answer::Health(Err(t()))));
    }
    all
}

#[test]
fn every_step_and_every_answer() {
    let mut table = String::new();
    for reboot in [RebootChoice::IfNeeded, RebootChoice::Always, RebootChoice::Never] {
        for step in Step::ALL {
            writeln!(table, "## {step:?}, reboot {reboot:?}").unwrap();
            for (name, answer) in answers() {
                let mut run = active(step, reboot);
                let before = run.clone();
                match run.answered(noon(), answer) {
                    Some(next) => writeln!(table, "{name}: {}", told(&next)).unwrap(),
                    None => assert_eq!(run, before, "{step:?} {name}: a foreign answer changes nothing"),
                }
            }
        }
    }
    for step in [Step::Survey, Step::Fetch] {
        writeln!(table, "## {step:?}, ahead of a window").unwrap();
        for (name, answer) in answers() {
            let mut run = ahead(step);
            let before = run.clone();
            match run.answered(noon(), answer) {
                Some(next) => writeln!(table, "{name}: {}", told(&next)).unwrap(),
                None => assert_eq!(run, before, "{step:?} {name}: a foreign answer changes nothing"),
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// A look and a download ahead of a window that opens in an hour.
fn ahead(step: Step) -> Active {
    let start = noon() + TimeDelta::hours(1);
    let trigger = Trigger::Ahead { window: "nightly".into(), task: "patch".into(), start };
    let spec = RunSpec { id: run_id("a-1"), trigger, ..window_spec(Operation::Scan, RebootChoice::Never) };
    let mut active = Active::new(spec, noon(), 7);
    active.step = step;
    active.survey = (step == Step::Fetch).then(|| survey(&["a"], Some(false)));
    active
}

fn told(next: &run::Next) -> String {
    match next {
        run::Next::Step(step) => format!("{step:?}"),
        run::Next::Wait(until, why) => format!("wait {} s: {why}", (*until - noon()).num_seconds()),
        run::Next::AwaitBoot => "wait for the boot".into(),
        run::Next::End(ending, why) => format!("END {ending:?}: {why}"),
    }
}

#[test]
fn what_time_forbids_at_every_step() {
    let mut table = String::new();
    for (when, now) in [
        ("long before the start", noon() - TimeDelta::minutes(6)),
        ("shortly before the start", noon() - TimeDelta::minutes(5)),
        ("before the cutoff", noon()),
        ("at the cutoff", noon() + TimeDelta::hours(1)),
        ("at the end", noon() + TimeDelta::hours(2)),
    ] {
        for step in Step::ALL {
            for begun in [false, true] {
                let mut run = active(step, RebootChoice::IfNeeded);
                run.begun = begun;
                if let Some(next) = run.out_of_time(now) {
                    writeln!(table, "{when}, {step:?}, begun {begun}: {}", told(&next)).unwrap();
                }
            }
        }
    }
    for (when, minutes) in [("before the start", 59), ("at the start", 60)] {
        for step in [Step::Survey, Step::Fetch] {
            if let Some(next) = ahead(step).out_of_time(noon() + TimeDelta::minutes(minutes)) {
                writeln!(table, "{when}, {step:?}, ahead of a window: {}", told(&next)).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}
