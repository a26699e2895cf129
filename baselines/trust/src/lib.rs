//! Who may say what in a fleet, as pure functions.
//!
//! Nothing here reads a file, a clock or a random number: bytes, the time and entropy are arguments. The agent, its
//! privileged half, the command line and the swarm share these functions, so that a document is genuine everywhere or
//! nowhere. `PROTOCOL.md` at the top of the tree numbers every message, rule and limit; the code cites them as `P7`.
//!
//! Modules in reading order: what a signature is ([`hash`], [`key`], [`envelope`]), what is signed ([`statement`]),
//! who may sign it ([`authority`]), what a node knows ([`state`]), how it learns more ([`adoption`], [`catch_up`]), how complete
//! that is ([`set_digest`]) and what follows for the machine ([`effect`]); then nodes: how they join ([`enrolment`],
//! [`certificate`]) and what they claim ([`claim`], [`sighting`]).

pub mod hash;
pub mod key;
pub mod node;

pub mod envelope;
pub mod statement;

pub mod authority;

pub mod adoption;
pub mod catch_up;
pub mod effect;
pub mod set_digest;
pub mod state;

pub mod certificate;
pub mod claim;
pub mod enrolment;
pub mod sighting;
