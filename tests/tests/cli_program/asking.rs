//! Before anything is changed: what is shown, what is asked, and what a script is told.

use patchflock_api::privileged::Request;
use patchflock_api::run::Ending;

use crate::agent::{Agent, Play};

/// What was sent to change something; dry runs change nothing.
fn changes(agent: &Agent) -> usize {
    let heard = agent.heard();
    heard
        .iter()
        .filter(|r| !matches!(r, Request::Apply { dry_run: true, .. } | Request::Place { .. }))
        .count()
}

#[test]
fn an_installation_that_nobody_can_confirm_is_refused_before_anything_is_done() {
    let agent = Agent::new();
    for words in ["install", "install --detach", "install -o json", "install --reboot never"] {
        for input in ["< /dev/null", "< window.yaml", "<&-"] {
            agent.bench.shell(&format!("patchflock {words} {input}")).refused(&[
                "nobody is there to confirm the plan",
                "nothing was done",
                "--yes",
                "--dry-run",
            ]);
        }
    }
    assert_eq!(agent.heard(), []);
    // No run was started either, not even a dry one.
    assert_eq!(agent.bench.run("runs").stdout.lines().count(), 2);
    agent.bench.run("install --yes --dry-run").refused(&["--yes", "--dry-run"]);
}

#[test]
fn the_plan_is_shown_before_the_question_and_only_a_yes_installs() {
    let agent = Agent::new();
    let no = agent.bench.answering("n", "install");
    assert_eq!(no.code, 1, "{}", no.all());
    for part in [
        "baseline: careful version 2 (the patch group prod is registered with it)",
        "openssl",
        "3.0.19-1~deb12u2",
        "1.4 MB",
        "to download",
        "held: bash 5.2.15-2+b13: it needs libx",
        "reboot: yes: this machine needs one already (the running kernel is older",
        "hooks: ",
        "Change 9 packages as shown, and reboot? [y/N]",
        "not confirmed; nothing was changed",
    ] {
        assert!(no.stdout.contains(part), "no {part:?} in {}", no.all());
    }
    assert!(!no.stdout.contains("run r-new"), "{}", no.all());
    let yes = agent.bench.answering("y", "install --reboot never");
    assert_eq!(yes.code, 3, "{}", yes.all());
    assert!(yes.stdout.contains("Change 9 packages as shown? [y/N]"), "{}", yes.all());
    assert!(yes.stdout.contains("reboot: no (--reboot never)"), "{}", yes.all());
    assert!(yes.stdout.contains("run r-new; Ctrl-C leaves it running"), "{}", yes.all());
    assert!(yes.stdout.contains("everything planned was installed"), "{}", yes.all());
    assert!(!yes.stdout.contains("the plan changed"), "{}", yes.all());
}

#[test]
fn where_nothing_is_planned_nobody_is_asked() {
    let ran = Agent::playing(Play::Idle).bench.answering("n", "install");
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("Nothing to install, and no reboot is due"), "{}", ran.all());
    assert!(!ran.stdout.contains("[y/N]"), "{}", ran.all());
    // A reboot that was asked for is something to do.
    let ran = Agent::playing(Play::Idle).bench.answering("n", "install --reboot always");
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("Reboot this machine now? [y/N]"), "{}", ran.all());
}

#[test]
fn a_plan_that_changed_after_the_answer_is_told_at_the_end() {
    let ran = Agent::playing(Play::Drifts).bench.answering("y", "install");
    let told =
        "note: the plan changed between your answer and the run; not in it any more: jq 1.6-2.1+deb12u2";
    assert!(ran.stdout.contains(told), "{}", ran.all());
}

#[test]
fn leaving_a_run_alone_needs_an_answer_too() {
    let agent = Agent::new();
    let ran = agent.bench.answering("n", "install --detach");
    assert!(ran.code == 1 && !ran.stdout.contains("r-new"), "{}", ran.all());
    let ran = agent.bench.answering("y", "install --detach");
    assert!(
        ran.code == 0 && ran.stdout.contains("`patchflock runs watch r-new` follows it."),
        "{}",
        ran.all()
    );
}

#[test]
fn what_can_be_read_only_once_is_not_taken_where_it_is_needed_twice() {
    let agent = Agent::new();
    agent.bench.file("list.yaml", "patches: [{id: 'openssl*'}]\n");
    let ran = agent.bench.answering("y", "install --install-override-list /dev/null");
    assert!(ran.code == 1 && ran.stdout.contains("can be read only once"), "{}", ran.all());
    assert_eq!(agent.heard(), []);
    let ran = agent.bench.answering("y", "install --install-override-list list.yaml");
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert_eq!(agent.heard().len(), 2, "an order for the dry run, and one for the run");
}

#[test]
fn a_run_that_reboots_the_machine_is_no_success_yet() {
    let agent = Agent::playing(Play::Reboots);
    let ran = agent.bench.run("install --yes");
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{}", ran.all());
    assert!(ran.stderr.contains("The machine reboots now"), "{}", ran.all());
    assert!(ran.stderr.contains("`patchflock runs show r-new`"), "{}", ran.all());
    assert_eq!(agent.bench.run("runs watch r-new").code, 3);
}

#[test]
fn a_name_that_is_nowhere_on_this_machine_is_doubted_before_it_is_listed() {
    let agent = Agent::new();
    let text = "kind: PatchBaseline\nname: careful\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - \
                filters: {PRIORITY: ['*']}\n      approve_after_days: 7\n";
    agent.document("PatchBaseline", "careful", 1, Some(text));
    for verb in ["approve", "reject"] {
        let ran = agent.bench.run(&format!("{verb} opensl --baseline careful"));
        ran.refused(&["warning: no patch here is called opensl", "nearest: openssl", "--yes"]);
    }
    assert_eq!(changes(&agent), 0);
    let no = agent.bench.answering("n", "reject opensl --baseline careful");
    assert!(no.code == 1 && no.stdout.contains("nothing was changed"), "{}", no.all());
    // It is not said to be done before it is.
    assert!(no.stdout.contains("would be updated") && !no.stdout.contains("careful updated"), "{}", no.all());
    assert_eq!(changes(&agent), 0);
    let yes = agent.bench.answering("y", "reject opensl --baseline careful");
    assert!(yes.code == 0 && yes.stdout.contains("careful updated (version 2)"), "{}", yes.all());
    let all_the_same = agent.bench.run("approve opensl --baseline careful --yes");
    assert!(
        all_the_same.code == 0 && all_the_same.stderr.contains("nearest: openssl"),
        "{}",
        all_the_same.all()
    );
    assert_eq!(changes(&agent), 2);
}

#[test]
fn names_that_the_survey_knows_are_not_doubted_however_they_are_written() {
    let agent = Agent::new();
    let text = "kind: PatchBaseline\nname: careful\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - \
                filters: {PRIORITY: ['*']}\n      approve_after_days: 7\n";
    agent.document("PatchBaseline", "careful", 1, Some(text));
    for name in ["openssl", "openssl=3.0.20-1~deb12u2", "opens*", "libssl3", "'*'"] {
        let ran = agent.bench.run(&format!("reject {name} --baseline careful --dry-run"));
        assert!(ran.code == 0 && !ran.stderr.contains("warning"), "{name}: {}", ran.all());
    }
    // A baseline for other machines cannot be checked here, and nobody has looked at all without a survey.
    let rocky = text.replace("DEBIAN", "ROCKY_LINUX").replace("PRIORITY: ['*']", "SEVERITY: ['*']");
    agent.document("PatchBaseline", "careful", 2, Some(&rocky));
    agent.bench.run("reject openssl --baseline careful").refused(&["careful is for ROCKY_LINUX", "--yes"]);
    agent.document("PatchBaseline", "careful", 3, Some(text));
    std::fs::remove_file(agent.bench.path().join("survey.json")).unwrap();
    agent.bench.run("reject openssl --baseline careful").refused(&["nobody has looked at this machine yet"]);
}

#[test]
fn warnings_of_the_privileged_half_are_passed_on() {
    let agent = Agent::new();
    agent.bench.file("group.yaml", "kind: PatchGroup\nname: prod\nspec:\n  baselines: [lost]\n");
    let ran = agent.bench.run("apply -f group.yaml");
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stderr.contains("warning: no baseline is called lost"), "{}", ran.all());
    // The same is said before anything is applied, to whoever may apply it.
    let valid = agent.bench.run("validate -f group.yaml");
    assert_eq!(valid.stdout, "group.yaml: PatchGroup prod is valid\n", "{}", valid.all());
    assert_eq!(valid.stderr, "warning: no baseline is called lost\n");
    assert_eq!(changes(&agent), 1);
    agent.close("priv.sock");
    assert_eq!(agent.bench.run("validate -f group.yaml").stderr, "");
}

#[test]
fn a_failed_installation_is_one_also_after_a_question() {
    let ran = Agent::playing(Play::Ends(Ending::Cancelled)).bench.answering("y", "install");
    assert_eq!(ran.code, 1, "{}", ran.all());
}
