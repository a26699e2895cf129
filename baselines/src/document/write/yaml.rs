//! The little YAML that we write: mappings, lists, and scalars that no reader takes for anything but what they are.

use crate::document::node::{Tree, plain};
use crate::document::problem::changes_direction;

/// A list up to this many characters stands in one line.
const LINE_CHARS: usize = 90;

/// YAML under construction.
#[derive(Debug)]
pub(super) struct Yaml {
    out: String,
    indent: usize,
    /// The next line begins an entry of a list.
    dash: bool,
}

impl Yaml {
    pub(super) fn new() -> Self {
        Self { out: String::new(), indent: 0, dash: false }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn begin(&mut self) {
        for _ in 0..self.indent {
            self.out.push_str("  ");
        }
        if self.dash {
            // The dash takes the place of the last step of indentation.
            self.out.truncate(self.out.len().saturating_sub(2));
            self.out.push_str("- ");
            self.dash = false;
        }
    }

    fn line(&mut self, text: &str) {
        self.begin();
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// `key: value` with a value that is known to need no quotes, such as a number or a word of ours.
    pub(super) fn plain(&mut self, key: &str, value: impl std::fmt::Display) {
        self.line(&format!("{key}: {value}"));
    }

    /// `key: text`; as a block if it has several lines.
    pub(super) fn text(&mut self, key: &str, text: &str) {
        if !fits_block(text) {
            self.line(&format!("{key}: {}", scalar(text)));
            return;
        }
        let keep = if text.ends_with('\n') { "|" } else { "|-" };
        self.line(&format!("{key}: {keep}"));
        self.indent += 1;
        for line in text.lines() {
            if line.is_empty() { self.out.push('\n') } else { self.line(line) }
        }
        self.indent -= 1;
    }

    /// `key: [a, b]`, in one line where that is short.
    pub(super) fn texts(&mut self, key: &str, texts: &[String]) {
        let scalars: Vec<String> = texts.iter().map(|text| scalar(text)).collect();
        let line = format!("{key}: [{}]", scalars.join(", "));
        if line.chars().count() <= LINE_CHARS || texts.is_empty() {
            self.line(&line);
            return;
        }
        self.line(&format!("{key}:"));
        self.indent += 1;
        for text in scalars {
            self.line(&format!("- {text}"));
        }
        self.indent -= 1;
    }

    /// `key:` and its fields.
    pub(super) fn mapping(&mut self, key: &str, fields: impl FnOnce(&mut Self)) {
        self.line(&format!("{key}:"));
        self.indent += 1;
        let before = self.out.len();
        fields(self);
        self.indent -= 1;
        self.or_empty(before, "{}");
    }

    /// `key:` and one mapping for each item.
    pub(super) fn mappings<T>(&mut self, key: &str, items: &[T], fields: impl Fn(&mut Self, &T)) {
        self.line(&format!("{key}:"));
        self.indent += 2;
        for item in items {
            self.dash = true;
            fields(self, item);
            if self.dash {
                self.line("{}");
            }
        }
        self.indent -= 2;
    }

    /// Nothing was written under a key: says so, since a key without value means a field that is not given.
    fn or_empty(&mut self, before: usize, empty: &str) {
        if self.out.len() == before && self.out.ends_with(":\n") {
            self.out.pop();
            self.out.push(' ');
            self.out.push_str(empty);
            self.out.push('\n');
        }
    }
}

/// Several lines that a literal block carries unchanged.
fn fits_block(text: &str) -> bool {
    let lines = text.contains('\n');
    let clean = text.chars().all(|c| c == '\n' || !needs_escape(c));
    let edges = !text.starts_with(['\n', ' ', '\t']) && !text.ends_with("\n\n");
    let inside = text.lines().all(|line| !line.ends_with([' ', '\t']) && !line.starts_with([' ', '\t']));
    lines && clean && edges && inside
}

/// Characters that a file of ours must not hold as such.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || changes_direction(c)
        || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// A scalar as text: plain where every reader agrees, quoted elsewhere.
pub(in crate::document) fn scalar(text: &str) -> String {
    let safe = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+".contains(c));
    // What YAML 1.1 takes for booleans.
    let boolean = ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word));
    if safe && !boolean && matches!(plain(text), Tree::Text(_)) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_some_reader_takes_for_something_else_are_quoted() {
        for text in [
            "yes",
            "No",
            "ON",
            "off",
            "y",
            "N",
            "null",
            "true",
            "False",
            "1.10",
            "0x1f",
            "2024-01-01",
            "12:30",
            "",
            "~",
        ] {
            assert_eq!(scalar(text), format!("\"{text}\""));
        }
        for text in ["bash", "linux-image-6.1", "CVE-2026-1", "Europe/Berlin", "libstdc++6"] {
            assert_eq!(scalar(text), text);
        }
    }

    #[test]
    fn what_a_terminal_or_a_reviewer_would_not_see_is_escaped() {
        assert_eq!(scalar("a\u{1b}[0m\u{202e}\u{feff}\"\\"), "\"a\\u001b[0m\\u202e\\ufeff\\\"\\\\\"");
    }

    #[test]
    fn lists_stand_in_one_line_while_it_is_short() {
        let mut yaml = Yaml::new();
        yaml.mapping("spec", |yaml| {
            yaml.texts("short", &["a".into(), "no".into()]);
            yaml.texts("long", &["x".repeat(50), "y".repeat(50)]);
            yaml.text("block", "[main]\n\nenabled=1\n");
            yaml.mappings("list", &[1, 2], |yaml, number| {
                yaml.plain("number", number);
                yaml.mappings("inner", &[*number], |yaml, _| yaml.plain("a", 1));
            });
            yaml.mappings("nothing", &[()], |_, ()| {});
            yaml.mapping("empty", |_| {});
        });
        insta::assert_snapshot!(yaml.finish(), @r#"
        spec:
          short: [a, "no"]
          long:
            - xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            - yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
          block: |
            [main]

            enabled=1
          list:
            - number: 1
              inner:
                - a: 1
            - number: 2
              inner:
                - a: 1
          nothing:
            - {}
          empty: {}
        "#);
    }
}
