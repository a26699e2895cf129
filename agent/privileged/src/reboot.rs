//! The reboot of a run: once, and only where it is permitted.

use std::time::Duration;

use patchflock_api::ids::RunId;
use patchflock_api::privileged::Answer;
use patchflock_api::run::Trouble;
use serde::{Deserialize, Serialize};

use crate::serve::{Caller, calm};
use crate::trouble::{failed, of_lock};
use crate::{Desk, permission, plans};

/// systemd only takes the order within it.
const ANSWER: Duration = Duration::from_secs(60);

/// Written before the machine is told to reboot.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    boot_id: Option<String>,
}

/// Answers to `Reboot`. Within the boot that the marker names the order is given again, which changes nothing while the
/// machine goes down; in any other one the reboot has happened.
pub(crate) fn reboot(desk: &Desk, caller: &mut Caller<'_>, run: &RunId) -> Result<Answer, Trouble> {
    let path = format!("{}/reboots/{run}.json", crate::STATE);
    let boot_id = desk.boot_id();
    let told = desk.read::<Marker>(&path)?;
    if told.as_ref().is_some_and(|marker| marker.boot_id != boot_id || boot_id.is_none()) {
        return Ok(Answer::Rebooted { boot_id });
    }
    permission::to_reboot(desk, &plans::get(desk, run)?)?;
    // A package transaction is never cut off by us.
    let _lock = patchflock_machine::lock::take(&desk.root).map_err(of_lock)?;
    if told.is_none() {
        desk.write(&path, &Marker { boot_id })?;
    }
    caller.say("rebooting");
    let _calm = calm();
    match (desk.systemctl)(&["reboot"], ANSWER) {
        Ok(out) if out.success() => Ok(Answer::Done {}),
        Ok(out) => Err(failed(format!("systemctl reboot: {}", out.stderr_text().trim()))),
        Err(e) => Err(failed(e.to_string())),
    }
}

#[cfg(test)]
mod tests;
