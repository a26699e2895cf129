//! The maintenance window: when a fleet may be disturbed, by what, on whom (reference section 6).
//!
//! Plain values with AWS's names in snake_case. They come out of [`crate::document`], which reports every problem
//! with its place; [`MaintenanceWindow::problems`] holds the rules that span several fields, so that a window
//! from any other source can be judged too. When a window is open is computed in [`crate::schedule`].

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schedule::Schedule;

mod limit;
mod resolve;
mod target;
mod task;

pub use limit::{Limit, LimitError, MaxConcurrency, MaxErrors};
pub use resolve::{NodeFacts, TaskForNode};
pub use target::{MAX_TARGETS, ResourceType, Target, TargetKey, TargetKeyError, WindowTarget};
pub use task::{CutoffBehavior, HashType, NotificationConfig, RebootOption, RunCommand, Task, TaskAction};

/// Longest window: AWS allows 24 whole hours; ours counts minutes.
pub const MAX_DURATION_MINUTES: u32 = 24 * 60;

/// Largest `schedule_offset_days` (reference 6.1).
pub const MAX_OFFSET_DAYS: u32 = 6;

/// A maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// Name of the document, `^[a-zA-Z0-9_\-.]{3,128}$` (reference 6.1).
    pub name: String,
    /// Description for people, 1-128 characters.
    pub description: Option<String>,
    /// When it starts.
    pub schedule: Schedule,
    /// Zone in which `schedule` and `freezes` are read. AWS's default is UTC.
    #[serde(default = "utc")]
    pub schedule_timezone: Tz,
    /// Starts this many calendar days (1-6) after each cron match, at the same local time. Only for cron.
    pub schedule_offset_days: Option<u32>,
    /// No occurrence starts before it; a rate counts from it (reference 6.2).
    pub start_date: Option<DateTime<Utc>>,
    /// No occurrence starts at or after it. One that has started runs to its own end.
    pub end_date: Option<DateTime<Utc>>,
    /// Length in minutes, 1 to [`MAX_DURATION_MINUTES`].
    pub duration_minutes: u32,
    /// How many minutes before the end nothing new starts; less than `duration_minutes`.
    pub cutoff_minutes: u32,
    /// Tasks may name nodes that are not among `targets`.
    pub allow_unassociated_targets: bool,
    /// A disabled window never opens.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Each node delays its part by a fixed pseudo-random share of this; ours. Zero: all at once.
    #[serde(default)]
    pub splay_minutes: u32,
    /// What a node does that was away when an occurrence started; ours.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Days on which no occurrence starts; ours.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
    /// Registered targets (reference 6.5).
    #[serde(default)]
    pub targets: Vec<WindowTarget>,
    /// What to do, by priority (reference 6.6, 6.7).
    #[serde(default)]
    pub tasks: Vec<Task>,
}

fn utc() -> Tz {
    Tz::UTC
}

fn yes() -> bool {
    true
}

/// What a node does that was off or unreachable when an occurrence started. AWS has no catch-up at all
/// (reference 6.9); no choice here ever installs outside a window or after its cutoff.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// As AWS: it sits this occurrence out.
    Never,
    /// It joins if it is back before the cutoff. Our default: its time is still the administrator's chosen time.
    #[default]
    WhileOpen,
    /// As `while_open`; if it comes back later, its scan tasks run at once, because they disturb nothing and
    /// an unknown state is worse. Installations wait for the next occurrence.
    ScanLater,
}

/// Days on which no occurrence starts: local calendar days in the window's zone, both ends included.
///
/// Only the start counts: an occurrence that starts on the evening before runs on into the freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// First day.
    pub from: NaiveDate,
    /// Last day; the same as `from` for a single day.
    pub until: NaiveDate,
    /// Why, shown with each occurrence it suppresses.
    pub reason: String,
}

impl Freeze {
    /// Whether the day lies in the freeze.
    #[must_use]
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.until
    }
}

/// One rule that a window breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowProblem {
    /// The field to change.
    pub field: &'static str,
    /// What is wrong and what to write.
    pub message: String,
}

impl MaintenanceWindow {
    /// Every rule of reference 6.1, 6.5 and 6.6 that spans fields or is not already kept by a type.
    /// Lengths of names and texts are the document reader's, which knows their places.
    #[must_use]
    pub fn problems(&self) -> Vec<WindowProblem> {
        let mut found = Vec::new();
        let mut say = |field, message| found.push(WindowProblem { field, message });
        if !(1..=MAX_DURATION_MINUTES).contains(&self.duration_minutes) {
            say(
                "duration_minutes",
                format!("{} is not 1 to {MAX_DURATION_MINUTES} minutes (24 hours)", self.duration_minutes),
            );
        }
        if self.cutoff_minutes >= self.duration_minutes {
            say(
                "cutoff_minutes",
                format!(
                    "{} leaves no time to start anything: it must be less than the duration, {}",
                    self.cutoff_minutes, self.duration_minutes
                ),
            );
        } else if self.splay_minutes >= self.duration_minutes - self.cutoff_minutes {
            say(
                "splay_minutes",
                format!(
                    "{} would delay nodes past the cutoff: at most {}",
                    self.splay_minutes,
                    self.duration_minutes - self.cutoff_minutes - 1
                ),
            );
        }
        if let Some(days) = self.schedule_offset_days {
            if !(1..=MAX_OFFSET_DAYS).contains(&days) {
                say("schedule_offset_days", format!("{days} is not 1 to {MAX_OFFSET_DAYS} days"));
            }
            if !matches!(self.schedule, Schedule::Cron(_)) {
                say("schedule_offset_days", "only a cron schedule can have an offset: remove it".to_owned());
            }
        }
        if let (Some(start), Some(end)) = (self.start_date, self.end_date)
            && end <= start
        {
            say("end_date", format!("{end} is not after start_date {start}"));
        }
        for freeze in &self.freezes {
            if freeze.until < freeze.from {
                say("freezes", format!("{} to {} ends before it begins", freeze.from, freeze.until));
            }
        }
        for target in &self.targets {
            for message in target.problems() {
                say("targets", format!("target {}: {message}", target.name));
            }
            if self.targets.iter().filter(|other| other.name == target.name).count() > 1 {
                say("targets", format!("target {}: the name is given twice", target.name));
            }
        }
        for task in &self.tasks {
            if self.tasks.iter().filter(|other| other.name == task.name).count() > 1 {
                say("tasks", format!("task {}: the name is given twice", task.name));
            }
            for message in task.problems(&self.targets) {
                say("tasks", format!("task {}: {message}", task.name));
            }
        }
        found
    }
}
