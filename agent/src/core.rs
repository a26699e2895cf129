//! The decider: facts in, actions out. No input or output, no clock, no randomness (design 3).
//!
//! [`Core::on`] is given what happened and when, and says what to do, in order. What must survive is in the
//! [`Journal`], which is written before anything that depends on it is done. Any action may be carried out twice; each
//! step of a run has a number, and an answer with another number changes nothing.

mod active;
mod ahead;
mod effect;
mod event;
mod journal;
mod run;
mod settle;
#[cfg(test)]
mod sim;
#[cfg(test)]
pub(crate) mod tests;
mod windows;

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::{NodeId, RunId};
use patchflock_api::run::{Ending, Operation, RunSpec, Step, Survey, Trigger};
use patchflock_api::status::{NextRun, OpenWindow};

pub use active::Active;
pub use effect::{Act, Effect};
pub use event::{Answer, Event, Policy, Reboot, Refusal, SlotAnswer, StepId, Window};
pub use journal::{ENDED_CAP, Journal};

/// Woken at least so often, so that the journal tells until when the machine was awake.
const HEARTBEAT: TimeDelta = TimeDelta::hours(1);
/// Woken so much too late, the machine slept.
const ASLEEP: TimeDelta = TimeDelta::minutes(5);

/// The decider of one node.
#[derive(Debug, Clone)]
pub struct Core {
    node: NodeId,
    policy: Policy,
    journal: Journal,
    /// Since when this node has been able to start what is due.
    back_at: DateTime<Utc>,
    /// When it asked to be woken last.
    wake_at: Option<DateTime<Utc>>,
    /// Answers that came too late or from elsewhere.
    strays: u64,
}

/// What everybody may see.
#[derive(Debug, Clone, PartialEq)]
pub struct View<'a> {
    /// The run in progress.
    pub active: Option<&'a Active>,
    /// Newest survey of the machine.
    pub survey: Option<&'a Survey>,
    /// It was made under another policy than the one that was read last.
    pub outdated: bool,
    /// Windows that are open, without the endings of what is over in them.
    pub open: Vec<OpenWindow>,
    /// Coming runs, soonest first.
    pub next: Vec<NextRun>,
    /// Answers that changed nothing, because they came late or from elsewhere.
    pub strays: u64,
}

impl Core {
    /// A decider that has not started: give it [`Event::Started`] first.
    pub fn new(node: NodeId, policy: Policy, journal: Journal) -> Self {
        let back_at = DateTime::<Utc>::MIN_UTC;
        Self { node, policy, journal, back_at, wake_at: None, strays: 0 }
    }

    /// What follows from a fact.
    pub fn on(&mut self, now: DateTime<Utc>, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        // Whatever is heard first after a sleep: the wake-up may come after an answer.
        if event != Event::Started && self.wake_at.is_some_and(|at| now > at + ASLEEP) {
            self.back_at = now;
            self.missed(now, &mut out);
        }
        match event {
            Event::Started => self.started(now, &mut out),
            // What was found by the old documents is not what is true by the new ones: see `routine_at`.
            Event::PolicyRead { policy } => self.policy = policy,
            Event::Woke => self.woke(now, &mut out),
            Event::Requested { request, run, start, by } => {
                self.requested(now, request, run, start, by, &mut out)
            }
            Event::CancelRequested { request, run, by } => self.cancel(now, request, &run, &by, &mut out),
            Event::Answered { step, answer } => self.answered(now, &step, answer, &mut out),
        }
        self.settle(now, &mut out);
        out
    }

    /// What everybody may see.
    pub fn view(&self, now: DateTime<Utc>) -> View<'_> {
        View {
            active: self.journal.active.as_ref(),
            survey: self.journal.survey.as_ref(),
            outdated: self.journal.survey.is_some()
                && self.journal.survey_policy.as_deref() != Some(self.policy.fingerprint.as_str()),
            open: windows::open(&self.policy, &self.node, &self.journal, now),
            next: windows::coming(&self.policy, &self.node, now),
            strays: self.strays,
        }
    }

    /// What must survive.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn started(&mut self, now: DateTime<Utc>, out: &mut Vec<Effect>) {
        self.back_at = now;
        self.missed(now, out);
        if let Some(active) = &mut self.journal.active {
            active.after_start(now);
            self.perform(now, out);
        }
    }

    fn woke(&mut self, now: DateTime<Utc>, out: &mut Vec<Effect>) {
        if let Some(active) = &mut self.journal.active {
            // A clock that went back behind the step would make the run wait until it has come round again.
            let went_back = active.step_started_at > now;
            if active.waiting.as_ref().is_some_and(|(until, _)| *until <= now || went_back) {
                active.waiting = None;
                self.perform(now, out);
            } else if active.reboot_overdue(now) {
                let next = active.no_reboot(now);
                self.go(now, next, out);
            }
        }
    }

    fn requested(
        &mut self,
        now: DateTime<Utc>,
        request: u64,
        run: RunId,
        start: patchflock_api::status::StartRun,
        by: String,
        out: &mut Vec<Effect>,
    ) {
        // The agent's own look at the machine gives way to whoever asks for something.
        if self.journal.active.as_ref().is_some_and(Active::is_own) {
            self.end(now, Ending::Cancelled, format!("gave way to a request by {by}"), out);
        }
        let refusal = match &self.journal.active {
            Some(active) => Some(Refusal::Busy { run: active.spec.id.clone(), step: active.step }),
            None if self.journal.has_ended(&run) => Some(Refusal::DoneBefore { run: run.clone() }),
            None => None,
        };
        if let Some(refusal) = refusal {
            out.push(Effect::Reply { request, result: Err(refusal) });
            return;
        }
        let expires = start.expires.unwrap_or(now + TimeDelta::hours(1));
        let spec = RunSpec {
            id: run.clone(),
            operation: start.operation,
            reboot: start.reboot,
            dry_run: start.dry_run,
            trigger: Trigger::Request { by, expires },
            order: start.order,
        };
        self.begin(now, spec, out);
        // The answer comes after the journal is written: what was promised survives a crash.
        out.push(Effect::Reply { request, result: Ok(run) });
    }

    fn cancel(&mut self, now: DateTime<Utc>, request: u64, run: &RunId, by: &str, out: &mut Vec<Effect>) {
        let refusal = match &self.journal.active {
            Some(active) if active.spec.id == *run && active.may_cancel() => None,
            Some(active) if active.spec.id == *run => Some(Refusal::TooLate { step: active.step }),
            _ => Some(Refusal::NotActive { run: run.clone() }),
        };
        match refusal {
            Some(refusal) => out.push(Effect::Reply { request, result: Err(refusal) }),
            None => {
                self.end(now, Ending::Cancelled, format!("cancelled by {by}"), out);
                out.push(Effect::Reply { request, result: Ok(run.clone()) });
            }
        }
    }

    fn answered(&mut self, now: DateTime<Utc>, step: &StepId, answer: Answer, out: &mut Vec<Effect>) {
        let Some(active) = &mut self.journal.active else {
            self.strays += 1;
            return;
        };
        if active.spec.id != step.run || active.number != step.number || active.waiting.is_some() {
            self.strays += 1;
            return;
        }
        if let Answer::Surveyed(Ok(survey)) = &answer {
            self.journal.survey = Some((**survey).clone());
            self.journal.survey_policy.clone_from(&active.surveyed_under);
        }
        match active.answered(now, answer) {
            Some(next) => self.go(now, next, out),
            None => self.strays += 1,
        }
    }

    /// Does what the run's state machine said.
    fn go(&mut self, now: DateTime<Utc>, next: run::Next, out: &mut Vec<Effect>) {
        match next {
            run::Next::Step(step) => {
                let number = self.journal.take_number();
                if let Some(active) = &mut self.journal.active {
                    active.enter(now, step, number);
                }
                self.perform(now, out);
            }
            run::Next::Wait(until, why) => {
                if let Some(active) = &mut self.journal.active {
                    active.waiting = Some((until, why));
                    // The answer to the step before the wait must not count for the one after it.
                    active.number = self.journal.next_number;
                    self.journal.next_number += 1;
                }
                out.push(Effect::Persist(Box::new(self.journal.clone())));
            }
            run::Next::AwaitBoot => out.push(Effect::Persist(Box::new(self.journal.clone()))),
            run::Next::End(ending, reason) => self.end(now, ending, reason, out),
        }
    }

    /// Carries out the current step, unless its time has passed.
    fn perform(&mut self, now: DateTime<Utc>, out: &mut Vec<Effect>) {
        let Some(active) = &mut self.journal.active else { return };
        if let Some(next) = active.out_of_time(now) {
            self.go(now, next, out);
            return;
        }
        active.performing(now);
        if matches!(active.act(), Act::Survey { .. }) {
            active.surveyed_under = Some(self.policy.fingerprint.clone());
        }
        let (step, act, spec) = (active.id(), active.act(), active.spec.clone());
        out.push(Effect::Persist(Box::new(self.journal.clone())));
        out.push(Effect::Do { step, spec: Box::new(spec), act });
    }

    fn begin(&mut self, now: DateTime<Utc>, spec: RunSpec, out: &mut Vec<Effect>) {
        let number = self.journal.take_number();
        self.journal.active = Some(Active::new(spec, now, number));
        self.perform(now, out);
    }

    fn end(&mut self, now: DateTime<Utc>, ending: Ending, reason: String, out: &mut Vec<Effect>) {
        let Some(active) = self.journal.active.take() else { return };
        if active.spec.operation == Operation::Scan {
            self.journal.last_scan_run = Some(now);
            self.journal.last_scan_policy.clone_from(&active.surveyed_under);
        }
        let (run, token, entry) = (active.spec.id.clone(), active.token, active.entry(now, ending, reason));
        // First the history, then the journal that no longer knows the run: a crash between the two repeats the
        // entry, which the history takes once.
        out.push(Effect::Record(Box::new(entry)));
        self.journal.ended(run.clone());
        out.push(Effect::Persist(Box::new(self.journal.clone())));
        if let Some(token) = token {
            out.push(Effect::ReleaseSlot { run, token, failed: ending == Ending::Failed });
        }
    }
}

/// Whether a step needs the slot: what disturbs the machine, or happens while it is disturbed.
fn holds_slot(step: Step) -> bool {
    !matches!(step, Step::Survey | Step::Fetch | Step::Slot)
}
