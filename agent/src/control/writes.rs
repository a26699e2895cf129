//! What administrators may ask for: each is handed to the daemon's loop, which answers.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::routing::post;
use axum::{Json, Router};
use patchflock_api::status::Started;
use serde::Serialize;
use tokio::sync::oneshot;

use super::reads::id;
use super::reply::{Refusal, blocking};
use super::{Caller, ControlAnswer, ControlRequest, ControlWhat, Shared};

/// Most bytes of a body.
const BODY_CAP: usize = 1 << 20;

/// Where something can be changed.
const PATHS: [&str; 3] = ["/v1/runs", "/v1/runs/{id}/cancel", "/v1/documents/changed"];

pub(super) fn router() -> Router<Shared> {
    let [start_at, cancel_at, changed_at] = PATHS;
    Router::new()
        .route(start_at, post(start))
        .route(cancel_at, post(cancel))
        .route(changed_at, post(changed))
        .layer(DefaultBodyLimit::max(BODY_CAP))
}

/// The same paths on the socket that is only for reading.
pub(super) fn refused() -> Router<Shared> {
    PATHS.into_iter().fold(Router::new(), |router, path| router.route(path, post(elsewhere)))
}

async fn elsewhere() -> Refusal {
    Refusal::forbidden(format!(
        "this socket is for reading: ask on {}, as root or a member of patchflock",
        patchflock_api::ADMIN_SOCKET
    ))
}

/// An answer without content.
#[derive(Debug, Serialize)]
struct Done {}

async fn start(
    State(shared): State<Shared>,
    Extension(by): Extension<Caller>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Started>, Refusal> {
    let body = body.map_err(|e| Refusal::new(e.status(), e.body_text()))?;
    let run =
        serde_json::from_slice(&body).map_err(|e| Refusal::bad(format!("not the start of a run: {e}")))?;
    match ask(&shared, by, ControlWhat::Start(run)).await? {
        ControlAnswer::Started(started) => Ok(Json(started)),
        ControlAnswer::Done => Err(Refusal::unavailable("the agent did not name the run that it started")),
    }
}

async fn cancel(
    State(shared): State<Shared>,
    Extension(by): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Done>, Refusal> {
    let id = id(path)?;
    ask(&shared, by, ControlWhat::Cancel(id)).await.map(|_| Json(Done {}))
}

async fn changed(
    State(shared): State<Shared>,
    Extension(by): Extension<Caller>,
) -> Result<Json<Done>, Refusal> {
    ask(&shared, by, ControlWhat::DocumentsChanged).await.map(|_| Json(Done {}))
}

async fn ask(shared: &Shared, by: Caller, what: ControlWhat) -> Result<ControlAnswer, Refusal> {
    let stops = || Refusal::unavailable("the agent is stopping: try again when it has started");
    let by = blocking(move || Ok(by.with_name())).await?;
    let (answer, answered) = oneshot::channel();
    let asked = async {
        shared.handle.requests.send(ControlRequest { by, what, answer }).await.map_err(|_| stops())?;
        answered.await.map_err(|_| stops())
    };
    match tokio::time::timeout(shared.limits.answer, asked).await {
        Ok(answer) => Ok(answer??),
        Err(_) => Err(Refusal::unavailable(format!(
            "the agent did not answer within {} s: see `patchflock status`",
            shared.limits.answer.as_secs()
        ))),
    }
}
