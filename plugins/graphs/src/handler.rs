//! Plans, restores and verifies a graph.

use reinstate_plugin::rows::{self, Field};
use reinstate_plugin::tables::{self, Column, Definition, ForeignKey, Key, Orphans};
use reinstate_plugin::{
    Counts, Description, Entry, Failure, Finding, Handler, Kind, Object, Outlook, Target, declared_rows, definitions,
    description, dialect,
};
use serde_json::{Value, json};

use crate::attributes::{Attributes, SourceTable};

/// The handler of the kind `graph`.
#[derive(Debug)]
pub struct Graphs;

/// Suffixes of the graph's tables.
const NODES: &str = "nodes";
const EDGES: &str = "edges";

impl Handler for Graphs {
    fn describe() -> Description {
        description!(Kind::in_schema("graph"))
    }

    fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure> {
        let (graph, left_out) = graph(object, target)?;
        let mut outlook = outlook(object, &graph);
        outlook.findings.extend(left_out);
        let columns = graph.nodes.columns.iter().chain(&graph.edges.columns);
        let columns = columns.map(|column| ("column", column.name.as_str()));
        outlook.findings.extend(dialect::long_names(object, target, columns));
        Ok(outlook)
    }

    fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
        let (graph, _) = graph(object, target)?;
        let document = document(object, target, &graph).to_string();
        tables::create(NODES, &nodes(&graph))?;
        tables::create(EDGES, &edges(object, &graph))?;
        definitions::put(&document)
    }

    fn restore(object: &Object, target: &Target, part: u32) -> Result<Counts, Failure> {
        let (graph, _) = graph(object, target)?;
        let (table, columns) =
            if graph.is_nodes(part) { (NODES, &graph.nodes.columns) } else { (EDGES, &graph.edges.columns) };
        let fields: Vec<Field> = columns.iter().map(Field::from).collect();
        rows::restore(object, target, part, table, &fields)
    }

    fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
        let (graph, _) = graph(object, target)?;
        let expected = document(object, target, &graph);
        let (of_nodes, of_edges) = graph.entries(object);
        let mut findings = Vec::new();
        findings.extend(miscounted(object, NODES, of_nodes, tables::summarize(NODES)?.rows));
        findings.extend(miscounted(object, EDGES, of_edges, tables::summarize(EDGES)?.rows));
        for end in [graph.edges.source, graph.edges.target] {
            let columns = [end];
            let orphans = tables::find_orphans(EDGES, &columns, NODES, std::slice::from_ref(&graph.nodes.key))?;
            findings.extend(orphans.map(|orphans| dangling(&columns[0], &orphans)));
        }
        findings.extend(different_document(&expected, definitions::get()?.as_deref()));
        Ok(findings)
    }
}

/// What the archive says of the graph, as far as the target understands it, and a warning where that is not all.
fn graph(object: &Object, target: &Target) -> Result<(Attributes, Option<Finding>), Failure> {
    let mut graph = Attributes::of(object)?;
    if object.dialect.is_empty() || object.dialect == target.dialect {
        return Ok((graph, None));
    }
    let names = graph.drop_foreign_words();
    let message = format!(
        "Defaults, computations and collations of the columns {} of {} are in the dialect {} and are left out",
        names.join(", "),
        object.source,
        object.dialect
    );
    let fix = "Nothing to do, unless rows are to be added to the restored graph";
    let finding = Finding::warning("graph.expression_not_portable", message, fix);
    Ok((graph, (!names.is_empty()).then_some(finding)))
}

fn outlook(object: &Object, graph: &Attributes) -> Outlook {
    let rows = if object.definitions_only { 0 } else { declared_rows(&object.entries).unwrap_or(0) };
    let data = if object.definitions_only { 0 } else { object.entry_bytes() };
    let mut outlook = Outlook {
        rows,
        // The nodes' key is stored again in its index.
        bytes: data.saturating_add(data / 2).saturating_add(object.attributes.len() as u64),
        tables: vec![NODES.to_owned(), EDGES.to_owned()],
        ..Outlook::new()
    };
    for table in &graph.source_tables {
        let mut name = object.sibling("table", &table.name);
        if let Some(schema) = &table.schema {
            name.schema = Some(schema.clone());
        }
        outlook.depend_on(name);
    }
    let unknown = object.entries.iter().filter(|entry| !rows::is_form(&entry.form));
    outlook.findings.extend(unknown.map(|entry| {
        Finding::refusal(
            "graph.unknown_form",
            format!(
                "The entry {} of {} has the form `{}`, which cannot be read",
                entry.path, object.source, entry.form
            ),
            "Pack nodes and edges as CSV or Arrow, or exclude the graph",
        )
    }));
    outlook
}

fn nodes(graph: &Attributes) -> Definition {
    let key = Key { name: None, columns: vec![graph.nodes.key.clone()], automatic: false };
    Definition { primary_key: Some(key), ..plain(&graph.nodes.columns) }
}

fn edges(object: &Object, graph: &Attributes) -> Definition {
    let to_nodes = |end: &String| ForeignKey {
        name: None,
        columns: vec![end.clone()],
        schema: None,
        table: format!("{}_{NODES}", object.into.name),
        references: vec![graph.nodes.key.clone()],
        on_update: "NO ACTION".to_owned(),
        on_delete: "NO ACTION".to_owned(),
        deferred: false,
    };
    let foreign_keys = [&graph.edges.source, &graph.edges.target].map(to_nodes).to_vec();
    Definition { foreign_keys, ..plain(&graph.edges.columns) }
}

fn plain(columns: &[Column]) -> Definition {
    Definition {
        columns: columns.to_vec(),
        primary_key: None,
        uniques: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        last_number: None,
        options: Vec::new(),
    }
}

/// What makes two tables a graph, with names as the target has them.
fn document(object: &Object, target: &Target, graph: &Attributes) -> Value {
    let (of_nodes, of_edges) = graph.entries(object);
    let count = |entries: &[Entry]| if object.definitions_only { Some(0) } else { declared_rows(entries) };
    let sources: Vec<SourceTable> = graph.source_tables.iter().map(|table| in_target(table, object, target)).collect();
    json!({
        "directed": graph.directed,
        "options": graph.options,
        "source_tables": sources,
        "nodes": {
            "table": format!("{}_{NODES}", object.into.name),
            "key": graph.nodes.key,
            "count": count(of_nodes),
        },
        "edges": {
            "table": format!("{}_{EDGES}", object.into.name),
            "source": graph.edges.source,
            "target": graph.edges.target,
            "count": count(of_edges),
        },
    })
}

fn in_target(table: &SourceTable, object: &Object, target: &Target) -> SourceTable {
    let schema = match &table.schema {
        Some(schema) if object.source.schema.as_ref() != Some(schema) => Some(target.schema(schema).to_owned()),
        _ => object.into.schema.clone(),
    };
    SourceTable { schema, name: table.name.clone() }
}

fn miscounted(object: &Object, what: &str, entries: &[Entry], staged: u64) -> Option<Finding> {
    let expected = if object.definitions_only { 0 } else { declared_rows(entries)? };
    let message = format!("{staged} {what} are staged, the archive says {expected}");
    let fix = "Verify the archive; if it is whole, restore the graph again";
    (expected != staged).then(|| Finding::refusal("graph.count", message, fix))
}

fn dangling(end: &str, orphans: &Orphans) -> Finding {
    Finding::refusal(
        "graph.dangling_edge",
        format!("{} edges name a `{end}` that is no node, {} for one", orphans.rows, orphans.example),
        "Mend the graph at its source and take the backup again, or exclude it",
    )
}

fn different_document(expected: &Value, staged: Option<&str>) -> Option<Finding> {
    let staged = staged.and_then(|staged| serde_json::from_str::<Value>(staged).ok());
    let message = "The graph's document is not staged as it should be";
    (staged.as_ref() != Some(expected)).then(|| Finding::refusal("graph.document", message, "Restore the graph again"))
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::ObjectName;

    use super::*;

    const KARATE: &str = r#"{
        "directed": false, "options": {"label": "club"},
        "source_tables": [{"name": "people"}, {"schema": "far", "name": "ties"}, {"name": "people"}],
        "nodes": {"columns": [{"name": "id", "values": "integer"}, {"name": "club", "values": "text"}], "key": "id", "entries": 1},
        "edges": {"columns": [{"name": "source", "values": "integer"}, {"name": "target", "values": "integer"}],
                  "source": "source", "target": "target", "entries": 2}}"#;

    fn karate(attributes: &str, entries: usize) -> Object {
        let name = ObjectName { kind: "graph".into(), schema: Some("old".into()), name: "karate".into() };
        let entry =
            |at| Entry { path: format!("{at}.csv"), form: "csv".into(), bytes: 100, exact: true, rows: Some(10 + at) };
        let mut object = Object { entries: (0..entries as u64).map(entry).collect(), ..Object::new(name, attributes) };
        object.into.schema = Some("new".into());
        object
    }

    fn target() -> Target {
        let map = vec![("old".into(), "new".into()), ("far".into(), "near".into())];
        Target { schema_map: map, ..Target::named("sqlite", "sqlite") }
    }

    #[test]
    fn a_graph_needs_its_source_tables_and_brings_two_tables() {
        let object = karate(KARATE, 3);
        let outlook = outlook(&object, &Attributes::of(&object).unwrap());
        let names: Vec<_> = outlook.dependencies.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["table old.people", "table far.ties"]);
        assert_eq!(outlook.tables, ["nodes", "edges"]);
        assert_eq!(outlook.rows, 33);
        assert!(outlook.findings.is_empty());
    }

    #[test]
    fn edges_refer_to_nodes() {
        let object = karate(KARATE, 3);
        let graph = Attributes::of(&object).unwrap();
        assert_eq!(nodes(&graph).primary_key.unwrap().columns, ["id"]);
        let keys = edges(&object, &graph).foreign_keys;
        assert_eq!(keys.len(), 2);
        assert_eq!((keys[0].table.as_str(), &keys[0].references[..]), ("karate_nodes", &["id".to_owned()][..]));
        assert_eq!((&keys[0].columns[0], &keys[1].columns[0]), (&"source".to_owned(), &"target".to_owned()));
        assert!(graph.is_nodes(0) && !graph.is_nodes(1));
    }

    #[test]
    fn the_document_says_how_the_tables_belong_together() {
        let object = karate(KARATE, 3);
        let document = document(&object, &target(), &Attributes::of(&object).unwrap());
        assert_eq!(document["nodes"], json!({"table": "karate_nodes", "key": "id", "count": 10}));
        assert_eq!(document["edges"]["count"], json!(23));
        assert_eq!(document["source_tables"][0], json!({"schema": "new", "name": "people"}));
        assert_eq!(document["source_tables"][1], json!({"schema": "near", "name": "ties"}));
        assert_eq!(document["options"], json!({"label": "club"}));
        assert!(different_document(&document, Some(&document.to_string())).is_none());
        assert!(different_document(&document, Some("{}")).is_some());
        assert!(different_document(&document, None).is_some());
    }

    #[test]
    fn attributes_that_contradict_each_other_are_refused() {
        for (from, to) in [
            (r#""key": "id""#, r#""key": "ID""#),
            (r#""source": "source""#, r#""source": "from""#),
            (r#""target": "target""#, r#""target": "to""#),
            (r#""entries": 2"#, r#""entries": 1"#),
            (r#""entries": 2"#, r#""entries": 18446744073709551615"#),
            (r#""entries": 2"#, r#""entries": -1"#),
            (r#""directed": false"#, r#""directed": "no""#),
        ] {
            let failure = Attributes::of(&karate(&KARATE.replace(from, to), 3)).unwrap_err();
            assert_eq!(failure.code, "graph.bad_attributes", "{to}");
        }
    }

    #[test]
    fn a_foreign_dialect_is_left_out_and_told() {
        let text = KARATE.replacen(r#""values": "text""#, r#""values": "text", "default": "lower('A')""#, 1);
        let object = Object { dialect: "postgresql".into(), ..karate(&text, 3) };
        let (restored, finding) = super::graph(&object, &target()).unwrap();
        assert!(restored.nodes.columns[1].default.is_none());
        assert!(finding.unwrap().message.contains("columns club of graph old.karate"));
        let same = Target { dialect: "postgresql".into(), ..target() };
        let (restored, finding) = super::graph(&object, &same).unwrap();
        assert!(restored.nodes.columns[1].default.is_some() && finding.is_none());
    }

    #[test]
    fn counts_and_ends_are_told() {
        let mut object = karate(KARATE, 3);
        let entries = object.entries.clone();
        assert!(miscounted(&object, NODES, &entries[..1], 10).is_none());
        assert!(miscounted(&object, NODES, &entries[..1], 9).unwrap().message.contains("9 nodes"));
        object.definitions_only = true;
        assert!(miscounted(&object, NODES, &entries[..1], 0).is_none());
        let finding = dangling("source", &Orphans { rows: 2, example: "99".into() });
        assert!(finding.message.contains("`source`") && finding.message.contains("99"));
    }
}
