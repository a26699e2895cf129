//! dnf 4 for real: scans, simulations, installations and repairs in rpm systems of their own.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use patchflock_baselines::baseline::AlternativeSource;
use patchflock_baselines::inventory::{Candidate, NativeAction, SourceState};
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::plan::{Item, Plan, Role, Simulation, Target};
use patchflock_machine::exec::Command;
use patchflock_machine::host::{NativeTool, package_manager_for};
use patchflock_machine::pm::dnf::Dnf;
use patchflock_machine::pm::{InstallReport, OutcomeKind, PackageManager, PmError, Progress, Scan};
use patchflock_machine::root::Root;
use patchflock_tests::contract::{self, Fixture};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::http::{Fault, Server};
use patchflock_tests::lab::rocky::Rocky;
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::rpm::Rpm;

/// A Rocky Linux 9 system whose only repository comes over HTTP.
struct Lab {
    root: RootDir,
    server: Server,
    dnf: Dnf,
}

impl Lab {
    /// `old` is installed by the administrator with `ask`; `new` is published afterwards.
    fn new(old: Vec<Rpm>, ask: &str, new: Vec<Rpm>, advisories: Vec<Advisory>) -> Self {
        let root = RootDir::new(&Base::rpm().unwrap()).unwrap();
        let mut repo = RpmRepo::new(root.at("/srv/baseos")).unwrap();
        // Scriptlets require a shell, and rpm knows of none on a Debian system.
        repo.add(Rpm::new("bash", "5", "1").tag("Provides", "/bin/sh")).unwrap();
        for rpm in old {
            repo.add(rpm).unwrap();
        }
        repo.publish().unwrap();
        let server = Server::start(repo.dir()).unwrap();
        repo.attach(&root, &server.uri()).unwrap();
        root.ok(&format!("dnf -y install bash {ask}")).unwrap();
        for rpm in new {
            repo.add(rpm).unwrap();
        }
        for advisory in advisories {
            repo.advise(advisory);
        }
        repo.publish().unwrap();
        let dnf = Dnf::new(root.root());
        let lab = Self { root, server, dnf };
        lab.refresh();
        lab
    }

    fn refresh(&self) {
        assert_eq!(self.dnf.refresh(&mut |_| {}).unwrap().failed, []);
    }

    fn scan(&self) -> Scan {
        self.dnf.scan().unwrap()
    }

    /// A plan of these approved versions and what they pull in.
    fn plan(&self, targets: &[(&str, &str)]) -> Plan {
        let simulation = self.simulate(targets);
        assert_eq!(simulation.refused, []);
        plan_of(&simulation, targets)
    }

    fn simulate(&self, targets: &[(&str, &str)]) -> Simulation {
        let targets: Vec<Target> = targets.iter().map(|(n, v)| target(n, v)).collect();
        self.dnf.simulate(&targets).unwrap()
    }

    fn fetch_and_install(&self, plan: &Plan) -> InstallReport {
        self.dnf.fetch(plan, &mut |_| {}).unwrap();
        self.dnf.install(plan, &mut |_| {}).unwrap()
    }

    /// Installed packages of the lab.
    fn installed(&self) -> String {
        let all = self.root.ok("rpm -qa --qf '%{name}-%{evr}\\n' | sort").unwrap();
        let names = all.lines().filter(|n| !n.starts_with("bash-")).map(|n| n.replace("-0:", "-"));
        names.collect::<Vec<_>>().join(" ")
    }
}

impl Fixture for Lab {
    fn pm(&self) -> &dyn PackageManager {
        &self.dnf
    }

    fn arch(&self) -> String {
        "noarch".into()
    }

    fn snapshot(&self) -> anyhow::Result<String> {
        self.root.ok("rpm -qa | sort; dnf -C -q repoquery --userinstalled | sort; \
             find /etc /usr/share /var/lib/dnf/modulefailsafe -type f -print0 | sort -z | xargs -0 sha256sum")
    }
}

/// The machine that the contract describes.
fn contract_machine() -> anyhow::Result<Lab> {
    let old = ["alpha", "beta", "gamma", "broken", "held"];
    let new = vec![
        rpm("alpha", "2.0").requires("alpha-data"),
        rpm("alpha-data", "2.0"),
        rpm("beta", "2.0"),
        rpm("gamma", "2.0"),
        rpm("broken", "2.0").script("pre", "echo 'no database to be found' >&2; exit 1"),
        rpm("held", "2.0"),
    ];
    let lab = Lab::new(old.map(|n| rpm(n, "1.0")).to_vec(), &old.join(" "), new, Vec::new());
    lab.root.ok("dnf -C -q mark remove gamma")?;
    lab.root.write("/etc/dnf/plugins/versionlock.list", "held-0:1.0-1.*\n")?;
    Ok(lab)
}

#[test]
fn dnf_keeps_the_contract() {
    contract::all(contract_machine).unwrap();
}

#[test]
fn dnf_keeps_the_contract_with_alternative_sources_alone() {
    let alternative = || {
        let mut lab = contract_machine()?;
        let configuration = lab.root.ok("cat /etc/yum.repos.d/*.repo; rm /etc/yum.repos.d/*.repo")?;
        let source = AlternativeSource { name: "base".into(), products: vec!["*".into()], configuration };
        anyhow::ensure!(lab.scan().sources.is_empty());
        lab.dnf = lab.dnf.with_sources(&[source], "RockyLinux9.4")?;
        lab.refresh();
        Ok(lab)
    };
    contract::all(alternative).unwrap();
}

fn target(name: &str, version: &str) -> Target {
    Target { name: name.into(), arch: "noarch".into(), version: version.into() }
}

fn plan_of(simulation: &Simulation, approved: &[(&str, &str)]) -> Plan {
    let role = |name: &str| match approved.iter().any(|(n, _)| *n == name) {
        true => Role::Approved { reason: "the test says so".into() },
        false => Role::PulledIn { by: Vec::new() },
    };
    let item = |c: &patchflock_baselines::plan::Change| Item {
        name: c.name.clone(),
        arch: c.arch.clone(),
        from: c.from.clone(),
        to: c.to.clone().unwrap(),
        role: role(&c.name),
    };
    Plan { items: simulation.changes.iter().map(item).collect(), held: Vec::new() }
}

fn results(report: &InstallReport) -> BTreeMap<String, String> {
    let word = |kind: &OutcomeKind| match kind {
        OutcomeKind::Installed => "installed".to_owned(),
        OutcomeKind::Failed { why } => why.clone(),
    };
    report.outcomes.iter().map(|o| (o.target.name.clone(), word(&o.result))).collect()
}

fn candidate<'s>(scan: &'s Scan, name: &str, version: &str) -> &'s Candidate {
    scan.candidates.iter().find(|c| c.name == name && c.version == version).expect(name)
}

/// One version with a file that differs from version to version.
fn rpm(name: &str, version: &str) -> Rpm {
    Rpm::new(name, version, "1").file(&format!("/usr/share/{name}/{version}"), "x")
}

fn ordinary() -> Lab {
    let fixed = rpm("tool", "1.1");
    let advisory = Advisory::security("RLSA-2026:0001", "Important")
        .issued(1_750_000_000)
        .updated(1_760_000_000)
        .cve("CVE-2026-1")
        .bugzilla("777")
        .reboot()
        .fixes(&fixed);
    let old = ["1.0"].map(|v| rpm("tool", v)).into_iter();
    let old = old.chain([rpm("lib", "1.0"), rpm("app", "1.0").requires("lib"), rpm("oldname", "1.0")]);
    let old = old.chain([rpm("locked", "1.0"), rpm("excluded", "1.0"), rpm("epochal", "1.0").epoch(2)]);
    let new = vec![
        fixed,
        rpm("tool", "1.2"),
        rpm("lib", "1.1"),
        rpm("app", "1.1").requires("lib >= 1.1").requires("extra"),
        rpm("extra", "1.0"),
        rpm("newname", "1.0").tag("Obsoletes", "oldname"),
        rpm("locked", "1.1"),
        rpm("excluded", "1.1"),
        rpm("epochal", "0.9").epoch(3),
    ];
    Lab::new(old.collect(), "tool app oldname locked excluded epochal", new, vec![advisory])
}

#[test]
fn a_scan_finds_versions_advisories_marks_and_what_dnf_would_do() {
    let lab = ordinary();
    let os = OperatingSystem::RockyLinux;
    assert_eq!(package_manager_for(os, &lab.root.root()), NativeTool::Dnf);
    let scan = lab.scan();
    assert!(scan.package_manager.starts_with("dnf 4."), "{}", scan.package_manager);
    let source = &scan.sources[0];
    assert_eq!((scan.sources.len(), &source.state), (1, &SourceState::Readable));
    assert!(source.metadata_date.is_some() && source.refreshed_at.is_some());

    let auto: Vec<&str> = scan.installed.iter().filter(|p| p.auto).map(|p| p.name.as_str()).collect();
    assert_eq!(auto, ["lib"]);
    let tool = scan.installed.iter().find(|p| p.name == "tool").unwrap();
    assert_eq!((tool.version.as_str(), &tool.sources), ("1.0-1", &vec![source.id.clone()]));
    assert!(tool.installed_at.is_some() && tool.build_time.is_some());

    let first = candidate(&scan, "tool", "1.1-1");
    let second = candidate(&scan, "tool", "1.2-1");
    assert!(first.security && !second.security && first.installed == "1.0-1");
    let a = &first.advisories[0];
    assert_eq!((a.id.as_str(), a.severity.as_deref()), ("RLSA-2026:0001", Some("Important")));
    assert_eq!(a.issued.unwrap().timestamp(), 1_750_000_000);
    assert_eq!(a.updated.unwrap().timestamp(), 1_760_000_000);
    assert!(a.reboot_suggested && a.cves == ["CVE-2026-1"] && a.bugzilla == ["777"]);
    assert_eq!(candidate(&scan, "epochal", "3:0.9-1").installed, "2:1.0-1");
    assert!(candidate(&scan, "newname", "1.0-1").obsoletes);

    let native: Vec<String> =
        scan.native.iter().map(|n| format!("{:?} {} {}", n.action, n.name, n.to)).collect();
    let wanted = [
        "Upgrade app 1.1-1",
        "Upgrade epochal 3:0.9-1",
        "Upgrade excluded 1.1-1",
        "Install extra 1.0-1",
        "Upgrade lib 1.1-1",
        "Upgrade locked 1.1-1",
        "Install newname 1.0-1",
        "Remove oldname ",
        "Upgrade tool 1.2-1",
    ];
    assert_eq!(native, wanted);
    assert_eq!(scan.reboot.needed, Some(false), "a system in a directory does not run");
}

#[test]
fn the_native_opinion_is_that_of_dnf_check_update() {
    let lab = ordinary();
    let out =
        lab.root.run("dnf -C -q check-update | sed '/^Obsoleting/,$d'").unwrap().stdout_text().into_owned();
    let lines = out.lines().filter_map(|l| match l.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name, version, _] => Some(format!("{name} {version}")),
        _ => None,
    });
    let theirs: Vec<String> = lines.collect();
    let upgrades = |a: NativeAction| matches!(a, NativeAction::Upgrade | NativeAction::KeptBack);
    let scan = lab.scan();
    let ours: Vec<String> = scan
        .native
        .iter()
        .filter(|n| upgrades(n.action))
        .map(|n| format!("{}.{} {}", n.name, n.arch, n.to))
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn the_administrators_excludes_and_locks_are_held_with_their_reason() {
    let lab = ordinary();
    lab.root.write("/etc/dnf/plugins/versionlock.list", "locked-0:1.0-1.*\n").unwrap();
    let conf = lab.root.read("/etc/dnf/dnf.conf").unwrap();
    lab.root.write("/etc/dnf/dnf.conf", format!("{conf}exclude=excl*\n")).unwrap();
    let scan = lab.scan();
    assert_eq!(candidate(&scan, "locked", "1.1-1").held.as_deref(), Some("dnf versionlock"));
    assert_eq!(candidate(&scan, "excluded", "1.1-1").held.as_deref(), Some("exclude=excl* in dnf.conf"));
    assert_eq!(candidate(&scan, "tool", "1.1-1").held, None);
    assert!(!scan.installed.iter().any(|p| p.name == "excluded" && p.auto), "the mark survives the exclude");
    let simulation = lab.simulate(&[("locked", "1.1-1"), ("excluded", "1.1-1"), ("tool", "1.1-1")]);
    let refused: Vec<&str> = simulation.refused.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(refused, ["locked", "excluded"]);
    assert!(simulation.refused[0].why.contains("administrator holds it"), "{:?}", simulation.refused);
    assert_eq!(simulation.changes.len(), 1);
}

#[test]
fn an_ordinary_user_sees_the_same_as_root() {
    let lab = ordinary();
    let as_root = lab.scan();
    // The script that a scan runs, as another user: only what it prints is compared.
    let script = [
        include_str!("../../agent/machine/src/pm/dnf/base.py"),
        "\n",
        include_str!("../../agent/machine/src/pm/dnf/scan.py"),
    ]
    .concat();
    lab.root.write("/srv/scan.py", script).unwrap();
    let run = |user: &str| {
        let line = format!(
            "setpriv --reuid={user} --clear-groups env HOME=/tmp /usr/bin/python3 -IB /srv/scan.py 5"
        );
        lab.root.ok(&line).unwrap()
    };
    assert_eq!(run("nobody"), run("root"));
    lab.root.ok("rm /var/cache/dnf/*.solv*").unwrap();
    assert_eq!(run("nobody").matches("\"candidate\"").count(), as_root.candidates.len());
    assert!(!lab.root.ok("ls /var/cache/dnf").unwrap().contains(".solv"), "a user cannot have written there");
}

#[test]
fn an_ordinary_user_sees_what_a_repository_with_signed_metadata_offers() {
    let mut rocky = Rocky::signed([rpm("tool", "1.0")], "tool").unwrap();
    rocky.publish([rpm("tool", "1.1")], []).unwrap();
    let [root, nobody] = [rocky.patchflock("inventory -o json"), rocky.as_nobody("inventory -o json")]
        .map(|answer| answer.unwrap().json);
    assert_eq!(nobody["candidates"].as_array().map(Vec::len), Some(1), "{}", nobody["sources"]);
    for part in ["candidates", "sources", "installed"] {
        assert_eq!(nobody[part], root[part], "{part}");
    }
}

#[test]
fn a_repository_that_cannot_be_refreshed_is_named_and_unreadable() {
    let lab = ordinary();
    let file = lab.root.ok("ls /etc/yum.repos.d/*.repo | head -1").unwrap();
    lab.root.ok(&format!("echo skip_if_unavailable=1 >> {file}")).unwrap();
    lab.server.fault("repomd.xml", Fault::Status(503));
    let failed = lab.dnf.refresh(&mut |_| {}).unwrap().failed;
    assert_eq!(failed.len(), 1);
    assert!(failed[0].1.contains("503"), "{failed:?}");
    let SourceState::Unreadable { why } = &lab.scan().sources[0].state else {
        panic!("the failed refresh is hidden")
    };
    assert!(why.contains("last refresh failed") && why.contains("503"), "{why}");
    lab.server.heal();
    lab.refresh();
    assert_eq!(lab.scan().sources[0].state, SourceState::Readable);
}

#[test]
fn missing_and_damaged_metadata_make_a_source_unreadable() {
    let lab = ordinary();
    lab.root.ok("f=$(ls /var/cache/dnf/*/repodata/*updateinfo*) && echo x >> $f").unwrap();
    let state = |lab: &Lab| match &lab.scan().sources[0].state {
        SourceState::Unreadable { why } => why.clone(),
        SourceState::Readable => "readable".into(),
    };
    assert!(state(&lab).contains("damaged"), "{}", state(&lab));
    lab.root.ok("rm -rf /var/cache/dnf/*").unwrap();
    let scan = lab.scan();
    assert!(state(&lab).contains("no cache for"), "{}", state(&lab));
    assert!(scan.candidates.is_empty() && scan.installed.len() == 8, "{}", scan.installed.len());
}

#[test]
fn exactly_the_plan_is_installed_and_marks_stay() {
    let lab = ordinary();
    let plan = lab.plan(&[("tool", "1.1-1"), ("app", "1.1-1")]);
    let items: Vec<String> = plan.items.iter().map(|i| format!("{}-{}", i.name, i.to)).collect();
    assert_eq!(items, ["app-1.1-1", "extra-1.0-1", "lib-1.1-1", "tool-1.1-1"]);
    let mut seen = Vec::new();
    lab.dnf.fetch(&plan, &mut |_| {}).unwrap();
    lab.server.fault("", Fault::Hangup);
    let report = lab.dnf.install(&plan, &mut |p| seen.push(p)).unwrap();
    assert!(results(&report).values().all(|r| r == "installed"), "{report:?}");
    assert!(seen.iter().any(|p| matches!(p, Progress::Package { name, .. } if name.contains("tool-1.1"))));
    let wanted = "app-1.1-1 epochal-2:1.0-1 excluded-1.0-1 extra-1.0-1 lib-1.1-1 locked-1.0-1 oldname-1.0-1 tool-1.1-1";
    assert_eq!(lab.installed(), wanted);
    let auto: Vec<String> = lab.scan().installed.into_iter().filter(|p| p.auto).map(|p| p.name).collect();
    assert_eq!(auto, ["extra", "lib"]);
    let again = lab.dnf.install(&plan, &mut |_| {}).unwrap();
    assert!(results(&again).values().all(|r| r == "installed"), "a plan that is done is done");
}

#[test]
fn a_transaction_that_would_change_more_than_the_plan_is_not_started() {
    let lab = ordinary();
    let mut plan = lab.plan(&[("app", "1.1-1")]);
    lab.dnf.fetch(&plan, &mut |_| {}).unwrap();
    plan.items.retain(|i| i.name != "extra");
    let e = lab.dnf.install(&plan, &mut |_| {}).unwrap_err();
    assert!(matches!(&e, PmError::NotThePlan { difference } if difference.contains("extra")), "{e}");
    plan.items.retain(|i| i.name == "lib");
    plan.items[0].to = "9.9-1".into();
    let e = lab.dnf.install(&plan, &mut |_| {}).unwrap_err();
    assert!(matches!(&e, PmError::NotThePlan { difference } if difference.contains("9.9-1")), "{e}");
    assert!(lab.installed().contains("app-1.0-1"), "{}", lab.installed());
}

#[test]
fn a_target_that_cannot_be_installed_is_refused_with_dnfs_words_and_the_rest_goes_on() {
    let new = vec![rpm("a", "1.1"), rpm("b", "1.1").requires("nothing-has-this"), rpm("c", "1.1")];
    let lab = Lab::new(vec![rpm("a", "1.0"), rpm("b", "1.0"), rpm("c", "1.0")], "a b c", new, Vec::new());
    let simulation = lab.simulate(&[("a", "1.1-1"), ("b", "1.1-1"), ("c", "1.1-1"), ("d", "1-1")]);
    let changed: Vec<&str> = simulation.changes.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(changed, ["a", "c"]);
    let refused: BTreeMap<&str, &str> =
        simulation.refused.iter().map(|r| (r.name.as_str(), r.why.as_str())).collect();
    assert!(refused["b"].contains("nothing provides nothing-has-this"), "{refused:?}");
    assert!(refused["d"].contains("no repository offers"), "{refused:?}");
}

#[test]
fn a_failing_pre_script_keeps_one_package_out_and_a_failing_post_script_is_only_logged() {
    let new = vec![
        rpm("good", "1.1").requires("dep"),
        rpm("dep", "1"),
        rpm("bad", "1.1").script("pre", "echo no room >&2; exit 7"),
        rpm("noisy", "1.1").script("post", "exit 3"),
    ];
    let lab = Lab::new(
        vec![rpm("good", "1.0"), rpm("bad", "1.0"), rpm("noisy", "1.0")],
        "good bad noisy",
        new,
        Vec::new(),
    );
    let plan = lab.plan(&[("good", "1.1-1"), ("bad", "1.1-1"), ("noisy", "1.1-1")]);
    let report = lab.fetch_and_install(&plan);
    let results = results(&report);
    assert!(
        results["bad"].starts_with("no room | error: %prein(bad-0:1.1-1.noarch) scriptlet failed"),
        "{results:?}"
    );
    for name in ["good", "dep", "noisy"] {
        assert_eq!(results[name], "installed");
    }
    assert!(report.log.contains("%post(noisy-0:1.1-1.noarch) scriptlet failed"), "{}", report.log);
    assert_eq!(lab.installed(), "bad-1.0-1 dep-1-1 good-1.1-1 noisy-1.1-1");
    let auto: Vec<String> = lab.scan().installed.into_iter().filter(|p| p.auto).map(|p| p.name).collect();
    assert_eq!(auto, ["dep"], "what came in as a dependency is still one");
}

#[test]
fn two_packages_with_the_same_file_do_not_sink_the_rest() {
    let clash = |name: &str| rpm(name, "1.1").file("/usr/share/clash", name);
    let new = vec![rpm("a", "1.1"), clash("b"), clash("c"), rpm("d", "1.1")];
    let old = ["a", "b", "c", "d"].map(|n| rpm(n, "1.0")).to_vec();
    let lab = Lab::new(old, "a b c d", new, Vec::new());
    let plan = lab.plan(&[("a", "1.1-1"), ("b", "1.1-1"), ("c", "1.1-1"), ("d", "1.1-1")]);
    let results = results(&lab.fetch_and_install(&plan));
    let failed: Vec<&String> = results.iter().filter(|(_, r)| *r != "installed").map(|(n, _)| n).collect();
    assert_eq!(failed, ["c"]);
    assert!(results["c"].contains("/usr/share/clash"), "{results:?}");
    assert_eq!(lab.installed(), "a-1.1-1 b-1.1-1 c-1.0-1 d-1.1-1");
}

#[test]
fn the_administrators_configuration_file_is_kept_and_reported() {
    let conf = |v: &str| rpm("a", v).config("/etc/a.conf", v);
    let lab = Lab::new(vec![conf("1.0")], "a", vec![conf("1.1")], Vec::new());
    lab.root.write("/etc/a.conf", "mine").unwrap();
    let report = lab.fetch_and_install(&lab.plan(&[("a", "1.1-1")]));
    assert_eq!(report.kept_conffiles, ["/etc/a.conf"]);
    assert_eq!(lab.root.read("/etc/a.conf").unwrap(), "mine");
    assert_eq!(lab.root.read("/etc/a.conf.rpmnew").unwrap(), "1.1");
}

#[test]
fn a_kernel_goes_in_beside_the_old_one() {
    let kernel = |v: &str| rpm("kernel", v).tag("Provides", "installonlypkg(kernel)");
    let lab = Lab::new(vec![kernel("5.14.0")], "kernel", vec![kernel("5.14.1")], Vec::new());
    assert_eq!(candidate(&lab.scan(), "kernel", "5.14.1-1").installed, "5.14.0-1");
    let report = lab.fetch_and_install(&lab.plan(&[("kernel", "5.14.1-1")]));
    assert_eq!(results(&report)["kernel"], "installed");
    assert_eq!(lab.installed(), "kernel-5.14.0-1 kernel-5.14.1-1");
    let scan = lab.scan();
    assert!(scan.candidates.is_empty() && scan.installed.iter().all(|p| !p.auto && !p.broken));
}

#[test]
fn no_old_kernel_goes_that_the_plan_does_not_name() {
    let kernel = |v: &str| rpm("kernel", v).tag("Provides", "installonlypkg(kernel)");
    let old = vec![kernel("5.1"), kernel("5.2")];
    let lab = Lab::new(old, "kernel-5.1 kernel-5.2", vec![kernel("5.3")], Vec::new());
    lab.root.ok("sed -i s/installonly_limit=3/installonly_limit=2/ /etc/dnf/dnf.conf").unwrap();
    let plan = lab.plan(&[("kernel", "5.3-1")]);
    assert_eq!(plan.items.len(), 1);
    assert_eq!(results(&lab.fetch_and_install(&plan))["kernel"], "installed");
    assert_eq!(lab.installed(), "kernel-5.1-1 kernel-5.2-1 kernel-5.3-1");
}

#[test]
fn a_version_older_than_the_installed_one_is_never_a_downgrade() {
    let lab = Lab::new(vec![rpm("a", "1.0"), rpm("a", "1.1")], "a-1.0", Vec::new(), Vec::new());
    let plan = lab.plan(&[("a", "1.1-1")]);
    lab.root.ok("dnf -y upgrade a").unwrap();
    let refused = lab.simulate(&[("a", "1.0-1")]).refused;
    assert!(refused[0].why.contains("is installed, which is newer"), "{refused:?}");
    let mut stale = plan;
    stale.items[0].to = "1.0-1".into();
    let e = lab.dnf.install(&stale, &mut |_| {}).unwrap_err();
    assert!(matches!(&e, PmError::NotThePlan { difference } if difference.contains("newer")), "{e}");
}

#[test]
fn a_lock_that_is_held_is_waited_for_and_then_named() {
    let lab = ordinary();
    let plan = lab.plan(&[("tool", "1.1-1")]);
    lab.dnf.fetch(&plan, &mut |_| {}).unwrap();
    let hold = "import fcntl, time; f = open('/var/lib/rpm/.rpm.lock', 'a'); fcntl.lockf(f, fcntl.LOCK_EX); \
                open('/tmp/held', 'w'); time.sleep(1000)";
    lab.root.ok(&format!("/usr/bin/python3 -c \"{hold}\" > /dev/null 2>&1 & echo $! > /tmp/pid")).unwrap();
    let held = || lab.root.at("/tmp/held").exists();
    patchflock_tests::lab::door::wait("the lock to be held", Duration::from_secs(20), held).unwrap();
    let impatient = lab.dnf.clone().with_lock_wait(Duration::from_millis(300));
    let e = impatient.install(&plan, &mut |_| {}).unwrap_err();
    assert!(matches!(e, PmError::Locked { .. }), "{e}");
    lab.root.ok("kill $(cat /tmp/pid)").unwrap();
    assert_eq!(results(&lab.dnf.install(&plan, &mut |_| {}).unwrap())["tool"], "installed");

    lab.root.ok("sleep 1000 > /dev/null 2>&1 & echo -n $! > /var/cache/dnf/metadata_lock.pid").unwrap();
    let e = impatient.scan().unwrap_err();
    let pid = lab.root.read("/var/cache/dnf/metadata_lock.pid").unwrap();
    assert!(matches!(&e, PmError::Locked { holder, .. } if holder.contains(&pid)), "{e}");
    lab.root.ok("kill $(cat /var/cache/dnf/metadata_lock.pid)").unwrap();
}

#[test]
fn an_old_version_left_by_an_interrupted_upgrade_is_taken_out_and_nothing_else() {
    let lab = ordinary();
    assert_eq!(lab.dnf.repair().unwrap(), None);
    lab.root.ok("rpm -i --nodeps --force /srv/baseos/tool-1.1-1.noarch.rpm").unwrap();
    assert!(lab.installed().contains("tool-1.0-1 tool-1.1-1"));
    let broken: Vec<String> =
        lab.scan().installed.into_iter().filter(|p| p.broken).map(|p| p.version).collect();
    assert_eq!(broken, ["1.0-1"]);
    let words = lab.dnf.repair().unwrap().unwrap();
    assert!(words.contains("tool-1.0-1.noarch"), "{words}");
    assert!(lab.installed().ends_with("oldname-1.0-1 tool-1.1-1"), "{}", lab.installed());
    assert_eq!(lab.dnf.repair().unwrap(), None);
}

#[test]
fn what_a_kill_in_the_middle_leaves_is_repaired_and_the_plan_finished() {
    let hang = rpm("b", "1.1").script("post", "touch /in-script; while test -e /hang; do sleep 0.1; done");
    let new = vec![rpm("a", "1.1"), hang, rpm("c", "1.1").requires("b >= 1.1")];
    let lab = Lab::new(["a", "b", "c"].map(|n| rpm(n, "1.0")).to_vec(), "a b c", new, Vec::new());
    let plan = lab.plan(&[("a", "1.1-1"), ("b", "1.1-1"), ("c", "1.1-1")]);
    lab.dnf.fetch(&plan, &mut |_| {}).unwrap();
    lab.root.write("/hang", "").unwrap();
    let limit = Duration::from_secs(60);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| lab.dnf.install(&plan, &mut |_| {}));
        let in_script = || lab.root.at("/in-script").exists();
        patchflock_tests::lab::door::wait("the script", limit, in_script).unwrap();
        // The machine loses power: everything in it is gone at once, and nobody tidies up.
        let gone = || {
            let inside = std::fs::read_dir("/proc")
                .unwrap()
                .flatten()
                .filter(|e| std::fs::read_link(e.path().join("root")).is_ok_and(|r| r == lab.root.path()));
            let pids: Vec<String> = inside.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
            if !pids.is_empty() {
                Command::new(&Root::host(), "kill").args(["-9"]).args(pids).run().unwrap();
            }
            run.is_finished()
        };
        patchflock_tests::lab::door::wait("the end", limit, gone).unwrap();
    });
    std::fs::remove_file(lab.root.at("/hang")).unwrap();
    let half = lab.scan();
    assert!(half.installed.iter().any(|p| p.broken), "nothing was interrupted: {}", lab.installed());
    let words = lab.dnf.repair().unwrap().unwrap();
    assert!(words.contains("took out"), "{words}");
    assert_eq!(lab.dnf.repair().unwrap(), None);
    let rest = lab.plan(&[("a", "1.1-1"), ("b", "1.1-1"), ("c", "1.1-1")]);
    let report = lab.fetch_and_install(&rest);
    assert!(results(&report).values().all(|r| r == "installed"), "{report:?}");
    assert_eq!(lab.installed(), "a-1.1-1 b-1.1-1 c-1.1-1");
}

#[test]
fn a_download_that_fails_or_was_not_made_is_an_error_and_changes_nothing() {
    let lab = ordinary();
    let plan = lab.plan(&[("tool", "1.1-1")]);
    let e = lab.dnf.install(&plan, &mut |_| {}).unwrap_err();
    assert!(e.to_string().contains("fetch again"), "{e}");
    lab.server.fault("tool-1.1", Fault::Status(404));
    let e = lab.dnf.fetch(&plan, &mut |_| {}).unwrap_err();
    assert!(e.to_string().contains("404"), "{e}");
    lab.server.heal();
    assert_eq!(results(&lab.fetch_and_install(&plan))["tool"], "installed");
}

#[test]
fn an_unsigned_package_is_refused_where_the_configuration_wants_signatures() {
    let lab = ordinary();
    let plan = lab.plan(&[("tool", "1.1-1")]);
    lab.root.ok("sed -i s/gpgcheck=0/gpgcheck=1/ /etc/dnf/dnf.conf /etc/yum.repos.d/*.repo").unwrap();
    let e = lab.dnf.fetch(&plan, &mut |_| {}).unwrap_err().to_string();
    assert!(e.contains("signature check failed") && e.contains("tool-1.1-1"), "{e}");
    let e = lab.dnf.install(&plan, &mut |_| {}).unwrap_err().to_string();
    assert!(e.contains("signature check failed"), "{e}");
    assert!(lab.installed().ends_with("tool-1.0-1"), "{}", lab.installed());
}

/// A plugin of the administrator's; `method` is called by dnf.
fn add_plugin(lab: &Lab, method: &str, body: &str) {
    let dir = lab.root.ok("ls -d /usr/lib/python3*/*-packages/dnf-plugins | head -1").unwrap();
    let text = format!(
        "import dnf, os, signal, sys\nclass Lab(dnf.Plugin):\n    name = 'lab'\n    def {method}(self):\n        {body}\n"
    );
    lab.root.write(&format!("{}/lab.py", dir.trim()), text).unwrap();
}

#[test]
fn a_script_that_dies_after_rpm_has_worked_is_judged_by_the_database() {
    for body in ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)", "sys.exit('gone')"] {
        let lab = ordinary();
        let plan = lab.plan(&[("app", "1.1-1")]);
        add_plugin(&lab, "transaction", body);
        let report = lab.fetch_and_install(&plan);
        assert!(results(&report).values().all(|r| r == "installed"), "{body}: {report:?}");
        let auto: Vec<String> = lab.scan().installed.into_iter().filter(|p| p.auto).map(|p| p.name).collect();
        assert_eq!(auto, ["extra", "lib"], "{body}: {}", report.log);
        assert!(!lab.root.at("/var/lib/patchflock/dnf-dependencies.json").exists(), "{body}");
    }
}

#[test]
fn a_second_attempt_that_meets_another_program_is_told_in_the_outcomes() {
    let clash = |name: &str| rpm(name, "1.1").file("/usr/share/clash", name);
    let new = vec![rpm("a", "1.1"), clash("b"), clash("c")];
    let lab = Lab::new(["a", "b", "c"].map(|n| rpm(n, "1.0")).to_vec(), "a b c", new, Vec::new());
    let plan = lab.plan(&["a", "b", "c"].map(|n| (n, "1.1-1")));
    lab.dnf.fetch(&plan, &mut |_| {}).unwrap();
    // After the first transaction and its tests, before the second one.
    add_plugin(
        &lab,
        "pre_config",
        "if 'part' in sys.argv: open('/var/lib/dnf/rpmdb_lock.pid', 'w').write('1')",
    );
    let impatient = lab.dnf.clone().with_lock_wait(Duration::from_millis(300));
    let report = impatient.install(&plan, &mut |_| {}).unwrap();
    let results = results(&report);
    for name in ["a", "b"] {
        assert!(results[name].contains("holds the package database"), "{results:?}");
    }
    assert!(results["c"].contains("/usr/share/clash"), "{results:?}");
    assert!(report.log.contains("holds the package database"), "{}", report.log);
    assert_eq!(lab.installed(), "a-1.0-1 b-1.0-1 c-1.0-1");
}

#[test]
fn lines_of_any_length_are_borne() {
    let long = "head -c 200000 /dev/zero | tr '\\0' x; echo; echo 'and more'";
    let replaced = ["kept", "gone"].map(|n| rpm(n, "1.0"));
    // Several hundred names, each long: what dnf says about them fills more than a line may hold.
    let names: Vec<String> = (0..400).map(|i| format!("{}-{i}", "none".repeat(50))).collect();
    let broken = names.iter().fold(rpm("broken", "1.1"), |r, n| r.requires(n));
    let new = vec![rpm("kept", "1.1").script("post", long), broken, rpm("gone", "1.1")];
    let old = replaced.into_iter().chain([rpm("broken", "1.0")]).collect();
    let lab = Lab::new(old, "kept gone broken", new, Vec::new());
    let simulation = lab.simulate(&[("broken", "1.1-1"), ("gone", "1.1-1")]);
    assert_eq!((simulation.refused.len(), simulation.changes.len()), (1, 1), "{simulation:?}");
    let report = lab.fetch_and_install(&lab.plan(&[("kept", "1.1-1")]));
    assert_eq!(results(&report)["kept"], "installed");
    assert!(report.log.contains(&"x".repeat(3000)) && report.log.contains("and more"), "{}", report.log);
    // Something else on the script's own channel, a file without a name, is no reason to call an installed package failed.
    let body = "[os.write(fd, b'?' * 100000 + b'\\n') for fd in range(3, 10) if os.path.exists('/proc/self/fd/%d' % fd) \
                and '(deleted)' in os.readlink('/proc/self/fd/%d' % fd)]";
    add_plugin(&lab, "transaction", body);
    let report = lab.fetch_and_install(&lab.plan(&[("gone", "1.1-1")]));
    assert_eq!(results(&report)["gone"], "installed");
    assert!(report.log.contains("was not understood"), "{}", report.log);
}
