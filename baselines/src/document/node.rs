//! The tree of a YAML document, every node with its line and column.
//!
//! Scalars follow the YAML 1.2 core schema, made narrower so that no reader can understand a document differently:
//! - `true`/`false` (also `True`, `TRUE`) are booleans; `yes`, `no`, `on`, `off` are the text they look like, and where
//!   a boolean is expected that is a problem with a hint.
//! - Numbers are exactly JSON's numbers. `010`, `0x1F`, `1_000`, `12:30` stay text. A number where text is expected
//!   (`approved_patches: [1.10]`) is a problem that shows the quoted spelling: `1.10` and `1.1` are one number, and two
//!   versions. The node keeps the source text, so the hint is exact.
//! - A date is text.

use serde_json::{Map, Value};

/// A place in a source text, both counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// Line.
    pub(crate) line: usize,
    /// Column.
    pub(crate) column: usize,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) at: Place,
    /// What it is.
    pub(crate) tree: Tree,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// Nothing: empty, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number and its spelling in the source.
    Number(serde_json::Number, String),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the source; keys are unique.
    Map(Vec<Entry>),
}

/// One field of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) key: String,
    /// Where the name stands.
    pub(crate) key_at: Place,
    /// Its value.
    pub(crate) value: Node,
}

impl Node {
    /// The value under a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The field with this name, if this is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.tree {
            Tree::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The fields; empty for anything but a mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.tree {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items; empty for anything but a sequence.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.tree {
            Tree::List(items) => items,
            _ => &[],
        }
    }

    /// The node at a JSON pointer (RFC 6901), and the deepest one on the way to it where it does not exist.
    pub(crate) fn at_pointer(&self, pointer: &str) -> &Self {
        let mut node = self;
        for segment in pointer.split('/').skip(1) {
            let key = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.tree {
                Tree::Map(_) => node.get(&key),
                Tree::List(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// As JSON. A field without value (`key:` or `key: null`) is left out: it says the same as no field.
    pub(crate) fn to_json(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(*value),
            Tree::Number(number, _) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Tree::Map(entries) => Value::Object(
                entries
                    .iter()
                    .filter(|entry| entry.value.tree != Tree::Null)
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// What it is, in words for a message: ``the number `1.10` ``.
    pub(crate) fn describe(&self) -> String {
        use super::problem::quoted;
        match &self.tree {
            Tree::Null => "nothing".into(),
            Tree::Bool(value) => format!("the boolean `{value}`"),
            Tree::Number(_, spelling) => format!("the number {}", quoted(spelling)),
            Tree::Text(text) => format!("the text {}", quoted(text)),
            Tree::List(_) => "a list".into(),
            Tree::Map(_) => "a mapping".into(),
        }
    }
}

/// What a plain (unquoted) scalar means; see the module's header.
pub(super) fn plain(text: &str) -> Tree {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Tree::Null,
        "true" | "True" | "TRUE" => Tree::Bool(true),
        "false" | "False" | "FALSE" => Tree::Bool(false),
        // serde_json knows exactly JSON's numbers; the guard keeps it from trimming white space.
        _ if text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && text.ends_with(|c: char| c.is_ascii_digit()) =>
        {
            match serde_json::from_str::<serde_json::Number>(text) {
                Ok(number) => Tree::Number(number, text.to_owned()),
                Err(_) => Tree::Text(text.to_owned()),
            }
        }
        _ => Tree::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_json_values_or_text() {
        let number = |text: &str| matches!(plain(text), Tree::Number(_, spelling) if spelling == text);
        for text in ["0", "-1", "7", "1.10", "1e3", "-0.5E-7", "18446744073709551616"] {
            assert!(number(text), "{text}");
        }
        for text in [
            "+1",
            "01",
            "0x1f",
            "0o7",
            "1_000",
            "12:30",
            ".5",
            "5.",
            "1.2.3",
            "2024-01-01",
            "-",
            "1 ",
            ".inf",
        ] {
            assert_eq!(plain(text), Tree::Text(text.into()));
        }
        for text in ["yes", "no", "on", "off", "y", "n", "Yes", "tRue", "nil", "none"] {
            assert_eq!(plain(text), Tree::Text(text.into()));
        }
        assert_eq!((plain(""), plain("~"), plain("NULL")), (Tree::Null, Tree::Null, Tree::Null));
        assert_eq!((plain("True"), plain("FALSE")), (Tree::Bool(true), Tree::Bool(false)));
    }

    #[test]
    fn a_pointer_that_leads_nowhere_ends_at_the_deepest_node_on_its_way() {
        let at = |line| Place { line, column: 1 };
        let leaf = Node { at: at(3), tree: Tree::Text("x".into()) };
        let list = Node { at: at(2), tree: Tree::List(vec![leaf]) };
        let entry = Entry { key: "a/b~".into(), key_at: at(2), value: list };
        let root = Node { at: at(1), tree: Tree::Map(vec![entry]) };
        let line = |pointer| root.at_pointer(pointer).at.line;
        assert_eq!((line(""), line("/a~1b~0"), line("/a~1b~0/0")), (1, 2, 3));
        assert_eq!((line("/nowhere"), line("/a~1b~0/7"), line("/a~1b~0/0/deeper")), (1, 2, 3));
    }
}
