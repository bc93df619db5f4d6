//! What belongs to a table and has no words in an archive but its own statement: triggers, indexes of other methods, policies, rules, comments,
//! what everybody may do.

use std::collections::HashMap;

use crate::backup::attributes::{Index, Trigger};
use crate::error::Result;
use crate::sql::Dialect;
use crate::sql::index::create_index;

use super::super::placement::quoted;
use super::{OWN, Source};

/// The pieces of one table.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) indexes: Vec<Index>,
    pub(super) statements: Vec<Trigger>,
}

type Tables = HashMap<u32, Pieces>;

/// By the number of the table.
pub(super) fn read(source: &mut Source) -> Result<Tables> {
    let mut tables = Tables::new();
    indexes(source, &mut tables)?;
    for query in [INHERITS, TRIGGERS, DISABLED, RULES, SECURITY, POLICIES, IDENTITY, COMMENTS, COLUMN_COMMENTS] {
        statements(source, &mut tables, query)?;
    }
    everybody(source, &mut tables)?;
    Ok(tables)
}

fn statements(source: &mut Source, tables: &mut Tables, query: &str) -> Result<()> {
    let query = query.replace("{OWN}", &format!("c.relkind IN ('r', 'p') AND {OWN}"));
    for row in source.ask(&query, &[])? {
        let statement = Trigger { name: row.get(1), statement: row.get(2) };
        tables.entry(row.get(0)).or_default().statements.push(statement);
    }
    Ok(())
}

fn indexes(source: &mut Source, tables: &mut Tables) -> Result<()> {
    let query = format!(
        "SELECT i.indrelid, x.relname::text, pg_get_indexdef(x.oid)
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND {OWN} AND (i.indisvalid OR x.relkind = 'I')
            AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x'))
            AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = x.oid)
        ORDER BY i.indrelid, x.relname"
    );
    for row in source.ask(&query, &[])? {
        let (name, definition): (String, String) = (row.get(1), row.get(2));
        let pieces = tables.entry(row.get(0)).or_default();
        // `ON ONLY` is a partitioned table's way to say that others have such an index, too; they get theirs from it.
        let definition = definition.replacen(" ON ONLY ", " ON ", 1);
        match create_index(&definition, Dialect::Postgresql) {
            Ok(parsed) if parsed.notes.is_empty() => pieces.indexes.push(Index { name, ..parsed.index }),
            _ => pieces.statements.push(Trigger { name, statement: definition }),
        }
    }
    Ok(())
}

const INHERITS: &str = "
    SELECT c.oid, 'inherits ' || p.relname, format('ALTER TABLE ONLY %I.%I INHERIT %I.%I', n.nspname, c.relname, m.nspname, p.relname)
    FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace m ON m.oid = p.relnamespace
    WHERE NOT c.relispartition AND {OWN} ORDER BY c.oid, h.inhseqno";

const TRIGGERS: &str = "
    SELECT c.oid, t.tgname::text, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {OWN} ORDER BY c.oid, t.tgname";

const DISABLED: &str = "
    SELECT c.oid, t.tgname || ' when', format('ALTER TABLE ONLY %I.%I %s TRIGGER %I', n.nspname, c.relname,
        CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, t.tgname)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'O' AND {OWN} ORDER BY c.oid, t.tgname";

const RULES: &str = "
    SELECT c.oid, r.rulename::text, rtrim(pg_get_ruledef(r.oid), ';')
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {OWN} ORDER BY c.oid, r.rulename";

const SECURITY: &str = "
    SELECT c.oid, word, format('ALTER TABLE ONLY %I.%I %s ROW LEVEL SECURITY', n.nspname, c.relname, word)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
        LATERAL (VALUES ('ENABLE', c.relrowsecurity), ('FORCE', c.relforcerowsecurity)) AS w(word, holds)
    WHERE w.holds AND {OWN} ORDER BY c.oid, word";

/// Those of named roles are refused elsewhere: their roles are made in the switch.
const POLICIES: &str = "
    SELECT c.oid, p.polname::text, format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO PUBLIC', p.polname, n.nspname, c.relname,
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END)
        || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
        || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {OWN} ORDER BY c.oid, p.polname";

const IDENTITY: &str = "
    SELECT c.oid, 'replica identity', format('ALTER TABLE ONLY %I.%I REPLICA IDENTITY %s', n.nspname, c.relname,
        CASE c.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relreplident IN ('f', 'n') AND {OWN} ORDER BY c.oid";

const COMMENTS: &str = "
    SELECT c.oid, 'comment', format('COMMENT ON TABLE %I.%I IS %L', n.nspname, c.relname, d.description)
    FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OWN} ORDER BY c.oid";

const COLUMN_COMMENTS: &str = "
    SELECT c.oid, 'comment on ' || a.attname, format('COMMENT ON COLUMN %I.%I.%I IS %L', n.nspname, c.relname, a.attname, d.description)
    FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OWN} ORDER BY c.oid, a.attnum";

/// What everybody may do is no role's.
fn everybody(source: &mut Source, tables: &mut Tables) -> Result<()> {
    let query = format!(
        "SELECT c.oid, n.nspname::text, c.relname::text, string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL aclexplode(c.relacl) x
        WHERE x.grantee = 0 AND c.relkind IN ('r', 'p') AND {OWN} GROUP BY 1, 2, 3"
    );
    for row in source.ask(&query, &[])? {
        let (schema, table, privileges): (&str, &str, &str) = (row.get(1), row.get(2), row.get(3));
        let statement = format!("GRANT {privileges} ON TABLE {}.{} TO PUBLIC", quoted(schema), quoted(table));
        let name = "for everybody".to_owned();
        tables.entry(row.get(0)).or_default().statements.push(Trigger { name, statement });
    }
    Ok(())
}

/// A statement's text for one of a table's own columns.
pub(super) fn of_column(table: &str, column: &str, what: &str) -> Trigger {
    Trigger {
        name: format!("numbering of {column}"),
        statement: format!("ALTER TABLE ONLY {table} ALTER COLUMN {} {what}", quoted(column)),
    }
}
