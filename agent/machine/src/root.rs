//! The file tree of the machine that is looked at: `/`, or a directory that holds another system.

use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path.
const MAX_LINKS: usize = 40;

/// The components of `path` onto a stack, so that the first comes off first.
fn push(stack: &mut Vec<std::ffi::OsString>, path: &Path) {
    let parts: Vec<_> = path
        .components()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(part.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect();
    stack.extend(parts.into_iter().rev());
}

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
    ///
    /// In a directory, links are followed as that system would follow them: an absolute link starts at the
    /// directory, and `..` does not lead out of it. So a link in an image never makes us read or write the host's
    /// files. Somebody who changes links at the same moment from inside is not held off by this.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        if self.is_host() { PathBuf::from("/").join(absolute) } else { self.resolved(absolute) }
    }

    fn resolved(&self, absolute: &Path) -> PathBuf {
        let mut found = self.0.clone();
        let mut depth = 0_usize;
        // What is still to walk, the next component last.
        let mut ahead: Vec<std::ffi::OsString> = Vec::new();
        push(&mut ahead, absolute);
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            if part == ".." {
                if depth > 0 {
                    found.pop();
                    depth -= 1;
                }
                continue;
            }
            found.push(&part);
            depth += 1;
            let Ok(target) = found.read_link() else { continue };
            links += 1;
            found.pop();
            depth -= 1;
            if links > MAX_LINKS {
                // A loop: what is asked for does not exist, and neither does this.
                return self.0.join("too-many-links");
            }
            if target.is_absolute() {
                found.clone_from(&self.0);
                depth = 0;
            }
            push(&mut ahead, &target);
        }
        found
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_of_a_system_in_a_directory_stay_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::create_dir_all(dir.path().join("data/dpkg")).unwrap();
        std::fs::create_dir_all(dir.path().join("var/lib")).unwrap();
        symlink("/data/dpkg", dir.path().join("var/lib/dpkg")).unwrap();
        symlink("../../../../etc/passwd", dir.path().join("data/passwd")).unwrap();
        symlink("/loop", dir.path().join("loop")).unwrap();
        assert_eq!(root.path("/var/lib/dpkg/status"), dir.path().join("data/dpkg/status"));
        assert_eq!(root.path("/data/passwd"), dir.path().join("etc/passwd"));
        assert_eq!(root.path("/../../etc/shadow"), dir.path().join("etc/shadow"));
        assert!(root.path("/loop/x").starts_with(dir.path()));
        assert!(!root.path("/loop/x").exists());
    }

    #[test]
    fn a_path_of_the_running_system_is_itself() {
        assert_eq!(Root::host().path("/etc/os-release"), Path::new("/etc/os-release"));
        assert!(Root::host().is_host());
    }
}
