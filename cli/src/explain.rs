//! `explain`: why a patch is installed or not, and when it will be.
//!
//! The answer joins three things that are elsewhere apart: the decision of the newest survey, what its plan keeps out, and
//! the windows of this node.

mod undecided;
mod when;

use chrono::{DateTime, Utc};
use patchflock_api::answer::SurveyFile;
use patchflock_baselines::approval::{Decision, Verdict as Approval};
use serde::Serialize;

use crate::args::{ExplainArgs, Format};
use crate::blame::{Failure, Verdict};
use crate::node::{self, client};
use crate::output::{Cell, Paint, Table, count, paragraph, rendered};
use crate::runs::story;
use crate::{decisions, output};
use when::{Opening, Windows};

/// What is said about one version. Stable.
#[derive(Debug, Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    decision: &'a Decision,
    /// It is in the newest plan.
    planned: bool,
    /// Why the plan leaves it out.
    held: Option<&'a str>,
    /// When this machine's windows next let it be installed.
    opening: Option<Opening>,
}

/// `patchflock explain`.
pub(crate) fn explain(args: &ExplainArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let client = client();
    let survey = node::survey(&client)?;
    let Some(evaluation) = &survey.evaluation else {
        return undecided::explain(&survey, args, now);
    };
    let decided: Vec<&Decision> = match &args.patch {
        None => decisions::shown(evaluation, false),
        Some(patch) => evaluation.decisions.iter().filter(|d| is_meant(d, patch)).collect(),
    };
    if let (Some(patch), true) = (&args.patch, decided.is_empty()) {
        return not_offered(&survey, patch, args.form.output);
    }
    let status = client.status()?;
    let windows = Windows::of_node(&client, &status)?;
    windows.notes.iter().for_each(|note| output::talk(note));
    let explained: Vec<Explained<'_>> =
        decided.into_iter().map(|d| explained(d, &survey, &windows, now)).collect();
    if args.form.output != Format::Table {
        output::structured(args.form.output, &explained)?;
        return Ok(Verdict::Fine);
    }
    let mut text = story::choice(&survey.choice);
    text += &format!("looked at {}\n\n", node::ago(survey.taken_at(), now));
    text += &match &args.patch {
        None => table(&explained, &windows, now),
        Some(_) => {
            let before =
                std::iter::once(None).chain(explained.iter().map(|e| Some(e.decision.reason.as_str())));
            explained.iter().zip(before).map(|(e, before)| sentences(e, before, &windows, now)).collect()
        }
    };
    output::data(&text)?;
    Ok(Verdict::Fine)
}

/// By package (with or without architecture), version, advisory or CVE.
fn is_meant(decision: &Decision, patch: &str) -> bool {
    let Decision { name, arch, version, advisories, cves, .. } = decision;
    is_called(name, arch, version, patch)
        || advisories.iter().chain(cves).any(|id| id.eq_ignore_ascii_case(patch))
}

/// By package (with or without architecture) or version.
fn is_called(name: &str, arch: &str, version: &str, patch: &str) -> bool {
    let whole = [
        format!("{name}:{arch}"),
        format!("{name}.{arch}"),
        format!("{name}={version}"),
        format!("{name}-{version}"),
        format!("{name}-{version}.{arch}"),
    ];
    name == patch || whole.iter().any(|w| w == patch)
}

/// Nothing of this name is here.
fn nowhere(survey: &SurveyFile, patch: &str) -> Failure {
    Failure::operator(format!(
        "{patch}: no package, advisory or CVE of this name is installed or offered here as of {}; `patchflock scan` looks \
         again",
        output::instant(survey.taken_at())
    ))
}

fn explained<'a>(
    decision: &'a Decision,
    survey: &'a SurveyFile,
    windows: &Windows,
    now: DateTime<Utc>,
) -> Explained<'a> {
    let Decision { name, arch, version, .. } = decision;
    let plan = &survey.plan;
    let planned = plan.items.iter().any(|i| (&i.name, &i.arch, &i.to) == (name, arch, version));
    let held = plan.held.iter().find(|h| (&h.name, &h.arch, &h.version) == (name, arch, version));
    let from = match decision.verdict {
        Approval::Approved if decision.chosen && held.is_none() => Some(now),
        Approval::Pending { at } => Some(at.max(now)),
        _ => None,
    };
    let opening = from.and_then(|from| windows.next(from));
    Explained { decision, planned, held: held.map(|h| h.reason.as_str()), opening }
}

/// When, in a few words.
fn when(e: &Explained<'_>, windows: &Windows, now: DateTime<Utc>) -> String {
    let approved = match e.decision.verdict {
        Approval::Pending { at } => at,
        _ => now,
    };
    let opening = match &e.opening {
        Some(o) if o.start.max(approved) <= now => format!("now: window {} is open", o.window),
        Some(o) => format!("{} in window {}", output::instant(o.start.max(approved)), o.window),
        None if windows.is_empty() => "no window installs here: `patchflock install`".into(),
        None => "no window opens any more: `patchflock install`".into(),
    };
    match (e.decision.verdict.clone(), e.held) {
        (_, Some(_)) => "when nothing holds it back".into(),
        (Approval::Approved, None) if e.decision.chosen => opening,
        (Approval::Pending { at }, None) if e.opening.is_none() => {
            format!("approved {}; {opening}", output::instant(at))
        }
        (Approval::Pending { .. }, None) => opening,
        _ => String::new(),
    }
}

fn table(explained: &[Explained<'_>], windows: &Windows, now: DateTime<Utc>) -> String {
    if explained.is_empty() {
        return "No installed package has a newer version in the repositories.\n".into();
    }
    let mut table = Table::new(&["PACKAGE", "OFFERED", "VERDICT", "WHEN", "WHY"]);
    for e in explained {
        let d = e.decision;
        let (word, paint) = match (&d.verdict, e.held) {
            (_, Some(_)) => ("held", Paint::Bad),
            (Approval::Approved, None) if d.chosen => ("approved", Paint::Good),
            (Approval::Pending { .. } | Approval::Waiting, None) => (decisions::verdict_word(d), Paint::Wait),
            _ => (decisions::verdict_word(d), Paint::Dim),
        };
        table.row([
            (&d.name).into(),
            (&d.version).into(),
            Cell::painted(word, paint),
            when(e, windows, now).into(),
            e.held.unwrap_or(&d.reason).into(),
        ]);
    }
    rendered(&table)
}

/// One version at length; a reason that was just said is not said again.
fn sentences(e: &Explained<'_>, before: Option<&str>, windows: &Windows, now: DateTime<Utc>) -> String {
    let d = e.decision;
    let installed =
        if d.installed.is_empty() { "not installed".into() } else { format!("installed: {}", d.installed) };
    let mut text = paragraph("", &format!("{} {} ({installed})", d.name, d.version));
    let reason = if before == Some(d.reason.as_str()) { "for the same reason" } else { &d.reason };
    text += &paragraph("  verdict: ", &format!("{}: {reason}", decisions::verdict_word(d)));
    if !d.advisories.is_empty() || !d.cves.is_empty() {
        let ids: Vec<&str> = d.advisories.iter().chain(&d.cves).map(String::as_str).collect();
        text += &paragraph("  fixes: ", &ids.join(", "));
    }
    if let Approval::Pending { at } = d.verdict {
        text += &paragraph("  approved: ", &node::ago(at, now));
    }
    text += &match (e.planned, e.held) {
        (_, Some(why)) => paragraph("  plan: ", &format!("held: {why}")),
        (true, None) => "  plan: it is in the plan of the newest survey\n".into(),
        (false, None) => String::new(),
    };
    let when = when(e, windows, now);
    if when.is_empty() { text } else { text + &paragraph("  when: ", &when) }
}

/// Nothing newer is offered: what there is of it.
fn not_offered(survey: &SurveyFile, patch: &str, format: Format) -> Result<Verdict, Failure> {
    let state = survey
        .compliance
        .iter()
        .flat_map(|c| &c.patches)
        .filter(|p| p.name == patch || p.cves.iter().any(|cve| cve.eq_ignore_ascii_case(patch)));
    let rows: Vec<_> = state.collect();
    let installed: Vec<_> = survey.inventory.installed.iter().filter(|i| i.name == patch).collect();
    if rows.is_empty() && installed.is_empty() {
        return Err(nowhere(survey, patch));
    }
    if format != Format::Table {
        output::structured(format, &rows)?;
        return Ok(Verdict::Fine);
    }
    let mut said = Vec::new();
    for row in &rows {
        let state = decisions::enum_word(&row.state);
        said.push(paragraph("", &format!("{} {}: {state}: {}", row.name, row.version, row.reason)));
    }
    // Two architectures of a package read alike.
    said.dedup();
    let mut text = said.concat();
    if rows.is_empty() {
        for package in &installed {
            text += &paragraph("", &format!("{} {} is installed", package.name, package.version));
        }
    }
    let sources = count(survey.inventory.sources.len(), "source", "sources");
    output::data(&format!("{text}nothing newer of it is offered by the {sources} of this machine\n"))?;
    Ok(Verdict::Fine)
}
