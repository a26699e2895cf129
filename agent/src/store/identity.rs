//! Who this node is: an id from randomness, bound to the machine (design 7b, "Identity").
//!
//! The id of a machine whose disk was copied is copied with it. `/etc/machine-id` is what such copies are told to change,
//! so an id is kept with a hash of it, and another machine id makes another node. The machine id itself is confidential
//! (machine-id(5)) and goes nowhere.

use std::path::{Path, PathBuf};

use patchflock_api::ids::NodeId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::durable;

/// Its name in the store's directory.
const FILE: &str = "node-id";
/// Longest file in bytes.
const CAP: u64 = 4096;
/// In front of the machine id in the hash, so that nobody else's hash of it is ours.
const PURPOSE: &[u8] = b"patchflock: the machine of a node id\0";

/// A node id cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The disk refuses.
    #[error("{what} {}: {source}; look at the disk and the rights of its directory", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The kernel gives no randomness.
    #[error("no randomness for a node id: {0}")]
    Randomness(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    id: NodeId,
    machine_id_hash: Option<String>,
}

/// The node id in a directory, made where there is none or where it is another machine's; and what people should know.
pub(super) fn of(directory: &Path, machine_id: &Path) -> Result<(NodeId, Vec<String>), IdentityError> {
    let path = directory.join(FILE);
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| IdentityError::Io { what, path, source }
    };
    let mut warnings = Vec::new();
    let machine = match durable::read(machine_id, CAP) {
        Ok(bytes) => bytes.and_then(|b| hash(&b)),
        Err(e) => {
            warnings.push(format!("{} cannot be read ({e})", machine_id.display()));
            None
        }
    };
    if machine.is_none() {
        warnings.push(format!(
            "{} holds no machine id: a copy of this machine's disk would be taken for this node; \
             `systemd-machine-id-setup` makes one",
            machine_id.display()
        ));
    }
    let old = match durable::read(&path, CAP) {
        Ok(None) => None,
        Ok(Some(bytes)) => Some(serde_json::from_slice::<Identity>(&bytes).map_err(|e| e.to_string())),
        Err(e) if e.kind() == std::io::ErrorKind::FileTooLarge => Some(Err(e.to_string())),
        Err(e) => return Err(io("reading", &path)(e)),
    };
    let keep = match old {
        Some(Ok(old)) => match (&old.machine_id_hash, &machine) {
            // Nothing speaks against it: a machine without an id says nothing.
            (_, None) => return Ok((old.id, warnings)),
            (Some(then), Some(now)) if then == now => return Ok((old.id, warnings)),
            // It was made before the machine had an id: it is bound now.
            (None, Some(_)) => Some(old.id),
            (Some(_), Some(_)) => {
                warnings.push(format!(
                    "{} says {}, and was made on a machine with another /etc/machine-id (a copied disk?): this is a \
                     new node now",
                    path.display(),
                    old.id
                ));
                None
            }
        },
        Some(Err(why)) => {
            let aside = durable::set_aside(&path).map_err(io("moving aside", &path))?;
            warnings.push(format!(
                "{} cannot be read ({why}); it is kept as {}, and this is a new node now",
                path.display(),
                aside.display()
            ));
            None
        }
        None => None,
    };
    let id = keep.map_or_else(random, Ok)?;
    let identity = Identity { id, machine_id_hash: machine };
    let bytes = serde_json::to_vec(&identity).map_err(|e| io("writing", &path)(e.into()))?;
    durable::replace(&path, &bytes, 0o600).map_err(io("writing", &path))?;
    Ok((identity.id, warnings))
}

/// Hash of what is in `/etc/machine-id`; `None` for none (empty, or `uninitialized` before the first boot is through).
fn hash(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let fits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| {
        hex(Sha256::new().chain_update(PURPOSE).chain_update(text.to_ascii_lowercase()).finalize().as_slice())
    })
}

/// A new id of 128 bits. Waits, at the first boot, until the kernel has randomness.
fn random() -> Result<NodeId, IdentityError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| IdentityError::Randomness(e.to_string()))?;
    NodeId::try_from(format!("n-{}", hex(&bytes))).map_err(|e| IdentityError::Randomness(e.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef\n";
    const TWO: &str = "f123456789abcdef0123456789abcdef\n";

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(machine_id: &str) -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            machine.becomes(machine_id);
            machine
        }

        fn becomes(&self, machine_id: &str) {
            std::fs::write(self.0.path().join("machine-id"), machine_id).unwrap();
        }

        fn id(&self) -> (NodeId, usize) {
            let (id, warnings) = of(self.0.path(), &self.0.path().join("machine-id")).unwrap();
            (id, warnings.len())
        }
    }

    #[test]
    fn a_node_keeps_its_id_and_two_nodes_have_two() {
        let (one, two) = (Machine::new(ONE), Machine::new(ONE));
        assert_eq!(one.id(), one.id());
        assert_ne!(one.id().0, two.id().0);
        assert_eq!(one.id().1, 0);
    }

    #[test]
    fn a_copied_disk_with_another_machine_id_is_a_new_node_and_stays_it() {
        let machine = Machine::new(ONE);
        let (first, _) = machine.id();
        machine.becomes(TWO);
        let (second, warnings) = machine.id();
        assert_ne!(first, second);
        assert_eq!(warnings, 1);
        assert_eq!(machine.id(), (second, 0));
    }

    #[test]
    fn an_id_made_before_the_machine_had_one_is_bound_when_it_has() {
        for none in ["", "uninitialized\n"] {
            let machine = Machine::new(none);
            let (id, warnings) = machine.id();
            assert_eq!(warnings, 1);
            machine.becomes(ONE);
            assert_eq!(machine.id(), (id.clone(), 0));
            machine.becomes(none);
            assert_eq!(machine.id(), (id.clone(), 1), "a machine that lost its id is the same");
            machine.becomes(TWO);
            assert_ne!(machine.id().0, id);
        }
    }

    #[test]
    fn a_damaged_id_is_kept_aside_and_the_machine_id_is_not_in_the_file() {
        let machine = Machine::new(ONE);
        let (first, _) = machine.id();
        let file = machine.0.path().join("node-id");
        assert!(!std::fs::read_to_string(&file).unwrap().contains(ONE.trim()));
        for damage in ["", "{\"id\":\"../x\",\"machine_id_hash\":null}", &"x".repeat(5000)] {
            std::fs::write(&file, damage).unwrap();
            let (id, warnings) = machine.id();
            assert!(id != first && warnings == 1);
        }
        assert!(machine.0.path().join("node-id.damaged-3").exists());
    }
}
