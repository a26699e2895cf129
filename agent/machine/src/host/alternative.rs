//! Alternative sources, made ready for one operation (reference 2.5): they replace the machine's own repositories.
//!
//! What configures them lies in a directory without a lasting name, gone with the last user of it; what was fetched
//! from them lies below `/var/lib/patchflock/sources`, where no package manager looks by itself. Nothing of the
//! machine's own configuration is written, and of its repositories nothing is read. What the tools know apart from
//! repositories stays in force: pins, holds, excludes, trusted keys, proxies.

use std::path::PathBuf;

use patchflock_baselines::baseline::AlternativeSource;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{list, records};
use crate::pm::PmError;
use crate::root::Root;

/// What was fetched, by tool and by what was configured.
const KEPT: &str = "/var/lib/patchflock/sources";
/// Directories of other configurations that are looked at when ours is made.
const OTHERS: usize = 1000;

/// The sources that serve a product: it is listed, or `*` is.
pub(crate) fn serving<'s>(sources: &'s [AlternativeSource], product: &str) -> Vec<&'s AlternativeSource> {
    sources.iter().filter(|s| s.products.iter().any(|p| p == product || p == "*")).collect()
}

/// The refusal of a source that cannot be understood.
pub(crate) fn malformed(source: &AlternativeSource, why: impl Into<String>) -> PmError {
    PmError::Source { name: source.name.clone(), why: why.into() }
}

/// Text from a document, for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Where one configuration of alternative sources lives.
#[derive(Debug)]
pub(crate) struct Place {
    root: Root,
    /// `/var/lib/patchflock/sources/TOOL`.
    all: String,
    /// The part of its name that is of this configuration.
    key: String,
    /// Exists as long as this.
    private: TempDir,
}

impl Place {
    /// A place for what `configuration` says; nothing is written but an empty directory of the caller's own, where
    /// that system can see it.
    pub(crate) fn new(root: &Root, tool: &str, configuration: &str) -> Result<Self, PmError> {
        let sum = Sha256::digest(configuration.as_bytes());
        let key: String = sum.iter().take(8).map(|b| format!("{b:02x}")).collect();
        // An ordinary user may not write into the first.
        let made = ["/run", "/tmp"].map(|d| root.path(d));
        let mut failed = None;
        for dir in made {
            match tempfile::Builder::new().prefix("patchflock-sources-").tempdir_in(&dir) {
                Ok(private) => {
                    return Ok(Self { root: root.clone(), all: format!("{KEPT}/{tool}"), key, private });
                }
                Err(source) => failed = Some(PmError::Read { path: dir, source }),
            }
        }
        Err(failed.unwrap_or(PmError::NeedsRoot { what: "using alternative sources" }))
    }

    /// The private directory as that system sees it.
    pub(crate) fn inside(&self) -> String {
        self.root.inside(self.private.path()).display().to_string()
    }

    /// Puts a file into the private directory, readable to this user alone: it may hold a password.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), PmError> {
        let path = self.private.path().join(name);
        std::fs::write(&path, text).map_err(|source| PmError::Read { path, source })
    }

    /// Where what is fetched is kept, as that system sees it.
    pub(crate) fn kept(&self) -> String {
        format!("{}/{}", self.all, self.key)
    }

    /// Makes directories below it, and takes away what was fetched from other sources: nothing asks for it again, and
    /// whoever does is told that it was never fetched.
    pub(crate) fn make(&self, below: &[&str]) -> Result<(), PmError> {
        let fail = |path: &str| {
            let path: PathBuf = self.root.path(path);
            move |source| PmError::Read { path, source }
        };
        for other in list(&self.root, &self.all, OTHERS).map_err(fail(&self.all))? {
            if other != self.key {
                let path = format!("{}/{other}", self.all);
                std::fs::remove_dir_all(self.root.path(&path)).map_err(fail(&path))?;
            }
        }
        for dir in below {
            let path = format!("{}/{dir}", self.kept());
            records::make_dir(&self.root, &path).map_err(fail(&path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, products: &[&str]) -> AlternativeSource {
        let products = products.iter().map(|p| (*p).to_owned()).collect();
        AlternativeSource { name: name.into(), products, configuration: String::new() }
    }

    #[test]
    fn a_source_serves_the_products_that_it_names_or_all() {
        let all = [source("a", &["Debian12"]), source("b", &["*"]), source("c", &["Debian11", "Debian1"])];
        let names = |product| serving(&all, product).iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names("Debian12"), ["a", "b"]);
        assert_eq!(names("Debian11"), ["b", "c"]);
        assert_eq!(names("*"), ["b"]);
    }

    #[test]
    fn a_place_is_that_of_its_configuration_and_leaves_nothing_configured() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        assert!(matches!(Place::new(&root, "apt", "one"), Err(PmError::Read { .. })), "there is no /tmp");
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        let [one, same, two] = ["one", "one", "two"].map(|c| Place::new(&root, "apt", c).unwrap());
        assert_eq!(one.kept(), same.kept());
        assert_ne!(one.kept(), two.kept());
        one.write("sources.list", "one").unwrap();
        assert!(one.inside().starts_with("/tmp/patchflock-sources-"), "{}", one.inside());
        assert!(root.path(one.inside()).join("sources.list").exists());
        assert!(!root.path(KEPT).exists(), "nothing was asked for yet");
        one.make(&["lists/partial"]).unwrap();
        one.make(&["lists/partial"]).unwrap();
        two.make(&["lists"]).unwrap();
        assert!(!root.path(one.kept()).exists() && root.path(two.kept()).join("lists").is_dir());
        drop((one, same, two));
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    }
}
