//! Against peers that are absent, hostile, or play the privileged half.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;

use super::*;
use crate::document::Change;
use crate::privileged::{Answer, Request};

/// A peer that reads one line (or the head of a request) and says these bytes.
fn peer(socket: &std::path::Path, says: &'static [u8]) -> std::thread::JoinHandle<String> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        (&stream).write_all(says).ok();
        line
    })
}

fn delete() -> Request {
    Request::Delete { kind: "PatchBaseline".into(), name: "web".into() }
}

#[test]
fn without_an_agent_the_words_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let words = Client::at(dir.path()).status().unwrap_err().to_string();
    for part in
        ["patchflockd is not running", "patchflockd.sock does not exist", "`patchflock try` works without it"]
    {
        assert!(words.contains(part), "{words}");
    }
    let words = privileged::ask_at(&dir.path().join("priv.sock"), &delete(), |_| ()).unwrap_err().to_string();
    assert!(words.contains("systemctl start patchflock-priv.socket"), "{words}");
    // A socket that nobody listens on any more.
    drop(UnixListener::bind(dir.path().join("patchflockd.sock")).unwrap());
    let error = Client::at(dir.path()).status().unwrap_err();
    assert!(error.is_absence() && error.to_string().contains("does not answer"), "{error}");
}

#[test]
fn what_is_no_answer_of_ours_is_named_and_not_believed() {
    let answers: [(&'static [u8], &str); 5] = [
        (b"SSH-2.0-x\r\n", "connection broke"),
        (b"", "connection broke"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "another version"),
        (b"HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\noops", "500"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", "connection broke"),
    ];
    for (says, words) in answers {
        let dir = tempfile::tempdir().unwrap();
        let peer = peer(&dir.path().join("patchflockd.sock"), says);
        let error = Client::at(dir.path()).status().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(peer.join().unwrap(), "GET /v1/status HTTP/1.1\r\n");
    }
}

#[test]
fn names_are_escaped_so_that_they_stay_names() {
    let dir = tempfile::tempdir().unwrap();
    let peer = peer(&dir.path().join("patchflockd.sock"), b"");
    Client::at(dir.path()).document("PatchBaseline", "../a?b c", None).unwrap_err();
    assert_eq!(peer.join().unwrap(), "GET /v1/documents/PatchBaseline/..%2Fa%3Fb%20c HTTP/1.1\r\n");
}

#[test]
fn the_privileged_half_reports_progress_and_answers_once() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("priv.sock");
    let peer = peer(
        &socket,
        b"{\"reply\":\"progress\",\"what\":\"reading\"}\n\
          {\"reply\":\"done\",\"answer\":{\"answer\":\"applied\",\"applied\":[{\"entry\":{\"kind\":\"PatchBaseline\",\
          \"name\":\"web\",\"version\":2,\"sha256\":\"\",\"adopted_at\":\"2026-11-24T00:00:00Z\",\"by\":\"root\",\
          \"expires\":null,\"deleted\":true},\"change\":\"deleted\",\"diff\":\"\"}]}}\n",
    );
    let mut heard = Vec::new();
    let answer = privileged::ask_at(&socket, &delete(), |what| heard.push(what.to_owned())).unwrap();
    let Answer::Applied { applied, .. } = answer else { panic!("{answer:?}") };
    assert_eq!((applied[0].change, heard), (Change::Deleted, vec!["reading".to_owned()]));
    assert_eq!(serde_json::from_str::<Request>(&peer.join().unwrap()).unwrap(), delete());
}

#[test]
fn trouble_of_the_privileged_half_and_its_silence_are_errors() {
    let answers: [(&'static [u8], &str); 4] = [
        (
            b"{\"reply\":\"trouble\",\"trouble\":{\"kind\":\"failed\",\"why\":\"web is not there\"}}\n",
            "web is not there",
        ),
        (b"", "ended without an answer"),
        (b"{\"reply\":\"progress\",\"what\":\"x\"}\n{\"repl", "ended without an answer"),
        (b"hello\n", "another version"),
    ];
    for (says, words) in answers {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("priv.sock");
        let peer = peer(&socket, says);
        let error = privileged::ask_at(&socket, &delete(), |_| ()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        peer.join().unwrap();
    }
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("priv.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let endless = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = 0_u64;
        while stream.write_all(&[b'x'; 64 << 10]).is_ok() {
            sent += 64 << 10;
        }
        sent
    });
    let error = privileged::ask_at(&socket, &delete(), |_| ()).unwrap_err().to_string();
    assert!(error.contains("a line of more than 8 MiB"), "{error}");
    assert!(endless.join().unwrap() < 4 * crate::privileged::LINE_CAP);
}
