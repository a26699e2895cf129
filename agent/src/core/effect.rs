//! Actions: what to do, in the imperative. They are carried out in order.

use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::run::{HookPoint, RunEntry, RunSpec};

use super::{Journal, Refusal, StepId};

/// An action. Any of them may be carried out twice, after a crash between act and record.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write the journal durably. What follows depends on it.
    Persist(Box<Journal>),
    /// Carry out a step in the background; answered by one [`super::Event::Answered`] with the same id.
    Do {
        /// Which step.
        step: StepId,
        /// The run it belongs to.
        spec: Box<RunSpec>,
        /// What to do.
        act: Act,
    },
    /// Append to the history, once per run.
    Record(Box<RunEntry>),
    /// Give the slot back.
    ReleaseSlot {
        /// The run that held it.
        run: RunId,
        /// Its token.
        token: u64,
        /// The run counts as an error.
        failed: bool,
    },
    /// Answer somebody.
    Reply {
        /// Whom.
        request: u64,
        /// The run that was started or ended, or why not.
        result: Result<RunId, Refusal>,
    },
    /// Give [`super::Event::Woke`] at this time; replaces an earlier wish.
    WakeAt(DateTime<Utc>),
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Look at the machine and plan.
    Survey {
        /// Fetch metadata first.
        refresh: bool,
        /// The run has installed already.
        attempted: bool,
    },
    /// Download what is planned.
    Fetch,
    /// Ask the lease.
    AcquireSlot,
    /// Run the hooks of a point.
    Hook(HookPoint),
    /// Carry out the plan, or follow it if it runs already.
    Install {
        /// Token of the slot.
        token: u64,
    },
    /// Reboot the machine.
    Reboot,
    /// Ask whether the machine is well.
    Health,
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Survey { refresh: true, .. } => "fetching metadata, scanning and planning",
            Self::Survey { refresh: false, attempted: false } => "scanning and planning",
            Self::Survey { refresh: false, attempted: true } => "scanning to see what was installed",
            Self::Fetch => "downloading",
            Self::AcquireSlot => "asking for permission to disturb the machine",
            Self::Hook(HookPoint::PreInstall) => "running the hooks before the installation",
            Self::Hook(HookPoint::PostInstall) => "running the hooks after the installation",
            Self::Hook(HookPoint::PreReboot) => "running the hooks before the reboot",
            Self::Hook(HookPoint::OnExit) => "running the hooks at the end",
            Self::Install { token, .. } => {
                return write!(f, "installing under token {token}, or following it");
            }
            Self::Reboot => "rebooting the machine, or asking whether it has booted",
            Self::Health => "looking whether the machine is well",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_told_in_words() {
        let mut words = std::collections::BTreeSet::new();
        for act in [
            Act::Survey { refresh: true, attempted: false },
            Act::Survey { refresh: false, attempted: false },
            Act::Survey { refresh: false, attempted: true },
            Act::Fetch,
            Act::AcquireSlot,
            Act::Hook(HookPoint::PreInstall),
            Act::Hook(HookPoint::PostInstall),
            Act::Hook(HookPoint::PreReboot),
            Act::Hook(HookPoint::OnExit),
            Act::Install { token: 7 },
            Act::Reboot,
            Act::Health,
        ] {
            let told = act.to_string();
            assert!(!told.contains('{') && told.starts_with(|c: char| c.is_lowercase()), "{act:?}: {told}");
            words.insert(told);
        }
        assert_eq!(words.len(), 12, "each differs from the others");
    }
}
