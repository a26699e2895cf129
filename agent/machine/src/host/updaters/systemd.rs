//! What systemd says of a few units, and what it is told, by `systemctl`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{How, MaskedUnit, UpdatersError};
use crate::exec::{Command, Output};
use crate::root::Root;

/// Answers come at once; a machine that boots or stalls takes longer.
const LIMIT: Duration = Duration::from_secs(90);
/// Units looked at.
const MOST: usize = 100;

/// One unit now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) name: String,
    /// `UnitFileState`: `enabled`, `masked`, …
    state: String,
    active: bool,
    /// Where its file is.
    file: String,
}

impl Unit {
    /// Masked for good. One that is masked until the next boot is not.
    pub(super) fn is_masked(&self) -> bool {
        self.state == "masked"
    }

    /// What to remember of it. systemd refuses to mask what has its file in /etc itself.
    pub(super) fn before(&self) -> MaskedUnit {
        let own = self.file.starts_with("/etc/systemd/system/");
        let how = if own { How::Disabled } else { How::Masked };
        MaskedUnit { name: self.name.clone(), state: self.state.clone(), active: self.active, how }
    }
}

/// Whether systemd runs this system.
pub(super) fn runs(root: &Root) -> bool {
    root.is_host() && root.path("/run/systemd/system").is_dir()
}

/// Those that exist of these names and patterns.
pub(super) fn units(root: &Root, patterns: &[&str]) -> Result<Vec<Unit>, UpdatersError> {
    if patterns.is_empty() {
        return Ok(Vec::new());
    }
    let list = ["list-unit-files", "--no-legend", "--no-pager", "--plain"];
    let out = systemctl(root).args(list).arg("--").args(patterns).run()?;
    // It also fails where nothing matches, without a word.
    if !out.success() && !out.stderr_text().trim().is_empty() {
        return Err(UpdatersError::Systemd(format!("systemctl list-unit-files: {}", words(&out))));
    }
    let names = names(&out.stdout_text());
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let show = ["show", "--no-pager", "--property=Id,LoadState,ActiveState,UnitFileState,FragmentPath"];
    let out = systemctl(root).args(show).arg("--").args(&names).run()?;
    if !out.success() {
        return Err(UpdatersError::Systemd(format!("systemctl show: {}", words(&out))));
    }
    Ok(parse(&out.stdout_text()))
}

/// The units in the first column of `list-unit-files`.
pub(super) fn names(text: &str) -> Vec<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@:\\".contains(c);
    let name = |l: &str| l.split_whitespace().next().map(str::to_owned);
    // A template has no state of its own.
    let good =
        |n: &String| n.contains('.') && !n.starts_with('-') && !n.contains("@.") && n.chars().all(plain);
    text.lines().filter_map(name).filter(good).take(MOST).collect()
}

/// The blocks of `systemctl show`; what does not exist any more is left out.
pub(super) fn parse(text: &str) -> Vec<Unit> {
    let block = |block: &str| {
        let fields: BTreeMap<&str, &str> = block.lines().filter_map(|l| l.split_once('=')).collect();
        let field = |key| fields.get(key).copied().unwrap_or_default();
        let name = field("Id").to_owned();
        let there = !name.is_empty() && field("LoadState") != "not-found";
        there.then(|| Unit {
            name,
            state: field("UnitFileState").to_owned(),
            active: matches!(field("ActiveState"), "active" | "activating" | "reloading"),
            file: field("FragmentPath").to_owned(),
        })
    };
    text.split("\n\n").filter_map(block).take(MOST).collect()
}

/// Whether the service of apt's first timer installs, too: before apt 1.4 one service did everything. Only the call
/// that is known to install nothing counts as none.
pub(super) fn upgrades(root: &Root, service: &str) -> Result<bool, UpdatersError> {
    let out = systemctl(root).args(["show", "--no-pager", "--property=ExecStart", "--", service]).run()?;
    if !out.success() {
        return Err(UpdatersError::Systemd(format!("systemctl show {service}: {}", words(&out))));
    }
    Ok(installs(&out.stdout_text()))
}

/// `ExecStart={ path=… ; argv[]=/usr/lib/apt/apt.systemd.daily update ; … }`, one for each command.
pub(super) fn installs(text: &str) -> bool {
    let calls = text.split("argv[]=").skip(1).map(|c| c.split(" ; ").next().unwrap_or_default().trim());
    calls.into_iter().any(|call| !call.ends_with("/apt.systemd.daily update"))
}

/// Puts one unit to rest. An error inside: systemd's words. First stopped, then masked: seen with systemd 252, a timer
/// that is masked while it runs ends as failed.
pub(super) fn rest(
    root: &Root,
    unit: &MaskedUnit,
    found: &[Unit],
) -> Result<Result<(), String>, UpdatersError> {
    let Some(now) = found.iter().find(|u| u.name == unit.name) else { return Ok(Ok(())) };
    // Stopping a timer ends nothing that it started; a service is not stopped, for it may be installing.
    if now.active
        && unit.name.ends_with(".timer")
        && let Err(words) = tell(root, "stop", &unit.name)?
    {
        return Ok(Err(words));
    }
    match unit.how {
        How::Masked if !now.is_masked() => tell(root, "mask", &unit.name),
        How::Disabled if now.state != "disabled" => tell(root, "disable", &unit.name),
        How::Masked | How::Disabled => Ok(Ok(())),
    }
}

/// Brings one unit back. `ours`: that it is not masked any more is our own doing, of an attempt that was cut off.
pub(super) fn bring_back(
    root: &Root,
    unit: &MaskedUnit,
    now: Option<&Unit>,
    ours: bool,
) -> Result<Result<(), String>, UpdatersError> {
    // Its package is gone: then only the mask is left, and systemd lists that as a unit.
    let Some(now) = now else { return Ok(Ok(())) };
    let asleep = match unit.how {
        How::Masked => now.is_masked(),
        How::Disabled => now.state == "disabled" && !now.active,
    };
    if !asleep && !ours {
        return Ok(Ok(()));
    }
    let verb = match unit.how {
        How::Masked => now.is_masked().then_some("unmask"),
        How::Disabled => (unit.state == "enabled" && now.state == "disabled").then_some("enable"),
    };
    if let Some(verb) = verb
        && let Err(words) = tell(root, verb, &unit.name)?
    {
        return Ok(Err(words));
    }
    let there = || Ok::<_, UpdatersError>(!units(root, &[&unit.name])?.is_empty());
    if unit.active && unit.name.ends_with(".timer") && there()? {
        tell(root, "start", &unit.name)
    } else {
        Ok(Ok(()))
    }
}

fn tell(root: &Root, verb: &str, unit: &str) -> Result<Result<(), String>, UpdatersError> {
    let out = systemctl(root).args(["--quiet", verb, "--", unit]).run()?;
    Ok(if out.success() { Ok(()) } else { Err(format!("systemctl {verb} {unit}: {}", words(&out))) })
}

fn systemctl(root: &Root) -> Command {
    Command::new(root, "systemctl").deadline(LIMIT)
}

fn words(out: &Output) -> String {
    let text = out.stderr_text();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(4)..).unwrap_or_default().join(" | ");
    if last.is_empty() { format!("exit code {}", out.code) } else { last.chars().take(1000).collect() }
}
