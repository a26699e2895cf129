//! The agent of one node, as a library: the pure decider, and everything that touches the world around it.

pub mod control;
