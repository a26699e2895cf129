//! Decisions and compliance as people read them.

use std::fmt::Write;

use patchflock_baselines::approval::{Decision, Evaluation, Verdict};
use patchflock_baselines::compliance::{NodeCompliance, NodeStatus, PatchState};
use patchflock_baselines::inventory::{Inventory, SourceState};
use patchflock_baselines::os::Family;

use crate::output::{Cell, Paint, Table, count, instant, one_line, paragraph, rendered};

/// Decisions worth a row: of each package the chosen one, else the newest; all of them on request.
pub(crate) fn shown(evaluation: &Evaluation, all: bool) -> Vec<&Decision> {
    let mut rows: Vec<&Decision> = Vec::new();
    for decision in &evaluation.decisions {
        match rows.last_mut() {
            Some(last) if !all && last.name == decision.name && last.arch == decision.arch => {
                if decision.chosen {
                    *last = decision;
                }
            }
            _ => rows.push(decision),
        }
    }
    rows.sort_by_key(|d| rank(d));
    rows
}

/// What will be done first, then what may come, then what will not.
fn rank(decision: &Decision) -> u8 {
    match decision.verdict {
        Verdict::Approved if decision.chosen => 0,
        Verdict::Pending { .. } => 1,
        Verdict::Waiting => 2,
        Verdict::Held => 3,
        Verdict::Deferred => 4,
        Verdict::TooNew => 5,
        Verdict::Rejected => 6,
        Verdict::NotMatched => 7,
        Verdict::Approved => 8,
    }
}

/// The verdict in one or two words.
pub(crate) fn verdict_word(decision: &Decision) -> &'static str {
    match decision.verdict {
        Verdict::Approved if decision.chosen => "approved",
        Verdict::Approved => "superseded",
        Verdict::Pending { .. } => "pending",
        Verdict::Waiting => "waiting",
        Verdict::TooNew => "too new",
        Verdict::Rejected => "rejected",
        Verdict::NotMatched => "not matched",
        Verdict::Held => "held",
        Verdict::Deferred => "deferred",
    }
}

/// The table of decisions.
pub(crate) fn decisions(inventory: &Inventory, evaluation: &Evaluation, all: bool) -> String {
    let rows = shown(evaluation, all);
    if rows.is_empty() {
        return "No installed package has a newer version in the repositories.\n".into();
    }
    let mut table = Table::new(&["PACKAGE", "INSTALLED", "OFFERED", "VERDICT", "WHY"]);
    for decision in rows {
        let paint = match decision.verdict {
            Verdict::Approved if decision.chosen => Paint::Good,
            Verdict::Pending { .. } | Verdict::Waiting => Paint::Wait,
            Verdict::Rejected | Verdict::Held => Paint::Bad,
            _ => Paint::Dim,
        };
        table.row([
            label(&decision.name, &decision.arch, inventory).into(),
            (&decision.installed).into(),
            (&decision.version).into(),
            Cell::painted(verdict_word(decision), paint),
            (&decision.reason).into(),
        ]);
    }
    rendered(&table)
}

/// The package as a person names it: with its architecture only where that is not the machine's own.
pub(crate) fn label(name: &str, arch: &str, inventory: &Inventory) -> String {
    match arch {
        "" | "all" | "noarch" => name.to_owned(),
        own if own == inventory.node.arch => name.to_owned(),
        foreign if inventory.node.operating_system.family() == Family::Rpm => format!("{name}.{foreign}"),
        foreign => format!("{name}:{foreign}"),
    }
}

/// What the decisions come to, in one line; nothing where there are none.
pub(crate) fn summary(evaluation: &Evaluation) -> String {
    let rows = shown(evaluation, false);
    if rows.is_empty() {
        return String::new();
    }
    let number = |word: &str| rows.iter().filter(|d| verdict_word(d) == word).count();
    let mut parts = vec![format!("{} approved", number("approved"))];
    for word in ["pending", "waiting", "too new", "rejected", "held", "deferred", "not matched"] {
        let n = number(word);
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    let packages = count(rows.len(), "package with updates", "packages with updates");
    paragraph("", &format!("{packages}: {}", parts.join(", ")))
}

/// The first lines: which machine, which baseline, how fresh.
pub(crate) fn heading(inventory: &Inventory, evaluation: &Evaluation) -> String {
    let node = &inventory.node;
    let mut text = one_line(&format!(
        "{}: {} ({}), {}, {}",
        node.hostname,
        node.pretty_name,
        node.arch,
        node.package_manager,
        count(inventory.installed.len(), "package installed", "packages installed")
    )) + "\n";
    writeln!(text, "baseline {} as of {}", one_line(&evaluation.baseline), instant(evaluation.at)).ok();
    for source in &inventory.sources {
        if let SourceState::Unreadable { why } = &source.state {
            text += &paragraph("source ", &format!("{} cannot be relied on: {why}", source.id));
        }
    }
    for updater in inventory.foreign_updaters.iter().filter(|u| u.active) {
        text += &paragraph("", &format!("{} also installs updates here: {}", updater.name, updater.evidence));
    }
    text
}

/// Status in words.
pub(crate) fn status_word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Compliant => "COMPLIANT",
        NodeStatus::NonCompliant => "NOT COMPLIANT",
        NodeStatus::Unknown => "UNKNOWN",
    }
}

/// The verdict on the machine, its counts and its notes.
pub(crate) fn compliance(compliance: &NodeCompliance) -> String {
    let c = &compliance.counts;
    let mut parts = vec![
        format!("{} installed", c.installed),
        format!("{} other", c.installed_other),
        format!("{} missing", c.missing),
    ];
    for (n, word) in [
        (c.failed, "failed"),
        (c.installed_pending_reboot, "pending reboot"),
        (c.installed_rejected, "rejected but installed"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    let head = format!("{} ({})", status_word(compliance.status), parts.join(", "));
    let mut text = paragraph("compliance: ", &head);
    for note in &compliance.notes {
        text += &paragraph("  ", note);
    }
    text
}

/// Patches that make the machine noncompliant.
pub(crate) fn noncompliant(compliance: &NodeCompliance) -> String {
    let bad = |s: PatchState| {
        matches!(
            s,
            PatchState::Missing
                | PatchState::Failed
                | PatchState::InstalledRejected
                | PatchState::InstalledPendingReboot
        )
    };
    patches(compliance, bad)
}

/// Every patch of the report.
pub(crate) fn every_patch(compliance: &NodeCompliance) -> String {
    patches(compliance, |_| true)
}

fn patches(compliance: &NodeCompliance, wanted: impl Fn(PatchState) -> bool) -> String {
    let rows: Vec<_> = compliance.patches.iter().filter(|p| wanted(p.state)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["PACKAGE", "VERSION", "STATE", "LEVEL", "WHY"]);
    for patch in rows {
        table.row([
            (&patch.name).into(),
            (&patch.version).into(),
            enum_word(&patch.state).into(),
            enum_word(&patch.level).into(),
            (&patch.reason).into(),
        ]);
    }
    rendered(&table)
}

/// The stable name of an enum value, as JSON has it.
pub(crate) fn enum_word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
