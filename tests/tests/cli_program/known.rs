//! What is known of this machine, what is not known, and what waits.

use serde_json::{Value, json};

use crate::agent::{Agent, Play};

#[test]
fn what_waits_for_approval_is_counted_where_compliance_is_told() {
    let agent = Agent::new();
    let explained = agent.bench.run("explain");
    assert_eq!(explained.stdout.matches(" pending ").count(), 2, "{}", explained.all());
    for words in ["status", "compliance"] {
        let ran = agent.bench.run(words);
        assert!(
            ran.stdout.contains("2 waiting for approval, the next on 2026-11-29 19:58 UTC"),
            "{}",
            ran.all()
        );
        let value: Value =
            serde_json::from_str(&agent.bench.run(&format!("{words} -o json")).stdout).unwrap();
        assert_eq!(value["waiting"]["for_approval"], 2, "{value}");
    }
}

#[test]
fn what_waits_is_told_by_the_run_that_found_it_and_by_no_other() {
    let agent = Agent::new();
    assert!(!agent.bench.run("scan").stdout.contains("waiting for approval"));
    agent.survey(|survey| survey["inventory"]["taken_at"] = "2026-11-25T01:00:05Z".into());
    let ran = agent.bench.run("scan");
    assert!(ran.stdout.contains("\n  2 waiting for approval, the next on 2026-11-29"), "{}", ran.all());
}

#[test]
fn status_ends_with_3_where_nothing_can_be_said_and_with_0_where_it_can() {
    // Not compliant, and said so: a report that is complete.
    let agent = Agent::new();
    let ran = agent.bench.run("status");
    assert!(ran.code == 0 && ran.stdout.contains("NOT COMPLIANT"), "{}", ran.all());
    assert_eq!(agent.bench.run("compliance").code, 3);
    let blind = Agent::playing(Play::Blind);
    for words in ["status", "status -o json", "compliance", "compliance -o json"] {
        let ran = blind.bench.run(words);
        assert_eq!((ran.code, ran.stderr.as_str()), (3, ""), "{words}: {}", ran.all());
        assert!(ran.stdout.contains("UNKNOWN") || words.starts_with("status -o"), "{}", ran.all());
    }
}

#[test]
fn a_window_that_is_open_now_is_shown_with_its_tasks() {
    let ran = Agent::playing(Play::Open).bench.run("status");
    for part in [
        "open now: window night since 2026-11-24 22:00 UTC",
        "nothing new starts after 2199-01-02 00:00 UTC",
        "task INSTALL in progress: `patchflock runs watch r-new`",
        "task SCAN succeeded: scanned",
        "tags or documents have changed since",
    ] {
        assert!(ran.stdout.contains(part), "no {part:?} in {}", ran.all());
    }
}

#[test]
fn without_a_baseline_what_is_known_of_a_package_is_told_and_said_once() {
    let agent = Agent::new();
    agent.survey(|survey| {
        survey["evaluation"] = Value::Null;
        survey["compliance"] = Value::Null;
        survey["choice"] = json!({"choice": "unknown", "why": "the baseline careful has expired"});
    });
    let ran = agent.bench.run("explain openssl");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.all());
    for part in [
        "openssl 3.0.19-1~deb12u2 (amd64) is installed",
        "openssl 3.0.20-1~deb12u2 (amd64) is offered by Debian/bookworm/main",
        "nothing is decided about it, because no baseline is in effect",
        "the baseline careful has expired",
    ] {
        assert_eq!(ran.stdout.matches(part).count(), 1, "{part:?} in {}", ran.all());
    }
    agent.bench.run("explain no-such-package").refused(&["`patchflock scan` looks again"]);
    for words in ["explain -o json", "explain openssl -o json"] {
        let value: Value = serde_json::from_str(&agent.bench.run(words).stdout).unwrap();
        assert!(value.as_array().is_some_and(|all| !all.is_empty()), "{words}: {value}");
    }
    let all = agent.bench.run("explain");
    assert!(all.stdout.contains("nothing is decided about any of them"), "{}", all.all());
}

#[test]
fn no_command_says_a_sentence_twice() {
    let agent = Agent::new();
    for words in ["status", "explain openssl", "runs", "compliance"] {
        let ran = agent.bench.run(words);
        let mut sentences: Vec<&str> = ran.stdout.lines().filter(|l| !l.contains("  ")).collect();
        let all = sentences.len();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), all, "{words}: {}", ran.all());
    }
}

#[test]
fn a_survey_that_is_damaged_is_called_damaged_and_not_of_another_version() {
    let agent = Agent::new();
    let path = agent.bench.path().join("survey.json");
    let whole = std::fs::read(&path).unwrap();
    for part in [&whole[..0], &whole[..whole.len() / 2], b"nonsense"] {
        std::fs::write(&path, part).unwrap();
        for words in ["explain", "compliance"] {
            let ran = agent.bench.run(words);
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.all());
            for told in ["damaged", "`patchflock scan` makes a new one"] {
                assert!(ran.stderr.contains(told), "no {told:?} in {}", ran.all());
            }
            assert!(!ran.stderr.contains("version"), "{}", ran.all());
        }
        // What the agent itself knows is told without it.
        let status = agent.bench.run("status");
        assert!(status.code == 0 && status.stderr.contains("damaged"), "{}", status.all());
    }
}

#[test]
fn a_run_answers_to_the_beginning_of_its_name() {
    let agent = Agent::new();
    assert_eq!(agent.bench.run("runs show r-p").stdout, agent.bench.run("runs show r-past").stdout);
    assert_eq!(agent.bench.run("install --yes").code, 3);
    let several = agent.bench.run("runs show r");
    several.refused(&[
        "r may mean 2 runs",
        "r-past  install by alice, 2026-11-25 01:00 UTC, succeeded",
        "r-new",
    ]);
    assert_eq!(agent.bench.run("runs watch r-n").code, 3);
    agent.bench.run("runs show r-x").refused(&["no run r-x"]);
    let list = agent.bench.run("runs");
    assert!(list.stdout.contains("alice") && !list.stdout.contains("uid"), "{}", list.all());
    assert!(list.stdout.contains("everything planned was installed"), "{}", list.all());
}
