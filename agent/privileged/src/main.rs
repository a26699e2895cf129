//! `patchflock-priv`: see the library. Without arguments it serves the connection that is its standard input;
//! `transaction RUN TOKEN` is the guard of a transaction, and
//! `restore-updaters` brings back what was masked, before the package is removed.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use anyhow::Context;
use patchflock_api::ids::RunId;
use patchflock_machine::host::updaters;
use patchflock_priv::{Desk, serve, transaction};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            use std::io::Write;
            writeln!(std::io::stderr(), "patchflock-priv: {e:#}").ok();
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<()> {
    // Whatever the caller's umask: scripts of packages take this one for granted. What we keep has modes of its own.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    anyhow::ensure!(rustix::process::geteuid().is_root(), "this is the privileged half: it runs as root");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let desk = Desk::of_host();
    match arguments.as_slice() {
        [] => {
            let stdin = std::io::stdin();
            let peer = rustix::net::sockopt::socket_peercred(stdin.as_fd())
                .context("standard input is no connection with a process that this machine can name; systemd starts this program \
                     for its socket")?;
            let stream = UnixStream::from(stdin.as_fd().try_clone_to_owned()?);
            serve::serve(&desk, &stream, peer.uid.as_raw(), || {
                patchflock_machine::exec::end_interruptible();
                std::process::exit(0)
            })?;
            Ok(())
        }
        ["transaction", run, token] => {
            let run: RunId = run.parse()?;
            let token: u64 = token.parse().with_context(|| format!("{token} is not a token"))?;
            transaction::guard(&desk, &run, token).map_err(|trouble| anyhow::anyhow!(trouble.why))
        }
        // For the removal of the package: what was masked comes back.
        ["restore-updaters"] => match updaters::masked(&desk.root)? {
            Some(masked) => Ok(updaters::restore(&desk.root, &masked)?),
            None => Ok(()),
        },
        _ => anyhow::bail!("usage: patchflock-priv [transaction RUN TOKEN | restore-updaters]"),
    }
}
