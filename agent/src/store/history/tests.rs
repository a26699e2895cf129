//! Segments: what is appended stays, whatever stands behind it.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}-15T12:00:00Z").parse().unwrap()
}

fn month(text: &str) -> Month {
    Month::of(at(text))
}

fn all(history: &History) -> Vec<(u64, Option<String>)> {
    let mut found = Vec::new();
    for (month, _) in history.segments() {
        let mut lines = history.lines(month, 0).unwrap();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.offset, line.bytes.map(|b| String::from_utf8_lossy(b).into_owned())));
        }
    }
    found
}

#[test]
fn lines_are_read_where_they_were_put_in_the_order_of_their_months() {
    let dir = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(dir.path()).unwrap();
    for (when, text) in [("2026-02", "c"), ("2026-01", "a"), ("2026-01", "bb")] {
        let place = history.append(month(when), text.into()).unwrap();
        assert_eq!(history.read(place).unwrap().unwrap(), text.as_bytes());
    }
    let expected = [(0, "a"), (2, "bb"), (0, "c")].map(|(o, t)| (o, Some(t.to_owned())));
    assert_eq!(all(&history), expected);
    let (again, warnings) = History::open(dir.path()).unwrap();
    assert_eq!((all(&again), warnings), (expected.to_vec(), Vec::new()));
    for wrong in [(0, 3), (1, 1), (0, 99), (u64::MAX, 1)] {
        let place = Place { month: month("2026-01"), offset: wrong.0, length: wrong.1 };
        assert_eq!(history.read(place).unwrap(), None, "{place:?}");
    }
}

#[test]
fn a_line_that_is_too_long_is_refused_and_one_that_is_there_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(dir.path()).unwrap();
    let long = vec![b'x'; LINE_CAP as usize];
    let place = history.append(month("2026-01"), long.clone()).unwrap();
    assert_eq!(history.read(place).unwrap().unwrap().len(), long.len());
    assert!(history.append(month("2026-01"), vec![b'x'; LINE_CAP as usize + 1]).is_err());
    std::fs::write(history.path(month("2026-02")), [&long[..], b"x\nlast\n"].concat()).unwrap();
    let (history, _) = History::open(dir.path()).unwrap();
    let found: Vec<_> = all(&history).into_iter().map(|(_, text)| text.map(|t| t.len())).collect();
    assert_eq!(found, [Some(long.len()), None, Some(4)]);
}

#[test]
fn what_a_failed_append_left_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(dir.path()).unwrap();
    history.append(month("2026-01"), b"one".to_vec()).unwrap();
    let path = history.path(month("2026-01"));
    std::fs::write(&path, b"one\n{\"half\": of a long line").unwrap();
    history.append(month("2026-01"), b"2".to_vec()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"one\n2\n");
}

#[test]
fn retention_takes_whole_old_months_and_no_clock_takes_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(dir.path()).unwrap();
    assert_eq!(history.retire(at("2026-05"), 1).unwrap(), []);
    for when in ["2025-01", "2026-03", "2026-04", "2026-05"] {
        history.append(month(when), b"x".to_vec()).unwrap();
    }
    assert_eq!(history.retire(at("2026-05"), 24).unwrap(), []);
    assert_eq!(history.retire(at("2026-05"), 2).unwrap(), [month("2025-01")]);
    assert_eq!(history.retire(at("1999-01"), 0).unwrap(), [], "a clock that went back");
    assert_eq!(history.retire(at("2999-01"), 2).unwrap(), [], "a clock that went ahead");
    assert_eq!(history.retire(at("2026-05"), 0).unwrap(), [month("2026-03"), month("2026-04")]);
    let (history, _) = History::open(dir.path()).unwrap();
    assert_eq!(history.segments().map(|(m, _)| m).collect::<Vec<_>>(), [month("2026-05")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_cut_anywhere_keeps_every_whole_line(
        texts in proptest::collection::vec("[a-z]{0,40}", 1..12),
        cut: prop::sample::Index,
        garbage in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (mut history, _) = History::open(dir.path()).unwrap();
        let places: Vec<Place> =
            texts.iter().map(|t| history.append(month("2026-01"), t.clone().into()).unwrap()).collect();
        let path = history.path(month("2026-01"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(cut.index(bytes.len() + 1));
        let kept = places.iter().filter(|p| p.end() <= bytes.len() as u64).count();
        let tail: Vec<u8> = garbage.into_iter().filter(|b| *b != b'\n').collect();
        bytes.extend(&tail);
        std::fs::write(&path, &bytes).unwrap();

        let (mut history, warnings) = History::open(dir.path()).unwrap();
        let expected: Vec<_> = texts[..kept].iter().map(|t| Some(t.clone())).collect();
        let found: Vec<_> = all(&history).into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(found, expected);
        let whole = kept.checked_sub(1).map_or(0, |last| places[last].end());
        prop_assert_eq!(warnings.is_empty(), bytes.len() as u64 == whole);
        prop_assert_eq!(std::fs::metadata(&path).unwrap().len(), whole);
        let place = history.append(month("2026-01"), b"new".to_vec()).unwrap();
        prop_assert_eq!(place.offset, whole);
    }
}
