//! The decider, fact by fact.

mod again;
mod routine;
mod table;

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::run::{
    Choice, ComplianceSummary, Ending, Health, HookPoint, HookResult, HookRun, Installed, Operation,
    RebootChoice, RunEntry, RunSpec, Step, Survey, Trigger, Trouble, TroubleKind,
};
use patchflock_api::status::StartRun;
use patchflock_baselines::compliance::{Counts, NodeStatus};
use patchflock_baselines::plan::{Held, Item, Plan, Role};

use super::*;

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
}

pub(crate) fn noon() -> DateTime<Utc> {
    at("2026-11-24T12:00:00Z")
}

pub(crate) fn run_id(text: &str) -> RunId {
    text.parse().unwrap()
}

pub(crate) fn item(name: &str) -> Item {
    Item {
        name: name.into(),
        arch: "amd64".into(),
        from: Some("1".into()),
        to: "2".into(),
        role: Role::Approved { reason: "rule 1".into() },
    }
}

/// A survey that plans these packages and shows this need of a reboot.
pub(crate) fn survey(planned: &[&str], reboot: Option<bool>) -> Survey {
    Survey {
        taken_at: noon(),
        boot_id: Some("boot-1".into()),
        choice: Choice::Selected { baseline: "b".into(), version: Some(1), why: "default".into() },
        plan: Plan { items: planned.iter().map(|n| item(n)).collect(), held: Vec::new() },
        compliance: Some(ComplianceSummary {
            status: if planned.is_empty() { NodeStatus::Compliant } else { NodeStatus::NonCompliant },
            overall_severity: patchflock_baselines::baseline::ComplianceLevel::Unspecified,
            counts: Counts { missing: planned.len(), ..Counts::default() },
            notes: Vec::new(),
        }),
        reboot_needed: reboot,
        reboot_evidence: Vec::new(),
        repaired: None,
        refresh_failed: Vec::new(),
        foreign_updaters: Vec::new(),
        services_to_restart: Vec::new(),
        without_match: Vec::new(),
    }
}

pub(crate) fn surveyed(planned: &[&str], reboot: Option<bool>) -> Answer {
    Answer::Surveyed(Ok(Box::new(survey(planned, reboot))))
}

pub(crate) fn hooked(point: HookPoint, failure: Option<&str>) -> HookRun {
    let hook = |why: &str| HookResult {
        name: "10-check".into(),
        failure: Some(why.into()),
        output: String::new(),
        took_ms: 1,
    };
    HookRun { point, hooks: failure.map(hook).into_iter().collect() }
}

pub(crate) fn trouble(kind: TroubleKind) -> Trouble {
    Trouble { kind, why: "why".into() }
}

fn window_spec(operation: Operation, reboot: RebootChoice) -> RunSpec {
    RunSpec {
        id: run_id("w-1"),
        operation,
        reboot,
        dry_run: false,
        trigger: Trigger::Window {
            window: "nightly".into(),
            version: 1,
            task: "patch".into(),
            start: noon(),
            cutoff: noon() + TimeDelta::hours(1),
            end: noon() + TimeDelta::hours(2),
        },
        order: None,
    }
}

fn active(step: Step, reboot: RebootChoice) -> Active {
    let mut active = Active::new(window_spec(Operation::Install, reboot), noon(), 7);
    active.step = step;
    active.survey = Some(survey(&["a"], Some(false)));
    active
}

/// A decider without windows that has started.
pub(crate) fn core() -> Core {
    let mut core = Core::new("n-1".parse().unwrap(), Policy::default(), Journal::default());
    core.on(noon(), Event::Started);
    core
}

pub(crate) fn request(core: &mut Core, now: DateTime<Utc>, run: &str, start: StartRun) -> Vec<Effect> {
    core.on(now, Event::Requested { request: 1, run: run_id(run), start, by: "root".into() })
}

pub(crate) fn install() -> StartRun {
    StartRun {
        operation: Operation::Install,
        reboot: RebootChoice::IfNeeded,
        dry_run: false,
        order: None,
        expires: None,
    }
}

/// The one step that is to be carried out.
pub(crate) fn doing(effects: &[Effect]) -> Option<(StepId, Act)> {
    let mut all = effects.iter().filter_map(|e| match e {
        Effect::Do { step, act, .. } => Some((step.clone(), *act)),
        _ => None,
    });
    let one = all.next();
    assert!(all.next().is_none(), "one step at a time: {effects:?}");
    one
}

pub(crate) fn answer(core: &mut Core, now: DateTime<Utc>, answer: Answer) -> Vec<Effect> {
    let step = core.journal().active.as_ref().expect("a run in progress").id();
    core.on(now, Event::Answered { step, answer })
}

pub(crate) fn entry(effects: &[Effect]) -> Option<&RunEntry> {
    effects.iter().find_map(|e| match e {
        Effect::Record(entry) => Some(&**entry),
        _ => None,
    })
}

#[test]
fn a_run_goes_from_the_survey_to_its_end_and_every_step_is_written_before_it_is_done() {
    let mut core = core();
    let mut effects = request(&mut core, noon(), "r-1", install());
    let mut seen = Vec::new();
    let script: Vec<Answer> = vec![
        surveyed(&["a"], Some(false)),
        Answer::Fetched(Ok(())),
        Answer::Slot(SlotAnswer::Granted { token: 5 }),
        Answer::Hooked(Ok(hooked(HookPoint::PreInstall, None))),
        Answer::Installed(Ok(Installed { installed: 1, failed: Vec::new() })),
        Answer::Hooked(Ok(hooked(HookPoint::PostInstall, None))),
        surveyed(&[], Some(false)),
        Answer::Health(Ok(Health { complaints: Vec::new() })),
        Answer::Hooked(Ok(hooked(HookPoint::OnExit, None))),
    ];
    for reply in script {
        let (step, act) = doing(&effects).expect("a step");
        let place = effects.iter().position(|e| matches!(e, Effect::Do { .. })).unwrap();
        let written = effects[..place].iter().rev().find_map(|e| match e {
            Effect::Persist(journal) => journal.active.as_ref().map(Active::id),
            _ => None,
        });
        assert_eq!(written.as_ref(), Some(&step), "{act:?} is in the journal before it is done");
        seen.push(act);
        effects = answer(&mut core, noon(), reply);
    }
    let entry = entry(&effects).expect("a history entry");
    assert_eq!((entry.ending, entry.reason.as_str()), (Ending::Succeeded, "1 installed, 0 failed"));
    assert_eq!(seen.len(), 9);
    assert!(effects.contains(&Effect::ReleaseSlot { run: run_id("r-1"), token: 5, failed: false }));
    // The history first: a crash before the journal repeats it, and nothing is lost.
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    assert!(place(|e| matches!(e, Effect::Record(_))) < place(|e| matches!(e, Effect::Persist(_))));
}

#[test]
fn a_late_or_foreign_answer_changes_nothing_and_is_counted() {
    let mut core = core();
    let (first, _) = doing(&request(&mut core, noon(), "r-1", install())).unwrap();
    answer(&mut core, noon(), surveyed(&["a"], None));
    let before = core.journal().clone();
    for step in
        [first.clone(), StepId { run: run_id("r-2"), number: core.journal().active.as_ref().unwrap().number }]
    {
        core.on(noon(), Event::Answered { step, answer: Answer::Fetched(Ok(())) });
    }
    // The right step, and an answer to another kind of act.
    answer(&mut core, noon(), Answer::Health(Ok(Health { complaints: Vec::new() })));
    assert_eq!(core.journal().active, before.active);
    assert_eq!(core.view(noon()).strays, 3);
}

#[test]
fn one_operation_at_a_time_and_a_run_is_never_repeated() {
    let mut core = core();
    request(&mut core, noon(), "r-1", install());
    let refused = request(&mut core, noon(), "r-2", install());
    assert!(matches!(&refused[0], Effect::Reply { result: Err(Refusal::Busy { .. }), .. }), "{refused:?}");
    answer(&mut core, noon(), surveyed(&[], Some(false)));
    let again = request(&mut core, noon(), "r-1", install());
    assert!(matches!(&again[0], Effect::Reply { result: Err(Refusal::DoneBefore { .. }), .. }), "{again:?}");
}

#[test]
fn the_answer_to_a_request_comes_after_the_journal() {
    let mut core = core();
    let effects = request(&mut core, noon(), "r-1", install());
    let reply = effects.iter().position(|e| matches!(e, Effect::Reply { .. })).unwrap();
    let persisted = effects.iter().position(
        |e| matches!(e, Effect::Persist(j) if j.active.as_ref().is_some_and(|a| a.spec.id == run_id("r-1"))),
    );
    assert!(persisted.unwrap() < reply);
}

#[test]
fn a_run_can_be_cancelled_until_it_disturbs_something() {
    let mut core = core();
    request(&mut core, noon(), "r-1", install());
    answer(&mut core, noon(), surveyed(&["a"], None));
    answer(&mut core, noon(), Answer::Fetched(Ok(())));
    let mut later = core.clone();
    let cancel = |core: &mut Core| {
        core.on(noon(), Event::CancelRequested { request: 2, run: run_id("r-1"), by: "root".into() })
    };
    let effects = cancel(&mut core);
    assert_eq!(entry(&effects).unwrap().ending, Ending::Cancelled);
    answer(&mut later, noon(), Answer::Slot(SlotAnswer::Granted { token: 1 }));
    let effects = cancel(&mut later);
    assert!(matches!(&effects[0], Effect::Reply { result: Err(Refusal::TooLate { .. }), .. }), "{effects:?}");
}

#[test]
fn a_transaction_that_may_run_is_followed_after_a_restart_with_the_same_token() {
    let mut core = core();
    request(&mut core, noon(), "r-1", install());
    answer(&mut core, noon(), surveyed(&["a"], None));
    answer(&mut core, noon(), Answer::Fetched(Ok(())));
    answer(&mut core, noon(), Answer::Slot(SlotAnswer::Granted { token: 9 }));
    let effects = answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PreInstall, None))));
    let (step, act) = doing(&effects).unwrap();
    assert!(matches!(act, Act::Install { token: 9 }));
    // Hours later: its request has expired long ago, and still it is followed.
    let later = noon() + TimeDelta::hours(30);
    let mut restarted = Core::new("n-1".parse().unwrap(), Policy::default(), core.journal().clone());
    let effects = restarted.on(later, Event::Started);
    assert_eq!(doing(&effects), Some((step, act)));
}

#[test]
fn a_download_begins_anew_after_a_restart_and_a_reboot_ends_in_verification() {
    let mut core = core();
    request(&mut core, noon(), "r-1", StartRun { reboot: RebootChoice::Always, ..install() });
    answer(&mut core, noon(), surveyed(&["a"], None));
    let restart = |core: &Core| {
        let mut core = Core::new("n-1".parse().unwrap(), Policy::default(), core.journal().clone());
        let effects = core.on(noon(), Event::Started);
        (doing(&effects).unwrap().1, core)
    };
    assert_eq!(restart(&core).0, Act::Survey { refresh: true, attempted: false });
    answer(&mut core, noon(), Answer::Fetched(Ok(())));
    answer(&mut core, noon(), Answer::Slot(SlotAnswer::Granted { token: 9 }));
    answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PreInstall, None))));
    answer(&mut core, noon(), Answer::Installed(Ok(Installed { installed: 1, failed: Vec::new() })));
    answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PostInstall, None))));
    answer(&mut core, noon(), surveyed(&[], Some(false)));
    let effects = answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PreReboot, None))));
    assert_eq!(doing(&effects).unwrap().1, Act::Reboot);
    answer(&mut core, noon(), Answer::Rebooting(Ok(Reboot::UnderWay)));
    assert_eq!(core.journal().active.as_ref().unwrap().step, Step::Reboot, "it waits for the boot");
    // Whether only the agent was restarted, or the machine, is asked of who can tell.
    let (act, mut restarted) = restart(&core);
    assert_eq!(act, Act::Reboot);
    let done = Reboot::Done { boot_id: Some("boot-2".into()) };
    let effects = answer(&mut restarted, noon(), Answer::Rebooting(Ok(done)));
    assert_eq!(doing(&effects).unwrap().1, Act::Survey { refresh: false, attempted: true });
    let active = restarted.journal().active.as_ref().unwrap();
    assert_eq!(
        (active.boot_before.as_deref(), active.boot_after.as_deref()),
        (Some("boot-1"), Some("boot-2"))
    );
}

#[test]
fn a_machine_that_does_not_reboot_is_told_so() {
    let mut core = core();
    request(&mut core, noon(), "r-1", StartRun { reboot: RebootChoice::Always, ..install() });
    answer(&mut core, noon(), surveyed(&[], Some(false)));
    answer(&mut core, noon(), Answer::Slot(SlotAnswer::Granted { token: 9 }));
    answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PreReboot, None))));
    let effects = answer(&mut core, noon(), Answer::Rebooting(Ok(Reboot::UnderWay)));
    let wake = effects.iter().rev().find_map(|e| match e {
        Effect::WakeAt(at) => Some(*at),
        _ => None,
    });
    assert_eq!(wake, Some(noon() + TimeDelta::minutes(45)));
    let effects = core.on(wake.unwrap(), Event::Woke);
    assert_eq!(doing(&effects).unwrap().1, Act::Health);
    assert!(core.journal().active.as_ref().unwrap().notes[0].contains("did not reboot"));
}

#[test]
fn what_is_busy_is_tried_again_with_growing_waits_until_the_time_is_over() {
    let mut core = core();
    request(&mut core, noon(), "r-1", install());
    let mut now = noon();
    let mut waits = Vec::new();
    let ended = loop {
        let effects = answer(&mut core, now, Answer::Surveyed(Err(trouble(TroubleKind::Busy))));
        assert!(doing(&effects).is_none());
        let (until, _) = core.journal().active.as_ref().unwrap().waiting.clone().unwrap();
        waits.push((until - now).num_seconds());
        now = until;
        let effects = core.on(now, Event::Woke);
        if let Some(entry) = entry(&effects) {
            break entry.clone();
        }
        assert!(doing(&effects).is_some());
    };
    assert_eq!(waits[..6], [30, 60, 120, 240, 480, 600]);
    assert_eq!(ended.ending, Ending::Skipped);
    assert!(ended.reason.contains("last trouble: why"), "{}", ended.reason);
    assert!(now >= noon() + TimeDelta::hours(1) && now < noon() + TimeDelta::minutes(71));
}

#[test]
fn a_wait_does_not_grow_with_a_clock_that_goes_back() {
    let mut core = core();
    request(&mut core, noon(), "r-1", install());
    answer(&mut core, noon(), Answer::Surveyed(Err(trouble(TroubleKind::Busy))));
    assert!(doing(&core.on(noon() + TimeDelta::seconds(5), Event::Woke)).is_none(), "not yet");
    assert!(doing(&core.on(noon() - TimeDelta::days(2), Event::Woke)).is_some());
}
