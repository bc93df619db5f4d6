//! Settings of the session, and the calls that archives make in place of statements.

use super::{Reach, Statement};
use crate::sql::{Token, TokenKind};

/// Settings that archives begin with, and the values that harm nobody who uses the session later; any value where none is named.
const SETTINGS: [(&str, &[&str]); 19] = [
    ("bytea_output", &["hex", "escape"]),
    ("check_function_bodies", &[]),
    ("client_encoding", &["utf8", "utf-8", "unicode"]),
    ("client_min_messages", &[]),
    ("default_table_access_method", &[]),
    ("default_tablespace", &[]),
    ("default_toast_compression", &[]),
    ("default_transaction_read_only", &["false", "off"]),
    ("default_with_oids", &["false", "off"]),
    ("escape_string_warning", &[]),
    ("extra_float_digits", &[]),
    ("idle_in_transaction_session_timeout", &["0"]),
    ("lock_timeout", &["0"]),
    ("row_security", &["on", "off"]),
    ("search_path", &["", "pg_catalog"]),
    ("standard_conforming_strings", &["on", "true"]),
    ("statement_timeout", &["0"]),
    ("transaction_timeout", &["0"]),
    ("xmloption", &["content", "document"]),
];

/// Functions of `pg_catalog` that archives call.
const CALLS: [&str; 11] = [
    "lo_close",
    "lo_create",
    "lo_creat",
    "lo_from_bytea",
    "lo_open",
    "lo_put",
    "lowrite",
    "pg_restore_attribute_stats",
    "pg_restore_extended_stats",
    "pg_restore_relation_stats",
    "setval",
];

impl Statement<'_> {
    pub(super) fn set(&self) -> Vec<Reach> {
        let at = 1 + usize::from(
            self.is_word(1, "LOCAL") || (self.is_word(1, "SESSION") && !self.is_word(2, "AUTHORIZATION")),
        );
        let assigned = self.is_symbol(at + 1, '=') || self.is_word(at + 1, "TO");
        let value = if self.tokens.len() == at + 3 { self.setting(at + 2) } else { None };
        let harmless = assigned && self.name(at).zip(value).is_some_and(|(name, value)| is_harmless(&name, &value));
        self.unless(harmless)
    }

    fn unless(&self, harmless: bool) -> Vec<Reach> {
        if harmless { Vec::new() } else { vec![self.reach("sql.session", "changes the session that runs it")] }
    }

    fn setting(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at)?;
        match token.kind {
            TokenKind::Number => Some(token.text.to_owned()),
            _ => self.name_or_text(at),
        }
    }

    /// Archives call a few functions of the server, with values and nothing else as arguments.
    pub(super) fn select(&self) -> Vec<Reach> {
        let start = if self.is_symbol(1, '*') && self.is_word(2, "FROM") { 3 } else { 1 };
        let qualified = self.name(start).as_deref() == Some("pg_catalog") && self.is_symbol(start + 1, '.');
        let whole = self.is_symbol(start + 3, '(') && self.tokens.last().is_some_and(|token| token.is_symbol(')'));
        let inner = self.tokens.get(start + 4..self.tokens.len().saturating_sub(1)).unwrap_or_default();
        if !qualified || !whole || !inner.iter().all(is_plain) {
            return vec![self.unknown()];
        }
        match self.name(start + 2).unwrap_or_default().as_str() {
            "set_config" => self.set_config(inner),
            name if CALLS.contains(&name) => Vec::new(),
            _ => vec![self.unknown()],
        }
    }

    fn set_config(&self, arguments: &[Token<'_>]) -> Vec<Reach> {
        let harmless = match arguments {
            [name, comma, value, rest @ ..]
                if comma.is_symbol(',') && rest.first().is_some_and(|next| next.is_symbol(',')) =>
            {
                name.value().zip(value.value()).is_some_and(|(name, value)| is_harmless(&name, &value))
            }
            _ => false,
        };
        self.unless(harmless)
    }
}

fn is_harmless(name: &str, value: &str) -> bool {
    let known = SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.is_some_and(|(_, values)| values.is_empty() || values.iter().any(|known| known.eq_ignore_ascii_case(value)))
}

/// Whether an argument can be made of it: nothing that calls a function or reads a table.
fn is_plain(token: &Token<'_>) -> bool {
    match token.kind {
        TokenKind::Symbol => [",", ":", "-", "[", "]", "."].contains(&token.text),
        TokenKind::Word => !["SELECT", "TABLE", "VALUES", "WITH"].iter().any(|word| token.is_word(word)),
        TokenKind::Quoted | TokenKind::Literal | TokenKind::Number => true,
    }
}
