//! What the end-to-end tests share: [`lab`], real systems to try Patchflock on, and [`contract`], what every package
//! manager promises. The tests are in `tests/`.

pub mod contract;
pub mod lab;
