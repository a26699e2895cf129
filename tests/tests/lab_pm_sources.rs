//! Alternative sources of a baseline replace a machine's own for one operation, and nothing of them stays.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::time::Duration;

use chrono::DateTime;
use patchflock_baselines::baseline::AlternativeSource;
use patchflock_baselines::inventory::SourceState;
use patchflock_machine::host;
use patchflock_machine::pm::apt::Apt;
use patchflock_machine::pm::dnf::Dnf;
use patchflock_machine::pm::{OutcomeKind, PackageManager, PmError, Scan};
use patchflock_machine::root::Root;
use patchflock_tests::contract::{self, baseline};
use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::http::{Fault, Server};
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::rpm::Rpm;

/// A machine with `tool` 1.0 from its own repository, which offers 1.1; the alternative one offers 2.0.
struct Site<R> {
    root: RootDir,
    alternative: R,
    /// Of the machine's own repository.
    own: Server,
    other: Server,
    _dirs: tempfile::TempDir,
}

fn debian() -> Site<AptRepo> {
    let root = RootDir::new(&Base::debian().unwrap()).unwrap();
    let dirs = tempfile::tempdir().unwrap();
    let mut repo = AptRepo::new(dirs.path().join("own")).unwrap();
    repo.suite(Suite::debian("bookworm"));
    repo.add("bookworm", Deb::new("tool", "1.0")).unwrap();
    repo.publish().unwrap();
    let own = Server::start(repo.dir()).unwrap();
    repo.attach(&root, &own.uri()).unwrap();
    root.ok("apt-get update && apt-get install -y tool").unwrap();
    repo.add("bookworm", Deb::new("tool", "1.1")).unwrap();
    repo.publish().unwrap();
    root.ok("apt-get update").unwrap();
    let mut alternative = AptRepo::new(dirs.path().join("other")).unwrap();
    alternative.suite(Suite::new("stable", "Other"));
    alternative.add("stable", Deb::new("tool", "2.0").depends("extra")).unwrap();
    alternative.add("stable", Deb::new("extra", "1.0")).unwrap();
    alternative.publish().unwrap();
    root.write("/usr/share/keyrings/other.asc", std::fs::read(alternative.key().public()).unwrap()).unwrap();
    let other = Server::start(alternative.dir()).unwrap();
    own.take_requests();
    Site { root, alternative, own, other, _dirs: dirs }
}

fn rocky() -> Site<RpmRepo> {
    let root = RootDir::new(&Base::rpm().unwrap()).unwrap();
    let dirs = tempfile::tempdir().unwrap();
    let mut repo = RpmRepo::new(dirs.path().join("own")).unwrap();
    repo.add(Rpm::new("tool", "1.0", "1")).unwrap();
    repo.publish().unwrap();
    let own = Server::start(repo.dir()).unwrap();
    repo.attach(&root, &own.uri()).unwrap();
    root.ok("dnf -q -y install tool").unwrap();
    repo.add(Rpm::new("tool", "1.1", "1")).unwrap();
    repo.publish().unwrap();
    root.ok("dnf -q makecache --refresh").unwrap();
    // Repositories may also stand in dnf.conf, and plugins may add some.
    let conf = root.read("/etc/dnf/dnf.conf").unwrap();
    let more = format!("{conf}\n[other]\nname=the same id in dnf.conf\nbaseurl={}\n", own.uri());
    root.write("/etc/dnf/dnf.conf", more).unwrap();
    let plugins = root.ok("ls -d /usr/lib/python3*/*-packages/dnf-plugins | head -1").unwrap();
    let plugin = format!(
        "import dnf\nclass Lab(dnf.Plugin):\n    name = 'lab'\n    def config(self):\n        \
         self.base.repos.add_new_repo('added', self.base.conf, baseurl=['{}'])\n",
        own.uri()
    );
    root.write(&format!("{}/lab.py", plugins.trim()), plugin).unwrap();
    let mut alternative = RpmRepo::signed(dirs.path().join("other")).unwrap();
    let tool = alternative.add(Rpm::new("tool", "2.0", "1").requires("extra")).unwrap();
    alternative.add(Rpm::new("extra", "1.0", "1")).unwrap();
    alternative.advise(Advisory::security("OTHER-1", "Important").issued(1_700_000_000).fixes(&tool));
    alternative.publish().unwrap();
    root.write("/srv/other.asc", std::fs::read(alternative_key(&alternative, &root)).unwrap()).unwrap();
    let other = Server::start(alternative.dir()).unwrap();
    own.take_requests();
    Site { root, alternative, own, other, _dirs: dirs }
}

/// Attaching writes the key where a machine would have it; the configuration beside it is taken away again.
fn alternative_key(repo: &RpmRepo, root: &RootDir) -> std::path::PathBuf {
    repo.attach(root, "http://127.0.0.1:1").unwrap();
    std::fs::remove_file(root.at("/etc/yum.repos.d/other.repo")).unwrap();
    root.at("/etc/pki/rpm-gpg/other")
}

impl<R> Site<R> {
    /// The machine's own configuration and what it knows of its own repositories, byte by byte.
    fn own_state(&self) -> String {
        self.root
            .ok("find /etc /var/lib/apt/lists /var/cache/dnf /var/cache/apt/*.bin /run /tmp -type f -print0 \
                 | sort -z | xargs -0 sha256sum; find /etc /run /tmp | sort")
            .unwrap()
    }

    fn unchanged(&self, before: &str) {
        let after = self.own_state();
        let only = |a: &str, b: &str| -> Vec<String> {
            let b: std::collections::BTreeSet<&str> = b.lines().collect();
            a.lines().filter(|l| !b.contains(l)).map(str::to_owned).collect()
        };
        assert_eq!((only(before, &after), only(&after, before)), (Vec::new(), Vec::new()));
    }

    fn product(&self) -> String {
        host::read(&self.root.root(), DateTime::from_timestamp(door::now(), 0).unwrap()).unwrap().product
    }
}

fn source(product: &str, configuration: String) -> AlternativeSource {
    AlternativeSource { name: "other".into(), products: vec![product.to_owned()], configuration }
}

fn deb_line(site: &Site<AptRepo>) -> String {
    format!("deb [signed-by=/usr/share/keyrings/other.asc] {} stable main\n", site.other.uri())
}

fn repo_body(site: &Site<RpmRepo>) -> String {
    format!(
        "[main]\nname=Other\nbaseurl={}\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\n\
         gpgkey=file:///etc/pki/rpm-gpg/other\n",
        site.other.uri()
    )
}

fn versions(scan: &Scan) -> Vec<&str> {
    scan.candidates.iter().filter(|c| c.name == "tool").map(|c| c.version.as_str()).collect()
}

/// Refreshes, scans, judges, fetches and installs under a baseline that takes whatever is offered.
fn patch(root: &Root, pm: &dyn PackageManager, os: &str) -> Vec<String> {
    let text = format!(
        "kind: PatchBaseline\nname: all\nspec:\n  operating_system: {os}\n  approval_rules:\n    \
         - approve_after_days: 0\n      enable_non_security: true\n"
    );
    assert_eq!(pm.refresh(&mut |_| {}).unwrap().failed, []);
    let now = DateTime::from_timestamp(door::now() + 60, 0).unwrap();
    let plan = contract::plan_under(root, pm, &baseline(&text).unwrap(), now).unwrap();
    let report = contract::carry_out(pm, &plan).unwrap();
    let failed: Vec<_> = report.outcomes.iter().filter(|o| o.result != OutcomeKind::Installed).collect();
    assert!(failed.is_empty(), "{failed:?} {}", report.log);
    report.outcomes.iter().map(|o| format!("{} {}", o.target.name, o.target.version)).collect()
}

#[test]
fn apt_patches_from_the_alternative_sources_alone_and_keeps_nothing_of_them() {
    let site = debian();
    let hook = "APT::Update::Post-Invoke-Success { \"touch /etc/lists-are-new\"; };\n";
    site.root.write("/etc/apt/apt.conf.d/95hook", hook).unwrap();
    let own = Apt::new(site.root.root());
    assert_eq!(versions(&own.scan().unwrap()), ["1.1"]);
    let before = site.own_state();
    let sources = [source(&site.product(), deb_line(&site))];
    let apt = Apt::new(site.root.root()).with_sources(&sources, &site.product()).unwrap();
    let scan = apt.scan().unwrap();
    assert!(versions(&scan).is_empty() && scan.sources.len() == 1, "{:?}", scan.sources);
    assert!(
        matches!(&scan.sources[0].state, SourceState::Unreadable { why } if why.contains("never fetched"))
    );
    site.own.fault("", Fault::Hangup);
    assert_eq!(patch(&site.root.root(), &apt, "DEBIAN"), ["extra 1.0", "tool 2.0"]);
    let scan = apt.scan().unwrap();
    assert_eq!(scan.sources.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["Other/stable/main"]);
    assert_eq!(scan.sources[0].state, SourceState::Readable);
    drop(apt);
    assert_eq!(site.own.take_requests(), Vec::<String>::new(), "the machine's own repository was asked");
    site.unchanged(&before);
    let scan = own.scan().unwrap();
    assert_eq!(scan.sources.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["Debian/bookworm/main"]);
    assert!(versions(&scan).is_empty());
    let tool = scan.installed.iter().find(|p| p.name == "tool").unwrap();
    assert_eq!((tool.version.as_str(), tool.sources.len()), ("2.0", 0), "no source of it is configured");
}

#[test]
fn apt_checks_the_signature_of_an_alternative_source_and_names_what_fails() {
    let site = debian();
    let line = deb_line(&site).replace(" [signed-by=/usr/share/keyrings/other.asc]", "");
    let apt = Apt::new(site.root.root()).with_sources(&[source("*", line)], "Debian12").unwrap();
    let failed = apt.refresh(&mut |_| {}).unwrap().failed;
    assert!(!failed.is_empty() && failed.iter().any(|(_, why)| why.contains("NO_PUBKEY")), "{failed:?}");
    let scan = apt.scan().unwrap();
    assert!(scan.sources.iter().any(|s| s.state != SourceState::Readable) && versions(&scan).is_empty());
    // The machine's own memory of its last refresh is another.
    let own = Apt::new(site.root.root()).scan().unwrap();
    assert!(own.sources.iter().all(|s| s.state == SourceState::Readable), "{:?}", own.sources);
}

#[test]
fn apt_keeps_what_it_fetched_of_each_configuration_apart() {
    let site = debian();
    let one = Apt::new(site.root.root()).with_sources(&[source("*", deb_line(&site))], "x").unwrap();
    one.refresh(&mut |_| {}).unwrap();
    assert_eq!(versions(&one.scan().unwrap()), ["2.0"]);
    // The same again, as another process has it later.
    let again = Apt::new(site.root.root()).with_sources(&[source("*", deb_line(&site))], "x").unwrap();
    assert_eq!(versions(&again.scan().unwrap()), ["2.0"]);
    let line = deb_line(&site).replace("signed-by=", "arch=amd64,all signed-by=");
    let other = Apt::new(site.root.root()).with_sources(&[source("*", line)], "x").unwrap();
    assert!(versions(&other.scan().unwrap()).is_empty());
    site.other.fault("stable", Fault::Status(503));
    assert_eq!(other.refresh(&mut |_| {}).unwrap().failed.len(), 1);
    site.other.heal();
    assert!(site.alternative.dir().exists());
}

#[test]
fn dnf_patches_from_the_alternative_sources_alone_and_keeps_nothing_of_them() {
    let site = rocky();
    let own = Dnf::new(site.root.root());
    assert_eq!(versions(&own.scan().unwrap()), ["1.1-1"]);
    site.root.ok("rpm --import /etc/pki/rpm-gpg/other").unwrap();
    let before = site.own_state();
    let sources = [source(&site.product(), repo_body(&site))];
    let dnf = Dnf::new(site.root.root()).with_sources(&sources, &site.product()).unwrap();
    let scan = dnf.scan().unwrap();
    assert!(versions(&scan).is_empty() && scan.sources.len() == 1, "{:?}", scan.sources);
    assert!(
        matches!(&scan.sources[0].state, SourceState::Unreadable { why } if why.contains("no cache for"))
    );
    site.own.fault("", Fault::Hangup);
    assert_eq!(patch(&site.root.root(), &dnf, "ROCKY_LINUX"), ["extra 1.0-1", "tool 2.0-1"]);
    let scan = dnf.scan().unwrap();
    assert_eq!(scan.sources.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["other"]);
    assert_eq!(scan.sources[0].state, SourceState::Readable);
    let tool = scan.installed.iter().find(|p| p.name == "tool").unwrap();
    assert_eq!(tool.advisories.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["OTHER-1"]);
    drop(dnf);
    assert_eq!(site.own.take_requests(), Vec::<String>::new(), "the machine's own repository was asked");
    site.unchanged(&before);
    let scan = own.scan().unwrap();
    assert!(scan.sources.len() > 1 && versions(&scan).is_empty(), "{:?}", scan.sources);
    assert!(scan.sources.iter().all(|s| s.label != "Other"), "{:?}", scan.sources);
}

#[test]
fn dnf_checks_signatures_of_an_alternative_source() {
    let site = rocky();
    let dnf = Dnf::new(site.root.root()).with_sources(&[source("*", repo_body(&site))], "x").unwrap();
    dnf.refresh(&mut |_| {}).unwrap();
    let target = patchflock_baselines::plan::Target {
        name: "tool".into(),
        arch: "noarch".into(),
        version: "2.0-1".into(),
    };
    let plan = contract::plan_of(&dnf.simulate(&[target]).unwrap()).unwrap();
    let e = dnf.fetch(&plan, &mut |_| {}).unwrap_err().to_string();
    assert!(e.contains("is not imported") && e.contains("rpm --import /etc/pki/rpm-gpg/other"), "{e}");
    assert!(!site.root.ok("rpm -qa").unwrap().contains("tool-2.0"));
}

#[test]
fn a_failed_refresh_of_an_alternative_source_is_named_and_is_no_failure_of_the_machines_own() {
    let site = rocky();
    let dnf = Dnf::new(site.root.root()).with_sources(&[source("*", repo_body(&site))], "x").unwrap();
    dnf.refresh(&mut |_| {}).unwrap();
    site.other.fault("repomd.xml", Fault::Status(503));
    let failed = dnf.refresh(&mut |_| {}).unwrap().failed;
    assert!(failed.len() == 1 && failed[0].0 == "other", "{failed:?}");
    let state = &dnf.scan().unwrap().sources[0].state;
    assert!(
        matches!(state, SourceState::Unreadable { why } if why.contains("last refresh failed")),
        "{state:?}"
    );
    let own = Dnf::new(site.root.root()).scan().unwrap();
    let own = own.sources.iter().find(|s| s.id == "own").unwrap();
    assert_eq!(own.state, SourceState::Readable);
    site.other.heal();
    assert_eq!(dnf.refresh(&mut |_| {}).unwrap().failed, []);
    assert_eq!(dnf.scan().unwrap().sources[0].state, SourceState::Readable);
    assert!(site.alternative.dir().exists());
}

#[test]
fn a_malformed_source_is_refused_by_name_before_anything_happens() {
    let root = RootDir::new(&Base::rpm().unwrap()).unwrap();
    let before = root.ok("find /etc /run /tmp | sort").unwrap();
    let bad = |configuration: &str| [source("*", configuration.to_owned())];
    let two = "deb http://127.0.0.1:1/ a main\ndeb http://127.0.0.1:1/ b main\n";
    let e = Apt::new(root.root()).with_sources(&bad(two), "x").unwrap_err();
    assert!(matches!(&e, PmError::Source { name, .. } if name == "other"), "{e}");
    let e = Dnf::new(root.root()).with_sources(&bad(two), "x").unwrap_err();
    assert!(matches!(&e, PmError::Source { name, .. } if name == "other"), "{e}");
    // What has the shape and is all the same none for dnf, dnf itself refuses.
    let odd = bad("[main]\nbaseurl=http://127.0.0.1:1/\ngpgcheck=maybe\n");
    let dnf = Dnf::new(root.root()).with_sources(&odd, "x").unwrap();
    for e in [dnf.scan().unwrap_err(), dnf.refresh(&mut |_| {}).unwrap_err()] {
        let words = e.to_string();
        assert!(matches!(e, PmError::Source { name, .. } if name == "other"), "{words}");
        assert!(words.contains("gpgcheck=maybe") && !words.contains("/tmp"), "{words}");
    }
    drop(dnf);
    assert_eq!(root.ok("find /etc /run /tmp | sort").unwrap(), before);
}

#[test]
fn a_source_that_serves_another_product_leaves_the_machines_own_in_force() {
    let site = debian();
    let apt = Apt::new(site.root.root())
        .with_lock_wait(Duration::from_secs(1))
        .with_sources(&[source("Debian11", deb_line(&site))], "Debian12")
        .unwrap();
    assert_eq!(versions(&apt.scan().unwrap()), ["1.1"]);
}

/// What the copy of this program inside a system is told to scan with: a tool, and the configuration of its source.
const TOLD: &str = "LAB_SOURCES";

#[test]
fn the_part_that_an_ordinary_user_runs_inside_a_system() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let (tool, configuration) = told.split_once(' ').unwrap();
    let (root, sources) = (Root::host(), [source("*", configuration.replace("\\n", "\n"))]);
    let scan = match tool {
        "apt" => Apt::new(root).with_sources(&sources, "x").unwrap().scan(),
        _ => Dnf::new(root).with_sources(&sources, "x").unwrap().scan(),
    };
    let scan = scan.unwrap();
    println!("\nversions {:?}", versions(&scan));
}

fn as_nobody(root: &RootDir, tool: &str, configuration: &str) -> String {
    std::fs::copy(std::env::current_exe().unwrap(), root.at("/usr/bin/lab")).unwrap();
    let told = format!("{tool} {}", configuration.trim().replace('\n', "\\n"));
    let line = format!(
        "setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/nonexistent '{TOLD}={told}' lab --exact \
         the_part_that_an_ordinary_user_runs_inside_a_system --nocapture"
    );
    let said = root.ok(&line).unwrap();
    said.lines().find_map(|l| l.strip_prefix("versions ")).unwrap().to_owned()
}

#[test]
fn an_ordinary_user_scans_alternative_sources_that_root_has_refreshed() {
    let site = debian();
    assert_eq!(as_nobody(&site.root, "apt", &deb_line(&site)), "[]", "never fetched");
    let apt =
        Apt::new(site.root.root()).with_sources(&[source("*", deb_line(&site).trim().into())], "x").unwrap();
    apt.refresh(&mut |_| {}).unwrap();
    assert_eq!(as_nobody(&site.root, "apt", &deb_line(&site)), "[\"2.0\"]");
    let site = rocky();
    assert_eq!(as_nobody(&site.root, "dnf", &repo_body(&site)), "[]", "never fetched");
    let dnf =
        Dnf::new(site.root.root()).with_sources(&[source("*", repo_body(&site).trim().into())], "x").unwrap();
    dnf.refresh(&mut |_| {}).unwrap();
    assert_eq!(as_nobody(&site.root, "dnf", &repo_body(&site)), "[\"2.0-1\"]");
}
