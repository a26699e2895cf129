//! A machine with the agent from its shipped package, and a repository on its own disk: where runs of the agent are
//! tested.

use std::collections::BTreeMap;
use std::ops::Deref;

use anyhow::{Context, Result};

use super::apt::{AptRepo, Suite};
use super::base::Base;
use super::deb::Deb;
use super::http::Server;
use super::machine::Machine;
use super::node::{Node, RUN};
use super::site::{MAIN, SECURITY, UPDATE};
use super::{door, package};

/// Sends a request to the agent's administrative door, as a program of somebody else would.
const ASK: &str = r#"use IO::Socket::UNIX;
my ($what, $body) = @ARGV;
my $door = IO::Socket::UNIX->new("/run/patchflock/agent/admin.sock") or die $!;
print $door "$what HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
print $door "Content-Length: " . length($body) . "\r\n\r\n$body";
local $/;
print <$door>;
"#;

/// The machine, its repository and the server between them.
#[derive(Debug)]
pub struct Agent {
    /// The machine and the agent on it.
    pub node: Node,
    /// The repository, outside of it.
    pub repo: AptRepo,
    /// What serves the repository.
    pub server: Server,
    _dir: tempfile::TempDir,
}

impl Deref for Agent {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
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
        let agent = Self { node: Node { machine }, repo, server, _dir: dir };
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

    /// A default baseline that approves every security patch at once, with more lines of `spec`.
    ///
    /// # Errors
    /// It is refused.
    pub fn baseline(&self, spec: &str) -> Result<()> {
        self.default_baseline(&format!(
            "  operating_system: DEBIAN\n  approval_rules:\n    - filters: {{PRIORITY: ['*']}}\n      \
             approve_after_days: 0\n{spec}"
        ))
    }

    /// What the agent answers at its door, head included; `what` is a method and a path.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn ask(&self, what: &str, body: &str) -> Result<String> {
        self.machine.files().write("/root/ask", ASK)?;
        self.machine.ok(&format!("perl /root/ask '{what}' '{body}'"))
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
        Node::difference(before, after)
    }
}
