//! When this node may install something: its windows, and their next opening.

use chrono::{DateTime, Utc};
use patchflock_api::client::Client;
use patchflock_api::status::Status;
use patchflock_baselines::document::{self, Document};
use patchflock_baselines::window::{MaintenanceWindow, Target, TargetKey, Task, TaskAction};
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
        for entry in client.documents()? {
            if entry.kind != "MaintenanceWindow" || entry.deleted {
                continue;
            }
            let text = client.document(&entry.kind, &entry.name, None)?.text.unwrap_or_default();
            match document::parse(&entry.name, text.as_bytes()) {
                Ok(parsed) => found.add(parsed.documents, entry.expires, status),
                Err(_) => found.notes.push(format!(
                    "note: this patchflock does not understand the window {}, so it is left out here",
                    entry.name
                )),
            }
        }
        Ok(found)
    }

    fn add(&mut self, documents: Vec<Document>, expires: Option<DateTime<Utc>>, status: &Status) {
        for document in documents {
            if let Document::MaintenanceWindow(window) = document
                && installs_on(&window, status)
            {
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

/// Whether a window has a task that installs on this node.
fn installs_on(window: &MaintenanceWindow, status: &Status) -> bool {
    let installs = |task: &&Task| matches!(task.action, TaskAction::Install { .. });
    window.tasks.iter().filter(installs).any(|task| all(&task.targets, window, status))
}

/// Conditions must all hold; the values of one are alternatives (reference 6.5). Resource groups are not known here.
fn all(targets: &[Target], window: &MaintenanceWindow, status: &Status) -> bool {
    !targets.is_empty() && targets.iter().all(|target| holds(target, window, status))
}

fn holds(Target { key, values }: &Target, window: &MaintenanceWindow, status: &Status) -> bool {
    match key {
        TargetKey::InstanceIds => {
            values.iter().any(|v| v == "*" || v == status.node.as_str() || *v == status.hostname)
        }
        TargetKey::Tag(tag) => status.tags.get(tag).is_some_and(|value| values.contains(value)),
        TargetKey::TagKey => values.iter().any(|tag| status.tags.contains_key(tag)),
        TargetKey::WindowTargetIds => window.targets.iter().any(|registered| {
            // A registered target names no other one.
            let nested = registered.targets.iter().any(|t| t.key == TargetKey::WindowTargetIds);
            values.contains(&registered.name) && !nested && all(&registered.targets, window, status)
        }),
        TargetKey::ResourceGroupName | TargetKey::ResourceTypeFilters => false,
    }
}
