//! Runs that ended, made from their numbers, so that a test knows every one without remembering it.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_agent::store::Facets;
use patchflock_api::run::{Ending, Operation, RebootChoice, RunEntry, RunSpec, Trigger};
use sha2::{Digest, Sha256};

/// The entry of run `number`: each ends six hours after the one before, and one of eight is long.
pub fn entry(number: u64) -> RunEntry {
    let steps = i64::try_from(number).unwrap_or(i64::MAX).min(1_000_000);
    let at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_454) + TimeDelta::hours(6 * steps);
    let random = scattered(number);
    let length = if random.is_multiple_of(8) { random / 8 % 60_000 } else { random / 8 % 600 };
    let mut spec = RunSpec {
        id: patchflock_api::ids::RunId::of_request(&number.to_string()),
        operation: Operation::Scan,
        reboot: RebootChoice::Never,
        dry_run: false,
        trigger: Trigger::Routine {},
        order: None,
    };
    if number.is_multiple_of(3) {
        spec.operation = Operation::Install;
    }
    RunEntry {
        spec,
        started_at: at - TimeDelta::minutes(5),
        finished_at: at,
        ending: Ending::Succeeded,
        reason: format!("{number} {}", "why ".repeat(usize::try_from(length / 4).unwrap_or_default())),
        steps: Vec::new(),
        survey: None,
        installed: None,
        hooks: Vec::new(),
        reboot: None,
        after: None,
        health: None,
    }
}

/// The packages and CVEs of an entry: one of seven packages, one of three CVEs, and ten of its own.
pub fn facets_of(entry: &RunEntry) -> Facets {
    let number: u64 = entry.reason.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
    let own = (0..10).map(|n| format!("lib{number}-{n}"));
    Facets {
        packages: own.chain([format!("package{}", number % 7)]).collect(),
        cves: vec![format!("CVE-2026-{}", number % 3)],
    }
}

/// Numbers that look random, the same ones in every run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below a bound that is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        scattered(self.0) % bound.max(1)
    }
}

fn scattered(number: u64) -> u64 {
    let digest = Sha256::digest(number.to_le_bytes());
    digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}
