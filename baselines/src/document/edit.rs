//! Approving and rejecting a patch by hand: one entry more in the source text of a baseline, and nothing else changed.
//!
//! A document is its author's text, with comments that say why; writing it anew from its value would lose them. So the
//! text is edited where the parser says that the list is, for the layouts that people write. Whatever comes out is
//! read again and must be the old baseline with exactly that change; everything else is refused with words.

mod diff;
mod layout;
mod source;

pub use diff::diff;

use super::{Document, Parsed, Problem, parse, to_yaml};
use crate::baseline::Baseline;
use layout::Unfit;
use source::Source;

/// Why a source was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The source itself is refused, for these reasons.
    #[error("the document is not valid: repair it first")]
    Invalid(Vec<Problem>),
    /// The source is valid and not one baseline.
    #[error("{0}")]
    NotOneBaseline(String),
    /// The baseline says this already.
    #[error("nothing to change: {0}")]
    NothingToChange(String),
    /// The changed baseline would be refused.
    #[error("{0}")]
    Refused(String),
    /// The change is right, and the text is laid out in a way that is not edited in place.
    #[error("{0}")]
    Layout(String),
}

/// The two lists of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Approved,
    Rejected,
}

impl List {
    fn field(self) -> &'static str {
        match self {
            Self::Approved => "approved_patches",
            Self::Rejected => "rejected_patches",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Approved => Self::Rejected,
            Self::Rejected => Self::Approved,
        }
    }

    fn of(self, baseline: &mut Baseline) -> &mut Vec<String> {
        match self {
            Self::Approved => &mut baseline.approved_patches,
            Self::Rejected => &mut baseline.rejected_patches,
        }
    }
}

/// How often one patch may be listed in the list that it is removed from: each takes another reading.
const MAX_REMOVED: usize = 8;

/// The source of a baseline with a patch added to `approved_patches`, and removed from `rejected_patches`.
///
/// The patch is an entry as documents write it (reference 2.4), and is compared with the others exactly: a rejected
/// `kernel*` still rejects an approved `kernel`, as rejecting wins.
///
/// # Errors
/// See [`EditError`]; the source is then as it should stay.
pub fn approve(text: &str, patch: &str) -> Result<String, EditError> {
    put(text, patch, List::Approved)
}

/// The source of a baseline with a patch added to `rejected_patches`, and removed from `approved_patches`.
///
/// # Errors
/// As [`approve`].
pub fn reject(text: &str, patch: &str) -> Result<String, EditError> {
    put(text, patch, List::Rejected)
}

fn put(text: &str, patch: &str, list: List) -> Result<String, EditError> {
    let before = parse("document", text.as_bytes()).map_err(EditError::Invalid)?;
    let mut wanted = before.clone();
    let (to_add, to_remove) = change(&mut wanted, patch, list)?;

    let by_hand = |why: Unfit| {
        let entry = patch.escape_debug();
        let mut steps = Vec::new();
        if to_add {
            steps.push(format!("put `{entry}` into `{}`", list.field()));
        }
        if to_remove > 0 {
            steps.push(format!("take `{entry}` out of `{}`", list.other().field()));
        }
        EditError::Layout(format!("{why}: {} by hand", steps.join(" and ")))
    };
    let (mark, mut now) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest.to_owned()),
        None => ("", text.to_owned()),
    };
    if to_remove > MAX_REMOVED {
        return Err(by_hand(Unfit("it is listed many times")));
    }
    for _ in 0..to_remove {
        now = Source::read(&now)
            .and_then(|s| layout::remove(&s, list.other().field(), patch))
            .map_err(by_hand)?;
    }
    if to_add {
        now = Source::read(&now)
            .and_then(|s| layout::add(&s, list.field(), list.other().field(), patch))
            .map_err(by_hand)?;
    }
    let now = format!("{mark}{now}");
    match parse("document", now.as_bytes()) {
        Ok(after) if after.documents == wanted.documents && after.expires == wanted.expires => Ok(now),
        _ => Err(by_hand(Unfit("the document is laid out in an unusual way"))),
    }
}

/// Changes the value; says whether the patch is to be added, and how often it is to be removed from the other list.
fn change(parsed: &mut Parsed, patch: &str, list: List) -> Result<(bool, usize), EditError> {
    let count = parsed.documents.len();
    let [document] = parsed.documents.as_mut_slice() else {
        let message = format!("the source holds {count} documents: give one baseline");
        return Err(EditError::NotOneBaseline(message));
    };
    let (kind, name) = (document.kind(), document.name().to_owned());
    let Document::PatchBaseline(baseline) = document else {
        return Err(EditError::NotOneBaseline(format!("{kind} {name} is not a baseline: name one")));
    };
    let to_add = !list.of(baseline).iter().any(|listed| listed == patch);
    let to_remove = list.other().of(baseline).iter().filter(|listed| *listed == patch).count();
    if !to_add && to_remove == 0 {
        let field = list.field();
        return Err(EditError::NothingToChange(format!(
            "`{}` is in `{field}` of baseline {name}",
            patch.escape_debug()
        )));
    }
    if to_add {
        list.of(baseline).push(patch.to_owned());
    }
    list.other().of(baseline).retain(|listed| listed != patch);
    // Whether the change itself is right, whatever the layout: so that nobody is sent to make a wrong one by hand.
    match parse("document", to_yaml(document).as_bytes()) {
        Ok(_) => Ok((to_add, to_remove)),
        Err(problems) => {
            let words = problems.iter().map(|problem| match &problem.hint {
                Some(hint) => format!("{}: {hint}", problem.message),
                None => problem.message.clone(),
            });
            Err(EditError::Refused(words.collect::<Vec<_>>().join("; ")))
        }
    }
}

#[cfg(test)]
mod tests;
