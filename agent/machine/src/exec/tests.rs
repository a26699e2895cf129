//! Children end, are ended, or are left alone, as the door promises.

use super::*;

fn sh(script: &str) -> Command {
    Command::new(&Root::host(), "sh").args(["-c", script])
}

#[test]
fn output_and_code_are_reported() {
    let out = sh("echo out; echo err >&2; exit 7").run().unwrap();
    assert_eq!((out.code, &*out.stdout_text(), &*out.stderr_text()), (7, "out\n", "err\n"));
}

#[test]
fn the_environment_is_clean_and_english() {
    let out = sh("echo $LC_ALL; env | grep -c CARGO").run().unwrap();
    assert_eq!(out.stdout_text(), "C.UTF-8\n0\n");
}

#[test]
fn a_missing_program_is_named() {
    let e = Command::new(&Root::host(), "no-such-program").run().unwrap_err();
    assert_eq!(e.to_string(), "no-such-program is not installed on this machine");
}

#[test]
fn a_child_past_its_deadline_is_ended_with_its_children() {
    let e = sh("echo before; sleep 1000 & wait").deadline(Duration::from_millis(200)).run().unwrap_err();
    assert!(matches!(&e, ExecError::Deadline { tail, .. } if tail == "before"), "{e}");
}

#[test]
fn a_child_that_ignores_the_polite_signal_is_killed() {
    let e = sh("trap '' TERM; while :; do sleep 1; done").deadline(Duration::from_millis(100)).run();
    assert!(matches!(e, Err(ExecError::Deadline { .. })));
}

#[test]
fn an_uninterruptible_child_is_reported_and_left_running() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("done");
    let e = sh(&format!("sleep 0.5; echo yes > {}", mark.display()))
        .deadline(Duration::from_millis(50))
        .uninterruptible()
        .run()
        .unwrap_err();
    assert!(matches!(e, ExecError::Stuck { .. }));
    let until = Instant::now() + Duration::from_secs(20);
    while !mark.exists() {
        assert!(Instant::now() < until, "the child was killed");
        std::thread::yield_now();
    }
}

#[test]
fn output_past_the_cap_is_dropped_and_said_so() {
    let out = sh("yes | head -c 200000").output_cap(1000).run().unwrap();
    assert!(out.truncated && out.stdout.len() <= 1000);
}

#[test]
fn a_grandchild_that_keeps_the_pipe_does_not_hold_us() {
    let out = sh("sleep 30 & echo done").deadline(Duration::from_secs(60)).run().unwrap();
    assert_eq!(out.stdout_text(), "done\n");
}
