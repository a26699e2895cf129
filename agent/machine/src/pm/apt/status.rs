//! The dpkg status file: what is installed and in which state.
//!
//! Read by ourselves because `dpkg-query` in a directory of another system costs a process and shows no more.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use deb822_fast::{Deb822, Paragraph};

use crate::host::{list, read_ours};
use crate::pm::PmError;
use crate::root::Root;

/// One package that is at least partly there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) arch: String,
    pub(super) version: String,
    /// The `Source` field: name, and version where it is another than the package's.
    pub(super) source: Option<String>,
    pub(super) section: Option<String>,
    pub(super) priority: Option<String>,
    /// The administrator holds it (`apt-mark hold`).
    pub(super) hold: bool,
    /// Installed and configured; triggers may be pending only in `broken`.
    pub(super) complete: bool,
    /// dpkg's word for the state (`half-configured`), and `reinst-required` where dpkg asks for it.
    pub(super) state: String,
    /// Paths of its configuration files.
    pub(super) conffiles: Vec<String>,
}

impl Package {
    /// Version of the source it was built from: without what a rebuild (`+b1`) adds.
    pub(super) fn source_version(&self) -> String {
        let source = self.source.as_deref().unwrap_or_default();
        super::changelog::split(source, &self.version).1
    }
}

/// Everything installed, by name and architecture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) packages: BTreeMap<(String, String), Package>,
    /// Native architecture: packages of `all` count as of this one.
    pub(super) native_arch: String,
}

impl Status {
    /// The installed package that `name` in `arch` is a version of. `all` and the native architecture are one:
    /// a package may move between them, and dpkg then upgrades it in place.
    pub(super) fn get(&self, name: &str, arch: &str) -> Option<&Package> {
        let find = |arch: &str| self.packages.get(&(name.to_owned(), arch.to_owned()));
        find(arch).or_else(|| match arch {
            "all" => find(&self.native_arch),
            a if a == self.native_arch => find("all"),
            _ => None,
        })
    }

    /// Names of everything installed.
    pub(super) fn names(&self) -> HashSet<String> {
        self.packages.keys().map(|(name, _)| name.clone()).collect()
    }

    /// Whether two architectures mean the same package.
    pub(super) fn same_arch(&self, a: &str, b: &str) -> bool {
        let native = |x: &str| x == "all" || x == self.native_arch;
        a == b || (native(a) && native(b))
    }
}

/// Reads the status file at `path`, and the journal beside it that a killed dpkg leaves.
pub(super) fn read(root: &Root, path: &Path, native_arch: &str) -> Result<Status, PmError> {
    let mut texts = vec![read_text(root, path)?];
    // After a crash the newest state of single packages is in updates/NNNN; dpkg applies them in order.
    if let Some(dir) = path.parent().map(|p| p.join("updates")) {
        for name in journal(root, &dir)? {
            texts.push(read_text(root, &dir.join(name))?);
        }
    }
    let mut status = Status { native_arch: native_arch.to_owned(), ..Status::default() };
    for text in texts {
        apply(&mut status, &text).map_err(|(place, found)| PmError::Unexpected {
            what: path.display().to_string(),
            place,
            found,
        })?;
    }
    Ok(status)
}

/// Files of the journal in `updates/`, in dpkg's order.
pub(super) fn journal(root: &Root, dir: &Path) -> Result<Vec<String>, PmError> {
    // dpkg writes it back after 5000.
    let mut names = list(root, &root.inside(dir).to_string_lossy(), 100_000)
        .map_err(|source| PmError::Read { path: dir.to_owned(), source })?;
    names.retain(|n| n.bytes().all(|b| b.is_ascii_digit()));
    Ok(names)
}

/// Real ones have 3 MB.
pub(super) const STATUS_CAP: u64 = 64 << 20;

fn read_text(root: &Root, path: &Path) -> Result<String, PmError> {
    let bytes = read_ours(root, path, STATUS_CAP)
        .map_err(|source| PmError::Read { path: path.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Applies one status text; later stanzas of a package replace earlier ones. The error is place and finding.
pub(super) fn apply(status: &mut Status, text: &str) -> Result<(), (String, String)> {
    let document: Deb822 =
        text.parse().map_err(|e: deb822_fast::Error| ("the file as a whole".to_owned(), e.to_string()))?;
    for (at, stanza) in document.into_iter().enumerate() {
        let place = || format!("stanza {}", at + 1);
        let name = stanza.get("Package").ok_or_else(|| (place(), "no Package field".to_owned()))?;
        let words: Vec<&str> = stanza.get("Status").unwrap_or_default().split_whitespace().collect();
        let [want, flag, state] = words[..] else {
            return Err((format!("{} ({name})", place()), format!("Status: {}", words.join(" "))));
        };
        let arch = stanza.get("Architecture").unwrap_or_default();
        let key = (name.to_owned(), arch.to_owned());
        if matches!(state, "not-installed" | "config-files") && flag == "ok" {
            status.packages.remove(&key);
            continue;
        }
        let reinstall = if flag == "ok" { String::new() } else { " (reinst-required)".to_owned() };
        let version = stanza.get("Version").unwrap_or_default().trim();
        if version.is_empty() && state == "installed" {
            // Every offer would look newer than this. dpkg takes such a file for damaged, too.
            return Err((format!("{} ({name})", place()), "installed, and no Version field".to_owned()));
        }
        let package = Package {
            name: name.to_owned(),
            arch: arch.to_owned(),
            version: version.to_owned(),
            source: text_of(&stanza, "Source"),
            section: text_of(&stanza, "Section"),
            priority: text_of(&stanza, "Priority"),
            hold: want == "hold",
            complete: state == "installed" && flag == "ok",
            state: format!("{state}{reinstall}"),
            conffiles: stanza
                .get("Conffiles")
                .unwrap_or_default()
                .lines()
                .filter_map(|l| l.split_whitespace().next())
                .map(str::to_owned)
                .collect(),
        };
        status.packages.insert(key, package);
    }
    Ok(())
}

fn text_of(stanza: &Paragraph, field: &str) -> Option<String> {
    stanza.get(field).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned)
}

/// Names and architectures marked automatic in apt's `extended_states`.
pub(super) fn parse_auto(text: &str) -> HashSet<(String, String)> {
    // A damaged file only costs the marks it held: apt treats it the same way.
    let Ok(document) = text.parse::<Deb822>() else { return HashSet::new() };
    document
        .iter()
        .filter(|s| s.get("Auto-Installed").is_some_and(|v| v.trim() == "1"))
        .filter_map(|s| {
            Some((s.get("Package")?.to_owned(), s.get("Architecture").unwrap_or_default().to_owned()))
        })
        .collect()
}
