//! The machine in front of us: which it is, which package manager it has, and its inventory.

use anyhow::Context;
use chrono::{DateTime, Utc};
use patchflock_baselines::inventory::{FORMAT, Inventory, Node};
use patchflock_machine::host::{self, HostError, HostFacts, NativeTool};
use patchflock_machine::pm::PackageManager;
use patchflock_machine::pm::apt::Apt;
use patchflock_machine::pm::dnf::Dnf;
use patchflock_machine::root::Root;

use crate::args::MachineArgs;
use crate::blame::Failure;

/// A machine that can be scanned.
pub(crate) struct Machine {
    /// Its facts.
    pub(crate) facts: HostFacts,
    /// Its package manager.
    pub(crate) pm: Box<dyn PackageManager>,
    /// Its files.
    pub(crate) root: Root,
}

impl Machine {
    /// Finds out what the machine is.
    pub(crate) fn open(args: &MachineArgs, now: DateTime<Utc>) -> Result<Self, Failure> {
        let root = match &args.root {
            None => Root::host(),
            Some(dir) if dir.is_dir() => {
                let dir = dir.canonicalize().with_context(|| format!("{}", dir.display()))?;
                Root::at(dir)
            }
            Some(dir) => {
                return Err(Failure::operator(format!("--root {}: not a directory", dir.display())));
            }
        };
        if !root.is_host() && !is_root() {
            return Err(Failure::operator(format!(
                "--root {} needs root: the tools of that system run inside it; run it with sudo",
                root.dir().display()
            )));
        }
        let facts = host::read_as(&root, now, args.operating_system).map_err(|e| match e {
            HostError::Read { .. } => Failure::Ours(e.into()),
            // A machine we do not know is not broken: the operator can say what it is.
            _ => Failure::Operator(e.into()),
        })?;
        let pm: Box<dyn PackageManager> = match host::package_manager_for(facts.operating_system, &root) {
            NativeTool::Apt => Box::new(Apt::new(root.clone())),
            NativeTool::Dnf => Box::new(Dnf::new(root.clone())),
            NativeTool::Unsupported { reason } => return Err(Failure::operator(reason)),
        };
        Ok(Self { facts, pm, root })
    }

    /// Scans it.
    pub(crate) fn inventory(&self, now: DateTime<Utc>) -> Result<Inventory, Failure> {
        let scan = self.pm.scan()?;
        let facts = self.facts.clone();
        Ok(Inventory {
            format: FORMAT,
            taken_at: now,
            node: Node {
                hostname: facts.hostname,
                operating_system: facts.operating_system,
                product: facts.product,
                pretty_name: facts.pretty_name,
                arch: facts.arch,
                boot_id: facts.boot_id,
                booted_at: facts.booted_at,
                package_manager: scan.package_manager,
                patch_group: None,
            },
            sources: scan.sources,
            installed: scan.installed,
            candidates: scan.candidates,
            sightings: Vec::new(),
            native: scan.native,
            foreign_updaters: scan.foreign_updaters,
            reboot: scan.reboot,
            services_to_restart: scan.services_to_restart,
        })
    }
}

/// Whether we run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
