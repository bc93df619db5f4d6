//! Routines that run with their owner's rights: whose these are, and whether that reaches further than who restores.

use std::collections::BTreeSet;

use super::{Reach, Statement, examine, split_statements};
use crate::sql::{Dialect, tokens};

/// The code of what this is about.
const CODE: &str = "sql.security_definer";

/// With whose rights routines may run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners {
    roles: BTreeSet<String>,
    /// What is given to nobody belongs to the role that restores, and that is one of them.
    unowned: bool,
}

impl Owners {
    /// `roles` may do no more than `identity`, which restores.
    pub(crate) fn new(identity: Option<&str>, roles: &BTreeSet<String>) -> Self {
        let unowned = identity.is_some_and(|identity| roles.contains(identity));
        Self { roles: roles.clone(), unowned }
    }

    /// Only what is given to nobody may run with its owner's rights, when `plain` says so of who restores.
    pub(crate) fn only_unowned(plain: bool) -> Self {
        Self { roles: BTreeSet::new(), unowned: plain }
    }
}

/// The same as [`examine`], but where it can be seen that a routine will belong to a role of `owners`, its running with that role's rights is
/// nothing to tell. A routine that statements give to another role without making it is told of: it may have been made to run so before.
pub(crate) fn examine_owned(text: &str, owners: &Owners) -> Vec<Reach> {
    let found = examine(text);
    let Ok(tokens) = tokens(text, Dialect::Postgresql) else { return found };
    let Ok(cut) = split_statements(&tokens) else { return found };
    let statements: Vec<Statement<'_>> = cut.into_iter().map(Statement::new).collect();
    let harmless = |statement: &&Statement<'_>| is_harmless(statement, &statements, owners);
    let harmless: Vec<Reach> = statements.iter().filter(harmless).flat_map(Statement::definer).collect();
    let told = |reach: &Reach| reach.code != CODE || !harmless.contains(reach);
    let given = statements.iter().filter_map(|statement| given_away(statement, &statements, owners));
    let mut found: Vec<Reach> = found.into_iter().filter(told).chain(given).collect();
    found.sort();
    found.dedup();
    found
}

/// Whether the statement makes a routine, for the first time, that will belong to one of the owners.
fn is_harmless(statement: &Statement<'_>, all: &[Statement<'_>], owners: &Owners) -> bool {
    let Some(name) = made(statement) else { return false };
    let mut later =
        all.iter().filter_map(|other| Some((given(other)?, other))).filter(|((of, _), _)| *of == name).peekable();
    match later.peek() {
        None => owners.unowned,
        Some(_) => later.all(|((_, owner), _)| owner.is_some_and(|owner| owners.roles.contains(&owner))),
    }
}

/// A routine that is not made here and is given to a role that may do more than who restores.
fn given_away(statement: &Statement<'_>, all: &[Statement<'_>], owners: &Owners) -> Option<Reach> {
    let (name, owner) = given(statement)?;
    let plain = owner.is_some_and(|owner| owners.roles.contains(&owner));
    let is_made = all.iter().any(|other| made(other).as_ref() == Some(&name));
    (!plain && !is_made).then(|| statement.reach(CODE, "gives a routine to a role that may do more"))
}

/// The name of the routine that a statement makes; one that may be there already keeps the owner it has, and is none.
fn made(statement: &Statement<'_>) -> Option<Vec<String>> {
    let is_made = statement.at(0, "CREATE FUNCTION") || statement.at(0, "CREATE PROCEDURE");
    is_made.then(|| named(statement))?
}

/// The name of the routine that a statement gives away, and to whom; nobody where that is not written as a name.
fn given(statement: &Statement<'_>) -> Option<(Vec<String>, Option<String>)> {
    let alters = ["ALTER FUNCTION", "ALTER PROCEDURE", "ALTER ROUTINE"].iter().any(|words| statement.at(0, words));
    let at = statement.find("OWNER TO").filter(|_| alters)?;
    let special = ["CURRENT_USER", "CURRENT_ROLE", "SESSION_USER"].iter().any(|word| statement.is_word(at + 2, word));
    let owner = statement.name(at + 2).filter(|_| !special && statement.tokens.len() == at + 3);
    Some((named(statement)?, owner))
}

/// The name behind two keywords, part by part.
fn named(statement: &Statement<'_>) -> Option<Vec<String>> {
    let first = statement.name(2)?;
    if statement.is_symbol(3, '.') { Some(vec![first, statement.name(4)?]) } else { Some(vec![first]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str, identity: &str) -> Vec<&'static str> {
        let roles = ["app", "Restorer"].map(str::to_owned).into();
        examine_owned(text, &Owners::new(Some(identity), &roles)).into_iter().map(|reach| reach.code).collect()
    }

    #[test]
    fn what_runs_with_no_more_rights_is_nothing_to_tell() {
        const MAKE: &str = "CREATE FUNCTION s.f(a integer) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';";
        let told = [CODE];
        for (rest, identity, expected) in [
            ("", "Restorer", &[][..]),
            ("", "postgres", &told),
            ("ALTER FUNCTION s.f(a integer) OWNER TO app;", "postgres", &[]),
            ("ALTER FUNCTION s.f(a integer) OWNER TO \"app\";", "postgres", &[]),
            ("ALTER FUNCTION s.f(a integer) OWNER TO postgres;", "Restorer", &told),
            ("ALTER FUNCTION s.f(a integer) OWNER TO restorer;", "Restorer", &told),
            ("ALTER FUNCTION s.f(a integer) OWNER TO CURRENT_USER;", "Restorer", &told),
            ("ALTER FUNCTION s.f(a integer) OWNER TO app; ALTER ROUTINE s.f OWNER TO postgres;", "Restorer", &told),
            ("ALTER FUNCTION s.g(a integer) OWNER TO app;", "postgres", &told),
        ] {
            assert_eq!(codes(&format!("{MAKE} {rest}"), identity), expected, "{rest} as {identity}");
        }
    }

    #[test]
    fn what_may_be_there_already_is_told() {
        for text in [
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "ALTER FUNCTION f() SECURITY DEFINER",
            "ALTER FUNCTION f() OWNER TO postgres",
            "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO postgres",
        ] {
            assert_eq!(codes(text, "Restorer"), [CODE], "{text}");
        }
        let plain = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO postgres";
        assert_eq!(codes(plain, "Restorer"), [""; 0]);
        assert_eq!(codes("ALTER FUNCTION f() OWNER TO app", "postgres"), [""; 0]);
        assert_eq!(codes("CREATE FUNCTION '", "Restorer"), ["sql.unknown"]);
    }
}
