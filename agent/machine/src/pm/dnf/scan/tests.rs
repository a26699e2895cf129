//! What the script prints becomes facts, and nothing it prints can hurt.

use super::*;
use crate::pm::dnf::Dnf;

const CAPTURED: &str = include_str!("../../../../testdata/dnf/scan-4.14.0.jsonl");
const REPOMD: &[u8] = include_bytes!("../../../../testdata/dnf/repomd.xml");
const UPDATEINFO: &[u8] = include_bytes!("../../../../testdata/dnf/updateinfo.xml.gz");
const SUM: &str = "9736cfac984c25d52cb644402bc837734fd18f161cc6a5e15ee853c6f2e0eb2c";

fn raw(lines: &str) -> Raw {
    let mut raw = Raw::default();
    for line in lines.lines() {
        for fact in facts_of(line.as_bytes()).unwrap() {
            raw.add("a scan", fact);
        }
    }
    raw
}

fn captured(root: &Root) -> Scan {
    let mut raw = raw(CAPTURED);
    let version = raw.end("a scan", "").unwrap();
    let read = read_sources(&Dnf::new(root.clone()).system, &raw.sources, &wanted(&raw));
    assemble(root, raw, &version, read)
}

/// A root that holds the cache which belongs to the captured scan.
fn root() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("var/cache/dnf/base-b197ebaf358dc3b5/repodata");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("repomd.xml"), REPOMD).unwrap();
    std::fs::write(data.join(format!("{SUM}-updateinfo.xml.gz")), UPDATEINFO).unwrap();
    let root = Root::at(dir.path());
    (dir, root)
}

#[test]
fn a_captured_scan_becomes_packages_with_their_advisories() {
    let (_dir, root) = root();
    let scan = captured(&root);
    assert_eq!(scan.package_manager, "dnf 4.14.0");
    assert_eq!(scan.sources[0].state, SourceState::Readable);
    assert_eq!(scan.sources[0].origin, "rocky-repos");
    assert_eq!(scan.sources[0].metadata_date.unwrap().timestamp(), 1_795_523_024);
    let alpha = scan.installed.iter().find(|p| p.name == "alpha").unwrap();
    assert_eq!((alpha.version.as_str(), alpha.advisories[0].id.as_str()), ("1.1-1", "RLSA-2024:0001"));
    let broken: Vec<&str> = scan.installed.iter().filter(|p| p.broken).map(|p| p.version.as_str()).collect();
    assert_eq!(broken, ["1.0-1"]);
    let held: Vec<&str> =
        scan.candidates.iter().filter(|c| c.held.is_some()).map(|c| c.name.as_str()).collect();
    assert_eq!(held, ["excl", "locked"]);
    let replacing = scan.candidates.iter().find(|c| c.obsoletes).unwrap();
    assert_eq!(replacing.title.as_deref(), Some("replaces oldname"));
    assert!(scan.native.iter().any(|n| n.name == "stuck" && n.action == NativeAction::KeptBack));
}

#[test]
fn a_damaged_or_missing_advisory_file_makes_the_source_unreadable() {
    let (dir, root) = root();
    let file =
        dir.path().join(format!("var/cache/dnf/base-b197ebaf358dc3b5/repodata/{SUM}-updateinfo.xml.gz"));
    let why = |root: &Root| match &captured(root).sources[0].state {
        SourceState::Unreadable { why } => why.clone(),
        SourceState::Readable => "readable".into(),
    };
    std::fs::write(&file, &UPDATEINFO[..UPDATEINFO.len() / 2]).unwrap();
    assert!(why(&root).contains("is damaged"), "{}", why(&root));
    std::fs::remove_file(&file).unwrap();
    assert!(why(&root).contains("updateinfo.xml.gz"), "{}", why(&root));
}

#[test]
fn a_version_from_two_repositories_is_one_candidate_held_only_if_both_are() {
    let free = |source: &str, held: Option<&str>| RawCandidate {
        name: "locked".into(),
        arch: "noarch".into(),
        version: "1.1-1".into(),
        from: "1.0-1".into(),
        built: 1,
        size: 1,
        source: source.into(),
        held: held.map(str::to_owned),
        replaces: Vec::new(),
    };
    let both = vec![free("base", Some("dnf versionlock")), free("other", None)];
    let found = candidates(both, &Advisories::new(), false);
    assert_eq!((found.len(), found[0].sources.len(), found[0].held.as_deref()), (1, 2, None));
}

#[test]
fn a_notice_counts_only_for_what_its_repository_offers_and_hides_no_other_with_its_id() {
    let notice = |kind: &str| {
        format!(
            "<updates><update type='{kind}'><id>RHSA-2026:1</id><pkglist><collection>\
             <package name='tool' version='1.1' release='1' arch='noarch'/></collection></pkglist></update></updates>"
        )
    };
    let key = Nevra { name: "tool".into(), arch: "noarch".into(), version: "1.1-1".into() };
    let mut known = Advisories::new();
    for (source, kind) in [("first", "bugfix"), ("vendor", "security"), ("mirror", "security")] {
        let text = notice(kind);
        super::super::updateinfo::read(text.as_bytes(), source, &[key.clone()].into(), &mut known).unwrap();
    }
    let kinds = |sources: &[&str]| {
        let offer = |source: &&str| RawCandidate {
            name: "tool".into(),
            arch: "noarch".into(),
            version: "1.1-1".into(),
            from: "1.0-1".into(),
            built: 1,
            size: 1,
            source: (*source).into(),
            held: None,
            replaces: Vec::new(),
        };
        let found = candidates(sources.iter().map(offer).collect(), &known, false).remove(0);
        let kinds: Vec<String> = found.advisories.into_iter().filter_map(|a| a.classification).collect();
        (kinds.join(" "), found.security)
    };
    assert_eq!(kinds(&["vendor"]), ("security".into(), true), "the first repository has no say");
    assert_eq!(kinds(&["vendor", "mirror"]), ("security".into(), true), "the same is said once");
    assert_eq!(kinds(&["first"]), ("bugfix".into(), false));
    assert_eq!(kinds(&["first", "vendor"]), ("bugfix security".into(), true), "both are kept");
    assert_eq!(kinds(&["other"]), (String::new(), false));
    assert_eq!(of(&known, "tool", "noarch", "1.1-1", &[]).len(), 2, "installed, and offered by none");
}

#[test]
fn a_scan_that_was_cut_off_or_speaks_otherwise_is_no_scan() {
    let last = CAPTURED.trim_end().rfind('\n').unwrap();
    let e = raw(&CAPTURED[..last]).end("a scan", "the words").unwrap_err().to_string();
    assert_eq!(e, "a scan: the words");
    let other = CAPTURED.replace("\"built\"", "\"made\"");
    assert!(other.lines().any(|l| facts_of::<Fact>(l.as_bytes()).is_err()));
    let many = format!("[{}]", CAPTURED.trim_end().replace('\n', ","));
    assert_eq!(facts_of::<Fact>(many.as_bytes()).unwrap().len(), CAPTURED.lines().count());
}
