//! Objects that the target keeps as one document, and the packages that belong to some of them.

use std::io::Write as _;

use reinstate::backup::Writer;
use reinstate::catalog::ObjectName;
use serde_json::Value;

/// An object that is its attributes.
#[derive(Debug, Clone)]
pub struct Document {
    /// As the archive has them; names of objects in them are the archive's.
    pub attributes: Value,
    /// Contents of the packages that the attributes name.
    pub packages: Vec<(String, Vec<u8>)>,
}

impl Document {
    pub fn of(attributes: Value) -> Self {
        Self { attributes, packages: Vec::new() }
    }

    pub fn write(&self, writer: &mut Writer) -> Value {
        for (_, bytes) in &self.packages {
            let mut entry = writer.entry("bytes").expect("an entry");
            entry.write_all(bytes).expect("written");
            entry.finish(None).expect("an entry");
        }
        self.attributes.clone()
    }

    /// As it is in a target where objects' schemas have other names.
    pub fn mapped(&self, rename: &dyn Fn(&ObjectName) -> ObjectName) -> Self {
        let mut mapped = self.clone();
        map(&mut mapped.attributes, rename);
        mapped
    }

    /// Leaves out memberships in roles that are not among these.
    pub fn forget_others(&mut self, there: &[ObjectName]) {
        let is_role = |name: &Value| {
            let role = ObjectName::new("role", None, name.as_str().unwrap_or_default());
            there.contains(&role)
        };
        if let Some(memberships) = self.attributes.get_mut("memberships").and_then(Value::as_array_mut) {
            memberships.retain(|membership| is_role(&membership["role"]));
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let mut attributes = plain(&self.attributes);
        // Packages are there by their bytes.
        attributes.as_object_mut().and_then(|members| members.remove("packages"));
        let mut lines = vec![attributes.to_string()];
        lines.extend(self.packages.iter().map(|(name, bytes)| package(name, bytes)));
        lines.sort();
        lines
    }
}

/// The line of a package.
pub fn package(name: &str, bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("package {name}: {} bytes, {sum:x}", bytes.len())
}

/// Names of objects are what says schema and name.
fn map(value: &mut Value, rename: &dyn Fn(&ObjectName) -> ObjectName) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| map(value, rename)),
        Value::Object(members) => {
            let texts = ["schema", "name"].map(|member| members.get(member).and_then(Value::as_str));
            if let [Some(schema), Some(name)] = texts {
                let kind = members.get("kind").and_then(Value::as_str).unwrap_or("table");
                let renamed = rename(&ObjectName::new(kind, Some(schema), name));
                members.insert("schema".to_owned(), renamed.schema.into());
            } else {
                members.values_mut().for_each(|value| map(value, rename));
            }
        }
        _ => {}
    }
}

/// Without members that say no more than their absence.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), ordered(name, plain(value))));
            members.filter(|(_, value)| !says_nothing(value)).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Permissions have no order.
fn ordered(name: &str, mut value: Value) -> Value {
    if let Some(permissions) = value.as_array_mut().filter(|_| name == "permissions") {
        permissions.sort_by_key(ToString::to_string);
    }
    value
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
