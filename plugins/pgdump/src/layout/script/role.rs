//! What statements say of roles.

use crate::attributes::{Membership, RoleAttributes};

use super::super::sql::{Token, Tokens};

/// `WITH NOSUPERUSER LOGIN CONNECTION LIMIT 3 …`, from behind `WITH` on; nothing when it is not understood.
pub(super) fn options(mut tokens: Tokens<'_>, role: &mut RoleAttributes) -> Option<()> {
    while let Some(token) = tokens.next() {
        let word = token.name()?;
        match word.as_str() {
            "connection" => {
                tokens.accept(&["limit"]).then_some(())?;
                role.connection_limit = number(&mut tokens)?;
            }
            "valid" => {
                tokens.accept(&["until"]).then_some(())?;
                role.valid_until = Some(tokens.next()?.literal()?);
            }
            "encrypted" => {}
            "password" => role.password_hash = tokens.next()?.literal(),
            _ => flag(role, &word)?,
        }
    }
    Some(())
}

fn flag(role: &mut RoleAttributes, word: &str) -> Option<()> {
    let (word, value) = word.strip_prefix("no").map_or((word, true), |word| (word, false));
    let flag = match word {
        "superuser" => &mut role.superuser,
        "inherit" => &mut role.inherit,
        "createrole" => &mut role.create_role,
        "createdb" => &mut role.create_db,
        "login" => &mut role.login,
        "replication" => &mut role.replication,
        "bypassrls" => &mut role.bypass_rls,
        _ => return None,
    };
    *flag = value;
    Some(())
}

/// A limit; nothing where there is none, which is written as -1.
fn number(tokens: &mut Tokens<'_>) -> Option<Option<i64>> {
    let token = tokens.next()?;
    if token.is_symbol('-') {
        tokens.next()?;
        return Some(None);
    }
    token.raw.parse().ok().map(Some)
}

/// `[IN DATABASE d] SET name TO value`, from behind the role's name on.
pub(super) fn setting(mut tokens: Tokens<'_>, text: &str, role: &mut RoleAttributes) -> Option<()> {
    let database = if tokens.accept(&["in", "database"]) { Some(tokens.next()?.name()?) } else { None };
    tokens.accept(&["set"]).then_some(())?;
    let name = tokens.names()?.join(".");
    let to = tokens.next()?;
    if !(to.is("to") || to.is_symbol('=')) {
        return None;
    }
    let value = text[to.end()..].trim().to_owned();
    role.settings.push((database, name, value));
    Some(())
}

/// `GRANT role TO member [WITH ADMIN OPTION | WITH INHERIT TRUE, SET FALSE] [GRANTED BY grantor]`, from behind `GRANT` on: the
/// member and its membership.
pub(super) fn membership(mut tokens: Tokens<'_>) -> Option<(String, Membership)> {
    let role = tokens.next()?.name()?;
    tokens.accept(&["to"]).then_some(())?;
    let member = tokens.next()?.name()?;
    let mut membership = Membership { role, ..Membership::default() };
    while let Some(token) = tokens.next() {
        if token.is("granted") {
            tokens.accept(&["by"]).then_some(())?;
            membership.granted_by = Some(tokens.next()?.name()?);
        } else if token.is("with") || token.is_symbol(',') {
            let option = tokens.next()?;
            let value = tokens.next()?;
            set_option(&mut membership, &option, &value)?;
        } else {
            return None;
        }
    }
    Some((member, membership))
}

fn set_option(membership: &mut Membership, option: &Token<'_>, value: &Token<'_>) -> Option<()> {
    let value = match value.name()?.as_str() {
        "option" | "true" => true,
        "false" => false,
        _ => return None,
    };
    match option.name()?.as_str() {
        "admin" => membership.admin = value,
        "inherit" => membership.inherit = Some(value),
        "set" => membership.set = Some(value),
        _ => return None,
    }
    Some(())
}
