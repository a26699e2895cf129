//! An install-override list in the place of the rules (reference 2.8).

use std::cmp::Ordering;
use std::collections::HashSet;

use super::evaluate::never_a_candidate;
use super::names::matches_override;
use super::{Decision, Evaluation, Verdict};
use crate::baseline::ComplianceLevel;
use crate::document::override_list::InstallOverrideList;
use crate::inventory::{Candidate, Inventory};
use crate::os::Family;
use crate::version::compare;

/// What an install-override list makes of an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Every version that the list names, the newest of each package chosen. For planning only: compliance is
    /// always judged by the baseline.
    pub evaluation: Evaluation,
    /// Ids of the list that name nothing that is offered here.
    pub without_match: Vec<String>,
}

/// Approves what the list names, whatever the baseline says; on Windows only what the baseline approves as well
/// (reference 2.8). Only updates of installed packages are candidates, so nothing new comes in. The machine
/// administrator's own holds still win; phasing does not, since somebody asked for exactly this version.
///
/// `judged` is the baseline's evaluation of the same inventory.
pub fn evaluate_override_list(
    list: &InstallOverrideList,
    inventory: &Inventory,
    judged: &Evaluation,
) -> Listed {
    let family = inventory.node.operating_system.family();
    let mut named: Vec<(&Candidate, &str)> = Vec::new();
    let mut matched = vec![false; list.patches.len()];
    let approved: HashSet<(&str, &str, &str)> = judged
        .decisions
        .iter()
        .filter(|d| d.verdict == Verdict::Approved)
        .map(|d| (d.name.as_str(), d.arch.as_str(), d.version.as_str()))
        .collect();
    let eligible = |c: &Candidate| {
        never_a_candidate(family, c).is_none()
            && (family != Family::Windows
                || approved.contains(&(c.name.as_str(), c.arch.as_str(), c.version.as_str())))
    };
    for candidate in inventory.candidates.iter().filter(|c| eligible(c)) {
        let mut by = None;
        for (patch, hit) in list.patches.iter().zip(&mut matched) {
            if matches_override(family, &patch.id, patch.title.as_deref(), candidate) {
                *hit = true;
                by = by.or(Some(patch.id.as_str()));
            }
        }
        named.extend(by.map(|id| (candidate, id)));
    }
    named.sort_by(|(a, _), (b, _)| {
        let newest_first = || compare(family, &b.version, &a.version).then_with(|| a.version.cmp(&b.version));
        (&a.name, &a.arch).cmp(&(&b.name, &b.arch)).then_with(newest_first)
    });
    let mut decisions: Vec<Decision> = Vec::with_capacity(named.len());
    for (candidate, id) in named {
        let mut decision = decide(candidate, id);
        decision.chosen = decision.verdict == Verdict::Approved
            && !decisions.iter().rev().take_while(|d| same(d, candidate)).any(|d| d.chosen);
        decisions.push(decision);
    }
    let without_match =
        list.patches.iter().zip(matched).filter(|(_, hit)| !hit).map(|(patch, _)| patch.id.clone()).collect();
    let evaluation = Evaluation {
        at: judged.at,
        baseline: "install-override list".into(),
        decisions,
        overdue: Vec::new(),
    };
    Listed { evaluation, without_match }
}

fn same(decision: &Decision, candidate: &Candidate) -> bool {
    (&decision.name, &decision.arch).cmp(&(&candidate.name, &candidate.arch)) == Ordering::Equal
}

fn decide(candidate: &Candidate, id: &str) -> Decision {
    let (verdict, reason) = match &candidate.held {
        Some(why) => (Verdict::Held, format!("held by administrator: {why}; the list names it as {id}")),
        None => (Verdict::Approved, format!("the install-override list names it as {id}")),
    };
    Decision {
        name: candidate.name.clone(),
        arch: candidate.arch.clone(),
        installed: candidate.installed.clone(),
        version: candidate.version.clone(),
        security: candidate.security,
        classification: candidate.advisories.first().and_then(|a| a.classification.clone()),
        severity: candidate.advisories.first().and_then(|a| a.severity.clone()),
        advisories: candidate.advisories.iter().map(|a| a.id.clone()).collect(),
        cves: candidate.advisories.iter().flat_map(|a| a.cves.iter().cloned()).collect(),
        verdict,
        level: ComplianceLevel::Unspecified,
        rule: None,
        date: None,
        reason,
        chosen: false,
    }
}
