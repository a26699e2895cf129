//! The record of a run, and whom dpkg blames in it.

use std::collections::BTreeMap;

/// Output up to a bound; what comes later is dropped and said so.
#[derive(Debug)]
pub(super) struct Log {
    text: String,
    cap: usize,
    dropped: usize,
}

impl Log {
    pub(super) fn new(cap: usize) -> Self {
        Self { text: String::new(), cap, dropped: 0 }
    }

    pub(super) fn line(&mut self, line: &str) {
        if self.text.len() + line.len() < self.cap {
            self.text.push_str(line);
            self.text.push('\n');
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn text(&self) -> String {
        match self.dropped {
            0 => self.text.clone(),
            n => format!("{}[{n} more lines]\n", self.text),
        }
    }
}

/// Lines that are quoted for one package.
const QUOTED: usize = 12;

/// How many lines before a blame the start of its package is looked for: a log of nothing but blame must not cost
/// the square of its length.
const LOOK_BACK: usize = 1000;

/// Packages that dpkg calls failed, with the lines that lead there. A package whose dependency failed gets dpkg's
/// words about that dependency.
pub(super) fn errors(log: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
    let mut found = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = blamed(line) else { continue };
        // The first blame counts: later rounds only repeat it.
        if found.contains_key(&name) {
            continue;
        }
        let beginnings = [
            format!("Setting up {name} "),
            format!("Setting up {name}:"),
            format!("dpkg: dependency problems prevent configuration of {name}:"),
        ];
        let file = format!("{name}_");
        let starts = |l: &str| {
            beginnings.iter().any(|b| l.starts_with(b))
                || (l.starts_with("Preparing to unpack ") && l.contains(&file))
        };
        let first = at.saturating_sub(LOOK_BACK);
        let before = lines.get(first..at).unwrap_or_default();
        let from = before.iter().rposition(|l| starts(l)).map_or(at, |i| first + i);
        let from = from.max(at.saturating_sub(QUOTED));
        let reason = lines.get(at + 1).filter(|l| l.starts_with(' ')).map_or("", |l| l.trim());
        // Both streams of the child meet here and may be a line apart: what dpkg is about to do and whom else it
        // blames is no reason.
        let mut words: Vec<&str> = Vec::new();
        let mut others_reason = false;
        for line in lines.get(from..at).unwrap_or_default() {
            let blames = blamed(line).is_some();
            let announces =
                ["Setting up ", "Unpacking ", "Preparing to unpack "].iter().any(|s| line.starts_with(s));
            let noise = blames || announces || (others_reason && line.starts_with(' '));
            if !noise {
                words.push(line.trim());
            }
            others_reason = blames;
        }
        words.push(reason);
        words.retain(|w| !w.is_empty());
        found.insert(name, words.join(" | ").chars().take(1500).collect());
    }
    found
}

/// The package that a line blames, without its architecture.
fn blamed(line: &str) -> Option<String> {
    let rest = line.strip_prefix("dpkg: error processing ")?;
    let name = if let Some(rest) = rest.strip_prefix("package ") {
        rest.split([' ', ':']).next()?
    } else {
        // `archive /var/cache/apt/archives/NAME_VERSION_ARCH.deb (--unpack):`; apt may number it (`00-NAME_…`) in
        // a temporary directory.
        let path = rest.strip_prefix("archive ")?.split(" (").next()?;
        let (dir, file) = path.rsplit_once('/').unwrap_or(("", path));
        let file = match file.split_once('-') {
            Some((n, rest)) if dir.contains("apt-dpkg-install") && n.bytes().all(|b| b.is_ascii_digit()) => {
                rest
            }
            _ => file,
        };
        file.split('_').next()?
    };
    (!name.is_empty()).then(|| name.to_owned())
}
