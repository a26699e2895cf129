//! The packages of Patchflock itself: built with `packaging/build.sh`, installed into machines with the machine's own
//! package manager.
//!
//! ```no_run
//! # use patchflock_tests::lab::{base::Base, machine::Machine, package};
//! # fn main() -> anyhow::Result<()> {
//! let machine = Machine::boot(&Base::debian()?)?;
//! package::install(&machine)?; // real apt, the freshly built programs, units active
//! # Ok(()) }
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use patchflock_machine::exec::{Command, Output};
use patchflock_machine::root::Root;
use sha2::{Digest, Sha256};

use super::base::Family;
use super::claim::{cache_dir, lock_file};
use super::door;
use super::machine::Machine;
use super::rpm::Rpm;

/// What is installed, in the order of their names.
pub const PROGRAMS: [&str; 3] = ["patchflock", "patchflock-priv", "patchflockd"];

/// What is active on a machine after an installation.
pub const UNITS: [&str; 2] = ["patchflock-priv.socket", "patchflockd.service"];

/// Packages that no test asked for in this time are deleted when others are built, in seconds.
const KEEP: i64 = 2 * 3_600;

/// Packages to be built.
#[derive(Debug, Clone)]
pub struct Recipe {
    programs: PathBuf,
    version: Option<String>,
    settings: Option<PathBuf>,
}

impl Recipe {
    /// Of the freshly built programs, in the version of the tree.
    ///
    /// # Errors
    /// One of them is not built.
    pub fn built() -> Result<Self> {
        let programs = door::patchflock()?.parent().context("a program is in a directory")?.to_owned();
        if let Some(missing) = PROGRAMS.iter().find(|p| !programs.join(p).is_file()) {
            bail!(
                "{} is not built: `cargo build -p patchflock-cli -p patchflock-agent -p patchflock-priv`",
                programs.join(missing).display()
            );
        }
        Ok(Self { programs, version: None, settings: None })
    }

    /// Of scripts in the place of the programs: what the packages do, whatever the programs in them do.
    pub fn stand_in() -> Self {
        Self { programs: tree().join("tests/testdata/package"), version: None, settings: None }
    }

    /// As another version.
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With another `/etc/patchflock/patchflock.toml`.
    pub fn settings(mut self, file: &Path) -> Self {
        self.settings = Some(file.into());
        self
    }

    /// Builds them, or takes those that were built of the same programs and the same `packaging/` before.
    ///
    /// # Errors
    /// A tool refuses or is missing; `./test.sh` installs them.
    pub fn build(&self) -> Result<Packages> {
        let cache = cache_dir();
        fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        let lock = lock_file(&cache.join("packages.lock"))?;
        lock.lock()?;
        let dir = cache.join(format!("packages-{}", self.key()?));
        if !dir.exists() {
            sweep(&cache);
            let work = tempfile::tempdir_in(&cache)?;
            self.build_into(work.path())?;
            fs::rename(work.keep(), &dir)?;
        }
        // Renews the time of the directory: a sweep beside this test must not take what the test is about to use.
        fs::write(dir.join("used"), "")?;
        fs::remove_file(dir.join("used"))?;
        Packages::open(&dir)
    }

    /// Builds them into a directory.
    ///
    /// # Errors
    /// As [`Recipe::build`].
    pub fn build_into(&self, dir: &Path) -> Result<Packages> {
        let script = tree().join("packaging/build.sh");
        let mut args = vec!["--profile".into(), "dev".into(), "--out".into(), dir.to_owned()];
        args.extend(["--bin".into(), self.programs.clone()]);
        if let Some(version) = &self.version {
            args.extend(["--version".into(), version.into()]);
        }
        if let Some(settings) = &self.settings {
            args.extend(["--settings".into(), settings.clone()]);
        }
        args.push("all".into());
        let command = Command::new(&Root::host(), script).args(args).deadline(Duration::from_secs(600));
        door::ok_command(command)?;
        Packages::open(dir)
    }

    /// Changes with everything that goes into the packages.
    fn key(&self) -> Result<String> {
        let top = tree();
        let mut files: Vec<PathBuf> = PROGRAMS.iter().map(|p| self.programs.join(p)).collect();
        files.extend(self.settings.clone());
        let listed = door::ok("find", [top.join("packaging").as_path(), Path::new("-type"), Path::new("f")])?;
        let mut shipped: Vec<PathBuf> = listed.stdout_text().lines().map(PathBuf::from).collect();
        shipped.sort();
        files.extend(shipped);
        files.extend(["Cargo.toml", "CHANGELOG.md", "LICENSE-MIT"].map(|f| top.join(f)));
        let sums = door::ok("sha256sum", &files)?;
        let mut hash = Sha256::new();
        for line in sums.stdout_text().lines() {
            hash.update(line.split(' ').next().unwrap_or_default());
        }
        hash.update(format!("{:?}", self.version));
        Ok(hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect())
    }
}

/// A built `.deb` and `.rpm`.
#[derive(Debug, Clone)]
pub struct Packages {
    /// The Debian package.
    pub deb: PathBuf,
    /// The rpm package.
    pub rpm: PathBuf,
}

impl Packages {
    fn open(dir: &Path) -> Result<Self> {
        let mut found = (None, None);
        for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
            let path = entry?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some("deb") => found.0 = Some(path),
                Some("rpm") => found.1 = Some(path),
                _ => {}
            }
        }
        let (Some(deb), Some(rpm)) = found else { bail!("{} has no packages in it", dir.display()) };
        Ok(Self { deb, rpm })
    }

    /// Copies the one of the machine's family into it. Returns where it is there.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn copy_to(&self, machine: &Machine) -> Result<String> {
        let file = if machine.files().family() == Family::Debian { &self.deb } else { &self.rpm };
        let name = file.file_name().context("a package has a name")?.to_string_lossy();
        let place = format!("/srv/patchflock/{name}");
        machine.files().write(&place, fs::read(file).with_context(|| file.display().to_string())?)?;
        Ok(place)
    }

    /// Installs, upgrades or reinstalls with apt or dnf, whatever comes of it.
    ///
    /// # Errors
    /// It cannot be copied, or the package manager hangs.
    pub fn try_install(&self, machine: &Machine) -> Result<Output> {
        let place = self.copy_to(machine)?;
        if machine.files().family() == Family::Debian {
            return machine
                .run(&format!("DEBIAN_FRONTEND=noninteractive apt-get -y --reinstall install {place}"));
        }
        let distribution = self.distribution(machine)?;
        machine.run(&format!(
            "dnf -y --setopt=reposdir=/nonexistent --repofrompath=distribution,{distribution} install {place}"
        ))
    }

    /// As [`Packages::try_install`]; demands that it works, and waits until the units are active.
    ///
    /// # Errors
    /// The package manager refuses, or a unit does not come up; the message has what it logged.
    pub fn install(&self, machine: &Machine) -> Result<()> {
        let out = self.try_install(machine)?;
        if !out.success() {
            bail!("exit {}: {}{}", out.code, out.stdout_text(), out.stderr_text());
        }
        wait_active(machine)
    }

    /// A Debian system that poses as Rocky has no package that brings a shell, a C library or systemd: here is one
    /// that says it does, for exactly what ours asks for, so that dnf resolves as on a real one.
    fn distribution(&self, machine: &Machine) -> Result<&'static str> {
        const PLACE: &str = "/srv/distribution";
        let dir = machine.files().at(PLACE);
        if !dir.exists() {
            fs::create_dir(&dir)?;
            let asked = door::ok("rpm", ["-qp", "--requires", &self.rpm.display().to_string()])?;
            let mut distribution = Rpm::new("distribution", "9", "1");
            for line in asked.stdout_text().lines() {
                let name = line.split(' ').next().unwrap_or_default();
                // What rpm itself can do, and what the package says about itself.
                if !name.starts_with("rpmlib(") && !name.starts_with("config(") {
                    let version = if line.contains(">=") { " = 252" } else { "" };
                    distribution = distribution.tag("Provides", &format!("{name}{version}"));
                }
            }
            distribution.build(&dir, None)?;
            door::ok("createrepo_c", ["--quiet", "--no-database", &dir.display().to_string()])?;
        }
        Ok(PLACE)
    }
}

/// Installs the freshly built programs into a machine as a person would, and waits until the agent is ready.
///
/// # Errors
/// They are not built, the packages cannot be built or installed, or the agent does not come up.
pub fn install(machine: &Machine) -> Result<()> {
    Recipe::built()?.build()?.install(machine)
}

/// Waits until the agent is ready and its privileged half can be asked.
///
/// # Errors
/// A unit is not active within a minute; the message has what it logged.
pub fn wait_active(machine: &Machine) -> Result<()> {
    let line = format!("systemctl is-active {}", UNITS.join(" "));
    door::wait("the units of patchflock", Duration::from_secs(60), || machine.ok(&line).is_ok()).with_context(
        || {
            let log =
                "systemctl --no-pager status patchflockd patchflock-priv.socket; journalctl --no-pager -n 30";
            machine.run(log).map(|o| o.stdout_text().into_owned()).unwrap_or_default()
        },
    )
}

/// Deletes packages of programs that are long rebuilt.
fn sweep(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let old = entry.metadata().ok().and_then(|m| m.modified().ok()).is_some_and(|t| {
            let since = t.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            i64::try_from(since).is_ok_and(|s| door::now() - s > KEEP)
        });
        if old && entry.file_name().to_string_lossy().starts_with("packages-") {
            // One that resists costs only space.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// The tree that this was built from.
pub fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}
