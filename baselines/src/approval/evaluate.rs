//! The pipeline of reference 1.5 over a whole inventory, and what the machine itself has to say: holds and
//! phasing.

use std::cmp::Ordering;
use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::filters::{classification, short};
use super::judge::{Carried, Judge, Judgement};
use super::overdue;
use super::subject::{Fix, Subject, own_security};
use super::{Decision, EvaluateError, Evaluation, Verdict};
use crate::baseline::{Baseline, SecurityRule};
use crate::inventory::{Candidate, Inventory, Sighting};
use crate::os::Family;
use crate::version::compare;

/// Judges every offered version of an inventory at one instant.
///
/// The result depends on the set of candidates only, not on their order.
///
/// Beyond the baseline's own verdict:
/// - A version that the baseline approves and the administrator holds is [`Verdict::Held`], one that the
///   distribution's phasing defers is [`Verdict::Deferred`]; both keep the approving rule and level. A version
///   that the baseline does not approve keeps that verdict, since lifting the hold would not bring it.
/// - Obsoleting packages (reference 1.6 step 8), versions not newer than what is installed, packages that are
///   not installed (1.8 step 6) and Windows updates without KB number (1.11) are never candidates.
/// - Windows: the newest version of a KB is approved if any earlier one is (1.11).
///
/// # Errors
/// The baseline is for another operating system.
pub fn evaluate(
    baseline: &Baseline,
    inventory: &Inventory,
    at: DateTime<Utc>,
) -> Result<Evaluation, EvaluateError> {
    let found = inventory.node.operating_system;
    if baseline.operating_system != found {
        return Err(EvaluateError::OtherOperatingSystem {
            baseline: baseline.name.clone(),
            wanted: baseline.operating_system,
            found,
        });
    }
    let family = found.family();
    let judge = Judge::new(baseline, inventory, at);
    let sightings = secure_sightings(&inventory.sightings);
    let mut candidates: Vec<&Candidate> = inventory.candidates.iter().collect();
    candidates.sort_by(|a, b| order(family, a, b));

    let mut decisions = Vec::with_capacity(candidates.len());
    let mut overdue = Vec::new();
    for group in candidates.chunk_by(|a, b| a.name == b.name && a.arch == b.arch) {
        let first = decisions.len();
        let seen = group.first().and_then(|c| sightings.get(&(c.name.as_str(), c.arch.as_str())));
        let seen: &[&Sighting] = seen.map_or(&[], Vec::as_slice);
        let fixes = fixes(baseline.security_rule, inventory, group, seen);
        let carried = judge.carried(group);
        for (candidate, fix) in group.iter().zip(fixes) {
            decisions.push(decide(&judge, candidate, fix, &carried));
        }
        let Some(decided) = decisions.get_mut(first..) else { continue };
        if family == Family::Windows {
            approve_latest(decided);
        }
        for (candidate, decision) in group.iter().zip(decided.iter_mut()) {
            hold_back(candidate, decision);
        }
        if let Some(chosen) = decided.iter_mut().find(|d| d.verdict == Verdict::Approved) {
            chosen.chosen = true;
        }
        overdue.extend(overdue::starved(baseline, family, group, decided, seen, at));
    }
    Ok(Evaluation { at, baseline: baseline.name.clone(), decisions, overdue })
}

/// Name, architecture, newest first; the rest only keeps equal versions in one order.
fn order(family: Family, a: &Candidate, b: &Candidate) -> Ordering {
    (&a.name, &a.arch)
        .cmp(&(&b.name, &b.arch))
        .then_with(|| compare(family, &b.version, &a.version))
        .then_with(|| b.version.cmp(&a.version))
        .then_with(|| b.security.cmp(&a.security))
        .then_with(|| a.sources.cmp(&b.sources))
        .then_with(|| a.title.cmp(&b.title))
        .then_with(|| a.advisories.iter().map(|a| &a.id).cmp(b.advisories.iter().map(|a| &a.id)))
}

/// Sightings of security versions by name and architecture.
fn secure_sightings(sightings: &[Sighting]) -> HashMap<(&str, &str), Vec<&Sighting>> {
    let mut by_package: HashMap<(&str, &str), Vec<&Sighting>> = HashMap::new();
    for sighting in sightings.iter().filter(|s| s.security) {
        by_package.entry((&sighting.name, &sighting.arch)).or_default().push(sighting);
    }
    by_package
}

/// For each version of a group (newest first): what makes it a security patch.
fn fixes<'a>(
    rule: SecurityRule,
    inventory: &Inventory,
    group: &[&'a Candidate],
    sightings: &[&'a Sighting],
) -> Vec<Option<Fix<'a>>> {
    let os = inventory.node.operating_system;
    let family = os.family();
    let own = |c: &Candidate| own_security(os, c.security, &c.advisories);
    let newer = |a: &str, b: &str| compare(family, a, b) == Ordering::Greater;
    if rule == SecurityRule::Candidate {
        return group.iter().map(|c| own(c).then_some(Fix::Own)).collect();
    }
    let mut earlier = None;
    let mut answers: Vec<Option<Fix<'_>>> = group
        .iter()
        .copied()
        .rev()
        .map(|c| {
            if own(c) {
                earlier = Some(Fix::Earlier(c));
                return Some(Fix::Own);
            }
            if earlier.is_some() {
                return earlier;
            }
            // A version that is gone from the repositories is inside the range as well.
            let inside = |s: &&Sighting| {
                (c.installed.is_empty() || newer(&s.version, &c.installed)) && !newer(&s.version, &c.version)
            };
            let newest = |a: &&Sighting, b: &&Sighting| {
                compare(family, &a.version, &b.version).then_with(|| a.version.cmp(&b.version))
            };
            sightings.iter().copied().filter(inside).max_by(newest).map(Fix::Gone)
        })
        .collect();
    answers.reverse();
    answers
}

fn decide<'x>(
    judge: &'x Judge<'x>,
    candidate: &'x Candidate,
    fix: Option<Fix<'x>>,
    carried: &'x [Option<Carried<'x>>],
) -> Decision {
    let subject = Subject::offered(candidate, fix, carried);
    let judgement = match never_a_candidate(judge.family, candidate) {
        Some(reason) => {
            Judgement { advisory: subject.advisories.first().copied(), ..Judgement::not_matched(reason) }
        }
        None => judge.judge(&subject),
    };
    let mut cves: Vec<String> = subject.advisories.iter().flat_map(|a| a.cves.iter().cloned()).collect();
    cves.sort_unstable();
    cves.dedup();
    Decision {
        name: candidate.name.clone(),
        arch: candidate.arch.clone(),
        installed: candidate.installed.clone(),
        version: candidate.version.clone(),
        security: subject.security(),
        classification: classification(&subject, judgement.advisory, judge.family).map(str::to_owned),
        severity: judgement.advisory.and_then(|a| a.severity.clone()),
        advisories: subject.advisories.iter().map(|a| a.id.clone()).collect(),
        cves,
        verdict: judgement.verdict,
        level: judgement.level,
        rule: judgement.rule,
        date: judgement.date,
        reason: judgement.reason,
        chosen: false,
    }
}

/// The machine's own say, after everything that approves: its hold and the distribution's phasing win.
fn hold_back(candidate: &Candidate, decision: &mut Decision) {
    if decision.verdict != Verdict::Approved {
        return;
    }
    if let Some(why) = &candidate.held {
        decision.verdict = Verdict::Held;
        decision.reason =
            format!("held by administrator: {}; otherwise approved: {}", short(why), decision.reason);
    } else if let Some(phased) = candidate.phased.as_ref().filter(|phased| phased.deferred) {
        decision.verdict = Verdict::Deferred;
        decision.reason = format!(
            "the distribution has released it to {} % of machines so far, not to this one; otherwise approved: {}",
            phased.percentage, decision.reason
        );
    }
}

/// Why an offer is none for this machine, whatever the baseline says.
pub(crate) fn never_a_candidate(family: Family, candidate: &Candidate) -> Option<String> {
    if candidate.obsoletes {
        return Some(
            "it replaces another package under a different name; it comes in only if an approved patch needs it"
                .to_owned(),
        );
    }
    match family {
        Family::Apt | Family::Rpm if candidate.installed.is_empty() => {
            Some("it is not installed here; only installed packages are upgraded".to_owned())
        }
        Family::Apt | Family::Rpm
            if compare(family, &candidate.version, &candidate.installed) != Ordering::Greater =>
        {
            Some(format!("it is not newer than the installed {}", short(&candidate.installed)))
        }
        Family::Windows if !is_kb(&candidate.name) => {
            Some("it has no KB number; such updates cannot be named and are left out".to_owned())
        }
        _ => None,
    }
}

fn is_kb(name: &str) -> bool {
    match name.split_at_checked(2) {
        Some((kb, number)) => {
            kb.eq_ignore_ascii_case("KB") && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    }
}

/// Reference 1.11: the latest version of a KB is installed when it, or any earlier version of it, satisfies the
/// rule. A rejected latest version stays what it is.
fn approve_latest(decided: &mut [Decision]) {
    let Some((latest, earlier)) = decided.split_first_mut() else { return };
    if matches!(latest.verdict, Verdict::Approved | Verdict::Rejected) {
        return;
    }
    let Some(approved) = earlier.iter().find(|d| d.verdict == Verdict::Approved) else { return };
    latest.verdict = Verdict::Approved;
    latest.level = approved.level;
    latest.rule = approved.rule;
    latest.date.clone_from(&approved.date);
    latest.reason = format!(
        "the latest version of {} is installed once an earlier one is approved; {} is: {}",
        latest.name, approved.version, approved.reason
    );
}
