//! Refreshing the metadata, and remembering which repositories failed.
//!
//! dnf keeps the old metadata of a repository that cannot be reached and forgets that it failed; so that a later
//! scan does not take them for good, the failures of the last refresh are written beside dnf's cache. Losing the
//! file is harmless: the age of the metadata stays visible.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::script::{REFRESH, Script, text};
use super::transaction::one_line;
use super::{System, records};
use crate::host::{modified, read_bytes};
use crate::pm::{OnProgress, PmError, Progress, RefreshReport};
use crate::root::Root;

const FILE: &str = "/var/cache/patchflock/dnf-refresh.json";

/// One repository that could not be refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) at: DateTime<Utc>,
    pub(super) why: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    failed: Vec<(String, String)>,
}

pub(super) fn refresh(system: &System, progress: OnProgress<'_>) -> Result<RefreshReport, PmError> {
    if !rustix::process::geteuid().is_root() {
        return Err(PmError::NeedsRoot { what: "refreshing the repository metadata" });
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
    remember(&system.root, &failed)?;
    Ok(RefreshReport { failed })
}

fn remember(root: &Root, failed: &[(String, String)]) -> Result<(), PmError> {
    if failed.is_empty() {
        return records::remove(root, FILE);
    }
    let bytes = serde_json::to_vec(&Record { failed: failed.to_vec() })
        .map_err(|e| PmError::Read { path: root.path(FILE), source: e.into() })?;
    // An ordinary user's scan reads it.
    records::write(root, FILE, &bytes, 0o644)
}

/// Failures of the last refresh by repository; the caller compares the time with that of the metadata, since dnf
/// itself may have succeeded in the meantime.
pub(super) fn last_failures(root: &Root) -> HashMap<String, Failure> {
    let Ok(at) = modified(root, FILE).map(DateTime::from) else { return HashMap::new() };
    let record = read_bytes(root, FILE, 4 << 20).ok().and_then(|b| serde_json::from_slice::<Record>(&b).ok());
    let failed = record.map(|r| r.failed).unwrap_or_default();
    failed.into_iter().map(|(id, why)| (id, Failure { at, why })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_remembered_until_a_refresh_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        assert!(last_failures(&root).is_empty());
        remember(&root, &[("base".into(), "no route".into())]).unwrap();
        assert_eq!(last_failures(&root)["base"].why, "no route");
        remember(&root, &[]).unwrap();
        assert!(last_failures(&root).is_empty());
        remember(&root, &[]).unwrap();
    }

    #[test]
    fn a_damaged_record_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::create_dir_all(root.path("/var/cache/patchflock")).unwrap();
        std::fs::write(root.path(FILE), b"{\"failed\": 7").unwrap();
        assert!(last_failures(&root).is_empty());
    }
}
