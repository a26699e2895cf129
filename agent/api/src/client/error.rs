//! What can go wrong between the command line and the agent.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::run::Trouble;

/// A request that got no answer, or not the one that was hoped for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There is no socket.
    #[error(
        "{program} is not running on this machine ({} does not exist): install the package or `systemctl start \
         {unit}`; `patchflock try` works without it", socket.display()
    )]
    NotRunning {
        /// The program that would listen.
        program: &'static str,
        /// What to start.
        unit: &'static str,
        /// Where it would listen.
        socket: PathBuf,
    },
    /// There is a socket, and nobody behind it.
    #[error(
        "{program} does not answer on {} ({why}): see `systemctl status {unit}`; `patchflock try` works without it",
        socket.display()
    )]
    NotAnswering {
        /// The program that would listen.
        program: &'static str,
        /// What to look at.
        unit: &'static str,
        /// Where it would listen.
        socket: PathBuf,
        /// Why, in the words of the system.
        why: String,
    },
    /// The kernel keeps us out.
    #[error(
        "this needs root or membership in the group patchflock ({}: permission denied): run it with sudo, or \
         `usermod -aG patchflock USER` and log in again", socket.display()
    )]
    NotAllowed {
        /// The socket.
        socket: PathBuf,
    },
    /// It answered that it will not, in words for people.
    #[error("{why}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Why.
        why: String,
    },
    /// The privileged half did not do it.
    #[error("{}", .0.why)]
    Trouble(Trouble),
    /// No answer within the deadline.
    #[error("no answer about {what} within {seconds} s: see `systemctl status patchflockd` and try again")]
    TooSlow {
        /// What was asked about.
        what: String,
        /// The deadline.
        seconds: u64,
    },
    /// The connection broke before the answer was complete.
    #[error("the connection broke in the answer about {what} ({why}): try again")]
    Broken {
        /// What was asked about.
        what: String,
        /// Why.
        why: String,
    },
    /// The newest survey is no JSON any more.
    #[error("the newest survey of this machine is damaged ({why}): `patchflock scan` makes a new one")]
    Damaged {
        /// Where, in the words of the parser.
        why: String,
    },
    /// An answer that this version does not understand.
    #[error(
        "the answer about {what} is not understood ({why}): this is patchflock {}, and the agent seems to be of another \
         version; restart it after an upgrade (`systemctl restart patchflockd`)", env!("CARGO_PKG_VERSION")
    )]
    NotUnderstood {
        /// What was asked about.
        what: String,
        /// Why.
        why: String,
    },
}

impl ClientError {
    /// Who listens on a socket: the program and its unit.
    fn behind(socket: &Path) -> (&'static str, &'static str) {
        if socket.file_name().is_some_and(|name| name == "priv.sock") {
            ("patchflock-priv", "patchflock-priv.socket")
        } else {
            ("patchflockd", "patchflockd")
        }
    }

    /// Connecting failed.
    pub(super) fn connecting(socket: &Path, e: &std::io::Error) -> Self {
        let (program, unit) = Self::behind(socket);
        let socket = socket.to_owned();
        match e.kind() {
            ErrorKind::NotFound => Self::NotRunning { program, unit, socket },
            ErrorKind::PermissionDenied => Self::NotAllowed { socket },
            _ => Self::NotAnswering { program, unit, socket, why: e.to_string() },
        }
    }

    /// Whether somebody is missing on the other side: worth another try while a service restarts.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NotRunning { .. } | Self::NotAnswering { .. } | Self::Broken { .. })
    }
}
