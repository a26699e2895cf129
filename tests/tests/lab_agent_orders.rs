//! What an administrator asks of the agent beside its documents, and what he is told: orders, single decisions, delays.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use patchflock_api::ids::{OrderId, RunId};
use patchflock_api::order::Order;
use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::privileged::place;
use patchflock_tests::lab::site::SECURITY;

const DAY: i64 = 86_400;

/// A machine with `a`, `b` and `c` in version 1.0, and 1.1 offered of each.
fn three() -> Agent {
    let mut agent = Agent::new(["a", "b", "c"].map(|name| Deb::new(name, "1.0"))).unwrap();
    agent.publish(["a", "b", "c"].map(|name| Deb::new(name, "1.1"))).unwrap();
    agent
}

/// A default baseline with these rules.
fn rules(agent: &Agent, rules: &str) {
    let text = format!(
        "kind: PatchBaseline\nname: lab\nspec:\n  operating_system: DEBIAN\n{rules}---\nkind: DefaultBaselines\nname: \
         defaults\nspec:\n  baselines: [lab]\n"
    );
    agent.apply(&text).unwrap();
}

/// One rule for everything, after so many days.
fn delay(agent: &Agent, days: u32) {
    let rule =
        format!("  approval_rules:\n    - filters: {{PRIORITY: ['*']}}\n      approve_after_days: {days}\n");
    rules(agent, &rule);
}

/// Those of `a`, `b` and `c` that are in version 1.1.
fn updated(agent: &Agent) -> String {
    let installed = agent.installed().unwrap();
    ["a", "b", "c"].into_iter().filter(|n| installed[*n] == "1.1 installed").collect()
}

/// Exit code, and everything that was said.
fn said(agent: &Agent, args: &str) -> (i32, String) {
    let out = agent.patchflock(args).unwrap();
    (out.code, format!("{}{}", out.stdout_text(), out.stderr_text()))
}

/// What `explain` says of a package, as data.
fn explained(agent: &Agent, name: &str) -> serde_json::Value {
    let all = agent.json(&format!("explain {name}")).unwrap();
    all[0].clone()
}

#[test]
fn what_is_excluded_from_a_run_stays_and_the_next_run_takes_it() {
    let agent = three();
    agent.baseline("").unwrap();
    let (code, words) = said(&agent, "install --yes --exclude b --exclude c --reason 'b and c later'");
    assert_eq!(updated(&agent), "a", "exit {code}: {words}");
    assert_eq!(agent.state("b").unwrap(), "MISSING", "left out is not compliant");
    let (code, words) = said(&agent, "install --yes --exclude nosuch");
    assert_eq!((code, updated(&agent).as_str()), (0, "abc"), "{words}");
    assert!(words.contains("not offered here: nosuch"), "{words}");
}

#[test]
fn a_list_installs_exactly_what_it_names_whatever_the_baseline_says() {
    let agent = three();
    agent.baseline("  rejected_patches: [b]\n  rejected_patches_action: BLOCK\n").unwrap();
    agent.machine.files().write("/root/list.yaml", "patches:\n  - id: 'b.all'\n").unwrap();
    let (code, words) = said(&agent, "install --yes --install-override-list /root/list.yaml");
    assert_eq!(updated(&agent), "b", "exit {code}: {words}");
    assert_eq!(agent.state("b").unwrap(), "INSTALLED_REJECTED", "compliance is judged by the baseline");
    assert_eq!(agent.state("a").unwrap(), "MISSING", "nobody tried to install it");
    // An entry that names nothing here is told of.
    agent.machine.files().write("/root/list.yaml", "patches:\n  - id: 'a.al'\n").unwrap();
    let (code, words) = said(&agent, "install --yes --install-override-list /root/list.yaml");
    assert_eq!(updated(&agent), "b", "exit {code}: {words}");
    assert!(words.contains("not offered here: a.al"), "{words}");
    agent.machine.files().write("/root/list.yaml", "patches:\n  - ids: 'a'\n").unwrap();
    let (code, words) = said(&agent, "install --yes --install-override-list /root/list.yaml");
    assert_eq!((code, updated(&agent).as_str()), (1, "b"), "{words}");
    assert!(words.contains("list.yaml") && words.contains("id"), "{words}");
}

#[test]
fn another_baseline_may_be_used_for_one_run_alone() {
    let agent = three();
    delay(&agent, 30);
    assert_eq!(said(&agent, "install --yes").0, 0);
    assert_eq!(updated(&agent), "");
    let text = "kind: PatchBaseline\nname: once\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - filters: \
                {PRIORITY: ['*']}\n      approve_after_days: 0\n  rejected_patches: [c]\n  rejected_patches_action: BLOCK\n";
    agent.machine.files().write("/root/once.yaml", text).unwrap();
    let (code, words) = said(&agent, "install --yes --baseline-override /root/once.yaml");
    assert_eq!(updated(&agent), "ab", "exit {code}: {words}");
    assert_eq!(agent.json("get baseline").unwrap().as_array().unwrap().len(), 1, "it was adopted");
    assert_eq!(said(&agent, "install --yes").0, 0);
    assert_eq!(updated(&agent), "ab", "the next run judges by the one in force");
}

/// Asks the agent for an installation by this order, and gives what its history says of the run.
fn installation(agent: &Agent, order: &OrderId) -> serde_json::Value {
    let body = format!("{{\"operation\":\"install\",\"order\":\"{order}\"}}");
    let answer = agent.ask("POST /v1/runs", &body).unwrap();
    assert!(answer.contains("\"run\""), "{answer}");
    let run = RunId::of_order(order);
    let mut found = None;
    door::wait("the run to end", std::time::Duration::from_secs(120), || {
        let runs = agent.json("runs").unwrap_or_default();
        found = runs.as_array().into_iter().flatten().find(|r| r["spec"]["id"] == run.as_str()).cloned();
        found.is_some()
    })
    .unwrap();
    found.unwrap()
}

#[test]
fn an_order_that_has_expired_or_is_for_a_dry_run_installs_nothing_and_without_one_nothing_is_tried() {
    let agent = three();
    agent.baseline("").unwrap();
    let (code, words) = said(&agent, "install --exclude c --dry-run");
    assert_eq!(code, 3, "a dry run leaves the machine not compliant: {words}");
    let dry = agent.machine.ok("basename /var/lib/patchflock/orders/*.json .json").unwrap();
    let again = agent
        .ask("POST /v1/runs", &format!("{{\"operation\":\"install\",\"order\":\"{}\"}}", dry.trim()))
        .unwrap();
    assert!(again.contains("never repeated"), "{again}");
    let answer = agent.ask("POST /v1/runs", "{\"operation\":\"install\"}").unwrap();
    assert!(answer.contains(" 400 ") && answer.contains("needs an order"), "{answer}");
    let unused = place(&agent.machine, Order { dry_run: true, ..Order::default() }).unwrap();
    let entry = installation(&agent, &unused);
    assert_eq!(entry["ending"], "failed", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("for a dry run"), "{entry}");
    // An order as it was placed, only that its time has passed.
    let order = place(&agent.machine, Order::default()).unwrap();
    let file = format!("/var/lib/patchflock/orders/{order}.json");
    let past = "s/\"expires\": *\"[^\"]*\"/\"expires\":\"2026-01-01T00:00:00Z\"/";
    agent.machine.ok(&format!("sed -i '{past}' {file}")).unwrap();
    let entry = installation(&agent, &order);
    assert_eq!(entry["ending"], "failed", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("expired"), "{entry}");
    assert_eq!(updated(&agent), "");
}

#[test]
fn a_single_patch_can_be_approved_and_rejected_and_is_explained() {
    let agent = three();
    delay(&agent, 30);
    agent.window_now("").unwrap();
    agent.wait_run("window").unwrap();
    assert_eq!(updated(&agent), "");
    let (code, words) = said(&agent, "approve a --baseline lab");
    assert_eq!(code, 0, "{words}");
    let (code, words) = said(&agent, "reject c --baseline lab");
    assert_eq!(code, 0, "{words}");
    assert_eq!(said(&agent, "scan").0, 3, "a is missing");
    let words = ["a", "b", "c"].map(|name| said(&agent, &format!("explain {name}")).1);
    assert!(words[0].contains("verdict: approved") && words[0].contains("when: "), "{}", words[0]);
    assert!(words[1].contains("verdict: pending") && words[1].contains("when: "), "{}", words[1]);
    assert!(words[2].contains("verdict: rejected") && words[2].contains("rejected_patches"), "{}", words[2]);
    assert_eq!(explained(&agent, "a")["planned"], true);
    let pending = explained(&agent, "b");
    assert_eq!((&pending["planned"], &pending["opening"].is_null()), (&false.into(), &true), "{pending}");
    assert_eq!(said(&agent, "install --yes").0, 0);
    assert_eq!(updated(&agent), "a");
}

#[test]
fn a_version_keeps_its_age_although_the_index_is_signed_anew() {
    let mut agent = Agent::new(["a", "b", "c"].map(|name| Deb::new(name, "1.0"))).unwrap();
    delay(&agent, 7);
    agent.repo.suite_mut(SECURITY).unwrap().date = Some(door::now() - 5 * DAY);
    agent.publish([Deb::new("a", "1.1")]).unwrap();
    // apt keeps the newer index that it has already.
    agent.machine.ok("rm -rf /var/lib/apt/lists/*").unwrap();
    assert_eq!(said(&agent, "install --yes").0, 0);
    assert_eq!(updated(&agent), "", "five days of seven");
    let pending = explained(&agent, "a");
    let at = agent.machine.ok("date -u +%F -d '+2 days'").unwrap();
    assert!(pending["verdict"].to_string().contains(at.trim()), "{pending}");
    // Signed today, with another version in it; three days are enough now.
    agent.repo.suite_mut(SECURITY).unwrap().date = None;
    agent.publish([Deb::new("b", "1.1")]).unwrap();
    delay(&agent, 3);
    assert_eq!(said(&agent, "install --yes").0, 0);
    assert_eq!(updated(&agent), "a");
    assert!(said(&agent, "explain b").1.contains("verdict: pending"), "{:?}", said(&agent, "explain b"));
}

#[test]
fn an_index_from_the_future_approves_nothing_before_its_date() {
    let mut agent = Agent::new(["a", "b", "c"].map(|name| Deb::new(name, "1.0"))).unwrap();
    delay(&agent, 1);
    agent.repo.suite_mut(SECURITY).unwrap().date = Some(door::now() + 3 * DAY);
    agent.publish([Deb::new("a", "1.1")]).unwrap();
    // apt itself refuses it, and then what it cannot vouch for is not installed.
    let (code, words) = said(&agent, "install --yes");
    assert_eq!(updated(&agent), "", "exit {code}: {words}");
    assert!(words.contains(SECURITY), "{words}");
    // Told to take it, as where the clock of the machine is wrong, it counts from its date all the same.
    let take = "Acquire::Max-FutureTime \"864000\";\n";
    agent.machine.files().write("/etc/apt/apt.conf.d/98future", take).unwrap();
    let (code, words) = said(&agent, "install --yes");
    assert_eq!(updated(&agent), "", "exit {code}: {words}");
    let at = agent.machine.ok("date -u +%F -d '+4 days'").unwrap();
    let pending = explained(&agent, "a");
    assert!(pending["verdict"].to_string().contains(at.trim()), "{pending}");
}
