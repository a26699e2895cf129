//! Patch policy as pure functions.
//!
//! Nothing here reads a file, a clock or a random number: the caller passes an [`inventory::Inventory`], a
//! [`baseline::Baseline`] and an instant, and gets decisions, a plan and a compliance verdict back. The same
//! input gives the same answer on every node, which is what lets a fleet without a server agree.
//!
//! Modules in reading order: what a machine is ([`os`], [`inventory`]), what the administrator wants
//! ([`baseline`], [`patch_group`], [`window`], [`document`], [`predefined`]), for whom ([`selection`]), and what follows ([`approval`], [`plan`],
//! [`compliance`], [`schedule`]).

pub mod os;
pub mod version;

pub mod inventory;

pub mod baseline;
pub mod fleet;
pub mod patch_group;
pub mod selection;
pub mod window;

pub mod document;
pub mod predefined;

pub mod approval;
pub mod compliance;
pub mod plan;
pub mod schedule;
