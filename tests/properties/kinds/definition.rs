//! Definitions: one document each, with what they refer to and sealed secrets.

use reinstate::catalog::ObjectName;
use serde_json::{Value as Json, json};

use super::document::Document;
use super::{Kind, finished};
use crate::properties::database::{Body, Database};
use crate::properties::names;
use crate::properties::random::Random;

pub const CREDENTIAL: Kind =
    Kind { name: "credential", in_schema: true, weight: 2, make: credential, finish: finished };
pub const DATASOURCE: Kind =
    Kind { name: "datasource", in_schema: true, weight: 2, make: datasource, finish: finished };
pub const DATASINK: Kind = Kind { name: "datasink", in_schema: true, weight: 1, make: datasink, finish: finished };
pub const MONITOR: Kind = Kind { name: "monitor", in_schema: true, weight: 2, make: monitor, finish: finished };
pub const CONTEXT: Kind = Kind { name: "context", in_schema: true, weight: 1, make: context, finish: finished };
pub const RESOURCE_GROUP: Kind =
    Kind { name: "resource_group", in_schema: false, weight: 2, make: resource_group, finish: finished };
pub const CATALOG: Kind = Kind { name: "catalog", in_schema: false, weight: 1, make: catalog, finish: finished };
pub const DIRECTORY: Kind = Kind { name: "directory", in_schema: false, weight: 1, make: directory, finish: finished };
pub const SCHEMA: Kind = Kind { name: "schema", in_schema: false, weight: 2, make: schema, finish: finished };

type Made = Option<(Vec<ObjectName>, Body)>;

/// A definition that is being written.
struct Draft<'a> {
    random: &'a mut Random,
    database: &'a Database,
    name: &'a ObjectName,
    document: Json,
    needs: Vec<ObjectName>,
}

impl<'a> Draft<'a> {
    fn new(random: &'a mut Random, database: &'a Database, name: &'a ObjectName, document: Json) -> Self {
        Self { random, database, name, document, needs: Vec::new() }
    }

    /// One of these kinds, noted as needed; nothing when there is none.
    fn any(&mut self, kinds: &[&str]) -> Option<Json> {
        let all: Vec<ObjectName> = kinds.iter().flat_map(|kind| self.database.of_kind(kind)).collect();
        let found = self.random.any(&all)?.clone();
        let near = found.schema == self.name.schema && found.kind != "view";
        let written = match self.random.below(3) {
            0 if near => json!(found.name),
            1 if near => json!({"name": found.name}),
            _ => {
                let mut written = json!({"name": found.name});
                if let Some(schema) = &found.schema {
                    written["schema"] = json!(schema);
                }
                if found.kind == "view" || found.kind == "table" && self.random.chance(50) {
                    written["kind"] = json!(found.kind);
                }
                written
            }
        };
        if !self.needs.contains(&found) {
            self.needs.push(found);
        }
        Some(written)
    }

    /// A member in that many of a hundred cases, if there is something to refer to.
    fn refers(&mut self, member: &str, kind: &str, percent: usize) {
        if self.random.chance(percent)
            && let Some(reference) = self.any(&[kind])
        {
            self.document[member] = reference;
        }
    }

    fn says(&mut self, member: &str, percent: usize, value: Json) {
        if self.random.chance(percent) {
            self.document[member] = value;
        }
    }

    fn done(mut self) -> Made {
        self.says("comment", 20, json!("für später"));
        self.says("options", 20, json!({"region": "eu", "odd key": "a=b, 'c'"}));
        Some((self.needs, Body::Document(Document::of(self.document))))
    }
}

/// What only the source system can open.
fn sealed(random: &mut Random) -> Json {
    json!({"sealed": format!("{:032}+/AA==", random.next()), "key": "master key 1"})
}

fn credential(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let secret = sealed(random);
    let mut draft = Draft::new(random, database, name, json!({"type": "aws_access_key"}));
    draft.says("identity", 60, json!("AKIA ü"));
    draft.says("secret", 80, secret);
    draft.done()
}

fn datasource(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let password = sealed(random);
    let mut draft = Draft::new(random, database, name, json!({"location": "s3://bucket/päth"}));
    draft.refers("credential", "credential", 60);
    draft.says("user_name", 30, json!("reader"));
    draft.says("password", 30, password);
    draft.done()
}

fn datasink(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let mut draft = Draft::new(random, database, name, json!({"location": "kafka://broker:9092"}));
    draft.refers("credential", "credential", 60);
    draft.done()
}

fn monitor(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let mut draft = Draft::new(random, database, name, json!({}));
    draft.document["table"] = draft.any(&["table", "view"])?;
    draft.refers("datasink", "datasink", 60);
    draft.says("type", 50, json!("stream"));
    draft.says("event", 50, json!("delete"));
    draft.says("destination", 20, json!("https://host:443/a@b"));
    draft.says("expression", 30, json!("\"a\" > 'x'"));
    draft.says("refresh_period", 30, json!(2.5));
    draft.done()
}

fn context(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let mut draft = Draft::new(random, database, name, json!({"rules": ["be brief"]}));
    let number = draft.random.below(4);
    let told = |draft: &mut Draft<'_>| {
        let table = draft.any(&["table", "view"])?;
        Some(json!({"table": table, "comment": "what it holds", "columns": {"name": "a column"}}))
    };
    let tables: Vec<Json> = (0..number).filter_map(|_| told(&mut draft)).collect();
    if !tables.is_empty() {
        draft.document["tables"] = json!(tables);
    }
    draft.says("samples", 40, json!([{"question": "how many?", "answer": "SELECT count(*)"}]));
    draft.done()
}

fn resource_group(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let mut draft = Draft::new(random, database, name, json!({}));
    draft.refers("adjoining_resource_group", "resource_group", 50);
    draft.says("ranking", 50, json!("after"));
    draft.says("tier_attributes", 50, json!({"RAM": {"max_memory": 1_000_000_000_i64}, "VRAM": {"max_memory": -1}}));
    draft.says("max_cpu_concurrency", 50, json!(8));
    draft.done()
}

fn catalog(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let mut draft = Draft::new(random, database, name, json!({"location": "https://catalog/api"}));
    draft.refers("credential", "credential", 50);
    draft.refers("datasource", "datasource", 50);
    draft.says("table_format", 50, json!("iceberg"));
    draft.done()
}

fn directory(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    let mut draft = Draft::new(random, database, name, json!({}));
    draft.refers("owner", "user", 70);
    draft.says("home", 50, json!(true));
    draft.says("data_limit", 50, json!(-1));
    draft.done()
}

fn schema(random: &mut Random, database: &Database, name: &ObjectName) -> Made {
    Draft::new(random, database, name, json!({})).done()
}

/// What an object of the kind may be called.
pub fn name(kind: &str) -> fn(&mut Random) -> String {
    if kind == SCHEMA.name { |random| names::schema(random).to_owned() } else { names::name }
}
