//! Every supported distribution is recognised from its own os-release; hostile files change nothing.

use std::path::Path;

use patchflock_baselines::os::OperatingSystem as Os;
use proptest::prelude::*;

use super::*;

fn sample(name: &str) -> OsRelease {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/host/os-release").join(name);
    OsRelease::parse(&std::fs::read_to_string(path).unwrap())
}

/// A system in a directory: os-release and a shell that is a real program of this machine.
fn tree(os_release: &str) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    for d in ["etc", "bin", "usr/bin"] {
        std::fs::create_dir_all(dir.path().join(d)).unwrap();
    }
    std::fs::write(dir.path().join("etc/os-release"), os_release).unwrap();
    std::fs::copy("/bin/sh", dir.path().join("bin/sh")).unwrap();
    let root = Root::at(dir.path());
    (dir, root)
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

#[test]
fn each_supported_distribution_gets_its_product_name() {
    let cases = [
        ("debian12", Os::Debian, "Debian12"),
        ("debian-testing", Os::Debian, "Debian"),
        ("ubuntu2204", Os::Ubuntu, "Ubuntu22.04"),
        ("raspbian11", Os::Raspbian, "Raspbian11"),
        ("rhel94", Os::RedhatEnterpriseLinux, "RedhatEnterpriseLinux9.4"),
        ("centos7", Os::Centos, "CentOS7"),
        ("centos-stream9", Os::Centos, "CentOS9"),
        ("oracle89", Os::OracleLinux, "OracleLinux8.9"),
        ("rocky93", Os::RockyLinux, "RockyLinux9.3"),
        ("alma88", Os::AlmaLinux, "AlmaLinux8.8"),
        ("al1", Os::AmazonLinux, "AmazonLinux2018.03"),
        ("al2", Os::AmazonLinux2, "AmazonLinux2"),
        ("al2022", Os::AmazonLinux2022, "AmazonLinux2022"),
        ("al2023", Os::AmazonLinux2023, "AmazonLinux2023"),
        ("sles155", Os::Suse, "Suse15.5"),
    ];
    for (name, os, wanted) in cases {
        let release = sample(name);
        assert_eq!(identify(&release), Some(os), "{name}");
        assert_eq!(product(os, &release.version_id), wanted, "{name}");
        assert!(!release.pretty_name.is_empty(), "{name}");
    }
}

#[test]
fn an_unknown_distribution_is_refused_with_what_would_help() {
    for (name, hint) in [("mint213", "--operating-system UBUNTU"), ("alpine320", "--operating-system")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/host/os-release").join(name);
        let (_dir, root) = tree(&std::fs::read_to_string(path).unwrap());
        let e = read(&root, now()).unwrap_err().to_string();
        assert!(e.contains("ID=") && e.contains("Rocky Linux") && e.ends_with(hint), "{e}");
    }
}

#[test]
fn the_administrator_may_say_what_an_unknown_distribution_is() {
    let (_dir, root) = tree("ID=myrhel\nVERSION_ID=9.4\nPRETTY_NAME='My \"RHEL\"'\n");
    let facts = read_as(&root, now(), Some(Os::RedhatEnterpriseLinux)).unwrap();
    assert_eq!(facts.product, "RedhatEnterpriseLinux9.4");
    assert_eq!(facts.pretty_name, "My \"RHEL\"");
}

#[test]
fn a_future_amazon_linux_is_unknown_and_named_with_its_version() {
    let (_dir, root) = tree("ID=amzn\nVERSION_ID=2027\n");
    let e = read(&root, now()).unwrap_err().to_string();
    assert!(e.contains("ID=amzn VERSION_ID=2027"), "{e}");
}

#[test]
fn centos_takes_its_minor_number_from_its_release_file() {
    let (dir, root) = tree("ID=centos\nVERSION_ID=7\n");
    std::fs::write(dir.path().join("etc/centos-release"), "CentOS Linux release 7.9.2009 (Core)\n").unwrap();
    assert_eq!(read(&root, now()).unwrap().product, "CentOS7.9");
    std::fs::write(dir.path().join("etc/centos-release"), "CentOS Linux release 8.1 (Core)\n").unwrap();
    assert_eq!(
        read(&root, now()).unwrap().product,
        "CentOS7",
        "a release file of another version is not believed"
    );
}

#[test]
fn a_system_in_a_directory_has_no_boot_and_its_own_name() {
    let (dir, root) = tree("ID=debian\nVERSION_ID=12\n");
    let facts = read(&root, now()).unwrap();
    assert_eq!((facts.boot_id, facts.booted_at, facts.hostname.as_str()), (None, None, "localhost"));
    std::fs::write(dir.path().join("etc/hostname"), "# comment\n node-1 \n").unwrap();
    assert_eq!(read(&root, now()).unwrap().hostname, "node-1");
}

#[test]
fn the_running_system_has_a_boot() {
    let root = Root::host();
    assert!(!hostname(&root).is_empty());
    assert!(boot_id(&root).is_some());
    assert!(booted_at(&root, now()).is_some());
}

#[test]
fn links_of_a_system_in_a_directory_do_not_lead_out_of_it() {
    let (dir, root) = tree("");
    std::fs::remove_file(dir.path().join("etc/os-release")).unwrap();
    std::os::unix::fs::symlink("/usr/lib/os-release", dir.path().join("etc/os-release")).unwrap();
    assert!(matches!(read(&root, now()), Err(HostError::NoOsRelease { .. })), "the host's file was read");
    std::fs::create_dir_all(dir.path().join("usr/lib")).unwrap();
    std::fs::write(dir.path().join("usr/lib/os-release"), "ID=rocky\nVERSION_ID=9.3\n").unwrap();
    assert_eq!(read(&root, now()).unwrap().product, "RockyLinux9.3");
}

#[test]
fn boot_time_comes_from_btime_and_uptime() {
    assert_eq!(parse_btime("cpu 1 2\nbtime 1700000000\nprocesses 1\n"), Some(now()));
    assert_eq!(parse_btime("btime 0\n"), None);
    assert_eq!(parse_uptime("3600.55 1.00\n"), Some(Duration::hours(1)));
    assert_eq!(parse_uptime(""), None);
    let stat = "1 (a) b) S 0 1 1 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 1 0 360055 100 200";
    assert_eq!(parse_start(stat), Some(Duration::milliseconds(3_600_550)));
    assert_eq!(parse_start("1 (a) S 0"), None);
}

#[test]
fn the_architecture_is_that_of_the_programs() {
    let elf = |class: u8, data: u8, machine: [u8; 2], flags: u32| {
        let mut head = vec![0_u8; 64];
        head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
        head[18..20].copy_from_slice(&machine);
        head[36..40].copy_from_slice(&flags.to_le_bytes());
        head
    };
    assert_eq!(elf_arch(&elf(2, 1, [62, 0], 0)), Some(("amd64", "x86_64")));
    assert_eq!(elf_arch(&elf(2, 1, [183, 0], 0)), Some(("arm64", "aarch64")));
    assert_eq!(elf_arch(&elf(1, 1, [40, 0], 0x0500_0400)), Some(("armhf", "armv7hl")));
    assert_eq!(elf_arch(&elf(1, 1, [40, 0], 0x0500_0200)), Some(("armel", "armv5tel")));
    assert_eq!(elf_arch(&elf(2, 2, [0, 22], 0)), Some(("s390x", "s390x")));
    assert_eq!(elf_arch(b"#!/bin/sh\n"), None);
}

#[test]
fn a_family_without_its_tool_is_unsupported_with_the_path() {
    let (dir, root) = tree("");
    let NativeTool::Unsupported { reason } = package_manager_for(Os::Debian, &root) else {
        panic!("an empty tree has no apt")
    };
    assert!(reason.contains("/usr/bin/apt-get"), "{reason}");
    for f in ["apt-get", "dpkg"] {
        std::fs::write(dir.path().join("usr/bin").join(f), "").unwrap();
    }
    assert_eq!(package_manager_for(Os::Ubuntu, &root), NativeTool::Apt);
    assert!(matches!(package_manager_for(Os::Suse, &root), NativeTool::Unsupported { .. }));
}

#[test]
fn dnf_4_is_told_from_dnf_5_and_yum_3() {
    let (dir, root) = tree("");
    let bin = dir.path().join("usr/bin");
    let why = |root: &Root| match package_manager_for(Os::RockyLinux, root) {
        NativeTool::Unsupported { reason } => reason,
        other => format!("{other:?}"),
    };
    assert!(why(&root).contains("no dnf"), "{}", why(&root));
    std::fs::write(bin.join("yum"), "#!/usr/bin/python\nimport yummain\n").unwrap();
    assert!(why(&root).contains("yum 3"), "{}", why(&root));
    std::fs::write(bin.join("dnf5"), "").unwrap();
    std::os::unix::fs::symlink("dnf5", bin.join("dnf")).unwrap();
    assert!(why(&root).contains("dnf5"), "{}", why(&root));
    std::fs::remove_file(bin.join("dnf")).unwrap();
    std::fs::remove_file(bin.join("yum")).unwrap();
    std::fs::write(bin.join("dnf-3"), "").unwrap();
    std::os::unix::fs::symlink("dnf-3", bin.join("yum")).unwrap();
    assert_eq!(why(&root), "Dnf");
}

proptest! {
    #[test]
    fn no_os_release_makes_the_parser_fail_or_grow(text in ".{0,400}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let release = OsRelease::parse(&format!("PRETTY_NAME={text}\nID={text}\nVERSION_ID={text}"));
        prop_assert!(!release.pretty_name.chars().any(char::is_control));
        identify(&release);
        os_release::release_file_version(&text);
        parse_btime(&text);
        parse_uptime(&text);
        parse_start(&text);
        elf_arch(&bytes);
    }
}
