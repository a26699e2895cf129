//! What is wrong with a document, where, and what to do about it.
//!
//! A problem is a value, not a printed line: the command line renders it with an excerpt, the local API sends it as
//! JSON, an editor shows it at its place.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// Most problems reported for one file; whoever has more has one problem many times.
pub const MAX_PROBLEMS: usize = 200;

/// Longest piece of somebody's document that a message repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// Longest source line that [`render`] shows, in characters.
const EXCERPT_CHARS: usize = 160;

/// Whether a document with this problem is usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is accepted and probably not what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong at one place.
///
/// Displays as `FILE:LINE:COLUMN: error: MESSAGE`, followed by a `hint:` line where there is a hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Whether the document is refused for it.
    pub severity: Severity,
    /// The label that the caller gave the bytes, usually a file name.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, naming the thing.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, file, line, column, message, hint } = self;
        write!(f, "{}:{line}:{column}: {severity}: {message}", printable(file, usize::MAX))?;
        if let Some(hint) = hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Whether a document with these problems is refused.
pub(crate) fn failed(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// Problems in the order of the source, at most [`MAX_PROBLEMS`] of them. Warnings are dropped before errors: however
/// many warnings there are, an error must not get lost among them and its document be accepted.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    let place = |problem: &Problem| (problem.line, problem.column, problem.severity);
    problems.sort_by_key(place);
    if problems.len() > MAX_PROBLEMS {
        problems.sort_by_key(|problem| problem.severity);
        problems.truncate(MAX_PROBLEMS);
        problems.sort_by_key(place);
    }
    problems
}

/// Problems with the line of the source each one is about and a caret under the place.
///
/// `source` is the text the problems were found in; where it is other text, the excerpt is left out or wrong, and
/// nothing worse. Control characters of the source are never repeated: an excerpt goes to somebody's terminal.
pub fn render(source: &str, problems: &[Problem]) -> String {
    let lines: Vec<&str> = source.trim_start_matches('\u{feff}').lines().collect();
    let mut out = String::new();
    for problem in problems {
        let Problem { severity, file, line, column, message, hint } = problem;
        let _ = writeln!(out, "{severity}: {message}");
        let _ = writeln!(out, "  --> {}:{line}:{column}", printable(file, usize::MAX));
        if let Some(text) = line.checked_sub(1).and_then(|index| lines.get(index)) {
            excerpt(&mut out, *line, *column, text);
        }
        if let Some(hint) = hint {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }
    out
}

fn excerpt(out: &mut String, line: usize, column: usize, text: &str) {
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    // A minified JSON file is one line: show the part around the place.
    let skip = if column > EXCERPT_CHARS { column - EXCERPT_CHARS / 2 } else { 0 };
    let shown: String = text.chars().skip(skip).take(EXCERPT_CHARS).map(harmless).collect();
    let before: String = shown
        .chars()
        .take(column.saturating_sub(1).saturating_sub(skip))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let _ = writeln!(out, " {margin} |");
    let _ = writeln!(out, " {number} | {shown}");
    let _ = writeln!(out, " {margin} | {before}^");
}

/// A piece of a document, fit to stand in a message: in backticks, short, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text, SHOWN_CHARS))
}

fn printable(text: &str, limit: usize) -> String {
    let mut out: String = text.chars().take(limit).map(harmless).collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

/// Control and direction-changing characters as a visible replacement; a tab stays.
fn harmless(c: char) -> char {
    if c != '\t' && (c.is_control() || changes_direction(c)) { '\u{fffd}' } else { c }
}

/// Characters that make a reviewer see another order of characters than a parser does.
pub(crate) fn changes_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: usize, column: usize) -> Problem {
        Problem {
            severity: Severity::Error,
            file: "a.yaml".into(),
            line,
            column,
            message: "unknown field `x`".into(),
            hint: Some("remove it".into()),
        }
    }

    #[test]
    fn the_caret_stands_under_the_place_also_after_a_tab() {
        insta::assert_snapshot!(render("a: 1\n\tß: x\n", &[problem(2, 5)]), @r"
        error: unknown field `x`
          --> a.yaml:2:5
           |
         2 | 	ß: x
           | 	   ^
          hint: remove it
        ");
    }

    #[test]
    fn an_error_is_not_lost_among_many_warnings() {
        let warning = |line| Problem { severity: Severity::Warning, ..problem(line, 1) };
        let mut problems: Vec<Problem> = (1..=300).map(warning).collect();
        problems.push(problem(301, 1));
        let kept = in_order(problems);
        assert_eq!(kept.len(), MAX_PROBLEMS);
        assert!(failed(&kept));
        assert_eq!(kept.last().map(|problem| problem.line), Some(301));
    }

    #[test]
    fn a_place_outside_the_source_has_no_excerpt() {
        let shown = render("one line", &[problem(7, 1), problem(0, 0)]);
        assert!(!shown.contains('|'), "{shown}");
    }

    #[test]
    fn a_document_cannot_send_escape_codes_to_the_terminal() {
        let shown = render("a: \u{1b}[31m\u{202e}x", &[problem(1, 4)]);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
        assert!(!quoted("\u{1b}]0;title\u{7}").contains('\u{1b}'));
    }

    #[test]
    fn the_place_in_a_very_long_line_is_shown_without_the_whole_line() {
        let source = format!("{}HERE{}", "x".repeat(5000), "y".repeat(5000));
        let shown = render(&source, &[problem(1, 5001)]);
        assert!(shown.len() < 600 && shown.contains("HERE"), "{shown}");
    }
}
