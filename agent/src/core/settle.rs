//! What is due: what was missed is accounted for, one run is begun, and the next look is set.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::RunId;
use patchflock_api::run::{Ending, Operation, RebootChoice, RunEntry, RunSpec, Trigger};

use super::{Active, Core, Effect, HEARTBEAT, ahead, windows};

impl Core {
    /// Accounts for what opened and closed while this node was away (invariant I7), and lets scans catch up.
    pub(super) fn missed(&mut self, now: DateTime<Utc>, out: &mut Vec<Effect>) {
        let Some(until) = self.journal.awake_until else { return };
        for (spec, reason) in windows::missed(&self.policy, &self.node, until, self.back_at, now) {
            self.skip(now, spec, &reason, out);
        }
        let mut late = windows::catching_up(&self.policy, &self.node, until, self.back_at);
        for older in std::mem::take(&mut self.journal.late_scans) {
            match late.iter().find(|newer| windows::same_task(newer, &older)) {
                Some(newer) if newer.id != older.id => {
                    self.skip(now, older, "a later scan of the window makes up for it", out);
                }
                Some(_) => {}
                None => late.push(older),
            }
        }
        self.journal.late_scans = late;
    }

    /// A run of this node that does not happen.
    fn skip(&mut self, now: DateTime<Utc>, spec: RunSpec, reason: &str, out: &mut Vec<Effect>) {
        if self.journal.has_ended(&spec.id)
            || self.journal.active.as_ref().is_some_and(|a| a.spec.id == spec.id)
            // It is still to be made up for.
            || self.journal.late_scans.iter().any(|late| late.id == spec.id)
        {
            return;
        }
        let id = spec.id.clone();
        let never = Active::new(spec, now, 0);
        out.push(Effect::Record(Box::new(RunEntry {
            steps: Vec::new(),
            ..never.entry(now, Ending::Skipped, reason.to_owned())
        })));
        self.journal.ended(id);
    }

    /// Starts what is due, and says when to look again.
    pub(super) fn settle(&mut self, now: DateTime<Utc>, out: &mut Vec<Effect>) {
        if let Some(since) = self.journal.awake_until {
            for (spec, reason) in windows::passed(&self.policy, &self.node, since, now) {
                self.skip(now, spec, &reason, out);
            }
        }
        let due = windows::due(&self.policy, &self.node, self.back_at, now);
        for (spec, reason) in due.lost {
            self.skip(now, spec, &reason, out);
        }
        self.give_way(now, &due.open, out);
        let busy_with = self.journal.active.as_ref().map(|a| a.spec.clone());
        match busy_with {
            Some(active) => {
                for spec in due.open.into_iter().filter(|s| windows::overlaps(&active, s)) {
                    let reason =
                        format!("skipped because the window's run {} was still in progress", active.id);
                    self.skip(now, spec, &reason, out);
                }
            }
            None => {
                let late = self.journal.late_scans.iter();
                let mut waiting = late.chain(&due.open).filter(|spec| !self.journal.has_ended(&spec.id));
                let next = waiting.next().cloned();
                if let Some(spec) = next.or_else(|| self.ahead(now)).or_else(|| self.routine(now)) {
                    self.begin(now, spec, out);
                }
            }
        }
        self.journal.awake_until = Some(now);
        let wake = self.next_wake(now);
        if self.wake_at != Some(wake) || !out.is_empty() {
            out.push(Effect::Persist(Box::new(self.journal.clone())));
            out.push(Effect::WakeAt(wake));
            self.wake_at = Some(wake);
        }
    }

    /// What looks and downloads ahead of a window never keeps a window waiting, least of all its own.
    fn give_way(&mut self, now: DateTime<Utc>, open: &[RunSpec], out: &mut Vec<Effect>) {
        let Some(active) = &mut self.journal.active else { return };
        if active.ahead_of().is_none() {
            return;
        }
        if let Some(next) = active.out_of_time(now) {
            self.go(now, next, out);
        } else if let Some(spec) = open.iter().find(|spec| !self.journal.has_ended(&spec.id))
            && let Trigger::Window { window, .. } = &spec.trigger
        {
            self.end(now, Ending::Cancelled, format!("gave way to the window {window}"), out);
        }
    }

    /// A look and a download ahead of a window, if it is time.
    fn ahead(&self, now: DateTime<Utc>) -> Option<RunSpec> {
        let coming = ahead::coming(&self.policy, &self.node, now).into_iter();
        coming
            .filter(|a| a.at <= now && now < a.until)
            .map(|a| a.spec)
            .find(|s| !self.journal.has_ended(&s.id))
    }

    /// The regular scan, if it is time.
    fn routine(&self, now: DateTime<Utc>) -> Option<RunSpec> {
        let at = self.routine_at(now)?;
        (at <= now).then(|| RunSpec {
            id: RunId::of_request(&format!("routine {} {}", self.node, now.timestamp())),
            operation: Operation::Scan,
            reboot: RebootChoice::Never,
            dry_run: false,
            trigger: Trigger::Routine {},
            order: None,
        })
    }

    fn routine_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let every = TimeDelta::hours(i64::from(self.policy.scan_interval_hours));
        if every.is_zero() {
            return None;
        }
        // The survey, or at least the last try, must be of the policy that is in force.
        let current = |of: &Option<String>| of.as_ref() == Some(&self.policy.fingerprint);
        if !current(&self.journal.survey_policy) && !current(&self.journal.last_scan_policy) {
            return Some(now);
        }
        match self.journal.last_scan_run {
            // A clock that was ahead must not silence the scans for as long as it was ahead.
            Some(last) if last <= now => last.checked_add_signed(every),
            _ => Some(now),
        }
    }

    fn next_wake(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut wake = now + HEARTBEAT;
        let mut sooner = |at: DateTime<Utc>| {
            if at > now && at < wake {
                wake = at;
            }
        };
        match &self.journal.active {
            Some(active) => {
                if let Some((until, _)) = &active.waiting {
                    sooner(*until);
                }
                if let Some(deadline) = active.reboot_deadline() {
                    sooner(deadline);
                }
                if let Some((_, start)) = active.ahead_of() {
                    sooner(start);
                }
            }
            None => {
                if let Some(at) = self.routine_at(now) {
                    sooner(at);
                }
                ahead::coming(&self.policy, &self.node, now).iter().for_each(|a| sooner(a.at));
            }
        }
        if let Some(at) = windows::next_instant(&self.policy, &self.node, now) {
            sooner(at);
        }
        wake
    }
}
