//! What every package manager promises, as functions over the trait: apt, dnf and the fake run the same ones.
//!
//! An adapter's test makes a [`Fixture`], a machine as [`Fixture`] describes it, and calls [`all`] with a function
//! that makes a fresh one for each promise.

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use patchflock_baselines::approval::evaluate;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::document::{Document, parse};
use patchflock_baselines::inventory::{
    Candidate, FORMAT, Installed, Inventory, NativeAction, Node, SourceState,
};
use patchflock_baselines::plan::{Item, Plan, Role, Simulation, Target, resolve, targets};
use patchflock_machine::host;
use patchflock_machine::pm::{InstallReport, OutcomeKind, PackageManager, PmError, Progress, Scan};
use patchflock_machine::root::Root;

/// Version that is installed of every package of a fixture.
pub const OLD: &str = "1.0-1";
/// Version that is offered.
pub const NEW: &str = "2.0-1";

/// A machine with these packages installed in [`OLD`] and offered in [`NEW`]:
///
/// - `alpha`, whose new version needs `alpha-data`, which is not installed;
/// - `beta`, without needs, and `gamma`, marked automatic where the tool knows such marks;
/// - `broken`, whose new version fails to install;
/// - `held`, which the administrator holds back.
pub trait Fixture {
    /// The package manager of the machine.
    fn pm(&self) -> &dyn PackageManager;
    /// Architecture under which the packages are known.
    fn arch(&self) -> String;
    /// Everything that must stay as it is when nothing is installed, in any form that compares.
    ///
    /// # Errors
    /// It cannot be read.
    fn snapshot(&self) -> Result<String>;
}

/// One promise.
type Promise = fn(&dyn Fixture) -> Result<()>;

/// All promises, by name.
pub const PROMISES: [(&str, Promise); 10] = [
    ("a scan finds what can be upgraded and changes nothing", scan_finds),
    ("a simulation shows the closure and changes nothing", simulation_shows_the_closure),
    ("a simulation refuses the culprit alone", simulation_refuses_the_culprit),
    ("an installation does exactly the plan", install_does_the_plan),
    ("a plan without its closure is refused before anything happens", open_plan_is_refused),
    ("a plan made for another state is refused", stale_plan_is_refused),
    ("a plan with a held package is refused", held_package_is_refused),
    ("a failing package is named and does not sink the rest", failing_package_is_named),
    ("a plan that is done already is reported as done", plan_twice),
    ("a whole machine needs no repair", nothing_to_repair),
];

/// Checks every promise, each on a fresh machine, and reports all that are broken.
///
/// # Errors
/// A promise is broken or a machine cannot be made.
pub fn all<F: Fixture>(fresh: impl Fn() -> Result<F>) -> Result<()> {
    let mut broken = Vec::new();
    for (name, promise) in PROMISES {
        let fixture = fresh().with_context(|| format!("a machine for: {name}"))?;
        if let Err(e) = promise(&fixture) {
            broken.push(format!("{name}: {e:#}"));
        }
    }
    ensure!(broken.is_empty(), "broken promises:\n{}", broken.join("\n"));
    Ok(())
}

fn target(fixture: &dyn Fixture, name: &str, version: &str) -> Target {
    Target { name: name.into(), arch: fixture.arch(), version: version.into() }
}

fn item(fixture: &dyn Fixture, name: &str, from: Option<&str>) -> Item {
    let role = Role::Approved { reason: "contract".into() };
    Item { name: name.into(), arch: fixture.arch(), from: from.map(str::to_owned), to: NEW.into(), role }
}

/// A plan of installed packages.
fn plan(fixture: &dyn Fixture, names: &[&str]) -> Plan {
    Plan { items: names.iter().map(|n| item(fixture, n, Some(OLD))).collect(), held: Vec::new() }
}

/// The plan that does exactly what was simulated.
///
/// # Errors
/// The simulation would remove something.
pub fn plan_of(simulation: &Simulation) -> Result<Plan> {
    let items = simulation.changes.iter().map(|c| {
        let to = c.to.clone().with_context(|| format!("{} would be removed", c.name))?;
        let role = Role::Approved { reason: "contract".into() };
        Ok(Item { name: c.name.clone(), arch: c.arch.clone(), from: c.from.clone(), to, role })
    });
    Ok(Plan { items: items.collect::<Result<_>>()?, held: Vec::new() })
}

/// The baseline in this document.
///
/// # Errors
/// It has problems, or is none.
pub fn baseline(text: &str) -> Result<Baseline> {
    let parsed = parse("baseline.yaml", text.as_bytes());
    let parsed = parsed.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    match parsed.documents.into_iter().next() {
        Some(Document::PatchBaseline(baseline)) => Ok(baseline),
        _ => bail!("no baseline"),
    }
}

/// What a baseline makes of a machine: scanned, judged, and simulated until nothing is objected to.
///
/// # Errors
/// The package manager's, or the machine cannot be identified.
pub fn plan_under(
    root: &Root,
    pm: &dyn PackageManager,
    baseline: &Baseline,
    now: DateTime<Utc>,
) -> Result<Plan> {
    let (facts, scan) = (host::read(root, now)?, pm.scan()?);
    let inventory = Inventory {
        format: FORMAT,
        taken_at: now,
        node: Node {
            hostname: facts.hostname,
            operating_system: facts.operating_system,
            product: facts.product,
            pretty_name: facts.pretty_name,
            arch: facts.arch,
            boot_id: facts.boot_id,
            booted_at: facts.booted_at,
            package_manager: scan.package_manager,
            patch_group: None,
        },
        sources: scan.sources,
        installed: scan.installed,
        candidates: scan.candidates,
        sightings: Vec::new(),
        native: scan.native,
        foreign_updaters: scan.foreign_updaters,
        reboot: scan.reboot,
        services_to_restart: scan.services_to_restart,
    };
    let evaluation = evaluate(baseline, &inventory, now)?;
    Ok(resolve(baseline, &inventory, &evaluation, targets(&evaluation), |t| pm.simulate(t))?)
}

/// Fetches and installs.
///
/// # Errors
/// The package manager's.
pub fn carry_out(pm: &dyn PackageManager, plan: &Plan) -> Result<InstallReport, PmError> {
    let mut quiet = |_: Progress| {};
    pm.fetch(plan, &mut quiet)?;
    pm.install(plan, &mut quiet)
}

fn candidate<'s>(scan: &'s Scan, name: &str) -> Result<&'s Candidate> {
    let found: Vec<_> = scan.candidates.iter().filter(|c| c.name == name).collect();
    match found[..] {
        [one] => Ok(one),
        _ => bail!("{} candidates of {name}", found.len()),
    }
}

fn installed<'s>(scan: &'s Scan, name: &str) -> Result<&'s Installed> {
    scan.installed.iter().find(|i| i.name == name).with_context(|| format!("{name} is not installed"))
}

fn at(scan: &Scan, name: &str, version: &str) -> Result<()> {
    let found = installed(scan, name)?;
    ensure!(
        found.version == version && !found.broken,
        "{name} is at {} (broken: {})",
        found.version,
        found.broken
    );
    Ok(())
}

fn unchanged(fixture: &dyn Fixture, before: &str) -> Result<()> {
    let after = fixture.snapshot()?;
    let differs = before.lines().zip(after.lines()).find(|(a, b)| a != b);
    ensure!(before == after, "something changed, first: {differs:?}");
    Ok(())
}

fn scan_finds(fixture: &dyn Fixture) -> Result<()> {
    let before = fixture.snapshot()?;
    let scan = fixture.pm().scan()?;
    ensure!(scan.sources.iter().all(|s| s.state == SourceState::Readable), "{:?}", scan.sources);
    for name in ["alpha", "beta", "gamma", "broken", "held"] {
        at(&scan, name, OLD)?;
        let found = candidate(&scan, name)?;
        ensure!(found.version == NEW && found.installed == OLD, "{found:?}");
        ensure!(found.arch == fixture.arch(), "{found:?}");
        ensure!(found.held.is_some() == (name == "held"), "{found:?}");
        let known = |id: &String| scan.sources.iter().any(|s| s.id == *id);
        ensure!(!found.sources.is_empty() && found.sources.iter().all(known), "{found:?}");
    }
    let native =
        scan.native.iter().any(|n| n.name == "beta" && n.to == NEW && n.action == NativeAction::Upgrade);
    ensure!(native, "the tool's own opinion: {:?}", scan.native);
    ensure!(scan == fixture.pm().scan()?, "two scans differ");
    unchanged(fixture, &before)
}

fn simulation_shows_the_closure(fixture: &dyn Fixture) -> Result<()> {
    let before = fixture.snapshot()?;
    let found = fixture.pm().simulate(&[target(fixture, "alpha", NEW)])?;
    ensure!(found.refused.is_empty() && found.changes.len() == 2, "{found:?}");
    for (name, from) in [("alpha", Some(OLD)), ("alpha-data", None)] {
        let change = found.changes.iter().find(|c| c.name == name).with_context(|| format!("{found:?}"))?;
        ensure!(change.from.as_deref() == from && change.to.as_deref() == Some(NEW), "{change:?}");
        ensure!(!change.sources.is_empty(), "{change:?}");
    }
    unchanged(fixture, &before)
}

fn simulation_refuses_the_culprit(fixture: &dyn Fixture) -> Result<()> {
    let wanted = [("alpha", NEW), ("beta", "7.0-1"), ("gamma", NEW)].map(|(n, v)| target(fixture, n, v));
    let found = fixture.pm().simulate(&wanted)?;
    let refused: Vec<_> = found.refused.iter().map(|r| r.name.as_str()).collect();
    ensure!(refused == ["beta"] && found.refused.iter().all(|r| !r.why.is_empty()), "{found:?}");
    let mut names: Vec<_> = found.changes.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    ensure!(names == ["alpha", "alpha-data", "gamma"], "{found:?}");
    Ok(())
}

fn install_does_the_plan(fixture: &dyn Fixture) -> Result<()> {
    let pm = fixture.pm();
    let before = pm.scan()?;
    let wanted = ["alpha", "gamma"].map(|n| target(fixture, n, NEW));
    let plan = plan_of(&pm.simulate(&wanted)?)?;
    let report = carry_out(pm, &plan)?;
    ensure!(report.outcomes.len() == plan.items.len(), "{report:?}");
    ensure!(report.outcomes.iter().all(|o| o.result == OutcomeKind::Installed), "{report:?}");
    let after = pm.scan()?;
    for (name, version) in [("alpha", NEW), ("alpha-data", NEW), ("gamma", NEW), ("beta", OLD), ("held", OLD)]
    {
        at(&after, name, version)?;
    }
    ensure!(after.installed.len() == before.installed.len() + 1, "more than the plan was installed");
    for old in before.installed.iter().filter(|i| !["alpha", "gamma"].contains(&i.name.as_str())) {
        at(&after, &old.name, &old.version)?;
    }
    for old in &before.installed {
        ensure!(installed(&after, &old.name)?.auto == old.auto, "the auto mark of {} changed", old.name);
    }
    ensure!(installed(&after, "alpha-data")?.auto, "what was pulled in counts as asked for");
    ensure!(after.candidates.iter().all(|c| c.name != "alpha"), "alpha is still to be upgraded");
    ensure!(candidate(&after, "held")?.held.is_some(), "the hold is gone");
    Ok(())
}

fn refused(fixture: &dyn Fixture, plan: &Plan, words: &str) -> Result<()> {
    let before = fixture.snapshot()?;
    let mut quiet = |_: Progress| {};
    for answer in
        [fixture.pm().fetch(plan, &mut quiet).err(), fixture.pm().install(plan, &mut quiet).map(drop).err()]
    {
        match answer {
            Some(PmError::NotThePlan { difference }) if difference.contains(words) => {}
            other => bail!("{other:?} instead of a refusal that names {words}"),
        }
    }
    unchanged(fixture, &before)
}

fn open_plan_is_refused(fixture: &dyn Fixture) -> Result<()> {
    refused(fixture, &plan(fixture, &["alpha", "beta"]), "alpha")
}

fn stale_plan_is_refused(fixture: &dyn Fixture) -> Result<()> {
    refused(fixture, &Plan { items: vec![item(fixture, "beta", Some("0.9-1"))], held: Vec::new() }, "beta")
}

fn held_package_is_refused(fixture: &dyn Fixture) -> Result<()> {
    refused(fixture, &plan(fixture, &["held", "beta"]), "held")
}

fn failing_package_is_named(fixture: &dyn Fixture) -> Result<()> {
    let report = carry_out(fixture.pm(), &plan(fixture, &["beta", "broken", "gamma"]))?;
    for outcome in &report.outcomes {
        match (&outcome.result, outcome.target.name.as_str()) {
            (OutcomeKind::Failed { why }, "broken") => ensure!(!why.is_empty(), "no reason"),
            (OutcomeKind::Installed, "beta" | "gamma") => {}
            _ => bail!("{outcome:?}\n{}", report.log),
        }
    }
    ensure!(report.outcomes.len() == 3, "{report:?}");
    let after = fixture.pm().scan()?;
    at(&after, "beta", NEW)?;
    at(&after, "gamma", NEW)?;
    let broken = installed(&after, "broken")?;
    ensure!(broken.broken || broken.version == OLD, "{broken:?}");
    Ok(())
}

fn plan_twice(fixture: &dyn Fixture) -> Result<()> {
    let plan = plan(fixture, &["beta"]);
    for _ in 0..2 {
        let report = carry_out(fixture.pm(), &plan)?;
        ensure!(report.outcomes.iter().all(|o| o.result == OutcomeKind::Installed), "{report:?}");
    }
    let done = fixture.pm().simulate(&[target(fixture, "beta", NEW)])?;
    ensure!(done == Simulation::default(), "{done:?}");
    Ok(())
}

fn nothing_to_repair(fixture: &dyn Fixture) -> Result<()> {
    let before = fixture.snapshot()?;
    let repaired = fixture.pm().repair()?;
    ensure!(repaired.is_none(), "{repaired:?}");
    unchanged(fixture, &before)
}
