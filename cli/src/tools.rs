//! The commands about documents and about the program itself: no machine is read.

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_baselines::document;
use patchflock_baselines::predefined;
use patchflock_baselines::schedule::Occurrence;
use patchflock_baselines::window::MaintenanceWindow;
use serde::Serialize;

use crate::args::{
    self, CompletionsArgs, Format, ImportArgs, ImportCommand, ManArgs, PredefinedArgs, PredefinedCommand,
    ValidateArgs, WindowArgs, WindowCommand,
};
use crate::blame::{Failure, Verdict};
use crate::output::Table;
use crate::{documents, manual, output, policy};

/// A weekday helps to see a wrong schedule at once.
const DAY_AND_TIME: &str = "%a %Y-%m-%d %H:%M %Z";

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
    if args.output != Format::Table {
        let openings: Vec<Opening> = window
            .occurrences(from)
            .take(usize::from(args.count))
            .map(|o| Opening { start: o.start, cutoff: o.cutoff, end: o.end, frozen: o.frozen })
            .collect();
        output::structured(args.output, &openings)?;
        return Ok(Verdict::Fine);
    }
    let shown = openings(&window, from, usize::from(args.count));
    output::data(&shown)?;
    if !window.enabled {
        output::talk("This window is disabled: it does not open until it is enabled.");
    }
    Ok(Verdict::Fine)
}

/// The next openings of a window, as people read them.
pub(crate) fn openings(window: &MaintenanceWindow, from: DateTime<Utc>, count: usize) -> String {
    let openings: Vec<Occurrence> = window.occurrences(from).take(count).collect();
    if openings.is_empty() {
        let bounds = "its schedule names no later instant, or its end date has passed";
        return format!("{} does not open after {}: {bounds}\n", window.name, output::instant(from));
    }
    let zone = window.schedule_timezone;
    let local = |at: DateTime<Utc>| at.with_timezone(&zone);
    // No more of the day is said than is needed.
    let beside = |start: DateTime<Utc>, at: DateTime<Utc>| {
        let days = local(at).date_naive().signed_duration_since(local(start).date_naive()).num_days();
        let form = match days {
            0 => "%H:%M %Z",
            1..=6 => "%a %H:%M %Z",
            _ => DAY_AND_TIME,
        };
        local(at).format(form).to_string()
    };
    let mut table = Table::new(&["START", "CUTOFF", "END", "START (UTC)", "NOTE"]);
    for o in &openings {
        table.row([
            local(o.start).format(DAY_AND_TIME).to_string().into(),
            beside(o.start, o.cutoff).into(),
            beside(o.start, o.end).into(),
            o.start.format("%Y-%m-%d %H:%M").to_string().into(),
            o.frozen.as_ref().map(|why| format!("stays closed: {why}")).unwrap_or_default().into(),
        ]);
    }
    output::rendered(&table)
}

/// `patchflock import aws`.
pub(crate) fn import(args: &ImportArgs) -> Result<Verdict, Failure> {
    let ImportCommand::Aws { file } = &args.command;
    let bytes = policy::read_document(file)?;
    let imported = document::import_aws(&file.display().to_string(), &bytes)
        .map_err(|found| policy::problems(&bytes, &found))?;
    if !imported.notes.is_empty() {
        output::talk(document::render(&String::from_utf8_lossy(&bytes), &imported.notes).trim_end());
    }
    output::data(&imported.to_yaml())?;
    Ok(Verdict::Fine)
}

/// `patchflock validate`.
pub(crate) fn validate(args: &ValidateArgs) -> Result<Verdict, Failure> {
    let (mut wrong, mut texts) = (Vec::new(), Vec::new());
    for file in &args.files {
        let read = policy::read_document(file);
        match read.and_then(|bytes| policy::parsed(file, &bytes).map(|documents| (bytes, documents))) {
            Ok((bytes, documents)) => {
                texts.extend(String::from_utf8(bytes));
                for d in &documents {
                    output::data(&format!("{}: {} {} is valid\n", file.display(), d.kind(), d.name()))?;
                }
            }
            Err(Failure::Operator(e)) => {
                let (file, what) = (file.display().to_string(), e.to_string());
                // What could not be read at all is named already.
                output::talk(&if what.starts_with(&file) { what } else { format!("{file}: {what}") });
                wrong.push(file);
            }
            Err(ours) => return Err(ours),
        }
    }
    if wrong.is_empty() {
        documents::remarks(texts);
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
            let mut table = Table::new(&["NAME", "OPERATING SYSTEM", "DEFAULT", "APPROVES"]);
            for r in &rows {
                let default = if r.default { "yes" } else { "" };
                table.row([
                    r.name.into(),
                    r.operating_system.into(),
                    default.into(),
                    (&r.description).into(),
                ]);
            }
            output::data(&output::rendered(&table))?;
        }
        PredefinedCommand::Show { name } => {
            let found = predefined::named(name).ok_or_else(|| {
                let meant = alike(name).map(|m| format!(", did you mean {m}?"));
                let meant = meant.unwrap_or_else(|| ";".into());
                Failure::operator(format!(
                    "no predefined baseline is called {name}{meant} `patchflock predefined list` shows all names"
                ))
            })?;
            output::data(found.yaml)?;
        }
    }
    Ok(Verdict::Fine)
}

/// The name that was most likely meant: by the operating system alone, or mistyped.
fn alike(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_lowercase().replace(['_', ' '], "-");
    let similar = |p: &predefined::Predefined| {
        let short = p.name.trim_start_matches("predefined-");
        strsim::jaro_winkler(p.name, &wanted).max(strsim::jaro_winkler(short, &wanted))
    };
    let best = predefined::ALL.iter().max_by(|a, b| similar(a).total_cmp(&similar(b)))?;
    (name.len() < 100 && similar(best) > 0.8).then_some(best.name)
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
    clap_complete::generate(args.shell, &mut args::command(), "patchflock", &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Verdict::Fine)
}

/// `patchflock man`.
pub(crate) fn man(args: &ManArgs) -> Result<Verdict, Failure> {
    let dir = &args.directory;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("making {}", dir.display()))
        .map_err(Failure::Operator)?;
    let mut program = args::command().disable_help_subcommand(true);
    program.build();
    manual::pages(program, dir).with_context(|| format!("writing man pages into {}", dir.display()))?;
    output::talk(&format!("man pages written to {}; read one with `man -l`", dir.display()));
    Ok(Verdict::Fine)
}
