//! Installing a plan, and finding out what became of it.
//!
//! One transaction for everything. If rpm's test refuses it, test transactions (which change nothing) are bisected
//! for the culprits and the rest is installed; if packages fail while rpm works, what rpm does not blame is tried
//! once more. Scriptlets of `%post` that fail leave the package installed: rpm only warns, and so does the log.

use std::collections::{HashMap, HashSet};

use patchflock_baselines::plan::{Item, Plan, Role, Target};
use serde_json::Value;

use super::System;
use super::database::Database;
use super::marks;
use super::script::{Said, text};
use super::transaction::{arguments, nevra, one_line, pending, percent, run};
use super::updateinfo::Nevra;
use crate::exec::ExecError;
use crate::pm::{InstallReport, OnProgress, Outcome, OutcomeKind, PmError, Progress, needs_root};

/// Output kept for the record.
const LOG: usize = 256 << 10;
/// Lines of rpm and its scriptlets that are looked at, of one transaction.
const LINES: usize = 100_000;

pub(super) fn install(
    system: &System,
    plan: &Plan,
    progress: OnProgress<'_>,
) -> Result<InstallReport, PmError> {
    needs_root("installing packages")?;
    let root = &system.root;
    let pending = pending(root, plan)?;
    let mut run_ =
        Run { system, progress, report: InstallReport::default(), why: HashMap::new(), begun: false };
    let mut broken = None;
    if !pending.is_empty() {
        (run_.progress)(Progress::Phase("Installing".into()));
        marks::note(root, &marks::dependencies(&pending))?;
        let done = run_.all(&pending);
        broken = run_.settled(&pending, done)?;
    }
    let Run { mut report, why, begun, .. } = run_;
    // Without a judge everything counts as failed: nothing is claimed that was not seen.
    let after = match Database::read(root) {
        Err(e) if begun => Err(format!("what became of it is unknown: {e}")),
        other => Ok(other?),
    };
    for item in &plan.items {
        let key = nevra(item);
        let result = match &after {
            Ok(after) if after.has(&key) => OutcomeKind::Installed,
            Ok(_) => {
                let why = why.get(&key).or(broken.as_ref()).cloned();
                OutcomeKind::Failed { why: or_no_reason(why.unwrap_or_default()) }
            }
            Err(unknown) => OutcomeKind::Failed { why: unknown.clone() },
        };
        let target = Target { name: key.name, arch: key.arch, version: key.version };
        report.outcomes.push(Outcome { target, from: item.from.clone(), result });
    }
    Ok(report)
}

/// One installation.
struct Run<'a, 'p> {
    system: &'a System,
    progress: OnProgress<'p>,
    report: InstallReport,
    /// Why an item failed.
    why: HashMap<Nevra, String>,
    /// A transaction was handed to rpm: from here on only the package database tells what happened.
    begun: bool,
}

impl Run<'_, '_> {
    /// What `all` came to. An error before anything was begun is one, and a transaction that is still running cannot
    /// be judged; any other becomes the reason of what is not installed, since something may have changed.
    fn settled(&mut self, pending: &[&Item], done: Result<(), PmError>) -> Result<Option<String>, PmError> {
        let root = &self.system.root;
        let new = marks::dependencies(pending);
        match done {
            Ok(()) => {
                self.forget_marks();
                Ok(None)
            }
            // It goes on: the note of its dependencies is for the repair that follows.
            Err(e @ PmError::Exec(ExecError::Stuck { .. })) => Err(e),
            Err(e) if !self.begun => {
                self.forget_marks();
                Err(e)
            }
            Err(e) => {
                let words = e.to_string();
                self.note(&words);
                // Where it cannot be done now, the next repair finds the note.
                match marks::restore(root, &new) {
                    Ok(Ok(_)) => self.forget_marks(),
                    Ok(Err(words)) => self.note(&words),
                    Err(e) => self.note(&e.to_string()),
                }
                Ok(Some(words))
            }
        }
    }

    fn forget_marks(&mut self) {
        if let Err(e) = marks::forget(&self.system.root) {
            self.note(&e.to_string());
        }
    }

    /// One more line of the log, which is bounded.
    fn note(&mut self, line: &str) {
        if self.report.log.len() + line.len() < LOG {
            self.report.log.push_str(line);
            self.report.log.push('\n');
        }
    }

    /// The whole plan; where something breaks, the rest without it.
    fn all(&mut self, pending: &[&Item]) -> Result<(), PmError> {
        let said = self.script("install", arguments(pending, |_| true)?)?;
        let missing = self.missing(pending)?;
        if missing.is_empty() {
            return Ok(());
        }
        let error = error_of(&said);
        let nobody_blamed = self.blame(&missing, &said).len() == missing.len();
        if missing.len() == pending.len() && nobody_blamed && !error.is_empty() {
            // rpm's own test refused the transaction: nothing was changed, look for who is to blame.
            self.without_culprits(&missing, &error)?;
        } else {
            self.rest(&missing, &said)?;
        }
        self.restore_marks(pending)
    }

    fn missing<'i>(&self, items: &[&'i Item]) -> Result<Vec<&'i Item>, PmError> {
        let after = Database::read(&self.system.root)?;
        Ok(items.iter().copied().filter(|i| !after.has(&nevra(i))).collect())
    }

    /// Some packages failed while rpm worked. Those that rpm names stay out, the others are tried once more.
    fn rest(&mut self, missing: &[&Item], said: &Said) -> Result<(), PmError> {
        let others = self.blame(missing, said);
        if others.is_empty() || others.len() == missing.len() {
            return Ok(());
        }
        let args = arguments(&others, |_| true)?;
        self.part(args, &others, "it depends on a package that failed: ").map(drop)
    }

    /// Installs a part of the plan; what keeps it from beginning is the reason of its items, not an error.
    fn part(&mut self, args: Vec<String>, items: &[&Item], differs: &str) -> Result<Option<Said>, PmError> {
        let words = match self.script("part", args) {
            Ok(said) => return Ok(Some(said)),
            Err(e @ PmError::Exec(ExecError::Stuck { .. })) => return Err(e),
            Err(PmError::NotThePlan { difference }) => format!("{differs}{difference}"),
            Err(e) => format!("the attempt without what failed ended with: {e}"),
        };
        self.note(&words);
        for item in items {
            self.why.insert(nevra(item), words.clone());
        }
        Ok(None)
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
        match marks::restore(&self.system.root, &marks::dependencies(pending))? {
            Ok(_) => Ok(()),
            Err(tool_says) => {
                Err(PmError::Failed { what: "marking what came in as a dependency".into(), tool_says })
            }
        }
    }

    /// Bisects with rpm's test transactions, which change nothing, then installs what passes together.
    fn without_culprits(&mut self, missing: &[&Item], error: &str) -> Result<(), PmError> {
        let approved: Vec<&Item> = missing.iter().copied().filter(|i| is_job(i)).collect();
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
            if !is_job(item) {
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
        let args = arguments(&list, |i| wanted.contains(&nevra(i)))?;
        let Some(said) = self.part(args, &good, "")? else { return Ok(()) };
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
        let (progress, begun) = (&mut *self.progress, &mut self.begun);
        let mut lines = Vec::new();
        let said = run(self.system, what, mode, args, |fact| {
            match text(fact, "fact").as_str() {
                "begin" if mode != "test" => *begun = true,
                "rpm" if lines.len() < LINES => lines.push(text(fact, "line")),
                _ => {}
            }
            if mode != "test" && text(fact, "fact") == "progress" {
                progress(Progress::Package { name: text(fact, "name"), what: text(fact, "what") });
                let number = |f: &str| fact.get(f).and_then(Value::as_u64).unwrap_or_default();
                progress(Progress::Percent(percent(number("done"), number("total"))));
            }
        });
        // Also of a script that did not come to its end.
        self.record(mode, &lines);
        let said = said?;
        said.words.lines().for_each(|l| self.note(l));
        said.typed::<Value>(what, "end")?;
        Ok(said)
    }

    /// Keeps rpm's words, bounded, and the configuration files that were left alone.
    fn record(&mut self, mode: &str, lines: &[String]) {
        for line in lines {
            self.note(line);
            if mode != "test"
                && let Some(path) = kept_conffile(line)
                && !self.report.kept_conffiles.contains(&path)
            {
                self.report.kept_conffiles.push(path);
            }
        }
    }
}

/// What the solver is asked for; the rest comes in with it.
fn is_job(item: &Item) -> bool {
    matches!(item.role, Role::Approved { .. }) && item.from.is_some()
}

/// dnf's error, on one line; empty where there is none.
fn error_of(said: &Said) -> String {
    said.fact("error").map(|f| one_line(&text(f, "why"))).unwrap_or_default()
}

/// What rpm and its scriptlets said.
fn rpm_lines(said: &Said) -> Vec<String> {
    said.facts.iter().filter(|f| text(f, "fact") == "rpm").map(|f| text(f, "line")).collect()
}

/// The lines in which rpm or dnf blames this item's scriptlets or files, with what the scriptlet said before.
fn blamed(item: &Item, lines: &[String]) -> Vec<String> {
    let (epoch, version) = item.to.split_once(':').unwrap_or(("0", &item.to));
    // rpm writes the epoch if the package carries one, be it 0.
    let full = [format!("{}-{version}", item.name), format!("{}-{epoch}:{version}", item.name)];
    let complains = |l: &str| ["scriptlet", "error", "Error", "cpio", "failed"].iter().any(|w| l.contains(w));
    let blames = |l: &str| {
        complains(l) && (full.iter().any(|f| l.contains(f)) || l.split_whitespace().any(|w| w == item.name))
    };
    let mut found: Vec<String> = Vec::new();
    for (number, line) in lines.iter().enumerate().filter(|(_, l)| blames(l)) {
        if found.is_empty() {
            let own =
                lines.iter().take(number).rev().take_while(|l| !complains(l) && !l.starts_with("warning:"));
            found.extend(own.take(5).map(|l| l.trim().to_owned()));
            found.reverse();
        }
        found.push(line.trim().to_owned());
    }
    found.dedup();
    found
}

/// `warning: /etc/x created as /etc/x.rpmnew` → `/etc/x`.
fn kept_conffile(line: &str) -> Option<String> {
    let (path, new) = line.strip_prefix("warning: ")?.split_once(" created as ")?;
    (new.trim_end().strip_suffix(".rpmnew") == Some(path)).then(|| path.to_owned())
}

fn or_no_reason(words: String) -> String {
    if words.is_empty() { "rpm did not install it and names no reason".into() } else { words }
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
        let lines = [
            "no room".to_owned(),
            "error: %prein(a-0:1-1.noarch) scriptlet failed, exit status 7".to_owned(),
        ];
        assert_eq!(blamed(&item("a", "1-1"), &lines), lines);
    }
}
