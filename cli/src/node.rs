//! The agent of this machine, as the commands ask it; and words that several of them share.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::client::{Client, ClientError};
use patchflock_api::run::{ComplianceSummary, Ending, Operation, RunSpec, Step, Trigger, TroubleKind};
use patchflock_baselines::compliance::NodeCompliance;

use crate::blame::Failure;
use crate::output;

/// The agent of this machine.
pub(crate) fn client() -> Client {
    Client::new()
}

impl From<ClientError> for Failure {
    /// Whoever may not ask, or asks for what cannot be, can ask differently; the rest is the machine's.
    fn from(e: ClientError) -> Self {
        let operators = match &e {
            ClientError::NotAllowed { .. } => true,
            ClientError::Refused { status, .. } => *status < 500,
            ClientError::Trouble(trouble) => trouble.kind == TroubleKind::Failed,
            _ => false,
        };
        if operators { Self::Operator(e.into()) } else { Self::Ours(e.into()) }
    }
}

/// How long something is or was, in its two largest parts at most.
pub(crate) fn length(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, 0) => format!("{m} min"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, 0, _) => format!("{h} h"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (1, ..) => "1 day".into(),
        (d, ..) => format!("{d} days"),
    }
}

/// `2026-11-24 12:00 UTC (3 h ago)`.
pub(crate) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let distance = now.signed_duration_since(at);
    let words = if distance < TimeDelta::zero() {
        format!("in {}", length(-distance))
    } else {
        format!("{} ago", length(distance))
    };
    format!("{} ({words})", output::instant(at))
}

/// What a run does.
pub(crate) fn operation(operation: Operation, dry_run: bool) -> &'static str {
    match (operation, dry_run) {
        (Operation::Scan, _) => "scan",
        (Operation::Install, false) => "install",
        (Operation::Install, true) => "install (dry run)",
    }
}

/// What started a run.
pub(crate) fn trigger(spec: &RunSpec) -> String {
    match &spec.trigger {
        Trigger::Window { window, task, .. } => format!("window {window}, task {task}"),
        Trigger::Request { by, .. } => by.clone(),
        Trigger::Ahead { window, task, .. } => format!("ahead of window {window}, task {task}"),
        Trigger::Routine {} => "routine".into(),
    }
}

/// How a run ended, in one or two words.
pub(crate) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Succeeded => "succeeded",
        Ending::NothingToDo => "nothing to do",
        Ending::Failed => "failed",
        Ending::Skipped => "skipped",
        Ending::Cancelled => "cancelled",
    }
}

/// What is done in a step.
pub(crate) fn step(step: Step) -> &'static str {
    match step {
        Step::Survey => "scanning and planning",
        Step::Fetch => "downloading",
        Step::Slot => "waiting for permission to start",
        Step::PreInstall => "hooks before the installation",
        Step::Transaction => "installing",
        Step::PostInstall => "hooks after the installation",
        Step::Assess => "looking at what was installed",
        Step::PreReboot => "hooks before the reboot",
        Step::Reboot => "rebooting",
        Step::Verify => "scanning again",
        Step::Health => "checking the machine's health",
        Step::OnExit => "hooks at the end",
    }
}

/// A summary as a report without patches, so that both are shown alike.
pub(crate) fn without_patches(summary: &ComplianceSummary) -> NodeCompliance {
    NodeCompliance {
        status: summary.status,
        overall_severity: summary.overall_severity,
        counts: summary.counts.clone(),
        patches: Vec::new(),
        notes: summary.notes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_short_as_they_can_be_understood() {
        let said = |s| length(TimeDelta::seconds(s));
        assert_eq!([said(-5), said(59), said(60), said(61)], ["0 s", "59 s", "1 min", "1 min 1 s"]);
        assert_eq!(
            [said(3600), said(7260), said(90_000), said(200_000)],
            ["1 h", "2 h 1 min", "1 day", "2 days"]
        );
    }

    #[test]
    fn whose_turn_it_is_decides_the_exit_status() {
        let refused = |status| Failure::from(ClientError::Refused { status, why: "x".into() }).code();
        assert_eq!([refused(404), refused(409), refused(500), refused(503)], [1, 1, 2, 2]);
        assert_eq!(Failure::from(ClientError::NotAllowed { socket: "/x".into() }).code(), 1);
        assert_eq!(Failure::from(ClientError::TooSlow { what: "x".into(), seconds: 1 }).code(), 2);
    }
}
