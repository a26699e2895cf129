//! How the lab starts host programs: through `machine::exec`, and a failure carries what the program said.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use patchflock_machine::exec::{Command, Output};
use patchflock_machine::root::Root;

/// Runs a host program to its end and demands exit code 0. Ten minutes at most.
///
/// # Errors
/// The program is missing, hangs, or exits with another code: the message carries the end of its output.
pub fn ok<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Result<Output> {
    ok_command(Command::new(&Root::host(), program).args(args).deadline(Duration::from_secs(600)))
}

/// As [`ok`], for a command with settings of its own.
///
/// # Errors
/// As [`ok`].
pub fn ok_command(command: Command) -> Result<Output> {
    let shown = command.display();
    let out = command.run()?;
    if !out.success() {
        let (stdout, stderr) = (out.stdout_text(), out.stderr_text());
        bail!("`{shown}` ended with {}:\n{}{}", out.code, last(&stdout), last(&stderr));
    }
    Ok(out)
}

/// The program under test: `$PATCHFLOCK_BIN`, which `./lab` and `./test.sh` set, else what was built beside this test.
///
/// # Errors
/// It was not built.
pub fn patchflock() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("PATCHFLOCK_BIN") {
        return Ok(program.into());
    }
    // Tests are in target/PROFILE/deps, programs one above; `./lab` itself is a program.
    let ours = std::env::current_exe()?;
    let beside = ours.ancestors().skip(1).take(2).map(|dir| dir.join("patchflock")).find(|p| p.is_file());
    beside.context("patchflock is not built: `cargo build -p patchflock-cli`")
}

/// The host's clock, in seconds since 1970. The lab is the world around the program under test, so it may look.
pub fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the lab signs repositories with real dates")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Waits until `ready` says yes, looking ten times a second.
///
/// # Errors
/// It did not within `limit`; the message names `what` was awaited.
pub fn wait(what: &str, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let until = std::time::Instant::now() + limit;
    while !ready() {
        if std::time::Instant::now() > until {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        #[expect(clippy::disallowed_methods, reason = "this is the one place that polls, with a deadline")]
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn last(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(25)).map(|l| format!("  {l}\n")).collect()
}
