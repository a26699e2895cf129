//! Adopted documents, from the files that the privileged half writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Documents;
use super::reads::is_name;
use anyhow::{Context, ensure};
use patchflock_api::answer::DocumentText;
use patchflock_api::catalogue::{LogLine, sha256};
use patchflock_api::document::DocumentEntry;

/// A quarter of a million versions.
const LOG_CAP: u64 = 64 << 20;
/// Texts are 1 MiB at most.
const TEXT_CAP: u64 = 2 << 20;

/// A directory with `log.jsonl` and `KIND/NAME/VERSION.yaml`.
#[derive(Debug, Clone)]
pub struct DocumentFiles {
    directory: PathBuf,
}

impl DocumentFiles {
    /// The documents in this directory, usually `/var/lib/patchflock/documents`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Every version that was adopted. A last line without its end was not, nor was what should have come with it.
    fn log(&self) -> anyhow::Result<Vec<DocumentEntry>> {
        let path = self.directory.join("log.jsonl");
        let context = || format!("reading {}", path.display());
        let file = match File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.with_context(context)?,
        };
        let mut lines = BufReader::new(file.take(LOG_CAP));
        let mut entries = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            lines.read_until(b'\n', &mut line).with_context(context)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            entries.push(serde_json::from_slice::<LogLine>(&line).with_context(context)?);
        }
        let whole = |(n, line): &(usize, &LogLine)| n.saturating_add(line.more) < entries.len();
        let whole = entries.iter().enumerate().take_while(whole).count();
        let named = |e: &DocumentEntry| is_name(&e.kind) && is_name(&e.name);
        Ok(entries.into_iter().take(whole).map(|line| line.entry).filter(named).collect())
    }

    fn text(&self, entry: &DocumentEntry) -> anyhow::Result<Option<String>> {
        if entry.deleted {
            return Ok(None);
        }
        let path = self.directory.join(&entry.kind).join(&entry.name).join(format!("{}.yaml", entry.version));
        let context = || format!("reading {}", path.display());
        ensure!(is_file(&path), "{} is not there, or not a file", path.display());
        let mut text = String::new();
        let file = File::open(&path).with_context(context)?;
        file.take(TEXT_CAP + 1).read_to_string(&mut text).with_context(context)?;
        ensure!(text.len() as u64 <= TEXT_CAP, "{} is larger than {} MiB", path.display(), TEXT_CAP >> 20);
        ensure!(
            sha256(text.as_bytes()) == entry.sha256,
            "{} is not the text that was adopted; apply the document again",
            path.display()
        );
        Ok(Some(text))
    }
}

fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

impl Documents for DocumentFiles {
    fn all(&self) -> anyhow::Result<Vec<DocumentEntry>> {
        let newest: BTreeMap<(String, String), DocumentEntry> =
            self.log()?.into_iter().map(|e| ((e.kind.clone(), e.name.clone()), e)).collect();
        Ok(newest.into_values().collect())
    }

    fn one(&self, kind: &str, name: &str, version: Option<u64>) -> anyhow::Result<Option<DocumentText>> {
        let wanted =
            |e: &DocumentEntry| e.kind == kind && e.name == name && version.is_none_or(|v| e.version == v);
        let Some(entry) = self.log()?.into_iter().rev().find(wanted) else { return Ok(None) };
        let text = self.text(&entry)?;
        Ok(Some(DocumentText { entry, text }))
    }
}
