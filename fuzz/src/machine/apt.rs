//! Texts of apt, dpkg and Debian repositories.

use patchflock_machine::pm::Progress;
use patchflock_machine::pm::apt::fuzzing;

use crate::text;

const WANTED: [&str; 4] = ["bash", "openssl", "libc6", "a"];

/// The status file that simulations are read against.
const STATUS: &str = include_str!("../../seeds/dpkg_status/three");

/// A package index: only offers of what was asked for, complete, and no more than it has stanzas.
pub fn deb_packages(data: &[u8]) {
    let Ok(offers) = fuzzing::packages(data, &WANTED) else { return };
    assert!(offers.len() <= data.windows(2).filter(|w| w == b"\n\n").count() + 1);
    for (name, arch, version, phased) in &offers {
        assert!(WANTED.contains(&name.as_str()), "offers {name:?}, which nobody wanted");
        let words = [arch, version].iter().all(|w| !w.is_empty() && !w.contains(char::is_whitespace));
        assert!(words && phased.is_none_or(|p| p <= 100), "{offers:?}");
    }
}

/// A Release file: a file with a size is a file it knows.
pub fn deb_release(data: &[u8]) {
    let path = "main/binary-amd64/Packages";
    if let Some((knows, size)) = fuzzing::release(&text(data), path) {
        assert!(knows || size.is_none());
    }
}

/// dpkg's status file and apt's extended_states: at most one package per stanza, and one that is removed by a later
/// stanza is gone.
pub fn dpkg_status(data: &[u8]) {
    let text = text(data);
    if let Ok(found) = fuzzing::status(&text) {
        let stanzas =
            text.split(['\n', '\r']).filter(|l| l.to_ascii_lowercase().starts_with("package:")).count();
        assert!(found.len() <= stanzas, "{found:?}");
        if let Some((name, arch)) = found.first() {
            let gone =
                format!("{text}\n\nPackage: {name}\nStatus: purge ok not-installed\nArchitecture: {arch}\n");
            if let Ok(after) = fuzzing::status(&gone) {
                assert!(after.len() <= found.len(), "{gone}");
            }
        }
    }
    fuzzing::auto(&text);
}

/// `apt-get -s`: every change names a package, and there are no more of them than lines.
pub fn apt_simulation(data: &[u8]) {
    let text = text(data);
    if let Ok(found) = fuzzing::simulated(&text, STATUS) {
        assert!(found.len() <= text.lines().count());
        assert!(found.iter().all(|n| !n.name.is_empty() && !n.arch.is_empty()), "{found:?}");
    }
}

/// `apt-cache policy`, `apt-get update --print-uris`, `apt-config shell` and needrestart: no more found than told.
pub fn apt_policy(data: &[u8]) {
    let text = text(data);
    let lines = text.lines().count();
    if let Ok(found) = fuzzing::policy(&text) {
        assert!(found.len() + found.values().sum::<usize>() <= lines, "{found:?}");
    }
    if let Ok(found) = fuzzing::uris(&text) {
        assert!(found <= lines);
    }
    let (settings, services) = fuzzing::settings_and_services(&text);
    assert!(settings.len() + services.len() <= lines);
}

/// apt's status lines: shares are shares.
pub fn status_fd(data: &[u8]) {
    for line in data.split(|b| *b == b'\n') {
        let steps = fuzzing::progress(line).unwrap_or_default();
        assert!(steps.len() <= 2);
        for step in steps {
            assert!(!matches!(step, Progress::Percent(percent) if percent > 100), "{step:?}");
        }
    }
}

/// Whom dpkg blames: bounded words about a named package.
pub fn dpkg_blame(data: &[u8]) {
    for (name, why) in fuzzing::blamed(&text(data)) {
        assert!(!name.is_empty() && why.chars().count() <= 1500, "{name:?}: {why:?}");
    }
}

/// A package's changelog: CVE ids that stand in it, sorted, each once, bounded; no more for a newer installed version.
pub fn changelog(data: &[u8]) {
    let found = fuzzing::fixed(data, "0");
    assert!(found.len() <= 500 && found.is_sorted_by(|a, b| a < b), "{found:?}");
    let upper = data.to_ascii_uppercase();
    for id in &found {
        assert!((13..=28).contains(&id.len()), "{id:?}");
        assert!(upper.windows(id.len()).any(|w| w == id.as_bytes()), "{id} is not in it");
    }
    let since = fuzzing::fixed(data, "3.0.17-1~deb12u2");
    assert!(found.len() == 500 || since.iter().all(|id| found.contains(id)), "{since:?}");
}
