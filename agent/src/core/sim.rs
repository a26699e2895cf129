//! Whole lives of a node, seeded: the decider against a world that crashes between any two effects, loses power in the
//! middle of a transaction, answers late or with trouble, and goes on for days. Invariants are checked at every act, and
//! at the end everything is accounted for.

use std::collections::{BTreeMap, BTreeSet};

use patchflock_baselines::document::{self, Document};

use super::tests::{hooked, survey, trouble};
use super::*;
use crate::core::event::{Answer, Reboot, SlotAnswer};
use patchflock_api::run::{Health, HookPoint, Installed, RunEntry, TroubleKind};

mod lives;
mod week;

/// xorshift64*: small, seeded, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Transaction {
    Running { until: DateTime<Utc> },
    Done,
    Interrupted,
}

struct World {
    dice: Dice,
    now: DateTime<Utc>,
    policy: Policy,
    core: Core,
    /// What is on disk.
    disk: Journal,
    /// When something was on disk for the first time: before that the node knows of nothing.
    born: Option<DateTime<Utc>>,
    history: Vec<RunEntry>,
    boots: u64,
    /// Versions that are missing on the machine.
    missing: BTreeSet<String>,
    transactions: BTreeMap<u64, (RunId, Transaction)>,
    hooks: BTreeMap<(RunId, HookPoint), u32>,
    /// The boot in which a run told the machine to reboot.
    reboots: BTreeMap<RunId, u64>,
    newest_token: u64,
    /// Answers under way, with their time.
    pending: Vec<(DateTime<Utc>, StepId, Act, RunSpec)>,
    wake: Option<DateTime<Utc>>,
    crashes: u32,
    troublesome: bool,
    /// The clock jumps and the machine sleeps.
    jumps: bool,
    /// In which life a step was first written down, by its number.
    entered: BTreeMap<u64, u32>,
}

/// The windows of some documents.
fn windows_of(text: &str) -> Vec<Window> {
    let parsed = document::parse("windows.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{e:?}"));
    let window = |document| match document {
        Document::MaintenanceWindow(window) => Window { window, version: 1, expires: None },
        other => panic!("{other:?}"),
    };
    parsed.documents.into_iter().map(window).collect()
}

impl World {
    fn new(seed: u64, windows: Vec<Window>, now: DateTime<Utc>) -> Self {
        let policy =
            Policy { windows, scan_interval_hours: 24, fetch_ahead_minutes: 60, ..Policy::default() };
        let node: NodeId = "n-1".parse().unwrap();
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now,
            core: Core::new(node, policy.clone(), Journal::default()),
            policy,
            disk: Journal::default(),
            born: None,
            history: Vec::new(),
            boots: 1,
            missing: BTreeSet::new(),
            transactions: BTreeMap::new(),
            hooks: BTreeMap::new(),
            reboots: BTreeMap::new(),
            newest_token: 0,
            pending: Vec::new(),
            wake: None,
            crashes: 0,
            troublesome: true,
            jumps: false,
            entered: BTreeMap::new(),
        }
    }

    /// The agent starts from what is on disk, as `Daemon::open` does.
    fn start(&mut self) {
        self.pending.clear();
        self.wake = None;
        self.disk.learn(self.history.iter().map(|entry| &entry.spec.id));
        self.core = Core::new("n-1".parse().unwrap(), self.policy.clone(), self.disk.clone());
        self.feed(Event::Started);
    }

    /// The clock is set, or the machine sleeps and time passes without the agent.
    fn jump(&mut self) {
        let hours = [-30, -3, -1, 1, 3, 9][usize::try_from(self.dice.roll(6)).unwrap()];
        let by = TimeDelta::hours(hours) + TimeDelta::seconds(i64::try_from(self.dice.roll(3600)).unwrap());
        self.now += by;
        self.pending.iter_mut().for_each(|(at, ..)| *at += by);
        for (_, state) in self.transactions.values_mut() {
            if let Transaction::Running { until } = state {
                *until += by;
            }
        }
        // The loop notices a clock that went back; what is heard first after a sleep is anybody's guess.
        if hours < 0 || self.dice.one_in(2) {
            self.feed(Event::Woke);
        }
    }

    /// The agent is gone, and perhaps the power with it; then it starts.
    fn crash(&mut self) {
        self.crashes += 1;
        if self.dice.one_in(2) {
            self.boots += 1;
            for (_, state) in self.transactions.values_mut() {
                if matches!(state, Transaction::Running { .. }) {
                    *state = Transaction::Interrupted;
                }
            }
        }
        let longest = if self.jumps { 11 * 3600 } else { 30 * 3600 };
        let away = [1, 60, 3600, longest][usize::try_from(self.dice.roll(4)).unwrap()];
        self.now += TimeDelta::seconds(away);
        if self.dice.one_in(4) {
            // Documents changed meanwhile.
            self.policy.fingerprint = self.crashes.to_string();
        }
        self.start();
    }

    fn feed(&mut self, event: Event) {
        let effects = self.core.on(self.now, event);
        if let Some((window, start)) = self.core.journal().active.as_ref().and_then(Active::ahead_of) {
            assert!(self.now < start, "still looking ahead of {window}, which opened at {start}");
        }
        for effect in effects {
            if self.troublesome && self.dice.one_in(60) {
                return self.crash();
            }
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Persist(journal) => {
                if let Some(active) = &journal.active {
                    self.entered.entry(active.number).or_insert(self.crashes);
                }
                self.disk = *journal;
                self.born = self.born.or(self.disk.awake_until);
            }
            Effect::Record(entry) => {
                assert!(entry.steps.len() <= 200);
                // The store would take it once; nothing makes use of that.
                let told = self.history.iter().find(|h| h.spec.id == entry.spec.id);
                assert!(told.is_none(), "I8: {told:?} and then {entry:?}");
                self.history.push(*entry);
            }
            Effect::WakeAt(at) => {
                assert!(at > self.now, "a wake-up lies ahead");
                self.wake = Some(at);
            }
            Effect::Reply { .. } | Effect::ReleaseSlot { .. } => {}
            Effect::Do { step, spec, act } => {
                let written = self.disk.active.as_ref().expect("written before it is done");
                assert_eq!(written.id(), step, "the journal knows the step before it is done");
                assert!(!self.disk.has_ended(&spec.id), "I8: a run that ended does nothing");
                // Cancelled steps are hung up on: one at a time.
                self.pending.clear();
                let delay = 1 + i64::try_from(self.dice.roll(600)).unwrap();
                // Asked for in the life that decided it: later it may be a question about what was done before.
                let decided = self.entered.get(&step.number) == Some(&self.crashes);
                self.began(&spec, act, decided);
                self.pending.push((self.now + TimeDelta::seconds(delay), step, act, *spec));
            }
        }
    }

    /// What happens at once when a step is asked for, whether or not its answer is ever heard.
    fn began(&mut self, spec: &RunSpec, act: Act, decided: bool) {
        let (start, cutoff, end) = match &spec.trigger {
            Trigger::Window { start, cutoff, end, .. } => (*start, *cutoff, *end),
            Trigger::Request { expires, .. } => {
                (DateTime::<Utc>::MIN_UTC, *expires, DateTime::<Utc>::MAX_UTC)
            }
            Trigger::Ahead { start, .. } => {
                assert!(matches!(act, Act::Survey { .. } | Act::Fetch), "{act} ahead of a window");
                assert!(self.now < *start, "{act} at {} ahead of a window that is open", self.now);
                return;
            }
            Trigger::Routine {} => {
                return assert!(matches!(act, Act::Survey { .. }), "{act} in a routine scan");
            }
        };
        match act {
            Act::Install { token } => {
                assert!(token >= self.newest_token, "I6: tokens never fall");
                self.newest_token = token;
                if self.transactions.contains_key(&token) {
                    return;
                }
                let inside = start <= self.now && self.now < cutoff;
                assert!(inside || !decided, "I4: {} at {}", spec.id, self.now);
                if !inside {
                    // The privileged half refuses by itself.
                    return;
                }
                let mine = self.transactions.values().filter(|(run, _)| *run == spec.id);
                for (_, state) in mine {
                    assert_eq!(
                        *state,
                        Transaction::Interrupted,
                        "I8: only an interrupted one is tried again"
                    );
                }
                let until = self.now + TimeDelta::seconds(i64::try_from(self.dice.roll(400)).unwrap());
                self.transactions.insert(token, (spec.id.clone(), Transaction::Running { until }));
                let count = self.transactions.values().filter(|(run, _)| *run == spec.id).count();
                assert!(count <= 2, "I8: {count} transactions of {}", spec.id);
            }
            Act::Hook(point) => *self.hooks.entry((spec.id.clone(), point)).or_default() += 1,
            Act::Reboot if !self.reboots.contains_key(&spec.id) => {
                let inside = start <= self.now && self.now < end;
                assert!(inside || !decided, "I4: {} reboots at {}", spec.id, self.now);
                if inside {
                    self.reboots.insert(spec.id.clone(), self.boots);
                }
            }
            _ => {}
        }
    }

    fn rebooted_since(&self, run: &RunId) -> bool {
        self.reboots.get(run).is_some_and(|boot| *boot != self.boots)
    }

    fn answer(&mut self, act: Act, spec: &RunSpec) -> Option<Answer> {
        let bad = (self.troublesome && self.dice.one_in(8)).then(|| {
            let kinds =
                [TroubleKind::Busy, TroubleKind::Unavailable, TroubleKind::PlanChanged, TroubleKind::Failed];
            trouble(kinds[usize::try_from(self.dice.roll(4)).unwrap()])
        });
        Some(match act {
            Act::Survey { .. } => Answer::Surveyed(match bad {
                Some(bad) => Err(bad),
                None => {
                    let names: Vec<&str> = self.missing.iter().map(String::as_str).collect();
                    let reboot = self.troublesome && self.dice.one_in(3);
                    Ok(Box::new(survey(&names, Some(reboot))))
                }
            }),
            Act::Fetch => Answer::Fetched(bad.map_or(Ok(()), Err)),
            Act::AcquireSlot => {
                let token = self.newest_token.max(self.transactions.keys().max().copied().unwrap_or(0)) + 1;
                self.newest_token = token;
                Answer::Slot(SlotAnswer::Granted { token })
            }
            Act::Hook(point) => {
                let why = (self.troublesome && self.dice.one_in(12)).then_some("exit 1");
                Answer::Hooked(bad.map_or(Ok(hooked(point, why)), Err))
            }
            Act::Install { token } => match self.transactions.get_mut(&token) {
                None => Answer::Installed(Err(trouble(TroubleKind::Interrupted))),
                Some((_, Transaction::Interrupted)) => {
                    Answer::Installed(Err(trouble(TroubleKind::Interrupted)))
                }
                Some((_, state)) => {
                    *state = Transaction::Done;
                    let installed = std::mem::take(&mut self.missing).len();
                    Answer::Installed(Ok(Installed { installed, failed: Vec::new() }))
                }
            },
            Act::Reboot if self.rebooted_since(&spec.id) => {
                Answer::Rebooting(Ok(Reboot::Done { boot_id: Some(format!("boot-{}", self.boots)) }))
            }
            Act::Reboot if self.reboots.contains_key(&spec.id) => {
                // The machine goes down: the agent dies, and its answer with it.
                self.boots += 1;
                self.now += TimeDelta::seconds(30);
                self.crashes += 1;
                self.start();
                return None;
            }
            Act::Reboot => Answer::Rebooting(Err(trouble(TroubleKind::Failed))),
            Act::Health => Answer::Health(bad.map_or(Ok(Health { complaints: Vec::new() }), Err)),
        })
    }

    /// Goes on to the next thing that happens.
    fn go_on(&mut self) {
        if self.troublesome && self.dice.one_in(40) {
            return self.crash();
        }
        if self.jumps && self.dice.one_in(60) {
            return self.jump();
        }
        self.pending.sort_by_key(|(at, ..)| *at);
        let next = self.pending.first().map(|(at, ..)| *at);
        let wake = self.wake.expect("there is always a wake-up");
        match next {
            Some(at) if at <= wake => {
                self.now = self.now.max(at);
                let (_, step, act, spec) = self.pending.remove(0);
                if let Some((_, Transaction::Running { until })) = match act {
                    Act::Install { token } => self.transactions.get(&token),
                    _ => None,
                } {
                    self.now = self.now.max(*until);
                }
                if let Some(answer) = self.answer(act, &spec) {
                    self.feed(Event::Answered { step, answer });
                }
            }
            _ => {
                self.now = self.now.max(wake);
                // A day brings new versions.
                if self.dice.one_in(6) {
                    self.missing.insert(format!("p{}", self.dice.roll(50)));
                }
                self.feed(Event::Woke);
            }
        }
    }
    /// Every firing that began while the world was on and is over has its entry, exactly one (I7), and what was installed
    /// was installed by the run that says so (I8).
    fn accounted(&self) -> usize {
        let born = self.born.expect("it was on disk once");
        let done = self.now - TimeDelta::hours(1);
        let mut firings = 0;
        for Window { window, expires, .. } in &self.policy.windows {
            let over = window.occurrences(born).filter(|o| o.start > born && o.frozen.is_none());
            for firing in over.take_while(|o| o.end < done && expires.is_none_or(|e| o.start < e)) {
                for task in &window.tasks {
                    let id = RunId::of_window("", &window.name, firing.start, &task.name);
                    let entries = self.history.iter().filter(|h| h.spec.id == id).count();
                    assert_eq!(
                        entries, 1,
                        "I7: {} {} of {} is accounted for",
                        window.name, task.name, firing.start
                    );
                    firings += 1;
                }
            }
        }
        for (run, _) in self.transactions.values().filter(|(_, t)| *t == Transaction::Done) {
            let entry = self.history.iter().find(|h| h.spec.id == *run);
            assert!(entry.is_some_and(|e| e.installed.is_some()), "I8: {run} installed: {entry:?}");
        }
        firings
    }
}
