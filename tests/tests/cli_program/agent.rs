//! An agent for the program to talk to: the real server with canned data, and a privileged half that plays its part.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use patchflock_agent::control::{
    ControlAnswer, ControlError, ControlWhat, DocumentFiles, Files, Handle, History, Snapshot, serve,
};
use patchflock_api::catalogue::{LogLine, sha256};
use patchflock_api::document::{Applied, Change, DocumentEntry};
use patchflock_api::ids::RunId;
use patchflock_api::privileged::{Answer, Reply, Request};
use patchflock_api::run::{
    Choice, ComplianceSummary, Ending, Health, HookPoint, HookResult, HookRun, Installed, Operation,
    RunEntry, RunSpec, Step, StepSpan, Survey, Trigger, Trouble, TroubleKind,
};
use patchflock_api::status::{ActiveRun, NextRun, OpenTask, OpenWindow, Started, Status, TaskState};
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::document::{self, Document};
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::{Held, Item, Plan, Role, Target};
use patchflock_baselines::{approval, compliance};
use patchflock_machine::pm::{InstallReport, Outcome, OutcomeKind};
use patchflock_machine::root::Root;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::bench::{Bench, fixture};

/// How a run goes that somebody starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Play {
    /// At once, like this.
    Ends(Ending),
    /// It stays in its first step.
    Stays,
    /// Another one is in progress.
    Busy,
    /// It comes to its reboot.
    Reboots,
    /// It installs otherwise than its dry run has shown.
    Drifts,
    /// There is nothing to do.
    Idle,
    /// No baseline is in effect.
    Blind,
    /// A window is open.
    Open,
}

struct Runs(Mutex<Vec<RunEntry>>);

impl History for Runs {
    fn newest(&self, limit: usize, package: Option<&str>, _: Option<&str>) -> anyhow::Result<Vec<RunEntry>> {
        let wanted = |r: &&RunEntry| package.is_none_or(|p| r.reason.contains(p));
        Ok(self.0.lock().unwrap().iter().rev().filter(wanted).take(limit).cloned().collect())
    }

    fn one(&self, run: &RunId) -> anyhow::Result<Option<RunEntry>> {
        Ok(self.0.lock().unwrap().iter().find(|r| r.spec.id == *run).cloned())
    }
}

/// An agent, with the program's own bench beside it.
pub(crate) struct Agent {
    pub(crate) bench: Bench,
    heard: Arc<Mutex<Vec<Request>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Agent {
    pub(crate) fn new() -> Self {
        Self::playing(Play::Ends(Ending::Succeeded))
    }

    pub(crate) fn playing(play: Play) -> Self {
        let bench = Bench::new();
        let dir = bench.path().to_owned();
        for below in ["runs", "var/lib/patchflock/documents"] {
            std::fs::create_dir_all(dir.join(below)).unwrap();
        }
        let survey = survey();
        let mut file = survey.1.clone();
        if let (Play::Blind, Some(fields)) = (play, file.as_object_mut()) {
            fields.retain(|name, _| name != "evaluation" && name != "compliance");
            let why = "the baseline careful has expired";
            fields.insert("choice".into(), serde_json::json!({"choice": "unknown", "why": why}));
        }
        std::fs::write(dir.join("survey.json"), file.to_string()).unwrap();
        let past = finished("r-past", Ending::Succeeded, &survey.0, &survey.2);
        std::fs::write(dir.join("runs/r-past.json"), record(&survey.0.plan, &survey.2).to_string()).unwrap();
        std::fs::write(dir.join("runs/r-new.json"), record(&survey.0.plan, &survey.2).to_string()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let sockets = dir.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let work = run(&sockets, play, past, survey, ready);
                tokio::select! {
                    () = work => {}
                    _ = stopped => {}
                }
            });
        });
        is_ready.recv().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        privileged(&dir, heard.clone());
        let runtime_dir = dir.display().to_string();
        let bench = bench.env("PATCHFLOCK_RUNTIME_DIR", &runtime_dir);
        Self { bench, heard, stop: Some(stop), thread: Some(thread) }
    }

    /// What the privileged half was asked.
    pub(crate) fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }

    /// Adopts a version; without a text it is a deletion.
    pub(crate) fn document(&self, kind: &str, name: &str, version: u64, text: Option<&str>) {
        let entry = DocumentEntry {
            sha256: sha256(text.unwrap_or_default().as_bytes()),
            ..entry(kind, name, version, text.is_none())
        };
        let documents = self.bench.path().join("var/lib/patchflock/documents");
        if let Some(text) = text {
            let dir = documents.join(kind).join(name);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(format!("{version}.yaml")), text).unwrap();
        }
        let mut log =
            std::fs::OpenOptions::new().create(true).append(true).open(documents.join("log.jsonl")).unwrap();
        writeln!(log, "{}", serde_json::to_string(&LogLine { entry, more: 0 }).unwrap()).unwrap();
    }

    /// Changes the newest survey.
    pub(crate) fn survey(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.bench.path().join("survey.json");
        let mut survey = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut survey);
        std::fs::write(path, survey.to_string()).unwrap();
    }

    /// Nobody may connect to this socket any more.
    pub(crate) fn close(&self, socket: &str) {
        std::fs::set_permissions(self.bench.path().join(socket), std::fs::Permissions::from_mode(0o0))
            .unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The server and the daemon behind it.
async fn run(
    dir: &Path,
    play: Play,
    past: RunEntry,
    survey: (Survey, serde_json::Value, NodeCompliance),
    ready: std::sync::mpsc::Sender<()>,
) {
    let (snapshot, snapshots) = watch::channel(Arc::new(Snapshot { status: status(play, &past, &survey.0) }));
    let (requests, mut inbox) = mpsc::channel(4);
    let history = Arc::new(Runs(Mutex::new(vec![past])));
    let handle = Handle {
        snapshot: snapshots,
        requests,
        history: history.clone(),
        documents: Arc::new(DocumentFiles::new(Root::at(dir))),
        files: Files { survey: dir.join("survey.json"), runs: dir.join("runs") },
    };
    let bind = |name: &str| {
        let path = dir.join(name);
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        listener
    };
    let served = serve(bind("patchflockd.sock"), bind("admin.sock"), handle);
    ready.send(()).unwrap();
    let daemon = async {
        while let Some(request) = inbox.recv().await {
            let answer = match (request.what, play) {
                (ControlWhat::Start(_), Play::Busy) => {
                    Err(ControlError::Conflict("run r-past is in progress: `patchflock status`".into()))
                }
                (ControlWhat::Start(start), play) if start.dry_run => {
                    let end = looked(play, &survey.0, &survey.2);
                    history.0.lock().unwrap().push(end.clone());
                    publish(&snapshot, |status| status.last_run = Some(end));
                    Ok(ControlAnswer::Started(Started { run: id("r-look") }))
                }
                (ControlWhat::Start(_), Play::Stays | Play::Reboots) => {
                    let step = if play == Play::Stays { Step::Survey } else { Step::Reboot };
                    let waiting = active().waiting.filter(|_| play == Play::Stays);
                    let active = ActiveRun { step, waiting, ..active() };
                    publish(&snapshot, |status| status.active = Some(active));
                    Ok(ControlAnswer::Started(Started { run: id("r-new") }))
                }
                (ControlWhat::Start(_), _) => {
                    // It is over before anybody asks: what a follower sees is then always the same.
                    let ending = if let Play::Ends(ending) = play { ending } else { Ending::Succeeded };
                    let mut end = finished("r-new", ending, &survey.0, &survey.2);
                    if let (Play::Drifts, Some(found)) = (play, &mut end.survey) {
                        found.plan.items.remove(0);
                    }
                    history.0.lock().unwrap().push(end.clone());
                    publish(&snapshot, |status| status.last_run = Some(end));
                    Ok(ControlAnswer::Started(Started { run: id("r-new") }))
                }
                (ControlWhat::Cancel(run), _) if run != id("r-new") => {
                    Err(ControlError::NotFound(format!("no run {run} is in progress")))
                }
                (ControlWhat::Cancel(_) | ControlWhat::DocumentsChanged, _) => Ok(ControlAnswer::Done),
            };
            request.answer.send(answer).ok();
        }
    };
    tokio::join!(served, daemon);
}

fn publish(snapshot: &watch::Sender<Arc<Snapshot>>, change: impl FnOnce(&mut Status)) {
    let mut status = snapshot.borrow().status.clone();
    change(&mut status);
    snapshot.send(Arc::new(Snapshot { status })).ok();
}

/// Answers documents and orders as the privileged half would, and changes nothing.
fn privileged(dir: &Path, heard: Arc<Mutex<Vec<Request>>>) {
    let path: PathBuf = dir.join("priv.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let Ok(request) = serde_json::from_str::<Request>(&line) else { continue };
            heard.lock().unwrap().push(request.clone());
            let reply = match request {
                Request::Apply { text, .. } => Reply::Done { answer: applied(&text) },
                Request::Delete { kind, name } if name == "gone" => Reply::Trouble {
                    trouble: Trouble {
                        kind: TroubleKind::Failed,
                        why: format!("there is no {kind} {name}: `patchflock get` lists what there is"),
                    },
                },
                Request::Delete { kind, name } => {
                    let entry = entry(&kind, &name, 3, true);
                    let applied = vec![Applied { entry, change: Change::Deleted, diff: String::new() }];
                    Reply::Done { answer: Answer::Applied { applied, warnings: Vec::new() } }
                }
                _ => Reply::Done { answer: Answer::Placed { order: "o-1".parse().unwrap() } },
            };
            let text = serde_json::to_string(&reply).unwrap();
            writeln!(&stream, "{{\"reply\":\"progress\",\"what\":\"checking\"}}\n{text}").ok();
        }
    });
}

fn applied(text: &str) -> Answer {
    let documents = document::parse("x", text.as_bytes()).unwrap().documents;
    let applied = documents.iter().map(|d| match d.name() {
        "careful" => Applied {
            entry: entry(d.kind().as_str(), d.name(), 2, false),
            change: Change::Updated,
            diff: "-      approve_after_days: 7\n+      approve_after_days: 30\n".into(),
        },
        name => Applied {
            entry: entry(d.kind().as_str(), name, 1, false),
            change: Change::Created,
            diff: String::new(),
        },
    });
    // As it does where a group names what is not there.
    let lost = text.contains("lost").then(|| "no baseline is called lost".to_owned());
    Answer::Applied { applied: applied.collect(), warnings: lost.into_iter().collect() }
}

fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn entry(kind: &str, name: &str, version: u64, deleted: bool) -> DocumentEntry {
    DocumentEntry {
        kind: kind.into(),
        name: name.into(),
        version,
        sha256: "00".repeat(32),
        adopted_at: at("2026-11-20T10:00:00Z"),
        by: "uid 1000 (alice)".into(),
        expires: None,
        deleted,
    }
}

/// What a survey of the sample machine finds: as runs keep it, as the file has it, and compliance at length.
fn survey() -> (Survey, serde_json::Value, NodeCompliance) {
    let inventory: Inventory = serde_json::from_str(&fixture("apt.json")).unwrap();
    let text = "kind: PatchBaseline\nname: careful\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - \
                filters: {PRIORITY: ['*']}\n      approve_after_days: 7\n      enable_non_security: true\n";
    let parsed = document::parse("careful", text.as_bytes()).unwrap().documents;
    let baseline = parsed
        .into_iter()
        .find_map(|d| match d {
            Document::PatchBaseline(baseline) => Some(baseline),
            _ => None,
        })
        .unwrap();
    let evaluation = approval::evaluate(&baseline, &inventory, at("2026-11-25T00:00:00Z")).unwrap();
    let compliance = compliance::assess(&baseline, &inventory, &evaluation, &Default::default(), false);
    let mut chosen = evaluation.decisions.iter().filter(|d| d.chosen);
    let mut plan = Plan::default();
    let held = chosen.next().unwrap();
    plan.held.push(Held {
        name: held.name.clone(),
        arch: held.arch.clone(),
        version: held.version.clone(),
        reason: "it needs libx, which no source offers".into(),
    });
    plan.items.extend(chosen.map(|d| Item {
        name: d.name.clone(),
        arch: d.arch.clone(),
        from: Some(d.installed.clone()),
        to: d.version.clone(),
        role: Role::Approved { reason: d.reason.clone() },
    }));
    let choice = Choice::Selected {
        baseline: "careful".into(),
        version: Some(2),
        why: "the patch group prod is registered with it".into(),
    };
    let file = serde_json::json!({
        "format": 1, "inventory": inventory, "evaluation": evaluation, "compliance": compliance,
        "choice": choice, "plan": plan, "of_a_newer_version": true,
    });
    let survey = Survey {
        taken_at: inventory.taken_at,
        boot_id: None,
        choice,
        plan,
        compliance: Some(ComplianceSummary::from(&compliance)),
        reboot_needed: Some(true),
        reboot_evidence: vec!["the running kernel is older than the installed one".into()],
        repaired: None,
        refresh_failed: vec![("extra".into(), "404 Not Found".into())],
        foreign_updaters: Vec::new(),
        services_to_restart: Vec::new(),
        without_match: Vec::new(),
    };
    (survey, file, compliance)
}

fn spec(name: &str) -> RunSpec {
    RunSpec {
        id: id(name),
        operation: Operation::Install,
        reboot: Default::default(),
        dry_run: false,
        trigger: Trigger::Request { by: "uid 1000 (alice)".into(), expires: at("2026-11-25T02:00:00Z") },
        order: None,
    }
}

fn active() -> ActiveRun {
    ActiveRun {
        spec: spec("r-new"),
        started_at: at("2026-11-25T01:00:00Z"),
        step: Step::Fetch,
        waiting: Some((at("2026-11-25T01:00:30Z"), "dpkg is locked by apt".into())),
        progress: Some("openssl".into()),
    }
}

fn finished(name: &str, ending: Ending, survey: &Survey, compliance: &NodeCompliance) -> RunEntry {
    let span = |step, from: &str, to: &str, trouble: Option<&str>| StepSpan {
        step,
        started_at: at(from),
        finished_at: at(to),
        trouble: trouble.map(str::to_owned),
    };
    RunEntry {
        spec: spec(name),
        started_at: at("2026-11-25T01:00:00Z"),
        finished_at: at("2026-11-25T01:02:05Z"),
        ending,
        reason: if ending == Ending::Succeeded { "everything planned was installed" } else { "no" }.into(),
        steps: vec![
            span(Step::Survey, "2026-11-25T01:00:00Z", "2026-11-25T01:00:09Z", None),
            span(Step::Fetch, "2026-11-25T01:00:09Z", "2026-11-25T01:01:00Z", Some("a mirror was slow")),
            span(Step::Transaction, "2026-11-25T01:01:00Z", "2026-11-25T01:02:05Z", None),
        ],
        survey: Some(survey.clone()),
        installed: Some(Installed {
            installed: survey.plan.items.len() - 1,
            failed: vec!["x: disk full".into()],
        }),
        hooks: vec![HookRun {
            point: HookPoint::PreInstall,
            hooks: vec![HookResult {
                name: "10-drain".into(),
                failure: None,
                output: "drained\u{1b}[31m\n".into(),
                took_ms: 1500,
            }],
        }],
        reboot: Some((Some("a".into()), Some("b".into()))),
        after: Some(ComplianceSummary::from(compliance)),
        health: Some(Health { complaints: vec!["nginx.service failed".into()] }),
    }
}

/// A record, as far as it is shown.
fn record(plan: &Plan, after: &NodeCompliance) -> serde_json::Value {
    let outcomes = plan.items.iter().enumerate().map(|(n, item)| Outcome {
        target: Target { name: item.name.clone(), arch: item.arch.clone(), version: item.to.clone() },
        from: item.from.clone(),
        result: if n == 0 { OutcomeKind::Failed { why: "disk full".into() } } else { OutcomeKind::Installed },
    });
    let report = InstallReport {
        outcomes: outcomes.collect(),
        log: (1..30).map(|n| format!("line {n}\n")).collect(),
        ..InstallReport::default()
    };
    serde_json::json!({ "format": 1, "plan": plan, "report": report, "after": after, "newer": 1 })
}

/// A dry run that ended.
fn looked(play: Play, survey: &Survey, compliance: &NodeCompliance) -> RunEntry {
    let mut end = finished("r-look", Ending::NothingToDo, survey, compliance);
    end.spec.dry_run = true;
    end.reason = "dry run: 9 would be installed, 1 held back".into();
    (end.installed, end.reboot, end.after, end.health) = (None, None, None, None);
    (end.hooks, end.steps) = (Vec::new(), Vec::new());
    if let (Play::Idle, Some(found)) = (play, &mut end.survey) {
        (found.plan, found.reboot_needed) = (Plan::default(), Some(false));
        end.reason = "dry run: 0 would be installed, 0 held back".into();
    }
    end
}

fn status(play: Play, past: &RunEntry, survey: &Survey) -> Status {
    let mut survey = survey.clone();
    if play == Play::Blind {
        survey.compliance = None;
        survey.choice = Choice::Unknown { why: "the baseline careful has expired".into() };
    }
    let task = |task: &str, run, state| OpenTask { task: task.into(), operation: None, run, state };
    let ended = TaskState::Ended { ending: Some(Ending::Succeeded), reason: "scanned".into() };
    let open = OpenWindow {
        window: "night".into(),
        start: at("2026-11-24T22:00:00Z"),
        cutoff: at("2199-01-02T00:00:00Z"),
        end: at("2199-01-02T01:00:00Z"),
        tasks: vec![
            task("INSTALL", id("r-new"), TaskState::InProgress {}),
            task("SCAN", id("r-scan"), ended),
        ],
    };
    Status {
        version: "0.1.0".into(),
        node: "n-1".parse().unwrap(),
        hostname: "web-1".into(),
        operating_system: "Debian GNU/Linux 12 (bookworm)".into(),
        tags: [("Patch Group".to_owned(), "prod".to_owned())].into(),
        started_at: at("2026-11-20T00:00:00Z"),
        active: None,
        last_run: Some(past.clone()),
        survey: Some(survey),
        survey_outdated: play == Play::Open,
        open: if play == Play::Open { vec![open] } else { Vec::new() },
        next: vec![NextRun {
            window: "night".into(),
            task: "INSTALL".into(),
            operation: Operation::Install,
            at: at("2199-01-01T22:05:00Z"),
            ahead_at: None,
        }],
        machine: None,
        warnings: vec!["unattended-upgrades also installs updates here".into()],
    }
}
