//! Answers that are no success: a status and words.

use axum::Json;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use patchflock_api::status::ApiError;

use super::ControlError;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: impl std::fmt::Display) -> Self {
        Self { status, why: why.to_string() }
    }

    pub(super) fn bad(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    pub(super) fn not_found(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// Our failure, or the machine's.
    pub(super) fn failed(why: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{:#}", why.into()))
    }

    pub(super) fn forbidden(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, why)
    }

    pub(super) fn unavailable(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(ApiError { error: self.why })).into_response()
    }
}

impl From<ControlError> for Refusal {
    fn from(e: ControlError) -> Self {
        let status = match e {
            ControlError::Conflict(_) => StatusCode::CONFLICT,
            ControlError::NotFound(_) => StatusCode::NOT_FOUND,
            ControlError::Invalid(_) => StatusCode::BAD_REQUEST,
            ControlError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, e)
    }
}

/// Runs what may block, away from the daemon's loop.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(Refusal::failed(e)),
        Err(e) => Err(Refusal::failed(e)),
    }
}

/// Answer to every path that there is not.
pub(super) async fn nothing_here(uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(200).collect();
    Refusal::not_found(format!(
        "{path} is nothing that patchflockd {} answers to: it speaks version {} of its API, under /v{}/",
        env!("CARGO_PKG_VERSION"),
        patchflock_api::VERSION,
        patchflock_api::VERSION
    ))
}
