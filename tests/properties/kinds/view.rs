//! Views on tables, and on views.

use reinstate::catalog::ObjectName;
use serde_json::{Value as Json, json};

use super::{Kind, finished, physical, quoted};
use crate::properties::database::{Body, Database};
use crate::properties::random::Random;

pub const KIND: Kind = Kind { name: "view", in_schema: true, weight: 3, make, finish: finished };

/// `SELECT columns FROM reads WHERE condition IS NOT NULL`, its columns under other names.
#[derive(Debug, Clone)]
pub struct View {
    /// What it reads, as a file calls it.
    pub reads: String,
    pub columns: Vec<(String, String)>,
    pub condition: Option<String>,
}

fn make(random: &mut Random, database: &Database, _: &ObjectName) -> Option<(Vec<ObjectName>, Body)> {
    let readable: Vec<_> =
        database.objects.iter().filter(|object| matches!(object.body, Body::Table(_) | Body::View(_))).collect();
    let object = random.any(&readable)?;
    let columns: Vec<String> = match &object.body {
        Body::Table(table) => table.columns.iter().map(|column| column.name.clone()).collect(),
        Body::View(view) => view.columns.iter().map(|(_, name)| name.clone()).collect(),
        _ => return None,
    };
    let mut chosen: Vec<usize> = random.some(columns.len(), 60);
    if chosen.is_empty() {
        chosen.push(0);
    }
    let named = |at: &usize| (columns[*at].clone(), format!("{} of view", columns[*at]));
    let view = View {
        reads: physical(object.name.schema.as_deref(), &object.name.name),
        columns: chosen.iter().map(named).collect(),
        condition: random.chance(40).then(|| columns[chosen[0]].clone()),
    };
    Some((vec![object.name.clone()], Body::View(view)))
}

/// SQLite takes a name between double quotes that it does not know for a text; between these it does not.
fn column(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl View {
    pub fn query(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|(from, name)| format!("{} AS {}", column(from), column(name))).collect();
        let mut query = format!("SELECT {} FROM {}", columns.join(", "), quoted(&self.reads));
        if let Some(column_name) = &self.condition {
            query += &format!(" WHERE {} IS NOT NULL", column(column_name));
        }
        query
    }

    pub fn attributes(&self) -> Json {
        let columns: Vec<&String> = self.columns.iter().map(|(_, name)| name).collect();
        json!({"columns": columns, "query": self.query()})
    }
}
