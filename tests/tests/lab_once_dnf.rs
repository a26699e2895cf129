//! `patchflock once` on systems with real dnf 4 and rpm: exactly the plan, whatever breaks.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use patchflock_baselines::plan::{Item, Plan, Role, Target};
use patchflock_machine::exec::Command;
use patchflock_machine::pm::dnf::Dnf;
use patchflock_machine::pm::{OutcomeKind, PackageManager, PmError};
use patchflock_machine::root::Root;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::http::Fault;
use patchflock_tests::lab::key::Key;
use patchflock_tests::lab::rocky::{Answer, Rocky};
use patchflock_tests::lab::rpm::Rpm;
use serde_json::Value;

const DAY: i64 = 86_400;
const LIMIT: Duration = Duration::from_secs(90);

fn rpm(name: &str, version: &str) -> Rpm {
    Rpm::new(name, version, "1").file(&format!("/usr/share/{name}/{version}"), "x")
}

/// An advisory that the predefined baseline approves: Important, and old enough.
fn important(id: &str, fixed: &Rpm) -> Advisory {
    Advisory::security(id, "Important").issued(door::now() - 30 * DAY).fixes(fixed)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// `name version` of each item of a plan, with what pulled it in.
fn items(answer: &Answer) -> Vec<String> {
    let all = list(&answer.json["plan"], "items").iter();
    all.map(|i| {
        let by = list(&i["role"], "by").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        let by = if by.is_empty() { String::new() } else { format!(" for {by}") };
        format!("{} {}{by}", text(i, "name"), text(i, "to"))
    })
    .collect()
}

fn held(answer: &Answer) -> Vec<(String, String)> {
    let all = list(&answer.json["plan"], "held").iter();
    all.map(|h| (text(h, "name").to_owned(), text(h, "reason").to_owned())).collect()
}

/// What the plan says it changes: versions that go, versions that come.
fn announced(answer: &Answer) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = list(&answer.json["plan"], "items");
    let full = |i: &Value, field: &str| format!("{}-{}.{}", text(i, "name"), text(i, field), text(i, "arch"));
    let gone = all.iter().filter(|i| i["from"].is_string()).map(|i| full(i, "from")).collect();
    (gone, all.iter().map(|i| full(i, "to")).collect())
}

/// What really changed between two lists of packages.
fn changed(before: &[String], after: &[String]) -> (BTreeSet<String>, BTreeSet<String>) {
    let only = |a: &[String], b: &[String]| a.iter().filter(|p| !b.contains(p)).cloned().collect();
    (only(before, after), only(after, before))
}

/// Why each failed item failed.
fn failures(answer: &Answer) -> Vec<(String, String)> {
    let all = list(&answer.json["report"], "outcomes").iter();
    let failed = all.filter(|o| text(&o["result"], "result") == "failed");
    failed.map(|o| (text(&o["target"], "name").to_owned(), text(&o["result"], "why").to_owned())).collect()
}

fn after(answer: &Answer) -> &str {
    text(&answer.json["after"], "status")
}

/// A baseline document for this family.
fn baseline(rocky: &Rocky, spec: &str) -> String {
    let indented: String = spec.lines().map(|l| format!("  {l}\n")).collect();
    let document =
        format!("kind: PatchBaseline\nname: test\nspec:\n  operating_system: ROCKY_LINUX\n{indented}");
    rocky.root.write("/root/baseline.yaml", document).unwrap();
    "-f /root/baseline.yaml -o json".into()
}

/// Takes everything at once.
const ALL: &str = "approval_rules:\n  - approve_after_days: 0\n    enable_non_security: true\n";

/// Starts a shell line inside in the background and waits until the file is there; returns its process id.
fn background(rocky: &Rocky, line: &str, until: &str) -> String {
    rocky.root.ok(&format!("({line}) > /tmp/background 2>&1 & echo -n $! > /tmp/pid")).unwrap();
    door::wait(until, LIMIT, || rocky.root.at(until).exists()).unwrap();
    rocky.root.read("/tmp/pid").unwrap()
}

/// Numbers of the processes inside.
fn processes(rocky: &Rocky) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let root = rocky.root.path();
    let inside = all.filter(|e| std::fs::read_link(e.path().join("root")).is_ok_and(|r| r == root));
    inside.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

/// Ends every process of the system at once, as a power cut does.
fn cut_power(rocky: &Rocky) {
    door::wait("the end of all processes", LIMIT, || {
        let pids = processes(rocky);
        if !pids.is_empty() {
            // One may end by itself between the look and the kill.
            Command::new(&Root::host(), "kill").arg("-9").args(&pids).run().unwrap();
        }
        pids.is_empty()
    })
    .unwrap();
}

#[test]
fn what_changes_is_the_plan_shown_before_and_nothing_else() {
    let conf = |v: &str| rpm("tool", v).config("/etc/tool.conf", &format!("of {v}"));
    let old = [conf("1.0"), rpm("lib", "1.0"), rpm("app", "1.0").requires("lib"), rpm("other", "1.0")];
    let mut rocky = Rocky::new(old, "tool app other").unwrap();
    let app = rpm("app", "1.1").requires("lib >= 1.1").requires("extra");
    let advisories = [important("RLSA-1", &conf("1.1")), important("RLSA-2", &app)];
    rocky
        .publish([conf("1.1"), app, rpm("lib", "1.1"), rpm("extra", "1"), rpm("other", "1.1")], advisories)
        .unwrap();
    rocky.root.write("/etc/tool.conf", "mine").unwrap();
    let settings =
        "find /etc/yum.repos.d /etc/dnf /etc/rpm /etc/pki -type f -print0 | sort -z | xargs -0 sha256sum";
    let (before, asked) = (rocky.installed().unwrap(), rocky.asked_for().unwrap());
    let configured = rocky.root.ok(settings).unwrap();

    let dry = rocky.patchflock("once --dry-run -o json").unwrap();
    assert_eq!((dry.code, &dry.json["dry_run"]), (3, &Value::Bool(true)), "{}", dry.err);
    assert_eq!(items(&dry), ["app 1.1-1", "extra 1-1 for app", "lib 1.1-1 for app", "tool 1.1-1"]);
    assert_eq!(rocky.installed().unwrap(), before, "a dry run changes nothing");
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((done.code, after(&done)), (0, "COMPLIANT"), "{} {}", done.err, done.out);
    assert_eq!(done.json["plan"], dry.json["plan"]);
    assert_eq!(changed(&before, &rocky.installed().unwrap()), announced(&dry));
    assert_eq!(rocky.asked_for().unwrap(), asked, "reasons stay, and extra came as a dependency");
    assert_eq!(rocky.root.ok(settings).unwrap(), configured);
    assert_eq!(rocky.root.read("/etc/tool.conf").unwrap(), "mine");
    assert_eq!(rocky.root.read("/etc/tool.conf.rpmnew").unwrap(), "of 1.1");
    assert_eq!(done.json["report"]["kept_conffiles"], serde_json::json!(["/etc/tool.conf"]));

    let packages = rocky.installed().unwrap();
    let again = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((again.code, items(&again)), (0, Vec::new()), "{}", again.err);
    assert_eq!(text(&again.json["compliance"], "status"), "COMPLIANT");
    assert_eq!(rocky.installed().unwrap(), packages);
    let words = rocky.patchflock("once --yes").unwrap();
    assert!(words.out.contains("Nothing to install"), "{}", words.out);
    let records = rocky.root.ok("ls /var/lib/patchflock/runs").unwrap();
    assert_eq!(records.lines().count(), 1, "only what changed something is a run: {records}");
}

#[test]
fn an_older_approved_version_is_taken_when_the_newest_is_not_approved() {
    let mut rocky = Rocky::new([rpm("tool", "1.0"), rpm("lib", "1.0")], "tool lib").unwrap();
    let versions = ["1.1", "1.2", "1.3"].map(|v| rpm("tool", v));
    let young = Advisory::security("RLSA-2", "Critical").issued(door::now() - DAY).fixes(&versions[1]);
    let advisories = [important("RLSA-1", &versions[0]), young];
    // dnf alone would take lib along with any tool, and tool at its newest.
    rocky.publish(versions.into_iter().chain([rpm("lib", "1.1")]), advisories).unwrap();
    let before = rocky.installed().unwrap();
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((done.code, items(&done)), (0, vec!["tool 1.1-1".to_owned()]), "{} {}", done.err, done.out);
    assert_eq!(changed(&before, &rocky.installed().unwrap()), announced(&done));
}

/// app needs lib ≥ 1.1; both and tool have advisories.
fn with_a_dependency() -> Rocky {
    let old = [
        rpm("app", "1.0").requires("lib"),
        rpm("lib", "1.0"),
        rpm("tool", "1.0"),
        rpm("top", "1.0").requires("app"),
    ];
    let mut rocky = Rocky::new(old, "top tool").unwrap();
    let new = [
        rpm("app", "1.1").requires("lib >= 1.1"),
        rpm("lib", "1.1"),
        rpm("tool", "1.1"),
        rpm("top", "1.1").requires("app >= 1.1"),
    ];
    let advisories: Vec<Advisory> = new
        .iter()
        .map(|r| important(&format!("RLSA-2026:{}", r.name()), r).cve(&format!("CVE-{}-1", r.name())))
        .collect();
    rocky.publish(new, advisories).unwrap();
    rocky
}

const SECURITY: &str =
    "approval_rules:\n  - filters: {CLASSIFICATION: [Security]}\n    approve_after_days: 7\n";

#[test]
fn a_rejected_package_blocks_what_needs_it_all_the_way_up_or_comes_in_only_as_a_dependency() {
    let rocky = with_a_dependency();
    let before = rocky.installed().unwrap();
    // By name, by advisory and by CVE.
    for entry in ["lib", "RLSA-2026:lib", "CVE-lib-1", "lib-1.1*"] {
        let spec = format!("{SECURITY}rejected_patches: ['{entry}']\nrejected_patches_action: BLOCK\n");
        let dry = rocky.patchflock(&format!("once --dry-run {}", baseline(&rocky, &spec))).unwrap();
        assert_eq!(items(&dry), ["tool 1.1-1"], "{entry}: {} {}", dry.err, dry.out);
        let held = held(&dry);
        let names: Vec<&str> = held.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["app", "top"], "{entry}");
        assert!(held.iter().all(|(_, why)| why.contains("lib 1.1-1, which is rejected")), "{held:?}");
    }
    let spec = format!("{SECURITY}rejected_patches: [lib-1.1*]\nrejected_patches_action: BLOCK\n");
    let done = rocky.patchflock(&format!("once --yes {}", baseline(&rocky, &spec))).unwrap();
    // What a blocked dependency stops is FAILED (reference 2.3).
    assert_eq!((done.code, after(&done)), (3, "NON_COMPLIANT"), "{} {}", done.err, done.out);
    assert_eq!(changed(&before, &rocky.installed().unwrap()), announced(&done));

    let spec = spec.replace("BLOCK", "ALLOW_AS_DEPENDENCY");
    let before = rocky.installed().unwrap();
    let done = rocky.patchflock(&format!("once --yes {}", baseline(&rocky, &spec))).unwrap();
    assert_eq!(items(&done), ["app 1.1-1", "lib 1.1-1 for app,top", "top 1.1-1"], "{}", done.out);
    assert_eq!(done.code, 0, "{} {}", done.err, done.out);
    assert_eq!(changed(&before, &rocky.installed().unwrap()), announced(&done));
}

#[test]
fn a_rejected_package_that_nothing_needs_stays() {
    let rocky = with_a_dependency();
    let spec = format!("{SECURITY}rejected_patches: ['CVE-tool-1', 'RLSA-2026:top']\n");
    let done = rocky.patchflock(&format!("once --yes {}", baseline(&rocky, &spec))).unwrap();
    assert_eq!(items(&done), ["app 1.1-1", "lib 1.1-1"], "{} {}", done.err, done.out);
    assert_eq!((done.code, after(&done)), (0, "COMPLIANT"), "{}", done.out);
}

#[test]
fn the_approved_list_takes_advisories_cves_and_names_and_no_more() {
    for (entry, wanted) in [
        ("RLSA-2026:tool", vec!["tool 1.1-1"]),
        ("CVE-tool-1", vec!["tool 1.1-1"]),
        ("tool.noarch", vec!["tool 1.1-1"]),
        ("top*", vec!["app 1.1-1 for top", "lib 1.1-1 for top", "top 1.1-1"]),
    ] {
        let rocky = with_a_dependency();
        let spec = format!("approved_patches: ['{entry}']\napproved_patches_compliance_level: HIGH\n");
        let before = rocky.installed().unwrap();
        let done = rocky.patchflock(&format!("once --yes {}", baseline(&rocky, &spec))).unwrap();
        assert_eq!(
            (done.code, items(&done)),
            (0, wanted.iter().map(|w| (*w).to_owned()).collect()),
            "{entry}: {}",
            done.err
        );
        assert_eq!(changed(&before, &rocky.installed().unwrap()), announced(&done), "{entry}");
    }
}

#[test]
fn an_override_list_installs_what_it_names_whatever_the_baseline_says() {
    let rocky = with_a_dependency();
    rocky
        .root
        .write("/root/list.yaml", "patches:\n  - id: 'tool*'\n    title: '1.1*'\n  - id: 'nothing*'\n")
        .unwrap();
    let spec = format!("{SECURITY}rejected_patches: [tool]\nrejected_patches_action: BLOCK\n");
    let options = baseline(&rocky, &spec);
    let before = rocky.installed().unwrap();
    let done =
        rocky.patchflock(&format!("once --yes --install-override-list /root/list.yaml {options}")).unwrap();
    assert_eq!(items(&done), ["tool 1.1-1"], "{} {}", done.err, done.out);
    assert!(done.err.contains("names nothing*"), "{}", done.err);
    assert_eq!(changed(&before, &rocky.installed().unwrap()), announced(&done));
    // Compliance is still the baseline's: tool is there although rejected, the others are missing.
    assert_eq!((done.code, after(&done)), (3, "NON_COMPLIANT"));
    let counts = &done.json["after"]["counts"];
    assert_eq!(counts["installed_rejected"], 1, "{counts}");
}

#[test]
fn a_failing_pre_script_is_named_and_the_rest_is_installed() {
    let names = ["good", "bad", "noisy"];
    let mut rocky = Rocky::new(names.map(|n| rpm(n, "1.0")), &names.join(" ")).unwrap();
    let new = [
        rpm("good", "1.1").requires("dep"),
        rpm("dep", "1"),
        rpm("bad", "1.1").script("pre", "echo 'no room for the data' >&2; exit 7"),
        rpm("noisy", "1.1").script("post", "echo 'cannot restart' >&2; exit 3"),
    ];
    let advisories =
        [important("RLSA-1", &new[0]), important("RLSA-2", &new[2]), important("RLSA-3", &new[3])];
    rocky.publish(new, advisories).unwrap();
    let asked = rocky.asked_for().unwrap();
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((done.code, after(&done)), (3, "NON_COMPLIANT"), "{} {}", done.err, done.out);
    let failed = failures(&done);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].0 == "bad" && failed[0].1.contains("no room for the data"), "{failed:?}");
    let wanted =
        ["bad-1.0-1.noarch", "bash-5-1.noarch", "dep-1-1.noarch", "good-1.1-1.noarch", "noisy-1.1-1.noarch"];
    assert_eq!(rocky.installed().unwrap(), wanted);
    assert_eq!(rocky.asked_for().unwrap(), asked);
    assert_eq!(done.json["after"]["counts"]["failed"], 1);
    assert!(text(&done.json["report"], "log").contains("cannot restart"), "{}", done.json["report"]["log"]);
    // A later look still knows why.
    let tried = rocky.patchflock("try -o json").unwrap();
    let patches = list(&tried.json["compliance"], "patches");
    let bad = patches.iter().find(|p| text(p, "name") == "bad").unwrap();
    assert_eq!(text(bad, "state"), "MISSING");
    assert!(text(bad, "reason").contains("the last attempt failed"), "{bad}");
    // And trying again does no harm.
    let again = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((again.code, items(&again)), (3, vec!["bad 1.1-1".to_owned()]), "{}", again.err);
    assert_eq!(rocky.installed().unwrap(), wanted);
}

/// One security update of `tool`.
fn one_update() -> Rocky {
    let mut rocky = Rocky::new([rpm("tool", "1.0")], "tool").unwrap();
    rocky.publish([rpm("tool", "1.1")], [important("RLSA-1", &rpm("tool", "1.1"))]).unwrap();
    rocky
}

/// A process that takes a lock in Python and keeps it until it is ended.
fn holder(rocky: &Rocky, take: &str) -> String {
    let script = format!("import fcntl, os, time\n{take}\nopen('/tmp/held', 'w')\ntime.sleep(1000)\n");
    rocky.root.write("/srv/hold.py", script).unwrap();
    background(rocky, "exec /usr/bin/python3 /srv/hold.py", "/tmp/held")
}

#[test]
fn a_lock_that_is_never_given_back_is_told_in_time_and_never_taken_for_damage() {
    let rocky = one_update();
    let dnf = Dnf::new(rocky.root.root()).with_lock_wait(Duration::from_millis(300));
    let target = Target { name: "tool".into(), arch: "noarch".into(), version: "1.1-1".into() };
    let item = Item {
        name: "tool".into(),
        arch: "noarch".into(),
        from: Some("1.0-1".into()),
        to: "1.1-1".into(),
        role: Role::Approved { reason: "the test says so".into() },
    };
    let plan = Plan { items: vec![item], held: Vec::new() };
    let before = rocky.installed().unwrap();
    for (take, file) in LOCKS {
        let pid = holder(&rocky, take);
        let fetched = dnf.fetch(&plan, &mut |_| {});
        let answers = match file {
            // What is only read is not in the way of a transaction.
            ".rpm.lock" | "rpmdb_lock.pid" => {
                assert_eq!(dnf.simulate(std::slice::from_ref(&target)).unwrap().changes.len(), 1, "{file}");
                fetched.unwrap();
                vec![dnf.repair().map(drop), dnf.install(&plan, &mut |_| {}).map(drop)]
            }
            _ => vec![fetched],
        };
        for answer in answers {
            let e = answer.unwrap_err();
            assert!(matches!(e, PmError::Locked { .. }), "{file}: {e}");
            assert!(!file.ends_with(".pid") || e.to_string().contains(&pid), "{file}: {e}");
        }
        rocky.root.ok(&format!("kill {pid}; rm -f /tmp/held")).unwrap();
        let gone = || !std::path::Path::new(&format!("/proc/{pid}")).exists();
        door::wait("the holder's end", LIMIT, gone).unwrap();
        rocky.root.ok("rm -rf /var/cache/dnf/baseos-*/packages").unwrap();
    }
    assert_eq!(rocky.installed().unwrap(), before);
    dnf.fetch(&plan, &mut |_| {}).unwrap();
    assert_eq!(dnf.install(&plan, &mut |_| {}).unwrap().outcomes[0].result, OutcomeKind::Installed);
}

/// How each lock is taken, and its file.
const LOCKS: [(&str, &str); 4] = [
    ("f = open('/var/lib/rpm/.rpm.lock', 'a'); fcntl.lockf(f, fcntl.LOCK_EX)", ".rpm.lock"),
    // dnf's own locks: a file with the number of a living process.
    (
        "os.makedirs('/var/lib/dnf', exist_ok=True); open('/var/lib/dnf/rpmdb_lock.pid', 'w').write(str(os.getpid()))",
        "rpmdb_lock.pid",
    ),
    ("open('/var/cache/dnf/download_lock.pid', 'w').write(str(os.getpid()))", "download_lock.pid"),
    ("open('/var/cache/dnf/metadata_lock.pid', 'w').write(str(os.getpid()))", "metadata_lock.pid"),
];

#[test]
fn rpm_and_dnf_at_work_are_waited_for() {
    for (take, _) in LOCKS {
        let rocky = one_update();
        let pid = holder(&rocky, take);
        std::thread::scope(|scope| {
            let run = scope.spawn(|| rocky.patchflock("once --yes -o json").unwrap());
            // Ours is under way when the other one ends.
            door::wait("patchflock's lock", LIMIT, || rocky.root.at("/run/patchflock.lock").exists())
                .unwrap();
            let second = rocky.patchflock("once --yes").unwrap();
            assert!(
                second.code == 1 && second.err.contains("another patchflock operation"),
                "{}",
                second.err
            );
            rocky.root.ok(&format!("kill {pid}")).unwrap();
            let done = run.join().unwrap();
            assert_eq!((done.code, items(&done).len()), (0, 1), "{take}: {} {}", done.err, done.out);
        });
        let left = rocky.root.ok("find /var/lib/dnf /var/cache/dnf -name '*_lock.pid'").unwrap();
        assert!(!left.contains("rpmdb"), "{left}");
    }
}

#[test]
fn what_a_kill_in_the_middle_leaves_is_finished_by_the_next_run() {
    let mut rocky = Rocky::new(["a", "b", "c"].map(|n| rpm(n, "1.0")), "a b c").unwrap();
    let hang = rpm("b", "1.1")
        .requires("extra")
        .script("post", "touch /in-script; while test -e /hang; do sleep 0.1; done");
    let new = [rpm("a", "1.1"), hang, rpm("c", "1.1").requires("b >= 1.1"), rpm("extra", "1")];
    let advisories =
        [("RLSA-1", &new[0]), ("RLSA-2", &new[1]), ("RLSA-3", &new[2])].map(|(i, r)| important(i, r));
    rocky.publish(new, advisories).unwrap();
    let asked = rocky.asked_for().unwrap();
    rocky.root.write("/hang", "").unwrap();
    background(&rocky, "patchflock once --yes", "/in-script");
    cut_power(&rocky);
    std::fs::remove_file(rocky.root.at("/hang")).unwrap();
    let both = rocky.installed().unwrap().iter().filter(|p| p.starts_with("b-")).count();
    assert_eq!(both, 2, "nothing was interrupted");
    let tried = rocky.patchflock("try").unwrap();
    assert_eq!(tried.code, 3, "{}", tried.out);
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((done.code, after(&done)), (0, "COMPLIANT"), "{} {}", done.err, done.out);
    assert!(
        done.err.contains("was interrupted") && text(&done.json, "repaired").contains("b-1.0-1"),
        "{}",
        done.err
    );
    let wanted =
        ["a-1.1-1.noarch", "b-1.1-1.noarch", "bash-5-1.noarch", "c-1.1-1.noarch", "extra-1-1.noarch"];
    assert_eq!(rocky.installed().unwrap(), wanted);
    assert_eq!(rocky.asked_for().unwrap(), asked, "what came in as a dependency is one");
    let phases = rocky.root.ok("grep -h '\"phase\"' /var/lib/patchflock/runs/*").unwrap();
    assert!(phases.contains("interrupted") && phases.contains("finished"), "{phases}");
}

#[test]
fn a_transaction_outlives_a_patchflock_that_is_killed() {
    let names = ["a", "b", "c"];
    let mut rocky = Rocky::new(names.map(|n| rpm(n, "1.0")), "a b c").unwrap();
    let hang = "touch /in-script; while test -e /hang; do sleep 0.1; done; echo words; echo more >&2";
    let new = [
        rpm("a", "1.1").script("post", hang),
        rpm("b", "1.1").requires("a >= 1.1").requires("extra").script("post", "echo words; exit 1"),
        rpm("c", "1.1").requires("b >= 1.1"),
        rpm("extra", "1"),
    ];
    let advisories: Vec<Advisory> =
        new.iter().take(3).map(|r| important(&format!("RLSA-{}", r.name()), r)).collect();
    rocky.publish(new, advisories).unwrap();
    let asked = rocky.asked_for().unwrap();
    rocky.root.write("/hang", "").unwrap();
    background(&rocky, "patchflock once --yes & echo $! > /tmp/once; wait $!", "/in-script");
    rocky.root.ok("kill -9 $(cat /tmp/once)").unwrap();
    std::thread::scope(|scope| {
        // The next run comes while rpm is still at work, and waits for it.
        let next = scope.spawn(|| rocky.patchflock("once --yes -o json").unwrap());
        let comm = |pid: &String| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let started = || processes(&rocky).iter().any(|pid| comm(pid) == "patchflock\n");
        door::wait("the next run", LIMIT, started).unwrap();
        std::fs::remove_file(rocky.root.at("/hang")).unwrap();
        let done = next.join().unwrap();
        assert_eq!((done.code, items(&done)), (0, Vec::new()), "{} {}", done.err, done.out);
        assert!(done.err.contains("was interrupted") && !done.err.contains("took out"), "{}", done.err);
    });
    let wanted =
        ["a-1.1-1.noarch", "b-1.1-1.noarch", "bash-5-1.noarch", "c-1.1-1.noarch", "extra-1-1.noarch"];
    assert_eq!(rocky.installed().unwrap(), wanted);
    assert_eq!(rocky.asked_for().unwrap(), asked, "what came in as a dependency is one");
}

#[test]
fn a_signal_during_the_transaction_does_not_cut_it() {
    let mut rocky = Rocky::new(["a", "b"].map(|n| rpm(n, "1.0")), "a b").unwrap();
    let hang = rpm("a", "1.1").script("post", "touch /in-script; while test -e /hang; do sleep 0.1; done");
    let new = [hang, rpm("b", "1.1").requires("a >= 1.1")];
    let advisories = [important("RLSA-1", &new[0]), important("RLSA-2", &new[1])];
    rocky.publish(new, advisories).unwrap();
    rocky.root.write("/hang", "").unwrap();
    let line =
        "patchflock once --yes & echo $! > /tmp/once; wait $!; echo $? > /tmp/code; mv /tmp/code /ended";
    background(&rocky, line, "/in-script");
    rocky.root.ok("kill -TERM $(cat /tmp/once)").unwrap();
    std::fs::remove_file(rocky.root.at("/hang")).unwrap();
    door::wait("the end of once", LIMIT, || rocky.root.at("/ended").exists()).unwrap();
    assert_eq!(rocky.root.read("/ended").unwrap(), "0\n");
    assert_eq!(rocky.installed().unwrap(), ["a-1.1-1.noarch", "b-1.1-1.noarch", "bash-5-1.noarch"]);
    assert!(rocky.root.read("/tmp/background").unwrap().contains("asked to stop"));
}

#[test]
fn a_package_that_cannot_be_fetched_whole_changes_nothing() {
    let rocky = one_update();
    let before = rocky.installed().unwrap();
    for (fault, words) in
        [(Fault::Status(404), "404"), (Fault::Truncate, "tool-1.1-1"), (Fault::Hangup, "tool-1.1-1")]
    {
        rocky.server.fault("tool-1.1", fault);
        let done = rocky.patchflock("once --yes").unwrap();
        assert_eq!(done.code, 2, "{fault:?}: {} {}", done.err, done.out);
        assert!(done.err.contains(words), "{fault:?}: {}", done.err);
        assert_eq!(rocky.installed().unwrap(), before);
    }
    rocky.server.heal();
    // The right length and the wrong content.
    let file = rocky.repo.dir().join("tool-1.1-1.noarch.rpm");
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bad).unwrap();
    let done = rocky.patchflock("once --yes").unwrap();
    assert_eq!((done.code, rocky.installed().unwrap()), (2, before), "{} {}", done.err, done.out);
    std::fs::write(&file, good).unwrap();
    let done = rocky.patchflock("once --yes").unwrap();
    assert_eq!(done.code, 0, "{} {}", done.err, done.out);
}

#[test]
fn a_signature_is_demanded_where_the_repository_demands_it() {
    let mut rocky = Rocky::signed([rpm("tool", "1.0")], "tool").unwrap();
    rocky.publish([rpm("tool", "1.1")], [important("RLSA-1", &rpm("tool", "1.1"))]).unwrap();
    let before = rocky.installed().unwrap();
    // Someone else's key: the right name, the wrong signature.
    let file = rocky.repo.dir().join("tool-1.1-1.noarch.rpm");
    let good = std::fs::read(&file).unwrap();
    let stranger = Key::new().unwrap();
    rpm("tool", "1.1").build(rocky.repo.dir(), Some(&stranger)).unwrap();
    rocky.publish([], []).unwrap();
    let refused = rocky.patchflock("once --yes").unwrap();
    assert_eq!(refused.code, 2, "{} {}", refused.err, refused.out);
    assert!(refused.err.contains("signature") && refused.err.contains("tool-1.1-1"), "{}", refused.err);
    // No signature at all.
    rpm("tool", "1.1").build(rocky.repo.dir(), None).unwrap();
    rocky.publish([], []).unwrap();
    let refused = rocky.patchflock("once --yes").unwrap();
    assert_eq!(refused.code, 2, "{} {}", refused.err, refused.out);
    assert!(refused.err.contains("signature") && refused.err.contains("tool-1.1-1"), "{}", refused.err);
    assert_eq!(rocky.installed().unwrap(), before);
    std::fs::write(&file, good).unwrap();
    rocky.publish([], []).unwrap();
    // The right signature, by a key that the administrator did not import: named, and left to him.
    rocky.root.ok("rpm -e $(rpm -qa gpg-pubkey)").unwrap();
    for _ in 0..2 {
        let refused = rocky.patchflock("once --yes").unwrap();
        assert_eq!(refused.code, 2, "{} {}", refused.err, refused.out);
        let words = "the key of repository baseos is not imported";
        let next = "rpm --import /etc/pki/rpm-gpg/baseos";
        assert!(refused.err.contains(words) && refused.err.contains(next), "{}", refused.err);
        assert_eq!(rocky.root.ok("rpm -qa gpg-pubkey").unwrap(), "", "no key came in");
    }
    rocky.root.ok("rpm --import /etc/pki/rpm-gpg/baseos").unwrap();
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((done.code, items(&done).len()), (0, 1), "{} {}", done.err, done.out);
}

#[test]
fn everything_can_be_taken_with_epochs_holds_and_obsoletes_respected() {
    let old =
        [rpm("tool", "1.0").epoch(1), rpm("locked", "1.0"), rpm("excluded", "1.0"), rpm("oldname", "1.0")];
    let mut rocky = Rocky::new(old, "tool locked excluded oldname").unwrap();
    let new = [
        rpm("tool", "0.9").epoch(2),
        rpm("locked", "1.1"),
        rpm("excluded", "1.1"),
        rpm("newname", "1.0").tag("Obsoletes", "oldname"),
    ];
    rocky.publish(new, []).unwrap();
    rocky.root.write("/etc/dnf/plugins/versionlock.list", "locked-0:1.0-1.*\n").unwrap();
    rocky.root.ok("echo 'exclude=excl*' >> /etc/dnf/dnf.conf").unwrap();
    let done = rocky.patchflock(&format!("once --yes {}", baseline(&rocky, ALL))).unwrap();
    assert_eq!(items(&done), ["tool 2:0.9-1"], "{} {}", done.err, done.out);
    let wanted = [
        "bash-5-1.noarch",
        "excluded-1.0-1.noarch",
        "locked-1.0-1.noarch",
        "oldname-1.0-1.noarch",
        "tool-2:0.9-1.noarch",
    ];
    assert_eq!(rocky.installed().unwrap(), wanted);
    // What the administrator holds is missing all the same.
    assert_eq!((done.code, &done.json["after"]["counts"]["missing"]), (3, &Value::from(2)), "{}", done.out);
}

#[test]
fn a_dependency_may_come_from_the_same_vendor_and_from_nobody_else() {
    let owner = Rpm::new("vendor-repos", "9", "1")
        .file("/etc/yum.repos.d/baseos.repo", "")
        .file("/etc/yum.repos.d/appstream.repo", "");
    let mut rocky =
        Rocky::new([rpm("app", "1.0"), rpm("tool", "1.0"), owner], "app tool vendor-repos").unwrap();
    rocky.repo.attach(&rocky.root, &rocky.server.uri()).unwrap();
    for (repo, name) in [("appstream", "lib-a"), ("foreign", "lib-b"), ("other", "lib-c")] {
        let mut new = RpmRepo::new(rocky.root.at(&format!("/srv/{repo}"))).unwrap();
        new.add(rpm(name, "1")).unwrap();
        new.publish().unwrap();
        new.attach(&rocky.root, &format!("file:///srv/{repo}")).unwrap();
    }
    // Two that are checked with the same key belong together, whoever wrote their files.
    let keyed = "gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/third\n";
    for name in ["other", "more"] {
        let file = format!("[{name}]\nname={name}\nbaseurl=file:///srv/other\nenabled=1\n{keyed}");
        rocky.root.write(&format!("/etc/yum.repos.d/{name}.repo"), file).unwrap();
    }
    // What calls itself like the vendor's package is not the vendor's.
    let file = "[vendor-repos]\nname=x\nbaseurl=file:///srv/foreign\nenabled=1\ngpgcheck=0\n";
    rocky.root.write("/etc/yum.repos.d/posing.repo", file).unwrap();
    let new = [rpm("app", "1.1").requires("lib-a"), rpm("tool", "1.1").requires("lib-b")];
    let advisories = [important("RLSA-1", &new[0]), important("RLSA-2", &new[1])];
    rocky.publish(new, advisories).unwrap();

    let inventory = rocky.patchflock("inventory").unwrap();
    let origins: BTreeSet<(&str, &str)> =
        list(&inventory.json, "sources").iter().map(|s| (text(s, "id"), text(s, "origin"))).collect();
    let wanted = [
        ("appstream", "vendor-repos"),
        ("baseos", "vendor-repos"),
        ("foreign", "repository foreign"),
        ("more", "gpgkey file:///etc/pki/rpm-gpg/third"),
        ("other", "gpgkey file:///etc/pki/rpm-gpg/third"),
        ("vendor-repos", "repository vendor-repos"),
    ];
    assert_eq!(origins, wanted.into());

    let dry = rocky.patchflock("once --dry-run -o json").unwrap();
    assert_eq!(items(&dry), ["app 1.1-1", "lib-a 1-1 for app"], "{} {}", dry.err, dry.out);
    let held = held(&dry);
    assert!(held.len() == 1 && held[0].0 == "tool", "{held:?}");
    assert!(held[0].1.contains("lib-b 1-1, which only foreign"), "{held:?}");
}
