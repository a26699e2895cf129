//! Simulation, download, installation and repair.

use patchflock_baselines::plan::{Plan, Simulation, Target};

use crate::pm::{InstallReport, OnProgress, PmError};
use crate::root::Root;

fn todo<T>() -> Result<T, PmError> {
    Err(PmError::Failed { what: "this operation".into(), tool_says: "is not written yet".into() })
}

pub(super) fn simulate(_root: &Root, _targets: &[Target]) -> Result<Simulation, PmError> {
    todo()
}

pub(super) fn fetch(_root: &Root, _plan: &Plan, _progress: OnProgress<'_>) -> Result<(), PmError> {
    todo()
}

pub(super) fn install(
    _root: &Root,
    _plan: &Plan,
    _progress: OnProgress<'_>,
) -> Result<InstallReport, PmError> {
    todo()
}

pub(super) fn repair(_root: &Root) -> Result<Option<String>, PmError> {
    todo()
}
