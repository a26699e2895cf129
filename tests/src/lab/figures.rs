//! What the agent costs: at rest, and around a transaction, beside the same packages installed by hand. For `make bench`,
//! which prints figures and judges none.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::base::Base;
use super::machine::Machine;
use super::node::Node;
use super::root::RootDir;
use super::{door, mirror, package};

/// The agent's process at one moment.
#[derive(Debug, Clone, Default)]
pub struct Resident {
    /// Memory that is resident, in KiB: with the program's own file.
    pub rss: u64,
    /// What of it is its own, in KiB.
    pub anon: u64,
    /// How often each thread gave the processor up because it had nothing to do, by the thread's name.
    pub switches: BTreeMap<String, u64>,
}

/// Reads the agent's process.
///
/// # Errors
/// It does not run.
pub fn resident(machine: &Machine) -> Result<Resident> {
    let pid = machine.ok("systemctl show -p MainPID --value patchflockd")?;
    let text = machine.ok(&format!("cat /proc/{0}/status /proc/{0}/task/*/status", pid.trim()))?;
    let mut found = Resident::default();
    let mut thread = String::new();
    let mut statuses = 0;
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let number =
            || value.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).context("a number");
        match name {
            "Name" => {
                thread = value.trim().to_owned();
                statuses += 1;
            }
            // The first is that of the process.
            "VmRSS" if statuses == 1 => found.rss = number()?,
            "RssAnon" if statuses == 1 => found.anon = number()?,
            "voluntary_ctxt_switches" if statuses > 1 => {
                *found.switches.entry(thread.clone()).or_default() += number()?;
            }
            _ => {}
        }
    }
    if found.rss == 0 || found.switches.is_empty() {
        bail!("the status of the agent's process is not understood: {text}");
    }
    Ok(found)
}

/// A copy of what the host's mirror offers for the base, from which every machine is given the same updates.
#[derive(Debug)]
pub struct Updates {
    root: RootDir,
}

impl Updates {
    /// Fetches them once. Needs the mirror.
    ///
    /// # Errors
    /// The mirror cannot be reached.
    pub fn fetch() -> Result<Self> {
        let root = RootDir::new(&Base::debian()?)?;
        mirror::copy_into(&root)?;
        Ok(Self { root })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.at(path)
    }
}

/// Boots a machine as first published, with the agent and a baseline that approves every update there is. Each is a
/// fresh layer over one base, so that two of them differ in nothing.
///
/// # Errors
/// Something of the lab is missing, or the agent does not come up.
pub fn machine(updates: &Updates) -> Result<Node> {
    let machine = Machine::boot(&Base::debian()?)?;
    door::ok("cp", [PathBuf::from("-a"), updates.at("/srv/mirror"), machine.files().at("/srv/mirror")])?;
    machine.ok("rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")?;
    machine.ok("cp /srv/mirror/list /etc/apt/sources.list.d/mirror.list")?;
    package::install(&machine)?;
    let os = machine.ok(". /etc/os-release; echo $ID")?.trim().to_uppercase();
    let node = Node { machine };
    node.wait_idle()?;
    node.default_baseline(&format!(
        "  operating_system: {os}\n  approval_rules:\n    - approve_after_days: 0\n      enable_non_security: true\n"
    ))?;
    node.wait_idle()?;
    // What the preparation wrote is no part of what follows.
    node.machine.ok("sync")?;
    Ok(node)
}

/// What one way of installing took, in seconds.
#[derive(Debug, Clone)]
pub struct Took {
    /// From the command to its end.
    pub whole: f64,
    /// Its parts by name, in order.
    pub parts: Vec<(String, f64)>,
    /// Every package afterwards, with its version.
    pub packages: BTreeMap<String, String>,
}

impl Took {
    /// The seconds of one part; 0 where it has none of that name.
    pub fn part(&self, name: &str) -> f64 {
        self.parts.iter().filter(|(part, _)| part == name).map(|(_, seconds)| seconds).sum()
    }
}

/// As somebody would with apt-get: the lists, then every update.
///
/// # Errors
/// apt-get fails.
pub fn by_hand(node: &Node) -> Result<Took> {
    let started = Instant::now();
    node.machine.ok("apt-get -q update")?;
    let updated = started.elapsed();
    node.machine.ok("DEBIAN_FRONTEND=noninteractive apt-get -q -y upgrade --with-new-pkgs")?;
    let whole = started.elapsed();
    Ok(Took {
        whole: whole.as_secs_f64(),
        parts: vec![
            ("update".into(), updated.as_secs_f64()),
            ("upgrade".into(), (whole.saturating_sub(updated)).as_secs_f64()),
        ],
        packages: packages(node)?,
    })
}

/// By a run of the agent that is ordered on the command line.
///
/// # Errors
/// The run does not succeed.
pub fn by_run(node: &Node) -> Result<Took> {
    let started = Instant::now();
    let out = node.patchflock("install --reboot never")?;
    let whole = started.elapsed();
    let entry = node.wait_run("request")?;
    let place = |at: &str| entry.pointer(at).cloned().unwrap_or_default();
    if place("/ending") != "succeeded" {
        bail!("exit {}: {}{}\n{}", out.code, out.stdout_text(), out.stderr_text(), node.journal());
    }
    let mut parts = Vec::new();
    let mut inside = Duration::ZERO;
    for step in place("/steps").as_array().into_iter().flatten() {
        let took = span(step)?;
        inside += took;
        parts.push((step.get("step").and_then(Value::as_str).unwrap_or("?").to_owned(), took.as_secs_f64()));
    }
    parts.push(("between".into(), whole.saturating_sub(inside).as_secs_f64()));
    Ok(Took { whole: whole.as_secs_f64(), parts, packages: packages(node)? })
}

fn span(step: &Value) -> Result<Duration> {
    let at = |field: &str| -> Result<DateTime<Utc>> {
        let text = step.get(field).and_then(Value::as_str).with_context(|| format!("{field} in {step}"))?;
        Ok(text.parse()?)
    };
    Ok((at("finished_at")? - at("started_at")?).to_std().unwrap_or_default())
}

fn packages(node: &Node) -> Result<BTreeMap<String, String>> {
    let text = node.machine.ok("dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Status}\\n'")?;
    Ok(text.lines().filter_map(|l| l.split_once(' ')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
}
