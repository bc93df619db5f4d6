//! Roles that the job itself makes: they are made in the switch, and what names them waits for it.

use std::collections::HashSet;

use crate::plan::{Action, Step};
use crate::sql::{Dialect, Token, split, tokens};

/// The names of the roles that a job makes.
#[derive(Debug, Default)]
pub(crate) struct Newcomers(HashSet<String>);

impl Newcomers {
    pub(crate) fn of(steps: &[Step]) -> Self {
        let makes = |step: &&Step| matches!(&*step.into.kind, "user" | "role") && step.action == Action::Create;
        Self(steps.iter().filter(makes).map(|step| step.into.name.clone()).collect())
    }

    /// The statements that can run now, and those that name a role which is not there yet.
    pub(crate) fn divide(&self, statements: &str) -> (String, String) {
        let (mut now, mut later) = (Vec::new(), Vec::new());
        // What cannot be cut is the server's to refuse.
        let all = if self.0.is_empty() { Ok(vec![statements]) } else { split(statements) };
        for statement in all.unwrap_or_else(|_| vec![statements]) {
            let place = if self.is_awaited(statement) { &mut later } else { &mut now };
            place.push(statement);
        }
        (now.join(";\n"), later.join(";\n"))
    }

    /// Whether a statement gives something to one of them.
    fn is_awaited(&self, statement: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let Ok(tokens) = tokens(statement, Dialect::Postgresql) else { return false };
        let Some(first) = tokens.first() else { return false };
        // The policy may be one that waits.
        if first.is_word("COMMENT") && tokens.get(2).is_some_and(|token| token.is_word("POLICY")) {
            return true;
        }
        let gives = ["GRANT", "REVOKE"].iter().any(|word| first.is_word(word));
        let policy = first.is_word("CREATE") && tokens.get(1).is_some_and(|token| token.is_word("POLICY"));
        let defaults = first.is_word("ALTER") && tokens.get(1).is_some_and(|token| token.is_word("DEFAULT"));
        if gives || policy || defaults {
            return tokens.iter().any(|token| self.is_new(token));
        }
        // `OWNER TO`, `AUTHORIZATION` and `FOR` (of a user mapping) are followed by the role.
        tokens.windows(2).any(|pair| {
            self.is_new(&pair[1])
                && (pair[0].is_word("TO") || pair[0].is_word("AUTHORIZATION") || pair[0].is_word("FOR"))
        })
    }

    fn is_new(&self, token: &Token<'_>) -> bool {
        token.name(Dialect::Postgresql).is_some_and(|name| self.0.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_a_new_role_waits() {
        let newcomers = Newcomers(["ann", "Weird \"Role\""].map(str::to_owned).into());
        let cases = [
            (
                "CREATE TABLE s.t (ann int); ALTER TABLE s.t OWNER TO ann;",
                "CREATE TABLE s.t (ann int)",
                "ALTER TABLE s.t OWNER TO ann",
            ),
            ("ALTER TABLE s.t OWNER TO \"Weird \"\"Role\"\"\"", "", "ALTER TABLE s.t OWNER TO \"Weird \"\"Role\"\"\""),
            ("ALTER TABLE s.ann OWNER TO bob", "ALTER TABLE s.ann OWNER TO bob", ""),
            ("GRANT SELECT ON TABLE s.t TO ann", "", "GRANT SELECT ON TABLE s.t TO ann"),
            ("COMMENT ON POLICY p ON s.t IS 'x'", "", "COMMENT ON POLICY p ON s.t IS 'x'"),
            ("CREATE POLICY p ON s.t TO ann USING (true)", "", "CREATE POLICY p ON s.t TO ann USING (true)"),
        ];
        for (statements, now, later) in cases {
            assert_eq!(newcomers.divide(statements), (now.to_owned(), later.to_owned()));
        }
        assert_eq!(Newcomers::default().divide("a; b").0, "a; b");
    }
}
