//! What goes wrong while `patchflock once` works on an apt machine is named, contained, and repaired by the next run.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use anyhow::Context;
use patchflock_machine::exec::{Command, Output};
use patchflock_machine::root::Root;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::http::Fault;
use patchflock_tests::lab::site::{self, MAIN, SECURITY, Site};
use serde_json::Value;

/// A maintainer script that a test can hold and let go.
const HANG: &str = "while test -e /hang; do sleep 0.1; done";

fn said(out: &Output) -> String {
    format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text())
}

fn old(name: &str) -> Deb {
    Deb::new(name, "1.0")
}

fn new(name: &str) -> Deb {
    Deb::new(name, "1.1")
}

fn once(site: &Site) -> Output {
    site.patchflock(["once", "--yes", "-o", "json"]).unwrap()
}

fn states(site: &Site, names: &[&str]) -> Vec<String> {
    let now = site.installed().unwrap();
    names.iter().map(|n| now.get(*n).cloned().unwrap_or_default()).collect()
}

fn patch<'v>(compliance: &'v Value, name: &str) -> &'v Value {
    compliance["patches"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap()
}

fn kill(pids: &[i32], signal: &str) {
    let pids = pids.iter().map(ToString::to_string);
    Command::new(&Root::host(), "kill").arg(format!("-{signal}")).args(pids).run().unwrap();
}

/// `patchflock` itself, not what it started.
fn patchflocks(site: &Site) -> Vec<i32> {
    let all = site.root.processes();
    all.into_iter().filter(|(_, l)| l.starts_with("/usr/bin/patchflock ")).map(|(pid, _)| pid).collect()
}

fn sound(site: &Site) {
    site.root.ok("test -z \"$(dpkg --audit)\" && apt-get check").unwrap();
}

#[test]
fn scripts_that_fail_are_named_and_the_rest_is_installed() {
    // The name of a cached file has no colon in it.
    let aeon = |version: &str| Deb::new("aeon", version);
    let scripts = [
        ("after", "postinst", "echo 'no database to be found' >&2; exit 1"),
        ("before", "preinst", "echo 'this processor is too old' >&2; exit 1"),
    ];
    // A prerm belongs to the version that goes: the old one refuses, then the new one is asked and refuses as well.
    let refuse = "echo 'still in use' >&2; exit 1";
    let stuck = old("stuck").script("prerm", refuse);
    let mut site = Site::new([aeon("2:1.0"), old("after"), old("before"), old("good"), stuck]).unwrap();
    let bad = scripts.iter().map(|(name, script, body)| new(name).script(script, body));
    let stuck = new("stuck").script("prerm", refuse);
    site.publish(SECURITY, bad.chain([aeon("2:1.1").script("postinst", "exit 1"), new("good"), stuck]))
        .unwrap();
    let out = once(&site);
    assert_eq!(out.code, 3, "{}", said(&out));
    let record = site::json(&out).unwrap();
    for (name, why) in [("after", "no database"), ("before", "too old"), ("stuck", "still in use")] {
        let patch = patch(&record["after"], name);
        assert_eq!(patch["state"], "FAILED", "{patch}");
        assert!(
            patch["reason"].as_str().unwrap().contains(why),
            "{patch}\n{}",
            record["report"]["log"].as_str().unwrap()
        );
    }
    assert_eq!(patch(&record["after"], "good")["state"], "INSTALLED");
    let outcomes = record["report"]["outcomes"].as_array().unwrap();
    let aeon = outcomes.iter().find(|o| o["target"]["name"] == "aeon").unwrap();
    assert!(aeon.to_string().contains("taken back to 2:1.0"), "{aeon}");
    // The old versions of what failed are in the cache, so nothing is left half done.
    assert_eq!(
        states(&site, &["good", "after", "before"]),
        ["1.1 installed", "1.0 installed", "1.0 installed"]
    );
    let shown = site.patchflock(["once", "--yes"]).unwrap();
    assert!(shown.code == 3 && shown.stdout_text().contains("no database to be found"), "{}", said(&shown));
}

#[test]
fn archives_that_vanish_in_the_middle_fail_what_needed_them_and_the_record_tells_each() {
    let mut site = Site::new([old("early"), old("late")]).unwrap();
    let once_more = "test -e /again || { touch /again; echo 'not yet' >&2; exit 1; }";
    // apt unpacks it only after `early` is configured, and stops before that.
    let late = new("late").field("Pre-Depends", "early (>= 1.1)");
    site.publish(SECURITY, [new("early").script("postinst", once_more), late]).unwrap();
    // What images of containers have.
    let clean = "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb || true\"; };\n";
    site.root.write("/etc/apt/apt.conf.d/95clean", clean).unwrap();
    let out = once(&site);
    assert_eq!(out.code, 3, "{}", said(&out));
    let report = &site::json(&out).unwrap()["report"];
    let outcomes = report["outcomes"].as_array().unwrap();
    let of = |name: &str| outcomes.iter().find(|o| o["target"]["name"] == name).unwrap().to_string();
    assert!(of("late").contains("not fetched: late_1.1"), "{report}");
    assert!(of("early").contains("installed"), "{report}");
    assert_eq!(states(&site, &["early", "late"]), ["1.1 installed", "1.0 installed"]);
    assert!(report["log"].as_str().unwrap().contains("E: installing without download"), "{report}");
    sound(&site);
}

#[test]
fn a_package_that_cannot_be_fetched_stops_the_run_before_anything_changes() {
    let mut site = Site::new([old("one"), old("two")]).unwrap();
    let torn = new("one").file("/usr/share/one/data", &"x".repeat(20_000));
    site.publish(SECURITY, [torn.clone(), new("two")]).unwrap();
    let before = states(&site, &["one", "two"]);
    for (round, fault) in [Fault::Status(404), Fault::Truncate, Fault::Stall].into_iter().enumerate() {
        site.server.fault("one_1.1", fault);
        let out = once(&site);
        site.server.heal();
        assert_eq!(out.code, 2, "{fault:?}: {}", said(&out));
        assert!(
            out.stderr_text().contains("one_1.1") || out.stderr_text().contains("one "),
            "{}",
            said(&out)
        );
        assert_eq!(states(&site, &["one", "two"]), before, "round {round}");
    }
    // Torn on the server's disk: whole by its length, false by its hash.
    site.repo.truncate_deb(&torn).unwrap();
    let out = once(&site);
    assert_eq!(out.code, 2, "{}", said(&out));
    assert_eq!(states(&site, &["one", "two"]), before);
    site.root.ok("test ! -e /var/lib/patchflock/runs").unwrap();
    sound(&site);
    torn.build(&site.repo.dir().join("pool")).unwrap();
    site.publish(SECURITY, []).unwrap();
    let out = once(&site);
    assert_eq!(
        (out.code, states(&site, &["one", "two"])),
        (0, vec!["1.1 installed".into(); 2]),
        "{}",
        said(&out)
    );
}

#[test]
fn a_full_disk_is_told_before_anything_changes() {
    let mut site = Site::new([old("big")]).unwrap();
    // Not compressible below the size of the disk.
    let noise: String = (0_u32..200_000).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
    site.publish(SECURITY, [new("big").file("/usr/share/big", &noise)]).unwrap();
    site.root.ok("mount -t tmpfs -o size=100k tmpfs /var/cache/apt/archives && mkdir /var/cache/apt/archives/partial").unwrap();
    let out = once(&site);
    assert_eq!(out.code, 2, "{}", said(&out));
    assert!(out.stderr_text().contains("space"), "{}", said(&out));
    assert_eq!(states(&site, &["big"]), ["1.0 installed"]);
    site.root.ok("umount /var/cache/apt/archives").unwrap();
    assert_eq!(once(&site).code, 0);
}

#[test]
fn what_somebody_else_left_half_done_is_repaired_and_the_run_goes_on() {
    let half = old("half").script("postinst", "test ! -e /fail");
    let mut site = Site::new([old("tool")]).unwrap();
    site.publish(MAIN, [half]).unwrap();
    site.root.ok("touch /fail; apt-get install -y half; rm /fail").unwrap();
    assert_eq!(states(&site, &["half"]), ["1.0 half-configured"]);
    site.publish(SECURITY, [new("tool")]).unwrap();
    let tried = site.patchflock(["try", "-o", "json"]).unwrap();
    assert_eq!(tried.code, 3, "{}", said(&tried));
    let out = once(&site);
    assert_eq!(out.code, 0, "{}", said(&out));
    assert!(out.stderr_text().contains("repaired: found half 1.0 half-configured"), "{}", said(&out));
    assert_eq!(states(&site, &["half", "tool"]), ["1.0 installed", "1.1 installed"]);
    assert!(site.record().unwrap()["repaired"].as_str().unwrap().contains("half"));
    sound(&site);
}

/// Runs `patchflock once` until it hangs in the script of `hang`, then `during`; the script goes on afterwards.
fn while_installing<T>(site: &Site, during: impl FnOnce() -> T) -> (Result<Output, String>, T) {
    site.root.write("/hang", "").unwrap();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| site.patchflock(["once", "--yes"]).map_err(|e| format!("{e:#}")));
        let waited = site.wait_for_script("hang");
        let answer = waited.map(|()| during());
        std::fs::remove_file(site.root.at("/hang")).unwrap();
        let run = run.join().unwrap();
        (run, answer.unwrap())
    })
}

fn hanging() -> Site {
    let mut site = Site::new([old("hang"), old("zebra")]).unwrap();
    let zebra = new("zebra").depends("hang (>= 1.1)");
    site.publish(SECURITY, [new("hang").script("postinst", HANG), zebra]).unwrap();
    site
}

#[test]
fn while_a_run_installs_its_record_says_so_and_a_second_run_is_refused() {
    let site = hanging();
    let (run, (record, second, tried)) = while_installing(&site, || {
        let record = site.record().unwrap();
        (record, site.patchflock(["once", "--yes"]).unwrap(), site.patchflock(["try"]).unwrap())
    });
    assert_eq!(record["phase"], "installing");
    assert!(record["finished_at"].is_null() && record["report"].is_null());
    assert_eq!(record["plan"]["items"].as_array().unwrap().len(), 2);
    assert_eq!(second.code, 1, "{}", said(&second));
    assert!(second.stderr_text().contains("another patchflock operation is running"), "{}", said(&second));
    // Looking is never refused; a package in the middle of being configured is not compliant.
    assert_eq!(tried.code, 3, "{}", said(&tried));
    let run = run.unwrap();
    assert_eq!(run.code, 0, "{}", said(&run));
    assert_eq!(site.record().unwrap()["phase"], "finished");
}

#[test]
fn an_interrupt_finishes_the_transaction_first() {
    let site = hanging();
    for signal in ["INT", "TERM", "HUP"] {
        let (run, pids) = while_installing(&site, || {
            let pids = patchflocks(&site);
            kill(&pids, signal);
            pids
        });
        let run = run.unwrap();
        assert_eq!((pids.len(), run.code), (1, 0), "{signal}: {}", said(&run));
        assert!(run.stderr_text().contains("the running transaction was finished first"), "{}", said(&run));
        assert_eq!(states(&site, &["hang", "zebra"]), ["1.1 installed", "1.1 installed"]);
        assert_eq!(site.record().unwrap()["phase"], "finished");
        site.root.ok("apt-get install -y --allow-downgrades hang=1.0 zebra=1.0").unwrap();
    }
}

#[test]
fn an_interrupt_of_the_whole_process_group_does_not_reach_the_transaction() {
    let site = hanging();
    let (run, ()) = while_installing(&site, || {
        // What a terminal does on Ctrl-C: everything in the foreground group gets it.
        let pids = patchflocks(&site);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pids[0])).unwrap();
        let group: i32 = stat.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap().parse().unwrap();
        Command::new(&Root::host(), "kill").args(["-INT", "--", &format!("-{group}")]).run().unwrap();
    });
    let run = run.unwrap();
    assert_eq!(run.code, 0, "{}", said(&run));
    assert_eq!(states(&site, &["hang", "zebra"]), ["1.1 installed", "1.1 installed"]);
}

#[test]
fn what_a_kill_leaves_is_told_repaired_and_completed_by_the_next_run() {
    let site = hanging();
    let (run, ()) = while_installing(&site, || {
        // Power is lost: everything goes at once.
        door::wait("all processes to be gone", Duration::from_secs(60), || {
            let pids: Vec<i32> = site.root.processes().into_iter().map(|(pid, _)| pid).collect();
            kill(&pids, "KILL");
            pids.is_empty()
        })
        .unwrap();
    });
    assert!(run.is_err(), "{run:?}");
    assert_eq!(site.record().unwrap()["phase"], "installing");
    assert!(
        states(&site, &["hang"])[0].starts_with("1.1 ") && states(&site, &["hang"])[0] != "1.1 installed"
    );
    let first = site.record().unwrap()["id"].as_str().unwrap().to_owned();
    let out = once(&site);
    assert_eq!(out.code, 0, "{}", said(&out));
    assert!(out.stderr_text().contains(&format!("the run {first} was interrupted")), "{}", said(&out));
    assert!(out.stderr_text().contains("repaired: "), "{}", said(&out));
    assert_eq!(states(&site, &["hang", "zebra"]), ["1.1 installed", "1.1 installed"]);
    let old = site.root.read(&format!("/var/lib/patchflock/runs/{first}.json")).unwrap();
    assert!(old.contains("\"phase\": \"interrupted\""), "{old}");
    sound(&site);
}

#[test]
fn a_killed_patchflock_leaves_a_transaction_that_runs_to_its_end_whatever_it_has_to_say() {
    let mut site = Site::new([old("hang"), old("zebra")]).unwrap();
    let zebra = new("zebra").depends("hang (>= 1.1)");
    // More than a pipe holds, after its reader is gone.
    let loud = format!("{HANG}; seq 100000; seq 100000 >&2");
    site.publish(SECURITY, [new("hang").script("postinst", &loud), zebra]).unwrap();
    // Only the program itself dies.
    let (run, ()) = while_installing(&site, || kill(&patchflocks(&site), "KILL"));
    assert!(run.is_err(), "{run:?}");
    door::wait("apt to end", Duration::from_secs(60), || site.root.processes().is_empty()).unwrap();
    assert_eq!(states(&site, &["hang", "zebra"]), ["1.1 installed", "1.1 installed"]);
    let out = once(&site);
    assert_eq!(out.code, 0, "{}", said(&out));
    assert!(out.stderr_text().contains("was interrupted"), "{}", said(&out));
    sound(&site);
}

#[test]
fn the_lock_of_another_program_is_waited_for_as_long_as_apt_is_told_to_wait() {
    let site = hanging();
    site.root.write("/hang", "").unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| site.root.run("apt-get install -y hang"));
        let waited = site.wait_for_script("hang").map(|()| {
            site.root.write("/etc/apt/apt.conf.d/95wait", "DPkg::Lock::Timeout \"1\";\n").unwrap();
            let refused = once(&site);
            site.root.write("/etc/apt/apt.conf.d/95wait", "DPkg::Lock::Timeout \"100\";\n").unwrap();
            (refused, scope.spawn(|| once(&site)))
        });
        std::fs::remove_file(site.root.at("/hang")).unwrap();
        let (refused, patient) = waited.unwrap();
        assert_eq!(refused.code, 2, "{}", said(&refused));
        let words = refused.stderr_text();
        assert!(words.contains("(process ") && words.contains("1 s"), "the holder is not named: {words}");
        assert!(other.join().unwrap().unwrap().success());
        let patient = patient.join().unwrap();
        assert_eq!(patient.code, 0, "{}", said(&patient));
    });
    assert_eq!(states(&site, &["hang", "zebra"]), ["1.1 installed", "1.1 installed"]);
}

#[test]
fn hooks_that_fail_are_told_apart_from_packages_that_fail() {
    let mut site = Site::new([old("tool"), old("next")]).unwrap();
    site.publish(SECURITY, [new("tool")]).unwrap();
    let hook = |when: &str| {
        let text = format!("DPkg::{when} {{ \"echo hook-says-no >&2; exit 7\"; }};\n");
        site.root.write("/etc/apt/apt.conf.d/95hook", text).unwrap();
    };
    // Before dpkg: nothing happens.
    hook("Pre-Invoke");
    let out = once(&site);
    assert_eq!(out.code, 3, "{}", said(&out));
    let record = site::json(&out).unwrap();
    assert_eq!(patch(&record["after"], "tool")["state"], "FAILED");
    assert!(record["report"]["log"].as_str().unwrap().contains("hook-says-no"), "{record}");
    assert_eq!(states(&site, &["tool"]), ["1.0 installed"]);
    // After dpkg: apt fails, and yet everything is there.
    hook("Post-Invoke");
    let out = once(&site);
    assert_eq!(out.code, 0, "{}", said(&out));
    assert_eq!(states(&site, &["tool"]), ["1.1 installed"]);
}

#[test]
fn a_disk_that_fills_while_unpacking_fails_the_package_that_fills_it_and_no_other() {
    let mut site = Site::new([old("big"), old("small")]).unwrap();
    let big = new("big").file("/opt/big", &"x".repeat(1 << 20));
    site.publish(SECURITY, [big, new("small")]).unwrap();
    site.root.ok("mount -t tmpfs -o size=100k tmpfs /opt").unwrap();
    let out = once(&site);
    site.root.ok("umount /opt").unwrap();
    assert_eq!(out.code, 3, "{}", said(&out));
    let record = site::json(&out).unwrap();
    let outcomes = record["report"]["outcomes"].as_array().unwrap();
    let big = outcomes.iter().find(|o| o["target"]["name"] == "big").unwrap();
    assert!(big.to_string().contains("No space left on device"), "{big}");
    assert_eq!(states(&site, &["big", "small"]), ["1.0 installed", "1.1 installed"], "{big}");
    sound(&site);
}

#[test]
fn nothing_is_installed_that_cannot_be_put_on_record_first() {
    let mut site = Site::new([old("tool")]).unwrap();
    site.publish(SECURITY, [new("tool")]).unwrap();
    site.root.ok("mkdir -p /var/lib/patchflock && mount -t tmpfs -o ro tmpfs /var/lib/patchflock").unwrap();
    let out = once(&site);
    assert_eq!(out.code, 2, "{}", said(&out));
    assert!(out.stderr_text().contains("/var/lib/patchflock/runs"), "{}", said(&out));
    assert_eq!(states(&site, &["tool"]), ["1.0 installed"]);
}

#[test]
fn an_interrupt_before_the_installation_changes_nothing_and_leaves_nothing_running() {
    let mut site = Site::new([old("tool")]).unwrap();
    site.publish(SECURITY, [new("tool").file("/usr/share/tool", &"x".repeat(20_000))]).unwrap();
    // apt itself would wait for a quarter of an hour.
    site.root.write("/etc/apt/apt.conf.d/98patient", "Acquire::http::Timeout \"900\";\n").unwrap();
    for part in ["InRelease", "tool_1.1"] {
        site.server.fault(part, Fault::Stall);
        site.server.take_requests();
        std::thread::scope(|scope| {
            let run = scope.spawn(|| site.patchflock(["once", "--yes"]).map_err(|e| format!("{e:#}")));
            let asked = door::wait("a request", Duration::from_secs(60), || {
                site.server.take_requests().iter().any(|r| r.contains(part))
            });
            // Not INT, which a shell that runs these tests in the background has made everybody ignore.
            kill(&patchflocks(&site), "TERM");
            let gone =
                door::wait("all to be over", Duration::from_secs(30), || site.root.processes().is_empty());
            site.server.heal();
            asked.and(gone).with_context(|| format!("{part}: {:?}", run.join().unwrap())).unwrap();
        });
        assert_eq!(states(&site, &["tool"]), ["1.0 installed"]);
    }
    site.root.ok("test ! -e /var/lib/patchflock/runs").unwrap();
    assert_eq!(once(&site).code, 0);
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let mut site = Site::new([old("tool")]).unwrap();
    site.publish(SECURITY, [new("tool")]).unwrap();
    site.root.write("/etc/apt/apt.conf.d/98patient", "Acquire::http::Timeout \"900\";\n").unwrap();
    site.server.fault("tool_1.1", Fault::Stall);
    site.server.take_requests();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| site.root.run("nohup /usr/bin/patchflock once --yes"));
        let asked = door::wait("a request", Duration::from_secs(60), || {
            site.server.take_requests().iter().any(|r| r.contains("tool_1.1"))
        });
        kill(&patchflocks(&site), "HUP");
        site.server.heal();
        let run = run.join().unwrap().unwrap();
        asked.unwrap();
        // The server had sent half of the package when it was healed, so this run may fail, but by itself.
        assert!(matches!(run.code, 0 | 2), "{}", said(&run));
    });
    assert_eq!(once(&site).code, 0);
    assert_eq!(states(&site, &["tool"]), ["1.1 installed"]);
}
