//! Which baseline a node gets (reference 2.6, 0.3; design 7b "Fallback never opens production").
//!
//! Order: the registration of the node's patch group, the fleet's default for the operating system, the
//! predefined one. A baseline override of one run (reference 2.7) goes before all of them and is the caller's
//! matter: it names the baseline itself.
//!
//! The dangerous step is falling back: a node whose registration did not arrive yet must not be patched by the
//! wider default. So in a fleet a fallback needs proof that the catalogue of documents is complete; without it
//! the answer is [`Selection::Unknown`], under which a node scans and installs nothing. For the same reason what
//! was registered and has no effect now (expired, missing, unreadable) is not dropped but kept as [`Unsettled`].
//!
//! [`choose`] is what a node calls: from the documents it has adopted to the baseline. [`select`] is its table, and
//! [`registrations`] and [`defaults`] are what documents mean together.

mod catalogue;
mod choose;
mod references;
mod resolve;

pub use catalogue::{Adopted, Catalogue};
pub use choose::{Choice, NodeFacts, choose};
pub use references::{Remark, remarks};
pub use resolve::{defaults, registrations};

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

/// What an [`Unsettled`] is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concerns {
    /// The registrations of this patch group.
    PatchGroup(String),
    /// The registrations of a patch group that cannot be told, so it may be any.
    AnyPatchGroup,
    /// The default baselines.
    Defaults,
}

/// Something that an administrator wrote and that has no effect now, so that what was meant is not known.
///
/// It takes the place of the registration or default that it would have been: dropping it would open the fallback.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unsettled {
    /// Whose baseline is not known.
    pub concerns: Concerns,
    /// For which operating system; `None` where that is not known either, so it may be any.
    pub operating_system: Option<OperatingSystem>,
    /// What is wrong and what settles it.
    pub why: String,
}

impl std::fmt::Display for Unsettled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
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
    /// What was written about registrations and defaults and is not in force.
    pub unsettled: &'a [Unsettled],
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

/// Chooses the baseline of a node from what is in force and what is unsettled.
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
    // Also where another baseline is registered: the unsettled one may be for this system, and the stricter one.
    let own = unsettled(situation, |u| {
        matches!(&u.concerns, Concerns::PatchGroup(name) if name == group)
            && u.operating_system.is_none_or(|other| other == os)
    });
    if let Some(why) = own {
        return Selection::Unknown { why };
    }
    let mut registered: Vec<&str> = situation
        .registrations
        .iter()
        .filter(|r| r.operating_system == os && r.patch_group == group)
        .map(|r| r.baseline.as_str())
        .collect();
    registered.sort_unstable();
    registered.dedup();
    match registered.as_slice() {
        [] => match unsettled(situation, |u| u.concerns == Concerns::AnyPatchGroup) {
            Some(why) => Selection::Unknown { why },
            None => fallback(situation, &format!("patch group {group} has no baseline for {os}")),
        },
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

/// The reasons of what is unsettled and fits, as one sentence; `None` if nothing does.
fn unsettled(situation: &Situation<'_>, fits: impl Fn(&Unsettled) -> bool) -> Option<String> {
    /// Whoever settles these sees the others then.
    const TOLD: usize = 3;
    let mut reasons: Vec<&str> =
        situation.unsettled.iter().filter(|u| fits(u)).map(|u| u.why.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let more = match reasons.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    reasons.truncate(TOLD);
    (!reasons.is_empty()).then(|| reasons.join("; ") + &more)
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
    let own = |u: &Unsettled| u.concerns == Concerns::Defaults && u.operating_system == Some(os);
    if let Some(why) = unsettled(situation, own) {
        return Selection::Unknown { why };
    }
    let mut defaults: Vec<&str> =
        situation.defaults.iter().filter(|d| d.operating_system == os).map(|d| d.baseline.as_str()).collect();
    defaults.sort_unstable();
    defaults.dedup();
    // One document serves all systems of the fleet: what is missing in it stops the nodes that lack a default, not
    // those that have theirs.
    let any = |u: &Unsettled| u.concerns == Concerns::Defaults && u.operating_system.is_none();
    if defaults.is_empty()
        && let Some(why) = unsettled(situation, any)
    {
        return Selection::Unknown { why };
    }
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
