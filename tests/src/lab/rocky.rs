//! A Rocky Linux 9 system with patchflock in it, and one repository that it asks over HTTP.

use anyhow::{Context, Result};
use serde_json::Value;

use super::base::Base;
use super::dnf::{Advisory, RpmRepo};
use super::door;
use super::http::Server;
use super::root::RootDir;
use super::rpm::Rpm;

/// The system, its repository `baseos`, and the server between them.
#[derive(Debug)]
pub struct Rocky {
    /// The system.
    pub root: RootDir,
    /// The repository, in `/srv/baseos` of the system.
    pub repo: RpmRepo,
    /// Serves the repository.
    pub server: Server,
}

/// What one call of patchflock left.
#[derive(Debug)]
pub struct Answer {
    /// Exit status.
    pub code: i32,
    /// Standard output as JSON; `null` where it is none.
    pub json: Value,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Rocky {
    /// A system on which the administrator installed `ask` out of `old`.
    ///
    /// # Errors
    /// A package cannot be built or installed, or patchflock is not built.
    pub fn new(old: impl IntoIterator<Item = Rpm>, ask: &str) -> Result<Self> {
        let root = RootDir::new(&Base::rpm()?)?;
        let repo = RpmRepo::new(root.at("/srv/baseos"))?;
        Self::with(root, repo, old, ask)
    }

    /// The same with a repository that signs, and a system that checks.
    ///
    /// # Errors
    /// As [`Rocky::new`].
    pub fn signed(old: impl IntoIterator<Item = Rpm>, ask: &str) -> Result<Self> {
        let root = RootDir::new(&Base::rpm()?)?;
        let repo = RpmRepo::signed(root.at("/srv/baseos"))?;
        Self::with(root, repo, old, ask)
    }

    fn with(root: RootDir, mut repo: RpmRepo, old: impl IntoIterator<Item = Rpm>, ask: &str) -> Result<Self> {
        // Scriptlets require a shell, and rpm knows of none on a Debian system.
        repo.add(Rpm::new("bash", "5", "1").tag("Provides", "/bin/sh"))?;
        for rpm in old {
            repo.add(rpm)?;
        }
        repo.publish()?;
        let server = Server::start(repo.dir())?;
        repo.attach(&root, &server.uri())?;
        root.ok(&format!("dnf -q -y install bash {ask}"))?;
        std::fs::copy(door::patchflock()?, root.at("/usr/bin/patchflock")).context("copying patchflock")?;
        Ok(Self { root, repo, server })
    }

    /// Publishes more versions and advisories, and has dnf fetch the metadata.
    ///
    /// # Errors
    /// A package cannot be built or the metadata cannot be fetched.
    pub fn publish(
        &mut self,
        new: impl IntoIterator<Item = Rpm>,
        advisories: impl IntoIterator<Item = Advisory>,
    ) -> Result<()> {
        for rpm in new {
            self.repo.add(rpm)?;
        }
        for advisory in advisories {
            self.repo.advise(advisory);
        }
        self.repo.publish()?;
        self.root.ok("dnf -q makecache --refresh")?;
        Ok(())
    }

    /// Runs patchflock as root with these words of a shell line.
    ///
    /// # Errors
    /// It hangs or cannot be started.
    pub fn patchflock(&self, line: &str) -> Result<Answer> {
        self.answer(&format!("patchflock {line}"))
    }

    /// Runs it as `nobody`, without any privilege.
    ///
    /// # Errors
    /// As [`Rocky::patchflock`].
    pub fn as_nobody(&self, line: &str) -> Result<Answer> {
        self.answer(&format!(
            "setpriv --reuid=nobody --regid=nogroup --clear-groups --bounding-set=-all --no-new-privs \
             env HOME=/nonexistent patchflock {line}"
        ))
    }

    fn answer(&self, line: &str) -> Result<Answer> {
        let out = self.root.run(line)?;
        let json = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
        Ok(Answer {
            code: out.code,
            json,
            out: out.stdout_text().into_owned(),
            err: out.stderr_text().into_owned(),
        })
    }

    /// Every installed package as `name-[epoch:]version-release.arch`, as rpm says.
    ///
    /// # Errors
    /// rpm fails.
    pub fn installed(&self) -> Result<Vec<String>> {
        let format = "%{name}-%|epoch?{%{epoch}:}|%{version}-%{release}.%{arch}\\n";
        let all = self.root.ok(&format!("rpm -qa --qf '{format}'"))?;
        let mut lines: Vec<String> = all.lines().map(|l| l.replacen("-0:", "-", 1)).collect();
        lines.sort();
        Ok(lines)
    }

    /// Packages that count as asked for by the administrator, as dnf says.
    ///
    /// # Errors
    /// dnf fails.
    pub fn asked_for(&self) -> Result<String> {
        self.root.ok("dnf -C -q repoquery --userinstalled --qf '%{name}' | sort")
    }
}
