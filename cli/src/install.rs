//! `scan` and `install`: a run that somebody asks for, followed to its end.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::client::privileged;
use patchflock_api::ids::{OrderId, RunId};
use patchflock_api::order::Order;
use patchflock_api::privileged::{Answer, Request};
use patchflock_api::run::{Operation, RebootChoice};
use patchflock_api::status::StartRun;

use crate::args::{Form, Format, InstallArgs, ScanArgs};
use crate::blame::{Failure, Verdict};
use crate::node::client;
use crate::watch::{Watched, watch};
use crate::{output, policy, runs};

/// An order that is not begun by then is forgotten; a longer time is refused.
const ORDER_HOURS: i64 = 24;
/// Where two orders that say the same get their difference from.
const NONCES: &str = "/proc/sys/kernel/random/uuid";

/// `patchflock scan`.
pub(crate) fn scan(args: &ScanArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let run = StartRun {
        operation: Operation::Scan,
        reboot: RebootChoice::Never,
        dry_run: false,
        order: None,
        expires: None,
    };
    started(&run, args.detach, &args.form, now)
}

/// `patchflock install`.
pub(crate) fn install(args: &InstallArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    // Nobody would carry out an order that is placed while the agent is down.
    client().status()?;
    let run = StartRun {
        operation: Operation::Install,
        reboot: args.reboot.into(),
        dry_run: args.dry_run,
        order: Some(placed(args, now)?),
        expires: None,
    };
    started(&run, args.detach, &args.form, now)
}

/// Places an order with the privileged half: without one nothing is installed outside of a window. It is good for one
/// run.
fn placed(args: &InstallArgs, now: DateTime<Utc>) -> Result<OrderId, Failure> {
    let order = Order {
        operation: Operation::Install,
        reboot: args.reboot.into(),
        dry_run: args.dry_run,
        nonce: nonce()?,
        install_override_list: text(args.install_override_list.as_deref(), |path, bytes| {
            policy::override_list_of(path, bytes).map(drop)
        })?,
        baseline_override: text(args.baseline_override.as_deref(), policy::baseline_override)?,
        exclude: args.exclude.clone(),
        expires: now + TimeDelta::hours(ORDER_HOURS),
        reason: args.reason.clone(),
    };
    match privileged::ask(&Request::Place { order }, |_| {})? {
        Answer::Placed { order } => Ok(order),
        other => Err(Failure::Ours(anyhow::anyhow!("patchflock-priv answered something else: {other:?}"))),
    }
}

/// 122 random bits, as the kernel writes them.
fn nonce() -> Result<String, Failure> {
    let text = std::fs::read_to_string(NONCES)
        .map_err(|e| Failure::Ours(anyhow::anyhow!("reading {NONCES}: {e}; is /proc mounted?")))?;
    Ok(text.chars().filter(char::is_ascii_hexdigit).collect())
}

/// A file as text. It is read once, and checked here, where every problem can be shown at its place.
fn text(
    path: Option<&Path>,
    check: impl FnOnce(&Path, &[u8]) -> Result<(), Failure>,
) -> Result<Option<String>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let bytes = policy::read_document(path)?;
    check(path, &bytes)?;
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| Failure::operator(format!("{}: not text in UTF-8", path.display())))
}

fn started(run: &StartRun, detach: bool, form: &Form, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let id = client().start(run)?.run;
    if detach {
        if form.output == Format::Table {
            output::data(&format!("{id}\n"))?;
        } else {
            output::structured(form.output, &serde_json::json!({ "run": id }))?;
        }
        output::talk(&format!("`patchflock runs watch {id}` follows it."));
        return Ok(Verdict::Fine);
    }
    output::talk(&format!("run {id}; Ctrl-C leaves it running"));
    followed(&id, form, now)
}

/// Follows a run and shows what came of it; the exit status is its.
pub(crate) fn followed(id: &RunId, form: &Form, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    match watch(&client(), id)? {
        Watched::Left | Watched::Rebooting => Ok(Verdict::Fine),
        Watched::Ended(entry) => runs::finished(*entry, form.output, now),
    }
}
