//! The commands about adopted documents. They are read from the agent, and changed by the privileged half alone.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use patchflock_api::client::{Client, ClientError, privileged};
use patchflock_api::document::{Applied, Change, DocumentEntry};
use patchflock_api::privileged::{Answer, Request};
use patchflock_baselines::document::{self, Document};
use rustix::fs::Access;
use rustix::io::Errno;

use crate::args::{ApplyArgs, DeleteArgs, DescribeArgs, DiffArgs, Format, GetArgs, ListingArgs};
use crate::blame::{Failure, Verdict};
use crate::node::{self, client};
use crate::output::{Cell, Paint, Table};
use crate::{ask, known, output, policy, tools};

/// Openings of a window that `describe` shows.
const OPENINGS: usize = 5;

/// Texts of files, each checked whole: nothing is sent while any of them has a problem.
fn checked(files: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, Failure> {
    let (mut texts, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        let bytes = policy::read_document(file)?;
        match policy::parsed(file, &bytes) {
            Ok(_) => texts.push((file.clone(), String::from_utf8_lossy(&bytes).into_owned())),
            Err(Failure::Operator(e)) => {
                output::talk(&format!("{}: {e}", file.display()));
                wrong.push(file.display().to_string());
            }
            Err(ours) => return Err(ours),
        }
    }
    if wrong.is_empty() {
        return Ok(texts);
    }
    let invalid = output::count(wrong.len(), "file is", "files are");
    Err(Failure::operator(format!("{invalid} not valid: {}; nothing was applied", wrong.join(", "))))
}

/// Asks the privileged half to change documents.
fn changed(request: &Request) -> Result<Vec<Applied>, Failure> {
    match privileged::ask(request, output::talk)? {
        Answer::Applied { applied, warnings } => {
            warned(&warnings);
            Ok(applied)
        }
        _ => Err(node::something_else()),
    }
}

/// What an agent of this machine would remark on valid texts, for whoever may apply them: nothing is adopted. It needs no
/// agent, so without one it says nothing.
pub(crate) fn remarks(texts: Vec<String>) {
    if permitted().is_err() {
        return;
    }
    for text in texts {
        let asked = privileged::ask(&Request::Apply { text, dry_run: true }, |_| {});
        if let Ok(Answer::Applied { warnings, .. }) = asked {
            warned(&warnings);
        }
    }
}

fn warned(warnings: &[String]) {
    for warning in warnings {
        output::talk(&format!("warning: {}", output::one_line(warning)));
    }
}

fn sent(files: &[PathBuf], dry_run: bool) -> Result<Vec<Applied>, Failure> {
    let mut all = Vec::new();
    for (file, text) in checked(files)? {
        match changed(&Request::Apply { text, dry_run }) {
            Ok(applied) => all.extend(applied),
            Err(failure) => {
                // What came before it holds already.
                if !dry_run && !all.is_empty() {
                    report(&all, dry_run)?;
                    noticed();
                }
                let (Failure::Operator(e) | Failure::Ours(e)) = &failure;
                output::talk(&format!("{} was not applied: {e:#}", file.display()));
                return Err(failure);
            }
        }
    }
    Ok(all)
}

/// Tells the agent. The documents hold without it, too: it reads them when it starts.
fn noticed() {
    match client().documents_changed() {
        Ok(()) => {}
        Err(e) if e.is_absence() => {
            output::talk("note: patchflockd is not running; it follows these documents when it starts");
        }
        Err(e) => output::talk(&format!("note: patchflockd did not take notice yet: {e}")),
    }
}

/// One line for each document, and what changed in it.
fn report(applied: &[Applied], dry_run: bool) -> Result<(), Failure> {
    let mut text = String::new();
    for Applied { entry, change, diff } in applied {
        let word = match (change, dry_run) {
            (Change::Unchanged, _) => "unchanged",
            (Change::Created, false) => "created",
            (Change::Created, true) => "would be created",
            (Change::Updated, false) => "updated",
            (Change::Updated, true) => "would be updated",
            (Change::Deleted, false) => "deleted",
            (Change::Deleted, true) => "would be deleted",
        };
        let what = format!("{} {} {word} (version {})", entry.kind, entry.name, entry.version);
        text += &output::paragraph("", &what);
        text += &lines(diff);
    }
    Ok(output::data(&text)?)
}

/// Text of others, line by line, fit for a terminal.
fn lines(text: &str) -> String {
    text.lines().map(|line| output::harmless(line) + "\n").collect()
}

/// `patchflock apply`.
pub(crate) fn apply(args: &ApplyArgs) -> Result<Verdict, Failure> {
    let applied = sent(&args.files, args.dry_run)?;
    if args.form.output == Format::Table {
        report(&applied, args.dry_run)?;
    } else {
        output::structured(args.form.output, &applied)?;
    }
    if !args.dry_run {
        noticed();
    }
    Ok(Verdict::Fine)
}

/// `patchflock diff`.
pub(crate) fn diff(args: &DiffArgs) -> Result<Verdict, Failure> {
    report(&sent(&args.files, true)?, true)?;
    Ok(Verdict::Fine)
}

/// `patchflock get`.
pub(crate) fn get(args: &GetArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    if let (Some(kind), Some(name), Format::Json | Format::Yaml) = (&args.kind, &args.name, args.form.output)
    {
        output::structured(args.form.output, &client().document(kind, name, None)?)?;
        return Ok(Verdict::Fine);
    }
    let wanted = |e: &DocumentEntry| {
        (args.all || !e.deleted)
            && args.kind.as_ref().is_none_or(|k| *k == e.kind)
            && args.name.as_ref().is_none_or(|n| *n == e.name)
    };
    let entries: Vec<DocumentEntry> = client().documents()?.into_iter().filter(wanted).collect();
    if let (Some(kind), Some(name), true) = (&args.kind, &args.name, entries.is_empty()) {
        return Err(Failure::operator(format!("this machine has no {kind} {name}: `patchflock get --all`")));
    }
    if args.form.output != Format::Table {
        output::structured(args.form.output, &entries)?;
    } else if entries.is_empty() {
        output::talk(
            "No documents: `patchflock apply -f FILE` adopts some; until then predefined baselines count.",
        );
    } else {
        output::data(&listed(&entries, now))?;
    }
    Ok(Verdict::Fine)
}

fn listed(entries: &[DocumentEntry], now: DateTime<Utc>) -> String {
    let mut table = Table::new(&["KIND", "NAME", "VERSION", "ADOPTED", "BY", "EXPIRES"]);
    for e in entries {
        let expires = match (e.deleted, e.expires) {
            (true, _) => Cell::painted("deleted", Paint::Dim),
            (false, Some(at)) if at <= now => {
                Cell::painted(&format!("{} (has no effect any more)", output::instant(at)), Paint::Bad)
            }
            (false, at) => at.map(output::instant).unwrap_or_default().into(),
        };
        table.row([
            (&e.kind).into(),
            (&e.name).into(),
            e.version.to_string().into(),
            output::instant(e.adopted_at).into(),
            (&e.by).into(),
            expires,
        ]);
    }
    output::rendered(&table)
}

/// `patchflock describe`.
pub(crate) fn describe(args: &DescribeArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let found = client().document(&args.kind, &args.name, args.version)?;
    let entry = &found.entry;
    let mut facts = output::paragraph(
        "",
        &format!(
            "{} {} version {}, adopted {} by {}",
            entry.kind,
            entry.name,
            entry.version,
            output::instant(entry.adopted_at),
            entry.by
        ),
    );
    if let Some(at) = entry.expires {
        let word = if at <= now { "expired" } else { "expires" };
        facts += &format!("{word} {}\n", output::instant(at));
    }
    let Some(text) = found.text else {
        output::data(&(facts + "deleted\n"))?;
        return Ok(Verdict::Fine);
    };
    facts += &format!("\n{}", lines(&text));
    let parsed = document::parse(&entry.name, text.as_bytes());
    for document in parsed.into_iter().flat_map(|p| p.documents) {
        if let Document::MaintenanceWindow(window) = document {
            facts += &format!("\n{}", tools::openings(&window, now, OPENINGS));
        }
    }
    output::data(&facts)?;
    Ok(Verdict::Fine)
}

/// `patchflock delete`.
pub(crate) fn delete(args: &DeleteArgs) -> Result<Verdict, Failure> {
    let (kind, name) = (&args.kind, &args.name);
    // Nobody is asked about what cannot be done anyway.
    permitted()?;
    if !args.yes {
        ask::somebody("the deletion", "add --yes to delete without asking")?;
        match client().document(kind, name, None) {
            Err(e @ ClientError::Refused { status: 404, .. }) => return Err(e.into()),
            // Without the agent the privileged half says it.
            _ => ask::confirm(&format!("Delete {kind} {name}?"), "nothing was deleted")?,
        }
    }
    let request = Request::Delete { kind: kind.clone(), name: name.clone() };
    report(&changed(&request)?, false)?;
    noticed();
    Ok(Verdict::Fine)
}

/// Whether we may ask the privileged half for changes at all.
fn permitted() -> Result<(), Failure> {
    let socket = privileged::socket();
    match rustix::fs::access(&socket, Access::READ_OK | Access::WRITE_OK) {
        Err(Errno::ACCESS) => Err(ClientError::NotAllowed { socket }.into()),
        Err(Errno::NOENT) => {
            let (program, unit) = ("patchflock-priv", "patchflock-priv.socket");
            Err(ClientError::NotRunning { program, unit, socket }.into())
        }
        // Anything else shows when it is asked.
        _ => Ok(()),
    }
}

/// `patchflock approve` and `patchflock reject`.
pub(crate) fn listing(
    args: &ListingArgs,
    edit: fn(&str, &str) -> Result<String, Failure>,
    now: DateTime<Utc>,
) -> Result<Verdict, Failure> {
    let name = &args.baseline;
    permitted()?;
    let client = client();
    let found = client.document("PatchBaseline", name, None)?;
    let gone =
        || Failure::operator(format!("the baseline {name} was deleted: `patchflock apply` it again first"));
    let text = edit(&found.text.ok_or_else(gone)?, &args.patch)?;
    let doubt = doubted(&client, &text, &args.patch, now)?;
    if let Some(why) = &doubt {
        output::talk(&format!("warning: {}", output::one_line(why)));
    }
    if args.dry_run {
        report(&changed(&Request::Apply { text, dry_run: true })?, true)?;
        return Ok(Verdict::Fine);
    }
    if doubt.is_some() && !args.yes {
        ask::somebody("that name", "add --yes to put it into the list all the same")?;
        report(&changed(&Request::Apply { text: text.clone(), dry_run: true })?, true)?;
        ask::confirm("Put it into the list all the same?", "nothing was changed")?;
    }
    report(&changed(&Request::Apply { text, dry_run: false })?, false)?;
    noticed();
    Ok(Verdict::Fine)
}

/// Why the name that goes into a list should be looked at again.
fn doubted(client: &Client, text: &str, patch: &str, now: DateTime<Utc>) -> Result<Option<String>, Failure> {
    let parsed = document::parse("the baseline", text.as_bytes())
        .map_err(|found| policy::problems(text.as_bytes(), &found))?;
    let baseline = parsed.documents.iter().find_map(|d| match d {
        Document::PatchBaseline(baseline) => Some(baseline),
        _ => None,
    });
    let Some(baseline) = baseline else { return Ok(None) };
    let survey = node::survey_if_any(client)?;
    Ok(known::doubt(patch, baseline, survey.as_ref(), now))
}
