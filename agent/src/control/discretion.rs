//! What anybody on the machine may not read, taken out of an answer on its way.
//!
//! Repositories may be configured with passwords, hooks and scripts of packages print what they like, and tools repeat
//! addresses in their complaints. One filter for every answer, over the JSON itself: what a new field says is filtered
//! before anybody thinks of it. The types stay what they are, so readers need not know. It works while it reads, so that
//! a large file is never in memory.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io::{Read, Write};

use patchflock_baselines::document::{self, Document};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

/// Whose question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Whoever has an account on the machine.
    Anybody,
    /// Root and the members of the group.
    Administrators,
}

impl Audience {
    /// A value as this audience may read it.
    pub(super) fn json(self, value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
        let whole = serde_json::to_vec(value)?;
        match self {
            Self::Administrators => Ok(whole),
            Self::Anybody => {
                let mut rest = Vec::with_capacity(whole.len());
                filter(whole.as_slice(), &mut rest)?;
                Ok(rest)
            }
        }
    }
}

/// Whether the text of a document may configure repositories. What cannot be read may.
pub(super) fn has_sources(text: &str) -> bool {
    let Ok(parsed) = document::parse("document", text.as_bytes()) else { return true };
    parsed
        .documents
        .iter()
        .any(|document| matches!(document, Document::PatchBaseline(baseline) if !baseline.sources.is_empty()))
}

/// Passes JSON on, without what is not for everybody.
pub(super) fn filter(from: impl Read, to: impl Write) -> Result<(), serde_json::Error> {
    let mut from = serde_json::Deserializer::from_reader(from);
    Passed::new(&mut from, "", "").serialize(&mut serde_json::Serializer::new(to))?;
    from.end()
}

/// Whether a field says what is not for everybody, by its name and that of the field around it.
fn is_secret(around: &str, name: &str) -> bool {
    matches!((around, name), ("baseline", "sources") | ("report", "log") | ("hooks", "output"))
}

/// A text without addresses, and without the last words of a program.
fn discreet(text: &str) -> Cow<'_, str> {
    let text = match text.split_once("; its last words:") {
        Some((before, _)) => Cow::Owned(format!("{before}; its last words are for administrators")),
        None => Cow::Borrowed(text),
    };
    if !text.contains("://") {
        return text;
    }
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://…");
        let end = part.find(|c: char| c.is_whitespace() || "'\"<>()[],;".contains(c)).unwrap_or(part.len());
        shown.push_str(part.get(end..).unwrap_or_default());
    }
    Cow::Owned(shown)
}

/// A value that is read when it is written.
struct Passed<'a, D> {
    from: Cell<Option<D>>,
    around: &'a str,
    name: &'a str,
}

impl<'a, D> Passed<'a, D> {
    fn new(from: D, around: &'a str, name: &'a str) -> Self {
        Self { from: Cell::new(Some(from)), around, name }
    }
}

impl<'de, D: Deserializer<'de>> Serialize for Passed<'_, D> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let from = self.from.take().ok_or_else(|| S::Error::custom("a value is read once"))?;
        let visitor = Pass { to, around: self.around, name: self.name };
        from.deserialize_any(visitor).map_err(S::Error::custom)
    }
}

struct Pass<'a, S> {
    to: S,
    around: &'a str,
    name: &'a str,
}

macro_rules! as_it_is {
    ($($visit:ident $type:ty => $serialize:ident;)*) => {
        $(fn $visit<E: serde::de::Error>(self, value: $type) -> Result<S::Ok, E> {
            self.to.$serialize(value).map_err(E::custom)
        })*
    };
}

impl<'de, S: Serializer> Visitor<'de> for Pass<'_, S> {
    type Value = S::Ok;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    as_it_is! {
        visit_bool bool => serialize_bool;
        visit_i64 i64 => serialize_i64;
        visit_u64 u64 => serialize_u64;
        visit_f64 f64 => serialize_f64;
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<S::Ok, E> {
        self.to.serialize_unit().map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<S::Ok, E> {
        let text = if is_secret(self.around, self.name) { Cow::Borrowed("") } else { discreet(text) };
        self.to.serialize_str(&text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<S::Ok, A::Error> {
        let mut to = self.to.serialize_seq(None).map_err(A::Error::custom)?;
        if is_secret(self.around, self.name) {
            while from.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        } else {
            while from
                .next_element_seed(Element { to: &mut to, around: self.around, name: self.name })?
                .is_some()
            {}
        }
        to.end().map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<S::Ok, A::Error> {
        let mut to = self.to.serialize_map(None).map_err(A::Error::custom)?;
        while let Some(name) = from.next_key::<String>()? {
            to.serialize_key(&name).map_err(A::Error::custom)?;
            from.next_value_seed(Field { to: &mut to, around: self.name, name: &name })?;
        }
        to.end().map_err(A::Error::custom)
    }
}

struct Element<'a, T> {
    to: &'a mut T,
    around: &'a str,
    name: &'a str,
}

impl<'de, T: SerializeSeq> DeserializeSeed<'de> for Element<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.to.serialize_element(&Passed::new(from, self.around, self.name)).map_err(D::Error::custom)
    }
}

struct Field<'a, T> {
    to: &'a mut T,
    around: &'a str,
    name: &'a str,
}

impl<'de, T: SerializeMap> DeserializeSeed<'de> for Field<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.to.serialize_value(&Passed::new(from, self.around, self.name)).map_err(D::Error::custom)
    }
}

/// Whether it is JSON, and all of it, without keeping any.
pub(super) fn is_whole(from: impl Read) -> Result<(), serde_json::Error> {
    let mut from = serde_json::Deserializer::from_reader(from);
    serde::de::IgnoredAny::deserialize(&mut from)?;
    from.end()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn passed(value: &Value) -> Value {
        serde_json::from_slice(&Audience::Anybody.json(value).unwrap()).unwrap()
    }

    #[test]
    fn what_is_no_secret_comes_through_as_it_is() {
        let plain = json!({
            "format": 1, "big": u64::MAX, "small": -5, "share": 0.25, "none": null, "yes": true, "empty": {},
            "sources": [{"id": "Debian/bookworm/main", "state": "readable"}], "log": "kept", "output": "kept",
            "text": "zwei Wörter\n\"quoted\" \\ and \u{1}", "list": [[], [1, [2]]]
        });
        assert_eq!(passed(&plain), plain);
        assert_eq!(Audience::Administrators.json(&plain).unwrap(), serde_json::to_vec(&plain).unwrap());
    }

    #[test]
    fn repositories_output_and_logs_are_taken_out_and_the_types_stay() {
        let told = json!({
            "baseline": {"name": "web", "sources": [{"name": "mine", "configuration": "deb https://a:b@x/ ./"}]},
            "report": {"log": "Setting up", "outcomes": []},
            "hooks": [{"point": "pre-install", "hooks": [{"name": "a", "output": "password", "failure": "exit status 1"}]}],
        });
        assert_eq!(
            passed(&told),
            json!({
                "baseline": {"name": "web", "sources": []},
                "report": {"log": "", "outcomes": []},
                "hooks": [{"point": "pre-install", "hooks": [{"name": "a", "output": "", "failure": "exit status 1"}]}],
            })
        );
    }

    #[test]
    fn addresses_and_last_words_are_taken_out_of_every_text() {
        for (text, shown) in [
            ("E: https://user:secret@mirror/debian/TOKEN 403", "E: https://… 403"),
            ("'ftp://x/y', http://z", "'ftp://…', http://…"),
            ("no :// at all", "no ://… at all"),
            (
                "apt-get was ended by signal 9; its last words: secret",
                "apt-get was ended by signal 9; its last words are for administrators",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(passed(&json!({"why": [text]}))["why"][0], shown);
        }
    }

    #[test]
    fn what_is_no_json_is_an_error_and_depth_is_bounded() {
        let deep = "[".repeat(1000);
        for text in ["", "{", "[1,]", "{} x", deep.as_str()] {
            assert!(filter(text.as_bytes(), Vec::new()).is_err(), "{text}");
            assert!(is_whole(text.as_bytes()).is_err(), "{text}");
        }
        is_whole(&b" {\"a\": [1]} "[..]).unwrap();
    }

    #[test]
    fn a_document_that_may_configure_repositories_is_told_from_others() {
        let plain = "kind: PatchBaseline\nname: web\nspec:\n  operating_system: DEBIAN\n";
        assert!(!has_sources(plain));
        let sources =
            "  sources:\n    - name: m\n      products: ['*']\n      configuration: deb file:/x ./\n";
        assert!(has_sources(&format!("{plain}{sources}")));
        assert!(has_sources("kind: Newer\n"), "what is not understood may hold anything");
    }
}
