//! The reasons of rules in words: which rule, which date and its source, what would change it and when.

use super::{Finding, Judge, Outcome, RULES_SHOWN, Timing, dates};
use crate::baseline::Approve;

impl Judge<'_> {
    /// Why a matching rule approves or waits.
    pub(super) fn words(&self, finding: &Finding<'_>) -> String {
        let number = finding.number;
        let Some(prepared) = self.rule(number) else { return String::new() };
        let filters = &prepared.words;
        let date = finding.date.as_ref().map_or_else(String::new, |d| dates::origin(d, finding.advisory));
        let days = match prepared.rule.approve {
            Approve::AfterDays(1) => "1 day".to_owned(),
            Approve::AfterDays(days) => format!("{days} days"),
            Approve::UntilDate(day) => day.to_string(),
            Approve::Manual => String::new(),
        };
        match &finding.timing {
            Timing::AtOnce => format!("approved by rule {number} ({filters}), which has no delay"),
            Timing::Waited(due) => format!(
                "approved by rule {number} ({filters}): {date}, {days} had passed on {}",
                dates::words(*due)
            ),
            Timing::Until => {
                format!(
                    "approved by rule {number} ({filters}): {date}, not after its approve_until_date {days}"
                )
            }
            Timing::Undated1970 => format!(
                "approved by rule {number} ({filters}): its date is unknown and counts as 1970-01-01 \
                 (undated_patches: approve)"
            ),
            Timing::Pending(due) if prepared.rule.approve == Approve::AfterDays(0) => format!(
                "waits until {} (rule {number}, {filters}): {date}, which is in the future",
                dates::minutes(*due)
            ),
            Timing::Pending(due) => format!(
                "waits until {} (rule {number}, {filters}): {days} after it was {date}",
                dates::minutes(*due)
            ),
            Timing::Manual => format!(
                "rule {number} ({filters}) matches and approves nothing by itself: it waits until \
                 approved_patches names it"
            ),
            Timing::NoDate => format!(
                "rule {number} ({filters}) matches and needs a date, which nobody knows: it waits until its first \
                 sight is recorded or approved_patches names it (undated_patches: approve would take it now)"
            ),
            Timing::TooNew => format!(
                "too new for rule {number} ({filters}): {date}, after its approve_until_date {days}; a later \
                 one or approved_patches would include it"
            ),
        }
    }

    /// Why no rule matches.
    pub(super) fn no_rule(&self, refusals: &[(usize, Outcome<'_>)]) -> String {
        if self.rules.is_empty() {
            return "the baseline has no rules and approved_patches does not name it".to_owned();
        }
        if refusals.iter().all(|(_, r)| matches!(r, Outcome::NotSecurity)) && self.rules.len() <= RULES_SHOWN
        {
            let rules: Vec<String> = refusals.iter().map(|(n, _)| format!("rule {n}")).collect();
            let takes = if rules.len() == 1 { "takes" } else { "take" };
            return format!(
                "not a security update; {} {takes} security updates only (enable_non_security would include it)",
                rules.join(" and ")
            );
        }
        let mut parts: Vec<String> = refusals
            .iter()
            .map(|(number, refusal)| match refusal {
                Outcome::Mismatch(mismatch) => format!("rule {number} {}", mismatch.words()),
                _ => format!(
                    "rule {number} takes security updates only and this is none (enable_non_security would include it)"
                ),
            })
            .collect();
        if self.rules.len() > refusals.len() {
            parts.push(format!("{} more rules neither", self.rules.len() - refusals.len()));
        }
        format!("no rule matches: {}", parts.join("; "))
    }
}
