//! What the schema cannot say about patch groups and defaults. Whether the baselines exist, and for which operating
//! systems they are, is a question to a set of documents: [`crate::selection`] answers it.

use super::check::Check;
use super::fragment::group::{DefaultBaselinesFile, PatchGroupFile};
use super::problem::quoted;
use crate::patch_group::{DefaultBaselines, PatchGroup};

/// The checked patch group. Everything wrong with it goes to `check`.
pub(super) fn patch_group(file: PatchGroupFile, check: &mut Check<'_>) -> PatchGroup {
    let PatchGroupFile { kind: _, name, expires: _, spec } = file;
    named_once(&spec.baselines, check);
    if let Some(value) = &spec.patch_group
        && value.trim() != value
    {
        // AWS takes it, and a tag can have it. Nobody sees it, and nodes that were meant would get another baseline.
        check.error(
            "/spec/patch_group",
            format!("{} begins or ends with white space, and tags are compared exactly", quoted(value)),
            Some("remove it here and from the tags of the nodes".into()),
        );
    } else if let Some(value) = &spec.patch_group
        && value.chars().any(|c| c.is_whitespace() && c != ' ')
        && !check.failed()
    {
        check.warning(
            "/spec/patch_group",
            format!("{} holds a blank that is no plain space, and tags are compared exactly", quoted(value)),
            Some("write a plain space, unless the tags of the nodes have it too".into()),
        );
    }
    PatchGroup {
        patch_group: spec.patch_group.unwrap_or_else(|| name.clone()),
        name,
        baselines: spec.baselines,
        description: spec.description,
    }
}

/// The checked defaults. Everything wrong with them goes to `check`.
pub(super) fn default_baselines(file: DefaultBaselinesFile, check: &mut Check<'_>) -> DefaultBaselines {
    named_once(&file.spec.baselines, check);
    DefaultBaselines { baselines: file.spec.baselines, description: file.spec.description }
}

fn named_once(baselines: &[String], check: &mut Check<'_>) {
    for (index, name) in baselines.iter().enumerate() {
        if baselines.iter().take(index).any(|other| other == name) {
            check.error(
                &format!("/spec/baselines/{index}"),
                format!("{} is listed twice in `baselines`", quoted(name)),
                Some("remove one of them".into()),
            );
        }
    }
}
