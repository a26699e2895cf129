//! One apt command that changes exactly a list of versions, and its simulation.
//!
//! A private preferences file gives the wanted versions priority 1001 and everything else -1; then
//! `upgrade --with-new-pkgs` can choose nothing but them, removes nothing and keeps auto marks (`install
//! name=version` would mark packages manual). Seen with apt 2.6: `Pin: release *` also hits the installed versions,
//! which makes their candidate `(none)`, so `a=now` gets its usual 100 back first.

use std::fmt::Write as _;
use std::io::Write as _;

use patchflock_baselines::plan::{Item, Plan};
use tempfile::NamedTempFile;

use super::output::{self, Step};
use super::scan::SIMULATE;
use super::status::Status;
use super::system::System;
use super::version;
use crate::exec::Command;
use crate::pm::PmError;

/// The private preferences, removed when dropped.
pub(super) struct Preferences {
    /// The file exists as long as this.
    file: NamedTempFile,
    system: System,
}

impl Preferences {
    /// Allows what the items want.
    pub(super) fn new(system: &System, items: &[&Item], status: &Status) -> Result<Self, PmError> {
        let wanted = items.iter().map(|i| (i.name.as_str(), i.arch.as_str(), i.to.as_str()));
        Self::only(system, wanted, status)
    }

    /// Allows these names, architectures and versions. Writes the file where that system can see it.
    pub(super) fn only<'a>(
        system: &System,
        wanted: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
        status: &Status,
    ) -> Result<Self, PmError> {
        let root = &system.root;
        let dir = ["/run", "/tmp"]
            .iter()
            .map(|d| root.path(d))
            .find(|d| d.is_dir())
            .unwrap_or_else(|| root.path("/"));
        let fail = |source| PmError::Read { path: dir.clone(), source };
        let mut file =
            tempfile::Builder::new().prefix("patchflock-").suffix(".pref").tempfile_in(&dir).map_err(fail)?;
        file.write_all(preferences(wanted, status).as_bytes()).map_err(fail)?;
        Ok(Self { file, system: system.clone() })
    }

    /// `apt-get` under these preferences alone.
    pub(super) fn apt_get(&self) -> Command {
        self.over(self.system.tool("apt-get"))
    }

    /// These preferences for some `apt-get`.
    pub(super) fn over(&self, apt_get: Command) -> Command {
        let path = self.file.path();
        let inside = path.strip_prefix(self.system.root.dir()).unwrap_or(path);
        apt_get
            .args(["-o", &format!("Dir::Etc::Preferences=/{}", inside.display())])
            .args(["-o", "Dir::Etc::PreferencesParts=/dev/null", "-o", "APT::Default-Release="])
            .args(["-o", "APT::Get::AutomaticRemove=false"])
            // The closure is what is needed; a recommendation is not.
            .args(["-o", "APT::Install-Recommends=false"])
            // Phasing was heeded when the versions were chosen; whoever asked for exactly this one gets it.
            .args(super::scan::PHASED_TOO)
    }
}

/// Text of the preferences file.
fn preferences<'a>(wanted: impl Iterator<Item = (&'a str, &'a str, &'a str)>, status: &Status) -> String {
    let mut text = String::from("Explanation: written by patchflock for one transaction\n");
    for (name, arch, version) in wanted {
        let arch = if arch == "all" { &status.native_arch } else { arch };
        let _ = writeln!(text, "Package: {name}:{arch}\nPin: version {version}\nPin-Priority: 1001\n");
    }
    text.push_str("Package: *\nPin: release a=now\nPin-Priority: 100\n\n");
    text.push_str("Package: *\nPin: release *\nPin-Priority: -1\n");
    text
}

/// Refuses names that are none before they reach a command line or a file.
pub(super) fn well_formed(name: &str, arch: &str, version: &str) -> Result<(), PmError> {
    let made_of = |text: &str, more: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    for (what, text, good) in [
        ("package name", name, made_of(name, "+-._")),
        ("architecture", arch, made_of(arch, "-")),
        ("version", version, made_of(version, "+-._~:")),
    ] {
        if !good {
            let shown: String = text.chars().take(100).collect();
            return Err(PmError::Unexpected { what: "the plan".into(), place: what.into(), found: shown });
        }
    }
    Ok(())
}

/// The items that are not yet as the plan wants them. Refuses a plan made for another state of the machine.
pub(super) fn pending<'p>(plan: &'p Plan, status: &Status) -> Result<Vec<&'p Item>, PmError> {
    let mut pending = Vec::new();
    for item in &plan.items {
        well_formed(&item.name, &item.arch, &item.to)?;
        let now = status.get(&item.name, &item.arch);
        if now.is_some_and(|p| p.version == item.to && p.complete) {
            continue;
        }
        let version = now.map(|p| p.version.as_str());
        if version != item.from.as_deref() && version != Some(&item.to) {
            return Err(PmError::NotThePlan {
                difference: format!(
                    "{} is at {}, the plan was made for {}",
                    item.name,
                    version.unwrap_or("no version"),
                    item.from.as_deref().unwrap_or("no version")
                ),
            });
        }
        if version.is_some_and(|v| version::newer(v, &item.to)) {
            let difference =
                format!("{} would go back from {} to {}", item.name, version.unwrap_or_default(), item.to);
            return Err(PmError::NotThePlan { difference });
        }
        pending.push(item);
    }
    Ok(pending)
}

/// What apt would do for these items, without doing it.
pub(super) fn simulate(preferences: &Preferences) -> Result<Vec<Step>, PmError> {
    let what = "apt-get -s upgrade --with-new-pkgs";
    let out = preferences.apt_get().args(SIMULATE).args(["-y", "upgrade", "--with-new-pkgs"]).run()?;
    Ok(output::simulated(what, &out)?.steps)
}

/// Where the packages would come from that are not in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supply {
    /// Everything is in the cache.
    Cache,
    /// The rest lies in a repository on this machine's own disk, which apt never copies to the cache.
    LocalDisk,
}

/// Asks apt what it would still have to fetch; anything that is not on this machine is refused.
///
/// Seen with apt 2.6: with `--no-download` a package of a `file:` repository is an internal error ("Pathname to
/// install is not absolute"), so that option can only be used where every package is in the cache.
pub(super) fn supply(preferences: &Preferences) -> Result<Supply, PmError> {
    let what = "apt-get --print-uris upgrade";
    let args = ["-y", "-o", "quiet=1", "--print-uris", "upgrade", "--with-new-pkgs"];
    let out = preferences.apt_get().args(args).run()?;
    output::check(what, &out)?;
    let text = out.stdout_text();
    let missing: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix('\'')).collect();
    let far: Vec<&str> = missing
        .iter()
        .filter(|l| !l.starts_with("file:"))
        .map(|l| l.split_whitespace().nth(1).unwrap_or(l))
        .collect();
    match (missing.is_empty(), far.is_empty()) {
        (true, _) => Ok(Supply::Cache),
        (false, true) => Ok(Supply::LocalDisk),
        (false, false) => Err(PmError::Failed {
            what: "installing without download".into(),
            tool_says: format!("not fetched: {}; fetch the plan first", far.join(", ")),
        }),
    }
}

/// Whether a step is what the item asks for: name, architecture and version.
pub(super) fn same(step: &Step, item: &Item, status: &Status) -> bool {
    step.name == item.name
        && status.same_arch(step.arch.as_deref().unwrap_or(&status.native_arch), &item.arch)
        && step.to.as_deref() == Some(&item.to)
}

/// Compares what apt would do with the items. The first error in words, `None` when both are the same.
pub(super) fn difference(steps: &[Step], items: &[&Item], status: &Status) -> Option<String> {
    let same = |step: &Step, item: &Item| same(step, item, status);
    let mut found = Vec::new();
    for step in steps.iter().filter(|s| !items.iter().any(|i| same(s, i))) {
        found.push(match &step.to {
            Some(to) => format!("{} {to} would be installed", step.name),
            None => format!("{} would be removed", step.name),
        });
    }
    for item in items.iter().filter(|i| !steps.iter().any(|s| same(s, i))) {
        found.push(match status.get(&item.name, &item.arch) {
            Some(p) if p.hold => {
                format!("{} {} would not be installed, the package is on hold", item.name, item.to)
            }
            _ => format!("{} {} would not be installed", item.name, item.to),
        });
    }
    (!found.is_empty()).then(|| found.join("; "))
}
