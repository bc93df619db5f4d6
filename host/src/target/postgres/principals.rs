//! Users and roles, made in the switch.
//!
//! A new role is created with its attributes, its memberships and what it may do; an undo drops it, after what it owns by then is given to the role
//! that undoes. An existing role is altered where the plan says `replace`, and an undo gives it its attributes back: its password only where the
//! connection may read password hashes. The role that runs the restore is altered only when it was allowed by name. What PostgreSQL has no word for (tokens, words for privileges
//! of other systems, hashes of other kinds) is kept in `reinstate.document`; tokens are seen in the view `reinstate.token`.

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::target::definition::{Membership, Permission, Principal, PrincipalSummary, Token};

use super::contents::{Contents, PrincipalContents};
use super::placement::literal;
use super::work::PostgresWork;
use super::{documents, failure, fragment};

mod grant;
mod role;

use role::Role;

pub(super) fn create(work: &mut PostgresWork, principal: Principal) -> Result<()> {
    documents::writes(work)?;
    let name = work.step.into.name.clone();
    check_name(&name)?;
    let role = Role::of(&principal, &work.step.into)?;
    if let Some(until) = &role.valid_until {
        check_time(work, until)?;
    }
    let quoted = fragment::ident(&name)?;
    if let Some(existing) = role::read(work, &name)? {
        if work.may_change(&name) || !is_self(work, &name)? {
            let (statements, undo) = (role.alter(&quoted, &name), existing.alter(&quoted, &name));
            work.permit(&statements)?;
            work.defer(&statements, Some(&undo))?;
        }
    } else {
        let statements = role.create(&quoted, &name);
        work.permit(&statements)?;
        work.defer(&statements, Some(&dropped(&quoted, &name)))?;
    }
    let contents = PrincipalContents::new(principal)?;
    documents::update(work, |kept| {
        kept.embodied = true;
        kept.principal = Some(contents);
        Ok(())
    })
}

/// Drops a role. What it owns by then stays, and belongs to whoever undoes; a role that other databases know of stays, too.
fn dropped(quoted: &str, name: &str) -> String {
    let stays = literal(&format!("Role {name} stays: other databases refer to it"));
    format!(
        "REASSIGN OWNED BY {quoted} TO CURRENT_USER; DROP OWNED BY {quoted};
         DO $reinstate$ BEGIN DROP ROLE {quoted}; EXCEPTION WHEN dependent_objects_still_exist THEN
         RAISE WARNING USING MESSAGE = {stays}; END $reinstate$"
    )
}

pub(super) fn add_memberships(work: &mut PostgresWork, memberships: Vec<Membership>) -> Result<()> {
    let name = work.step.into.name.clone();
    let quoted = fragment::ident(&name)?;
    let existed = role::read(work, &name)?.is_some();
    for membership in &memberships {
        let role = fragment::ident(&membership.role)?;
        let admin = if membership.admin { " WITH ADMIN OPTION" } else { "" };
        let grant = format!("GRANT {role} TO {quoted}{admin}");
        work.permit(&grant)?;
        // A role that is new takes its memberships along when it is dropped.
        let undo = format!("REVOKE {role} FROM {quoted}");
        let undo = (existed && !role::is_member(work, &name, &membership.role)?).then_some(undo.as_str());
        work.defer(&grant, undo)?;
    }
    principal(work, |principal| principal.memberships.extend(memberships))
}

pub(super) fn add_permissions(work: &mut PostgresWork, permissions: Vec<Permission>) -> Result<()> {
    let quoted = fragment::ident(&work.step.into.name)?;
    let existed = role::read(work, &work.step.into.name.clone())?.is_some();
    for permission in &permissions {
        let Some(granted) = grant::statement(permission, &quoted)? else { continue };
        work.permit(&granted.given)?;
        let undo = existed.then_some(granted.revoke.as_str());
        work.defer_last(&granted.grant, undo)?;
    }
    principal(work, |principal| principal.permissions.extend(permissions))
}

pub(super) fn add_tokens(work: &mut PostgresWork, tokens: Vec<Token>) -> Result<()> {
    principal(work, |principal| principal.tokens.extend(tokens))
}

pub(super) fn summarize(work: &mut PostgresWork) -> Result<Option<PrincipalSummary>> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let summary = |principal: PrincipalContents| PrincipalSummary {
        memberships: count(principal.memberships.len()),
        permissions: count(principal.permissions.len()),
        tokens: count(principal.tokens.len()),
    };
    Ok(documents::load(work)?.and_then(|contents| contents.principal).map(summary))
}

fn principal(work: &mut PostgresWork, change: impl FnOnce(&mut PrincipalContents)) -> Result<()> {
    let object = work.step.into.clone();
    documents::update(work, |contents: &mut Contents| {
        let missing = || fragment::bad(format!("The {object} was not created yet"));
        change(contents.principal.as_mut().ok_or_else(missing)?);
        Ok(())
    })
}

/// Names that the server keeps for itself.
fn check_name(name: &str) -> Result<()> {
    if name.starts_with("pg_") || matches!(name, "public" | "none") {
        let message = format!("`{}` is a name that PostgreSQL keeps for itself; exclude it", name.escape_debug());
        return Err(fragment::bad(message));
    }
    Ok(())
}

/// A time that the server cannot read must not stop the switch.
fn check_time(work: &mut PostgresWork, until: &str) -> Result<()> {
    let read = work.connection.rows("SELECT ($1::text)::timestamptz IS NULL", &[&until]);
    read.map(drop).map_err(|fault| failure::failed(&fault, "Could not read how long the role is valid"))
}

/// Whether it is the role that runs the restore.
fn is_self(work: &mut PostgresWork, name: &str) -> Result<bool> {
    let rows = work.connection.rows("SELECT $1::text IN (session_user::text, current_user::text)", &[&name]);
    let rows = rows.map_err(|fault| failure::failed(&fault, "Could not ask who runs the restore"))?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

fn bad_attribute(object: &ObjectName, name: &str) -> Error {
    fragment::bad(format!("The attribute `{}` of {object} is not what it should be", name.escape_debug()))
}

/// Whether a permission, in the archive's words, is one that PostgreSQL has a word for.
pub(super) fn is_known(permission: &serde_json::Value) -> bool {
    let permission: Option<Permission> = serde_json::from_value(permission.clone()).ok();
    permission.is_some_and(|permission| grant::statement(&permission, "x").is_ok_and(|granted| granted.is_some()))
}
