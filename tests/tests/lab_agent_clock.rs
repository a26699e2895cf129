//! The agent on a machine whose clock is wrong: only its own two programs see the wrong time, since the clock of a container
//! is the host's.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::path::PathBuf;
use std::time::Duration;

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::site::SECURITY;
use serde_json::Value;

/// The agent looks at the clock every minute; the limit of every wait here.
const SOON: Duration = Duration::from_secs(240);
const DAY: i64 = 86_400;

/// What the host's package libfaketime brings.
fn library() -> PathBuf {
    let places = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let found = places.map(|d| d.path().join("faketime/libfaketimeMT.so.1")).find(|p| p.is_file());
    found.ok_or("libfaketime is not installed; ./test.sh installs it").unwrap()
}

/// A machine whose agent believes what [`set`] says.
fn deceived() -> Agent {
    let agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    let files = agent.machine.files();
    files.write("/usr/lib/faketime.so", std::fs::read(library()).unwrap()).unwrap();
    set(&agent, 0);
    let drop_in = "[Service]\nEnvironment=LD_PRELOAD=/usr/lib/faketime.so FAKETIME_TIMESTAMP_FILE=/etc/faketime \
                   FAKETIME_NO_CACHE=1 FAKETIME_DISABLE_SHM=1 FAKETIME_DONT_FAKE_MONOTONIC=1\n";
    for unit in ["patchflockd", "patchflock-priv@"] {
        files.write(&format!("/etc/systemd/system/{unit}.service.d/clock.conf"), drop_in).unwrap();
    }
    agent.machine.ok("systemctl daemon-reload && systemctl restart patchflockd").unwrap();
    agent.wait_idle().unwrap();
    agent
}

/// Puts the agent's clock so many seconds before (negative) or after the real time.
fn set(agent: &Agent, seconds: i64) {
    // Written beside and renamed: a reader must not find half of it.
    agent
        .machine
        .ok(&format!("echo '{seconds:+}' > /etc/faketime.new && mv /etc/faketime.new /etc/faketime"))
        .unwrap();
}

/// What the agent takes for now, from the survey of a scan.
fn scanned_at(agent: &Agent) -> i64 {
    agent.patchflock("scan").unwrap();
    let status = agent.wait_idle().unwrap();
    let at = status["survey"]["taken_at"].as_str().unwrap().to_owned();
    agent.machine.ok(&format!("date +%s -d {at}")).unwrap().trim().parse().unwrap()
}

fn window(agent: &Agent, name: &str, at: &str) {
    agent
        .apply(&format!(
            "kind: MaintenanceWindow\nname: {name}\nspec:\n  schedule: at({at})\n  duration: 2h\n  tasks:\n    - {{type: \
             INSTALL, name: patch, targets: [{{key: InstanceIds, values: ['*']}}], max_concurrency: 1, max_errors: 0}}\n"
        ))
        .unwrap();
}

fn instant(agent: &Agent, words: &str) -> String {
    agent.machine.ok(&format!("date -u +%FT%T -d '{words}'")).unwrap().trim().to_owned()
}

/// Runs of a window that have ended.
fn runs(agent: &Agent, window: &str) -> Vec<Value> {
    let all = agent.json("runs").unwrap();
    let of = |run: &&Value| run["spec"]["trigger"]["window"] == window;
    all.as_array().unwrap().iter().filter(of).cloned().collect()
}

#[test]
fn a_window_that_has_fired_does_not_fire_again_when_the_clock_goes_back() {
    let mut agent = deceived();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    let first = instant(&agent, "+3 seconds");
    window(&agent, "first", &first);
    door::wait("the window to fire", SOON, || runs(&agent, "first").len() == 1).unwrap();
    assert_eq!(runs(&agent, "first")[0]["ending"], "succeeded");
    agent.publish([Deb::new("tool", "1.2")]).unwrap();
    // Two days back; the window would open in two days. Then it is just before the window opens, once more.
    set(&agent, -2 * DAY);
    let at = scanned_at(&agent);
    assert!((at - door::now() + 2 * DAY).abs() < 60, "the agent is deceived: {at}");
    let opened: i64 = agent.machine.ok(&format!("date -u +%s -d {first}Z")).unwrap().trim().parse().unwrap();
    set(&agent, opened - 2 - door::now());
    // Another window, which opens a little later, shows that the agent has passed the instant.
    let second = instant(&agent, &format!("{first} UTC +4 seconds"));
    window(&agent, "second", &second);
    door::wait("the second window to fire", SOON, || runs(&agent, "second").len() == 1).unwrap();
    assert_eq!(runs(&agent, "second")[0]["ending"], "succeeded");
    assert_eq!(runs(&agent, "first").len(), 1, "{:?}", runs(&agent, "first"));
    assert_eq!(agent.installed().unwrap()["tool"], "1.2 installed");
    let status = agent.wait_idle().unwrap();
    assert_eq!(status["last_run"]["spec"]["trigger"]["window"], "second", "{status}");
}

#[test]
fn a_clock_that_is_behind_approves_nothing_early() {
    let mut agent = deceived();
    let text = "kind: PatchBaseline\nname: lab\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - filters: \
                {PRIORITY: ['*']}\n      approve_after_days: 1\n---\nkind: DefaultBaselines\nname: defaults\nspec:\n  \
                baselines: [lab]\n";
    agent.apply(text).unwrap();
    agent.repo.suite_mut(SECURITY).unwrap().date = Some(door::now() - 2 * DAY);
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    // apt keeps the newer index that it has already.
    agent.machine.ok("rm -rf /var/lib/apt/lists/*").unwrap();
    set(&agent, -3 * DAY);
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code == 3 && said.contains("which is in the future: check the clock"), "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed", "{said}");
    let pending = agent.json("explain tool").unwrap()[0]["verdict"].to_string();
    assert!(pending.contains("pending"), "{pending}");
    // Set right, a day has passed. A routine scan may be due by then.
    set(&agent, 0);
    agent.wait_idle().unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn a_run_that_waits_goes_on_although_the_clock_went_back_by_days() {
    let mut agent = deceived();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    let lock =
        "flock /run/patchflock.lock sh -c 'touch /run/held; until [ -e /root/free ]; do sleep 0.1; done'";
    agent.machine.ok(&format!("systemd-run --quiet --collect --unit=holder {lock}")).unwrap();
    door::wait("the lock to be held", SOON, || agent.machine.ok("test -e /run/held").is_ok()).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let waits = || agent.status().is_ok_and(|status| !status["active"]["waiting"].is_null());
    door::wait("the run to wait", SOON, waits).unwrap();
    set(&agent, -2 * DAY);
    agent.machine.ok("touch /root/free").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}
