//! `apt-get update`, with every failure assigned to a source.

use std::time::Duration;

use super::settings::Settings;
use super::sources::{self, Repo};
use super::system::System;
use super::{lock, output, progress, settings};
use crate::exec::Output;
use crate::failures::{self, Failure};
use crate::pm::{OnProgress, PmError, Progress, RefreshReport, needs_root};

/// Id of what cannot be said of any one source.
pub(super) const UNATTRIBUTED: &str = "apt";

/// Failures of the last refresh; see [`failures::last`].
pub(super) fn last_failures(system: &System) -> Vec<Failure> {
    failures::last(&system.root, &system.failures())
}

/// Fetches the metadata. A repository that fails is in the report; the others are fetched all the same.
///
/// A server that stalls is given up by apt itself after the machine's `Acquire::http::Timeout` (30 s where nothing is
/// set), once more for each of its `Acquire::Retries`; the whole ends after 30 minutes.
pub(super) fn refresh(
    system: &System,
    lock_wait: Duration,
    on_progress: OnProgress<'_>,
) -> Result<RefreshReport, PmError> {
    needs_root("refreshing repository metadata")?;
    let settings: Settings = settings::read(system)?;
    system.prepare()?;
    on_progress(Progress::Phase("Refreshing".into()));
    lock::wait(&[settings.lists.join("lock")], lock_wait)?;
    let (root, file) = (&system.root, system.failures());
    match update(system, &settings, lock_wait, on_progress) {
        // Somebody else is at it.
        Err(locked @ PmError::Locked { .. }) => Err(locked),
        Err(e) => {
            failures::remember(root, &file, &[(UNATTRIBUTED.to_owned(), e.to_string())])?;
            Err(e)
        }
        Ok(failed) => {
            failures::remember(root, &file, &failed)?;
            Ok(RefreshReport { failed })
        }
    }
}

fn update(
    system: &System,
    settings: &Settings,
    lock_wait: Duration,
    on_progress: OnProgress<'_>,
) -> Result<Vec<(String, String)>, PmError> {
    // Without the error mode a repository that does not answer leaves exit code 0 (seen with apt 2.6).
    let out = progress::apt_get(system)
        .args(["-o", "quiet=1", "-o", "APT::Update::Error-Mode=any", "update"])
        .deadline(Duration::from_secs(1800))
        .run_lines(|_, line| {
            progress::show(line, on_progress);
        })?;
    if let Some(locked) = lock::refused(&out, lock_wait) {
        return Err(locked);
    }
    let repos = sources::find(system, &settings.lists)?;
    let failed = attributed(&out, &repos);
    if failed.is_empty() {
        output::check("apt-get update", &out)?;
    }
    fresh(&repos, &failed).for_each(Repo::confirm);
    Ok(failed)
}

/// What was fetched or confirmed for certain: a complaint that names no repository may be about any of them.
fn fresh<'r>(repos: &'r [Repo], failed: &'r [(String, String)]) -> impl Iterator<Item = &'r Repo> {
    let failed_id = |id: &str| failed.iter().any(|(failed, _)| failed == id);
    let uncertain = failed_id(UNATTRIBUTED);
    repos.iter().filter(move |r| !uncertain && !failed_id(&r.source.id))
}

/// Which source each complaint is about, by the address in it. The id is shown, never the address alone.
fn attributed(out: &Output, repos: &[Repo]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let complaints = ["E: ", "W: "].iter().flat_map(|severity| output::complaints(out, severity));
    for words in complaints.filter(|w| !is_summary(w)) {
        let mut ids: Vec<&str> =
            repos.iter().filter(|r| r.is_named_in(&words)).map(|r| r.source.id.as_str()).collect();
        if ids.is_empty() {
            ids.push(UNATTRIBUTED);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;

    #[test]
    fn a_complaint_about_nobody_makes_no_source_fresh() {
        let uris = ["a", "b"].map(|suite| {
            format!(
                "'http://x/dists/{suite}/InRelease' x_{suite}_InRelease 0\n\
                 'http://x/dists/{suite}/main/binary-amd64/Packages.xz' x_{suite}_Packages 0\n"
            )
        });
        let entries = sources::parse_uris(&uris.concat()).unwrap();
        let repos = sources::configured(&Root::host(), &entries, std::path::Path::new("/nonexistent"));
        let ids = |words: &str| {
            let stderr = words.as_bytes().to_vec();
            let out = Output { code: 100, stdout: Vec::new(), stderr, truncated: false };
            let failed = attributed(&out, &repos);
            fresh(&repos, &failed).map(|r| r.source.id.clone()).collect::<Vec<_>>()
        };
        let (a, b) = ("no-origin/a/main", "no-origin/b/main");
        assert_eq!(ids(""), [a, b]);
        assert_eq!(ids("E: Failed to fetch http://x/dists/a/InRelease  500\n"), [b]);
        assert_eq!(ids("E: Problem executing scripts\n"), Vec::<String>::new());
        let both = "E: Failed to fetch http://x/dists/a/InRelease  500\nE: Problem executing scripts\n";
        assert_eq!(ids(both), Vec::<String>::new());
    }
}
