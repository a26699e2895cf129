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

#[test]
fn an_uninterruptible_child_goes_on_writing_after_it_was_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let (go, mark) = (dir.path().join("go"), dir.path().join("done"));
    // More than a pipe holds, to both streams, by programs that a closed pipe would end.
    let script = format!(
        "echo before; until test -e {go}; do sleep 0.05; done; set -e; yes | head -c 300000; \
         yes | head -c 300000 >&2; echo more > /dev/stderr; echo yes > {mark}",
        go = go.display(),
        mark = mark.display()
    );
    let e = sh(&script).deadline(Duration::from_millis(300)).uninterruptible().run().unwrap_err();
    assert!(matches!(&e, ExecError::Stuck { tail, .. } if tail == "before"), "{e}");
    std::fs::write(&go, "").unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !std::fs::read(&mark).is_ok_and(|text| text == b"yes\n") {
        assert!(Instant::now() < until, "the child died of its output");
        std::thread::yield_now();
    }
}

#[test]
fn an_uninterruptible_child_is_heard_while_it_runs_and_to_its_last_word() {
    let dir = tempfile::tempdir().unwrap();
    let go = dir.path().join("go");
    let script = format!(
        "exec 2>&1; echo one; echo two >&2; until test -e {}; do sleep 0.05; done; \
         seq 400000; printf end; exit 3",
        go.display()
    );
    let mut lines = Vec::new();
    let out = sh(&script)
        .deadline(Duration::from_secs(60))
        .uninterruptible()
        .run_lines(|stream, line| {
            lines.push((stream, String::from_utf8_lossy(line).into_owned()));
            // It goes on only when its first words have arrived, in their order.
            if lines.len() == 2 {
                std::fs::write(&go, "").unwrap();
            }
        })
        .unwrap();
    assert_eq!((out.code, out.truncated, lines.len()), (3, false, 400_003));
    assert!(lines.iter().all(|(stream, _)| *stream == Stream::Stdout));
    let texts = [0, 1, 2, 400_001, 400_002].map(|at| lines[at].1.as_str());
    assert_eq!(texts, ["one", "two", "1", "400000", "end"]);
    assert!(out.stdout_text().ends_with("\n400000\nend"));
}

#[test]
fn a_script_that_opens_its_output_anew_does_not_hide_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let go = dir.path().join("go");
    let script = format!(
        "echo first; until test -e {}; do sleep 0.05; done; echo a > /dev/stdout; echo last",
        go.display()
    );
    let out = sh(&script).uninterruptible().run_lines(|_, _| std::fs::write(&go, "").unwrap()).unwrap();
    assert_eq!(out.stdout_text(), "first\na\nlast\n");
}

#[test]
fn a_child_that_never_stops_talking_meets_its_deadline() {
    let e = sh("yes").deadline(Duration::from_millis(200)).output_cap(10).run_lines(|_, _| {}).unwrap_err();
    assert!(matches!(e, ExecError::Deadline { .. }), "{e}");
    let e = sh("trap '' TERM; while :; do echo y; done").deadline(Duration::from_millis(200)).run();
    assert!(matches!(e, Err(ExecError::Deadline { .. })), "{e:?}");
    // What it left behind ends by itself when nobody reads any more.
    let out = sh("echo done; yes & exit 0").output_cap(10).deadline(Duration::from_secs(60)).run().unwrap();
    assert!(out.stdout_text().starts_with("done\n"));
}

#[test]
fn what_comes_after_something_was_dropped_is_not_kept() {
    let out = sh("printf 12345; sleep 0.2; printf 67890; sleep 0.2; printf x").output_cap(7).run().unwrap();
    assert_eq!((&*out.stdout_text(), out.truncated), ("1234567", true));
}

#[test]
fn a_line_that_is_too_long_stays_one_line() {
    let mut lines = Vec::new();
    let script = "head -c 200000 /dev/zero | tr '\\0' a; echo; echo next";
    let out = sh(script).run_lines(|_, line| lines.push(line.to_vec())).unwrap();
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [heard::LINE_CAP, 4]);
    assert_eq!((out.stdout.len(), out.truncated), (200_006, false));
}

#[test]
fn root_reads_its_own_files_whoever_called_it() {
    assert_eq!(home(true, Some("/srv/somebody".into())), "/root");
    assert_eq!(home(false, Some("/srv/somebody".into())), "/srv/somebody");
    assert_eq!(home(false, None), "/root");
}
