//! Carrying out the decider's actions.

use std::sync::Arc;
use std::time::Duration;

use patchflock_api::privileged::{Answer as Said, Basis, Request};
use patchflock_api::run::{RunSpec, Trigger, Trouble, TroubleKind};

use super::{Daemon, Input};
use crate::clock;
use crate::core::{Act, Answer, Effect, Event, Reboot, StepId};
use crate::privileged::Call;

/// Between two tries to write what must be written: the disk is full, and somebody has to make room.
const RETRY: Duration = Duration::from_secs(5);

impl Daemon {
    pub(super) async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Persist(journal) => {
                // Nothing that depends on it may happen before it is on disk.
                while let Err(e) = self.store.journal().write(&*journal) {
                    self.stuck(&format!("the journal cannot be written, so nothing is done: {e}")).await;
                }
            }
            Effect::Record(entry) => {
                let facets = super::facets::of(&entry, &self.wiring.root);
                while let Err(e) = self.store.append(&entry, &facets) {
                    self.stuck(&format!("the history cannot be written, so nothing is done: {e}")).await;
                }
                if let Err(e) = self.store.retire(clock::now(), self.wiring.config.history_months) {
                    tracing::warn!("old history is kept longer: {e}");
                }
                tracing::info!(run = %entry.spec.id, ending = ?entry.ending, "run ended: {}", entry.reason);
                self.last_run = Some(*entry);
            }
            Effect::Do { step, spec, act } => {
                tracing::info!(run = %spec.id, number = step.number, "{act}");
                self.start(step, *spec, act);
            }
            Effect::ReleaseSlot { run, token, failed } => {
                tracing::debug!(%run, token, failed, "slot released");
            }
            Effect::Reply { request, result } => self.reply(request, result),
            Effect::WakeAt(at) => self.wake_at = Some(at),
        }
    }

    /// Says what keeps us from going on, and waits a little.
    async fn stuck(&mut self, why: &str) {
        tracing::error!("{why}");
        self.warnings.push(why.to_owned());
        self.publish();
        tokio::time::sleep(RETRY).await;
        self.warnings.pop();
    }

    /// Begins a step; its answer comes to the inbox.
    fn start(&mut self, step: StepId, spec: RunSpec, act: Act) {
        self.progress = None;
        let call = Arc::new(Call::default());
        if let Some((_, old)) = self.call.replace((step.clone(), Arc::clone(&call))) {
            old.hang_up();
        }
        if act == Act::AcquireSlot {
            let answer = match self.slots.acquire(clock::now()) {
                Ok(answer) => answer,
                Err(e) => crate::core::SlotAnswer::Refused {
                    until: clock::now() + chrono::TimeDelta::minutes(1),
                    why: format!("the slot's token cannot be written: {e}"),
                },
            };
            self.backlog.push_back(Event::Answered { step, answer: Answer::Slot(answer) });
            return;
        }
        let privileged = Arc::clone(&self.wiring.privileged);
        let outbox = self.outbox.clone();
        // Not one of the runtime's threads: a transaction may take hours, and the end of the daemon does not wait for it.
        let asking = std::thread::Builder::new().name("privileged".into()).stack_size(512 << 10);
        let asked = step.clone();
        let spawned = asking.spawn(move || {
            let mut hear = |what: String| {
                // Progress that nobody has time for is not worth waiting for.
                outbox.try_send(Input::Progress(step.clone(), what)).ok();
            };
            let said = privileged.ask(&request(&spec, act), &call, &mut hear);
            let answer = understood(act, said);
            outbox.blocking_send(Input::Event(Event::Answered { step, answer })).ok();
        });
        if let Err(e) = spawned {
            let why = format!("no thread to ask the privileged half: {e}");
            let answer = understood(act, Err(Trouble { kind: TroubleKind::Unavailable, why }));
            self.backlog.push_back(Event::Answered { step: asked, answer });
        }
    }
}

/// Where the permission of a run comes from, if it has any.
fn basis(spec: &RunSpec) -> Basis {
    match (&spec.trigger, &spec.order) {
        (Trigger::Window { window, task, start, .. }, _) => {
            Basis::Window { window: window.clone(), task: task.clone(), start: *start }
        }
        (_, Some(order)) => Basis::Order { order: order.clone() },
        (_, None) => Basis::Look {},
    }
}

fn request(spec: &RunSpec, act: Act) -> Request {
    let run = spec.id.clone();
    match act {
        Act::Survey { refresh, attempted } => {
            Request::Survey { run, refresh, dry_run: spec.dry_run, basis: basis(spec), attempted }
        }
        Act::Fetch | Act::AcquireSlot => Request::Fetch { run },
        Act::Hook(point) => Request::Hook { run, point },
        Act::Install { token } => Request::Install { run, token },
        Act::Reboot => Request::Reboot { run },
        Act::Health => Request::Health { run },
    }
}

/// The answer in the decider's words. An answer to something else is a fault of ours, and no success.
fn understood(act: Act, said: Result<Said, Trouble>) -> Answer {
    let other = |said: &Said| Trouble {
        kind: TroubleKind::Failed,
        why: format!("the privileged half answered something else: {said:?}").chars().take(300).collect(),
    };
    match act {
        Act::Survey { .. } => Answer::Surveyed(said.and_then(|said| match said {
            Said::Surveyed { survey, .. } => Ok(survey),
            said => Err(other(&said)),
        })),
        Act::Fetch | Act::AcquireSlot => Answer::Fetched(said.and_then(|said| match said {
            Said::Done {} => Ok(()),
            said => Err(other(&said)),
        })),
        Act::Hook(_) => Answer::Hooked(said.and_then(|said| match said {
            Said::Hooked { hooks } => Ok(hooks),
            said => Err(other(&said)),
        })),
        Act::Install { .. } => Answer::Installed(said.and_then(|said| match said {
            Said::Installed { installed } => Ok(installed),
            said => Err(other(&said)),
        })),
        Act::Reboot => Answer::Rebooting(said.and_then(|said| match said {
            Said::Done {} => Ok(Reboot::UnderWay),
            Said::Rebooted { boot_id } => Ok(Reboot::Done { boot_id }),
            said => Err(other(&said)),
        })),
        Act::Health => Answer::Health(said.and_then(|said| match said {
            Said::Health { health } => Ok(health),
            said => Err(other(&said)),
        })),
    }
}
