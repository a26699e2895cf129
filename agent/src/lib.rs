//! The agent of one node, as a library: the pure decider in [`core`], and everything that touches the world around it.

pub mod core;
pub mod store;
