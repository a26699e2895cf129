//! Changing one list of a baseline in its source text, comments and order kept.

use crate::blame::Failure;

/// The one place that waits for `patchflock_baselines::document::edit`.
fn not_yet(verb: &str, list: &str, patch: &str) -> Failure {
    Failure::operator(format!(
        "this build cannot {verb} by itself yet: add {patch:?} to `{list}` of the baseline's file and \
         `patchflock apply -f FILE`"
    ))
}

/// The text of a baseline with the patch approved.
pub(crate) fn approve(_text: &str, patch: &str) -> Result<String, Failure> {
    Err(not_yet("approve", "approved_patches", patch))
}

/// The text of a baseline with the patch rejected.
pub(crate) fn reject(_text: &str, patch: &str) -> Result<String, Failure> {
    Err(not_yet("reject", "rejected_patches", patch))
}
