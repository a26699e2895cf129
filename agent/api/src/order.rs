//! What an administrator asks for beside the documents: options of one patch-now.
//!
//! An order may widen what is installed (a list, another baseline), so it goes from the administrator to the privileged
//! half directly and is kept there; the agent only names it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Options of one patch-now or dry run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
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
