//! One version under one baseline: global filters, rules, lists (reference 1.5, 1.12, 2.2).

mod carried;
mod security;
mod words;

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::filters::{Filters, Mismatch, short};
use super::names::NameList;
use super::subject::{Fix, Subject};
use super::{EffectiveDate, Verdict, dates};
use crate::baseline::{Approve, Baseline, ComplianceLevel, Rule, Undated};
use crate::inventory::{Advisory, Candidate, Inventory, Node, Source};
use crate::os::Family;

pub(crate) use carried::Carried;

/// A baseline made ready to judge many versions of one inventory.
pub(crate) struct Judge<'a> {
    pub(crate) baseline: &'a Baseline,
    pub(crate) node: &'a Node,
    pub(crate) family: Family,
    sources: HashMap<&'a str, &'a Source>,
    global: Filters<'a>,
    rules: Vec<Prepared<'a>>,
    approved: NameList<'a>,
    pub(crate) rejected: NameList<'a>,
    at: DateTime<Utc>,
}

struct Prepared<'a> {
    rule: &'a Rule,
    filters: Filters<'a>,
    /// The filters in words, made once: most reasons name them.
    words: String,
}

/// What the baseline says about one version, before holds and phasing of the machine.
pub(crate) struct Judgement<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) level: ComplianceLevel,
    /// 1-based.
    pub(crate) rule: Option<usize>,
    pub(crate) date: Option<EffectiveDate>,
    /// The advisory that decided, else the first.
    pub(crate) advisory: Option<&'a Advisory>,
    pub(crate) reason: String,
}

impl Judgement<'_> {
    pub(crate) fn not_matched(reason: String) -> Self {
        Self {
            verdict: Verdict::NotMatched,
            level: ComplianceLevel::Unspecified,
            rule: None,
            date: None,
            advisory: None,
            reason,
        }
    }
}

/// What one rule says about one version.
enum Outcome<'x> {
    Mismatch(Mismatch<'x>),
    NotSecurity,
    /// A security notice names this earlier version, which is still offered.
    BeyondNotice(&'x Candidate),
    Matched(Option<&'x Advisory>),
    /// A notice of an earlier version matches; the first of this version's own dates it.
    Carried(Option<&'x Advisory>, Carried<'x>),
}

/// A matching rule and what follows from its date condition.
struct Finding<'x> {
    number: usize,
    advisory: Option<&'x Advisory>,
    carried: Option<Carried<'x>>,
    date: Option<EffectiveDate>,
    timing: Timing,
}

enum Timing {
    /// The rule has no delay.
    AtOnce,
    /// Its wait ended then.
    Waited(DateTime<Utc>),
    /// Dated within the cutoff.
    Until,
    /// Nobody knows its date, which counts as 1970.
    Undated1970,
    Pending(DateTime<Utc>),
    Manual,
    NoDate,
    TooNew,
}

/// Rules whose mismatch a reason spells out.
const RULES_SHOWN: usize = 3;

impl<'a> Judge<'a> {
    pub(crate) fn new(baseline: &'a Baseline, inventory: &'a Inventory, at: DateTime<Utc>) -> Self {
        let node = &inventory.node;
        let family = node.operating_system.family();
        let prepare = |rule: &'a Rule| {
            let filters = Filters::new(&rule.filters);
            let words = filters.words();
            Prepared { rule, filters, words }
        };
        Self {
            baseline,
            node,
            family,
            sources: inventory.sources.iter().map(|s| (s.id.as_str(), s)).collect(),
            global: Filters::new(&baseline.global_filters),
            rules: baseline.approval_rules.iter().map(prepare).collect(),
            approved: NameList::new(family, &baseline.approved_patches),
            rejected: NameList::new(family, &baseline.rejected_patches),
            at,
        }
    }

    /// Judges one version. The order is that of reference 2.2: rejected beats approved beats rules.
    pub(crate) fn judge<'x>(&'x self, subject: &Subject<'x>) -> Judgement<'x>
    where
        'a: 'x,
    {
        let first = subject.advisories.first().copied();
        let plain = |verdict, reason: String| Judgement {
            verdict,
            level: ComplianceLevel::Unspecified,
            rule: None,
            date: None,
            advisory: first,
            reason,
        };
        if let Some(entry) = self.rejected.entry(&subject.named) {
            return plain(
                Verdict::Rejected,
                format!("rejected_patches names it{}", by_entry(entry, subject)),
            );
        }
        let mut listed_but_not_security = false;
        if let Some(entry) = self.approved.entry(&subject.named) {
            // The flag exists on Linux only (reference 2.1); an advisory's class does not matter here.
            let takes_all = self.baseline.approved_patches_enable_non_security
                || matches!(self.family, Family::Windows | Family::Macos);
            if self.named_as_security(subject) || takes_all {
                return Judgement {
                    level: self.baseline.approved_patches_compliance_level,
                    ..plain(Verdict::Approved, self.listed(entry, subject))
                };
            }
            listed_but_not_security = true;
        }
        let mut judgement = self.by_rules(subject, &plain);
        if listed_but_not_security && judgement.verdict != Verdict::Approved {
            judgement.reason.push_str(
                "; approved_patches names it, but it is not a security update \
                 (approved_patches_enable_non_security would include it)",
            );
        }
        judgement
    }

    fn by_rules<'x>(
        &'x self,
        subject: &Subject<'x>,
        plain: &impl Fn(Verdict, String) -> Judgement<'x>,
    ) -> Judgement<'x>
    where
        'a: 'x,
    {
        let passing = match self.pass_global(subject) {
            Ok(passing) => passing,
            Err(mismatch) => {
                return plain(Verdict::NotMatched, format!("the global filter drops it: it {mismatch}"));
            }
        };
        let mut best: Option<Finding<'x>> = None;
        let mut refusals = Vec::new();
        for (index, prepared) in self.rules.iter().enumerate() {
            match self.outcome(index, prepared, subject, &passing) {
                Outcome::Matched(advisory) => {
                    let finding = self.finding(index + 1, prepared.rule, subject, (advisory, None));
                    if best.as_ref().is_none_or(|best| self.preferred(&finding, best)) {
                        best = Some(finding);
                    }
                }
                Outcome::Carried(advisory, carried) => {
                    let by = (advisory, Some(carried));
                    let finding = self.finding(index + 1, prepared.rule, subject, by);
                    if best.as_ref().is_none_or(|best| self.preferred(&finding, best)) {
                        best = Some(finding);
                    }
                }
                refusal if refusals.len() < RULES_SHOWN => refusals.push((index + 1, refusal)),
                _ => {}
            }
        }
        match best {
            Some(finding) => self.found(finding, subject),
            None => plain(Verdict::NotMatched, self.no_rule(&refusals)),
        }
    }

    /// The advisories under which the global filters pass; `None` stands for "no advisory".
    fn pass_global<'x>(&'x self, subject: &Subject<'x>) -> Result<Vec<Option<&'x Advisory>>, Mismatch<'x>>
    where
        'a: 'x,
    {
        let mut passing = Vec::with_capacity(subject.advisories.len().max(1));
        let mut refused = None;
        for advisory in views(subject) {
            match self.global.admit(subject, advisory, self.node, false) {
                Ok(()) => passing.push(advisory),
                Err(mismatch) => refused = refused.or(Some(mismatch)),
            }
        }
        match refused {
            Some(mismatch) if passing.is_empty() => Err(mismatch),
            _ => Ok(passing),
        }
    }

    fn outcome<'x>(
        &'x self,
        index: usize,
        prepared: &'x Prepared<'a>,
        subject: &Subject<'x>,
        passing: &[Option<&'x Advisory>],
    ) -> Outcome<'x>
    where
        'a: 'x,
    {
        let mut worst: Option<Outcome<'x>> = None;
        for advisory in passing.iter().copied() {
            match prepared.filters.admit(subject, advisory, self.node, true) {
                Ok(()) if self.secure_enough(prepared, subject, advisory) => {
                    return Outcome::Matched(advisory);
                }
                Ok(()) => {
                    worst = Some(match subject.fix {
                        Some(Fix::Earlier(named)) => Outcome::BeyondNotice(named),
                        _ => Outcome::NotSecurity,
                    });
                }
                Err(mismatch) => worst = worst.or(Some(Outcome::Mismatch(mismatch))),
            }
        }
        if let Some(carried) = self.carried_by(subject, index) {
            return Outcome::Carried(passing.iter().copied().flatten().next(), carried);
        }
        worst.unwrap_or(Outcome::NotSecurity)
    }

    fn finding<'x>(
        &self,
        number: usize,
        rule: &Rule,
        subject: &Subject<'x>,
        (advisory, carried): (Option<&'x Advisory>, Option<Carried<'x>>),
    ) -> Finding<'x> {
        let date = dates::effective(subject, advisory, || self.metadata_date(subject));
        let undated = match self.baseline.undated_patches {
            Undated::Wait => Timing::NoDate,
            Undated::Approve => Timing::Undated1970,
        };
        let timing = match (rule.approve, &date) {
            (Approve::Manual, _) => Timing::Manual,
            // Without a delay, no date is needed. apt has none that is worth anything (reference 1.7), so a
            // date never stops such a rule there.
            (Approve::AfterDays(0), None) => Timing::AtOnce,
            (Approve::AfterDays(0), Some(_)) if self.family == Family::Apt => Timing::AtOnce,
            (Approve::AfterDays(days), Some(date)) => {
                let due = dates::due(date.at, days);
                match (self.at >= due, days) {
                    (true, 0) => Timing::AtOnce,
                    (true, _) => Timing::Waited(due),
                    (false, _) => Timing::Pending(due),
                }
            }
            (Approve::UntilDate(day), Some(date)) if dates::within(date.at, day) => Timing::Until,
            (Approve::UntilDate(_), Some(_)) => Timing::TooNew,
            (Approve::AfterDays(_) | Approve::UntilDate(_), None) => undated,
        };
        Finding { number, advisory, carried, date, timing }
    }

    /// Those of these sources that are security sources by origin.
    fn secure_sources<'s>(&'s self, sources: &'s [String]) -> impl Iterator<Item = &'a Source> + use<'s, 'a> {
        sources.iter().filter_map(|id| self.sources.get(id.as_str()).copied()).filter(|s| s.security)
    }

    /// Whether one of these sources is a security source by origin.
    pub(crate) fn secure_source(&self, sources: &[String]) -> bool {
        self.secure_sources(sources).next().is_some()
    }

    fn metadata_date(&self, subject: &Subject<'_>) -> Option<DateTime<Utc>> {
        subject.sources.iter().filter_map(|id| self.sources.get(id.as_str())?.metadata_date).min()
    }

    /// Whether `new` decides rather than `old`: an approval before a wait, among approvals the highest level
    /// (so that adding a rule never lowers it; AWS does not say), among waits the earliest; else the first rule.
    fn preferred(&self, new: &Finding<'_>, old: &Finding<'_>) -> bool {
        let level = |f: &Finding<'_>| {
            self.rule(f.number).map_or(ComplianceLevel::Unspecified, |p| p.rule.compliance_level)
        };
        match (rank(&new.timing), rank(&old.timing)) {
            (a, b) if a != b => a < b,
            (0, _) => level(new) > level(old),
            _ => match (&new.timing, &old.timing) {
                (Timing::Pending(new), Timing::Pending(old)) => new < old,
                _ => false,
            },
        }
    }

    fn rule(&self, number: usize) -> Option<&Prepared<'a>> {
        self.rules.get(number.checked_sub(1)?)
    }

    fn found<'x>(&self, finding: Finding<'x>, subject: &Subject<'x>) -> Judgement<'x> {
        let verdict = match finding.timing {
            Timing::AtOnce | Timing::Waited(_) | Timing::Until | Timing::Undated1970 => Verdict::Approved,
            Timing::Pending(at) => Verdict::Pending { at },
            Timing::Manual | Timing::NoDate => Verdict::Waiting,
            Timing::TooNew => Verdict::TooNew,
        };
        let reason = self.words(&finding, subject);
        Judgement {
            verdict,
            level: self
                .rule(finding.number)
                .map_or(ComplianceLevel::Unspecified, |p| p.rule.compliance_level),
            rule: Some(finding.number),
            date: finding.date,
            advisory: finding.advisory.or(subject.advisories.first().copied()),
            reason,
        }
    }
}

/// ` (kernel*)`: the entry of a list, unless it is just the name.
fn by_entry(entry: &str, subject: &Subject<'_>) -> Cow<'static, str> {
    if entry == subject.named.name { Cow::Borrowed("") } else { Cow::Owned(format!(" ({})", short(entry))) }
}

/// The advisories to judge by, in their order, or one "no advisory".
fn views<'s, 'x>(subject: &'s Subject<'x>) -> impl Iterator<Item = Option<&'x Advisory>> + use<'s, 'x> {
    let none = subject.advisories.is_empty().then_some(None);
    subject.advisories.iter().copied().map(Some).chain(none)
}

/// 0: approved; then the order in which waiting verdicts are worth telling.
fn rank(timing: &Timing) -> u8 {
    match timing {
        Timing::AtOnce | Timing::Waited(_) | Timing::Until | Timing::Undated1970 => 0,
        Timing::Pending(_) => 1,
        Timing::Manual | Timing::NoDate => 2,
        Timing::TooNew => 3,
    }
}
