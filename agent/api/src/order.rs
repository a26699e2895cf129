//! What an administrator asks for beside the documents: options of one patch-now.
//!
//! An order lets a machine be disturbed outside of its windows, and may widen what is installed (a list, another
//! baseline). So it goes from the administrator to the privileged half directly and is kept there; the agent only names
//! it. It is good for one run, which is named after it ([`crate::ids::RunId::of_order`]).

use chrono::{DateTime, Utc};
use patchflock_baselines::approval::names;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::document::override_list::{parse_baseline_override, parse_override_list};
use patchflock_baselines::document::{self, Document};
use patchflock_baselines::os::OperatingSystem;
use patchflock_machine::system::Wishes;
use serde::{Deserialize, Serialize};

use crate::run::{Operation, RebootChoice};

/// One patch-now or dry run, with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What it asks for; only [`Operation::Install`] needs an order today.
    pub operation: Operation,
    /// Whether its run reboots. This decides, not what the agent was told.
    pub reboot: RebootChoice,
    /// Its run only looks: nothing is ever installed, hooked or rebooted by it.
    pub dry_run: bool,
    /// Makes each placing an order of its own, although it says the same: 1 to 64 of 0-9 and a-f.
    pub nonce: String,
    /// Source text of an install-override list (reference 2.8).
    #[serde(default)]
    pub install_override_list: Option<String>,
    /// Source text of a baseline override: a JSON list (reference 2.7) or one PatchBaseline document.
    #[serde(default)]
    pub baseline_override: Option<String>,
    /// Patches left out of this run: names as in `rejected_patches`; what depends on them is left out, too.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// From here on it starts nothing; 24 hours after it was placed at the latest.
    pub expires: DateTime<Utc>,
    /// Words of the administrator for the history.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Default for Order {
    /// An order without options that has expired long ago: what is not said is filled in from here.
    fn default() -> Self {
        Self {
            operation: Operation::Install,
            reboot: RebootChoice::default(),
            dry_run: false,
            nonce: "0".into(),
            install_override_list: None,
            baseline_override: None,
            exclude: Vec::new(),
            expires: DateTime::UNIX_EPOCH,
            reason: None,
        }
    }
}

/// What an order means.
#[derive(Debug)]
pub struct Meaning {
    /// What the run takes and leaves.
    pub wishes: Wishes,
    /// Baselines in the place of those in force, one for each operating system.
    baselines: Option<Vec<Baseline>>,
}

impl Meaning {
    /// The baseline that takes the place of the one in force here (reference 2.7).
    pub fn baseline(&self, os: OperatingSystem) -> Option<&Baseline> {
        self.baselines.iter().flatten().find(|b| b.operating_system == os)
    }
}

impl Order {
    /// Reads the texts of an order.
    ///
    /// # Errors
    /// Every problem of a text, with its place.
    pub fn read(&self) -> Result<Meaning, String> {
        let problems = |text: &str, problems: Vec<_>| document::render(text, &problems).trim_end().to_owned();
        names::check_overrides(self.baseline_override.is_some(), self.install_override_list.is_some())
            .map_err(|e| e.to_string())?;
        let list = match &self.install_override_list {
            None => None,
            Some(text) => Some(
                parse_override_list("install-override list", text.as_bytes())
                    .map_err(|p| problems(text, p))?,
            ),
        };
        let baselines = match &self.baseline_override {
            None => None,
            Some(text) if text.trim_start().starts_with('[') => {
                let read = parse_baseline_override("baseline override", text.as_bytes());
                Some(read.map_err(|p| problems(text, p))?.baselines)
            }
            Some(text) => {
                let read =
                    document::parse("baseline override", text.as_bytes()).map_err(|p| problems(text, p))?;
                match <[Document; 1]>::try_from(read.documents) {
                    Ok([Document::PatchBaseline(one)]) => Some(vec![one]),
                    _ => {
                        return Err(
                            "a baseline override is a JSON list or one document of kind PatchBaseline".into(),
                        );
                    }
                }
            }
        };
        Ok(Meaning { wishes: Wishes { list, exclude: self.exclude.clone() }, baselines })
    }
}
