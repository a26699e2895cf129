//! The loop with a real store and a scripted privileged half: what is promised is kept over restarts.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use patchflock_api::ids::OrderId;
use patchflock_api::privileged::{Answer, Basis, Request};
use patchflock_api::run::{Ending, Health, HookRun, Installed, RebootChoice, Trouble, TroubleKind};
use patchflock_api::status::StartRun;
use patchflock_baselines::os::OperatingSystem;

use super::*;
use crate::control::Caller;
use crate::core::tests::survey;
use crate::privileged::Call;

const DEADLINE: Duration = Duration::from_secs(30);

/// Answers as told; holds the transaction until it is let go.
#[derive(Default)]
struct Script {
    asked: Mutex<Vec<Request>>,
    surveys: Mutex<VecDeque<Result<Answer, Trouble>>>,
    held: Mutex<bool>,
    let_go: Condvar,
}

impl Script {
    fn requests(&self) -> Vec<String> {
        let name = |r: &Request| serde_json::to_value(r).unwrap()["request"].as_str().unwrap().to_owned();
        self.asked.lock().unwrap().iter().map(name).collect()
    }

    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.let_go.notify_all();
    }
}

impl Privileged for Script {
    fn ask(&self, request: &Request, _: &Call, hear: &mut dyn FnMut(String)) -> Result<Answer, Trouble> {
        self.asked.lock().unwrap().push(request.clone());
        match request {
            Request::Survey { attempted, .. } => {
                let planned: &[&str] = if *attempted { &[] } else { &["tool"] };
                let found = Answer::Surveyed {
                    survey: Box::new(survey(planned, Some(false))),
                    without_match: Vec::new(),
                };
                self.surveys.lock().unwrap().pop_front().unwrap_or(Ok(found))
            }
            Request::Install { .. } => {
                hear("Setting up tool".into());
                let mut held = self.held.lock().unwrap();
                while *held {
                    held = self.let_go.wait(held).unwrap();
                }
                Ok(Answer::Installed { installed: Installed { installed: 1, failed: Vec::new() } })
            }
            Request::Hook { point, .. } => {
                Ok(Answer::Hooked { hooks: HookRun { point: *point, hooks: Vec::new() } })
            }
            Request::Health { .. } => Ok(Answer::Health { health: Health { complaints: Vec::new() } }),
            _ => Ok(Answer::Done {}),
        }
    }
}

/// A daemon that runs, and the ends to talk to it.
struct Running {
    requests: mpsc::Sender<ControlRequest>,
    seen: watch::Receiver<Arc<Snapshot>>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

fn start(dir: &std::path::Path, script: &Arc<Script>) -> Running {
    let facts = HostFacts {
        hostname: "lab".into(),
        operating_system: OperatingSystem::Debian,
        product: "Debian12".into(),
        pretty_name: "Debian".into(),
        arch: "amd64".into(),
        boot_id: Some("boot-1".into()),
        booted_at: None,
    };
    let config = Config { scan_interval_hours: 0, ..Config::default() };
    let privileged = Arc::clone(script) as Arc<dyn Privileged>;
    let mut daemon = Daemon::open(Wiring { root: Root::at(dir), config, facts, privileged }).unwrap();
    let (requests, inbox) = mpsc::channel(8);
    let Handle { snapshot, .. } = daemon.handle(requests.clone());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(daemon.run(inbox, stopped));
    Running { requests, seen: snapshot, stop, task }
}

/// An installation.
fn asked(order: Option<&str>, dry_run: bool) -> StartRun {
    let order = order.map(|order| order.parse().unwrap());
    StartRun { operation: Operation::Install, reboot: RebootChoice::Never, dry_run, order, expires: None }
}

impl Running {
    async fn ask(&self, what: ControlWhat) -> Result<ControlAnswer, ControlError> {
        let (answer, answered) = oneshot::channel();
        let by = Caller { uid: 0, pid: None, name: None };
        self.requests.send(ControlRequest { by, what, answer }).await.unwrap();
        tokio::time::timeout(DEADLINE, answered).await.unwrap().unwrap()
    }

    async fn install(&self) -> RunId {
        match self.ask(ControlWhat::Start(asked(Some("o-1"), false))).await {
            Ok(ControlAnswer::Started(started)) => started.run,
            other => panic!("{other:?}"),
        }
    }

    async fn until(&mut self, what: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let seen = tokio::time::timeout(DEADLINE, self.seen.wait_for(|s| what(s))).await.unwrap();
        Arc::clone(&seen.unwrap())
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(DEADLINE, self.task).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_run_goes_through_and_is_in_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    let mut daemon = start(dir.path(), &script);
    let run = daemon.install().await;
    let seen = daemon.until(|s| s.status.last_run.is_some()).await;
    let entry = seen.status.last_run.clone().unwrap();
    assert_eq!((entry.spec.id, entry.ending), (run.clone(), Ending::Succeeded));
    assert_eq!(script.requests(), ["survey", "fetch", "hook", "install", "hook", "survey", "health", "hook"]);
    daemon.end().await;
    // The history is there for the next life.
    let mut again = start(dir.path(), &script);
    let seen = again.until(|_| true).await;
    assert_eq!(seen.status.last_run.as_ref().map(|e| &e.spec.id), Some(&run));
    again.end().await;
}

#[tokio::test]
async fn an_installation_is_the_run_of_its_order_and_without_one_only_a_dry_run_starts() {
    let dir = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    let mut daemon = start(dir.path(), &script);
    match daemon.ask(ControlWhat::Start(asked(None, false))).await {
        Err(ControlError::Invalid(why)) => assert!(why.contains("needs an order"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(script.requests().is_empty(), "nothing was asked of the privileged half");
    let order: OrderId = "o-1".parse().unwrap();
    assert_eq!(daemon.install().await, RunId::of_order(&order));
    daemon.until(|s| s.status.last_run.is_some()).await;
    // An order is good for one run.
    match daemon.ask(ControlWhat::Start(asked(Some("o-1"), false))).await {
        Err(ControlError::Conflict(why)) => assert!(why.contains("never repeated"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(daemon.ask(ControlWhat::Start(asked(None, true))).await.is_ok());
    daemon.until(|s| s.status.last_run.as_ref().is_some_and(|r| r.spec.dry_run)).await;
    let bases: Vec<Basis> = script
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter_map(|request| match request {
            Request::Survey { basis, .. } => Some(basis.clone()),
            _ => None,
        })
        .collect();
    let ordered = Basis::Order { order };
    assert_eq!(bases, [ordered.clone(), ordered, Basis::Look {}]);
    daemon.end().await;
}

#[tokio::test]
async fn the_daemon_ends_at_once_while_a_transaction_goes_on_and_follows_it_in_its_next_life() {
    let dir = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    script.hold(true);
    let mut daemon = start(dir.path(), &script);
    let run = daemon.install().await;
    let seen = daemon.until(|s| s.status.active.as_ref().is_some_and(|a| a.progress.is_some())).await;
    assert_eq!(seen.status.active.as_ref().unwrap().progress.as_deref(), Some("Setting up tool"));
    let asked = Instant::now();
    daemon.end().await;
    assert!(asked.elapsed() < Duration::from_secs(5), "nothing is waited for");
    let token = |script: &Script| match script.asked.lock().unwrap().last() {
        Some(Request::Install { token, .. }) => *token,
        other => panic!("{other:?}"),
    };
    let before = token(&script);
    let mut daemon = start(dir.path(), &script);
    daemon.until(|s| s.status.active.as_ref().is_some_and(|a| a.progress.is_some())).await;
    assert_eq!(token(&script), before, "the same transaction is asked about");
    script.hold(false);
    let seen = daemon.until(|s| s.status.last_run.is_some()).await;
    assert_eq!(
        seen.status.last_run.as_ref().map(|e| (&e.spec.id, e.ending)),
        Some((&run, Ending::Succeeded))
    );
    daemon.end().await;
}

#[tokio::test]
async fn a_second_request_is_refused_with_the_run_that_is_in_progress() {
    let dir = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    script.hold(true);
    let mut daemon = start(dir.path(), &script);
    let run = daemon.install().await;
    let start = StartRun {
        operation: Operation::Scan,
        reboot: RebootChoice::Never,
        dry_run: false,
        order: None,
        expires: None,
    };
    match daemon.ask(ControlWhat::Start(start)).await {
        Err(ControlError::Conflict(why)) => assert!(why.contains(run.as_str()), "{why}"),
        other => panic!("{other:?}"),
    }
    daemon.until(|s| s.status.active.as_ref().is_some_and(|a| a.progress.is_some())).await;
    match daemon.ask(ControlWhat::Cancel(run)).await {
        Err(ControlError::Conflict(why)) => assert!(why.contains("never ended half-way"), "{why}"),
        other => panic!("{other:?}"),
    }
    script.hold(false);
    daemon.until(|s| s.status.last_run.is_some()).await;
    daemon.end().await;
}

#[tokio::test]
async fn a_trouble_that_passes_is_waited_for_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    let busy = Trouble { kind: TroubleKind::Busy, why: "apt-get (pid 7) holds the lock".into() };
    script.surveys.lock().unwrap().push_back(Err(busy));
    let mut daemon = start(dir.path(), &script);
    daemon.install().await;
    let seen = daemon.until(|s| s.status.active.as_ref().is_some_and(|a| a.waiting.is_some())).await;
    assert!(seen.status.active.as_ref().unwrap().waiting.as_ref().unwrap().1.contains("pid 7"));
    daemon.end().await;
    // A restart tries at once.
    let mut daemon = start(dir.path(), &script);
    daemon.until(|s| s.status.last_run.is_some()).await;
    daemon.end().await;
}
