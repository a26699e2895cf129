//! `status` and `compliance`: this machine as its agent knows it.

use chrono::{DateTime, Utc};
use patchflock_api::status::{ActiveRun, NodeFacts, OpenWindow, Status, TaskState};
use patchflock_baselines::baseline::ComplianceLevel;
use patchflock_baselines::compliance::{Counts, NodeCompliance, NodeStatus};
use serde::Serialize;

use crate::args::{ComplianceArgs, Format, StatusArgs};
use crate::blame::{Failure, Verdict};
use crate::node::{self, client};
use crate::output::{Table, one_line, paragraph, rendered};
use crate::runs::story;
use crate::waiting::Waiting;
use crate::{decisions, output, preview};

/// With what waits for approval, which the agent's own answer does not have. Stable.
#[derive(Debug, Serialize)]
struct With<'a, T: Serialize> {
    #[serde(flatten)]
    answer: &'a T,
    /// `None`: it is not known.
    waiting: Option<&'a Waiting>,
}

/// `patchflock status`: a report, so that what is known ends with 0, good or bad.
pub(crate) fn status(args: &StatusArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let client = client();
    let status = client.status()?;
    // The status is told without it, too.
    let whole = match status.survey.as_ref().map(|_| node::survey(&client)) {
        Some(Ok(whole)) => Some(whole),
        Some(Err(e)) => {
            output::talk(&format!("warning: {}", e.cause()));
            None
        }
        None => None,
    };
    let waiting = whole.as_ref().and_then(|s| s.evaluation.as_ref()).map(Waiting::of);
    if args.form.output == Format::Table {
        output::data(&shown(&status, waiting.as_ref(), now))?;
    } else {
        output::structured(args.form.output, &With { answer: &status, waiting: waiting.as_ref() })?;
    }
    let known = status.survey.as_ref().and_then(|s| s.compliance.as_ref()).map(|c| c.status);
    Ok(match known {
        Some(NodeStatus::Compliant | NodeStatus::NonCompliant) => Verdict::Fine,
        Some(NodeStatus::Unknown) | None => Verdict::NotCompliant,
    })
}

fn shown(status: &Status, waiting: Option<&Waiting>, now: DateTime<Utc>) -> String {
    let mut text = one_line(&format!(
        "{} (node {}): {}, patchflockd {} since {}",
        status.hostname,
        status.node,
        status.operating_system,
        status.version,
        node::ago(status.started_at, now)
    )) + "\n";
    let tags: Vec<String> = status.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if !tags.is_empty() {
        text += &paragraph("tags: ", &tags.join(", "));
    }
    text += &status.machine.as_ref().map(|machine| made_of(machine, now)).unwrap_or_default();
    match &status.survey {
        None => text += "compliance: UNKNOWN (not looked at yet: `patchflock scan`)\n",
        Some(survey) => {
            text += &story::choice(&survey.choice);
            text += &match &survey.compliance {
                Some(summary) => decisions::compliance(&node::without_patches(summary)),
                None => "compliance: UNKNOWN (no baseline is in effect)\n".into(),
            };
            text += &waiting.map(Waiting::line).unwrap_or_default();
            text += &format!("  as of {}\n", node::ago(survey.taken_at, now));
            if status.survey_outdated {
                text += &paragraph(
                    "  ",
                    "tags or documents have changed since: what they say now is known after the next scan, which begins \
                     by itself (`patchflock scan` begins it now)",
                );
            }
            if survey.reboot_needed == Some(true) {
                text += &paragraph("reboot needed: ", &survey.reboot_evidence.join("; "));
            }
        }
    }
    text += &status.active.as_ref().map(|a| running(a, now)).unwrap_or_default();
    if let Some(last) = &status.last_run {
        let what = format!(
            "{} {}, {} {}: {}",
            last.spec.id,
            node::operation(last.spec.operation, last.spec.dry_run),
            node::ended(last),
            node::ago(last.finished_at, now),
            last.reason
        );
        text += &paragraph("last run: ", &what);
    }
    text += &status.open.iter().map(|window| open(window, now)).collect::<String>();
    if status.next.is_empty() {
        text += "next: no window has a task for this node\n";
    } else {
        let mut table = Table::new(&["NEXT", "WHEN", "OPERATION", "TASK"]);
        for next in &status.next {
            table.row([
                (&next.window).into(),
                next.ahead_at
                    .filter(|at| *at > now)
                    .map_or_else(
                        || node::ago(next.at, now),
                        |at| {
                            format!("{}; looks and downloads {}", node::ago(next.at, now), node::ago(at, now))
                        },
                    )
                    .into(),
                node::operation(next.operation, false).into(),
                (&next.task).into(),
            ]);
        }
        text += &format!("\n{}", rendered(&table));
    }
    text + &status.warnings.iter().map(|w| paragraph("warning: ", w)).collect::<String>()
}

/// What the node is made of, as far as it can tell.
fn made_of(machine: &NodeFacts, now: DateTime<Utc>) -> String {
    let mut parts: Vec<String> = machine.kernel.iter().map(|kernel| format!("kernel {kernel}")).collect();
    parts.extend(machine.booted_at.map(|at| format!("booted {}", node::ago(at, now))));
    parts.extend(machine.processors.map(|n| format!("{n} processors")));
    parts.extend(machine.memory_bytes.map(|bytes| format!("{} memory", preview::bytes(bytes))));
    for room in &machine.disks {
        parts.push(format!("{} free on {}", preview::bytes(room.free_bytes), room.directory));
    }
    if parts.is_empty() { String::new() } else { paragraph("machine: ", &parts.join(", ")) }
}

/// A window that is open now, and what became of its tasks.
fn open(window: &OpenWindow, now: DateTime<Utc>) -> String {
    let until = if window.cutoff <= now {
        format!("nothing new starts any more, closes {}", node::ago(window.end, now))
    } else {
        format!(
            "until {}, nothing new starts after {}",
            node::ago(window.end, now),
            output::instant(window.cutoff)
        )
    };
    let mut text = paragraph(
        "open now: ",
        &format!("window {} since {}, {until}", window.window, output::instant(window.start)),
    );
    for task in &window.tasks {
        let state = match &task.state {
            TaskState::Waiting { at } if *at > now => format!("begins {}", node::ago(*at, now)),
            TaskState::Waiting { .. } => "has not begun yet".into(),
            TaskState::InProgress {} => format!("in progress: `patchflock runs watch {}`", task.run),
            TaskState::Ended { ending, reason } => {
                let how = ending.map_or("over", node::ending);
                if reason.is_empty() { how.to_owned() } else { format!("{how}: {reason}") }
            }
        };
        text += &paragraph("  ", &format!("task {} {state}", task.task));
    }
    text
}

fn running(active: &ActiveRun, now: DateTime<Utc>) -> String {
    let mut what = format!(
        "{} {} by {}, since {}: {}",
        active.spec.id,
        node::operation(active.spec.operation, active.spec.dry_run),
        node::trigger(&active.spec),
        node::ago(active.started_at, now),
        active.step.words()
    );
    if let Some(progress) = &active.progress {
        what += &format!(" ({progress})");
    }
    if let Some((until, why)) = &active.waiting {
        what += &format!("; waits until {}: {why}", until.format("%H:%M:%S UTC"));
    }
    paragraph("running: ", &what)
}

/// `patchflock compliance`.
pub(crate) fn compliance(args: &ComplianceArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let Some(survey) = node::survey_if_any(&client())? else {
        return unknown(args, "", "nobody has looked at this machine yet: `patchflock scan`");
    };
    let at = survey.taken_at();
    let waiting = survey.evaluation.as_ref().map(Waiting::of);
    let Some(compliance) = survey.compliance else {
        return unknown(args, &story::choice(&survey.choice), "no baseline is in effect");
    };
    if args.form.output == Format::Table {
        let mut text = story::choice(&survey.choice) + &decisions::compliance(&compliance);
        text += &waiting.as_ref().map(Waiting::line).unwrap_or_default();
        text += &format!("  as of {}\n", node::ago(at, now));
        let rows =
            if args.all { decisions::every_patch(&compliance) } else { decisions::noncompliant(&compliance) };
        if !rows.is_empty() {
            text += &format!("\n{rows}");
        }
        output::data(&text)?;
    } else {
        output::structured(args.form.output, &With { answer: &compliance, waiting: waiting.as_ref() })?;
    }
    Ok(match compliance.status {
        NodeStatus::Compliant => Verdict::Fine,
        NodeStatus::NonCompliant | NodeStatus::Unknown => Verdict::NotCompliant,
    })
}

/// Nobody can say whether the machine is compliant, which is an answer too.
fn unknown(args: &ComplianceArgs, before: &str, why: &str) -> Result<Verdict, Failure> {
    if args.form.output == Format::Table {
        output::data(&format!("{before}{}", paragraph("compliance: ", &format!("UNKNOWN ({why})"))))?;
    } else {
        let answer = NodeCompliance {
            status: NodeStatus::Unknown,
            overall_severity: ComplianceLevel::Unspecified,
            counts: Counts::default(),
            patches: Vec::new(),
            notes: vec![why.to_owned()],
        };
        output::structured(args.form.output, &With { answer: &answer, waiting: None })?;
    }
    Ok(Verdict::NotCompliant)
}
