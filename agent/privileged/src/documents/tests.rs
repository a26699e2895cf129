//! Documents are adopted completely or not at all, and their versions only grow.

use patchflock_api::catalogue::{Catalogue, LOG};
use patchflock_api::privileged::Request;
use patchflock_api::run::TroubleKind;

use super::*;
use crate::bench::{Bench, baseline};
use patchflock_machine::pm::fake::Fake;

fn bench() -> Bench {
    Bench::new(Fake::new())
}

fn applied(answer: Result<Answer, Trouble>) -> Vec<Applied> {
    match answer {
        Ok(Answer::Applied { applied, .. }) => applied,
        other => panic!("{other:?}"),
    }
}

fn delete(bench: &Bench, kind: &str, name: &str) -> Result<Answer, Trouble> {
    bench.ask(Request::Delete { kind: kind.into(), name: name.into() })
}

fn newest(bench: &Bench) -> Vec<(String, u64, bool)> {
    let catalogue = Catalogue::load(&bench.desk.root).unwrap();
    catalogue.newest().into_iter().map(|e| (e.name.clone(), e.version, e.deleted)).collect()
}

#[test]
fn a_document_is_created_updated_unchanged_deleted_and_created_again_in_growing_versions() {
    let bench = bench();
    let mut seen = Vec::new();
    for days in [1, 1, 2] {
        let mut done = applied(bench.apply(&baseline("a", days)));
        let one = done.remove(0);
        assert_eq!(one.entry.by, "tester");
        seen.push((one.change, one.entry.version, one.diff));
    }
    assert_eq!((seen[0].0, seen[0].1, seen[0].2.as_str()), (Change::Created, 1, ""));
    assert_eq!((seen[1].0, seen[1].1), (Change::Unchanged, 1));
    assert_eq!((seen[2].0, seen[2].1), (Change::Updated, 2));
    assert!(
        seen[2].2.starts_with("--- PatchBaseline a version 1\n+++ PatchBaseline a version 2\n"),
        "{}",
        seen[2].2
    );
    assert!(
        seen[2].2.contains("-    - approve_after_days: 1\n+    - approve_after_days: 2\n"),
        "{}",
        seen[2].2
    );
    let gone = applied(delete(&bench, "PatchBaseline", "a")).remove(0);
    assert_eq!((gone.change, gone.entry.version, gone.entry.deleted), (Change::Deleted, 3, true));
    assert_eq!(
        Catalogue::load(&bench.desk.root).unwrap().documents(&bench.desk.root).0.documents().count(),
        0
    );
    assert!(delete(&bench, "PatchBaseline", "a").unwrap_err().why.contains("there is no PatchBaseline"));
    // The text from before the deletion is a new version all the same.
    let again = applied(bench.apply(&baseline("a", 2))).remove(0);
    assert_eq!((again.change, again.entry.version), (Change::Created, 4));
    let text = std::fs::read_to_string(bench.path(&catalogue::path("PatchBaseline", "a", 2))).unwrap();
    assert_eq!(text, baseline("a", 2), "old versions stay");
}

#[test]
fn of_several_documents_each_keeps_its_own_text_and_one_bad_one_keeps_all_out() {
    let bench = bench();
    let bad =
        format!("{}---\nkind: PatchBaseline\nname: b\nspec: {{operating_system: DOS}}\n", baseline("a", 1));
    let trouble = bench.apply(&bad).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Failed);
    assert!(trouble.why.contains("DOS"), "{}", trouble.why);
    assert!(newest(&bench).is_empty());
    let text = format!("# both\n---\n# one\n{}---\n{}...\n", baseline("a", 1), baseline("b", 2));
    let done = applied(bench.apply(&text));
    assert_eq!(done.len(), 2);
    assert_eq!(newest(&bench), [("a".into(), 1, false), ("b".into(), 1, false)]);
    let catalogue = Catalogue::load(&bench.desk.root).unwrap();
    assert_eq!(catalogue.documents(&bench.desk.root).0.documents().count(), 2);
    assert_eq!(
        Catalogue::text(&bench.desk.root, catalogue.newest()[0]).unwrap(),
        format!("# one\n{}", baseline("a", 1))
    );
    // Unchanged beside changed: one line more in the log.
    let done = applied(bench.apply(&format!("# one\n{}---\n{}", baseline("a", 1), baseline("b", 3))));
    assert_eq!(done.iter().map(|a| a.change).collect::<Vec<_>>(), [Change::Unchanged, Change::Updated]);
    assert_eq!(std::fs::read_to_string(bench.path(LOG)).unwrap().lines().count(), 3);
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let bench = bench();
    let done = applied(bench.ask(Request::Apply { text: baseline("a", 1), dry_run: true }));
    assert_eq!((done[0].change, done[0].entry.version), (Change::Created, 1));
    assert!(!bench.path(catalogue::DIRECTORY).exists());
}

#[test]
fn a_log_with_a_cut_end_goes_on_where_it_was_sound() {
    let bench = bench();
    bench.apply(&baseline("a", 1)).unwrap();
    bench.apply(&baseline("a", 2)).unwrap();
    let log = std::fs::read(bench.path(LOG)).unwrap();
    for cut in [1, 40, 150] {
        std::fs::write(bench.path(LOG), &log[..log.len() - cut]).unwrap();
        assert_eq!(newest(&bench), [("a".into(), 1, false)], "cut by {cut}");
        let done = applied(bench.apply(&baseline("a", 2)));
        assert_eq!((done[0].change, done[0].entry.version), (Change::Updated, 2));
        assert!(Catalogue::load(&bench.desk.root).unwrap().warnings.is_empty());
    }
}

#[test]
fn names_that_would_be_paths_are_refused() {
    let bench = bench();
    for name in ["..", ".", "../../etc/cron.d/x", "a/b", "/etc/passwd"] {
        let trouble = bench.apply(&baseline(&format!("\"{name}\""), 1)).unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Failed, "{name}");
        assert!(delete(&bench, "PatchBaseline", name).is_err());
        assert!(delete(&bench, name, "a").is_err());
    }
    assert!(newest(&bench).is_empty());
}

#[test]
fn a_text_that_was_damaged_on_disk_is_mended_by_applying_it_again() {
    let bench = bench();
    bench.apply(&baseline("a", 1)).unwrap();
    std::fs::write(bench.path(&catalogue::path("PatchBaseline", "a", 1)), "kind: nonsense").unwrap();
    let done = applied(bench.apply(&baseline("a", 1)));
    assert_eq!((done[0].change, done[0].entry.version), (Change::Updated, 2));
    let catalogue = Catalogue::load(&bench.desk.root).unwrap();
    assert!(catalogue.documents(&bench.desk.root).1.is_empty());
}

#[test]
fn where_nothing_can_be_written_nothing_is_adopted() {
    let bench = bench();
    std::fs::create_dir_all(bench.path(catalogue::DIRECTORY)).unwrap();
    // A directory in the place of the log: not even root can write it.
    std::fs::create_dir(bench.path(LOG)).unwrap();
    assert!(bench.apply(&baseline("a", 1)).is_err());
    std::fs::remove_dir(bench.path(LOG)).unwrap();
    assert!(newest(&bench).is_empty());
    assert_eq!(applied(bench.apply(&baseline("a", 1)))[0].entry.version, 1);
}

fn warnings(answer: Result<Answer, Trouble>) -> Vec<String> {
    match answer {
        Ok(Answer::Applied { warnings, .. }) => warnings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_odd_in_the_documents_as_they_will_be_is_told_and_nothing_else() {
    let bench = bench();
    let group = "kind: PatchGroup\nname: prod\nspec: {baselines: [web]}\n";
    let dry = bench.ask(Request::Apply { text: group.into(), dry_run: true });
    let said = warnings(dry);
    assert!(said.len() == 1 && said[0].contains("baseline web is not here"), "{said:?}");
    assert_eq!(warnings(bench.apply(group)), said);
    // Another document has nothing to do with it, and with the baseline it is no longer so.
    assert_eq!(warnings(bench.apply(&baseline("other", 1))), [""; 0]);
    assert_eq!(warnings(bench.apply(&baseline("web", 1))), [""; 0]);
    let said = warnings(delete(&bench, "PatchBaseline", "web"));
    assert!(said.len() == 1 && said[0].contains("baseline web is not here"), "{said:?}");
}

#[test]
fn a_line_of_the_log_that_cannot_be_read_stops_everything_and_stays() {
    let bench = bench();
    bench.apply(&baseline("a", 1)).unwrap();
    delete(&bench, "PatchBaseline", "a").unwrap();
    let log = std::fs::read_to_string(bench.path(LOG)).unwrap();
    let newer = log.replace("\"deleted\":true", "\"deleted\":true,\"signed\":true");
    std::fs::write(bench.path(LOG), &newer).unwrap();
    for answer in [bench.apply(&baseline("b", 1)), delete(&bench, "PatchBaseline", "a")] {
        let why = answer.unwrap_err().why;
        assert!(why.contains(LOG) && why.contains("line 2 was written by a newer version"), "{why}");
    }
    assert_eq!(std::fs::read_to_string(bench.path(LOG)).unwrap(), newer);
    let survey = Request::Survey {
        run: crate::bench::run(),
        refresh: false,
        dry_run: false,
        basis: patchflock_api::privileged::Basis::Look {},
        attempted: false,
    };
    assert!(bench.ask(survey).unwrap_err().why.contains("newer version"), "nothing is planned either");
}

#[test]
fn there_are_bounds_to_names_and_to_the_log() {
    let bench = bench();
    bench.apply(&baseline("a", 1)).unwrap();
    let mut catalogue = Catalogue::load(&bench.desk.root).unwrap();
    let applied: Vec<Applied> = applied(bench.ask(Request::Apply { text: baseline("b", 1), dry_run: true }));
    within_bounds(&catalogue, &applied).unwrap();
    let many: Vec<Applied> = std::iter::repeat_n(applied[0].clone(), catalogue::MOST_NAMES).collect();
    assert!(within_bounds(&catalogue, &many).unwrap_err().why.contains("10001 documents"));
    catalogue.sound = catalogue::LOG_CAP - 100;
    assert!(within_bounds(&catalogue, &applied).unwrap_err().why.contains("is full"));
}
