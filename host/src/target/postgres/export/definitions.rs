//! What is made by a definition of its own: extensions, types, domains, sequences, routines, aggregates, materialized views.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::backup::Writer;
use crate::backup::attributes::raw;
use crate::error::Result;

use super::catalog::{Catalog, Item};
use super::documents::Restored;
use super::sequences::Sequence;
use super::{Source, documents};

/// The attributes of a routine, and of everything else that a definition makes.
#[derive(Serialize)]
struct Definition {
    language: String,
    definition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Value>,
}

/// By the object's number: language, definition, and whether everybody may execute it.
type Definitions = HashMap<u32, (String, String, bool)>;

/// Writes them all, types before the routines that have them as arguments.
pub(super) fn write(
    source: &mut Source,
    writer: &mut Writer,
    catalog: &Catalog,
    sequences: &[Sequence],
    restored: &[Restored],
) -> Result<()> {
    let mut definitions = Definitions::new();
    for query in [EXTENSIONS, ENUMS, COMPOSITES, RANGES, DOMAINS, ROUTINES, AGGREGATES] {
        for row in source.ask(query, &[])? {
            definitions.insert(row.get(0), (row.get(1), row.get(2), row.get(3)));
        }
    }
    for sequence in sequences.iter().filter(|sequence| !catalog.absorbed.contains(&(catalog.relations, sequence.oid))) {
        definitions.insert(sequence.oid, ("sql".to_owned(), sequence.definition(), true));
    }
    for (oid, definition) in materialized_views(source)? {
        definitions.insert(oid, ("sql".to_owned(), definition, true));
    }
    const KINDS: [&str; 8] = [
        "extension",
        "type",
        "domain",
        "sequence",
        "user_defined_function",
        "stored_procedure",
        "aggregate",
        "materialized_view",
    ];
    for kind in KINDS {
        for item in catalog.of(kind) {
            if let Some((language, definition, public)) = definitions.remove(&item.key.1) {
                let definition = (language, definition, public);
                one(writer, catalog, item, definition, documents::of(restored, &item.name))?;
            }
        }
    }
    Ok(())
}

fn one(
    writer: &mut Writer,
    catalog: &Catalog,
    item: &Item,
    (language, definition, public): (String, String, bool),
    known: Option<&Restored>,
) -> Result<()> {
    let routine = known.and_then(Restored::routine);
    let mut attributes = routine.map(|routine| routine.attributes).unwrap_or_default();
    // These are said anew: who may execute it, and that it is written for this server.
    attributes.remove("public");
    attributes.remove("dialect");
    attributes.remove("needs");
    let depends = catalog.depends(item.key);
    if !depends.is_empty() {
        // Said here, too: a target that keeps the definition as a document gives it back with it.
        attributes.insert("needs".to_owned(), serde_json::json!(depends));
    }
    if !public {
        attributes.insert("public".to_owned(), Value::Bool(false));
    }
    let environment = routine_environment(known);
    writer.object(item.name.clone(), depends)?;
    writer.attributes(raw(&Definition { language, definition, environment, attributes })?)
}

fn routine_environment(known: Option<&Restored>) -> Option<String> {
    known.and_then(Restored::routine).and_then(|routine| routine.environment)
}

const EXTENSIONS: &str = "
    SELECT e.oid, 'sql', format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I', e.extname, n.nspname), true
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace";

const ENUMS: &str = "
    SELECT t.oid, 'sql', format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,
        (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)), true
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e'";

const COMPOSITES: &str = "
    SELECT t.oid, 'sql', format('CREATE TYPE %I.%I AS (%s)', n.nspname, t.typname,
        (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
            || CASE WHEN a.attcollation <> y.typcollation THEN format(' COLLATE %I.%I', m.nspname, l.collname) ELSE '' END,
            ', ' ORDER BY a.attnum)
         FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
         LEFT JOIN pg_namespace m ON m.oid = l.collnamespace
         WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)), true
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_class c ON c.oid = t.typrelid WHERE c.relkind = 'c'";

const RANGES: &str = "
    SELECT t.oid, 'sql', format('CREATE TYPE %I.%I AS RANGE (SUBTYPE = %s', n.nspname, t.typname, format_type(r.rngsubtype, NULL))
        || CASE WHEN o.opcdefault THEN '' ELSE format(', SUBTYPE_OPCLASS = %I.%I', m.nspname, o.opcname) END
        || CASE WHEN r.rngcollation = 0 OR l.collname = 'default' THEN '' ELSE format(', COLLATION = %I.%I', k.nspname, l.collname) END
        || CASE WHEN r.rngsubdiff = 0 THEN '' ELSE ', SUBTYPE_DIFF = ' || r.rngsubdiff::regproc::text END || ')', true
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_range r ON r.rngtypid = t.oid
    JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_namespace m ON m.oid = o.opcnamespace
    LEFT JOIN pg_collation l ON l.oid = r.rngcollation LEFT JOIN pg_namespace k ON k.oid = l.collnamespace
    WHERE t.typtype = 'r' AND r.rngcanonical = 0";

const DOMAINS: &str = "
    SELECT t.oid, 'sql', format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod))
        || CASE WHEN t.typcollation <> b.typcollation THEN format(' COLLATE %I.%I', m.nspname, l.collname) ELSE '' END
        || coalesce(' DEFAULT ' || pg_get_expr(t.typdefaultbin, 0), ' DEFAULT ' || quote_literal(t.typdefault), '')
        || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
        || coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), '' ORDER BY k.conname)
                     FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), ''), true
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype
    LEFT JOIN pg_collation l ON l.oid = t.typcollation LEFT JOIN pg_namespace m ON m.oid = l.collnamespace
    WHERE t.typtype = 'd'";

const ROUTINES: &str = "
    SELECT p.oid, l.lanname::text, pg_get_functiondef(p.oid),
        p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0 AND x.privilege_type = 'EXECUTE')
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p', 'w') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

const AGGREGATES: &str = "
    SELECT p.oid, 'sql', format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %s, STYPE = %s', n.nspname, p.proname,
            CASE WHEN p.pronargs = 0 THEN '*' ELSE pg_get_function_arguments(p.oid) END,
            a.aggtransfn::regproc::text, format_type(a.aggtranstype, NULL))
        || CASE WHEN a.aggtransspace = 0 THEN '' ELSE format(', SSPACE = %s', a.aggtransspace) END
        || CASE WHEN a.aggfinalfn = 0 THEN '' ELSE ', FINALFUNC = ' || a.aggfinalfn::regproc::text
            || CASE WHEN a.aggfinalextra THEN ', FINALFUNC_EXTRA' ELSE '' END
            || ', FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END
        || CASE WHEN a.aggcombinefn = 0 THEN '' ELSE ', COMBINEFUNC = ' || a.aggcombinefn::regproc::text END
        || CASE WHEN a.aggserialfn = 0 THEN '' ELSE ', SERIALFUNC = ' || a.aggserialfn::regproc::text END
        || CASE WHEN a.aggdeserialfn = 0 THEN '' ELSE ', DESERIALFUNC = ' || a.aggdeserialfn::regproc::text END
        || CASE WHEN a.agginitval IS NULL THEN '' ELSE ', INITCOND = ' || quote_literal(a.agginitval) END
        || CASE WHEN a.aggsortop = 0 THEN '' ELSE
            (SELECT format(', SORTOP = OPERATOR(%I.%s)', m.nspname, o.oprname) FROM pg_operator o
             JOIN pg_namespace m ON m.oid = o.oprnamespace WHERE o.oid = a.aggsortop) END
        || CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE' WHEN 'r' THEN ', PARALLEL = RESTRICTED' ELSE '' END || ')',
        p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0 AND x.privilege_type = 'EXECUTE')
    FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind = 'a' AND n.nspname !~ '^pg_'";

/// With their indexes.
fn materialized_views(source: &mut Source) -> Result<Vec<(u32, String)>> {
    let query = "
        SELECT c.oid, format('CREATE MATERIALIZED VIEW %I.%I AS %s WITH %sDATA', n.nspname, c.relname,
                rtrim(pg_get_viewdef(c.oid), ';'), CASE WHEN c.relispopulated THEN '' ELSE 'NO ' END)
            || coalesce((SELECT string_agg(E';\\n' || pg_get_indexdef(i.indexrelid), '' ORDER BY i.indexrelid)
                         FROM pg_index i WHERE i.indrelid = c.oid), '')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm'";
    Ok(source.ask(query, &[])?.iter().map(|row| (row.get(0), row.get(1))).collect())
}
