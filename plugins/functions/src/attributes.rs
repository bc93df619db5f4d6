//! What the archive says of a function, a procedure or an environment: the format's attributes of these kinds.

use reinstate_plugin::routines::Routine;
use reinstate_plugin::{Failure, Object, ObjectName, Target};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The kind of environments.
pub(crate) const ENVIRONMENT: &str = "function_environment";

/// The attribute that names a definition's dialect, where it is not the backup's.
const DIALECT: &str = "dialect";

/// The attribute that names what must be there first, as the archive names it.
const NEEDS: &str = "needs";

/// An object that must be there first.
#[derive(Deserialize)]
struct Needed {
    kind: String,
    schema: Option<String>,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attributes {
    pub(crate) language: String,
    #[serde(default)]
    pub(crate) definition: String,
    pub(crate) environment: Option<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
    /// Names of an environment's packages: package `i` is entry `i`.
    #[serde(default)]
    pub(crate) packages: Vec<String>,
}

impl Attributes {
    pub(crate) fn of(object: &Object) -> Result<Self, Failure> {
        object.parse_attributes()
    }

    /// The dialect that the definition is written in: the backup's, unless an earlier restore has kept it with its own.
    pub(crate) fn dialect<'a>(&'a self, object: &'a Object) -> &'a str {
        self.attributes.get(DIALECT).and_then(Value::as_str).unwrap_or(&object.dialect)
    }

    /// What must be there first, beside what the archive says by itself. What is no such list is somebody else's attribute.
    pub(crate) fn needs(&self) -> Vec<ObjectName> {
        let listed = self.attributes.get(NEEDS).cloned().map(serde_json::from_value::<Vec<Needed>>);
        let named = |Needed { kind, schema, name }| ObjectName { kind, schema, name };
        listed.and_then(Result::ok).unwrap_or_default().into_iter().map(named).collect()
    }

    /// Calls what must be there first as the target does.
    pub(crate) fn in_target(mut self, target: &Target) -> Self {
        let needs = self.needs();
        if !needs.is_empty() {
            let name = |name: ObjectName| {
                let schema = name.schema.map(|schema| target.schema(&schema).to_owned());
                serde_json::json!({ "kind": name.kind, "schema": schema, "name": name.name })
            };
            self.attributes.insert(NEEDS.to_owned(), needs.into_iter().map(name).collect());
        }
        self
    }

    /// As the target gets it; with a dialect where that is not the target's.
    pub(crate) fn routine(mut self, dialect: Option<String>) -> Routine {
        match dialect {
            Some(dialect) => self.attributes.insert(DIALECT.to_owned(), Value::String(dialect)),
            None => self.attributes.remove(DIALECT),
        };
        Routine {
            language: self.language,
            definition: self.definition,
            environment: self.environment,
            attributes: Value::Object(self.attributes).to_string(),
        }
    }

    /// The name of the package behind a part. Fails with `function.no_such_package`.
    pub(crate) fn package(&self, object: &Object, part: u32) -> Result<&str, Failure> {
        self.packages.get(part as usize).map(String::as_str).ok_or_else(|| {
            let message = format!("{} names {} packages, none for part {part}", object.source, self.packages.len());
            Failure::new("function.no_such_package", message).in_part(object, part)
        })
    }
}
