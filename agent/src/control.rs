//! The local API from the side of who answers: HTTP on two Unix sockets.
//!
//! Reads never enter the core: they come from a snapshot that the daemon publishes, from the history, and from files that
//! the privileged half writes. What changes something is a [`ControlRequest`], which the daemon answers in its own
//! time. The read socket is open to everybody on the machine, so that nobody there may cost more than a few
//! connections, and what is not for everybody is left out ([`discretion`]); who may use the other one is decided by the
//! kernel, by the mode of the socket.

mod caller;
mod connection;
mod discretion;
mod documents;
mod events;
mod large;
mod reads;
mod reply;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use patchflock_api::answer::DocumentText;
use patchflock_api::document::DocumentEntry;
use patchflock_api::ids::RunId;
use patchflock_api::run::RunEntry;
use patchflock_api::status::{StartRun, Started, Status};
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub use caller::Caller;
pub use documents::DocumentFiles;

use discretion::Audience;
use large::Places;

/// What readers see, published whole whenever something changes.
///
/// A run must be in it, as the active one, before its start is answered; and it must never be in neither `active`, nor
/// `last_run`, nor the history from then on: its followers look there.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Answer to `GET /v1/status`.
    pub status: Status,
}

/// What an administrator asks of the daemon.
#[derive(Debug)]
pub struct ControlRequest {
    /// Who, by the peer credentials of the connection.
    pub by: Caller,
    /// What.
    pub what: ControlWhat,
    /// Where the answer goes; dropped unanswered: the asker is told that the agent stops.
    pub answer: oneshot::Sender<Result<ControlAnswer, ControlError>>,
}

/// The kinds of [`ControlRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlWhat {
    /// Start a run. Answer: [`ControlAnswer::Started`].
    Start(StartRun),
    /// End a run that has not changed anything yet. Answer: [`ControlAnswer::Done`].
    Cancel(RunId),
    /// Read the documents again. Answer, when that is done: [`ControlAnswer::Done`].
    DocumentsChanged,
}

/// The answer to a [`ControlRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlAnswer {
    /// The run is in the snapshot.
    Started(Started),
    /// It is done.
    Done,
}

/// Why a request was not carried out, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Another run is in progress, or it is too late to cancel (409).
    #[error("{0}")]
    Conflict(String),
    /// There is no such thing (404).
    #[error("{0}")]
    NotFound(String),
    /// It asks for what cannot be (400).
    #[error("{0}")]
    Invalid(String),
    /// Not now (503).
    #[error("{0}")]
    Unavailable(String),
}

/// Runs that ended. Called on threads that may block.
pub trait History: Send + Sync {
    /// The newest ones first, `limit` at most; those that touched a package or fixed a CVE, where one is named.
    ///
    /// # Errors
    /// The history cannot be read.
    fn newest(&self, limit: usize, package: Option<&str>, cve: Option<&str>)
    -> anyhow::Result<Vec<RunEntry>>;

    /// One of them.
    ///
    /// # Errors
    /// The history cannot be read.
    fn one(&self, run: &RunId) -> anyhow::Result<Option<RunEntry>>;
}

/// Adopted documents. Called on threads that may block.
pub trait Documents: Send + Sync {
    /// The newest version of each, deleted ones included, by kind and name.
    ///
    /// # Errors
    /// They cannot be read.
    fn all(&self) -> anyhow::Result<Vec<DocumentEntry>>;

    /// One version, the newest where none is named; `None`: there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn one(&self, kind: &str, name: &str, version: Option<u64>) -> anyhow::Result<Option<DocumentText>>;
}

/// Files of the privileged half that are passed on as they are.
#[derive(Debug, Clone)]
pub struct Files {
    /// `/var/lib/patchflock/survey.json`.
    pub survey: PathBuf,
    /// `/var/lib/patchflock/runs`, with `ID.json` in it.
    pub runs: PathBuf,
}

/// Everything that the API answers from.
#[derive(Clone)]
pub struct Handle {
    /// What readers see.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// Where requests go.
    pub requests: mpsc::Sender<ControlRequest>,
    /// Runs that ended.
    pub history: Arc<dyn History>,
    /// Adopted documents.
    pub documents: Arc<dyn Documents>,
    /// Files passed on.
    pub files: Files,
}

/// What callers may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, for each socket; further ones wait.
    pub connections: usize,
    /// Connections among them that follow a run.
    pub followers: usize,
    /// Large answers at a time, for each socket; further ones wait.
    pub large: usize,
    /// From connecting to the end of the request's head.
    pub head: Duration,
    /// From connecting to the end of the answer; following a run is not counted.
    pub whole: Duration,
    /// How long the daemon may take for a [`ControlRequest`].
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            followers: 32,
            large: 2,
            head: Duration::from_secs(5),
            whole: Duration::from_secs(90),
            answer: Duration::from_secs(60),
        }
    }
}

/// What handlers share.
#[derive(Clone)]
struct Shared {
    handle: Handle,
    limits: Limits,
    followers: Arc<Semaphore>,
    audience: Audience,
    places: Places,
}

/// Answers on both sockets until it is dropped. `read` gets what changes nothing, `admin` everything: its mode must keep
/// everybody out but root and the group `patchflock`, since nothing here asks again.
pub async fn serve(read: UnixListener, admin: UnixListener, handle: Handle) {
    serve_within(read, admin, handle, Limits::default()).await;
}

/// As [`serve`], with other limits.
pub async fn serve_within(read: UnixListener, admin: UnixListener, handle: Handle, limits: Limits) {
    // Each socket has limits of its own: who may only read cannot keep an administrator out.
    let socket = |listener, audience, router: fn(Shared) -> axum::Router| {
        let followers = Arc::new(Semaphore::new(limits.followers));
        let places = Places::new(limits.large);
        let shared = Shared { handle: handle.clone(), limits: limits.clone(), followers, audience, places };
        connection::accept(listener, router(shared), limits.clone())
    };
    tokio::join!(
        socket(read, Audience::Anybody, |shared| reads::router()
            .merge(writes::refused())
            .fallback(reply::nothing_here)
            .with_state(shared)),
        socket(admin, Audience::Administrators, |shared| reads::router()
            .merge(writes::router())
            .fallback(reply::nothing_here)
            .with_state(shared)),
    );
}

#[cfg(test)]
mod tests;
