//! What an installation would do, shown before anybody is asked.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use patchflock_api::answer::SurveyFile;
use patchflock_api::run::{HookPoint, RebootChoice, Survey};
use patchflock_baselines::inventory::Candidate;
use patchflock_baselines::plan::{Item, Plan, Role};
use patchflock_machine::host;
use patchflock_machine::root::Root;

use crate::decisions;
use crate::output::{Table, count, paragraph, rendered};
use crate::runs::story;

/// Where hooks lie; the privileged half runs them.
const HOOKS: &str = "/etc/patchflock/hooks";
/// As many as it looks at.
const MOST_HOOKS: usize = 100;
/// Changes that are named in one sentence.
const NAMED: usize = 5;

/// What a run would do, by its dry run.
pub(crate) struct Preview<'a> {
    survey: &'a Survey,
    /// The newest whole survey: it knows sizes and advisories, where it knows the very version.
    whole: Option<&'a SurveyFile>,
    reboot: RebootChoice,
}

impl<'a> Preview<'a> {
    pub(crate) fn new(survey: &'a Survey, whole: Option<&'a SurveyFile>, reboot: RebootChoice) -> Self {
        Self { survey, whole, reboot }
    }

    /// The machine would be left as it is.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.survey.plan.items.is_empty() && !self.reboots_anyway()
    }

    /// A reboot is due whatever the installation shows.
    fn reboots_anyway(&self) -> bool {
        let pending = self.survey.compliance.as_ref().is_some_and(|c| c.counts.installed_pending_reboot > 0);
        match self.reboot {
            RebootChoice::Never => false,
            RebootChoice::Always => true,
            RebootChoice::IfNeeded => self.survey.reboot_needed.unwrap_or(pending),
        }
    }

    /// The question that follows what was shown.
    pub(crate) fn question(&self) -> String {
        let packages = count(self.survey.plan.items.len(), "package", "packages");
        match (self.survey.plan.items.is_empty(), self.reboots_anyway()) {
            (true, _) => "Reboot this machine now?".into(),
            (false, true) => format!("Change {packages} as shown, and reboot?"),
            (false, false) => format!("Change {packages} as shown?"),
        }
    }

    /// The baseline, each package, what is left out, the reboot and the hooks.
    pub(crate) fn text(&self) -> String {
        let plan = &self.survey.plan;
        let mut text = story::found(self.survey);
        if plan.items.is_empty() {
            text += "\nNothing is to be installed.\n";
        } else {
            text += &format!("\n{}\n", self.packages(plan));
        }
        for held in &plan.held {
            text += &paragraph("held: ", &format!("{} {}: {}", held.name, held.version, held.reason));
        }
        for id in &self.survey.without_match {
            text += &paragraph("note: ", &format!("nothing offered here matches {id}"));
        }
        text += &paragraph("reboot: ", &self.reboot());
        text + &paragraph(
            "hooks: ",
            &hooks(&Root::host(), !plan.items.is_empty(), self.reboot != RebootChoice::Never),
        ) + "\n"
    }

    fn candidate(&self, item: &Item) -> Option<&Candidate> {
        let wanted = |c: &&Candidate| (&c.name, &c.arch, &c.version) == (&item.name, &item.arch, &item.to);
        self.whole?.inventory.candidates.iter().find(wanted)
    }

    fn packages(&self, plan: &Plan) -> String {
        let sizes: Vec<Option<u64>> =
            plan.items.iter().map(|i| self.candidate(i).and_then(|c| c.size)).collect();
        let known = sizes.iter().any(Option::is_some);
        let columns: &[&str] =
            if known { &["PACKAGE", "FROM", "TO", "SIZE", "WHY"] } else { &["PACKAGE", "FROM", "TO", "WHY"] };
        let mut table = Table::new(columns);
        for (item, size) in plan.items.iter().zip(&sizes) {
            let why = match &item.role {
                Role::Approved { reason } => reason.clone(),
                Role::PulledIn { by } => format!("pulled in by {}", by.join(", ")),
            };
            let name = self.whole.map_or_else(
                || item.name.clone(),
                |w| decisions::label(&item.name, &item.arch, &w.inventory),
            );
            let mut row =
                vec![name.into(), item.from.as_deref().unwrap_or("(new)").into(), (&item.to).into()];
            if known {
                row.push(size.map(bytes).unwrap_or_default().into());
            }
            row.push(why.into());
            table.row(row);
        }
        let mut sum = count(plan.items.len(), "package", "packages");
        if known {
            let some = if sizes.iter().all(Option::is_some) { "" } else { "at least " };
            sum += &format!(", {some}{} to download", bytes(sizes.iter().flatten().sum()));
        }
        format!("{}{sum}\n", rendered(&table))
    }

    fn reboot(&self) -> String {
        let suggesting =
            |i: &&Item| self.candidate(i).is_some_and(|c| c.advisories.iter().any(|a| a.reboot_suggested));
        let suggested = self.survey.plan.items.iter().find(suggesting);
        match (self.reboot, self.survey.reboot_needed) {
            (RebootChoice::Never, Some(true)) => {
                "no (--reboot never), though this machine needs one already".into()
            }
            (RebootChoice::Never, _) => "no (--reboot never)".into(),
            (RebootChoice::Always, _) => "yes, at the end (--reboot always)".into(),
            (RebootChoice::IfNeeded, Some(true)) => {
                let evidence = self.survey.reboot_evidence.join("; ");
                format!("yes: this machine needs one already ({evidence}); --reboot never keeps it up")
            }
            (RebootChoice::IfNeeded, _) if suggested.is_some() => {
                let name = suggested.map(|i| i.name.as_str()).unwrap_or_default();
                format!("to be expected: its vendor suggests one after {name}; --reboot never keeps it up")
            }
            (RebootChoice::IfNeeded, Some(false)) => {
                "if the machine shows after the installation that it needs one; --reboot never keeps it up"
                    .into()
            }
            (RebootChoice::IfNeeded, None) => {
                "yes: this machine cannot tell whether it needs one; --reboot never keeps it up".into()
            }
        }
    }
}

/// Hooks that will run, by their points.
fn hooks(root: &Root, installs: bool, reboots: bool) -> String {
    let mut found = Vec::new();
    for point in [HookPoint::PreInstall, HookPoint::PostInstall, HookPoint::PreReboot, HookPoint::OnExit] {
        let comes = match point {
            HookPoint::PreInstall | HookPoint::PostInstall => installs,
            HookPoint::PreReboot => reboots,
            HookPoint::OnExit => true,
        };
        if !comes {
            continue;
        }
        let word = decisions::enum_word(&point);
        let directory = format!("{HOOKS}/{word}.d");
        match host::list(root, &directory, MOST_HOOKS) {
            Err(e) => found.push(format!("{word}: unknown ({directory}: {e})")),
            Ok(names) => {
                let runs = |name: &String| {
                    let leftover = name.starts_with('.')
                        || name.ends_with('~')
                        || name.contains(".dpkg-")
                        || name.contains(".rpm");
                    let path = root.path(format!("{directory}/{name}"));
                    let executable = std::fs::metadata(path)
                        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
                    executable && !leftover
                };
                let names: Vec<String> = names.into_iter().filter(runs).collect();
                if !names.is_empty() {
                    found.push(format!("{word} {}", names.join(", ")));
                }
            }
        }
    }
    if found.is_empty() { "none".into() } else { found.join("; ") }
}

/// A size in a unit that people read.
pub(crate) fn bytes(n: u64) -> String {
    let (unit, name) = match n {
        0..1_000 => return format!("{n} B"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let tenths = n.saturating_mul(10) / unit;
    if tenths < 100 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", tenths / 10)
    }
}

/// What a run did otherwise than it was shown before; `None`: nothing.
pub(crate) fn changed(shown: &Plan, done: &Plan) -> Option<String> {
    let items = |plan: &Plan| -> BTreeMap<(String, String), String> {
        plan.items.iter().map(|i| ((i.name.clone(), i.arch.clone()), i.to.clone())).collect()
    };
    let (shown, done) = (items(shown), items(done));
    let named = |of: &BTreeMap<_, _>, other: &BTreeMap<_, _>| {
        let differ = of.iter().filter(|(key, to)| other.get(*key) != Some(*to));
        let all: Vec<String> = differ.map(|((name, _), to)| format!("{name} {to}")).collect();
        let more = all.len().saturating_sub(NAMED);
        let few = all.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        if more == 0 { few } else { format!("{few} and {more} more") }
    };
    let (added, gone) = (named(&done, &shown), named(&shown, &done));
    let mut parts = Vec::new();
    if !added.is_empty() {
        parts.push(format!("in it now: {added}"));
    }
    if !gone.is_empty() {
        parts.push(format!("not in it any more: {gone}"));
    }
    (!parts.is_empty())
        .then(|| format!("the plan changed between your answer and the run; {}", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(items: &[(&str, &str)]) -> Plan {
        let item = |(name, to): &(&str, &str)| Item {
            name: (*name).into(),
            arch: "amd64".into(),
            from: None,
            to: (*to).into(),
            role: Role::Approved { reason: String::new() },
        };
        Plan { items: items.iter().map(item).collect(), held: Vec::new() }
    }

    #[test]
    fn a_plan_that_changed_after_the_answer_is_named_by_what_differs() {
        assert_eq!(changed(&plan(&[("a", "1")]), &plan(&[("a", "1")])), None);
        assert_eq!(
            changed(&plan(&[("a", "1"), ("b", "1")]), &plan(&[("a", "2"), ("c", "1")])).unwrap(),
            "the plan changed between your answer and the run; in it now: a 2, c 1; not in it any more: a 1, b 1"
        );
        let many: Vec<String> = (1..=7).map(|n| format!("p{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|n| (n.as_str(), "1")).collect();
        assert!(changed(&plan(&[]), &plan(&many)).unwrap().ends_with("p4 1, p5 1 and 2 more"));
    }

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        let said = [0, 999, 1_000, 63_984, 1_490_652, 12_000_000, 3_210_000_000].map(bytes);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "63 kB", "1.4 MB", "12 MB", "3.2 GB"]);
    }

    #[test]
    fn hooks_that_will_run_are_named_and_what_only_lies_beside_them_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        assert_eq!(hooks(&root, true, true), "none");
        for (path, mode) in [
            ("pre-install.d/10-drain", 0o755),
            ("pre-install.d/10-drain~", 0o755),
            ("pre-install.d/README", 0o644),
            ("pre-reboot.d/10-tell", 0o755),
            ("on-exit.d/90-undrain", 0o755),
        ] {
            let path = dir.path().join("etc/patchflock/hooks").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(hooks(&root, true, true), "pre-install 10-drain; pre-reboot 10-tell; on-exit 90-undrain");
        assert_eq!(hooks(&root, true, false), "pre-install 10-drain; on-exit 90-undrain");
        assert_eq!(hooks(&root, false, true), "pre-reboot 10-tell; on-exit 90-undrain");
    }
}
