//! The run in progress: what is known of it, and what it may still do.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::run::{
    ComplianceSummary, Ending, Health, HookPoint, HookRun, Installed, Operation, RebootChoice, RunEntry,
    RunSpec, Step, StepSpan, Survey, Trigger,
};
use serde::{Deserialize, Serialize};

use super::{Act, StepId, run};

/// A machine that was told to reboot has so long to do it.
const REBOOT: TimeDelta = TimeDelta::minutes(45);
/// Spans kept of one run: retries come on top of the twelve steps.
const SPANS_CAP: usize = 200;

/// A run in progress. Everything that its next step depends on is here, and so in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Active {
    /// What it is.
    pub spec: RunSpec,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Where it is.
    pub step: Step,
    /// Number of this step: answers to others do not count.
    pub number: u64,
    /// When this step began.
    pub step_started_at: DateTime<Utc>,
    /// Steps that are over.
    pub steps: Vec<StepSpan>,
    /// It waits until then before it tries the step again, and why.
    pub waiting: Option<(DateTime<Utc>, String)>,
    /// How often this step was tried without success.
    pub retries: u32,
    /// How often the machine turned out to be other than planned for.
    pub plans_changed: u32,
    /// How many transactions ended without a report.
    pub interrupted: u32,
    /// Token of the slot it holds.
    pub token: Option<u64>,
    /// The transaction may have begun: from here on it is followed, whatever the time.
    pub begun: bool,
    /// The newest survey before the installation.
    pub survey: Option<Survey>,
    /// Fingerprint of the policy when the machine was last looked at.
    #[serde(default)]
    pub surveyed_under: Option<String>,
    /// What the transaction did.
    pub installed: Option<Installed>,
    /// What the hooks did.
    pub hooks: Vec<HookRun>,
    /// Boot id at its first survey.
    pub boot_before: Option<String>,
    /// The reboot was asked for then.
    pub reboot_asked_at: Option<DateTime<Utc>>,
    /// Boot id after the reboot.
    pub boot_after: Option<String>,
    /// It has rebooted.
    pub rebooted: bool,
    /// Compliance after the installation.
    pub after: Option<ComplianceSummary>,
    /// Whether the machine is well.
    pub health: Option<Health>,
    /// How it will end, where that is settled before its end.
    pub verdict: Option<Ending>,
    /// What people should know, in order.
    pub notes: Vec<String>,
}

impl Active {
    pub(super) fn new(spec: RunSpec, now: DateTime<Utc>, number: u64) -> Self {
        Self {
            spec,
            started_at: now,
            step: Step::Survey,
            number,
            step_started_at: now,
            steps: Vec::new(),
            waiting: None,
            retries: 0,
            plans_changed: 0,
            interrupted: 0,
            token: None,
            begun: false,
            survey: None,
            surveyed_under: None,
            installed: None,
            hooks: Vec::new(),
            boot_before: None,
            reboot_asked_at: None,
            boot_after: None,
            rebooted: false,
            after: None,
            health: None,
            verdict: None,
            notes: Vec::new(),
        }
    }

    /// The agent does it of its own accord, and gives way to whoever asks for something.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.spec.trigger, Trigger::Routine {} | Trigger::Ahead { .. })
    }

    /// It downloads what is planned.
    pub(super) fn fetches(&self) -> bool {
        self.spec.operation == Operation::Install || self.ahead_of().is_some()
    }

    /// The window ahead of which it looks and downloads, and when that opens.
    pub(super) fn ahead_of(&self) -> Option<(&str, DateTime<Utc>)> {
        match &self.spec.trigger {
            Trigger::Ahead { window, start, .. } => Some((window, *start)),
            _ => None,
        }
    }

    /// The id of its current step.
    pub fn id(&self) -> StepId {
        StepId { run: self.spec.id.clone(), number: self.number }
    }

    /// Nothing was disturbed yet: no slot was ever taken, and so no hook has run.
    pub fn may_cancel(&self) -> bool {
        !super::holds_slot(self.step) && self.token.is_none()
    }

    pub(super) fn enter(&mut self, now: DateTime<Utc>, step: Step, number: u64) {
        if step != self.step {
            self.retries = 0;
        }
        self.step = step;
        self.number = number;
        self.step_started_at = now;
        self.waiting = None;
    }

    /// The current step is about to be carried out: what cannot be undone by time any more.
    pub(super) fn performing(&mut self, now: DateTime<Utc>) {
        match self.step {
            Step::Transaction => self.begun = true,
            Step::Reboot => {
                self.reboot_asked_at.get_or_insert(now);
            }
            _ => {}
        }
    }

    /// What the current step does.
    pub(super) fn act(&self) -> Act {
        match self.step {
            // The machine is looked at with fresh metadata once; a run that goes on plans with what it fetched.
            Step::Survey => Act::Survey { refresh: self.interrupted == 0, attempted: false },
            Step::Fetch => Act::Fetch,
            Step::Slot => Act::AcquireSlot,
            Step::PreInstall => Act::Hook(HookPoint::PreInstall),
            Step::Transaction => Act::Install { token: self.token.unwrap_or_default() },
            Step::PostInstall => Act::Hook(HookPoint::PostInstall),
            // What was refused as a whole was not tried: what is not there is missing, and has not failed.
            Step::Assess | Step::Verify => {
                Act::Survey { refresh: false, attempted: self.installed.is_some() || self.interrupted > 0 }
            }
            Step::PreReboot => Act::Hook(HookPoint::PreReboot),
            Step::Reboot => Act::Reboot,
            Step::Health => Act::Health,
            Step::OnExit => Act::Hook(HookPoint::OnExit),
        }
    }

    /// From here on it starts nothing new.
    pub fn cutoff(&self) -> Option<DateTime<Utc>> {
        match &self.spec.trigger {
            Trigger::Window { cutoff, .. } => Some(*cutoff),
            Trigger::Request { expires, .. } => Some(*expires),
            // Then the window's own run does it.
            Trigger::Ahead { start, .. } => Some(*start),
            Trigger::Routine {} => None,
        }
    }

    /// Before it nothing is disturbed.
    pub(super) fn start(&self) -> Option<DateTime<Utc>> {
        match &self.spec.trigger {
            Trigger::Window { start, .. } => Some(*start),
            Trigger::Request { .. } | Trigger::Ahead { .. } | Trigger::Routine {} => None,
        }
    }

    /// From here on it does not reboot. A patch-now asked for its reboot and has no window that could end.
    pub fn end(&self) -> Option<DateTime<Utc>> {
        match &self.spec.trigger {
            Trigger::Window { end, .. } => Some(*end),
            Trigger::Request { .. } | Trigger::Ahead { .. } | Trigger::Routine {} => None,
        }
    }

    /// After a start of the agent nothing is resumed half-way: what had not disturbed anything begins anew, what may
    /// have been done is asked about again.
    pub(super) fn after_start(&mut self, now: DateTime<Utc>) {
        self.waiting = None;
        match self.step {
            Step::Fetch | Step::Slot => {
                self.span(now, Some("the agent was restarted"));
                self.step = Step::Survey;
                self.step_started_at = now;
                self.retries = 0;
            }
            _ => {}
        }
    }

    /// When a reboot that was asked for counts as not having happened.
    pub(super) fn reboot_deadline(&self) -> Option<DateTime<Utc>> {
        match self.step {
            Step::Reboot => self.reboot_asked_at.map(|at| at + REBOOT),
            _ => None,
        }
    }

    pub(super) fn reboot_overdue(&self, now: DateTime<Utc>) -> bool {
        self.waiting.is_none() && self.reboot_deadline().is_some_and(|at| at <= now)
    }

    pub(super) fn no_reboot(&mut self, now: DateTime<Utc>) -> run::Next {
        let why =
            format!("the machine did not reboot within {} minutes of being told to", REBOOT.num_minutes());
        self.span(now, Some(&why));
        self.fail(why);
        run::Next::Step(Step::Health)
    }

    /// What hooks did. They run once in a run: asked for again after a new plan, the answer is the same one.
    pub(super) fn hooked(&mut self, run: HookRun) {
        if !self.hooks.contains(&run) {
            self.hooks.push(run);
        }
    }

    /// The current step is over; where it is tried again, that begins here.
    pub(super) fn span(&mut self, now: DateTime<Utc>, trouble: Option<&str>) {
        if self.steps.len() < SPANS_CAP {
            self.steps.push(StepSpan {
                step: self.step,
                started_at: self.step_started_at,
                finished_at: now,
                trouble: trouble.map(str::to_owned),
            });
        }
        self.step_started_at = now;
    }

    /// The run will end as failed, and this is why.
    pub(super) fn fail(&mut self, why: String) {
        self.verdict = Some(Ending::Failed);
        self.notes.push(why);
    }

    /// A reboot is due by this survey.
    pub(super) fn reboot_due(&self, survey: &Survey) -> bool {
        let pending = survey.compliance.as_ref().is_some_and(|c| c.counts.installed_pending_reboot > 0);
        match (self.spec.reboot, self.spec.operation) {
            (_, Operation::Scan) | (RebootChoice::Never, _) => false,
            (RebootChoice::Always, _) => true,
            // Where the machine cannot tell, what was installed since its boot waits for one.
            (RebootChoice::IfNeeded, _) => survey.reboot_needed.unwrap_or(pending),
        }
    }

    /// How it ended, as far as its steps say.
    pub(super) fn ending(&self) -> Ending {
        let failed = self.installed.as_ref().is_some_and(|i| !i.failed.is_empty());
        match self.verdict {
            Some(settled) => settled,
            None if failed => Ending::Failed,
            None => Ending::Succeeded,
        }
    }

    /// In words.
    pub(super) fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(installed) = &self.installed {
            parts.push(format!("{} installed, {} failed", installed.installed, installed.failed.len()));
        }
        if self.rebooted {
            parts.push("rebooted".to_owned());
        }
        parts.extend(self.notes.iter().cloned());
        parts.join("; ")
    }

    /// Its story.
    pub(super) fn entry(mut self, now: DateTime<Utc>, ending: Ending, reason: String) -> RunEntry {
        if self.steps.last().is_none_or(|last| last.finished_at != now) && self.number != 0 {
            self.span(now, None);
        }
        RunEntry {
            spec: self.spec,
            started_at: self.started_at,
            finished_at: now,
            ending,
            reason,
            steps: self.steps,
            survey: self.survey,
            installed: self.installed,
            hooks: self.hooks,
            reboot: self.rebooted.then_some((self.boot_before, self.boot_after)),
            after: self.after,
            health: self.health,
        }
    }
}
