//! stub
use chrono::{DateTime, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::status::{StartRun, Status};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
#[derive(Debug)]
pub struct Snapshot {
    pub status: Status,
}
#[derive(Debug)]
pub struct Caller {
    pub uid: u32,
}
impl Caller {
    pub fn of(uid: u32, _p: Option<i32>) -> Self {
        Self { uid }
    }
}
impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "uid {}", self.uid)
    }
}
pub enum ControlWhat {
    Start(StartRun),
    Cancel(RunId),
    DocumentsChanged,
}
#[derive(Debug)]
pub enum ControlAnswer {
    Run(RunId),
    Done,
}
#[derive(Debug)]
pub enum ControlError {
    Conflict(String),
}
pub struct ControlRequest {
    pub by: Caller,
    pub what: ControlWhat,
    pub answer: oneshot::Sender<Result<ControlAnswer, ControlError>>,
}
pub struct Handle {
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    pub requests: mpsc::Sender<ControlRequest>,
}
pub async fn serve(_a: tokio::net::UnixListener, _b: tokio::net::UnixListener, _h: Handle) {}
fn _x(_: DateTime<Utc>) {}
