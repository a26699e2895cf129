//! `patchflockd`: the agent of one node. Never root; what needs root is asked of `patchflock-priv`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use patchflock_agent::control::{self, Handle};
use patchflock_agent::daemon::{Daemon, Wiring};
use patchflock_agent::privileged::Socket;
use patchflock_agent::{clock, telemetry, watchdog};
use patchflock_api::config::Config;
use patchflock_machine::host;
use patchflock_machine::root::Root;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the loop; every one is a connection, and those are bounded, too.
const REQUESTS: usize = 64;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {}
        ["--version" | "-V"] => return told(&format!("patchflockd {}", env!("CARGO_PKG_VERSION"))),
        ["--help" | "-h"] => {
            return told(
                "Usage: patchflockd\n\nThe agent of one node. It is started by systemd (patchflockd.service) and \
                 takes no options: its configuration is /etc/patchflock/patchflock.toml. Talk to it with `patchflock`.",
            );
        }
        _ => {
            telemetry::start("info");
            tracing::error!("patchflockd takes no arguments; see `patchflockd --help`");
            return ExitCode::from(1);
        }
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!("{e:#}");
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer to --version and --help")]
fn told(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}

fn run() -> anyhow::Result<()> {
    let root = Root::host();
    let config = Config::load(&root);
    telemetry::start(config.as_ref().map_or("info", |c| c.log.as_str()));
    let config = config?;
    let facts = host::read(&root, clock::now()).context("finding out what this machine is")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wiring =
        Wiring { privileged: Arc::new(Socket::new(patchflock_api::privileged::SOCKET)), root, config, facts };
    let outcome = runtime.block_on(serve(wiring));
    // A thread that waits for the privileged half must not hold up our end.
    runtime.shutdown_background();
    outcome
}

async fn serve(wiring: Wiring) -> anyhow::Result<()> {
    let read = listen(Path::new(patchflock_api::READ_SOCKET), 0o666)?;
    let admin = listen(Path::new(patchflock_api::ADMIN_SOCKET), 0o660)?;
    let mut daemon = Daemon::open(wiring)?;
    let (requests, inbox) = mpsc::channel(REQUESTS);
    let handle: Handle = daemon.handle(requests);
    let (stop, stopped) = oneshot::channel();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(control::serve(read, admin, handle));
    watchdog::ready();
    let pulse = tokio::spawn(watchdog::pulse());
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        watchdog::stopping();
        stop.send(()).ok();
    });
    let outcome = daemon.run(inbox, stopped).await;
    pulse.abort();
    outcome
}

/// A socket that an earlier life left is replaced.
fn listen(path: &Path, mode: u32) -> anyhow::Result<UnixListener> {
    let context = || format!("listening on {}", path.display());
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e).with_context(context),
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(context)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).with_context(context)?;
    Ok(listener)
}
