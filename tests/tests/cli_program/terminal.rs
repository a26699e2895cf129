//! Terminals of all widths, pipes that close, disks that are full, and the languages of the world.

use crate::bench::{AT, Bench};

const EVALUATE: &str = "evaluate --inventory apt.json --at 2026-11-25T00:00:00Z";

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let bench = Bench::new();
    for words in [EVALUATE, "predefined list -o json", "completions bash", "--help"] {
        let ran =
            bench.shell(&format!("{{ patchflock {words}; echo $? > code; }} | head -1; cat code; rm code"));
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert!(lines.len() == 2 && matches!(lines[1], "0" | "3"), "{words}: {}", ran.all());
        assert_eq!(ran.stderr, "", "{words}");
    }
}

#[test]
fn a_full_disk_is_our_failure() {
    let bench = Bench::new();
    for words in [
        EVALUATE,
        "predefined list",
        "predefined show predefined-debian",
        "completions zsh",
        "--help",
        "--version",
    ] {
        let ran = bench.shell(&format!("patchflock {words} > /dev/full"));
        assert_eq!(ran.code, 2, "{words}: {}", ran.all());
        assert!(
            ran.stderr.contains("standard output") && ran.stderr.contains("No space left"),
            "{}",
            ran.all()
        );
    }
}

#[test]
fn data_and_talk_go_their_own_ways() {
    let bench = Bench::new();
    let ran = bench.shell("patchflock validate -f baseline.yaml window.yaml 2> /dev/null");
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.all());
    let both =
        bench.shell(&format!("patchflock {EVALUATE} -o json 2> talk > data; test ! -s talk && test -s data"));
    assert_eq!(both.code, 0);
}

#[test]
fn a_pipe_gets_one_line_per_row_and_no_colour() {
    let bench = Bench::new().env("TERM", "xterm-256color").env("CLICOLOR_FORCE", "1");
    let ran = bench.run(EVALUATE);
    assert!(!ran.stdout.contains('\u{1b}'), "{:?}", ran.stdout);
    let row = ran.stdout.lines().find(|l| l.starts_with("openssl ")).unwrap();
    assert!(
        row.contains("security update from bookworm-security; rule 1 (any priority) has no delay"),
        "{row}"
    );
}

#[test]
fn tables_fit_the_columns_they_get() {
    for columns in [60, 80, 120, 200] {
        let ran = Bench::new().env("COLUMNS", &columns.to_string()).run(EVALUATE);
        for line in ran.stdout.lines() {
            let width = line.chars().count();
            // The first line names the machine and stays whole; so does a row of long names.
            assert!(width <= columns || line.starts_with("web-1"), "{width} > {columns}: {line}");
        }
        insta::assert_snapshot!(format!("table_{columns}"), ran.stdout);
    }
}

#[test]
fn nonsense_in_columns_is_ignored() {
    let wide = Bench::new().run(EVALUATE).stdout;
    for nonsense in ["", "0", "-1", "many", "3", "99999999999999999999999"] {
        assert_eq!(Bench::new().env("COLUMNS", nonsense).run(EVALUATE).stdout, wide, "{nonsense:?}");
    }
}

#[test]
fn on_a_terminal_the_table_has_its_width_and_colours() {
    let bench = Bench::new();
    for columns in [60, 80, 200] {
        let ran = bench.on_terminal(columns, EVALUATE);
        assert_eq!(ran.code, 3, "{}", ran.all());
        assert!(ran.stdout.contains('\u{1b}') == (columns == 200), "{:?}", ran.stdout);
        let plain: String = bare(&ran.stdout).lines().map(|l| format!("{}\n", l.trim_end())).collect();
        let exported = Bench::new().env("COLUMNS", &columns.to_string()).run(EVALUATE);
        assert_eq!(plain, exported.stdout);
    }
}

/// Text without colours.
fn bare(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn who_wants_no_colour_gets_none() {
    let ran = Bench::new().env("NO_COLOR", "1").on_terminal(200, EVALUATE);
    assert!(ran.stdout.contains("approved") && !ran.stdout.contains('\u{1b}'), "{:?}", ran.stdout);
    // Empty means unset, says no-color's rule.
    let ran = Bench::new().env("NO_COLOR", "").on_terminal(200, EVALUATE);
    assert!(ran.stdout.contains('\u{1b}'), "{:?}", ran.stdout);
}

#[test]
fn the_language_of_the_machine_changes_nothing() {
    let plain = Bench::new().run(EVALUATE).all();
    for (name, value) in
        [("LANG", "de_DE.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("LC_ALL", "C"), ("LANGUAGE", "ja")]
    {
        assert_eq!(Bench::new().env(name, value).run(EVALUATE).all(), plain, "{name}={value}");
    }
    let turkish = Bench::new().env("LC_ALL", "tr_TR.UTF-8");
    assert_eq!(turkish.run("try --operating-system nowhere").code, 1);
    let small = turkish.run(&format!("evaluate --inventory apt.json {AT} -o JSON"));
    small.refused(&["JSON", "json"]);
}

#[test]
fn the_time_zone_of_the_machine_changes_nothing() {
    let words = "window next -f window.yaml --from 2026-09-01T00:00:00Z";
    let plain = Bench::new().run(words).all();
    assert_eq!(Bench::new().env("TZ", "Pacific/Auckland").run(words).all(), plain);
}
