//! The adopted documents of this machine, as their readers see them.
//!
//! The truth is `documents/log.jsonl`: one line for each adopted version or deletion, in order. The text of a version
//! lies beside it and counts only with the hash that the log gives it. Only the privileged half writes either.

use std::collections::BTreeMap;

use patchflock_baselines::document::{self, Document, Kind};
use patchflock_baselines::selection::{self, Adopted};
use patchflock_machine::root::Root;
use patchflock_machine::{host, lines};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::document::DocumentEntry;

/// Where documents lie.
pub const DIRECTORY: &str = "/var/lib/patchflock/documents";
/// The log.
pub const LOG: &str = "/var/lib/patchflock/documents/log.jsonl";
/// A quarter of a million versions: a longer log is not read, so it is not written either.
pub const LOG_CAP: u64 = 64 << 20;
/// Documents of different names, deleted ones among them: each name is remembered for ever.
pub const MOST_NAMES: usize = 10_000;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// What was adopted.
    pub entry: DocumentEntry,
    /// How many of the following lines were adopted with it: all of them count, or none.
    pub more: usize,
}

/// Everything that was ever adopted.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Oldest first.
    versions: Vec<DocumentEntry>,
    /// Bytes of the log that count.
    pub sound: u64,
    /// What of the log does not count, and why.
    pub warnings: Vec<String>,
}

/// A document that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct CatalogueError {
    /// The file.
    pub place: String,
    /// Why.
    pub why: String,
}

impl Catalogue {
    /// Reads the log of a machine; one without documents has an empty one.
    ///
    /// # Errors
    /// The log is there and cannot be read, or a whole line of it cannot. Then nothing is known of the documents, and
    /// nobody may act as if there were none, or as if an older version counted again.
    pub fn load(root: &Root) -> Result<Self, CatalogueError> {
        let lines = lines::read::<LogLine>(root, LOG, LOG_CAP)
            .map_err(|e| CatalogueError { place: LOG.into(), why: e.to_string() })?;
        let mut catalogue = Self { versions: Vec::new(), sound: lines.sound, warnings: lines.warnings };
        let mut kept = lines.entries;
        // The end of the log may be the beginning of what was adopted together, and the power failed.
        let cut = kept.iter().enumerate().position(|(n, line)| n.saturating_add(line.more) >= kept.len());
        if let Some(cut) = cut {
            let torn = kept.iter().skip(cut).map(|line| line.more);
            let first = kept.get(cut).map_or(0, |line| line.more);
            if let Some(n) = torn.enumerate().position(|(n, more)| first.checked_sub(n) != Some(more)) {
                let why = format!(
                    "line {} does not belong to what was adopted with line {}: the file is damaged, restore it from a backup",
                    cut + n + 1,
                    cut + 1
                );
                return Err(CatalogueError { place: LOG.into(), why });
            }
            catalogue
                .warnings
                .push(format!("{LOG}: the last documents were not adopted completely, so not at all"));
            catalogue.sound = cut.checked_sub(1).and_then(|last| lines.ends.get(last).copied()).unwrap_or(0);
            kept.truncate(cut);
        }
        let mut newest: BTreeMap<(String, String), u64> = BTreeMap::new();
        for LogLine { entry, .. } in kept {
            let last = newest.entry((entry.kind.clone(), entry.name.clone())).or_default();
            if entry.version <= *last || !is_name(&entry.kind) || !is_name(&entry.name) {
                let what = format!("{} {} version {}", entry.kind, entry.name, entry.version);
                catalogue
                    .warnings
                    .push(format!("{LOG}: {what} does not follow on {last}, so it does not count"));
                continue;
            }
            *last = entry.version;
            catalogue.versions.push(entry);
        }
        Ok(catalogue)
    }

    /// The newest version of each document, deleted ones among them, by kind and name.
    pub fn newest(&self) -> Vec<&DocumentEntry> {
        let newest: BTreeMap<_, _> =
            self.versions.iter().map(|entry| ((&entry.kind, &entry.name), entry)).collect();
        newest.into_values().collect()
    }

    /// One version, the newest where none is named.
    pub fn entry(&self, kind: &str, name: &str, version: Option<u64>) -> Option<&DocumentEntry> {
        let mut found = self.versions.iter().rev().filter(|e| e.kind == kind && e.name == name);
        found.find(|e| version.is_none_or(|v| v == e.version))
    }

    /// The source text of a version.
    ///
    /// # Errors
    /// It is gone, or not what was adopted.
    pub fn text(root: &Root, entry: &DocumentEntry) -> Result<String, CatalogueError> {
        let place = path(&entry.kind, &entry.name, entry.version);
        let failed = |why: String| CatalogueError { place: place.clone(), why };
        let bytes = host::read_bytes(root, &place, document::MAX_BYTES as u64)
            .map_err(|e| failed(format!("{e}; apply the document again")))?;
        if sha256(&bytes) != entry.sha256 {
            return Err(failed("not the text that was adopted; apply the document again".into()));
        }
        String::from_utf8(bytes).map_err(|_| failed("not UTF-8 text".into()))
    }

    /// What was adopted, as selection sees it. A document that cannot be read here stands without its content, with a
    /// warning: nothing may be decided as if it were not there.
    pub fn documents(&self, root: &Root) -> (selection::Catalogue, Vec<String>) {
        let (mut adopted, mut warnings) = (Vec::new(), Vec::new());
        for entry in self.newest().into_iter().filter(|e| !e.deleted) {
            let Some(kind) = Kind::ALL.into_iter().find(|k| k.as_str() == entry.kind) else {
                warnings.push(format!("{} {}: this version knows no such kind", entry.kind, entry.name));
                continue;
            };
            let document = Self::document(root, entry).map_err(|e| warnings.push(e.to_string())).ok();
            adopted.push(Adopted {
                kind,
                name: entry.name.clone(),
                version: entry.version,
                expires: entry.expires,
                document,
            });
        }
        // A lone machine's catalogue needs no proof.
        (selection::Catalogue::new(adopted, true), warnings)
    }

    fn document(root: &Root, entry: &DocumentEntry) -> Result<Document, CatalogueError> {
        let place = path(&entry.kind, &entry.name, entry.version);
        let text = Self::text(root, entry)?;
        let failed = |why: String| CatalogueError { place: place.clone(), why };
        let parsed = document::parse(&place, text.as_bytes())
            .map_err(|problems| failed(document::render(&text, &problems)))?;
        match <[Document; 1]>::try_from(parsed.documents) {
            Ok([one]) => Ok(one),
            Err(_) => Err(failed("not one document; apply it again".into())),
        }
    }
}

/// Where the text of a version lies.
pub fn path(kind: &str, name: &str, version: u64) -> String {
    format!("{DIRECTORY}/{kind}/{name}/{version}.yaml")
}

/// Hash of a text, as [`DocumentEntry::sha256`] has it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a kind or a name can be a file name; what documents may be called is narrower.
pub fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !name.is_empty() && name.len() <= 128 && name != "." && name != ".." && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, version: u64, more: usize) -> LogLine {
        let entry = DocumentEntry {
            kind: "PatchBaseline".into(),
            name: name.into(),
            version,
            sha256: sha256(b"x"),
            adopted_at: "2026-11-24T12:00:00.123456789Z".parse().unwrap(),
            by: "admin".into(),
            expires: None,
            deleted: false,
        };
        LogLine { entry, more }
    }

    fn machine(log: &[LogLine]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::create_dir_all(root.path(DIRECTORY)).unwrap();
        lines::append(&root, LOG, 0, log).unwrap();
        (dir, root)
    }

    fn names(catalogue: &Catalogue) -> Vec<(String, u64)> {
        catalogue.newest().iter().map(|e| (e.name.clone(), e.version)).collect()
    }

    #[test]
    fn what_was_adopted_together_counts_together_or_not_at_all() {
        let all = [line("a", 1, 0), line("b", 1, 2), line("c", 1, 1), line("d", 1, 0)];
        let (_dir, root) = machine(&all[..3]);
        let cut = Catalogue::load(&root).unwrap();
        assert_eq!(names(&cut), [("a".into(), 1)]);
        assert_eq!(cut.warnings.len(), 1);
        // Somebody else's way of writing the same line makes it no shorter.
        let log = std::fs::read_to_string(root.path(LOG)).unwrap().replace(",\"more\":2", ",  \"more\":2");
        std::fs::write(root.path(LOG), log).unwrap();
        let cut = Catalogue::load(&root).unwrap();
        // The next line takes the place of what does not count.
        lines::append(&root, LOG, cut.sound, &[line("e", 1, 0)]).unwrap();
        let after = Catalogue::load(&root).unwrap();
        assert_eq!(names(&after), [("a".into(), 1), ("e".into(), 1)]);
        assert!(after.warnings.is_empty());
        let (_dir, root) = machine(&all);
        assert_eq!(Catalogue::load(&root).unwrap().newest().len(), 4);
    }

    #[test]
    fn a_whole_line_that_cannot_be_read_lets_no_older_version_count_again() {
        let (_dir, root) = machine(&[line("a", 1, 0), line("a", 2, 0), line("b", 1, 0)]);
        let log = std::fs::read_to_string(root.path(LOG)).unwrap();
        let newer = "\"more\":0,\"signature\":\"x\"";
        for (from, to, words) in [
            ("\"version\":2", "\"version\":2 2", "line 2 is damaged"),
            ("\"more\":0", newer, "written by a newer version of patchflock"),
        ] {
            // The last occurrence of the second pair is in the last line: there, too, it is no torn line.
            let at = log.rfind(from).unwrap();
            let damaged = format!("{}{to}{}", &log[..at], &log[at + from.len()..]);
            std::fs::write(root.path(LOG), damaged).unwrap();
            let e = Catalogue::load(&root).unwrap_err();
            assert!(e.place == LOG && e.why.contains(words), "{e}");
        }
        std::fs::write(root.path(LOG), &log[..log.len() - 1]).unwrap();
        let torn = Catalogue::load(&root).unwrap();
        assert_eq!((names(&torn), torn.warnings.len()), (vec![("a".into(), 2)], 1));
    }

    #[test]
    fn only_the_end_of_the_log_can_be_torn_off_what_was_adopted_together() {
        let (_dir, root) = machine(&[line("a", 1, 7), line("b", 1, 0), line("c", 1, 0)]);
        let e = Catalogue::load(&root).unwrap_err();
        assert!(e.why.contains("line 2 does not belong to what was adopted with line 1"), "{e}");
    }

    #[test]
    fn versions_only_grow_and_names_are_no_paths() {
        let (_dir, root) = machine(&[
            line("a", 3, 0),
            line("a", 2, 0),
            line("a", 3, 0),
            line("../../etc/shadow", 1, 0),
            line("..", 1, 0),
            line("a", 4, usize::MAX),
        ]);
        let catalogue = Catalogue::load(&root).unwrap();
        assert_eq!(names(&catalogue), [("a".into(), 3)]);
        assert_eq!(catalogue.warnings.len(), 5);
    }

    #[test]
    fn a_text_counts_only_as_it_was_adopted() {
        let (_dir, root) = machine(&[line("a", 1, 0)]);
        let catalogue = Catalogue::load(&root).unwrap();
        let entry = catalogue.entry("PatchBaseline", "a", None).unwrap();
        assert!(Catalogue::text(&root, entry).unwrap_err().why.contains("apply the document again"));
        std::fs::create_dir_all(root.path(format!("{DIRECTORY}/PatchBaseline/a"))).unwrap();
        std::fs::write(root.path(path("PatchBaseline", "a", 1)), "y").unwrap();
        assert!(Catalogue::text(&root, entry).unwrap_err().why.contains("not the text that was adopted"));
        std::fs::write(root.path(path("PatchBaseline", "a", 1)), "x").unwrap();
        assert_eq!(Catalogue::text(&root, entry).unwrap(), "x");
        let (seen, warnings) = catalogue.documents(&root);
        assert_eq!(warnings.len(), 1, "x is no document");
        assert!(
            seen.get(Kind::PatchBaseline, "a").unwrap().document.is_none(),
            "and it is there all the same"
        );
        assert!(catalogue.entry("PatchBaseline", "a", Some(2)).is_none());
    }
}
