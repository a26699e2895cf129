//! The real apt keeps the promises of a package manager, and those that only apt makes.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use patchflock_baselines::baseline::AlternativeSource;
use patchflock_baselines::inventory::SourceState;
use patchflock_baselines::plan::{Plan, Target};
use patchflock_machine::exec::Command;
use patchflock_machine::pm::apt::Apt;
use patchflock_machine::pm::{OutcomeKind, PackageManager, PmError, Progress};
use patchflock_machine::root::Root;
use patchflock_tests::contract::{self, Fixture, NEW, OLD};
use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::http::{Fault, Server};
use patchflock_tests::lab::root::RootDir;

/// A Debian system with the contract's packages, and a repository that is served over HTTP.
struct Debian {
    apt: Apt,
    root: RootDir,
    repo: AptRepo,
    server: Server,
    _dir: tempfile::TempDir,
}

const CONF: &str = "/etc/alpha.conf";

impl Debian {
    fn new() -> Result<Self> {
        let root = RootDir::new(&Base::debian()?)?;
        let dir = tempfile::tempdir()?;
        let mut repo = AptRepo::new(dir.path().join("repo"))?;
        repo.suite(Suite::debian("bookworm")).suite(Suite::debian_security("bookworm"));
        for name in ["alpha", "beta", "gamma", "broken", "held"] {
            let deb = Deb::new(name, OLD);
            repo.add("bookworm", if name == "alpha" { deb.conffile(CONF, "old\n") } else { deb })?;
        }
        repo.publish()?;
        let server = Server::start(dir.path().join("repo"))?;
        repo.attach(&root, &server.uri())?;
        root.ok("apt-get update && apt-get install -y alpha beta gamma broken held")?;
        root.ok("apt-mark auto gamma && apt-mark hold held")?;
        let new = |name| Deb::new(name, NEW);
        repo.add("bookworm-security", new("alpha").depends("alpha-data").conffile(CONF, "new\n"))?;
        for deb in [
            new("alpha-data"),
            new("beta"),
            // A wait that a test can end, and a failure that says why.
            new("gamma").script("postinst", "while test -e /hang; do sleep 0.1; done"),
            new("broken").script("postinst", "echo 'no database to be found' >&2; exit 1"),
            new("held"),
        ] {
            repo.add("bookworm-security", deb)?;
        }
        repo.publish()?;
        root.ok("apt-get -o APT::Update::Error-Mode=any update")?;
        let apt = Apt::new(root.root()).with_lock_wait(Duration::from_secs(1));
        Ok(Self { apt, root, repo, server, _dir: dir })
    }

    fn plan(&self, names: &[&str]) -> Plan {
        let target = |n: &&str| Target { name: (*n).into(), arch: "all".into(), version: NEW.into() };
        let targets: Vec<_> = names.iter().map(target).collect();
        let simulation = self.apt.simulate(&targets).unwrap();
        assert!(simulation.refused.is_empty(), "{simulation:?}");
        contract::plan_of(&simulation).unwrap()
    }

    fn etc(&self) -> String {
        self.root
            .ok("find /etc -type f -print0 | sort -z | xargs -0 sha256sum; find /etc -type l | sort")
            .unwrap()
    }

    fn state_of(&self, name: &str) -> (SourceState, bool) {
        let scan = self.apt.scan().unwrap();
        let source = scan.sources.iter().find(|s| s.id == name);
        let source = source.with_context(|| format!("{:?}", scan.sources)).unwrap();
        (source.state.clone(), scan.candidates.iter().any(|c| c.sources.contains(&source.id)))
    }
}

impl Fixture for Debian {
    fn pm(&self) -> &dyn PackageManager {
        &self.apt
    }

    fn arch(&self) -> String {
        "all".into()
    }

    fn snapshot(&self) -> Result<String> {
        self.root.ok("cat /var/lib/dpkg/status; apt-mark showauto; apt-mark showhold; ls /run /tmp; \
             find /etc /var/lib/apt/lists /var/lib/dpkg -type f -print0 | sort -z | xargs -0 sha256sum")
    }
}

const SECURITY: &str = "Debian/bookworm-security/main";

fn quiet(_: Progress) {}

fn unreadable(state: &SourceState, words: &str) -> bool {
    matches!(state, SourceState::Unreadable { why } if why.contains(words))
}

#[test]
fn apt_keeps_the_contract() {
    contract::all(Debian::new).unwrap();
}

#[test]
fn apt_keeps_the_contract_with_alternative_sources_alone() {
    let alternative = || {
        let mut debian = Debian::new()?;
        // What was its own is now the baseline's, one line for each.
        let lines =
            debian.root.ok("cat /etc/apt/sources.list.d/*.list; rm /etc/apt/sources.list.d/*.list")?;
        debian.root.ok("apt-get update")?;
        let source = |(n, line): (usize, &str)| AlternativeSource {
            name: format!("source-{n}"),
            products: vec!["Debian12".into()],
            configuration: line.into(),
        };
        let sources: Vec<_> = lines.lines().enumerate().map(source).collect();
        anyhow::ensure!(sources.len() == 2 && debian.apt.scan()?.sources.is_empty());
        debian.apt = debian.apt.with_sources(&sources, "Debian12")?;
        anyhow::ensure!(debian.apt.refresh(&mut quiet)?.failed.is_empty());
        Ok(debian)
    };
    contract::all(alternative).unwrap();
}

#[test]
fn security_comes_from_the_origin_and_ids_name_no_address() {
    let debian = Debian::new().unwrap();
    let scan = debian.apt.scan().unwrap();
    assert!(scan.candidates.iter().all(|c| c.security && c.sources == [SECURITY]), "{:?}", scan.candidates);
    let ids: Vec<_> = scan.sources.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, [SECURITY, "Debian/bookworm/main"]);
    let beta = scan.installed.iter().find(|i| i.name == "beta").unwrap();
    assert_eq!(beta.sources, ["Debian/bookworm/main"]);
    assert!(beta.installed_at.is_some() && scan.sources.iter().all(|s| s.metadata_date.is_some()));
}

#[test]
fn the_administrators_configuration_is_kept_and_reported() {
    let debian = Debian::new().unwrap();
    debian.root.write(CONF, "mine\n").unwrap();
    let before = debian.etc();
    let report = contract::carry_out(&debian.apt, &debian.plan(&["alpha", "beta"])).unwrap();
    assert_eq!(report.kept_conffiles, [CONF]);
    assert_eq!(debian.root.read(CONF).unwrap(), "mine\n");
    // Nothing else in /etc is touched, apt's own configuration least of all.
    let after = debian.etc();
    let differs: Vec<_> = after.lines().filter(|l| !before.contains(l)).collect();
    assert!(differs.len() == 1 && differs[0].ends_with("/etc/alpha.conf.dpkg-dist"), "{differs:?}");
    assert!(before.lines().all(|l| after.contains(l)), "something is gone");
}

#[test]
fn a_failing_package_is_taken_back_when_its_old_file_is_cached() {
    let debian = Debian::new().unwrap();
    let report = contract::carry_out(&debian.apt, &debian.plan(&["broken", "beta"])).unwrap();
    let broken = report.outcomes.iter().find(|o| o.target.name == "broken").unwrap();
    let OutcomeKind::Failed { why } = &broken.result else { unreachable!("{report:?}") };
    assert!(why.contains("no database to be found") && why.contains("taken back to 1.0-1"), "{why}");
    assert_eq!(
        debian.root.ok("dpkg-query -W -f '${Status} ${Version}' broken").unwrap(),
        "install ok installed 1.0-1"
    );
    debian.root.ok("test -z \"$(dpkg --audit)\"").unwrap();
}

#[test]
fn a_failing_package_that_cannot_be_taken_back_is_left_and_reported() {
    let debian = Debian::new().unwrap();
    debian.root.ok("apt-get clean").unwrap();
    let report = contract::carry_out(&debian.apt, &debian.plan(&["broken", "beta", "gamma"])).unwrap();
    let failed: Vec<_> = report.outcomes.iter().filter(|o| o.result != OutcomeKind::Installed).collect();
    assert!(failed.len() == 1 && failed[0].target.name == "broken", "{report:?}");
    let scan = debian.apt.scan().unwrap();
    assert!(scan.installed.iter().any(|i| i.name == "broken" && i.broken));
}

#[test]
fn installing_asks_no_server() {
    let debian = Debian::new().unwrap();
    let plan = debian.plan(&["alpha"]);
    let unfetched = debian.apt.install(&plan, &mut quiet).unwrap_err();
    assert!(unfetched.to_string().contains("not fetched"), "{unfetched}");
    debian.apt.fetch(&plan, &mut quiet).unwrap();
    debian.server.take_requests();
    let report = debian.apt.install(&plan, &mut quiet).unwrap();
    assert!(report.outcomes.iter().all(|o| o.result == OutcomeKind::Installed), "{report:?}");
    assert_eq!(debian.server.take_requests(), Vec::<String>::new());
}

#[test]
fn a_source_that_was_never_fetched_is_unreadable() {
    let debian = Debian::new().unwrap();
    debian.root.write("/etc/apt/sources.list.d/new.list", "deb http://127.0.0.1:1/x trixie main\n").unwrap();
    let (state, offers) = debian.state_of("no-origin/trixie/main");
    assert!(unreadable(&state, "never fetched") && !offers, "{state:?}");
}

#[test]
fn a_source_that_fails_to_refresh_is_named_and_unreadable_until_it_works() {
    let debian = Debian::new().unwrap();
    debian.server.fault("bookworm-security", Fault::Status(500));
    let report = debian.apt.refresh(&mut quiet).unwrap();
    let names: Vec<_> = report.failed.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(names, [SECURITY], "{report:?}");
    let (state, _) = debian.state_of(SECURITY);
    assert!(unreadable(&state, "the last refresh failed"), "{state:?}");
    // Another process knows it as well.
    let another = Apt::new(debian.root.root()).scan().unwrap();
    let source = another.sources.iter().find(|s| s.id == SECURITY).unwrap();
    assert!(unreadable(&source.state, "the last refresh failed"), "{source:?}");
    assert_eq!(debian.state_of("Debian/bookworm/main").0, SourceState::Readable);
    debian.server.heal();
    assert_eq!(debian.apt.refresh(&mut quiet).unwrap().failed, []);
    assert_eq!(debian.state_of(SECURITY), (SourceState::Readable, true));
}

#[test]
fn a_failure_of_no_source_in_particular_is_told_until_a_refresh_succeeds() {
    let debian = Debian::new().unwrap();
    let hook = "/etc/apt/apt.conf.d/95hook";
    debian.root.write(hook, "APT::Update::Pre-Invoke { \"exit 1\"; };\n").unwrap();
    let report = debian.apt.refresh(&mut quiet).unwrap();
    assert_eq!(report.failed.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["apt"], "{report:?}");
    let (state, _) = debian.state_of("apt");
    assert!(unreadable(&state, "the last refresh failed"), "{state:?}");
    std::fs::remove_file(debian.root.at(hook)).unwrap();
    assert_eq!(debian.apt.refresh(&mut quiet).unwrap().failed, []);
    assert!(debian.apt.scan().unwrap().sources.iter().all(|s| s.id != "apt"));
}

#[test]
fn a_damaged_or_expired_list_is_unreadable() {
    let mut debian = Debian::new().unwrap();
    let list = debian.root.ok("ls /var/lib/apt/lists/*bookworm-security_main_binary-amd64_Packages").unwrap();
    let path = debian.root.at(list.trim());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (state, _) = debian.state_of(SECURITY);
    assert!(unreadable(&state, "damaged"), "{state:?}");
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(debian.state_of(SECURITY).0, SourceState::Readable);
    // With today's date: apt does not go back to an older Release file, expired or not.
    let dated = debian.apt.scan().unwrap().sources.iter().find_map(|s| s.metadata_date).unwrap();
    debian.repo.suite_mut("bookworm-security").unwrap().valid_until = Some(dated.timestamp() - 60);
    debian.repo.publish().unwrap();
    debian.root.ok("apt-get -o Acquire::Check-Valid-Until=false update").unwrap();
    let (state, _) = debian.state_of(SECURITY);
    assert!(unreadable(&state, "valid until"), "{state:?}");
}

#[test]
fn pins_of_the_administrator_win() {
    let debian = Debian::new().unwrap();
    let pins = "Package: beta\nPin: version 1.*\nPin-Priority: 1001\n\nPackage: gamma\nPin: release *\nPin-Priority: -5\n";
    debian.root.write("/etc/apt/preferences.d/mine", pins).unwrap();
    let scan = debian.apt.scan().unwrap();
    let held = |name: &str| scan.candidates.iter().find(|c| c.name == name).unwrap().held.clone();
    assert!(held("beta").unwrap().starts_with("pinned: apt would install 1.0-1"), "{:?}", held("beta"));
    assert!(held("gamma").unwrap().starts_with("pinned: priority -5"), "{:?}", held("gamma"));
    assert_eq!(held("alpha"), None);
}

#[test]
fn a_lock_is_waited_for_within_bounds_and_its_holder_named() {
    let debian = Debian::new().unwrap();
    let plan = debian.plan(&["gamma"]);
    debian.apt.fetch(&plan, &mut quiet).unwrap();
    debian.root.write("/hang", "").unwrap();
    let before = hanging_install(&debian, "gamma", || {
        let answer = debian.apt.install(&debian.plan(&["beta"]), &mut quiet);
        let repaired = debian.apt.repair();
        std::fs::remove_file(debian.root.at("/hang")).unwrap();
        (answer.map(drop), repaired)
    });
    for error in [before.0.unwrap_err(), before.1.unwrap_err()] {
        assert!(matches!(&error, PmError::Locked { holder, .. } if holder.contains("process")), "{error}");
    }
}

/// Runs apt until it hangs in the package's script, then `during`, and waits until apt is gone.
fn hanging_install<T>(debian: &Debian, package: &str, during: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            debian.root.run(&format!("apt-get install -y --only-upgrade {package}")).ok();
            over.store(true, Ordering::SeqCst);
        });
        wait(|| in_script(debian.root.path(), package).is_some());
        let answer = during();
        wait(|| over.load(Ordering::SeqCst));
        answer
    })
}

fn wait(mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain");
        std::thread::yield_now();
    }
}

/// Processes inside the root, with their command lines.
fn processes(root: &Path) -> Vec<(i32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|e| std::fs::read_link(e.path().join("root")).is_ok_and(|r| r == root))
        .filter_map(|e| {
            let pid = e.file_name().to_string_lossy().parse().ok()?;
            Some((pid, std::fs::read_to_string(e.path().join("cmdline")).ok()?.replace('\0', " ")))
        })
        .collect()
}

fn in_script(root: &Path, package: &str) -> Option<i32> {
    let script = format!("{package}.postinst");
    processes(root).into_iter().find(|(_, line)| line.contains(&script)).map(|(pid, _)| pid)
}

#[test]
fn what_a_kill_in_the_middle_leaves_is_repaired_by_the_next_run() {
    let debian = Debian::new().unwrap();
    let plan = debian.plan(&["alpha", "beta", "gamma"]);
    debian.apt.fetch(&plan, &mut quiet).unwrap();
    debian.root.write("/hang", "").unwrap();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| debian.apt.install(&plan, &mut quiet));
        wait(|| in_script(debian.root.path(), "gamma").is_some());
        // The machine loses power: everything in it is gone at once, and nobody tidies up.
        wait(|| {
            let left = processes(debian.root.path());
            let pids: Vec<String> = left.iter().map(|(pid, _)| pid.to_string()).collect();
            if !pids.is_empty() {
                Command::new(&Root::host(), "kill").arg("-9").args(pids).run().unwrap();
            }
            left.is_empty() && run.is_finished()
        });
    });
    std::fs::remove_file(debian.root.at("/hang")).unwrap();
    let half = debian.apt.scan().unwrap();
    assert!(half.installed.iter().any(|i| i.broken), "nothing was interrupted");
    let repaired = debian.apt.repair().unwrap().unwrap();
    assert!(repaired.ends_with("everything is configured now"), "{repaired}");
    assert_eq!(debian.apt.repair().unwrap(), None);
    let report = contract::carry_out(&debian.apt, &plan).unwrap();
    assert!(report.outcomes.iter().all(|o| o.result == OutcomeKind::Installed), "{report:?}");
    debian.root.ok("test -z \"$(dpkg --audit)\" && apt-get check").unwrap();
}

/// What a loss of power in the middle of unpacking leaves of `beta` in dpkg's status.
fn half_installed(debian: &Debian) {
    let edit = "sed -i '/^Package: beta$/,/^$/ s/^Status: .*/Status: install reinstreq half-installed/'";
    debian.root.ok(&format!("{edit} /var/lib/dpkg/status")).unwrap();
}

#[test]
fn a_half_unpacked_package_is_unpacked_again_in_its_own_version_never_in_a_newer_one() {
    let mut debian = Debian::new().unwrap();
    let state =
        |debian: &Debian| debian.root.ok("dpkg-query -W -f '${db:Status-Status} ${Version}' beta").unwrap();
    // From the repository, the cache being empty.
    debian.root.ok("apt-get clean").unwrap();
    half_installed(&debian);
    let repaired = debian.apt.repair().unwrap().unwrap();
    assert!(repaired.ends_with("everything is configured now"), "{repaired}");
    assert_eq!(state(&debian), "installed 1.0-1");
    // The repository has only the new one any more: from the cache.
    let cached = debian.root.at("/var/cache/apt/archives/beta_1.0-1_all.deb");
    debian.root.ok("cd /var/cache/apt/archives && apt-get download beta=1.0-1").unwrap();
    assert!(cached.exists());
    debian.repo.withdraw("beta", OLD, "bookworm").unwrap();
    debian.repo.publish().unwrap();
    debian.root.ok("apt-get update").unwrap();
    half_installed(&debian);
    let repaired = debian.apt.repair().unwrap().unwrap();
    assert!(repaired.ends_with("everything is configured now"), "{repaired}");
    assert_eq!(state(&debian), "installed 1.0-1");
    // Nowhere: it is left, and said so.
    debian.root.ok("apt-get clean").unwrap();
    half_installed(&debian);
    let repaired = debian.apt.repair().unwrap().unwrap();
    assert!(repaired.contains("still not right: beta 1.0-1 half-installed"), "{repaired}");
    assert_eq!(state(&debian), "half-installed 1.0-1");
}
