//! What is done anew: transactions that were interrupted, plans that changed, hooks that ran already.

use super::*;

#[test]
fn an_interrupted_transaction_is_looked_at_and_tried_once_more_with_a_new_token() {
    let mut core = core();
    request(&mut core, noon(), "r-1", install());
    for token in [3, 4] {
        answer(&mut core, noon(), surveyed(&["a"], Some(false)));
        answer(&mut core, noon(), Answer::Fetched(Ok(())));
        answer(&mut core, noon(), Answer::Slot(SlotAnswer::Granted { token }));
        let effects = answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PreInstall, None))));
        assert!(matches!(doing(&effects).unwrap().1, Act::Install { token: t } if t == token));
        answer(&mut core, noon(), Answer::Installed(Err(trouble(TroubleKind::Interrupted))));
    }
    assert_eq!(core.journal().active.as_ref().unwrap().step, Step::Assess, "twice is enough");
    answer(&mut core, noon(), surveyed(&["a"], Some(false)));
    answer(&mut core, noon(), Answer::Health(Ok(Health { complaints: Vec::new() })));
    let effects = answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::OnExit, None))));
    assert_eq!(entry(&effects).unwrap().ending, Ending::Failed);
}

#[test]
fn a_run_that_finds_nothing_left_to_do_after_its_hooks_began_ends_through_the_last_one() {
    for expired in [false, true] {
        let mut core = core();
        request(&mut core, noon(), "r-1", install());
        answer(&mut core, noon(), surveyed(&["a"], Some(false)));
        answer(&mut core, noon(), Answer::Fetched(Ok(())));
        answer(&mut core, noon(), Answer::Slot(SlotAnswer::Granted { token: 3 }));
        answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PreInstall, None))));
        answer(&mut core, noon(), Answer::Installed(Err(trouble(TroubleKind::PlanChanged))));
        let active = core.journal().active.clone().unwrap();
        assert!(active.step == Step::Survey && !active.may_cancel());
        let now = if expired { active.cutoff().unwrap() } else { noon() };
        let effects = match expired {
            true => core.on(now, Event::Started),
            false => answer(&mut core, now, surveyed(&[], Some(false))),
        };
        assert_eq!(doing(&effects).unwrap().1, Act::Hook(HookPoint::OnExit), "{effects:?}");
        let effects = answer(&mut core, now, Answer::Hooked(Ok(hooked(HookPoint::OnExit, None))));
        let wanted = if expired { Ending::Skipped } else { Ending::NothingToDo };
        let entry = entry(&effects).unwrap();
        assert_eq!(entry.ending, wanted);
        assert_eq!(entry.hooks.iter().filter(|h| h.point == HookPoint::PreInstall).count(), 1);
    }
}

#[test]
fn a_second_try_begins_after_the_first_and_hooks_that_ran_once_are_told_once() {
    let mut core = core();
    request(&mut core, noon(), "r-1", install());
    let later = noon() + TimeDelta::minutes(2);
    for (now, troubles) in [(noon(), true), (later, false)] {
        answer(&mut core, now, surveyed(&["a"], Some(false)));
        answer(&mut core, now, Answer::Fetched(Ok(())));
        answer(&mut core, now, Answer::Slot(SlotAnswer::Granted { token: 3 }));
        answer(&mut core, now, Answer::Hooked(Ok(hooked(HookPoint::PreInstall, None))));
        if troubles {
            answer(&mut core, later, Answer::Installed(Err(trouble(TroubleKind::PlanChanged))));
        }
    }
    let end = later + TimeDelta::minutes(3);
    answer(&mut core, end, Answer::Installed(Err(trouble(TroubleKind::Busy))));
    core.on(end + TimeDelta::minutes(1), Event::Woke);
    answer(&mut core, end + TimeDelta::minutes(4), Answer::Installed(Err(trouble(TroubleKind::Failed))));
    let active = core.journal().active.as_ref().unwrap();
    assert_eq!(active.hooks.len(), 1);
    for pair in active.steps.windows(2) {
        assert!(pair[0].finished_at <= pair[1].started_at, "{pair:?}");
    }
}

#[test]
fn an_interrupted_transaction_of_which_nothing_can_be_proven_is_no_success() {
    let unknown = |why: &str| Survey { choice: Choice::Unknown { why: why.into() }, ..survey(&[], None) };
    let unseen = {
        let mut found = survey(&[], Some(false));
        found.compliance.as_mut().unwrap().status = NodeStatus::Unknown;
        found
    };
    for (found, ending) in [
        (unknown("the baseline was deleted"), Ending::Failed),
        (unseen, Ending::Failed),
        (survey(&[], Some(false)), Ending::Succeeded),
    ] {
        let mut core = core();
        request(&mut core, noon(), "r-1", install());
        answer(&mut core, noon(), surveyed(&["a"], Some(false)));
        answer(&mut core, noon(), Answer::Fetched(Ok(())));
        answer(&mut core, noon(), Answer::Slot(SlotAnswer::Granted { token: 1 }));
        answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::PreInstall, None))));
        answer(&mut core, noon(), Answer::Installed(Err(trouble(TroubleKind::Interrupted))));
        answer(&mut core, noon(), Answer::Surveyed(Ok(Box::new(found))));
        answer(&mut core, noon(), surveyed(&[], Some(false)));
        answer(&mut core, noon(), Answer::Health(Ok(Health { complaints: Vec::new() })));
        let effects = answer(&mut core, noon(), Answer::Hooked(Ok(hooked(HookPoint::OnExit, None))));
        assert_eq!(entry(&effects).unwrap().ending, ending);
    }
}
