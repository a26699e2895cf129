//! The signed description of a repository: `InRelease` or `Release`.
//!
//! The signature was checked by apt when it fetched the file; here only the text is read.

use chrono::{DateTime, NaiveDateTime, Utc};
use deb822_fast::Deb822;

/// What we need of a Release file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) origin: String,
    pub(super) label: String,
    pub(super) suite: String,
    pub(super) codename: String,
    pub(super) date: Option<DateTime<Utc>>,
    pub(super) valid_until: Option<DateTime<Utc>>,
    pub(super) components: Vec<String>,
    /// `NotAutomatic: yes`: versions are never chosen unless asked for (backports, experimental).
    pub(super) not_automatic: bool,
    /// `Packages` of `binary-all` are to be fetched besides those of the architecture. Debian lists the file but
    /// says `No-Support-for-Architecture-all: Packages`, and apt leaves it alone.
    pub(super) separate_all: bool,
    /// Path and size of every file it vouches for.
    files: Vec<(String, u64)>,
    /// It vouches for files at all.
    pub(super) has_files: bool,
}

impl Release {
    /// Size of the uncompressed file, when the Release file tells it.
    pub(super) fn size_of(&self, path: &str) -> Option<u64> {
        self.files.iter().find(|(p, _)| p == path).map(|(_, size)| *size)
    }

    /// Whether it knows the file under this name or compressed.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.files
            .iter()
            .any(|(p, _)| p.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }
}

/// Reads the text, clear-signed or not. `None`: it is no Release file.
pub(super) fn parse(text: &str) -> Option<Release> {
    let body = match text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----") {
        // The armour headers (`Hash: SHA256`) end at the first empty line.
        Some(rest) => {
            let (_, rest) = rest.split_once("\n\n")?;
            let (body, _) = rest.split_once("\n-----BEGIN PGP SIGNATURE-----")?;
            body
        }
        None => text,
    };
    let document: Deb822 = body.parse().ok()?;
    let fields = document.iter().next()?;
    let get = |key: &str| fields.get(key).map(str::trim).unwrap_or_default().to_owned();
    let sums = ["SHA256", "SHA512", "SHA1", "MD5Sum"].iter().find_map(|key| fields.get(key));
    let files: Vec<(String, u64)> = sums
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (_, size, path) = (words.next()?, words.next()?, words.next()?);
            // Flat repositories write `./Packages`.
            Some((path.trim_start_matches("./").to_owned(), size.parse().ok()?))
        })
        .filter(|(path, _)| path.contains("Packages"))
        .collect();
    Some(Release {
        origin: get("Origin"),
        label: get("Label"),
        suite: get("Suite"),
        codename: get("Codename"),
        date: date(&get("Date")),
        valid_until: date(&get("Valid-Until")),
        components: get("Components").split_whitespace().map(str::to_owned).collect(),
        not_automatic: get("NotAutomatic").eq_ignore_ascii_case("yes"),
        separate_all: get("Architectures").split_whitespace().any(|a| a == "all")
            && !get("No-Support-for-Architecture-all").split_whitespace().any(|w| w == "Packages"),
        has_files: sums.is_some(),
        files,
    })
}

/// `Sat, 17 May 2025 09:05:48 UTC`; some repositories write the offset in digits.
fn date(text: &str) -> Option<DateTime<Utc>> {
    let zone_less = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT"));
    if let Some(at) = zone_less {
        return NaiveDateTime::parse_from_str(at, "%a, %d %b %Y %H:%M:%S").ok().map(|at| at.and_utc());
    }
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}
