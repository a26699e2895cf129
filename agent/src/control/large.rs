//! Answers that are large: few at a time, made one after another, and of files never more than a piece in memory.
//!
//! The agent has 256 MiB for everything (`MemoryMax` of its unit), and whoever has an account may ask 64 times at once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::discretion::{self, Audience};
use super::reply::Refusal;

/// Bytes of an answer that are on their way at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait for a slow reader.
const WAITING: usize = 2;
const JSON: &str = "application/json";

/// The places for large answers on one socket.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// From the question to the last byte.
    answers: Arc<Semaphore>,
    /// While it is put together in memory.
    making: Arc<Semaphore>,
}

/// The place of one answer.
type Place = OwnedSemaphorePermit;

fn closed<E>(_: E) -> Refusal {
    Refusal::unavailable("the agent is stopping: try again when it has started")
}

impl Places {
    pub(super) fn new(answers: usize) -> Self {
        Self { answers: Arc::new(Semaphore::new(answers)), making: Arc::new(Semaphore::new(1)) }
    }

    /// Waits for a place. The deadline of the connection ends it.
    async fn place(&self) -> Result<Place, Refusal> {
        Arc::clone(&self.answers).acquire_owned().await.map_err(closed)
    }

    /// Makes an answer on a thread that may block, when nobody else makes one.
    pub(super) async fn made<T: Serialize>(
        &self,
        audience: Audience,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Response, Refusal> {
        self.bytes(move || audience.json(&work()?).map_err(Refusal::failed)).await
    }

    /// The same of bytes that are JSON already.
    pub(super) async fn bytes(
        &self,
        work: impl FnOnce() -> Result<Vec<u8>, Refusal> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let place = self.place().await?;
        let _alone = self.making.acquire().await.map_err(closed)?;
        let bytes = tokio::task::spawn_blocking(work).await.map_err(Refusal::failed)??;
        Ok(whole(bytes, Some(place)))
    }

    /// Passes a JSON file on, between these bytes.
    pub(super) async fn file(
        &self,
        audience: Audience,
        before: Vec<u8>,
        open: impl FnOnce() -> Result<File, Refusal> + Send + 'static,
        after: &'static [u8],
    ) -> Result<Response, Refusal> {
        let place = self.place().await?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let file = match open() {
                Ok(file) => file,
                Err(refusal) => return ready.send(Err(refusal)).unwrap_or_default(),
            };
            ready.send(Ok(())).unwrap_or_default();
            let mut out = Pieces { sender, piece: before };
            // Who reads has gone, or the disk fails: then the answer ends where it is, and is none.
            if let Err(e) =
                pass(audience, file, &mut out).and_then(|()| out.write_all(after)).and_then(|()| out.flush())
            {
                out.sender.blocking_send(Err(e)).ok();
            }
        });
        is_ready.await.map_err(closed)??;
        let body = futures_util::stream::unfold((receiver, place), |(mut receiver, place)| async move {
            receiver.recv().await.map(|piece| (piece, (receiver, place)))
        });
        Ok(([(CONTENT_TYPE, JSON)], Body::from_stream(body)).into_response())
    }
}

fn pass(audience: Audience, file: File, out: &mut impl Write) -> io::Result<()> {
    // What grows meanwhile is not ours: files are replaced, never changed.
    let length = file.metadata()?.len();
    let mut file = io::BufReader::with_capacity(CHUNK, file.take(length));
    match audience {
        Audience::Administrators => io::copy(&mut file, out).map(drop),
        Audience::Anybody => discretion::filter(file, out).map_err(io::Error::from),
    }
}

/// Collects what is written into pieces and sends them.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= CHUNK {
            self.flush()?;
        }
        let taken = bytes.get(..CHUNK).unwrap_or(bytes);
        self.piece.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// An answer that is in memory, and its place until it has been read.
pub(super) fn whole(bytes: Vec<u8>, place: Option<Place>) -> Response {
    let length = bytes.len().to_string();
    let body = futures_util::stream::unfold((bytes, 0, place), |(bytes, at, place)| async move {
        let end = usize::min(at + CHUNK, bytes.len());
        // A copy: what is still being sent must not keep the whole.
        let piece = bytes.get(at..end).filter(|piece| !piece.is_empty()).map(Bytes::copy_from_slice)?;
        Some((Ok::<_, io::Error>(piece), (bytes, end, place)))
    });
    ([(CONTENT_TYPE, JSON.to_owned()), (CONTENT_LENGTH, length)], Body::from_stream(body)).into_response()
}
