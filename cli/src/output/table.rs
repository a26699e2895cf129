//! Tables for people that stay readable in a narrow terminal.
//!
//! All columns but the last are short names and versions: they are never broken, so that they can be copied. The
//! last one is a sentence: it is wrapped inside its column, and where the column would be too narrow it gets
//! lines of its own below the row. Without a width (a file, a pipe) each row is one line.

use unicode_width::UnicodeWidthStr;

use super::one_line;

/// Below this the last column is put under the row instead of beside it.
const NARROW: usize = 34;
/// No column is made wider than this for one long cell: it pushes its row to the right instead. Bounds what padding a
/// hostile name can cause.
const WIDEST: usize = 64;
/// Between two columns.
const GAP: usize = 2;
/// Lines that belong to the row above.
const INDENT: usize = 4;

/// How a cell is coloured, where colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Good,
    Wait,
    Bad,
    Dim,
}

impl Paint {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Wait => Some("33"),
            Self::Bad => Some("31"),
            Self::Dim => Some("2"),
        }
    }
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
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default().saturating_sub(1);
        let natural: Vec<usize> = (0..columns)
            .map(|c| self.column(c).map(Cell::width).max().unwrap_or_default().min(WIDEST))
            .collect();
        let lead: usize = natural.iter().map(|n| n + GAP).sum();
        let sentence = self.column(columns).map(Cell::width).max().unwrap_or_default();
        // Without a width everything fits.
        let width = width.unwrap_or(usize::MAX);
        let beside = lead + sentence.min(NARROW) <= width;
        let widths = if beside { natural } else { shrunk(natural, width) };
        let mut text = String::new();
        for cells in &self.rows {
            let Some((last, short)) = cells.split_last() else { continue };
            let mut line = Line { text: String::new(), used: 0, colour };
            for (cell, column) in short.iter().zip(&widths) {
                if line.used > INDENT && line.used + cell.width() > width {
                    line.end(&mut text);
                    line.pad(INDENT);
                }
                line.cell(&cell.text, cell.paint);
                line.pad((line.used + GAP).max(line.used + (column + GAP).saturating_sub(cell.width())));
            }
            let left = if beside { lead } else { INDENT };
            for (n, part) in wrapped(&last.text, width.saturating_sub(left)).into_iter().enumerate() {
                if n > 0 || !beside {
                    line.end(&mut text);
                }
                line.pad(left);
                line.cell(part, last.paint);
            }
            line.end(&mut text);
        }
        text
    }

    fn column(&self, column: usize) -> impl Iterator<Item = &Cell> {
        self.rows.iter().filter_map(move |r| r.get(column))
    }
}

struct Line {
    text: String,
    used: usize,
    colour: bool,
}

impl Line {
    fn cell(&mut self, text: &str, paint: Paint) {
        match paint.code().filter(|_| self.colour) {
            Some(code) => self.text += &format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            None => self.text += text,
        }
        self.used += text.width();
    }

    fn pad(&mut self, to: usize) {
        self.text.extend(std::iter::repeat_n(' ', to.saturating_sub(self.used)));
        self.used = self.used.max(to);
    }

    fn end(&mut self, into: &mut String) {
        into.push_str(self.text.trim_end());
        into.push('\n');
        self.text.clear();
        self.used = 0;
    }
}

/// Columns that together fit into `width`, taken from the widest first. A longer cell pushes its row to the right.
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

/// The words of a sentence in lines of at most `width`; a longer word gets a line of its own and stays whole.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut end, mut used) = (0, 0, 0);
    let mut at = 0;
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end();
        if used > 0 && used + bare.width() > width {
            lines.push(text.get(start..end).unwrap_or_default());
            (start, used) = (at, 0);
        }
        used += word.width();
        at += word.len();
        end = at - (word.len() - bare.len());
    }
    let rest = text.get(start..end).unwrap_or_default();
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
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
        assert!(text.lines().any(|l| l.starts_with("xxx") && l.ends_with("x  1                 too long")));
        assert!(text.lines().filter(|l| !l.starts_with('x')).all(|l| l.len() < 200));
        assert!(table.text(Some(80), false).len() < (1 << 20) + 2000);
    }

    #[test]
    fn colours_do_not_count_as_width_and_end_with_their_cell() {
        let plain = sample().text(Some(64), false);
        let coloured = sample().text(Some(64), true);
        assert!(coloured.contains("\u{1b}[32mapproved by rule 1 (priority\u{1b}[0m\n"), "{coloured:?}");
        assert_eq!(coloured.replace("\u{1b}[32m", "").replace("\u{1b}[0m", ""), plain);
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
