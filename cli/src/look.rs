//! The commands that only look: `try`, `inventory`, `evaluate`. No root, nothing is changed.

use chrono::{DateTime, Utc};
use patchflock_baselines::approval::Evaluation;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::compliance::{NodeCompliance, NodeStatus, RunTraces};
use patchflock_baselines::inventory::Inventory;
use patchflock_machine::{record, system};
use serde::Serialize;

use crate::args::{EvaluateArgs, Format, InventoryArgs, TryArgs};
use crate::blame::{Failure, Verdict};
use crate::compare::{self, Difference, Kind};
use crate::machine;
use crate::output::Table;
use crate::{decisions, output, policy};

/// What `try` and `evaluate` print as JSON and YAML. Stable.
#[derive(Debug, Serialize)]
struct Report<'a> {
    format: u32,
    node: &'a patchflock_baselines::inventory::Node,
    sources: &'a [patchflock_baselines::inventory::Source],
    evaluation: &'a Evaluation,
    compliance: &'a NodeCompliance,
    differences: &'a [Difference],
}

/// `patchflock try`.
pub(crate) fn try_machine(args: &TryArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let file = policy::baseline_file(&args.baseline)?;
    let machine = machine::open(&args.machine, now)?;
    let baseline = policy::baseline(file, machine.facts.operating_system)?;
    if let Some(source) = baseline.sources.first() {
        output::talk(&format!(
            "note: baseline {} names alternative sources ({} …); try looks at this machine's own only",
            baseline.name, source.name
        ));
    }
    let inventory = machine.inventory(now)?;
    let records = record::all(&machine.root);
    records.complain(output::talk);
    let traces = record::traces(&records, inventory.node.boot_id.as_deref());
    show(&inventory, &baseline, &traces, now, args.all, args.output)
}

/// `patchflock evaluate`.
pub(crate) fn evaluate(args: &EvaluateArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let inventory = policy::inventory(&args.inventory)?;
    let baseline = policy::baseline(policy::baseline_file(&args.baseline)?, inventory.node.operating_system)?;
    let at = args.at.unwrap_or(now);
    show(&inventory, &baseline, &RunTraces::default(), at, args.all, args.output)
}

/// `patchflock inventory`.
pub(crate) fn inventory(args: &InventoryArgs, now: DateTime<Utc>) -> Result<Verdict, Failure> {
    let inventory = machine::open(&args.machine, now)?.inventory(now)?;
    if args.output == Format::Table {
        let mut table = Table::new(&["WHAT", "COUNT"]);
        for (what, n) in [
            ("sources", inventory.sources.len()),
            ("installed packages", inventory.installed.len()),
            ("newer versions offered", inventory.candidates.len()),
            ("changes the native tool would make", inventory.native.len()),
        ] {
            table.row([what.into(), n.to_string().into()]);
        }
        output::data(&output::rendered(&table))?;
    } else {
        output::structured(args.output, &inventory)?;
    }
    Ok(Verdict::Fine)
}

fn show(
    inventory: &Inventory,
    baseline: &Baseline,
    traces: &RunTraces,
    at: DateTime<Utc>,
    all: bool,
    format: Format,
) -> Result<Verdict, Failure> {
    let (evaluation, compliance) =
        system::verdict(baseline, inventory, traces, false, at).map_err(Failure::operator)?;
    let tool = inventory.node.package_manager.split(' ').next().unwrap_or("the native tool");
    let differences = compare::compare(inventory, &evaluation, tool);
    if format == Format::Table {
        let text = [
            decisions::heading(inventory, &evaluation),
            "\n".to_owned(),
            decisions::decisions(inventory, &evaluation, all),
            "\n".to_owned(),
            decisions::summary(&evaluation),
            decisions::compliance(&compliance),
            comparison(inventory, &differences, tool),
        ]
        .concat();
        output::data(&text)?;
    } else {
        output::structured(
            format,
            &Report {
                format: 1,
                node: &inventory.node,
                sources: &inventory.sources,
                evaluation: &evaluation,
                compliance: &compliance,
                differences: &differences,
            },
        )?;
    }
    Ok(match compliance.status {
        NodeStatus::Compliant => Verdict::Fine,
        NodeStatus::NonCompliant | NodeStatus::Unknown => Verdict::NotCompliant,
    })
}

/// The differences from the native tool; what is the same is only counted.
fn comparison(inventory: &Inventory, differences: &[Difference], tool: &str) -> String {
    let same = differences.iter().filter(|d| d.kind == Kind::Same).count();
    let head = if same == differences.len() {
        format!("compared with {tool}: no difference")
    } else {
        format!(
            "compared with {tool}: the same for {}, different for {}",
            output::count(same, "package", "packages"),
            output::count(differences.len() - same, "package", "packages")
        )
    };
    let mut text = format!("\n{}", output::paragraph("", &head));
    for difference in differences.iter().filter(|d| d.kind != Kind::Same) {
        let sign = match difference.kind {
            Kind::OnlyNative => '-',
            Kind::OnlyBaseline => '+',
            Kind::OtherVersion => '~',
            Kind::Same => '=',
        };
        let name = decisions::label(&difference.name, &difference.arch, inventory);
        text += &output::paragraph(&format!("  {sign} "), &format!("{name}: {}", difference.explanation));
    }
    text
}
