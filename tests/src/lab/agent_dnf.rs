//! A machine that poses as Rocky Linux 9, with the agent from its shipped package, and a repository that it asks over
//! HTTP: where runs of the agent with real dnf are tested.

use std::collections::BTreeMap;
use std::ops::Deref;

use anyhow::{Context, Result};

use super::base::Base;
use super::dnf::{Advisory, RpmRepo};
use super::http::Server;
use super::machine::Machine;
use super::node::{Node, RUN};
use super::rpm::Rpm;
use super::{door, package};

/// Seconds.
const DAY: i64 = 86_400;

/// The machine, its repository and the server between them.
#[derive(Debug)]
pub struct DnfAgent {
    /// The machine and the agent on it.
    pub node: Node,
    /// The repository, outside of it.
    pub repo: RpmRepo,
    /// What serves the repository.
    pub server: Server,
    advisories: usize,
    _dir: tempfile::TempDir,
}

impl Deref for DnfAgent {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl DnfAgent {
    /// A machine on which an administrator installed `ask` out of `old`, and the agent.
    ///
    /// # Errors
    /// Something of the lab is missing, or the agent does not come up.
    pub fn new(old: impl IntoIterator<Item = Rpm>, ask: &str) -> Result<Self> {
        let machine = Machine::boot(&Base::rpm()?)?;
        let dir = tempfile::tempdir()?;
        let mut repo = RpmRepo::new(dir.path().join("baseos"))?;
        // Scriptlets require a shell, and rpm knows of none on a Debian system.
        repo.add(Rpm::new("bash", "5", "1").tag("Provides", "/bin/sh"))?;
        for rpm in old {
            repo.add(rpm)?;
        }
        repo.publish()?;
        let network = machine.network().context("the machine has a switch of its own")?;
        let server = Server::in_network(network, repo.dir())?;
        repo.attach(machine.files(), &server.uri())?;
        // dnf gives up on a dead server soon.
        let conf = machine.files().read("/etc/dnf/dnf.conf")?;
        machine.files().write("/etc/dnf/dnf.conf", format!("{conf}timeout=2\nretries=1\n"))?;
        machine.ok(&format!("dnf -q -y install bash {ask}"))?;
        package::install(&machine)?;
        let agent = Self { node: Node { machine }, repo, server, advisories: 0, _dir: dir };
        agent.wait_idle()?;
        Ok(agent)
    }

    /// Publishes versions, each with an Important security advisory of a month ago.
    ///
    /// # Errors
    /// A package cannot be built.
    pub fn publish(&mut self, rpms: impl IntoIterator<Item = Rpm>) -> Result<()> {
        for rpm in rpms {
            let fixed = self.repo.add(rpm)?;
            let advisory = self.advisory().fixes(&fixed);
            self.repo.advise(advisory);
        }
        self.repo.publish()
    }

    /// The next Important security advisory, of a month ago.
    pub fn advisory(&mut self) -> Advisory {
        self.advisories += 1;
        let id = format!("RLSA-2026:{:04}", self.advisories);
        Advisory::security(&id, "Important").issued(door::now() - 30 * DAY)
    }

    /// A default baseline that approves every security patch of a severity at once, with more lines of `spec`.
    ///
    /// # Errors
    /// It is refused.
    pub fn baseline(&self, spec: &str) -> Result<()> {
        self.default_baseline(&format!("{RULES}{spec}"))
    }

    /// Waits until a scriptlet has made this file inside.
    ///
    /// # Errors
    /// It does not in time.
    pub fn wait_file(&self, path: &str) -> Result<()> {
        let look = format!("test -e {path}");
        door::wait(path, RUN, || self.machine.run(&look).is_ok_and(|out| out.code == 0))
            .with_context(|| self.journal())
    }

    /// Every installed package with its versions, as rpm says.
    ///
    /// # Errors
    /// rpm is broken.
    pub fn installed(&self) -> Result<BTreeMap<String, String>> {
        let text = self.machine.ok("rpm -qa --qf '%{name} %{version}-%{release}\\n' | sort")?;
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for (name, version) in text.lines().filter_map(|l| l.split_once(' ')) {
            let versions = all.entry(name.to_owned()).or_default();
            if !versions.is_empty() {
                versions.push(' ');
            }
            versions.push_str(version);
        }
        Ok(all)
    }

    /// Packages that count as asked for by the administrator, as dnf says.
    ///
    /// # Errors
    /// dnf fails.
    pub fn asked_for(&self) -> Result<String> {
        self.machine.ok("dnf -C -q repoquery --userinstalled --qf '%{name}' | sort")
    }
}

/// Every security patch with a severity of the upper two, at once.
pub const RULES: &str = "  operating_system: ROCKY_LINUX\n  approval_rules:\n    - filters: {CLASSIFICATION: \
                         [Security], SEVERITY: [Critical, Important]}\n      approve_after_days: 0\n";
