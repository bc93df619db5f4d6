//! What of an archive's statements would reach outside of what is restored: the server's files and programs, its settings and roles,
//! other databases and systems, or the session that runs them.
//!
//! Tokens are looked at, never text, so that comments, case and ways of quoting hide nothing. What `pg_dump` never writes is
//! reported too ([`sql.unknown`](CODES)): a list of what is harmless ends, one of what is harmful does not.

use super::split::statements as split_statements;
use super::{Dialect, Token, TokenKind, tokens};

mod calls;
mod create;
mod owners;
mod rights;
mod rows;
mod session;
mod undo;

pub(crate) use owners::{Owners, examine_owned};

/// Every code, sorted, with what it means.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("sql.alter_system", "Changes the settings or the state of the whole server"),
    ("sql.anonymous_code", "Runs code that is nowhere kept: DO, or a text that is run as a query"),
    ("sql.event_trigger", "Makes an event trigger: code that runs at everybody's commands"),
    ("sql.extension_untrusted", "Installs an extension that opens files, programs or the network"),
    ("sql.foreign_server", "Connects to other systems: servers, user mappings, wrappers, subscriptions"),
    ("sql.other_database", "Makes or changes a database as a whole"),
    ("sql.program", "Runs a program on the server"),
    ("sql.security_definer", "Makes a routine that runs with its owner's rights, whoever calls it"),
    ("sql.server_file", "Reads or writes files of the server, or its tablespaces"),
    ("sql.session", "Changes the session or the transaction that runs it"),
    ("sql.superuser_role", "Gives a role rights over the whole server"),
    ("sql.unknown", "Is none of the statements that an archive is made of"),
    ("sql.untrusted_language", "Makes code in a language without a sandbox"),
];

/// Something that a text reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reach {
    /// One of [`CODES`].
    pub(crate) code: &'static str,
    /// What of it, and where: starts with a capital, no final full stop.
    pub(crate) message: String,
}

/// Finds everything that the statements of a text reach, each once; empty when they touch only what they create.
pub(crate) fn examine(text: &str) -> Vec<Reach> {
    in_statements(text, &|statement| statement.reaches()).unwrap_or_else(unreadable)
}

/// The same of a text that takes back what other statements did: it may also drop what those create, by the same words.
pub(crate) fn examine_undo(undo: &str, statements: &str) -> Vec<Reach> {
    let Ok(created) = tokens(statements, Dialect::Postgresql) else { return examine(undo) };
    let created: Vec<_> = split_statements(&created).unwrap_or_default().into_iter().map(Statement::new).collect();
    let reaches = |statement: &Statement<'_>| {
        let takes_back = created.iter().any(|created| statement.takes_back(created));
        if takes_back { statement.anywhere() } else { statement.reaches() }
    };
    in_statements(undo, &reaches).unwrap_or_else(unreadable)
}

fn in_statements(text: &str, reaches: &dyn Fn(&Statement<'_>) -> Vec<Reach>) -> Result<Vec<Reach>, String> {
    let tokens = tokens(text, Dialect::Postgresql)?;
    let statements = split_statements(&tokens)?;
    let mut found: Vec<Reach> =
        statements.into_iter().flat_map(|statement| reaches(&Statement::new(statement))).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

fn unreadable(reason: String) -> Vec<Reach> {
    vec![Reach { code: "sql.unknown", message: format!("Statements cannot be read: {reason}") }]
}

/// One statement, with what every rule asks of it.
struct Statement<'a> {
    tokens: &'a [Token<'a>],
    /// How many parentheses are open at each token.
    depths: Vec<usize>,
}

impl<'a> Statement<'a> {
    fn new(tokens: &'a [Token<'a>]) -> Self {
        let mut depth = 0_usize;
        let deep = |token: &Token<'_>| {
            if token.is_symbol(')') {
                depth = depth.saturating_sub(1);
            }
            let here = depth;
            depth += usize::from(token.is_symbol('('));
            here
        };
        Self { tokens, depths: tokens.iter().map(deep).collect() }
    }

    fn reaches(&self) -> Vec<Reach> {
        let mut found = self.anywhere();
        found.extend(self.by_command());
        found
    }

    /// What is looked at in every statement.
    fn anywhere(&self) -> Vec<Reach> {
        let mut found = self.calls();
        if self.tokens.iter().any(|token| token.is_symbol('\\')) {
            found.push(self.reach("sql.session", "holds a command of psql"));
        }
        let escapes = |pair: &[Token<'_>]| pair[1].is_word("UESCAPE") && pair[0].text.starts_with(['u', 'U']);
        if self.tokens.windows(2).any(escapes) {
            found.push(self.reach("sql.unknown", "writes a name with escapes of its own (UESCAPE)"));
        }
        found
    }

    fn by_command(&self) -> Vec<Reach> {
        let first = self.tokens.first().filter(|token| token.kind == TokenKind::Word);
        match first.map(|token| token.text.to_ascii_uppercase()).unwrap_or_default().as_str() {
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "COMMENT" | "SECURITY" => self.about_database(),
            "GRANT" | "REVOKE" => self.grant(),
            "SET" => self.set(),
            "SELECT" => self.select(),
            "INSERT" => self.insert(),
            "REFRESH" => Vec::new(),
            "COPY" => self.copy(),
            "DO" => self.anonymous(),
            "DROP" => self.removal(),
            "LOAD" => vec![self.reach("sql.server_file", "loads a library of the server")],
            "IMPORT" => vec![self.reach("sql.foreign_server", "asks another system")],
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE" | "PREPARE"
            | "RESET" | "DISCARD" | "LISTEN" | "UNLISTEN" | "NOTIFY" | "LOCK" | "DECLARE" | "CLOSE" | "FETCH"
            | "MOVE" | "DEALLOCATE" => {
                vec![self.reach("sql.session", "changes the session or the transaction")]
            }
            _ => vec![self.unknown()],
        }
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(word))
    }

    fn is_symbol(&self, at: usize, symbol: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    /// Whether these words begin there.
    fn at(&self, at: usize, words: &str) -> bool {
        words.split(' ').enumerate().all(|(ahead, word)| self.is_word(at + ahead, word))
    }

    /// Where these words stand outside parentheses.
    fn find(&self, words: &str) -> Option<usize> {
        (0..self.tokens.len()).find(|at| self.depths[*at] == 0 && self.at(*at, words))
    }

    /// The name at that place: in PostgreSQL's grammar an option may be written in quotes.
    fn name(&self, at: usize) -> Option<String> {
        self.tokens.get(at)?.name(Dialect::Postgresql)
    }

    /// A name, or the text of a literal, where the grammar takes either.
    fn name_or_text(&self, at: usize) -> Option<String> {
        self.name(at).or_else(|| self.tokens.get(at)?.value())
    }

    /// Every name of the statement.
    fn names(&self) -> impl Iterator<Item = String> {
        (0..self.tokens.len()).filter_map(|at| self.name(at))
    }

    fn unknown(&self) -> Reach {
        self.reach("sql.unknown", "is none of the statements that an archive is made of")
    }

    fn reach(&self, code: &'static str, what: &str) -> Reach {
        Reach { code, message: format!("Statement `{}` {what}", self.excerpt()) }
    }

    /// The statement's beginning, in one line.
    fn excerpt(&self) -> String {
        const LONGEST: usize = 80;
        let mut text = String::new();
        for (at, token) in self.tokens.iter().enumerate() {
            if text.chars().count() > LONGEST {
                break;
            }
            let glued = at > 0 && self.tokens[at - 1].end() == token.start;
            text.push_str(if at == 0 || glued { "" } else { " " });
            text.extend(token.text.chars().take(LONGEST + 1).map(|c| if c.is_control() { ' ' } else { c }));
        }
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests;
