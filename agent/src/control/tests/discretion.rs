//! Who is told what, and how much of it at a time.

use std::io::Read;
use std::time::Instant;

use patchflock_api::run::{HookPoint, HookResult, HookRun};
use serde_json::json;

use super::*;

const SECRET: &str = "s3cret";

/// A run whose hooks and tools were talkative.
fn talkative(id: &str) -> RunEntry {
    let hook = HookResult {
        name: "10-a".into(),
        failure: Some("exit status 3".into()),
        output: format!("password {SECRET}"),
        took_ms: 1,
    };
    RunEntry {
        hooks: vec![HookRun { point: HookPoint::PreInstall, hooks: vec![hook] }],
        reason: format!("cannot fetch https://user:{SECRET}@mirror/x"),
        ..entry(id, Ending::Failed)
    }
}

#[test]
fn secrets_are_told_to_administrators_and_to_nobody_else_whatever_is_asked() {
    let bench = Bench::new();
    bench.remember(talkative("r-1"));
    bench.change(|status| status.last_run = Some(talkative("r-1")));
    let record = json!({
        "baseline": {"sources": [{"configuration": SECRET}]},
        "report": {"log": SECRET, "outcomes": [{"why": format!("http://{SECRET}@x")}]},
    });
    std::fs::write(bench.path().join("runs/r-1.json"), record.to_string()).unwrap();
    let survey = json!({"inventory": {"sources": [{"state": {"why": format!("https://x/{SECRET}")}}]}});
    std::fs::write(bench.path().join("survey.json"), survey.to_string()).unwrap();
    for path in ["/v1/status", "/v1/survey", "/v1/runs", "/v1/runs/r-1", "/v1/runs/r-1/events"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        let (status, everything) = bench.raw("admin.sock", request.as_bytes());
        assert!(status == 200 && everything.contains(SECRET), "{path}: {everything}");
        let (status, rest) = bench.raw("patchflockd.sock", request.as_bytes());
        assert!(status == 200 && !rest.contains(SECRET), "{path}: {rest}");
    }
    // What is left out leaves answers that are understood.
    let guest = bench.guest();
    assert_eq!(guest.run(&run_id("r-1")).unwrap().entry.hooks[0].hooks[0].output, "");
    assert_eq!(guest.runs(9, None, None).unwrap()[0].reason, "cannot fetch https://…");
    assert_eq!(guest.status().unwrap().last_run.unwrap().hooks.len(), 1);
    assert_eq!(bench.client().run(&run_id("r-1")).unwrap().record.unwrap(), record);
    assert!(matches!(guest.events(&run_id("r-1")).unwrap().next(WAIT).unwrap(), Next::News(_)));
}

#[test]
fn a_baseline_that_configures_repositories_is_not_for_everybody_in_any_version() {
    let bench = Bench::new();
    let plain = "kind: PatchBaseline\nname: web\nspec:\n  operating_system: DEBIAN\n";
    let sources = format!(
        "{plain}  sources:\n    - name: m\n      products: ['*']\n      configuration: deb https://u:{SECRET}@x/ ./\n"
    );
    bench.document("PatchBaseline", "web", 1, Some(&sources));
    bench.document("PatchBaseline", "web", 2, Some(plain));
    let (guest, client) = (bench.guest(), bench.client());
    assert_eq!(guest.document("PatchBaseline", "web", None).unwrap().text.unwrap(), plain);
    let (status, why) = refused(guest.document("PatchBaseline", "web", Some(1)));
    assert!(status == 403 && why.contains("`sources`") && why.contains("root or a member"), "{why}");
    assert_eq!(client.document("PatchBaseline", "web", Some(1)).unwrap().text.unwrap(), sources);
}

#[test]
fn a_damaged_record_is_called_damaged_and_its_run_is_still_in_the_list() {
    let bench = Bench::new();
    bench.remember(entry("r-1", Ending::Succeeded));
    std::fs::write(bench.path().join("runs/r-1.json"), "{\"format\": 1").unwrap();
    for client in [bench.client(), bench.guest()] {
        let (status, why) = refused(client.run(&run_id("r-1")));
        assert!(status == 500 && why.contains("r-1.json is damaged"), "{why}");
        assert_eq!(client.runs(1, None, None).unwrap().len(), 1);
    }
}

#[test]
fn sixty_four_readers_who_do_not_read_get_two_large_answers_and_cost_others_nothing() {
    let bench = Bench::new();
    // Larger than what the sockets take by themselves.
    bench.remember(RunEntry { reason: "x".repeat(1 << 20), ..entry("r-1", Ending::Succeeded) });
    let ask = b"GET /v1/runs?limit=1 HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut slow: Vec<_> = (0..64).map(|_| bench.connected("patchflockd.sock", ask)).collect();
    let until = Instant::now() + WAIT;
    while bench.asked().len() < 2 {
        assert!(Instant::now() < until, "nobody was answered");
        std::thread::yield_now();
    }
    // Administrators have a socket of their own.
    assert_eq!(bench.client().runs(1, None, None).unwrap().len(), 1);
    assert_eq!(bench.asked().len(), 3, "no third answer was made for the readers");
    // Each is answered in the end.
    for stream in &mut slow {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.len() > 1 << 20 && answer.ends_with(b"}]"), "{}", answer.len());
    }
    assert_eq!(bench.asked().len(), 65);
}
