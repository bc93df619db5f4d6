//! Schemas that are named for their own sake: behind `SCHEMA`, and in search paths.

use super::{Edit, Reader, quoted_literal, quoted_name};
use crate::sql::TokenKind;

impl Reader<'_> {
    /// Edits of schemas that stand alone.
    pub(super) fn schemas(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for at in 0..self.tokens.len() {
            if let Some(first) = self.behind_schema(at) {
                edits.extend(self.list(first));
            } else if let Some(first) = self.behind_search_path(at) {
                edits.extend(self.search_path(first));
            }
        }
        edits
    }

    /// Where the names behind the keyword `SCHEMA` at that place begin.
    fn behind_schema(&self, at: usize) -> Option<usize> {
        if !self.is_word(at, "SCHEMA") {
            return None;
        }
        let before = at.checked_sub(1)?;
        let words = ["CREATE", "ALTER", "DROP", "ON", "IN", "SET", "WITH", "FOREIGN"];
        let options = self.is_word(1, "EXTENSION") && self.is_word(0, "CREATE");
        if !options && !words.iter().any(|word| self.is_word(before, word)) {
            return None;
        }
        let mut first = at + 1;
        for word in ["IF", "NOT", "EXISTS"] {
            first += usize::from(self.is_word(first, word));
        }
        Some(first)
    }

    /// The schemas of a list; `TABLE` and `TABLES` behind a comma begin another one.
    fn list(&self, first: usize) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut at = first;
        while self.is_name(at)
            && !self.is_word(at, "TABLE")
            && !(self.is_word(at, "TABLES") && self.is_word(at + 1, "IN"))
        {
            edits.extend(self.schema_at(at));
            if !self.is_symbol(at + 1, ',') {
                break;
            }
            at += 2;
        }
        edits
    }

    pub(super) fn schema_at(&self, at: usize) -> Option<Edit> {
        let schema = self.name(at)?;
        let other = if self.knows(&schema) { self.resolver.schema(&schema) } else { return None };
        (other != schema).then(|| Edit::of(&self.tokens[at], quoted_name(&other)))
    }

    /// Where the schemas of a search path begin that is set from that place on.
    fn behind_search_path(&self, at: usize) -> Option<usize> {
        let named = self.is_word(at, "SET") && self.name(at + 1)?.eq_ignore_ascii_case("search_path");
        let assigned = self.is_word(at + 2, "TO") || self.is_symbol(at + 2, '=');
        (named && assigned).then_some(at + 3)
    }

    fn search_path(&self, first: usize) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut at = first;
        while let Some(token) = self.tokens.get(at) {
            match token.kind {
                TokenKind::Literal => {
                    let other =
                        token.value().filter(|schema| self.knows(schema)).map(|schema| self.resolver.schema(&schema));
                    let edit = other.filter(|other| token.value().as_ref() != Some(other));
                    edits.extend(edit.map(|other| Edit::of(token, quoted_literal(&other))));
                }
                TokenKind::Word | TokenKind::Quoted => edits.extend(self.schema_at(at)),
                TokenKind::Number | TokenKind::Symbol => break,
            }
            if !self.is_symbol(at + 1, ',') {
                break;
            }
            at += 2;
        }
        edits
    }
}
