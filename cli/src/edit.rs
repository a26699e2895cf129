//! Changing one list of a baseline in its source text, comments and order kept.

use patchflock_baselines::document::edit::{self, EditError};

use crate::blame::Failure;
use crate::policy;

/// The text of a baseline with the patch approved.
pub(crate) fn approve(text: &str, patch: &str) -> Result<String, Failure> {
    edit::approve(text, patch).map_err(|e| refused(text, &e))
}

/// The text of a baseline with the patch rejected.
pub(crate) fn reject(text: &str, patch: &str) -> Result<String, Failure> {
    edit::reject(text, patch).map_err(|e| refused(text, &e))
}

fn refused(text: &str, e: &EditError) -> Failure {
    match e {
        EditError::Invalid(found) => policy::problems(text.as_bytes(), found),
        other => Failure::operator(other),
    }
}
