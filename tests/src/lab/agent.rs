//! A machine with the agent from its shipped package, and a repository on its own disk: where runs of the agent are
//! tested.
#![expect(clippy::indexing_slicing, reason = "a JSON value that has no such key answers null")]

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use patchflock_machine::exec::Output;
use serde_json::Value;

use super::apt::{AptRepo, Suite};
use super::base::Base;
use super::deb::Deb;
use super::http::Server;
use super::machine::Machine;
use super::site::{self, MAIN, SECURITY, UPDATE};
use super::{door, package};

/// A run of a few small packages, with room for two cores that compile meanwhile.
const RUN: Duration = Duration::from_secs(300);

/// Sends a request to the agent's administrative door, as a program of somebody else would.
const ASK: &str = r#"use IO::Socket::UNIX;
my ($what, $body) = @ARGV;
my $door = IO::Socket::UNIX->new("/run/patchflock/admin.sock") or die $!;
print $door "$what HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
print $door "Content-Length: " . length($body) . "\r\n\r\n$body";
local $/;
print <$door>;
"#;

/// The machine, its repository and the server between them.
#[derive(Debug)]
pub struct Agent {
    /// The machine.
    pub machine: Machine,
    /// The repository, outside of it.
    pub repo: AptRepo,
    /// What serves the repository.
    pub server: Server,
    _dir: tempfile::TempDir,
}

impl Agent {
    /// A machine with these packages installed by hand, and the agent.
    ///
    /// # Errors
    /// Something of the lab is missing, or the agent does not come up.
    pub fn new(old: impl IntoIterator<Item = Deb>) -> Result<Self> {
        let machine = Machine::boot(&Base::debian()?)?;
        let dir = tempfile::tempdir()?;
        let mut repo = AptRepo::new(dir.path().join("repo"))?;
        repo.suite(Suite::debian(MAIN)).suite(Suite::debian_security(MAIN));
        let mut names = Vec::new();
        for deb in old {
            names.push(deb.name().to_owned());
            repo.add(MAIN, deb)?;
        }
        repo.publish()?;
        let network = machine.network().context("the machine has a switch of its own")?;
        let server = Server::in_network(network, repo.dir())?;
        repo.attach(machine.files(), &server.uri())?;
        let patience = "Acquire::Retries \"0\";\nAcquire::http::Timeout \"2\";\n";
        machine.files().write("/etc/apt/apt.conf.d/97lab", patience)?;
        machine.ok(&format!("{UPDATE} && apt-get install -y {}", names.join(" ")))?;
        package::install(&machine)?;
        let agent = Self { machine, repo, server, _dir: dir };
        agent.wait_idle()?;
        Ok(agent)
    }

    /// Publishes versions in the security suite.
    ///
    /// # Errors
    /// A package cannot be built.
    pub fn publish(&mut self, debs: impl IntoIterator<Item = Deb>) -> Result<()> {
        for deb in debs {
            self.repo.add(SECURITY, deb)?;
        }
        self.repo.publish()
    }

    /// Applies documents.
    ///
    /// # Errors
    /// They are refused.
    pub fn apply(&self, text: &str) -> Result<String> {
        self.machine.files().write("/root/documents.yaml", text)?;
        self.machine.ok("patchflock apply -f /root/documents.yaml")
    }

    /// A default baseline that approves every security patch at once, with more lines of `spec`.
    ///
    /// # Errors
    /// It is refused.
    pub fn baseline(&self, spec: &str) -> Result<()> {
        self.apply(&format!(
            "kind: PatchBaseline\nname: lab\nspec:\n  operating_system: DEBIAN\n  approval_rules:\n    - filters: \
             {{PRIORITY: ['*']}}\n      approve_after_days: 0\n{spec}---\nkind: \
             DefaultBaselines\nname: defaults\nspec:\n  baselines: [lab]\n"
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

    /// What the agent answers at its door, head included; `what` is a method and a path.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn ask(&self, what: &str, body: &str) -> Result<String> {
        self.machine.files().write("/root/ask", ASK)?;
        self.machine.ok(&format!("perl /root/ask '{what}' '{body}'"))
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
                Ok(status) if status["active"].is_null() => found = Some(status),
                Ok(status) => last = status["active"].to_string(),
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
                status["active"]["step"] == step
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
            found = runs.into_iter().find(|r| r["spec"]["trigger"]["trigger"] == trigger);
            found.is_some()
        })
        .with_context(|| self.journal())?;
        found.context("a run")
    }

    /// Waits until a package's maintainer script runs inside.
    ///
    /// # Errors
    /// It does not in time.
    pub fn wait_script(&self, package: &str) -> Result<()> {
        door::wait(&format!("{package}.postinst"), RUN, || {
            self.machine.run(&format!("pgrep -f '[/]{package}.postinst'")).is_ok_and(|out| out.code == 0)
        })
        .with_context(|| self.journal())
    }

    /// Every installed package with its version and state, in the order of its name.
    ///
    /// # Errors
    /// dpkg is broken.
    pub fn installed(&self) -> Result<BTreeMap<String, String>> {
        let text =
            self.machine.ok("dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Status}\\n'")?;
        Ok(text
            .lines()
            .filter_map(|l| l.split_once(' '))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect())
    }

    /// Packages that differ between two looks.
    pub fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
        let names = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
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
        let patches = compliance["patches"].as_array().context("patches")?.clone();
        let Some(found) = patches.iter().find(|p| p["name"] == package) else {
            bail!("{package} is not in {compliance}");
        };
        Ok(found["state"].as_str().unwrap_or_default().to_owned())
    }

    /// The last lines of the agent's journal.
    pub fn journal(&self) -> String {
        let lines = self.machine.run("journalctl --no-pager -n 80 -u patchflockd -u 'patchflock-*'");
        lines.map(|out| out.stdout_text().into_owned()).unwrap_or_default()
    }
}
