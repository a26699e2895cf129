//! The lab: real Debian and rpm systems in directories and booted machines, with repositories that can be moved,
//! expired, broken and killed.
//!
//! A [`base::Base`] is built once from the host's own mirror and cached. A [`root::RootDir`] is a throw-away layer
//! over it, entered with `chroot`; a
//! [`machine::Machine`] boots one on a [`network::Network`]. [`deb`] and [`rpm`] make packages, [`apt`] and [`dnf`] make
//! signed repositories of them, [`http`] serves those and misbehaves on demand, [`package`] installs our own packages. Everything made outside a
//! directory of its own is noted by [`claim`], so that it is undone on drop, or by the next sweep after a `kill -9`.
//!
//! All of it needs root. The tests that use it are built with the feature `lab` only, so that the fast tier stays
//! free of root, mounts and network.

pub mod base;
pub mod root;

pub mod machine;
pub mod network;

pub mod agent;
pub mod agent_dnf;
pub mod apt;
pub mod crowd;
pub mod deb;
pub mod dnf;
pub mod figures;
pub mod http;
pub mod key;
pub mod node;
pub mod package;
pub mod privileged;
pub mod rocky;
pub mod rpm;
pub mod site;

pub mod claim;
pub mod door;
mod host;
pub mod mirror;
