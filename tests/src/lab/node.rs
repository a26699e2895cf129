//! A machine on which the agent runs, whatever its family: what a person and a watcher do there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use patchflock_machine::exec::Output;
use serde_json::Value;

use super::machine::Machine;
use super::{door, site};

/// A run of a few small packages, with room for two cores that compile meanwhile.
pub(super) const RUN: Duration = Duration::from_secs(300);

/// The machine.
#[derive(Debug)]
pub struct Node {
    /// The machine.
    pub machine: Machine,
}

impl Node {
    /// Applies documents.
    ///
    /// # Errors
    /// They are refused.
    pub fn apply(&self, text: &str) -> Result<String> {
        self.machine.files().write("/root/documents.yaml", text)?;
        self.machine.ok("patchflock apply -f /root/documents.yaml")
    }

    /// Makes a baseline with this `spec` the default.
    ///
    /// # Errors
    /// It is refused.
    pub fn default_baseline(&self, spec: &str) -> Result<()> {
        self.apply(&format!(
            "kind: PatchBaseline\nname: lab\nspec:\n{spec}---\nkind: DefaultBaselines\nname: defaults\nspec:\n  \
             baselines: [lab]\n"
        ))
        .map(drop)
    }

    /// A window that opens now, for two hours, and installs.
    ///
    /// # Errors
    /// It is refused.
    pub fn window_now(&self, more: &str) -> Result<()> {
        let now = self.machine.ok("date -u +%FT%T -d '+5 seconds'")?;
        self.apply(&format!(
            "kind: MaintenanceWindow\nname: now\nspec:\n  schedule: at({})\n  duration: 2h\n{more}  tasks:\n    - {{type: \
             INSTALL, name: patch, targets: [{{key: InstanceIds, values: ['*']}}], max_concurrency: 1, max_errors: \
             0}}\n",
            now.trim()
        ))
        .map(drop)
    }

    /// Runs `patchflock` inside, whatever its exit code.
    ///
    /// # Errors
    /// It hangs.
    pub fn patchflock(&self, args: &str) -> Result<Output> {
        self.machine.run(&format!("patchflock {args}"))
    }

    /// What it prints as JSON, whatever its exit code.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn json(&self, args: &str) -> Result<Value> {
        site::json(&self.patchflock(&format!("{args} -o json"))?)
    }

    /// The agent's status.
    ///
    /// # Errors
    /// The agent does not answer.
    pub fn status(&self) -> Result<Value> {
        self.json("status")
    }

    /// Waits until the agent answers and no run is in progress.
    ///
    /// # Errors
    /// It does not in time; the message has what it was at.
    pub fn wait_idle(&self) -> Result<Value> {
        let mut last = String::new();
        let mut found = None;
        door::wait("the agent to be idle", RUN, || {
            match self.status() {
                Ok(status) if at(&status, "/active").is_null() => found = Some(status),
                Ok(status) => last = at(&status, "/active").to_string(),
                Err(e) => last = format!("{e:#}"),
            }
            found.is_some()
        })
        .with_context(|| format!("{last}\n{}", self.journal()))?;
        found.context("idle")
    }

    /// Waits until the run in progress is at this step.
    ///
    /// # Errors
    /// It is not in time.
    pub fn wait_step(&self, step: &str) -> Result<()> {
        let mut last = String::new();
        door::wait(&format!("the step {step}"), RUN, || match self.status() {
            Ok(status) => {
                last = status.to_string();
                at(&status, "/active/step") == step
            }
            Err(_) => false,
        })
        .with_context(|| format!("{last}\n{}", self.journal()))
    }

    /// Waits until a run of this trigger has ended, and gives its history entry.
    ///
    /// # Errors
    /// None does in time.
    pub fn wait_run(&self, trigger: &str) -> Result<Value> {
        let mut found = None;
        door::wait(&format!("a run by {trigger} to end"), RUN, || {
            let runs = self.json("runs").ok();
            let runs = runs.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
            found = runs.into_iter().find(|r| at(r, "/spec/trigger/trigger") == trigger);
            found.is_some()
        })
        .with_context(|| self.journal())?;
        found.context("a run")
    }

    /// Packages that differ between two looks.
    pub fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
        let names = before.keys().chain(after.keys()).collect::<BTreeSet<_>>();
        let said = |v: Option<&String>| v.map_or("absent", String::as_str).to_owned();
        let changed = names.into_iter().filter(|n| before.get(*n) != after.get(*n));
        changed.map(|n| format!("{n}: {} -> {}", said(before.get(n)), said(after.get(n)))).collect()
    }

    /// The state of a package in the newest compliance.
    ///
    /// # Errors
    /// There is none.
    pub fn state(&self, package: &str) -> Result<String> {
        let compliance = self.json("compliance --all")?;
        let patches = at(&compliance, "/patches").as_array().context("patches")?;
        let Some(found) = patches.iter().find(|p| at(p, "/name") == package) else {
            bail!("{package} is not in {compliance}");
        };
        Ok(at(found, "/state").as_str().unwrap_or_default().to_owned())
    }

    /// The last lines of the agent's journal.
    pub fn journal(&self) -> String {
        let lines = self.machine.run("journalctl --no-pager -n 80 -u patchflockd -u 'patchflock-*'");
        lines.map(|out| out.stdout_text().into_owned()).unwrap_or_default()
    }
}

/// What is there in an answer, `null` where nothing is.
fn at<'v>(answer: &'v Value, place: &str) -> &'v Value {
    answer.pointer(place).unwrap_or(&Value::Null)
}
