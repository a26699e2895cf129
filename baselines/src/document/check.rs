//! Collects problems of one document by path: a check says *what* is wrong at `/spec/approval_rules/0`, this knows the
//! line and column.

use std::collections::BTreeSet;

use super::node::{Node, Place};
use super::problem::{MAX_PROBLEMS, Problem, Severity, in_order};

/// Problems of one document so far.
#[derive(Debug)]
pub(crate) struct Check<'a> {
    label: &'a str,
    /// The document.
    pub(crate) root: &'a Node,
    problems: Vec<Problem>,
    errors: usize,
    warnings: usize,
    /// Values that an error was reported for; one error each, the first and most basic.
    refused: BTreeSet<String>,
    /// Where there are errors, of whatever sort.
    touched: Vec<String>,
}

impl<'a> Check<'a> {
    /// Nothing found yet.
    pub(crate) fn new(label: &'a str, root: &'a Node) -> Self {
        Self {
            label,
            root,
            problems: Vec::new(),
            errors: 0,
            warnings: 0,
            refused: BTreeSet::new(),
            touched: Vec::new(),
        }
    }

    /// An error about the value with this JSON pointer, at the deepest existing value on the way to it. Nothing is
    /// added for a value that already has an error: `tomorrow` is not a date, and then not a day of the calendar.
    pub(crate) fn error(&mut self, pointer: &str, message: impl Into<String>, hint: Option<String>) {
        if !self.is_full() && self.refused.insert(pointer.to_owned()) {
            self.error_inside(pointer, message, hint);
        }
    }

    /// An error about something that a value lacks; there may be several.
    pub(crate) fn error_inside(&mut self, pointer: &str, message: impl Into<String>, hint: Option<String>) {
        let at = self.root.at_pointer(pointer).at;
        self.touch(pointer.to_owned());
        self.push(Severity::Error, at, message.into(), hint);
    }

    /// What is wrong with this value was said at another one.
    pub(crate) fn has_said_about(&mut self, pointer: &str) {
        self.touch(pointer.to_owned());
    }

    /// Bounded, as it is searched for each part of a document.
    fn touch(&mut self, pointer: String) {
        if self.touched.len() < MAX_PROBLEMS {
            self.touched.push(pointer);
        }
    }

    /// No further error is taken.
    fn is_full(&self) -> bool {
        self.errors >= MAX_PROBLEMS
    }

    /// Whether the value with this pointer, or anything inside it, has an error.
    pub(crate) fn has_error_in(&self, pointer: &str) -> bool {
        self.touched
            .iter()
            .filter_map(|touched| touched.strip_prefix(pointer))
            .any(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// A warning at a value.
    pub(crate) fn warning(&mut self, pointer: &str, message: impl Into<String>, hint: Option<String>) {
        let at = self.root.at_pointer(pointer).at;
        self.push(Severity::Warning, at, message.into(), hint);
    }

    /// An error at the *name* of a field of the mapping at `pointer`.
    pub(crate) fn error_at_key(
        &mut self,
        pointer: &str,
        key: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.touch(format!("{pointer}/{key}"));
        let at = self.key_place(pointer, key);
        self.push(Severity::Error, at, message.into(), hint);
    }

    /// A warning at the *name* of a field of the mapping at `pointer`.
    pub(crate) fn warning_at_key(
        &mut self,
        pointer: &str,
        key: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let at = self.key_place(pointer, key);
        self.push(Severity::Warning, at, message.into(), hint);
    }

    fn key_place(&self, pointer: &str, key: &str) -> Place {
        let parent = self.root.at_pointer(pointer);
        parent.entry(key).map_or(parent.at, |entry| entry.key_at)
    }

    fn push(&mut self, severity: Severity, at: Place, message: String, hint: Option<String>) {
        // Each severity has its own count: warnings must not keep an error out.
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if *count >= MAX_PROBLEMS {
            return;
        }
        *count += 1;
        self.problems.push(Problem {
            severity,
            file: self.label.to_owned(),
            line: at.line,
            column: at.column,
            message,
            hint,
        });
    }

    /// Whether the document is refused.
    pub(crate) fn failed(&self) -> bool {
        self.errors > 0
    }

    /// Everything found, in the order of the source.
    pub(crate) fn finish(self) -> Vec<Problem> {
        in_order(self.problems)
    }
}

/// A JSON pointer as people write it: `/spec/approval_rules/0/filters` is `approval_rules[0].filters`.
pub(crate) fn path_in_words(pointer: &str) -> String {
    let mut out = String::new();
    for segment in pointer.strip_prefix("/spec").unwrap_or(pointer).split('/').skip(1) {
        if segment.parse::<usize>().is_ok() {
            out.push('[');
            out.push_str(segment);
            out.push(']');
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(&segment.replace("~1", "/").replace("~0", "~"));
        }
    }
    match (out.is_empty(), pointer.is_empty()) {
        (false, _) => out,
        (true, false) => "spec".into(),
        (true, true) => "the document".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::path_in_words;

    #[test]
    fn paths_are_written_as_people_write_them() {
        assert_eq!(
            path_in_words("/spec/approval_rules/0/filters/PRIORITY/1"),
            "approval_rules[0].filters.PRIORITY[1]"
        );
        assert_eq!((path_in_words("/name"), path_in_words("/spec")), ("name".into(), "spec".into()));
        assert_eq!(path_in_words(""), "the document");
    }
}
