//! What everybody may see, made anew after each fact.

use std::sync::Arc;

use patchflock_api::status::{ActiveRun, Status};

use tokio::sync::watch;

use super::Daemon;
use crate::clock;
use crate::control::Snapshot;

impl Daemon {
    /// Publishes what is known now. Readers never wait for the loop.
    pub(super) fn publish(&mut self) -> watch::Receiver<Arc<Snapshot>> {
        let now = clock::now();
        let view = self.core.view(now);
        let active = view.active.map(|active| ActiveRun {
            spec: active.spec.clone(),
            started_at: active.started_at,
            step: active.step,
            waiting: active.waiting.clone(),
            progress: self
                .progress
                .as_ref()
                .filter(|(step, _)| *step == active.id())
                .map(|(_, what)| what.clone()),
        });
        let mut warnings = self.warnings.clone();
        if let Some(survey) = view.survey {
            warnings
                .extend(survey.foreign_updaters.iter().map(|u| format!("also installs updates here: {u}")));
        }
        let facts = &self.wiring.facts;
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.store.node_id().clone(),
            hostname: facts.hostname.clone(),
            operating_system: facts.pretty_name.clone(),
            tags: self.wiring.config.tags.clone(),
            started_at: self.started_at,
            active,
            last_run: self.last_run.clone(),
            survey: view.survey.cloned(),
            survey_outdated: false,
            open: Vec::new(),
            next: view.next,
            warnings,
        };
        let snapshot = Arc::new(Snapshot { status });
        match &self.snapshot {
            Some(sender) => {
                sender.send_replace(snapshot);
                sender.subscribe()
            }
            None => {
                let (sender, receiver) = watch::channel(snapshot);
                self.snapshot = Some(sender);
                receiver
            }
        }
    }
}
