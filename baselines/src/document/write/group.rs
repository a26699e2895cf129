//! Patch groups and defaults as YAML.

use super::yaml::Yaml;
use crate::patch_group::{DefaultBaselines, PatchGroup};

pub(super) fn patch_group(yaml: &mut Yaml, group: &PatchGroup) {
    if group.patch_group != group.name {
        yaml.text("patch_group", &group.patch_group);
    }
    if let Some(description) = &group.description {
        yaml.text("description", description);
    }
    yaml.texts("baselines", &group.baselines);
}

pub(super) fn default_baselines(yaml: &mut Yaml, defaults: &DefaultBaselines) {
    if let Some(description) = &defaults.description {
        yaml.text("description", description);
    }
    yaml.texts("baselines", &defaults.baselines);
}
