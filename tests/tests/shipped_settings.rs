//! The settings file that the packages ship says of every key what holds without it.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that fails")]

use patchflock_api::config::Config;
use patchflock_machine::root::Root;
use patchflock_tests::lab::package::tree;

/// Loads a text as the settings of a machine.
fn load(text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("etc/patchflock");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("patchflock.toml"), text).unwrap();
    Config::load(&Root::at(dir.path())).unwrap()
}

/// A commented key, without its mark: prose begins with a blank after it.
fn key(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[test]
fn the_shipped_settings_change_nothing_and_their_commented_keys_are_the_defaults() {
    let shipped = std::fs::read_to_string(tree().join("packaging/etc/patchflock.toml")).unwrap();
    assert_eq!(load(&shipped), Config::default());
    let full: String = shipped.lines().map(|l| format!("{}\n", key(l).unwrap_or(l))).collect();
    let found: Vec<&str> = shipped.lines().filter_map(key).filter_map(|l| l.split(' ').next()).collect();
    let all = [
        "group",
        "tags",
        "scan_interval_hours",
        "fetch_ahead_minutes",
        "history_months",
        "log",
        "foreign_updaters",
        "timeout_minutes",
        "alternative_sources",
        "timeout_minutes",
    ];
    assert_eq!(found, all, "every key that there is, and no other");
    let mut config = load(&full);
    // Which group a node is in has no default: those two are examples.
    let tags = std::mem::take(&mut config.tags);
    let example = [("Environment", "live"), ("Patch Group", "prod")];
    assert_eq!(tags, example.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert_eq!(config, Config::default());
}
