//! Literals that the server reads as names.

use super::{Edit, Reader, applied, quoted_literal};
use crate::sql::{Dialect, Token, TokenKind, tokens};

/// Types whose values are names of objects.
const NAME_TYPES: [&str; 9] = [
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regcollation",
    "regconfig",
    "regdictionary",
];

/// Functions whose first argument is the name of an object.
const NAME_FUNCTIONS: [&str; 13] = [
    "nextval",
    "setval",
    "currval",
    "pg_get_serial_sequence",
    "pg_sequence_last_value",
    "to_regclass",
    "to_regtype",
    "to_regproc",
    "to_regprocedure",
    "to_regoper",
    "to_regoperator",
    "to_regcollation",
    "pg_extension_config_dump",
];

/// Functions that restore statistics, whose arguments are names of arguments and values by turns.
const STATISTICS: [&str; 3] = ["pg_restore_relation_stats", "pg_restore_attribute_stats", "pg_restore_extended_stats"];

impl Reader<'_> {
    /// Edits of literals that name objects or schemas.
    pub(super) fn literals(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            if token.kind == TokenKind::Literal {
                edits.extend(self.literal(at, token));
            } else if self.calls(at, &STATISTICS) {
                edits.extend(self.statistics(at + 2));
            }
        }
        edits
    }

    fn literal(&self, at: usize, token: &Token<'_>) -> Option<Edit> {
        let types = self.types_of(at);
        let named = |names: &[&str]| types.iter().any(|name| names.contains(&name.as_str()));
        let value = token.value()?;
        let other = if named(&["regnamespace"]) {
            self.namespace(&value)
        } else if named(&NAME_TYPES) || self.is_named_argument(at) {
            self.object_name(&value)
        } else {
            None
        };
        other.filter(|other| *other != value).map(|other| Edit::of(token, quoted_literal(&other)))
    }

    /// The types that the literal is cast to: `'…'::a::b`, `('…'::a)::b`, `CAST('…' AS a)`, and `a '…'`.
    fn types_of(&self, literal: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut at = literal + 1;
        loop {
            let casts = self.is_symbol(at, ':') && self.is_symbol(at + 1, ':');
            if casts || self.is_word(at, "AS") {
                let start = at + if casts { 2 } else { 1 };
                let (name, end) = self.type_name(start);
                if end == start {
                    break;
                }
                found.extend(name);
                at = end;
            } else if self.is_symbol(at, ')') && (self.is_symbol(at + 1, ':') || self.is_symbol(at + 1, ')')) {
                at += 1;
            } else {
                break;
            }
        }
        if let Some(before) = literal.checked_sub(1).filter(|before| self.is_name(*before)) {
            found.extend(self.name(before));
        }
        found
    }

    /// A type of the server, with `pg_catalog` before it or without, and where its name ends.
    fn type_name(&self, at: usize) -> (Option<String>, usize) {
        let qualified = self.is_symbol(at + 1, '.');
        match (qualified, self.name(at)) {
            (true, Some(schema)) if schema == "pg_catalog" => (self.name(at + 2), at + 3),
            (true, Some(_)) => (None, at + 3),
            (false, Some(name)) => (Some(name), at + 1),
            (_, None) => (None, at),
        }
    }

    /// Whether the literal is the first argument of a function that takes a name.
    fn is_named_argument(&self, literal: usize) -> bool {
        let mut open = literal;
        while open > 0 && self.is_symbol(open - 1, '(') {
            open -= 1;
        }
        open < literal && open > 0 && self.calls(open - 1, &NAME_FUNCTIONS)
    }

    /// Whether one of these functions of the server is called at that place.
    fn calls(&self, at: usize, functions: &[&str]) -> bool {
        let of_another_schema =
            self.follows_point(at) && at.checked_sub(2).and_then(|at| self.name(at)).as_deref() != Some("pg_catalog");
        !of_another_schema
            && self.is_symbol(at + 1, '(')
            && self.is_name(at)
            && self.name(at).is_some_and(|name| functions.contains(&name.as_str()))
    }

    fn namespace(&self, value: &str) -> Option<String> {
        let tokens = tokens(value, Dialect::Postgresql).ok()?;
        let reader = Reader { tokens: &tokens, resolver: self.resolver };
        (tokens.len() == 1).then(|| applied(value, reader.schema_at(0).into_iter().collect()))
    }

    /// A name as texts hold it: `s.t`, `s.f(s.x, integer)`, `s.+(s.x, s.y)`, `s.x[]`.
    fn object_name(&self, value: &str) -> Option<String> {
        let tokens = tokens(value, Dialect::Postgresql).ok()?;
        let reader = Reader { tokens: &tokens, resolver: self.resolver };
        Some(applied(value, reader.plain_names()))
    }

    /// The argument `schemaname` of a function that restores statistics, which goes with `relname`.
    fn statistics(&self, first: usize) -> Option<Edit> {
        let mut schema = None;
        let mut relation = None;
        let mut at = first;
        let ends = |at| self.is_symbol(at, '(') || self.is_symbol(at, ')');
        while let Some(token) = self.tokens.get(at).filter(|_| !ends(at)) {
            let value = self.tokens.get(at + 2).filter(|_| self.is_symbol(at + 1, ','));
            match (token.value().as_deref(), value) {
                (Some("schemaname"), Some(value)) if schema.is_none() => schema = Some(value),
                (Some("relname"), Some(value)) if relation.is_none() => relation = Some(value),
                _ => {}
            }
            at += 1;
        }
        let (token, schema, relation) = (schema?, schema?.value()?, relation?.value()?);
        let other = if self.knows(&schema) { self.resolver.object(&schema, &relation) } else { return None };
        (other != schema).then(|| Edit::of(token, quoted_literal(&other)))
    }
}
