//! Everything a database holds, as text: rows by digests that do not depend on their order, sequences, large objects, and the
//! definition of every object. The same queries as `tools/golden.py` of the collection of archives, so that its files compare.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Client, Server};

/// What is held, by section and name.
pub type Content = BTreeMap<String, BTreeMap<String, Vec<Option<String>>>>;

const SETTINGS: &str = "SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres';
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET search_path = ''; SET row_security = off;
    SET xmloption = content; SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;";

/// Schemas of users; the bookkeeping of restores is nobody's content.
const NAMESPACES: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname !~ '^reinstate'";

/// Definitions: the section, and a query of names and values.
const OBJECTS: [(&str, &str); 19] = [
    ("schemas", "SELECT nspname, pg_catalog.pg_get_userbyid(nspowner), nspacl::text FROM pg_catalog.pg_namespace n WHERE {ns}"),
    ("extensions", "SELECT extname, n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"),
    (
        "relations",
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || ':' || c.relkind::text,
         pg_catalog.pg_get_userbyid(c.relowner), c.relacl::text, c.reloptions::text, c.relrowsecurity, c.relforcerowsecurity,
         pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_get_partkeydef(c.oid)
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE {ns} AND c.relkind NOT IN ('t', 'i', 'I') AND {own:pg_class:c}",
    ),
    (
        "indexes",
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), pg_catalog.pg_get_indexdef(c.oid),
         i.indisclustered, i.indisreplident, i.indisvalid
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE {ns}",
    ),
    (
        "constraints",
        "SELECT coalesce(CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text ELSE k.contypid::regtype::text END, '') || ':' || k.conname,
         pg_catalog.pg_get_constraintdef(k.oid), k.convalidated
         FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace WHERE {ns}",
    ),
    (
        "views",
        "SELECT c.oid::regclass::text, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {ns} AND {own:pg_class:c}",
    ),
    (
        "functions",
        "SELECT p.oid::regprocedure::text,
         CASE WHEN p.prokind IN ('f', 'p') THEN pg_catalog.pg_get_functiondef(p.oid) ELSE 'aggregate/window' END,
         pg_catalog.pg_get_userbyid(p.proowner), p.proacl::text
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE {ns} AND {own:pg_proc:p}",
    ),
    (
        "triggers",
        "SELECT t.tgrelid::regclass::text || ':' || t.tgname, pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled::text
         FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND {ns}",
    ),
    ("event_triggers", "SELECT evtname, evtevent, evtenabled::text FROM pg_catalog.pg_event_trigger"),
    (
        "policies",
        "SELECT p.polrelid::regclass::text || ':' || p.polname, p.polcmd::text, p.polpermissive,
         pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
         (SELECT pg_catalog.array_agg(r.rolname ORDER BY r.rolname)::text FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles))
         FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {ns}",
    ),
    (
        "rules",
        "SELECT r.ev_class::regclass::text || ':' || r.rulename, pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r
         JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE r.rulename <> '_RETURN' AND {ns}",
    ),
    (
        "enums",
        "SELECT e.enumtypid::regtype::text, pg_catalog.array_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_catalog.pg_enum e
         JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE {ns} GROUP BY 1",
    ),
    (
        "types",
        "SELECT t.oid::regtype::text, t.typtype::text, pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
         pg_catalog.pg_get_userbyid(t.typowner)
         FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
         LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
         WHERE t.typtype IN ('e', 'd', 'r', 'c', 'b') AND (t.typelem = 0 OR t.typtype <> 'b')
         AND (c.relkind IS NULL OR c.relkind = 'c') AND {ns} AND {own:pg_type:t}",
    ),
    ("statistics", "SELECT stxname, pg_catalog.pg_get_statisticsobjdef(s.oid) FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace WHERE {ns}"),
    (
        "publications",
        "SELECT pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_catalog.pg_publication",
    ),
    (
        "default_acl",
        "SELECT defaclrole::regrole::text || ':' || coalesce(defaclnamespace::regnamespace::text, '') || ':' || defaclobjtype::text,
         defaclacl::text FROM pg_catalog.pg_default_acl",
    ),
    (
        "comments",
        "SELECT i.type || ' ' || i.identity, d.description FROM pg_catalog.pg_description d,
         LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) i
         WHERE i.schema IS DISTINCT FROM 'pg_catalog' AND i.schema IS DISTINCT FROM 'information_schema'
         AND i.identity !~ '^\"?reinstate' AND coalesce(i.schema, '') !~ '^reinstate' AND d.objoid >= 16384",
    ),
    (
        "foreign_servers",
        "SELECT srvname, srvoptions::text, f.fdwname FROM pg_catalog.pg_foreign_server s
         JOIN pg_catalog.pg_foreign_data_wrapper f ON f.oid = s.srvfdw",
    ),
    ("casts", "SELECT castsource::regtype::text || ':' || casttarget::regtype::text, castfunc::regprocedure::text FROM pg_catalog.pg_cast WHERE oid >= 16384"),
];

/// Reads a whole database.
pub fn content(server: &Server, database: &str) -> Content {
    let client = server.connect(database);
    client.query(SETTINGS);
    let mut content = Content::new();
    content.insert("tables".to_owned(), tables(&client));
    content.insert("sequences".to_owned(), sequences(&client));
    content.insert("large_objects".to_owned(), large_objects(&client));
    for (section, query) in OBJECTS {
        content.insert(section.to_owned(), named(client.query(&filled(query))));
    }
    content
}

/// What users see of the rows alone: for tests that look often.
pub fn rows(server: &Server, database: &str) -> Content {
    let client = server.connect(database);
    client.query(SETTINGS);
    let mut content = Content::new();
    content.insert("tables".to_owned(), tables(&client));
    content.insert("sequences".to_owned(), sequences(&client));
    content
}

fn filled(query: &str) -> String {
    let mut query = query.replace("{ns}", NAMESPACES);
    for (catalog, alias) in [("pg_class", "c"), ("pg_proc", "p"), ("pg_type", "t")] {
        let own = format!(
            "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.{catalog}'::regclass AND d.objid = {alias}.oid AND d.deptype = 'e')"
        );
        query = query.replace(&format!("{{own:{catalog}:{alias}}}"), &own);
    }
    query
}

fn named(rows: super::Rows) -> BTreeMap<String, Vec<Option<String>>> {
    let name = |row: Vec<Option<String>>| {
        let mut values = row.into_iter();
        let name = values.next().flatten()?;
        Some((name, values.collect()))
    };
    rows.into_iter().filter_map(name).collect()
}

fn tables(client: &Client) -> BTreeMap<String, Vec<Option<String>>> {
    let query = "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), n.nspname, c.relname,
        c.relkind::text, c.relispopulated FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND {ns} AND {own:pg_class:c}";
    let mut found = BTreeMap::new();
    for row in client.query(&filled(query)) {
        let text = |at: usize| row[at].clone().unwrap_or_default();
        let quoted = |name: String| format!("\"{}\"", name.replace('"', "\"\""));
        let name = format!("{}.{}", quoted(text(1)), quoted(text(2)));
        let only = if text(3) == "r" { "ONLY " } else { "" };
        let values = match text(4).as_str() {
            "t" => {
                let lines = client.copy_out(&format!("COPY (SELECT * FROM {only}{name}) TO STDOUT"));
                digest(&lines)
            }
            _ => vec![Some("not populated".to_owned())],
        };
        found.insert(name, values);
    }
    found
}

/// Rows, bytes, and the digest of the sorted lines.
fn digest(lines: &[u8]) -> Vec<Option<String>> {
    let mut sorted: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    sorted.sort_unstable_by_key(|line| line.strip_suffix(b"\n").unwrap_or(line));
    let mut hash = Sha256::new();
    sorted.iter().for_each(|line| hash.update(line));
    let hexadecimal: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    vec![Some(sorted.len().to_string()), Some(lines.len().to_string()), Some(hexadecimal)]
}

fn sequences(client: &Client) -> BTreeMap<String, Vec<Option<String>>> {
    let query = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND {ns} AND {own:pg_class:c}";
    let mut found = BTreeMap::new();
    for row in client.query(&filled(query)) {
        let quoted = |at: usize| format!("\"{}\"", row[at].clone().unwrap_or_default().replace('"', "\"\""));
        let name = format!("{}.{}", quoted(0), quoted(1));
        let literal = |at: usize| format!("'{}'", row[at].clone().unwrap_or_default().replace('\'', "''"));
        let query = format!(
            "SELECT s.last_value, s.is_called, p.data_type::text, p.start_value, p.min_value, p.max_value, p.increment_by, p.cycle, p.cache_size
             FROM {name} s, pg_catalog.pg_sequences p WHERE p.schemaname = {} AND p.sequencename = {}",
            literal(0),
            literal(1)
        );
        found.insert(name, client.query(&query).pop().unwrap_or_default());
    }
    found
}

fn large_objects(client: &Client) -> BTreeMap<String, Vec<Option<String>>> {
    named(client.query(
        "SELECT oid::text, pg_catalog.length(pg_catalog.lo_get(oid)), pg_catalog.encode(pg_catalog.sha256(pg_catalog.lo_get(oid)), 'hex'),
         pg_catalog.pg_get_userbyid(lomowner), lomacl::text FROM pg_catalog.pg_largeobject_metadata",
    ))
}

/// A golden file in the same form; sections that it does not have are left out of comparisons.
pub fn read(path: &Path) -> Content {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    let section = |value: &Value, members: &[&str]| -> BTreeMap<String, Vec<Option<String>>> {
        let of = |value: &Value| members.iter().map(|member| as_text(&value[*member])).collect();
        value.as_object().expect("an object").iter().map(|(name, value)| (name.clone(), of(value))).collect()
    };
    let mut content = Content::new();
    let mut tables = section(&golden["tables"], &["rows", "copy_bytes", "sha256_sorted"]);
    for (name, values) in &mut tables {
        if golden["tables"][name]["populated"] == Value::Bool(false) {
            *values = vec![Some("not populated".to_owned())];
        }
    }
    content.insert("tables".to_owned(), tables);
    let columns = ["last_value", "is_called", "type", "start", "min", "max", "increment", "cycle", "cache"];
    content.insert("sequences".to_owned(), section(&golden["sequences"], &columns));
    content.insert("large_objects".to_owned(), section(&golden["large_objects"], &["bytes", "sha256", "owner", "acl"]));
    for (kind, objects) in golden["objects"].as_object().expect("an object") {
        let values = |value: &Value| match value {
            Value::Array(values) => values.iter().map(as_text).collect(),
            value => vec![as_text(value)],
        };
        let objects = objects.as_object().expect("an object").iter();
        content.insert(kind.clone(), objects.map(|(name, value)| (name.clone(), values(value))).collect());
    }
    content
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(value) => Some(if *value { "t" } else { "f" }.to_owned()),
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// What differs between two contents in the sections that both have, and that `sections` names (all when empty).
pub fn differences(one: &Content, other: &Content, sections: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (section, objects) in one {
        let Some(others) = other.get(section).filter(|_| sections.is_empty() || sections.contains(&section.as_str()))
        else {
            continue;
        };
        for name in objects.keys().chain(others.keys().filter(|name| !objects.contains_key(*name))) {
            let (left, right) = (objects.get(name), others.get(name));
            if left != right {
                found.push(format!("{section} {name}: {left:?} | {right:?}"));
            }
        }
    }
    found
}

/// What differs between two texts, line by line, without their common lines.
pub fn lines_that_differ(one: &str, other: &str) -> Vec<String> {
    let count = |text: &str| {
        let mut lines: BTreeMap<String, i64> = BTreeMap::new();
        text.lines().for_each(|line| *lines.entry(line.to_owned()).or_default() += 1);
        lines
    };
    let (one, mut other) = (count(one), count(other));
    let mut found = Vec::new();
    for (line, times) in one {
        let there = other.remove(&line).unwrap_or_default();
        if times != there {
            found.push(format!("< {times}, > {there}: {line}"));
        }
    }
    found.extend(other.into_iter().map(|(line, times)| format!("> {times}: {line}")));
    found
}
