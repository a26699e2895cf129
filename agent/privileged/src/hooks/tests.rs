//! Hooks run exactly once, as nobody but root left them. These tests run their scripts, so they run as root or not at
//! all: the rule that a hook belongs to root is the first thing they meet.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use patchflock_api::privileged::Request;

use super::*;
use crate::bench::{self, Bench};

fn hooks(bench: &Bench, point: HookPoint) -> HookRun {
    match bench.ask(Request::Hook { run: bench::run(), point }) {
        Ok(Answer::Hooked { hooks }) => hooks,
        other => panic!("{other:?}"),
    }
}

/// A machine with these hooks before the installation, and a shell to log with.
fn machine(scripts: &[(&str, &str, u32)]) -> Bench {
    let bench = Bench::ready();
    bench.survey();
    for (name, script, mode) in scripts {
        let log = bench.path("/log");
        let script = script.replace("LOG", log.to_str().unwrap());
        bench.file(&format!("{DIRECTORY}/pre-install.d/{name}"), &format!("#!/bin/sh\n{script}\n"), *mode);
    }
    bench
}

fn log(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("/log")).unwrap_or_default()
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn hooks_run_in_order_once_and_are_told_what_for() {
    let bench = machine(&[
        ("20-b", "echo b $PATCHFLOCK_RUN $PATCHFLOCK_HOOK $PATCHFLOCK_PLAN >> LOG; echo said", 0o755),
        ("10-a", "echo a >> LOG", 0o755),
        ("15-off", "echo off >> LOG", 0o644),
        ("10-a.dpkg-old", "echo old >> LOG", 0o755),
    ]);
    let first = hooks(&bench, HookPoint::PreInstall);
    if !root() {
        assert!(first.failure().unwrap().contains("chown it to root"));
        return;
    }
    assert_eq!(first.failure(), None);
    let names: Vec<&str> = first.hooks.iter().map(|h| h.name.as_str()).collect();
    assert_eq!((names, first.hooks[1].output.as_str()), (vec!["10-a", "20-b"], "said\n"));
    let plan = bench.path(&plans::path(&bench::run()));
    assert_eq!(log(&bench), format!("a\nb {} pre-install {}\n", bench::run(), plan.display()));
    assert_eq!(hooks(&bench, HookPoint::PreInstall), first, "asking again repeats the answer");
    assert_eq!(log(&bench).lines().count(), 2);
    assert!(hooks(&bench, HookPoint::OnExit).hooks.is_empty(), "there are none");
}

#[test]
fn the_first_that_fails_is_the_last() {
    let bench = machine(&[("1", "echo no >&2; exit 3", 0o755), ("2", "echo b >> LOG", 0o755)]);
    let found = hooks(&bench, HookPoint::PreInstall);
    assert_eq!(found.hooks.len(), 1);
    if root() {
        assert_eq!(found.failure().unwrap(), "hook 1: exit status 3");
        assert_eq!(found.hooks[0].output, "no\n");
    }
    assert_eq!(log(&bench), "");
}

#[test]
fn hooks_that_were_interrupted_have_failed_and_are_not_repeated() {
    let bench = machine(&[("1", "echo a >> LOG", 0o755)]);
    let marker = Marker { started_at: bench.time(), result: None };
    bench.desk.write(&super::marker(&bench::run(), HookPoint::PreInstall), &marker).unwrap();
    let why = hooks(&bench, HookPoint::PreInstall).failure().unwrap();
    assert!(why.contains("interrupted after 2026-11-24 12:00:00 UTC"), "{why}");
    assert_eq!(log(&bench), "");
}

#[test]
fn while_they_run_a_second_asker_waits() {
    let bench = machine(&[]);
    std::fs::create_dir_all(bench.path("/var/lib/patchflock/hooks")).unwrap();
    let lock = format!("/var/lib/patchflock/hooks/{}-pre-install.lock", bench::run());
    let _lock = lock::take_at(bench.path(&lock)).unwrap();
    let trouble = bench.ask(Request::Hook { run: bench::run(), point: HookPoint::PreInstall }).unwrap_err();
    assert_eq!(trouble.kind, patchflock_api::run::TroubleKind::Busy);
}

#[test]
fn what_others_could_have_written_does_not_run() {
    for (change, words) in [
        ("/etc/patchflock/hooks/pre-install.d/1", "chmod go-w"),
        ("/etc/patchflock/hooks/pre-install.d", "chmod go-w"),
        ("/etc/patchflock", "chmod go-w"),
        ("link", "is a link"),
        ("owner", "chown it to root"),
        ("directory", "is not a file"),
    ] {
        let bench = machine(&[("1", "echo a >> LOG", 0o755)]);
        let hook = bench.path("/etc/patchflock/hooks/pre-install.d/1");
        match change {
            "link" => {
                std::fs::remove_file(&hook).unwrap();
                std::os::unix::fs::symlink("/bin/true", &hook).unwrap();
            }
            "owner" => drop(std::os::unix::fs::chown(&hook, Some(12345), None)),
            "directory" => {
                std::fs::remove_file(&hook).unwrap();
                std::fs::create_dir(&hook).unwrap();
            }
            path => std::fs::set_permissions(bench.path(path), Permissions::from_mode(0o777)).unwrap(),
        }
        let why = hooks(&bench, HookPoint::PreInstall).failure().unwrap();
        assert!(!root() || why.contains(words), "{change}: {why}");
        assert_eq!(log(&bench), "", "{change}");
    }
}

#[test]
fn a_hook_past_its_deadline_is_ended_with_what_it_started() {
    let bench = machine(&[("1", "sleep 600; echo a >> LOG", 0o755)]);
    let run = bench::run();
    let within = Duration::from_millis(200);
    let found =
        one(&bench.desk, within, &run, HookPoint::PreInstall, "1", &format!("{DIRECTORY}/pre-install.d/1"));
    assert!(found.failure.unwrap().contains("did not finish within 0 s and was ended"));
    assert_eq!(log(&bench), "");
}
