//! Changelogs as Debian writes them, and as nobody should.

use std::io::Write;

use super::*;

const OPENSSL: &str = "\
openssl (3.0.17-1~deb12u3) bookworm-security; urgency=medium

  * CVE-2025-9230 (Out-of-bounds read & write in RFC 3211 KEK Unwrap)
  * Fix cve-2025-9231/CVE-2025-9232, and CVE-2025-9230 again.

 -- Some Body <lab@localhost>  Sat, 27 Sep 2025 16:30:46 +0200

openssl (3.0.17-1~deb12u2) bookworm; urgency=medium

  [ Somebody ]
  * Non-maintainer upload (see CVE-2025-4575).

 -- Some Body <lab@localhost>  Sun, 10 Aug 2025 12:00:00 +0200

openssl (3.0.16-1~deb12u1) bookworm; urgency=medium

  * CVE-2024-13176 (Timing side-channel in ECDSA signature computation).

 -- Some Body <lab@localhost>  Sat, 08 Mar 2025 12:00:00 +0100
";

#[test]
fn only_entries_newer_than_the_installed_version_count() {
    let since = |version: &str| newer(OPENSSL.as_bytes(), version);
    assert_eq!(since("3.0.17-1~deb12u3"), [""; 0]);
    let newest = ["CVE-2025-9230", "CVE-2025-9231", "CVE-2025-9232"];
    assert_eq!(since("3.0.17-1~deb12u2"), newest);
    // The installed version itself need not be in it.
    assert_eq!(since("3.0.17-1~deb12u1"), ["CVE-2025-4575", newest[0], newest[1], newest[2]]);
    assert_eq!(since("3.0.1").len(), 5);
    assert_eq!(since("1:0"), [""; 0]);
    // It ends at the first entry that is not newer, whatever an older one claims.
    let odd = OPENSSL.replace("(3.0.16-1~deb12u1)", "(9.0)");
    assert_eq!(newer(odd.as_bytes(), "3.0.17-1~deb12u2"), newest);
}

#[test]
fn what_looks_like_a_cve_is_not_always_one() {
    let of = |words: &str| newer(format!("a (2) x; urgency=low\n  * {words}\n").as_bytes(), "1");
    assert_eq!(
        of("(CVE-2024-1234567)CVE-2024-0001,Cve-1999-0002."),
        ["CVE-1999-0002", "CVE-2024-0001", "CVE-2024-1234567"]
    );
    for none in [
        "CVE-2024-123",
        "CVE-20245-1234",
        "XCVE-2024-1234",
        "CVE 2024-1234",
        "CVE-2024-",
        "CVE-",
        "c",
        "CAN-2004-0001",
    ] {
        assert_eq!(of(none), [""; 0], "{none}");
    }
    assert_eq!(of(&format!("CVE-2024-{}", "1".repeat(20))), [""; 0]);
}

#[test]
fn what_is_no_debian_changelog_says_nothing() {
    let upstream = "Changes between 3.0.16 and 3.0.17 [1 Jul 2025]\n\n  * Fix CVE-2025-1111.\n\
                    2.0 (2024) was fine\n  * CVE-2025-1112\n";
    for text in
        [upstream.as_bytes(), b"", b"\xff\x00(\n (1) ; CVE-2024-1234", b"a (\xff) x; u\n  CVE-2024-1234\n"]
    {
        assert_eq!(newer(text, "0"), [""; 0]);
    }
    // Bytes that are no text hide nothing after them.
    assert_eq!(newer(b"a (2) x; u=1\n \xff\xffCVE-2024-1234\xe4\n", "1"), ["CVE-2024-1234"]);
}

#[test]
fn a_huge_changelog_is_read_as_far_as_the_bounds_go() {
    let mut text = "a (2) x; urgency=low\n".to_owned();
    text.extend((0..5000).map(|n| format!("  * CVE-2024-{n:05} CVE-2023-{n:05}\n")));
    assert_eq!(newer(text.as_bytes(), "1").len(), CVES);
    let entries = "a (2) x; urgency=low\n".repeat(ENTRIES) + "a (2) x; urgency=low\n  * CVE-2024-1234\n";
    assert_eq!(newer(entries.as_bytes(), "1"), [""; 0]);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let block = vec![b' '; 1 << 20];
    (0..40).for_each(|_| bomb.write_all(&block).unwrap());
    assert_eq!(unpack(&bomb.finish().unwrap()).len(), 32 << 20);
}

#[test]
fn a_damaged_file_gives_what_comes_before_the_damage() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(OPENSSL.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(unpack(&packed), OPENSSL.as_bytes());
    assert!(OPENSSL.as_bytes().starts_with(&unpack(&packed[..packed.len() / 2])));
    assert_eq!(unpack(b"not packed at all"), b"");
}

#[test]
fn the_version_of_a_source_is_that_of_the_package_unless_it_says_otherwise() {
    let of = |source: &str| split(source, "2+b1");
    assert_eq!(of("glibc (1-2)"), ("glibc".to_owned(), "1-2".to_owned()));
    assert_eq!(of("glibc"), ("glibc".to_owned(), "2+b1".to_owned()));
    assert_eq!(of("glibc (1"), ("glibc".to_owned(), "2+b1".to_owned()));
}
