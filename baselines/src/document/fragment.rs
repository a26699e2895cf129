//! What a document may say: the one definition from which the published JSON Schemas are generated, against which
//! documents are validated, and through which they are read.
//!
//! A *fragment* is the document as typed: optional where the document may be silent, text where only the semantic
//! checks can tell whether it is right. The checked values are [`crate::baseline`], [`crate::window`] and
//! [`crate::patch_group`].
//!
//! Limits are AWS's where nobody suffers from them and wider where people do (reference 11):
//!
//! | | AWS | here |
//! |---|---|---|
//! | approved, rejected patches | 50 each, 100 characters | 1000 each, 256 characters |
//! | approval rules | 10 | 100 |
//! | values of one filter | 20 of 64 characters | 100 of 256 characters |
//! | filters of a rule | 4 | every key once: the keys of the operating system are the limit |
//! | alternative sources | 20 of 1024 characters | 100 of 16384 characters |
//! | `approve_after_days` | 0-360 | 0-3650 |
//! | names | 3-128 | 1-128, same characters |
//! | descriptions | 1024 (baseline), 128 (window) | 4096 |
//! | window `duration`, `cutoff` | whole hours, up to 24 | minutes, up to 24 hours |
//! | patch groups of a baseline | 25 | no limit; a patch group names up to 50 baselines |
//! | registered targets of a window, tasks | not stated | 100 each; conditions and their values as AWS |

pub mod baseline;
pub mod fleet;
pub mod group;
pub mod schema;
pub mod window;
