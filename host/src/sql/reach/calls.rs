//! Functions of the server that reach outside, wherever a statement names them: in a view, a default, an operator, or a
//! routine's text.

use std::collections::BTreeSet;

use super::{Reach, Statement};
use crate::sql::{Dialect, Token, TokenKind, tokens};

/// How a name begins, what calling it means, and its code.
const FUNCTIONS: [(&str, &str, &str); 30] = [
    ("sql.server_file", "pg_read_file", "reads a file of the server"),
    ("sql.server_file", "pg_read_binary_file", "reads a file of the server"),
    ("sql.server_file", "pg_ls_", "lists files of the server"),
    ("sql.server_file", "pg_stat_file", "looks at a file of the server"),
    ("sql.server_file", "pg_file_", "changes a file of the server"),
    ("sql.server_file", "pg_logdir_ls", "lists files of the server"),
    ("sql.server_file", "pg_current_logfile", "looks for a file of the server"),
    ("sql.server_file", "lo_import", "reads a file of the server"),
    ("sql.server_file", "lo_export", "writes a file of the server"),
    ("sql.server_file", "be_lo_import", "reads a file of the server"),
    ("sql.server_file", "be_lo_export", "writes a file of the server"),
    ("sql.foreign_server", "dblink", "connects to another system"),
    ("sql.anonymous_code", "query_to_xml", "runs a text as a query"),
    ("sql.anonymous_code", "cursor_to_xml", "reads a cursor of the session"),
    ("sql.anonymous_code", "ts_stat", "runs a text as a query"),
    ("sql.anonymous_code", "xpath_table", "runs a text as a query"),
    ("sql.anonymous_code", "crosstab", "runs a text as a query"),
    ("sql.anonymous_code", "connectby", "runs a text as a query"),
    ("sql.alter_system", "pg_reload_conf", "acts on the whole server"),
    ("sql.alter_system", "pg_rotate_logfile", "acts on the whole server"),
    ("sql.alter_system", "pg_promote", "acts on the whole server"),
    ("sql.alter_system", "pg_switch_wal", "acts on the whole server"),
    ("sql.alter_system", "pg_wal_replay_", "acts on the whole server"),
    ("sql.alter_system", "pg_terminate_backend", "ends sessions of others"),
    ("sql.alter_system", "pg_cancel_backend", "stops commands of others"),
    ("sql.alter_system", "pg_create_restore_point", "acts on the whole server"),
    ("sql.alter_system", "pg_create_logical_replication", "acts on the whole server"),
    ("sql.alter_system", "pg_create_physical_replication", "acts on the whole server"),
    ("sql.alter_system", "pg_drop_replication_slot", "acts on the whole server"),
    ("sql.alter_system", "pg_replication_", "acts on the whole server"),
];

impl Statement<'_> {
    /// What the statement's names and the texts of its routines reach.
    pub(super) fn calls(&self) -> Vec<Reach> {
        let mut found = self.named(self.tokens);
        for text in self.routine_texts() {
            // A text that is no SQL is code of a language that `LANGUAGE` is judged by.
            if let Ok(tokens) = tokens(&text, Dialect::Postgresql) {
                found.extend(self.named(&tokens));
                found.extend(self.commands(&tokens));
            }
        }
        found
    }

    fn named(&self, tokens: &[Token<'_>]) -> Vec<Reach> {
        let is_name = |token: &&Token<'_>| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        let names: BTreeSet<String> =
            tokens.iter().filter(is_name).filter_map(|token| token.name(Dialect::Postgresql)).collect();
        let known = |name: &String| {
            let (code, _, what) = FUNCTIONS.iter().find(|(_, begins, _)| name.starts_with(begins))?;
            Some(self.reach(code, &format!("names `{name}`, which {what}")))
        };
        names.iter().filter_map(known).collect()
    }

    /// Commands in the text of a routine that reach outside when it runs. Only what is written plainly is seen; a routine can put its
    /// commands together as it runs, with no more rights than whoever calls it.
    fn commands(&self, tokens: &[Token<'_>]) -> Vec<Reach> {
        let mut found = Vec::new();
        if tokens.iter().any(|token| token.is_word("COPY")) && tokens.iter().any(|token| token.is_word("PROGRAM")) {
            found.push(self.reach("sql.program", "holds code that runs a program on the server"));
        }
        if tokens.windows(2).any(|pair| pair[0].is_word("ALTER") && pair[1].is_word("SYSTEM")) {
            found.push(self.reach("sql.alter_system", "holds code that changes the server's settings"));
        }
        found
    }

    /// Texts of code: those of a routine or of `DO`.
    fn routine_texts(&self) -> Vec<String> {
        let routine =
            self.is_word(0, "CREATE") && (1..4).any(|at| self.is_word(at, "FUNCTION") || self.is_word(at, "PROCEDURE"));
        if !routine && !self.is_word(0, "DO") {
            return Vec::new();
        }
        self.tokens
            .iter()
            .zip(&self.depths)
            .filter(|(_, depth)| **depth == 0)
            .filter_map(|(token, _)| token.value())
            .collect()
    }
}
