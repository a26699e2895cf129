//! Validation against the JSON Schema, reworded for people.
//!
//! The schema finds every problem at once; this file turns each into a sentence with a place and a next step.

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind as Kind};
use serde_json::Value;

use super::check::{Check, path_in_words};
use super::node::{Node, Tree};
use super::problem::quoted;
use super::suggest::did_you_mean;

/// A schema, ready for use.
#[derive(Debug)]
pub(crate) struct CompiledSchema {
    schema: Value,
    validator: Validator,
}

impl CompiledSchema {
    /// Compiles a schema; an error means that the fragment it was generated from is wrong.
    pub(crate) fn new(schema: Value) -> Result<Self, String> {
        match jsonschema::draft202012::new(&schema) {
            Ok(validator) => Ok(Self { schema, validator }),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reports everything in which the document differs from the schema. Returns the document as JSON without the
    /// fields that nobody knows, so that further checks can run on the rest.
    pub(crate) fn validate(&self, check: &mut Check<'_>) -> Value {
        let mut json = check.root.to_json();
        let mut unknown: Vec<(String, String)> = Vec::new();
        {
            let errors: Vec<_> = self.validator.iter_errors(&json).collect();
            let wrong_type: Vec<String> = errors
                .iter()
                .filter(|error| matches!(error.kind(), Kind::Type { .. }))
                .map(|error| error.instance_path().as_str().to_owned())
                .collect();
            for error in &errors {
                let path = error.instance_path().as_str();
                if !matches!(error.kind(), Kind::Type { .. }) && wrong_type.iter().any(|wrong| wrong == path)
                {
                    continue;
                }
                if let Kind::AdditionalProperties { unexpected } = error.kind() {
                    unknown.extend(unexpected.iter().map(|name| (path.to_owned(), name.clone())));
                }
                self.report(check, error);
            }
        }
        for (path, name) in unknown {
            if let Some(Value::Object(fields)) = json.pointer_mut(&path) {
                fields.remove(&name);
            }
        }
        json
    }

    fn report(&self, check: &mut Check<'_>, error: &ValidationError<'_>) {
        let path = error.instance_path().as_str().to_owned();
        let words = path_in_words(&path);
        let node = check.root.at_pointer(&path);
        let rule = self.rule(error);
        match error.kind() {
            Kind::AdditionalProperties { unexpected } => {
                let known: Vec<&str> = rule
                    .and_then(|rule| rule.get("properties"))
                    .and_then(Value::as_object)
                    .map(|fields| fields.keys().map(String::as_str).collect())
                    .unwrap_or_default();
                for name in unexpected {
                    let hint = did_you_mean(name, known.iter().copied())
                        .unwrap_or_else(|| format!("known fields: {}", list(&known)));
                    let message = if path.is_empty() {
                        format!("unknown field {}", quoted(name))
                    } else {
                        format!("unknown field {} in `{words}`", quoted(name))
                    };
                    check.error_at_key(&path, name, message, Some(hint));
                }
            }
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let inside = if path.is_empty() { String::new() } else { format!(" in `{words}`") };
                if node.entry(name).is_some() {
                    check.error_at_key(&path, name, format!("`{name}` has no value{inside}"), None);
                } else {
                    check.error_inside(
                        &path,
                        format!("`{name}` is missing{inside}"),
                        Some(format!("add `{name}:`")),
                    );
                }
            }
            Kind::Type { .. } => {
                let expected = rule.map(expected_types).unwrap_or_default();
                let message = format!("`{words}` must be {}, not {}", in_words(&expected), node.describe());
                let hint = match expected.as_slice() {
                    [_] => type_hint(node, &expected),
                    _ => self.expectation(error),
                };
                check.error(&path, message, hint);
            }
            Kind::Enum { options } => {
                let options: Vec<&str> =
                    options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let found = node.text().unwrap_or_default();
                let hint = did_you_mean(found, options.iter().copied())
                    .unwrap_or_else(|| format!("one of {}", list(&options)));
                check.error(&path, format!("`{words}` cannot be {}", quoted(found)), Some(hint));
            }
            kind => {
                let message = match kind {
                    Kind::Pattern { .. } => {
                        format!("`{words}` cannot be {}", quoted(node.text().unwrap_or_default()))
                    }
                    Kind::MinLength { .. } | Kind::MinItems { .. } => format!("`{words}` must not be empty"),
                    Kind::MaxLength { limit } => {
                        let length = node.text().unwrap_or_default().chars().count();
                        format!("`{words}` has {length} characters; the limit is {limit}")
                    }
                    Kind::MaxItems { limit } => {
                        format!("`{words}` has {} entries; the limit is {limit}", node.items().len())
                    }
                    Kind::Minimum { limit } => {
                        format!("`{words}` must be {limit} or more, not {}", node.describe())
                    }
                    Kind::Maximum { limit } => {
                        format!("`{words}` must be {limit} or less, not {}", node.describe())
                    }
                    _ => format!("`{words}`: {}", error.masked_with("the value")),
                };
                let hint = match kind {
                    Kind::Pattern { .. } => self.expectation(error),
                    _ => None,
                };
                check.error(&path, message, hint);
            }
        }
    }

    /// The schema object whose keyword failed.
    fn rule(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let (rule, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
        self.schema.pointer(rule)
    }

    /// What the schema says in words about the value (`x-expected`), at the value or at the list it is in.
    fn expectation(&self, error: &ValidationError<'_>) -> Option<String> {
        let (mut rule, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
        rule = rule.strip_suffix("/items").unwrap_or(rule);
        let expected = self.schema.pointer(rule)?.get("x-expected")?.as_str()?;
        Some(format!("expected: {expected}"))
    }
}

fn expected_types(rule: &Value) -> Vec<&str> {
    match rule.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn in_words(types: &[&str]) -> String {
    let words: Vec<&str> = types
        .iter()
        .map(|name| match *name {
            "string" => "text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "`true` or `false`",
            "array" => "a list",
            "object" => "a mapping",
            other => other,
        })
        .collect();
    words.join(" or ")
}

fn type_hint(node: &Node, expected: &[&str]) -> Option<String> {
    let wants = |name| expected.contains(&name);
    match &node.tree {
        Tree::Number(_, spelling) if wants("string") => Some(format!("put it in quotes: \"{spelling}\"")),
        Tree::Bool(value) if wants("string") => Some(format!("put it in quotes: \"{value}\"")),
        Tree::Text(text) if wants("boolean") => match text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => Some("write `true`; yes and on are text in YAML 1.2".into()),
            "no" | "off" | "n" | "false" => Some("write `false`; no and off are text in YAML 1.2".into()),
            _ => None,
        },
        Tree::Text(text) if wants("integer") => {
            let digits = text.trim_start_matches('0');
            let is_number = !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
            match (is_number, digits) {
                (true, "") => Some("write 0 without quotes".into()),
                (true, digits) => Some(format!("write {digits}, without quotes and leading zeros")),
                _ => None,
            }
        }
        Tree::Text(_) | Tree::Number(..) | Tree::Bool(_) if wants("array") => {
            Some("write it as a list, in square brackets or with `- ` before each entry".into())
        }
        Tree::Null => Some("give it a value or remove it".into()),
        _ => None,
    }
}

/// Words in backticks, separated by commas.
fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
