//! Small rpm packages made on the spot, and what makes a Debian system with rpm pose as Rocky Linux 9.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::door;
use super::key::Key;

/// Files of an rpm base: its identity, its own package database, no Debian plugins.
pub(super) const SYSTEM_FILES: [(&str, &str); 6] = [
    ("etc/rpm/macros", "%_dbpath /var/lib/rpm\n%dist .el9\n"),
    ("etc/dnf/plugins/local.conf", "[main]\nenabled = false\n"),
    ("etc/dnf/vars/releasever", "9\n"),
    ("etc/dnf/dnf.conf", "[main]\ngpgcheck=0\ninstallonly_limit=3\nbest=True\n"),
    ("etc/redhat-release", "Rocky Linux release 9.4 (Blue Onyx)\n"),
    (
        "etc/os-release",
        "NAME=\"Rocky Linux\"\nVERSION=\"9.4 (Blue Onyx)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n\
         VERSION_ID=\"9.4\"\nPLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\n",
    ),
];

/// A package in one version, to be built.
#[derive(Debug, Clone)]
pub struct Rpm {
    name: String,
    version: String,
    release: String,
    epoch: u32,
    tags: Vec<(String, String)>,
    files: BTreeMap<String, (String, &'static str)>,
    scripts: Vec<(String, String)>,
    build_time: Option<i64>,
}

impl Rpm {
    /// An empty package for all architectures, with epoch 0.
    pub fn new(name: &str, version: &str, release: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            release: release.into(),
            epoch: 0,
            tags: Vec::new(),
            files: BTreeMap::new(),
            scripts: Vec::new(),
            build_time: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, without epoch and release.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its release.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Its epoch.
    pub fn epoch_number(&self) -> u32 {
        self.epoch
    }

    /// Sets the epoch.
    pub fn epoch(mut self, epoch: u32) -> Self {
        self.epoch = epoch;
        self
    }

    /// Adds a line of the preamble, such as `Requires: other >= 2`. May be repeated.
    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }

    /// Adds a `Requires`.
    pub fn requires(self, what: &str) -> Self {
        self.tag("Requires", what)
    }

    /// Adds a file at an absolute path.
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), (content.into(), "%attr(0644,root,root)"));
        self
    }

    /// Adds a program at an absolute path.
    pub fn program(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), (content.into(), "%attr(0755,root,root)"));
        self
    }

    /// Adds a file whose changed copy survives an upgrade (`%config(noreplace)`).
    pub fn config(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), (content.into(), "%attr(0644,root,root) %config(noreplace)"));
        self
    }

    /// Adds a scriptlet, `pre`, `post`, `preun`, `postun`, `pretrans` or `posttrans`, written for `/bin/sh`.
    /// A failing `pre` keeps the new version out; a failing `post` is only warned about.
    pub fn script(mut self, name: &str, body: &str) -> Self {
        self.scripts.push((name.into(), body.into()));
        self
    }

    /// Sets the build time, in seconds since 1970.
    pub fn built_at(mut self, seconds: i64) -> Self {
        self.build_time = Some(seconds);
        self
    }

    /// File name in a repository.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.noarch.rpm", self.name, self.version, self.release)
    }

    fn spec(&self) -> String {
        let mut text = format!(
            "Name: {}\nVersion: {}\nRelease: {}\nEpoch: {}\nSummary: made by the lab\nLicense: MIT\nBuildArch: noarch\n\
             AutoReqProv: no\n",
            self.name, self.version, self.release, self.epoch
        );
        for (name, value) in &self.tags {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str("%description\nmade by the lab\n%prep\n%build\n%install\n");
        // The content is copied from beside the spec file: nothing in it can be taken for a macro.
        text.push_str("mkdir -p %{buildroot}\ncp -a %{_sourcedir}/tree/. %{buildroot}/\n");
        for (name, body) in &self.scripts {
            text.push_str(&format!("%{name}\n{body}\n"));
        }
        text.push_str("%files\n");
        for (path, (_, attributes)) in &self.files {
            text.push_str(&format!("{attributes} {path}\n"));
        }
        text
    }

    /// Builds it into the directory, signed if there is a key.
    ///
    /// # Errors
    /// rpmbuild refuses it or is missing.
    pub fn build(&self, into: &Path, key: Option<&Key>) -> Result<()> {
        let work = tempfile::tempdir()?;
        let tree = work.path().join("tree");
        fs::create_dir(&tree)?;
        for (path, (content, _)) in &self.files {
            let place = tree.join(path.trim_start_matches('/'));
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&place, content).with_context(|| place.display().to_string())?;
        }
        let spec = work.path().join("package.spec");
        fs::write(&spec, self.spec())?;
        let dir = work.path().display().to_string();
        let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
        let mut args = vec!["-bb".to_owned(), "--quiet".into()];
        args.extend(define("_topdir", &dir));
        args.extend(define("_sourcedir", &dir));
        args.extend(define("_rpmdir", &work.path().join("out").display().to_string()));
        args.extend(define("_build_name_fmt", "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"));
        args.extend(define("_dbpath", &work.path().join("db").display().to_string()));
        // Debian's rpm compresses with what a foreign rpm may lack.
        args.extend(define("_binary_payload", "w1.gzdio"));
        args.push(spec.display().to_string());
        let mut command =
            patchflock_machine::exec::Command::new(&patchflock_machine::root::Root::host(), "rpmbuild");
        if let Some(time) = self.build_time {
            args.splice(0..0, define("use_source_date_epoch_as_buildtime", "1"));
            command = command.env("SOURCE_DATE_EPOCH", time.to_string());
        }
        door::ok_command(command.args(args))?;
        let built = work.path().join("out").join(self.file_name());
        if let Some(key) = key {
            let home = key.home().display().to_string();
            let mut args = define("_gpg_name", key.user()).to_vec();
            args.extend(define("_gpg_path", &home));
            args.extend(define("__gpg", "/usr/bin/gpg"));
            args.extend(["--addsign".to_owned(), built.display().to_string()]);
            door::ok("rpmsign", args)?;
        }
        fs::copy(&built, into.join(self.file_name())).with_context(|| built.display().to_string())?;
        Ok(())
    }
}
