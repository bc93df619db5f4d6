//! Indexes of a table, under names that are free where they are now and where they will be.

use crate::error::Result;
use crate::target::definition::{Index, IndexColumn};

use super::super::fragment::{bad, expression, ident};
use super::super::work::PostgresWork;
use super::super::{documents, failure};
use super::create::collated;
use super::{Place, cut, place, run};

pub(super) fn create(work: &mut PostgresWork, table: &str, indexes: &[Index]) -> Result<()> {
    documents::writes(work)?;
    let place = place(work, table)?;
    for index in indexes {
        let name = free(work, &index.name, &place)?;
        let statement = statement(index, &name, &place)?;
        let doing = format!("Could not make index {} of table {}", index.name.escape_debug(), place.live);
        run(work, &statement, &doing)?;
    }
    Ok(())
}

fn statement(index: &Index, name: &str, place: &Place) -> Result<String> {
    if index.columns.is_empty() {
        return Err(bad(format!("Index `{}` of table {} has no columns", index.name.escape_debug(), place.live)));
    }
    let what = format!("Index `{}` of table {}", index.name.escape_debug(), place.live);
    let terms = index.columns.iter().map(|column| term(column, &what)).collect::<Result<Vec<_>>>()?.join(", ");
    let unique = if index.unique { "UNIQUE " } else { "" };
    let condition = index.condition.as_deref().map(|condition| expression(condition, &what)).transpose()?;
    let condition = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    Ok(format!("CREATE {unique}INDEX {} ON {} ({terms}){condition}", ident(name)?, place.sql))
}

fn term(column: &IndexColumn, what: &str) -> Result<String> {
    let term = if column.expression { expression(&column.term, what)? } else { ident(&column.term)? };
    let collation = column.collation.as_deref().map(collated).transpose()?;
    let collation = collation.map(|collation| format!(" COLLATE {collation}")).unwrap_or_default();
    let order = if column.descending { " DESC" } else { "" };
    Ok(format!("{term}{collation}{order}"))
}

/// The name, or the next one that neither the stage nor, beside the table that gives way, the live schema has.
fn free(work: &mut PostgresWork, name: &str, place: &Place) -> Result<String> {
    ident(name)?;
    let select = "SELECT FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
        LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
        WHERE c.relname = $4
          AND (n.nspname = $1 OR (n.nspname = $2 AND t.relname IS DISTINCT FROM $3 AND c.relname <> $3))";
    let live = work.step.into.schema.clone().unwrap_or_else(|| "public".to_owned());
    let mut tried = name.to_owned();
    for number in 1.. {
        let rows = work.connection.rows(select, &[&place.schema, &live, &place.name, &tried]);
        let rows = rows.map_err(|fault| failure::failed(&fault, "Could not look for a free name"))?;
        if rows.is_empty() {
            break;
        }
        tried = cut(name, &format!("_{number}"));
    }
    Ok(tried)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { schema: "s".into(), name: "t".into(), sql: "\"s\".\"t\"".into(), live: "public.t".into() }
    }

    fn column(term: &str, expression: bool, descending: bool, collation: Option<&str>) -> IndexColumn {
        IndexColumn { term: term.into(), expression, descending, collation: collation.map(Into::into) }
    }

    #[test]
    fn statements_are_what_the_definition_says() {
        let index = |columns, unique, condition: Option<&str>| Index {
            name: "i".into(),
            columns,
            unique,
            condition: condition.map(Into::into),
        };
        let cases = [
            (index(vec![column("a", false, false, None)], false, None), "CREATE INDEX \"i\" ON \"s\".\"t\" (\"a\")"),
            (
                index(
                    vec![column("lower(a)", true, true, None), column("b\"", false, false, Some("C"))],
                    true,
                    Some("a > 0"),
                ),
                "CREATE UNIQUE INDEX \"i\" ON \"s\".\"t\" ((lower(a)\n) DESC, \"b\"\"\" COLLATE \"C\") WHERE (a > 0\n)",
            ),
        ];
        for (index, expected) in cases {
            assert_eq!(statement(&index, &index.name, &place()).unwrap(), expected);
        }
        for hostile in ["a) ; DROP TABLE b", "a), (b", ""] {
            assert!(statement(&index(vec![column(hostile, true, false, None)], false, None), "i", &place()).is_err());
        }
        assert!(statement(&index(Vec::new(), false, None), "i", &place()).is_err());
    }
}
