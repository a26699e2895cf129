//! A server with a scripted daemon behind it, on sockets in a directory of its own.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;

use patchflock_api::catalogue::{LogLine, sha256};
use patchflock_api::client::Client;
use patchflock_api::run::{Ending, Operation, RunSpec, Step, Trigger};
use patchflock_api::status::ActiveRun;
use patchflock_machine::root::Root;
use tempfile::TempDir;

use super::super::*;

/// How the daemon behaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Daemon {
    /// One run at a time, called `r-new`.
    Works,
    /// It goes away with the request.
    Drops,
    /// It keeps the request.
    Hangs,
}

type Asked = Vec<(usize, Option<String>, Option<String>)>;

#[derive(Default)]
struct Memory {
    runs: Mutex<Vec<RunEntry>>,
    asked: Mutex<Asked>,
}

impl History for Memory {
    fn newest(
        &self,
        limit: usize,
        package: Option<&str>,
        cve: Option<&str>,
    ) -> anyhow::Result<Vec<RunEntry>> {
        self.asked.lock().unwrap().push((limit, package.map(str::to_owned), cve.map(str::to_owned)));
        Ok(self.runs.lock().unwrap().iter().rev().take(limit).cloned().collect())
    }

    fn one(&self, run: &RunId) -> anyhow::Result<Option<RunEntry>> {
        Ok(self.runs.lock().unwrap().iter().find(|r| r.spec.id == *run).cloned())
    }
}

struct Heard {
    requests: Vec<(Caller, ControlWhat)>,
    daemon: Daemon,
    kept: Vec<oneshot::Sender<Result<ControlAnswer, ControlError>>>,
}

pub(super) struct Bench {
    dir: TempDir,
    snapshot: watch::Sender<Arc<Snapshot>>,
    history: Arc<Memory>,
    heard: Arc<Mutex<Heard>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::within(Limits { answer: Duration::from_secs(1), ..Limits::default() })
    }

    pub(super) fn within(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for below in ["runs", "var/lib/patchflock/documents"] {
            std::fs::create_dir_all(dir.path().join(below)).unwrap();
        }
        let (snapshot, snapshots) = watch::channel(Arc::new(Snapshot { status: status() }));
        let (requests, mut inbox) = mpsc::channel(4);
        let history = Arc::new(Memory::default());
        let heard =
            Arc::new(Mutex::new(Heard { requests: Vec::new(), daemon: Daemon::Works, kept: Vec::new() }));
        let handle = Handle {
            snapshot: snapshots,
            requests,
            history: history.clone(),
            documents: Arc::new(DocumentFiles::new(Root::at(dir.path()))),
            files: Files { survey: dir.path().join("survey.json"), runs: dir.path().join("runs") },
        };
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let sockets = dir.path().to_owned();
        let ears = heard.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let bind = |name: &str| UnixListener::bind(sockets.join(name)).unwrap();
                let (read, admin) = (bind("patchflockd.sock"), bind("admin.sock"));
                ready.send(()).unwrap();
                let daemon = async {
                    let mut busy = false;
                    while let Some(request) = inbox.recv().await {
                        hear(&mut ears.lock().unwrap(), request, &mut busy);
                    }
                };
                tokio::select! {
                    () = serve_within(read, admin, handle, limits) => {}
                    () = daemon => {}
                    _ = stopped => {}
                }
            });
        });
        is_ready.recv().unwrap();
        Self { dir, snapshot, history, heard, stop: Some(stop), thread: Some(thread) }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn client(&self) -> Client {
        Client::at(self.dir.path())
    }

    pub(super) fn status(&self) -> Status {
        self.snapshot.borrow().status.clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status();
        change(&mut status);
        self.snapshot.send(Arc::new(Snapshot { status })).unwrap();
    }

    pub(super) fn remember(&self, entry: RunEntry) {
        self.history.runs.lock().unwrap().push(entry);
    }

    pub(super) fn asked(&self) -> Asked {
        self.history.asked.lock().unwrap().clone()
    }

    pub(super) fn requests(&self) -> Vec<(Caller, ControlWhat)> {
        self.heard.lock().unwrap().requests.clone()
    }

    pub(super) fn daemon(&self, daemon: Daemon) {
        self.heard.lock().unwrap().daemon = daemon;
    }

    /// Adopts a version; without a text it is a deletion.
    pub(super) fn document(&self, kind: &str, name: &str, version: u64, text: Option<&str>) {
        let entry = DocumentEntry {
            kind: kind.into(),
            name: name.into(),
            version,
            sha256: sha256(text.unwrap_or_default().as_bytes()),
            adopted_at: at(0),
            by: "uid 0 (root)".into(),
            expires: None,
            deleted: text.is_none(),
        };
        if let Some(text) = text {
            let dir = self.dir.path().join("var/lib/patchflock/documents").join(kind).join(name);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(format!("{version}.yaml")), text).unwrap();
        }
        self.append_to_log(&(serde_json::to_string(&LogLine { entry, more: 0 }).unwrap() + "\n"));
    }

    pub(super) fn append_to_log(&self, text: &str) {
        let path = self.dir.path().join("var/lib/patchflock/documents/log.jsonl");
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        log.write_all(text.as_bytes()).unwrap();
    }

    /// Connects and sends these bytes.
    pub(super) fn connected(&self, socket: &str, bytes: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(self.dir.path().join(socket)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // It may have heard enough before the end.
        stream.write_all(bytes).ok();
        stream
    }

    /// Sends bytes; the status and the rest of the answer, `(0, …)` where there was none.
    pub(super) fn raw(&self, socket: &str, bytes: &[u8]) -> (u16, String) {
        let mut answer = Vec::new();
        self.connected(socket, bytes).read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        (status, answer)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn hear(heard: &mut Heard, request: ControlRequest, busy: &mut bool) {
    heard.requests.push((request.by, request.what.clone()));
    match heard.daemon {
        Daemon::Drops => {}
        Daemon::Hangs => heard.kept.push(request.answer),
        Daemon::Works => {
            let answer = match request.what {
                ControlWhat::Start(_) if *busy => {
                    Err(ControlError::Conflict("run r-new is in progress".into()))
                }
                ControlWhat::Start(_) => {
                    *busy = true;
                    Ok(ControlAnswer::Started(Started { run: run_id("r-new") }))
                }
                ControlWhat::Cancel(id) if id != run_id("r-new") => {
                    Err(ControlError::NotFound(format!("no run {id}")))
                }
                ControlWhat::Cancel(_) | ControlWhat::DocumentsChanged => Ok(ControlAnswer::Done),
            };
            request.answer.send(answer).ok();
        }
    }
}

pub(super) fn at(seconds: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
}

pub(super) fn run_id(text: &str) -> RunId {
    text.parse().unwrap()
}

fn spec(id: &str) -> RunSpec {
    RunSpec {
        id: run_id(id),
        operation: Operation::Scan,
        reboot: Default::default(),
        dry_run: false,
        trigger: Trigger::Routine {},
        order: None,
    }
}

pub(super) fn active(id: &str, progress: &str) -> ActiveRun {
    ActiveRun {
        spec: spec(id),
        started_at: at(0),
        step: Step::Survey,
        waiting: None,
        progress: Some(progress.into()),
    }
}

pub(super) fn entry(id: &str, ending: Ending) -> RunEntry {
    RunEntry {
        spec: spec(id),
        started_at: at(0),
        finished_at: at(9),
        ending,
        reason: "because".into(),
        steps: Vec::new(),
        survey: None,
        installed: None,
        hooks: Vec::new(),
        reboot: None,
        after: None,
        health: None,
    }
}

fn status() -> Status {
    Status {
        version: "0.1.0".into(),
        node: "n-1".parse().unwrap(),
        hostname: "web-1".into(),
        operating_system: "Debian GNU/Linux 12".into(),
        tags: [("Patch Group".to_owned(), "prod".to_owned())].into(),
        started_at: at(-100),
        active: None,
        last_run: None,
        survey: None,
        survey_outdated: false,
        open: Vec::new(),
        next: Vec::new(),
        warnings: Vec::new(),
    }
}
