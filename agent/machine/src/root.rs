//! The file tree of the machine that is looked at: `/`, or a directory that holds another system.

use std::path::{Path, PathBuf};

/// The root of the system under inspection. Commands run inside it (`chroot`) when it is not `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// The running system.
    pub fn host() -> Self {
        Self(PathBuf::from("/"))
    }

    /// A system in a directory; needs root to run its commands.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where an absolute path of that system is for us.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.0.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// Which absolute path of that system a path of ours is: the way back from [`Root::path`].
    pub fn inside(&self, ours: impl AsRef<Path>) -> PathBuf {
        let ours = ours.as_ref();
        Path::new("/").join(ours.strip_prefix(&self.0).unwrap_or(ours))
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// Whether this is the running system.
    pub fn is_host(&self) -> bool {
        self.0 == Path::new("/")
    }
}
