//! The configured repositories, fetched or not, and whether each can be relied on.
//!
//! `apt-get indextargets` names only what has been fetched (seen with apt 2.6 and 3.0), so a repository that never
//! answered would be invisible and its node look patched. `apt-get update --print-uris` names everything that is
//! configured, takes no lock, needs no root and fetches nothing.

use std::collections::{BTreeMap, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use patchflock_baselines::inventory::{Source, SourceState};

use super::lists::{self, Offer};
use super::release::{self, Release};
use super::system::System;
use crate::exec::Command;
use crate::host::{exists, open_ours, read_ours};
use crate::pm::PmError;
use crate::root::Root;

/// Longest package list, unpacked: the largest real ones have 80 MB.
const LIST_CAP: u64 = 256 << 20;
/// Longest Release file: real ones stay below 1 MB.
const RELEASE_CAP: u64 = 64 << 20;

/// One configured component of one repository.
#[derive(Debug, Clone)]
pub(super) struct Repo {
    pub(super) source: Source,
    /// Address of the repository: only to assign error messages, never shown as part of an id.
    pub(super) uri: String,
    /// Never chosen unless asked for.
    pub(super) not_automatic: bool,
    /// The file whose age is that of the metadata: the Release file, or a list where there is none.
    release_file: Option<PathBuf>,
    indexes: Vec<Index>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Index {
    /// List file without compression extension.
    list: PathBuf,
    /// Path inside the repository, by which the Release file knows it.
    key: String,
    /// Uncompressed size that the Release file promises.
    size: Option<u64>,
    /// A repository without a Release file need not have it (`binary-all` beside `binary-amd64`).
    optional: bool,
}

/// A Release file, parsed if it could be, and where it lies.
type ReleaseFile = (Option<Release>, Option<(PathBuf, Metadata)>);

/// One line of `--print-uris`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configured {
    uri: String,
    list: String,
}

/// Parses `'URI' FILE SIZE [HASH]` lines; the error is line number and line.
pub(super) fn parse_uris(text: &str) -> Result<Vec<Configured>, (String, String)> {
    let mut found: Vec<Configured> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, l)| l.starts_with('\'')) {
        let entry = line.strip_prefix('\'').and_then(|l| l.split_once("' ")).and_then(|(uri, rest)| {
            let list = rest.split(' ').next().filter(|f| !f.is_empty() && !f.contains('/'))?;
            Some(Configured { uri: uri.to_owned(), list: list.to_owned() })
        });
        let entry = entry.ok_or_else(|| (format!("line {}", at + 1), line.chars().take(200).collect()))?;
        if !found.contains(&entry) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// Everything configured, with what the Release files in `lists` say. Not yet read: the indexes.
pub(super) fn configured(root: &Root, entries: &[Configured], lists: &Path) -> Vec<Repo> {
    let mut repos: BTreeMap<(String, String), Repo> = BTreeMap::new();
    let releases: Vec<(&str, &str)> = entries
        .iter()
        .filter_map(|e| Some((e.uri.strip_suffix("InRelease")?, e.list.strip_suffix("InRelease")?)))
        .collect();
    let mut read: BTreeMap<&str, ReleaseFile> = BTreeMap::new();
    for entry in entries {
        let Some((path, _)) = entry.uri.rsplit_once("/Packages").filter(|(_, ext)| !ext.contains('/')) else {
            continue;
        };
        // The longest match: a flat repository may lie below another one.
        let Some((base, list_base)) = releases
            .iter()
            .filter(|(base, _)| entry.uri.starts_with(base))
            .max_by_key(|(base, _)| base.len())
        else {
            continue;
        };
        let inside = path.get(base.len()..).unwrap_or_default();
        let (component, key, all) = match inside.rsplit_once("/binary-") {
            Some((component, arch)) => (component, format!("{inside}/Packages"), arch == "all"),
            None => ("", "Packages".to_owned(), false),
        };
        let (release, file) = read.entry(base).or_insert_with(|| read_release(root, lists, list_base));
        if release.as_ref().is_some_and(|r| {
            let lacks_arch = r.has_files && !r.knows(&key);
            (all && !r.separate_all)
                || (lacks_arch && r.components.iter().any(|c| is_component(c, component)))
        }) {
            // The repository has the component but no such file for this architecture: nothing is missing.
            continue;
        }
        let repo = repos
            .entry(((*base).to_owned(), component.to_owned()))
            .or_insert_with(|| describe(base, component, release.as_ref(), file.as_ref()));
        repo.indexes.push(Index {
            list: lists.join(&entry.list),
            size: release.as_ref().and_then(|r| r.size_of(&key)),
            key,
            optional: all && !release.as_ref().is_some_and(|r| r.has_files),
        });
    }
    let mut repos: Vec<Repo> = repos.into_values().collect();
    for repo in repos.iter_mut().filter(|r| r.release_file.is_none()) {
        repo.date_by_lists(root);
        if repo.release_file.is_none() {
            repo.source.security = is_security("Debian", "", &repo.source.suite, "");
        }
    }
    name(&mut repos);
    repos
}

/// Debian's old security repositories list `updates/main` and call it `main` in sources.list.
fn is_component(listed: &str, configured: &str) -> bool {
    listed == configured || listed.rsplit_once('/').is_some_and(|(_, last)| last == configured)
}

fn read_release(root: &Root, lists: &Path, base: &str) -> ReleaseFile {
    for name in ["InRelease", "Release"] {
        let path = lists.join(format!("{base}{name}"));
        let Ok(meta) = open_ours(root, &path).and_then(|file| file.metadata()) else { continue };
        // One that is too large is as good as damaged.
        let bytes = read_ours(root, &path, RELEASE_CAP).unwrap_or_default();
        return (release::parse(&String::from_utf8_lossy(&bytes)), Some((path, meta)));
    }
    (None, None)
}

fn describe(
    base: &str,
    component: &str,
    release: Option<&Release>,
    file: Option<&(PathBuf, Metadata)>,
) -> Repo {
    let known = release.cloned().unwrap_or_default();
    // Without a Release file the distribution name in the configuration is all there is.
    let distribution = base.rsplit_once("/dists/").map(|(_, d)| d.trim_matches('/').to_owned());
    let suite = if known.suite.is_empty() && known.codename.is_empty() {
        distribution.unwrap_or_default()
    } else {
        known.suite.clone()
    };
    let source = Source {
        id: String::new(),
        security: is_security(&known.origin, &known.label, &suite, &known.codename),
        origin: known.origin,
        label: known.label,
        codename: known.codename,
        suite,
        component: component.to_owned(),
        metadata_date: known.date,
        valid_until: known.valid_until,
        refreshed_at: file.and_then(|(_, meta)| changed_at(meta)),
        state: match (release, file) {
            (None, Some(_)) => SourceState::Unreadable { why: "its Release file is damaged".to_owned() },
            _ => SourceState::Readable,
        },
    };
    Repo {
        source,
        uri: base.to_owned(),
        not_automatic: known.not_automatic,
        release_file: file.map(|(p, _)| p.clone()),
        indexes: Vec::new(),
    }
}

/// Security is a property of the origin, never of a package's name (reference 1.8): Debian's security archive by
/// its label (its suite on Debian 10 and before is plain `oldoldstable`), Ubuntu's pockets and ESM by their suite.
///
/// Anybody can call a suite `x-security`; whose word about security counts is who makes the distribution. What was
/// never fetched names no origin: there the configured name is believed, for nothing is installed from it yet.
pub(super) fn is_security(origin: &str, label: &str, suite: &str, codename: &str) -> bool {
    let distributor = matches!(origin, "Debian" | "Ubuntu" | "Raspbian") || origin.starts_with("UbuntuESM");
    distributor
        && (label.eq_ignore_ascii_case("Debian-Security")
            || suite.ends_with("-security")
            || codename.ends_with("-security"))
}

/// The file's last change. apt gives lists the server's modification time; the inode change is our own fetch.
fn changed_at(meta: &Metadata) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(meta.ctime().max(meta.mtime()), 0)
}

/// Gives each source its id: `origin/codename/component`, never an address, and unique.
fn name(repos: &mut [Repo]) {
    let part = |text: &str, other: &str| {
        let text = if text.is_empty() { other } else { text };
        text.chars()
            .map(|c| if c.is_whitespace() || c == '/' || c.is_control() { '-' } else { c })
            .collect::<String>()
    };
    let base = |s: &Source| {
        // Ubuntu's pockets share the codename; the suite (`noble-security`) tells them apart.
        let pocket = s.suite.strip_prefix(&s.codename).is_some_and(|rest| rest.starts_with('-'));
        let middle = if s.codename.is_empty() || pocket { &s.suite } else { &s.codename };
        (part(&s.origin, "no-origin"), part(middle, "flat"), part(&s.component, "flat"))
    };
    let mut taken: HashSet<String> = HashSet::new();
    for at in 0..repos.len() {
        let Some(source) = repos.get(at).map(|r| &r.source) else { continue };
        let (origin, middle, component) = base(source);
        let plain = format!("{origin}/{middle}/{component}");
        // Two repositories of one description: the label tells them apart, else their order.
        let clash = repos.iter().enumerate().any(|(other, r)| {
            other != at && base(&r.source) == base(source) && r.source.label != source.label
        });
        let wanted = if clash && !source.label.is_empty() && source.label != source.origin {
            format!("{plain}/{}", part(&source.label, "unlabelled"))
        } else {
            plain
        };
        let mut id = wanted.clone();
        let mut n = 2;
        while !taken.insert(id.clone()) {
            id = format!("{wanted}-{n}");
            n += 1;
        }
        if let Some(repo) = repos.get_mut(at) {
            repo.source.id = id;
        }
    }
}

impl Repo {
    /// Whether apt's words are about this repository: they name its address, or its address and distribution.
    pub(super) fn is_named_in(&self, words: &str) -> bool {
        let base = self.uri.trim_end_matches('/');
        // `The repository 'ADDRESS DISTRIBUTION Release' is not signed.`
        let spoken = base.replace("/dists/", " ");
        [base, spoken.as_str()].iter().any(|name| {
            words.match_indices(name).any(|(at, _)| {
                let next = words.get(at + name.len()..).and_then(|rest| rest.chars().next());
                next.is_none_or(|c| matches!(c, '/' | ' ' | '\'' | ':'))
            })
        })
    }

    /// A repository that is trusted without a Release file: its lists show when they were fetched. That of a
    /// repository on this disk is a link, and the link's age counts.
    fn date_by_lists(&mut self, root: &Root) {
        let found = self.indexes.iter().filter_map(|i| i.file(root)).find_map(|(path, _)| {
            let meta = std::fs::symlink_metadata(&path).ok()?;
            Some((path, changed_at(&meta)))
        });
        if let Some((path, at)) = found {
            self.source.refreshed_at = at;
            self.release_file = Some(path);
        }
    }

    /// Notes that the metadata were fetched or confirmed just now: a server that answers "not modified" leaves the
    /// file untouched. Giving it to the same owner again moves the inode's change time and nothing else.
    pub(super) fn confirm(&self) {
        if let Some(path) = &self.release_file
            && let Ok(meta) = std::fs::symlink_metadata(path)
        {
            // Not being able to note it makes the source look older than it is, never younger.
            lchown(path, Some(meta.uid()), Some(meta.gid())).ok();
        }
    }

    /// Reads the indexes: what they offer of the wanted names. Whatever is wrong becomes the source's state.
    pub(super) fn read(&mut self, root: &Root, wanted: &HashSet<String>, now: DateTime<Utc>) -> Vec<Offer> {
        let mut offers = Vec::new();
        for index in &self.indexes {
            match index.read(root, wanted) {
                Ok(found) => offers.extend(found),
                Err(why) => {
                    let place = if index.key.is_empty() { "its package list" } else { &index.key };
                    self.source.state = SourceState::Unreadable { why: format!("{place}: {why}") };
                }
            }
        }
        if let Some(until) = self.source.valid_until.filter(|until| *until < now) {
            let why = format!("its metadata were valid until {until}; run `apt-get update`");
            self.source.state = SourceState::Unreadable { why };
        }
        offers
    }
}

impl Index {
    fn read(&self, root: &Root, wanted: &HashSet<String>) -> Result<Vec<Offer>, String> {
        let Some((path, compressed)) = self.file(root) else {
            // apt stores no file for an index that the Release file calls empty.
            return if self.optional || self.size == Some(0) {
                Ok(Vec::new())
            } else {
                Err("never fetched; run `apt-get update` and see what it says".to_owned())
            };
        };
        let bytes = if compressed {
            cat(root, &path)?
        } else {
            // Repositories on the same disk are links whose target is a path inside that system.
            read_ours(root, &path, LIST_CAP).map_err(|e| format!("cannot be read: {e}"))?
        };
        if let Some(size) = self.size.filter(|s| *s != bytes.len() as u64) {
            return Err(format!("damaged: {} bytes where the Release file says {size}", bytes.len()));
        }
        lists::offers(&bytes, wanted)
    }

    /// The list as it lies on disk, and whether it is compressed.
    fn file(&self, root: &Root) -> Option<(PathBuf, bool)> {
        // A link that leads nowhere is there, too, and tells so when it is read.
        let plain =
            |p: &Path| exists(root, &root.inside(p).to_string_lossy()) || p.symlink_metadata().is_ok();
        if plain(&self.list) {
            return Some((self.list.clone(), false));
        }
        ["lz4", "gz", "xz", "zst", "bz2", "lzma"].iter().find_map(|ext| {
            let mut name = self.list.clone().into_os_string();
            name.push(format!(".{ext}"));
            let path = PathBuf::from(name);
            plain(&path).then_some((path, true))
        })
    }
}

/// Every compression that this machine's apt knows, by its own helper.
fn cat(root: &Root, path: &Path) -> Result<Vec<u8>, String> {
    let seen_inside = root.inside(path);
    let out = Command::new(root, "/usr/lib/apt/apt-helper")
        .args(["cat-file".as_ref(), seen_inside.as_os_str()])
        .output_cap(usize::try_from(LIST_CAP).unwrap_or(usize::MAX))
        .run()
        .map_err(|e| e.to_string())?;
    match (out.success(), out.truncated) {
        (true, false) => Ok(out.stdout),
        (true, true) => Err(format!("larger than {LIST_CAP} bytes")),
        _ => Err(format!("damaged: {}", super::output::words(&out))),
    }
}

/// The configured repositories.
pub(super) fn find(system: &System, lists: &Path) -> Result<Vec<Repo>, PmError> {
    let what = "apt-get update --print-uris";
    let out = system.tool("apt-get").args(["-o", "quiet=1", "update", "--print-uris"]).run()?;
    super::output::check(what, &out)?;
    let entries = parse_uris(&out.stdout_text()).map_err(|(place, found)| PmError::Unexpected {
        what: what.to_owned(),
        place,
        found,
    })?;
    Ok(configured(&system.root, &entries, lists))
}
