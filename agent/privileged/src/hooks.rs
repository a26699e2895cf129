//! Hooks: programs of the machine's administrator around the disturbing steps, exactly once per run and point.
//!
//! A marker is on disk before the first one starts. A marker without a result says that they were interrupted, and
//! nobody knows how far they came: that is a failure, and they are not repeated.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use patchflock_api::config::Config;
use patchflock_api::ids::RunId;
use patchflock_api::privileged::Answer;
use patchflock_api::run::{HookPoint, HookResult, HookRun, Trouble};
use patchflock_machine::exec::Command;
use patchflock_machine::root::Root;
use patchflock_machine::{host, lock};
use serde::{Deserialize, Serialize};

use crate::serve::{Caller, calm};
use crate::trouble::{busy, failed};
use crate::{Desk, install, permission, plans};

/// Where hooks lie, in one directory for each point.
const DIRECTORY: &str = "/etc/patchflock/hooks";
/// More are a mistake.
const MAX_HOOKS: usize = 100;
/// Output of one hook that is listened to.
const OUTPUT_CAP: usize = 64 << 10;
/// Characters of it that are kept: the last ones.
const LAST_WORDS: usize = 2000;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    started_at: DateTime<Utc>,
    /// `None`: they run, or were interrupted.
    result: Option<HookRun>,
}

fn word(point: HookPoint) -> &'static str {
    match point {
        HookPoint::PreInstall => "pre-install",
        HookPoint::PostInstall => "post-install",
        HookPoint::PreReboot => "pre-reboot",
        HookPoint::OnExit => "on-exit",
    }
}

/// No two runs and points share one: no word is the end of another after a dash.
fn marker(run: &RunId, point: HookPoint) -> String {
    format!("{}/hooks/{run}-{}.json", crate::STATE, word(point))
}

/// Whether the hooks of a point may run, and no transaction is at work. What has begun also ends, whatever the time and
/// the documents say by then; `false`: nothing has begun, so that nothing has to end.
fn permitted(desk: &Desk, run: &RunId, point: HookPoint) -> Result<bool, Trouble> {
    let installed = install::newest(desk, run)?.is_some();
    let ran = |point| desk.root.path(marker(run, point)).exists();
    match point {
        HookPoint::PreInstall => permission::to_start(desk, &plans::get(desk, run)?).map(|_| true),
        HookPoint::PostInstall if installed => Ok(true),
        HookPoint::PostInstall => Err(failed(format!("the run {run} has installed nothing"))),
        HookPoint::PreReboot => permission::to_reboot(desk, &plans::get(desk, run)?).map(|()| true),
        HookPoint::OnExit => Ok(installed || ran(HookPoint::PreInstall) || ran(HookPoint::PreReboot)),
    }
}

/// Answers to `Hook`. Hooks run to their end also when the caller hangs up: he asks again, and gets the answer.
pub(crate) fn run(
    desk: &Desk,
    caller: &mut Caller<'_>,
    run: &RunId,
    point: HookPoint,
) -> Result<Answer, Trouble> {
    let config = Config::load(&desk.root).map_err(|e| failed(e.to_string()))?;
    let marker = marker(run, point);
    if desk.read::<Marker>(&marker)?.is_none() && !permitted(desk, run, point)? {
        return Ok(Answer::Hooked { hooks: HookRun { point, hooks: Vec::new() } });
    }
    let directory = desk.root.path(format!("{}/hooks", crate::STATE));
    std::fs::create_dir_all(&directory)
        .map_err(|e| failed(format!("making {}: {e}", directory.display())))?;
    let _lock =
        lock::take_at(directory.join(format!("{run}-{}.lock", word(point)))).map_err(|e| match e {
            lock::LockError::Held => busy(format!("the {} hooks are still running", word(point))),
            e => failed(e.to_string()),
        })?;
    if let Some(old) = desk.read::<Marker>(&marker)? {
        let hooks = old.result.unwrap_or_else(|| {
            let why = format!(
                "interrupted after {}; they are not repeated",
                old.started_at.format("%Y-%m-%d %H:%M:%S UTC")
            );
            stopped(point, word(point), why)
        });
        return Ok(Answer::Hooked { hooks });
    }
    let _calm = calm();
    let started_at = desk.now();
    desk.write(&marker, &Marker { started_at, result: None })?;
    let hooks = match found(&desk.root, point) {
        Ok(names) => all(desk, caller, &config, run, point, &names),
        Err(why) => stopped(point, word(point), why),
    };
    desk.write(&marker, &Marker { started_at, result: Some(hooks.clone()) })?;
    Ok(Answer::Hooked { hooks })
}

fn stopped(point: HookPoint, name: &str, why: String) -> HookRun {
    let hook = HookResult { name: name.to_owned(), failure: Some(why), output: String::new(), took_ms: 0 };
    HookRun { point, hooks: vec![hook] }
}

/// Names of the hooks of a point, in order. What package managers and editors leave beside a file is none.
fn found(root: &Root, point: HookPoint) -> Result<Vec<String>, String> {
    let directory = format!("{DIRECTORY}/{}.d", word(point));
    let mut names = host::list(root, &directory, MAX_HOOKS).map_err(|e| format!("{directory}: {e}"))?;
    let leftover = |name: &str| {
        name.starts_with('.') || name.ends_with('~') || name.contains(".dpkg-") || name.contains(".rpm")
    };
    names.retain(|name| !leftover(name));
    Ok(names)
}

fn all(
    desk: &Desk,
    caller: &mut Caller<'_>,
    config: &Config,
    run: &RunId,
    point: HookPoint,
    names: &[String],
) -> HookRun {
    let mut done = HookRun { point, hooks: Vec::new() };
    for name in names {
        let path = format!("{DIRECTORY}/{}.d/{name}", word(point));
        let result = match trusted(&desk.root, &path) {
            Err(why) => {
                HookResult { name: name.clone(), failure: Some(why), output: String::new(), took_ms: 0 }
            }
            Ok(false) => {
                caller.say(&format!("{path} is not executable and is passed over"));
                continue;
            }
            Ok(true) => {
                caller.say(&format!("hook {name}"));
                one(desk, config.hook_timeout, run, point, name, &path)
            }
        };
        let stop = result.failure.is_some();
        done.hooks.push(result);
        if stop {
            break;
        }
    }
    done
}

/// Whether a hook may run: nobody but root can have put it there or can change it. `false`: it is not executable.
fn trusted(root: &Root, path: &str) -> Result<bool, String> {
    let mut above: Vec<&Path> = Path::new(path).ancestors().collect();
    above.reverse();
    for part in above {
        let place = root.dir().join(part.strip_prefix("/").unwrap_or(part));
        let shown = part.display();
        let meta = std::fs::symlink_metadata(&place).map_err(|e| format!("{shown}: {e}"))?;
        if meta.is_symlink() {
            return Err(format!("{shown} is a link: put the file itself there"));
        }
        if meta.uid() != 0 {
            return Err(format!("{shown} belongs to user {}: chown it to root", meta.uid()));
        }
        if meta.mode() & 0o022 != 0 {
            return Err(format!("{shown} can be changed by others than root: chmod go-w it"));
        }
        if part == Path::new(path) {
            return if meta.is_file() {
                Ok(meta.mode() & 0o100 != 0)
            } else {
                Err(format!("{shown} is not a file"))
            };
        }
    }
    Err(format!("{path} is not an absolute path"))
}

fn one(desk: &Desk, within: Duration, run: &RunId, point: HookPoint, name: &str, path: &str) -> HookResult {
    let started = Instant::now();
    let ran = Command::new(&Root::host(), desk.root.path(path))
        .env("PATCHFLOCK_RUN", run.as_str())
        .env("PATCHFLOCK_HOOK", word(point))
        .env("PATCHFLOCK_PLAN", desk.root.path(plans::path(run)))
        .deadline(within)
        .output_cap(OUTPUT_CAP)
        .run();
    let (failure, output) = match ran {
        Ok(out) => {
            let said = out.stdout_text().into_owned() + &out.stderr_text();
            ((!out.success()).then(|| format!("exit status {}", out.code)), said)
        }
        Err(e) => (Some(e.to_string()), String::new()),
    };
    let skip = output.chars().count().saturating_sub(LAST_WORDS);
    HookResult {
        name: name.to_owned(),
        failure,
        output: output.chars().skip(skip).collect(),
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests;
