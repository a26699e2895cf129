//! The client against the server, over real sockets; and what is not the client.

mod bench;
mod discretion;
mod hostile;

use patchflock_api::client::{ClientError, Next};
use patchflock_api::run::{Ending, Operation};
use patchflock_api::status::{RunNews, StartRun};

use super::*;
use bench::{Bench, active, entry, run_id};

const WAIT: Duration = Duration::from_secs(20);

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, why } => (status, why),
        other => panic!("{other:?}"),
    }
}

fn scan() -> StartRun {
    StartRun {
        operation: Operation::Scan,
        reboot: Default::default(),
        dry_run: false,
        order: None,
        expires: None,
    }
}

#[test]
fn the_status_is_the_newest_snapshot() {
    let bench = Bench::new();
    let told = bench.client().status().unwrap();
    assert!(told.machine.as_ref().is_some_and(|m| !m.disks.is_empty()), "read for who asks");
    assert_eq!(Status { machine: None, ..told }, bench.status());
    bench.change(|status| status.warnings = vec!["the clock jumped".into()]);
    assert_eq!(bench.client().status().unwrap().warnings, ["the clock jumped"]);
    // The other socket answers reads, too.
    let (status, _) = bench.raw("admin.sock", b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(status, 200);
}

#[test]
fn the_survey_comes_as_it_is_and_its_absence_says_what_makes_one() {
    let bench = Bench::new();
    let (status, why) = refused(bench.client().survey_bytes());
    assert!(status == 404 && why.contains("`patchflock scan` makes one"), "{why}");
    let large = format!("{{\"format\": 9, \"x\": \"{}\"}}", "y".repeat(5 << 20));
    std::fs::write(bench.path().join("survey.json"), &large).unwrap();
    assert!(bench.client().survey_bytes().unwrap() == large.as_bytes());
    let why = bench.client().survey().unwrap_err().to_string();
    assert!(why.contains("its format is 9, this patchflock reads 1"), "{why}");
    for damage in ["", &large[..large.len() - 1]] {
        std::fs::write(bench.path().join("survey.json"), damage).unwrap();
        let (status, why) = refused(bench.client().survey());
        assert!(status == 500 && why.contains("is damaged") && why.contains("`patchflock scan`"), "{why}");
    }
}

#[test]
fn documents_are_listed_in_their_newest_version_and_read_in_any() {
    let bench = Bench::new();
    assert_eq!(bench.client().documents().unwrap(), []);
    bench.document("PatchBaseline", "web", 1, Some("one: é\n"));
    bench.document("PatchBaseline", "web", 2, Some("two\n"));
    bench.document("MaintenanceWindow", "night", 1, Some("w\n"));
    bench.document("MaintenanceWindow", "night", 2, None);
    let client = bench.client();
    let listed: Vec<_> =
        client.documents().unwrap().into_iter().map(|e| (e.name, e.version, e.deleted)).collect();
    assert_eq!(listed, [("night".into(), 2, true), ("web".into(), 2, false)]);
    let text = |kind: &str, name: &str, version| client.document(kind, name, version).unwrap().text;
    assert_eq!(text("PatchBaseline", "web", None).unwrap(), "two\n");
    assert_eq!(text("PatchBaseline", "web", Some(1)).unwrap(), "one: é\n");
    assert_eq!(text("MaintenanceWindow", "night", None), None);
    let (status, why) = refused(client.document("PatchBaseline", "web", Some(3)));
    assert!(status == 404 && why.contains("PatchBaseline web version 3"), "{why}");
}

#[test]
fn a_torn_last_line_of_the_log_was_not_adopted_and_a_whole_one_that_is_broken_is_an_error() {
    let bench = Bench::new();
    bench.document("PatchBaseline", "web", 1, Some("one\n"));
    bench.append_to_log("{\"kind\":\"PatchBase");
    assert_eq!(bench.client().documents().unwrap().len(), 1);
    let text = bench.path().join("var/lib/patchflock/documents/PatchBaseline/web/1.yaml");
    std::fs::write(text, "two\n").unwrap();
    let (status, why) = refused(bench.client().document("PatchBaseline", "web", None));
    assert!(status == 500 && why.contains("not the text that was adopted"), "{why}");
    bench.append_to_log("\n");
    let (status, why) = refused(bench.client().documents());
    assert!(status == 500 && why.contains("line 2 is damaged"), "{why}");
}

#[test]
fn what_was_not_adopted_completely_was_not_adopted() {
    let bench = Bench::new();
    bench.document("PatchBaseline", "web", 1, Some("one\n"));
    let line = |name: &str, more: usize| {
        format!(
            "{{\"entry\":{{\"kind\":\"PatchBaseline\",\"name\":\"{name}\",\"version\":1,\"sha256\":\"\",\
             \"adopted_at\":\"2026-11-24T00:00:00Z\",\"by\":\"x\",\"expires\":null,\"deleted\":true}},\"more\":{more}}}\n"
        )
    };
    bench.append_to_log(&line("a-1", 2));
    bench.append_to_log(&line("a-2", 1));
    assert_eq!(bench.client().documents().unwrap().len(), 1);
    bench.append_to_log(&line("a-3", 0));
    assert_eq!(bench.client().documents().unwrap().len(), 4);
}

#[test]
fn runs_are_listed_shown_with_their_record_and_unknown_ones_are_not_found() {
    let bench = Bench::new();
    bench.remember(entry("r-1", Ending::Succeeded));
    bench.remember(entry("r-2", Ending::Failed));
    let client = bench.client();
    let ids = |runs: Vec<RunEntry>| runs.into_iter().map(|r| r.spec.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(client.runs(10, None, None).unwrap()), ["r-2", "r-1"]);
    assert_eq!(ids(client.runs(1, None, None).unwrap()), ["r-2"]);
    // What is asked for comes through whole.
    assert_eq!(ids(client.runs(10, Some("a b&c=d"), Some("CVE-1")).unwrap()), ["r-2", "r-1"]);
    assert_eq!(
        bench.asked(),
        [(10, None, None), (1, None, None), (10, Some("a b&c=d"), Some("CVE-1"))].map(
            |(n, p, c): (usize, Option<&str>, Option<&str>)| (n, p.map(str::to_owned), c.map(str::to_owned))
        )
    );
    assert_eq!(client.run(&run_id("r-1")).unwrap().record, None);
    std::fs::write(bench.path().join("runs/r-1.json"), "{\"format\": 1}").unwrap();
    let detail = client.run(&run_id("r-1")).unwrap();
    assert_eq!(
        (detail.entry, detail.record.unwrap()["format"].clone()),
        (entry("r-1", Ending::Succeeded), 1.into())
    );
    let (status, why) = refused(client.run(&run_id("r-3")));
    assert!(status == 404 && why.contains("no run r-3"), "{why}");
    bench.change(|status| status.active = Some(active("r-3", "refreshing")));
    let (status, why) = refused(client.run(&run_id("r-3")));
    assert!(status == 404 && why.contains("runs watch r-3"), "{why}");
    assert_eq!(refused(client.runs(100_000, None, None)).0, 400);
    assert_eq!(refused(client.events(&run_id("r-9"))).0, 404);
}

#[test]
fn the_news_of_a_run_come_as_they_happen_and_end_with_it() {
    let bench = Bench::new();
    bench.change(|status| status.active = Some(active("r-1", "refreshing")));
    let mut events = bench.client().events(&run_id("r-1")).unwrap();
    let progress = |what| Next::News(RunNews::Progress { active: Box::new(active("r-1", what)) });
    assert_eq!(events.next(WAIT).unwrap(), progress("refreshing"));
    assert_eq!(events.next(Duration::from_millis(30)).unwrap(), Next::Nothing);
    // What does not concern the run is not told.
    bench.change(|status| status.warnings = vec!["x".into()]);
    bench.change(|status| status.active = Some(active("r-1", "scanning")));
    assert_eq!(events.next(WAIT).unwrap(), progress("scanning"));
    let end = entry("r-1", Ending::Succeeded);
    bench.change(|status| {
        status.active = None;
        status.last_run = Some(end.clone());
    });
    assert_eq!(events.next(WAIT).unwrap(), Next::News(RunNews::Ended { entry: Box::new(end.clone()) }));
    assert_eq!(events.next(WAIT).unwrap(), Next::Over);
    // Who comes late hears the end at once, also from the history.
    bench.remember(end.clone());
    bench.change(|status| status.last_run = None);
    let mut late = bench.client().events(&run_id("r-1")).unwrap();
    assert_eq!(late.next(WAIT).unwrap(), Next::News(RunNews::Ended { entry: Box::new(end) }));
}

#[test]
fn an_administrator_starts_and_cancels_runs_and_is_named_to_the_daemon() {
    let bench = Bench::new();
    let client = bench.client();
    assert_eq!(client.start(&scan()).unwrap().run, run_id("r-new"));
    let (status, why) = refused(client.start(&StartRun { dry_run: true, ..scan() }));
    assert!(status == 409 && why.contains("r-new is in progress"), "{why}");
    client.cancel(&run_id("r-new")).unwrap();
    assert_eq!(refused(client.cancel(&run_id("r-other"))).0, 404);
    client.documents_changed().unwrap();
    let uid = rustix::process::getuid().as_raw();
    let requests = bench.requests();
    assert_eq!(requests.len(), 5);
    for (by, _) in &requests {
        assert!(uid != 0 || by.to_string() == "uid 0 (root)", "{by}");
        assert_eq!((by.uid, by.pid), (uid, Some(rustix::process::getpid().as_raw_nonzero().get())));
    }
    assert_eq!(requests[0].1, ControlWhat::Start(scan()));
    assert_eq!(requests[4].1, ControlWhat::DocumentsChanged);
}

#[test]
fn an_agent_that_stops_or_hangs_says_so() {
    let bench = Bench::new();
    bench.daemon(bench::Daemon::Drops);
    let (status, why) = refused(bench.client().documents_changed());
    assert!(status == 503 && why.contains("is stopping"), "{why}");
    bench.daemon(bench::Daemon::Hangs);
    let (status, why) = refused(bench.client().documents_changed());
    assert!(status == 503 && why.contains("did not answer within"), "{why}");
}

#[test]
fn the_read_socket_changes_nothing() {
    let bench = Bench::new();
    for path in ["/v1/runs", "/v1/runs/r-1/cancel", "/v1/documents/changed"] {
        let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}");
        let (status, body) = bench.raw("patchflockd.sock", request.as_bytes());
        assert!(status == 403 && body.contains("admin.sock"), "{body}");
    }
    assert_eq!(bench.requests(), []);
}
