//! Roles with their memberships and grants. The cluster's first superuser is everywhere, and is left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::backup::Writer;
use crate::backup::attributes::raw;
use crate::catalog::ObjectName;
use crate::error::Result;
use crate::target::definition::{Membership, Permission};

use super::super::principals::is_known;
use super::catalog::Catalog;
use super::documents::Restored;
use super::{OWN, Source, documents};

/// Number of the role that a cluster begins with.
const FIRST: u32 = 10;

/// Writes all roles, those that others are members of first.
pub(super) fn write(source: &mut Source, writer: &mut Writer, catalog: &Catalog, restored: &[Restored]) -> Result<()> {
    let readable = source.ask("SELECT has_table_privilege('pg_authid', 'SELECT')", &[])?;
    let readable = readable.first().is_some_and(|row| row.get(0));
    let (table, password) = if readable { ("pg_authid", "r.rolpassword") } else { ("pg_roles", "NULL::text") };
    let query = format!(
        "SELECT r.oid, r.rolname::text, r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolinherit, r.rolreplication,
            r.rolbypassrls, r.rolconnlimit, {password},
            CASE WHEN isfinite(r.rolvaliduntil)
                THEN to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') END,
            (SELECT setconfig FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0)
        FROM {table} r WHERE r.rolname !~ '^pg_' AND r.oid <> {FIRST} ORDER BY r.rolname"
    );
    let rows = source.ask(&query, &[])?;
    let kinds: BTreeMap<String, ObjectName> = rows.iter().map(|row| (row.get(1), name(row))).collect();
    let mut memberships = memberships(source)?;
    let mut permissions = permissions(source, catalog, restored)?;
    for row in &rows {
        let own = name(row);
        let memberships = memberships.remove(&own.name).unwrap_or_default();
        let mut permissions = permissions.remove(&own.name).unwrap_or_default();
        permissions.sort_by(|one, other| (&one.on, &one.privilege).cmp(&(&other.on, &other.privilege)));
        let groups = memberships.iter().filter_map(|membership| kinds.get(&membership.role).cloned());
        let objects = permissions.iter().filter_map(|permission| permission.on.clone());
        let depends: BTreeSet<ObjectName> = groups.chain(objects).filter(|name| *name != own).collect();
        let attributes = attributes(row, memberships, permissions, documents::principal(restored, &own.name));
        writer.object(own, depends.into_iter().collect())?;
        writer.attributes(raw(&attributes)?)?;
    }
    Ok(())
}

fn name(row: &tokio_postgres::Row) -> ObjectName {
    ObjectName::new(if row.get(2) { "user" } else { "role" }, None, row.get::<_, String>(1))
}

/// The format's attributes; `known` is what a restore kept of the role beside what PostgreSQL has of it.
fn attributes(
    row: &tokio_postgres::Row,
    memberships: Vec<Membership>,
    permissions: Vec<Permission>,
    known: Option<Map<String, Value>>,
) -> Map<String, Value> {
    let known = known.unwrap_or_default();
    let mut attributes = known.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let flags = ["superuser", "createdb", "createrole", "inherit", "replication", "bypassrls"];
    for (at, flag) in flags.into_iter().enumerate() {
        attributes.insert(flag.to_owned(), Value::Bool(row.get(3 + at)));
    }
    let limit: i32 = row.get(9);
    attributes.remove("connection_limit");
    if limit >= 0 {
        attributes.insert("connection_limit".to_owned(), json!(limit));
    }
    let settings: Option<Vec<String>> = row.get(12);
    let split = |setting: &String| setting.split_once('=').map(|(name, value)| (name.to_owned(), json!(value)));
    let settings: Map<String, Value> = settings.iter().flatten().filter_map(split).collect();
    attributes.remove("settings");
    if !settings.is_empty() {
        attributes.insert("settings".to_owned(), Value::Object(settings));
    }
    let mut permissions: Vec<Value> = permissions.iter().map(|permission| json!(permission)).collect();
    // Words that PostgreSQL has none for.
    let kept = known.get("permissions").and_then(Value::as_array).into_iter().flatten();
    permissions.extend(kept.filter(|kept| !is_known(kept)).cloned());
    let mut all = Map::new();
    all.insert("login".to_owned(), Value::Bool(row.get(2)));
    let hash: Option<String> = row.get(10);
    let foreign = known.get("password_hash").cloned().filter(|_| hash.is_none());
    all.insert("password_hash".to_owned(), foreign.unwrap_or_else(|| json!(hash)));
    all.insert("valid_until".to_owned(), json!(row.get::<_, Option<String>>(11)));
    all.insert("attributes".to_owned(), Value::Object(attributes));
    all.insert("memberships".to_owned(), json!(memberships));
    all.insert("permissions".to_owned(), Value::Array(permissions));
    all.insert("tokens".to_owned(), known.get("tokens").cloned().unwrap_or_else(|| json!([])));
    all.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    all
}

fn memberships(source: &mut Source) -> Result<BTreeMap<String, Vec<Membership>>> {
    let query = "SELECT m.rolname::text, r.rolname::text, bool_or(a.admin_option)
        FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
        GROUP BY 1, 2 ORDER BY 1, 2";
    let mut found: BTreeMap<String, Vec<Membership>> = BTreeMap::new();
    for row in source.ask(query, &[])? {
        found.entry(row.get(0)).or_default().push(Membership { role: row.get(1), admin: row.get(2) });
    }
    Ok(found)
}

/// What every role may do with objects that are not its own.
fn permissions(
    source: &mut Source,
    catalog: &Catalog,
    restored: &[Restored],
) -> Result<BTreeMap<String, Vec<Permission>>> {
    let query = format!(
        "SELECT r.rolname::text, x.class, x.oid, x.privilege, x.grantable FROM (
            SELECT 'pg_class'::regclass::oid AS class, c.oid, (aclexplode(c.relacl)).grantee, (aclexplode(c.relacl)).privilege_type AS privilege,
                (aclexplode(c.relacl)).is_grantable AS grantable, c.relowner AS owner FROM pg_class c
            UNION ALL
            SELECT 'pg_class'::regclass, a.attrelid, a.grantee, a.privilege || ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')',
                a.grantable, 0
            FROM (SELECT attrelid, attname, attnum, (aclexplode(attacl)).grantee, (aclexplode(attacl)).privilege_type AS privilege,
                    (aclexplode(attacl)).is_grantable AS grantable FROM pg_attribute WHERE attacl IS NOT NULL AND NOT attisdropped) a
            GROUP BY a.attrelid, a.grantee, a.privilege, a.grantable
            UNION ALL
            SELECT 'pg_proc'::regclass, p.oid, (aclexplode(p.proacl)).grantee, (aclexplode(p.proacl)).privilege_type,
                (aclexplode(p.proacl)).is_grantable, p.proowner FROM pg_proc p
            UNION ALL
            SELECT 'pg_type'::regclass, t.oid, (aclexplode(t.typacl)).grantee, (aclexplode(t.typacl)).privilege_type,
                (aclexplode(t.typacl)).is_grantable, t.typowner FROM pg_type t
        ) x JOIN pg_roles r ON r.oid = x.grantee
        WHERE x.grantee <> x.owner AND x.grantee <> {FIRST} ORDER BY 1, 2, 3, 4"
    );
    let mut found: BTreeMap<String, Vec<Permission>> = BTreeMap::new();
    for row in source.ask(&query, &[])? {
        let key = (row.get(1), row.get(2));
        let Some(item) = catalog.get(key).filter(|item| item.key == key && !catalog.absorbed.contains(&key)) else {
            continue;
        };
        let on = documents::whose(restored, &item.name).unwrap_or(&item.name).clone();
        let permission = Permission { privilege: row.get(3), on: Some(on), grantable: row.get(4) };
        let granted = found.entry(row.get(0)).or_default();
        if !granted.contains(&permission) {
            granted.push(permission);
        }
    }
    let schemas = format!(
        "SELECT r.rolname::text, x.privilege_type || ' ON SCHEMA ' || n.nspname, x.is_grantable
        FROM pg_namespace n, LATERAL aclexplode(n.nspacl) x JOIN pg_roles r ON r.oid = x.grantee
        WHERE x.grantee <> n.nspowner AND x.grantee <> {FIRST} AND {OWN} ORDER BY 1, 2"
    );
    for row in source.ask(&schemas, &[])? {
        let permission = Permission { privilege: row.get(1), on: None, grantable: row.get(2) };
        found.entry(row.get(0)).or_default().push(permission);
    }
    Ok(found)
}
