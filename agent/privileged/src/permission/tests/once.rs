//! Attacks on what happens once: a second transaction, a token that is in the way of others, names that collide.

use super::*;

#[test]
fn attack_a_second_transaction_in_one_firing_or_by_one_order() {
    let bench = machine();
    let (of_order, order) = placed(&bench, Order::default());
    for (n, (run, basis)) in [(run(), basis()), (of_order, order)].into_iter().enumerate() {
        let token = 10 * (n as u64 + 1);
        bench.ask(looked(run.clone(), basis.clone(), false)).unwrap();
        assert!(install(&bench, &run, token).is_ok());
        assert!(install(&bench, &run, token).is_ok(), "the same one is only told of again");
        bench.scripted_install(|_| panic!("a second transaction"));
        bench.ask(looked(run.clone(), basis, false)).unwrap();
        let why = install(&bench, &run, token + 1).unwrap_err().why;
        assert!(why.contains("is over"), "{why}");
        bench.scripted_install(|_| None);
    }
}

#[test]
fn attack_a_run_that_failed_is_begun_again() {
    let bench = machine();
    bench.survey();
    let failed =
        || patchflock_machine::pm::PmError::Failed { what: "apt-get".into(), tool_says: "no".into() };
    bench.scripted_install(move |_| Some(Err(failed())));
    assert_eq!(install(&bench, &run(), 1).unwrap_err().kind, TroubleKind::Failed);
    bench.scripted_install(|_| panic!("a second transaction"));
    assert!(install(&bench, &run(), 2).unwrap_err().why.contains("is over"));
}

#[test]
fn what_changed_nothing_is_planned_anew_and_what_was_interrupted_four_times_is_not() {
    let mut bench = machine();
    bench.survey();
    // The package manager refuses the plan: nothing has changed, and a new token may try again.
    let differs =
        || patchflock_machine::pm::PmError::NotThePlan { difference: "libc6 would be removed".into() };
    bench.scripted_install(move |_| Some(Err(differs())));
    for token in 1..=6 {
        assert_eq!(install(&bench, &run(), token).unwrap_err().kind, TroubleKind::PlanChanged);
        bench.survey();
    }
    // Guards that begin and are gone.
    let root = bench.desk.root.clone();
    let start = std::mem::replace(
        &mut bench.desk.start,
        Box::new(move |_, token| {
            let progress = root.path(crate::install::file(token, "progress.jsonl"));
            std::fs::write(progress, "\"the transaction begins\"\n").unwrap();
            Ok(())
        }),
    );
    for token in 11..=14 {
        assert_eq!(install(&bench, &run(), token).unwrap_err().kind, TroubleKind::Interrupted);
        assert_eq!(install(&bench, &run(), token).unwrap_err().kind, TroubleKind::Interrupted, "told again");
        bench.survey();
    }
    bench.desk.start = start;
    let why = install(&bench, &run(), 15).unwrap_err().why;
    assert!(why.contains("4 transactions of the run"), "{why}");
    assert_eq!(bench.version("jq"), "1");
}

#[test]
fn attack_a_new_token_while_the_first_transaction_is_at_work() {
    let bench = machine();
    bench.survey();
    assert!(install(&bench, &run(), 1).is_ok());
    std::fs::remove_file(bench.path(&crate::install::file(1, "result.json"))).unwrap();
    let lock = patchflock_machine::lock::take_at(bench.path(&crate::install::file(1, "lock"))).unwrap();
    bench.scripted_install(|_| panic!("a second transaction"));
    let trouble = install(&bench, &run(), 2).unwrap_err();
    assert!(trouble.kind == TroubleKind::Busy && trouble.why.contains("still at work"), "{}", trouble.why);
    // Nor do the hooks that come after it run beside it.
    for point in [HookPoint::PostInstall, HookPoint::OnExit] {
        assert_eq!(hook(&bench, &run(), point).unwrap_err().kind, TroubleKind::Busy);
    }
    assert!(!bench.path("/hooked").exists());
    drop(lock);
}

#[test]
fn attack_tokens_that_leave_no_room_for_a_newer_one() {
    let bench = machine();
    bench.survey();
    for token in [u64::MAX, TOKEN_MAX + 1] {
        let why = install(&bench, &run(), token).unwrap_err().why;
        assert!(why.contains("larger than any slot gives"), "{why}");
    }
    undisturbed(&bench);
    // The largest blocks the agent's own later runs; whoever is told so is told what helps.
    assert!(install(&bench, &run(), TOKEN_MAX).is_ok());
    let (next, basis) = placed(&bench, Order::default());
    bench.ask(looked(next.clone(), basis, false)).unwrap();
    let why = install(&bench, &next, 1_800_000_000_000).unwrap_err().why;
    assert!(why.contains("root removes /var/lib/patchflock/newest-token"), "{why}");
    std::fs::remove_file(bench.path("/var/lib/patchflock/newest-token")).unwrap();
    assert!(install(&bench, &next, 1_800_000_000_000).is_ok());
}

#[test]
fn attack_names_of_runs_that_collide_with_files_of_others() {
    let bench = machine();
    *bench.pm.reboot.lock().unwrap() = Some(true);
    bench.survey();
    // Once these were the names of the marker of a reboot, of the failed units, and of a record.
    for tail in ["-reboot", "-health", "-before-1", "-pre-install"] {
        let other: RunId = format!("{}{tail}", run()).parse().unwrap();
        bench.ask(looked(other.clone(), Basis::Look {}, false)).unwrap();
        refused(&bench, &other, 1);
    }
    assert!(install(&bench, &run(), 1).is_ok());
    assert_eq!(reboot(&bench, &run()), Ok(Answer::Done {}), "none of them counts as this run's");
}
