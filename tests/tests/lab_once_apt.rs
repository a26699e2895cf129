//! `patchflock once` on a real apt machine changes exactly what it showed before, and keeps the administrator's things.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::{BTreeMap, BTreeSet};

use patchflock_machine::exec::Output;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::site::{self, MAIN, SECURITY, Site};
use serde_json::Value;

const ETC: &str =
    "find /etc -type f -print0 | sort -z | xargs -0 sha256sum; find /etc -type l -printf '%p %l\\n' | sort";

fn said(out: &Output) -> String {
    format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text())
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// A plan as name and new version.
fn items(plan: &Value) -> BTreeMap<String, String> {
    let items = plan["items"].as_array().unwrap().iter();
    items.map(|i| (text(i, "name"), text(i, "to"))).collect()
}

/// What differs, by name: the new state.
fn difference(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let gone: Vec<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    assert!(gone.is_empty(), "removed: {gone:?}");
    let changed = after.iter().filter(|(name, state)| before.get(*name) != Some(state));
    changed.map(|(name, state)| (name.clone(), state.clone())).collect()
}

fn autos(site: &Site) -> BTreeSet<String> {
    site.root.ok("apt-mark showauto").unwrap().lines().map(str::to_owned).collect()
}

/// State of a patch, in a compliance report.
fn state(compliance: &Value, name: &str) -> String {
    let patches = compliance["patches"].as_array().unwrap();
    text(patches.iter().find(|p| p["name"] == name).unwrap_or(&Value::Null), "state")
}

#[test]
fn exactly_the_plan_that_the_dry_run_showed_is_changed_and_nothing_else() {
    let conf = |d: Deb, words: &str| d.conffile("/etc/alpha.conf", words);
    let old = |n: &str| Deb::new(n, "1.0");
    let names = ["beta", "gamma", "rejected", "needy", "plain", "held", "bystander"];
    let mut site = Site::new([conf(old("alpha"), "old\n")].into_iter().chain(names.map(old))).unwrap();
    site.root.ok("apt-mark auto gamma && apt-mark hold held && echo mine > /etc/alpha.conf").unwrap();
    let new = |n: &str| Deb::new(n, "1.1");
    site.repo.add(MAIN, new("plain")).unwrap();
    site.publish(
        SECURITY,
        [
            conf(new("alpha"), "new\n").depends("alpha-data"),
            new("alpha-data"),
            new("beta"),
            new("gamma"),
            new("rejected"),
            new("needy").depends("rejected (>= 1.1)"),
            new("held"),
        ],
    )
    .unwrap();
    let baseline =
        site.baseline("  rejected_patches: [rejected]\n  rejected_patches_action: BLOCK\n").unwrap();
    let (before, marks, etc) = (site.installed().unwrap(), autos(&site), site.root.ok(ETC).unwrap());
    let states = site.root.read("/var/lib/apt/extended_states").unwrap();

    let dry = site.patchflock(["once", "-f", baseline, "--dry-run", "-o", "json"]).unwrap();
    let dry = site::json(&dry).unwrap();
    let planned = items(&dry["plan"]);
    assert_eq!(planned.keys().collect::<Vec<_>>(), ["alpha", "alpha-data", "beta", "gamma"]);
    let reason = dry["plan"]["held"].as_array().unwrap().iter().find(|h| h["name"] == "needy").unwrap();
    assert!(text(reason, "reason").contains("rejected"), "{reason}");
    assert_eq!(site.installed().unwrap(), before, "a dry run changes nothing");
    assert_eq!(site.root.read("/var/lib/apt/extended_states").unwrap(), states);

    let out = site.patchflock(["once", "-f", baseline, "--yes"]).unwrap();
    // What is approved and cannot be installed without a rejected package is not compliant (reference 2.3).
    assert_eq!(out.code, 3, "{}", said(&out));
    let changed = difference(&before, &site.installed().unwrap());
    let wanted = planned.iter().map(|(n, v)| (n.clone(), format!("{v} installed"))).collect();
    assert_eq!(changed, wanted, "{}", said(&out));
    let mut expected = marks.clone();
    expected.insert("alpha-data".into());
    assert_eq!(autos(&site), expected);
    // The administrator's file stays, the package's lies beside it, and he is told.
    let after: String = site.root.ok(ETC).unwrap();
    let new_lines: Vec<&str> = after.lines().filter(|l| !etc.contains(l)).collect();
    assert!(new_lines.len() == 1 && new_lines[0].ends_with("  /etc/alpha.conf.dpkg-dist"), "{new_lines:?}");
    assert!(etc.lines().all(|l| after.contains(l)), "something in /etc is gone or changed");
    assert!(out.stdout_text().contains("your version of /etc/alpha.conf was kept"), "{}", said(&out));
    assert_eq!(site.root.read("/etc/alpha.conf.dpkg-dist").unwrap(), "new\n");

    let record = site.record().unwrap();
    assert_eq!(record["phase"], "finished");
    assert_eq!(record["plan"], dry["plan"]);
    for part in ["baseline", "report", "before", "after", "started_by", "finished_at", "started_at", "id"] {
        assert!(!record[part].is_null(), "{part} is missing: {record}");
    }
    let after = &record["after"];
    assert_eq!(after["status"], "NON_COMPLIANT");
    let states = ["alpha", "beta", "gamma", "needy", "plain"].map(|n| state(after, n));
    assert_eq!(states, ["INSTALLED", "INSTALLED", "INSTALLED", "FAILED", "INSTALLED_OTHER"]);
    assert_eq!([state(after, "held"), state(after, "rejected")], ["MISSING", "INSTALLED_REJECTED"]);

    // Again: nothing is left to do, and the verdict is the same.
    let settled = site.installed().unwrap();
    let again = site.patchflock(["once", "-f", baseline, "--yes"]).unwrap();
    assert!(again.code == 3 && again.stdout_text().contains("Nothing to install"), "{}", said(&again));
    assert_eq!(site.installed().unwrap(), settled);
}

#[test]
fn a_machine_with_nothing_to_do_is_left_alone() {
    let site = Site::new([Deb::new("tool", "1.0").conffile("/etc/tool.conf", "x\n")]).unwrap();
    let everything = "find / -xdev \\( -path /proc -o -path /run -o -path /var/lib/apt/lists -o -path /var/cache/apt \\
                      \\) -prune -o -type f -printf '%p %s %m %T@\\n' | sort";
    // What apt itself touches at a refresh is settled by the first one.
    site.root.ok(site::UPDATE).unwrap();
    let before = site.root.ok(everything).unwrap();
    for _ in 0..2 {
        let out = site.patchflock(["once", "--yes"]).unwrap();
        assert_eq!(out.code, 0, "{}", said(&out));
        assert!(out.stdout_text().contains("Nothing to install"), "{}", said(&out));
    }
    let after = site.root.ok(everything).unwrap();
    let differs: Vec<&str> = after.lines().filter(|l| !before.contains(l)).collect();
    assert_eq!(differs, Vec::<&str>::new());
    assert_eq!(before.lines().count(), after.lines().count());
    site.root.ok("test -z \"$(ls -A /tmp)\" && test -z \"$(ls /run/patchflock-* 2> /dev/null)\"").unwrap();
}

#[test]
fn a_rejected_package_comes_in_only_as_a_dependency_where_that_is_allowed() {
    let old = |n: &str| Deb::new(n, "1.0");
    let mut site = Site::new([old("needy"), old("library"), old("alone")]).unwrap();
    let new = |n: &str| Deb::new(n, "1.1");
    let needy = new("needy").depends("library (>= 1.1)");
    site.publish(SECURITY, [needy, new("library"), new("alone")]).unwrap();
    let list = "  rejected_patches: [library, alone]\n  rejected_patches_action: ALLOW_AS_DEPENDENCY\n";
    let baseline = site.baseline(list).unwrap();
    let out = site.patchflock(["once", "-f", baseline, "--yes", "-o", "json"]).unwrap();
    let record = site::json(&out).unwrap();
    assert_eq!(out.code, 0, "{}", said(&out));
    let plan = record["plan"]["items"].as_array().unwrap();
    let library = plan.iter().find(|i| i["name"] == "library").unwrap();
    assert_eq!(library["role"], serde_json::json!({"role": "pulled_in", "by": ["needy"]}));
    let now = site.installed().unwrap();
    let states = ["needy", "library", "alone"].map(|n| now[n].as_str());
    assert_eq!(states, ["1.1 installed", "1.1 installed", "1.0 installed"]);
    // Both were asked for by the administrator and still are.
    assert!(!autos(&site).contains("library"));
}

#[test]
fn an_override_list_installs_what_it_names_and_the_baseline_still_judges() {
    let old = |n: &str| Deb::new(n, "1.0");
    let mut site = Site::new([old("rejected"), old("approved"), old("plain")]).unwrap();
    site.repo.add(MAIN, Deb::new("plain", "1.1")).unwrap();
    site.publish(SECURITY, [Deb::new("rejected", "1.1"), Deb::new("approved", "1.1")]).unwrap();
    let baseline =
        site.baseline("  rejected_patches: [rejected]\n  rejected_patches_action: BLOCK\n").unwrap();
    let list =
        "patches:\n  - id: rejected.all\n  - id: plain.all\n    title: plain.all:1.1\n  - id: nowhere.all\n";
    site.root.write("/root/list.yaml", list).unwrap();
    let args = ["once", "-f", baseline, "--yes", "-o", "json", "--install-override-list", "/root/list.yaml"];
    let out = site.patchflock(args).unwrap();
    let record = site::json(&out).unwrap();
    let now = site.installed().unwrap();
    let states = ["rejected", "plain", "approved"].map(|n| now[n].as_str());
    assert_eq!(states, ["1.1 installed", "1.1 installed", "1.0 installed"], "{}", said(&out));
    assert!(out.stderr_text().contains("names nowhere.all"), "{}", said(&out));
    assert_eq!(out.code, 3);
    assert_eq!(state(&record["after"], "rejected"), "INSTALLED_REJECTED");
    assert_eq!(state(&record["after"], "plain"), "INSTALLED_OTHER");
    // The list did not ask for it, so nothing failed: it is missing.
    assert_eq!(state(&record["after"], "approved"), "MISSING");
    assert_eq!(record["install_override_list"]["patches"].as_array().map(Vec::len), Some(3));
}

#[test]
fn what_the_operator_asks_wrongly_ends_with_1_and_changes_nothing() {
    let mut site = Site::new([Deb::new("tool", "1.0")]).unwrap();
    site.publish(SECURITY, [Deb::new("tool", "1.1")]).unwrap();
    site.root
        .write("/root/windows.yaml", "kind: PatchBaseline\nname: w\nspec:\n  operating_system: WINDOWS\n")
        .unwrap();
    site.root.write("/root/broken.yaml", "kind: PatchBaseline\nnaem: w\n").unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&["once"], "add --yes"),
        (&["once", "--yes", "--dry-run"], "--dry-run"),
        (&["once", "--yes", "-f", "/root/nothing.yaml"], "/root/nothing.yaml"),
        (&["once", "--yes", "-f", "/root/windows.yaml"], "choose a baseline for"),
        (&["once", "--yes", "-f", "/root/broken.yaml"], "naem"),
        (&["once", "--yes", "--install-override-list", "/root/broken.yaml"], "patches"),
        (&["onec"], "once"),
    ];
    for (args, words) in cases {
        let out = site.patchflock(args.iter().copied()).unwrap();
        assert_eq!(out.code, 1, "{args:?}: {}", said(&out));
        assert!(out.stderr_text().contains(words), "{args:?}: {}", said(&out));
    }
    assert_eq!(site.installed().unwrap()["tool"], "1.0 installed");
    site.root.ok("test ! -e /var/lib/patchflock/runs").unwrap();
}

#[test]
fn the_words_of_apt_are_understood_whatever_the_language_of_the_user() {
    let mut site = Site::new([Deb::new("tool", "1.0"), Deb::new("kept", "1.0")]).unwrap();
    site.publish(SECURITY, [Deb::new("tool", "1.1"), Deb::new("kept", "1.1").depends("nowhere")]).unwrap();
    let german = "LANG=de_DE.UTF-8 LANGUAGE=de LC_ALL=de_DE.UTF-8 LC_MESSAGES=de_DE.UTF-8 patchflock";
    let plain = site.inventory().unwrap();
    let seen: Value = serde_json::from_str(&site.root.ok(&format!("{german} inventory")).unwrap()).unwrap();
    assert_eq!(seen["native"], plain["native"]);
    let out = site.root.run(&format!("{german} once --yes")).unwrap();
    assert!(out.code == 3 && site.installed().unwrap()["tool"] == "1.1 installed", "{}", said(&out));
    assert!(out.stdout_text().contains("held: kept 1.1: "), "{}", said(&out));
}

#[test]
fn nothing_in_the_administrators_apt_conf_makes_a_run_do_more_than_its_plan() {
    let old = |n: &str| Deb::new(n, "1.0").conffile(&format!("/etc/{n}.conf"), "old\n");
    let mut site = Site::new(["tool", "unused", "kept"].map(old)).unwrap();
    let new = |n: &str| Deb::new(n, "1.1").conffile(&format!("/etc/{n}.conf"), "new\n");
    site.publish(SECURITY, [new("tool"), new("kept").depends("nowhere")]).unwrap();
    site.root.ok("apt-mark auto unused && echo mine > /etc/tool.conf").unwrap();
    let wild = "APT::Get::AutomaticRemove \"true\";\nAPT::Get::Purge \"true\";\nquiet \"2\";\n\
                APT::Get::Only-Upgrade \"true\";\nAPT::Get::Show-Upgraded \"false\";\nAPT::Get::Assume-Yes \"true\";\n\
                DPkg::Options { \"--force-confnew\"; };\n\
                APT::Get::force-yes \"false\";\nDPkg::Use-Pty \"true\";\nAPT::Color \"always\";\n";
    let quiet = site.inventory().unwrap();
    site.root.write("/etc/apt/apt.conf.d/99wild", wild).unwrap();
    let before = site.installed().unwrap();
    let inventory = site.inventory().unwrap();
    let native = |inventory: &Value| {
        let all = inventory["native"].as_array().unwrap().clone();
        all.into_iter().filter(|n| n["action"] != "remove").collect::<Vec<_>>()
    };
    assert_eq!(native(&inventory), native(&quiet));
    let out = site.patchflock(["once", "--yes"]).unwrap();
    let changed = difference(&before, &site.installed().unwrap());
    assert_eq!(changed, BTreeMap::from([("tool".to_owned(), "1.1 installed".to_owned())]), "{}", said(&out));
    assert_eq!(out.code, 3, "{}", said(&out));
    assert_eq!(site.root.read("/etc/tool.conf").unwrap(), "mine\n", "{}", said(&out));
    assert!(out.stdout_text().contains("your version of /etc/tool.conf was kept"), "{}", said(&out));
}

#[test]
fn an_update_that_would_remove_something_is_left_out_and_said_so() {
    let old = |n: &str| Deb::new(n, "1.0");
    let mut site = Site::new(["greedy", "victim", "tool"].map(old)).unwrap();
    let greedy = Deb::new("greedy", "1.1").field("Conflicts", "victim");
    site.publish(SECURITY, [greedy, Deb::new("tool", "1.1")]).unwrap();
    let out = site.patchflock(["once", "--yes"]).unwrap();
    assert_eq!(out.code, 3, "{}", said(&out));
    let now = site.installed().unwrap();
    let states = ["greedy", "victim", "tool"].map(|n| now[n].as_str());
    assert_eq!(states, ["1.0 installed", "1.0 installed", "1.1 installed"]);
    assert!(out.stdout_text().contains("held: greedy 1.1: "), "{}", said(&out));
    assert!(out.stdout_text().contains("it would remove victim"), "{}", said(&out));
}

#[test]
fn configuration_files_are_kept_in_every_way_an_administrator_leaves_them() {
    let names = ["changed", "deleted", "untouched", "linked", "twice"];
    let deb = |n: &str, v: &str| Deb::new(n, v).conffile(&format!("/etc/{n}.conf"), &format!("of {v}\n"));
    let mut site = Site::new(names.map(|n| deb(n, "1.0"))).unwrap();
    site.root
        .ok("cd /etc && echo mine > changed.conf && rm deleted.conf && echo mine > twice.conf && \
             echo earlier > twice.conf.dpkg-dist && echo mine > /srv/conf && ln -sf /srv/conf linked.conf")
        .unwrap();
    // A maintainer script that looks around.
    let looks = "env > /root/environment; readlink /proc/self/fd/0 > /root/stdin";
    let new = names.map(|n| deb(n, "1.1"));
    site.publish(SECURITY, new.into_iter().chain([])).unwrap();
    site.publish(SECURITY, [deb("untouched", "1.2").script("postinst", looks)]).unwrap();
    let out = site.patchflock(["once", "--yes", "-o", "json"]).unwrap();
    assert_eq!(out.code, 0, "{}", said(&out));
    let found =
        site.root.ok("cd /etc && cat changed.conf untouched.conf twice.conf twice.conf.dpkg-dist /srv/conf");
    assert_eq!(found.unwrap(), "mine\nof 1.2\nmine\nof 1.1\nmine\n");
    site.root.ok("test ! -e /etc/deleted.conf && test -L /etc/linked.conf").unwrap();
    let kept = site::json(&out).unwrap()["report"]["kept_conffiles"].to_string();
    for name in ["changed", "linked", "twice"] {
        assert!(kept.contains(&format!("/etc/{name}.conf")), "{name}: {kept}");
    }
    assert!(!kept.contains("untouched"), "{kept}");
    // Nothing asks a question, nothing restarts services on its own (design 7b).
    let environment = site.root.read("/root/environment").unwrap();
    for line in ["NEEDRESTART_SUSPEND=1", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"] {
        assert!(environment.lines().any(|l| l == line), "{line}: {environment}");
    }
    assert_eq!(site.root.read("/root/stdin").unwrap(), "/dev/null\n");
}

#[test]
fn packages_that_change_their_architecture_or_come_in_pairs_are_patched_together() {
    let site = Site::new([Deb::new("plain", "1.0")]);
    let mut site = site.unwrap();
    let native = site.root.ok("dpkg --print-architecture").unwrap().trim().to_owned();
    let other = if native == "amd64" { "arm64" } else { "amd64" };
    let pair =
        |arch: &str, v: &str| Deb::new("pair", v).field("Architecture", arch).field("Multi-Arch", "same");
    site.root.ok(&format!("dpkg --add-architecture {other}")).unwrap();
    site.publish(MAIN, [pair(&native, "1.0"), pair(other, "1.0"), Deb::new("moved", "1.0")]).unwrap();
    site.root
        .ok(&format!("apt-get install -y pair:{native} pair:{other} moved && apt-mark auto pair:{other}"))
        .unwrap();
    let marks = autos(&site);
    let moved = Deb::new("moved", "1.1").field("Architecture", &native);
    site.publish(SECURITY, [pair(&native, "1.1"), pair(other, "1.1"), moved]).unwrap();
    let dry = site.patchflock(["once", "--dry-run", "-o", "json"]).unwrap();
    let plan = site::json(&dry).unwrap()["plan"].clone();
    assert_eq!(plan["items"].as_array().unwrap().len(), 3, "{plan}");
    let out = site.patchflock(["once", "--yes"]).unwrap();
    assert_eq!(out.code, 0, "{}", said(&out));
    let now = site.installed().unwrap();
    let versions: BTreeSet<&String> =
        now.iter().filter(|(n, _)| n.starts_with("pair") || n.starts_with("moved")).map(|(_, v)| v).collect();
    assert_eq!(versions, BTreeSet::from([&"1.1 installed".to_owned()]), "{now:?}");
    assert_eq!(autos(&site), marks);
}

#[test]
fn a_system_in_a_directory_is_patched_from_outside() {
    let mut site = Site::new([Deb::new("tool", "1.0")]).unwrap();
    let asks = "touch /run/reboot-required; echo tool >> /run/reboot-required.pkgs";
    site.publish(SECURITY, [Deb::new("tool", "1.1").script("postinst", asks)]).unwrap();
    let program = patchflock_tests::lab::door::patchflock().unwrap();
    let host = patchflock_machine::root::Root::host();
    let command = patchflock_machine::exec::Command::new(&host, program);
    let dir = site.root.path().display().to_string();
    let out = command.args(["once", "--root", &dir, "--yes"]).run().unwrap();
    // It does not run, so nothing in it waits for a boot, whatever a script says.
    assert_eq!(out.code, 0, "{}", said(&out));
    assert_eq!(site.installed().unwrap()["tool"], "1.1 installed");
    assert_eq!(site.record().unwrap()["phase"], "finished");
}
