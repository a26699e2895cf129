//! The guard: what it leaves when it is killed, stuck, or in the wrong place.

use std::sync::Mutex;

use patchflock_api::run::TroubleKind;
use patchflock_machine::pm::fake::Fake;

use super::*;
use crate::bench::{Bench, Scripted, desk, run};

/// Where the guard of the next test finds its machine.
const PLACE: &str = "PATCHFLOCK_TEST_GUARD";

/// Waits until there is something.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it never came");
        pause(LOOK);
    }
}

/// Alone it proves nothing: it is the process that the next test kills. Its installation never ends.
#[test]
fn a_guard_for_the_next_test() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let place = std::path::PathBuf::from(place);
    let pm = Scripted::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    let pid = place.join("pid");
    *pm.install.lock().unwrap() = Some(Box::new(move |_| {
        std::fs::write(&pid, std::process::id().to_string()).unwrap();
        loop {
            pause(LOOK);
        }
    }));
    let time = Arc::new(Mutex::new(crate::bench::NOW.parse().unwrap()));
    guard(&desk(&place, &pm, &time), &run(), 1).unwrap();
}

#[test]
fn a_guard_that_is_killed_leaves_an_interrupted_run_and_signals_that_can_be_refused_do_not_end_it() {
    let mut bench = Bench::ready();
    bench.survey();
    let place = bench.dir().to_owned();
    let child = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&child);
    bench.desk.start = Box::new(move |_, _| {
        let command = Command::new(&Root::host(), std::env::current_exe().unwrap())
            .args(["--exact", "transaction::tests::a_guard_for_the_next_test"])
            .env(PLACE, &place);
        *noted.lock().unwrap() = Some(std::thread::spawn(move || command.run()));
        Ok(())
    });
    let killer = {
        let (place, root) = (bench.dir().to_owned(), bench.desk.root.clone());
        std::thread::spawn(move || {
            let pid: i32 = until(|| std::fs::read_to_string(place.join("pid")).ok()?.parse().ok());
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let phase = record::of_run(&root, run().as_str()).unwrap().unwrap().phase;
            for signal in
                [rustix::process::Signal::TERM, rustix::process::Signal::HUP, rustix::process::Signal::INT]
            {
                rustix::process::kill_process(pid, signal).unwrap();
            }
            // It lives: its lock is held, also a while later.
            let end = Instant::now() + Duration::from_millis(500);
            while Instant::now() < end {
                assert!(matches!(lock::take(&root), Err(LockError::Held)));
                pause(LOOK);
            }
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            phase
        })
    };
    let trouble = bench.install(1).unwrap_err();
    assert_eq!(
        killer.join().unwrap(),
        Phase::Installing,
        "the record is there before the first package changes"
    );
    assert_eq!(trouble.kind, TroubleKind::Interrupted);
    assert_eq!(record::of_run(&bench.desk.root, run().as_str()).unwrap().unwrap().phase, Phase::Interrupted);
    assert_eq!(bench.install(1).unwrap_err().kind, TroubleKind::Interrupted, "the same answer again");
    assert!(child.lock().unwrap().take().unwrap().join().unwrap().is_err(), "it was ended by a signal");
    // With a new token the run goes on, and both records are kept.
    bench.desk.start = {
        let pm = Arc::clone(&bench.pm);
        let (dir, time) = (bench.dir().to_owned(), Arc::new(Mutex::new(bench.time())));
        Box::new(move |run, token| {
            guard(&desk(&dir, &pm, &time), run, token).unwrap();
            Ok(())
        })
    };
    bench.survey();
    assert!(bench.install(2).is_ok());
    let phases: Vec<(String, Phase)> =
        record::all(&bench.desk.root).runs.into_iter().map(|r| (r.id, r.phase)).collect();
    assert_eq!(
        phases,
        [(run().to_string(), Phase::Finished), (format!("{}-before-2", run()), Phase::Interrupted)]
    );
}

#[test]
fn a_transaction_that_is_stuck_keeps_the_machine_until_its_child_has_ended_and_is_then_judged_by_the_database()
 {
    let bench = Bench::ready();
    bench.survey();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let stopped = Mutex::new(Some(stopped));
    bench.scripted_install(move |_| {
        // A child that goes on for as long as the test says.
        let (tell, told) = std::sync::mpsc::channel();
        let stopped = stopped.lock().unwrap().take().unwrap();
        std::thread::spawn(move || {
            Command::new(&Root::host(), "sh")
                .args(["-c", "echo $$; exec sleep 600"])
                .run_lines(|_, line| {
                    tell.send(String::from_utf8_lossy(line).parse::<u32>().unwrap()).unwrap()
                })
                .ok();
        });
        let pid = told.recv().unwrap();
        std::thread::spawn(move || {
            stopped.recv().ok();
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        let after = Duration::from_secs(1);
        Some(Err(ExecError::Stuck { program: "dpkg".into(), after, pid, tail: "unpacking".into() }.into()))
    });
    let root = bench.desk.root.clone();
    let watcher = std::thread::spawn(move || {
        let record = until(|| record::of_run(&root, run().as_str()).unwrap().filter(|r| r.failure.is_some()));
        assert_eq!(record.phase, Phase::Installing);
        assert!(matches!(lock::take(&root), Err(LockError::Held)), "nobody else may start");
        stop.send(()).unwrap();
    });
    let (said, answer) = bench.heard(patchflock_api::privileged::Request::Install { run: run(), token: 1 });
    watcher.join().unwrap();
    assert!(said.iter().any(|s| s.contains("dpkg is stuck")), "{said:?}");
    let Ok(Answer::Installed { installed }) = answer else { panic!("{answer:?}") };
    assert_eq!(installed.installed, 0);
    assert!(installed.failed[0].starts_with("jq: still at 1: dpkg is stuck"), "{:?}", installed.failed);
    assert_eq!(record::of_run(&bench.desk.root, run().as_str()).unwrap().unwrap().phase, Phase::Finished);
}

#[test]
fn a_guard_does_only_what_was_ordered() {
    let bench = Bench::ready();
    bench.survey();
    assert!(guard(&bench.desk, &run(), 1).unwrap_err().why.contains("is not there"));
    bench.install(1).unwrap();
    let other = guard(&bench.desk, &"r-other".parse().unwrap(), 1).unwrap_err();
    assert!(other.why.contains(&format!("was ordered for the run {}", run())), "{}", other.why);
    bench.scripted_install(|_| panic!("a second time"));
    guard(&bench.desk, &run(), 1).unwrap();
}

#[test]
fn where_no_record_can_be_written_nothing_is_installed() {
    let bench = Bench::ready();
    bench.survey();
    // A file in the place of the directory: not even root can write into it.
    std::fs::write(bench.path("/var/lib/patchflock/runs"), "").unwrap();
    let trouble = bench.install(1).unwrap_err();
    assert!(trouble.why.ends_with("nothing was installed"), "{}", trouble.why);
    assert_eq!(bench.version("jq"), "1");
}
