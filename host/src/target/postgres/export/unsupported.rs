//! What an archive has no words for, and would be lost: named all at once, and refused.

use crate::error::Result;

use super::{OWN, Source, unsupported};

/// As many are named of each sort.
const NAMED: usize = 10;

/// Queries that give what cannot be carried, each as a text that completes `… cannot be carried`.
const QUERIES: [&str; 20] = [
    "SELECT format('the foreign table %I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'f' AND {OWN} AND {NOT_OF}(c)",
    "SELECT format('options of the view %I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'v' AND c.reloptions IS NOT NULL AND {OWN} AND {NOT_OF}(c)",
    "SELECT format('the trigger %I of the view %I.%I', t.tgname, n.nspname, c.relname) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v' AND NOT t.tgisinternal AND {OWN} AND {NOT_OF}(c)",
    "SELECT format('the rule %I of the view %I.%I', r.rulename, n.nspname, c.relname) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND r.rulename <> '_RETURN' AND {OWN} AND {NOT_OF}(c)",
    "SELECT format('the policy %I of %I.%I, which is for certain roles', p.polname, n.nspname, c.relname) FROM pg_policy p
     JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.polroles <> '{0}' AND {OWN}",
    "SELECT format('the type %I.%I', n.nspname, c.typname) FROM pg_type c JOIN pg_namespace n ON n.oid = c.typnamespace
     WHERE (c.typtype = 'p' OR (c.typtype = 'b' AND c.typelem = 0)) AND {OWN} AND {NOT_OF}(c)",
    "SELECT format('the type %I.%I, which has a canonical form', n.nspname, c.typname) FROM pg_type c JOIN pg_namespace n ON n.oid = c.typnamespace
     JOIN pg_range r ON r.rngtypid = c.oid WHERE r.rngcanonical <> 0 AND {OWN} AND {NOT_OF}(c)",
    "SELECT format('the aggregate %I.%I', n.nspname, c.proname) FROM pg_proc c JOIN pg_namespace n ON n.oid = c.pronamespace
     JOIN pg_aggregate a ON a.aggfnoid = c.oid WHERE (a.aggkind <> 'n' OR a.aggmtransfn <> 0) AND {OWN} AND {NOT_OF}(c)",
    "SELECT format('the operator %I.%s', n.nspname, c.oprname) FROM pg_operator c JOIN pg_namespace n ON n.oid = c.oprnamespace
     WHERE {OWN} AND {NOT_OF}(c)",
    "SELECT format('the operator class %I.%I', n.nspname, c.opcname) FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace
     WHERE {OWN} AND {NOT_OF}(c)",
    "SELECT format('the collation %I.%I', n.nspname, c.collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
     WHERE {OWN} AND {NOT_OF}(c)",
    "SELECT format('the conversion %I.%I', n.nspname, c.conname) FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace
     WHERE {OWN} AND {NOT_OF}(c)",
    "SELECT format('the text search configuration %I.%I', n.nspname, c.cfgname) FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
     WHERE {OWN} AND {NOT_OF}(c)",
    "SELECT format('the text search dictionary %I.%I', n.nspname, c.dictname) FROM pg_ts_dict c JOIN pg_namespace n ON n.oid = c.dictnamespace
     WHERE {OWN} AND {NOT_OF}(c)",
    "SELECT format('the cast from %s to %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)) FROM pg_cast c
     WHERE c.oid >= 16384 AND {NOT_OF}(c)",
    "SELECT format('the foreign server %I', c.srvname) FROM pg_foreign_server c WHERE {NOT_OF}(c)",
    "SELECT format('the language %I', c.lanname) FROM pg_language c WHERE c.oid >= 16384 AND {NOT_OF}(c)",
    "SELECT format('the event trigger %I', c.evtname) FROM pg_event_trigger c WHERE {NOT_OF}(c)",
    "SELECT format('the publication %I', c.pubname) FROM pg_publication c WHERE {NOT_OF}(c)",
    "SELECT format('%s large objects', count(*)) FROM pg_largeobject_metadata HAVING count(*) > 0",
];

/// Refuses a database that an archive cannot carry whole.
pub(super) fn refuse(source: &mut Source) -> Result<()> {
    let mut found = Vec::new();
    for query in QUERIES {
        let not_of = "NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype IN ('e', 'i') AND e.objid = c.oid AND e.classid = c.tableoid)";
        let query = query.replace("{NOT_OF}(c)", not_of).replace("{OWN}", OWN);
        let rows = source.ask(&query, &[])?;
        found.extend(rows.iter().take(NAMED).map(|row| row.get::<_, String>(0)));
        if rows.len() > NAMED {
            found.push(format!("{} more of that sort", rows.len() - NAMED));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(unsupported(&format!("The database holds {}", found.join(", "))))
}
