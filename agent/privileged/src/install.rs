//! Downloading what a plan needs, and having it carried out by a guard that outlives us.
//!
//! A token is good for one transaction, and a run for one that comes to its end. Whether one has begun, runs or is over is
//! read from its directory: an order before it, a lock that the guard holds for its life, a result at its end.

use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::privileged::{Answer, TOKEN_MAX};
use patchflock_api::run::{Choice, Trouble, TroubleKind};
use patchflock_machine::record::{self, Phase};
use patchflock_machine::{host, lock};
use serde::{Deserialize, Serialize};

use crate::Desk;
use crate::plans::{self, Kept};
use crate::serve::{Caller, calm, pause};
use crate::trouble::{busy, failed, interrupted, of_lock, of_pm, plan_changed, unavailable, words};
use crate::{permission, survey, transaction};

/// The newest token that was ever used. Whoever asks with a large one blocks all smaller ones, so a hostile agent can stop
/// the patching of its own machine; it could always, by asking for nothing.
const NEWEST: &str = "/var/lib/patchflock/newest-token";
/// Transactions of one run that may have changed something: one, and what was planned anew after an interruption. Power
/// that fails each time must not make a machine begin for ever.
const MOST: usize = 4;
/// Between two looks at a running transaction.
const LOOK: Duration = Duration::from_millis(200);

/// What the guard is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) token: u64,
    pub(crate) kept: Kept,
    /// Who is behind the run, for the record.
    pub(crate) started_by: String,
    /// From here on it is not started any more.
    pub(crate) not_after: Option<DateTime<Utc>>,
}

/// How a transaction ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Ended {
    /// It was carried out.
    Done(Answer),
    /// It was not, or nobody knows.
    Trouble(Trouble),
}

/// A file of a transaction.
pub(crate) fn file(token: u64, name: &str) -> String {
    format!("{}/txn/{token}/{name}", crate::STATE)
}

/// Answers to `Fetch`.
pub(crate) fn fetch(desk: &Desk, caller: &mut Caller<'_>, run: &RunId) -> Result<Answer, Trouble> {
    let _lock = transaction::machine(&desk.root)?;
    let kept = plans::get(desk, run)?;
    let system = crate::sources::opened(desk, &kept.baseline)?;
    caller.say("fetching packages");
    system.pm.fetch(&kept.plan, &mut |p| caller.say(&words(p))).map_err(of_pm)?;
    Ok(Answer::Done {})
}

/// Answers to `Install`.
pub(crate) fn install(
    desk: &Desk,
    caller: &mut Caller<'_>,
    run: &RunId,
    token: u64,
) -> Result<Answer, Trouble> {
    in_order(desk, token)?;
    if !ordered(desk, run, token)? {
        begin(desk, caller, run, token)?;
    }
    follow(desk, caller, run, token)
}

/// The newest token there was; `token` is not older.
fn in_order(desk: &Desk, token: u64) -> Result<u64, Trouble> {
    if token > TOKEN_MAX {
        return Err(failed(format!("token {token} is larger than any slot gives, {TOKEN_MAX}")));
    }
    let newest = desk.read(NEWEST)?.unwrap_or(0);
    if token >= newest {
        return Ok(newest);
    }
    Err(failed(format!(
        "token {token} is older than {newest}, which was used already: ask for a new slot; where {newest} was a mistake, \
         root removes {NEWEST}"
    )))
}

/// Whether the transaction of this token was ordered, and not merely refused before anything changed.
fn ordered(desk: &Desk, run: &RunId, token: u64) -> Result<bool, Trouble> {
    // Another version may have written it: of that no more has to be understood than whose it is.
    let order: Option<serde_json::Value> = desk.read(&file(token, "order.json"))?;
    let Some(order) = order else { return Ok(false) };
    let its = order.pointer("/kept/run").and_then(serde_json::Value::as_str).unwrap_or_default();
    if its != run.as_str() {
        return Err(failed(format!("token {token} belongs to the run {its}, not to {run}")));
    }
    Ok(!matches!(desk.read(&file(token, "result.json"))?, Some(Ended::Trouble(t)) if repeatable(&t)))
}

/// How the newest transaction of a run ended; `None`: it has begun none. One at work is waited for.
pub(crate) fn newest(desk: &Desk, run: &RunId) -> Result<Option<Ended>, Trouble> {
    let Some(token) = permission::begun(desk, run)?.pop() else { return Ok(None) };
    let result = file(token, "result.json");
    if desk.read::<Ended>(&result)?.is_none() && !guarded(desk, token)? {
        abandoned(desk, run, token, desk.root.path(file(token, "progress.jsonl")).exists())?;
    }
    let ended = desk.read(&result)?;
    ended.ok_or_else(|| busy(format!("the transaction {token} of the run {run} is still at work"))).map(Some)
}

/// The run's transactions with this one at the end, if it may have another one (invariant I8): all before it were
/// interrupted, or changed nothing.
fn transactions(desk: &Desk, run: &RunId, token: u64) -> Result<Vec<u64>, Trouble> {
    let mut tokens = permission::begun(desk, run)?;
    match newest(desk, run)? {
        None => {}
        Some(Ended::Trouble(trouble)) if repeatable(&trouble) => drop(tokens.pop()),
        Some(Ended::Trouble(trouble)) if trouble.kind == TroubleKind::Interrupted => {}
        Some(_) => return Err(failed(format!("the run {run} is over: it has had its transaction"))),
    }
    tokens.push(token);
    if tokens.len() > MOST {
        let why = format!("{MOST} transactions of the run {run} were interrupted: look at the machine");
        return Err(failed(why));
    }
    Ok(tokens)
}

/// Nothing was changed, so the token is still good.
fn repeatable(trouble: &Trouble) -> bool {
    matches!(trouble.kind, TroubleKind::Busy | TroubleKind::Unavailable | TroubleKind::PlanChanged)
}

/// Checks that the run may and that the plan still follows from the policy, and starts the guard.
fn begin(desk: &Desk, caller: &mut Caller<'_>, run: &RunId, token: u64) -> Result<(), Trouble> {
    let machine = transaction::machine(&desk.root)?;
    // Another request may have begun, or used a newer token, while this one waited for the machine.
    let newest = in_order(desk, token)?;
    if ordered(desk, run, token)? {
        return Ok(());
    }
    let mut kept = plans::get(desk, run)?;
    permission::to_start(desk, &kept)?;
    let tokens = transactions(desk, run, token)?;
    caller.say("checking the plan");
    let ready = survey::ready(desk, &kept.basis)?;
    let (Some(baseline), choice @ Choice::Selected { .. }) =
        (ready.effective.baseline.clone(), &ready.effective.choice)
    else {
        let (Choice::Selected { why, .. } | Choice::Skipped { why } | Choice::Unknown { why }) =
            &ready.effective.choice;
        return Err(failed(format!("no baseline is in effect any more, so nothing is installed: {why}")));
    };
    if baseline.name != kept.baseline.name {
        let (then, now) = (&kept.baseline.name, &baseline.name);
        return Err(failed(format!(
            "the plan follows from baseline {then}, which is not in effect any more (now: {now}): survey again"
        )));
    }
    let seen = survey::look(desk, &ready, false, true, &mut |what| caller.say(what))?;
    if let Some(difference) = plans::difference(&kept.plan, &seen.plan) {
        return Err(plan_changed(difference));
    }
    kept.choice = choice.clone();
    kept.baseline = baseline;
    kept.plan = seen.plan;
    kept.before = seen.compliance.unwrap_or(kept.before);
    // Looking may have taken long.
    let until = permission::to_start(desk, &kept)?;
    let by = crate::orders::get(desk, kept.basis.order())?.map_or_else(|| caller.by.clone(), |(_, by)| by);

    let _calm = calm();
    if token > newest {
        desk.write(NEWEST, &token)?;
    }
    // What a refused attempt with this token left.
    for name in ["result.json", "progress.jsonl"] {
        let old = file(token, name);
        host::records::remove(&desk.root, &old).map_err(|e| failed(format!("removing {old}: {e}")))?;
    }
    desk.write(&file(token, "order.json"), &Order { token, kept, started_by: by, not_after: Some(until) })?;
    permission::begin(desk, run, &tokens)?;
    // The guard takes it next.
    drop(machine);
    caller.say("starting the transaction");
    (desk.start)(run, token).map_err(|e| {
        let trouble = unavailable(format!("the transaction cannot be started: {e}"));
        conclude(desk, token, &Ended::Trouble(trouble.clone())).err().unwrap_or(trouble)
    })
}

/// Ends a transaction that has no guard; one that has concludes itself.
fn conclude(desk: &Desk, token: u64, ended: &Ended) -> Result<(), Trouble> {
    let _guard = lock::take_at(desk.root.path(file(token, "lock"))).map_err(of_lock)?;
    desk.write(&file(token, "result.json"), ended)
}

/// Tells the progress of a transaction until it has a result.
fn follow(desk: &Desk, caller: &mut Caller<'_>, run: &RunId, token: u64) -> Result<Answer, Trouble> {
    let started = Instant::now();
    let mut heard = 0;
    loop {
        if let Some(ended) = desk.read::<Ended>(&file(token, "result.json"))? {
            tell(desk, caller, token, &mut heard);
            return match ended {
                Ended::Done(answer) => Ok(answer),
                Ended::Trouble(trouble) => Err(trouble),
            };
        }
        tell(desk, caller, token, &mut heard);
        if (heard > 0 || started.elapsed() > desk.start_within) && !guarded(desk, token)? {
            abandoned(desk, run, token, heard > 0)?;
        }
        pause(LOOK);
    }
}

fn guarded(desk: &Desk, token: u64) -> Result<bool, Trouble> {
    match lock::take_at(desk.root.path(file(token, "lock"))) {
        Ok(_) => Ok(false),
        Err(lock::LockError::Held) => Ok(true),
        Err(e) => Err(of_lock(e)),
    }
}

/// The guard is gone. While we hold its lock no late one begins, and a result that it wrote last is kept.
fn abandoned(desk: &Desk, run: &RunId, token: u64, begun: bool) -> Result<(), Trouble> {
    let _calm = calm();
    let _guard = match lock::take_at(desk.root.path(file(token, "lock"))) {
        // It came after all.
        Err(lock::LockError::Held) => return Ok(()),
        other => other.map_err(of_lock)?,
    };
    let result = file(token, "result.json");
    if desk.read::<Ended>(&result)?.is_some() {
        return Ok(());
    }
    let words = |e: anyhow::Error| failed(format!("{e:#}"));
    let record = record::of_run(&desk.root, run.as_str()).map_err(words)?;
    match record.filter(|r| r.phase == Phase::Installing) {
        Some(mut record) => {
            record.phase = Phase::Interrupted;
            record::write(&desk.root, &record).map_err(words)?;
        }
        // Nothing changes without a record.
        None if !begun => {
            let why = format!("the transaction did not begin within {} s", desk.start_within.as_secs());
            return desk.write(&result, &Ended::Trouble(unavailable(why)));
        }
        None => {}
    }
    let why = format!(
        "the transaction {token} ended without a result (power cut or killed): survey the machine again"
    );
    desk.write(&result, &Ended::Trouble(interrupted(why)))
}

/// Says the lines of progress that are new since `heard` bytes.
fn tell(desk: &Desk, caller: &mut Caller<'_>, token: u64, heard: &mut u64) {
    let Ok(mut file) = std::fs::File::open(desk.root.path(file(token, "progress.jsonl"))) else { return };
    let mut text = Vec::new();
    let read = file.seek(SeekFrom::Start(*heard)).and_then(|_| file.take(1 << 20).read_to_end(&mut text));
    if read.is_err() {
        return;
    }
    for line in text.split_inclusive(|b| *b == b'\n').filter(|l| l.ends_with(b"\n")) {
        *heard += line.len() as u64;
        if let Ok(what) = serde_json::from_slice::<String>(line) {
            caller.say(&what);
        }
    }
}

#[cfg(test)]
mod tests;
