//! Connections: how many, how long, and whose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::{Caller, Limits};

/// Most bytes of a request's head.
const HEAD_CAP: usize = 16 << 10;
/// After `accept` failed (no file descriptors left), so that it does not fail all the time.
const PAUSE: Duration = Duration::from_millis(200);

/// Counts the endless answers of one connection, which its deadline does not hold for.
#[derive(Debug, Clone, Default)]
pub(super) struct Following(Arc<AtomicUsize>);

impl Following {
    /// One more, until the returned value is dropped.
    pub(super) fn begin(&self) -> Follow {
        self.0.fetch_add(1, Ordering::Relaxed);
        Follow(self.clone())
    }

    fn is_active(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// An endless answer.
#[derive(Debug)]
pub(super) struct Follow(Following);

impl Drop for Follow {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts and serves until it is dropped.
pub(super) async fn accept(listener: UnixListener, router: Router, limits: Limits) {
    let places = Arc::new(Semaphore::new(limits.connections));
    // Dropping the set ends its connections with it.
    let mut open = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while open.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = serve(stream, router.clone(), limits.clone());
                open.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(e) => {
                tracing::warn!("a connection to the local API could not be accepted: {e}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One request and its answer.
async fn serve(stream: UnixStream, router: Router, limits: Limits) {
    let caller = match Caller::of(&stream) {
        Ok(caller) => caller,
        Err(e) => {
            tracing::warn!("who connects to the local API cannot be told, so it is not answered: {e}");
            return;
        }
    };
    let following = Following::default();
    let service = {
        let following = following.clone();
        service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(caller.clone());
            request.extensions_mut().insert(following.clone());
            router.clone().oneshot(request)
        })
    };
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).keep_alive(false).max_buf_size(HEAD_CAP);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(e) = ended {
                    tracing::debug!("a connection to the local API ended: {e}");
                }
                return;
            }
            () = tokio::time::sleep(limits.whole) => {
                if !following.is_active() {
                    tracing::debug!("a connection to the local API took too long");
                    return;
                }
            }
        }
    }
}
