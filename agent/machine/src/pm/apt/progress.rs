//! apt's status lines (`APT::Status-Fd`) as [`Progress`].
//!
//! They come through descriptor 3, a second way to our pipe: seen with apt 2.6, apt closes the descriptor of the
//! status lines for dpkg, so that with 1 or 2 what packages and dpkg say is lost.

use super::system::System;
use crate::exec::Command;
use crate::pm::{OnProgress, Progress};

/// `apt-get` that tells its progress; the arguments follow.
pub(super) fn apt_get(system: &System) -> Command {
    let script = "exec apt-get -o APT::Status-Fd=3 \"$@\" 3>&1";
    Command::new(&system.root, "/bin/sh").args(["-c", script, "apt-get"]).args(system.options())
}

/// The same, and dpkg, with both streams in one: only then do the words of a failing script stand between the lines
/// that dpkg writes about it to both.
pub(super) fn in_order(system: &System, program: &str) -> Command {
    // Only apt's own tools know of repositories.
    let (status, options) =
        if program == "apt-get" { ("-o APT::Status-Fd=3 ", system.options()) } else { ("", Vec::new()) };
    let script = format!("exec {program} {status}\"$@\" 3>&1 2>&1");
    Command::new(&system.root, "/bin/sh").args(["-c", &script, program]).args(options)
}

/// Shows a status line; `false` if the line is something else.
pub(super) fn show(line: &[u8], on_progress: OnProgress<'_>) -> bool {
    let text = String::from_utf8_lossy(line);
    let Some(found) = parse(&text) else { return false };
    for step in found {
        on_progress(step);
    }
    true
}

/// `pmstatus:NAME:PERCENT:TEXT`, and `dlstatus`, `pmerror`, `pmconffile` alike; names may contain a colon.
fn parse(line: &str) -> Option<Vec<Progress>> {
    let (kind, rest) = line.split_once(':')?;
    if !matches!(kind, "pmstatus" | "dlstatus" | "pmerror" | "pmconffile") {
        return None;
    }
    let parts: Vec<&str> = rest.split(':').collect();
    let at = parts.iter().skip(1).position(|p| p.parse::<f64>().is_ok())? + 1;
    let percent: f64 = parts.get(at)?.parse().ok()?;
    let name = parts.get(..at)?.join(":");
    let what = parts.get(at + 1..)?.join(":").trim().to_owned();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
    let percent = Progress::Percent(percent.clamp(0.0, 100.0) as u8);
    // Downloads are numbered, not named, and dpkg as a whole is no package.
    if kind == "dlstatus" || name == "dpkg-exec" {
        return Some(vec![percent]);
    }
    Some(vec![Progress::Package { name, what }, percent])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_status_names_the_package_and_the_share() {
        let found = parse("pmstatus:libc6:amd64:42.8571:Unpacking libc6 (amd64)").unwrap();
        let name = "libc6:amd64".to_owned();
        let what = "Unpacking libc6 (amd64)".to_owned();
        assert_eq!(found, [Progress::Package { name, what }, Progress::Percent(42)]);
    }

    #[test]
    fn a_download_shows_only_its_share() {
        assert_eq!(parse("dlstatus:1:20.5:Retrieving file 1 of 3").unwrap(), [Progress::Percent(20)]);
    }

    #[test]
    fn what_packages_print_is_no_status() {
        assert_eq!(parse("Setting up x: done"), None);
        assert_eq!(parse("pmstatus:nothing"), None);
    }
}
