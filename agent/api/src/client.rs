//! The local API from the side of who asks: blocking functions, one connection for each request.
//!
//! The command line waits for one answer at a time, so nothing here is asynchronous for its callers. Everything has a
//! deadline and a bound but the stream of a run's events, which is asked in steps. Not for use inside of an asynchronous
//! runtime: each function starts a small one of its own.

mod error;
mod events;
mod http;
pub mod privileged;

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::{DocumentText, RunDetail, SurveyFile};
use crate::document::DocumentEntry;
use crate::ids::RunId;
use crate::run::RunEntry;
use crate::status::{StartRun, Started, Status};

pub use error::ClientError;
pub use events::{Events, Next};
use http::Ask;

/// Names the directory of the sockets where it is not `/run/patchflock`: for tests, and for images.
pub const RUNTIME_DIR: &str = "PATCHFLOCK_RUNTIME_DIR";

/// What stays as it is in a part of a path or a query (RFC 3986, unreserved).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// For an answer that the agent has at hand.
const SOON: Duration = Duration::from_secs(30);
/// For an answer that somebody else has to give first.
const LATER: Duration = Duration::from_secs(120);
/// A status, a list, a document.
const USUAL_CAP: usize = 32 << 20;
/// A survey holds an inventory; a record holds a log.
const LARGE_CAP: usize = 256 << 20;

/// Where an agent listens.
#[derive(Debug, Clone)]
pub struct Client {
    read: PathBuf,
    admin: PathBuf,
}

/// The path of a socket, moved to the directory that [`RUNTIME_DIR`] names: there all of them lie side by side.
fn moved(usual: &str) -> PathBuf {
    let usual = PathBuf::from(usual);
    match (std::env::var_os(RUNTIME_DIR).filter(|dir| !dir.is_empty()), usual.file_name()) {
        (Some(dir), Some(name)) => PathBuf::from(dir).join(name),
        _ => usual,
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// The agent of this machine.
    pub fn new() -> Self {
        Self { read: moved(crate::READ_SOCKET), admin: moved(crate::ADMIN_SOCKET) }
    }

    /// An agent with its sockets in this directory.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self { read: directory.join("patchflockd.sock"), admin: directory.join("admin.sock") }
    }

    fn get<'a>(&'a self, what: &'a str, path: &'a str) -> Ask<'a> {
        // Whoever may use the other socket is told everything there, and waits for nobody who may not.
        let (socket, instead) = (&self.admin, Some(self.read.as_path()));
        Ask { socket, instead, method: "GET", path, body: None, what, deadline: SOON, cap: USUAL_CAP }
    }

    fn post<'a>(&'a self, what: &'a str, path: &'a str, body: Option<Vec<u8>>) -> Ask<'a> {
        let socket = &self.admin;
        Ask { socket, instead: None, method: "POST", path, body, what, deadline: LATER, cap: USUAL_CAP }
    }

    /// What the agent says of itself.
    ///
    /// # Errors
    /// As every function here: no agent, no permission, no answer in time, an answer of another version.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.get("the status", "/v1/status").parsed()
    }

    /// The newest survey, byte for byte.
    ///
    /// # Errors
    /// As [`Self::status`]; that there is none yet is [`ClientError::Refused`].
    pub fn survey_bytes(&self) -> Result<Vec<u8>, ClientError> {
        let ask = Ask { deadline: LATER, cap: LARGE_CAP, ..self.get("the survey", "/v1/survey") };
        ask.bytes()
    }

    /// The newest survey.
    ///
    /// # Errors
    /// As [`Self::survey_bytes`]; a survey of another format.
    pub fn survey(&self) -> Result<SurveyFile, ClientError> {
        #[derive(serde::Deserialize)]
        struct Head {
            format: u32,
        }
        let bytes = self.survey_bytes()?;
        let broken = |why: String| ClientError::NotUnderstood { what: "the survey".into(), why };
        if let Err(e) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
            return Err(ClientError::Damaged { why: e.to_string() });
        }
        // Of another format the fields differ too; its number is the reason, the fields are not.
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
        if head.format != SurveyFile::FORMAT {
            return Err(broken(format!(
                "its format is {}, this patchflock reads {}",
                head.format,
                SurveyFile::FORMAT
            )));
        }
        serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))
    }

    /// Every document this machine has adopted or deleted, in its newest version.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub fn documents(&self) -> Result<Vec<DocumentEntry>, ClientError> {
        self.get("the documents", "/v1/documents").parsed()
    }

    /// One document; the newest version where none is named.
    ///
    /// # Errors
    /// As [`Self::status`]; one that is not there is [`ClientError::Refused`] with status 404.
    pub fn document(
        &self,
        kind: &str,
        name: &str,
        version: Option<u64>,
    ) -> Result<DocumentText, ClientError> {
        let version = version.map(|v| format!("?version={v}")).unwrap_or_default();
        let path = format!("/v1/documents/{}/{}{version}", escaped(kind), escaped(name));
        self.get(&format!("{kind} {name}"), &path).parsed()
    }

    /// Runs that ended, newest first.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub fn runs(
        &self,
        limit: usize,
        package: Option<&str>,
        cve: Option<&str>,
    ) -> Result<Vec<RunEntry>, ClientError> {
        let mut path = format!("/v1/runs?limit={limit}");
        for (key, value) in [("package", package), ("cve", cve)] {
            if let Some(value) = value {
                path += &format!("&{key}={}", escaped(value));
            }
        }
        Ask { cap: LARGE_CAP, ..self.get("the runs", &path) }.parsed()
    }

    /// One run that ended, with its record.
    ///
    /// # Errors
    /// As [`Self::status`]; one that is not there is [`ClientError::Refused`] with status 404.
    pub fn run(&self, id: &RunId) -> Result<RunDetail, ClientError> {
        let path = format!("/v1/runs/{id}");
        Ask { cap: LARGE_CAP, ..self.get(&format!("run {id}"), &path) }.parsed()
    }

    /// Follows a run until it ends.
    ///
    /// # Errors
    /// As [`Self::status`]; one that is not there is [`ClientError::Refused`] with status 404.
    pub fn events(&self, id: &RunId) -> Result<Events, ClientError> {
        Events::open(&self.get(&format!("run {id}"), &format!("/v1/runs/{id}/events")))
    }

    /// Starts a run. Needs root or membership in the group `patchflock`.
    ///
    /// # Errors
    /// As [`Self::status`]; [`ClientError::Refused`] with status 409 while another run is in progress.
    pub fn start(&self, run: &StartRun) -> Result<Started, ClientError> {
        self.post("the start of a run", "/v1/runs", Some(json(run)?)).parsed()
    }

    /// Ends a run that has not changed anything yet. Needs root or membership in the group `patchflock`.
    ///
    /// # Errors
    /// As [`Self::status`]; [`ClientError::Refused`] where it is too late.
    pub fn cancel(&self, id: &RunId) -> Result<(), ClientError> {
        self.post(&format!("run {id}"), &format!("/v1/runs/{id}/cancel"), None).bytes().map(drop)
    }

    /// Tells the agent to read its documents again, and waits until it has. Needs root or membership in the group
    /// `patchflock`.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub fn documents_changed(&self) -> Result<(), ClientError> {
        self.post("the documents", "/v1/documents/changed", None).bytes().map(drop)
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(value)
        .map_err(|e| ClientError::NotUnderstood { what: "the request".into(), why: e.to_string() })
}

#[cfg(test)]
mod tests;
