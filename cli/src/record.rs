//! The record of each run on this machine: one file per run, written before the act and after it.
//!
//! A record that says `installing` and was never finished is how the next run knows that this one was
//! interrupted. Files are replaced whole (temporary file, fsync, rename) so that a power cut leaves the old or the
//! new one, never half of one.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_baselines::compliance::{NodeCompliance, RunTraces};
use patchflock_baselines::plan::{Plan, Target};
use patchflock_machine::pm::{InstallReport, OutcomeKind};
use patchflock_machine::root::Root;
use serde::{Deserialize, Serialize};

/// Where records lie.
const DIRECTORY: &str = "/var/lib/patchflock/runs";
/// A record holds a bounded log; a larger file is not one of ours.
const RECORD_CAP: u64 = 64 << 20;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Version of this format: 1.
    pub(crate) format: u32,
    /// `20261124T120000Z-1234`: start and process id.
    pub(crate) id: String,
    /// How far it came.
    pub(crate) phase: Phase,
    /// When it began.
    pub(crate) started_at: DateTime<Utc>,
    /// When it ended.
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// Who started it: the login name behind sudo, else the user id.
    pub(crate) started_by: String,
    /// Boot id when it began.
    pub(crate) boot_id: Option<String>,
    /// The whole baseline in force, so that the record explains itself for ever.
    pub(crate) baseline: patchflock_baselines::baseline::Baseline,
    /// What an interrupted earlier run needed, in words.
    pub(crate) repaired: Option<String>,
    /// What was to be done.
    pub(crate) plan: Plan,
    /// What was done.
    pub(crate) report: Option<InstallReport>,
    /// Compliance before.
    pub(crate) before: NodeCompliance,
    /// Compliance after.
    pub(crate) after: Option<NodeCompliance>,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Installation began. Found in an old record: that run was interrupted.
    Installing,
    /// The run came to its end.
    Finished,
    /// A later run found it interrupted and repaired what it left.
    Interrupted,
}

/// Writes a record durably.
pub(crate) fn write(root: &Root, record: &Record) -> anyhow::Result<PathBuf> {
    let dir = root.path(DIRECTORY);
    std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let path = dir.join(format!("{}.json", record.id));
    let context = || format!("writing the record {}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(&dir).with_context(context)?;
    serde_json::to_writer_pretty(&mut file, record).with_context(context)?;
    file.write_all(b"\n").with_context(context)?;
    file.as_file().sync_all().with_context(context)?;
    file.persist(&path).with_context(context)?;
    // The rename itself is durable only with its directory.
    std::fs::File::open(&dir).and_then(|d| d.sync_all()).with_context(context)?;
    Ok(path)
}

/// Records of this machine, oldest first. One that cannot be read is passed over: it never stops a run.
pub(crate) fn all(root: &Root) -> Vec<Record> {
    let Ok(entries) = std::fs::read_dir(root.path(DIRECTORY)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths.iter().filter_map(|p| read(p)).collect()
}

fn read(path: &Path) -> Option<Record> {
    let file = std::fs::File::open(path).ok()?;
    if file.metadata().ok()?.len() > RECORD_CAP {
        return None;
    }
    serde_json::from_reader(std::io::BufReader::new(file)).ok()
}

/// What earlier runs left behind for compliance: failures of the last run, and what we installed since the boot.
pub(crate) fn traces(root: &Root, boot_id: Option<&str>) -> RunTraces {
    let records = all(root);
    let mut traces = RunTraces::default();
    for record in &records {
        let Some(report) = &record.report else { continue };
        // Without a boot id (a system in a directory) every run counts as of this boot.
        if boot_id.is_none() || record.boot_id.as_deref() == boot_id {
            traces.installed_since_boot.extend(targets(report, true).map(|(t, _)| t));
        }
    }
    if let Some((plan, report)) = records.last().and_then(|r| Some((&r.plan, r.report.as_ref()?))) {
        traces.failed = failed(plan, report);
    }
    traces
}

/// What a run was to install and did not, with the reasons: what failed, and what the plan had to leave out.
pub(crate) fn failed(plan: &Plan, report: &InstallReport) -> Vec<(Target, String)> {
    let left_out = plan.held.iter().map(|h| {
        let target = Target { name: h.name.clone(), arch: h.arch.clone(), version: h.version.clone() };
        (target, h.reason.clone())
    });
    targets(report, false).chain(left_out).collect()
}

/// The targets of a report that succeeded, or that failed with their reasons.
pub(crate) fn targets(report: &InstallReport, installed: bool) -> impl Iterator<Item = (Target, String)> {
    report.outcomes.iter().filter_map(move |o| match (&o.result, installed) {
        (OutcomeKind::Installed, true) => Some((o.target.clone(), String::new())),
        (OutcomeKind::Failed { why }, false) => Some((o.target.clone(), why.clone())),
        _ => None,
    })
}

/// Who started this: the login name that sudo passes on, else the user id.
pub(crate) fn started_by() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("SUDO_USER") {
        Ok(name) if !name.is_empty() => format!("{name} (sudo)"),
        _ => format!("uid {uid}"),
    }
}
