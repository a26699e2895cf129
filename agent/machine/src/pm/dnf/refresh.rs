//! Refreshing the metadata, and remembering which repositories failed.

use std::time::Duration;

use super::System;
use super::script::{REFRESH, Script, text};
use super::transaction::one_line;
use crate::failures::{self, Failure};
use crate::pm::{OnProgress, PmError, Progress, RefreshReport, needs_root};

const FILE: &str = "/var/cache/patchflock/dnf-refresh.json";

/// Failures of the last refresh by repository; see [`failures::last`].
pub(super) fn last_failures(system: &System) -> Vec<Failure> {
    failures::last(&system.root, &file(system))
}

fn file(system: &System) -> String {
    system.alternative.as_ref().map_or(FILE.to_owned(), |place| format!("{}/refresh.json", place.kept()))
}

pub(super) fn refresh(system: &System, progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
    needs_root("refreshing the repository metadata")?;
    if let Some(place) = &system.alternative {
        place.make(&["cache"])?;
    }
    progress(Progress::Phase("Refreshing".into()));
    let what = "fetching repository metadata with dnf's Python";
    let deadline = Duration::from_secs(1800);
    let said =
        Script { system, what, source: REFRESH, args: Vec::new(), deadline, writes: false }.run(|fact| {
            if text(fact, "fact") == "repo" {
                progress(Progress::Package { name: text(fact, "id"), what: "fetching metadata".into() });
            }
        })?;
    let bad: Vec<serde_json::Value> = said.all(what, "bad")?;
    let failed: Vec<(String, String)> =
        bad.iter().map(|f| (text(f, "id"), one_line(&text(f, "why")))).collect();
    // Without the last line the script died on the way: nothing is known of the rest.
    said.typed::<serde_json::Value>(what, "refreshed")?;
    failures::remember(&system.root, &file(system), &failed)?;
    Ok(RefreshReport { failed })
}
