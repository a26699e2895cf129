//! Whole lives of a node, seeded: the decider against a world that crashes between any two effects, loses power in the
//! middle of a transaction, answers late or with trouble, and goes on for days. Invariants are checked at every act, and
//! at the end everything is accounted for.

use std::collections::{BTreeMap, BTreeSet};

use patchflock_baselines::document::{self, Document};

use super::tests::{self, hooked, run_id, survey, trouble};
use super::*;
use crate::core::event::{Answer, Reboot, SlotAnswer};
use patchflock_api::run::RunEntry;
use patchflock_api::run::{Health, HookPoint, Installed, RebootChoice, TroubleKind};
use patchflock_api::status::StartRun;

const WINDOW: &str = "
kind: MaintenanceWindow
name: nightly
spec:
  schedule: cron(0 2 ? * * *)
  duration: 4h
  cutoff: 1h
  splay: 20m
  targets:
    - name: all
      targets: [{ key: InstanceIds, values: ['*'] }]
  tasks:
    - name: patch
      priority: 1
      type: INSTALL
      targets: [{ key: WindowTargetIds, values: [all] }]
      max_concurrency: '1'
      max_errors: '0'
";

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
}

fn start() -> DateTime<Utc> {
    tests::at("2026-11-20T00:00:00Z")
}

impl World {
    fn new(seed: u64) -> Self {
        let window = match document::parse("window.yaml", WINDOW.as_bytes()).unwrap().documents.remove(0) {
            Document::MaintenanceWindow(window) => window,
            other => panic!("{other:?}"),
        };
        let policy = Policy {
            windows: vec![Window { window, version: 1, expires: None }],
            scan_interval_hours: 24,
            ..Policy::default()
        };
        let node: NodeId = "n-1".parse().unwrap();
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now: start(),
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
        }
    }

    /// The agent is gone, and perhaps the power with it; then it starts.
    fn crash(&mut self) {
        self.crashes += 1;
        self.pending.clear();
        self.wake = None;
        if self.dice.one_in(2) {
            self.boots += 1;
            for (_, state) in self.transactions.values_mut() {
                if matches!(state, Transaction::Running { .. }) {
                    *state = Transaction::Interrupted;
                }
            }
        }
        let away = [1, 60, 3600, 30 * 3600][usize::try_from(self.dice.roll(4)).unwrap()];
        self.now += TimeDelta::seconds(away);
        self.core = Core::new("n-1".parse().unwrap(), self.policy.clone(), self.disk.clone());
        self.feed(Event::Started);
    }

    fn feed(&mut self, event: Event) {
        let effects = self.core.on(self.now, event);
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
                self.disk = *journal;
                self.born = self.born.or(self.disk.awake_until);
            }
            Effect::Record(entry) => {
                assert!(entry.steps.len() <= 200);
                // As the store does: once per run.
                if !self.history.iter().any(|h| h.spec.id == entry.spec.id) {
                    self.history.push(*entry);
                }
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
                self.began(&spec, act);
                self.pending.push((self.now + TimeDelta::seconds(delay), step, act, *spec));
            }
        }
    }

    /// What happens at once when a step is asked for, whether or not its answer is ever heard.
    fn began(&mut self, spec: &RunSpec, act: Act) {
        match act {
            Act::Install { token, not_after } => {
                assert!(token >= self.newest_token, "I6: tokens never fall");
                self.newest_token = token;
                if self.transactions.contains_key(&token) || not_after.is_some_and(|at| at <= self.now) {
                    return;
                }
                if let Trigger::Window { start, cutoff, .. } = &spec.trigger {
                    assert!(*start <= self.now && self.now < *cutoff, "I4: {} at {}", spec.id, self.now);
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
            Act::Reboot { not_after } if not_after.is_none_or(|at| self.now < at) => {
                self.reboots.entry(spec.id.clone()).or_insert(self.boots);
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
            Act::Install { token, .. } => match self.transactions.get_mut(&token) {
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
            Act::Reboot { .. } if self.rebooted_since(&spec.id) => {
                Answer::Rebooting(Ok(Reboot::Done { boot_id: Some(format!("boot-{}", self.boots)) }))
            }
            Act::Reboot { .. } if self.reboots.contains_key(&spec.id) => {
                // The machine goes down: the agent dies, and its answer with it.
                self.boots += 1;
                self.now += TimeDelta::seconds(30);
                self.core = Core::new("n-1".parse().unwrap(), self.policy.clone(), self.disk.clone());
                self.pending.clear();
                self.feed(Event::Started);
                return None;
            }
            Act::Reboot { .. } => Answer::Rebooting(Err(trouble(TroubleKind::Failed))),
            Act::Health => Answer::Health(bad.map_or(Ok(Health { complaints: Vec::new() }), Err)),
        })
    }

    /// Goes on to the next thing that happens.
    fn go_on(&mut self) {
        if self.troublesome && self.dice.one_in(40) {
            return self.crash();
        }
        self.pending.sort_by_key(|(at, ..)| *at);
        let next = self.pending.first().map(|(at, ..)| *at);
        let wake = self.wake.expect("there is always a wake-up");
        match next {
            Some(at) if at <= wake => {
                self.now = self.now.max(at);
                let (_, step, act, spec) = self.pending.remove(0);
                if let Some((_, Transaction::Running { until })) = match act {
                    Act::Install { token, .. } => self.transactions.get(&token),
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
}

/// Every firing that began while the world was on has its entry, exactly one.
fn accounted(world: &World) {
    let window = &world.policy.windows[0].window;
    let done = world.now - TimeDelta::hours(5);
    let born = world.born.expect("it was on disk once");
    for firing in window.occurrences(born).filter(|o| o.start > born).take_while(|o| o.start < done) {
        let id = RunId::of_window("", "nightly", firing.start, "patch");
        let entries: Vec<_> = world.history.iter().filter(|h| h.spec.id == id).collect();
        assert_eq!(entries.len(), 1, "I7: the firing of {} is accounted for once", firing.start);
    }
}

#[test]
fn whatever_happens_no_invariant_breaks_and_everything_is_accounted_for() {
    let mut crashes = 0;
    let mut installed = 0;
    for seed in 1..=300 {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            world.feed(Event::Started);
            while world.now < start() + TimeDelta::days(6) {
                world.go_on();
            }
            // Then everything heals, and all that is missing gets installed.
            world.troublesome = false;
            world.missing.insert("last".to_owned());
            let healed = world.now;
            while world.now < healed + TimeDelta::days(3) || world.disk.active.is_some() {
                world.go_on();
            }
            assert!(world.missing.len() < 12, "patched again after it healed: {:?}", world.missing);
            assert!(!world.missing.contains("last"));
            accounted(&world);
            for ((run, point), times) in &world.hooks {
                assert!(*times < 60, "{run} {point:?} was asked for {times} times");
            }
            let done = world.transactions.values().filter(|(_, t)| *t == Transaction::Done).count();
            (world.crashes, done)
        });
        let (c, i) = result.unwrap_or_else(|cause| {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(cause)
        });
        crashes += c;
        installed += i;
    }
    assert!(
        crashes > 1000 && installed > 500,
        "the world was not dull: {crashes} crashes, {installed} installed"
    );
}

#[test]
fn a_request_that_was_answered_survives_any_crash() {
    for seed in 1..=100 {
        let mut world = World::new(seed);
        world.policy.scan_interval_hours = 0;
        world.policy.windows.clear();
        world.core = Core::new("n-1".parse().unwrap(), world.policy.clone(), Journal::default());
        world.feed(Event::Started);
        let start = StartRun {
            operation: Operation::Install,
            reboot: RebootChoice::Never,
            dry_run: false,
            order: None,
            expires: None,
        };
        let event = Event::Requested { request: 1, run: run_id("r-1"), start, by: "root".into() };
        let mut promised = false;
        for effect in world.core.on(world.now, event) {
            if world.dice.one_in(5) {
                break;
            }
            promised |= matches!(effect, Effect::Reply { result: Ok(_), .. });
            world.perform(effect);
        }
        world.crash();
        for _ in 0..2000 {
            world.go_on();
        }
        let told = world.history.iter().filter(|h| h.spec.id == run_id("r-1")).count();
        assert!(told <= 1 && (told == 1 || !promised), "seed {seed}: promised {promised}, told {told}");
    }
}
