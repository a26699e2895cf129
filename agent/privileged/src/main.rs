//! `patchflock-priv`: see the library.

fn main() {}
