//! `patchflock inventory`, `try` and `evaluate` on systems with real dnf 4, beside what dnf says itself.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::BTreeSet;

use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::http::Fault;
use patchflock_tests::lab::rocky::{Answer, Rocky};
use patchflock_tests::lab::rpm::Rpm;
use serde_json::Value;

const DAY: i64 = 86_400;

fn rpm(name: &str, version: &str) -> Rpm {
    Rpm::new(name, version, "1").file(&format!("/usr/share/{name}/{version}"), "x")
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// `2026-11-24T12:00:00Z`, as `--at` takes it.
fn instant(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The decision on one version.
fn decision<'v>(answer: &'v Answer, name: &str, version: &str) -> &'v Value {
    let all = list(&answer.json["evaluation"], "decisions");
    all.iter().find(|d| text(d, "name") == name && text(d, "version") == version).unwrap()
}

/// Verdict, and whether the plan would take it.
fn verdict(answer: &Answer, name: &str, version: &str) -> (String, bool) {
    let found = decision(answer, name, version);
    (text(&found["verdict"], "verdict").to_owned(), found["chosen"].as_bool().unwrap())
}

fn chosen(answer: &Answer) -> Vec<String> {
    let all = list(&answer.json["evaluation"], "decisions").iter();
    all.filter(|d| d["chosen"] == true)
        .map(|d| format!("{}-{}", text(d, "name"), text(d, "version")))
        .collect()
}

fn status(answer: &Answer) -> &str {
    text(&answer.json["compliance"], "status")
}

fn notes(answer: &Answer) -> String {
    let notes = list(&answer.json["compliance"], "notes");
    notes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// Exit status 3, UNKNOWN, and the source named.
fn unknown(answer: &Answer, source: &str, words: &str) {
    assert_eq!((answer.code, status(answer)), (3, "UNKNOWN"), "{} {}", answer.out, answer.err);
    let notes = notes(answer);
    assert!(notes.contains(&format!("source {source} ")) && notes.contains(words), "{notes}");
}

/// A machine with everything that makes `dnf check-update` differ from a plain list of newer versions.
fn ordinary() -> Rocky {
    let old = ["tool", "lib", "plain", "locked", "excluded", "oldname", "current"].map(|n| rpm(n, "1.0"));
    let old = old.into_iter().chain([rpm("epochal", "5.0").epoch(1), rpm("lower", "2.0").epoch(1)]);
    let mut rocky = Rocky::new(old, "tool lib plain locked excluded oldname current epochal lower").unwrap();
    let fixed = rpm("tool", "1.1");
    let security = Advisory::security("RLSA-2026:0001", "Important")
        .issued(1_750_000_000)
        .updated(1_760_000_000)
        .cve("CVE-2026-1")
        .cve("CVE-2026-2")
        .bugzilla("777")
        .fixes(&fixed);
    let bugfix = Advisory::new("RLBA-2026:0002", "bugfix").issued(1_755_000_000).fixes(&rpm("lib", "1.1"));
    let new = ["lib", "plain", "locked", "excluded"].map(|n| rpm(n, "1.1"));
    let new = new.into_iter().chain([
        fixed,
        rpm("tool", "1.2"),
        rpm("epochal", "4.0").epoch(2),
        // A lower epoch is older, however high the version.
        rpm("lower", "9.0"),
        rpm("newname", "1.0").tag("Obsoletes", "oldname"),
    ]);
    rocky.publish(new, [security, bugfix]).unwrap();
    rocky.root.write("/etc/dnf/plugins/versionlock.list", "locked-0:1.0-1.*\n").unwrap();
    rocky.root.ok("echo 'exclude=excl*' >> /etc/dnf/dnf.conf").unwrap();
    rocky
}

/// `name.arch version` of each line that `dnf check-update` prints above its list of obsoletes.
fn check_update(rocky: &Rocky) -> BTreeSet<String> {
    let out = rocky.root.run("dnf -q -C check-update").unwrap();
    assert_eq!(out.code, 100, "{}", out.stderr_text());
    let text = out.stdout_text().into_owned();
    let upgrades = text.lines().take_while(|l| !l.starts_with("Obsoleting"));
    let fields = upgrades.map(|l| l.split_whitespace().collect::<Vec<_>>());
    fields.filter_map(|f| matches!(f.as_slice(), [_, _, _]).then(|| format!("{} {}", f[0], f[1]))).collect()
}

#[test]
fn what_is_offered_is_what_check_update_says_and_the_administrators_holds_say_why() {
    let rocky = ordinary();
    let inventory = rocky.patchflock("inventory -o json").unwrap();
    assert_eq!(inventory.code, 0, "{}", inventory.err);
    let theirs = check_update(&rocky);
    let wanted = ["epochal.noarch 2:4.0-1", "lib.noarch 1.1-1", "plain.noarch 1.1-1", "tool.noarch 1.2-1"];
    // newname stands in dnf's list as well: dnf would install it in place of oldname.
    let upgrades: BTreeSet<String> = theirs.iter().filter(|l| !l.starts_with("newname")).cloned().collect();
    assert_eq!(upgrades, wanted.map(str::to_owned).into());

    let native: BTreeSet<String> = list(&inventory.json, "native")
        .iter()
        .filter(|n| ["upgrade", "kept_back"].contains(&text(n, "action")))
        .map(|n| format!("{}.{} {}", text(n, "name"), text(n, "arch"), text(n, "to")))
        .collect();
    assert_eq!(native, upgrades);

    let offered = |held: bool| -> Vec<String> {
        let all = list(&inventory.json, "candidates").iter();
        let those = all.filter(|c| c["held"].is_null() != held && c["obsoletes"] == false);
        those.map(|c| format!("{}.{} {}", text(c, "name"), text(c, "arch"), text(c, "version"))).collect()
    };
    let free: BTreeSet<String> = offered(false).into_iter().collect();
    let mut with_older = upgrades.clone();
    with_older.insert("tool.noarch 1.1-1".into());
    assert_eq!(free, with_older, "both versions of tool and the newest of the others");
    assert_eq!(offered(true), ["excluded.noarch 1.1-1", "locked.noarch 1.1-1"]);

    let tried = rocky.patchflock("try --all -o json").unwrap();
    assert_eq!(verdict(&tried, "locked", "1.1-1").0, "not_matched");
    let named = list(&inventory.json, "candidates").iter().find(|c| text(c, "name") == "excluded").unwrap();
    assert_eq!(text(named, "held"), "exclude=excl* in dnf.conf");
    assert!(!chosen(&tried).iter().any(|c| c.starts_with("newname")), "{:?}", chosen(&tried));
}

#[test]
fn an_advisory_arrives_with_all_its_fields_and_only_at_the_version_it_names() {
    let rocky = ordinary();
    let inventory = rocky.patchflock("inventory -o json").unwrap();
    let candidate = |name: &str, version: &str| {
        let all = list(&inventory.json, "candidates").iter();
        all.clone().find(|c| text(c, "name") == name && text(c, "version") == version).unwrap()
    };
    let tool = candidate("tool", "1.1-1");
    assert_eq!(tool["security"], true);
    let wanted = serde_json::json!([{
        "id": "RLSA-2026:0001", "classification": "security", "severity": "Important",
        "issued": instant(1_750_000_000), "updated": instant(1_760_000_000),
        "cves": ["CVE-2026-1", "CVE-2026-2"], "bugzilla": ["777"], "title": "RLSA-2026:0001",
        "reboot_suggested": false
    }]);
    assert_eq!(tool["advisories"], wanted);
    // dnf's own view of the same metadata.
    let theirs = rocky.root.ok("dnf -q -C updateinfo list --updates --security").unwrap();
    assert!(theirs.contains("RLSA-2026:0001") && theirs.lines().count() == 1, "{theirs}");
    assert_eq!(candidate("tool", "1.2-1")["advisories"], serde_json::json!([]));
    assert_eq!(candidate("tool", "1.2-1")["security"], false);
    let lib = candidate("lib", "1.1-1");
    assert_eq!(
        (text(&lib["advisories"][0], "classification"), &lib["security"]),
        ("bugfix", &Value::Bool(false))
    );
}

#[test]
fn an_ordinary_user_gets_the_same_from_roots_cache_without_the_network() {
    let rocky = ordinary();
    let mut as_root = rocky.patchflock("inventory -o json").unwrap();
    rocky.server.take_requests();
    rocky.server.fault("", Fault::Hangup);
    let before = rocky.root.ok("find /var /etc /root /tmp | sort").unwrap();
    let mut as_nobody = rocky.as_nobody("inventory -o json").unwrap();
    assert_eq!(as_nobody.code, 0, "{}", as_nobody.err);
    // Only the clock may differ, and what the kernel does not tell an ordinary user about other processes.
    for answer in [&mut as_root, &mut as_nobody] {
        answer.json["taken_at"] = Value::Null;
        answer.json["services_to_restart"] = Value::Null;
    }
    assert_eq!(as_nobody.json, as_root.json);
    let tried = rocky.as_nobody("try").unwrap();
    assert_eq!(tried.code, 3, "{}", tried.err);
    let dry = rocky.as_nobody("once --dry-run -o json").unwrap();
    let items = list(&dry.json["plan"], "items").iter();
    let names: Vec<&str> = items.map(|i| text(i, "name")).collect();
    assert_eq!((dry.code, names), (3, vec!["lib", "tool"]), "{}", dry.err);
    assert!(tried.out.contains("2 approved"), "{}", tried.out);
    assert_eq!(rocky.server.take_requests(), Vec::<String>::new());
    let after = rocky.root.ok("find /var /etc /root /tmp | sort").unwrap();
    let new: Vec<&str> = after.lines().filter(|l| !before.lines().any(|b| b == *l)).collect();
    assert_eq!(new, Vec::<&str>::new(), "a look writes nothing");
    let refused = rocky.as_nobody("once --yes").unwrap();
    assert!(refused.code == 1 && refused.err.contains("needs root"), "{}", refused.err);
}

#[test]
fn a_repository_that_was_never_reached_is_not_hidden_by_skip_if_unavailable() {
    let mut rocky = Rocky::new([rpm("tool", "1.0")], "tool").unwrap();
    rocky.publish([], []).unwrap();
    assert_eq!(rocky.patchflock("try").unwrap().code, 0);
    let gone = "[gone]\nname=gone\nbaseurl=file:///srv/gone\nenabled=1\ngpgcheck=0\nskip_if_unavailable=1\n";
    rocky.root.write("/etc/yum.repos.d/gone.repo", gone).unwrap();
    let missing = gone.replace("gone", "missing").replace("file:///srv", &rocky.server.uri());
    rocky.root.write("/etc/yum.repos.d/missing.repo", missing).unwrap();
    // dnf itself is content.
    rocky.root.ok("dnf -q makecache").unwrap();
    let tried = rocky.patchflock("try -o json").unwrap();
    unknown(&tried, "gone", "could not be read");
    unknown(&tried, "missing", "could not be read");
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!((done.code, status(&done)), (3, "UNKNOWN"), "{}", done.err);
    assert!(done.err.contains("missing: ") && done.err.contains("404"), "{}", done.err);
    // A repository that is switched off is nobody's concern.
    rocky
        .root
        .ok("sed -i s/enabled=1/enabled=0/ /etc/yum.repos.d/gone.repo /etc/yum.repos.d/missing.repo")
        .unwrap();
    assert_eq!(rocky.patchflock("try").unwrap().code, 0);
}

#[test]
fn a_repository_that_dies_is_told_at_the_refresh_and_believed_only_as_long_as_its_metadata_are_fresh() {
    let rocky = ordinary();
    let scan = |rocky: &Rocky| rocky.as_nobody("try -o json").unwrap();
    assert_eq!(status(&scan(&rocky)), "NON_COMPLIANT");
    rocky.root.ok("echo skip_if_unavailable=1 >> /etc/yum.repos.d/baseos.repo").unwrap();
    rocky.server.fault("", Fault::Status(404));
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_ne!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("baseos: ") && done.err.contains("404"), "{}", done.err);
    assert!(notes(&scan(&rocky)).contains("the last refresh failed"), "{}", notes(&scan(&rocky)));
    // dnf's own refresh of later heals it.
    rocky.server.heal();
    rocky.root.ok("dnf -q makecache --refresh").unwrap();
    assert_eq!(notes(&scan(&rocky)), "");
}

#[test]
fn metadata_that_are_too_old_make_the_verdict_unknown_and_expired_ones_are_still_read() {
    let mut rocky = Rocky::new([rpm("tool", "1.0")], "tool").unwrap();
    rocky.publish([], []).unwrap();
    // Two days: dnf would ask again, nothing is void.
    rocky.root.ok("touch -d '2 days ago' /var/cache/dnf/baseos-*/repodata/*").unwrap();
    assert_eq!(rocky.patchflock("try").unwrap().code, 0);
    let old = "touch -d '8 days ago' /var/cache/dnf/baseos-*/repodata/*";
    rocky.root.ok(old).unwrap();
    unknown(&rocky.patchflock("try -o json").unwrap(), "baseos", "more than 168 h ago");
    // A repository that has nothing new is confirmed by each refresh, dnf's or ours, and is not old.
    for refresh in ["dnf -q makecache --refresh", "patchflock once --yes"] {
        rocky.root.ok(&format!("{old} && {refresh}")).unwrap();
        assert_eq!(rocky.patchflock("try").unwrap().code, 0, "{refresh}");
    }
}

#[test]
fn damaged_metadata_are_unknown_wherever_they_are_cut() {
    let rocky = ordinary();
    let half = |file: &str| {
        let line = format!(
            "f=$(ls /var/cache/dnf/baseos-*/repodata/{file}) && cp -p $f /root/kept && echo $f && \
                            truncate -s $(( $(stat -c %s $f) / 2 )) $f"
        );
        rocky.root.ok(&line).unwrap().trim().to_owned()
    };
    for file in ["repomd.xml", "*-updateinfo.xml.*", "*-primary.xml.*"] {
        let place = half(file);
        rocky.root.ok("rm -f /var/cache/dnf/*.solv*").unwrap();
        let tried = rocky.patchflock("try -o json").unwrap();
        unknown(&tried, "baseos", "could not be read");
        rocky.root.ok(&format!("cp -p /root/kept {place}")).unwrap();
    }
    assert_eq!(notes(&rocky.patchflock("try -o json").unwrap()), "");
    // The same from the other side: what comes in damaged is refused, named, and the old metadata stay.
    rocky.repo.publish().unwrap();
    rocky.server.fault("updateinfo", Fault::Truncate);
    rocky.root.ok("rm -rf /var/cache/dnf/*").unwrap();
    let done = rocky.patchflock("once --yes -o json").unwrap();
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.err.contains("baseos: "), "{}", done.err);
    unknown(&done, "baseos", "could not be read");
}

#[test]
fn a_repository_without_advisories_offers_nothing_to_security_rules_and_all_to_enable_non_security() {
    let mut rocky = Rocky::new([rpm("tool", "1.0")], "tool").unwrap();
    let built = door::now() - 3 * DAY;
    rocky.publish([rpm("tool", "1.1").built_at(built)], []).unwrap();
    let tried = rocky.patchflock("try --all -o json").unwrap();
    assert_eq!((tried.code, status(&tried)), (0, "COMPLIANT"), "{}", tried.err);
    assert_eq!(verdict(&tried, "tool", "1.1-1"), ("not_matched".into(), false));
    let baseline = "kind: PatchBaseline\nname: all\nspec:\n  operating_system: ROCKY_LINUX\n  approval_rules:\n    \
                    - approve_after_days: 7\n      enable_non_security: true\n";
    rocky.root.write("/root/all.yaml", baseline).unwrap();
    let tried = rocky.patchflock("try -f /root/all.yaml --all -o json").unwrap();
    assert_eq!(verdict(&tried, "tool", "1.1-1"), ("pending".into(), false));
    assert_eq!(text(&decision(&tried, "tool", "1.1-1")["verdict"], "at"), instant(built + 7 * DAY));
    assert_eq!(text(&decision(&tried, "tool", "1.1-1")["date"], "source"), "build_time");
    rocky.root.write("/root/all.yaml", baseline.replace(": 7", ": 2")).unwrap();
    let tried = rocky.patchflock("try -f /root/all.yaml -o json").unwrap();
    assert_eq!((tried.code, chosen(&tried)), (3, vec!["tool-1.1-1".to_owned()]));
}

#[test]
fn a_stream_of_a_module_is_offered_only_when_it_is_enabled() {
    let mut rocky = Rocky::new([rpm("tool", "1.0")], "tool").unwrap();
    let module = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: tooling\n  stream: \"2\"\n  version: 1\n  \
                  context: 00000000\n  arch: noarch\n  summary: s\n  description: d\n  license:\n    module: [MIT]\n  \
                  profiles:\n    common:\n      rpms: [tool]\n  artifacts:\n    rpms:\n    - tool-0:2.0-1.noarch\n...\n";
    rocky.repo.add(rpm("tool", "2.0")).unwrap();
    rocky.repo.publish().unwrap();
    rocky.root.write("/srv/modules.yaml", module).unwrap();
    let files = [rocky.root.at("/srv/modules.yaml"), rocky.repo.dir().join("repodata")];
    let files = files.map(|f| f.display().to_string());
    door::ok("modifyrepo_c", ["--mdtype=modules", &files[0], &files[1]]).unwrap();
    rocky.root.ok("dnf -q makecache --refresh").unwrap();
    let offered = || {
        let inventory = rocky.patchflock("inventory -o json").unwrap();
        assert_eq!(inventory.code, 0, "{}", inventory.err);
        list(&inventory.json, "candidates").iter().map(|c| text(c, "version").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rocky.root.run("dnf -q -C check-update").unwrap().code, 0);
    assert_eq!(offered(), Vec::<String>::new());
    rocky.root.ok("dnf -q -y -C module enable tooling:2").unwrap();
    assert_eq!(rocky.root.run("dnf -q -C check-update").unwrap().code, 100);
    assert_eq!(offered(), ["2.0-1"]);
}

#[test]
fn the_predefined_baseline_judges_by_class_severity_and_the_issue_date() {
    let names = ["critical", "important", "moderate", "low", "bugfix", "enhancement", "unrated", "plain"];
    let mut rocky = Rocky::new(names.map(|n| rpm(n, "1.0")), &names.join(" ")).unwrap();
    let issued = door::now() - 3 * DAY;
    let advisory = |name: &str, kind: &str, severity: Option<&str>| {
        let mut new = Advisory::new(&format!("RLXA-2026:{name}"), kind);
        new.severity = severity.map(str::to_owned);
        // `updated` lies later and is not what the wait counts from.
        new.issued(issued).updated(issued + 2 * DAY).fixes(&rpm(name, "1.1"))
    };
    let advisories = [
        advisory("critical", "security", Some("Critical")),
        advisory("important", "security", Some("Important")),
        advisory("moderate", "security", Some("Moderate")),
        advisory("low", "security", Some("Low")),
        advisory("bugfix", "bugfix", None),
        advisory("enhancement", "enhancement", None),
        advisory("unrated", "security", None),
    ];
    rocky.publish(names.map(|n| rpm(n, "1.1").built_at(issued - 30 * DAY)), advisories).unwrap();
    let inventory = rocky.patchflock("inventory").unwrap();
    rocky.root.write("/root/inventory.json", &inventory.out).unwrap();
    let judged = |at: i64, more: &str| {
        let line =
            format!("evaluate --inventory /root/inventory.json --at {} --all -o json {more}", instant(at));
        rocky.patchflock(&line).unwrap()
    };
    let due = issued + 7 * DAY;
    // Approved when now is past date + 7 × 24 h, to the second (reference 1.7).
    for at in [issued, issued + DAY, due - 1, due] {
        let early = judged(at, "");
        // An unrated security advisory is matched on its class alone (reference 1.5).
        for name in ["critical", "important", "bugfix", "unrated"] {
            let wanted = if at < due { "pending" } else { "approved" };
            assert_eq!(verdict(&early, name, "1.1-1").0, wanted, "{name} at {}", at - issued);
            if at < due {
                assert_eq!(text(&decision(&early, name, "1.1-1")["verdict"], "at"), instant(due));
            }
        }
        for name in ["moderate", "low", "enhancement", "plain"] {
            assert_eq!(verdict(&early, name, "1.1-1"), ("not_matched".into(), false), "{name}");
        }
    }
    let later = judged(due + DAY, "");
    assert_eq!(later.code, 3);
    assert_eq!(text(&decision(&later, "critical", "1.1-1")["date"], "source"), "advisory_issued");
    assert_eq!(text(decision(&later, "critical", "1.1-1"), "severity"), "Critical");
    assert_eq!(chosen(&later), ["bugfix-1.1-1", "critical-1.1-1", "important-1.1-1", "unrated-1.1-1"]);

    let baseline = "kind: PatchBaseline\nname: all\nspec:\n  operating_system: ROCKY_LINUX\n  approval_rules:\n    \
                    - filters: {}\n      approve_after_days: 7\n      enable_non_security: true\n";
    rocky.root.write("/root/all.yaml", baseline).unwrap();
    let everything = judged(due + DAY, "-f /root/all.yaml");
    assert_eq!(chosen(&everything).len(), names.len());
    assert_eq!(text(&decision(&everything, "plain", "1.1-1")["date"], "source"), "build_time");
    // Without the flag even a rule for everything takes only security patches.
    rocky.root.write("/root/all.yaml", baseline.replace("true", "false")).unwrap();
    let security = judged(due + DAY, "-f /root/all.yaml");
    let wanted = ["critical-1.1-1", "important-1.1-1", "low-1.1-1", "moderate-1.1-1", "unrated-1.1-1"];
    assert_eq!(chosen(&security), wanted);
}

#[test]
fn other_updaters_are_named_and_said_to_act_only_when_they_would() {
    let rocky = Rocky::new([rpm("tool", "1.0")], "tool").unwrap();
    let updaters = || {
        let inventory = rocky.patchflock("inventory").unwrap();
        list(&inventory.json, "foreign_updaters")
            .iter()
            .map(|u| (text(u, "name").to_owned(), u["active"].as_bool().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(updaters(), []);
    let wants = "/etc/systemd/system/timers.target.wants";
    let link = format!("mkdir -p {wants} && ln -s /usr/lib/systemd/system/dnf-automatic.timer {wants}/");
    rocky.root.ok(&link).unwrap();
    rocky.root.write("/etc/dnf/automatic.conf", "[commands]\napply_updates = no\n").unwrap();
    assert_eq!(updaters(), [("dnf-automatic".to_owned(), false)]);
    rocky.root.write("/etc/dnf/automatic.conf", "[commands]\napply_updates = yes\n").unwrap();
    assert_eq!(updaters(), [("dnf-automatic".to_owned(), true)]);
    let tried = rocky.patchflock("try").unwrap();
    assert!(tried.out.contains("dnf-automatic also installs updates here"), "{}", tried.out);
}

#[test]
fn a_second_repository_adds_to_the_first_and_both_are_named() {
    let mut rocky = Rocky::new([rpm("tool", "1.0")], "tool").unwrap();
    let fixed = rpm("tool", "1.1");
    rocky.publish([fixed.clone()], [Advisory::security("RLSA-1", "Important").fixes(&fixed)]).unwrap();
    let mut second = RpmRepo::new(rocky.root.at("/srv/extras")).unwrap();
    second.add(fixed.clone()).unwrap();
    second.advise(Advisory::new("RLBA-2", "bugfix").fixes(&fixed));
    second.publish().unwrap();
    second.attach(&rocky.root, "file:///srv/extras").unwrap();
    rocky.root.ok("dnf -q makecache").unwrap();
    let inventory = rocky.patchflock("inventory").unwrap();
    let all = list(&inventory.json, "candidates");
    assert_eq!(all.len(), 1, "{all:?}");
    let mut sources: Vec<&str> = list(&all[0], "sources").iter().filter_map(Value::as_str).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["baseos", "extras"]);
    let ids: Vec<&str> = list(&all[0], "advisories").iter().map(|a| text(a, "id")).collect();
    assert_eq!(ids, ["RLBA-2", "RLSA-1"]);
    // One of two is gone: what the other says is known, and that not everything is.
    second.kill().unwrap();
    rocky.root.ok("rm -rf /var/cache/dnf/extras*").unwrap();
    let tried = rocky.patchflock("try -o json").unwrap();
    assert!(
        tried.code == 3 && notes(&tried).contains("source extras could not be read"),
        "{}",
        notes(&tried)
    );
    assert_eq!(verdict(&tried, "tool", "1.1-1").0, "pending");
}
