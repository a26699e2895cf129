//! A throw-away system in a directory, entered with `chroot`. It shares the host's network and kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use patchflock_machine::exec::{Command, Output};
use patchflock_machine::root::Root;
use rustix::mount::{MountFlags, mount};

use super::base::{Base, Family};
use super::claim::Claim;
use super::door;
use super::mirror::{Mirror, proxy_options};

/// A writable layer over a [`Base`]. Gone, with every process in it, when dropped.
#[derive(Debug)]
pub struct RootDir {
    family: Family,
    merged: PathBuf,
    claim: Claim,
}

impl RootDir {
    /// A fresh layer with `/proc` and `/dev/pts`, fit for `chroot`. Its package manager has no sources.
    ///
    /// # Errors
    /// Not root, or no overlay file system.
    pub fn new(base: &Base) -> Result<Self> {
        let root = Self::layer(base, Claim::new("root")?)?;
        mount("proc", root.merged.join("proc"), "proc", MountFlags::empty(), None)?;
        mount("devpts", root.merged.join("dev/pts"), "devpts", MountFlags::empty(), Some(c"newinstance"))?;
        // The services of a package belong to a machine that runs: nothing may start on the host's kernel.
        root.script("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")?;
        Ok(root)
    }

    /// The bare layer, as a machine boots it.
    pub(super) fn layer(base: &Base, claim: Claim) -> Result<Self> {
        let [upper, work, merged] = ["upper", "work", "root"].map(|d| claim.dir().join(d));
        for dir in [&upper, &work, &merged] {
            fs::create_dir(dir).with_context(|| dir.display().to_string())?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            base.path().display(),
            upper.display(),
            work.display()
        );
        let options = std::ffi::CString::new(options)?;
        mount("overlay", &merged, "overlay", MountFlags::empty(), Some(options.as_c_str()))
            .with_context(|| format!("cannot mount an overlay at {}", merged.display()))?;
        let root = Self { family: base.family(), merged, claim };
        // Names resolve as on the host; a machine in a network of its own reaches nobody anyway.
        if let Ok(text) = fs::read("/etc/resolv.conf") {
            root.write("/etc/resolv.conf", text)?;
        }
        Ok(root)
    }

    /// The layer of a kept machine.
    pub(super) fn open(family: Family, claim: Claim) -> Self {
        Self { family, merged: claim.dir().join("root"), claim }
    }

    /// The directory as seen from the host.
    pub fn path(&self) -> &Path {
        &self.merged
    }

    /// What the adapters take.
    pub fn root(&self) -> Root {
        Root::at(&self.merged)
    }

    /// What manages its packages.
    pub fn family(&self) -> Family {
        self.family
    }

    pub(super) fn claim(&self) -> &Claim {
        &self.claim
    }

    pub(super) fn claim_mut(&mut self) -> &mut Claim {
        &mut self.claim
    }

    /// Where an absolute path of the system is for the host.
    pub fn at(&self, absolute: &str) -> PathBuf {
        self.root().path(absolute)
    }

    /// Writes a file, with its parent directories.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, absolute: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.at(absolute);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        fs::write(&path, content).with_context(|| path.display().to_string())
    }

    /// Writes a file that can be executed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn script(&self, absolute: &str, content: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        self.write(absolute, content)?;
        fs::set_permissions(self.at(absolute), fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Reads a file as text.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, absolute: &str) -> Result<String> {
        fs::read_to_string(self.at(absolute)).with_context(|| format!("{absolute} in {}", self.claim.name()))
    }

    /// Runs a shell line inside, whatever its exit code. Ten minutes at most.
    ///
    /// # Errors
    /// It hangs or cannot be started.
    pub fn run(&self, line: &str) -> Result<Output> {
        Ok(self.shell(line).run()?)
    }

    /// Runs a shell line inside, demands exit code 0 and returns what it printed.
    ///
    /// # Errors
    /// It fails; the message carries the end of its output.
    pub fn ok(&self, line: &str) -> Result<String> {
        Ok(door::ok_command(self.shell(line))?.stdout_text().into_owned())
    }

    /// Processes inside, as the host numbers them, with their command lines.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter(|e| fs::read_link(e.path().join("root")).is_ok_and(|r| r == self.merged))
            .filter_map(|e| {
                let pid = e.file_name().to_string_lossy().parse().ok()?;
                // One that ends meanwhile has none.
                let line = fs::read_to_string(e.path().join("cmdline")).ok()?.replace('\0', " ");
                (!line.is_empty()).then_some((pid, line))
            })
            .collect()
    }

    fn shell(&self, line: &str) -> Command {
        Command::new(&self.root(), "sh")
            .args(["-c", line])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .deadline(Duration::from_secs(600))
    }

    /// Adds the host's mirror with `-security` and `-updates`, and refreshes. Needs the mirror.
    ///
    /// # Errors
    /// The mirror cannot be reached.
    pub fn use_mirror(&self) -> Result<()> {
        let mirror = Mirror::of_host()?;
        let lines: Vec<&str> = mirror.plain.iter().chain(&mirror.later).map(String::as_str).collect();
        self.write("/etc/apt/sources.list.d/mirror.list", lines.join("\n") + "\n")?;
        self.write("/etc/apt/apt.conf.d/98proxy", proxy_options()?.join("\n") + "\n")?;
        self.ok("apt-get -o APT::Update::Error-Mode=any update")?;
        Ok(())
    }
}
