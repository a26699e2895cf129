//! A node's description of itself (P94): its tags above all, which choose its baseline and windows.
//!
//! P94: host name, operating system, architecture, version of the agent, boot, and at most 50 tags, keys of 1-128 and
//! values of up to 256 characters as the reference has them, each key once. The `Patch Group` tag is one of them.
//! What a node claims about its groups counts unless a document pins them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use patchflock_baselines::os::OperatingSystem;
use serde::{Deserialize, Serialize};

use super::{Claim, Place};
use crate::envelope::Purpose;
use crate::node::NodeId;
use crate::statement::{Body, FleetId, StatementError, check_format, check_text, check_time, demand};

/// Most tags of a node (P94).
pub const MAX_TAGS: usize = 50;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// [`crate::statement::FORMAT`].
    pub format: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// The node.
    pub node: NodeId,
    /// Where it stands among the node's descriptions.
    pub place: Place,
    /// When, by the node's clock.
    pub issued: DateTime<Utc>,
    /// Host name.
    pub hostname: String,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// Its version in the words of the reference, for example `Debian12`.
    pub product: String,
    /// Architecture.
    pub arch: String,
    /// Version of the agent.
    pub agent: String,
    /// The boot that it runs in.
    pub boot_id: String,
    /// Its tags.
    pub tags: Vec<Tag>,
}

impl Body for Description {
    const PURPOSE: Purpose = Purpose::NodeDescription;

    fn check(&self) -> Result<(), StatementError> {
        check_format(self.format)?;
        check_time("issued", self.issued)?;
        check_text("hostname", &self.hostname, 253)?;
        for (what, text) in [
            ("product", &self.product),
            ("arch", &self.arch),
            ("agent", &self.agent),
            ("boot_id", &self.boot_id),
        ] {
            check_text(what, text, 64)?;
        }
        demand(self.tags.len() <= MAX_TAGS, || format!("more than {MAX_TAGS} tags"))?;
        let mut keys = BTreeSet::new();
        for tag in &self.tags {
            check_text("tags", &tag.key, 128)?;
            check_text("tags", &tag.value, 256)?;
            demand(!tag.key.is_empty(), || "a tag without a key".into())?;
            demand(keys.insert(&tag.key), || format!("the tag `{}` stands twice", tag.key))?;
        }
        Ok(())
    }
}

impl Claim for Description {
    fn fleet(&self) -> FleetId {
        self.fleet
    }

    fn node(&self) -> NodeId {
        self.node
    }

    fn place(&self) -> Place {
        self.place
    }

    fn issued(&self) -> DateTime<Utc> {
        self.issued
    }
}
