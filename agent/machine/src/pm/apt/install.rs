//! Fetching and installing exactly a plan, and going on when one package fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use patchflock_baselines::plan::{Item, Plan, Target};

use super::dpkg_log::{self, Log};
use super::settings::{self, Settings};
use super::status::{self, Package, Status};
use super::system::System;
use super::transaction::{self, Preferences, Supply};
use super::{lock, output, progress};
use crate::exec::{Command, ExecError, Output};
use crate::pm::{InstallReport, OnProgress, Outcome, OutcomeKind, PmError, Progress, needs_root};
use crate::root::Root;

/// Downloads and installations may take this long before they count as stuck.
const LONG: Duration = Duration::from_secs(3600);
/// Where a changed configuration file meets a new one, the administrator's stays (design 7).
const DPKG: [&str; 2] = ["--force-confdef", "--force-confold"];
/// Output kept for the record: 1 MiB.
const LOG_CAP: usize = 1 << 20;

/// Downloads what the plan needs; apt verifies it against the signed index.
pub(super) fn fetch(
    system: &System,
    plan: &Plan,
    lock_wait: Duration,
    on_progress: OnProgress<'_>,
) -> Result<(), PmError> {
    needs_root("fetching packages")?;
    let root = &system.root;
    let settings = settings::read(system)?;
    let status = status::read(root, &settings.status, &settings.arch)?;
    let items = transaction::pending(plan, &status)?;
    if items.is_empty() {
        return Ok(());
    }
    lock::wait(&[settings.archives.join("lock")], lock_wait)?;
    let preferences = exactly(system, &items, &status)?;
    on_progress(Progress::Phase("Fetching".into()));
    let out = preferences
        .over(progress::apt_get(system))
        .args(["-y", "-o", "quiet=1", "--download-only", "upgrade", "--with-new-pkgs"])
        .deadline(LONG)
        .run_lines(|_, line| {
            progress::show(line, on_progress);
        })?;
    if let Some(locked) = lock::refused(&out, lock_wait) {
        return Err(locked);
    }
    output::check("apt-get --download-only upgrade", &out)
}

/// Preferences under which apt would do exactly these items, or [`PmError::NotThePlan`].
fn exactly(system: &System, items: &[&Item], status: &Status) -> Result<Preferences, PmError> {
    let preferences = Preferences::new(system, items, status)?;
    let steps = transaction::simulate(&preferences)?;
    match transaction::difference(&steps, items, status) {
        None => Ok(preferences),
        Some(difference) => Err(PmError::NotThePlan { difference }),
    }
}

/// Installs the plan. Whatever fails is named and taken back where that works; the rest goes on.
///
/// Once a transaction was started the only error is [`ExecError::Stuck`]: packages have changed, and what has become of
/// each is told by dpkg's own record. Whatever else goes wrong on the way is in the log and the reason of those that
/// were left.
pub(super) fn install(
    system: &System,
    plan: &Plan,
    lock_wait: Duration,
    on_progress: OnProgress<'_>,
) -> Result<InstallReport, PmError> {
    needs_root("installing packages")?;
    let root = &system.root;
    let settings = settings::read(system)?;
    if !plan.items.is_empty() {
        // First the lock: what somebody else is doing just now changes what is compared with the plan.
        lock::wait(&lock::of_packages(root, &settings.archives), lock_wait)?;
    }
    let mut run =
        Run { system, settings: &settings, lock_wait, log: Log::new(LOG_CAP), why: BTreeMap::new() };
    let before = run.status()?;
    let pending = transaction::pending(plan, &before)?;
    let conffiles = conffiles(root, &before, plan);
    let mut after = before.clone();
    if !pending.is_empty() {
        let preferences = exactly(system, &pending, &before)?;
        on_progress(Progress::Phase("Installing".into()));
        run.all(&preferences, &pending, &before, on_progress)?;
        match run.status() {
            Ok(now) => after = now,
            Err(e) => run.failed(&pending, &e),
        }
    }
    let outcomes = plan.items.iter().map(|item| run.outcome(item, &before, &after)).collect();
    Ok(InstallReport { outcomes, kept_conffiles: kept(root, &conffiles, &after, plan), log: run.log.text() })
}

struct Run<'a> {
    system: &'a System,
    settings: &'a Settings,
    lock_wait: Duration,
    log: Log,
    /// Why a package is not as wanted, by name.
    why: BTreeMap<String, String>,
}

impl Run<'_> {
    fn status(&self) -> Result<Status, PmError> {
        status::read(&self.system.root, &self.settings.status, &self.settings.arch)
    }

    /// Runs until every item is done, has its culprit, or nothing more can be done.
    fn all(
        &mut self,
        first: &Preferences,
        pending: &[&Item],
        before: &Status,
        on_progress: OnProgress<'_>,
    ) -> Result<(), PmError> {
        let supply = transaction::supply(first)?;
        let said = match self.apt(first, supply, on_progress) {
            Ok(out) => match lock::refused(&out, self.lock_wait) {
                // A package's script may complain about locks, too: then something has changed.
                Some(locked) if self.status().is_ok_and(|now| now == *before) => return Err(locked),
                _ => output::words(&out),
            },
            Err(e) if never_started(&e) || is_stuck(&e) => return Err(e),
            // Ended by a signal: what it left is looked at like any other failure.
            Err(e) => e.to_string(),
        };
        match self.rounds(pending, said, on_progress) {
            Err(e) if !is_stuck(&e) => {
                self.failed(pending, &e);
                Ok(())
            }
            other => other,
        }
    }

    /// Notes what kept the run from going on, as the reason of everything that has no other.
    fn failed(&mut self, items: &[&Item], error: &PmError) {
        self.log.line(&format!("E: {error}"));
        self.give_up(items, &format!("the run could not go on: {error}"));
    }

    /// Each round settles at least one item or is the last.
    fn rounds(
        &mut self,
        pending: &[&Item],
        mut said: String,
        on_progress: OnProgress<'_>,
    ) -> Result<(), PmError> {
        let mut rest: Vec<&Item> = pending.to_vec();
        let mut last = usize::MAX;
        loop {
            let status = self.status()?;
            rest.retain(|item| !done(item, &status));
            if rest.is_empty() {
                return Ok(());
            }
            self.settle(&rest, on_progress)?;
            let status = self.status()?;
            rest.retain(|item| !done(item, &status) && !self.why.contains_key(&item.name));
            if rest.is_empty() {
                return Ok(());
            }
            // Go on without the culprits, and only with what stays inside the plan.
            let preferences = Preferences::new(self.system, &rest, &status)?;
            let steps = match transaction::simulate(&preferences) {
                Ok(steps) => steps,
                Err(e) => {
                    self.give_up(&rest, &e.to_string());
                    return Ok(());
                }
            };
            let outside: Vec<&str> = steps
                .iter()
                .filter(|s| !rest.iter().any(|i| transaction::same(s, i, &status)))
                .map(|s| s.name.as_str())
                .collect();
            if !outside.is_empty() {
                self.give_up(&rest, &format!("going on would change {}", outside.join(", ")));
                return Ok(());
            }
            let (going, left): (Vec<&Item>, Vec<&Item>) =
                rest.iter().partition(|i| steps.iter().any(|s| transaction::same(s, i, &status)));
            self.give_up(&left, &format!("not possible without what failed ({})", self.culprits()));
            // Each round must settle something, else it would be repeated for ever.
            if going.is_empty() || going.len() >= last {
                self.give_up(&going, &said);
                return Ok(());
            }
            last = going.len();
            rest = going;
            let supply = transaction::supply(&preferences)?;
            said = match self.apt(&preferences, supply, on_progress) {
                Ok(out) => output::words(&out),
                Err(e) if is_stuck(&e) => return Err(e),
                Err(e) => e.to_string(),
            };
        }
    }

    fn culprits(&self) -> String {
        self.why.keys().cloned().collect::<Vec<_>>().join(", ")
    }

    fn give_up(&mut self, items: &[&Item], why: &str) {
        for item in items {
            self.why.entry(item.name.clone()).or_insert_with(|| why.to_owned());
        }
    }

    fn apt(
        &mut self,
        preferences: &Preferences,
        supply: Supply,
        on_progress: OnProgress<'_>,
    ) -> Result<Output, PmError> {
        let no_download: &[&str] = match supply {
            Supply::Cache => &["--no-download"],
            Supply::LocalDisk => &[],
        };
        let mut command = preferences
            .over(progress::in_order(self.system, "apt-get"))
            .args(no_download)
            .args(["-y", "-o", "quiet=1", "-o", "Dpkg::Use-Pty=0"])
            .args(["-o", &format!("DPkg::Lock::Timeout={}", self.lock_wait.as_secs().max(1))]);
        for option in DPKG {
            command = command.args(["-o", &format!("Dpkg::Options::={option}")]);
        }
        self.logged(command.args(["upgrade", "--with-new-pkgs"]), on_progress)
    }

    fn dpkg(
        &mut self,
        args: &[&str],
        files: &[String],
        on_progress: OnProgress<'_>,
    ) -> Result<Output, PmError> {
        let command = progress::in_order(self.system, "dpkg").args(DPKG).args(args).args(files);
        self.logged(command, on_progress)
    }

    /// Runs what writes the package database: quiet, never killed, recorded.
    fn logged(&mut self, command: Command, on_progress: OnProgress<'_>) -> Result<Output, PmError> {
        self.log.line(&format!("$ {}", command.display()));
        let log = &mut self.log;
        let out = quiet(command).deadline(LONG).uninterruptible().run_lines(|_, line| {
            if !progress::show(line, on_progress) {
                log.line(&String::from_utf8_lossy(line));
            }
        })?;
        Ok(out)
    }

    /// After a failure: configure what can be configured, name the culprits, take back what is half done.
    fn settle(&mut self, rest: &[&Item], on_progress: OnProgress<'_>) -> Result<(), PmError> {
        let status = self.status()?;
        if rest.iter().any(|i| status.get(&i.name, &i.arch).is_some_and(|p| !p.complete)) {
            self.dpkg(&["--configure", "--pending"], &[], on_progress)?;
        }
        let status = self.status()?;
        let errors = dpkg_log::errors(&self.log.text());
        let mut half: Vec<(&Item, &Package)> = Vec::new();
        for item in rest.iter().filter(|i| !done(i, &status)) {
            let package = status.get(&item.name, &item.arch);
            let broken = package.filter(|p| !p.complete);
            if let Some(why) = errors.get(&item.name) {
                self.why.entry(item.name.clone()).or_insert_with(|| why.clone());
            } else if let Some(p) = broken {
                self.why.entry(item.name.clone()).or_insert_with(|| format!("left {} by dpkg", p.state));
            }
            half.extend(broken.map(|p| (*item, p)));
        }
        self.take_back(&half, on_progress)
    }

    /// Puts the old versions back in one go, as far as their files are in the cache; removes what is new.
    fn take_back(&mut self, half: &[(&Item, &Package)], on_progress: OnProgress<'_>) -> Result<(), PmError> {
        let mut files = Vec::new();
        let mut new = Vec::new();
        let mut back: Vec<&Item> = Vec::new();
        for (item, package) in half {
            match &item.from {
                Some(from) => {
                    match cached(&self.system.root, &self.settings.archives, &item.name, from, &package.arch)
                    {
                        Some(file) => {
                            files.push(file);
                            back.push(item);
                        }
                        None => self
                            .add(item, &format!("version {from} is not in the cache, so it stays as it is")),
                    }
                }
                None => {
                    new.push(format!(
                        "{}:{}",
                        item.name,
                        if package.arch == "all" { &self.settings.arch } else { &package.arch }
                    ));
                    back.push(item);
                }
            }
        }
        if !files.is_empty() {
            self.dpkg(&["--install"], &files, on_progress)?;
        }
        // dpkg refuses when something that stays needs it; never forced.
        if !new.is_empty() {
            self.dpkg(&["--remove"], &new, on_progress)?;
        }
        let status = self.status()?;
        for item in back {
            let now = status.get(&item.name, &item.arch);
            match (&item.from, now) {
                (Some(from), Some(p)) if p.complete && p.version == *from => {
                    self.add(item, &format!("taken back to {from}"))
                }
                (None, None) => self.add(item, "removed again"),
                (_, now) => self
                    .add(item, &format!("taking it back failed, it is {}", now.map_or("gone", |p| &p.state))),
            }
        }
        Ok(())
    }

    fn add(&mut self, item: &Item, what: &str) {
        if let Some(why) = self.why.get_mut(&item.name) {
            why.push_str("; ");
            why.push_str(what);
        }
    }

    fn outcome(&self, item: &Item, before: &Status, after: &Status) -> Outcome {
        let result = if done(item, after) {
            OutcomeKind::Installed
        } else {
            let state = after
                .get(&item.name, &item.arch)
                .map_or("not installed".to_owned(), |p| format!("at {} ({})", p.version, p.state));
            OutcomeKind::Failed { why: self.why.get(&item.name).cloned().unwrap_or(state) }
        };
        Outcome {
            target: Target { name: item.name.clone(), arch: item.arch.clone(), version: item.to.clone() },
            from: before.get(&item.name, &item.arch).map(|p| p.version.clone()),
            result,
        }
    }
}

fn is_stuck(error: &PmError) -> bool {
    matches!(error, PmError::Exec(ExecError::Stuck { .. }))
}

fn never_started(error: &PmError) -> bool {
    matches!(error, PmError::Exec(ExecError::NotFound { .. } | ExecError::Spawn { .. }))
}

/// The exact version is there and configured, whatever any exit code said.
fn done(item: &Item, status: &Status) -> bool {
    status.get(&item.name, &item.arch).is_some_and(|p| p.complete && p.version == item.to)
}

/// Nothing asks, nothing restarts services behind our back.
pub(super) fn quiet(command: Command) -> Command {
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
        .env("NEEDRESTART_SUSPEND", "1")
        .env("APT_LISTCHANGES_FRONTEND", "none")
        .env("UCF_FORCE_CONFFOLD", "1")
}

/// The package file of a version in the cache, as that system sees it. apt writes `:` as `%3a` in file names.
pub(super) fn cached(root: &Root, archives: &Path, name: &str, version: &str, arch: &str) -> Option<String> {
    let version = version.replace(':', "%3a");
    // The architecture may have changed between the versions.
    let arches: BTreeSet<&str> = [arch, "all"].into();
    arches.iter().find_map(|arch| {
        let file = archives.join(format!("{name}_{version}_{arch}.deb"));
        let inside = file.strip_prefix(root.dir()).unwrap_or(&file).to_owned();
        file.exists().then(|| Path::new("/").join(inside).display().to_string())
    })
}

/// Each configuration file of the plan's packages, with the last change of what dpkg put beside it.
type Dist = BTreeMap<String, Option<i64>>;

fn conffiles(root: &Root, status: &Status, plan: &Plan) -> Dist {
    use std::os::unix::fs::MetadataExt;
    plan.items
        .iter()
        .filter_map(|i| status.get(&i.name, &i.arch))
        .flat_map(|p| &p.conffiles)
        .map(|path| {
            // Modification times come from inside the package; the inode's change is when dpkg put it there. Where
            // the administrator has put a link (seen with dpkg 1.21), dpkg leaves the new one as `.dpkg-new`.
            let changed = ["dpkg-dist", "dpkg-new"]
                .iter()
                .filter_map(|kind| std::fs::symlink_metadata(root.path(format!("{path}.{kind}"))).ok())
                .map(|m| m.ctime().saturating_mul(1_000_000_000).saturating_add(m.ctime_nsec()))
                .max();
            (path.clone(), changed)
        })
        .collect()
}

/// Configuration files whose new version lies beside the administrator's since this run.
fn kept(root: &Root, before: &Dist, after: &Status, plan: &Plan) -> Vec<String> {
    conffiles(root, after, plan)
        .into_iter()
        .filter(|(path, changed)| changed.is_some() && before.get(path).copied().flatten() != *changed)
        .map(|(path, _)| path)
        .collect()
}
