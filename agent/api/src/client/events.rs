//! The news of a run, line by line.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Runtime;

use super::error::ClientError;
use super::http::{Ask, runtime};
use crate::privileged::LINE_CAP;
use crate::status::RunNews;

/// An open stream of a run's news.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    /// Begun and not yet ended line.
    rest: Vec<u8>,
    ready: VecDeque<RunNews>,
    over: bool,
    what: String,
    /// Dropped last: the connection lives in it.
    runtime: Runtime,
}

/// What one look at the stream brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// News.
    News(RunNews),
    /// Nothing happened in the time given.
    Nothing,
    /// There will be no more: the run ended, or the agent stops.
    Over,
}

impl Events {
    pub(super) fn open(ask: &Ask<'_>) -> Result<Self, ClientError> {
        let runtime = runtime(ask.what)?;
        let body = runtime.block_on(ask.opened())?;
        Ok(Self {
            body,
            rest: Vec::new(),
            ready: VecDeque::new(),
            over: false,
            what: ask.what.to_owned(),
            runtime,
        })
    }

    /// Waits for the next news, for `wait` at most.
    ///
    /// # Errors
    /// The connection breaks, or a line is too long or not understood.
    pub fn next(&mut self, wait: Duration) -> Result<Next, ClientError> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                self.over |= matches!(news, RunNews::Ended { .. });
                return Ok(Next::News(news));
            }
            if self.over {
                return Ok(Next::Over);
            }
            let body = &mut self.body;
            let frame = self.runtime.block_on(async { tokio::time::timeout(wait, body.frame()).await });
            match frame {
                Err(_) => return Ok(Next::Nothing),
                Ok(None) => self.over = true,
                Ok(Some(Err(e))) => {
                    self.over = true;
                    return Err(ClientError::Broken { what: self.what.clone(), why: e.to_string() });
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.take(&data)?;
                    }
                }
            }
        }
    }

    fn take(&mut self, data: &[u8]) -> Result<(), ClientError> {
        self.rest.extend_from_slice(data);
        let not_understood = |why: String| ClientError::NotUnderstood { what: self.what.clone(), why };
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let news = serde_json::from_slice(&line).map_err(|e| not_understood(e.to_string()))?;
            self.ready.push_back(news);
        }
        if self.rest.len() as u64 > LINE_CAP {
            return Err(not_understood(format!("a line of more than {} MiB", LINE_CAP >> 20)));
        }
        Ok(())
    }
}
