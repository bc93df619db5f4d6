//! Cases that once went wrong, made by hand: they do not depend on what is generated.

use reinstate::catalog::ObjectName;
use reinstate::plan::{Options, Policy, Selector};
use serde_json::json;

use super::case::{Case, Course, Round};
use super::change::Change;
use super::database::{Body, Database, Object};
use super::kinds::document::Document;
use super::kinds::table::{Column, ForeignKey, Table, Value, Values};

/// A case, what was wrong with it, and how many of its restores are refused.
pub struct Known {
    pub what: &'static str,
    pub case: Case,
    pub refused: usize,
}

pub fn all() -> Vec<Known> {
    let dotted = || archive(vec![table("main", "orders.a-b")]);
    let again = |policy| Options { restore_policy: policy, ..Options::default() };
    let without_schemas = Options { create_schema_if_not_exist: false, ..Options::default() };
    let price = ObjectName::new("table", Some("main"), "price");
    let view = ObjectName::new("view", Some("main"), "b");
    vec![
        Known {
            what: "A table of the schema main with a dot in its name was planned as if its name were free",
            case: Case {
                rounds: vec![
                    round(Vec::new(), dotted(), Options::default()),
                    round(Vec::new(), dotted(), again(Policy::None)),
                    round(Vec::new(), dotted(), again(Policy::Replace)),
                    round(Vec::new(), dotted(), again(Policy::Rename)),
                ],
            },
            refused: 1,
        },
        Known {
            what: "A restore whose steps all stay as they are failed",
            case: Case {
                rounds: vec![
                    round(Vec::new(), archive(vec![schema("sales")]), Options::default()),
                    round(Vec::new(), archive(vec![schema("sales")]), Options::default()),
                ],
            },
            refused: 0,
        },
        Known {
            what: "A schema that had been restored and held nothing yet was not taken for one that is there",
            case: Case {
                rounds: vec![
                    round(Vec::new(), archive(vec![schema("sales")]), Options::default()),
                    round(Vec::new(), archive(vec![table("sales", "a")]), without_schemas.clone()),
                    round(Vec::new(), archive(vec![table("Sales 2", "a")]), without_schemas),
                ],
            },
            refused: 1,
        },
        Known {
            what: "A view that was no longer readable stopped the restore of a user of the same name",
            case: Case {
                rounds: vec![round(
                    vec![Change::Table(price.clone()), Change::View(view, price)],
                    archive(vec![table("main", "price"), document("user", "b", json!({"login": true}))]),
                    again(Policy::Replace),
                )],
            },
            refused: 0,
        },
        Known {
            what: "A table of the backup with a dot in its name was put out of sight as if the backup did not hold it",
            case: Case {
                rounds: vec![
                    round(Vec::new(), referring(), Options::default()),
                    round(
                        Vec::new(),
                        referring(),
                        Options {
                            select: vec![Selector { kind: "table".to_owned(), pattern: "price".to_owned() }],
                            cascade_foreign_keys: true,
                            ..again(Policy::Replace)
                        },
                    ),
                ],
            },
            refused: 0,
        },
    ]
}

/// A table, and one that refers to it.
fn referring() -> Database {
    let (mut parent, mut child) = (table("main", "price"), table("main", "orders.a-b"));
    child.depends.push(parent.name.clone());
    if let Body::Table(table) = &mut parent.body {
        table.key = vec![0];
        table.columns[0].nullable = false;
    }
    if let Body::Table(table) = &mut child.body {
        table.foreign_keys.push(ForeignKey {
            columns: vec![0],
            parent: parent.name.clone(),
            references: vec!["code".to_owned()],
            on_update: "NO ACTION",
            on_delete: "NO ACTION",
            deferred: false,
        });
    }
    archive(vec![parent, child])
}

fn round(changes: Vec<Change>, archive: Database, options: Options) -> Round {
    Round { changes, archive, options, course: Course::Plain }
}

fn archive(objects: Vec<Object>) -> Database {
    Database { id: "known".to_owned(), objects }
}

/// One column and one row.
fn table(schema: &str, name: &str) -> Object {
    let column = Column {
        name: "code".to_owned(),
        values: Values::Text,
        declared: "TEXT".to_owned(),
        nullable: true,
        default: None,
        computed: None,
    };
    let rows = vec![vec![Value::Text("from the archive".to_owned())]];
    let table = Table { columns: vec![column], rows, ..Table::default() };
    Object { name: ObjectName::new("table", Some(schema), name), depends: Vec::new(), body: Body::Table(table) }
}

fn schema(name: &str) -> Object {
    document("schema", name, json!({"comment": "for people"}))
}

fn document(kind: &str, name: &str, attributes: serde_json::Value) -> Object {
    let body = Body::Document(Document::of(attributes));
    Object { name: ObjectName::new(kind, None, name), depends: Vec::new(), body }
}
