//! Whether the sources can be believed: silence is never compliance.

use chrono::{DateTime, TimeDelta, Utc};

use crate::approval::{dates, short};
use crate::baseline::Baseline;
use crate::inventory::{Inventory, Source, SourceState};
use crate::os::Family;

/// Seven days: the time for which Debian signs its security index.
const DEFAULT_MAX_AGE_HOURS: u32 = 7 * 24;

/// One line for each reason why the machine may miss patches that it does not know of. Empty: it knows them.
pub(super) fn doubts(baseline: &Baseline, inventory: &Inventory, at: DateTime<Utc>) -> Vec<String> {
    let max_age_hours = baseline.max_metadata_age_hours;
    let mut doubts: Vec<String> = inventory
        .sources
        .iter()
        .filter_map(|source| doubt(source, max_age_hours.unwrap_or(DEFAULT_MAX_AGE_HOURS), at))
        .collect();
    let linux = !matches!(inventory.node.operating_system.family(), Family::Macos | Family::Windows);
    if linux && inventory.sources.is_empty() {
        doubts.push("no repository is configured: nothing can be known about missing patches".to_owned());
    }
    if inventory.node.operating_system.family() == Family::Apt
        && !inventory.sources.is_empty()
        && !inventory.sources.iter().any(|s| s.security)
        && baseline.approval_rules.iter().any(|r| !r.enable_non_security)
    {
        doubts.push(
            "no security source is configured, and the baseline takes security updates: none can be seen"
                .to_owned(),
        );
    }
    doubts
}

fn doubt(source: &Source, max_age_hours: u32, at: DateTime<Utc>) -> Option<String> {
    let id = &source.id;
    if let SourceState::Unreadable { why } = &source.state {
        return Some(format!("source {id} could not be read: {}", short(why)));
    }
    if let Some(until) = source.valid_until.filter(|until| *until < at) {
        return Some(format!("metadata of source {id} expired on {}: refresh them", dates::minutes(until)));
    }
    // The date of the metadata stands in where the machine does not remember its own refresh.
    let Some(refreshed) = source.refreshed_at.or(source.metadata_date) else {
        return Some(format!("nobody knows when the metadata of source {id} were refreshed: refresh them"));
    };
    // A clock that was wrong once must not make metadata young for ever.
    if refreshed > at.checked_add_signed(TimeDelta::days(1)).unwrap_or(at) {
        return Some(format!(
            "metadata of source {id} were refreshed on {}, which is in the future: check the clock and refresh them",
            dates::minutes(refreshed)
        ));
    }
    let old = TimeDelta::try_hours(i64::from(max_age_hours))
        .and_then(|age| refreshed.checked_add_signed(age))
        .is_some_and(|limit| limit < at);
    old.then(|| {
        format!(
            "metadata of source {id} were refreshed on {}, more than {max_age_hours} h ago: refresh them",
            dates::minutes(refreshed)
        )
    })
}
