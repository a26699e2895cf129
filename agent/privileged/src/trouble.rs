//! What follows from an error.

use patchflock_api::run::{Trouble, TroubleKind};
use patchflock_machine::exec::ExecError;
use patchflock_machine::lock::LockError;
use patchflock_machine::pm::{PmError, Progress};

fn of(kind: TroubleKind, why: impl Into<String>) -> Trouble {
    Trouble { kind, why: why.into() }
}

/// Asking again changes nothing.
pub(crate) fn failed(why: impl Into<String>) -> Trouble {
    of(TroubleKind::Failed, why)
}

/// Worth another try soon.
pub(crate) fn busy(why: impl Into<String>) -> Trouble {
    of(TroubleKind::Busy, why)
}

/// Worth another try.
pub(crate) fn unavailable(why: impl Into<String>) -> Trouble {
    of(TroubleKind::Unavailable, why)
}

/// Plan anew.
pub(crate) fn plan_changed(why: impl Into<String>) -> Trouble {
    of(TroubleKind::PlanChanged, why)
}

/// Look at the machine, and plan anew.
pub(crate) fn interrupted(why: impl Into<String>) -> Trouble {
    of(TroubleKind::Interrupted, why)
}

/// Of an operation that only looks or can be repeated.
pub(crate) fn of_pm(e: PmError) -> Trouble {
    let kind = match &e {
        // Something still writes the package database.
        PmError::Locked { .. } | PmError::Exec(ExecError::Stuck { .. }) => TroubleKind::Busy,
        PmError::NotThePlan { .. } => TroubleKind::PlanChanged,
        PmError::NoTool { .. } | PmError::NeedsRoot { .. } | PmError::Exec(ExecError::NotFound { .. }) => {
            TroubleKind::Failed
        }
        PmError::Unexpected { .. } | PmError::Read { .. } | PmError::Source { .. } => TroubleKind::Failed,
        PmError::Failed { .. } | PmError::Exec(_) => TroubleKind::Unavailable,
    };
    // A tool may name hundreds of files; who reads a status needs the first.
    of(kind, shortened(&e.to_string()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(400) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Of the installation itself: what failed on the way is not tried again as it is.
pub(crate) fn of_install(e: PmError) -> Trouble {
    let trouble = of_pm(e);
    match trouble.kind {
        TroubleKind::Unavailable => of(TroubleKind::Failed, trouble.why),
        _ => trouble,
    }
}

pub(crate) fn of_lock(e: LockError) -> Trouble {
    match e {
        LockError::Held => busy(e.to_string()),
        LockError::File { .. } => failed(e.to_string()),
    }
}

/// What follows from a trouble, for people.
pub(crate) fn in_words(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::Busy => "busy, worth another try soon",
        TroubleKind::Unavailable => "out of reach, worth another try",
        TroubleKind::PlanChanged => "to be planned anew",
        TroubleKind::Failed => "not done",
        TroubleKind::Interrupted => "interrupted",
    }
}

/// Progress in words.
pub(crate) fn words(progress: Progress) -> String {
    match progress {
        Progress::Phase(name) => name,
        Progress::Package { name, what } => format!("{name}: {what}"),
        Progress::Percent(n) => format!("{n} %"),
    }
}
