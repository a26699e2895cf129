//! `apt-cache policy`: the administrator's pins, as apt itself applies them.

use std::collections::BTreeMap;

/// What apt thinks of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Opinion {
    /// The version apt would install; `None` when it would install none.
    pub(super) candidate: Option<String>,
    /// Priority of each version.
    pub(super) priorities: BTreeMap<String, i32>,
}

/// Parses the output; the key is the name as printed (`bash`, `libc6:i386`). The error is line number and line.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Opinion>, (String, String)> {
    let mut found = BTreeMap::new();
    let mut current: Option<(String, Opinion)> = None;
    for (at, line) in text.lines().enumerate() {
        let refuse = || (format!("line {}", at + 1), line.chars().take(200).collect::<String>());
        if let Some(name) = line.strip_suffix(':').filter(|n| !n.starts_with(' ') && !n.is_empty()) {
            found.extend(current.replace((name.to_owned(), Opinion::default())));
            continue;
        }
        let Some((_, opinion)) = &mut current else { continue };
        if let Some(version) = line.strip_prefix("  Candidate: ") {
            opinion.candidate = Some(version.to_owned()).filter(|v| v != "(none)");
        } else if let Some(rest) = line.strip_prefix("     ").or_else(|| line.strip_prefix(" *** ")) {
            // A line that is indented further names a place the version comes from.
            if !rest.starts_with(' ') {
                let mut words = rest.split_whitespace();
                let (Some(version), Some(priority)) = (words.next(), words.next()) else {
                    return Err(refuse());
                };
                let priority = priority.parse().map_err(|_| refuse())?;
                opinion.priorities.insert(version.to_owned(), priority);
            }
        }
    }
    found.extend(current);
    Ok(found)
}
