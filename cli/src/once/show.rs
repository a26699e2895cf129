//! A plan and its result as people read them.

use patchflock_baselines::approval::Evaluation;
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::{Plan, Role};
use patchflock_machine::pm::{Fixes, InstallReport, OutcomeKind};

use crate::decisions;
use crate::output::{Cell, Paint, Table, count, paragraph, rendered};
use patchflock_machine::record::Record;

/// The machine, the plan, and what it leaves out.
pub(super) fn heading(inventory: &Inventory, evaluation: &Evaluation, plan: &Plan) -> String {
    let mut text = decisions::heading(inventory, evaluation) + "\n";
    if plan.items.is_empty() {
        text += "Nothing to install: everything that is approved and can be installed is installed.\n";
    } else {
        let mut table = Table::new(&["PACKAGE", "FROM", "TO", "WHY"]);
        for item in &plan.items {
            let why = match &item.role {
                Role::Approved { reason } => reason.clone(),
                Role::PulledIn { by } => format!("pulled in by {}", by.join(", ")),
            };
            table.row([
                decisions::label(&item.name, &item.arch, inventory).into(),
                item.from.as_deref().unwrap_or("(new)").into(),
                (&item.to).into(),
                why.into(),
            ]);
        }
        text += &rendered(&table);
    }
    for held in &plan.held {
        text += &paragraph("held: ", &format!("{} {}: {}", held.name, held.version, held.reason));
    }
    text + "\n"
}

/// Nothing was installed: the verdict on the machine as it is.
pub(super) fn unchanged(dry_run: bool, compliance: &NodeCompliance) -> String {
    let why = if dry_run { "dry run: nothing was changed\n" } else { "" };
    format!("{why}{}", decisions::compliance(compliance))
}

/// What became of the plan, and compliance before and after.
pub(super) fn result(record: &Record) -> String {
    let mut text = String::new();
    if let Some(report) = &record.report {
        let failed: Vec<_> = report
            .outcomes
            .iter()
            .filter_map(|o| match &o.result {
                OutcomeKind::Failed { why } => Some((&o.target, why)),
                OutcomeKind::Installed => None,
            })
            .collect();
        text += &format!(
            "installed {} of {}\n",
            report.outcomes.len() - failed.len(),
            count(report.outcomes.len(), "package", "packages")
        );
        text += &fixes(report, &record.fixes);
        if !failed.is_empty() {
            let mut table = Table::new(&["FAILED", "VERSION", "WHY"]);
            for (target, why) in failed {
                table.row([Cell::painted(&target.name, Paint::Bad), (&target.version).into(), why.into()]);
            }
            text += &rendered(&table);
        }
        for file in &report.kept_conffiles {
            let kept = format!("your version of {file} was kept; the package's new one lies beside it");
            text += &paragraph("", &kept);
        }
    }
    text += &format!("before: {}", decisions::compliance(&record.before).trim_start_matches("compliance: "));
    if let Some(after) = &record.after {
        text += &format!("after:  {}", decisions::compliance(after).trim_start_matches("compliance: "));
        text += &decisions::noncompliant(after);
    } else {
        text += "after:  UNKNOWN (the machine could not be looked at again)\n";
    }
    text
}

/// CVEs named in one line; the record has them all.
const NAMED: usize = 5;

/// What the packages that were installed say they fix.
fn fixes(report: &InstallReport, fixes: &[Fixes]) -> String {
    let installed = |f: &&Fixes| {
        report.outcomes.iter().any(|o| {
            let t = &o.target;
            o.result == OutcomeKind::Installed
                && (&t.name, &t.arch, &t.version) == (&f.name, &f.arch, &f.version)
        })
    };
    let line = |f: &Fixes| {
        let mut words: Vec<&str> = f.cves.iter().take(NAMED).map(String::as_str).collect();
        let more = format!("{} more", f.cves.len().saturating_sub(NAMED));
        if f.cves.len() > NAMED {
            words.push(&more);
        }
        paragraph("", &format!("{}: fixes {} (its changelog)", f.name, words.join(", ")))
    };
    fixes.iter().filter(installed).filter(|f| !f.cves.is_empty()).map(line).collect()
}

#[cfg(test)]
mod tests {
    use patchflock_baselines::plan::Target;
    use patchflock_machine::pm::Outcome;

    use super::*;

    #[test]
    fn only_what_was_installed_is_said_to_fix_something_and_long_lists_are_shortened() {
        let target = |n: &str| Target { name: n.into(), arch: "all".into(), version: "2".into() };
        let outcome = |n: &str, result| Outcome { target: target(n), from: None, result };
        let failed = OutcomeKind::Failed { why: "disk full".into() };
        let outcomes = ["a", "b", "none"]
            .map(|n| outcome(n, OutcomeKind::Installed))
            .into_iter()
            .chain([outcome("c", failed)]);
        let report = InstallReport { outcomes: outcomes.collect(), ..InstallReport::default() };
        let of = |name: &str, n: usize| Fixes {
            name: name.into(),
            arch: "all".into(),
            version: "2".into(),
            cves: (1..=n).map(|i| format!("CVE-2026-000{i}")).collect(),
        };
        assert_eq!(
            fixes(&report, &[of("a", 5), of("b", 7), of("none", 0), of("c", 1), of("unknown", 1)]),
            "a: fixes CVE-2026-0001, CVE-2026-0002, CVE-2026-0003, CVE-2026-0004, CVE-2026-0005 (its changelog)\n\
             b: fixes CVE-2026-0001, CVE-2026-0002, CVE-2026-0003, CVE-2026-0004, CVE-2026-0005, 2 more (its changelog)\n"
        );
    }
}
