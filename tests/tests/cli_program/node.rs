//! The commands that talk to the agent: what they show, what they ask for, and how they end.

use patchflock_api::privileged::Request;
use patchflock_api::run::Ending;

use crate::agent::{Agent, Play};
use crate::bench::{Bench, Ran};

const NIGHT: &str = "\
# our night
kind: MaintenanceWindow
name: night
spec:
  schedule: at(2199-01-01T22:00:00)
  duration: 3h
  cutoff: 1h
  targets:
    - name: prod
      targets: [{key: 'tag:Patch Group', values: [prod]}]
  tasks:
    - type: INSTALL
      targets: [{key: WindowTargetIds, values: [prod]}]
      max_concurrency: 10%
      max_errors: 3
";

/// Without what depends on today, and on the machine that the tests run on.
fn timeless(ran: &Ran) -> String {
    let mut text = String::new();
    let all: String = ran
        .all()
        .lines()
        .map(|line| if line.starts_with("machine: kernel ") { "machine: (THIS)" } else { line })
        .map(|line| format!("{line}\n"))
        .collect();
    let mut parts = all.split('(');
    text += parts.next().unwrap_or_default();
    for part in parts {
        match part.split_once(')') {
            Some((words, rest)) if words.ends_with(" ago") || words.starts_with("in ") => {
                text += &format!("(WHEN){rest}");
            }
            _ => text += &format!("({part}"),
        }
    }
    text
}

fn adopted(agent: &Agent) {
    agent.document("MaintenanceWindow", "night", 1, Some(NIGHT));
    agent.document("PatchBaseline", "careful", 1, Some("x"));
    agent.document("PatchBaseline", "careful", 2, Some("kind: PatchBaseline\n"));
    agent.document("PatchGroup", "old", 1, Some("x"));
    agent.document("PatchGroup", "old", 2, None);
}

#[test]
fn what_the_agent_knows_is_shown_to_people() {
    let agent = Agent::new();
    adopted(&agent);
    for (name, words, code) in [
        ("status", "status", 0),
        ("compliance", "compliance", 3),
        ("get", "get", 0),
        ("get_all", "get group --all", 0),
        ("describe", "describe window night", 0),
        ("runs", "runs", 0),
        ("runs_show", "runs show r-past", 0),
        ("explain", "explain", 0),
        ("explain_one", "explain openssl", 0),
    ] {
        let ran = agent.bench.run(words);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{words}: {}", ran.all());
        assert!(!ran.stdout.contains('\u{1b}'), "{words}");
        insta::assert_snapshot!(format!("node_{name}"), timeless(&ran), words);
    }
}

#[test]
fn what_the_agent_knows_is_data_for_programs() {
    let agent = Agent::new();
    adopted(&agent);
    for words in [
        "status",
        "compliance",
        "get",
        "get window night",
        "runs",
        "runs show r-past",
        "explain",
        "explain openssl",
    ] {
        let json = agent.bench.run(&format!("{words} -o json"));
        let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert!(!value.is_null(), "{words}");
        let yaml = agent.bench.run(&format!("{words} -o yaml"));
        assert_eq!((yaml.code, yaml.stderr.as_str()), (json.code, ""), "{words}");
    }
    let one = agent.bench.run("explain openssl -o json");
    assert!(one.stdout.contains("\"window\": \"night\""), "{}", one.all());
}

#[test]
fn without_an_agent_the_commands_say_what_to_start() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new().env("PATCHFLOCK_RUNTIME_DIR", &dir.path().display().to_string());
    for words in [
        "status",
        "compliance",
        "get",
        "runs",
        "explain",
        "scan",
        "install --yes",
        "install --dry-run",
        "runs cancel r-1",
    ] {
        let ran = bench.run(words);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{words}: {}", ran.all());
        let told = ran.stderr.contains("patchflockd is not running on this machine");
        assert!(told && ran.stderr.contains("`patchflock try` works without it"), "{}", ran.all());
        assert!(
            ran.stderr
                .contains("`systemctl status patchflockd`; what it said: `journalctl -u patchflockd -n 20`"),
            "{}",
            ran.all()
        );
    }
    let ran = bench.run("apply -f window.yaml");
    assert!(ran.code == 2 && ran.stderr.contains("systemctl start patchflock-priv.socket"), "{}", ran.all());
}

#[test]
fn who_may_not_change_anything_is_told_who_may() {
    let agent = Agent::new();
    agent.close("admin.sock");
    agent.close("priv.sock");
    for words in [
        "scan",
        "install --yes",
        "runs cancel 0123456789012345678901234",
        "apply -f window.yaml",
        "delete window night --yes",
        "delete window night",
        "approve jq --baseline careful",
        "diff -f window.yaml",
        "install --dry-run --reason x",
    ] {
        agent.bench.run(words).refused(&["needs root or membership in the group patchflock"]);
    }
    assert_eq!(agent.bench.run("status").code, 0);
}

#[test]
fn an_installation_is_followed_to_its_end_and_its_end_is_the_exit_status() {
    for (ending, code) in
        [(Ending::Succeeded, 3), (Ending::Failed, 3), (Ending::Skipped, 1), (Ending::Cancelled, 1)]
    {
        let ran = Agent::playing(Play::Ends(ending)).bench.run("install --yes");
        assert_eq!(ran.code, code, "{}", ran.all());
        assert!(ran.stderr.contains("run r-new; Ctrl-C leaves it running"), "{}", ran.all());
        if ending == Ending::Succeeded {
            insta::assert_snapshot!("node_install", timeless(&ran));
        }
    }
    let json = Agent::new().bench.run("scan -o json");
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, value["entry"]["ending"].as_str()), (3, Some("succeeded")));
}

#[test]
fn ctrl_c_leaves_the_run_running_and_says_how_to_watch_it() {
    let agent = Agent::playing(Play::Stays);
    let ran = agent.bench.shell(
        "{ { patchflock install --yes 2> talk & echo $! > pid; wait $!; echo $? > code; } & \
         until grep -q planning talk 2> seen; do :; done; pkill -INT -P $(cat pid); wait; cat code talk; }",
    );
    assert!(ran.stdout.starts_with("3\n"), "{}", ran.all());
    assert!(ran.stdout.contains("`patchflock runs watch r-new` follows it again"), "{}", ran.all());
}

#[test]
fn a_run_can_be_left_alone_from_the_beginning() {
    let agent = Agent::playing(Play::Stays);
    let ran = agent.bench.run("install --yes --detach --reboot never --exclude openssl --reason 'too soon'");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "r-new\n"), "{}", ran.all());
    let [Request::Place { order }] = &agent.heard()[..] else { panic!("{:?}", agent.heard()) };
    assert_eq!(
        (order.exclude.clone(), order.reason.as_deref()),
        (vec!["openssl".to_owned()], Some("too soon"))
    );
    let status = agent.bench.run("status");
    assert!(status.stdout.contains("running: r-new install by alice"), "{}", status.all());
    agent.bench.run("runs show r-new").refused(&["still in progress", "runs watch r-new"]);
    assert_eq!(agent.bench.run("runs cancel r-new").code, 0);
    agent.bench.run("runs cancel r-other").refused(&["no run r-other"]);
}

#[test]
fn while_another_run_is_in_progress_none_is_started() {
    Agent::playing(Play::Busy).bench.run("install --yes").refused(&["run r-past is in progress"]);
}

#[test]
fn apply_checks_everything_before_it_sends_anything() {
    let agent = Agent::new();
    agent.bench.file("wrong.yaml", "kind: PatchBaseline\nname: x\nspec:\n  operating_sistem: DEBIAN\n");
    agent.bench.run("apply -f window.yaml wrong.yaml").refused(&["wrong.yaml:4", "nothing was applied"]);
    assert_eq!(agent.heard(), []);
    let ran = agent.bench.run("apply -f window.yaml baseline.yaml");
    assert_eq!(ran.code, 0, "{}", ran.all());
    insta::assert_snapshot!("node_apply", ran.all());
    let dry = agent.bench.run("apply --dry-run -f baseline.yaml");
    assert!(dry.stdout.contains("careful would be updated"), "{}", dry.all());
    assert_eq!(dry.stdout, agent.bench.run("diff -f baseline.yaml").stdout);
    let dry_runs: Vec<bool> =
        agent.heard().iter().map(|r| matches!(r, Request::Apply { dry_run: true, .. })).collect();
    assert_eq!(dry_runs, [false, false, true, true]);
}

#[test]
fn delete_asks_first_and_names_what_is_not_there() {
    let agent = Agent::new();
    agent.document("PatchBaseline", "careful", 2, Some("x"));
    let nobody = agent.bench.run("delete baseline careful");
    nobody.refused(&["nobody is there to confirm the deletion", "add --yes"]);
    let asked = agent.bench.answering("n", "delete baseline careful");
    assert!(asked.code == 1 && asked.stdout.contains("nothing was deleted"), "{}", asked.all());
    let absent = agent.bench.answering("y", "delete baseline careles");
    assert!(absent.stdout.contains("has no PatchBaseline careles"), "{}", absent.all());
    assert!(!absent.stdout.contains("[y/N]"), "{}", absent.all());
    assert_eq!(agent.heard(), []);
    let ran = agent.bench.answering("y", "delete baseline careful");
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("PatchBaseline careful deleted (version 3)"), "{}", ran.all());
    agent.bench.run("delete baseline gone --yes").refused(&["there is no PatchBaseline gone"]);
}

#[test]
fn what_is_not_there_is_named_with_the_next_step() {
    let agent = Agent::new();
    for (words, told) in [
        ("get window nightly", "no MaintenanceWindow nightly"),
        ("describe baseline nothing", "no PatchBaseline nothing"),
        ("runs show r-unknown", "no run r-unknown"),
        ("runs watch r-unknown", "no run r-unknown"),
        ("runs show ../../etc", "is not an id"),
        ("get node", "not a kind of document"),
        ("explain no-such-package", "`patchflock scan` looks again"),
        ("approve openssl --baseline nothing", "no PatchBaseline nothing"),
    ] {
        agent.bench.run(words).refused(&[told]);
    }
}

#[test]
fn options_of_an_installation_are_checked_and_placed_as_they_were_read() {
    let agent = Agent::new();
    agent.bench.file("list.yaml", "patches: [{id: 'openssl*'}]\n");
    agent.bench.file("wrong.yaml", "patches: []\n");
    agent.bench.run("install --yes --install-override-list wrong.yaml").refused(&["at least one entry"]);
    agent
        .bench
        .run("install --yes --baseline-override window.yaml")
        .refused(&["no document of kind PatchBaseline"]);
    agent
        .bench
        .run("install --yes --baseline-override nothing.yaml")
        .refused(&["nothing.yaml", "check the path"]);
    assert_eq!(agent.heard(), []);
    let ran = agent
        .bench
        .run("install --yes --install-override-list list.yaml --baseline-override baseline.yaml --detach");
    assert_eq!(ran.code, 0, "{}", ran.all());
    let [Request::Place { order }] = &agent.heard()[..] else { panic!("{:?}", agent.heard()) };
    assert_eq!(order.install_override_list.as_deref(), Some("patches: [{id: 'openssl*'}]\n"));
    assert!(order.baseline_override.as_deref().unwrap().starts_with("kind: PatchBaseline"));
}

#[test]
fn a_run_that_is_over_can_still_be_watched_and_a_terminal_gets_the_same_data() {
    let agent = Agent::new();
    let watched = agent.bench.run("runs watch r-past");
    assert_eq!((watched.code, watched.stderr.as_str()), (3, ""), "{}", watched.all());
    assert!(watched.stdout.ends_with("succeeded: everything planned was installed\n"), "{}", watched.all());
    let shown = agent.bench.on_terminal(400, "install --yes");
    assert_eq!(shown.code, 3, "{}", shown.all());
    assert!(shown.stdout.contains("everything planned was installed"), "{}", shown.all());
}

#[test]
fn what_is_installed_and_not_offered_anew_is_explained_too() {
    let agent = Agent::new();
    let inventory: serde_json::Value = serde_json::from_str(&crate::bench::fixture("apt.json")).unwrap();
    let offered = |name: &str| {
        inventory["candidates"].as_array().unwrap().iter().any(|c| c["name"].as_str() == Some(name))
    };
    let installed = inventory["installed"].as_array().unwrap().iter();
    let quiet = installed.filter_map(|i| i["name"].as_str()).find(|n| !offered(n)).unwrap();
    let ran = agent.bench.run(&format!("explain {quiet}"));
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("nothing newer of it is offered"), "{}", ran.all());
    assert!(agent.bench.run("compliance --all").stdout.contains(quiet));
}

#[test]
fn a_machine_that_nobody_looked_at_says_what_to_do() {
    let agent = Agent::new();
    std::fs::remove_file(agent.bench.path().join("survey.json")).unwrap();
    let unknown = agent.bench.run("compliance");
    assert!(unknown.code == 3 && unknown.stdout.contains("UNKNOWN"), "{}", unknown.all());
    assert!(unknown.stdout.contains("`patchflock scan`"), "{}", unknown.all());
    let unknown = agent.bench.run("compliance -o json");
    let value: serde_json::Value = serde_json::from_str(&unknown.stdout).unwrap();
    assert_eq!((unknown.code, value["status"].as_str()), (3, Some("UNKNOWN")));
    agent.bench.run("explain").refused(&["`patchflock scan` makes one"]);
    let none = agent.bench.run("get");
    assert!(none.code == 0 && none.stderr.contains("`patchflock apply -f FILE`"), "{}", none.all());
    std::fs::write(agent.bench.path().join("survey.json"), "{\"format\": 2}").unwrap();
    let newer = agent.bench.run("explain");
    assert!(
        newer.code == 2 && newer.stderr.contains("has format 2, this patchflock reads 1"),
        "{}",
        newer.all()
    );
}

#[test]
fn a_patch_is_approved_or_rejected_in_the_text_that_was_applied() {
    let agent = Agent::new();
    let text = "# ours\nkind: PatchBaseline\nname: careful\nspec:\n  operating_system: DEBIAN\n  \
                rejected_patches: [perl-base]\n";
    agent.document("PatchBaseline", "careful", 1, Some(text));
    let dry = agent.bench.run("reject jq --baseline careful --dry-run");
    assert!(dry.code == 0 && dry.stdout.contains("careful would be updated"), "{}", dry.all());
    let ran = agent.bench.run("approve perl-base --baseline careful");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "checking\n"), "{}", ran.all());
    assert!(ran.stdout.starts_with("PatchBaseline careful updated (version 2)\n"), "{}", ran.all());
    let sent: Vec<(bool, String)> = agent
        .heard()
        .into_iter()
        .filter_map(|r| match r {
            Request::Apply { text, dry_run } => Some((dry_run, text)),
            _ => None,
        })
        .collect();
    assert_eq!(sent.iter().map(|(dry_run, _)| *dry_run).collect::<Vec<_>>(), [true, false]);
    assert!(sent[0].1.contains("perl-base") && sent[0].1.contains("jq"), "{}", sent[0].1);
    let approved = &sent[1].1;
    assert!(approved.starts_with("# ours\n") && approved.contains("approved_patches"), "{approved}");
    agent.bench.run("reject perl-base --baseline careful").refused(&["nothing to change"]);
}
