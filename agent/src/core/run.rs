//! The state machine of a run: step × answer → next step (design 3). Every pair is in the snapshot of the tests.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::run::{Choice, Ending, Operation, Step, Survey, Trouble, TroubleKind};
use patchflock_baselines::compliance::NodeStatus;

use super::{Active, Answer, Reboot, SlotAnswer};

/// First wait before a step is tried again; it doubles.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
/// Longest wait.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(10);
/// So often a step without a cutoff is tried.
const TRIES: u32 = 8;
/// So often a run plans anew because the machine changed under it.
const PLANS: u32 = 3;

/// A clock that is set right is set back by less, and its window is worth waiting for.
const SET_BACK: TimeDelta = TimeDelta::minutes(5);
/// Why a run of a window does nothing, although it began in it.
const BEFORE: &str = "the clock went back to before the window opened";

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// This step.
    Step(Step),
    /// The same step, then; and why.
    Wait(DateTime<Utc>, String),
    /// Nothing until the machine has booted.
    AwaitBoot,
    /// It is over.
    End(Ending, String),
}

impl Active {
    /// Takes the answer to the current step. `None`: it is no answer to this step, and nothing has changed.
    pub(super) fn answered(&mut self, now: DateTime<Utc>, answer: Answer) -> Option<Next> {
        let trouble = trouble_of(&answer).cloned();
        let span = |active: &mut Self| active.span(now, trouble.as_ref().map(|t| t.why.as_str()));
        let next = match (self.step, answer) {
            (Step::Survey, Answer::Surveyed(Ok(survey))) => {
                span(self);
                self.surveyed(*survey)
            }
            (Step::Fetch, Answer::Fetched(Ok(()))) => {
                span(self);
                let planned = self.survey.as_ref().map_or(0, |s| s.plan.items.len());
                match self.ahead_of() {
                    Some((window, _)) => Next::End(
                        Ending::Succeeded,
                        format!("{planned} fetched ahead of the window {window}"),
                    ),
                    None => Next::Step(Step::Slot),
                }
            }
            (Step::Slot, Answer::Slot(SlotAnswer::Granted { token })) => {
                span(self);
                self.token = Some(token);
                let planned = self.survey.as_ref().is_some_and(|s| !s.plan.items.is_empty());
                Next::Step(if planned { Step::PreInstall } else { Step::PreReboot })
            }
            (Step::Slot, Answer::Slot(SlotAnswer::Refused { until, why })) => {
                self.retries = self.retries.saturating_add(1);
                Next::Wait(until.max(now + TimeDelta::seconds(1)), why)
            }
            (Step::PreInstall, Answer::Hooked(Ok(run))) => {
                span(self);
                let failure = run.failure();
                self.hooked(run);
                match failure {
                    None => Next::Step(Step::Transaction),
                    Some(why) => {
                        self.fail(format!("{why}; nothing was installed"));
                        Next::Step(Step::OnExit)
                    }
                }
            }
            (Step::Transaction, Answer::Installed(Ok(installed))) => {
                span(self);
                self.installed = Some(installed);
                Next::Step(Step::PostInstall)
            }
            (Step::PostInstall, Answer::Hooked(Ok(run))) => {
                span(self);
                if let Some(why) = run.failure() {
                    self.fail(why);
                }
                self.hooked(run);
                Next::Step(Step::Assess)
            }
            (Step::Assess, Answer::Surveyed(Ok(survey))) => {
                span(self);
                let due = self.reboot_due(&survey);
                self.after = survey.compliance;
                Next::Step(if due { Step::PreReboot } else { Step::Health })
            }
            (Step::PreReboot, Answer::Hooked(Ok(run))) => {
                span(self);
                let failure = run.failure();
                self.hooked(run);
                match failure {
                    None => Next::Step(Step::Reboot),
                    Some(why) => {
                        self.fail(format!("{why}; the machine was not rebooted"));
                        Next::Step(Step::Health)
                    }
                }
            }
            (Step::Reboot, Answer::Rebooting(Ok(Reboot::Done { boot_id }))) => {
                span(self);
                self.rebooted = true;
                self.boot_after = boot_id;
                Next::Step(Step::Verify)
            }
            (Step::Reboot, Answer::Rebooting(Ok(Reboot::UnderWay))) => Next::AwaitBoot,
            (Step::Verify, Answer::Surveyed(Ok(survey))) => {
                span(self);
                self.after = survey.compliance;
                Next::Step(Step::Health)
            }
            (Step::Health, Answer::Health(Ok(health))) => {
                span(self);
                for complaint in &health.complaints {
                    self.fail(complaint.clone());
                }
                self.health = Some(health);
                Next::Step(Step::OnExit)
            }
            (Step::OnExit, Answer::Hooked(Ok(run))) => {
                span(self);
                if let Some(why) = run.failure() {
                    self.fail(why);
                }
                self.hooked(run);
                Next::End(self.ending(), self.summary())
            }
            (Step::Survey | Step::Assess | Step::Verify, Answer::Surveyed(Err(trouble)))
            | (Step::Fetch, Answer::Fetched(Err(trouble)))
            | (
                Step::PreInstall | Step::PostInstall | Step::PreReboot | Step::OnExit,
                Answer::Hooked(Err(trouble)),
            )
            | (Step::Transaction, Answer::Installed(Err(trouble)))
            | (Step::Reboot, Answer::Rebooting(Err(trouble)))
            | (Step::Health, Answer::Health(Err(trouble))) => {
                span(self);
                self.troubled(now, trouble)
            }
            // An answer to another kind of step.
            _ => return None,
        };
        Some(next)
    }

    fn surveyed(&mut self, survey: Survey) -> Next {
        let due = self.reboot_due(&survey);
        let planned = survey.plan.items.len();
        let held = survey.plan.held.len();
        let choice = survey.choice.clone();
        if self.interrupted > 0
            && let Some(what) = &survey.repaired
        {
            self.notes.push(format!("repaired: {what}"));
        }
        if self.boot_before.is_none() {
            self.boot_before.clone_from(&survey.boot_id);
        }
        // A slip of the pen must not look like nothing to do. A survey that is repeated says it once.
        let strangers = survey.without_match.join(", ");
        let strangers = format!("the order names what is not offered here: {strangers}");
        if !survey.without_match.is_empty() && !self.notes.contains(&strangers) {
            self.notes.push(strangers);
        }
        let seen = matches!(choice, Choice::Selected { .. })
            && held == 0
            && survey.compliance.as_ref().is_some_and(|c| c.status != NodeStatus::Unknown);
        if self.interrupted > 0 && planned == 0 && !seen {
            // An empty plan proves what was installed only where all of it can be seen.
            self.fail("what became of the interrupted transaction cannot be proven".to_owned());
        }
        self.survey = Some(survey);
        let (ending, why) = match choice {
            // After an interruption the machine is looked at whatever the documents say by now.
            _ if self.interrupted > 0 && (planned == 0 || !matches!(choice, Choice::Selected { .. })) => {
                return Next::Step(Step::Assess);
            }
            Choice::Unknown { why } if self.spec.operation == Operation::Scan => {
                (Ending::Succeeded, format!("scanned; no baseline is in effect: {why}"))
            }
            Choice::Unknown { why } | Choice::Skipped { why } => (Ending::Skipped, why),
            Choice::Selected { .. } if self.ahead_of().is_some() && planned > 0 => {
                return Next::Step(Step::Fetch);
            }
            Choice::Selected { .. } if self.ahead_of().is_some() => {
                (Ending::NothingToDo, "nothing would be installed, so nothing was fetched".to_owned())
            }
            Choice::Selected { .. } if self.spec.operation == Operation::Scan => {
                (Ending::Succeeded, "scanned".to_owned())
            }
            Choice::Selected { .. } if self.spec.dry_run => {
                (Ending::NothingToDo, format!("dry run: {planned} would be installed, {held} held back"))
            }
            Choice::Selected { .. } if planned > 0 => return Next::Step(Step::Fetch),
            Choice::Selected { .. } if due => return Next::Step(Step::Slot),
            Choice::Selected { .. } if held > 0 => {
                (Ending::NothingToDo, format!("nothing can be installed: {held} approved, and held back"))
            }
            Choice::Selected { .. } => {
                (Ending::NothingToDo, "nothing that is approved is missing".to_owned())
            }
        };
        // Planned anew after the slot was taken: what the hooks before the installation began ends like any other run.
        if self.token.is_some() {
            self.verdict = Some(ending);
            self.notes.push(why);
            return Next::Step(Step::OnExit);
        }
        let said = std::iter::once(why).chain(self.notes.iter().cloned());
        Next::End(ending, said.collect::<Vec<_>>().join("; "))
    }

    /// What follows from a step that did not do what it should.
    fn troubled(&mut self, now: DateTime<Utc>, trouble: Trouble) -> Next {
        let before = matches!(self.step, Step::Survey | Step::Fetch | Step::PreInstall | Step::Transaction);
        match trouble.kind {
            TroubleKind::Busy | TroubleKind::Unavailable => {
                self.retries = self.retries.saturating_add(1);
                // A busy machine has changed nothing: past the cutoff the run is left out, not followed any more.
                if trouble.kind == TroubleKind::Busy && self.step == Step::Transaction {
                    self.begun = false;
                }
                let limited = before && self.fetches() && self.cutoff().is_some();
                // A transaction that may be running is followed for as long as it takes.
                if limited || self.step == Step::Transaction || self.retries < TRIES {
                    let wait = FIRST_WAIT * 2_i32.pow(self.retries.saturating_sub(1).min(5));
                    return Next::Wait(now + wait.min(LONGEST_WAIT), trouble.why);
                }
            }
            TroubleKind::PlanChanged if before && self.plans_changed < PLANS => {
                self.plans_changed += 1;
                self.begun = false;
                return Next::Step(Step::Survey);
            }
            TroubleKind::Interrupted if self.step == Step::Transaction && self.interrupted == 0 => {
                self.interrupted += 1;
                self.begun = false;
                self.notes.push(format!("a transaction was interrupted: {}", trouble.why));
                return Next::Step(Step::Survey);
            }
            TroubleKind::PlanChanged | TroubleKind::Interrupted | TroubleKind::Failed => {}
        }
        self.fail(trouble.why);
        match self.step {
            Step::Survey | Step::Fetch if self.interrupted == 0 && self.token.is_none() => {
                Next::End(Ending::Failed, self.summary())
            }
            Step::Survey | Step::Fetch | Step::Slot | Step::Transaction | Step::PostInstall => {
                Next::Step(Step::Assess)
            }
            Step::PreInstall | Step::Health => Next::Step(Step::OnExit),
            Step::Assess | Step::PreReboot | Step::Reboot | Step::Verify => Next::Step(Step::Health),
            Step::OnExit => Next::End(self.ending(), self.summary()),
        }
    }

    /// The time for the current step has passed (invariant I4): what follows instead.
    pub(super) fn out_of_time(&mut self, now: DateTime<Utc>) -> Option<Next> {
        if let Some((window, start)) = self.ahead_of() {
            let late = format!("the window {window} opened before everything was fetched");
            return (start <= now).then(|| Next::End(Ending::Failed, self.with_last_trouble(late)));
        }
        if self.spec.operation == Operation::Scan || self.spec.dry_run {
            return None;
        }
        let starts = matches!(
            self.step,
            Step::Survey | Step::Fetch | Step::Slot | Step::PreInstall | Step::Transaction
        );
        let reboots = matches!(self.step, Step::PreReboot | Step::Reboot);
        let early = self.start().map(|start| start - now).filter(|early| *early > TimeDelta::zero());
        if let Some(early) = early.filter(|early| starts && !self.begun && *early <= SET_BACK) {
            return Some(Next::Wait(now + early, BEFORE.to_owned()));
        }
        let late = self.cutoff().is_some_and(|cutoff| cutoff <= now);
        if starts && !self.begun && (late || early.is_some()) {
            let what = if late { "the cutoff passed before the installation" } else { BEFORE };
            let why = self.with_last_trouble(what.to_owned());
            return match (self.interrupted > 0, self.token.is_some() || super::holds_slot(self.step)) {
                // What the interrupted transaction did still has to be proven, and Survey repairs.
                (true, _) if self.step == Step::Survey => None,
                (true, _) => {
                    self.fail(why);
                    Some(Next::Step(Step::Assess))
                }
                (false, false) => Some(Next::End(Ending::Skipped, why)),
                (false, true) => {
                    self.verdict = Some(Ending::Skipped);
                    self.notes.push(why);
                    Some(Next::Step(Step::OnExit))
                }
            };
        }
        let over = self.end().is_some_and(|end| end <= now);
        if reboots && self.reboot_asked_at.is_none() && (over || early.is_some()) {
            let why = if over { "the window is over" } else { BEFORE };
            self.notes.push(format!("the reboot was left out, because {why}"));
            return Some(Next::Step(Step::Health));
        }
        None
    }

    fn with_last_trouble(&self, why: String) -> String {
        match self.steps.iter().rev().find_map(|s| s.trouble.as_ref()) {
            Some(trouble) => format!("{why}; last trouble: {trouble}"),
            None => why,
        }
    }
}

fn trouble_of(answer: &Answer) -> Option<&Trouble> {
    match answer {
        Answer::Surveyed(r) => r.as_ref().err(),
        Answer::Fetched(r) => r.as_ref().err(),
        Answer::Rebooting(r) => r.as_ref().err(),
        Answer::Slot(_) => None,
        Answer::Hooked(r) => r.as_ref().err(),
        Answer::Installed(r) => r.as_ref().err(),
        Answer::Health(r) => r.as_ref().err(),
    }
}
