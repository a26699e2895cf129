//! The JSON Schema of each kind, generated from its fragment.

use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Value, json};

/// The schema of a fragment, draft 2020-12, as it is published.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with_transform(Plain);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Makes the schema say what people can be told.
///
/// - An optional field is one that may be missing. A field without value is dropped before validation, so `null` need
///   not be in the schema, and no error is hidden inside an `anyOf`.
/// - An enum with documented variants becomes `enum`, so that one error lists every allowed value.
/// - Rust's integer formats (`uint32`) mean nothing to an editor.
#[derive(Debug, Clone)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
            branches.retain(|branch| branch != &json!({ "type": "null" }));
            if let [Value::Object(only)] = branches.as_slice() {
                let only = only.clone();
                object.remove("anyOf");
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
        }
        if let Some(Value::Array(branches)) = object.get("oneOf") {
            let constants: Option<Vec<Value>> =
                branches.iter().map(|branch| branch.get("const").cloned()).collect();
            if let Some(constants) = constants {
                object.remove("oneOf");
                object.insert("type".into(), json!("string"));
                object.insert("enum".into(), Value::Array(constants));
            }
        }
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            object.remove("format");
        }
    }
}
