//! What the documents and the configuration say, read for the decider.

use chrono::{DateTime, Utc};
use patchflock_api::catalogue::{self, Catalogue};
use patchflock_api::config::Config;
use patchflock_api::document::DocumentEntry;
use patchflock_baselines::document::{self, Document, Kind};
use patchflock_machine::root::Root;

use crate::core::{Policy, Window};

/// The policy, and what people should know about it.
#[derive(Debug, Default)]
pub struct Read {
    /// What is in force.
    pub policy: Policy,
    /// One sentence each.
    pub warnings: Vec<String>,
}

/// Reads everything. What cannot be read opens no window and is said; it never stops the agent.
pub fn read(root: &Root, config: &Config, hostname: &str, now: DateTime<Utc>) -> Read {
    let mut read = Read::default();
    read.policy.tags.clone_from(&config.tags);
    hostname.clone_into(&mut read.policy.hostname);
    read.policy.scan_interval_hours = config.scan_interval_hours;
    match Catalogue::load(root) {
        Ok(catalogue) => {
            read.warnings.extend(catalogue.warnings.iter().cloned());
            for entry in catalogue.newest().into_iter().filter(|e| !e.deleted) {
                take(root, entry, now, &mut read);
            }
        }
        Err(e) => read.warnings.push(format!("no window opens: {e}")),
    }
    read
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
    match window(root, entry) {
        Ok(window) => read.policy.windows.push(window),
        Err(why) => read.warnings.push(format!("the window {} does not open: {why}", entry.name)),
    }
}

fn window(root: &Root, entry: &DocumentEntry) -> Result<Window, String> {
    let text = Catalogue::text(root, entry).map_err(|e| e.to_string())?;
    let place = catalogue::path(&entry.kind, &entry.name, entry.version);
    let parsed = document::parse(&place, text.as_bytes()).map_err(|found| document::render(&text, &found))?;
    let found = parsed.documents.into_iter().find_map(|document| match document {
        Document::MaintenanceWindow(window) if window.name == entry.name => Some(window),
        _ => None,
    });
    let window = found.ok_or_else(|| format!("{place} does not hold it"))?;
    Ok(Window { window, version: entry.version, expires: entry.expires })
}
