//! The loop: facts to the decider, its actions to the world. Only here both sides are seen.
//!
//! Actions are carried out in order. The journal and the history are written on this thread, before what depends on
//! them; what takes long runs on a thread of its own and comes back as a fact.

mod facets;
mod perform;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_api::config::Config;
use patchflock_api::ids::RunId;
use patchflock_api::run::{Ending, Operation, RunEntry};
use patchflock_api::status::Started;
use patchflock_machine::host::HostFacts;
use patchflock_machine::root::Root;
use tokio::sync::{mpsc, oneshot, watch};

use crate::control::{
    ControlAnswer, ControlError, ControlRequest, ControlWhat, DocumentFiles, Files, Handle, Snapshot,
};
use crate::core::{Core, Event, Journal, Refusal, StepId};
use crate::privileged::{Call, Privileged};
use crate::slot::Slots;
use crate::store::{JournalRead, Store};
use crate::{clock, policy};

/// Facts that may wait for the loop: requests are bounded by their connections, answers by the one step at a time.
const QUEUE: usize = 64;
/// Runs of the history that the decider learns of when it starts. One crash loses the last; a lost journal loses all, and
/// these are as many as a node has in some days.
const KNOWN: usize = 50;
/// The clock of the wall is looked at so often: it can jump, and a machine can sleep.
const LOOK: Duration = Duration::from_secs(60);
/// Why an installation without an order is not even tried: the privileged half would refuse it.
const NO_ORDER: &str = "an installation needs an order: place one with patchflock-priv first and name it, as `patchflock \
                        install` does; without one there are scans and dry runs";
/// The newest survey, whole, as the privileged half left it.
const SURVEY: &str = "/var/lib/patchflock/survey.json";
/// Its records of transactions.
const RUNS: &str = "/var/lib/patchflock/runs";

/// What the daemon runs on.
pub struct Wiring {
    /// The machine's files.
    pub root: Root,
    /// Its configuration.
    pub config: Config,
    /// What it is.
    pub facts: HostFacts,
    /// The half that runs as root.
    pub privileged: Arc<dyn Privileged>,
}

/// What comes to the loop.
enum Input {
    Event(Event),
    Progress(StepId, String),
}

/// The loop and what it holds.
pub struct Daemon {
    wiring: Wiring,
    core: Core,
    store: Arc<Store>,
    slots: Slots,
    inbox: mpsc::Receiver<Input>,
    outbox: mpsc::Sender<Input>,
    /// What everybody may see; `None` until the first is published.
    snapshot: Option<watch::Sender<Arc<Snapshot>>>,
    /// Who waits for the answer to a request, and whether it is one to start a run.
    waiting: BTreeMap<u64, (oneshot::Sender<Result<ControlAnswer, ControlError>>, bool)>,
    next_request: u64,
    /// The step that is carried out, so that it can be hung up on.
    call: Option<(StepId, Arc<Call>)>,
    progress: Option<(StepId, String)>,
    /// Facts of our own making, before anything that comes from outside.
    backlog: VecDeque<Event>,
    last_run: Option<RunEntry>,
    /// How runs of windows that are still open ended.
    ended: BTreeMap<RunId, (Ending, String)>,
    wake_at: Option<DateTime<Utc>>,
    last_seen: DateTime<Utc>,
    started_at: DateTime<Utc>,
    /// What people should know for as long as this process lives.
    lasting: Vec<String>,
    /// What they should know of documents and configuration, and of what cannot be written now.
    warnings: Vec<String>,
    /// Then the documents have to be read again: one expires.
    policy_until: Option<DateTime<Utc>>,
}

impl Daemon {
    /// Reads what is on disk.
    ///
    /// # Errors
    /// The agent's own directory cannot be used.
    pub fn open(wiring: Wiring) -> anyhow::Result<Self> {
        let now = clock::now();
        let root = wiring.root.clone();
        let store = Store::open(&wiring.root, Box::new(move |entry| facets::of(entry, &root)))?;
        let read: JournalRead<Journal> = store.journal().read()?;
        let policy = policy::read(&wiring.root, &wiring.config, &wiring.facts.hostname, now);
        let mut lasting = store.warnings();
        lasting.extend(read.warning);
        let newest = store.newest(KNOWN, None, None).context("reading the history")?;
        let mut journal = read.payload.unwrap_or_default();
        journal.learn(newest.iter().rev().map(|entry| &entry.spec.id));
        let core = Core::new(store.node_id().clone(), policy.policy, journal);
        let (outbox, inbox) = mpsc::channel(QUEUE);
        let slots = Slots::new(store.directory().join("token"));
        let last_run = newest.into_iter().next();
        let mut daemon = Self {
            wiring,
            core,
            store: Arc::new(store),
            slots,
            inbox,
            outbox,
            snapshot: None,
            waiting: BTreeMap::new(),
            next_request: 1,
            call: None,
            progress: None,
            backlog: VecDeque::new(),
            last_run,
            ended: BTreeMap::new(),
            wake_at: None,
            last_seen: now,
            started_at: now,
            lasting,
            warnings: policy.warnings,
            policy_until: policy.until,
        };
        for warning in daemon.lasting.iter().chain(&daemon.warnings) {
            tracing::warn!("{warning}");
        }
        daemon.publish();
        Ok(daemon)
    }

    /// What the local API answers from, and where its requests go.
    pub fn handle(&mut self, requests: mpsc::Sender<ControlRequest>) -> Handle {
        let snapshot = match &self.snapshot {
            Some(sender) => sender.subscribe(),
            None => self.publish(),
        };
        let root = &self.wiring.root;
        Handle {
            snapshot,
            requests,
            history: Arc::clone(&self.store) as Arc<dyn crate::control::History>,
            documents: Arc::new(DocumentFiles::new(root.clone())),
            files: Files { survey: root.path(SURVEY), runs: root.path(RUNS) },
        }
    }

    /// Runs until `stop` is given. A transaction goes on without us and is followed after the next start.
    pub async fn run(
        mut self,
        mut requests: mpsc::Receiver<ControlRequest>,
        mut stop: oneshot::Receiver<()>,
    ) -> anyhow::Result<()> {
        self.feed(Event::Started).await;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let until = self.until_wake();
            tokio::select! {
                biased;
                _ = &mut stop => break,
                input = self.inbox.recv() => match input {
                    Some(Input::Event(event)) => self.feed(event).await,
                    Some(Input::Progress(step, what)) => {
                        self.progress = Some((step, what));
                        self.publish();
                    }
                    // We hold a sender ourselves.
                    None => break,
                },
                Some(request) = requests.recv() => self.asked(request).await,
                () = tokio::time::sleep(until) => self.feed(Event::Woke).await,
                _ = look.tick() => {
                    // A clock that went back would keep us asleep until it has come round again.
                    let now = clock::now();
                    if now < self.last_seen {
                        tracing::warn!("the clock went back from {} to {now}", self.last_seen);
                        self.feed(Event::Woke).await;
                    }
                    self.last_seen = now;
                    if self.policy_until.is_some_and(|until| until <= now) {
                        self.read_policy().await;
                    }
                }
            }
        }
        // What may be ended is ended by its connection; the journal knows where we are.
        if let Some((_, call)) = self.call.take() {
            call.hang_up();
        }
        Ok(())
    }

    fn until_wake(&self) -> Duration {
        let left = self.wake_at.map(|at| at - clock::now());
        let left = left.and_then(|left| left.to_std().ok()).unwrap_or(Duration::ZERO);
        // Time does not pass for a sleeper while the machine sleeps: no longer than a look at the clock.
        if self.wake_at.is_some() { left.min(LOOK) } else { LOOK }
    }

    async fn feed(&mut self, event: Event) {
        self.take(event).await;
        while let Some(event) = self.backlog.pop_front() {
            self.take(event).await;
        }
        self.publish();
    }

    async fn take(&mut self, event: Event) {
        let now = clock::now();
        // Woken early by the bound of a sleep: nothing has happened.
        if event == Event::Woke && now >= self.last_seen && self.wake_at.is_some_and(|at| now < at) {
            self.last_seen = now;
            return;
        }
        self.last_seen = now;
        for effect in self.core.on(now, event) {
            self.perform(effect).await;
        }
        self.hang_up_on_the_past();
    }

    /// A step that is no longer the current one is not waited for.
    fn hang_up_on_the_past(&mut self) {
        let current = self.core.journal().active.as_ref().map(crate::core::Active::id);
        if let Some((step, call)) = &self.call
            && Some(step) != current.as_ref()
        {
            call.hang_up();
            self.call = None;
        }
    }

    /// What the documents say now.
    async fn read_policy(&mut self) {
        let Wiring { root, config, facts, .. } = &self.wiring;
        let read = policy::read(root, config, &facts.hostname, clock::now());
        self.warnings = read.warnings;
        self.policy_until = read.until;
        self.feed(Event::PolicyRead { policy: read.policy }).await;
    }

    async fn asked(&mut self, request: ControlRequest) {
        let ControlRequest { by, what, answer } = request;
        let number = self.next_request;
        self.next_request += 1;
        let starts = matches!(what, ControlWhat::Start(_));
        let event = match what {
            ControlWhat::Start(start) => {
                let run = match &start.order {
                    Some(order) => RunId::of_order(order),
                    None if start.operation == Operation::Install && !start.dry_run => {
                        answer.send(Err(ControlError::Invalid(NO_ORDER.into()))).ok();
                        return;
                    }
                    None => {
                        let now = clock::now().timestamp_micros();
                        RunId::of_request(&format!("{} {now} {number}", self.store.node_id()))
                    }
                };
                Event::Requested { request: number, run, start, by: by.to_string() }
            }
            ControlWhat::Cancel(run) => Event::CancelRequested { request: number, run, by: by.to_string() },
            ControlWhat::DocumentsChanged => {
                self.read_policy().await;
                answer.send(Ok(ControlAnswer::Done)).ok();
                return;
            }
        };
        self.waiting.insert(number, (answer, starts));
        self.feed(event).await;
    }

    fn reply(&mut self, request: u64, result: Result<RunId, Refusal>) {
        let Some((answer, starts)) = self.waiting.remove(&request) else { return };
        // Whoever is told of a run looks for it in what is published.
        self.publish();
        let result = result
            .map(|run| if starts { ControlAnswer::Started(Started { run }) } else { ControlAnswer::Done });
        let result = match result {
            Ok(answer) => Ok(answer),
            Err(refusal @ Refusal::NotActive { .. }) => Err(ControlError::NotFound(refusal.to_string())),
            Err(refusal) => Err(ControlError::Conflict(refusal.to_string())),
        };
        // Whoever asked may have gone.
        answer.send(result).ok();
    }
}

impl crate::control::History for Store {
    fn newest(
        &self,
        limit: usize,
        package: Option<&str>,
        cve: Option<&str>,
    ) -> anyhow::Result<Vec<RunEntry>> {
        Ok(Self::newest(self, limit, package, cve)?)
    }

    fn one(&self, run: &RunId) -> anyhow::Result<Option<RunEntry>> {
        Ok(Self::one(self, run)?)
    }
}
