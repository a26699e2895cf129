//! What anybody on the machine may read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path as FilePath;

use anyhow::{Context, ensure};
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use patchflock_api::answer::{DocumentText, RunDetail};
use patchflock_api::document::DocumentEntry;
use patchflock_api::ids::RunId;
use patchflock_api::run::RunEntry;
use patchflock_api::status::Status;
use patchflock_machine::host::node;
use patchflock_machine::root::Root;
use serde::Deserialize;

use super::reply::{Refusal, blocking};
use super::{Shared, events};

/// A record holds a bounded log; a larger file is not one of ours.
const RECORD_CAP: u64 = 64 << 20;
/// An inventory of a machine with 20,000 packages has about 10 MiB.
const SURVEY_CAP: u64 = 256 << 20;
/// Runs in one answer.
const USUAL_RUNS: usize = 20;
const MOST_RUNS: usize = 1000;
/// Bytes of a file that are in memory at a time.
const CHUNK: usize = 64 << 10;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/survey", get(survey))
        .route("/v1/documents", get(documents))
        .route("/v1/documents/{kind}/{name}", get(document))
        .route("/v1/runs", get(runs))
        .route("/v1/runs/{id}", get(run))
        .route("/v1/runs/{id}/events", get(events::follow))
}

async fn status(State(shared): State<Shared>) -> Json<Status> {
    let snapshot = shared.handle.snapshot.borrow().clone();
    // Read for who asks alone, and so quickly that no thread is worth it: nobody is to wait behind large files.
    let machine = Some(node::read(&Root::host()));
    Json(Status { machine, ..snapshot.status.clone() })
}

async fn survey(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let path = shared.handle.files.survey.clone();
    let found = blocking(move || opened(&path, SURVEY_CAP)).await?;
    let (file, length) = found.ok_or_else(|| {
        Refusal::not_found("there is no survey of this machine yet: `patchflock scan` makes one")
    })?;
    // The file may be replaced meanwhile, never changed: what was opened stays as it is.
    let body = futures_util::stream::unfold(file.take(length), |file| async move {
        let (chunk, file) = tokio::task::spawn_blocking(move || chunk(file)).await.ok()?;
        match chunk {
            Ok(bytes) if bytes.is_empty() => None,
            other => Some((other, file)),
        }
    });
    let head = [(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_LENGTH, length.to_string())];
    Ok((head, Body::from_stream(body)).into_response())
}

fn chunk(mut file: std::io::Take<File>) -> (std::io::Result<Bytes>, std::io::Take<File>) {
    let mut bytes = Vec::with_capacity(CHUNK);
    let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes);
    (read.map(|_| bytes.into()), file)
}

/// A file and its length; `None`: there is none.
fn opened(path: &FilePath, cap: u64) -> anyhow::Result<Option<(File, u64)>> {
    let context = || format!("reading {}", path.display());
    // A pipe would let us wait for ever before it is opened.
    match std::fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        found => ensure!(found.with_context(context)?.is_file(), "{} is not a file", path.display()),
    }
    let file = File::open(path).with_context(context)?;
    let length = file.metadata().with_context(context)?.len();
    ensure!(length <= cap, "{} is larger than {} MiB", path.display(), cap >> 20);
    Ok(Some((file, length)))
}

async fn documents(State(shared): State<Shared>) -> Result<Json<Vec<DocumentEntry>>, Refusal> {
    blocking(move || shared.handle.documents.all()).await.map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    version: Option<u64>,
}

async fn document(
    State(shared): State<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<Version>, QueryRejection>,
) -> Result<Json<DocumentText>, Refusal> {
    let Path((kind, name)) = path.map_err(Refusal::bad)?;
    let Query(Version { version }) = query.map_err(Refusal::bad)?;
    for part in [&kind, &name] {
        if !is_name(part) {
            let shown: String = part.chars().take(80).collect();
            return Err(Refusal::bad(format!("{shown:?} is not a kind or a name of a document")));
        }
    }
    let what = format!("{kind} {name}{}", version.map(|v| format!(" version {v}")).unwrap_or_default());
    let found = blocking(move || shared.handle.documents.one(&kind, &name, version)).await?;
    found.map(Json).ok_or_else(|| {
        Refusal::not_found(format!("this machine has no {what}: `patchflock get --all` lists what there is"))
    })
}

/// Fit for a path below a directory, whatever the reader of documents makes of it.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
    !text.is_empty() && text.len() <= 255 && text != "." && text != ".." && text.chars().all(fits)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    limit: Option<usize>,
    package: Option<String>,
    cve: Option<String>,
}

async fn runs(
    State(shared): State<Shared>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Vec<RunEntry>>, Refusal> {
    let Query(Which { limit, package, cve }) = query.map_err(Refusal::bad)?;
    let limit = limit.unwrap_or(USUAL_RUNS);
    if limit > MOST_RUNS {
        return Err(Refusal::bad(format!("limit {limit}: at most {MOST_RUNS} runs in one answer")));
    }
    blocking(move || shared.handle.history.newest(limit, package.as_deref(), cve.as_deref())).await.map(Json)
}

/// The run that a path names.
pub(super) fn id(path: Result<Path<String>, PathRejection>) -> Result<RunId, Refusal> {
    let Path(text) = path.map_err(Refusal::bad)?;
    text.parse().map_err(Refusal::bad)
}

/// No such run.
pub(super) fn unknown(id: &RunId) -> Refusal {
    Refusal::not_found(format!("this machine knows no run {id}: `patchflock runs` lists what there is"))
}

async fn run(
    State(shared): State<Shared>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<RunDetail>, Refusal> {
    let id = id(path)?;
    let (history, wanted) = (shared.handle.history.clone(), id.clone());
    let Some(entry) = blocking(move || history.one(&wanted)).await? else {
        let snapshot = shared.handle.snapshot.borrow().clone();
        if snapshot.status.active.as_ref().is_some_and(|a| a.spec.id == id) {
            return Err(Refusal::not_found(format!(
                "run {id} is still in progress: `patchflock runs watch {id}` follows it"
            )));
        }
        return Err(unknown(&id));
    };
    let path = shared.handle.files.runs.join(format!("{id}.json"));
    let record = blocking(move || {
        let Some((file, length)) = opened(&path, RECORD_CAP)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display())).map(Some)
    });
    Ok(Json(RunDetail { entry, record: record.await? }))
}
