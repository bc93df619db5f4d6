//! A script's statements: each with its pieces and its line.

use reinstate_plugin::Failure;

use super::super::fault::damaged;
use super::super::sql::{Sort, Token, Tokens, tokens};

/// One statement, without the semicolon that ends it.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    /// As it stands in the script.
    pub(super) text: &'a str,
    /// Counted from 1.
    pub(super) line: usize,
}

/// All statements; psql's own lines and comments are left out.
pub(super) struct Statements<'a> {
    script: &'a str,
    tokens: Tokens<'a>,
    /// How far lines were counted, and how many there were.
    counted: (usize, usize),
}

impl<'a> Statements<'a> {
    pub(super) fn of(script: &'a str) -> Self {
        Self { script, tokens: tokens(script), counted: (0, 1) }
    }

    /// The next statement.
    pub(super) fn next(&mut self) -> Result<Option<Statement<'a>>, Failure> {
        let mut first: Option<Token<'a>> = None;
        while let Some(token) = self.tokens.next() {
            if token.sort == Sort::Unfinished {
                let line = self.line(token.at);
                return Err(damaged(format!(
                    "The script ends inside what is quoted from line {line} on; it was cut off"
                )));
            }
            match first {
                None if token.is_symbol('\\') => self.tokens.skip_line(),
                None if token.is_symbol(';') => {}
                None => first = Some(token),
                Some(first) if token.is_symbol(';') => return Ok(Some(self.statement(first, token.at))),
                Some(_) => {}
            }
        }
        match first {
            None => Ok(None),
            Some(first) => {
                let line = self.line(first.at);
                Err(damaged(format!("The script ends inside the statement of line {line}; it was cut off")))
            }
        }
    }

    fn statement(&mut self, first: Token<'a>, end: usize) -> Statement<'a> {
        Statement { text: &self.script[first.at..end], line: self.line(first.at) }
    }

    fn line(&mut self, at: usize) -> usize {
        let (from, lines) = self.counted;
        let lines = lines + self.script.as_bytes()[from..at].iter().filter(|byte| **byte == b'\n').count();
        self.counted = (at, lines);
        lines
    }
}

impl<'a> Statement<'a> {
    /// Its pieces.
    pub(super) fn tokens(&self) -> Tokens<'a> {
        tokens(self.text)
    }

    /// It with its semicolon.
    pub(super) fn whole(&self) -> String {
        format!("{};", self.text)
    }

    /// It cannot be understood.
    pub(super) fn wrong(&self) -> Failure {
        let text: String = self.text.chars().take(60).collect();
        damaged(format!("Line {} of the script cannot be understood: `{}`", self.line, text.escape_debug()))
    }
}

/// What the script says its encoding is, which its first lines do in ASCII.
pub(super) fn encoding(script: &[u8]) -> Option<String> {
    const HEAD: usize = 4096;
    let head = String::from_utf8_lossy(&script[..script.len().min(HEAD)]);
    let mut statements = Statements::of(&head);
    while let Ok(Some(statement)) = statements.next() {
        let mut tokens = statement.tokens();
        if tokens.accept(&["set", "client_encoding"]) {
            return tokens.nth(1)?.literal();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_falls_into_statements() {
        let script = "-- a;\n\\restrict x;y\n\nSET a = ';';\n;\n\\connect postgres\nGRANT a\n TO \"b;\";\n";
        let mut statements = Statements::of(script);
        let mut found = Vec::new();
        while let Some(statement) = statements.next().unwrap() {
            found.push((statement.line, statement.text));
        }
        assert_eq!(found, [(4, "SET a = ';'"), (7, "GRANT a\n TO \"b;\"")]);
    }

    #[test]
    fn a_script_that_was_cut_off_is_damaged() {
        for script in ["SET a", "\n\nSET a = 'b;\n", "CREATE ROLE \"a"] {
            let failure = Statements::of(script).next().unwrap_err();
            assert_eq!(failure.code, "pgdump.damaged", "{failure:?}");
        }
    }

    #[test]
    fn the_encoding_is_read_ahead() {
        assert_eq!(encoding(b"--\xe9\nSET a = 1;\nSET client_encoding = 'LATIN1';").as_deref(), Some("LATIN1"));
        assert_eq!(encoding(b"SET a = 1;"), None);
    }
}
