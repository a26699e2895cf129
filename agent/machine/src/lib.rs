//! Reading and patching one machine.
//!
//! [`exec`] is the only door to child processes, [`root`] the only door to the machine's files; [`host`] reads
//! facts about the machine, [`pm`] is the package-manager trait with its real implementations. No network, no
//! async, no policy: what may be installed is decided in `patchflock-baselines`.

pub mod exec;
pub mod root;

pub mod host;
pub mod pm;
