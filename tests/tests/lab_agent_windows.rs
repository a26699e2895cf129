//! The agent before, in and around its windows: what is downloaded ahead of them, what is shown while they are open, and
//! that what people read follows from the documents and tags that are in force.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::http::Fault;
use serde_json::Value;

/// The limit of every wait here; nothing takes that long.
const SOON: Duration = Duration::from_secs(300);

/// A baseline that approves all, under a name, and what else it comes with.
fn baseline(name: &str, more: &str) -> String {
    format!(
        "kind: PatchBaseline\nname: {name}\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - filters: \
         {{PRIORITY: ['*']}}\n      approve_after_days: 0\n{more}"
    )
}

/// Ids of the runs that have ended, the newest first.
fn runs(agent: &Agent) -> Vec<Value> {
    agent.json("runs").unwrap().as_array().unwrap().iter().map(|run| run["spec"]["id"].clone()).collect()
}

/// The baseline that the status names, once it is one that is in force.
fn effective(agent: &Agent) -> String {
    let mut found = Value::Null;
    door::wait("a survey of what is in force", SOON, || {
        found = agent.status().unwrap_or_default();
        found["active"].is_null() && found["survey_outdated"] == false
    })
    .unwrap();
    found["survey"]["choice"]["baseline"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_a_window_will_install_is_downloaded_before_it_opens() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    effective(&agent);
    let opens = agent.machine.ok("date -u +%FT%T -d '+150 seconds'").unwrap();
    agent
        .apply(&format!(
            "kind: MaintenanceWindow\nname: soon\nspec:\n  schedule: at({})\n  duration: 2h\n  tasks:\n    - {{type: INSTALL, \
             name: patch, targets: [{{key: InstanceIds, values: ['*']}}], max_concurrency: 1, max_errors: 0}}\n",
            opens.trim()
        ))
        .unwrap();
    let ahead = agent.wait_run("ahead").unwrap();
    assert_eq!(
        (&ahead["ending"], &ahead["spec"]["trigger"]["window"]),
        (&"succeeded".into(), &"soon".into())
    );
    let steps: Vec<&Value> = ahead["steps"].as_array().unwrap().iter().map(|s| &s["step"]).collect();
    assert_eq!(steps, ["survey", "fetch"], "{ahead}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed", "nothing was disturbed");
    assert!(agent.status().unwrap()["open"].as_array().unwrap().is_empty(), "it is not open yet");
    // From here on no package can be had.
    agent.server.fault(".deb", Fault::Status(404));
    let run = agent.wait_run("window").unwrap();
    assert_eq!(run["ending"], "succeeded", "{run}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
    let open = agent.status().unwrap()["open"][0].clone();
    assert_eq!((&open["window"], &open["tasks"][0]["task"]), (&"soon".into(), &"patch".into()), "{open}");
    let state = &open["tasks"][0]["state"];
    assert_eq!((&state["state"], &state["ending"]), (&"ended".into(), &"succeeded".into()), "{open}");
}

#[test]
fn tags_and_documents_that_changed_while_the_agent_was_down_are_looked_at_when_it_starts() {
    let agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent
        .apply(&format!(
            "{}---\n{}---\nkind: PatchGroup\nname: web\nspec: {{baselines: [of-web]}}\n---\nkind: DefaultBaselines\nname: \
             defaults\nspec: {{baselines: [of-all]}}\n",
            baseline("of-all", ""),
            baseline("of-web", "")
        ))
        .unwrap();
    assert_eq!(effective(&agent), "of-all");
    let before = runs(&agent);
    agent.machine.ok("systemctl restart patchflockd").unwrap();
    let status = agent.wait_idle().unwrap();
    assert_eq!(
        (runs(&agent), &status["survey_outdated"]),
        (before.clone(), &false.into()),
        "a restart scans nothing"
    );

    let group = |name: &str| {
        let settings = format!("[node]\ngroup = \"{name}\"\n");
        agent.machine.files().write("/etc/patchflock/conf.d/group.toml", settings).unwrap();
    };
    agent.machine.ok("systemctl stop patchflockd && mkdir -p /etc/patchflock/conf.d").unwrap();
    group("web");
    agent.machine.ok("systemctl start patchflockd").unwrap();
    assert_eq!(effective(&agent), "of-web");
    assert_eq!(runs(&agent).len(), before.len() + 1);
    let warned =
        |agent: &Agent| agent.status().unwrap()["warnings"].to_string().contains("no PatchGroup registers");
    assert!(!warned(&agent));
    group("wbe");
    agent.machine.ok("systemctl restart patchflockd").unwrap();
    assert_eq!(effective(&agent), "of-all");
    assert!(warned(&agent), "{}", agent.status().unwrap());
    // Documents: adopted while the agent is down, which the command line says.
    agent.machine.ok("systemctl stop patchflockd").unwrap();
    let text = "kind: PatchGroup\nname: wbe\nspec: {baselines: [of-web]}\n";
    agent.machine.files().write("/root/group.yaml", text).unwrap();
    agent.machine.run("patchflock apply -f /root/group.yaml").unwrap();
    agent.machine.ok("systemctl start patchflockd").unwrap();
    assert_eq!(effective(&agent), "of-web");
    assert!(!warned(&agent));
    // Somebody who cannot be right is told before anything runs.
    group("web ");
    agent.machine.run("systemctl restart patchflockd").unwrap();
    door::wait("the refusal", SOON, || agent.journal().contains("begins or ends with a blank")).unwrap();
}
