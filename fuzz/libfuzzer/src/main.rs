//! One program for every target: `PATCHFLOCK_FUZZ_TARGET` names the one that libFuzzer drives.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use patchflock_fuzz::{TARGETS, Target};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let wanted = std::env::var("PATCHFLOCK_FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|(name, _)| *name == wanted);
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        found.unwrap_or_else(|| panic!("PATCHFLOCK_FUZZ_TARGET is none of {}", names.join(", "))).1
    });
    target(data);
});
