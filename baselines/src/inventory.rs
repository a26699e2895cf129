//! What one machine has and what its repositories offer: the input of every decision.
//!
//! `patchflock inventory` prints this as JSON, `patchflock evaluate` reads it back. The format is stable
//! within [`FORMAT`]; unknown fields are refused, so that a newer file is never half understood.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::os::OperatingSystem;

/// Version of the inventory format that this build writes and reads.
pub const FORMAT: u32 = 1;

/// Everything that was read from one machine at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// [`FORMAT`].
    pub format: u32,
    /// When the scan was made (UTC).
    pub taken_at: DateTime<Utc>,
    /// The machine.
    pub node: Node,
    /// Repositories and how fresh their metadata is.
    pub sources: Vec<Source>,
    /// Installed packages (Windows: installed updates; zypper: see [`Candidate::packages`]).
    pub installed: Vec<Installed>,
    /// Every version that some source offers and that is newer than what is installed; several per package.
    pub candidates: Vec<Candidate>,
    /// Versions that were once offered and are gone: what starvation (`max_wait`) is counted from.
    #[serde(default)]
    pub sightings: Vec<Sighting>,
    /// What the native tool itself would upgrade, for the line-by-line comparison.
    pub native: Vec<NativeUpgrade>,
    /// Other programs that install updates on this machine by themselves.
    pub foreign_updaters: Vec<ForeignUpdater>,
    /// Whether the machine asks for a reboot.
    pub reboot: RebootEvidence,
    /// Services that still use deleted files of upgraded packages, where the machine can tell.
    pub services_to_restart: Vec<String>,
}

/// Facts about the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Host name.
    pub hostname: String,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// AWS product name, for example `Debian12` or `RedhatEnterpriseLinux9.4` (reference 1.3).
    pub product: String,
    /// `PRETTY_NAME` of os-release, for people.
    pub pretty_name: String,
    /// Native architecture as the package manager spells it (`amd64`, `x86_64`).
    pub arch: String,
    /// Boot id of the running kernel, where there is one.
    pub boot_id: Option<String>,
    /// When the machine booted (UTC).
    pub booted_at: Option<DateTime<Utc>>,
    /// Package manager and its version, for example `apt 2.6.1`.
    pub package_manager: String,
    /// The `Patch Group` tag, if the node has one.
    #[serde(default)]
    pub patch_group: Option<String>,
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Key by which candidates name this source; unique in the inventory. Repository id on rpm;
    /// `origin/codename/component` on apt.
    pub id: String,
    /// `Origin` of the Release file (apt) or vendor.
    pub origin: String,
    /// `Label` (apt).
    pub label: String,
    /// `Codename` (apt).
    pub codename: String,
    /// `Suite` / archive (apt).
    pub suite: String,
    /// Component (apt).
    pub component: String,
    /// The source is a security source by origin (apt, reference 1.8). On rpm, security is a matter of advisories.
    pub security: bool,
    /// Date that the signed metadata carry (`Date` of InRelease, repomd revision).
    pub metadata_date: Option<DateTime<Utc>>,
    /// Date after which the metadata are void (`Valid-Until`).
    pub valid_until: Option<DateTime<Utc>>,
    /// When this machine last fetched or confirmed the metadata.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// Whether the source can be relied on now.
    pub state: SourceState,
}

/// Whether a source could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SourceState {
    /// Metadata are present and complete.
    Readable,
    /// Metadata are absent, damaged, expired or the last refresh failed: what it offers is unknown.
    Unreadable {
        /// Why, in the words of the tool.
        why: String,
    },
}

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Full version: dpkg version, or `[epoch:]version-release`.
    pub version: String,
    /// Section (apt).
    #[serde(default)]
    pub section: Option<String>,
    /// Priority (apt).
    #[serde(default)]
    pub priority: Option<String>,
    /// Installed as a dependency, not asked for by the administrator.
    #[serde(default)]
    pub auto: bool,
    /// When it was installed, where the machine knows.
    #[serde(default)]
    pub installed_at: Option<DateTime<Utc>>,
    /// The package did not finish installing (half-configured and the like).
    #[serde(default)]
    pub broken: bool,
    /// Sources that offer exactly this version, so that rules can tell whether it is in the baseline.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Attributes of exactly this version from the advisories that name it (rpm).
    #[serde(default)]
    pub advisories: Vec<Advisory>,
    /// Build time of this version.
    #[serde(default)]
    pub build_time: Option<DateTime<Utc>>,
}

/// One version that could be installed over what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Package name; patch name on zypper; `KB…` on Windows; label on macOS.
    pub name: String,
    /// Architecture; empty where the family has none.
    #[serde(default)]
    pub arch: String,
    /// Version installed now; empty when the unit is not an upgrade of something (zypper patch, KB).
    #[serde(default)]
    pub installed: String,
    /// Version offered.
    #[serde(default)]
    pub version: String,
    /// Human title, where there is one.
    #[serde(default)]
    pub title: Option<String>,
    /// Ids of the sources that offer this version.
    pub sources: Vec<String>,
    /// This very version comes from a security origin or a security advisory.
    pub security: bool,
    /// Section (apt).
    #[serde(default)]
    pub section: Option<String>,
    /// Priority (apt).
    #[serde(default)]
    pub priority: Option<String>,
    /// PRODUCT where it differs from the node's (Windows applications).
    #[serde(default)]
    pub product: Option<String>,
    /// PRODUCT_FAMILY (Windows).
    #[serde(default)]
    pub product_family: Option<String>,
    /// PATCH_SET: `OS` or `APPLICATION` (Windows).
    #[serde(default)]
    pub patch_set: Option<String>,
    /// Advisories that name this version; classification and severity are theirs (reference 1.6).
    #[serde(default)]
    pub advisories: Vec<Advisory>,
    /// Bulletin ids (`MS10-048`) and other names the unit answers to in lists.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Packages a zypper patch consists of (`name-version-release.arch`).
    #[serde(default)]
    pub packages: Vec<String>,
    /// Build time of the package.
    #[serde(default)]
    pub build_time: Option<DateTime<Utc>>,
    /// When the version was first seen, from the first-seen ledger.
    #[serde(default)]
    pub first_seen: Option<FirstSeen>,
    /// The administrator holds this version back (hold, pin, versionlock, exclude): the reason in words.
    #[serde(default)]
    pub held: Option<String>,
    /// Phased update (apt).
    #[serde(default)]
    pub phased: Option<Phased>,
    /// The package replaces another one under a different name; never a candidate by itself (reference 1.6.8).
    #[serde(default)]
    pub obsoletes: bool,
    /// Download size in bytes.
    #[serde(default)]
    pub size: Option<u64>,
}

impl Candidate {
    /// An offer of which nothing but these is known yet.
    pub fn bare(
        name: impl Into<String>,
        arch: impl Into<String>,
        installed: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            arch: arch.into(),
            installed: installed.into(),
            version: version.into(),
            title: None,
            sources: Vec::new(),
            security: false,
            section: None,
            priority: None,
            product: None,
            product_family: None,
            patch_set: None,
            advisories: Vec::new(),
            aliases: Vec::new(),
            packages: Vec::new(),
            build_time: None,
            first_seen: None,
            held: None,
            phased: None,
            obsoletes: false,
            size: None,
        }
    }
}

/// A vendor's notice about one or more packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// `RHSA-2024:0001`, `ALAS2023-2025-123`, `DSA-5000-1`.
    pub id: String,
    /// Vendor's type as written (`security`, `bugfix`, `enhancement`, `newpackage`): the CLASSIFICATION.
    pub classification: Option<String>,
    /// Vendor's severity as written (`Critical`, `Important`, `Moderate` …): the SEVERITY.
    pub severity: Option<String>,
    /// Date of first publication.
    pub issued: Option<DateTime<Utc>>,
    /// Date of the last change of the notice.
    pub updated: Option<DateTime<Utc>>,
    /// CVE ids.
    #[serde(default)]
    pub cves: Vec<String>,
    /// Bugzilla ids.
    #[serde(default)]
    pub bugzilla: Vec<String>,
    /// Title.
    #[serde(default)]
    pub title: Option<String>,
    /// The vendor suggests a reboot.
    #[serde(default)]
    pub reboot_suggested: bool,
}

/// When a version was first seen, by whom it may be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstSeen {
    /// `Date` of the signed metadata that first carried it (never a local clock).
    pub at: DateTime<Utc>,
    /// It was already there when its source was first seen: then the date says nothing about its release.
    pub at_first_sight_of_source: bool,
}

/// A version that a source once offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version.
    pub version: String,
    /// It came from a security origin or advisory.
    pub security: bool,
    /// When it was first seen.
    pub at: DateTime<Utc>,
}

/// Phased (gradual) update of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phased {
    /// `Phased-Update-Percentage`.
    pub percentage: u8,
    /// The native tool defers it on this machine.
    pub deferred: bool,
}

/// One line of the native tool's own opinion (`apt-get -s dist-upgrade`, `dnf check-update`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NativeUpgrade {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Installed version; empty for a new package.
    pub from: String,
    /// Version the tool would install; empty for a removal.
    pub to: String,
    /// What the tool would do.
    pub action: NativeAction,
}

/// What the native tool would do with a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeAction {
    /// Upgrade it.
    Upgrade,
    /// Install it newly, as a dependency.
    Install,
    /// Remove it.
    Remove,
    /// It has an update but is kept back (dependencies, hold).
    KeptBack,
    /// It has an update that is deferred by phasing.
    Deferred,
}

/// Another updater on the machine (design 7b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignUpdater {
    /// `unattended-upgrades`, `dnf-automatic`, `packagekit` …
    pub name: String,
    /// It would really act (timer enabled, configuration on).
    pub active: bool,
    /// What shows it.
    pub evidence: String,
}

/// Whether a reboot is needed, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebootEvidence {
    /// `None`: the machine cannot tell.
    pub needed: Option<bool>,
    /// Each piece of evidence in words (`/run/reboot-required names linux-image-…`).
    pub evidence: Vec<String>,
}
