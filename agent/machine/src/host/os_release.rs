//! os-release(5) → operating system and AWS product name (reference 1.1, 1.3).
//!
//! A distribution is recognised by its `ID` only. `ID_LIKE` is used to say what the administrator may want to
//! override it with: a derivative has its own versions and repositories, so treating it silently as its parent
//! would let PRODUCT filters match what they do not mean.

use std::path::PathBuf;

use patchflock_baselines::os::OperatingSystem;

use super::{HostError, read_text};
use crate::root::Root;

/// Largest os-release that is read.
const CAP: u64 = 64 << 10;

/// The fields of os-release that are used. Empty where the file has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`, `linux` where it is absent.
    pub id: String,
    /// `ID_LIKE`, split.
    pub id_like: Vec<String>,
    /// `VERSION_ID`.
    pub version_id: String,
    /// `PRETTY_NAME`.
    pub pretty_name: String,
}

impl OsRelease {
    /// Reads the file's text; lines that are not assignments are passed over, as os-release(5) allows comments.
    pub fn parse(text: &str) -> Self {
        let mut out = Self { id: "linux".into(), ..Self::default() };
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let value = unquote(value);
            match key {
                "ID" => out.id = value,
                "ID_LIKE" => out.id_like = value.split_whitespace().take(16).map(str::to_owned).collect(),
                "VERSION_ID" => out.version_id = value,
                "PRETTY_NAME" => out.pretty_name = value,
                _ => {}
            }
        }
        out
    }
}

/// Shell quoting as os-release(5) allows it; control characters are dropped and the length is bounded.
fn unquote(raw: &str) -> String {
    let raw = raw.trim();
    let (inner, escapes) = match raw.chars().next() {
        Some('"') => (raw.strip_prefix('"').map(|r| r.strip_suffix('"').unwrap_or(r)), true),
        Some('\'') => (raw.strip_prefix('\'').map(|r| r.strip_suffix('\'').unwrap_or(r)), false),
        _ => (None, true),
    };
    let mut out = String::new();
    let mut escaped = false;
    for c in inner.unwrap_or(raw).chars().filter(|c| !c.is_control()).take(512) {
        if escapes && !escaped && c == '\\' {
            escaped = true;
        } else {
            escaped = false;
            out.push(c);
        }
    }
    out
}

pub(super) fn read(root: &Root) -> Result<(PathBuf, OsRelease), HostError> {
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        match read_text(root, path, CAP) {
            Ok(text) => return Ok((root.path(path), OsRelease::parse(&text))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(HostError::Read { path: root.path(path), source }),
        }
    }
    Err(HostError::NoOsRelease { root: root.dir().to_owned() })
}

/// The operating system by `ID` (and, for Amazon Linux, by version: AWS has an enum value for each).
pub fn identify(release: &OsRelease) -> Option<OperatingSystem> {
    use OperatingSystem as Os;
    Some(match release.id.as_str() {
        "debian" => Os::Debian,
        "ubuntu" => Os::Ubuntu,
        "raspbian" => Os::Raspbian,
        "rhel" => Os::RedhatEnterpriseLinux,
        "centos" => Os::Centos,
        "ol" => Os::OracleLinux,
        "rocky" => Os::RockyLinux,
        "almalinux" => Os::AlmaLinux,
        "sles" | "sles_sap" | "sled" => Os::Suse,
        "amzn" => match release.version_id.as_str() {
            "2" => Os::AmazonLinux2,
            "2022" => Os::AmazonLinux2022,
            "2023" => Os::AmazonLinux2023,
            // Amazon Linux 1 counted 2012.03 … 2018.03; a later one (2025 …) is unknown until AWS names it.
            v if v.split_once('.').is_some_and(|(y, _)| matches!(y.parse(), Ok(2011..=2018))) => {
                Os::AmazonLinux
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// AWS product name: `Debian12`, `RedhatEnterpriseLinux9.4` (reference 1.3). Without a version (Debian testing)
/// the name alone, which only a filter with a wildcard matches.
///
/// The literals of Rocky, Alma, Oracle, Raspbian and Amazon Linux 2023 are unverified in the reference; they follow
/// the same pattern.
pub fn product(os: OperatingSystem, version: &str) -> String {
    use OperatingSystem as Os;
    let major = version.split('.').next().unwrap_or_default();
    let (name, version) = match os {
        Os::Debian => ("Debian", major),
        Os::Raspbian => ("Raspbian", major),
        Os::Ubuntu => ("Ubuntu", version),
        Os::RedhatEnterpriseLinux => ("RedhatEnterpriseLinux", version),
        Os::Centos => ("CentOS", version),
        Os::OracleLinux => ("OracleLinux", version),
        Os::RockyLinux => ("RockyLinux", version),
        Os::AlmaLinux => ("AlmaLinux", version),
        Os::Suse => ("Suse", version),
        Os::AmazonLinux => ("AmazonLinux", version),
        Os::AmazonLinux2 => ("AmazonLinux", "2"),
        Os::AmazonLinux2022 => ("AmazonLinux", "2022"),
        Os::AmazonLinux2023 => ("AmazonLinux", "2023"),
        Os::Macos => ("macOS", version),
        Os::Windows => ("WindowsServer", version),
    };
    format!("{name}{version}")
}

/// `VERSION_ID`, completed from /etc/centos-release where os-release gives the major number only: AWS's products
/// are `CentOS7.6`, os-release says `7`. Stream has no minor number and stays `CentOS9`.
pub(super) fn full_version(root: &Root, os: OperatingSystem, release: &OsRelease) -> String {
    let plain =
        |v: &str| !v.is_empty() && v.len() <= 32 && v.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    let version = if plain(&release.version_id) { release.version_id.as_str() } else { "" };
    if os == OperatingSystem::Centos && !version.contains('.') {
        let detailed =
            read_text(root, "/etc/centos-release", 4096).ok().and_then(|t| release_file_version(&t));
        if let Some(v) = detailed.filter(|v| v.split('.').next() == Some(version)) {
            return v;
        }
    }
    version.to_owned()
}

/// `CentOS Linux release 7.9.2009 (Core)` → `7.9`.
pub(super) fn release_file_version(text: &str) -> Option<String> {
    let number = text.split_once(" release ")?.1.split_whitespace().next()?;
    let mut parts = number.split('.').take(2);
    let valid = |p: &&str| !p.is_empty() && p.len() <= 4 && p.chars().all(|c| c.is_ascii_digit());
    let major = parts.next().filter(valid)?;
    Some(match parts.next().filter(valid) {
        Some(minor) => format!("{major}.{minor}"),
        None => major.to_owned(),
    })
}

pub(super) fn unknown(path: PathBuf, release: &OsRelease) -> HostError {
    let known = "Debian, Ubuntu, Raspbian, Red Hat Enterprise Linux, CentOS, Oracle Linux, Rocky Linux, AlmaLinux, \
                 Amazon Linux 1, 2, 2022 and 2023, SUSE Linux Enterprise";
    let parent = release.id_like.iter().find_map(|like| {
        identify(&OsRelease { id: like.clone(), ..OsRelease::default() })
            .or_else(|| (like == "suse").then_some(OperatingSystem::Suse))
    });
    let version =
        if release.id == "amzn" { format!(" VERSION_ID={}", release.version_id) } else { String::new() };
    HostError::UnknownDistribution {
        path,
        id: format!("{}{version}", release.id),
        like: match release.id_like.as_slice() {
            [] => String::new(),
            list => format!(" (ID_LIKE={})", list.join(" ")),
        },
        known: known.into(),
        hint: parent.map(|os| format!(", for example --operating-system {os}")).unwrap_or_default(),
    }
}
