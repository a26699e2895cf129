//! `scan` and `install`: a run that somebody asks for, followed to its end.

use std::io::IsTerminal;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::client::privileged;
use patchflock_api::ids::{OrderId, RunId};
use patchflock_api::order::Order;
use patchflock_api::privileged::{Answer, Request};
use patchflock_api::run::{Ending, Operation, RebootChoice};
use patchflock_api::status::StartRun;
use patchflock_baselines::plan::Plan;

use crate::args::{Form, Format, InstallArgs, ScanArgs};
use crate::blame::{Failure, Verdict};
use crate::node::{self, client};
use crate::preview::Preview;
use crate::watch::{Watched, watch};
use crate::{ask, output, policy, runs};

/// An order that is not begun by then is forgotten; a longer time is refused.
const ORDER_HOURS: i64 = 24;
/// Where two orders that say the same get their difference from.
const NONCES: &str = "/proc/sys/kernel/random/uuid";

/// `patchflock scan`.
pub(crate) fn scan(args: &ScanArgs) -> Result<Verdict, Failure> {
    let run = StartRun {
        operation: Operation::Scan,
        reboot: RebootChoice::Never,
        dry_run: false,
        order: None,
        expires: None,
    };
    started(&run, args.detach, &args.form)
}

/// `patchflock install`: shows the plan of a dry run and asks, then installs.
pub(crate) fn install(args: &InstallArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let shown = if args.dry_run || args.yes {
        None
    } else {
        // Before anything is asked of anybody.
        ask::somebody("the plan", ask::INSTALL)?;
        readable_twice(args)?;
        match confirmed(args, now)? {
            Confirmed::Yes(plan) => Some(plan),
            Confirmed::Over(verdict) => return Ok(verdict),
        }
    };
    let id = begun(args, now)?;
    if args.detach {
        return left(&id, &args.form);
    }
    output::talk(&format!("run {id}; Ctrl-C leaves it running"));
    told(&id, &args.form, shown.as_ref())
}

/// Places the order and starts its run.
fn begun(args: &InstallArgs, now: DateTime<Utc>) -> Result<RunId, Failure> {
    // Nobody would carry out an order that is placed while the agent is down.
    client().status()?;
    let run = StartRun {
        operation: Operation::Install,
        reboot: args.reboot.into(),
        dry_run: args.dry_run,
        order: Some(placed(args, now)?),
        expires: None,
    };
    Ok(client().start(&run)?.run)
}

/// What came of showing the plan.
enum Confirmed {
    /// Somebody said yes to this plan.
    Yes(Plan),
    /// There is nothing to say yes to.
    Over(Verdict),
}

/// Looks in a dry run, shows what would change, and asks.
fn confirmed(args: &InstallArgs, now: DateTime<Utc>) -> Result<Confirmed, Failure> {
    let id = begun(&InstallArgs { dry_run: true, ..args.clone() }, now)?;
    output::talk(&format!("looking at what would change (run {id}, a dry run)"));
    let Watched::Ended(entry) = watch(&client(), &id)? else {
        return Err(Failure::operator("not confirmed; nothing was installed"));
    };
    let looked = matches!(entry.ending, Ending::Succeeded | Ending::NothingToDo);
    let Some(survey) = entry.survey.as_ref().filter(|_| looked) else {
        if entry.ending == Ending::Failed {
            output::talk(
                "Nothing was changed. If an installation that was interrupted is in the way: `patchflock install --yes` repairs \
                 it first, a dry run does not.",
            );
        }
        return runs::finished(*entry, args.form.output, None).map(Confirmed::Over);
    };
    // Only sizes and advisories come from it: without it they are not known.
    let whole = node::survey(&client()).ok();
    let preview = Preview::new(survey, whole.as_ref(), args.reboot.into());
    if preview.changes_nothing() {
        output::talk("Nothing to install, and no reboot is due: nothing was changed.");
        return runs::finished(*entry, args.form.output, None).map(Confirmed::Over);
    }
    let text = preview.text();
    // Nobody confirms what he has not seen: where standard output goes elsewhere, the plan is shown here.
    if args.form.output == Format::Table && std::io::stdout().is_terminal() {
        output::data(&text)?;
    } else {
        output::talk(text.trim_end());
    }
    ask::confirm(&preview.question(), "nothing was changed")?;
    Ok(Confirmed::Yes(survey.plan.clone()))
}

/// A pipe has nothing left when the run itself is ordered: what was shown would not be what is installed.
fn readable_twice(args: &InstallArgs) -> Result<(), Failure> {
    for path in args.baseline_override.iter().chain(&args.install_override_list) {
        if path == Path::new("-") || std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            return Err(Failure::operator(format!(
                "{} is no file and can be read only once, but the plan is made once to be shown and once to be \
                 installed: write it to a file, or add --yes",
                path.display()
            )));
        }
    }
    Ok(())
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
    match privileged::ask(&Request::Place { order }, output::talk)? {
        Answer::Placed { order } => Ok(order),
        _ => Err(node::something_else()),
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

fn started(run: &StartRun, detach: bool, form: &Form) -> Result<Verdict, Failure> {
    let id = client().start(run)?.run;
    if detach {
        return left(&id, form);
    }
    output::talk(&format!("run {id}; Ctrl-C leaves it running"));
    followed(&id, form)
}

/// The run is started, and nobody waits for its end.
fn left(id: &RunId, form: &Form) -> Result<Verdict, Failure> {
    if form.output == Format::Table {
        output::data(&format!("{id}\n"))?;
    } else {
        output::structured(form.output, &serde_json::json!({ "run": id }))?;
    }
    output::talk(&format!("`patchflock runs watch {id}` follows it."));
    Ok(Verdict::Fine)
}

/// Follows a run and shows what came of it; the exit status is its.
pub(crate) fn followed(id: &RunId, form: &Form) -> Result<Verdict, Failure> {
    told(id, form, None)
}

/// As [`followed`], for who has said yes to a plan before.
fn told(id: &RunId, form: &Form, shown: Option<&Plan>) -> Result<Verdict, Failure> {
    match watch(&client(), id)? {
        // Nobody knows yet how it ends, and a script must not take that for success.
        Watched::Left | Watched::Rebooting => Ok(Verdict::NotCompliant),
        Watched::Ended(entry) => runs::finished(*entry, form.output, shown),
    }
}
