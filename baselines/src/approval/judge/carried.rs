//! What `enable_non_security` means for a rule with filters on rpm (reference 1.6 steps 4 to 7).
//!
//! AWS says two things that do not agree. Its text: nonsecurity updates come in where they pass the rule's filters,
//! which are never bypassed (step 5). Its command: `dnf upgrade --sec-severity=… --bugfix`, which takes the newest
//! version of every package of which a matching notice names *some* version (step 4), whether or not a notice names
//! that newest one. By the text alone the flag would do nothing in a rule with a CLASSIFICATION filter, since a
//! version without notice has no class and a notice of the class is taken without the flag as well.
//!
//! We read both together, as the reference does ("left column: minimal upgrade, right column: full upgrade"). The
//! filters choose the packages: something that they ask for must lie on the way, in (installed, version]. The flag
//! says that what comes with it may be more than was asked for. So a later version passes if it passes by itself or
//! carries what a matching notice says of an earlier one that is still offered. Three things follow:
//!
//! - A package that no matching notice names is not touched: filters are not bypassed. Who wants what has no notice
//!   (steps 6, 7 and 13: repositories without updateinfo.xml) writes a rule without filters or with `*`.
//! - The delay counts from the later version's own date, never from the notice of the earlier one. Judging a version
//!   by another one's date is how AWS installs what is newer than a cutoff on AlmaLinux and Rocky (step 10).
//! - Global filters and the rejected list look at the version itself: they come before and after the rules.

use std::cmp::Ordering;

use super::{Judge, Prepared};
use crate::approval::subject::Subject;
use crate::inventory::{Advisory, Candidate};
use crate::os::Family;
use crate::version::compare;

/// The oldest version on the way from the installed one of which a notice passes a rule's filters. Every later version of
/// the package carries it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) advisory: &'a Advisory,
}

impl Judge<'_> {
    /// For each rule what is carried by the later versions of one package (newest first). Empty where no rule asks.
    pub(crate) fn carried<'x>(&self, group: &[&'x Candidate]) -> Vec<Option<Carried<'x>>> {
        let asks =
            |prepared: &Prepared<'_>| prepared.rule.enable_non_security && !prepared.rule.filters.is_empty();
        if self.family != Family::Rpm || group.len() < 2 || !self.rules.iter().any(asks) {
            return Vec::new();
        }
        let newer = |c: &&Candidate| {
            !c.obsoletes && compare(self.family, &c.version, &c.installed) == Ordering::Greater
        };
        let oldest_first: Vec<(&'x Candidate, Subject<'x>)> =
            group.iter().rev().copied().filter(newer).map(|c| (c, Subject::offered(c, None, &[]))).collect();
        let first = |prepared: &Prepared<'_>| {
            oldest_first.iter().find_map(|(candidate, subject)| {
                let passes = |advisory: &&Advisory| {
                    prepared.filters.admit(subject, Some(advisory), self.node, true).is_ok()
                };
                let advisory = subject.advisories.iter().copied().find(passes)?;
                Some(Carried { candidate, advisory })
            })
        };
        self.rules.iter().map(|prepared| if asks(prepared) { first(prepared) } else { None }).collect()
    }

    /// What a version carries for a rule, by its index.
    pub(super) fn carried_by<'x>(&self, subject: &Subject<'x>, rule: usize) -> Option<Carried<'x>> {
        let carried = subject.carried.get(rule).copied().flatten()?;
        let older = compare(self.family, &carried.candidate.version, subject.named.version) == Ordering::Less;
        older.then_some(carried)
    }
}
