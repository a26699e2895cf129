//! A run as people read it: the whole story, or only what came of it.

use chrono::{DateTime, Utc};
use patchflock_api::answer::RunDetail;
use patchflock_api::run::{Choice, Operation, RunEntry, Survey};
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::plan::{Plan, Role};
use patchflock_machine::pm::{Fixes, InstallReport, OutcomeKind};
use serde::Deserialize;

use crate::output::{Cell, Paint, Table, count, one_line, paragraph, rendered};
use crate::{decisions, node};

/// Lines of the tool's log that are shown; the record has it all.
const LOG_LINES: usize = 20;

/// What of a record is shown. Other fields are passed over: the file may be of a newer version.
#[derive(Debug, Default, Deserialize)]
struct Recorded {
    #[serde(default)]
    plan: Plan,
    #[serde(default)]
    fixes: Vec<Fixes>,
    #[serde(default)]
    failure: Option<String>,
    #[serde(default)]
    report: Option<InstallReport>,
    #[serde(default)]
    after: Option<NodeCompliance>,
}

/// The record, and what is wrong with it.
fn recorded(detail: &RunDetail) -> (Recorded, String) {
    match detail.record.clone().map(serde_json::from_value).transpose() {
        Ok(record) => (record.unwrap_or_default(), String::new()),
        Err(e) => (Recorded::default(), paragraph("", &format!("its record is not understood: {e}"))),
    }
}

/// Everything that is known of a run.
pub(super) fn whole(detail: &RunDetail, now: DateTime<Utc>) -> String {
    let entry = &detail.entry;
    let spec = &entry.spec;
    let mut text = paragraph(
        "",
        &format!(
            "run {}: {}, started {} by {}, took {}",
            spec.id,
            node::operation(spec.operation, spec.dry_run),
            node::ago(entry.started_at, now),
            node::trigger(spec),
            node::length(entry.finished_at - entry.started_at)
        ),
    );
    text += &ended(entry);
    text += &entry.survey.as_ref().map(found).unwrap_or_default();
    text += &steps(entry);
    text += &packages(detail);
    text += &hooks(entry);
    if let Some((before, after)) = &entry.reboot {
        let id = |boot: &Option<String>| boot.clone().unwrap_or_else(|| "unknown".into());
        text += &paragraph("reboot: ", &format!("boot {} before, {} after", id(before), id(after)));
    }
    text += &health(entry);
    text += &compliance(detail, "");
    text + &log(detail)
}

/// What came of a run; `waiting` belongs to its compliance.
pub(super) fn outcome(detail: &RunDetail, waiting: &str) -> String {
    let entry = &detail.entry;
    let surveyed = entry.survey.as_ref().map(found).unwrap_or_default();
    let mut text = surveyed + &packages(detail);
    text +=
        &entry.hooks.iter().filter_map(|h| h.failure()).map(|why| paragraph("", &why)).collect::<String>();
    text += &health(entry);
    text += &compliance(detail, waiting);
    text + &ended(entry)
}

fn ended(entry: &RunEntry) -> String {
    paragraph(&format!("{}: ", node::ended(entry)), &entry.reason)
}

/// Which baseline, in words.
pub(crate) fn choice(choice: &Choice) -> String {
    match choice {
        Choice::Selected { baseline, version, why } => {
            let version = version.map(|v| format!(" version {v}")).unwrap_or_default();
            paragraph("baseline: ", &format!("{baseline}{version} ({why})"))
        }
        Choice::Skipped { why } => paragraph("baseline: ", &format!("none, this node is skipped: {why}")),
        Choice::Unknown { why } => {
            paragraph("baseline: ", &format!("unknown, so nothing is installed: {why}"))
        }
    }
}

/// What the survey found beside packages.
pub(crate) fn found(survey: &Survey) -> String {
    let mut text = choice(&survey.choice);
    text += &survey.repaired.iter().map(|what| paragraph("repaired: ", what)).collect::<String>();
    for (source, why) in &survey.refresh_failed {
        text += &paragraph("source ", &format!("{source} could not be refreshed: {why}"));
    }
    text
}

fn steps(entry: &RunEntry) -> String {
    if entry.steps.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["STEP", "BEGAN", "TOOK", "TROUBLE"]);
    for span in &entry.steps {
        table.row([
            span.step.words().into(),
            span.started_at.format("%H:%M:%S").to_string().into(),
            node::length(span.finished_at - span.started_at).into(),
            span.trouble.as_deref().unwrap_or_default().into(),
        ]);
    }
    format!("\n{}\n", rendered(&table))
}

/// Each package of the plan and what became of it.
fn packages(detail: &RunDetail) -> String {
    let (recorded, mut text) = recorded(detail);
    let surveyed = detail.entry.survey.as_ref().map(|s| &s.plan);
    let plan =
        if recorded.plan.items.is_empty() { surveyed.unwrap_or(&recorded.plan) } else { &recorded.plan };
    let outcomes = recorded.report.as_ref().map(|r| r.outcomes.as_slice()).unwrap_or_default();
    // A run that only looks leaves nothing undone.
    let looks = detail.entry.spec.operation == Operation::Scan || detail.entry.spec.dry_run;
    let untouched = if looks { "would be installed" } else { "not installed" };
    if !plan.items.is_empty() {
        let mut table = Table::new(&["PACKAGE", "FROM", "TO", "RESULT", "WHY"]);
        for item in &plan.items {
            let became = outcomes.iter().find(|o| {
                (&o.target.name, &o.target.arch, &o.target.version) == (&item.name, &item.arch, &item.to)
            });
            let reason = match &item.role {
                Role::Approved { reason } => reason.clone(),
                Role::PulledIn { by } => format!("pulled in by {}", by.join(", ")),
            };
            let (result, why) = match became.map(|o| &o.result) {
                Some(OutcomeKind::Installed) => (Cell::painted("installed", Paint::Good), reason),
                Some(OutcomeKind::Failed { why }) => (Cell::painted("failed", Paint::Bad), why.clone()),
                None => (Cell::painted(untouched, Paint::Dim), reason),
            };
            let from = item.from.as_deref().unwrap_or("(new)");
            table.row([(&item.name).into(), from.into(), (&item.to).into(), result, why.into()]);
        }
        text += &format!("{}\n", rendered(&table));
    }
    for held in &plan.held {
        text += &paragraph("held: ", &format!("{} {}: {}", held.name, held.version, held.reason));
    }
    if let Some(installed) = &detail.entry.installed {
        let all = installed.installed + installed.failed.len();
        text += &format!("installed {} of {}\n", installed.installed, count(all, "package", "packages"));
        if outcomes.is_empty() {
            text += &installed.failed.iter().map(|why| paragraph("  failed: ", why)).collect::<String>();
        }
    }
    for fixes in recorded.fixes.iter().filter(|f| !f.cves.is_empty()) {
        text += &paragraph("", &format!("{}: fixes {} (its changelog)", fixes.name, fixes.cves.join(", ")));
    }
    for file in recorded.report.iter().flat_map(|r| &r.kept_conffiles) {
        text +=
            &paragraph("", &format!("your version of {file} was kept; the package's new one lies beside it"));
    }
    text + &recorded.failure.iter().map(|why| paragraph("failure: ", why)).collect::<String>()
}

fn hooks(entry: &RunEntry) -> String {
    let mut text = String::new();
    for run in &entry.hooks {
        for hook in &run.hooks {
            let took = node::length(chrono::TimeDelta::milliseconds(
                i64::try_from(hook.took_ms).unwrap_or(i64::MAX),
            ));
            let result = hook.failure.as_ref().map_or("fine".to_owned(), |why| format!("failed: {why}"));
            let point = decisions::enum_word(&run.point);
            text += &paragraph("hook ", &format!("{point} {}: {result} ({took})", hook.name));
            text += &hook.output.lines().map(|l| format!("    {}\n", one_line(l))).collect::<String>();
        }
    }
    text
}

fn health(entry: &RunEntry) -> String {
    let Some(health) = &entry.health else { return String::new() };
    if health.complaints.is_empty() {
        return "health: as well as before\n".into();
    }
    health.complaints.iter().map(|what| paragraph("health: ", what)).collect()
}

/// Compliance before and after, and what of it is not compliant.
fn compliance(detail: &RunDetail, waiting: &str) -> String {
    let entry = &detail.entry;
    let plain = |c: &patchflock_api::run::ComplianceSummary| {
        decisions::compliance(&node::without_patches(c)).trim_start_matches("compliance: ").to_owned()
    };
    let before = entry.survey.as_ref().and_then(|s| s.compliance.as_ref());
    let mut text = String::new();
    match (before, &entry.after) {
        (Some(before), Some(after)) => {
            text += &format!("before: {}after:  {}", plain(before), plain(after));
        }
        (Some(one), None) | (None, Some(one)) => text += &format!("compliance: {}", plain(one)),
        (None, None) => {}
    }
    text += waiting;
    text + &recorded(detail).0.after.as_ref().map(decisions::noncompliant).unwrap_or_default()
}

fn log(detail: &RunDetail) -> String {
    let Some(report) = recorded(detail).0.report.filter(|r| !r.log.trim().is_empty()) else {
        return String::new();
    };
    let lines: Vec<String> = report.log.lines().map(one_line).filter(|l| !l.is_empty()).collect();
    let skipped = lines.len().saturating_sub(LOG_LINES);
    let head = if skipped == 0 {
        "log:\n".to_owned()
    } else {
        format!("log (the last {LOG_LINES} lines; `-o json` has all {}):\n", lines.len())
    };
    lines.iter().skip(skipped).fold(head, |text, line| text + "  " + line + "\n")
}
