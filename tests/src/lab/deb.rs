//! Small Debian packages made on the spot.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::door;

/// A package in one version, to be built.
#[derive(Debug, Clone)]
pub struct Deb {
    name: String,
    version: String,
    fields: BTreeMap<String, String>,
    files: BTreeMap<String, (Vec<u8>, u32)>,
    links: BTreeMap<String, String>,
    conffiles: Vec<String>,
    scripts: BTreeMap<String, String>,
    /// Built already, by somebody else.
    built: Option<PathBuf>,
}

impl Deb {
    /// An empty package for all architectures, of section `misc` and priority `optional`.
    pub fn new(name: &str, version: &str) -> Self {
        let fields = [
            ("Architecture", "all"),
            ("Maintainer", "Patchflock lab <lab@localhost>"),
            ("Section", "misc"),
            ("Priority", "optional"),
            ("Description", "made by the lab"),
        ];
        Self {
            name: name.into(),
            version: version.into(),
            fields: fields.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            conffiles: Vec::new(),
            scripts: BTreeMap::new(),
            built: None,
        }
    }

    /// A package that is built already; it is published as it is.
    ///
    /// # Errors
    /// It is no Debian package.
    pub fn of_file(file: &Path) -> Result<Self> {
        let said = door::ok("dpkg-deb", ["--field".as_ref(), file.as_os_str()])?;
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let mut last = String::new();
        for line in said.stdout_text().lines() {
            match line.split_once(": ").filter(|_| !line.starts_with(' ')) {
                Some((name, value)) => {
                    name.clone_into(&mut last);
                    fields.insert(name.to_owned(), value.to_owned());
                }
                None => fields.entry(last.clone()).or_default().push_str(&format!("\n{line}")),
            }
        }
        let mut take =
            |name: &str| fields.remove(name).with_context(|| format!("{name} of {}", file.display()));
        let (name, version) = (take("Package")?, take("Version")?);
        Ok(Self { fields, built: Some(file.to_owned()), ..Self::new(&name, &version) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sets any control field, such as `Phased-Update-Percentage`, `Source`, `Conflicts` or `Essential`.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Sets `Depends`.
    pub fn depends(self, value: &str) -> Self {
        self.field("Depends", value)
    }

    /// Sets `Priority`: required, important, standard, optional, extra.
    pub fn priority(self, value: &str) -> Self {
        self.field("Priority", value)
    }

    /// Sets `Section`.
    pub fn section(self, value: &str) -> Self {
        self.field("Section", value)
    }

    /// Sets the share of machines that apt offers this version to.
    pub fn phased(self, percent: u8) -> Self {
        self.field("Phased-Update-Percentage", &percent.to_string())
    }

    /// Adds a file at an absolute path.
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), (content.as_bytes().to_vec(), 0o644));
        self
    }

    /// Adds a link at an absolute path.
    pub fn link(mut self, path: &str, target: &str) -> Self {
        self.links.insert(path.into(), target.into());
        self
    }

    /// Adds its Debian changelog, packed as in real packages.
    ///
    /// # Errors
    /// It cannot be packed.
    pub fn changelog(mut self, text: &str) -> Result<Self> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text.as_bytes())?;
        let path = format!("/usr/share/doc/{}/changelog.Debian.gz", self.name);
        self.files.insert(path, (packed.finish()?, 0o644));
        Ok(self)
    }

    /// Adds a program at an absolute path.
    pub fn program(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), (content.as_bytes().to_vec(), 0o755));
        self
    }

    /// Adds a file that belongs to the administrator once it is installed.
    pub fn conffile(mut self, path: &str, content: &str) -> Self {
        self.conffiles.push(path.into());
        self.file(path, content)
    }

    /// Adds a maintainer script, `preinst`, `postinst`, `prerm` or `postrm`, written for `/bin/sh`.
    pub fn script(mut self, name: &str, body: &str) -> Self {
        self.scripts.insert(name.into(), format!("#!/bin/sh\n{body}\n"));
        self
    }

    /// File name in a pool.
    pub fn file_name(&self) -> String {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, v)| v);
        let arch = self.fields.get("Architecture").map_or("all", String::as_str);
        format!("{}_{version}_{arch}.deb", self.name)
    }

    /// The control paragraph, with a line end.
    pub fn control(&self) -> String {
        let mut text = format!("Package: {}\nVersion: {}\n", self.name, self.version);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text
    }

    /// Builds it into the directory, under [`Deb::file_name`].
    ///
    /// # Errors
    /// dpkg-deb refuses it or is missing.
    pub fn build(&self, into: &Path) -> Result<()> {
        if let Some(file) = &self.built {
            fs::copy(file, into.join(self.file_name())).with_context(|| file.display().to_string())?;
            return Ok(());
        }
        let tree = tempfile::tempdir()?;
        // The temporary directory is private; a package's top directory is not.
        fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755))?;
        let place = |path: &str| -> Result<PathBuf> {
            let Some(relative) = path.strip_prefix('/') else {
                bail!("{path} of {} is not absolute", self.name)
            };
            let place = tree.path().join(relative);
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent)?;
            }
            Ok(place)
        };
        let put = |path: &str, content: &[u8], mode: u32| -> Result<()> {
            let place = place(path)?;
            fs::write(&place, content).with_context(|| place.display().to_string())?;
            Ok(fs::set_permissions(&place, fs::Permissions::from_mode(mode))?)
        };
        put("/DEBIAN/control", self.control().as_bytes(), 0o644)?;
        if !self.conffiles.is_empty() {
            put("/DEBIAN/conffiles", (self.conffiles.join("\n") + "\n").as_bytes(), 0o644)?;
        }
        for (name, body) in &self.scripts {
            put(&format!("/DEBIAN/{name}"), body.as_bytes(), 0o755)?;
        }
        for (path, (content, mode)) in &self.files {
            put(path, content, *mode)?;
        }
        for (path, target) in &self.links {
            std::os::unix::fs::symlink(target, place(path)?).with_context(|| path.clone())?;
        }
        let (from, to) =
            (tree.path().display().to_string(), into.join(self.file_name()).display().to_string());
        door::ok("dpkg-deb", ["--root-owner-group", "-Zgzip", "-z1", "--build", &from, &to])?;
        Ok(())
    }
}
