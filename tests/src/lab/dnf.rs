//! A dnf repository with advisories, that can be broken and killed.
//!
//! ```no_run
//! # use patchflock_tests::lab::{base::Base, dnf::{Advisory, RpmRepo}, rpm::Rpm, root::RootDir};
//! # fn main() -> anyhow::Result<()> {
//! let root = RootDir::new(&Base::rpm()?)?;
//! let mut repo = RpmRepo::new(root.at("/srv/baseos"))?;
//! repo.add(Rpm::new("tool", "1.0", "1"))?;
//! let fixed = repo.add(Rpm::new("tool", "1.1", "1"))?;
//! repo.advise(Advisory::security("RLSA-2026:0001", "Important").fixes(&fixed).cve("CVE-2026-0001"));
//! repo.publish()?;
//! repo.attach(&root, "file:///srv/baseos")?;
//! root.ok("dnf -y install tool-1.0-1")?;
//! # Ok(()) }
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::DateTime;

use super::apt::halve;
use super::door;
use super::key::Key;
use super::root::RootDir;
use super::rpm::Rpm;

/// An entry of `updateinfo.xml`.
#[derive(Debug, Clone)]
pub struct Advisory {
    /// Such as `RHSA-2026:0001`.
    pub id: String,
    /// `security`, `bugfix`, `enhancement`, `newpackage`.
    pub kind: String,
    /// `Critical`, `Important`, `Moderate`, `Low`; left out if unset.
    pub severity: Option<String>,
    /// Seconds since 1970; left out if unset.
    pub issued: Option<i64>,
    /// Seconds since 1970; left out if unset.
    pub updated: Option<i64>,
    /// Whether the update asks for a reboot.
    pub reboot_suggested: bool,
    references: Vec<(String, String)>,
    /// With the architecture that it is built for.
    packages: Vec<(Rpm, String)>,
}

impl Advisory {
    /// An advisory issued now.
    pub fn new(id: &str, kind: &str) -> Self {
        Self {
            id: id.into(),
            kind: kind.into(),
            severity: None,
            issued: Some(door::now()),
            updated: None,
            reboot_suggested: false,
            references: Vec::new(),
            packages: Vec::new(),
        }
    }

    /// A security advisory with a severity.
    pub fn security(id: &str, severity: &str) -> Self {
        Self { severity: Some(severity.into()), ..Self::new(id, "security") }
    }

    /// Sets when it was issued, in seconds since 1970.
    pub fn issued(mut self, seconds: i64) -> Self {
        self.issued = Some(seconds);
        self
    }

    /// Sets when it was updated, in seconds since 1970.
    pub fn updated(mut self, seconds: i64) -> Self {
        self.updated = Some(seconds);
        self
    }

    /// Names a CVE.
    pub fn cve(mut self, id: &str) -> Self {
        self.references.push(("cve".into(), id.into()));
        self
    }

    /// Names a bug.
    pub fn bugzilla(mut self, id: &str) -> Self {
        self.references.push(("bugzilla".into(), id.into()));
        self
    }

    /// Asks for a reboot.
    pub fn reboot(mut self) -> Self {
        self.reboot_suggested = true;
        self
    }

    /// Names a package version that it brings.
    pub fn fixes(self, rpm: &Rpm) -> Self {
        self.fixes_arch(rpm, "noarch")
    }

    /// The same for one that was not made by the lab, and may be of one architecture only.
    pub fn fixes_arch(mut self, rpm: &Rpm, arch: &str) -> Self {
        self.packages.push((rpm.clone(), arch.into()));
        self
    }

    fn xml(&self) -> Result<String> {
        let date = |tag: &str, seconds: Option<i64>| -> Result<String> {
            let Some(seconds) = seconds else { return Ok(String::new()) };
            let time = DateTime::from_timestamp(seconds, 0).context("a date out of range")?;
            Ok(format!("<{tag} date=\"{}\"/>", time.format("%Y-%m-%d %H:%M:%S")))
        };
        let severity =
            self.severity.as_ref().map(|s| format!("<severity>{s}</severity>")).unwrap_or_default();
        let references: String = self
            .references
            .iter()
            .map(|(kind, id)| {
                format!("<reference href=\"lab:{id}\" id=\"{id}\" type=\"{kind}\" title=\"{id}\"/>")
            })
            .collect();
        let reboot = if self.reboot_suggested { "<reboot_suggested>True</reboot_suggested>" } else { "" };
        let packages: String = self
            .packages
            .iter()
            .map(|(p, arch)| {
                format!(
                    "<package name=\"{}\" version=\"{}\" release=\"{}\" epoch=\"{}\" arch=\"{arch}\">\
                     <filename>{}</filename>{reboot}</package>\n",
                    p.name(),
                    p.version(),
                    p.release(),
                    p.epoch_number(),
                    p.file_name().replace("noarch", arch)
                )
            })
            .collect();
        Ok(format!(
            "<update from=\"lab@localhost\" status=\"final\" type=\"{}\" version=\"1\"><id>{}</id>\
             <title>{}</title>{}{}{severity}<description>made by the lab</description>\
             <references>{references}</references><pkglist><collection short=\"lab\"><name>lab</name>\n{packages}\
             </collection></pkglist></update>\n",
            self.kind,
            self.id,
            self.id,
            date("issued", self.issued)?,
            date("updated", self.updated)?,
        ))
    }
}

/// A repository in a directory.
#[derive(Debug)]
pub struct RpmRepo {
    dir: PathBuf,
    key: Option<Key>,
    advisories: Vec<Advisory>,
}

impl RpmRepo {
    /// An empty, unsigned repository.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        Ok(Self { dir, key: None, advisories: Vec::new() })
    }

    /// An empty repository whose packages and metadata are signed and checked.
    ///
    /// # Errors
    /// No key can be made.
    pub fn signed(dir: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self { key: Some(Key::new()?), ..Self::new(dir)? })
    }

    /// Where it is, seen from the host.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds a package version and gives it back, to name it in an advisory.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn add(&mut self, rpm: Rpm) -> Result<Rpm> {
        rpm.build(&self.dir, self.key.as_ref())?;
        Ok(rpm)
    }

    /// Takes a version out.
    ///
    /// # Errors
    /// It is not there.
    pub fn withdraw(&mut self, rpm: &Rpm) -> Result<()> {
        fs::remove_file(self.dir.join(rpm.file_name())).with_context(|| rpm.file_name())
    }

    /// Adds an advisory.
    pub fn advise(&mut self, advisory: Advisory) -> &mut Self {
        self.advisories.push(advisory);
        self
    }

    /// The advisories, to change them before the next [`RpmRepo::publish`].
    pub fn advisories_mut(&mut self) -> &mut Vec<Advisory> {
        &mut self.advisories
    }

    /// Writes the metadata, and heals what was broken on purpose.
    ///
    /// # Errors
    /// createrepo_c fails or is missing.
    pub fn publish(&self) -> Result<()> {
        let (dir, data) = (self.dir.display().to_string(), self.dir.join("repodata"));
        door::ok("createrepo_c", ["--quiet", "--no-database", &dir])?;
        if !self.advisories.is_empty() {
            let work = tempfile::tempdir()?;
            let file = work.path().join("updateinfo.xml");
            let entries = self.advisories.iter().map(Advisory::xml).collect::<Result<String>>()?;
            fs::write(&file, format!("<?xml version=\"1.0\"?>\n<updates>\n{entries}</updates>\n"))?;
            let args = ["--mdtype=updateinfo", &file.display().to_string(), &data.display().to_string()];
            door::ok("modifyrepo_c", args)?;
        }
        if let Some(key) = &self.key {
            key.detach(&data.join("repomd.xml"), &data.join("repomd.xml.asc"))?;
        }
        Ok(())
    }

    /// Puts the repository into a system's configuration, under the name of its directory.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn attach(&self, root: &RootDir, uri: &str) -> Result<()> {
        let name = self.dir.file_name().map_or_else(|| "lab".into(), |n| n.to_string_lossy().into_owned());
        let mut text = format!("[{name}]\nname={name}\nbaseurl={uri}\nenabled=1\n");
        if let Some(key) = &self.key {
            let place = format!("/etc/pki/rpm-gpg/{name}");
            root.write(&place, fs::read(key.public())?)?;
            text.push_str(&format!("gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file://{place}\n"));
        } else {
            text.push_str("gpgcheck=0\n");
        }
        root.write(&format!("/etc/yum.repos.d/{name}.repo"), text)
    }

    /// Cuts the metadata of the packages in half; `repomd.xml` still promises the whole. `publish` heals it.
    ///
    /// # Errors
    /// Not published yet.
    pub fn truncate(&self) -> Result<()> {
        let data = self.dir.join("repodata");
        for entry in fs::read_dir(&data).with_context(|| data.display().to_string())? {
            let path = entry?.path();
            if path.to_string_lossy().contains("primary") {
                halve(&path)?;
            }
        }
        Ok(())
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
}
