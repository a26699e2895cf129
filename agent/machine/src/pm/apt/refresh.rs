//! `apt-get update`, with every failure assigned to a source.

use std::time::Duration;

use super::settings::Settings;
use super::sources::{self, Repo};
use super::{lock, output, progress, settings};
use crate::exec::Output;
use crate::pm::{OnProgress, PmError, Progress, RefreshReport};
use crate::root::Root;

/// Fetches the metadata. A repository that fails is in the report; the others are fetched all the same.
///
/// A server that stalls is given up by apt itself after the machine's `Acquire::http::Timeout` (30 s where nothing is
/// set), once more for each of its `Acquire::Retries`; the whole ends after 30 minutes.
pub(super) fn refresh(
    root: &Root,
    lock_wait: Duration,
    on_progress: OnProgress<'_>,
) -> Result<RefreshReport, PmError> {
    super::needs_root("refreshing repository metadata")?;
    let settings: Settings = settings::read(root)?;
    on_progress(Progress::Phase("Refreshing".into()));
    lock::wait(&[settings.lists.join("lock")], lock_wait)?;
    // Without the error mode a repository that does not answer leaves exit code 0 (seen with apt 2.6).
    let out = progress::apt_get(root)
        .args(["-o", "quiet=1", "-o", "APT::Update::Error-Mode=any", "update"])
        .deadline(Duration::from_secs(1800))
        .run_lines(|_, line| {
            progress::show(line, on_progress);
        })?;
    if let Some(locked) = lock::refused(&out, lock_wait) {
        return Err(locked);
    }
    let repos = sources::find(root, &settings.lists)?;
    let failed = failures(&out, &repos);
    if failed.is_empty() && !out.success() {
        return output::check("apt-get update", &out).map(|()| RefreshReport::default());
    }
    for repo in repos.iter().filter(|r| !failed.iter().any(|(id, _)| *id == r.source.id)) {
        repo.confirm();
    }
    Ok(RefreshReport { failed })
}

/// Which source each complaint is about, by the address in it. The id is shown, never the address alone.
fn failures(out: &Output, repos: &[Repo]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let complaints = ["E: ", "W: "].iter().flat_map(|severity| output::complaints(out, severity));
    for words in complaints.filter(|w| !is_summary(w)) {
        let mut ids: Vec<&str> =
            repos.iter().filter(|r| r.is_named_in(&words)).map(|r| r.source.id.as_str()).collect();
        if ids.is_empty() {
            ids.push("apt");
        }
        for id in ids {
            match found.iter_mut().find(|(known, _)| known == id) {
                Some((_, all)) if !all.contains(&words) => *all = format!("{all}; {words}"),
                Some(_) => {}
                None => found.push((id.to_owned(), words.clone())),
            }
        }
    }
    found
}

/// Lines that only say that there were other lines, or that hide nothing.
fn is_summary(words: &str) -> bool {
    words.starts_with("Some index files failed to download")
        || words.contains("configured multiple times")
        || words.starts_with("You may want to run apt-get update")
        // Advice about where the key is stored; the signature was good.
        || words.contains("Key is stored in legacy trusted.gpg keyring")
}
