//! A plan and its result as people read them.

use comfy_table::{Cell, Color};
use patchflock_baselines::approval::Evaluation;
use patchflock_baselines::compliance::NodeCompliance;
use patchflock_baselines::inventory::Inventory;
use patchflock_baselines::plan::{Plan, Role};
use patchflock_machine::pm::OutcomeKind;

use crate::decisions;
use crate::output::{count, rendered, table};
use crate::record::Record;

/// The machine, the plan, and what it leaves out.
pub(super) fn heading(inventory: &Inventory, evaluation: &Evaluation, plan: &Plan) -> String {
    let mut text = decisions::heading(inventory, evaluation) + "\n";
    if plan.items.is_empty() {
        text += "Nothing to install: everything that is approved and can be installed is installed.\n";
    } else {
        let mut table = table(&["PACKAGE", "FROM", "TO", "WHY"]);
        for item in &plan.items {
            let why = match &item.role {
                Role::Approved { reason } => reason.clone(),
                Role::PulledIn { by } => format!("pulled in by {}", by.join(", ")),
            };
            table.add_row([
                item.name.clone(),
                item.from.clone().unwrap_or_else(|| "(new)".into()),
                item.to.clone(),
                why,
            ]);
        }
        text += &rendered(&table);
    }
    for held in &plan.held {
        text += &format!("held: {} {}: {}\n", held.name, held.version, held.reason);
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
            let mut table = table(&["FAILED", "VERSION", "WHY"]);
            for (target, why) in failed {
                table.add_row([
                    Cell::new(&target.name).fg(Color::Red),
                    Cell::new(&target.version),
                    Cell::new(why),
                ]);
            }
            text += &rendered(&table);
        }
        for file in &report.kept_conffiles {
            text += &format!("your version of {file} was kept; the package's new one lies beside it\n");
        }
    }
    text += &format!("before: {}", decisions::compliance(&record.before).trim_start_matches("compliance: "));
    if let Some(after) = &record.after {
        text += &format!("after:  {}", decisions::compliance(after).trim_start_matches("compliance: "));
        text += &decisions::noncompliant(after);
    }
    text
}
