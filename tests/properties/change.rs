//! What people do to a target between two restores, in the file and in the model.

use std::path::Path;

use reinstate::catalog::ObjectName;

use super::database::{Body, Database, Object};
use super::kinds::table::{Column, ForeignKey, Table, Value, Values};
use super::kinds::view::View;
use super::kinds::{physical, places, quoted};
use super::model::State;
use super::random::Random;

/// One change; it is left out where the target does not allow it.
#[derive(Debug, Clone)]
pub enum Change {
    Drop(ObjectName),
    Rename(ObjectName, String),
    Clear(ObjectName),
    /// A table of two columns, made by hand.
    Table(ObjectName),
    /// A view on a table.
    View(ObjectName, ObjectName),
    /// A table of so many rows that refer to rows of another.
    Referrer(ObjectName, ObjectName, usize),
}

pub fn generate(random: &mut Random, there: &Database, coming: &Database) -> Vec<Change> {
    let relations = |database: &Database| [database.of_kind("table"), database.of_kind("view")].concat();
    let (old, new) = (relations(there), relations(coming));
    let mut changes = Vec::new();
    for _ in 0..random.below(4) {
        let wanted = match random.any(&new) {
            Some(name) if random.chance(60) => ObjectName::new("table", name.schema.as_deref(), &*name.name),
            _ => ObjectName::new("table", Some("main"), super::names::name(random)),
        };
        let existing = random.any(&old).cloned();
        let change = match (random.below(6), existing) {
            (0, Some(name)) => Change::Drop(name),
            (1, Some(name)) => Change::Rename(name, wanted.name),
            (2, Some(name)) => Change::Clear(name),
            (3, Some(name)) => Change::View(ObjectName::new("view", wanted.schema.as_deref(), wanted.name), name),
            _ => Change::Table(wanted),
        };
        changes.push(change);
    }
    if random.chance(50) {
        changes.extend(referrers(random, there, coming));
    }
    changes
}

/// A table that refers to one that comes again, and perhaps one that refers to that.
fn referrers(random: &mut Random, there: &Database, coming: &Database) -> Vec<Change> {
    let again = |object: &&Object| {
        let is_keyed = matches!(&object.body, Body::Table(table) if table.key.len() == 1);
        is_keyed && coming.get(&object.name).is_some()
    };
    let parents: Vec<&Object> = there.objects.iter().filter(again).collect();
    let Some(parent) = random.any(&parents) else { return Vec::new() };
    let near = ObjectName::new("table", Some("main"), super::names::name(random));
    let far = ObjectName::new("table", Some("main"), super::names::name(random));
    let mut changes = vec![Change::Referrer(near.clone(), parent.name.clone(), random.below(3))];
    if random.chance(50) {
        changes.push(Change::Referrer(far, listed(&near), random.below(3)));
    }
    changes
}

impl Change {
    /// Makes the change, if it can be made.
    pub fn apply(&self, state: &mut State, path: &Path) {
        let mut after = state.clone();
        let Some(sql) = self.model(&mut after) else { return };
        let connection = rusqlite::Connection::open(path).expect("a database");
        connection.execute_batch("PRAGMA foreign_keys = OFF").expect("a setting");
        connection.execute_batch(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        *state = after;
    }

    fn model(&self, state: &mut State) -> Option<String> {
        match self {
            Self::Drop(name) => {
                let called = own(state, name)?;
                if is_used(state, name) {
                    return None;
                }
                let body = state.objects.remove(name)?;
                let what = if matches!(body, Body::View(_)) { "VIEW" } else { "TABLE" };
                Some(format!("DROP {what} {}", quoted(&called)))
            }
            Self::Rename(name, new) => {
                let called = own(state, name)?;
                let renamed = ObjectName::new("table", Some("main"), &**new);
                let broken = state.content().values().any(|lines| lines[0] == "broken");
                if name.kind != "table"
                    || broken
                    || is_used(state, name)
                    || new.contains('.')
                    || is_there(state, &renamed)
                {
                    return None;
                }
                let Some(Body::Table(mut table)) = state.objects.remove(name) else { return None };
                table
                    .foreign_keys
                    .iter_mut()
                    .filter(|key| key.parent == *name)
                    .for_each(|key| key.parent = renamed.clone());
                state.objects.insert(renamed, Body::Table(table));
                Some(format!("ALTER TABLE {} RENAME TO {}", quoted(&called), quoted(new)))
            }
            Self::Clear(name) => {
                let called = own(state, name)?;
                let parents: Vec<ObjectName> = state
                    .tables()
                    .into_values()
                    .flat_map(|(_, table)| table.foreign_keys.into_iter().map(|key| key.parent))
                    .collect();
                if parents.iter().any(|parent| places(parent) == places(name)) {
                    return None;
                }
                let Some(Body::Table(table)) = state.objects.get_mut(name) else { return None };
                table.rows.clear();
                Some(format!("DELETE FROM {}", quoted(&called)))
            }
            Self::Table(name) => {
                if is_there(state, name) {
                    return None;
                }
                let column = |name: &str, values, declared: &str| Column {
                    name: name.to_owned(),
                    values,
                    declared: declared.to_owned(),
                    nullable: true,
                    default: None,
                    computed: None,
                };
                let table = Table {
                    columns: vec![column("x", Values::Integer, "INTEGER"), column("y", Values::Text, "TEXT")],
                    rows: vec![vec![Value::Integer(1), Value::Text("by hand".to_owned())]],
                    ..Table::default()
                };
                let called = physical(name.schema.as_deref(), &name.name);
                state.objects.insert(listed(name), Body::Table(table));
                Some(format!(
                    "CREATE TABLE {0}(x INTEGER, y TEXT); INSERT INTO {0} VALUES(1, 'by hand')",
                    quoted(&called)
                ))
            }
            Self::Referrer(name, of, rows) => {
                let parent = own(state, of)?;
                let Body::Table(table) = state.objects.get(of)? else { return None };
                let [key] = table.key[..] else { return None };
                if is_there(state, name) {
                    return None;
                }
                let called = physical(name.schema.as_deref(), &name.name);
                let values = table.rows.iter().take(*rows).map(|row| row[key].clone());
                let rows: Vec<Vec<Value>> =
                    (1..).zip(values).map(|(number, value)| vec![Value::Integer(number), value]).collect();
                let referenced = table.columns[key].name.clone();
                let insert = |row: &Vec<Value>| {
                    format!("; INSERT INTO {} VALUES({}, {})", quoted(&called), literal(&row[0]), literal(&row[1]))
                };
                let sql = format!(
                    "CREATE TABLE {}(id INTEGER PRIMARY KEY, \"of\" REFERENCES {}({})){}",
                    quoted(&called),
                    quoted(&parent),
                    quoted(&referenced),
                    rows.iter().map(insert).collect::<String>()
                );
                let column = |name: &str, values, declared: &str| Column {
                    name: name.to_owned(),
                    values,
                    declared: declared.to_owned(),
                    nullable: true,
                    default: None,
                    computed: None,
                };
                let key = ForeignKey {
                    columns: vec![1],
                    parent: of.clone(),
                    references: vec![referenced],
                    on_update: "NO ACTION",
                    on_delete: "NO ACTION",
                    deferred: false,
                };
                let table = Table {
                    columns: vec![column("id", Values::Integer, "INTEGER"), column("of", Values::Bytes, "")],
                    key: vec![0],
                    foreign_keys: vec![key],
                    rows,
                    ..Table::default()
                };
                state.objects.insert(listed(name), Body::Table(table));
                Some(sql)
            }
            Self::View(name, of) => {
                if is_there(state, name) {
                    return None;
                }
                let reads = own(state, of)?;
                let Body::Table(table) = state.objects.get(of)? else { return None };
                let column = table.columns.first()?.name.clone();
                let view = View { reads, columns: vec![(column, "seen".to_owned())], condition: None };
                let called = physical(name.schema.as_deref(), &name.name);
                let sql = format!("CREATE VIEW {} AS {}", quoted(&called), view.query());
                state.objects.insert(listed(name), Body::View(view));
                Some(sql)
            }
        }
    }
}

/// As SQL writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bytes(bytes) => format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// Tables that are made by hand are what their name says.
fn listed(name: &ObjectName) -> ObjectName {
    let called = physical(name.schema.as_deref(), &name.name);
    match called.split_once('.') {
        Some((schema, rest)) if !schema.is_empty() && !rest.is_empty() => {
            ObjectName::new(&*name.kind, Some(schema), rest)
        }
        _ => ObjectName::new(&*name.kind, Some("main"), called),
    }
}

/// Its name in the file, if it is there.
fn own(state: &State, name: &ObjectName) -> Option<String> {
    state.objects.contains_key(name).then(|| physical(name.schema.as_deref(), &name.name))
}

fn is_there(state: &State, name: &ObjectName) -> bool {
    let taken = |index: &str| format!("relation {}", index.to_ascii_lowercase());
    let indexes = state.tables().into_values().flat_map(|(schema, table)| {
        table.indexes.into_iter().map(move |index| taken(&physical(schema.as_deref(), &index.name)))
    });
    let wanted = places(name);
    state.objects.keys().flat_map(places).chain(indexes).any(|place| wanted.contains(&place))
}

/// Whether a view reads it or a foreign key of another table refers to it.
fn is_used(state: &State, name: &ObjectName) -> bool {
    let place = &places(name)[0];
    let same = |called: &str| format!("relation {}", called.to_ascii_lowercase()) == *place;
    state.objects.iter().filter(|(other, _)| *other != name).any(|(_, body)| match body {
        Body::View(view) => same(&view.reads),
        Body::Table(table) => {
            table.foreign_keys.iter().any(|key| same(&physical(key.parent.schema.as_deref(), &key.parent.name)))
        }
        _ => false,
    })
}
