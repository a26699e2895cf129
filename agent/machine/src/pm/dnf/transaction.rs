//! Simulation, download and installation of exact versions.
//!
//! Who decides what: the plan names every version; dnf's solver may use nothing else of the repositories and must
//! come to exactly the plan, in the process that then installs it; rpm's database says what became of it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use patchflock_baselines::plan::{Change, Item, Plan, Refused, Role, Simulation, Target};
use serde::Deserialize;
use serde_json::Value;

use super::database::Database;
use super::script::{Said, Script, TRANSACTION, decisive, text};
use super::updateinfo::Nevra;
use crate::pm::{InstallReport, OnProgress, Outcome, OutcomeKind, PmError, Progress};
use crate::root::Root;

/// How long a lock of another program is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(120);
/// Output kept for the record.
const LOG: usize = 256 << 10;

/// A change of the script.
#[derive(Debug, Deserialize)]
struct RawChange {
    name: String,
    arch: String,
    from: Option<String>,
    to: Option<String>,
    sources: Vec<String>,
}

pub(super) fn simulate(root: &Root, targets: &[Target]) -> Result<Simulation, PmError> {
    let mut simulation = Simulation::default();
    let mut args = Vec::new();
    for t in targets {
        match argument("want", &t.name, &t.arch, &t.version) {
            Some(arg) => args.push(arg),
            None => simulation.refused.push(Refused {
                name: t.name.clone(),
                arch: t.arch.clone(),
                why: format!("{:?} is not an rpm version", t.version),
            }),
        }
    }
    if args.is_empty() {
        return Ok(simulation);
    }
    let what = "simulating with dnf's Python";
    let said = run(root, what, "simulate", args, |_| {})?;
    said.typed::<Value>(what, "end")?;
    let changes: Vec<RawChange> = said.all(what, "change")?;
    simulation.changes = changes
        .into_iter()
        .map(|c| Change { name: c.name, arch: c.arch, from: c.from, to: c.to, sources: c.sources })
        .collect();
    let refused: Vec<Refused> = said.all(what, "refused")?;
    simulation.refused.extend(refused.into_iter().map(|r| Refused { why: one_line(&r.why), ..r }));
    Ok(simulation)
}

pub(super) fn fetch(root: &Root, plan: &Plan, progress: OnProgress<'_>) -> Result<(), PmError> {
    needs_root("downloading packages into dnf's cache")?;
    let pending = pending(root, plan)?;
    if pending.is_empty() {
        return Ok(());
    }
    progress(Progress::Phase("Fetching".into()));
    let what = "downloading with dnf's Python";
    let mut done = 0;
    let said = run(root, what, "fetch", arguments(&pending, |_| true)?, |fact| {
        if text(fact, "fact") == "fetched" {
            done += 1;
            progress(Progress::Package { name: text(fact, "name"), what: "downloaded".into() });
            progress(Progress::Percent(percent(done, pending.len() as u64)));
        }
    })?;
    said.typed::<Value>(what, "end").map(|_| ())
}

pub(super) fn install(root: &Root, plan: &Plan, progress: OnProgress<'_>) -> Result<InstallReport, PmError> {
    needs_root("installing packages")?;
    let pending = pending(root, plan)?;
    let mut run_ = Run { root, progress, report: InstallReport::default(), why: HashMap::new() };
    if !pending.is_empty() {
        (run_.progress)(Progress::Phase("Installing".into()));
        run_.all(&pending)?;
    }
    let after = Database::read(root)?;
    let Run { mut report, why, .. } = run_;
    for item in &plan.items {
        let key = nevra(item);
        let result = if after.has(&key) {
            OutcomeKind::Installed
        } else {
            let why = why.get(&key).cloned();
            OutcomeKind::Failed {
                why: why.unwrap_or_else(|| "rpm did not install it and names no reason".into()),
            }
        };
        let target = Target { name: key.name, arch: key.arch, version: key.version };
        report.outcomes.push(Outcome { target, from: item.from.clone(), result });
    }
    Ok(report)
}

/// One installation.
struct Run<'a, 'p> {
    root: &'a Root,
    progress: OnProgress<'p>,
    report: InstallReport,
    /// Why an item failed.
    why: HashMap<Nevra, String>,
}

impl Run<'_, '_> {
    /// The whole plan; where something breaks, the rest without it.
    fn all(&mut self, pending: &[&Item]) -> Result<(), PmError> {
        let said = self.script("install", arguments(pending, |_| true)?)?;
        let missing = self.missing(pending)?;
        if missing.is_empty() {
            return Ok(());
        }
        if missing.len() == pending.len() {
            // rpm's own test refused the transaction, or nothing at all went in: look for who is to blame.
            self.without_culprits(&missing, &error_of(&said))?;
        } else {
            self.rest(&missing, &said)?;
        }
        self.restore_marks(pending)
    }

    fn missing<'i>(&self, items: &[&'i Item]) -> Result<Vec<&'i Item>, PmError> {
        let after = Database::read(self.root)?;
        Ok(items.iter().copied().filter(|i| !after.has(&nevra(i))).collect())
    }

    /// Some packages failed while rpm worked. Those that rpm names stay out, the others are tried once more.
    fn rest(&mut self, missing: &[&Item], said: &Said) -> Result<(), PmError> {
        let others = self.blame(missing, said);
        if others.is_empty() || others.len() == missing.len() {
            return Ok(());
        }
        match self.script("part", arguments(&others, |_| true)?) {
            Ok(_) => Ok(()),
            Err(PmError::NotThePlan { difference }) => {
                for item in others {
                    self.why
                        .insert(nevra(item), format!("it depends on a package that failed: {difference}"));
                }
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Notes why each of these failed; returns those that nobody blames.
    fn blame<'i>(&mut self, missing: &[&'i Item], said: &Said) -> Vec<&'i Item> {
        let lines = rpm_lines(said);
        let mut others = Vec::new();
        for item in missing {
            let blame = blamed(item, &lines);
            if blame.is_empty() {
                others.push(*item);
            }
            let words = if blame.is_empty() { error_of(said) } else { blame.join(" | ") };
            self.why.insert(nevra(item), or_no_reason(words));
        }
        others
    }

    /// dnf forgets the reasons of a transaction in which something failed: what came in as a dependency would count
    /// as asked for by the administrator. What was there before keeps its mark.
    fn restore_marks(&mut self, pending: &[&Item]) -> Result<(), PmError> {
        let after = Database::read(self.root)?;
        let new =
            |i: &&&Item| i.from.is_none() && matches!(i.role, Role::PulledIn { .. }) && after.has(&nevra(i));
        let names: Vec<String> =
            pending.iter().filter(new).map(|i| format!("{}-{}.{}", i.name, i.to, i.arch)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let command = crate::exec::Command::new(self.root, "dnf")
            .args(["-C", "-q", "mark", "remove"])
            .args(&names)
            .deadline(Duration::from_secs(600))
            .uninterruptible();
        let what = command.display();
        let out = command.run()?;
        if out.success() {
            Ok(())
        } else {
            // The packages are installed: a wrong mark must not hide that.
            self.report.log.push_str(&format!("{what}: {}\n", decisive(&out.stderr_text())));
            Ok(())
        }
    }

    /// Bisects with rpm's test transactions, which change nothing, then installs what passes together.
    fn without_culprits(&mut self, missing: &[&Item], error: &str) -> Result<(), PmError> {
        let approved: Vec<&Item> =
            missing.iter().copied().filter(|i| matches!(i.role, Role::Approved { .. })).collect();
        let mut good: Vec<&Item> = Vec::new();
        let mut bad: HashSet<Nevra> = HashSet::new();
        let mut queue = vec![approved];
        while let Some(chunk) = queue.pop() {
            if chunk.is_empty() {
                continue;
            }
            let wanted: HashSet<Nevra> = good.iter().chain(&chunk).map(|i| nevra(i)).collect();
            let words = self.test(missing, &wanted, &bad)?;
            match (words, chunk.as_slice()) {
                (None, _) => good.extend(chunk),
                (Some(words), [item]) => {
                    bad.insert(nevra(item));
                    self.why.insert(nevra(item), words);
                }
                (Some(_), _) => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    queue.push(second.to_vec());
                    queue.push(first.to_vec());
                }
            }
        }
        for item in missing {
            let role = &item.role;
            if matches!(role, Role::PulledIn { .. }) {
                self.why.insert(nevra(item), "no package that needs it could be installed".into());
            }
        }
        if good.is_empty() {
            return Ok(());
        }
        if bad.is_empty() {
            // Each passes the test and together they passed too: what failed was not a package.
            for item in missing {
                self.why.insert(nevra(item), or_no_reason(error.to_owned()));
            }
            return Ok(());
        }
        let wanted: HashSet<Nevra> = good.iter().map(|i| nevra(i)).collect();
        let list: Vec<&Item> = missing.iter().copied().filter(|i| !bad.contains(&nevra(i))).collect();
        let said = match self.script("part", arguments(&list, |i| wanted.contains(&nevra(i)))?) {
            Err(PmError::NotThePlan { difference }) => {
                for item in good {
                    self.why.insert(nevra(item), difference.clone());
                }
                return Ok(());
            }
            other => other?,
        };
        let left = self.missing(&good)?;
        if left.is_empty() || left.len() == good.len() {
            self.blame(&left, &said);
            Ok(())
        } else {
            self.rest(&left, &said)
        }
    }

    /// Tests the `wanted` part; `None`: rpm would take it, else why not.
    fn test(
        &mut self,
        of: &[&Item],
        wanted: &HashSet<Nevra>,
        without: &HashSet<Nevra>,
    ) -> Result<Option<String>, PmError> {
        let list: Vec<&Item> = of.iter().copied().filter(|i| !without.contains(&nevra(i))).collect();
        match self.script("test", arguments(&list, |i| wanted.contains(&nevra(i)))?) {
            Ok(said) => Ok(said.fact("error").map(|_| or_no_reason(error_of(&said)))),
            Err(PmError::NotThePlan { difference }) => Ok(Some(difference)),
            Err(e) => Err(e),
        }
    }

    fn script(&mut self, mode: &'static str, args: Vec<String>) -> Result<Said, PmError> {
        let what = if mode == "test" { "testing with dnf's Python" } else { "installing with dnf's Python" };
        let progress = &mut *self.progress;
        let said = run(self.root, what, mode, args, |fact| {
            if mode != "test" && text(fact, "fact") == "progress" {
                progress(Progress::Package { name: text(fact, "name"), what: text(fact, "what") });
                let number = |f: &str| fact.get(f).and_then(Value::as_u64).unwrap_or_default();
                progress(Progress::Percent(percent(number("done"), number("total"))));
            }
        })?;
        self.record(mode, &said);
        said.typed::<Value>(what, "end")?;
        Ok(said)
    }

    /// Keeps the words, bounded, and the configuration files that were left alone.
    fn record(&mut self, mode: &str, said: &Said) {
        let mut add = |line: &str| {
            if self.report.log.len() + line.len() < LOG {
                self.report.log.push_str(line);
                self.report.log.push('\n');
            }
        };
        for line in rpm_lines(said) {
            add(&line);
            if mode != "test"
                && let Some(path) = kept_conffile(&line)
                && !self.report.kept_conffiles.contains(&path)
            {
                self.report.kept_conffiles.push(path);
            }
        }
        said.words.lines().for_each(add);
    }
}

pub(super) fn repair(root: &Root) -> Result<Option<String>, PmError> {
    needs_root("repairing the package database")?;
    let mut done = Vec::new();
    let check = super::script::rpm(root, &["--verifydb"])?;
    if !check.success() {
        let out = crate::exec::Command::new(root, "rpm")
            .args(["--rebuilddb"])
            .deadline(Duration::from_secs(1800))
            .uninterruptible()
            .run()?;
        if !out.success() {
            return Err(PmError::Failed {
                what: "rpm --rebuilddb (rpm --verifydb found damage)".into(),
                tool_says: decisive(&out.stderr_text()),
            });
        }
        done.push(format!("rebuilt rpm's database ({})", decisive(&check.stderr_text())));
    }
    let what = "looking for interrupted upgrades with dnf's Python";
    let said = run(root, what, "repair", Vec::new(), |_| {})?;
    said.typed::<Value>(what, "end")?;
    let removed: Vec<Value> = said.all(what, "removed")?;
    if !removed.is_empty() {
        let names: Vec<String> = removed.iter().map(|f| text(f, "name")).collect();
        done.push(format!("took out what an interrupted upgrade left behind: {}", names.join(", ")));
    }
    Ok((!done.is_empty()).then(|| done.join("; ")))
}

fn run(
    root: &Root,
    what: &'static str,
    mode: &'static str,
    items: Vec<String>,
    on_fact: impl FnMut(&Value),
) -> Result<Said, PmError> {
    let mut args = vec![mode.to_owned(), LOCK_WAIT.as_secs().to_string()];
    args.extend(items);
    let writes = matches!(mode, "install" | "part" | "repair");
    let deadline = Duration::from_secs(if writes || mode == "fetch" { 3 * 3600 } else { 900 });
    let said = Script { root, what, source: TRANSACTION, args, deadline, writes }.run(on_fact)?;
    match said.fact("notplan") {
        Some(fact) => Err(PmError::NotThePlan { difference: one_line(&text(fact, "difference")) }),
        None => Ok(said),
    }
}

/// The items that are not there yet: a plan may be installed again after an interruption.
fn pending<'p>(root: &Root, plan: &'p Plan) -> Result<Vec<&'p Item>, PmError> {
    let now = Database::read(root)?;
    Ok(plan.items.iter().filter(|i| !now.has(&nevra(i))).collect())
}

/// The script's arguments; an approved item that `wanted` picks is a job, everything else only may change.
fn arguments(items: &[&Item], wanted: impl Fn(&Item) -> bool) -> Result<Vec<String>, PmError> {
    let one = |i: &&Item| {
        let job = matches!(i.role, Role::Approved { .. }) && wanted(i);
        argument(if job { "want" } else { "may" }, &i.name, &i.arch, &i.to).ok_or_else(|| {
            PmError::NotThePlan { difference: format!("{:?} {:?} is not an rpm version", i.name, i.to) }
        })
    };
    items.iter().map(one).collect()
}

/// One argument; `None` if a part could be taken for something else (rpm allows none of these characters).
fn argument(role: &str, name: &str, arch: &str, version: &str) -> Option<String> {
    let plain = |s: &str| {
        !s.is_empty() && s.len() < 300 && s.chars().all(|c| c.is_ascii_graphic() && !"*?[]".contains(c))
    };
    let all = plain(name) && plain(arch) && plain(version) && version.contains('-');
    all.then(|| [role, name, arch, version].join("\t"))
}

fn nevra(item: &Item) -> Nevra {
    Nevra { name: item.name.clone(), arch: item.arch.clone(), version: item.to.clone() }
}

/// dnf's error, on one line; empty where there is none.
fn error_of(said: &Said) -> String {
    said.fact("error").map(|f| one_line(&text(f, "why"))).unwrap_or_default()
}

/// What rpm and its scriptlets said.
fn rpm_lines(said: &Said) -> Vec<String> {
    said.facts.iter().filter(|f| text(f, "fact") == "rpm").map(|f| text(f, "line")).collect()
}

/// The lines in which rpm or dnf blames this item's scriptlets or files.
fn blamed(item: &Item, lines: &[String]) -> Vec<String> {
    let without_epoch = item.to.split_once(':').map_or(item.to.as_str(), |(_, v)| v);
    let full = format!("{}-{without_epoch}", item.name);
    let blames = |l: &&String| {
        let names_it = l.contains(&full) || l.split_whitespace().any(|w| w == item.name);
        let complains = ["scriptlet", "error", "Error", "cpio", "failed"].iter().any(|w| l.contains(w));
        names_it && complains
    };
    let mut found: Vec<String> = lines.iter().filter(blames).map(|l| l.trim().to_owned()).collect();
    found.dedup();
    found
}

/// `warning: /etc/x created as /etc/x.rpmnew` → `/etc/x`.
fn kept_conffile(line: &str) -> Option<String> {
    let (path, new) = line.strip_prefix("warning: ")?.split_once(" created as ")?;
    (new.trim_end().strip_suffix(".rpmnew") == Some(path)).then(|| path.to_owned())
}

/// dnf's words on several lines as one, shortened.
fn one_line(words: &str) -> String {
    let parts: Vec<&str> = words.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    parts.join(" ").chars().take(2000).collect()
}

fn or_no_reason(words: String) -> String {
    if words.is_empty() { "rpm did not install it and names no reason".into() } else { words }
}

fn percent(done: u64, total: u64) -> u8 {
    let (done, total) = (u128::from(done.min(total)), u128::from(total));
    u8::try_from((done * 100).checked_div(total).unwrap_or(0)).unwrap_or(100)
}

fn needs_root(what: &'static str) -> Result<(), PmError> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(PmError::NeedsRoot { what }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, to: &str) -> Item {
        Item {
            name: name.into(),
            arch: "noarch".into(),
            from: None,
            to: to.into(),
            role: Role::Approved { reason: "test".into() },
        }
    }

    #[test]
    fn a_kept_configuration_file_is_recognised() {
        let line = "warning: /etc/beta.conf created as /etc/beta.conf.rpmnew";
        assert_eq!(kept_conffile(line).as_deref(), Some("/etc/beta.conf"));
        assert_eq!(kept_conffile("warning: /etc/a saved as /etc/a.rpmsave"), None);
        assert_eq!(kept_conffile("warning: /etc/a created as /etc/b.rpmnew"), None);
    }

    #[test]
    fn rpm_blames_a_package_by_its_full_name_or_its_bare_name() {
        let lines = [
            "error: %prein(badpre-1.1-1.noarch) scriptlet failed, exit status 1".to_owned(),
            "Error in PREIN scriptlet in rpm package badpre".to_owned(),
            "badpre is fine".to_owned(),
        ];
        assert_eq!(blamed(&item("badpre", "3:1.1-1"), &lines).len(), 2);
        assert!(blamed(&item("bad", "1.1-1"), &lines).is_empty());
    }

    #[test]
    fn names_that_could_be_something_else_are_not_passed_on() {
        assert_eq!(argument("may", "a", "noarch", "1:1-1").as_deref(), Some("may\ta\tnoarch\t1:1-1"));
        for (name, arch, version) in [
            ("a\tb", "noarch", "1-1"),
            ("", "noarch", "1-1"),
            ("a*", "noarch", "1-1"),
            ("a", "", "1-1"),
            ("a", "x", "1"),
        ] {
            assert_eq!(argument("may", name, arch, version), None, "{name:?} {arch:?} {version:?}");
        }
    }

    #[test]
    fn only_approved_items_are_jobs() {
        let mut pulled = item("lib", "1-1");
        pulled.role = Role::PulledIn { by: vec!["app".into()] };
        let app = item("app", "1-1");
        let args = arguments(&[&pulled, &app], |_| true).unwrap();
        assert_eq!(args, ["may\tlib\tnoarch\t1-1", "want\tapp\tnoarch\t1-1"]);
    }

    #[test]
    fn a_share_is_never_over_a_hundred() {
        assert_eq!(
            (percent(0, 0), percent(1, 3), percent(9, 3), percent(u64::MAX / 200, u64::MAX)),
            (0, 33, 100, 0)
        );
    }
}
