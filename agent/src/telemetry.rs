//! Logs: to the journal where systemd runs us, else to standard error. Standard output stays empty.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts logging. A filter that cannot be read is said and replaced by `info`.
pub fn start(filter: &str) {
    let (filter, bad) = match EnvFilter::try_new(filter) {
        Ok(filter) => (filter, None),
        Err(e) => (EnvFilter::new("info"), Some(e)),
    };
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let plain = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false)
            .boxed()
    });
    tracing_subscriber::registry().with(filter).with(journal).with(plain).try_init().ok();
    if let Some(e) = bad {
        tracing::warn!("log filter: {e}; using \"info\"");
    }
}
