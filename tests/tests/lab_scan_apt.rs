//! What `patchflock inventory` and `try` say about an apt machine is what apt says, and what apt hides is told.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::BTreeSet;

use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::http::Fault;
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::site::{self, MAIN, SECURITY, Site};
use serde_json::Value;

/// Name, installed version, new version.
type Line = (String, String, String);

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// Upgrades that apt would make, and what it keeps back, read here from its own words.
fn apt_says(root: &RootDir) -> (BTreeSet<Line>, BTreeSet<Line>, BTreeSet<String>) {
    let said = root.ok("LC_ALL=C apt-get -s -V dist-upgrade").unwrap();
    let (mut upgraded, mut new) = (BTreeSet::new(), BTreeSet::new());
    for line in said.lines().filter_map(|l| l.strip_prefix("Inst ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let strip = |w: &str| w.trim_matches(['[', ']', '(', ')']).to_owned();
        if words[1].starts_with('[') {
            upgraded.insert((words[0].to_owned(), strip(words[1]), strip(words[2])));
        } else {
            new.insert(words[0].to_owned());
        }
    }
    let kept = said
        .lines()
        .skip_while(|l| !l.contains("have been kept back") && !l.contains("deferred due to phasing"))
        .skip(1)
        .take_while(|l| l.starts_with(' '))
        .map(|l| {
            let words: Vec<&str> = l.split_whitespace().collect();
            (
                words[0].to_owned(),
                words[1].trim_start_matches('(').into(),
                words[3].trim_end_matches(')').into(),
            )
        })
        .collect();
    (upgraded, kept, new)
}

fn lines_of(inventory: &Value, actions: &[&str]) -> BTreeSet<Line> {
    let native = inventory["native"].as_array().unwrap().iter();
    let is = |n: &&Value| actions.contains(&n["action"].as_str().unwrap());
    native.filter(is).map(|n| (text(n, "name"), text(n, "from"), text(n, "to"))).collect()
}

/// The whole promise: nothing missing, nothing invented. Returns the inventory.
#[track_caller]
fn assert_same_as_apt(root: &RootDir, inventory: &Value) {
    let (upgraded, kept, new) = apt_says(root);
    let bare = |lines: &BTreeSet<Line>| -> BTreeSet<Line> {
        lines
            .iter()
            .map(|(n, a, b)| (n.split(':').next().unwrap().to_owned(), a.clone(), b.clone()))
            .collect()
    };
    assert_eq!(lines_of(inventory, &["upgrade"]), bare(&upgraded));
    assert_eq!(lines_of(inventory, &["kept_back", "deferred"]), bare(&kept));
    let ours: BTreeSet<String> = lines_of(inventory, &["install"]).into_iter().map(|l| l.0).collect();
    assert_eq!(ours, new.iter().map(|n| n.split(':').next().unwrap().to_owned()).collect());
    // What we offer ourselves, apart from what a person or the distribution holds back, is exactly that.
    let candidates = inventory["candidates"].as_array().unwrap();
    let all: BTreeSet<Line> =
        candidates.iter().map(|c| (text(c, "name"), text(c, "installed"), text(c, "version"))).collect();
    for line in bare(&upgraded).iter().chain(&bare(&kept)) {
        assert!(all.contains(line), "apt would change {line:?}, we offer only {all:?}");
    }
    let known: BTreeSet<String> = upgraded.iter().chain(&kept).map(|l| l.0.clone()).collect();
    for candidate in candidates {
        let free = candidate["held"].is_null() && candidate["phased"]["deferred"] != true;
        let name = text(candidate, "name");
        let full = format!("{name}:{}", text(candidate, "arch"));
        assert!(!free || known.contains(&name) || known.contains(&full), "apt knows nothing of {candidate}");
    }
}

fn candidate<'v>(inventory: &'v Value, name: &str, version: &str) -> Option<&'v Value> {
    let mut all = inventory["candidates"].as_array().unwrap().iter();
    all.find(|c| c["name"] == name && c["version"] == version)
}

fn state_of<'v>(report: &'v Value, id: &str) -> &'v Value {
    let found = report["sources"].as_array().unwrap().iter().find(|s| s["id"] == id);
    &found.unwrap_or(&Value::Null)["state"]
}

fn try_it(site: &Site) -> (i32, Value) {
    let out = site.patchflock(["try", "-o", "json"]).unwrap();
    (out.code, site::json(&out).unwrap())
}

const SECURITY_ID: &str = "Debian/bookworm-security/main";

/// A system whose only package is up to date.
fn patched() -> Site {
    Site::new([Deb::new("tool", "1.0")]).unwrap()
}

#[test]
fn genuine_security_updates_are_listed_as_apt_lists_them() {
    let root = RootDir::new(&Base::debian().unwrap()).unwrap();
    root.use_mirror().unwrap();
    let host = patchflock_machine::root::Root::host();
    let look = || {
        let program = patchflock_tests::lab::door::patchflock().unwrap();
        let command = patchflock_machine::exec::Command::new(&host, program);
        let dir = root.path().display().to_string();
        site::json(&command.args(["inventory", "--root", &dir]).run().unwrap()).unwrap()
    };
    let inventory = look();
    assert_same_as_apt(&root, &inventory);
    assert!(lines_of(&inventory, &["upgrade"]).len() > 3, "{}", inventory["native"]);
    // apt names the origin of each version it would install: the same ones are security to us.
    let said = root.ok("apt-get -s dist-upgrade").unwrap();
    let secure: BTreeSet<&str> = said
        .lines()
        .filter(|l| l.starts_with("Inst ") && l.contains(" [") && l.contains("ecurity"))
        .filter_map(|l| l.split(' ').nth(1))
        .map(|n| n.split(':').next().unwrap())
        .collect();
    let ours: BTreeSet<String> = inventory["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["security"] == true)
        .map(|c| text(c, "name"))
        .collect();
    assert!(!secure.is_empty());
    assert_eq!(ours.iter().map(String::as_str).collect::<BTreeSet<_>>(), secure);
    // Container images keep the lists compressed; what they say is the same.
    root.write("/etc/apt/apt.conf.d/96gzip", "Acquire::GzipIndexes \"true\";\n").unwrap();
    root.ok(&format!("rm -r /var/lib/apt/lists && {} && ls /var/lib/apt/lists/*_Packages.*", site::UPDATE))
        .unwrap();
    let compressed = look();
    for part in ["candidates", "native", "installed"] {
        assert_eq!(compressed[part], inventory[part], "{part}");
    }
}

#[test]
fn holds_pins_phases_backports_and_strange_versions_are_seen_as_apt_sees_them() {
    let old = |name: &str| Deb::new(name, "1.0");
    let names = ["free", "two", "held", "lower", "never", "full", "zero", "back", "needy", "local"];
    let epoch = Deb::new("epoch", "1:0.9~rc1-1");
    let mut site = Site::new(names.iter().map(|n| old(n)).chain([epoch])).unwrap();
    site.root.ok("apt-mark hold held").unwrap();
    site.root
        .write(
            "/etc/apt/preferences.d/admin",
            "Package: lower\nPin: version 1.1\nPin-Priority: 1001\n\nPackage: never\nPin: release *\nPin-Priority: -1\n",
        )
        .unwrap();
    site.publish(
        MAIN,
        [
            Deb::new("two", "1.1"),
            Deb::new("lower", "1.1"),
            Deb::new("full", "1.1").phased(100),
            Deb::new("zero", "1.1").phased(0),
        ],
    )
    .unwrap();
    site.publish(
        SECURITY,
        [
            Deb::new("free", "1.0+deb12u1"),
            Deb::new("two", "1.2"),
            Deb::new("held", "1.1"),
            Deb::new("lower", "1.2"),
            Deb::new("never", "1.1"),
            // Newer than the release candidate that is installed, older than the number suggests.
            Deb::new("epoch", "1:0.9-1"),
            Deb::new("epoch", "7.0-1"),
            Deb::new("needy", "1.1").depends("nowhere"),
        ],
    )
    .unwrap();
    backports(&site);
    let inventory = site.inventory().unwrap();
    assert_same_as_apt(&site.root, &inventory);
    let held = |name: &str, version: &str| text(candidate(&inventory, name, version).unwrap(), "held");
    assert_eq!(held("free", "1.0+deb12u1"), "");
    assert_eq!((held("two", "1.1"), held("two", "1.2")), (String::new(), String::new()));
    assert!(held("held", "1.1").contains("apt-mark hold"));
    assert!(held("lower", "1.2").starts_with("pinned: apt would install 1.1"), "{}", held("lower", "1.2"));
    assert_eq!(held("lower", "1.1"), "");
    assert!(held("never", "1.1").starts_with("pinned: priority -1"));
    assert!(held("back", "2.0").contains("only when asked for (priority 100)"), "{}", held("back", "2.0"));
    // An epoch outweighs every number after it.
    assert!(candidate(&inventory, "epoch", "1:0.9-1").is_some());
    assert!(candidate(&inventory, "epoch", "7.0-1").is_none());
    // apt takes no part in phasing inside a chroot, unless it is told to defer.
    assert_eq!(candidate(&inventory, "full", "1.1").unwrap()["phased"]["deferred"], false);
    site.root
        .write("/etc/apt/apt.conf.d/96phased", "APT::Get::Never-Include-Phased-Updates \"1\";\n")
        .unwrap();
    let inventory = site.inventory().unwrap();
    assert_same_as_apt(&site.root, &inventory);
    let deferred = |name: &str| candidate(&inventory, name, "1.1").unwrap()["phased"]["deferred"].clone();
    assert_eq!((deferred("full"), deferred("zero")), (false.into(), true.into()));
    // Who asks for exactly this version gets it, phase or not.
    site.root.write("/root/list.yaml", "patches:\n  - id: zero.all\n").unwrap();
    let out = site.patchflock(["once", "--yes", "--install-override-list", "/root/list.yaml"]).unwrap();
    assert_eq!(out.code, 3, "{}{}", out.stdout_text(), out.stderr_text());
    let now = site.installed().unwrap();
    assert_eq!((now["zero"].as_str(), now["full"].as_str()), ("1.1 installed", "1.0 installed"));
}

/// A second repository, as backports are: nothing from it unless it is asked for.
fn backports(site: &Site) {
    let dir = site.root.at("/srv/backports");
    let mut repo = AptRepo::new(&dir).unwrap();
    repo.suite(Suite::new("bookworm-backports", "Debian Backports"));
    repo.add("bookworm-backports", Deb::new("back", "2.0")).unwrap();
    repo.publish().unwrap();
    let release = dir.join("dists/bookworm-backports/Release");
    let said = std::fs::read_to_string(&release).unwrap();
    std::fs::write(&release, format!("NotAutomatic: yes\nButAutomaticUpgrades: yes\n{said}")).unwrap();
    repo.key().clearsign(&release, &release.with_file_name("InRelease")).unwrap();
    repo.attach(&site.root, "file:/srv/backports").unwrap();
    site.root.ok(site::UPDATE).unwrap();
}

#[test]
fn a_fix_that_moved_from_security_to_main_still_counts_as_security() {
    let mut site = patched();
    site.publish(SECURITY, [Deb::new("tool", "1.1")]).unwrap();
    // The point release: main carries the fix and something newer on top of it.
    site.repo.add(MAIN, Deb::new("tool", "1.2")).unwrap();
    site.publish(MAIN, []).unwrap();
    let (code, report) = try_it(&site);
    assert_eq!(code, 3, "{report}");
    let decisions = report["evaluation"]["decisions"].as_array().unwrap();
    let chosen = decisions.iter().find(|d| d["chosen"] == true).unwrap();
    assert_eq!(
        (text(chosen, "version"), &chosen["security"]),
        ("1.2".into(), &Value::Bool(true)),
        "{chosen}"
    );
}

#[test]
fn a_package_of_another_architecture_is_listed_under_its_own_name() {
    let native = RootDir::new(&Base::debian().unwrap()).unwrap().ok("dpkg --print-architecture").unwrap();
    let other = if native.trim() == "amd64" { "arm64" } else { "amd64" };
    let mut site = patched();
    let deb = |v: &str| Deb::new("twin", v).field("Architecture", other).field("Multi-Arch", "foreign");
    site.root.ok(&format!("dpkg --add-architecture {other}")).unwrap();
    site.publish(MAIN, [deb("1.0")]).unwrap();
    site.root.ok(&format!("apt-get install -y twin:{other}")).unwrap();
    site.publish(SECURITY, [deb("1.1")]).unwrap();
    let inventory = site.inventory().unwrap();
    assert_same_as_apt(&site.root, &inventory);
    assert_eq!(candidate(&inventory, "twin", "1.1").unwrap()["arch"], other);
    let out = site.patchflock(["once", "--yes"]).unwrap();
    assert_eq!(out.code, 0, "{}{}", out.stdout_text(), out.stderr_text());
    assert_eq!(site.installed().unwrap()[&format!("twin:{other}")], "1.1 installed");
}

#[test]
fn a_machine_without_open_patches_is_compliant_and_a_source_in_doubt_makes_it_unknown() {
    let mut site = patched();
    let (code, report) = try_it(&site);
    assert_eq!((code, &report["compliance"]["status"]), (0, &"COMPLIANT".into()), "{report}");

    // Expired: the lists are there and whole, and may hide what was published since.
    site.repo.expire(SECURITY).unwrap();
    site.root.ok("rm -r /var/lib/apt/lists; apt-get -o Acquire::Check-Valid-Until=false update").unwrap();
    assert_unknown(&try_it(&site), SECURITY_ID, "valid until");
}

#[track_caller]
fn assert_unknown((code, report): &(i32, Value), id: &str, why: &str) {
    assert_eq!(*code, 3, "{report}");
    assert_eq!(report["compliance"]["status"], "UNKNOWN", "{report}");
    let state = state_of(report, id);
    assert_eq!(state["state"], "unreadable", "{report}");
    assert!(text(state, "why").contains(why), "{state}");
}

#[test]
fn an_unsigned_source_is_never_fetched_and_makes_the_verdict_unknown() {
    let site = patched();
    let mut unsigned = AptRepo::new(site.root.at("/srv/unsigned")).unwrap();
    unsigned.suite(Suite::new("wild", "Nobody"));
    unsigned.add("wild", Deb::new("tool", "9.0")).unwrap();
    unsigned.publish().unwrap();
    std::fs::remove_file(unsigned.dir().join("dists/wild/InRelease")).unwrap();
    unsigned.attach(&site.root, "file:/srv/unsigned").unwrap();
    let out = site.patchflock(["once", "--yes", "-o", "json"]).unwrap();
    let report = site::json(&out).unwrap();
    assert_eq!((out.code, &report["compliance"]["status"]), (3, &"UNKNOWN".into()), "{report}");
    assert!(out.stderr_text().contains("no-origin/wild/main: ") && out.stderr_text().contains("not signed"));
    assert_unknown(&try_it(&site), "no-origin/wild/main", "is not signed");
    // Its version stays away even though it is the newest.
    assert_eq!(site.installed().unwrap()["tool"], "1.0 installed");
}

/// A fault of the server, the words for it, and what lifts it.
#[test]
fn a_source_that_fails_to_refresh_is_told_and_the_rest_is_still_scanned_and_patched() {
    let mut site = patched();
    let mut other = AptRepo::new(site.root.at("/srv/other")).unwrap();
    other.suite(Suite::debian_security("other"));
    other.attach(&site.root, "file:/srv/other").unwrap();
    other.publish().unwrap();
    site.root.ok(site::UPDATE).unwrap();
    type Break = fn(&mut Site);
    let faults: [(&str, Break); 7] = [
        ("no longer has a Release file", |s| s.server.fault(SECURITY, Fault::Status(404))),
        ("", |s| s.server.fault(&format!("{SECURITY}/InRelease"), Fault::Truncate)),
        ("", |s| s.server.fault(SECURITY, Fault::Hangup)),
        // apt's own time limit: two seconds here, thirty by default.
        ("", |s| s.server.fault(SECURITY, Fault::Stall)),
        ("unexpected size", |s| s.repo.truncate(SECURITY).unwrap()),
        ("", |s| {
            // Half of a signed file, as an interrupted mirror run leaves it.
            let file = s.repo.dir().join("dists").join(SECURITY).join("InRelease");
            let whole = std::fs::read(&file).unwrap();
            std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        }),
        ("", |s| s.repo.kill().unwrap()),
    ];
    for (round, (words, harm)) in faults.into_iter().enumerate() {
        let version = format!("1.{}", round + 1);
        other.add("other-security", Deb::new("tool", &version)).unwrap();
        other.publish().unwrap();
        // Something new in the suite, so that its lists have to be fetched.
        site.repo.add(SECURITY, Deb::new("news", &version)).unwrap();
        site.repo.publish().unwrap();
        harm(&mut site);
        let out = site.patchflock(["once", "--yes", "-o", "json"]).unwrap();
        let shown = format!("round {round}: {}{}", out.stdout_text(), out.stderr_text());
        // The good source is used, the bad one is named, and nobody calls the machine compliant.
        let record = site::json(&out).unwrap();
        assert_eq!((out.code, &record["after"]["status"]), (3, &"UNKNOWN".into()), "{shown}");
        let told = out.stderr_text().lines().any(|l| l.starts_with(SECURITY_ID) && l.contains(words));
        assert!(told, "{shown}");
        assert_eq!(site.installed().unwrap()["tool"], format!("{version} installed"), "{shown}");
        site.server.heal();
        if site.repo.dir().exists() {
            site.repo.publish().unwrap();
        } else {
            site.repo.revive().unwrap();
        }
    }
    // Healed, it says so by itself.
    let out = site.patchflock(["once", "--yes"]).unwrap();
    assert_eq!(out.code, 0, "{}{}", out.stdout_text(), out.stderr_text());
}

#[test]
fn a_user_without_root_sees_the_same_as_root() {
    let mut site = patched();
    site.publish(SECURITY, [Deb::new("tool", "1.1")]).unwrap();
    let whole = site.inventory().unwrap();
    let seen =
        site.root.ok("setpriv --reuid=65534 --regid=65534 --clear-groups patchflock inventory").unwrap();
    let seen: Value = serde_json::from_str(&seen).unwrap();
    for part in ["sources", "installed", "candidates", "native"] {
        assert_eq!(seen[part], whole[part], "{part}");
    }
    let once = "setpriv --reuid=65534 --regid=65534 --clear-groups patchflock once --yes";
    let refused = site.root.run(once).unwrap();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr_text().contains("needs root"), "{}", refused.stderr_text());
}

#[test]
fn other_updaters_are_named_and_told_whether_they_act() {
    let site = Site::new([Deb::new("unattended-upgrades", "2.9"), Deb::new("packagekit", "1.2")]).unwrap();
    let updater = |name: &str| {
        let inventory = site.inventory().unwrap();
        let all = inventory["foreign_updaters"].as_array().unwrap().clone();
        all.into_iter().find(|u| u["name"] == name).unwrap()
    };
    assert_eq!(updater("unattended-upgrades")["active"], false);
    assert_eq!(updater("packagekit")["active"], false);
    let on = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n";
    site.root.write("/etc/apt/apt.conf.d/20auto-upgrades", on).unwrap();
    // The timer of the base is masked, so nothing would start it.
    assert_eq!(updater("unattended-upgrades")["active"], false);
    site.root
        .ok("cd /etc/systemd/system && rm apt-daily-upgrade.timer && mkdir -p timers.target.wants && \
             ln -sf /lib/systemd/system/apt-daily-upgrade.timer timers.target.wants/")
        .unwrap();
    let found = updater("unattended-upgrades");
    assert_eq!(found["active"], true, "{found}");
    assert!(text(&found, "evidence").contains("apt-daily-upgrade.timer is enabled"), "{found}");
    assert!(
        site.patchflock(["try"]).unwrap().stdout_text().contains("unattended-upgrades"),
        "people are not told"
    );
}

#[test]
fn sources_of_every_form_are_read_and_disabled_ones_are_not() {
    let mut site = patched();
    // A flat repository that the administrator trusts unsigned, and one that is switched off.
    let flat = site.root.at("/srv/flat");
    std::fs::create_dir_all(&flat).unwrap();
    Deb::new("tool", "3.0").build(&flat).unwrap();
    let deb = Deb::new("tool", "3.0");
    let bytes = std::fs::read(flat.join(deb.file_name())).unwrap();
    let sum = site.root.ok(&format!("sha256sum /srv/flat/{} | cut -d' ' -f1", deb.file_name())).unwrap();
    let place = format!("Filename: ./{}\nSize: {}\nSHA256: {sum}\n", deb.file_name(), bytes.len());
    let packages = format!("{}{place}", deb.control());
    std::fs::write(flat.join("Packages"), packages).unwrap();
    site.root
        .write(
            "/etc/apt/sources.list.d/flat.sources",
            "Types: deb\nURIs: file:/srv/flat\nSuites: ./\nTrusted: yes\n\n\
             Types: deb\nURIs: file:/srv/nothing\nSuites: off\nComponents: main\nEnabled: no\n",
        )
        .unwrap();
    site.publish(SECURITY, [Deb::new("tool", "1.1")]).unwrap();
    let inventory = site.inventory().unwrap();
    assert_same_as_apt(&site.root, &inventory);
    let ids: Vec<String> = inventory["sources"].as_array().unwrap().iter().map(|s| text(s, "id")).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    let (code, report) = try_it(&site);
    assert_eq!((code, &report["compliance"]["status"]), (3, &"NON_COMPLIANT".into()), "{report}");
    // The newest version is nobody's security fix, but it contains one (any version in between counts).
    let out = site.patchflock(["once", "--yes"]).unwrap();
    assert_eq!(out.code, 0, "{}{}", out.stdout_text(), out.stderr_text());
    assert_eq!(site.installed().unwrap()["tool"], "3.0 installed");
}
