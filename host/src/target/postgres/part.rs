//! Parts of live objects (an index, a trigger, a constraint) that a job restores without the objects: they are made in the switch, in the
//! place of what is there, and taken away by its undoing.

use crate::catalog::ObjectName;

use super::placement::{bare, literal, quoted};

/// A part of an object that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The statement that drops it.
    pub(super) drop: String,
    /// The query for the statement that makes the one that is there; no row when there is none.
    pub(super) there: Option<String>,
}

impl Part {
    /// The part that is called `part` by the plan; `None` for what can only be set, a comment say.
    pub(super) fn of(part: &ObjectName, owner: &ObjectName) -> Option<Self> {
        let schema = owner.schema.as_deref()?;
        let table = bare(&owner.kind, &owner.name);
        let on = format!("{}.{}", quoted(schema), quoted(&table));
        let own = bare(&part.kind, &part.name);
        let own = own.strip_prefix(&format!("{table} ")).unwrap_or(&own).to_owned();
        let inside = format!("{}.{}", quoted(part.schema.as_deref().unwrap_or(schema)), quoted(&own));
        let relation = format!("pg_catalog.to_regclass({})", literal(&on));
        let (name, text) = (quoted(&own), literal(&own));
        let is = |drop: String, there: String| Some(Self { drop, there: Some(there) });
        match part.kind.as_str() {
            "index" => is(
                format!("DROP INDEX IF EXISTS {inside}"),
                format!("SELECT pg_catalog.pg_get_indexdef(pg_catalog.to_regclass({}))", literal(&inside)),
            ),
            "constraint" | "foreign_key" | "check_constraint" => {
                let (alter, column) = match owner.kind.as_str() {
                    "domain" => ("DOMAIN", format!("contypid = pg_catalog.to_regtype({})", literal(&on))),
                    _ => ("TABLE", format!("conrelid = {relation}")),
                };
                is(
                    format!("ALTER {alter} {on} DROP CONSTRAINT IF EXISTS {name}"),
                    format!(
                        "SELECT pg_catalog.format('ALTER {alter} %s ADD CONSTRAINT %I %s', {}, conname, pg_catalog.pg_get_constraintdef(oid)) \
                         FROM pg_catalog.pg_constraint WHERE {column} AND conname = {text}",
                        literal(&on)
                    ),
                )
            }
            "trigger" => is(
                format!("DROP TRIGGER IF EXISTS {name} ON {on}"),
                format!(
                    "SELECT pg_catalog.pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger \
                     WHERE tgrelid = {relation} AND NOT tgisinternal AND tgname = {text}"
                ),
            ),
            "rule" => is(
                format!("DROP RULE IF EXISTS {name} ON {on}"),
                format!(
                    "SELECT pg_catalog.pg_get_ruledef(oid) FROM pg_catalog.pg_rewrite WHERE ev_class = {relation} AND rulename = {text}"
                ),
            ),
            "policy" => is(format!("DROP POLICY IF EXISTS {name} ON {on}"), policy(&relation, &on, &text)),
            "statistics" => is(
                format!("DROP STATISTICS IF EXISTS {inside}"),
                format!(
                    "SELECT pg_catalog.pg_get_statisticsobjdef(oid) FROM pg_catalog.pg_statistic_ext \
                     WHERE stxrelid = {relation} AND stxname = {text}"
                ),
            ),
            "default" => is(
                format!("ALTER TABLE {on} ALTER COLUMN {name} DROP DEFAULT"),
                format!(
                    "SELECT pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', {}, a.attname, \
                     pg_catalog.pg_get_expr(d.adbin, d.adrelid)) FROM pg_catalog.pg_attrdef d \
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
                     WHERE d.adrelid = {relation} AND a.attname = {text}",
                    literal(&on)
                ),
            ),
            "row_security" => Some(Self { drop: format!("ALTER TABLE {on} DISABLE ROW LEVEL SECURITY"), there: None }),
            _ => None,
        }
    }
}

/// PostgreSQL has no function that tells a policy's definition.
fn policy(relation: &str, on: &str, name: &str) -> String {
    let roles = "(SELECT pg_catalog.string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ') \
                 FROM pg_catalog.unnest(polroles) r)";
    format!(
        "SELECT pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', polname, {}, \
         CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, \
         CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, {roles}) \
         || coalesce(' USING (' || pg_catalog.pg_get_expr(polqual, polrelid) || ')', '') \
         || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(polwithcheck, polrelid) || ')', '') \
         FROM pg_catalog.pg_policy WHERE polrelid = {relation} AND polname = {name}",
        literal(on)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_dropped_by_the_names_that_plans_give_them() {
        let on = ObjectName::new("table", Some("s"), "t t");
        for (kind, name, drop) in [
            ("index", "i", Some("DROP INDEX IF EXISTS \"s\".\"i\"")),
            ("constraint", "t t c d", Some("ALTER TABLE \"s\".\"t t\" DROP CONSTRAINT IF EXISTS \"c d\"")),
            ("trigger", "t t g #12", Some("DROP TRIGGER IF EXISTS \"g\" ON \"s\".\"t t\"")),
            ("default", "t t x", Some("ALTER TABLE \"s\".\"t t\" ALTER COLUMN \"x\" DROP DEFAULT")),
            ("comment", "TABLE t t", None),
        ] {
            let part = Part::of(&ObjectName::new(kind, Some("s"), name), &on);
            assert_eq!(part.as_ref().map(|part| part.drop.as_str()), drop, "{kind}");
        }
        let domain = ObjectName::new("domain", Some("s"), "d");
        let part = Part::of(&ObjectName::new("check_constraint", Some("s"), "d c"), &domain).unwrap();
        assert_eq!(part.drop, "ALTER DOMAIN \"s\".\"d\" DROP CONSTRAINT IF EXISTS \"c\"");
    }
}
