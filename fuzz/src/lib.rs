//! What every parser promises on hostile input, as functions from bytes that panic where a promise is broken.
//!
//! One function per parser: it never panics by itself, what it accepts obeys the documented limits, and what can be
//! written again reads back as the same value. [`TARGETS`] is what the two drivers go by: the bounded test
//! (`tests/tests/fuzz_bounded.rs`, with [`Mutator`]) and libFuzzer (`fuzz/libfuzzer`, see `fuzz/README.md`).
//! Seeds are in `fuzz/seeds/<target>/`, read by [`seeds`].
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a fuzz target reports by panicking"
)]

mod documents;
mod machine;
mod mutator;
mod policy;
mod seeds;
mod store;
mod trust;
mod versions;

pub use documents::{baseline_override, document, document_edit, import_aws, override_list};
pub use machine::apt::{
    apt_policy, apt_simulation, changelog, deb_packages, deb_release, dpkg_blame, dpkg_status, status_fd,
};
pub use machine::dnf::{dnf_script, packed, repomd, rpm_list, updateinfo};
pub use machine::{elf, os_release, proc_files};
pub use mutator::Mutator;
pub use policy::{inventory, limits, names, schedule};
pub use seeds::seeds;
pub use store::codec;
pub use trust::{adopted, adoption, envelope, invitation, key_file};
pub use versions::versions;

/// A fuzz target: it panics where the parser breaks a promise.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its directory of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("document", document),
    ("document_edit", document_edit),
    ("import_aws", import_aws),
    ("override_list", override_list),
    ("baseline_override", baseline_override),
    ("schedule", schedule),
    ("inventory", inventory),
    ("versions", versions),
    ("names", names),
    ("limits", limits),
    ("os_release", os_release),
    ("elf", elf),
    ("proc_files", proc_files),
    ("deb_packages", deb_packages),
    ("deb_release", deb_release),
    ("dpkg_status", dpkg_status),
    ("apt_simulation", apt_simulation),
    ("apt_policy", apt_policy),
    ("status_fd", status_fd),
    ("dpkg_blame", dpkg_blame),
    ("changelog", changelog),
    ("dnf_script", dnf_script),
    ("rpm_list", rpm_list),
    ("repomd", repomd),
    ("updateinfo", updateinfo),
    ("packed", packed),
    ("codec", codec),
    ("envelope", envelope),
    ("adoption", adoption),
    ("invitation", invitation),
    ("key_file", key_file),
];

/// Input as text, as the readers of files and pipes take it.
fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}
