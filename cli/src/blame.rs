//! How a command ended: whose turn it is decides the exit status.

use std::fmt;

/// A command that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Exit 0.
    Fine,
    /// Exit 3: the machine is not compliant, or nobody can say that it is, or how the run ends is not known yet.
    NotCompliant,
}

impl Verdict {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::NotCompliant => 3,
        }
    }
}

/// A command that did not.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit 1: the operator can repair it by asking differently.
    Operator(anyhow::Error),
    /// Exit 2: the machine or we failed.
    Ours(anyhow::Error),
}

impl Failure {
    pub(crate) fn operator(message: impl fmt::Display) -> Self {
        Self::Operator(anyhow::anyhow!("{message}"))
    }

    /// The causes in one line, for records.
    pub(crate) fn cause(&self) -> String {
        let (Self::Operator(e) | Self::Ours(e)) = self;
        format!("{e:#}")
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Operator(_) => 1,
            Self::Ours(_) => 2,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Self {
        Self::Ours(e)
    }
}

impl From<patchflock_machine::pm::PmError> for Failure {
    fn from(e: patchflock_machine::pm::PmError) -> Self {
        use patchflock_machine::pm::PmError;
        match e {
            PmError::NeedsRoot { .. } => Self::Operator(e.into()),
            _ => Self::Ours(e.into()),
        }
    }
}

impl fmt::Display for Failure {
    /// The chain, one cause per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Operator(e) | Self::Ours(e)) = self;
        write!(f, "patchflock: {e}")?;
        for cause in e.chain().skip(1) {
            write!(f, "\n  because: {cause}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_has_its_own_exit_status() {
        assert_eq!(Verdict::Fine.code(), 0);
        assert_eq!(Failure::operator("no such file").code(), 1);
        assert_eq!(Failure::Ours(anyhow::anyhow!("disk full")).code(), 2);
        assert_eq!(Verdict::NotCompliant.code(), 3);
    }

    #[test]
    fn a_failure_tells_its_causes_one_per_line() {
        let e = anyhow::anyhow!("No space left on device").context("writing /var/lib/patchflock/runs");
        let text = Failure::Ours(e).to_string();
        assert_eq!(text, "patchflock: writing /var/lib/patchflock/runs\n  because: No space left on device");
    }
}
