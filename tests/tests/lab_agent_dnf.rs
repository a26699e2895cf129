//! The agent from its package on a booted machine of the Red Hat family, with real dnf 4: what a run changes, what it
//! leaves alone, what survives a death in the middle, and what is said of it.
#![cfg(feature = "lab")]

use std::time::Duration;

use patchflock_tests::lab::agent_dnf::{DnfAgent, RULES};
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::http::Server;
use patchflock_tests::lab::node::Node;
use patchflock_tests::lab::package::Recipe;
use patchflock_tests::lab::rpm::Rpm;

/// A scriptlet that says that it runs and holds the transaction until a file appears.
const HOLD: &str = "touch /root/waits; while [ ! -e /root/go ]; do sleep 0.1; done";

fn rpm(name: &str, version: &str) -> Rpm {
    Rpm::new(name, version, "1").file(&format!("/usr/share/{name}/{version}"), "x")
}

fn said(out: &patchflock_machine::exec::Output) -> String {
    format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text())
}

#[test]
fn a_window_opens_by_itself_and_exactly_the_plan_changes() {
    let old = [
        rpm("tool", "1.0").requires("lib"),
        rpm("lib", "1.0"),
        rpm("stay", "1.0"),
        rpm("minor", "1.0"),
        rpm("plain", "1.0"),
    ];
    let mut agent = DnfAgent::new(old, "tool stay minor plain").unwrap();
    agent.baseline("  rejected_patches: [stay]\n  rejected_patches_action: BLOCK\n").unwrap();
    agent
        .publish([rpm("tool", "1.1").requires("lib >= 1.1").requires("helper"), rpm("stay", "1.1")])
        .unwrap();
    // Neither is approved: one comes along because tool needs it, the other is only of low severity, the last one has no
    // advisory at all.
    for new in [rpm("lib", "1.1"), rpm("helper", "1.0"), rpm("plain", "1.1")] {
        agent.repo.add(new).unwrap();
    }
    let minor = agent.repo.add(rpm("minor", "1.1")).unwrap();
    let low = Advisory::security("RLSA-2026:0900", "Low").issued(door::now() - 90 * 86_400).fixes(&minor);
    agent.repo.advise(low);
    agent.repo.publish().unwrap();
    let (before, asked) = (agent.installed().unwrap(), agent.asked_for().unwrap());
    agent.window_now("").unwrap();
    let entry = agent.wait_run("window").unwrap();
    assert_eq!(
        (&entry["ending"], &entry["installed"]["installed"]),
        (&"succeeded".into(), &3.into()),
        "{entry}"
    );
    assert_eq!(
        Node::difference(&before, &agent.installed().unwrap()),
        ["helper: absent -> 1.0-1", "lib: 1.0-1 -> 1.1-1", "tool: 1.0-1 -> 1.1-1"]
    );
    assert_eq!(
        agent.asked_for().unwrap(),
        asked,
        "what came along is a dependency, and nothing else changed"
    );
    assert_eq!(
        agent.machine.ok("dnf -C -q repoquery --installed --qf '%{reason}' helper").unwrap().trim(),
        "dependency"
    );
    assert_eq!(agent.state("stay").unwrap(), "INSTALLED_REJECTED", "it is there, and rejected");
    assert_eq!(agent.state("tool").unwrap(), "INSTALLED");
    let shown = agent.patchflock(&format!("runs show {}", entry["spec"]["id"].as_str().unwrap())).unwrap();
    let words = said(&shown);
    assert!(shown.code == 0 && words.contains("tool") && words.contains("1.1"), "{words}");
    let again = agent.wait_idle().unwrap();
    assert_eq!(again["last_run"]["spec"]["id"], entry["spec"]["id"], "{again}");
}

#[test]
fn a_scriptlet_that_fails_does_not_sink_the_others_and_is_failed() {
    let old = [rpm("good", "1.0"), rpm("bad", "1.0"), rpm("sad", "1.0")];
    let mut agent = DnfAgent::new(old, "good bad sad").unwrap();
    agent.baseline("").unwrap();
    let bad = rpm("bad", "1.1").script("pre", "echo no luck >&2; exit 7");
    // rpm takes a package whose last scriptlet fails, and warns.
    let sad = rpm("sad", "1.1").script("post", "echo half done >&2; exit 4");
    agent.publish([rpm("good", "1.1"), bad, sad]).unwrap();
    let dry = agent.patchflock("install --dry-run").unwrap();
    assert!(said(&dry).contains("good") && said(&dry).contains("bad"), "{}", said(&dry));
    let before = agent.installed().unwrap();
    assert_eq!(before["good"], "1.0-1", "a dry run changes nothing");
    let out = agent.patchflock("install --yes").unwrap();
    assert_eq!(out.code, 3, "{}", said(&out));
    assert!(said(&out).contains("bad") && said(&out).contains("FAILED"), "{}", said(&out));
    let changed = ["good: 1.0-1 -> 1.1-1", "sad: 1.0-1 -> 1.1-1"];
    assert_eq!(Node::difference(&before, &agent.installed().unwrap()), changed);
    assert_eq!(agent.state("sad").unwrap(), "INSTALLED");
    assert_eq!([agent.state("good").unwrap(), agent.state("bad").unwrap()], ["INSTALLED", "FAILED"]);
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "failed", "{entry}");
    assert!(
        entry["installed"]["failed"].to_string().contains("no luck"),
        "the words of the scriptlet: {entry}"
    );
    let shown = agent.patchflock(&format!("runs show {}", entry["spec"]["id"].as_str().unwrap())).unwrap();
    assert!(said(&shown).contains("half done"), "what rpm warned of can be read: {}", said(&shown));
}

#[test]
fn a_transaction_outlives_the_agent_and_is_reported_after_its_restart() {
    let mut agent = DnfAgent::new([rpm("slow", "1.0")], "slow").unwrap();
    agent.baseline("").unwrap();
    agent.publish([rpm("slow", "1.1").script("post", HOLD)]).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_file("/root/waits").unwrap();
    agent.machine.kill9("patchflockd").unwrap();
    agent.wait_step("transaction").unwrap();
    agent.machine.ok("systemctl stop patchflockd").unwrap();
    agent.machine.ok("systemctl is-active 'patchflock-txn-*'").unwrap();
    agent.machine.ok("touch /root/go; systemctl start patchflockd").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(
        (&entry["ending"], &entry["installed"]["installed"]),
        (&"succeeded".into(), &1.into()),
        "{entry}"
    );
    assert_eq!(agent.installed().unwrap()["slow"], "1.1-1");
    let tried = entry["steps"].as_array().unwrap().iter().filter(|s| s["step"] == "survey").count();
    assert_eq!(tried, 1, "followed, not begun anew: {entry}");
}

#[test]
fn after_a_power_cut_in_the_transaction_the_machine_is_repaired_and_patched_in_the_same_run() {
    let old = [rpm("slow", "1.0"), rpm("tool", "1.0")];
    let mut agent = DnfAgent::new(old, "slow tool").unwrap();
    agent.baseline("").unwrap();
    let asked = agent.asked_for().unwrap();
    // In the order of a transaction: what is required comes first, so that tool is still to come.
    let slow = rpm("slow", "1.1").script("post", HOLD).requires("extra");
    agent.publish([slow, rpm("tool", "1.1").requires("slow >= 1.1")]).unwrap();
    agent.repo.add(rpm("extra", "1.0")).unwrap();
    agent.repo.publish().unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_file("/root/waits").unwrap();
    agent.machine.power_cut().unwrap();
    agent.machine.files().write("/root/go", "").unwrap();
    agent.machine.power_on().unwrap();
    let entry = agent.wait_run("request").unwrap();
    let installed = agent.installed().unwrap();
    assert_eq!(
        [&installed["slow"], &installed["tool"], &installed["extra"]],
        ["1.1-1", "1.1-1", "1.0-1"],
        "one version of each: {entry}"
    );
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("interrupted"), "{entry}");
    assert_eq!([agent.state("slow").unwrap(), agent.state("tool").unwrap()], ["INSTALLED", "INSTALLED"]);
    assert_eq!(agent.asked_for().unwrap(), asked, "what came along is still a dependency");
    agent.machine.ok("rpm --verifydb && dnf -C -q check").unwrap();
}

#[test]
fn a_run_reboots_where_an_advisory_suggests_it_and_proves_the_result_after_the_boot() {
    let kernel = |v: &str| rpm("kernel", v).tag("Provides", "installonlypkg(kernel)");
    let old = [rpm("engine", "1.0"), rpm("glibc", "1.0"), kernel("5.14.0")];
    let mut agent = DnfAgent::new(old, "engine glibc kernel").unwrap();
    agent.baseline("").unwrap();
    let fixed = agent.repo.add(rpm("engine", "1.1")).unwrap();
    let advisory = agent.advisory().fixes(&fixed).reboot();
    agent.repo.advise(advisory);
    agent.repo.publish().unwrap();
    let boot = agent.machine.boot_id().unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.machine.wait_boot_after(&boot).unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    let boots = entry["reboot"].as_array().unwrap();
    assert_eq!(boots[0], boot.as_str());
    assert_eq!(boots[1], agent.machine.boot_id().unwrap().as_str());
    assert_eq!(agent.state("engine").unwrap(), "INSTALLED");
    // Told never to, it stays up and says that a reboot is missing. Here the name of the package is the evidence.
    agent.publish([rpm("glibc", "1.1"), kernel("5.14.1")]).unwrap();
    let boot = agent.machine.boot_id().unwrap();
    let out = agent.patchflock("install --yes --reboot never").unwrap();
    assert_eq!(out.code, 3, "{}", said(&out));
    assert_eq!(agent.machine.boot_id().unwrap(), boot);
    assert_eq!(agent.state("glibc").unwrap(), "INSTALLED_PENDING_REBOOT");
    assert_eq!(agent.installed().unwrap()["kernel"], "5.14.0-1 5.14.1-1", "the one that runs stays");
    // The reboot that somebody else does is seen at the next look.
    agent.machine.reboot().unwrap();
    agent.wait_idle().unwrap();
    let out = agent.patchflock("scan").unwrap();
    assert_eq!((out.code, agent.state("glibc").unwrap().as_str()), (0, "INSTALLED"), "{}", said(&out));
}

#[test]
fn the_repositories_of_a_baseline_serve_one_run_and_leave_no_trace() {
    let agent = DnfAgent::new([rpm("tool", "1.0")], "tool").unwrap();
    agent.baseline("").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut other = RpmRepo::new(dir.path().join("other")).unwrap();
    let fixed = other.add(rpm("tool", "2.0")).unwrap();
    other.advise(Advisory::security("OTHER-1", "Critical").issued(1_700_000_000).fixes(&fixed));
    other.publish().unwrap();
    let server = Server::in_network(agent.machine.network().unwrap(), other.dir()).unwrap();
    let configured = "find /etc/yum.repos.d /etc/dnf /etc/pki -type f -print0 | sort -z | xargs -0 sha256sum; \
                      dnf -C -q repolist";
    let before = agent.machine.ok(configured).unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    assert_eq!((out.code, agent.installed().unwrap()["tool"].as_str()), (0, "1.0-1"), "{}", said(&out));
    assert_eq!(server.take_requests(), [""; 0], "nobody asks it unless a baseline says so");
    let once = format!(
        "kind: PatchBaseline\nname: once\nspec:\n{RULES}  sources:\n    - name: other\n      products: ['*']\n      \
         configuration: |\n        [other]\n        name=other\n        baseurl={}\n        gpgcheck=0\n",
        server.uri()
    );
    agent.machine.files().write("/root/once.yaml", once).unwrap();
    let out = agent.patchflock("install --yes --baseline-override /root/once.yaml").unwrap();
    assert!(out.code != 0 && said(&out).contains("alternative_sources = true"), "{}", said(&out));
    assert_eq!(server.take_requests(), [""; 0], "it is root who says that such repositories are used");
    let allow = "[policy]\nalternative_sources = true\n";
    agent.machine.files().write("/etc/patchflock/conf.d/sources.toml", allow).unwrap();
    agent.server.take_requests();
    let out = agent.patchflock("install --yes --baseline-override /root/once.yaml").unwrap();
    assert_eq!((out.code, agent.installed().unwrap()["tool"].as_str()), (0, "2.0-1"), "{}", said(&out));
    assert_eq!(agent.server.take_requests(), [""; 0], "its own repository is not asked in that run");
    assert!(!server.take_requests().is_empty());
    let out = agent.patchflock("scan").unwrap();
    assert_eq!(out.code, 0, "{}", said(&out));
    assert_eq!(server.take_requests(), [""; 0], "and not after it");
    assert_eq!(agent.machine.ok(configured).unwrap(), before);
}

#[test]
fn a_held_rpm_lock_is_waited_for_before_and_in_the_transaction() {
    let old = [rpm("tool", "1.0"), rpm("manual", "1.0")];
    let mut agent = DnfAgent::new(old, "tool manual").unwrap();
    agent.baseline("").unwrap();
    agent.publish([rpm("tool", "1.1")]).unwrap();
    agent.repo.add(rpm("manual", "1.1").script("post", HOLD)).unwrap();
    agent.repo.publish().unwrap();
    // An administrator is at work with dnf when the run begins.
    agent.machine.ok("systemd-run -q --unit=admin dnf -y --refresh upgrade manual").unwrap();
    agent.wait_file("/root/waits").unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_step("survey").unwrap();
    // The privileged half is at it, and gets no further than the administrator's lock lets it.
    door::wait("the privileged half to look", Duration::from_secs(60), || {
        agent.machine.run("systemctl is-active 'patchflock-priv@*'").is_ok_and(|out| out.code == 0)
    })
    .unwrap();
    assert_eq!(agent.status().unwrap()["active"]["step"], "survey");
    agent.machine.ok("touch /root/go").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    let installed = agent.installed().unwrap();
    assert_eq!([&installed["tool"], &installed["manual"]], ["1.1-1", "1.1-1"]);
    agent.wait_idle().unwrap();

    // Somebody holds rpm's own lock when the transaction is about to begin.
    agent.publish([rpm("tool", "1.2")]).unwrap();
    agent.machine.files().write("/root/hold.py", HOLDER).unwrap();
    let hook = "#!/bin/sh\nrm /root/go\nsystemd-run -q --unit=holder python3 /root/hold.py\n\
                until [ -e /root/held ]; do sleep 0.1; done\n";
    agent.machine.files().script("/etc/patchflock/hooks/pre-install.d/10-hold", hook).unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    agent.wait_step("transaction").unwrap();
    // The program that would install is at work, and changes nothing yet.
    door::wait("dnf's Python to wait for the lock", Duration::from_secs(120), || {
        agent.machine.run("pgrep -f '[1]20 install want.tool'").is_ok_and(|out| out.code == 0)
    })
    .unwrap();
    assert_eq!(agent.installed().unwrap()["tool"], "1.1-1");
    agent.machine.ok("touch /root/go").unwrap();
    let entry = agent.wait_idle().unwrap()["last_run"].clone();
    assert_eq!(entry["ending"], "succeeded", "{entry}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.2-1");
}

/// Holds rpm's lock as any transaction of rpm does, until a file appears.
const HOLDER: &str = "import fcntl, os, time\nlock = open('/var/lib/rpm/.rpm.lock', 'r+')\nfcntl.lockf(lock, fcntl.LOCK_EX)\n\
                      open('/root/held', 'w').close()\nwhile not os.path.exists('/root/go'): time.sleep(0.1)\n";

#[test]
fn the_agent_upgrades_itself_by_its_own_run() {
    let mut agent = DnfAgent::new([rpm("tool", "1.0")], "tool").unwrap();
    agent.baseline("").unwrap();
    agent.publish([rpm("tool", "1.1")]).unwrap();
    let newer = Recipe::built().unwrap().version("99.0").build().unwrap();
    let file = newer.rpm.file_name().unwrap().to_string_lossy().into_owned();
    std::fs::copy(&newer.rpm, agent.repo.dir().join(&file)).unwrap();
    let arch = file.trim_end_matches(".rpm").rsplit('.').next().unwrap().to_owned();
    let advisory = agent.advisory().fixes_arch(&Rpm::new("patchflock", "99.0", "1"), &arch);
    agent.repo.advise(advisory);
    agent.repo.publish().unwrap();
    let pid = agent.machine.ok("systemctl show -P MainPID patchflockd").unwrap();
    agent.machine.ok("patchflock install --yes --detach").unwrap();
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(
        (&entry["ending"], &entry["installed"]["installed"]),
        (&"succeeded".into(), &2.into()),
        "{entry}"
    );
    let installed = agent.installed().unwrap();
    assert_eq!([&installed["patchflock"], &installed["tool"]], ["99.0-1", "1.1-1"]);
    assert_ne!(agent.machine.ok("systemctl show -P MainPID patchflockd").unwrap(), pid, "the new agent runs");
    assert_eq!(agent.state("patchflock").unwrap(), "INSTALLED");
    let tried = entry["steps"].as_array().unwrap().iter().filter(|s| s["step"] == "transaction").count();
    assert_eq!(tried, 1, "{entry}");
}

#[test]
fn an_administrator_of_the_group_scans_and_an_unreachable_repository_is_unknown() {
    let mut agent = DnfAgent::new([rpm("tool", "1.0")], "tool").unwrap();
    agent.machine.ok("useradd -m guest && useradd -m -G patchflock alice").unwrap();
    agent.baseline("").unwrap();
    let run = |agent: &DnfAgent, user: &str, args: &str| {
        let out = agent.machine.run(&format!("runuser -u {user} -- patchflock {args}")).unwrap();
        (out.code, said(&out))
    };
    assert_eq!(run(&agent, "guest", "scan").0, 1);
    let (code, words) = run(&agent, "alice", "scan");
    assert!(code == 0 && words.contains("COMPLIANT"), "{words}");
    // What dnf still knows says that all is well; whether it is, nobody can tell.
    agent.machine.cut_network().unwrap();
    let (code, words) = run(&agent, "alice", "scan");
    assert!(code != 0 && words.contains("UNKNOWN") && words.contains("baseos"), "{words}");
    let compliance = agent.json("compliance").unwrap();
    assert_eq!(compliance["status"], "UNKNOWN", "{compliance}");
    agent.publish([rpm("tool", "1.1")]).unwrap();
    agent.machine.heal_network().unwrap();
    let (code, words) = run(&agent, "alice", "scan");
    assert!(code == 3 && words.contains("NOT COMPLIANT"), "{words}");
    assert_eq!(agent.state("tool").unwrap(), "MISSING");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0-1", "a scan installs nothing");
}
