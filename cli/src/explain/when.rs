//! When this node may install something: its windows, and their next opening.

use chrono::{DateTime, Utc};
use patchflock_api::client::Client;
use patchflock_api::status::Status;
use patchflock_baselines::document::{self, Document};
use patchflock_baselines::window::{MaintenanceWindow, NodeFacts, TaskAction};
use serde::Serialize;

use crate::blame::Failure;

/// Frozen openings that are passed over in search of one that opens.
const FROZEN: usize = 1000;

/// The windows that install on this node.
#[derive(Debug, Default)]
pub(super) struct Windows {
    windows: Vec<(MaintenanceWindow, Option<DateTime<Utc>>)>,
    /// What could not be told.
    pub(super) notes: Vec<String>,
}

/// When a window lets something be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Opening {
    pub(super) window: String,
    pub(super) start: DateTime<Utc>,
    pub(super) cutoff: DateTime<Utc>,
}

impl Windows {
    /// Reads the windows of this machine; of those that install here, each with the instant at which it expires.
    pub(super) fn of_node(client: &Client, status: &Status) -> Result<Self, Failure> {
        let mut found = Self::default();
        let node = NodeFacts {
            node_id: status.node.to_string(),
            hostname: status.hostname.clone(),
            tags: status.tags.clone(),
        };
        for entry in client.documents()? {
            if entry.kind != "MaintenanceWindow" || entry.deleted {
                continue;
            }
            let text = client.document(&entry.kind, &entry.name, None)?.text.unwrap_or_default();
            match document::parse(&entry.name, text.as_bytes()) {
                Ok(parsed) => found.add(parsed.documents, entry.expires, &node),
                Err(_) => found.notes.push(format!(
                    "note: this patchflock does not understand the window {}, so it is left out here",
                    entry.name
                )),
            }
        }
        Ok(found)
    }

    fn add(&mut self, documents: Vec<Document>, expires: Option<DateTime<Utc>>, node: &NodeFacts) {
        for document in documents {
            let Document::MaintenanceWindow(window) = document else { continue };
            let mut installs = false;
            for found in window.tasks_for(node) {
                match found.not_run {
                    None => installs |= matches!(found.task.action, TaskAction::Install { .. }),
                    Some(why) => self.notes.push(format!(
                        "note: task {} of window {} is not run: {why}",
                        found.task.name, window.name
                    )),
                }
            }
            if installs {
                self.windows.push((window, expires));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The first opening in which something that is approved from `from` on can still be begun.
    pub(super) fn next(&self, from: DateTime<Utc>) -> Option<Opening> {
        let first = |(window, expires): &(MaintenanceWindow, Option<DateTime<Utc>>)| {
            let mut near = window.occurrences(from).take(FROZEN);
            let open = near.find(|o| o.frozen.is_none() && o.cutoff > from)?;
            (expires.is_none_or(|at| open.start < at)).then(|| Opening {
                window: window.name.clone(),
                start: open.start,
                cutoff: open.cutoff,
            })
        };
        self.windows.iter().filter_map(first).min_by_key(|o| o.start.max(from))
    }
}
