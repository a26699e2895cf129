//! The name of a node: it follows from the node's key, so that nobody can take another's.
//!
//! P15: a node id is `n-` and the first 16 bytes of the SHA-256 of the node's public key, in hex. A machine that is
//! installed anew has a new key and is a new node, whatever its name.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::key::PublicKey;

/// The name of a node (P15).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId([u8; 16]);

/// A text that is no node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node id is `n-` and 32 lower-case hex digits")]
pub struct NodeIdError;

impl NodeId {
    /// The node with this key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(key.id().bytes())
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let hex = text.strip_prefix("n-").filter(|hex| hex.len() == 32).ok_or(NodeIdError)?;
        let bytes = HEXLOWER.decode(hex.as_bytes()).map_err(|_| NodeIdError)?;
        bytes.try_into().map(Self).map_err(|_| NodeIdError)
    }
}

impl TryFrom<String> for NodeId {
    type Error = NodeIdError;

    fn try_from(text: String) -> Result<Self, NodeIdError> {
        text.parse()
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n-{}", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
