//! One HTTP request over a Unix socket.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use super::error::ClientError;
use crate::status::ApiError;

/// Most bytes of an error.
const ERROR_CAP: usize = 64 << 10;

/// One request.
pub(super) struct Ask<'a> {
    pub(super) socket: &'a Path,
    /// Where to ask if nobody can be asked there.
    pub(super) instead: Option<&'a Path>,
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) body: Option<Vec<u8>>,
    /// What it is about, for errors.
    pub(super) what: &'a str,
    /// From connecting to the last byte.
    pub(super) deadline: Duration,
    /// Most bytes of the answer.
    pub(super) cap: usize,
}

/// A runtime of this thread alone: the callers wait anyway.
pub(super) fn runtime(what: &str) -> Result<Runtime, ClientError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| ClientError::Broken { what: what.into(), why: e.to_string() })
}

impl Ask<'_> {
    pub(super) fn broken(&self, why: impl std::fmt::Display) -> ClientError {
        ClientError::Broken { what: self.what.into(), why: why.to_string() }
    }

    fn too_slow(&self) -> ClientError {
        ClientError::TooSlow { what: self.what.into(), seconds: self.deadline.as_secs() }
    }

    /// The answer as bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, ClientError> {
        runtime(self.what)?.block_on(async {
            let whole = async { self.collected(self.sent().await?).await };
            tokio::time::timeout(self.deadline, whole).await.map_err(|_| self.too_slow())?
        })
    }

    /// The answer as a value.
    pub(super) fn parsed<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.bytes()?)
            .map_err(|e| ClientError::NotUnderstood { what: self.what.into(), why: e.to_string() })
    }

    /// The head of a successful answer; its body has no deadline.
    pub(super) async fn opened(&self) -> Result<Incoming, ClientError> {
        tokio::time::timeout(self.deadline, self.sent())
            .await
            .map_err(|_| self.too_slow())?
            .map(|r| r.into_body())
    }

    async fn connected(&self) -> Result<UnixStream, ClientError> {
        let first = UnixStream::connect(self.socket).await;
        let (socket, connected) = match (first, self.instead) {
            (Err(_), Some(instead)) => (instead, UnixStream::connect(instead).await),
            (first, _) => (self.socket, first),
        };
        connected.map_err(|e| ClientError::connecting(socket, &e))
    }

    async fn collected(&self, response: Response<Incoming>) -> Result<Vec<u8>, ClientError> {
        let body = Limited::new(response.into_body(), self.cap).collect().await;
        body.map(|all| all.to_bytes().to_vec()).map_err(|e| self.broken(e))
    }

    /// Sends the request; an answer that is no success becomes its words.
    async fn sent(&self) -> Result<Response<Incoming>, ClientError> {
        let stream = self.connected().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| self.broken(e))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("connection", "close")
            .body(Full::new(Bytes::from(self.body.clone().unwrap_or_default())))
            .map_err(|e| self.broken(e))?;
        let response = sender.send_request(request).await.map_err(|e| self.broken(e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body =
            Limited::new(response.into_body(), ERROR_CAP).collect().await.map_err(|e| self.broken(e))?;
        Err(match serde_json::from_slice::<ApiError>(&body.to_bytes()) {
            Ok(ApiError { error }) => ClientError::Refused { status: status.as_u16(), why: error },
            Err(_) => ClientError::NotUnderstood { what: self.what.into(), why: format!("it is {status}") },
        })
    }
}
