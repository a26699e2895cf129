//! What everybody may see, made anew after each fact.

use std::collections::BTreeMap;
use std::sync::Arc;

use patchflock_api::status::{ActiveRun, Status, TaskState};

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
        let mut open = view.open;
        let ended = open.iter_mut().flat_map(|window| &mut window.tasks);
        let mut kept = BTreeMap::new();
        for task in ended {
            if let TaskState::Ended { ending, reason } = &mut task.state {
                // The history is asked once for each: this is done after every line of progress.
                let known = self.ended.remove(&task.run).or_else(|| {
                    let entry = self.store.one(&task.run).ok().flatten()?;
                    Some((entry.ending, entry.reason))
                });
                let Some(known) = known else { continue };
                (*ending, *reason) = (Some(known.0), known.1.clone());
                kept.insert(task.run.clone(), known);
            }
        }
        self.ended = kept;
        let mut warnings = [self.lasting.as_slice(), &self.warnings].concat();
        if view.outdated {
            warnings.push(
                "tags or documents have changed since the machine was last looked at: `patchflock scan` looks now"
                    .to_owned(),
            );
        }
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
            survey_outdated: view.outdated,
            open,
            next: view.next,
            // Read for each who asks: see `control`.
            machine: None,
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
