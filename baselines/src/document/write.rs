//! The way back: a checked value as the YAML that somebody would have written.
//!
//! Stable (the same value gives the same bytes), short (what is default is left out), and readable back to the same
//! value by [`super::parse`], which a property test holds it to.

mod baseline;
mod window;
mod yaml;

use super::Document;
use yaml::Yaml;

/// A document as YAML.
pub fn to_yaml(document: &Document) -> String {
    let mut yaml = Yaml::new();
    yaml.text("kind", document.kind().as_str());
    yaml.text("name", document.name());
    match document {
        Document::PatchBaseline(value) => yaml.mapping("spec", |yaml| baseline::write(yaml, value)),
        Document::MaintenanceWindow(value) => yaml.mapping("spec", |yaml| window::write(yaml, value)),
    }
    yaml.finish()
}
