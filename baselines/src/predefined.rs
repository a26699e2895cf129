//! The baselines that come with Patchflock: one per operating system of reference 1.4, and three for Windows.
//!
//! They are ordinary documents under `baselines/predefined/`, compiled in, so that a lone machine has a policy
//! before anybody wrote one.

use std::sync::OnceLock;

use crate::baseline::Baseline;
use crate::document::{self, Document, Problem};
use crate::os::OperatingSystem;

/// One shipped baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predefined {
    /// Name of the document, for example `predefined-debian`.
    pub name: &'static str,
    /// What it is for.
    pub operating_system: OperatingSystem,
    /// It is the one a node of this operating system gets when nothing else is set.
    pub default: bool,
    /// The document.
    pub yaml: &'static str,
}

macro_rules! shipped {
    ($($file:literal $os:ident $default:literal;)*) => {
        [$(Predefined {
            name: concat!("predefined-", $file),
            operating_system: OperatingSystem::$os,
            default: $default,
            yaml: include_str!(concat!("../predefined/", $file, ".yaml")),
        },)*]
    };
}

/// All of them, in the order of reference 1.4.
pub const ALL: [Predefined; 17] = shipped! {
    "amazon-linux" AmazonLinux true;
    "amazon-linux-2" AmazonLinux2 true;
    "amazon-linux-2022" AmazonLinux2022 true;
    "amazon-linux-2023" AmazonLinux2023 true;
    "alma-linux" AlmaLinux true;
    "red-hat" RedhatEnterpriseLinux true;
    "rocky-linux" RockyLinux true;
    "oracle-linux" OracleLinux true;
    "suse" Suse true;
    "centos" Centos true;
    "debian" Debian true;
    "raspbian" Raspbian true;
    "ubuntu" Ubuntu true;
    "macos" Macos true;
    "windows" Windows true;
    "windows-os" Windows false;
    "windows-os-applications" Windows false;
};

impl Predefined {
    /// The baseline as a value. The documents are checked when they are shipped; a problem here is a bug of ours.
    pub fn baseline(&self) -> Result<Baseline, Vec<Problem>> {
        let parsed = document::parse(self.name, self.yaml.as_bytes())?;
        let found = parsed.documents.into_iter().find_map(|d| match d {
            Document::PatchBaseline(b) => Some(b),
            _ => None,
        });
        found.ok_or_else(Vec::new)
    }
}

/// The shipped baseline of this name as a value, read once per process.
pub fn baseline_named(name: &str) -> Option<&'static Baseline> {
    static READ: [OnceLock<Option<Baseline>>; ALL.len()] = [const { OnceLock::new() }; ALL.len()];
    let (shipped, cell) = ALL.iter().zip(&READ).find(|(shipped, _)| shipped.name == name)?;
    cell.get_or_init(|| shipped.baseline().ok()).as_ref()
}

/// The shipped default of an operating system.
pub fn default_for(os: OperatingSystem) -> Option<&'static Predefined> {
    ALL.iter().find(|p| p.default && p.operating_system == os)
}

/// The shipped baseline of this name.
pub fn named(name: &str) -> Option<&'static Predefined> {
    ALL.iter().find(|p| p.name == name)
}
