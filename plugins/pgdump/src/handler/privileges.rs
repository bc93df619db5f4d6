//! Which users and roles statements name.

use super::reader::Reader;
use crate::layout::sql::Sort;

/// Users and roles that privileges, default privileges, policies and user mappings name. All and nobody (`PUBLIC`) is no role.
pub(super) fn named(statements: &str) -> Vec<String> {
    let mut found = Vec::new();
    for mut statement in Reader::new(statements).statements() {
        let before = found.len();
        if statement.accept("grant") || statement.accept("revoke") {
            behind_to(&mut statement, &mut found);
        } else if statement.accept("alter default privileges") {
            if statement.accept("for role") || statement.accept("for user") {
                list(&mut statement, &mut found);
            }
            behind_to(&mut statement, &mut found);
        } else if statement.accept("create policy") {
            statement.until(|reader| reader.sees("to") || reader.sees("using") || reader.sees("with check"));
            if statement.accept("to") {
                list(&mut statement, &mut found);
            }
        } else if statement.accept("create user mapping for") {
            found.extend(role(&mut statement));
        } else if statement.accept("set session authorization") {
            found.extend(statement.next().and_then(|token| token.name().or_else(|| token.literal())));
        }
        found[before..].sort();
    }
    found.retain(|name| !matches!(name.as_str(), "public" | "default"));
    found.sort();
    found.dedup();
    found
}

/// `… TO a, b WITH GRANT OPTION`, `… FROM a`.
fn behind_to(statement: &mut Reader<'_>, found: &mut Vec<String>) {
    statement.until(|reader| reader.sees("to") || reader.sees("from"));
    if statement.next().is_some() {
        list(statement, found);
    }
    statement.until(|reader| reader.sees("granted by"));
    if statement.accept("granted by") {
        found.extend(role(statement));
    }
}

fn list(statement: &mut Reader<'_>, found: &mut Vec<String>) {
    loop {
        found.extend(role(statement));
        if !statement.accept_symbol(',') {
            return;
        }
    }
}

/// A role; the words that stand for whoever runs the statement are none.
fn role(statement: &mut Reader<'_>) -> Option<String> {
    let _ = statement.accept("group");
    let is_quoted = statement.peek()?.sort == Sort::Quoted;
    let name = statement.name()?;
    let stands_for_another = matches!(name.as_str(), "public" | "current_user" | "current_role" | "session_user");
    (is_quoted || !stands_for_another).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_in_the_statements_that_name_them() {
        for (statements, expected) in [
            ("GRANT USAGE ON SCHEMA t TO t_reader;", &["t_reader"][..]),
            (
                "GRANT SELECT(a),UPDATE(b) ON TABLE t.\"to\" TO \"T Weird \"\"Role\"\"\" WITH GRANT OPTION;",
                &["T Weird \"Role\""],
            ),
            ("REVOKE ALL ON SCHEMA public FROM PUBLIC;\nGRANT ALL ON SCHEMA public TO PUBLIC, a;", &["a"]),
            (
                "SET SESSION AUTHORIZATION t_owner;\nGRANT SELECT ON TABLE t.a TO x;\nRESET SESSION AUTHORIZATION;",
                &["t_owner", "x"],
            ),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE t_owner IN SCHEMA t GRANT SELECT ON TABLES TO t_reader;",
                &["t_owner", "t_reader"],
            ),
            ("CREATE POLICY p ON t.rls FOR SELECT TO a, b USING ((owner = CURRENT_USER));", &["a", "b"]),
            ("CREATE POLICY p ON t.rls USING ((x > 'to y'::text));", &[]),
            ("CREATE USER MAPPING FOR t_reader SERVER srv0 OPTIONS (u 'v');", &["t_reader"]),
            ("CREATE USER MAPPING FOR CURRENT_USER SERVER s;", &[]),
            ("GRANT a TO b GRANTED BY c;", &["b", "c"]),
            ("COMMENT ON TABLE t IS 'GRANT a TO b;';", &[]),
            ("GRANT", &[]),
            ("GRANT x TO", &[]),
        ] {
            assert_eq!(named(statements), expected, "{statements}");
        }
    }
}
