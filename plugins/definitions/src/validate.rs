//! Holds a document against a JSON Schema: the keywords that the published schemas use. What is wrong is named by its place, never by its value.

use serde_json::{Map, Value};

use crate::secrets::escaped;

/// Where something is wrong, as a JSON pointer, and what.
pub(crate) type Mistake = (String, String);

/// References within a schema that lead to one another; ours do not.
const DEEPEST: usize = 64;

/// Everything that is wrong with the document.
pub(crate) fn mistakes(schema: &Value, document: &Value) -> Vec<Mistake> {
    let mut found = Vec::new();
    Check { root: schema, depth: 0 }.value(schema, document, "", &mut found);
    found
}

#[derive(Clone, Copy)]
struct Check<'a> {
    root: &'a Value,
    depth: usize,
}

impl Check<'_> {
    fn value(self, schema: &Value, value: &Value, at: &str, found: &mut Vec<Mistake>) {
        let Some(schema) = schema.as_object() else {
            return if schema == &Value::Bool(false) {
                mistake(found, at, "is not known")
            };
        };
        if self.depth > DEEPEST {
            return mistake(found, at, "is nested too deeply");
        }
        let deeper = Check { depth: self.depth + 1, ..self };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
            deeper.value(self.root.pointer(target).unwrap_or(&Value::Bool(false)), value, at, found);
        }
        if let Some(name) = schema.get("type").and_then(Value::as_str)
            && !is_of(value, name)
        {
            return mistake(found, at, "has another type");
        }
        if schema.get("enum").and_then(Value::as_array).is_some_and(|values| !values.contains(value)) {
            mistake(found, at, "is none of the values there are");
        }
        let fits = |schema: &Value| {
            let mut found = Vec::new();
            deeper.value(schema, value, at, &mut found);
            found.is_empty()
        };
        if schema.get("anyOf").and_then(Value::as_array).is_some_and(|forms| !forms.iter().any(fits)) {
            mistake(found, at, "has none of the forms there are");
        }
        if schema.get("not").is_some_and(fits) {
            mistake(found, at, "belongs into a member of its own");
        }
        match value {
            Value::Object(members) => deeper.members(schema, members, at, found),
            Value::Array(items) => deeper.items(schema, items, at, found),
            Value::String(text) => characters(schema, text, at, found),
            Value::Number(number) => bounds(schema, number.as_f64(), at, found),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn members(self, schema: &Map<String, Value>, members: &Map<String, Value>, at: &str, found: &mut Vec<Mistake>) {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required.filter(|name| !members.contains_key(*name)) {
            mistake(found, &inside(at, name), "is missing");
        }
        let known = schema.get("properties").and_then(Value::as_object);
        for (name, member) in members {
            let known = known.and_then(|known| known.get(name)).or_else(|| schema.get("additionalProperties"));
            if let Some(schema) = known {
                self.value(schema, member, &inside(at, name), found);
            }
        }
    }

    fn items(self, schema: &Map<String, Value>, items: &[Value], at: &str, found: &mut Vec<Mistake>) {
        if limit(schema, "minItems").is_some_and(|least| items.len() < least) {
            mistake(found, at, "is too short");
        }
        if let Some(each) = schema.get("items") {
            items.iter().enumerate().for_each(|(place, item)| self.value(each, item, &format!("{at}/{place}"), found));
        }
    }
}

fn characters(schema: &Map<String, Value>, text: &str, at: &str, found: &mut Vec<Mistake>) {
    let length = text.chars().count();
    if limit(schema, "minLength").is_some_and(|least| length < least) {
        mistake(found, at, "is too short");
    }
    if limit(schema, "maxLength").is_some_and(|most| length > most) {
        mistake(found, at, "is too long");
    }
    if schema.get("contentEncoding").is_some_and(|encoding| encoding == "base64") && !is_base64(text) {
        mistake(found, at, "is not written as it must be");
    }
}

fn bounds(schema: &Map<String, Value>, number: Option<f64>, at: &str, found: &mut Vec<Mistake>) {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64).zip(number);
    let below = bound("minimum").is_some_and(|(least, number)| number < least)
        || bound("exclusiveMinimum").is_some_and(|(least, number)| number <= least);
    if below {
        mistake(found, at, "is too small");
    }
    if bound("maximum").is_some_and(|(most, number)| number > most) {
        mistake(found, at, "is too large");
    }
}

fn limit(schema: &Map<String, Value>, name: &str) -> Option<usize> {
    schema.get(name)?.as_u64().and_then(|limit| usize::try_from(limit).ok())
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

/// The alphabet of base64, and at most two signs behind it: what `pattern` says of it to others.
fn is_base64(text: &str) -> bool {
    let bytes = text.trim_end_matches('=');
    text.len() - bytes.len() <= 2
        && !bytes.is_empty()
        && bytes.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn inside(at: &str, name: &str) -> String {
    format!("{at}/{}", escaped(name))
}

fn mistake(found: &mut Vec<Mistake>, at: &str, what: &str) {
    found.push((at.to_owned(), what.to_owned()));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every keyword of a schema is one that is looked at, or that says nothing of validity.
    pub(crate) fn knows(schema: &str) {
        fn walk(schema: &Value) {
            const KNOWN: [&str; 26] = [
                "$defs",
                "$id",
                "$ref",
                "$schema",
                "additionalProperties",
                "anyOf",
                "contentEncoding",
                "default",
                "description",
                "enum",
                "exclusiveMinimum",
                "items",
                "maxLength",
                "maximum",
                "minItems",
                "minLength",
                "minimum",
                "not",
                "pattern",
                "properties",
                "required",
                "title",
                "type",
                "x-references",
                "x-secret",
                "examples",
            ];
            let Some(members) = schema.as_object() else { return };
            for (name, value) in members {
                assert!(KNOWN.contains(&name.as_str()), "{name}");
                match name.as_str() {
                    "properties" | "$defs" => value.as_object().unwrap().values().for_each(walk),
                    "anyOf" => value.as_array().unwrap().iter().for_each(walk),
                    "items" | "additionalProperties" | "not" => walk(value),
                    "pattern" => assert_eq!(members["contentEncoding"], "base64"),
                    _ => {}
                }
            }
        }
        walk(&serde_json::from_str(schema).unwrap());
    }
}
