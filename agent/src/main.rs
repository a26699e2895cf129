//! `patchflockd`: the agent of one node.

fn main() {}
