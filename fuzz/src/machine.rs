//! Facts about the machine: os-release, ELF heads, what the kernel says. Package managers' texts are below.

pub(crate) mod apt;
pub(crate) mod dnf;

use patchflock_machine::host::{OsRelease, elf_arch, identify, parse_btime, parse_uptime, product};

use crate::text;

/// os-release(5): bounded fields without control characters, and a product name wherever a system is known.
pub fn os_release(data: &[u8]) {
    let release = OsRelease::parse(&text(data));
    let fields = [&release.id, &release.version_id, &release.pretty_name];
    assert!(release.id_like.len() <= 16);
    for field in fields.into_iter().chain(&release.id_like) {
        assert!(field.chars().count() <= 512 && !field.chars().any(char::is_control), "{field:?}");
    }
    if let Some(os) = identify(&release) {
        assert!(!product(os, &release.version_id).is_empty());
    }
}

/// The head of a program.
pub fn elf(data: &[u8]) {
    if let Some((deb, rpm)) = elf_arch(data) {
        assert!(!deb.is_empty() && !rpm.is_empty() && data.starts_with(b"\x7fELF"));
        assert_eq!(elf_arch(data.get(..64).unwrap_or(data)), Some((deb, rpm)), "more than 64 bytes matter");
    }
}

/// /proc/stat and /proc/uptime: a boot is after the epoch, an uptime is not negative.
pub fn proc_files(data: &[u8]) {
    let text = text(data);
    if let Some(at) = parse_btime(&text) {
        assert!(at.timestamp() > 0);
    }
    if let Some(up) = parse_uptime(&text) {
        assert!(up >= chrono::Duration::zero());
    }
}
