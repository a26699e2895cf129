//! Operating systems, as reference section 1.1 lists them.

use serde::{Deserialize, Serialize};

/// The operating system a baseline is for; the names are those of the AWS enum (reference 1.1).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each variant is the product it names")]
pub enum OperatingSystem {
    Windows,
    AmazonLinux,
    #[serde(rename = "AMAZON_LINUX_2")]
    AmazonLinux2,
    #[serde(rename = "AMAZON_LINUX_2022")]
    AmazonLinux2022,
    #[serde(rename = "AMAZON_LINUX_2023")]
    AmazonLinux2023,
    Ubuntu,
    RedhatEnterpriseLinux,
    Suse,
    Centos,
    OracleLinux,
    Debian,
    Macos,
    Raspbian,
    RockyLinux,
    AlmaLinux,
}

/// How patches are described and versions compared on an operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// dpkg versions; priority and section; security by origin (reference 1.8).
    Apt,
    /// rpm versions; advisories from updateinfo.xml (reference 1.6).
    Rpm,
    /// zypper patches (reference 1.9).
    Zypper,
    /// softwareupdate and Homebrew (reference 1.10).
    Macos,
    /// Windows Update knowledge-base articles (reference 1.11).
    Windows,
}

impl OperatingSystem {
    /// Every operating system, in the order of reference 1.1.
    pub const ALL: [Self; 15] = [
        Self::Windows,
        Self::AmazonLinux,
        Self::AmazonLinux2,
        Self::AmazonLinux2022,
        Self::AmazonLinux2023,
        Self::Ubuntu,
        Self::RedhatEnterpriseLinux,
        Self::Suse,
        Self::Centos,
        Self::OracleLinux,
        Self::Debian,
        Self::Macos,
        Self::Raspbian,
        Self::RockyLinux,
        Self::AlmaLinux,
    ];

    /// The AWS enum value, for example `REDHAT_ENTERPRISE_LINUX`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "WINDOWS",
            Self::AmazonLinux => "AMAZON_LINUX",
            Self::AmazonLinux2 => "AMAZON_LINUX_2",
            Self::AmazonLinux2022 => "AMAZON_LINUX_2022",
            Self::AmazonLinux2023 => "AMAZON_LINUX_2023",
            Self::Ubuntu => "UBUNTU",
            Self::RedhatEnterpriseLinux => "REDHAT_ENTERPRISE_LINUX",
            Self::Suse => "SUSE",
            Self::Centos => "CENTOS",
            Self::OracleLinux => "ORACLE_LINUX",
            Self::Debian => "DEBIAN",
            Self::Macos => "MACOS",
            Self::Raspbian => "RASPBIAN",
            Self::RockyLinux => "ROCKY_LINUX",
            Self::AlmaLinux => "ALMA_LINUX",
        }
    }

    /// The family, which decides filters, version ordering and name formats.
    pub fn family(self) -> Family {
        match self {
            Self::Windows => Family::Windows,
            Self::Macos => Family::Macos,
            Self::Suse => Family::Zypper,
            Self::Debian | Self::Ubuntu | Self::Raspbian => Family::Apt,
            Self::AmazonLinux
            | Self::AmazonLinux2
            | Self::AmazonLinux2022
            | Self::AmazonLinux2023
            | Self::RedhatEnterpriseLinux
            | Self::Centos
            | Self::OracleLinux
            | Self::RockyLinux
            | Self::AlmaLinux => Family::Rpm,
        }
    }
}

impl std::fmt::Display for OperatingSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
