//! AWS's maintenance window (reference 6.1) as ours.

use super::{Node, Translation, added, assembled, renamed};

/// Fields of AWS that only change their name.
const SAME: [(&str, &str); 10] = [
    ("Description", "description"),
    ("StartDate", "start_date"),
    ("EndDate", "end_date"),
    ("Schedule", "schedule"),
    ("ScheduleTimezone", "schedule_timezone"),
    ("ScheduleOffset", "schedule_offset"),
    ("Duration", "duration"),
    ("Cutoff", "cutoff"),
    ("AllowUnassociatedTargets", "allow_unassociated_targets"),
    ("Enabled", "enabled"),
];

/// Fields that AWS reports or uses only itself.
const DROPPED: [&str; 7] = [
    "WindowId",
    "NextExecutionTime",
    "CreatedDate",
    "ModifiedDate",
    "ClientToken",
    "Tags",
    "ResponseMetadata",
];

impl Translation<'_> {
    /// The document in our shape.
    pub(super) fn window(&mut self, root: &Node) -> Node {
        let known: Vec<&str> = SAME.iter().map(|(aws, _)| *aws).chain(DROPPED).chain(["Name"]).collect();
        let mut name = None;
        let mut spec = Vec::new();
        for entry in self.fields(root, "the window", &known) {
            if entry.key == "Name" {
                name = Some(renamed(entry, "name", entry.value.clone()));
            } else if let Some((_, ours)) = SAME.iter().find(|(aws, _)| *aws == entry.key) {
                spec.push(renamed(entry, ours, entry.value.clone()));
            }
        }
        // AWS has no catch-up (reference 6.9).
        spec.push(added(root.at, "catch_up", "never"));
        self.note(
            root.at,
            "targets and tasks of the window are not in this output, and `catch_up: never` keeps AWS's meaning",
            "add `targets` and `tasks`; remove `catch_up` to let nodes join a window that is still open",
        );
        assembled(root.at, "MaintenanceWindow", name, spec)
    }
}
