//! Reading and patching one machine.
//!
//! [`exec`] is the only door to child processes, [`root`] says where a file of the machine is for us, and [`host`]
//! reads facts and reads and writes files there, with bounds and without leaving it. [`pm`] is the package-manager
//! trait with its real implementations. [`system`] puts them together with what a baseline makes of the machine;
//! [`record`] keeps what was done, [`lines`] keeps logs, [`first_seen`] the age of versions, [`kept`] says who may read
//! them, and [`lock`] admits one operation at a time. No network, no async, no policy: what may be installed is decided
//! in `patchflock-baselines`.

pub mod exec;
pub mod root;

mod failures;
pub mod host;
pub mod pm;

pub mod first_seen;
pub mod kept;
pub mod lines;
pub mod lock;
pub mod record;
pub mod system;
