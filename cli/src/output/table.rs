//! Tables for people that stay readable in a narrow terminal. comfy-table lays out, textwrap breaks sentences.
//!
//! All columns but the last are short names and versions: they are never broken, so that they can be copied. The
//! last one is a sentence: it is wrapped inside its column, and where the column would be too narrow it gets
//! lines of its own below the row. Without a width (a file, a pipe) each row is one line.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Color, ContentArrangement};
use unicode_width::UnicodeWidthStr;

use super::one_line;

/// Below this the last column is put under the row instead of beside it.
const NARROW: usize = 34;
/// With a longer name than this in it a table is not aligned: a hostile name must not widen every row.
const WIDEST: usize = 64;
/// Between two columns.
const GAP: usize = 2;
/// Lines that belong to the row above.
const INDENT: &str = "    ";

/// How a cell is coloured, where colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Good,
    Wait,
    Bad,
    Dim,
}

/// Text with a colour; control characters are taken out, they are not ours to send to a terminal.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    pub(crate) fn painted(text: &str, paint: Paint) -> Self {
        Self { text: one_line(text), paint }
    }

    fn width(&self) -> usize {
        self.text.width()
    }

    /// The cell as comfy-table has it, with its text replaced by lines of it.
    fn laid_out(&self, text: String) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(text);
        match self.paint {
            Paint::Plain => cell,
            Paint::Good => cell.fg(Color::DarkGreen),
            Paint::Wait => cell.fg(Color::DarkYellow),
            Paint::Bad => cell.fg(Color::DarkRed),
            Paint::Dim => cell.add_attribute(Attribute::Dim),
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::painted(text.as_ref(), Paint::Plain)
    }
}

/// Rows under column heads; the last column holds sentences.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(Cell::from).collect()] }
    }

    /// One more row, with as many cells as there are heads.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as lines without trailing blanks, at most `width` columns wide where its words allow it.
    pub(crate) fn text(&self, width: Option<usize>, colour: bool) -> String {
        // Without a width everything fits.
        let width = width.unwrap_or(usize::MAX);
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default().saturating_sub(1);
        let widest = |c| self.rows.iter().filter_map(|r| r.get(c)).map(Cell::width).max().unwrap_or_default();
        let short: Vec<usize> = (0..columns).map(widest).collect();
        let lead: usize = short.iter().map(|n| n + GAP).sum();
        if short.iter().any(|n| *n > WIDEST) {
            self.loose(&[], width)
        } else if lead + widest(columns).min(NARROW) <= width {
            self.aligned(columns + 1, width - lead, colour).concat()
        } else if lead <= width {
            let rows = self.aligned(columns, width, colour);
            let below = |row: &Vec<Cell>| below(row.last(), width);
            rows.into_iter().zip(self.rows.iter().map(below)).map(|(row, why)| row + &why).collect()
        } else {
            self.loose(&shrunk(short, width), width)
        }
    }

    /// The first columns as aligned rows, the sentence in lines of at most `room`.
    fn aligned(&self, columns: usize, room: usize, colour: bool) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let mut heights = Vec::new();
        for row in &self.rows {
            let lines: Vec<Vec<String>> = row
                .iter()
                .take(columns)
                .enumerate()
                .map(
                    |(c, cell)| {
                        if c + 1 == row.len() { wrapped(&cell.text, room) } else { vec![cell.text.clone()] }
                    },
                )
                .collect();
            heights.push(lines.iter().map(Vec::len).max().unwrap_or_default().max(1));
            table.add_row(row.iter().zip(lines).map(|(cell, lines)| cell.laid_out(lines.join("\n"))));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, u16::try_from(GAP).unwrap_or_default()));
        }
        let text = table.to_string();
        let mut lines = text.lines();
        heights
            .into_iter()
            .map(|n| lines.by_ref().take(n).map(|line| format!("{}\n", line.trim_end())).collect())
            .collect()
    }

    /// Rows whose names are wider than their columns, or all of them together wider than the terminal: what is
    /// too long pushes the rest to the right, and the sentence goes below.
    fn loose(&self, columns: &[usize], width: usize) -> String {
        let row = |row: &Vec<Cell>| {
            let (short, sentence) = row.split_at(row.len().saturating_sub(1));
            let widths = columns.iter().chain(std::iter::repeat(&0));
            let cells: String = short
                .iter()
                .zip(widths)
                .map(|(cell, column)| {
                    let pad = column.saturating_sub(cell.width()) + GAP;
                    format!("{}{}", cell.text, " ".repeat(pad))
                })
                .collect();
            let lines = textwrap::wrap(cells.trim_end(), options(width).subsequent_indent(INDENT));
            lines.iter().map(|l| format!("{}\n", l.trim_end())).collect::<String>()
                + &below(sentence.first(), width)
        };
        self.rows.iter().map(row).collect()
    }
}

/// Columns that together fit into `width`, taken from the widest first.
fn shrunk(mut columns: Vec<usize>, width: usize) -> Vec<usize> {
    let limit = width.saturating_sub(GAP * columns.len());
    while columns.iter().sum::<usize>() > limit {
        match columns.iter_mut().max() {
            Some(widest) if *widest > 1 => *widest -= 1,
            _ => break,
        }
    }
    columns
}

/// A sentence in lines of its own.
fn below(sentence: Option<&Cell>, width: usize) -> String {
    let Some(cell) = sentence.filter(|c| !c.text.is_empty()) else { return String::new() };
    let lines = textwrap::wrap(&cell.text, options(width).initial_indent(INDENT).subsequent_indent(INDENT));
    lines.iter().map(|l| format!("{l}\n")).collect()
}

/// The words of a sentence in lines of at most `width`; a longer word gets a line of its own and stays whole.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    textwrap::wrap(text, options(width)).into_iter().map(|line| line.into_owned()).collect()
}

/// Words and names stay whole, also at their hyphens.
fn options<'a>(width: usize) -> textwrap::Options<'a> {
    textwrap::Options::new(width)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["PACKAGE", "OFFERED", "WHY"]);
        table.row([
            "openssl".into(),
            "3.0.19-1~deb12u2".into(),
            Cell::painted(
                "approved by rule 1 (priority Required, Important), which has no delay",
                Paint::Good,
            ),
        ]);
        table.row(["jq".into(), "1.6".into(), "not matched".into()]);
        table
    }

    #[test]
    fn without_a_width_each_row_is_one_line() {
        let text = sample().text(None, false);
        assert_eq!(
            text,
            "PACKAGE  OFFERED           WHY\n\
             openssl  3.0.19-1~deb12u2  approved by rule 1 (priority Required, Important), which has no delay\n\
             jq       1.6               not matched\n"
        );
    }

    #[test]
    fn a_long_reason_wraps_inside_its_column() {
        let text = sample().text(Some(64), false);
        assert_eq!(
            text,
            "PACKAGE  OFFERED           WHY\n\
             openssl  3.0.19-1~deb12u2  approved by rule 1 (priority\n\
             \x20                          Required, Important), which has no\n\
             \x20                          delay\n\
             jq       1.6               not matched\n"
        );
    }

    #[test]
    fn where_the_column_would_be_narrow_the_reason_goes_below_the_row() {
        let text = sample().text(Some(44), false);
        assert_eq!(
            text,
            "PACKAGE  OFFERED\n    WHY\n\
             openssl  3.0.19-1~deb12u2\n    approved by rule 1 (priority Required,\n    Important), which has no delay\n\
             jq       1.6\n    not matched\n"
        );
    }

    #[test]
    fn even_a_tiny_width_breaks_no_name_and_no_word() {
        let text = sample().text(Some(10), false);
        for word in ["openssl", "3.0.19-1~deb12u2", "Important),", "approved"] {
            assert!(text.lines().any(|l| l.contains(word)), "{word} in {text}");
        }
        assert!(text.lines().all(|l| l.trim().chars().count() > 1), "{text}");
    }

    #[test]
    fn one_long_name_widens_no_other_row() {
        let mut table = sample();
        table.row([(&"x".repeat(1 << 20)).into(), "1".into(), "too long".into()]);
        let text = table.text(None, false);
        assert!(text.lines().any(|l| l.starts_with("xxx") && l.ends_with("x  1")));
        assert!(text.lines().filter(|l| !l.starts_with('x')).all(|l| l.len() < 200));
        assert!(table.text(Some(80), false).len() < (1 << 20) + 2000);
    }

    #[test]
    fn colours_do_not_count_as_width_and_end_with_their_cell() {
        let plain = sample().text(Some(64), false);
        let coloured = sample().text(Some(64), true);
        assert!(
            coloured.contains("m approved by rule 1 (priority") || coloured.contains("mapproved by rule 1")
        );
        let mut bare = coloured.split('\u{1b}');
        let first = bare.next().unwrap_or_default().to_owned();
        let bare = bare.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest));
        let trimmed: String = bare.lines().map(|l| format!("{}\n", l.trim_end())).collect();
        assert_ne!(coloured, plain);
        assert_eq!(trimmed, plain);
    }

    #[test]
    fn what_a_hostile_package_is_called_does_not_reach_the_terminal_raw() {
        let mut table = Table::new(&["A", "B"]);
        table.row(["x\u{1b}[2Jy".into(), "one\ntwo\r\u{9b}31m\u{202e}evil".into()]);
        let text = table.text(None, false);
        assert!(!text.contains(['\u{1b}', '\r', '\u{9b}', '\u{202e}']), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}
