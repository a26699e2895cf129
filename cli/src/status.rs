//! `status` and `compliance`: this machine as its agent knows it.

use chrono::{DateTime, Utc};
use patchflock_api::status::{ActiveRun, Status};
use patchflock_baselines::compliance::NodeStatus;

use crate::args::{ComplianceArgs, Format, StatusArgs};
use crate::blame::{Failure, Verdict};
use crate::node::{self, client};
use crate::output::{Table, one_line, paragraph, rendered};
use crate::runs::story;
use crate::{decisions, output};

/// `patchflock status`.
pub(crate) fn status(args: &StatusArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let status = client().status()?;
    if args.form.output == Format::Table {
        output::data(&shown(&status, now))?;
    } else {
        output::structured(args.form.output, &status)?;
    }
    Ok(Verdict::Fine)
}

fn shown(status: &Status, now: DateTime<Utc>) -> String {
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
    match &status.survey {
        None => text += "compliance: UNKNOWN (not looked at yet: `patchflock scan`)\n",
        Some(survey) => {
            text += &story::choice(&survey.choice);
            text += &match &survey.compliance {
                Some(summary) => decisions::compliance(&node::without_patches(summary)),
                None => "compliance: UNKNOWN (no baseline is in effect)\n".into(),
            };
            text += &format!("  as of {}\n", node::ago(survey.taken_at, now));
            if survey.reboot_needed == Some(true) {
                text += &paragraph("reboot needed: ", &survey.reboot_evidence.join("; "));
            }
            for updater in &survey.foreign_updaters {
                text += &paragraph("also installs updates here: ", updater);
            }
        }
    }
    text += &status.active.as_ref().map(|a| running(a, now)).unwrap_or_default();
    if let Some(last) = &status.last_run {
        let what = format!(
            "{} {}, {} {}: {}",
            last.spec.id,
            node::operation(last.spec.operation, last.spec.dry_run),
            node::ending(last.ending),
            node::ago(last.finished_at, now),
            last.reason
        );
        text += &paragraph("last run: ", &what);
    }
    if status.next.is_empty() {
        text += "next: no window has a task for this node\n";
    } else {
        let mut table = Table::new(&["NEXT", "WHEN", "OPERATION", "TASK"]);
        for next in &status.next {
            table.row([
                (&next.window).into(),
                node::ago(next.at, now).into(),
                node::operation(next.operation, false).into(),
                (&next.task).into(),
            ]);
        }
        text += &format!("\n{}", rendered(&table));
    }
    text + &status.warnings.iter().map(|w| paragraph("warning: ", w)).collect::<String>()
}

fn running(active: &ActiveRun, now: DateTime<Utc>) -> String {
    let mut what = format!(
        "{} {} by {}, since {}: {}",
        active.spec.id,
        node::operation(active.spec.operation, active.spec.dry_run),
        node::trigger(&active.spec),
        node::ago(active.started_at, now),
        node::step(active.step)
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
    let survey = client().survey()?;
    let at = survey.taken_at();
    let Some(compliance) = survey.compliance else {
        output::data(&(story::choice(&survey.choice) + "compliance: UNKNOWN (no baseline is in effect)\n"))?;
        return Ok(Verdict::NotCompliant);
    };
    if args.form.output == Format::Table {
        let mut text = story::choice(&survey.choice) + &decisions::compliance(&compliance);
        text += &format!("  as of {}\n", node::ago(at, now));
        let rows =
            if args.all { decisions::every_patch(&compliance) } else { decisions::noncompliant(&compliance) };
        if !rows.is_empty() {
            text += &format!("\n{rows}");
        }
        output::data(&text)?;
    } else {
        output::structured(args.form.output, &compliance)?;
    }
    Ok(match compliance.status {
        NodeStatus::Compliant => Verdict::Fine,
        NodeStatus::NonCompliant | NodeStatus::Unknown => Verdict::NotCompliant,
    })
}
