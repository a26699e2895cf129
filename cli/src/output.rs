//! The only door to standard output (data) and standard error (talk).

use std::io::{IsTerminal, Write};

use anyhow::Context;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::args::Format;

/// Width of a table when the output is not a terminal: wide enough to keep one row on one line.
const PLAIN_WIDTH: u16 = 4096;

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
    writeln!(err, "{text}").ok();
}

/// Prints a value as JSON or YAML.
pub(crate) fn structured(format: Format, value: &impl Serialize) -> anyhow::Result<()> {
    let text = match format {
        Format::Yaml => serde_saphyr::to_string(value).context("writing YAML")?,
        Format::Json | Format::Table => serde_json::to_string_pretty(value).context("writing JSON")? + "\n",
    };
    data(&text)
}

/// An empty table with these column heads.
pub(crate) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(heads.iter().copied());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(PLAIN_WIDTH);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A table as text: no trailing blanks, so that diffs and copies stay clean.
pub(crate) fn rendered(table: &Table) -> String {
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// An instant for people.
pub(crate) fn instant(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `1 patch`, `2 patches`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}
