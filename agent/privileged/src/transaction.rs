//! The guard: the process that carries out one plan, whatever becomes of whoever asked for it.
//!
//! It holds the lock of its transaction for its life, which is how others see that it lives, and the machine's lock while
//! it works. The record is on disk before the first package changes and again when the outcome is known; the result is
//! the last thing that it writes.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::privileged::Answer;
use patchflock_api::run::{Installed, Trouble};
use patchflock_machine::exec::{Command, ExecError};
use patchflock_machine::lines;
use patchflock_machine::lock::{self, LockError};
use patchflock_machine::pm::{InstallReport, OutcomeKind, PmError};
use patchflock_machine::record::{self, Phase, Record};
use patchflock_machine::root::Root;
use patchflock_machine::system::System;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::Desk;
use crate::install::{Ended, Order, file};
use crate::serve::pause;
use crate::trouble::{busy, failed, of_install, of_lock, plan_changed, words};

/// How long a lock is waited for that whoever started us is about to let go.
const HANDOVER: Duration = Duration::from_secs(30);
/// How long an operation that was hung up on may take to end.
const GIVING_WAY: Duration = Duration::from_secs(3);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Between two looks at a child that is stuck.
const STUCK_LOOK: Duration = Duration::from_secs(1);
/// Lines of progress that are kept: they are for people who watch.
const MAX_PROGRESS: usize = 5_000;
/// After this a stop of the unit that no guard obeys is given up. systemd then sends nothing more (`SendSIGKILL=no`).
const STOP: &str = "TimeoutStopSec=2h";

/// Starts a guard in a unit of its own; without systemd in a session of its own. Half a start would be worse than a late
/// one, so nothing ends it.
pub(crate) fn start(root: &Root, run: &RunId, token: u64) -> Result<(), ExecError> {
    let guard = [program()?, "transaction".into(), run.as_str().into(), token.to_string().into()];
    if !root.path("/run/systemd/system").is_dir() {
        let command = Command::new(root, "setsid").arg("--fork").args(&guard);
        return started("setsid", command.env("NEEDRESTART_SUSPEND", "1"));
    }
    let in_unit = |kind: &str| {
        let unit = format!("--unit=patchflock-txn-{token}");
        let kind = format!("Type={kind}");
        let properties =
            [kind.as_str(), "KillMode=process", "SendSIGKILL=no", STOP, "Environment=NEEDRESTART_SUSPEND=1"];
        let command = Command::new(root, "systemd-run").args(["--collect", "--quiet", &unit]);
        let command = command.args(properties.iter().flat_map(|p| ["-p", p])).arg("--").args(&guard);
        started("systemd-run", command.deadline(Duration::from_secs(60)))
    };
    match in_unit("exec") {
        // systemd before 240 does not know it; the other one only tells less.
        Err(ExecError::Spawn { source, .. }) if source.to_string().contains("Type") => in_unit("simple"),
        other => other,
    }
}

/// This program, also where the file was replaced by an upgrade meanwhile.
fn program() -> Result<OsString, ExecError> {
    let program = std::env::current_exe()
        .map_err(|source| ExecError::Spawn { program: "patchflock-priv".into(), source })?
        .into_os_string();
    let replaced = program.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(OsString::from);
    Ok(replaced.unwrap_or(program))
}

fn started(program: &str, command: Command) -> Result<(), ExecError> {
    let out = command.uninterruptible().run()?;
    if out.success() {
        return Ok(());
    }
    let source = std::io::Error::other(out.stderr_text().trim().to_owned());
    Err(ExecError::Spawn { program: program.into(), source })
}

/// Is the guard of one transaction, to its end.
///
/// # Errors
/// What it cannot leave as a result: it has no order, or another guard is at work.
pub fn guard(desk: &Desk, run: &RunId, token: u64) -> Result<(), Trouble> {
    // Nobody ends half a transaction by a signal that can be refused. The flag itself is not looked at.
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|e| failed(format!("guarding the transaction from signals: {e}")))?;
    }
    let order = file(token, "order.json");
    let order: Order = desk.read(&order)?.ok_or_else(|| failed(format!("{order} is not there")))?;
    if order.kept.run != *run || order.token != token {
        return Err(failed(format!(
            "transaction {token} was ordered for the run {}, not {run}",
            order.kept.run
        )));
    }
    // Whoever follows holds it for a moment when he looks whether we live.
    let _life = patiently(|| lock::take_at(desk.root.path(file(token, "lock"))))?;
    let result = file(token, "result.json");
    if desk.read::<Ended>(&result)?.is_some() {
        return Ok(());
    }
    let mut progress = Progress { desk, path: file(token, "progress.jsonl"), told: 0, sound: 0 };
    progress.tell("the transaction begins");
    let ended = match carry_out(desk, &order, &mut progress) {
        Ok(installed) => Ended::Done(Answer::Installed { installed }),
        Err(trouble) => Ended::Trouble(trouble),
    };
    // A full disk is the one reason why this fails, and it may pass; without a result nobody learns how it ended.
    let until = Instant::now() + HANDOVER;
    loop {
        match desk.write(&result, &ended) {
            Err(_) if Instant::now() < until => pause(STUCK_LOOK),
            written => return written,
        }
    }
}

/// A lock that is let go in a moment.
fn patiently(take: impl FnMut() -> Result<std::fs::File, LockError>) -> Result<std::fs::File, Trouble> {
    within(HANDOVER, take)
}

/// The machine, for one operation. Whoever was hung up on a moment ago is about to let go of it.
pub(crate) fn machine(root: &Root) -> Result<std::fs::File, Trouble> {
    within(GIVING_WAY, || lock::take(root))
}

fn within(
    time: Duration,
    mut take: impl FnMut() -> Result<std::fs::File, LockError>,
) -> Result<std::fs::File, Trouble> {
    let until = Instant::now() + time;
    loop {
        match take() {
            Err(LockError::Held) if Instant::now() < until => pause(LOOK),
            other => return other.map_err(of_lock),
        }
    }
}

fn carry_out(desk: &Desk, order: &Order, progress: &mut Progress<'_>) -> Result<Installed, Trouble> {
    let _machine = patiently(|| lock::take(&desk.root))?;
    desk.in_time(order.not_after)?;
    let kept = &order.kept;
    let system = crate::sources::opened(desk, &kept.baseline)?;
    let mut record = Record {
        format: record::FORMAT,
        id: kept.run.to_string(),
        phase: Phase::Installing,
        started_at: desk.now(),
        finished_at: None,
        started_by: order.started_by.clone(),
        boot_id: system.facts.boot_id.clone(),
        baseline: kept.baseline.clone(),
        repaired: kept.repaired.clone(),
        install_override_list: list(desk, order)?,
        plan: kept.plan.clone(),
        fixes: system.pm.fixes(&kept.plan),
        failure: None,
        report: None,
        before: kept.before.clone(),
        after: None,
    };
    let unwritten = |e: anyhow::Error| failed(format!("{e:#}; nothing was installed"));
    set_aside(desk, order).map_err(unwritten)?;
    record::write(&desk.root, &record).map_err(unwritten)?;
    let report = match system.pm.install(&kept.plan, &mut |p| progress.tell(&words(p))) {
        Ok(report) => report,
        Err(PmError::Exec(e @ ExecError::Stuck { .. })) => stuck(desk, &system, &mut record, &e, progress)?,
        Err(e) => {
            let trouble = match e {
                PmError::NotThePlan { difference } => plan_changed(difference),
                PmError::Locked { .. } => busy(e.to_string()),
                e => of_install(e),
            };
            record.phase = Phase::Failed;
            record.finished_at = Some(desk.now());
            record.failure = Some(trouble.why.clone());
            record::write(&desk.root, &record).map_err(|e| failed(format!("{}; {e:#}", trouble.why)))?;
            return Err(trouble);
        }
    };
    finished(desk, &mut record, report, desk.now())
}

/// The list of the run's order, for the record. What was planned by it is planned, so an order that expired meanwhile
/// stops nothing.
fn list(
    desk: &Desk,
    order: &Order,
) -> Result<Option<patchflock_baselines::document::override_list::InstallOverrideList>, Trouble> {
    match crate::orders::get(desk, order.kept.basis.order()) {
        Ok(Some((found, _))) => Ok(crate::orders::read(&found)?.wishes.list),
        Ok(None) | Err(_) => Ok(None),
    }
}

/// A run may need a second transaction after one that was interrupted: the record of the first one is kept beside.
fn set_aside(desk: &Desk, order: &Order) -> anyhow::Result<()> {
    if let Some(mut old) = record::of_run(&desk.root, order.kept.run.as_str())? {
        old.id = format!("{}-before-{}", order.kept.run, order.token);
        if old.phase == Phase::Installing {
            old.phase = Phase::Interrupted;
        }
        record::write(&desk.root, &old)?;
    }
    Ok(())
}

fn finished(
    desk: &Desk,
    record: &mut Record,
    report: InstallReport,
    at: DateTime<Utc>,
) -> Result<Installed, Trouble> {
    let installed = report.outcomes.iter().filter(|o| o.result == OutcomeKind::Installed).count();
    let failures = report.outcomes.iter().filter_map(|o| match &o.result {
        OutcomeKind::Failed { why } => Some(format!("{}: {why}", o.target.name)),
        OutcomeKind::Installed => None,
    });
    let done = Installed { installed, failed: failures.collect() };
    record.report = Some(report);
    record.phase = Phase::Finished;
    record.finished_at = Some(at);
    // What happened has happened: a record that cannot be written hides no result.
    if let Err(e) = record::write(&desk.root, record) {
        crate::serve::journal(&format!("{e:#}; the plan was carried out"));
    }
    Ok(done)
}

/// Waits for a child past its deadline, however long, and then judges by the package database.
fn stuck(
    desk: &Desk,
    system: &System,
    record: &mut Record,
    e: &ExecError,
    progress: &mut Progress<'_>,
) -> Result<InstallReport, Trouble> {
    let why = e.to_string();
    crate::serve::journal(&why);
    progress.tell(&why);
    record.failure = Some(why.clone());
    if let Err(e) = record::write(&desk.root, record) {
        crate::serve::journal(&format!("{e:#}"));
    }
    if let ExecError::Stuck { pid, .. } = e {
        let pid = i32::try_from(*pid).ok().and_then(rustix::process::Pid::from_raw);
        while pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()) {
            pause(STUCK_LOOK);
        }
    }
    progress.tell("the stuck child has ended; looking at what became of the packages");
    let log = why.clone();
    system.became(&record.plan, &why).map_err(of_install).map(|outcomes| InstallReport {
        outcomes,
        kept_conffiles: Vec::new(),
        log,
    })
}

/// What the guard tells those who follow: each a line of JSON text. Losing one harms nobody.
struct Progress<'a> {
    desk: &'a Desk,
    path: String,
    told: usize,
    sound: u64,
}

impl Progress<'_> {
    fn tell(&mut self, what: &str) {
        if self.told == MAX_PROGRESS {
            return;
        }
        self.told += 1;
        let line: String = what.chars().take(500).collect();
        if lines::append(&self.desk.root, &self.path, self.sound, std::slice::from_ref(&line)).is_ok() {
            self.sound = std::fs::metadata(self.desk.root.path(&self.path)).map_or(self.sound, |m| m.len());
        }
    }
}

#[cfg(test)]
mod tests;
