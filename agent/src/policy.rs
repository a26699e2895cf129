//! What the documents and the configuration say, read for the decider.

use chrono::{DateTime, Utc};
use patchflock_api::catalogue::{self, Catalogue};
use patchflock_api::config::Config;
use patchflock_api::document::DocumentEntry;
use patchflock_baselines::document::{self, Document, Kind};
use patchflock_machine::root::Root;

use sha2::{Digest, Sha256};

use crate::core::{Policy, Window};

/// The policy, and what people should know about it.
#[derive(Debug, Default)]
pub struct Read {
    /// What is in force.
    pub policy: Policy,
    /// One sentence each.
    pub warnings: Vec<String>,
    /// The next document expires then: what was read is not true any more.
    pub until: Option<DateTime<Utc>>,
}

/// Reads everything. What cannot be read opens no window and is said; it never stops the agent.
pub fn read(root: &Root, config: &Config, hostname: &str, now: DateTime<Utc>) -> Read {
    let mut read = Read::default();
    read.policy.tags.clone_from(&config.tags);
    hostname.clone_into(&mut read.policy.hostname);
    read.policy.scan_interval_hours = config.scan_interval_hours;
    read.policy.fetch_ahead_minutes = config.fetch_ahead_minutes;
    match Catalogue::load(root) {
        Ok(catalogue) => {
            read.warnings.extend(catalogue.warnings.iter().cloned());
            let documents = catalogue.newest();
            read.policy.fingerprint = fingerprint(config, &documents, now);
            read.until = until(&documents, now);
            for entry in documents.iter().filter(|e| !e.deleted) {
                take(root, entry, now, &mut read);
            }
            read.warnings.extend(unregistered(root, config, &documents));
        }
        Err(e) => {
            "unreadable".clone_into(&mut read.policy.fingerprint);
            read.warnings.push(format!("no window opens: {e}"));
        }
    }
    read
}

/// Of what decides which baseline is in effect and what it says: tags, whether sources count, and each document with its version, and whether
/// it has expired. Windows decide when, so a survey does not depend on them.
fn fingerprint(config: &Config, documents: &[&DocumentEntry], now: DateTime<Utc>) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    };
    for (key, value) in &config.tags {
        [key, value].into_iter().for_each(|part| add(part));
    }
    add(if config.alternative_sources { "sources" } else { "no sources" });
    add("documents");
    for entry in documents.iter().filter(|e| e.kind != Kind::MaintenanceWindow.as_str()) {
        let effect = match (entry.deleted, expired(entry, now)) {
            (true, _) => "deleted",
            (false, true) => "expired",
            (false, false) => "in force",
        };
        [&entry.kind, &entry.name, &entry.version.to_string(), &entry.sha256]
            .into_iter()
            .for_each(|p| add(p));
        add(effect);
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// When the next document in force expires.
fn until(documents: &[&DocumentEntry], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    documents.iter().filter(|e| !e.deleted).filter_map(|e| e.expires).filter(|at| *at > now).min()
}

fn expired(entry: &DocumentEntry, now: DateTime<Utc>) -> bool {
    entry.expires.is_some_and(|at| at <= now)
}

/// A slip of the pen in the group's name would otherwise only show by what is installed. Where a group's document cannot
/// be read, what it registers is not known, and the survey says so.
fn unregistered(root: &Root, config: &Config, documents: &[&DocumentEntry]) -> Option<String> {
    let group = config.patch_group()?;
    let groups = documents.iter().filter(|e| !e.deleted && e.kind == Kind::PatchGroup.as_str());
    for entry in groups {
        match document(root, entry) {
            Ok(Document::PatchGroup(found)) if found.patch_group != group => {}
            _ => return None,
        }
    }
    Some(format!("no PatchGroup registers {group:?}: the default baseline is in effect"))
}

fn take(root: &Root, entry: &DocumentEntry, now: DateTime<Utc>, read: &mut Read) {
    if let Some(at) = entry.expires.filter(|at| *at <= now) {
        read.warnings.push(format!(
            "{} {} expired on {}: it has no effect until a newer version is applied",
            entry.kind,
            entry.name,
            at.format("%F %R UTC")
        ));
        return;
    }
    if entry.kind != Kind::MaintenanceWindow.as_str() {
        return;
    }
    match document(root, entry) {
        Ok(Document::MaintenanceWindow(window)) => {
            read.policy.windows.push(Window { window, version: entry.version, expires: entry.expires });
        }
        // Not reached: the kind is looked at when it is read.
        Ok(_) => {}
        Err(why) => read.warnings.push(format!("the window {} does not open: {why}", entry.name)),
    }
}

/// What an entry of the catalogue says.
fn document(root: &Root, entry: &DocumentEntry) -> Result<Document, String> {
    let text = Catalogue::text(root, entry).map_err(|e| e.to_string())?;
    let place = catalogue::path(&entry.kind, &entry.name, entry.version);
    let parsed = document::parse(&place, text.as_bytes()).map_err(|found| document::render(&text, &found))?;
    let mut found = parsed.documents.into_iter();
    let found =
        found.find(|document| document.kind().as_str() == entry.kind && document.name() == entry.name);
    found.ok_or_else(|| format!("{place} does not hold it"))
}

#[cfg(test)]
mod tests;
