//! The few settings of this machine's apt that we need: where its files are, what it does by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::system::System;
use crate::pm::PmError;

/// Settings, with paths as we reach them from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) arch: String,
    pub(super) lists: PathBuf,
    pub(super) status: PathBuf,
    pub(super) extended_states: PathBuf,
    pub(super) archives: PathBuf,
    /// `APT::Periodic::Unattended-Upgrade` and `APT::Periodic::Enable` as written.
    pub(super) unattended: Option<String>,
    pub(super) periodic: Option<String>,
    /// How long the administrator lets apt wait for a lock (`DPkg::Lock::Timeout`), in seconds.
    pub(super) lock_timeout: Option<i64>,
}

/// Asks `apt-config`.
pub(super) fn read(system: &System) -> Result<Settings, PmError> {
    let out = system
        .tool("apt-config")
        .args(["shell", "ARCH", "APT::Architecture", "LISTS", "Dir::State::lists/d", "STATE", "Dir::State/d"])
        .args(["STATUS", "Dir::State::status/f", "ARCHIVES", "Dir::Cache::archives/d"])
        .args(["UNATTENDED", "APT::Periodic::Unattended-Upgrade", "PERIODIC", "APT::Periodic::Enable"])
        .args(["LOCK", "DPkg::Lock::Timeout"])
        .run()
        .map_err(|e| match e {
            crate::exec::ExecError::NotFound { .. } => PmError::NoTool { tool: "apt" },
            other => other.into(),
        })?;
    super::output::check("apt-config shell", &out)?;
    let values = parse(&out.stdout_text());
    let path = |key: &str, usual: &str| system.root.path(values.get(key).map_or(usual, String::as_str));
    let arch = values.get("ARCH").cloned().ok_or_else(|| PmError::Unexpected {
        what: "apt-config shell".into(),
        place: "APT::Architecture".into(),
        found: "nothing".into(),
    })?;
    Ok(Settings {
        arch,
        lists: path("LISTS", "/var/lib/apt/lists"),
        status: path("STATUS", "/var/lib/dpkg/status"),
        extended_states: path("STATE", "/var/lib/apt").join("extended_states"),
        archives: path("ARCHIVES", "/var/cache/apt/archives"),
        unattended: values.get("UNATTENDED").cloned(),
        periodic: values.get("PERIODIC").cloned(),
        lock_timeout: values.get("LOCK").and_then(|v| v.parse().ok()),
    })
}

/// `KEY='value'` lines.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
            Some((key.to_owned(), value.replace(r"'\''", "'")))
        })
        .collect()
}
