//! Running the embedded scripts with dnf's own Python, and the package-database questions that rpm answers.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::System;
use super::transaction::one_line;
use crate::exec::{Command, Output, Stream};
use crate::host::read_text;
use crate::pm::PmError;
use crate::root::Root;

/// First part of every script.
const BASE: &str = include_str!("base.py");
/// The scan.
pub(super) const SCAN: &str = include_str!("scan.py");
/// Simulation, download and installation.
pub(super) const TRANSACTION: &str = include_str!("transaction.py");
/// Refresh of the metadata.
pub(super) const REFRESH: &str = include_str!("refresh.py");

/// One script call.
pub(super) struct Script<'a> {
    pub(super) system: &'a System,
    /// What it does, for messages.
    pub(super) what: &'static str,
    pub(super) source: &'static str,
    pub(super) args: Vec<String>,
    pub(super) deadline: Duration,
    /// It writes the package database.
    pub(super) writes: bool,
}

/// What a script said: its facts, and what dnf printed.
#[derive(Debug)]
pub(super) struct Said {
    /// JSON objects, one per line.
    pub(super) facts: Vec<Value>,
    /// Standard error: the words of dnf, its plugins and scriptlets.
    pub(super) words: String,
}

impl Said {
    /// The fact of this kind.
    pub(super) fn fact(&self, kind: &str) -> Option<&Value> {
        self.facts.iter().find(|f| f.get("fact").and_then(Value::as_str) == Some(kind))
    }

    /// All facts of this kind.
    pub(super) fn all<T: for<'d> Deserialize<'d>>(&self, what: &str, kind: &str) -> Result<Vec<T>, PmError> {
        let of_kind = |f: &&Value| f.get("fact").and_then(Value::as_str) == Some(kind);
        self.facts.iter().filter(of_kind).map(T::deserialize).collect::<Result<_, _>>().map_err(|e| {
            PmError::Unexpected { what: what.into(), place: format!("a {kind} line"), found: e.to_string() }
        })
    }

    /// The fact of this kind as a type.
    pub(super) fn typed<T: for<'d> Deserialize<'d>>(
        &self,
        what: &str,
        kind: &'static str,
    ) -> Result<T, PmError> {
        let Some(fact) = self.fact(kind) else {
            return Err(PmError::Failed { what: what.into(), tool_says: decisive(&self.words) });
        };
        T::deserialize(fact).map_err(|e| PmError::Unexpected {
            what: what.into(),
            place: format!("the {kind} line"),
            found: e.to_string(),
        })
    }
}

impl Script<'_> {
    /// Runs it; every JSON line is also shown while it runs.
    pub(super) fn run(self, mut on_fact: impl FnMut(&Value)) -> Result<Said, PmError> {
        let what = self.what;
        let mut facts = Vec::new();
        let words = self.lines(|fact: Value| {
            on_fact(&fact);
            facts.push(fact);
        })?;
        let said = Said { facts, words };
        if let Some(locked) = said.fact("locked") {
            return Err(PmError::Locked {
                holder: text(locked, "holder"),
                waited: Duration::from_secs(locked.get("waited").and_then(Value::as_u64).unwrap_or(0)),
            });
        }
        if let Some(refused) = said.fact("source_refused") {
            return Err(PmError::Source {
                name: text(refused, "name"),
                why: one_line(&text(refused, "why")),
            });
        }
        if let Some(failed) = said.fact("failed") {
            return Err(PmError::Failed { what: what.into(), tool_says: text(failed, "why") });
        }
        Ok(said)
    }

    /// Runs it and passes on each fact (a line holds one, or a list of them) as it comes; returns dnf's own words.
    pub(super) fn lines<T: DeserializeOwned>(self, mut on_fact: impl FnMut(T)) -> Result<String, PmError> {
        let root = &self.system.root;
        if !root.is_host() && !rustix::process::geteuid().is_root() {
            return Err(PmError::NeedsRoot { what: "looking into a system in a directory" });
        }
        let python = interpreter(root)?;
        let source = format!("{BASE}\n\n{}", self.source);
        let mut command = Command::new(root, python)
            .args(["-IBc", &source])
            .args([self.system.lock_wait.as_secs_f32().to_string()])
            .args(&self.args)
            .env("NEEDRESTART_SUSPEND", "1")
            .deadline(self.deadline);
        if let Some(releasever) = super::releasever(root) {
            command = command.env("PATCHFLOCK_RELEASEVER", releasever);
        }
        if let Some(place) = &self.system.alternative {
            command = command
                .env("PATCHFLOCK_SOURCES", place.inside())
                .env("PATCHFLOCK_CACHE", format!("{}/cache", place.kept()));
        }
        if self.writes {
            command = command.uninterruptible();
        }
        let mut number = 0;
        let mut strange = None;
        let out = command.run_lines(|stream, line| {
            // Of a transaction everything that can be understood counts, also after a strange line.
            if stream == Stream::Stdout && (strange.is_none() || self.writes) {
                number += 1;
                match facts_of(line) {
                    Ok(facts) => facts.into_iter().for_each(&mut on_fact),
                    Err(e) => strange = strange.take().or(Some((number, e.to_string()))),
                }
            }
        })?;
        let mut words = out.stderr_text().into_owned();
        if let Some((number, found)) = strange {
            if self.writes {
                // What the package database has become does not hang on a line: the record says so, and goes on.
                words.push_str(&format!(
                    "\npatchflock: line {number} of dnf's Python was not understood: {found}\n"
                ));
                return Ok(words);
            }
            return Err(PmError::Unexpected {
                what: self.what.into(),
                place: format!("line {number}"),
                found,
            });
        }
        Ok(words)
    }
}

/// The facts of one line.
pub(super) fn facts_of<T: DeserializeOwned>(line: &[u8]) -> serde_json::Result<Vec<T>> {
    if line.starts_with(b"[") {
        serde_json::from_slice(line)
    } else {
        serde_json::from_slice(line).map(|fact| vec![fact])
    }
}

/// A text field of a fact, empty where it is missing.
pub(super) fn text(fact: &Value, field: &str) -> String {
    fact.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The Python that dnf itself runs with (`/usr/libexec/platform-python` on RHEL 8), from its first line.
fn interpreter(root: &Root) -> Result<String, PmError> {
    let program = super::which(root).map_err(|_| PmError::NoTool { tool: "dnf" })?;
    let path = format!("/usr/bin/{program}");
    let source =
        read_text(root, &path, 1 << 20).map_err(|source| PmError::Read { path: root.path(&path), source })?;
    let first = source.lines().next().unwrap_or_default();
    match first.strip_prefix("#!").and_then(|l| l.split_whitespace().next()) {
        Some(python) if python.starts_with('/') && python.contains("python") => Ok(python.to_owned()),
        _ => Err(PmError::Unexpected {
            what: root.path(&path).display().to_string(),
            place: "its first line".into(),
            found: format!("{first:.100} (expected a Python interpreter)"),
        }),
    }
}

/// The lines of dnf's output that say what went wrong, at most six, without Python's trace.
pub(super) fn decisive(words: &str) -> String {
    let lines: Vec<&str> = words
        .lines()
        .map(str::trim_end)
        .filter(|l| !l.trim().is_empty() && !l.starts_with(' ') && !l.starts_with("Traceback"))
        .collect();
    let tail = lines.iter().rev().take(6).rev().map(|l| l.trim()).collect::<Vec<_>>().join(" | ");
    if tail.is_empty() { "dnf said nothing".into() } else { tail.chars().take(1000).collect() }
}

/// `rpm` with a deadline; it only reads.
pub(super) fn rpm(root: &Root, args: &[&str]) -> Result<Output, PmError> {
    Ok(Command::new(root, "rpm").args(args).deadline(Duration::from_secs(120)).run()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decisive_lines_are_the_last_ones_without_the_trace() {
        let words =
            "a\nTraceback (most recent call last):\n  File \"x\"\n    y\ndnf.exceptions.Error: no\n\n";
        assert_eq!(decisive(words), "a | dnf.exceptions.Error: no");
        assert_eq!(decisive(""), "dnf said nothing");
    }

    #[test]
    fn the_interpreter_is_the_one_that_dnf_names() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("usr/bin");
        std::fs::create_dir_all(&bin).unwrap();
        let root = Root::at(dir.path());
        assert!(matches!(interpreter(&root), Err(PmError::NoTool { tool: "dnf" })));
        std::fs::write(bin.join("dnf-3"), "#!/usr/libexec/platform-python\nimport sys\n").unwrap();
        assert_eq!(interpreter(&root).unwrap(), "/usr/libexec/platform-python");
        std::fs::write(bin.join("dnf-3"), "\x7fELF").unwrap();
        assert!(matches!(interpreter(&root), Err(PmError::Unexpected { .. })));
    }
}
