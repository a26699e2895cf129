//! What the end-to-end tests share: [`lab`], real systems to try Patchflock on. The tests are in `tests/`.

pub mod lab;
