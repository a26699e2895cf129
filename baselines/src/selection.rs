//! Which baseline a node gets (reference 2.6, 0.3; design 7b "Fallback never opens production").
//!
//! Order: the registration of the node's patch group, the fleet's default for the operating system, the
//! predefined one. A baseline override of one run (reference 2.7) goes before all of them and is the caller's
//! matter: it names the baseline itself.
//!
//! The dangerous step is falling back: a node whose registration did not arrive yet must not be patched by the
//! wider default. So in a fleet a fallback needs proof that the catalogue of documents is complete; without it
//! the answer is [`Selection::Unknown`], under which a node scans and installs nothing.

use serde::{Deserialize, Serialize};

use crate::os::OperatingSystem;

/// A patch group is registered with a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Value of the `Patch Group` tag, compared exactly.
    pub patch_group: String,
    /// Operating system of the baseline: one group may have one baseline per system (reference 3).
    pub operating_system: OperatingSystem,
    /// Name of the baseline.
    pub baseline: String,
}

/// The default baseline for an operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultBaseline {
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// Name of the baseline.
    pub baseline: String,
}

/// What a fleet does with a node that has no patch group (reference 0.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UntaggedNodes {
    /// The run ends for it.
    #[default]
    Skip,
    /// It uses the default baseline of its operating system, as AWS does.
    DefaultBaseline,
}

/// Everything the choice depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The node's patch group; `None` or empty where it has none.
    pub patch_group: Option<&'a str>,
    /// The node's operating system.
    pub operating_system: OperatingSystem,
    /// Registrations in force: not expired, not revoked.
    pub registrations: &'a [Registration],
    /// The fleet's (or the lone machine's) own defaults.
    pub defaults: &'a [DefaultBaseline],
    /// Name of the predefined baseline of the operating system, used where no default is set.
    pub predefined: Option<&'a str>,
    /// It is proven that no document of the catalogue is missing here.
    pub catalogue_complete: bool,
    /// What to do without a patch group.
    pub untagged: UntaggedNodes,
    /// The node belongs to a fleet. A lone machine has no catalogue that could be incomplete and is patched
    /// by whoever runs the program on it, so it always uses its default.
    pub is_fleet: bool,
}

/// The choice and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "selection", rename_all = "snake_case")]
pub enum Selection {
    /// This baseline is in effect.
    Selected {
        /// Its name.
        which: String,
        /// Why this one.
        why: String,
    },
    /// The node has no patch group and the fleet skips such nodes: the run ends for it, as a skip with a
    /// reason and not as a failure.
    SkipUntagged {
        /// Why.
        why: String,
    },
    /// It cannot be known: scan, report the verdict as unknown, install nothing.
    Unknown {
        /// Why, and what would settle it.
        why: String,
    },
}

/// Chooses the baseline of a node.
pub fn select(situation: &Situation<'_>) -> Selection {
    let os = situation.operating_system;
    let group = situation.patch_group.filter(|group| !group.is_empty());
    let Some(group) = group else {
        if !situation.is_fleet {
            return fallback(situation, "this machine has no patch group");
        }
        return match situation.untagged {
            UntaggedNodes::Skip => Selection::SkipUntagged {
                why:
                    "this node has no `Patch Group` tag and the fleet skips such nodes (untagged_nodes: skip)"
                        .to_owned(),
            },
            UntaggedNodes::DefaultBaseline => {
                fallback(situation, "this node has no `Patch Group` tag (untagged_nodes: default_baseline)")
            }
        };
    };
    let mut registered: Vec<&str> = situation
        .registrations
        .iter()
        .filter(|r| r.operating_system == os && r.patch_group == group)
        .map(|r| r.baseline.as_str())
        .collect();
    registered.sort_unstable();
    registered.dedup();
    match registered.as_slice() {
        [] => fallback(situation, &format!("patch group {group} has no baseline for {os}")),
        [one] => Selection::Selected {
            which: (*one).to_owned(),
            why: format!("registered for patch group {group} on {os}"),
        },
        // AWS refuses the second registration (reference 3); documents written in parallel can still meet.
        many => Selection::Unknown {
            why: format!(
                "patch group {group} is registered with {} baselines for {os} ({}): remove all but one",
                many.len(),
                many.join(", ")
            ),
        },
    }
}

fn fallback(situation: &Situation<'_>, because: &str) -> Selection {
    let os = situation.operating_system;
    if situation.is_fleet && !situation.catalogue_complete {
        return Selection::Unknown {
            why: format!(
                "{because}, as far as this node knows, but its catalogue is not proven complete: no default \
                 applies until it has synchronized"
            ),
        };
    }
    let mut defaults: Vec<&str> =
        situation.defaults.iter().filter(|d| d.operating_system == os).map(|d| d.baseline.as_str()).collect();
    defaults.sort_unstable();
    defaults.dedup();
    match (defaults.as_slice(), situation.predefined) {
        ([one], _) => Selection::Selected {
            which: (*one).to_owned(),
            why: format!("{because}: the default baseline for {os} applies"),
        },
        ([], Some(predefined)) => Selection::Selected {
            which: predefined.to_owned(),
            why: format!("{because} and no default is set for {os}: the predefined baseline applies"),
        },
        ([], None) => Selection::Unknown {
            why: format!("{because} and there is no default baseline for {os}: set one, or name a baseline"),
        },
        (many, _) => Selection::Unknown {
            why: format!("{os} has {} default baselines ({}): keep one", many.len(), many.join(", ")),
        },
    }
}

#[cfg(test)]
mod tests;
