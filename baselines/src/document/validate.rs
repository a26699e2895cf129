//! Validation against the JSON Schema, reworded for people.
//!
//! The schema finds every problem at once; this file turns each into a sentence with a place and a next step.

use std::collections::BTreeSet;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind as Kind};
use serde_json::Value;

use super::check::{Check, path_in_words};
use super::node::{Node, Tree};
use super::problem::quoted;
use super::suggest::did_you_mean;

/// A document after validation, for the checks that follow.
///
/// A wrong field must not keep the rest of the document from being checked: people want all problems at once.
#[derive(Debug)]
pub(crate) struct Validated {
    /// The document without the fields that nobody knows.
    pub(crate) json: Value,
    /// JSON pointers of what the schema refused.
    wrong: Vec<String>,
    /// A list is longer than allowed. Further checks compare entries with each other and must not see it.
    pub(crate) too_long: bool,
}

impl Validated {
    /// The document without what the schema refused. With `up` 0 the field nearest to each wrong value goes (not the
    /// entry of a list, which would renumber the others), with 1 the field around that, and so on; fields of the spec
    /// are the last.
    pub(crate) fn without_wrong_fields(&self, up: usize) -> Value {
        let mut json = self.json.clone();
        for path in &self.wrong {
            let fields = self.fields_on_the_way(path);
            let Some((parent, key)) = fields.get(up.min(fields.len().saturating_sub(1))) else { continue };
            if let Some(Value::Object(fields)) = json.pointer_mut(parent) {
                fields.remove(&key.replace("~1", "/").replace("~0", "~"));
            }
        }
        json
    }

    /// The fields inside the spec (and `expires` beside it) that lead to a value, innermost first, each as its mapping's pointer and its name.
    fn fields_on_the_way<'p>(&self, path: &'p str) -> Vec<(&'p str, &'p str)> {
        let mut fields = Vec::new();
        let mut rest = path;
        while let Some((parent, key)) = rest.rsplit_once('/') {
            if (parent.starts_with("/spec") || path == "/expires")
                && self.json.pointer(parent).is_some_and(Value::is_object)
            {
                fields.push((parent, key));
            }
            rest = parent;
        }
        fields
    }
}

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

    /// Reports everything in which the document differs from the schema.
    pub(crate) fn validate(&self, check: &mut Check<'_>) -> Validated {
        let mut json = check.root.to_json();
        let mut unknown: Vec<(String, String)> = Vec::new();
        let mut wrong: Vec<String> = Vec::new();
        let mut too_long = false;
        {
            let errors: Vec<_> = self.validator.iter_errors(&json).collect();
            let wrong_type: BTreeSet<&str> = errors
                .iter()
                .filter(|error| matches!(error.kind(), Kind::Type { .. }))
                .map(|error| error.instance_path().as_str())
                .collect();
            for error in &errors {
                too_long |= matches!(error.kind(), Kind::MaxItems { .. });
                let path = error.instance_path().as_str();
                if !matches!(error.kind(), Kind::Type { .. }) && wrong_type.contains(path) {
                    continue;
                }
                if let Kind::AdditionalProperties { unexpected } = error.kind() {
                    unknown.extend(unexpected.iter().map(|name| (path.to_owned(), name.clone())));
                } else {
                    wrong.push(path.to_owned());
                }
                self.report(check, error);
            }
        }
        for (path, name) in unknown {
            if let Some(Value::Object(fields)) = json.pointer_mut(&path) {
                fields.remove(&name);
            }
        }
        Validated { json, wrong, too_long }
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
