//! Callers that are no friends: none of them keeps others from an answer, and none gets a file that is not his.

use std::io::Read;

use super::*;

#[test]
fn garbage_and_wrong_methods_are_refused_and_the_next_caller_is_answered() {
    let bench = Bench::new();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n\0\0\0",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        &[b'A'; 100_000],
    ] {
        for socket in ["patchflockd.sock", "admin.sock"] {
            let (status, body) = bench.raw(socket, garbage);
            assert!([0, 400, 414, 431, 505].contains(&status), "{body}");
        }
    }
    for (request, wanted) in [
        ("DELETE /v1/status", 405),
        ("GET /v2/status", 404),
        ("GET /", 404),
        ("GET /v1/runs/..%2F..%2Fetc", 400),
        ("GET /v1/runs/UPPER", 400),
        ("GET /v1/runs/%FF", 400),
        ("GET /v1/runs?limit=many", 400),
        ("GET /v1/runs?colour=red", 400),
    ] {
        let (status, body) =
            bench.raw("patchflockd.sock", format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
        assert_eq!(status, wanted, "{request}: {body}");
        assert!(wanted == 405 || body.contains("{\"error\":\""), "{body}");
    }
    bench.client().status().unwrap();
}

#[test]
fn a_body_is_bounded_and_must_be_what_it_claims() {
    let bench = Bench::new();
    let post = |length: usize, body: &[u8]| {
        let mut bytes =
            format!("POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").into_bytes();
        bytes.extend(body);
        bench.raw("admin.sock", &bytes).0
    };
    assert_eq!(post(2 << 20, &vec![b' '; 2 << 20]), 413);
    assert!([413, 431].contains(&post(usize::MAX, b"{")));
    for nonsense in
        ["{}", "[]", "{\"operation\":\"erase\"}", "{\"operation\":\"scan\",\"root\":true}", "\u{1}"]
    {
        assert_eq!(post(nonsense.len(), nonsense.as_bytes()), 400, "{nonsense}");
    }
    assert_eq!(bench.requests(), []);
}

#[test]
fn a_document_is_never_a_way_to_other_files() {
    let bench = Bench::new();
    std::fs::write(bench.path().join("var/lib/patchflock/documents/secret.yaml"), "secret").unwrap();
    bench.document("PatchBaseline", "web", 1, Some("one\n"));
    for (kind, name) in [
        ("PatchBaseline", ".."),
        ("..", "PatchBaseline"),
        ("PatchBaseline", "../../secret"),
        ("PatchBaseline", "web/../../../secret"),
        ("PatchBaseline", "web\0"),
        ("", "web"),
        ("PatchBaseline", &"x".repeat(5000)),
    ] {
        let (status, why) = refused(bench.client().document(kind, name, None));
        assert!([400, 404].contains(&status) && !why.contains("secret\n"), "{kind} {name}: {why}");
    }
    // Not even where the log itself says so, or the text is a link to elsewhere.
    let line = r#"{"entry":{"kind":"PatchBaseline","name":"../..","version":1,"sha256":"","adopted_at":"2026-11-24T00:00:00Z","by":"x","expires":null,"deleted":false},"more":0}"#;
    bench.append_to_log(&format!("{line}\n"));
    assert_eq!(bench.client().documents().unwrap().len(), 1);
    let text = bench.path().join("var/lib/patchflock/documents/PatchBaseline/web/1.yaml");
    std::fs::remove_file(&text).unwrap();
    std::os::unix::fs::symlink(bench.path().join("var/lib/patchflock/documents/secret.yaml"), &text).unwrap();
    assert_eq!(refused(bench.client().document("PatchBaseline", "web", None)).0, 500);
}

#[test]
fn two_hundred_silent_connections_delay_an_answer_and_do_not_prevent_it() {
    let limits = Limits {
        connections: 16,
        head: Duration::from_millis(100),
        whole: Duration::from_millis(200),
        ..Limits::default()
    };
    let bench = Bench::within(limits);
    let beginnings: [&[u8]; 3] =
        [b"", b"GET /v1/sta", b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"];
    let silent: Vec<_> = (0..200)
        .map(|n| {
            bench.connected(if n % 2 == 0 { "admin.sock" } else { "patchflockd.sock" }, beginnings[n % 3])
        })
        .collect();
    bench.client().status().unwrap();
    bench.client().documents_changed().unwrap();
    // And each of them was sent away.
    for mut stream in silent {
        stream.read_to_end(&mut Vec::new()).ok();
    }
}

#[test]
fn followers_are_few_and_outlive_the_deadline_of_other_answers() {
    let limits = Limits { followers: 2, whole: Duration::from_millis(100), ..Limits::default() };
    let bench = Bench::within(limits);
    bench.change(|status| status.active = Some(active("r-1", "one")));
    let follow = || bench.client().events(&run_id("r-1"));
    let (mut first, second) = (follow().unwrap(), follow().unwrap());
    let (status, why) = refused(follow());
    assert!(status == 503 && why.contains("runs show r-1"), "{why}");
    drop(second);
    assert!(matches!(first.next(WAIT).unwrap(), Next::News(_)));
    assert_eq!(first.next(Duration::from_millis(500)).unwrap(), Next::Nothing);
    bench.change(|status| status.active = Some(active("r-1", "two")));
    assert!(matches!(first.next(WAIT).unwrap(), Next::News(_)));
    // The place of the one who left is free again.
    let deadline = std::time::Instant::now() + WAIT;
    while follow().is_err() {
        assert!(std::time::Instant::now() < deadline, "a place stays taken");
        std::thread::yield_now();
    }
}
