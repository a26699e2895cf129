//! The part of `once` that changes the machine: fetch, write down, install, write down, look again, write down.
//!
//! The record is on disk before the first package changes and again as soon as the outcome is known: whatever
//! fails afterwards, nobody has to guess what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_machine::exec::ExecError;
use patchflock_machine::pm::PmError;
use patchflock_machine::record::{self, Phase, Record};
use patchflock_machine::system::{self, System};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::talk::Talk;
use crate::blame::Failure;

/// Carries out the plan of `record` and completes the record.
///
/// `Err`: nothing was installed, or nobody knows what was (the record says which). `Ok(Some)`: the plan was carried
/// out as the report says, and something failed after it. `guard` is called when signals must no longer end us, which
/// is not before the packages are there: [`uninterrupted`].
pub(super) fn carry_out(
    machine: &System,
    record: &mut Record,
    talk: &Talk,
    guard: impl FnOnce() -> Result<Arc<AtomicBool>, Failure>,
) -> Result<Option<Failure>, Failure> {
    talk.phase("fetching packages");
    // Nothing is changed by it, so a failure leaves no record.
    machine.pm.fetch(&record.plan, &mut |p| talk.progress(p))?;
    record.fixes = machine.pm.fixes(&record.plan);
    let stop = guard()?;
    record::write(&machine.root, record).context("nothing was installed")?;
    if stop.load(Ordering::Relaxed) {
        return Err(ended(machine, record, talk, Failure::operator("asked to stop; nothing was installed")));
    }

    talk.phase("installing");
    let report = match machine.pm.install(&record.plan, &mut |p| talk.progress(p)) {
        Ok(report) => report,
        // It still runs: the record goes on saying so, and the next run finds out how it ended.
        Err(e @ PmError::Exec(ExecError::Stuck { .. })) => {
            record.failure = Some(e.to_string());
            written(machine, record, talk);
            return Err(e.into());
        }
        Err(e) => return Err(ended(machine, record, talk, e.into())),
    };
    if stop.load(Ordering::Relaxed) {
        talk.line("asked to stop: the running transaction was finished first");
    }
    record.report = Some(report);
    record.phase = Phase::Finished;
    record.finished_at = Some(clock());
    // What cannot be written now may still be written at the end.
    written(machine, record, talk);

    talk.phase("looking again");
    let unseen = match look_again(machine, record) {
        Ok(after) => {
            record.after = Some(after);
            None
        }
        Err(failure) => {
            record.failure =
                Some(format!("looking at the machine after the installation: {}", failure.cause()));
            Some(failure)
        }
    };
    let unwritten = record::write(&machine.root, record).err();
    Ok(unseen.or(unwritten.map(|e| Failure::Ours(e.context("the plan was carried out, but not recorded")))))
}

/// A run that installs nothing leaves a record only if it repaired something: that changed the machine too.
pub(super) fn keep_repair(machine: &System, record: &Record) -> Result<(), Failure> {
    if record.repaired.is_none() {
        return Ok(());
    }
    let mut kept = record.clone();
    kept.phase = Phase::Finished;
    kept.finished_at = Some(clock());
    kept.after = Some(kept.before.clone());
    // Nothing of the plan was tried.
    kept.plan.items.clear();
    record::write(&machine.root, &kept).map_err(Failure::Ours)
}

/// The run ended without a report.
fn ended(machine: &System, record: &mut Record, talk: &Talk, failure: Failure) -> Failure {
    record.phase = Phase::Failed;
    record.finished_at = Some(clock());
    record.failure = Some(failure.cause());
    written(machine, record, talk);
    failure
}

/// Writes the record where a failure to do so can only be said: something more important is under way.
fn written(machine: &System, record: &Record, talk: &Talk) {
    if let Err(e) = record::write(&machine.root, record) {
        talk.line(&format!("{e:#}"));
    }
}

fn look_again(machine: &System, record: &Record) -> Result<NodeCompliance, Failure> {
    let now = clock();
    let inventory = machine.inventory(now)?;
    let mut records = record::all(&machine.root);
    records.runs.retain(|r| r.id != record.id);
    records.runs.push(record.clone());
    let traces = record::traces(&records, inventory.node.boot_id.as_deref());
    // A run by list did not try what the baseline approves: that is missing, not failed.
    let tried = record.install_override_list.is_none();
    let seen = system::verdict(&record.baseline, &inventory, &traces, tried, now);
    seen.map(|(_, compliance)| compliance).map_err(|e| Failure::Ours(e.into()))
}

fn clock() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "installing took time; the verdict is for now")]
    Utc::now()
}

/// Signals by which people and systems end a program.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
/// A signal must not end us any more.
static GUARDED: AtomicBool = AtomicBool::new(false);

/// Until [`uninterrupted`], a signal ends us and what we started: a download without its reader would go on, and
/// keep the locks that the next run needs.
pub(super) fn interruptible() -> Result<(), Failure> {
    let ignored = ignored();
    let heard = ENDING.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = signal_hook::iterator::Signals::new(heard).context("listening for signals")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if !GUARDED.load(Ordering::SeqCst) {
                patchflock_machine::exec::end_interruptible();
                signal_hook::low_level::emulate_default_handler(signal).ok();
            }
        }
    });
    Ok(())
}

/// Signals that whoever started us has asked us to ignore, as `nohup` does: one bit each, the first for signal 1.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// From here on a signal does not end us: half a transaction is worse than a late prompt.
pub(super) fn uninterrupted() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    GUARDED.store(true, Ordering::SeqCst);
    for signal in ENDING {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("guarding the transaction from signals")?;
    }
    Ok(stop)
}

#[cfg(test)]
mod tests;
