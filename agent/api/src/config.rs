//! The configuration of this machine: `/etc/patchflock/patchflock.toml` and the drop-ins in `conf.d`.
//!
//! Both halves of the agent read it. Drop-ins are taken in the order of their names; a later file wins, and tables are
//! merged key by key. An unknown key is refused with its file and line: a misspelt limit that is passed over in silence
//! does harm later.

use std::collections::BTreeMap;
use std::time::Duration;

use patchflock_machine::host;
use patchflock_machine::root::Root;
use serde::Deserialize;

/// The main file.
const FILE: &str = "/etc/patchflock/patchflock.toml";
/// Where drop-ins lie.
const DROP_INS: &str = "/etc/patchflock/conf.d";
/// Larger is no configuration.
const FILE_CAP: u64 = 64 << 10;
/// More are none.
const MAX_DROP_INS: usize = 100;
/// The tag that chooses a node's baseline (reference 3).
pub const PATCH_GROUP: &str = "Patch Group";
/// As many tags as AWS allows on an instance.
const MAX_TAGS: usize = 50;
/// A year.
const MAX_SCAN_INTERVAL: u32 = 24 * 366;
/// A hundred years.
const MAX_HISTORY: u32 = 1200;
/// A day.
const MAX_TIMEOUT: u32 = 24 * 60;

/// The configuration in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Tags of this node; `Patch Group` among them, if it has one.
    pub tags: BTreeMap<String, String>,
    /// Hours between routine scans; 0: none.
    pub scan_interval_hours: u32,
    /// So many minutes before a window opens this node begins, at a time of its own, to look and download; 0: it does
    /// not.
    pub fetch_ahead_minutes: u32,
    /// How long the history is kept, in months.
    pub history_months: u32,
    /// Filter of the log, as tracing reads it.
    pub log: String,
    /// What becomes of other updaters.
    pub foreign_updaters: ForeignUpdaters,
    /// How long one hook may take.
    pub hook_timeout: Duration,
    /// How long to wait for the end of the boot.
    pub health_timeout: Duration,
    /// Whether baselines may bring repositories of their own: what these offer runs as root, so it is root's decision.
    pub alternative_sources: bool,
}

/// What becomes of other programs that install updates by themselves (design 7b).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignUpdaters {
    /// They are named.
    #[default]
    Report,
    /// They are switched off until Patchflock is removed.
    Mask,
}

/// A configuration that cannot be used: the file, the place, the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct ConfigError {
    /// The file or directory.
    pub file: String,
    /// What is wrong, with line and column where there is one.
    pub why: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tags: BTreeMap::new(),
            scan_interval_hours: 24,
            fetch_ahead_minutes: 60,
            history_months: 24,
            log: "info".into(),
            foreign_updaters: ForeignUpdaters::Report,
            hook_timeout: Duration::from_secs(600),
            health_timeout: Duration::from_secs(600),
            alternative_sources: false,
        }
    }
}

/// What one file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    node: Node,
    agent: Agent,
    hooks: Limit,
    health: Limit,
    policy: Policy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Node {
    group: Option<String>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Agent {
    scan_interval_hours: Option<u32>,
    fetch_ahead_minutes: Option<u32>,
    history_months: Option<u32>,
    log: Option<String>,
    foreign_updaters: Option<ForeignUpdaters>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limit {
    timeout_minutes: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Policy {
    alternative_sources: Option<bool>,
}

impl Config {
    /// Reads the files of a machine. No file at all is a configuration, too.
    ///
    /// # Errors
    /// The first file that cannot be read or says what it may not.
    pub fn load(root: &Root) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let drop_ins = host::list(root, DROP_INS, MAX_DROP_INS)
            .map_err(|e| ConfigError { file: DROP_INS.into(), why: e.to_string() })?;
        let drop_ins = drop_ins.iter().filter(|name| name.ends_with(".toml") && !name.starts_with('.'));
        let files = std::iter::once(FILE.to_owned()).chain(drop_ins.map(|name| format!("{DROP_INS}/{name}")));
        for file in files {
            let failed = |why: String| ConfigError { file: file.clone(), why };
            let bytes = match host::read_bytes(root, &file, FILE_CAP) {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(failed(e.to_string())),
            };
            let text = String::from_utf8(bytes).map_err(|_| failed("not UTF-8 text".into()))?;
            let found: File =
                toml::from_str(&text).map_err(|e| failed(e.to_string().trim_end().to_owned()))?;
            config.take(found).map_err(failed)?;
        }
        Ok(config)
    }

    /// The node's patch group, if it has one.
    pub fn patch_group(&self) -> Option<&str> {
        self.tags.get(PATCH_GROUP).map(String::as_str).filter(|group| !group.is_empty())
    }

    fn take(&mut self, file: File) -> Result<(), String> {
        let File { node, agent, hooks, health, policy } = file;
        if let Some(group) = node.group {
            match node.tags.get(PATCH_GROUP) {
                Some(other) if *other != group => {
                    return Err(format!(
                        "group says {group:?} and tags.\"{PATCH_GROUP}\" says {other:?}: keep one of them"
                    ));
                }
                _ => drop(self.tags.insert(PATCH_GROUP.into(), group)),
            }
        }
        self.tags.extend(node.tags);
        if self.tags.len() > MAX_TAGS {
            return Err(format!("more than {MAX_TAGS} tags"));
        }
        // The limits of AWS's tags.
        let fits =
            |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(char::is_control);
        if let Some((key, _)) = self.tags.iter().find(|(k, v)| k.is_empty() || !fits(k, 128) || !fits(v, 256))
        {
            return Err(format!("tag {key:?}: up to 128 characters = up to 256, without control characters"));
        }
        if self.tags.get(PATCH_GROUP).is_some_and(|group| group.trim() != group) {
            return Err(format!(
                "{PATCH_GROUP:?} begins or ends with a blank: no registration would match it"
            ));
        }
        number(
            &mut self.scan_interval_hours,
            agent.scan_interval_hours,
            0,
            MAX_SCAN_INTERVAL,
            "scan_interval_hours",
        )?;
        number(
            &mut self.fetch_ahead_minutes,
            agent.fetch_ahead_minutes,
            0,
            MAX_TIMEOUT,
            "fetch_ahead_minutes",
        )?;
        number(&mut self.history_months, agent.history_months, 1, MAX_HISTORY, "history_months")?;
        self.log = agent.log.unwrap_or(std::mem::take(&mut self.log));
        self.foreign_updaters = agent.foreign_updaters.unwrap_or(self.foreign_updaters);
        self.alternative_sources = policy.alternative_sources.unwrap_or(self.alternative_sources);
        for (kept, found, table) in
            [(&mut self.hook_timeout, hooks, "hooks"), (&mut self.health_timeout, health, "health")]
        {
            let mut minutes = 0;
            number(&mut minutes, found.timeout_minutes, 1, MAX_TIMEOUT, &format!("{table}.timeout_minutes"))?;
            if minutes > 0 {
                *kept = Duration::from_secs(u64::from(minutes) * 60);
            }
        }
        Ok(())
    }
}

fn number(kept: &mut u32, found: Option<u32>, least: u32, most: u32, name: &str) -> Result<(), String> {
    match found {
        None => Ok(()),
        Some(n) if (least..=most).contains(&n) => {
            *kept = n;
            Ok(())
        }
        Some(n) => Err(format!("{name} = {n}: it can be {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc/patchflock/conf.d")).unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join("etc/patchflock").join(name), text).unwrap();
        }
        let root = Root::at(dir.path());
        (dir, root)
    }

    fn refused(files: &[(&str, &str)]) -> String {
        let (_dir, root) = machine(files);
        Config::load(&root).unwrap_err().to_string()
    }

    #[test]
    fn a_machine_without_files_has_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::load(&Root::at(dir.path())).unwrap();
        assert_eq!((config.clone(), config.patch_group()), (Config::default(), None));
    }

    #[test]
    fn later_drop_ins_win_key_by_key() {
        let (_dir, root) = machine(&[
            (
                "patchflock.toml",
                "[node]\ngroup = \"prod\"\ntags = { Environment = \"live\", Site = \"a\" }\n[agent]\nlog = \"debug\"\n",
            ),
            (
                "conf.d/20-b.toml",
                "[node.tags]\nSite = \"c\"\n[hooks]\ntimeout_minutes = 3\n[policy]\nalternative_sources = true\n",
            ),
            (
                "conf.d/10-a.toml",
                "[node.tags]\nSite = \"b\"\n\"Patch Group\" = \"test\"\n[agent]\nforeign_updaters = \"mask\"\n",
            ),
            ("conf.d/30-c.toml.off", "nonsense"),
            ("conf.d/.hidden.toml", "nonsense"),
        ]);
        let config = Config::load(&root).unwrap();
        assert_eq!(config.patch_group(), Some("test"));
        assert_eq!((config.tags["Site"].as_str(), config.tags["Environment"].as_str()), ("c", "live"));
        assert_eq!((config.log.as_str(), config.foreign_updaters), ("debug", ForeignUpdaters::Mask));
        assert_eq!((config.hook_timeout.as_secs(), config.health_timeout.as_secs()), (180, 600));
        assert!(config.alternative_sources && !Config::default().alternative_sources);
    }

    #[test]
    fn what_is_not_understood_is_named_with_file_and_line() {
        let said = refused(&[("conf.d/a.toml", "[agent]\n\nscan_intervall_hours = 3\n")]);
        assert!(said.starts_with("/etc/patchflock/conf.d/a.toml: ") && said.contains("line 3"), "{said}");
        assert!(said.contains("scan_intervall_hours"), "{said}");
        for (text, words) in [
            ("[nodes]\n", "unknown field `nodes`"),
            ("[agent]\nhistory_months = 0\n", "history_months = 0: it can be 1 to 1200"),
            ("[health]\ntimeout_minutes = 100000\n", "health.timeout_minutes"),
            ("[agent]\nforeign_updaters = \"kill\"\n", "unknown variant `kill`"),
            ("[node]\ngroup = \"a\"\ntags = {\"Patch Group\" = \"b\"}\n", "keep one of them"),
            ("[node]\ntags = {\"a\\u0007\" = \"b\"}\n", "control characters"),
            ("[policy]\nalternative_sources = \"yes\"\n", "expected a boolean"),
            ("[node]\ngroup = \"prod \"\n", "begins or ends with a blank"),
            ("[agent]\nfetch_ahead_minutes = 1441\n", "fetch_ahead_minutes = 1441: it can be 0 to 1440"),
            ("[agent\n", "line 1"),
        ] {
            let said = refused(&[("patchflock.toml", text)]);
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn files_are_bounded_and_text() {
        let large = "#".repeat(FILE_CAP as usize + 1);
        assert!(refused(&[("patchflock.toml", &large)]).contains("larger than"));
        let (_dir, root) = machine(&[]);
        std::fs::write(root.path(FILE), b"log = \"\xff\"").unwrap();
        assert!(Config::load(&root).unwrap_err().why.contains("UTF-8"));
    }
}
