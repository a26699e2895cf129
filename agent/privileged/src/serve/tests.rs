//! Who may ask, and what becomes of callers who do not behave.

use std::io::{BufRead, BufReader};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use patchflock_api::privileged::Answer;
use patchflock_api::run::HookPoint;

use super::*;
use crate::bench::{Bench, baseline, run};

/// Everything that a caller of this user hears.
fn said(bench: &Bench, uid: u32, send: impl FnOnce(UnixStream) + Send + 'static) -> Vec<Reply> {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let heard = theirs.try_clone().unwrap();
    let sender = std::thread::spawn(move || send(theirs));
    let reader = std::thread::spawn(move || {
        BufReader::new(heard).lines().map(|l| serde_json::from_str(&l.unwrap()).unwrap()).collect()
    });
    serve(&bench.desk, &ours, uid, || {}).unwrap();
    ours.shutdown(Shutdown::Both).ok();
    drop(ours);
    sender.join().unwrap();
    reader.join().unwrap()
}

fn asked(bench: &Bench, uid: u32, request: &Request) -> Reply {
    let line = serde_json::to_string(request).unwrap() + "\n";
    said(bench, uid, move |mut s| s.write_all(line.as_bytes()).unwrap()).pop().unwrap()
}

fn why(reply: &Reply) -> &str {
    match reply {
        Reply::Trouble { trouble } => &trouble.why,
        other => panic!("{other:?}"),
    }
}

fn machine() -> Bench {
    let bench = Bench::ready();
    let users =
        "root:x:0:0:root:/:/bin/sh\npatchflock:x:990:990::/:/bin/false\nalice:x:1000:1000::/:/bin/sh\n";
    bench.file("/etc/passwd", users, 0o644);
    bench
}

fn requests() -> Vec<Request> {
    let order = patchflock_api::order::Order::default();
    vec![
        Request::Apply { text: String::new(), dry_run: true },
        Request::Delete { kind: "x".into(), name: "y".into() },
        Request::Place { order },
        Request::Survey { run: run(), refresh: false, dry_run: true, order: None, attempted: false },
        Request::Fetch { run: run() },
        Request::Install { run: run(), token: 1, not_after: None },
        Request::Hook { run: run(), point: HookPoint::OnExit },
        Request::Health { run: run() },
        Request::Reboot { run: run(), not_after: None },
    ]
}

#[test]
fn administrators_and_the_agent_have_each_their_own_requests() {
    let bench = machine();
    for (n, request) in requests().iter().enumerate() {
        let of_administrators = n < 3;
        let (uid, words) = if of_administrators {
            (990, "patchflock is the agent, and ")
        } else {
            (1000, "alice is an administrator, and ")
        };
        let reply = asked(&bench, uid, request);
        assert!(why(&reply).starts_with(words), "{request:?}: {reply:?}");
    }
    assert!(bench.asked().is_empty(), "nothing was done");
    let apply = Request::Apply { text: baseline("b", 1), dry_run: false };
    for uid in [0, 1000, 4711] {
        let Reply::Done { answer: Answer::Applied { applied, .. } } = asked(&bench, uid, &apply) else {
            panic!()
        };
        assert_eq!(applied[0].entry.by, "root", "whoever comes after changes nothing");
    }
    for uid in [0, 990] {
        assert!(matches!(asked(&bench, uid, &requests()[3]), Reply::Done { .. }));
    }
}

#[test]
fn without_the_agents_user_only_root_is_the_agent() {
    assert_eq!(rights(0, None), Rights { agent: true, administrator: true });
    assert_eq!(rights(990, None), Rights { agent: false, administrator: true });
    assert_eq!(rights(0, Some(990)), Rights { agent: true, administrator: true });
}

#[test]
fn progress_comes_before_the_answer_and_a_closed_writing_side_is_no_hang_up() {
    let bench = machine();
    let line = serde_json::to_string(&requests()[3]).unwrap();
    let replies = said(&bench, 0, move |mut s| {
        s.write_all(line.as_bytes()).unwrap();
        s.shutdown(Shutdown::Write).unwrap();
    });
    assert!(matches!(replies[0], Reply::Progress { .. }), "{replies:?}");
    assert!(matches!(replies.last(), Some(Reply::Done { .. })));
}

#[test]
fn what_is_no_request_is_refused_with_words() {
    let bench = machine();
    let long = vec![b'x'; 9 << 20];
    for (bytes, words) in [
        (b"\n".to_vec(), "not a request"),
        (b"{}\n".to_vec(), "not a request"),
        (b"\xff\xfe\n".to_vec(), "not a request"),
        (br#"{"request":"fetch","run":"../../etc"}"#.to_vec(), "is not an id"),
        (br#"{"request":"fetch","run":"a","more":1}"#.to_vec(), "unknown field"),
        (long, "the request is longer than 8 MiB"),
    ] {
        // Who talks too long may find the connection closed.
        let replies = said(&bench, 0, move |mut s| {
            s.write_all(&bytes).ok();
            s.shutdown(Shutdown::Write).ok();
        });
        assert!(why(&replies[0]).contains(words), "{words}: {replies:?}");
    }
}

#[test]
fn who_says_nothing_is_not_waited_for_ever() {
    let (mut theirs, ours) = UnixStream::pair().unwrap();
    theirs.write_all(b"{\"request\":").unwrap();
    let trouble = request(&ours, Duration::from_millis(100)).unwrap_err();
    assert_eq!(trouble.why, "no request came within 0 s");
}

#[test]
fn a_hang_up_is_noticed_but_not_while_something_must_not_be_interrupted() {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let calm = calm();
    let (tell, told) = mpsc::channel();
    let calmly = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&calmly);
    watch(ours.as_fd().try_clone_to_owned().unwrap(), move || {
        tell.send(seen.load(Ordering::SeqCst)).unwrap();
    });
    drop(theirs);
    assert!(told.recv_timeout(Duration::from_millis(300)).is_err());
    calmly.store(true, Ordering::SeqCst);
    drop(calm);
    assert!(told.recv_timeout(Duration::from_secs(20)).unwrap());
}

#[test]
fn a_caller_that_hangs_up_during_an_installation_leaves_it_running_and_asks_again_for_its_result() {
    let bench = machine();
    bench.survey();
    let (begun, begins) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let (begun, goes_on) = (Mutex::new(begun), Mutex::new(goes_on));
    bench.scripted_install(move |_| {
        begun.lock().unwrap().send(()).unwrap();
        goes_on.lock().unwrap().recv().unwrap();
        None
    });
    let (mut theirs, ours) = UnixStream::pair().unwrap();
    let line =
        serde_json::to_string(&Request::Install { run: run(), token: 1, not_after: None }).unwrap() + "\n";
    theirs.write_all(line.as_bytes()).unwrap();
    let (gone, is_gone) = mpsc::channel();
    let other = std::thread::spawn(move || {
        begins.recv().unwrap();
        drop(theirs);
        // Where the real program ends itself.
        is_gone.recv_timeout(Duration::from_secs(20)).unwrap();
        go_on.send(()).unwrap();
    });
    serve(&bench.desk, &ours, 0, move || gone.send(()).unwrap()).unwrap();
    other.join().unwrap();
    let Reply::Done { answer: Answer::Installed { installed } } =
        asked(&bench, 0, &Request::Install { run: run(), token: 1, not_after: None })
    else {
        panic!()
    };
    assert_eq!((installed.installed, bench.version("jq")), (1, "2".into()));
}
