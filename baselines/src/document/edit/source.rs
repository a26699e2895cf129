//! A source text with the place of everything in it.
//!
//! [`super::super::load`] keeps where a value begins, which is what problems need; an edit needs where it ends, and
//! how it is written. The text has been loaded before, so anchors, depth and size are no concern here.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::layout::Unfit;

/// A text as characters, as the parser counts, and its document.
#[derive(Debug)]
pub(super) struct Source {
    /// The text.
    pub(super) chars: Vec<char>,
    /// The document.
    pub(super) root: Item,
}

/// A value from its first character to the one after its last. Of lists and mappings in block style only the start
/// is certain: their end is that of their last entry.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) what: What,
}

/// What an item is and how it is written.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A scalar; `block` if it is written with `|` or `>`.
    Scalar { text: String, block: bool },
    /// A list, in brackets or with dashes.
    List { flow: bool, items: Vec<Item> },
    /// A mapping, in braces or with lines.
    Map { flow: bool, entries: Vec<(Item, Item)> },
}

impl Item {
    /// The field of this name, if this is a mapping that has it: name and value.
    pub(super) fn field(&self, name: &str) -> Option<&(Item, Item)> {
        match &self.what {
            What::Map { entries, .. } => entries.iter().find(|(key, _)| key.is_text(name)),
            _ => None,
        }
    }

    /// Whether it is this text.
    pub(super) fn is_text(&self, wanted: &str) -> bool {
        matches!(&self.what, What::Scalar { text, .. } if text == wanted)
    }
}

enum Open {
    List(usize, Vec<Item>),
    Map(usize, Vec<(Item, Item)>, Option<Item>),
}

impl Source {
    /// Reads a text that holds one document.
    pub(super) fn read(text: &str) -> Result<Self, Unfit> {
        const UNREADABLE: Unfit = Unfit("the document cannot be read");
        let chars: Vec<char> = text.chars().collect();
        let (mut stack, mut roots) = (Vec::new(), Vec::new());
        let mut parser = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            let (event, Span { start, end, .. }) = next.map_err(|_| UNREADABLE)?;
            let (start, end) = (start.index(), end.index());
            let done = match event {
                Event::Scalar(text, style, ..) => {
                    let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                    // The parser has already passed what follows a quoted scalar.
                    let used = chars.get(start..end).unwrap_or_default();
                    let used = used.iter().rposition(|c| !c.is_whitespace()).map_or(0, |index| index + 1);
                    let end = start + used;
                    Item { start, end, what: What::Scalar { text: text.into_owned(), block } }
                }
                Event::SequenceStart(..) => {
                    stack.push(Open::List(start, Vec::new()));
                    continue;
                }
                Event::MappingStart(..) => {
                    stack.push(Open::Map(start, Vec::new(), None));
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let at = |index: usize| chars.get(index).copied();
                    match stack.pop().ok_or(UNREADABLE)? {
                        Open::List(start, items) => {
                            Item { start, end, what: What::List { flow: at(start) == Some('['), items } }
                        }
                        Open::Map(start, entries, _) => {
                            Item { start, end, what: What::Map { flow: at(start) == Some('{'), entries } }
                        }
                    }
                }
                _ => continue,
            };
            match stack.last_mut() {
                None => roots.push(done),
                Some(Open::List(_, items)) => items.push(done),
                Some(Open::Map(_, entries, key)) => match key.take() {
                    None => *key = Some(done),
                    Some(name) => entries.push((name, done)),
                },
            }
        }
        // Empty documents do not count, as for the reader of documents.
        roots.retain(|root| matches!(root.what, What::Map { .. }));
        match (roots.pop(), roots.is_empty()) {
            (Some(root), true) => Ok(Self { chars, root }),
            _ => Err(UNREADABLE),
        }
    }

    /// The characters of a range; none where it is none.
    pub(super) fn slice(&self, start: usize, end: usize) -> &[char] {
        self.chars.get(start..end).unwrap_or_default()
    }

    /// Where the line of a place begins.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.slice(0, at).iter().rposition(|c| *c == '\n').map_or(0, |index| index + 1)
    }

    /// Where the line of a place ends, before its line break.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let end = self.slice(at, self.chars.len()).iter().position(|c| *c == '\n');
        let end = end.map_or(self.chars.len(), |offset| at + offset);
        if end > at && self.chars.get(end - 1) == Some(&'\r') { end - 1 } else { end }
    }

    /// Where the next line begins.
    pub(super) fn next_line(&self, at: usize) -> usize {
        let end = self.slice(at, self.chars.len()).iter().position(|c| *c == '\n');
        end.map_or(self.chars.len(), |offset| at + offset + 1)
    }

    /// The line break that this text uses.
    pub(super) fn line_break(&self) -> &'static str {
        if self.chars.windows(2).any(|pair| pair == ['\r', '\n']) { "\r\n" } else { "\n" }
    }

    /// The text with ranges replaced.
    pub(super) fn spliced(&self, mut edits: Vec<(usize, usize, String)>) -> String {
        edits.sort_by_key(|(start, ..)| *start);
        let (mut out, mut from) = (String::new(), 0);
        for (start, end, text) in edits {
            out.extend(self.slice(from, start));
            out.push_str(&text);
            from = end;
        }
        out.extend(self.slice(from, self.chars.len()));
        out
    }
}
