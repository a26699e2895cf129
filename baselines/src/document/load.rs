//! From hostile bytes to trees: the only code that sees YAML syntax.
//!
//! Everything that YAML can do and a policy does not need is refused: anchors and aliases (a few lines of them unfold
//! to gigabytes), tags, duplicate keys, keys that are not text, and characters that hide text from a reviewer.
//! The parser's events are folded with a stack of our own, so that depth costs no recursion.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::node::{Entry, Node, Place, Tree, plain};
use super::problem::{MAX_PROBLEMS, Problem, Severity, changes_direction, quoted};

/// Largest file, in bytes. A baseline with a thousand entries is 50 KiB.
pub const MAX_BYTES: usize = 1 << 20;

/// Deepest nesting. Our documents need 6, AWS's JSON 7.
pub const MAX_DEPTH: usize = 32;

/// Most values in one file, over all its documents.
pub const MAX_NODES: usize = 100_000;

/// Most fields in one mapping. Names are compared with each other, so this bounds the square.
pub const MAX_FIELDS: usize = 1_000;

/// The trees of a file, and what is wrong with its syntax.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// One for each document that is not empty.
    pub(crate) roots: Vec<Node>,
    /// Syntax problems, all of them errors.
    pub(crate) problems: Vec<Problem>,
}

/// Reads all documents of a file.
pub(crate) fn load(label: &str, bytes: &[u8]) -> Loaded {
    let text = match readable(label, bytes) {
        Ok(text) => text,
        Err(problem) => return Loaded { roots: Vec::new(), problems: vec![problem] },
    };
    let mut fold = Fold::new(label);
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        match next {
            Ok((event, span)) => {
                if fold.event(event, span).is_break() {
                    break;
                }
            }
            Err(error) => {
                fold.syntax(&error);
                break;
            }
        }
    }
    if fold.loaded.roots.is_empty() && fold.loaded.problems.is_empty() {
        fold.problem(
            Place { line: 1, column: 1 },
            "the file holds no document",
            Some("a document has `kind`, `name` and `spec`"),
        );
    }
    fold.loaded
}

/// The text of a file, if its bytes are text that every reader sees alike.
fn readable<'a>(label: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    let problem = |at: Place, message: String, hint: &str| Problem {
        severity: Severity::Error,
        file: label.to_owned(),
        line: at.line,
        column: at.column,
        message,
        hint: Some(hint.to_owned()),
    };
    let start = Place { line: 1, column: 1 };
    if bytes.len() > MAX_BYTES {
        return Err(problem(
            start,
            format!("the file has {} bytes, more than the limit of {MAX_BYTES}", bytes.len()),
            "split it into several files",
        ));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            return Err(problem(
                place_after(&String::from_utf8_lossy(good)),
                format!("the file is not UTF-8 text (byte {})", error.valid_up_to() + 1),
                "save it as UTF-8; Windows editors may call what they wrote \"Unicode\" or \"ANSI\"",
            ));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rest = text.char_indices().peekable();
    while let Some((index, c)) = rest.next() {
        let what = match c {
            '\r' if rest.peek().is_some_and(|(_, next)| *next == '\n') => continue,
            '\n' | '\t' => continue,
            '\r' => "a carriage return without a line feed",
            c if c.is_control() => "a control character",
            c if changes_direction(c) => "a character that changes the direction of text",
            '\u{feff}' => "a byte order mark inside the text",
            '\u{2028}' | '\u{2029}' => "a Unicode line separator",
            _ => continue,
        };
        let before = text.get(..index).unwrap_or_default();
        return Err(problem(
            place_after(before),
            format!("the file holds {what} (U+{:04X})", u32::from(c)),
            "remove it, or write it as an escape such as \"\\u001b\" in double quotes",
        ));
    }
    Ok(text)
}

/// The place right after a text.
fn place_after(text: &str) -> Place {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place { line: text.matches('\n').count() + 1, column: last.chars().count() + 1 }
}

/// An unfinished sequence or mapping.
enum Open {
    List { at: Place, items: Vec<Node> },
    Map { at: Place, entries: Vec<Entry>, key: Option<(Option<String>, Place)> },
}

struct Fold<'a> {
    label: &'a str,
    loaded: Loaded,
    stack: Vec<Open>,
    nodes: usize,
}

type Flow = std::ops::ControlFlow<()>;

impl<'a> Fold<'a> {
    fn new(label: &'a str) -> Self {
        Self { label, loaded: Loaded::default(), stack: Vec::new(), nodes: 0 }
    }

    fn problem(&mut self, at: Place, message: impl Into<String>, hint: Option<&str>) {
        self.loaded.problems.push(Problem {
            severity: Severity::Error,
            file: self.label.to_owned(),
            line: at.line,
            column: at.column,
            message: message.into(),
            hint: hint.map(str::to_owned),
        });
    }

    fn syntax(&mut self, error: &saphyr_parser::ScanError) {
        let hint = if error.info().contains("tab") {
            "indent with spaces; YAML does not allow tabs there"
        } else if error.info().contains("escape code") {
            "write the character itself; JSON's surrogate pairs (\\ud83d\\ude00) are not characters in YAML"
        } else if error.info().contains("unknown anchor") {
            "aliases (`*name`) are not supported: write the value out; quote text that begins with `*`"
        } else {
            "check indentation, quotes and brackets at and just before this place"
        };
        self.problem(place(error.marker()), format!("not valid YAML: {}", error.info()), Some(hint));
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Flow {
        let at = place(&span.start);
        match event {
            Event::Alias(_) => {
                self.problem(
                    at,
                    "aliases (`*name`) are not supported",
                    Some("write the value out; quote text that begins with `*`"),
                );
                self.add(Node { at, tree: Tree::Null })
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(at, anchor, tag.is_some());
                let tree =
                    if style == ScalarStyle::Plain { plain(&text) } else { Tree::Text(text.into_owned()) };
                self.add(Node { at, tree })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_decoration(at, anchor, tag.is_some());
                self.open(Open::List { at, items: Vec::new() })
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(at, anchor, tag.is_some());
                self.open(Open::Map { at, entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::List { at, items }) => self.add(Node { at, tree: Tree::List(items) }),
                Some(Open::Map { at, entries, .. }) => self.add(Node { at, tree: Tree::Map(entries) }),
                None => Flow::Continue(()),
            },
            Event::DocumentStart(_) => {
                self.stack.clear();
                Flow::Continue(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Flow::Continue(()),
        }
    }

    fn refuse_decoration(&mut self, at: Place, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.problem(
                at,
                "anchors (`&name`) are not supported",
                Some("remove it, and write the value out where it is used"),
            );
        }
        if tag {
            self.problem(
                at,
                "tags (`!name`) are not supported",
                Some("remove it; quote text that begins with `!`"),
            );
        }
    }

    fn open(&mut self, open: Open) -> Flow {
        if self.stack.len() >= MAX_DEPTH {
            let (Open::List { at, .. } | Open::Map { at, .. }) = open;
            self.problem(
                at,
                format!("nested deeper than {MAX_DEPTH} levels"),
                Some("no document needs this; check the brackets"),
            );
            return Flow::Break(());
        }
        self.stack.push(open);
        Flow::Continue(())
    }

    /// Puts a finished node where it belongs: into the open list or mapping, or among the roots.
    fn add(&mut self, node: Node) -> Flow {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.problem(
                node.at,
                format!("more than {MAX_NODES} values in one file"),
                Some("split it into several files"),
            );
            return Flow::Break(());
        }
        if self.loaded.problems.len() >= MAX_PROBLEMS {
            return Flow::Break(());
        }
        match self.stack.pop() {
            None => {
                if node.tree != Tree::Null {
                    self.loaded.roots.push(node);
                }
            }
            Some(Open::List { at, mut items }) => {
                items.push(node);
                self.stack.push(Open::List { at, items });
            }
            Some(Open::Map { at, entries, key: None }) => {
                let key = self.key(&node);
                self.stack.push(Open::Map { at, entries, key: Some((key, node.at)) });
            }
            Some(Open::Map { at, entries, key: Some((None, _)) }) => {
                self.stack.push(Open::Map { at, entries, key: None });
            }
            Some(Open::Map { at, mut entries, key: Some((Some(key), key_at)) }) => {
                if entries.len() >= MAX_FIELDS {
                    self.problem(key_at, format!("more than {MAX_FIELDS} fields in one mapping"), None);
                    return Flow::Break(());
                }
                match entries.iter().find(|entry| entry.key == key) {
                    Some(first) => {
                        let hint =
                            format!("it is already given in line {}; keep one of them", first.key_at.line);
                        self.problem(key_at, format!("{} is given twice", quoted(&key)), Some(&hint));
                    }
                    None => entries.push(Entry { key, key_at, value: node }),
                }
                self.stack.push(Open::Map { at, entries, key: None });
            }
        }
        Flow::Continue(())
    }

    /// The name of a field; `None`, and a problem, where it is not text: the field is then passed over.
    fn key(&mut self, node: &Node) -> Option<String> {
        if let Tree::Text(text) = &node.tree {
            return Some(text.clone());
        }
        let hint = match &node.tree {
            Tree::Map(_) => "text that begins with `{` must be quoted; templates are not expanded here",
            _ => "write a field name; quote it if it looks like something else",
        };
        self.problem(
            node.at,
            format!("the name of a field must be text; this is {}", node.describe()),
            Some(hint),
        );
        None
    }
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}
