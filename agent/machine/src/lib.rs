//! Reading and patching one machine.
//!
//! [`exec`] is the only door to child processes, [`root`] says where a file of the machine is for us, and [`host`]
//! reads facts and reads and writes files there, with bounds and without leaving it. [`pm`] is the package-manager
//! trait with its real implementations. No network, no async, no policy: what may be installed is decided in
//! `patchflock-baselines`.

pub mod exec;
pub mod root;

mod failures;
pub mod host;
pub mod pm;
