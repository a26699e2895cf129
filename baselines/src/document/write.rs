//! The way back: a checked value as the YAML that somebody would have written.
//!
//! Stable (the same value gives the same bytes), short (what is default is left out), and readable back to the same
//! value by [`super::parse`], which a property test holds it to.

mod baseline;
mod group;
mod window;
mod yaml;

use chrono::{DateTime, Utc};

use super::{Document, expiry};
use yaml::Yaml;

pub(super) use yaml::scalar;

/// A document as YAML, without expiry.
pub fn to_yaml(document: &Document) -> String {
    to_yaml_until(document, None)
}

/// A document as YAML that has no effect from `expires` on.
pub fn to_yaml_until(document: &Document, expires: Option<DateTime<Utc>>) -> String {
    let mut yaml = Yaml::new();
    yaml.text("kind", document.kind().as_str());
    yaml.text("name", document.name());
    if let Some(expires) = expires {
        yaml.text("expires", &expiry::written(expires));
    }
    match document {
        Document::PatchBaseline(value) => yaml.mapping("spec", |yaml| baseline::write(yaml, value)),
        Document::PatchGroup(value) => yaml.mapping("spec", |yaml| group::patch_group(yaml, value)),
        Document::DefaultBaselines(value) => {
            yaml.mapping("spec", |yaml| group::default_baselines(yaml, value))
        }
        Document::MaintenanceWindow(value) => yaml.mapping("spec", |yaml| window::write(yaml, value)),
    }
    yaml.finish()
}
