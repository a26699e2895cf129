//! `runs`: what was done on this machine, and one run from its beginning to its end.

pub(crate) mod story;

use chrono::{DateTime, Utc};
use patchflock_api::answer::RunDetail;
use patchflock_api::client::ClientError;
use patchflock_api::ids::RunId;
use patchflock_api::run::{Ending, RunEntry};
use patchflock_baselines::compliance::NodeStatus;

use crate::args::{Form, Format, RunsArgs, RunsCommand};
use crate::blame::{Failure, Verdict};
use crate::node::{self, client};
use crate::output::{Cell, Paint, Table};
use crate::{decisions, install, output};

/// `patchflock runs`.
pub(crate) fn runs(args: &RunsArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    match &args.command {
        None => list(args),
        Some(RunsCommand::Show { id, form }) => show(id, form, now),
        Some(RunsCommand::Watch { id, form }) => install::followed(id, form, now),
        Some(RunsCommand::Cancel { id }) => {
            client().cancel(id)?;
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
    let mut table =
        Table::new(&["RUN", "STARTED", "TOOK", "OPERATION", "ENDING", "COMPLIANCE", "STARTED BY"]);
    for run in &found {
        table.row([
            run.spec.id.as_str().into(),
            output::instant(run.started_at).into(),
            node::length(run.finished_at - run.started_at).into(),
            node::operation(run.spec.operation, run.spec.dry_run).into(),
            painted(run.ending),
            status(run).map(decisions::status_word).unwrap_or_default().into(),
            node::trigger(&run.spec).into(),
        ]);
    }
    output::data(&output::rendered(&table))?;
    Ok(Verdict::Fine)
}

fn painted(ending: Ending) -> Cell {
    let paint = match ending {
        Ending::Succeeded | Ending::NothingToDo => Paint::Good,
        Ending::Failed => Paint::Bad,
        Ending::Skipped | Ending::Cancelled => Paint::Wait,
    };
    Cell::painted(node::ending(ending), paint)
}

/// Compliance at the end; of a run that changed nothing, as it was found.
fn status(run: &RunEntry) -> Option<NodeStatus> {
    let found = || run.survey.as_ref().and_then(|s| s.compliance.as_ref());
    run.after.as_ref().or_else(found).map(|c| c.status)
}

fn show(id: &RunId, form: &Form, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let detail = client().run(id)?;
    if form.output == Format::Table {
        output::data(&story::whole(&detail, now))?;
    } else {
        output::structured(form.output, &detail)?;
    }
    Ok(Verdict::Fine)
}

/// What came of a run that was followed, and the exit status that follows from it.
pub(crate) fn finished(entry: RunEntry, format: Format, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let detail = match client().run(&entry.spec.id) {
        Ok(detail) => detail,
        // The end was told; without the record it is told shorter.
        Err(e @ ClientError::Refused { .. }) => {
            output::talk(&format!("note: {e}"));
            RunDetail { entry, record: None }
        }
        Err(e) => return Err(e.into()),
    };
    if format == Format::Table {
        output::data(&story::outcome(&detail, now))?;
    } else {
        output::structured(format, &detail)?;
    }
    let RunDetail { entry, .. } = &detail;
    let why = || format!("run {} {}: {}", entry.spec.id, node::ending(entry.ending), entry.reason);
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
            Some(NodeStatus::NonCompliant | NodeStatus::Unknown) | None => Verdict::NotCompliant,
        }),
    }
}
