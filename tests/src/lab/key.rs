//! A throw-away OpenPGP key that signs repositories and packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::claim::Claim;
use super::door;

/// The user id of every key of the lab. None of them is worth anything.
const USER: &str = "Patchflock lab <lab@localhost>";

/// A signing key in a directory of its own. The key and its agent go when it is dropped.
#[derive(Debug)]
pub struct Key {
    claim: Claim,
}

impl Key {
    /// Makes a key: RSA, since rpm 4 verifies no other kind everywhere. Takes about a second.
    ///
    /// # Errors
    /// gpg is missing or fails.
    pub fn new() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let key = Self { claim: Claim::new("key")? };
        std::fs::create_dir(key.home())?;
        std::fs::set_permissions(key.home(), std::fs::Permissions::from_mode(0o700))?;
        key.gpg(["--passphrase", "", "--quick-generate-key", USER, "rsa2048", "sign", "never"])?;
        key.gpg(["--armor", "--output", &key.public().display().to_string(), "--export", USER])?;
        Ok(key)
    }

    /// gpg's home directory.
    pub fn home(&self) -> PathBuf {
        self.claim.dir().join("home")
    }

    /// The armoured public key.
    pub fn public(&self) -> PathBuf {
        self.claim.dir().join("public.asc")
    }

    /// The user id to sign as.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Writes `file` with a signature around it, as `InRelease` is.
    ///
    /// # Errors
    /// gpg fails.
    pub fn clearsign(&self, file: &Path, into: &Path) -> Result<()> {
        self.sign("--clearsign", file, into)
    }

    /// Writes an armoured signature of `file`, as `repomd.xml.asc` is.
    ///
    /// # Errors
    /// gpg fails.
    pub fn detach(&self, file: &Path, into: &Path) -> Result<()> {
        self.sign("--detach-sign", file, into)
    }

    fn sign(&self, how: &str, file: &Path, into: &Path) -> Result<()> {
        let (file, into) = (file.display().to_string(), into.display().to_string());
        self.gpg(["--armor", "--local-user", USER, "--output", &into, how, &file])
            .with_context(|| format!("cannot sign {file}"))
    }

    fn gpg<const N: usize>(&self, args: [&str; N]) -> Result<()> {
        let home = self.home().display().to_string();
        let fixed = ["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--homedir", &home];
        door::ok("gpg", fixed.into_iter().chain(args))?;
        Ok(())
    }
}
