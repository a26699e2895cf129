//! What `apt-get -s` prints: changes, kept-back lists, complaints.

use patchflock_baselines::inventory::{NativeAction, NativeUpgrade};

use super::status::Status;
use crate::exec::Output;
use crate::pm::PmError;

/// One `Inst` or `Remv` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    /// Architecture, where the line tells it.
    pub(super) arch: Option<String>,
    pub(super) from: Option<String>,
    /// `None`: it would be removed.
    pub(super) to: Option<String>,
}

/// A simulated run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Simulated {
    pub(super) steps: Vec<Step>,
    /// Name, from, to.
    pub(super) kept_back: Vec<(String, String, String)>,
    pub(super) deferred: Vec<(String, String, String)>,
}

const KEPT_BACK: &str = "The following packages have been kept back:";
const DEFERRED: &str = "The following upgrades have been deferred due to phasing:";

/// Parses standard output of `apt-get -s -V …`; the error is line number and line.
pub(super) fn parse(text: &str) -> Result<Simulated, (String, String)> {
    #[derive(PartialEq)]
    enum In {
        Nothing,
        KeptBack,
        Deferred,
    }
    let mut found = Simulated::default();
    let mut section = In::Nothing;
    for (at, line) in text.lines().enumerate() {
        let refuse = || (format!("line {}", at + 1), line.chars().take(200).collect::<String>());
        // Only the two lists we know are read; banners and advertisements also list names.
        if !line.starts_with(' ') {
            section = match line {
                KEPT_BACK => In::KeptBack,
                DEFERRED => In::Deferred,
                _ => In::Nothing,
            };
        } else if section != In::Nothing {
            let entry = versioned_entry(line).ok_or_else(refuse)?;
            if section == In::KeptBack { &mut found.kept_back } else { &mut found.deferred }.push(entry);
        }
        if let Some(rest) = line.strip_prefix("Inst ") {
            found.steps.push(inst(rest).ok_or_else(refuse)?);
        } else if let Some(rest) = line.strip_prefix("Remv ").or_else(|| line.strip_prefix("Purg ")) {
            found.steps.push(remv(rest).ok_or_else(refuse)?);
        }
    }
    Ok(found)
}

/// `   name (1.0 => 2.0)`, as `-V` prints it.
fn versioned_entry(line: &str) -> Option<(String, String, String)> {
    let (name, versions) = line.trim().split_once(" (")?;
    let versions = versions.strip_suffix(')')?;
    let (from, to) = versions.split_once(" => ").unwrap_or((versions, ""));
    Some((name.to_owned(), from.to_owned(), to.trim().to_owned()))
}

fn split_name(name: &str) -> Option<(String, Option<String>)> {
    let (name, arch) = match name.split_once(':') {
        Some((name, arch)) => (name, Some(arch.to_owned())),
        None => (name, None),
    };
    let whole = !name.is_empty() && arch.as_deref() != Some("");
    whole.then(|| (name.to_owned(), arch))
}

/// `name[:arch] [old] (new Origin:1/suite, Other:2/suite [arch]) [what it needs]`.
fn inst(rest: &str) -> Option<Step> {
    let (name, rest) = rest.split_once(' ')?;
    let (name, named_arch) = split_name(name)?;
    let (from, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (old, rest) = rest.split_once("] ")?;
            (Some(old.to_owned()), rest)
        }
        None => (None, rest),
    };
    let rest = rest.strip_prefix('(')?;
    let rest = rest.get(..rest.find("])")?)?;
    let (to, rest) = rest.split_once(' ')?;
    let arch = rest.rsplit_once('[').map(|(_, a)| a.to_owned()).or(named_arch);
    if arch.as_deref() == Some("") {
        return None;
    }
    Some(Step { name, arch, from, to: Some(to.to_owned()) })
}

/// `name[:arch] [old]`.
fn remv(rest: &str) -> Option<Step> {
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (name, arch) = split_name(name)?;
    let from = rest.strip_prefix('[').and_then(|r| r.split_once(']')).map(|(old, _)| old.to_owned());
    Some(Step { name, arch, from, to: None })
}

impl Simulated {
    /// The tool's opinion in the inventory's words, in its order.
    pub(super) fn native(&self, status: &Status) -> Vec<NativeUpgrade> {
        let arch_of = |name: &str, arch: Option<&str>| {
            let wanted = arch.unwrap_or(&status.native_arch);
            status.get(name, wanted).map_or(wanted.to_owned(), |p| p.arch.clone())
        };
        let steps = self.steps.iter().map(|s| NativeUpgrade {
            name: s.name.clone(),
            arch: arch_of(&s.name, s.arch.as_deref()),
            from: s.from.clone().unwrap_or_default(),
            to: s.to.clone().unwrap_or_default(),
            action: match (&s.from, &s.to) {
                (_, None) => NativeAction::Remove,
                (None, _) => NativeAction::Install,
                _ => NativeAction::Upgrade,
            },
        });
        let listed = |list: &[(String, String, String)], action| {
            list.iter()
                .map(|(full, from, to)| {
                    let (name, arch) = split_name(full).unwrap_or((full.clone(), None));
                    NativeUpgrade {
                        arch: arch_of(&name, arch.as_deref()),
                        name,
                        from: from.clone(),
                        to: to.clone(),
                        action,
                    }
                })
                .collect::<Vec<_>>()
        };
        steps
            .chain(listed(&self.kept_back, NativeAction::KeptBack))
            .chain(listed(&self.deferred, NativeAction::Deferred))
            .collect()
    }
}

/// Lines of one severity (`E: ` or `W: `), once each.
pub(super) fn complaints(out: &Output, severity: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in out.stderr_text().lines().filter_map(|l| l.strip_prefix(severity)) {
        if !found.iter().any(|f| f == line) {
            found.push(line.trim().to_owned());
        }
    }
    found
}

/// The decisive lines of a failed run: its errors and what apt prints below "unmet dependencies", else the end.
pub(super) fn words(out: &Output) -> String {
    let stdout = out.stdout_text();
    let mut lines: Vec<&str> = stdout
        .lines()
        .skip_while(|l| !l.starts_with("The following packages have unmet dependencies:"))
        .skip(1)
        .take_while(|l| l.starts_with(' '))
        .map(str::trim)
        .collect();
    // "remove is disabled" alone does not say whom it would hit.
    let removed: Vec<String> = stdout
        .lines()
        .skip_while(|l| *l != "The following packages will be REMOVED:")
        .skip(1)
        .take_while(|l| l.starts_with(' '))
        .filter_map(|l| l.split_whitespace().next())
        .map(|name| format!("it would remove {name}"))
        .collect();
    lines.extend(removed.iter().map(String::as_str));
    let stderr = out.stderr_text();
    let all = stderr.lines().chain(stdout.lines());
    lines.extend(all.filter_map(|l| l.strip_prefix("E: ")).map(str::trim));
    if lines.is_empty() {
        let told =
            |l: &&str| !l.trim().is_empty() && !l.starts_with("pmstatus:") && !l.starts_with("dlstatus:");
        lines = stderr.lines().chain(stdout.lines()).filter(told).collect();
        lines = lines.split_off(lines.len().saturating_sub(3));
    }
    lines.join("; ").chars().take(1500).collect()
}

/// What a simulation said, if it succeeded and is whole.
pub(super) fn simulated(what: &str, out: &Output) -> Result<Simulated, PmError> {
    check(what, out)?;
    parse(&out.stdout_text()).map_err(|(place, found)| PmError::Unexpected {
        what: what.to_owned(),
        place,
        found,
    })
}

/// `Ok` when apt ended well and all that it said was kept, its words otherwise.
pub(super) fn check(what: &str, out: &Output) -> Result<(), PmError> {
    if out.success() && !out.truncated {
        return Ok(());
    }
    if out.success() {
        let tool_says = "it said more than is kept, so its answer is not whole".to_owned();
        return Err(PmError::Failed { what: what.to_owned(), tool_says });
    }
    Err(PmError::Failed { what: what.to_owned(), tool_says: words(out) })
}
