//! A text with several documents, taken apart: each is adopted with its own source text, comments included.

use chrono::{DateTime, Utc};
use patchflock_baselines::document::{self, Document};

/// A document, when it expires, and its own source text.
pub type Piece = (Document, Option<DateTime<Utc>>, String);

/// Each document with its own source text: of a text with one document the whole, comments and all.
///
/// # Errors
/// Every problem of the text, with its place.
pub fn separate(text: &str) -> Result<Vec<Piece>, String> {
    let read = |text: &str| {
        document::parse("document", text.as_bytes())
            .map_err(|problems| document::render(text, &problems).trim_end().to_owned())
    };
    let pieces = |parsed: document::Parsed, text: &str| -> Vec<Piece> {
        let dated = parsed.documents.into_iter().zip(parsed.expires);
        dated.map(|(document, expires)| (document, expires, text.to_owned())).collect()
    };
    let whole = pieces(read(text)?, text);
    if let [_] = whole.as_slice() {
        return Ok(whole);
    }
    // YAML allows `---` at the beginning of a line between documents and nowhere else.
    let mut texts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            texts.push(String::new());
        }
        if line.trim_end() != "---"
            && let Some(text) = texts.last_mut()
        {
            text.push_str(line);
        }
    }
    let says = |text: &String| text.lines().any(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    let mut found = Vec::new();
    for text in texts.iter().filter(|text| says(text)) {
        found.extend(pieces(read(text)?, text));
    }
    let same = |(one, at, _): &Piece, (other, until, _): &Piece| one == other && at == until;
    if found.len() == whole.len() && found.iter().zip(&whole).all(|(a, b)| same(a, b)) {
        Ok(found)
    } else {
        Err("the documents of this text cannot be told apart: apply each from a file of its own".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(name: &str) -> String {
        format!(
            "kind: PatchBaseline\nname: {name}\nspec:\n  operating_system: DEBIAN\n  description: |\n    a\n    --- no end\n"
        )
    }

    fn texts(text: &str) -> Vec<String> {
        separate(text).unwrap().into_iter().map(|(_, _, text)| text).collect()
    }

    #[test]
    fn each_document_keeps_its_own_text() {
        let (a, b) = (baseline("a"), baseline("b"));
        assert_eq!(
            texts(&format!("# head\n---\n{a}")),
            [format!("# head\n---\n{a}")],
            "one is left as it is"
        );
        assert_eq!(texts(&format!("{a}---\n# b\n{b}")), [a.clone(), format!("# b\n{b}")]);
        assert_eq!(texts(&format!("---\n{a}--- # b\n{b}---\n")), [a, format!("--- # b\n{b}")]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        assert!(separate("kind: Nonsense\n").unwrap_err().contains("unknown kind"));
        assert!(separate("").is_err());
    }
}
