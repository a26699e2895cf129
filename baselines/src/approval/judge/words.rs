//! The reasons of rules in words: what the patch is, which rule, which date, what would change it and when.
//!
//! They stand in a column beside the verdict and do not repeat it. An offer of a security patch begins with what
//! makes it one and from where.

use std::fmt::Write as _;

use super::{Carried, Finding, Judge, Outcome, RULES_SHOWN, Subject, Timing, by_entry, dates, short};
use crate::approval::subject::{Fix, is_security};
use crate::baseline::Approve;
use crate::inventory::{Advisory, Source};

/// Room for nearly every reason, so that writing one seldom moves it.
const USUAL: usize = 192;

impl Judge<'_> {
    /// What a matching rule says.
    pub(super) fn words(&self, finding: &Finding<'_>, subject: &Subject<'_>) -> String {
        let number = finding.number;
        let Some(prepared) = self.rule(number) else { return String::new() };
        let mut text = String::with_capacity(USUAL);
        if let Some(Carried { candidate, advisory }) = finding.carried {
            text.push_str("contains ");
            notice(&mut text, advisory);
            write!(text, " from {}", short(&candidate.version)).ok();
            if let Some(own) = finding.advisory {
                separate(&mut text, "; ");
                notice(&mut text, own);
            }
        } else {
            self.origin(&mut text, subject, finding.advisory);
        }
        let dated = !matches!(finding.timing, Timing::AtOnce | Timing::Manual);
        if let Some(date) = finding.date.as_ref().filter(|_| dated) {
            separate(&mut text, ", ");
            text.push_str(&dates::event(date));
        }
        separate(&mut text, "; ");
        write!(text, "rule {number} ({})", prepared.words).ok();
        let approve = prepared.rule.approve;
        match &finding.timing {
            Timing::AtOnce => text.push_str(" has no delay"),
            Timing::Waited(due) => {
                write!(text, ", {} had passed on {}", wait(approve), dates::words(*due)).ok();
            }
            Timing::Until => drop(write!(text, ", not after its approve_until_date {}", wait(approve))),
            Timing::Undated1970 => {
                text.push_str(", its unknown date counts as 1970-01-01 (undated_patches: approve)");
            }
            Timing::Pending(_) if approve == Approve::AfterDays(0) => {
                text.push_str(" takes it then, which is in the future");
            }
            Timing::Pending(due) => {
                write!(text, " waits {}, until {}", wait(approve), dates::minutes(*due)).ok();
            }
            Timing::Manual => text.push_str(" approves nothing by itself: put it into approved_patches"),
            Timing::NoDate => text.push_str(
                " needs a date, which nobody knows: until its first sight is recorded or approved_patches names it \
                 (undated_patches: approve would take it now)",
            ),
            Timing::TooNew => {
                write!(
                    text,
                    " ended with its approve_until_date {}; a later one or approved_patches would include it",
                    wait(approve)
                )
                .ok();
            }
        }
        text
    }

    /// Why an entry of the approved list approves.
    pub(super) fn listed(&self, entry: &str, subject: &Subject<'_>) -> String {
        let mut text = String::with_capacity(USUAL);
        self.origin(&mut text, subject, subject.advisories.first().copied());
        separate(&mut text, "; ");
        text.push_str("approved_patches names it");
        text.push_str(&by_entry(entry, subject));
        text
    }

    /// What the patch is: the fix in it and the notice by which it is judged.
    fn origin(&self, text: &mut String, subject: &Subject<'_>, advisory: Option<&Advisory>) {
        match subject.fix {
            // Its own security notice, if it is not the one that decides anyway.
            Some(Fix::Own) if advisory.is_some_and(|a| !is_security(a)) => {
                if let Some(fix) = subject.advisories.first().copied().filter(|a| is_security(a)) {
                    text.push_str("contains ");
                    notice(text, fix);
                }
            }
            Some(Fix::Own) if advisory.is_some() => {}
            Some(Fix::Own) => {
                text.push_str("security update");
                self.from(text, subject.sources);
            }
            Some(Fix::Earlier(c)) => {
                text.push_str("contains a ");
                match c.advisories.iter().filter(|a| is_security(a)).min_by(|a, b| a.id.cmp(&b.id)) {
                    Some(fix) => drop(write!(text, "fix from {}", short(&fix.id))),
                    None if self.secure_source(&c.sources) => {
                        text.push_str("fix");
                        self.from(text, &c.sources);
                    }
                    None => text.push_str("security fix"),
                }
                write!(text, " ({})", short(&c.version)).ok();
            }
            Some(Fix::Gone(s)) => {
                write!(text, "contains a security fix ({}, no longer offered)", short(&s.version)).ok();
            }
            None => {}
        }
        if let Some(advisory) = advisory {
            separate(text, "; ");
            notice(text, advisory);
        }
    }

    /// ` from bookworm-security`: the first by name of the security sources among these.
    fn from(&self, text: &mut String, sources: &[String]) {
        if let Some((words, more)) = self.secure_sources(sources).map(release).min() {
            let space = if words.is_empty() || more.is_empty() { "" } else { " " };
            write!(text, " from {}{space}{}", short(words), short(more)).ok();
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
        let mut text = String::with_capacity(USUAL);
        for (number, refusal) in refusals {
            separate(&mut text, "; ");
            match refusal {
                Outcome::Mismatch(mismatch) => write!(text, "rule {number} {mismatch}"),
                Outcome::BeyondNotice(named) => write!(
                    text,
                    "rule {number} takes what a security notice names, which is {} (enable_non_security would \
                     include this)",
                    short(&named.version)
                ),
                _ => write!(
                    text,
                    "rule {number} takes security updates only and this is none (enable_non_security would include it)"
                ),
            }
            .ok();
        }
        match self.rules.len() - refusals.len() {
            0 => {}
            1 => text.push_str("; 1 more rule does not match either"),
            more => drop(write!(text, "; {more} more rules do not match either")),
        }
        text
    }
}

/// Puts something between two parts, if there is a first one.
fn separate(text: &mut String, by: &str) {
    if !text.is_empty() {
        text.push_str(by);
    }
}

/// `7 days`, or the day of a cutoff.
fn wait(approve: Approve) -> String {
    match approve {
        Approve::AfterDays(1) => "1 day".to_owned(),
        Approve::AfterDays(days) => format!("{days} days"),
        Approve::UntilDate(day) => day.to_string(),
        Approve::Manual => String::new(),
    }
}

/// `RHSA-2026:1234 (Security, Critical)`.
fn notice(text: &mut String, advisory: &Advisory) {
    text.push_str(&short(&advisory.id));
    let mut before = " (";
    for value in [&advisory.classification, &advisory.severity].into_iter().flatten() {
        if value.trim().is_empty() {
            continue;
        }
        text.push_str(before);
        let value = short(value);
        // Vendors write `security` and `Important`.
        let mut rest = value.chars();
        text.extend(rest.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(rest.as_str());
        before = ", ";
    }
    if before == ", " {
        text.push(')');
    }
}

/// What people call a security source: `bookworm-security` (codename), `noble-security` (suite),
/// `Debian-Security buster` (Debian 10 and before, where only the label says it), else whatever it is named.
fn release(source: &Source) -> (&str, &str) {
    let says = |name: &&str| name.contains("security");
    match [source.codename.as_str(), &source.suite].into_iter().find(says) {
        Some(name) => (name, ""),
        None if !source.label.is_empty() => (&source.label, &source.codename),
        None => {
            let names = [source.codename.as_str(), &source.suite, &source.id];
            (names.into_iter().find(|name| !name.is_empty()).unwrap_or_default(), "")
        }
    }
}
