//! Package indexes: which versions of the packages we care about are offered.
//!
//! An index has tens of thousands of stanzas and we need hundreds: a byte search finds stanza ends and names, and
//! only the stanzas that are wanted are parsed.

use std::collections::HashSet;

use deb822_fast::Deb822;
use memchr::memmem;

/// One version that an index offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) name: String,
    pub(super) arch: String,
    pub(super) version: String,
    pub(super) section: Option<String>,
    pub(super) priority: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) phased: Option<u8>,
}

/// Longest stanza that is believed: real ones stay below 100 KB.
const STANZA_CAP: usize = 1 << 20;

/// Offers of the wanted names. An index that is not one from end to end is damaged, in words.
pub(super) fn offers(index: &[u8], wanted: &HashSet<String>) -> Result<Vec<Offer>, String> {
    let mut found = Vec::new();
    let mut start = 0;
    let ends = memmem::find_iter(index, b"\n\n").map(|at| at + 1).chain([index.len()]);
    for end in ends {
        let stanza = index.get(start..end).unwrap_or_default();
        let damaged = |what: &str| format!("damaged: {what} at byte {start}");
        let blank = stanza.iter().all(u8::is_ascii_whitespace);
        if !blank {
            if stanza.len() > STANZA_CAP {
                return Err(damaged("an entry of more than 1 MiB"));
            }
            let name = name_of(stanza).ok_or_else(|| damaged("an entry without a package name"))?;
            if wanted.contains(name) {
                // Both readings of the name agree unless it is written twice or goes on in the next line.
                let offer = parse(stanza).filter(|offer| offer.name == name);
                found.push(offer.ok_or_else(|| damaged("an entry that cannot be read"))?);
            }
        }
        start = end;
    }
    Ok(found)
}

/// The value of `Package`, nearly always the first line.
fn name_of(stanza: &[u8]) -> Option<&str> {
    let stanza = stanza.trim_ascii_start();
    let value = match stanza.strip_prefix(b"Package:") {
        Some(rest) => rest,
        None => stanza.get(memmem::find(stanza, b"\nPackage:")? + b"\nPackage:".len()..)?,
    };
    let line = value.split(|b| *b == b'\n').next()?;
    std::str::from_utf8(line).ok().map(str::trim).filter(|n| !n.is_empty())
}

fn parse(stanza: &[u8]) -> Option<Offer> {
    let text = String::from_utf8_lossy(stanza);
    let document: Deb822 = text.trim_start().parse().ok()?;
    let fields = document.iter().next()?;
    let get = |key: &str| fields.get(key).map(str::trim).filter(|v| !v.is_empty());
    let word = |key: &str| get(key).filter(|v| !v.contains(char::is_whitespace)).map(str::to_owned);
    Some(Offer {
        name: word("Package")?,
        arch: word("Architecture")?,
        version: word("Version")?,
        section: get("Section").map(str::to_owned),
        priority: get("Priority").map(str::to_owned),
        size: get("Size").and_then(|v| v.parse().ok()),
        // More than 100 % is no percentage: such an update is not phased.
        phased: get("Phased-Update-Percentage").and_then(|v| v.parse().ok()).filter(|p| *p <= 100),
    })
}
