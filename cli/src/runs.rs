//! `runs`: what was done on this machine, and one run from its beginning to its end.

pub(crate) mod story;

use chrono::{DateTime, Utc};
use patchflock_api::answer::RunDetail;
use patchflock_api::client::ClientError;
use patchflock_api::ids::RunId;
use patchflock_api::run::{Ending, Operation, RunEntry, RunSpec, Survey};
use patchflock_baselines::compliance::NodeStatus;
use patchflock_baselines::plan::Plan;

use crate::args::{Form, Format, RunsArgs, RunsCommand};
use crate::blame::{Failure, Verdict};
use crate::node::{self, client};
use crate::output::{Cell, Paint, Table};
use crate::waiting::Waiting;
use crate::{decisions, install, output, preview};

/// A name of this length is whole: a letter, a dash and 24 digits.
const WHOLE: usize = 26;
/// Shorter names are easily mistaken for each other.
const SHORT: usize = 8;
/// Runs that are looked through for the beginning of a name.
const LOOKED_THROUGH: usize = 1000;
/// Runs that are named where several are meant.
const NAMED: usize = 10;

/// `patchflock runs`.
pub(crate) fn runs(args: &RunsArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    match &args.command {
        None => list(args),
        Some(RunsCommand::Show { id, form }) => show(id, form, now),
        Some(RunsCommand::Watch { id, form }) => install::followed(&meant(id)?, form),
        Some(RunsCommand::Cancel { id }) => {
            let id = meant(id)?;
            client().cancel(&id)?;
            output::talk(&format!("run {id} was cancelled"));
            Ok(Verdict::Fine)
        }
    }
}

fn list(args: &RunsArgs) -> Result<Verdict, Failure> {
    let found = client().runs(usize::from(args.limit), args.package.as_deref(), args.cve.as_deref())?;
    if args.form.output != Format::Table {
        output::structured(args.form.output, &found)?;
        return Ok(Verdict::Fine);
    }
    if found.is_empty() {
        output::talk("No such run has ended yet; `patchflock status` shows one that is in progress.");
        return Ok(Verdict::Fine);
    }
    let ids: Vec<&str> = found.iter().map(|run| run.spec.id.as_str()).collect();
    let mut table = Table::new(&["RUN", "STARTED (UTC)", "TOOK", "WHAT", "STARTED BY", "ENDED"]);
    for run in &found {
        let what = if run.spec.dry_run { "dry run" } else { node::operation(run.spec.operation, false) };
        table.row([
            short(run.spec.id.as_str(), &ids).into(),
            run.started_at.format("%Y-%m-%d %H:%M").to_string().into(),
            node::length(run.finished_at - run.started_at).into(),
            what.into(),
            node::trigger(&run.spec).into(),
            painted(run),
        ]);
    }
    output::data(&output::rendered(&table))?;
    Ok(Verdict::Fine)
}

/// As much of a name as tells it from the others: every command takes the beginning of a name.
fn short<'a>(id: &'a str, others: &[&str]) -> &'a str {
    let means_one =
        |beginning: &&str| others.iter().filter(|other| other.starts_with(beginning)).count() <= 1;
    (SHORT..id.len()).filter_map(|end| id.get(..end)).find(means_one).unwrap_or(id)
}

fn painted(run: &RunEntry) -> Cell {
    let paint = match run.ending {
        Ending::Succeeded | Ending::NothingToDo => Paint::Good,
        Ending::Failed => Paint::Bad,
        Ending::Skipped | Ending::Cancelled => Paint::Wait,
    };
    let state = status(run).map(|s| format!("; {}", decisions::status_word(s))).unwrap_or_default();
    Cell::painted(&format!("{}: {}{state}", node::ended(run), run.reason), paint)
}

/// Compliance at the end; of a run that changed nothing, as it was found.
fn status(run: &RunEntry) -> Option<NodeStatus> {
    let found = || run.survey.as_ref().and_then(|s| s.compliance.as_ref());
    run.after.as_ref().or_else(found).map(|c| c.status)
}

/// The run that a name, or the beginning of one, means. A name that means none stays: whoever is asked about it says so.
fn meant(id: &RunId) -> Result<RunId, Failure> {
    if id.as_str().len() >= WHOLE {
        return Ok(id.clone());
    }
    let client = client();
    let ended = client.runs(LOOKED_THROUGH, None, None)?;
    let active = client.status()?.active;
    let mut found: Vec<(&RunSpec, String)> = Vec::new();
    if let Some(active) = &active {
        found.push((
            &active.spec,
            format!("{}, in progress: {}", output::instant(active.started_at), active.step.words()),
        ));
    }
    found.extend(
        ended.iter().map(|r| (&r.spec, format!("{}, {}", output::instant(r.started_at), node::ended(r)))),
    );
    if found.iter().any(|(spec, _)| spec.id == *id) {
        return Ok(id.clone());
    }
    found.retain(|(spec, _)| spec.id.as_str().starts_with(id.as_str()));
    match found.as_slice() {
        [] => Ok(id.clone()),
        [(one, _)] => Ok(one.id.clone()),
        several => {
            let more = several.len().saturating_sub(NAMED);
            let mut text = format!("{id} may mean {} runs; write more of the name:", several.len());
            for (spec, what) in several.iter().take(NAMED) {
                let operation = node::operation(spec.operation, spec.dry_run);
                text += &format!("\n  {}  {operation} by {}, {what}", spec.id, node::trigger(spec));
            }
            if more > 0 {
                text += &format!("\n  and {more} more");
            }
            Err(Failure::operator(text))
        }
    }
}

fn show(id: &RunId, form: &Form, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let detail = client().run(&meant(id)?)?;
    if form.output == Format::Table {
        output::data(&story::whole(&detail, now))?;
    } else {
        output::structured(form.output, &detail)?;
    }
    Ok(Verdict::Fine)
}

/// What came of a run that was followed, and the exit status that follows from it.
///
/// `shown` is the plan that somebody said yes to before.
pub(crate) fn finished(entry: RunEntry, format: Format, shown: Option<&Plan>) -> Result<Verdict, Failure> {
    let detail = match client().run(&entry.spec.id) {
        Ok(detail) => detail,
        // The end was told; without the record it is told shorter.
        Err(e @ ClientError::Refused { .. }) => {
            output::talk(&format!("note: {e}"));
            RunDetail { entry, record: None }
        }
        Err(e) => return Err(e.into()),
    };
    let RunDetail { entry, .. } = &detail;
    let done = entry.survey.as_ref().map(|s| &s.plan);
    let otherwise = shown.zip(done).and_then(|(shown, done)| preview::changed(shown, done));
    let otherwise = otherwise.map(|what| output::paragraph("note: ", &what)).unwrap_or_default();
    if format == Format::Table {
        let waiting = waiting(entry).map(|w| w.line()).unwrap_or_default();
        output::data(&(story::outcome(&detail, &waiting) + &otherwise))?;
    } else {
        output::structured(format, &detail)?;
        if !otherwise.is_empty() {
            output::talk(otherwise.trim_end());
        }
    }
    let why = || {
        let how = format!("run {} {}", entry.spec.id, node::ended(entry));
        // The table has said why.
        if format == Format::Table { how } else { format!("{how}: {}", entry.reason) }
    };
    match entry.ending {
        // Packages that would not be installed are the machine's state, as after `once`; anything else is a failure.
        Ending::Failed if entry.installed.as_ref().is_some_and(|i| !i.failed.is_empty()) => {
            output::talk(&why());
            Ok(Verdict::NotCompliant)
        }
        Ending::Failed => Err(Failure::Ours(anyhow::anyhow!("{}", why()))),
        Ending::Skipped | Ending::Cancelled => Err(Failure::operator(why())),
        Ending::Succeeded | Ending::NothingToDo => Ok(match status(entry) {
            Some(NodeStatus::Compliant) => Verdict::Fine,
            Some(NodeStatus::NonCompliant) if did_its_work(entry) => Verdict::Fine,
            Some(NodeStatus::NonCompliant | NodeStatus::Unknown) | None => Verdict::NotCompliant,
        }),
    }
}

/// What waits for approval by the survey that this run left; `None`: it left none.
fn waiting(entry: &RunEntry) -> Option<Waiting> {
    let survey = node::survey(&client()).ok()?;
    let during = (entry.started_at..=entry.finished_at).contains(&survey.taken_at());
    survey.evaluation.filter(|_| during).map(|e| Waiting::of(&e))
}

/// An installation that found nothing to install, and nothing that it would have had to: what else is wrong with the
/// machine is said by `compliance`.
fn did_its_work(entry: &RunEntry) -> bool {
    let empty = |s: &Survey| s.plan.items.is_empty() && s.plan.held.is_empty();
    entry.ending == Ending::NothingToDo
        && entry.spec.operation == Operation::Install
        && entry.survey.as_ref().is_some_and(empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_short_as_it_can_be_told_from_the_others() {
        let all = ["r-0123456789", "r-0123457789", "w-ab", "r-99999999"];
        assert_eq!(all.map(|id| short(id, &all)), ["r-0123456", "r-0123457", "w-ab", "r-999999"]);
    }
}
