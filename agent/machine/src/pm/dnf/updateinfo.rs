//! updateinfo.xml → the advisories of exactly the versions that are asked for (reference 1.6).
//!
//! A streaming reader over quick-xml, because the file is large and comes from outside: only advisories that name a
//! wanted version are kept, every field is bounded, and the end of a cut-off file is an error. (The crate
//! `rpmrepo_metadata` was tried first: a file that ends inside `<references>` or `<pkglist>` keeps it in an endless
//! loop, and notices without `from` or `version` are refused.)

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use patchflock_baselines::inventory::Advisory;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Longest text or attribute that is kept, in characters.
const FIELD: usize = 2000;
/// References kept of one advisory.
const REFERENCES: usize = 5000;
/// Notices about one version; real ones have a handful. They are compared with each other, so this bounds the square.
const NOTICES: usize = 1000;
/// Deepest nesting; real files have seven levels.
const DEPTH: usize = 32;

/// One exact version of a package: name, architecture and `[epoch:]version-release`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Nevra {
    pub(crate) name: String,
    pub(crate) arch: String,
    pub(crate) version: String,
}

/// Notices by version, with the repository that says so: what a repository says counts only for what it offers.
pub(crate) type Advisories = HashMap<Nevra, Vec<(Arc<str>, Arc<Advisory>)>>;

#[derive(Default)]
struct Notice {
    advisory: Draft,
    packages: HashSet<Nevra>,
}

/// What is known of the notice that is being read.
#[derive(Default)]
struct Draft {
    id: String,
    kind: String,
    title: String,
    severity: String,
    issued: Option<DateTime<Utc>>,
    updated: Option<DateTime<Utc>>,
    cves: Vec<String>,
    bugzilla: Vec<String>,
    reboot: bool,
}

/// Reads one updateinfo.xml, of the repository `source`, and adds what it says about `wanted` versions.
pub(crate) fn read(
    input: impl BufRead,
    source: &str,
    wanted: &HashSet<Nevra>,
    out: &mut Advisories,
) -> Result<(), String> {
    let source: Arc<str> = source.into();
    let mut reader = Reader::from_reader(input);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut notice: Option<Notice> = None;
    let mut text = String::new();
    let mut seen_root = false;
    loop {
        buffer.clear();
        let at = reader.buffer_position();
        let event = reader.read_event_into(&mut buffer).map_err(|e| format!("byte {at}: {e}"))?;
        match event {
            Event::Start(start) => {
                if path.len() == DEPTH {
                    return Err(format!("byte {at}: nested deeper than {DEPTH} elements"));
                }
                let tag = start.name().as_ref().to_owned();
                if path.is_empty() {
                    if seen_root || tag != "updates" {
                        return Err(format!("byte {at}: found <{}>, expected <updates>", bounded(&tag)));
                    }
                    seen_root = true;
                }
                text.clear();
                if path.len() == 1 && tag == "update" {
                    let mut new = Notice::default();
                    new.advisory.kind = attribute(&start, "type")?;
                    notice = Some(new);
                } else if let Some(notice) = &mut notice {
                    opened(notice, &start, &tag, wanted)?;
                }
                path.push(tag);
            }
            Event::Text(t) => push_bounded(&mut text, &t.xml10_content()),
            Event::CData(t) => push_bounded(&mut text, &t.xml10_content()),
            Event::GeneralRef(r) => {
                let resolved = r.resolve_char_ref().map_err(|e| format!("byte {at}: {e}"))?;
                match resolved {
                    Some(c) => push_bounded(&mut text, c.encode_utf8(&mut [0; 4])),
                    None => {
                        let name = r.xml10_content();
                        let known = quick_xml::escape::resolve_predefined_entity(&name);
                        push_bounded(&mut text, known.ok_or(format!("byte {at}: unknown entity &{name};"))?);
                    }
                }
            }
            Event::End(_) => {
                let tag = path.pop().unwrap_or_default();
                match (path.len(), tag.as_str(), &mut notice) {
                    (1, "update", _) => {
                        if let Some(done) = notice.take() {
                            finished(done, &source, out).map_err(|e| format!("byte {at}: {e}"))?;
                        }
                    }
                    (2, "id", Some(n)) => n.advisory.id = text.trim().to_owned(),
                    (2, "title", Some(n)) => n.advisory.title = text.trim().to_owned(),
                    (2, "severity", Some(n)) => n.advisory.severity = text.trim().to_owned(),
                    // Either of the notice or of one of its packages; libsolv takes 1, t… and T… for true.
                    (_, "reboot_suggested", Some(n)) => {
                        n.advisory.reboot |=
                            text.trim().is_empty() || text.trim().starts_with(['1', 't', 'T']);
                    }
                    _ => {}
                }
                text.clear();
            }
            Event::Eof if seen_root && path.is_empty() => return Ok(()),
            Event::Eof => return Err(format!("byte {at}: the file ends too early")),
            Event::DocType(_) => return Err(format!("byte {at}: a document type is not accepted")),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// An element inside a notice began: references, dates and packages are in attributes.
fn opened(
    notice: &mut Notice,
    start: &BytesStart<'_>,
    tag: &str,
    wanted: &HashSet<Nevra>,
) -> Result<(), String> {
    match tag {
        "issued" => notice.advisory.issued = date(&attribute(start, "date")?),
        "updated" => notice.advisory.updated = date(&attribute(start, "date")?),
        "reference" => {
            let (kind, id) = (attribute(start, "type")?, attribute(start, "id")?);
            let list = match kind.as_str() {
                "cve" => &mut notice.advisory.cves,
                "bugzilla" => &mut notice.advisory.bugzilla,
                _ => return Ok(()),
            };
            if !id.is_empty() && list.len() < REFERENCES {
                list.push(id);
            }
        }
        "package" => {
            // In one pass: there are hundreds of thousands of them.
            let [mut name, mut epoch, mut version, mut release, mut arch] = <[String; 5]>::default();
            for attribute in start.attributes() {
                let attribute = attribute.map_err(|e| format!("<package>: {e}"))?;
                let place = match attribute.key.as_ref() {
                    "name" => &mut name,
                    "epoch" => &mut epoch,
                    "version" => &mut version,
                    "release" => &mut release,
                    "arch" => &mut arch,
                    _ => continue,
                };
                *place = value(&attribute).map_err(|e| format!("<package>: {e}"))?;
            }
            let nevra = Nevra { name, arch, version: evr(&epoch, &version, &release) };
            if wanted.contains(&nevra) {
                notice.packages.insert(nevra);
            }
        }
        _ => {}
    }
    Ok(())
}

/// `[epoch:]version-release`, without an epoch of 0, as dnf writes it.
pub(crate) fn evr(epoch: &str, version: &str, release: &str) -> String {
    match epoch {
        "" | "0" | "(none)" => format!("{version}-{release}"),
        e => format!("{e}:{version}-{release}"),
    }
}

fn finished(notice: Notice, source: &Arc<str>, out: &mut Advisories) -> Result<(), String> {
    let raw = notice.advisory;
    // A notice without an id cannot be named in a decision; a notice about other versions is not ours.
    if raw.id.is_empty() || notice.packages.is_empty() {
        return Ok(());
    }
    let some = |s: String| (!s.is_empty()).then_some(s);
    let advisory = Arc::new(Advisory {
        id: raw.id,
        classification: some(raw.kind),
        severity: some(raw.severity),
        issued: raw.issued,
        updated: raw.updated,
        cves: raw.cves,
        bugzilla: raw.bugzilla,
        title: some(raw.title),
        reboot_suggested: raw.reboot,
    });
    for nevra in notice.packages {
        let list = out.entry(nevra).or_default();
        let own = list.iter().filter(|(of, _)| of == source);
        // Some vendors repeat a notice for each collection. One that says something else is another one, whatever
        // its id: it must not hide the first, nor be hidden by it.
        if own.clone().any(|(_, a)| *a == advisory) {
            continue;
        }
        if own.count() == NOTICES {
            let id = &advisory.id;
            return Err(format!("{id} is one of more than {NOTICES} notices about the same version"));
        }
        list.push((Arc::clone(source), Arc::clone(&advisory)));
    }
    Ok(())
}

/// Dates as vendors write them, all taken as UTC; anything else is no date (reference 1.6 point 6).
pub(crate) fn date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let text = text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text);
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // 0 and small numbers are fillers, not dates: no vendor published before 1990.
        return text.parse().ok().filter(|s| *s > 631_152_000).and_then(|s| DateTime::from_timestamp(s, 0));
    }
    for format in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(t) = NaiveDateTime::parse_from_str(text, format) {
            return Some(t.and_utc());
        }
    }
    if let Ok(t) = DateTime::parse_from_rfc3339(text) {
        return Some(t.to_utc());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|t| t.and_utc())
}

/// One attribute, empty where it is missing.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let found = start.try_get_attribute(name).map_err(|e| format!("<{}>: {e}", start.name().as_ref()))?;
    match found {
        None => Ok(String::new()),
        Some(a) => value(&a).map_err(|e| format!("<{}> {name}: {e}", start.name().as_ref())),
    }
}

fn value(attribute: &quick_xml::events::attributes::Attribute<'_>) -> Result<String, quick_xml::Error> {
    attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map(|v| bounded(&v))
}

fn push_bounded(text: &mut String, more: &str) {
    if text.len() < FIELD {
        text.push_str(&bounded(more));
    }
}

/// Control characters are dropped: these texts reach terminals.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(FIELD).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAB: &[u8] = include_bytes!("../../../testdata/dnf/updateinfo-lab.xml");

    fn nevra(name: &str, version: &str) -> Nevra {
        Nevra { name: name.into(), arch: "noarch".into(), version: version.into() }
    }

    fn wanted() -> HashSet<Nevra> {
        [nevra("alpha", "1.1-1"), nevra("alpha", "1.2-1"), nevra("gamma", "2:1.1-1")].into()
    }

    fn parse(bytes: &[u8]) -> Result<Advisories, String> {
        let mut out = Advisories::new();
        read(bytes, "base", &wanted(), &mut out).map(|()| out)
    }

    #[test]
    fn an_advisory_is_attached_to_exactly_the_versions_it_names() {
        let out = parse(LAB).unwrap();
        assert_eq!(out.len(), 2);
        assert!(!out.contains_key(&nevra("alpha", "1.2-1")));
        let (source, a) = &out[&nevra("alpha", "1.1-1")][0];
        assert_eq!(&**source, "base");
        assert_eq!(a.id, "RLSA-2024:0001");
        assert_eq!(a.classification.as_deref(), Some("security"));
        assert_eq!(a.severity.as_deref(), Some("Important"));
        assert_eq!(a.issued.unwrap().to_rfc3339(), "2024-01-02T03:04:05+00:00");
        assert_eq!(a.updated.unwrap().to_rfc3339(), "2024-02-02T00:00:00+00:00");
        assert_eq!(
            (a.cves.as_slice(), a.bugzilla.as_slice()),
            (&["CVE-2024-1".into()][..], &["123".into()][..])
        );
        assert!(a.reboot_suggested);
        let (_, b) = &out[&nevra("gamma", "2:1.1-1")][0];
        assert_eq!((b.severity.as_deref(), b.reboot_suggested), (None, false));
        assert_eq!(b.issued.unwrap().timestamp(), 1_706_780_000);
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_an_error_and_ends() {
        let end = LAB.iter().rposition(|b| *b == b'<').unwrap();
        for cut in (0..=end).step_by(7) {
            assert!(parse(&LAB[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_flood_of_notices_about_one_version_is_refused() {
        let file = |count: usize| {
            let notice = |n| {
                format!(
                    "<update><id>A{n}</id><pkglist><package name='alpha' version='1.1' release='1' arch='noarch'/>\
                     </pkglist></update>"
                )
            };
            format!("<updates>{}</updates>", (0..count).map(notice).collect::<String>())
        };
        assert_eq!(parse(file(NOTICES).as_bytes()).unwrap()[&nevra("alpha", "1.1-1")].len(), NOTICES);
        assert!(parse(file(NOTICES + 1).as_bytes()).unwrap_err().contains("more than 1000 notices"));
    }

    #[test]
    fn entities_in_a_title_are_resolved_and_unknown_ones_refused() {
        let file = |title: &str| {
            format!(
                "<updates><update type='security'><id>A</id><title>{title}</title><pkglist><collection>\
                 <package name='alpha' version='1.1' release='1' arch='noarch'/></collection></pkglist></update></updates>"
            )
        };
        let out = parse(file("a &amp; b&#33;").as_bytes()).unwrap();
        assert_eq!(out[&nevra("alpha", "1.1-1")][0].1.title.as_deref(), Some("a & b!"));
        assert!(parse(file("&bomb;").as_bytes()).is_err());
        let bomb = format!("<!DOCTYPE x [<!ENTITY bomb 'x'>]>{}", file("&bomb;"));
        assert!(parse(bomb.as_bytes()).is_err());
    }

    #[test]
    fn deep_nesting_and_other_documents_are_refused() {
        let deep = format!("<updates>{}", "<a>".repeat(1000));
        assert!(parse(deep.as_bytes()).unwrap_err().contains("nested"));
        assert!(parse(b"<html></html>").unwrap_err().contains("expected <updates>"));
        assert!(parse(b"").is_err());
    }

    #[test]
    fn dates_are_read_as_vendors_write_them() {
        for (text, wanted) in [
            ("2024-01-02 03:04:05", Some(1_704_164_645)),
            ("2024-01-02 03:04", Some(1_704_164_640)),
            ("2024-01-02", Some(1_704_153_600)),
            ("2024-01-02T03:04:05Z", Some(1_704_164_645)),
            ("2024-01-02 03:04:05 UTC", Some(1_704_164_645)),
            ("2024-01-02T03:04:05+01:00", Some(1_704_161_045)),
            ("1704164645", Some(1_704_164_645)),
            ("0", None),
            ("", None),
            ("soon", None),
            ("2024-13-45", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(date(text).map(|d| d.timestamp()), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_hang(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..2000) {
            parse(&bytes).ok();
            let mut damaged = LAB.to_vec();
            let at = at % damaged.len();
            for (place, byte) in damaged[at..].iter_mut().zip(&bytes) {
                *place = *byte;
            }
            parse(&damaged).ok();
        }
    }
}
