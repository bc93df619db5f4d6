//! Tables: keys, references in circles, checks, indexes, computed columns, rows of every type.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;

use reinstate::backup::Writer;
use reinstate::catalog::ObjectName;
use serde_json::{Value as Json, json};

use super::document::plain;
use super::{Kind, physical, quoted};
use crate::properties::database::{Body, Database, Object};
use crate::properties::names;
use crate::properties::random::Random;

pub const KIND: Kind = Kind { name: "table", in_schema: true, weight: 8, make, finish };

/// A value of a row.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// How a column's values travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    Boolean,
    Integer,
    Real,
    Text,
    Bytes,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub values: Values,
    pub declared: String,
    pub nullable: bool,
    pub default: Option<String>,
    /// The column it is one more than, and whether it is stored.
    pub computed: Option<(usize, bool)>,
}

#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub columns: Vec<usize>,
    /// Of the same archive; in a model's state, of the target.
    pub parent: ObjectName,
    pub references: Vec<String>,
    pub on_update: &'static str,
    pub on_delete: &'static str,
    pub deferred: bool,
}

#[derive(Debug, Clone)]
pub struct Index {
    /// As the archive has it; in a model's state, as the file has it.
    pub name: String,
    /// A column, or an expression over it; whether it is descending.
    pub terms: Vec<(usize, bool, bool)>,
    pub unique: bool,
    pub condition: Option<String>,
}

/// A data source that the table gets rows from.
#[derive(Debug, Clone)]
pub struct Subscription {
    pub datasource: ObjectName,
    pub state: &'static str,
    /// The data source is called by its name alone, in the table's schema.
    pub near: bool,
}

impl Subscription {
    fn document(&self, datasource: &ObjectName, state: &str) -> Json {
        let source = match self.near {
            true => json!(datasource.name),
            false => json!({"schema": datasource.schema, "name": datasource.name}),
        };
        json!({"datasource": source, "state": state, "options": {"topic": "rows ü"}})
    }
}

#[derive(Debug, Clone, Default)]
pub struct Table {
    pub subscriptions: Vec<Subscription>,
    pub columns: Vec<Column>,
    pub key: Vec<usize>,
    pub automatic: bool,
    pub last_number: Option<i64>,
    pub uniques: Vec<Vec<usize>>,
    pub checks: Vec<String>,
    pub foreign_keys: Vec<ForeignKey>,
    pub indexes: Vec<Index>,
    pub strict: bool,
    pub without_rowid: bool,
    pub rows: Vec<Vec<Value>>,
}

impl Values {
    fn declared(self, strict: bool, random: &mut Random) -> String {
        let words: &[&str] = match (self, strict) {
            (Self::Boolean, true) | (Self::Integer, true) => &["INTEGER", "INT"],
            (Self::Boolean, false) => &["BOOLEAN", "INTEGER", "bool"],
            (Self::Integer, false) => &["INTEGER", "BIGINT", "int", "UNSIGNED BIG INT"],
            (Self::Real, true) => &["REAL"],
            (Self::Real, false) => &["REAL", "DOUBLE PRECISION", "float"],
            (Self::Text, true) => &["TEXT"],
            (Self::Text, false) => &["TEXT", "varchar(20)", "CLOB", "NATIVE CHARACTER(70)"],
            (Self::Bytes, true) => &["BLOB"],
            (Self::Bytes, false) => &["BLOB", "", "LONGBLOB"],
        };
        (*random.pick(words)).to_owned()
    }

    fn word(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Text => "text",
            Self::Bytes => "bytes",
        }
    }

    fn value(self, random: &mut Random) -> Value {
        match self {
            Self::Boolean => Value::Integer(random.below(2) as i64),
            Self::Integer => Value::Integer(match random.below(10) {
                0 => i64::MAX,
                1 => i64::MIN,
                2 => -1,
                _ => random.below(1000) as i64,
            }),
            Self::Real => Value::Real(match random.below(10) {
                0 => f64::MAX,
                1 => 5e-324,
                2 => f64::INFINITY,
                3 => f64::NEG_INFINITY,
                4 => 3.0,
                _ => random.next() as f64 / 3e17 - 20.0,
            }),
            Self::Text => Value::Text(text(random)),
            Self::Bytes => Value::Bytes((0..random.below(20)).map(|_| (random.next() & 0xff) as u8).collect()),
        }
    }

    /// Different for different numbers.
    fn distinct(self, number: usize, random: &mut Random) -> Value {
        match self {
            Self::Text => Value::Text(format!("{number} {}", text(random))),
            Self::Bytes => Value::Bytes(format!("{number}.").into_bytes()),
            Self::Real => Value::Real(number as f64 + 0.5),
            Self::Boolean | Self::Integer => Value::Integer(number as i64 * 3 - 5),
        }
    }
}

fn text(random: &mut Random) -> String {
    const TEXTS: [&str; 16] = [
        "",
        " ",
        "NULL",
        "\\N",
        "a,b",
        "say \"hi\"",
        "line\nbreak",
        "cr\r\nlf",
        "tab\t",
        "ünïcödé 表 🦀",
        "\\x00",
        "'",
        "t",
        "e\u{301}",
        "1e5x",
        "\u{1}\u{7f}",
    ];
    if random.chance(50) { (*random.pick(&TEXTS)).to_owned() } else { format!("text {}", random.below(1000)) }
}

fn make(random: &mut Random, _: &Database, _: &ObjectName) -> Option<(Vec<ObjectName>, Body)> {
    let mut table = Table { strict: random.chance(15), ..Table::default() };
    match random.below(10) {
        0 => {}
        1 | 2 => {
            table.add(random, "key one", Values::Text, false);
            table.add(random, "key two", Values::Integer, false);
            table.key = vec![0, 1];
        }
        3 | 4 => {
            table.add(random, "code", Values::Text, false);
            table.key = vec![0];
        }
        _ => {
            table.add(random, "id", Values::Integer, false);
            table.columns[0].declared = "INTEGER".to_owned();
            table.key = vec![0];
            table.automatic = random.chance(20);
        }
    }
    table.without_rowid = !table.key.is_empty() && !table.automatic && random.chance(15);
    for _ in 0..1 + random.below(5) {
        let name = names::fresh(random, |name| table.has(name));
        let values = *random.pick(&[Values::Boolean, Values::Integer, Values::Real, Values::Text, Values::Bytes]);
        let nullable = random.chance(70);
        table.add(random, &name, values, nullable);
    }
    Some((Vec::new(), Body::Table(table)))
}

impl Table {
    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
    }

    fn add(&mut self, random: &mut Random, name: &str, values: Values, nullable: bool) {
        let declared = values.declared(self.strict, random);
        let default = random.chance(10).then(|| match values {
            Values::Boolean | Values::Integer => "17".to_owned(),
            Values::Real => "2.5".to_owned(),
            Values::Text => "'it''s'".to_owned(),
            Values::Bytes => "x'00ff'".to_owned(),
        });
        self.columns.push(Column { name: name.to_owned(), values, declared, nullable, default, computed: None });
    }

    fn names(&self, columns: &[usize]) -> Vec<String> {
        columns.iter().map(|at| self.columns[*at].name.clone()).collect()
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Whether these columns tell rows apart.
    pub fn is_key(&self, columns: &[usize]) -> bool {
        let same = |key: &Vec<usize>| key.iter().collect::<BTreeSet<_>>() == columns.iter().collect::<BTreeSet<_>>();
        let index = |index: &Index| {
            index.unique
                && index.condition.is_none()
                && index.terms.iter().all(|(_, expression, _)| !expression)
                && same(&index.terms.iter().map(|(at, ..)| *at).collect())
        };
        !columns.is_empty() && (same(&self.key) || self.uniques.iter().any(same) || self.indexes.iter().any(index))
    }

    pub fn write(&self, writer: &mut Writer) -> Json {
        let parts = match self.rows.len() {
            0 => 0,
            rows if rows > 500 => 3,
            rows if rows % 7 == 3 => 2,
            _ => 1,
        };
        let size = self.rows.len().div_ceil(parts.max(1)).max(1);
        for rows in self.rows.chunks(size) {
            let mut entry = writer.entry("csv").expect("an entry");
            entry.write_all(csv(&self.columns, rows).as_bytes()).expect("written");
            entry.finish(Some(rows.len() as u64)).expect("an entry");
        }
        self.attributes()
    }

    fn attributes(&self) -> Json {
        let column = |column: &Column| {
            let generated =
                column.computed.map(|(of, stored)| json!({"expression": self.expression(of), "stored": stored}));
            json!({"name": column.name, "values": column.values.word(), "declared": column.declared,
                   "nullable": column.nullable, "default": column.default, "generated": generated})
        };
        let key = |columns: &Vec<usize>| json!({"columns": self.names(columns)});
        let foreign_key = |key: &ForeignKey| {
            json!({"columns": self.names(&key.columns), "schema": key.parent.schema, "table": key.parent.name,
                   "references": key.references, "on_update": key.on_update, "on_delete": key.on_delete, "deferred": key.deferred})
        };
        let index = |index: &Index| {
            let terms: Vec<_> = index
                .terms
                .iter()
                .map(|(at, expression, descending)| {
                    let term = if *expression { self.expression(*at) } else { self.columns[*at].name.clone() };
                    json!({"term": term, "expression": expression, "descending": descending})
                })
                .collect();
            json!({"name": index.name, "columns": terms, "unique": index.unique, "condition": index.condition})
        };
        let options = [(self.strict, "strict"), (self.without_rowid, "without-rowid")];
        let mut attributes = json!({
            "columns": self.columns.iter().map(column).collect::<Vec<_>>(),
            "uniques": self.uniques.iter().map(key).collect::<Vec<_>>(),
            "checks": self.checks.iter().map(|check| json!({"expression": check})).collect::<Vec<_>>(),
            "foreign_keys": self.foreign_keys.iter().map(foreign_key).collect::<Vec<_>>(),
            "indexes": self.indexes.iter().map(index).collect::<Vec<_>>(),
            "last_number": self.last_number,
            "subscriptions": self.subscriptions.iter()
                .map(|subscription| subscription.document(&subscription.datasource, subscription.state))
                .collect::<Vec<_>>(),
            "options": options.iter().filter(|(set, _)| *set).map(|(_, word)| word).collect::<Vec<_>>(),
        });
        if !self.key.is_empty() {
            attributes["primary_key"] = json!({"columns": self.names(&self.key), "automatic": self.automatic});
        }
        attributes
    }

    /// What a target keeps of the subscriptions; of paused ones, if so.
    pub fn subscribed(&self, paused: bool, mapped: &dyn Fn(&ObjectName) -> ObjectName) -> Vec<String> {
        let document = |subscription: &Subscription| {
            let state = if paused { "paused" } else { subscription.state };
            plain(&subscription.document(&mapped(&subscription.datasource), state)).to_string()
        };
        self.subscriptions.iter().map(document).collect()
    }

    /// One more than a column.
    fn expression(&self, at: usize) -> String {
        format!("{} + 1", quoted(&self.columns[at].name))
    }

    /// The table's definition and rows, as the reader of a file tells them.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let place = self.key.iter().position(|key| *key == at).map_or(0, |place| place + 1);
            let hidden = column.computed.map_or(0, |(_, stored)| if stored { 3 } else { 2 });
            lines.push(column_line(
                &column.name,
                &column.declared,
                !column.nullable,
                column.default.as_deref(),
                place,
                hidden,
            ));
        }
        for key in &self.foreign_keys {
            let parent = physical(key.parent.schema.as_deref(), &key.parent.name);
            lines.push(foreign_key_line(
                &parent,
                &self.names(&key.columns),
                &key.references,
                key.on_update,
                key.on_delete,
            ));
        }
        lines.extend(self.uniques.iter().map(|unique| format!("unique {:?}", self.names(unique))));
        lines.extend(self.checks.iter().map(|check| format!("check {check}")));
        for index in &self.indexes {
            let terms: Vec<_> = index
                .terms
                .iter()
                .map(|(at, expression, descending)| {
                    (Some(&self.columns[*at].name).filter(|_| !expression), *descending)
                })
                .collect();
            let name = &index.name;
            lines.push(format!("index {name} unique {} partial {} {terms:?}", index.unique, index.condition.is_some()));
        }
        lines.push(format!("strict {} without rowid {}", self.strict, self.without_rowid));
        if self.automatic {
            lines.push(format!("last number {:?}", self.last_number));
        }
        lines.extend(self.rows.iter().map(|row| row_line(row)));
        lines.sort();
        lines
    }

    /// Without its rows.
    pub fn emptied(&self) -> Self {
        Self { rows: Vec::new(), ..self.clone() }
    }
}

pub fn column_line(
    name: &str,
    declared: &str,
    needed: bool,
    default: Option<&str>,
    key: usize,
    hidden: usize,
) -> String {
    // SQLite keeps one spelling of the commonest types.
    let declared = declared.to_ascii_uppercase();
    format!("column {name:?} {declared:?} not null {needed} default {default:?} key {key} hidden {hidden}")
}

pub fn foreign_key_line(
    parent: &str,
    columns: &[String],
    references: &[String],
    on_update: &str,
    on_delete: &str,
) -> String {
    format!("foreign key {columns:?} to {parent:?} {references:?} on update {on_update} on delete {on_delete}")
}

pub fn row_line(row: &[Value]) -> String {
    let mut line = "row".to_owned();
    for value in row {
        let _ = match value {
            Value::Text(text) if text.len() > 40 => write!(line, " {:?}…", &text.chars().take(40).collect::<String>()),
            value => write!(line, " {value:?}"),
        };
    }
    line
}

/// RFC 4180, as the format has it.
pub fn csv(columns: &[Column], rows: &[Vec<Value>]) -> String {
    let field = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let shown: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].computed.is_none()).collect();
    let head: Vec<String> = shown.iter().map(|at| field(&columns[*at].name)).collect();
    let mut out = head.join(",") + "\n";
    for row in rows {
        let cells: Vec<String> = shown
            .iter()
            .map(|at| match (&row[*at], columns[*at].values) {
                (Value::Null, _) => String::new(),
                (Value::Integer(value), Values::Boolean) => if *value == 1 { "t" } else { "f" }.to_owned(),
                (Value::Integer(value), _) => value.to_string(),
                (Value::Real(value), _) if value.is_infinite() => {
                    if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
                }
                (Value::Real(value), _) => format!("{value:?}"),
                (Value::Text(text), _) => field(text),
                (Value::Bytes(bytes), _) => {
                    format!("\\x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
                }
            })
            .collect();
        out += &(cells.join(",") + "\n");
    }
    out
}

/// References, keys, indexes and rows, once it is known which tables there are.
fn finish(random: &mut Random, database: &mut Database) {
    let tables: Vec<usize> =
        (0..database.objects.len()).filter(|at| matches!(database.objects[*at].body, Body::Table(_))).collect();
    for &at in &tables {
        let mut table = table_of(&database.objects[at]).clone();
        // Columns that are used for nothing else yet.
        let mut free: Vec<usize> = (0..table.columns.len()).filter(|column| !table.key.contains(column)).collect();
        if random.chance(25)
            && let Some(column) = free.pop()
            && !matches!(table.columns[column].values, Values::Boolean)
        {
            table.uniques.push(vec![column]);
        }
        let numbers: Vec<usize> =
            free.iter().copied().filter(|column| table.columns[*column].values == Values::Boolean).collect();
        if random.chance(30)
            && let Some(column) = random.any(&numbers)
        {
            table.checks.push(format!("{} IN (0, 1, 17) OR {0} IS NULL", quoted(&table.columns[*column].name)));
        }
        if random.chance(20)
            && let Some(column) = random.any(&numbers).copied()
        {
            let name = names::fresh(random, |name| table.has(name));
            let stored = random.chance(50);
            let declared = if table.strict { "INTEGER" } else { "" };
            let values = Values::Integer;
            table.columns.push(Column {
                name,
                values,
                declared: if declared.is_empty() { "INT".to_owned() } else { declared.to_owned() },
                nullable: true,
                default: None,
                computed: Some((column, stored)),
            });
        }
        let name = database.objects[at].name.clone();
        let mut depends = Vec::new();
        for _ in 0..random.below(3) {
            let parent = &database.objects[*random.pick(&tables)];
            let other = if parent.name == name { &table } else { table_of(parent) };
            if other.key.is_empty() {
                continue;
            }
            let key: Vec<(String, Values)> =
                other.key.iter().map(|at| (other.columns[*at].name.clone(), other.columns[*at].values)).collect();
            let parent = parent.name.clone();
            let mut columns = Vec::new();
            for (key, values) in &key {
                let name = names::fresh(random, |name| table.has(name));
                let name = if table.has(&format!("to {key}")) { name } else { format!("to {key}") };
                columns.push(table.columns.len());
                table.add(random, &name, *values, true);
            }
            let actions = ["NO ACTION", "CASCADE", "SET NULL", "RESTRICT", "SET DEFAULT"];
            if parent != name {
                depends.push(parent.clone());
            }
            table.foreign_keys.push(ForeignKey {
                columns,
                parent,
                references: key.into_iter().map(|(name, _)| name).collect(),
                on_update: random.pick(&actions),
                on_delete: random.pick(&actions),
                deferred: random.chance(20),
            });
        }
        for number in 0..random.below(3) {
            let column = random.below(table.columns.len());
            let is_number = matches!(table.columns[column].values, Values::Boolean);
            let index = Index {
                name: format!("by {number} of {} {}", name.name, name.schema.as_deref().unwrap_or_default()),
                terms: vec![(column, is_number && random.chance(50), random.chance(30))],
                unique: table.uniques.contains(&vec![column]) && random.chance(30),
                condition: random.chance(25).then(|| format!("{} IS NOT NULL", quoted(&table.columns[column].name))),
            };
            table.indexes.push(index);
        }
        depends.sort();
        depends.dedup();
        let sources = database.of_kind("datasource");
        for at in random.some(sources.len(), 20) {
            let near = sources[at].schema == name.schema && random.chance(50);
            let state = random.pick(&["running", "failed", "paused"]);
            table.subscriptions.push(Subscription { datasource: sources[at].clone(), state, near });
        }
        database.objects[at].depends = depends;
        database.objects[at].body = Body::Table(table);
    }
    let keys = |database: &mut Database, at: usize, random: &mut Random| {
        let number = match random.below(100) {
            0..=14 => 0,
            15..=97 => random.below(25),
            _ => 1000 + random.below(3000),
        };
        let Body::Table(table) = &mut database.objects[at].body else { return };
        let row = |number: usize, random: &mut Random| -> Vec<Value> {
            let value = |(at, column): (usize, &Column)| match table.key.iter().position(|key| *key == at) {
                Some(0) => column.values.distinct(number, random),
                Some(_) => column.values.value(random),
                None => Value::Null,
            };
            table.columns.iter().enumerate().map(value).collect()
        };
        table.rows = (0..number).map(|number| row(number, random)).collect();
    };
    tables.iter().for_each(|at| keys(database, *at, random));
    for &at in &tables {
        let mut table = table_of(&database.objects[at]).clone();
        let unfilled = table.clone();
        for (number, row) in table.rows.iter_mut().enumerate() {
            unfilled.fill(row, number, random);
            for key in &unfilled.foreign_keys {
                let parent = table_of(database.get(&key.parent).expect("the parent"));
                if let Some(other) = random.any(&parent.rows).filter(|_| number % 5 != 4) {
                    for (column, of) in key.columns.iter().zip(&parent.key) {
                        row[*column] = other[*of].clone();
                    }
                }
            }
        }
        if table.automatic {
            let largest = table.rows.iter().filter_map(|row| match row[0] {
                Value::Integer(value) => Some(value),
                _ => None,
            });
            table.last_number = Some(largest.max().unwrap_or(0).max(0) + random.below(5) as i64);
        }
        database.objects[at].body = Body::Table(table);
    }
}

fn table_of(object: &Object) -> &Table {
    match &object.body {
        Body::Table(table) => table,
        other => panic!("{other:?}"),
    }
}

impl Table {
    /// Everything but keys and references.
    fn fill(&self, row: &mut [Value], number: usize, random: &mut Random) {
        for (at, column) in self.columns.iter().enumerate() {
            let is_reference = self.foreign_keys.iter().any(|key| key.columns.contains(&at));
            if self.key.contains(&at) || is_reference || column.computed.is_some() {
                continue;
            }
            row[at] = match (column.nullable && random.chance(20), self.uniques.contains(&vec![at])) {
                (true, _) => Value::Null,
                (false, true) => column.values.distinct(number, random),
                (false, false) => column.values.value(random),
            };
        }
        for (at, column) in self.columns.iter().enumerate() {
            if let Some((of, _)) = column.computed {
                row[at] = match row[of] {
                    Value::Integer(value) => Value::Integer(value + 1),
                    _ => Value::Null,
                };
            }
        }
    }
}
