//! What the end-to-end tests share: [`lab`], real systems to try Patchflock on, and [`contract`], what every package
//! manager promises, and [`ended`], runs that ended, to be kept by a store. The tests are in `tests/`.

pub mod contract;
pub mod ended;
pub mod lab;
