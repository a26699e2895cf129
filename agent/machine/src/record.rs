//! The record of each run on this machine: one file per run, written before the act and after it.
//!
//! A record that says `installing` and was never finished is how the next run knows that this one was
//! interrupted. Files are replaced whole (temporary file, fsync, rename) so that a power cut leaves the old or the
//! new one, never half of one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_baselines::compliance::{NodeCompliance, RunTraces};
use patchflock_baselines::document::override_list::InstallOverrideList;
use patchflock_baselines::plan::{Plan, Target};
use serde::{Deserialize, Serialize};

use crate::kept;
use crate::pm::{Fixes, InstallReport, OutcomeKind};
use crate::root::Root;

/// Where records lie.
const DIRECTORY: &str = "/var/lib/patchflock/runs";
/// Version of the record format that this build writes and reads.
pub const FORMAT: u32 = 1;
/// A record holds a bounded log; a larger file is not one of ours.
const RECORD_CAP: u64 = 64 << 20;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format: 1.
    pub format: u32,
    /// `20261124T120000Z-1234`: start and process id; of a run of the agent, its id.
    pub id: String,
    /// How far it came.
    pub phase: Phase,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Who started it: the login name behind sudo, else the user id.
    pub started_by: String,
    /// Boot id when it began.
    pub boot_id: Option<String>,
    /// The whole baseline in force, so that the record explains itself for ever.
    pub baseline: patchflock_baselines::baseline::Baseline,
    /// What an interrupted earlier run needed, in words.
    pub repaired: Option<String>,
    /// The list that took the place of the baseline's decisions in this run.
    #[serde(default)]
    pub install_override_list: Option<InstallOverrideList>,
    /// What was to be done.
    pub plan: Plan,
    /// What the fetched packages say they fix; as far as known.
    #[serde(default)]
    pub fixes: Vec<Fixes>,
    /// Why the run did not come to its end, or why nobody could look at the machine after it.
    #[serde(default)]
    pub failure: Option<String>,
    /// What was done.
    pub report: Option<InstallReport>,
    /// Compliance before.
    pub before: NodeCompliance,
    /// Compliance after.
    pub after: Option<NodeCompliance>,
}

impl Record {
    /// Something of the plan was not installed.
    pub fn has_failures(&self) -> bool {
        self.report.as_ref().is_some_and(|r| r.outcomes.iter().any(|o| o.result != OutcomeKind::Installed))
    }
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Installation began. Found in an old record: that run was interrupted.
    Installing,
    /// The run came to its end.
    Finished,
    /// The package manager refused or failed as a whole; [`Record::failure`] says why.
    Failed,
    /// A later run found it interrupted and repaired what it left.
    Interrupted,
}

/// Where a record lies.
pub fn path(root: &Root, record: &Record) -> PathBuf {
    root.path(DIRECTORY).join(format!("{}.json", record.id))
}

/// Writes a record durably.
pub fn write(root: &Root, record: &Record) -> anyhow::Result<()> {
    let context = || format!("writing the record {}", path(root, record).display());
    let mut text = serde_json::to_vec_pretty(record).with_context(context)?;
    text.push(b'\n');
    kept::write(root, &format!("{DIRECTORY}/{}.json", record.id), &text).with_context(context)
}

/// The records of a machine, and what could not be read of them.
#[derive(Debug, Default)]
pub struct Records {
    /// Oldest first.
    pub runs: Vec<Record>,
    /// One sentence for each record that is there and says nothing.
    pub unreadable: Vec<String>,
}

impl Records {
    /// Says what is missing from the picture. It never stops a command: the machine itself is what counts.
    pub fn complain(&self, mut talk: impl FnMut(&str)) {
        for sentence in &self.unreadable {
            talk(&format!(
                "warning: {sentence}; what that run left is not counted: failures and pending reboots may be missing"
            ));
        }
    }
}

/// Records of this machine.
pub fn all(root: &Root) -> Records {
    let mut records = Records::default();
    let dir = root.path(DIRECTORY);
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) => {
            let place = dir.display();
            match e.kind() {
                ErrorKind::NotFound => {}
                ErrorKind::PermissionDenied => records.unreadable.push(format!(
                    "the records in {place} can be read by root and the group {} only",
                    kept::GROUP
                )),
                _ => records.unreadable.push(format!("the records in {place} cannot be read: {e}")),
            }
            return records;
        }
    };
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    for path in paths {
        match read(&path) {
            Ok(record) => records.runs.push(record),
            Err(e) => records.unreadable.push(format!("the record {} cannot be read: {e}", path.display())),
        }
    }
    // Ids of the agent's runs say nothing of their time.
    records.runs.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    records
}

/// The record of one run; `None`: it has none.
pub fn of_run(root: &Root, id: &str) -> anyhow::Result<Option<Record>> {
    let path = root.path(DIRECTORY).join(format!("{id}.json"));
    match std::fs::symlink_metadata(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        _ => read(&path).map(Some).with_context(|| format!("reading the record {}", path.display())),
    }
}

/// Notes on every record that says `installing` that its run was interrupted. Only for the holder of the machine's
/// lock ([`crate::lock`]): nobody else can be installing then.
pub fn mark_interrupted(root: &Root) -> anyhow::Result<Vec<String>> {
    let mut marked = Vec::new();
    for mut old in all(root).runs {
        if old.phase == Phase::Installing {
            old.phase = Phase::Interrupted;
            write(root, &old)?;
            marked.push(old.id);
        }
    }
    Ok(marked)
}

fn read(path: &Path) -> anyhow::Result<Record> {
    // A pipe would let us wait for ever before it is opened.
    anyhow::ensure!(std::fs::metadata(path)?.is_file(), "it is not a file");
    let file = std::fs::File::open(path)?;
    anyhow::ensure!(file.metadata()?.len() <= RECORD_CAP, "it is larger than {} MiB", RECORD_CAP >> 20);
    let record: Record = serde_json::from_reader(std::io::BufReader::new(file))
        .map_err(|e| anyhow::anyhow!("it is damaged ({e})"))?;
    anyhow::ensure!(
        record.format == FORMAT,
        "its format is {}, this patchflock reads {FORMAT}",
        record.format
    );
    Ok(record)
}

/// What earlier runs left behind for compliance: failures of the last run, and what we installed since the boot.
pub fn traces(records: &Records, boot_id: Option<&str>) -> RunTraces {
    let mut traces = RunTraces::default();
    for record in &records.runs {
        let Some(report) = &record.report else { continue };
        // Without a boot id (a system in a directory) every run counts as of this boot.
        if boot_id.is_none() || record.boot_id.as_deref() == boot_id {
            traces.installed_since_boot.extend(targets(report, true).map(|(t, _)| t));
        }
    }
    // A run that was refused as a whole tried nothing: what the one before it failed at still fails.
    if let Some((plan, report)) = records.runs.iter().rev().find_map(|r| Some((&r.plan, r.report.as_ref()?)))
    {
        traces.failed = failed(plan, report);
    }
    traces
}

/// What a run was to install and did not, with the reasons: what failed, and what the plan had to leave out.
pub fn failed(plan: &Plan, report: &InstallReport) -> Vec<(Target, String)> {
    let left_out = plan.held.iter().map(|h| {
        let target = Target { name: h.name.clone(), arch: h.arch.clone(), version: h.version.clone() };
        (target, h.reason.clone())
    });
    targets(report, false).chain(left_out).collect()
}

/// The targets of a report that succeeded, or that failed with their reasons.
pub fn targets(report: &InstallReport, installed: bool) -> impl Iterator<Item = (Target, String)> {
    report.outcomes.iter().filter_map(move |o| match (&o.result, installed) {
        (OutcomeKind::Installed, true) => Some((o.target.clone(), String::new())),
        (OutcomeKind::Failed { why }, false) => Some((o.target.clone(), why.clone())),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
