//! The agent of one node, as a library: the pure decider in [`core`], and everything that touches the world around it.
//!
//! Only [`daemon`] sees both sides. The others import their own library and never each other.

pub mod clock;
pub mod control;
pub mod core;
pub mod daemon;
pub mod policy;
pub mod privileged;
pub mod slot;
pub mod store;
pub mod telemetry;
pub mod watchdog;
