//! The local API of `patchflockd`: the words that the agent, its privileged half and the command line share.
//!
//! One vocabulary from the decider to the screen, so that nothing is translated on the way and a status cannot change
//! its meaning between two layers. Every type is versioned by [`VERSION`]; unknown fields are refused, so that a newer
//! answer is never half understood.

pub mod answer;
pub mod catalogue;
#[cfg(feature = "client")]
pub mod client;
pub mod config;
pub mod document;
pub mod ids;
pub mod order;
pub mod pieces;
pub mod privileged;
pub mod run;
pub mod status;

/// Version of the local API, in the path of every resource (`/v1/…`).
pub const VERSION: u32 = 1;

/// Socket that anybody on the machine may read from. Its directory is the agent's.
pub const READ_SOCKET: &str = "/run/patchflock/agent/patchflockd.sock";

/// Socket for root and the members of the group `patchflock`: the kernel keeps everybody else out.
pub const ADMIN_SOCKET: &str = "/run/patchflock/agent/admin.sock";
