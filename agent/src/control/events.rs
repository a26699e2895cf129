//! Following a run: one line of JSON for each change of it, the last one tells how it ended.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use patchflock_api::ids::RunId;
use patchflock_api::run::RunEntry;
use patchflock_api::status::{ActiveRun, RunNews};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::connection::{Follow, Following};
use super::discretion::Audience;
use super::reads::{id, unknown};
use super::reply::{Refusal, blocking};
use super::{History, Shared, Snapshot};

/// `GET /v1/runs/ID/events`.
pub(super) async fn follow(
    State(shared): State<Shared>,
    Extension(following): Extension<Following>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let run = id(path)?;
    let place = Arc::clone(&shared.followers).try_acquire_owned().map_err(|_| {
        Refusal::unavailable(format!(
            "{} others follow runs already: `patchflock runs show {run}` tells how it ended",
            shared.limits.followers
        ))
    })?;
    let mut follower = Follower {
        run,
        snapshot: shared.handle.snapshot.clone(),
        history: shared.handle.history.clone(),
        last: None,
        over: false,
        audience: shared.audience,
        _place: place,
        _follow: following.begin(),
    };
    let first = follower.look().await?.ok_or_else(|| unknown(&follower.run))?;
    let rest = futures_util::stream::unfold((Some(first), follower), |(first, mut follower)| async move {
        let news = match first {
            Some(news) => news,
            None => follower.next().await?,
        };
        let mut line = follower.audience.json(&news).ok()?;
        line.push(b'\n');
        Some((Ok::<_, Infallible>(Bytes::from(line)), (None, follower)))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(rest)).into_response())
}

struct Follower {
    run: RunId,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    history: Arc<dyn History>,
    /// What was told last.
    last: Option<ActiveRun>,
    over: bool,
    audience: Audience,
    _place: OwnedSemaphorePermit,
    _follow: Follow,
}

impl Follower {
    /// The run as it is; `None`: nobody knows it.
    async fn look(&mut self) -> Result<Option<RunNews>, Refusal> {
        let snapshot = Arc::clone(&self.snapshot.borrow_and_update());
        let status = &snapshot.status;
        if let Some(active) = status.active.as_ref().filter(|a| a.spec.id == self.run) {
            self.last = Some(active.clone());
            return Ok(Some(RunNews::Progress { active: Box::new(active.clone()) }));
        }
        if let Some(entry) = status.last_run.as_ref().filter(|e| e.spec.id == self.run) {
            return Ok(Some(self.ended(entry.clone())));
        }
        // It ended, and another one after it.
        let (history, run) = (Arc::clone(&self.history), self.run.clone());
        let entry = blocking(move || history.one(&run)).await?;
        Ok(entry.map(|entry| self.ended(entry)))
    }

    fn ended(&mut self, entry: RunEntry) -> RunNews {
        self.over = true;
        RunNews::Ended { entry: Box::new(entry) }
    }

    /// The next news; `None`: there is no more to tell, or the agent stops.
    async fn next(&mut self) -> Option<RunNews> {
        while !self.over {
            self.snapshot.changed().await.ok()?;
            let before = self.last.clone();
            let news = self.look().await.ok()??;
            // Most changes are those of other things.
            if self.over || self.last != before {
                return Some(news);
            }
        }
        None
    }
}
