//! Which installed patches wait for a reboot.
//!
//! AWS marks every patch as INSTALLED_PENDING_REBOOT that was installed since the last boot and says that this
//! does not imply a need (reference 5.1); its pages disagree on patches installed by others. We go by evidence:
//! - The machine needs no reboot: nothing waits.
//! - It needs one and the evidence names installed packages: those wait, whoever installed them. Of several installed
//!   versions (kernels) only those that came after the boot: the one that runs does not wait.
//! - It needs one and the evidence names none: what we installed since the boot waits.
//! - It cannot tell: what we installed since the boot waits, as in AWS.

use std::collections::HashSet;

use crate::inventory::{Installed, Inventory};
use crate::plan::Target;

pub(super) enum Pending<'a> {
    Nothing,
    /// Name, architecture and version of packages named by evidence.
    Named(HashSet<(&'a str, &'a str, &'a str)>),
    /// Our own installations since the boot.
    Ours(HashSet<&'a Target>),
}

pub(super) fn pending<'a>(inventory: &'a Inventory, ours: &'a [Target]) -> Pending<'a> {
    match inventory.reboot.needed {
        Some(false) => return Pending::Nothing,
        Some(true) => {
            let named = named(inventory);
            if !named.is_empty() {
                return Pending::Named(named);
            }
        }
        None => {}
    }
    Pending::Ours(ours.iter().collect())
}

/// Installed packages that appear as a word in the evidence, alone or followed by their version.
fn named(inventory: &Inventory) -> HashSet<(&str, &str, &str)> {
    let word = |c: char| c.is_ascii_alphanumeric() || "+-._~:".contains(c);
    let words: HashSet<&str> = inventory
        .reboot
        .evidence
        .iter()
        .flat_map(|line| line.split(|c| !word(c)))
        .map(|w| w.trim_end_matches(['.', ':']))
        .filter(|w| !w.is_empty())
        .collect();
    let since_boot = |i: &Installed| i.installed_at.zip(inventory.node.booted_at).map(|(at, boot)| at > boot);
    let fresh: HashSet<&str> =
        inventory.installed.iter().filter(|i| since_boot(i) == Some(true)).map(|i| i.name.as_str()).collect();
    inventory
        .installed
        .iter()
        .filter(|i| {
            words.contains(i.name.as_str()) || words.contains(format!("{}-{}", i.name, i.version).as_str())
        })
        .filter(|i| since_boot(i) != Some(false) || !fresh.contains(i.name.as_str()))
        .map(|i| (i.name.as_str(), i.arch.as_str(), i.version.as_str()))
        .collect()
}

impl Pending<'_> {
    pub(super) fn contains(&self, installed: &Installed) -> bool {
        match self {
            Self::Nothing => false,
            Self::Named(exact) => exact.contains(&(
                installed.name.as_str(),
                installed.arch.as_str(),
                installed.version.as_str(),
            )),
            Self::Ours(targets) => targets.iter().any(|t| {
                t.name == installed.name
                    && t.version == installed.version
                    && (t.arch.is_empty() || t.arch == installed.arch)
            }),
        }
    }
}
