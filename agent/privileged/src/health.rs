//! Whether the machine is as well as it was when the run began: has it booted, and have more units failed?

use std::time::{Duration, Instant};

use patchflock_api::config::Config;
use patchflock_api::ids::RunId;
use patchflock_api::privileged::Answer;
use patchflock_api::run::{Health, Trouble};
use patchflock_machine::exec::ExecError;

use crate::Desk;
use crate::serve::{Caller, pause};
use crate::trouble::{failed, unavailable};

/// systemd answers quickly or not at all.
const ANSWER: Duration = Duration::from_secs(60);
/// Between two looks at a boot, where systemd does not wait itself.
const LOOK: Duration = Duration::from_secs(1);

fn path(run: &RunId) -> String {
    format!("{}/health/{run}.json", crate::STATE)
}

/// Notes the units that have failed before the run changes anything. Of several surveys of a run the first counts.
pub(crate) fn remember(desk: &Desk, run: &RunId) -> Result<(), Trouble> {
    let path = path(run);
    if desk.root.path(&path).exists() {
        return Ok(());
    }
    match failed_units(desk) {
        Ok(units) => desk.write(&path, &units),
        Err(e) => {
            crate::serve::journal(&format!("warning: the failed units cannot be had: {}", e.why));
            Ok(())
        }
    }
}

/// Failed units; none on a machine without systemd, which has none.
fn failed_units(desk: &Desk) -> Result<Vec<String>, Trouble> {
    match (desk.systemctl)(&["list-units", "--failed", "--plain", "--no-legend"], ANSWER) {
        Ok(out) if out.success() => {
            let text = out.stdout_text();
            Ok(text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect())
        }
        // systemctl is there and systemd is not: a container.
        Ok(out) if out.stderr_text().contains("not been booted with systemd") => Ok(Vec::new()),
        Ok(out) => Err(unavailable(format!("systemctl list-units: {}", out.stderr_text().trim()))),
        Err(ExecError::NotFound { .. }) => Ok(Vec::new()),
        Err(e) => Err(unavailable(e.to_string())),
    }
}

/// Answers to `Health`.
pub(crate) fn look(desk: &Desk, caller: &mut Caller<'_>, run: &RunId) -> Result<Answer, Trouble> {
    let config = Config::load(&desk.root).map_err(|e| failed(e.to_string()))?;
    let before: Option<Vec<String>> = desk.read(&path(run))?;
    let before = before.ok_or_else(|| failed(format!("nobody looked at the units before run {run}")))?;
    let mut complaints = Vec::new();
    caller.say("waiting for the end of the boot");
    if let Some(unfinished) = booted(desk, config.health_timeout)? {
        complaints.push(unfinished);
    }
    let now = failed_units(desk)?;
    let worse = now.iter().filter(|unit| !before.contains(unit));
    complaints.extend(
        worse.map(|unit| format!("{unit} has failed and had not before; see systemctl status {unit}")),
    );
    Ok(Answer::Health { health: Health { complaints } })
}

/// Waits for the end of the boot; says why it is not over.
fn booted(desk: &Desk, within: Duration) -> Result<Option<String>, Trouble> {
    let started = Instant::now();
    let late = || {
        Some(format!("the boot is not finished after {} min; see systemctl list-jobs", within.as_secs() / 60))
    };
    loop {
        let left = within.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(late());
        }
        match (desk.systemctl)(&["is-system-running", "--wait"], left) {
            // Older ones do not wait.
            Ok(out) if matches!(out.stdout_text().trim(), "starting" | "initializing") => {
                pause(LOOK.min(left));
            }
            Ok(out) if matches!(out.stdout_text().trim(), "maintenance" | "stopping") => {
                return Ok(Some(format!("the system is in the state {}", out.stdout_text().trim())));
            }
            // `degraded` means that units have failed: which of them matter is seen next.
            Ok(_) | Err(ExecError::NotFound { .. }) => return Ok(None),
            Err(ExecError::Deadline { .. }) => return Ok(late()),
            Err(e) => return Err(unavailable(e.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
