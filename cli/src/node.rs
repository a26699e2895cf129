//! The agent of this machine, as the commands ask it; and words that several of them share.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::answer::SurveyFile;
use patchflock_api::client::{Client, ClientError};
use patchflock_api::run::{ComplianceSummary, Ending, Operation, RunEntry, RunSpec, Trigger, TroubleKind};
use patchflock_baselines::compliance::NodeCompliance;

use crate::blame::Failure;
use crate::output;

/// The agent of this machine.
pub(crate) fn client() -> Client {
    Client::new()
}

/// The newest survey of this machine.
///
/// # Errors
/// As the client's; a file that is damaged or of another format, each by its name.
pub(crate) fn survey(client: &Client) -> Result<SurveyFile, Failure> {
    /// What every version of the format has.
    #[derive(serde::Deserialize)]
    struct Head {
        format: u32,
    }
    let bytes = client.survey_bytes()?;
    let damaged = |e: serde_json::Error| {
        let why = if bytes.is_empty() { "it is empty".to_owned() } else { e.to_string() };
        Failure::Ours(anyhow::anyhow!(
            "the newest survey of this machine is damaged ({why}): `patchflock scan` makes a new one"
        ))
    };
    let head: Head = serde_json::from_slice(&bytes).map_err(damaged)?;
    if head.format != SurveyFile::FORMAT {
        return Err(Failure::Ours(anyhow::anyhow!(
            "the newest survey of this machine has format {}, this patchflock reads {}: it was made by another version; \
             after an upgrade `systemctl restart patchflockd`, then `patchflock scan`",
            head.format,
            SurveyFile::FORMAT
        )));
    }
    serde_json::from_slice(&bytes).map_err(damaged)
}

/// The newest survey; `None`: nobody has looked at this machine yet.
pub(crate) fn survey_if_any(client: &Client) -> Result<Option<SurveyFile>, Failure> {
    match survey(client) {
        Ok(survey) => Ok(Some(survey)),
        Err(Failure::Operator(e))
            if matches!(e.downcast_ref(), Some(ClientError::Refused { status: 404, .. })) =>
        {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// An answer of the privileged half to a question that nobody asked.
pub(crate) fn something_else() -> Failure {
    Failure::Ours(anyhow::anyhow!(
        "patchflock-priv gave an answer to something else: it seems to be of another version than this patchflock; \
         install both from one package"
    ))
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

/// Who or what started a run.
pub(crate) fn trigger(spec: &RunSpec) -> String {
    match &spec.trigger {
        Trigger::Window { window, task, .. } => format!("window {window}, task {task}"),
        Trigger::Request { by, .. } => person(by),
        Trigger::Ahead { window, task, .. } => format!("ahead of window {window}, task {task}"),
        Trigger::Routine {} => "patchflockd".into(),
    }
}

/// A user as people name him: `alice` for `uid 1000 (alice)`; without a name the number stays.
pub(crate) fn person(by: &str) -> String {
    let named = by.strip_prefix("uid ").and_then(|rest| rest.split_once(" (")?.1.strip_suffix(')'));
    named.filter(|name| !name.is_empty()).unwrap_or(by).to_owned()
}

/// How a run ended, in one or two words: a dry run has done what it was to do.
pub(crate) fn ended(run: &RunEntry) -> &'static str {
    match run.ending {
        Ending::NothingToDo if run.spec.dry_run => "looked",
        other => ending(other),
    }
}

/// An ending, in one or two words.
pub(crate) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Succeeded => "succeeded",
        Ending::NothingToDo => "nothing to do",
        Ending::Failed => "failed",
        Ending::Skipped => "skipped",
        Ending::Cancelled => "cancelled",
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
    fn people_are_called_by_their_names() {
        assert_eq!(person("uid 1000 (alice)"), "alice");
        for by in ["uid 5", "uid 5 ()", "alice (sudo)", "uid 5 (x"] {
            assert_eq!(person(by), by);
        }
    }

    #[test]
    fn whose_turn_it_is_decides_the_exit_status() {
        let refused = |status| Failure::from(ClientError::Refused { status, why: "x".into() }).code();
        assert_eq!([refused(404), refused(409), refused(500), refused(503)], [1, 1, 2, 2]);
        assert_eq!(Failure::from(ClientError::NotAllowed { socket: "/x".into() }).code(), 1);
        assert_eq!(Failure::from(ClientError::TooSlow { what: "x".into(), seconds: 1 }).code(), 2);
    }
}
