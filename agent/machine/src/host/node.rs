//! What the node is made of, for people: kernel, processors, memory, room on its disks.
//!
//! Read only when somebody asks. No list of processes is made, and of the disks only two directories are asked: a walk
//! over all mounts would wait for ever for a network share whose server is gone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::root::Root;

/// Where packages are installed, and where they are downloaded to.
const DIRECTORIES: [&str; 2] = ["/", "/var"];

/// What the node is made of. What cannot be told is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFacts {
    /// Release of the running kernel.
    pub kernel: Option<String>,
    /// When the machine booted.
    pub booted_at: Option<DateTime<Utc>>,
    /// Processors that are on.
    pub processors: Option<usize>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Memory in bytes that programs could still have.
    pub memory_available_bytes: Option<u64>,
    /// Room for files, by directory.
    pub disks: Vec<Room>,
}

/// Room in a directory's file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// The directory.
    pub directory: String,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes that whoever is not root could still write.
    pub free_bytes: u64,
}

/// Reads them, in well under a millisecond.
pub fn read(root: &Root) -> NodeFacts {
    let wanted = RefreshKind::nothing()
        .with_memory(MemoryRefreshKind::nothing().with_ram())
        .with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(wanted).ok();
    let some = |n: u64| (n > 0).then_some(n);
    NodeFacts {
        kernel: System::kernel_version()
            .ok()
            .map(|k| k.chars().filter(|c| !c.is_control()).take(128).collect()),
        // Of a container its own boot, which the kernel's is not.
        booted_at: super::booted(root),
        processors: system.as_ref().map(|s| s.cpus().len()).filter(|n| *n > 0),
        memory_bytes: system.as_ref().and_then(|s| some(s.total_memory())),
        memory_available_bytes: system.as_ref().and_then(|s| some(s.available_memory())),
        disks: DIRECTORIES.iter().filter_map(|directory| room(root, directory)).collect(),
    }
}

fn room(root: &Root, directory: &str) -> Option<Room> {
    let found = rustix::fs::statvfs(root.path(directory)).ok()?;
    Some(Room {
        directory: directory.to_owned(),
        total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_what_its_kernel_tells() {
        let facts = read(&Root::host());
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(facts.kernel.as_deref(), Some(kernel.trim()));
        assert_eq!(facts.booted_at, super::super::booted(&Root::host()));
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        assert_eq!(facts.processors, Some(cpus.lines().filter(|l| l.starts_with("processor")).count()));
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total = memory.lines().find_map(|l| l.strip_prefix("MemTotal:")).unwrap();
        let total: u64 = total.trim().trim_end_matches(" kB").parse().unwrap();
        assert_eq!(facts.memory_bytes, Some(total * 1024));
        assert!(facts.memory_available_bytes.unwrap() <= total * 1024);
        let places: Vec<&str> = facts.disks.iter().map(|d| d.directory.as_str()).collect();
        assert_eq!(places, ["/", "/var"]);
        assert!(facts.disks.iter().all(|d| d.free_bytes <= d.total_bytes && d.total_bytes > 0));
    }

    #[test]
    fn what_cannot_be_told_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let facts = read(&Root::at(dir.path()));
        let places: Vec<&str> = facts.disks.iter().map(|d| d.directory.as_str()).collect();
        assert_eq!((facts.booted_at, places), (None, vec!["/"]), "a system in a directory that has no /var");
    }
}
