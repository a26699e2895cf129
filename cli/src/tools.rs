//! The commands about documents and about the program itself: no machine is read.

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::CommandFactory;
use patchflock_baselines::document;
use patchflock_baselines::predefined;
use serde::Serialize;

use crate::args::{
    Cli, CompletionsArgs, Format, ImportArgs, ImportCommand, ManArgs, PredefinedArgs, PredefinedCommand,
    ValidateArgs, WindowArgs, WindowCommand,
};
use crate::blame::{Failure, Verdict};
use crate::{output, policy};

/// One opening of a window, as JSON and YAML have it.
#[derive(Debug, Serialize)]
struct Opening {
    start: DateTime<Utc>,
    cutoff: DateTime<Utc>,
    end: DateTime<Utc>,
    frozen: Option<String>,
}

/// `patchflock window next`.
pub(crate) fn window(args: &WindowArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let WindowCommand::Next(args) = &args.command;
    let window = policy::window(&args.window)?;
    let from = args.from.unwrap_or(now);
    let openings: Vec<Opening> = window
        .occurrences(from)
        .take(usize::from(args.count))
        .map(|o| Opening { start: o.start, cutoff: o.cutoff, end: o.end, frozen: o.frozen })
        .collect();
    if args.output != Format::Table {
        output::structured(args.output, &openings)?;
        return Ok(Verdict::Fine);
    }
    if openings.is_empty() {
        let bounds = "its schedule names no later instant, or its end date has passed";
        output::data(&format!("{} does not open after {}: {bounds}\n", window.name, output::instant(from)))?;
        return Ok(Verdict::Fine);
    }
    let zone = window.schedule_timezone;
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M %Z").to_string();
    let mut table = output::table(&["START", "CUTOFF", "END", "START (UTC)", "NOTE"]);
    for o in &openings {
        table.add_row([
            local(o.start),
            local(o.cutoff),
            local(o.end),
            o.start.format("%Y-%m-%d %H:%M").to_string(),
            o.frozen.as_ref().map(|why| format!("stays closed: {why}")).unwrap_or_default(),
        ]);
    }
    output::data(&output::rendered(&table))?;
    if !window.enabled {
        output::talk("This window is disabled: it does not open until it is enabled.");
    }
    Ok(Verdict::Fine)
}

/// `patchflock import aws`.
pub(crate) fn import(args: &ImportArgs) -> Result<Verdict, Failure> {
    let ImportCommand::Aws { file } = &args.command;
    let bytes = policy::read_document(file)?;
    let imported = document::import_aws(&file.display().to_string(), &bytes)
        .map_err(|found| policy::problems(&bytes, &found))?;
    for note in &imported.notes {
        output::talk(&format!("note: {note}"));
    }
    output::data(&document::to_yaml(&imported.document))?;
    Ok(Verdict::Fine)
}

/// `patchflock validate`.
pub(crate) fn validate(args: &ValidateArgs) -> Result<Verdict, Failure> {
    let mut wrong = Vec::new();
    for file in &args.files {
        match policy::documents(file) {
            Ok(documents) => {
                for d in &documents {
                    output::data(&format!("{}: {} {} is valid\n", file.display(), d.kind(), d.name()))?;
                }
            }
            Err(Failure::Operator(e)) => {
                output::talk(&format!("{}: {e}", file.display()));
                wrong.push(file.display().to_string());
            }
            Err(ours) => return Err(ours),
        }
    }
    if wrong.is_empty() {
        Ok(Verdict::Fine)
    } else {
        let invalid = output::count(wrong.len(), "file is", "files are");
        Err(Failure::operator(format!("{invalid} not valid: {}", wrong.join(", "))))
    }
}

/// `patchflock predefined`.
pub(crate) fn predefined(args: &PredefinedArgs) -> Result<Verdict, Failure> {
    match &args.command {
        PredefinedCommand::List { output: format } => {
            let rows = predefined::ALL
                .iter()
                .map(|p| {
                    let baseline =
                        p.baseline().map_err(|found| policy::problems(p.yaml.as_bytes(), &found))?;
                    Ok(Row {
                        name: p.name,
                        operating_system: p.operating_system.as_str(),
                        default: p.default,
                        description: baseline.description.unwrap_or_default(),
                    })
                })
                .collect::<Result<Vec<Row>, Failure>>()?;
            if *format != Format::Table {
                output::structured(*format, &rows)?;
                return Ok(Verdict::Fine);
            }
            let mut table = output::table(&["NAME", "OPERATING SYSTEM", "DEFAULT", "APPROVES"]);
            for r in &rows {
                table.add_row([
                    r.name,
                    r.operating_system,
                    if r.default { "yes" } else { "" },
                    &r.description,
                ]);
            }
            output::data(&output::rendered(&table))?;
        }
        PredefinedCommand::Show { name } => {
            let found = predefined::named(name).ok_or_else(|| {
                Failure::operator(format!(
                    "no predefined baseline {name}; `patchflock predefined list` shows their names"
                ))
            })?;
            output::data(found.yaml)?;
        }
    }
    Ok(Verdict::Fine)
}

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    operating_system: &'static str,
    default: bool,
    description: String,
}

/// `patchflock completions`.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Verdict, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "patchflock", &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Verdict::Fine)
}

/// `patchflock man`.
pub(crate) fn man(args: &ManArgs) -> Result<Verdict, Failure> {
    let dir = &args.directory;
    std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    clap_mangen::generate_to(Cli::command(), dir)
        .with_context(|| format!("writing man pages into {}", dir.display()))?;
    output::talk(&format!("man pages written to {}; read one with `man -l`", dir.display()));
    Ok(Verdict::Fine)
}
