//! What is offered and not approved yet: it is not missing, so compliance does not count it, and people ask for it.

use chrono::{DateTime, Utc};
use patchflock_baselines::approval::{Evaluation, Verdict};
use serde::Serialize;

use crate::decisions;
use crate::output::{instant, paragraph};

/// Packages with a version that is offered and not approved. Stable.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Waiting {
    /// Packages that wait for their approval.
    pub(crate) for_approval: usize,
    /// When the first of them is approved; `None`: none of them by the mere passing of time.
    pub(crate) next: Option<DateTime<Utc>>,
    /// Packages of which nothing is approved, nor will be: no rule matches, rejected, too new.
    pub(crate) not_approved: usize,
}

impl Waiting {
    /// What an evaluation leaves waiting: the same rows, and so the same numbers, as `explain` shows. A package of which
    /// an older version is approved is missing that one, and is counted there.
    pub(crate) fn of(evaluation: &Evaluation) -> Self {
        let mut waiting = Self::default();
        for decision in decisions::shown(evaluation, false) {
            match decision.verdict {
                Verdict::Pending { at } => {
                    waiting.for_approval += 1;
                    waiting.next = waiting.next.into_iter().chain([at]).min();
                }
                Verdict::Waiting => waiting.for_approval += 1,
                Verdict::TooNew | Verdict::Rejected | Verdict::NotMatched => waiting.not_approved += 1,
                // The machine's own word, or the distribution's.
                Verdict::Approved | Verdict::Held | Verdict::Deferred => {}
            }
        }
        waiting
    }

    /// In one line; nothing where nothing waits.
    pub(crate) fn line(&self) -> String {
        let mut parts = Vec::new();
        match (self.for_approval, self.next) {
            (0, _) => {}
            (n, Some(at)) => parts.push(format!("{n} waiting for approval, the next on {}", instant(at))),
            (n, None) => parts.push(format!("{n} waiting for approval by hand: `patchflock approve`")),
        }
        if self.not_approved > 0 {
            parts.push(format!("{} offered and not approved by the baseline", self.not_approved));
        }
        if parts.is_empty() { String::new() } else { paragraph("  ", &parts.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_by_package_and_the_first_date_counts() {
        let inventory = serde_json::from_str(include_str!("../../tests/testdata/cli/rpm.json")).unwrap();
        let baseline =
            patchflock_baselines::predefined::named("predefined-rocky-linux").unwrap().baseline().unwrap();
        let at = "2026-11-25T00:00:00Z".parse().unwrap();
        let mut evaluation = patchflock_baselines::approval::evaluate(&baseline, &inventory, at).unwrap();
        let waiting = Waiting::of(&evaluation);
        assert_eq!((waiting.for_approval, waiting.not_approved), (1, 3), "{waiting:?}");
        let said = waiting.line();
        assert!(said.starts_with("  1 waiting for approval, the next on 20"), "{said}");
        assert!(said.contains("; 3 offered and not approved by the baseline"), "{said}");
        for d in &mut evaluation.decisions {
            d.verdict = Verdict::Waiting;
        }
        assert!(Waiting::of(&evaluation).line().contains("by hand"));
        evaluation.decisions.clear();
        assert_eq!(Waiting::of(&evaluation).line(), "");
    }
}
