//! The agent from its package on a booted Debian machine: what a run changes, what it leaves alone, and what it says.
#![cfg(feature = "lab")]

use std::time::Duration;

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;

const REJECT: &str = "  rejected_patches: [stay]\n  rejected_patches_action: BLOCK\n";

#[test]
fn a_window_opens_by_itself_and_exactly_the_plan_changes() {
    let mut agent = Agent::new([
        Deb::new("tool", "1.0").depends("lib"),
        Deb::new("lib", "1.0"),
        Deb::new("stay", "1.0"),
        Deb::new("other", "1.0"),
    ])
    .unwrap();
    agent.machine.ok("apt-mark auto lib").unwrap();
    agent.baseline(REJECT).unwrap();
    agent
        .publish([
            Deb::new("tool", "1.1").depends("lib, helper"),
            Deb::new("helper", "1.0"),
            Deb::new("lib", "1.1"),
            Deb::new("stay", "1.1"),
        ])
        .unwrap();
    let (before, auto) = (agent.installed().unwrap(), agent.machine.ok("apt-mark showauto | sort").unwrap());
    agent.window_now("").unwrap();
    let entry = agent.wait_run("window").unwrap();
    assert_eq!(
        (&entry["ending"], &entry["installed"]["installed"]),
        (&"succeeded".into(), &3.into()),
        "{entry}"
    );
    let after = agent.installed().unwrap();
    assert_eq!(
        Agent::difference(&before, &after),
        [
            "helper: absent -> 1.0 installed",
            "lib: 1.0 installed -> 1.1 installed",
            "tool: 1.0 installed -> 1.1 installed",
        ]
    );
    let now = agent.machine.ok("apt-mark showauto | sort").unwrap();
    let new: Vec<&str> = now.lines().filter(|l| !auto.lines().any(|old| old == *l)).collect();
    assert_eq!(new, ["helper"], "what was pulled in is automatic, and nothing else changed its mark");
    assert_eq!(agent.state("stay").unwrap(), "INSTALLED_REJECTED", "it is there, and rejected");
    assert_eq!(agent.state("tool").unwrap(), "INSTALLED");
    // The record of the transaction is what people read of it.
    let shown = agent.patchflock(&format!("runs show {}", entry["spec"]["id"].as_str().unwrap())).unwrap();
    let said = shown.stdout_text();
    assert!(
        shown.code == 0 && said.contains("tool") && said.contains("1.1") && said.contains("window"),
        "{said}"
    );
    // It fired once: at the next looks nothing starts.
    let again = agent.wait_idle().unwrap();
    assert_eq!(again["last_run"]["spec"]["id"], entry["spec"]["id"], "{again}");
}

#[test]
fn patch_now_installs_what_is_approved_and_a_package_that_fails_does_not_sink_the_others() {
    let mut agent = Agent::new([Deb::new("good", "1.0"), Deb::new("bad", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    agent
        .publish([
            Deb::new("good", "1.1"),
            Deb::new("bad", "1.1").script("postinst", "echo no luck >&2; exit 7"),
        ])
        .unwrap();
    let dry = agent.patchflock("install --dry-run").unwrap();
    let said = format!("{}{}", dry.stdout_text(), dry.stderr_text());
    assert!(said.contains("good") && said.contains("bad") && said.contains("1.1"), "{said}");
    assert_eq!(agent.installed().unwrap()["good"], "1.0 installed", "a dry run changes nothing");
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert_eq!(out.code, 3, "{said}");
    assert!(said.contains("bad") && said.contains("FAILED"), "{said}");
    let installed = agent.installed().unwrap();
    assert_eq!(
        [&installed["good"], &installed["bad"]],
        ["1.1 installed", "1.0 installed"],
        "bad was taken back"
    );
    assert_eq!([agent.state("good").unwrap(), agent.state("bad").unwrap()], ["INSTALLED", "FAILED"]);
    let entry = agent.wait_run("request").unwrap();
    assert_eq!(entry["ending"], "failed");
}

#[test]
fn hooks_run_once_in_their_places_and_a_failing_one_before_cancels() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.baseline("").unwrap();
    for point in ["pre-install", "post-install", "on-exit"] {
        let path = format!("/etc/patchflock/hooks/{point}.d/10-note");
        let line = "echo \"$PATCHFLOCK_HOOK $(dpkg-query -W -f '${Version}' tool)\" >> /root/hooks\n";
        agent.machine.files().script(&path, &format!("#!/bin/sh\n{line}")).unwrap();
    }
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    let hooks = agent.machine.files().read("/root/hooks").unwrap();
    assert_eq!(hooks, "pre-install 1.0\npost-install 1.1\non-exit 1.1\n");
    agent.publish([Deb::new("tool", "1.2")]).unwrap();
    agent
        .machine
        .files()
        .script("/etc/patchflock/hooks/pre-install.d/20-no", "#!/bin/sh\necho busy; exit 3\n")
        .unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code != 0 && said.contains("20-no") && said.contains("nothing was installed"), "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
    // Whoever else may write a hook is root through it.
    agent.machine.ok("rm /etc/patchflock/hooks/pre-install.d/20-no; chmod o+w /etc/patchflock/hooks/pre-install.d/10-note").unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code != 0 && said.contains("10-note can be changed by others than root"), "{said}");
}

#[test]
fn a_baseline_that_expired_or_went_missing_installs_nothing_and_never_falls_back() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.machine.files().write("/etc/patchflock/conf.d/group.toml", "[node]\ngroup = \"prod\"\n").unwrap();
    agent.machine.ok("systemctl restart patchflockd").unwrap();
    agent.wait_idle().unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    let group = "kind: PatchGroup\nname: prod\nspec:\n  baselines: [lab]\n";
    agent.baseline("").unwrap();
    agent.apply(group).unwrap();
    let soon = agent.machine.ok("date -u +%FT%TZ -d '+2 seconds'").unwrap();
    agent
        .apply(&format!(
            "kind: PatchBaseline\nname: lab\nexpires: {}\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - \
             filters: {{PRIORITY: ['*']}}\n      approve_after_days: 0\n",
            soon.trim()
        ))
        .unwrap();
    door::wait("the baseline to expire", Duration::from_secs(60), || {
        agent.machine.ok("date -u +%FT%TZ").is_ok_and(|now| now.trim() > soon.trim())
    })
    .unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code != 0 && said.contains("expired"), "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed", "{said}");
    agent.machine.ok("patchflock delete PatchBaseline lab --yes").unwrap();
    let out = agent.patchflock("install --yes").unwrap();
    let said = format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    assert!(out.code != 0 && agent.installed().unwrap()["tool"] == "1.0 installed", "{said}");
    // A newer version brings it back, and versions only grow.
    agent.baseline("").unwrap();
    assert_eq!(agent.patchflock("install --yes").unwrap().code, 0);
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
}

#[test]
fn others_may_look_and_only_root_and_the_group_may_change_anything() {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.machine.ok("useradd -m guest && useradd -m -G patchflock alice").unwrap();
    agent.baseline("").unwrap();
    agent.publish([Deb::new("tool", "1.1")]).unwrap();
    let run = |user: &str, args: &str| {
        let out = agent.machine.run(&format!("runuser -u {user} -- patchflock {args}")).unwrap();
        (out.code, format!("{}{}", out.stdout_text(), out.stderr_text()))
    };
    assert_eq!(run("guest", "status").0, 0);
    for args in
        ["scan", "install --yes", "delete PatchBaseline lab --yes", "apply -f /etc/patchflock/none.yaml"]
    {
        let (code, said) = run("guest", args);
        assert_eq!(code, 1, "{args}: {said}");
    }
    let (code, said) = run("guest", "scan");
    assert!(code == 1 && said.contains("group patchflock"), "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.0 installed");
    let (code, said) = run("alice", "install --yes");
    assert_eq!(code, 0, "{said}");
    assert_eq!(agent.installed().unwrap()["tool"], "1.1 installed");
    let entry = agent.wait_run("request").unwrap();
    assert!(entry["spec"]["trigger"]["by"].as_str().unwrap().contains("alice"), "{entry}");
    // The agent itself is no administrator: it cannot say what is approved.
    let ask = "printf '{\"request\":\"delete\",\"kind\":\"PatchBaseline\",\"name\":\"lab\"}\\n' | \
               runuser -u patchflock -- socat - UNIX-CONNECT:/run/patchflock/priv.sock";
    let out = agent.machine.run(&format!("command -v socat >/dev/null || exit 77; {ask}")).unwrap();
    assert!(out.code == 77 || out.stdout_text().contains("trouble"), "{}", out.stdout_text());
}
