//! A Debian system with the real program in it and a repository that is served over HTTP: where the tests of
//! `patchflock` on apt take place.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use patchflock_machine::exec::{Command, Output};
use serde_json::Value;

use super::apt::{AptRepo, Suite};
use super::base::Base;
use super::deb::Deb;
use super::door;
use super::http::Server;
use super::root::RootDir;

/// The suite that stands for the release as first published.
pub const MAIN: &str = "bookworm";
/// The suite that security fixes come from.
pub const SECURITY: &str = "bookworm-security";

/// The system, its repository and the server between them.
#[derive(Debug)]
pub struct Site {
    /// The system.
    pub root: RootDir,
    /// The repository, outside the system.
    pub repo: AptRepo,
    /// What serves the repository.
    pub server: Server,
    _dir: tempfile::TempDir,
}

impl Site {
    /// A system with these packages installed, by hand, from [`MAIN`]. apt gives up on a dead server soon.
    ///
    /// # Errors
    /// Not root, or something of the lab is missing.
    pub fn new(old: impl IntoIterator<Item = Deb>) -> Result<Self> {
        let root = RootDir::new(&Base::debian()?)?;
        let dir = tempfile::tempdir()?;
        let mut repo = AptRepo::new(dir.path().join("repo"))?;
        repo.suite(Suite::debian(MAIN)).suite(Suite::debian_security(MAIN));
        let mut names = Vec::new();
        for deb in old {
            names.push(deb.name().to_owned());
            repo.add(MAIN, deb)?;
        }
        repo.publish()?;
        let server = Server::start(repo.dir())?;
        repo.attach(&root, &server.uri())?;
        root.write("/etc/apt/apt.conf.d/97lab", "Acquire::Retries \"0\";\nAcquire::http::Timeout \"2\";\n")?;
        install(&root)?;
        root.ok(&format!("{UPDATE} && apt-get install -y {}", names.join(" ")))?;
        Ok(Self { root, repo, server, _dir: dir })
    }

    /// Publishes versions in a suite and lets the system know.
    ///
    /// # Errors
    /// A package cannot be built, or the repository does not answer.
    pub fn publish(&mut self, suite: &str, debs: impl IntoIterator<Item = Deb>) -> Result<()> {
        for deb in debs {
            self.repo.add(suite, deb)?;
        }
        self.repo.publish()?;
        self.root.ok(UPDATE).map(drop)
    }

    /// Runs `patchflock` inside, whatever its exit code.
    ///
    /// # Errors
    /// It hangs.
    pub fn patchflock<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Output> {
        Ok(self.command(args).run()?)
    }

    /// `patchflock` inside, to be run.
    pub fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        Command::new(&self.root.root(), "/usr/bin/patchflock").args(args).deadline(Duration::from_secs(300))
    }

    /// `patchflock inventory`.
    ///
    /// # Errors
    /// It fails.
    pub fn inventory(&self) -> Result<Value> {
        json(&self.patchflock(["inventory"])?)
    }

    /// Writes a baseline for this system: one rule for everything that is security, and more lines of `spec`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn baseline(&self, spec: &str) -> Result<&'static str> {
        let path = "/root/baseline.yaml";
        let text = format!(
            "kind: PatchBaseline\nname: lab\nspec:\n  operating_system: {}\n  approval_rules:\n    - filters:\n        \
             PRIORITY: ['*']\n      approve_after_days: 0\n{spec}",
            operating_system()?
        );
        self.root.write(path, text)?;
        Ok(path)
    }

    /// Every installed package with its version and state.
    ///
    /// # Errors
    /// dpkg is broken.
    pub fn installed(&self) -> Result<BTreeMap<String, String>> {
        let text = self.root.ok("dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Status}\\n'")?;
        Ok(text
            .lines()
            .filter_map(|l| l.split_once(' '))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect())
    }

    /// What the newest record of a run says.
    ///
    /// # Errors
    /// There is none.
    pub fn record(&self) -> Result<Value> {
        let newest = self.root.ok("ls /var/lib/patchflock/runs/*.json | tail -1")?;
        Ok(serde_json::from_str(&self.root.read(newest.trim())?)?)
    }

    /// Waits until the package's maintainer script runs.
    ///
    /// # Errors
    /// It does not within a minute.
    pub fn wait_for_script(&self, package: &str) -> Result<()> {
        let script = format!("{package}.postinst");
        door::wait(&script, Duration::from_secs(60), || {
            self.root.processes().iter().any(|(_, line)| line.contains(&script))
        })
    }
}

/// `apt-get update` that fails when one source does.
pub const UPDATE: &str = "apt-get -o APT::Update::Error-Mode=any update";

/// Puts the program under test into a system.
///
/// # Errors
/// It was not built.
pub fn install(root: &RootDir) -> Result<()> {
    let program = door::patchflock()?;
    std::fs::copy(&program, root.at("/usr/bin/patchflock")).context("copying the program")?;
    Ok(())
}

/// Standard output as JSON, whatever the exit code.
///
/// # Errors
/// It is not JSON; the message has what was said on standard error.
pub fn json(out: &Output) -> Result<Value> {
    let said = || format!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
    serde_json::from_slice(&out.stdout).with_context(said)
}

/// The host's distribution, which is also the base's, as a baseline spells it.
fn operating_system() -> Result<&'static str> {
    let os = std::fs::read_to_string("/etc/os-release")?;
    let id = os.lines().find_map(|l| l.strip_prefix("ID=")).context("/etc/os-release names no ID")?;
    match id.trim_matches('"') {
        "debian" => Ok("DEBIAN"),
        "ubuntu" => Ok("UBUNTU"),
        other => bail!("the lab runs on Debian and Ubuntu, this is {other}"),
    }
}
