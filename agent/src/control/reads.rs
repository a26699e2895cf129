//! What can be read, by whom: everything by administrators, what is no secret by anybody on the machine.

use std::fs::File;
use std::io::{ErrorKind, Seek};
use std::path::Path as FilePath;

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use patchflock_api::answer::DocumentText;
use patchflock_api::ids::RunId;
use patchflock_api::status::Status;
use patchflock_baselines::document::Kind;
use patchflock_machine::host::node;
use patchflock_machine::root::Root;
use serde::Deserialize;

use super::discretion::{self, Audience, has_sources};
use super::large::whole;
use super::reply::{Refusal, blocking};
use super::{Shared, events};

/// A record holds a bounded log; a larger file is not one of ours.
const RECORD_CAP: u64 = 64 << 20;
/// An inventory of a machine with 20,000 packages has about 10 MiB.
const SURVEY_CAP: u64 = 256 << 20;
/// Runs in one answer.
const USUAL_RUNS: usize = 20;
const MOST_RUNS: usize = 1000;
/// Items of a plan up to which a status is a small answer.
const SMALL_PLAN: usize = 500;

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

async fn status(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let snapshot = shared.handle.snapshot.borrow().clone();
    let plan = snapshot.status.survey.as_ref().map_or(0, |survey| survey.plan.items.len());
    let audience = shared.audience;
    let made = move || {
        // Read for who asks, and quickly.
        let machine = Some(node::read(&Root::host()));
        audience.json(&Status { machine, ..snapshot.status.clone() }).map_err(Refusal::failed)
    };
    // What is small does not wait behind what is large.
    if plan > SMALL_PLAN { shared.places.bytes(made).await } else { Ok(whole(made()?, None)) }
}

async fn survey(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let path = shared.handle.files.survey.clone();
    let open = move || {
        let found = sound(&path, SURVEY_CAP, "`patchflock scan` makes a new one")?;
        found.ok_or_else(|| {
            Refusal::not_found("there is no survey of this machine yet: `patchflock scan` makes one")
        })
    };
    shared.places.file(shared.audience, Vec::new(), open, b"").await
}

/// A file that is JSON to its end; `None`: there is none.
fn sound(path: &FilePath, cap: u64, remedy: &str) -> Result<Option<File>, Refusal> {
    let Some(mut file) = opened(path, cap).map_err(Refusal::failed)? else { return Ok(None) };
    // Half an answer could not be taken back.
    discretion::is_whole(std::io::BufReader::new(&file))
        .map_err(|e| Refusal::failed(anyhow::anyhow!("{} is damaged ({e}): {remedy}", path.display())))?;
    file.rewind().map_err(Refusal::failed)?;
    Ok(Some(file))
}

/// A file; `None`: there is none.
fn opened(path: &FilePath, cap: u64) -> anyhow::Result<Option<File>> {
    let context = || format!("reading {}", path.display());
    // A pipe would let us wait for ever before it is opened.
    match std::fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        found => ensure!(found.with_context(context)?.is_file(), "{} is not a file", path.display()),
    }
    let file = File::open(path).with_context(context)?;
    let length = file.metadata().with_context(context)?.len();
    ensure!(length <= cap, "{} is larger than {} MiB", path.display(), cap >> 20);
    Ok(Some(file))
}

async fn documents(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let documents = shared.handle.documents;
    shared.places.made(shared.audience, move || documents.all().map_err(Refusal::failed)).await
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
) -> Result<Response, Refusal> {
    let Path((kind, name)) = path.map_err(Refusal::bad)?;
    let Query(Version { version }) = query.map_err(Refusal::bad)?;
    for part in [&kind, &name] {
        if !is_name(part) {
            let shown: String = part.chars().take(80).collect();
            return Err(Refusal::bad(format!("{shown:?} is not a kind or a name of a document")));
        }
    }
    let what = format!("{kind} {name}{}", version.map(|v| format!(" version {v}")).unwrap_or_default());
    let (documents, audience) = (shared.handle.documents, shared.audience);
    let work = move || {
        let found: Option<DocumentText> = documents.one(&kind, &name, version).map_err(Refusal::failed)?;
        let found = found.ok_or_else(|| {
            Refusal::not_found(format!(
                "this machine has no {what}: `patchflock get --all` lists what there is"
            ))
        })?;
        let secret = kind == Kind::PatchBaseline.as_str() && found.text.as_deref().is_some_and(has_sources);
        if audience == Audience::Anybody && secret {
            return Err(Refusal::forbidden(format!(
                "{what} brings repositories of its own (`sources`), and their configuration may hold passwords: ask as root \
                 or a member of the group patchflock"
            )));
        }
        Ok(found)
    };
    shared.places.made(audience, work).await
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
) -> Result<Response, Refusal> {
    let Query(Which { limit, package, cve }) = query.map_err(Refusal::bad)?;
    let limit = limit.unwrap_or(USUAL_RUNS);
    if limit > MOST_RUNS {
        return Err(Refusal::bad(format!("limit {limit}: at most {MOST_RUNS} runs in one answer")));
    }
    let history = shared.handle.history;
    let work = move || history.newest(limit, package.as_deref(), cve.as_deref()).map_err(Refusal::failed);
    shared.places.made(shared.audience, work).await
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
) -> Result<Response, Refusal> {
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
    // As `RunDetail` is written; its record goes through as it stands in the file.
    let entry = shared.audience.json(&entry).map_err(Refusal::failed)?;
    let before = [b"{\"entry\":", entry.as_slice(), b",\"record\":"].concat();
    let path = shared.handle.files.runs.join(format!("{id}.json"));
    let exists = {
        let path = path.clone();
        blocking(move || opened(&path, RECORD_CAP)).await?.is_some()
    };
    if !exists {
        return Ok(whole([before.as_slice(), b"null}"].concat(), None));
    }
    let open = move || {
        let found = sound(&path, RECORD_CAP, "the history has the story of the run (`patchflock runs`)")?;
        found.ok_or_else(|| unknown(&id))
    };
    shared.places.file(shared.audience, before, open, b"}").await
}
