//! `make bench`: what Patchflock costs. How long a scan takes beside the native tool, what the agent at rest takes, and
//! how long a run takes beside the same packages installed by hand.
//!
//! A scan is measured on one system. Each round runs both commands, in turns first and second, so that what else the
//! machine does falls on both. The figure is the median of the rounds' ratios. A run is measured on machines that are
//! alike, each used once. Nothing here passes or fails. Arguments choose cases: `bench large-dnf`, `bench idle overhead`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::claim;
use patchflock_tests::lab::crowd;
use patchflock_tests::lab::dnf::{Advisory, RpmRepo};
use patchflock_tests::lab::door;
use patchflock_tests::lab::figures::{self, Took, Updates};
use patchflock_tests::lab::root::RootDir;
use patchflock_tests::lab::rpm::Rpm;

const ROUNDS: usize = 15;
/// Pairs of machines that a run is measured on.
const PAIRS: usize = 3;
/// How long the agent is left alone.
const REST: Duration = Duration::from_secs(180);

fn main() -> Result<()> {
    claim::sweep(false)?;
    let program = door::patchflock()?;
    type Case = fn(&std::path::Path) -> Result<()>;
    let cases: [(&str, Case); 5] =
        [("apt", apt), ("dnf", dnf), ("large-dnf", large_dnf), ("idle", idle), ("overhead", overhead)];
    let only: Vec<String> = std::env::args().skip(1).collect();
    for (name, case) in cases {
        if only.is_empty() || only.iter().any(|o| o == name) {
            case(&program).context(name)?;
        }
    }
    Ok(())
}

fn apt(program: &std::path::Path) -> Result<()> {
    let root = RootDir::new(&Base::debian()?)?;
    root.use_mirror()?;
    // What the guarded download costs is no part of a scan: everything is warm before the first round.
    root.ok("apt-get update -q")?;
    root.ok(
        "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends unattended-upgrades",
    )?;
    std::fs::copy(program, root.at("/usr/bin/patchflock")).context("copying patchflock")?;
    let scan = "patchflock try";
    pair(&root, "apt", scan, "apt-get -s dist-upgrade", "aim: at most 1.3")?;
    pair(&root, "apt", scan, "unattended-upgrade --dry-run", "aim: below 1")
}

fn dnf(program: &std::path::Path) -> Result<()> {
    let root = RootDir::new(&Base::rpm()?)?;
    let mut repo = RpmRepo::new(root.at("/srv/baseos"))?;
    let mut names = Vec::new();
    for i in 0..40 {
        repo.add(Rpm::new(&format!("package-{i}"), "1", "1"))?;
        names.push(format!("package-{i}"));
    }
    repo.publish()?;
    repo.attach(&root, "file:///srv/baseos")?;
    root.ok(&format!("dnf -q -y install {}", names.join(" ")))?;
    for (i, name) in names.iter().enumerate() {
        let newer = repo.add(Rpm::new(name, "2", "1"))?;
        repo.advise(Advisory::security(&format!("RLSA-2026:{i}"), "Important").fixes(&newer));
    }
    repo.publish()?;
    root.ok("dnf -q makecache --refresh")?;
    std::fs::copy(program, root.at("/usr/bin/patchflock")).context("copying patchflock")?;
    pair(&root, "dnf", "patchflock try", "dnf -q -C check-update", "aim: at most 1.3")
}

/// 600 packages, seven newer versions of each, 500 advisories that name 50 versions each.
fn large_dnf(program: &std::path::Path) -> Result<()> {
    const PACKAGES: usize = 600;
    const ADVISORIES: usize = 500;
    const NAMED: usize = 50;
    let root = RootDir::new(&Base::rpm()?)?;
    let mut repo = RpmRepo::new(root.at("/srv/baseos"))?;
    let old = crowd::build("package", PACKAGES, "1", repo.dir())?;
    repo.publish()?;
    repo.attach(&root, "file:///srv/baseos")?;
    let names: Vec<&str> = old.iter().map(Rpm::name).collect();
    root.ok(&format!("dnf -q -y install {}", names.join(" ")))?;
    let mut newer = Vec::new();
    for version in 2..=8 {
        newer.extend(crowd::build("package", PACKAGES, &version.to_string(), repo.dir())?);
    }
    for i in 0..ADVISORIES {
        let severity = if i % 2 == 0 { "Important" } else { "Moderate" };
        let advisory =
            Advisory::security(&format!("RLSA-2026:{i:04}"), severity).cve(&format!("CVE-2026-{i}"));
        let named = newer.iter().skip(i * 7).step_by(79).take(NAMED);
        repo.advise(named.fold(advisory, |a, rpm| a.fixes(rpm)));
    }
    repo.publish()?;
    root.ok("dnf -q makecache --refresh")?;
    std::fs::copy(program, root.at("/usr/bin/patchflock")).context("copying patchflock")?;
    pair(&root, "dnf, large", "patchflock try", "dnf -q -C check-update", "aim: at most 1.3")
}

/// The agent alone on a booted machine, with nothing to do.
#[expect(clippy::disallowed_methods, reason = "the figure is over a time in which nothing may happen")]
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn idle(_program: &std::path::Path) -> Result<()> {
    let node = figures::machine(&Updates::fetch()?)?;
    let before = figures::resident(&node.machine)?;
    std::thread::sleep(REST);
    let after = figures::resident(&node.machine)?;
    let minutes = REST.as_secs_f64() / 60.0;
    let mib = |kib: u64| kib as f64 / 1024.0;
    let rates: Vec<(&String, f64)> = after
        .switches
        .iter()
        .map(|(name, now)| {
            let then = before.switches.get(name).copied().unwrap_or_default();
            (name, now.saturating_sub(then) as f64 / minutes)
        })
        .collect();
    let named: Vec<String> = rates.iter().map(|(name, rate)| format!("{name} {rate:.1}")).collect();
    println!(
        "idle: resident {:.1} MiB, {:.1} MiB of it its own (aim: below 25); {:.1} wake-ups a minute over {:.0} minutes ({})",
        mib(after.rss),
        mib(after.anon),
        rates.iter().map(|(_, rate)| rate).sum::<f64>(),
        minutes,
        named.join(", ")
    );
    Ok(())
}

/// Every update of the release, by hand and by a run, in turns first and second.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn overhead(_program: &std::path::Path) -> Result<()> {
    let updates = Updates::fetch()?;
    let (mut hands, mut runs) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let fresh = || figures::machine(&updates);
        let (hand, run) = if pair % 2 == 0 {
            let hand = figures::by_hand(&fresh()?)?;
            (hand, figures::by_run(&fresh()?)?)
        } else {
            let run = figures::by_run(&fresh()?)?;
            (figures::by_hand(&fresh()?)?, run)
        };
        if hand.packages != run.packages {
            let of =
                |took: &Took| took.packages.clone().into_iter().collect::<std::collections::BTreeSet<_>>();
            let differ: Vec<_> = of(&hand).symmetric_difference(&of(&run)).cloned().collect();
            bail!("the two did not install the same: {differ:?}");
        }
        hands.push(hand);
        runs.push(run);
    }
    for (what, tooks) in [("by hand", &hands), ("by a run", &runs)] {
        let Some(first) = tooks.first() else { continue };
        let part = |name: &String| {
            format!("{name} {:.2}", median(&mut tooks.iter().map(|t| t.part(name)).collect::<Vec<_>>()))
        };
        let parts: Vec<String> = first.parts.iter().map(|(name, _)| part(name)).collect();
        let whole = median(&mut tooks.iter().map(|t| t.whole).collect::<Vec<_>>());
        println!("overhead: {what} {whole:.2} s ({})", parts.join(", "));
    }
    let ratios = |run: &dyn Fn(&Took) -> f64, hand: &dyn Fn(&Took) -> f64| {
        let mut all: Vec<f64> = runs.iter().zip(&hands).map(|(r, h)| run(r) / hand(h)).collect();
        let middle = median(&mut all);
        let ends = (all.first().copied().unwrap_or(f64::NAN), all.last().copied().unwrap_or(f64::NAN));
        format!("{middle:.2} ({:.2} to {:.2})", ends.0, ends.1)
    };
    println!(
        "overhead: whole run beside `update` and `upgrade` {}, transaction alone beside `upgrade` {} (median of {PAIRS} \
         pairs, least and most; aim: at most 1.10)",
        ratios(&|r| r.whole, &|h| h.whole),
        ratios(&|r| r.part("transaction"), &|h| h.part("upgrade")),
    );
    Ok(())
}

/// Runs both commands in turns and prints the median of the ratios.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn pair(root: &RootDir, what: &str, ours: &str, theirs: &str, aim: &str) -> Result<()> {
    let (mut ratios, mut mine, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (a, b) = if round % 2 == 0 {
            let a = timed(root, ours)?;
            (a, timed(root, theirs)?)
        } else {
            let b = timed(root, theirs)?;
            (timed(root, ours)?, b)
        };
        // The first round warms the caches.
        if round > 0 {
            ratios.push(a.as_secs_f64() / b.as_secs_f64());
            mine.push(a.as_secs_f64());
            other.push(b.as_secs_f64());
        }
    }
    println!(
        "{what}: `{ours}` {:.0} ms, `{theirs}` {:.0} ms, ratio {:.2} (median of {ROUNDS} pairs; {aim})",
        median(&mut mine) * 1e3,
        median(&mut other) * 1e3,
        median(&mut ratios)
    );
    Ok(())
}

fn timed(root: &RootDir, line: &str) -> Result<Duration> {
    let started = Instant::now();
    let out = root.run(line)?;
    let took = started.elapsed();
    // 3: not compliant; 100: dnf has updates. Both are answers.
    if ![0, 3, 100].contains(&out.code) {
        bail!("`{line}` ended with {}: {}", out.code, out.stderr_text());
    }
    Ok(took)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
