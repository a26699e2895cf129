//! What is kept for runs and orders is bounded: taken away when it is old or too much, refused when even that does not help.
//!
//! Age is counted from the newest entry beside it, never from the clock: one that is years ahead for an hour would take
//! away the markers by which hooks and transactions happen once. For the same reason the newest ones always stay.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use patchflock_api::privileged::Request;
use patchflock_api::run::Trouble;

use crate::Desk;
use crate::trouble::failed;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// One directory below [`crate::STATE`].
struct Shelf {
    name: &'static str,
    /// More entries than these are not kept.
    most: usize,
    /// How much older than the newest entry one must be before it goes for being too many.
    settled: Duration,
}

/// Everything that is kept for a run or an order. An order is good for 24 hours, and a run for about as long.
const SHELVES: [Shelf; 7] = [
    Shelf { name: "orders", most: 1_000, settled: DAY.saturating_mul(3) },
    Shelf { name: "plans", most: 500, settled: Duration::ZERO },
    Shelf { name: "hooks", most: 8_000, settled: DAY.saturating_mul(3) },
    Shelf { name: "txn", most: 1_000, settled: DAY.saturating_mul(3) },
    Shelf { name: "begun", most: 1_000, settled: DAY.saturating_mul(3) },
    Shelf { name: "reboots", most: 1_000, settled: DAY.saturating_mul(3) },
    Shelf { name: "health", most: 1_000, settled: Duration::ZERO },
];
/// How much older than the newest entry one must be before nobody asks for it any more.
const OLD: Duration = DAY.saturating_mul(90);
/// The newest entries, which stay whatever their dates say.
const ALWAYS: usize = 100;

/// Sees to it that there is room for what a request keeps.
///
/// # Errors
/// There is too much already, and nothing of it is old.
pub(crate) fn room(desk: &Desk, request: &Request) -> Result<(), Trouble> {
    let name = match request {
        Request::Place { .. } => "orders",
        Request::Survey { dry_run: false, .. } => "plans",
        Request::Hook { .. } => "hooks",
        Request::Install { .. } => "txn",
        Request::Reboot { .. } => "reboots",
        _ => return Ok(()),
    };
    let Some(shelf) = SHELVES.iter().find(|shelf| shelf.name == name) else { return Ok(()) };
    let left = swept(desk, shelf);
    if left < shelf.most {
        return Ok(());
    }
    Err(failed(format!(
        "{}/{name} holds {left} entries of the last days, and {} are the most: find out what makes so many; root may remove \
         those of runs that are over",
        crate::STATE,
        shelf.most
    )))
}

/// Takes away what nobody asks for any more. What cannot be taken away now is tried again next time.
pub(crate) fn sweep(desk: &Desk) {
    for shelf in &SHELVES {
        swept(desk, shelf);
    }
}

/// The same for one directory; how many entries are left.
fn swept(desk: &Desk, shelf: &Shelf) -> usize {
    let directory = desk.root.path(format!("{}/{}", crate::STATE, shelf.name));
    let mut entries: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    // Most requests keep one thing more among a few.
    let Some(newest) = entries.iter().map(|(at, _)| *at).max() else { return 0 };
    entries.sort_unstable_by(|a, b| b.cmp(a));
    let mut left = 0;
    for (n, (at, path)) in entries.into_iter().enumerate() {
        let age = newest.duration_since(at).unwrap_or_default();
        let goes = n >= ALWAYS && (age > OLD || (n + 1 >= shelf.most && age >= shelf.settled));
        // A transaction without a result may still be running, however long.
        let over = !path.is_dir() || path.join("result.json").exists();
        let gone = goes
            && over
            && if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }
                .is_ok();
        left += usize::from(!gone);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Bench;

    fn kept(bench: &Bench, shelf: &str) -> usize {
        std::fs::read_dir(bench.path(&format!("{}/{shelf}", crate::STATE))).map_or(0, Iterator::count)
    }

    /// Puts entries of this age in days there.
    fn put(bench: &Bench, shelf: &str, prefix: &str, count: usize, days: u32) {
        let directory = bench.path(&format!("{}/{shelf}", crate::STATE));
        std::fs::create_dir_all(&directory).unwrap();
        for n in 0..count {
            let file = std::fs::File::create(directory.join(format!("{prefix}{n}.json"))).unwrap();
            file.set_modified(SystemTime::from(bench.time()) - DAY * days).unwrap();
        }
    }

    fn place() -> Request {
        Request::Place { order: Default::default() }
    }

    #[test]
    fn what_is_old_goes_and_the_newest_stay_however_old_they_are() {
        let bench = Bench::ready();
        put(&bench, "hooks", "old", 150, 400);
        put(&bench, "hooks", "new", 20, 1);
        bench.set_clock("2044-01-01T00:00:00Z");
        sweep(&bench.desk);
        assert_eq!(kept(&bench, "hooks"), ALWAYS);
        put(&bench, "plans", "one", 150, 3000);
        sweep(&bench.desk);
        assert_eq!(kept(&bench, "plans"), 150, "none is old beside the others, whatever the clock says");
    }

    #[test]
    fn too_many_make_room_by_their_order_and_orders_of_the_last_days_are_refused_instead() {
        let bench = Bench::ready();
        put(&bench, "orders", "old", 600, 5);
        put(&bench, "orders", "new", 500, 0);
        room(&bench.desk, &place()).unwrap();
        assert_eq!(kept(&bench, "orders"), 999);
        put(&bench, "orders", "newer", 600, 0);
        let trouble = room(&bench.desk, &place()).unwrap_err();
        assert!(trouble.why.contains("orders holds 1100 entries"), "{}", trouble.why);
        put(&bench, "plans", "one", 700, 0);
        bench.survey();
        assert!(kept(&bench, "plans") <= 501, "a plan can be made again");
    }

    #[test]
    fn a_transaction_without_a_result_stays() {
        let bench = Bench::ready();
        let file = |token: u64, name: &str, days: u32| {
            bench.file(&crate::install::file(token, name), "{}", 0o600);
            let directory = bench.path(&format!("{}/txn/{token}", crate::STATE));
            std::fs::File::open(directory)
                .unwrap()
                .set_modified(SystemTime::from(bench.time()) - DAY * days)
                .unwrap();
        };
        for token in 0..ALWAYS as u64 {
            file(token, "result.json", 0);
        }
        file(1_000, "order.json", 500);
        file(1_001, "result.json", 500);
        sweep(&bench.desk);
        assert_eq!(kept(&bench, "txn"), ALWAYS + 1);
        assert!(bench.path(&crate::install::file(1_000, "order.json")).exists());
    }
}
