//! Who is on the other side of a connection, by the word of the kernel.

use std::fmt;
use std::io::Read;

use tokio::net::UnixStream;

/// Names of users; a larger file is none.
const PASSWD: &str = "/etc/passwd";
const PASSWD_CAP: u64 = 4 << 20;
/// Longest user name that is passed on.
const NAME_CAP: usize = 64;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// Process id, where the kernel knows it.
    pub pid: Option<i32>,
    /// Name of the user, where it was looked up and the machine knows one.
    pub name: Option<String>,
}

impl Caller {
    /// The other side of this connection, by its peer credentials.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let peer = stream.peer_cred()?;
        let uid = peer.uid();
        Ok(Self { uid, pid: peer.pid(), name: None })
    }

    /// The same, with the name that the machine knows it by. Reads a file, so it is not done for everybody.
    #[must_use]
    pub fn with_name(self) -> Self {
        let name = passwd().and_then(|text| named(&text, self.uid));
        Self { name, ..self }
    }
}

impl fmt::Display for Caller {
    /// `uid 1000 (alice)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.uid)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

fn passwd() -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(PASSWD).ok()?.take(PASSWD_CAP).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The first name of a user id, if it is fit to be shown.
fn named(passwd: &str, uid: u32) -> Option<String> {
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })?;
    let fits = !name.is_empty() && name.len() <= NAME_CAP && name.chars().all(|c| c.is_ascii_graphic());
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_named_where_the_machine_knows_the_name() {
        let passwd =
            "root:x:0:0::/:/bin/sh\nbroken\nbad\u{1b}:x:7:7:::\nalice:x:1000:1000:::\nother:x:1000:1:::\n";
        let by = |uid| Caller { uid, pid: None, name: named(passwd, uid) }.to_string();
        assert_eq!(
            (by(0), by(1000), by(5)),
            ("uid 0 (root)".into(), "uid 1000 (alice)".into(), "uid 5".into())
        );
        assert_eq!(by(7), "uid 7");
    }
}
