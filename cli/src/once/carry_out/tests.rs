//! Whatever fails, the record says what is known.

use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::{Item, Plan, Role, Simulation, Target};
use patchflock_machine::host::HostFacts;
use patchflock_machine::pm::fake::{ARCH, Fake};
use patchflock_machine::pm::{
    Fixes, InstallReport, OnProgress, OutcomeKind, PackageManager, RefreshReport, Scan,
};
use patchflock_machine::root::Root;

use super::*;

/// A package manager that fails at one step and else does what the fake does.
struct Failing {
    at: &'static str,
    fake: Fake,
    /// Somebody asks to stop.
    stop: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self, step: &'static str) -> Result<(), PmError> {
        if self.at != step {
            return Ok(());
        }
        Err(PmError::Failed { what: step.into(), tool_says: "disk on fire".into() })
    }
}

impl PackageManager for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }
    fn refresh(&self, progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
        self.fake.refresh(progress)
    }
    fn scan(&self) -> Result<Scan, PmError> {
        self.check("scan")?;
        self.fake.scan()
    }
    fn simulate(&self, targets: &[Target]) -> Result<Simulation, PmError> {
        self.fake.simulate(targets)
    }
    fn fetch(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError> {
        self.check("fetch")?;
        self.fake.fetch(plan, progress)
    }
    fn fixes(&self, plan: &Plan) -> Vec<Fixes> {
        let of = |i: &Item| Fixes {
            name: i.name.clone(),
            arch: i.arch.clone(),
            version: i.to.clone(),
            cves: vec!["CVE-2026-0001".into()],
        };
        plan.items.iter().map(of).collect()
    }
    fn install(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<InstallReport, PmError> {
        self.check("install")?;
        if self.at == "asked to stop" {
            self.stop.store(true, Ordering::Relaxed);
        }
        if self.at == "stuck" {
            let program = "dpkg".into();
            let after = std::time::Duration::from_secs(1);
            return Err(ExecError::Stuck { program, after, pid: 1, tail: "unpacking".into() }.into());
        }
        self.fake.install(plan, progress)
    }
    fn repair(&self) -> Result<Option<String>, PmError> {
        self.fake.repair()
    }
}

/// The record of a run that begins.
fn blank() -> Record {
    Record {
        format: record::FORMAT,
        id: "20261124T120000Z-1".into(),
        phase: Phase::Installing,
        started_at: "2026-11-24T12:00:00Z".parse().unwrap(),
        finished_at: None,
        started_by: "uid 0".into(),
        boot_id: None,
        baseline: patchflock_baselines::predefined::named("predefined-debian").unwrap().baseline().unwrap(),
        repaired: None,
        install_override_list: None,
        plan: Plan::default(),
        fixes: Vec::new(),
        failure: None,
        report: None,
        before: NodeCompliance {
            status: patchflock_baselines::compliance::NodeStatus::Compliant,
            overall_severity: patchflock_baselines::baseline::ComplianceLevel::Unspecified,
            counts: patchflock_baselines::compliance::Counts::default(),
            patches: Vec::new(),
            notes: Vec::new(),
        },
        after: None,
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    machine: System,
    record: Record,
    stop: Arc<AtomicBool>,
}

fn bench(at: &'static str, fake: impl FnOnce(Fake) -> Fake) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let fake = fake(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
    let stop = Arc::new(AtomicBool::new(false));
    let machine = System {
        facts: HostFacts {
            hostname: "bench".into(),
            operating_system: patchflock_baselines::os::OperatingSystem::Debian,
            product: "Debian12".into(),
            pretty_name: "Debian".into(),
            arch: ARCH.into(),
            boot_id: None,
            booted_at: None,
        },
        pm: Box::new(Failing { at, fake, stop: Arc::clone(&stop) }),
        root: Root::at(dir.path()),
    };
    let mut record = blank();
    record.plan.items.push(Item {
        name: "jq".into(),
        arch: ARCH.into(),
        from: Some("1".into()),
        to: "2".into(),
        role: Role::Approved { reason: "rule 1".into() },
    });
    Bench { _dir: dir, machine, record, stop }
}

impl Bench {
    fn carry_out(&mut self) -> Result<Option<Failure>, Failure> {
        let stop = Arc::clone(&self.stop);
        carry_out(&self.machine, &mut self.record, &Talk::silent(), || Ok(stop))
    }

    /// The only record on disk.
    fn on_disk(&self) -> Option<Record> {
        let mut found = record::all(&self.machine.root);
        assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
        assert!(found.runs.len() < 2);
        found.runs.pop()
    }

    fn installed(&self) -> String {
        let inventory: Inventory = self.machine.inventory(clock()).unwrap();
        inventory.installed.iter().find(|p| p.name == "jq").unwrap().version.clone()
    }
}

#[test]
fn a_run_that_goes_well_leaves_one_finished_record() {
    let mut bench = bench("nowhere", |f| f);
    assert!(bench.carry_out().unwrap().is_none());
    let disk = bench.on_disk().unwrap();
    assert_eq!(disk, bench.record);
    assert_eq!((disk.phase, disk.failure), (Phase::Finished, None));
    assert_eq!(disk.fixes[0].cves, ["CVE-2026-0001"]);
    assert!(disk.finished_at.is_some() && disk.after.is_some());
    assert_eq!(disk.report.unwrap().outcomes[0].result, OutcomeKind::Installed);
    assert_eq!(bench.installed(), "2");
}

#[test]
fn a_package_that_fails_is_failed_in_a_record_that_is_finished() {
    let mut bench = bench("nowhere", |f| f.failing("jq", "its script failed"));
    assert!(bench.carry_out().unwrap().is_none());
    let disk = bench.on_disk().unwrap();
    assert_eq!(disk.phase, Phase::Finished);
    assert_eq!(
        disk.report.unwrap().outcomes[0].result,
        OutcomeKind::Failed { why: "jq: its script failed".into() }
    );
}

#[test]
fn who_asks_to_stop_during_an_installation_gets_it_finished_first() {
    let mut bench = bench("asked to stop", |f| f);
    assert!(bench.carry_out().unwrap().is_none());
    assert_eq!(bench.on_disk().unwrap().phase, Phase::Finished);
    assert_eq!(bench.installed(), "2");
}

#[test]
fn who_asks_to_stop_before_it_keeps_the_machine_as_it_was() {
    let mut bench = bench("nowhere", |f| f);
    bench.stop.store(true, Ordering::Relaxed);
    let failure = bench.carry_out().unwrap_err();
    assert_eq!(failure.code(), 1);
    let disk = bench.on_disk().unwrap();
    assert_eq!(
        (disk.phase, disk.failure.as_deref()),
        (Phase::Failed, Some("asked to stop; nothing was installed"))
    );
    assert_eq!(bench.installed(), "1");
}

#[test]
fn a_signal_is_remembered_and_ends_nothing() {
    let stop = uninterrupted().unwrap();
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::TERM).unwrap();
    // The signal may reach another thread first.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !stop.load(Ordering::Relaxed) && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    assert!(stop.load(Ordering::Relaxed));
}

#[test]
fn when_fetching_fails_nothing_is_installed_and_no_record_claims_a_run() {
    let mut bench = bench("fetch", |f| f);
    let failure = bench.carry_out().unwrap_err();
    assert_eq!(failure.code(), 2);
    assert!(bench.on_disk().is_none());
    assert_eq!(bench.installed(), "1");
}

#[test]
fn when_the_package_manager_refuses_the_record_says_so_and_is_not_taken_for_interrupted() {
    let mut bench = bench("install", |f| f);
    let failure = bench.carry_out().unwrap_err();
    assert_eq!(failure.code(), 2);
    let disk = bench.on_disk().unwrap();
    assert_eq!((disk.phase, disk.failure.as_deref()), (Phase::Failed, Some("install: disk on fire")));
    assert!(disk.finished_at.is_some());
}

#[test]
fn a_transaction_that_is_stuck_stays_open_in_the_record() {
    let mut bench = bench("stuck", |f| f);
    assert_eq!(bench.carry_out().unwrap_err().code(), 2);
    let disk = bench.on_disk().unwrap();
    assert_eq!((disk.phase, disk.finished_at), (Phase::Installing, None));
    assert!(disk.failure.unwrap().contains("dpkg is stuck"));
}

#[test]
fn when_nobody_can_look_again_the_report_is_kept_and_the_failure_told() {
    let mut bench = bench("scan", |f| f);
    let trouble = bench.carry_out().unwrap().unwrap();
    assert_eq!(trouble.code(), 2);
    let disk = bench.on_disk().unwrap();
    assert_eq!((disk.phase, disk.after.is_none()), (Phase::Finished, true));
    assert_eq!(disk.report.unwrap().outcomes[0].result, OutcomeKind::Installed);
    assert!(disk.failure.unwrap().ends_with("scan: disk on fire"));
}

#[test]
fn where_no_record_can_be_written_nothing_is_installed() {
    let mut bench = bench("nowhere", |f| f);
    // A file where the directory has to be: not even root can make it.
    std::fs::create_dir_all(bench.machine.root.path("/var/lib")).unwrap();
    std::fs::write(bench.machine.root.path("/var/lib/patchflock"), "").unwrap();
    let failure = bench.carry_out().unwrap_err();
    assert_eq!(failure.code(), 2);
    assert!(failure.to_string().starts_with("patchflock: nothing was installed\n"), "{failure}");
    assert_eq!(bench.installed(), "1");
}
