//! The only door to standard output (data) and standard error (talk).

mod table;

use std::io::{IsTerminal, Write};

use anyhow::Context;
use serde::Serialize;

use crate::args::Format;
pub(crate) use table::{Cell, Paint, Table, wrapped};

/// Width of a terminal that does not say how wide it is.
const USUAL_WIDTH: usize = 80;
/// No terminal is narrower; a smaller number is a terminal that does not know.
const SMALLEST_WIDTH: usize = 20;

/// Prints data.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    // A reader that has seen enough (`| head`) is no failure of ours.
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("writing to standard output"),
    }
}

/// Prints talk, with a line end.
pub(crate) fn talk(text: &str) {
    let mut err = std::io::stderr().lock();
    // What we quote came from files and tools: it must not steer the terminal.
    writeln!(err, "{}", harmless(text)).ok();
}

/// Asks on standard error; the cursor stays behind the question.
pub(crate) fn ask(question: &str) {
    let mut err = std::io::stderr().lock();
    write!(err, "{question} ").and_then(|()| err.flush()).ok();
}

/// Prints a value as JSON or YAML.
pub(crate) fn structured(format: Format, value: &impl Serialize) -> anyhow::Result<()> {
    let text = match format {
        Format::Yaml => serde_saphyr::to_string(value).context("writing YAML")?,
        Format::Json | Format::Table => serde_json::to_string_pretty(value).context("writing JSON")? + "\n",
    };
    data(&text)
}

/// A table as text for where standard output goes.
pub(crate) fn rendered(table: &Table) -> String {
    table.text(width(), colour())
}

/// Columns of the output: `$COLUMNS` where it is exported, else those of the terminal; `None` for files and pipes,
/// where one row is one line for `grep` and `awk`.
pub(crate) fn width() -> Option<usize> {
    let exported = std::env::var("COLUMNS").ok().and_then(|c| c.parse::<usize>().ok());
    exported.filter(|c| *c >= SMALLEST_WIDTH).or_else(|| {
        let stdout = std::io::stdout();
        stdout.is_terminal().then(|| {
            let size = rustix::termios::tcgetwinsize(&stdout).map_or(0, |s| usize::from(s.ws_col));
            if size < SMALLEST_WIDTH { USUAL_WIDTH } else { size }
        })
    })
}

/// Colours are for terminals that can, and for people who did not say no (`NO_COLOR`).
fn colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    std::io::stdout().is_terminal() && !unwanted && !dumb
}

/// A sentence in lines that fit, the second and later ones indented as far as the first one's text.
pub(crate) fn paragraph(lead: &str, text: &str) -> String {
    let text = one_line(text);
    let indent = lead.chars().count();
    // A lead is short; with less than half a line for the text, breaking it helps nobody.
    let room = width().map(|w| w.saturating_sub(indent)).filter(|room| *room > indent);
    let lines = wrapped(&text, room.unwrap_or(usize::MAX));
    let rest = format!("\n{}", " ".repeat(indent));
    format!("{}{}\n", one_line_kept(lead), lines.join(&rest))
}

/// One line without control characters: for cells and sentences whose words come from elsewhere.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(|l| harmless(l.trim())).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
}

/// As [`one_line`], with the blanks at both ends.
fn one_line_kept(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join(" ")
}

/// Control characters made visible, except line ends and tabs; so are those that turn the direction of writing, which
/// make a name look like another one.
pub(crate) fn harmless(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || turns(c);
    text.chars().map(|c| if bad(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// An instant for people.
pub(crate) fn instant(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `1 patch`, `2 patches`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}
