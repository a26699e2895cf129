//! A machine in a directory for tests: a scripted package manager, a clock that is set, a systemd that is asked nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::privileged::{Answer, Basis, Reply, Request};
use patchflock_api::run::{Survey, Trouble};
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::plan::{Plan, Simulation, Target};
use patchflock_machine::exec::{ExecError, Output};
use patchflock_machine::host::HostFacts;
use patchflock_machine::pm::fake::{ARCH, Fake};
use patchflock_machine::pm::{InstallReport, OnProgress, PackageManager, PmError, RefreshReport, Scan};
use patchflock_machine::root::Root;
use patchflock_machine::system::System;

use crate::serve::Caller;
use crate::{Desk, transaction};

/// What every test of this crate takes for the beginning.
pub(crate) const NOW: &str = "2026-11-24T12:00:00Z";

/// A baseline that approves everything, after so many days.
pub(crate) fn baseline(name: &str, days: u32) -> String {
    format!(
        "kind: PatchBaseline\nname: {name}\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    \
         - approve_after_days: {days}\n      enable_non_security: true\n"
    )
}

/// The same, and it is the one that nodes without another get; with the window that [`run`] follows from.
pub(crate) fn default(name: &str, days: u32) -> String {
    let defaults = format!("---\nkind: DefaultBaselines\nname: defaults\nspec: {{baselines: [{name}]}}\n");
    baseline(name, days) + &defaults + "---\n" + &window("", "")
}

/// A window that opens at [`NOW`], starts nothing from 15:00 on and ends at 16:00; more lines of it and of its task.
pub(crate) fn window(more: &str, of_task: &str) -> String {
    format!(
        "kind: MaintenanceWindow\nname: bench\nspec:\n  schedule: at(2026-11-24T12:00:00)\n  duration: 4h\n  cutoff: 1h\n\
         {more}  tasks:\n    - {{type: INSTALL, name: patch, targets: [{{key: InstanceIds, values: ['*']}}], \
         max_concurrency: 1, max_errors: 0{of_task}}}\n"
    )
}

/// What installing does instead of what the fake does.
pub(crate) type Install = dyn Fn(&Plan) -> Option<Result<InstallReport, PmError>> + Send + Sync;

/// The fake, with what it lacks.
pub(crate) struct Scripted {
    pub(crate) fake: Fake,
    /// Date of the signed index.
    pub(crate) index: Mutex<Option<DateTime<Utc>>>,
    pub(crate) install: Mutex<Option<Box<Install>>>,
    /// Whether the machine shows that it needs a reboot.
    pub(crate) reboot: Mutex<Option<bool>>,
    /// Done whenever it is asked what would change.
    simulating: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Scripted {
    pub(crate) fn new(fake: Fake) -> Arc<Self> {
        Arc::new(Self {
            fake,
            index: Mutex::new(None),
            install: Mutex::new(None),
            reboot: Mutex::new(None),
            simulating: Mutex::new(None),
        })
    }

    pub(crate) fn on_simulate(&self, act: impl Fn() + Send + 'static) {
        *self.simulating.lock().unwrap() = Some(Box::new(act));
    }
}

/// A package manager that several machines and threads share.
struct Shared(Arc<Scripted>);

impl PackageManager for Shared {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn refresh(&self, progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
        self.0.fake.refresh(progress)
    }
    fn scan(&self) -> Result<Scan, PmError> {
        let mut scan = self.0.fake.scan()?;
        let index = *self.0.index.lock().unwrap();
        scan.sources.iter_mut().for_each(|s| s.metadata_date = index);
        scan.reboot.needed = *self.0.reboot.lock().unwrap();
        Ok(scan)
    }
    fn simulate(&self, targets: &[Target]) -> Result<Simulation, PmError> {
        self.0.simulating.lock().unwrap().iter().for_each(|act| act());
        self.0.fake.simulate(targets)
    }
    fn fetch(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError> {
        self.0.fake.fetch(plan, progress)
    }
    fn install(&self, plan: &Plan, progress: OnProgress<'_>) -> Result<InstallReport, PmError> {
        let scripted = self.0.install.lock().unwrap().as_ref().and_then(|install| install(plan));
        scripted.unwrap_or_else(|| self.0.fake.install(plan, progress))
    }
    fn repair(&self) -> Result<Option<String>, PmError> {
        self.0.fake.repair()
    }
}

type Systemctl = Arc<Mutex<Box<dyn Fn(&[&str]) -> (i32, String) + Send>>>;

pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) desk: Desk,
    pub(crate) pm: Arc<Scripted>,
    time: Arc<Mutex<DateTime<Utc>>>,
    systemctl: Systemctl,
    /// Everything that systemctl was asked.
    asked: Arc<Mutex<Vec<String>>>,
}

/// A desk of the machine in this directory.
pub(crate) fn desk(dir: &Path, pm: &Arc<Scripted>, time: &Arc<Mutex<DateTime<Utc>>>) -> Desk {
    let (pm, time) = (Arc::clone(pm), Arc::clone(time));
    let (for_start, time_of_start, dir_of_start) = (Arc::clone(&pm), Arc::clone(&time), dir.to_owned());
    Desk {
        root: Root::at(dir),
        clock: Box::new(move || *time.lock().unwrap()),
        open: Box::new(move |root, _| {
            Ok(System {
                facts: HostFacts {
                    hostname: "bench".into(),
                    operating_system: OperatingSystem::Debian,
                    product: "Debian12".into(),
                    pretty_name: "Debian".into(),
                    arch: ARCH.into(),
                    boot_id: None,
                    booted_at: None,
                },
                pm: Box::new(Shared(Arc::clone(&pm))),
                root: root.clone(),
            })
        }),
        systemctl: Box::new(|_, _| Err(ExecError::NotFound { program: "systemctl".into() })),
        start: Box::new(move |run, token| {
            let (run, pm, time, dir) =
                (run.clone(), Arc::clone(&for_start), Arc::clone(&time_of_start), dir_of_start.clone());
            std::thread::spawn(move || transaction::guard(&desk(&dir, &pm, &time), &run, token));
            Ok(())
        }),
        start_within: Duration::from_secs(20),
    }
}

impl Bench {
    pub(crate) fn new(fake: Fake) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for part in ["run", "proc/sys/kernel/random", "etc/patchflock/hooks"] {
            std::fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        let pm = Scripted::new(fake);
        let time = Arc::new(Mutex::new(NOW.parse().unwrap()));
        let systemctl: Systemctl = Arc::new(Mutex::new(Box::new(|_| (0, String::new()))));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut desk = desk(dir.path(), &pm, &time);
        let (script, log) = (Arc::clone(&systemctl), Arc::clone(&asked));
        desk.systemctl = Box::new(move |args, _| {
            log.lock().unwrap().push(args.join(" "));
            let (code, stdout) = script.lock().unwrap()(args);
            Ok(Output { code, stdout: stdout.into_bytes(), stderr: Vec::new(), truncated: false })
        });
        Self { dir, desk, pm, time, systemctl, asked }
    }

    /// One package with one update, a baseline that takes it, and a window that is open.
    pub(crate) fn ready() -> Self {
        let bench = Self::new(Fake::new().installed("jq", "1").offers("jq", "2", &[]));
        bench.apply(&default("all", 0)).unwrap();
        bench
    }

    pub(crate) fn systemctl(&self, answer: impl Fn(&[&str]) -> (i32, String) + Send + 'static) {
        *self.systemctl.lock().unwrap() = Box::new(answer);
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn set_clock(&self, at: &str) {
        *self.time.lock().unwrap() = at.parse().unwrap();
    }

    pub(crate) fn scripted_install(
        &self,
        install: impl Fn(&Plan) -> Option<Result<InstallReport, PmError>> + Send + Sync + 'static,
    ) {
        *self.pm.install.lock().unwrap() = Some(Box::new(install));
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.desk.root.path(path)
    }

    /// A file with its directories, all as root would have them.
    pub(crate) fn file(&self, path: &str, text: &str, mode: u32) {
        patchflock_machine::host::records::write(&self.desk.root, path, text.as_bytes(), mode).unwrap();
    }

    pub(crate) fn boot(&self, id: &str) {
        std::fs::write(self.path("/proc/sys/kernel/random/boot_id"), id).unwrap();
    }

    /// The answer to a request, and what was said on the way.
    pub(crate) fn heard(&self, request: Request) -> (Vec<String>, Result<Answer, Trouble>) {
        let mut said = Vec::new();
        let mut reply = |reply: &Reply| match reply {
            Reply::Progress { what } => said.push(what.clone()),
            other => panic!("{other:?}"),
        };
        let answer = crate::carry_out(&self.desk, &mut Caller::new("tester", &mut reply), request);
        (said, answer)
    }

    pub(crate) fn ask(&self, request: Request) -> Result<Answer, Trouble> {
        self.heard(request).1
    }

    pub(crate) fn apply(&self, text: &str) -> Result<Answer, Trouble> {
        self.ask(Request::Apply { text: text.into(), dry_run: false })
    }

    pub(crate) fn survey(&self) -> Survey {
        match self.ask(looked(run(), basis(), false)) {
            Ok(Answer::Surveyed { survey, .. }) => *survey,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn install(&self, token: u64) -> Result<Answer, Trouble> {
        self.ask(Request::Install { run: run(), token })
    }

    /// Version of an installed package.
    pub(crate) fn version(&self, name: &str) -> String {
        let scan = self.pm.fake.scan().unwrap();
        scan.installed.into_iter().find(|p| p.name == name).unwrap().version
    }

    /// The clock itself, for what moves it meanwhile.
    pub(crate) fn clock(&self) -> Arc<Mutex<DateTime<Utc>>> {
        Arc::clone(&self.time)
    }

    pub(crate) fn time(&self) -> DateTime<Utc> {
        *self.time.lock().unwrap()
    }
}

/// The run of these tests.
pub(crate) fn run() -> RunId {
    RunId::of_window("", "bench", NOW.parse().unwrap(), "patch")
}

/// What it is based on.
pub(crate) fn basis() -> Basis {
    Basis::Window { window: "bench".into(), task: "patch".into(), start: NOW.parse().unwrap() }
}

/// The survey of a run.
pub(crate) fn looked(run: RunId, basis: Basis, dry_run: bool) -> Request {
    Request::Survey { run, refresh: true, dry_run, basis, attempted: false }
}

/// Names of the items of a plan.
pub(crate) fn items(plan: &Plan) -> Vec<&str> {
    plan.items.iter().map(|i| i.name.as_str()).collect()
}
