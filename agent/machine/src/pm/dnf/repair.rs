//! Repairing what an interrupted transaction left: a damaged rpm database, and old versions beside new ones.
//!
//! dnf 4 cannot finish a transaction that was cut off (its history knows only that it did not end). What is done is
//! what rpm would have done last, taking out the older version of a pair, and only if nothing else changes by it;
//! packages whose upgrade had not begun are simply offered again.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::System;
use super::marks;
use super::script::{decisive, rpm, text};
use super::transaction::run;
use crate::exec::{Command, Output};
use crate::pm::{PmError, needs_root};

pub(super) fn repair(system: &System) -> Result<Option<String>, PmError> {
    needs_root("repairing the package database")?;
    let root = &system.root;
    let mut done = Vec::new();
    let check = verified(system)?;
    if !check.success() {
        let out = Command::new(root, "rpm")
            .args(["--rebuilddb"])
            .deadline(Duration::from_secs(1800))
            .uninterruptible()
            .run()?;
        if !out.success() {
            return Err(PmError::Failed {
                what: "rpm --rebuilddb (rpm --verifydb found damage)".into(),
                tool_says: decisive(&out.stderr_text()),
            });
        }
        done.push(format!("rebuilt rpm's database ({})", decisive(&check.stderr_text())));
    }
    let what = "looking for interrupted upgrades with dnf's Python";
    let said = run(system, what, "repair", Vec::new(), |_| {})?;
    said.typed::<Value>(what, "end")?;
    let removed: Vec<Value> = said.all(what, "removed")?;
    if !removed.is_empty() {
        let names: Vec<String> = removed.iter().map(|f| text(f, "name")).collect();
        done.push(format!("took out what an interrupted upgrade left behind: {}", names.join(", ")));
    }
    match marks::restore(root, &marks::noted(root))? {
        Ok(names) => {
            marks::forget(root)?;
            if !names.is_empty() {
                done.push(format!("marked as dependencies again: {}", names.join(", ")));
            }
        }
        // The note stays for the next repair.
        Err(words) => done.push(words),
    }
    Ok((!done.is_empty()).then(|| done.join("; ")))
}

/// `rpm --verifydb`, which also fails while another program changes the database: that is waited for. Taking it for
/// damage would rebuild a sound database under the hands of its writer.
fn verified(system: &System) -> Result<Output, PmError> {
    let started = Instant::now();
    loop {
        let check = rpm(&system.root, &["--verifydb"])?;
        if check.success() || !check.stderr_text().contains("transaction lock") {
            return Ok(check);
        }
        let waited = started.elapsed();
        if waited >= system.lock_wait {
            return Err(PmError::Locked { holder: "another program that uses rpm".into(), waited });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the lock of a foreign process gives no event to wait for"
        )]
        std::thread::sleep(Duration::from_millis(500).min(system.lock_wait));
    }
}
