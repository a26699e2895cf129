//! States of patches and the verdict on a node (reference 5.1 to 5.3).

use std::collections::{HashMap, HashSet};

use super::freshness::doubts;
use super::reboot::{Pending, pending};
use super::{Counts, NodeCompliance, NodeStatus, PatchCompliance, PatchState, RunTraces};
use crate::approval::names::{NameList, Named};
use crate::approval::{Decision, Evaluation, Judge, Subject, Verdict, dates, own_security, short};
use crate::baseline::{AvailableSecurityStatus, Baseline, ComplianceLevel, RejectedAction};
use crate::inventory::{Installed, Inventory, RebootEvidence};
use crate::os::Family;
use crate::plan::Target;

/// Derives the compliance of a node from what is installed, what was decided and what a run left behind.
///
/// Per installed package one line, per missing patch one; a package with a missing patch has only the latter,
/// unless its installed version is rejected or waits for a reboot. What the reference leaves open:
/// - INSTALLED means that the baseline approves the installed version at this instant, judged like an offered
///   one: the rules with their dates, or the approved list. Everything else is INSTALLED_OTHER.
/// - MISSING is what the plan would take, and what the baseline approves but the administrator holds: a local
///   hold does not make a machine compliant. What the distribution's phasing defers is not missing yet.
/// - After an install (`after_install`) an approved patch that is still not there is FAILED, also where a blocked
///   dependency stopped it (reference 2.3); held patches stay MISSING. The caller passes `false` for a run that
///   ended before it tried everything. After a scan a failure of an earlier run is told in the reason only.
/// - A package that did not finish installing is FAILED if the baseline approves it.
/// - Overdue patches (design 7b) are listed as AVAILABLE_SECURITY_UPDATE on every family: known, and not approved.
///   `overdue_compliance_status` says whether they count.
/// - NOT_APPLICABLE counts entries of the approved list that name nothing installed or offered.
pub fn assess(
    baseline: &Baseline,
    inventory: &Inventory,
    evaluation: &Evaluation,
    traces: &RunTraces,
    after_install: bool,
) -> NodeCompliance {
    let family = inventory.node.operating_system.family();
    let mut report = Report { baseline, rows: Vec::new(), extra_non_compliant: HashSet::new() };
    let missing = missing(evaluation);
    let upgradable: HashSet<(&str, &str)> =
        missing.iter().map(|d| (d.name.as_str(), d.arch.as_str())).collect();

    let judge = Judge::new(baseline, inventory, evaluation.at);
    let waiting = pending(inventory, &traces.installed_since_boot);
    let seen = sighted(inventory);
    for installed in &inventory.installed {
        report.installed(&judge, inventory, &seen, &waiting, &upgradable, installed);
    }
    let failed: HashMap<&Target, &str> = traces.failed.iter().map(|(t, why)| (t, why.as_str())).collect();
    for decision in missing {
        report.missing(decision, &failed, after_install);
    }
    if family == Family::Windows {
        report.available(evaluation);
    }
    let mut notes = report.overdue(evaluation);
    notes.extend(reboot_note(&inventory.reboot, &report.rows));
    let doubts = doubts(baseline, inventory, evaluation.at);
    let unknown = !doubts.is_empty();
    notes.extend(doubts);
    report.finish(not_applicable(baseline, inventory, family), unknown, notes)
}

struct Report<'a> {
    baseline: &'a Baseline,
    rows: Vec<PatchCompliance>,
    /// Rows of state AVAILABLE_SECURITY_UPDATE that count, by position.
    extra_non_compliant: HashSet<usize>,
}

impl Report<'_> {
    fn installed(
        &mut self,
        judge: &Judge<'_>,
        inventory: &Inventory,
        seen: &HashSet<(&str, &str, &str)>,
        waiting: &Pending<'_>,
        upgradable: &HashSet<(&str, &str)>,
        installed: &Installed,
    ) {
        let os = inventory.node.operating_system;
        // On apt a version counts as security if a security source offers it or once did: a point release moves
        // fixes into main.
        let security = own_security(os, judge.secure_source(&installed.sources), &installed.advisories)
            || seen.contains(&(installed.name.as_str(), installed.arch.as_str(), installed.version.as_str()));
        let subject = Subject::installed(installed, security);
        let judgement = judge.judge(&subject);
        let approved = judgement.verdict == Verdict::Approved;
        let rejected = judgement.verdict == Verdict::Rejected;
        let waits = waiting.contains(installed);
        let block = self.baseline.rejected_patches_action == RejectedAction::Block;
        let missing = upgradable.contains(&(installed.name.as_str(), installed.arch.as_str()));
        let (state, level, reason) = if rejected && block {
            (
                PatchState::InstalledRejected,
                ComplianceLevel::Unspecified,
                "installed although rejected_patches names it (BLOCK): remove it or lift the rejection"
                    .to_owned(),
            )
        } else if installed.broken && approved {
            (
                PatchState::Failed,
                judgement.level,
                "it did not finish installing: repair it with the package manager".to_owned(),
            )
        } else if waits {
            (
                PatchState::InstalledPendingReboot,
                judgement.level,
                "installed; it takes effect at a reboot".to_owned(),
            )
        } else if missing {
            return;
        } else if approved {
            (PatchState::Installed, ComplianceLevel::Unspecified, judgement.reason)
        } else {
            (PatchState::InstalledOther, ComplianceLevel::Unspecified, judgement.reason)
        };
        let mut cves: Vec<String> =
            installed.advisories.iter().flat_map(|a| a.cves.iter().cloned()).collect();
        cves.sort_unstable();
        cves.dedup();
        self.rows.push(PatchCompliance {
            name: installed.name.clone(),
            arch: installed.arch.clone(),
            version: installed.version.clone(),
            state,
            level,
            security,
            cves,
            reason,
        });
    }

    fn missing(&mut self, decision: &Decision, failed: &HashMap<&Target, &str>, after_install: bool) {
        let target = Target {
            name: decision.name.clone(),
            arch: decision.arch.clone(),
            version: decision.version.clone(),
        };
        let failure = failed.get(&target).map(|why| short(why));
        let held = decision.verdict == Verdict::Held;
        let (state, reason) = match (after_install && !held, failure) {
            (true, Some(why)) => {
                (PatchState::Failed, format!("its installation failed: {why}; {}", decision.reason))
            }
            (true, None) => (PatchState::Failed, format!("the run left it uninstalled; {}", decision.reason)),
            (false, Some(why)) => {
                (PatchState::Missing, format!("{}; the last attempt failed: {why}", decision.reason))
            }
            (false, None) => (PatchState::Missing, decision.reason.clone()),
        };
        self.push(decision, state, decision.level, reason);
    }

    fn push(&mut self, decision: &Decision, state: PatchState, level: ComplianceLevel, reason: String) {
        self.rows.push(PatchCompliance {
            name: decision.name.clone(),
            arch: decision.arch.clone(),
            version: decision.version.clone(),
            state,
            level,
            security: decision.security,
            cves: decision.cves.clone(),
            reason,
        });
    }

    /// Windows: security updates that exist and are not approved. Rejected ones are skipped (reference 2.3).
    fn available(&mut self, evaluation: &Evaluation) {
        let counts = self.baseline.available_security_updates_compliance_status;
        let chosen: HashSet<&str> =
            evaluation.decisions.iter().filter(|d| d.chosen).map(|d| d.name.as_str()).collect();
        for decision in &evaluation.decisions {
            let open = matches!(
                decision.verdict,
                Verdict::Pending { .. } | Verdict::Waiting | Verdict::TooNew | Verdict::NotMatched
            );
            if open && decision.security && !chosen.contains(decision.name.as_str()) {
                self.count_if(counts);
                let reason = decision.reason.clone();
                self.push(
                    decision,
                    PatchState::AvailableSecurityUpdate,
                    ComplianceLevel::Unspecified,
                    reason,
                );
            }
        }
    }

    fn overdue(&mut self, evaluation: &Evaluation) -> Vec<String> {
        let mut notes = Vec::new();
        for overdue in &evaluation.overdue {
            let reason = format!(
                "overdue by supersedence: {} {} has been offered since {} and newer uploads keep restarting its wait; \
                 approve it by approved_patches or shorten the delay",
                overdue.name,
                overdue.first_version,
                dates::minutes(overdue.since)
            );
            notes.push(reason.clone());
            let listed = self.rows.iter().position(|row| {
                row.state == PatchState::AvailableSecurityUpdate
                    && row.name == overdue.name
                    && row.arch == overdue.arch
            });
            match listed {
                Some(at)
                    if self.baseline.overdue_compliance_status == AvailableSecurityStatus::NonCompliant =>
                {
                    self.extra_non_compliant.insert(at);
                }
                Some(_) => {}
                None => {
                    self.count_if(self.baseline.overdue_compliance_status);
                    self.rows.push(PatchCompliance {
                        name: overdue.name.clone(),
                        arch: overdue.arch.clone(),
                        version: overdue.first_version.clone(),
                        state: PatchState::AvailableSecurityUpdate,
                        level: ComplianceLevel::Unspecified,
                        security: true,
                        cves: Vec::new(),
                        reason,
                    });
                }
            }
        }
        notes
    }

    /// The next row counts as noncompliant if the setting says so.
    fn count_if(&mut self, status: AvailableSecurityStatus) {
        if status == AvailableSecurityStatus::NonCompliant {
            self.extra_non_compliant.insert(self.rows.len());
        }
    }

    fn finish(self, not_applicable: usize, unknown: bool, notes: Vec<String>) -> NodeCompliance {
        let mut counts = Counts { not_applicable, ..Counts::default() };
        let mut overall_severity = ComplianceLevel::Unspecified;
        let mut non_compliant = false;
        for (at, row) in self.rows.iter().enumerate() {
            *count(&mut counts, row.state) += 1;
            let extra = self.extra_non_compliant.contains(&at);
            if !(extra || counts_against(row.state)) {
                continue;
            }
            non_compliant = true;
            overall_severity = overall_severity.max(row.level);
            // One patch may be both critical and security; the third count is what is neither (reference 5.3).
            let critical = row.level == ComplianceLevel::Critical;
            counts.critical_non_compliant += usize::from(critical);
            counts.security_non_compliant += usize::from(row.security);
            counts.other_non_compliant += usize::from(!critical && !row.security);
        }
        let status = match (non_compliant, unknown) {
            (true, _) => NodeStatus::NonCompliant,
            (false, true) => NodeStatus::Unknown,
            (false, false) => NodeStatus::Compliant,
        };
        let mut patches = self.rows;
        patches.sort_by(|a, b| {
            (badness(a.state), std::cmp::Reverse(a.level), &a.name, &a.arch, &a.version).cmp(&(
                badness(b.state),
                std::cmp::Reverse(b.level),
                &b.name,
                &b.arch,
                &b.version,
            ))
        });
        NodeCompliance { status, overall_severity, counts, patches, notes }
    }
}

/// Per package the newest version that the baseline approves: chosen, or held by the administrator.
fn missing(evaluation: &Evaluation) -> Vec<&Decision> {
    evaluation
        .decisions
        .chunk_by(|a, b| a.name == b.name && a.arch == b.arch)
        .filter_map(|group| group.iter().find(|d| d.chosen || d.verdict == Verdict::Held))
        .collect()
}

fn sighted(inventory: &Inventory) -> HashSet<(&str, &str, &str)> {
    let secure = inventory.sightings.iter().filter(|s| s.security);
    secure.map(|s| (s.name.as_str(), s.arch.as_str(), s.version.as_str())).collect()
}

fn reboot_note(reboot: &RebootEvidence, rows: &[PatchCompliance]) -> Option<String> {
    let waiting = rows.iter().filter(|r| r.state == PatchState::InstalledPendingReboot).count();
    match reboot.needed {
        Some(true) => {
            let evidence = reboot.evidence.join("; ");
            let evidence = short(&evidence);
            Some(format!("a reboot is needed for {waiting} patches ({evidence})"))
        }
        None if waiting > 0 => Some(format!(
            "this machine cannot tell whether it needs a reboot; {waiting} patches were installed since its boot"
        )),
        _ => None,
    }
}

/// Entries of the approved list that name nothing here (reference 5.1; on Linux they are only counted).
fn not_applicable(baseline: &Baseline, inventory: &Inventory, family: Family) -> usize {
    let all = NameList::new(family, &baseline.approved_patches);
    let here =
        inventory.installed.iter().map(Named::from).chain(inventory.candidates.iter().map(Named::from));
    // Few patches are named by any entry; only those are compared with each.
    let named: Vec<Named<'_>> = here.filter(|named| all.matches(named)).collect();
    let applies = |entry: &String| {
        let list = NameList::new(family, std::slice::from_ref(entry));
        named.iter().any(|named| list.matches(named))
    };
    baseline.approved_patches.iter().filter(|entry| !applies(entry)).count()
}

fn counts_against(state: PatchState) -> bool {
    matches!(
        state,
        PatchState::Missing
            | PatchState::Failed
            | PatchState::InstalledRejected
            | PatchState::InstalledPendingReboot
    )
}

fn count(counts: &mut Counts, state: PatchState) -> &mut usize {
    match state {
        PatchState::Installed => &mut counts.installed,
        PatchState::InstalledOther => &mut counts.installed_other,
        PatchState::InstalledPendingReboot => &mut counts.installed_pending_reboot,
        PatchState::InstalledRejected => &mut counts.installed_rejected,
        PatchState::Missing => &mut counts.missing,
        PatchState::Failed => &mut counts.failed,
        PatchState::NotApplicable => &mut counts.not_applicable,
        PatchState::AvailableSecurityUpdate => &mut counts.available_security_update,
    }
}

/// Worst first.
fn badness(state: PatchState) -> u8 {
    match state {
        PatchState::Failed => 0,
        PatchState::Missing => 1,
        PatchState::InstalledRejected => 2,
        PatchState::InstalledPendingReboot => 3,
        PatchState::AvailableSecurityUpdate => 4,
        PatchState::InstalledOther => 5,
        PatchState::Installed => 6,
        PatchState::NotApplicable => 7,
    }
}
