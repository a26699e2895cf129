//! Telling systemd that we are ready, alive, or stopping. Without systemd nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;

fn tell(state: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(false, state) {
        tracing::warn!("systemd was not told: {e}");
    }
}

/// Sockets are open and the journal has been read.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// We were asked to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells of life at half the watchdog's time, from the loop's own thread: if the loop hangs, so does this.
pub async fn pulse() {
    let mut micros = 0;
    if !sd_notify::watchdog_enabled(false, &mut micros) || micros == 0 {
        return;
    }
    let mut beat = tokio::time::interval(Duration::from_micros(micros / 2));
    loop {
        beat.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}
