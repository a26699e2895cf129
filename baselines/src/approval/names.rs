//! Entries of the approved and rejected lists, and of install-override lists, in every format of reference 2.4
//! and 2.8.
//!
//! An entry is compared with the strings that a patch answers to; it is never parsed, so that a name with
//! dashes or digits cannot be misread. Deviations from AWS, all of them wider:
//! - Advisory, CVE and Bugzilla ids work in both lists (the two AWS pages disagree) and on every Linux family.
//!   They are compared whole and without case: a `*` in an entry never reaches into ids, or rejecting `R*`
//!   would reject whatever an `RHSA` names.
//! - An all-digit entry is a Bugzilla id and nothing else, as AWS says; it never is a version.
//! - `*` may stand any number of times, not once per component.
//! - apt: `name=version` and `*` besides bare names. AWS's bare names cover all versions and architectures,
//!   which makes it impossible to reject the one bad upload.

use std::cmp::Ordering;

use crate::inventory::{Advisory, Candidate, Installed};
use crate::os::Family;
use crate::version::split_evr;

mod pairs;

use pairs::Pairs;

/// What a list entry is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) arch: &'a str,
    pub(crate) version: &'a str,
    pub(crate) advisories: &'a [Advisory],
    pub(crate) aliases: &'a [String],
    pub(crate) packages: &'a [String],
}

impl<'a> From<&'a Candidate> for Named<'a> {
    fn from(c: &'a Candidate) -> Self {
        Self {
            name: &c.name,
            arch: &c.arch,
            version: &c.version,
            advisories: &c.advisories,
            aliases: &c.aliases,
            packages: &c.packages,
        }
    }
}

impl<'a> From<&'a Installed> for Named<'a> {
    fn from(i: &'a Installed) -> Self {
        Self {
            name: &i.name,
            arch: &i.arch,
            version: &i.version,
            advisories: &i.advisories,
            aliases: &[],
            packages: &[],
        }
    }
}

/// An entry that may be a name, and what a text that it matches must contain.
#[derive(Debug)]
struct Entry<'b> {
    pattern: Pattern<'b>,
    pairs: Pairs,
}

impl<'b> Entry<'b> {
    fn new(pattern: Pattern<'b>) -> Self {
        let mut pairs = Pairs::default();
        pattern.pieces().for_each(|piece| pairs.add(&[piece]));
        Self { pattern, pairs }
    }
}

/// A list made ready for many comparisons: few entries are looked at for each patch.
#[derive(Debug)]
pub(crate) struct NameList<'b> {
    family: Family,
    /// In the order of what they begin with.
    names: Vec<Entry<'b>>,
    /// Entries that may be ids, in the order of [`without_case`].
    ids: Vec<&'b str>,
}

impl<'b> NameList<'b> {
    pub(crate) fn new(family: Family, entries: &'b [String]) -> Self {
        let mut names = Vec::new();
        let mut ids = Vec::new();
        // macOS and Windows names have no wildcards (reference 2.4): a `*` is a character there.
        let wildcards = !matches!(family, Family::Macos | Family::Windows);
        for entry in entries {
            let entry = entry.trim();
            // SLES lists may hold rpm file names.
            let name =
                if family == Family::Zypper { entry.strip_suffix(".rpm").unwrap_or(entry) } else { entry };
            if name.is_empty() {
                continue;
            }
            // No id is without a digit or has a wildcard.
            if name.bytes().any(|b| b.is_ascii_digit()) && !name.contains('*') {
                ids.push(entry);
            }
            let bugzilla = name.bytes().all(|b| b.is_ascii_digit());
            if !bugzilla {
                names.push(Entry::new(Pattern::new(name, wildcards)));
            }
        }
        let order = |e: &Entry<'b>| (e.pattern.beginning(), e.pattern.text);
        names.sort_by(|a, b| order(a).cmp(&order(b)));
        ids.sort_by(|a, b| without_case(a, b).then_with(|| a.cmp(b)));
        ids.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        Self { family, names, ids }
    }

    /// Whether some entry names the patch.
    pub(crate) fn matches(&self, named: &Named<'_>) -> bool {
        self.entry(named).is_some()
    }

    /// An entry that names the patch; always the same one, whatever the order of the list and of notices.
    pub(crate) fn entry(&self, named: &Named<'_>) -> Option<&'b str> {
        self.by_id(named).or_else(|| self.by_name(named))
    }

    fn by_id(&self, named: &Named<'_>) -> Option<&'b str> {
        if self.ids.is_empty() {
            return None;
        }
        let known = |id: &str| {
            let at = self.ids.binary_search_by(|entry| without_case(entry, id)).ok()?;
            self.ids.get(at).copied()
        };
        let name = (self.family == Family::Windows).then_some(named.name);
        let aliases = named.aliases.iter().map(String::as_str);
        let advisories = named.advisories.iter().flat_map(|a| {
            let ids = a.cves.iter().chain(&a.bugzilla).map(String::as_str);
            std::iter::once(a.id.as_str()).chain(ids)
        });
        name.into_iter().chain(aliases).chain(advisories).filter_map(known).min()
    }

    fn by_name(&self, named: &Named<'_>) -> Option<&'b str> {
        if self.names.is_empty() {
            return None;
        }
        match self.family {
            Family::Windows => None,
            Family::Macos => self.find(&[named.name], |entry| entry.pattern.matches(named.name)),
            Family::Apt => {
                let pairs = || Pairs::of(&[&[named.name, "=", named.version]]);
                self.find_form(&[named.name], pairs, || apt_forms(named))
            }
            Family::Rpm => self.by_rpm_name(named),
            Family::Zypper => self.by_rpm_name(named).or_else(|| {
                let one = |package| self.find(&[package], |entry| entry.pattern.matches(package));
                named.packages.iter().find_map(|package| one(package))
            }),
        }
    }

    fn by_rpm_name(&self, named: &Named<'_>) -> Option<&'b str> {
        self.find_form(&rpm_starts(named), || rpm_pairs(named), || rpm_forms(named))
    }

    /// The first entry that matches one of `forms`. They and their pairs are made at the first need: nearly every
    /// comparison ends before.
    fn find_form(
        &self,
        starts: &[&str],
        pairs: impl Fn() -> Pairs,
        forms: impl Fn() -> Vec<String>,
    ) -> Option<&'b str> {
        let (mut known_pairs, mut known_forms) = (None, None);
        self.find(starts, |entry| {
            known_pairs.get_or_insert_with(&pairs).include(&entry.pairs)
                && known_forms.get_or_insert_with(&forms).iter().any(|form| entry.pattern.matches(form))
        })
    }

    /// The first entry that matches, among those that can match a text with one of these starts.
    fn find(&self, starts: &[&str], mut matches: impl FnMut(&Entry<'b>) -> bool) -> Option<&'b str> {
        let mut one =
            |e: &&Entry<'b>| starts.iter().any(|start| e.pattern.may_start_with(start)) && matches(e);
        let found = if starts.iter().any(|start| start.is_empty()) {
            // Whatever a pattern begins with may come after nothing.
            self.names.iter().find(&mut one)
        } else {
            let anything = self.beginning_with(None).iter().find(&mut one);
            let mut first_bytes = starts.iter().map(|start| start.bytes().next());
            anything.or_else(|| first_bytes.find_map(|byte| self.beginning_with(byte).iter().find(&mut one)))
        };
        found.map(|entry| entry.pattern.text)
    }

    /// The entries that begin with this byte; `None`: with a wildcard.
    fn beginning_with(&self, byte: Option<u8>) -> &[Entry<'b>] {
        let first = |e: &Entry<'_>| e.pattern.beginning().bytes().next();
        let from = self.names.partition_point(|e| first(e) < byte);
        let rest = self.names.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|e| first(e) == byte)).unwrap_or_default()
    }
}

fn without_case(a: &str, b: &str) -> Ordering {
    a.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// What every one of [`rpm_forms`] starts with: the name, the version or the epoch.
fn rpm_starts<'a>(named: &Named<'a>) -> [&'a str; 3] {
    let (epoch, version, _) = split_evr(named.version);
    [named.name, version, if epoch.is_empty() { "0" } else { epoch }]
}

/// The forms of reference 2.4 that an rpm package answers to.
fn rpm_forms(named: &Named<'_>) -> Vec<String> {
    let Named { name, arch, .. } = named;
    let (epoch, version, release) = split_evr(named.version);
    let epoch = if epoch.is_empty() { "0" } else { epoch };
    vec![
        (*name).to_owned(),
        format!("{name}.{arch}"),
        format!("{name}-{version}"),
        format!("{name}-{version}-{release}"),
        format!("{name}-{version}-{release}.{arch}"),
        version.to_owned(),
        format!("{version}-{release}"),
        format!("{epoch}:{version}-{release}"),
        format!("{name}-{epoch}:{version}-{release}"),
        format!("{name}-{epoch}:{version}-{release}.{arch}"),
        format!("{epoch}:{name}-{version}-{release}.{arch}"),
        format!("{name}.{arch}:{epoch}:{version}-{release}"),
    ]
}

/// The pairs of [`rpm_forms`] without making them.
fn rpm_pairs(named: &Named<'_>) -> Pairs {
    let Named { name, arch, .. } = *named;
    let [_, version, epoch] = rpm_starts(named);
    let (_, _, release) = split_evr(named.version);
    Pairs::of(&[
        &[name, "-", version, "-", release, ".", arch],
        &[name, ".", arch, ":", epoch, ":", version, "-", release],
        &[name, "-", epoch, ":", name, "-"],
    ])
}

fn apt_forms(named: &Named<'_>) -> Vec<String> {
    vec![named.name.to_owned(), format!("{}={}", named.name, named.version)]
}

/// Text with `*`, each of which stands for any characters, none included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pattern<'p> {
    text: &'p str,
    /// What stands before the first `*`; `None`: there is no wildcard.
    prefix: Option<&'p str>,
}

impl<'p> Pattern<'p> {
    pub(crate) fn new(text: &'p str, wildcards: bool) -> Self {
        let prefix = if wildcards { text.split_once('*').map(|(prefix, _)| prefix) } else { None };
        Self { text, prefix }
    }

    /// What every text that matches begins with.
    fn beginning(&self) -> &'p str {
        self.prefix.unwrap_or(self.text)
    }

    /// The pieces that every text that matches contains.
    fn pieces(&self) -> impl Iterator<Item = &'p str> {
        let after = self.prefix.and_then(|prefix| self.text.get(prefix.len()..)).unwrap_or("");
        std::iter::once(self.beginning()).chain(after.split('*'))
    }

    /// Whether some text that starts with `start` could match.
    fn may_start_with(&self, start: &str) -> bool {
        let beginning = self.beginning();
        beginning.starts_with(start) || (self.prefix.is_some() && start.starts_with(beginning))
    }

    /// Whether the whole text matches. Each part between two `*` is taken at its first place, which is enough
    /// for `*` alone: no backtracking, so the time is linear in pattern and text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some(prefix) = self.prefix else { return self.text == text };
        let Some(mut rest) = text.strip_prefix(prefix) else { return false };
        let mut parts = self.text.split('*').skip(1).peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = rest.get(at + part.len()..).unwrap_or(""),
                None => return false,
            }
        }
        rest.is_empty()
    }
}

/// Whether an entry of an install-override list names a candidate (reference 2.8).
///
/// - rpm and zypper: `id` is `name.arch`, `title` is `{name}.{arch}:{epoch}:{version}-{release}` or, as AWS's
///   own example shows, only the version part; `*` anywhere in both. A zypper patch is named by its own name
///   or by one of its packages.
/// - apt: `name.arch` and `{name}.{arch}:{version}` or the version.
/// - macOS: `name` or `name.version`, `title` unused. Windows: KB or bulletin id, `title` ignored.
///
/// Only updates of installed packages are candidates, so an override never installs anything new.
pub fn matches_override(family: Family, id: &str, title: Option<&str>, candidate: &Candidate) -> bool {
    let named = Named::from(candidate);
    match family {
        Family::Windows => {
            named.name.eq_ignore_ascii_case(id) || named.aliases.iter().any(|a| a.eq_ignore_ascii_case(id))
        }
        Family::Macos => {
            id == named.name
                || id.strip_prefix(named.name).and_then(|rest| rest.strip_prefix('.')) == Some(named.version)
        }
        Family::Apt => override_package(id, title, named.name, named.arch, &[named.version]),
        Family::Rpm => override_rpm(id, title, named.name, named.arch, named.version),
        Family::Zypper => {
            (Pattern::new(id, true).matches(named.name)
                && title.is_none_or(|t| Pattern::new(t, true).matches(named.version)))
                || override_rpm(id, title, named.name, named.arch, named.version)
                || named.packages.iter().any(|package| {
                    let nevra = rpm_version::Nevra::parse_values(package);
                    let (name, epoch, version, release, arch) = nevra;
                    let colon = if epoch.is_empty() { "" } else { ":" };
                    override_rpm(id, title, name, arch, &format!("{epoch}{colon}{version}-{release}"))
                })
        }
    }
}

fn override_rpm(id: &str, title: Option<&str>, name: &str, arch: &str, evr: &str) -> bool {
    let (epoch, version, release) = split_evr(evr);
    let epoch = if epoch.is_empty() { "0" } else { epoch };
    let full = format!("{epoch}:{version}-{release}");
    let short = format!("{version}-{release}");
    override_package(id, title, name, arch, &[&full, &short])
}

/// The first of `versions` is the one that belongs into the full title.
fn override_package(id: &str, title: Option<&str>, name: &str, arch: &str, versions: &[&str]) -> bool {
    if !Pattern::new(id, true).matches(&format!("{name}.{arch}")) {
        return false;
    }
    let Some(title) = title.map(|title| Pattern::new(title, true)) else { return true };
    versions.iter().any(|version| title.matches(version))
        || versions.first().is_some_and(|version| title.matches(&format!("{name}.{arch}:{version}")))
}

/// A baseline override and an install-override list were given together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a baseline override and an install-override list cannot be used in one run (as in AWS, it then neither \
     scans nor installs): leave one of them out"
)]
pub struct OverrideConflict;

/// Refuses a baseline override together with an install-override list (reference 2.7).
pub fn check_overrides(baseline_override: bool, install_override: bool) -> Result<(), OverrideConflict> {
    if baseline_override && install_override { Err(OverrideConflict) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
