//! A signed apt repository that can be moved about, expired, broken and killed.
//!
//! ```no_run
//! # use patchflock_tests::lab::{apt::{AptRepo, Suite}, base::Base, deb::Deb, root::RootDir};
//! # fn main() -> anyhow::Result<()> {
//! let root = RootDir::new(&Base::debian()?)?;
//! let mut repo = AptRepo::new(root.at("/srv/debian"))?;
//! repo.suite(Suite::debian("bookworm")).suite(Suite::debian_security("bookworm"));
//! repo.add("bookworm", Deb::new("tool", "1.0"))?;
//! repo.add("bookworm-security", Deb::new("tool", "1.1"))?;
//! repo.publish()?;
//! repo.attach(&root, "file:/srv/debian")?;
//! root.ok("apt-get update && apt-get install -y tool=1.0")?;
//! # Ok(()) }
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::DateTime;
use sha2::{Digest, Sha256};

use super::deb::Deb;
use super::door;
use super::key::Key;
use super::root::RootDir;

/// One suite of a repository: what its `Release` says, and its packages.
#[derive(Debug, Clone)]
pub struct Suite {
    /// `Codename`, and the directory under `dists`.
    pub codename: String,
    /// `Suite`, such as `stable-security`.
    pub suite: String,
    /// `Origin`, such as `Debian`.
    pub origin: String,
    /// `Label`, such as `Debian-Security`.
    pub label: String,
    /// Its only component.
    pub component: String,
    /// `Date`, in seconds since 1970; the time of publication if unset.
    pub date: Option<i64>,
    /// `Valid-Until`, in seconds since 1970; left out if unset.
    pub valid_until: Option<i64>,
    debs: Vec<Deb>,
}

impl Suite {
    /// A suite of that code name and origin; label and suite say the same, the component is `main`.
    pub fn new(codename: &str, origin: &str) -> Self {
        Self {
            codename: codename.into(),
            suite: codename.into(),
            origin: origin.into(),
            label: origin.into(),
            component: "main".into(),
            date: None,
            valid_until: None,
            debs: Vec::new(),
        }
    }

    /// What Debian's main archive says.
    pub fn debian(codename: &str) -> Self {
        Self { suite: "oldstable".into(), ..Self::new(codename, "Debian") }
    }

    /// What Debian's security archive says; it is valid for seven days.
    pub fn debian_security(codename: &str) -> Self {
        Self {
            suite: "oldstable-security".into(),
            label: "Debian-Security".into(),
            valid_until: Some(door::now() + 7 * 86_400),
            ..Self::new(&format!("{codename}-security"), "Debian")
        }
    }

    /// What Debian's updates archive says.
    pub fn debian_updates(codename: &str) -> Self {
        Self { suite: "oldstable-updates".into(), ..Self::new(&format!("{codename}-updates"), "Debian") }
    }

    /// What Ubuntu's archive says: the pockets `""`, `-security`, `-updates` share origin and label.
    pub fn ubuntu(codename: &str, pocket: &str) -> Self {
        Self::new(&format!("{codename}{pocket}"), "Ubuntu")
    }

    fn release(&self, packages: &str) -> Result<String> {
        let date = |seconds: i64| {
            DateTime::from_timestamp(seconds, 0)
                .map(|t| t.format("%a, %d %b %Y %H:%M:%S UTC").to_string())
                .context("a date out of range")
        };
        let mut text = format!(
            "Origin: {}\nLabel: {}\nSuite: {}\nCodename: {}\nDate: {}\n",
            self.origin,
            self.label,
            self.suite,
            self.codename,
            date(self.date.unwrap_or_else(door::now))?
        );
        if let Some(until) = self.valid_until {
            text.push_str(&format!("Valid-Until: {}\n", date(until)?));
        }
        text.push_str(&format!("Architectures: all amd64 arm64\nComponents: {}\nSHA256:\n", self.component));
        for arch in ARCHITECTURES {
            let path = format!("{}/binary-{arch}/Packages", self.component);
            text.push_str(&format!(" {} {} {path}\n", sha256(packages.as_bytes()), packages.len()));
        }
        Ok(text)
    }
}

/// Every index holds everything; `all` alone would not be looked for by an older apt.
const ARCHITECTURES: [&str; 3] = ["all", "amd64", "arm64"];

/// A repository in a directory, signed with a key of its own.
#[derive(Debug)]
pub struct AptRepo {
    dir: PathBuf,
    key: Key,
    suites: Vec<Suite>,
}

impl AptRepo {
    /// An empty repository. A directory inside a root can be used with `file:`; any other is served by
    /// [`super::http::Server`].
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(dir.join("pool")).with_context(|| dir.display().to_string())?;
        Ok(Self { dir, key: Key::new()?, suites: Vec::new() })
    }

    /// Where it is, seen from the host.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The key that signs it.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Adds a suite.
    pub fn suite(&mut self, suite: Suite) -> &mut Self {
        self.suites.push(suite);
        self
    }

    /// A suite, to change what its `Release` says at the next [`AptRepo::publish`].
    ///
    /// # Errors
    /// There is no suite of that code name.
    pub fn suite_mut(&mut self, codename: &str) -> Result<&mut Suite> {
        let known: Vec<String> = self.suites.iter().map(|s| s.codename.clone()).collect();
        self.suites
            .iter_mut()
            .find(|s| s.codename == codename)
            .with_context(|| format!("no suite {codename}; there are {known:?}"))
    }

    /// Adds a package version to a suite; shown after [`AptRepo::publish`].
    ///
    /// # Errors
    /// No such suite, or the package cannot be built.
    pub fn add(&mut self, codename: &str, deb: Deb) -> Result<&mut Self> {
        deb.build(&self.dir.join("pool"))?;
        self.suite_mut(codename)?.debs.push(deb);
        Ok(self)
    }

    /// Takes a version out of a suite's index; its file stays in the pool.
    ///
    /// # Errors
    /// It is not there.
    pub fn withdraw(&mut self, name: &str, version: &str, codename: &str) -> Result<Deb> {
        let suite = self.suite_mut(codename)?;
        let at = suite.debs.iter().position(|d| d.name() == name && d.version() == version);
        match at {
            Some(at) => Ok(suite.debs.remove(at)),
            None => bail!("{name} {version} is not in {codename}"),
        }
    }

    /// Moves a version between suites, as a point release moves fixes from `-security` to main.
    ///
    /// # Errors
    /// It is not in `from`, or there is no suite `to`.
    pub fn move_version(&mut self, name: &str, version: &str, from: &str, to: &str) -> Result<()> {
        let deb = self.withdraw(name, version, from)?;
        self.suite_mut(to)?.debs.push(deb);
        Ok(())
    }

    /// Writes and signs the indexes of all suites, and heals what was broken on purpose.
    ///
    /// # Errors
    /// The directory was killed, or gpg fails.
    pub fn publish(&self) -> Result<()> {
        for suite in &self.suites {
            let mut packages = String::new();
            for deb in &suite.debs {
                let file = format!("pool/{}", deb.file_name());
                let bytes = fs::read(self.dir.join(&file)).with_context(|| file.clone())?;
                packages.push_str(&deb.control());
                packages.push_str(&format!(
                    "Filename: {file}\nSize: {}\nSHA256: {}\n\n",
                    bytes.len(),
                    sha256(&bytes)
                ));
            }
            let dist = self.dist(suite);
            for arch in ARCHITECTURES {
                let place = dist.join(&suite.component).join(format!("binary-{arch}"));
                fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
                fs::write(place.join("Packages"), &packages)?;
            }
            fs::write(dist.join("Release"), suite.release(&packages)?)?;
            self.key.clearsign(&dist.join("Release"), &dist.join("InRelease"))?;
        }
        Ok(())
    }

    /// Puts the repository into a system's sources, trusted for its own key only.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn attach(&self, root: &RootDir, uri: &str) -> Result<()> {
        // Named after the directory, so that several repositories can be attached.
        let name = self.dir.file_name().map_or_else(|| "lab".into(), |n| n.to_string_lossy().into_owned());
        let key = format!("/etc/apt/keyrings/{name}.asc");
        root.write(&key, fs::read(self.key.public())?)?;
        let sources: String = self
            .suites
            .iter()
            .map(|s| format!("deb [signed-by={key}] {uri} {} {}\n", s.codename, s.component))
            .collect();
        root.write(&format!("/etc/apt/sources.list.d/{name}.list"), sources)
    }

    /// Publishes with a `Valid-Until` that has passed an hour ago.
    ///
    /// # Errors
    /// No such suite, or gpg fails.
    pub fn expire(&mut self, codename: &str) -> Result<()> {
        let suite = self.suite_mut(codename)?;
        suite.date = Some(door::now() - 8 * 86_400);
        suite.valid_until = Some(door::now() - 3_600);
        self.publish()
    }

    /// Cuts the indexes of a suite in half, as an interrupted mirror run leaves them. `publish` heals it.
    ///
    /// # Errors
    /// No such suite, or not published yet.
    pub fn truncate(&mut self, codename: &str) -> Result<()> {
        let suite = self.suite_mut(codename)?.clone();
        for arch in ARCHITECTURES {
            halve(&self.dist(&suite).join(&suite.component).join(format!("binary-{arch}/Packages")))?;
        }
        Ok(())
    }

    /// Cuts a package's file in half.
    ///
    /// # Errors
    /// There is no such file.
    pub fn truncate_deb(&self, deb: &Deb) -> Result<()> {
        halve(&self.dir.join("pool").join(deb.file_name()))
    }

    /// Takes the whole repository away.
    ///
    /// # Errors
    /// It is away already.
    pub fn kill(&self) -> Result<()> {
        fs::rename(&self.dir, self.away()).with_context(|| self.dir.display().to_string())
    }

    /// Brings it back.
    ///
    /// # Errors
    /// It was not away.
    pub fn revive(&self) -> Result<()> {
        fs::rename(self.away(), &self.dir).with_context(|| self.dir.display().to_string())
    }

    fn away(&self) -> PathBuf {
        self.dir.with_extension("away")
    }

    fn dist(&self, suite: &Suite) -> PathBuf {
        self.dir.join("dists").join(&suite.codename)
    }
}

/// Leaves the first half of a file.
pub(super) fn halve(path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(fs::write(path, bytes.get(..bytes.len() / 2).unwrap_or_default())?)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
