//! Repository metadata in dnf's cache: how old they are, and where the advisories are.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};

use chrono::{DateTime, Utc};
use quick_xml::Reader;
use quick_xml::events::Event;
use sha2::{Digest, Sha256};

use super::updateinfo::{self, Advisories, Nevra, attribute};
use crate::host::{modified, read_bytes};
use crate::root::Root;

/// Largest repomd.xml.
const REPOMD: u64 = 4 << 20;
/// Largest updateinfo as it lies on the disk.
const PACKED: u64 = 128 << 20;
/// Largest updateinfo after unpacking; the largest seen in distributions has about 100 MiB.
const UNPACKED: u64 = 512 << 20;

/// Memory that unpacking xz may take; its highest level needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;
/// Largest zstd window as a power of two: 128 MiB, the format's own default limit.
const ZSTD_WINDOW: u32 = 27;

/// What repomd.xml says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Repomd {
    /// `revision` where it is a time, else the newest timestamp of its files.
    pub(crate) date: Option<DateTime<Utc>>,
    /// File name of the list of packages in the cache.
    pub(crate) primary: Option<String>,
    /// File name of the updateinfo in the cache, and its SHA-256 where that is given.
    pub(crate) updateinfo: Option<(String, Option<String>)>,
    /// The advisories come in a form that cannot be read.
    pub(crate) unreadable_form: Option<String>,
}

/// When the cached metadata were last fetched or confirmed. repomd.xml is written when they were fetched; where the
/// repository has nothing new dnf touches the list of packages, and takes its time for the age itself.
pub(crate) fn refreshed_at(root: &Root, cache: &str, repomd: Option<&Repomd>) -> Option<DateTime<Utc>> {
    let files = ["repomd.xml"].into_iter().chain(repomd.and_then(|r| r.primary.as_deref()));
    let times = files.filter_map(|file| modified(root, &format!("{cache}/repodata/{file}")).ok());
    times.max().map(DateTime::from)
}

/// Reads repomd.xml of one cached repository.
pub(crate) fn repomd(root: &Root, cache: &str) -> Result<Repomd, String> {
    let path = format!("{cache}/repodata/repomd.xml");
    let bytes = read_bytes(root, &path, REPOMD).map_err(|e| format!("{path}: {e}"))?;
    parse_repomd(&bytes).map_err(|e| format!("{path}: {e}"))
}

/// Adds the advisories of one cached repository, `source`.
pub(crate) fn advisories(
    root: &Root,
    source: &str,
    cache: &str,
    repomd: &Repomd,
    wanted: &HashSet<Nevra>,
    out: &mut Advisories,
) -> Result<(), String> {
    if let Some(form) = &repomd.unreadable_form {
        return Err(format!("its advisories come only as {form}, which cannot be read"));
    }
    let Some((name, sum)) = &repomd.updateinfo else { return Ok(()) };
    let path = format!("{cache}/repodata/{name}");
    let bytes = read_bytes(root, &path, PACKED).map_err(|e| format!("{path}: {e}"))?;
    if let Some(wanted_sum) = sum {
        let found = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
        if !found.eq_ignore_ascii_case(wanted_sum) {
            return Err(format!("{path} is damaged: its SHA-256 is not the one in repomd.xml"));
        }
    }
    unpack(&bytes, UNPACKED)
        .and_then(|reader| updateinfo::read(reader, source, wanted, out))
        .map_err(|e| format!("{path}: {e}"))
}

/// The content of a plain, gzip, xz or zstd file, told by its first bytes; reading past `cap` bytes is an error.
pub(crate) fn unpack(bytes: &[u8], cap: u64) -> Result<Box<dyn BufRead + '_>, String> {
    let say = |e: std::io::Error| e.to_string();
    let reader: Box<dyn Read + '_> = match bytes {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED);
            Box::new(liblzma::read::XzDecoder::new_stream(bytes, stream.map_err(|e| e.to_string())?))
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(say)?;
            decoder.window_log_max(ZSTD_WINDOW).map_err(say)?;
            Box::new(decoder)
        }
        [b'B', b'Z', b'h', ..] => return Err("it is packed with bzip2, which is not supported".into()),
        _ => Box::new(bytes),
    };
    Ok(Box::new(BufReader::with_capacity(64 << 10, Capped { inner: reader, left: cap })))
}

/// Fails instead of ending at the cap, so that a bomb is not taken for a shorter file.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| std::io::Error::other("unpacks to more than is accepted"))?;
        Ok(count)
    }
}

/// Parses repomd.xml.
pub(crate) fn parse_repomd(bytes: &[u8]) -> Result<Repomd, String> {
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().trim_text(true);
    let mut buffer = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut out = Repomd::default();
    let (mut kind, mut href, mut sum, mut sum_kind, mut text) = Default::default();
    let mut revision = None;
    let mut newest = None;
    let mut zchunk = false;
    let mut seen_root = false;
    loop {
        buffer.clear();
        let at = reader.buffer_position();
        match reader.read_event_into(&mut buffer).map_err(|e| format!("byte {at}: {e}"))? {
            Event::Start(start) => {
                let tag = start.name().as_ref().to_owned();
                match (path.len(), tag.as_str()) {
                    (0, "repomd") if !seen_root => seen_root = true,
                    (0, _) => return Err(format!("byte {at}: expected <repomd>")),
                    (1, "data") => {
                        kind = attribute(&start, "type")?;
                        (href, sum) = (String::new(), String::new());
                    }
                    (2, "location") => href = attribute(&start, "href")?,
                    (2, "checksum") => sum_kind = attribute(&start, "type")?,
                    (16, _) => return Err(format!("byte {at}: nested too deeply")),
                    _ => {}
                }
                text = String::new();
                path.push(tag);
            }
            Event::Text(t) if text.len() < 1000 => text.push_str(&t.xml10_content()),
            Event::End(_) => {
                let tag = path.pop().unwrap_or_default();
                match (path.len(), tag.as_str()) {
                    (1, "revision") => revision = updateinfo::date(&text),
                    (2, "timestamp") => newest = newest.max(updateinfo::date(&text)),
                    (2, "checksum") if sum_kind == "sha256" => sum = text.trim().to_owned(),
                    (1, "data") if kind == "updateinfo" || kind == "primary" => {
                        // Only the last part of the name: in the cache all files lie in one directory.
                        let name: String = href.rsplit('/').next().unwrap_or_default().to_owned();
                        if name.is_empty() || name == ".." {
                            return Err(format!("byte {at}: {kind} has no file name"));
                        }
                        let sum = std::mem::take(&mut sum);
                        if kind == "primary" {
                            out.primary = Some(name);
                        } else {
                            out.updateinfo = Some((name, (!sum.is_empty()).then_some(sum)));
                        }
                    }
                    (1, "data") if kind == "updateinfo_zck" => zchunk = true,
                    _ => {}
                }
            }
            Event::Eof if seen_root && path.is_empty() => break,
            Event::Eof => return Err(format!("byte {at}: the file ends too early")),
            Event::DocType(_) => return Err(format!("byte {at}: a document type is not accepted")),
            _ => {}
        }
    }
    out.date = revision.or(newest);
    if zchunk && out.updateinfo.is_none() {
        out.unreadable_form = Some("zchunk (.zck)".into());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const LAB: &[u8] = include_bytes!("../../../testdata/dnf/repomd.xml");

    #[test]
    fn repomd_gives_its_date_and_the_advisory_file() {
        let out = parse_repomd(LAB).unwrap();
        assert_eq!(out.date.unwrap().timestamp(), 1_795_523_024);
        assert!(out.primary.unwrap().ends_with("-primary.xml.gz"));
        let (name, sum) = out.updateinfo.unwrap();
        assert!(name.ends_with("-updateinfo.xml.gz") && name.starts_with(&sum.unwrap()), "{name}");
    }

    #[test]
    fn a_revision_that_is_no_time_falls_back_to_the_newest_file() {
        let text = String::from_utf8_lossy(LAB).replace("<revision>1795523024", "<revision>8.9-1");
        let newest = text.split("<timestamp>").skip(1).filter_map(|t| t.get(..10)?.parse::<i64>().ok()).max();
        assert_eq!(parse_repomd(text.as_bytes()).unwrap().date.map(|d| d.timestamp()), newest);
    }

    #[test]
    fn a_cut_off_repomd_is_damaged() {
        for cut in (0..LAB.len() - 12).step_by(11) {
            assert!(parse_repomd(&LAB[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_file_name_cannot_lead_out_of_the_cache() {
        let text = b"<repomd><data type='updateinfo'><location href='../../etc/shadow'/></data></repomd>";
        assert_eq!(parse_repomd(text).unwrap().updateinfo.unwrap().0, "shadow");
        let text = b"<repomd><data type='updateinfo'><location href='x/..'/></data></repomd>";
        assert!(parse_repomd(text).is_err());
    }

    #[test]
    fn every_compression_is_read_and_a_bomb_is_stopped() {
        let plain = vec![b'x'; 300_000];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&plain).unwrap();
        let packed = [
            plain.clone(),
            gzip.finish().unwrap(),
            xz.finish().unwrap(),
            zstd::stream::encode_all(&plain[..], 1).unwrap(),
        ];
        for (number, packed) in packed.iter().enumerate() {
            let mut back = Vec::new();
            unpack(packed, 300_000).unwrap().read_to_end(&mut back).unwrap();
            assert_eq!(back, plain, "form {number}");
            let e = unpack(packed, 299_999).unwrap().read_to_end(&mut back).unwrap_err();
            assert!(e.to_string().contains("more than is accepted"), "form {number}: {e}");
        }
        assert!(unpack(b"BZh91AY", 1).err().unwrap().contains("bzip2"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..3000) {
            parse_repomd(&bytes).ok();
            let mut damaged = LAB.to_vec();
            let at = at % damaged.len();
            for (place, byte) in damaged[at..].iter_mut().zip(&bytes) {
                *place = *byte;
            }
            parse_repomd(&damaged).ok();
            if let Ok(mut r) = unpack(&bytes, 1 << 20) {
                r.read_to_end(&mut Vec::new()).ok();
            }
        }
    }
}
