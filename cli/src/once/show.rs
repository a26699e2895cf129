//! A plan and its result as people read them.

use patchflock_baselines::approval::Evaluation;
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::{Plan, Role};
use patchflock_machine::pm::OutcomeKind;

use crate::decisions;
use crate::output::{Cell, Paint, Table, count, paragraph, rendered};
use crate::record::Record;

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
