//! What came in as a dependency stays one.
//!
//! dnf records the reasons of a transaction at its end and forgets them where something failed or the machine lost
//! power: then a dependency would count as asked for by the administrator, and never be cleaned up. So the new
//! dependencies are noted beside our records before the transaction, and marked again after one that did not end well.

use std::time::Duration;

use patchflock_baselines::plan::{Item, Role};

use super::database::Database;
use super::script::decisive;
use super::transaction::nevra;
use super::updateinfo::Nevra;
use crate::exec::Command;
use crate::host::{read_bytes, records};
use crate::pm::PmError;
use crate::root::Root;

const FILE: &str = "/var/lib/patchflock/dnf-dependencies.json";

/// The packages that these items bring in newly because something needs them.
pub(super) fn dependencies(items: &[&Item]) -> Vec<Nevra> {
    let new = |i: &&&Item| i.from.is_none() && matches!(i.role, Role::PulledIn { .. });
    items.iter().filter(new).map(|i| nevra(i)).collect()
}

/// Notes them, durably; without any there is nothing to note.
pub(super) fn note(root: &Root, new: &[Nevra]) -> Result<(), PmError> {
    if new.is_empty() {
        return Ok(());
    }
    let list: Vec<[&str; 3]> = new.iter().map(|n| [&*n.name, &*n.arch, &*n.version]).collect();
    let bytes =
        serde_json::to_vec(&list).map_err(|e| PmError::Read { path: root.path(FILE), source: e.into() })?;
    records::write(root, FILE, &bytes, 0o600)
        .map_err(|source| PmError::Read { path: root.path(FILE), source })
}

/// What an interrupted run noted; a damaged note is as good as none.
pub(super) fn noted(root: &Root) -> Vec<Nevra> {
    let bytes = read_bytes(root, FILE, 4 << 20).unwrap_or_default();
    let list: Vec<[String; 3]> = serde_json::from_slice(&bytes).unwrap_or_default();
    list.into_iter().map(|[name, arch, version]| Nevra { name, arch, version }).collect()
}

/// The transaction ended, or its marks are restored.
pub(super) fn forget(root: &Root) -> Result<(), PmError> {
    records::remove(root, FILE).map_err(|source| PmError::Read { path: root.path(FILE), source })
}

/// Marks those that are installed; `Err` inside: dnf's words, where it would not.
pub(super) fn restore(root: &Root, new: &[Nevra]) -> Result<Result<Vec<String>, String>, PmError> {
    let installed = Database::read(root)?;
    let there = new.iter().filter(|n| installed.has(n));
    let names: Vec<String> = there.map(|n| format!("{}-{}.{}", n.name, n.version, n.arch)).collect();
    if names.is_empty() {
        return Ok(Ok(names));
    }
    let program = super::which(root).map_err(|_| PmError::NoTool { tool: "dnf" })?;
    let command = Command::new(root, program)
        .args(["-C", "-q", "mark", "remove"])
        .args(&names)
        .deadline(Duration::from_secs(600))
        .uninterruptible();
    let what = command.display();
    let out = command.run()?;
    Ok(if out.success() { Ok(names) } else { Err(format!("{what}: {}", decisive(&out.stderr_text()))) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_until_it_is_forgotten_and_a_damaged_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let new = [Nevra { name: "extra".into(), arch: "noarch".into(), version: "1-1".into() }];
        note(&root, &[]).unwrap();
        assert_eq!(noted(&root), []);
        note(&root, &new).unwrap();
        assert_eq!(noted(&root), new);
        forget(&root).unwrap();
        forget(&root).unwrap();
        assert_eq!(noted(&root), []);
        std::fs::write(root.path(FILE), "[[1]").unwrap();
        assert_eq!(noted(&root), []);
    }
}
