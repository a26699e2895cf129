//! The published JSON Schemas are those that the documents are validated against.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

use std::path::PathBuf;

use patchflock_baselines::document::Kind;

#[test]
fn published_schemas_are_those_of_the_fragments() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for kind in Kind::ALL {
        let path = folder.join(format!("{kind}.json"));
        let wanted = serde_json::to_string_pretty(&kind.schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "schemas/{kind}.json is stale: run `UPDATE_SCHEMAS=1 cargo test -p patchflock-baselines --test document_schemas`"
        );
    }
}

#[test]
fn schemas_are_valid_and_refuse_unknown_fields_everywhere() {
    fn objects_are_closed(schema: &serde_json::Value, path: &str) {
        match schema {
            serde_json::Value::Object(fields) => {
                if fields.get("properties").is_some_and(|p| p.get("$ref").is_none()) {
                    assert_eq!(
                        fields.get("additionalProperties"),
                        Some(&serde_json::Value::Bool(false)),
                        "{path}"
                    );
                }
                for (key, value) in fields {
                    objects_are_closed(value, &format!("{path}/{key}"));
                }
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    objects_are_closed(item, path);
                }
            }
            _ => {}
        }
    }
    for kind in Kind::ALL {
        let schema = kind.schema();
        assert!(jsonschema::draft202012::meta::is_valid(&schema), "{kind}");
        objects_are_closed(&schema, kind.as_str());
        let text = schema.to_string();
        assert!(
            !text.contains("\"null\""),
            "{kind}: no field accepts null, since null fields are dropped: {text}"
        );
    }
}
