//! Progress on standard error: a live line on a terminal, one line per phase elsewhere.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use patchflock_machine::pm::Progress;

use crate::output;

/// Where progress is shown.
pub(super) struct Talk {
    /// `None` when standard error is no terminal.
    bar: Option<ProgressBar>,
    phase: RefCell<String>,
}

/// How often the live line shows that we are alive.
const TICK: Duration = Duration::from_millis(120);

impl Talk {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(100);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, phase: RefCell::new(String::new()) }
    }

    /// Progress for nobody.
    #[cfg(test)]
    pub(super) fn silent() -> Self {
        Self { bar: Some(ProgressBar::hidden()), phase: RefCell::default() }
    }

    /// A new phase began.
    pub(super) fn phase(&self, name: &str) {
        name.clone_into(&mut self.phase.borrow_mut());
        match &self.bar {
            Some(bar) => {
                // A line that was taken away comes back.
                if bar.is_finished() {
                    bar.reset();
                }
                bar.set_prefix(name.to_owned());
                bar.set_message("");
                bar.enable_steady_tick(TICK);
            }
            None => output::talk(&format!("{name} ...")),
        }
    }

    /// A step within the phase; shown only where it can be overwritten.
    pub(super) fn progress(&self, progress: Progress) {
        let Some(bar) = &self.bar else { return };
        match progress {
            Progress::Phase(name) => bar.set_message(name),
            Progress::Package { name, what } => bar.set_message(format!("{name}: {what}")),
            Progress::Percent(n) => bar.set_prefix(format!("{} {n} %", self.phase.borrow())),
        }
    }

    /// Something that stays to be read.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::talk(text)),
            None => output::talk(text),
        }
    }

    /// Takes the live line away before data is printed.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.set_prefix("");
            bar.set_message("");
            bar.finish_and_clear();
        }
    }
}
