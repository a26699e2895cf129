//! Adopting and deleting documents: all of a text or none, in versions that only grow.

use std::time::Duration;

use patchflock_api::catalogue::{self, Catalogue, CatalogueError, LogLine};
use patchflock_api::document::{Applied, Change, DocumentEntry};
use patchflock_api::pieces::separate;
use patchflock_api::privileged::Answer;
use patchflock_api::run::Trouble;
use patchflock_machine::{host, lines, lock};
use similar::TextDiff;

use crate::Desk;
use crate::trouble::{busy, failed};

/// Two texts that differ everywhere are not compared for ever.
const DIFF_WITHIN: Duration = Duration::from_secs(2);

/// Adopts every document of `text`, or says what that would change.
pub(crate) fn apply(desk: &Desk, by: &str, text: &str, dry_run: bool) -> Result<Answer, Trouble> {
    let documents = separate(text).map_err(failed)?;
    let _lock = if dry_run { None } else { Some(locked(desk)?) };
    let catalogue = load(desk)?;
    let mut applied = Vec::new();
    for (document, expires, text) in &documents {
        let (kind, name) = (document.kind().as_str(), document.name());
        if !catalogue::is_name(name) {
            return Err(failed(format!("{kind} {name:?}: this cannot be the name of a document")));
        }
        let old = catalogue.entry(kind, name, None);
        let sha256 = catalogue::sha256(text.as_bytes());
        // What was adopted and can no longer be read is repaired by applying it again.
        let old_text = old.filter(|e| !e.deleted).and_then(|e| Catalogue::text(&desk.root, e).ok());
        let change = match (old, &old_text) {
            (Some(old), Some(_)) if old.sha256 == sha256 => {
                applied.push(Applied { entry: old.clone(), change: Change::Unchanged, diff: String::new() });
                continue;
            }
            (Some(old), _) if !old.deleted => Change::Updated,
            _ => Change::Created,
        };
        let entry = DocumentEntry {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: next(old)?,
            sha256,
            adopted_at: desk.now(),
            by: by.to_owned(),
            expires: *expires,
            deleted: false,
        };
        let diff = old_text.map_or_else(String::new, |old_text| diff(&old_text, text, old, &entry));
        applied.push(Applied { entry, change, diff });
    }
    if !dry_run {
        // The texts first: the log says that they are there.
        for ((_, _, text), done) in documents.iter().zip(&applied) {
            let DocumentEntry { kind, name, version, .. } = &done.entry;
            if done.change != Change::Unchanged {
                let path = catalogue::path(kind, name, *version);
                host::records::write(&desk.root, &path, text.as_bytes(), 0o644)
                    .map_err(|e| failed(format!("writing {path}: {e}; nothing was adopted")))?;
            }
        }
        adopt(desk, &catalogue, &applied)?;
    }
    Ok(Answer::Applied { applied, warnings: Vec::new() })
}

/// Deletes a document: a version that has no text. The next one of this name counts on from there.
pub(crate) fn delete(desk: &Desk, by: &str, kind: &str, name: &str) -> Result<Answer, Trouble> {
    let _lock = locked(desk)?;
    let catalogue = load(desk)?;
    let Some(old) = catalogue.entry(kind, name, None).filter(|e| !e.deleted) else {
        return Err(failed(format!(
            "there is no {kind} {name:?} to delete; `patchflock get` lists what there is"
        )));
    };
    let entry = DocumentEntry {
        version: next(Some(old))?,
        sha256: catalogue::sha256(b""),
        adopted_at: desk.now(),
        by: by.to_owned(),
        expires: None,
        deleted: true,
        ..old.clone()
    };
    let diff =
        Catalogue::text(&desk.root, old).map_or_else(|_| String::new(), |t| diff(&t, "", Some(old), &entry));
    let applied = vec![Applied { entry, change: Change::Deleted, diff }];
    adopt(desk, &catalogue, &applied)?;
    Ok(Answer::Applied { applied, warnings: Vec::new() })
}

fn next(old: Option<&DocumentEntry>) -> Result<u64, Trouble> {
    let last = old.map_or(0, |e| e.version);
    last.checked_add(1).ok_or_else(|| failed("no version after this one can be numbered"))
}

fn locked(desk: &Desk) -> Result<std::fs::File, Trouble> {
    let path = desk.root.path(catalogue::DIRECTORY);
    std::fs::create_dir_all(&path).map_err(|e| failed(format!("making {}: {e}", path.display())))?;
    lock::take_at(path.join("lock")).map_err(|e| match e {
        lock::LockError::Held => busy("somebody else is changing documents right now; try again"),
        e => failed(e.to_string()),
    })
}

fn load(desk: &Desk) -> Result<Catalogue, Trouble> {
    let catalogue = Catalogue::load(&desk.root).map_err(|e: CatalogueError| failed(e.to_string()))?;
    for warning in &catalogue.warnings {
        crate::serve::journal(&format!("warning: {warning}"));
    }
    Ok(catalogue)
}

fn adopt(desk: &Desk, catalogue: &Catalogue, applied: &[Applied]) -> Result<(), Trouble> {
    let changed: Vec<&DocumentEntry> =
        applied.iter().filter(|a| a.change != Change::Unchanged).map(|a| &a.entry).collect();
    let log: Vec<LogLine> = changed
        .iter()
        .enumerate()
        .map(|(n, entry)| LogLine { entry: (*entry).clone(), more: changed.len() - 1 - n })
        .collect();
    lines::append(&desk.root, catalogue::LOG, catalogue.sound, &log)
        .map_err(|e| failed(format!("writing {}: {e}; nothing was adopted", catalogue::LOG)))
}

fn diff(old_text: &str, text: &str, old: Option<&DocumentEntry>, new: &DocumentEntry) -> String {
    let header = |entry: &DocumentEntry| format!("{} {} version {}", entry.kind, entry.name, entry.version);
    TextDiff::configure()
        .timeout(DIFF_WITHIN)
        .diff_lines(old_text, text)
        .unified_diff()
        .header(&old.map_or_else(String::new, header), &header(new))
        .to_string()
}

#[cfg(test)]
mod tests;
