//! Rows as statements: `INSERT` and `COPY`.

use super::{Reach, Statement};
use crate::sql::TokenKind;

impl Statement<'_> {
    /// Rows are written as values; a query or a call among them would run.
    pub(super) fn insert(&self) -> Vec<Reach> {
        let queries = ["SELECT", "WITH", "RETURNING", "TABLE", "SET"];
        let asks = queries.iter().any(|word| self.find(word).is_some());
        let listed = self.find("VALUES").or_else(|| self.find("DEFAULT VALUES"));
        if !self.is_word(1, "INTO") || asks || !listed.is_some_and(|values| self.are_values(values)) {
            return vec![self.reach("sql.unknown", "adds rows that are no plain values")];
        }
        Vec::new()
    }

    /// Whether everything behind `VALUES` is literals: rows are one pair of parentheses deep, and nothing stands in front of those.
    fn are_values(&self, values: usize) -> bool {
        (values + 1..self.tokens.len()).all(|at| {
            let token = &self.tokens[at];
            let opens_row =
                token.is_symbol('(') && (self.is_symbol(at - 1, ',') || at == values + 1) && self.depths[at] == 0;
            let of_row = self.depths[at] == 1 && !token.is_symbol('(') && is_value(token.kind, token.text);
            let between =
                self.depths[at] == 0 && (token.is_symbol(')') || token.is_symbol(',') || token.kind == TokenKind::Word);
            opens_row || of_row || between
        })
    }

    /// Rows of an archive come from an entry, never from a file or a program of the server.
    pub(super) fn copy(&self) -> Vec<Reach> {
        let direction = self.find("FROM").or_else(|| self.find("TO"));
        let source = direction.map_or(self.tokens.len(), |at| at + 1);
        if (1..self.tokens.len()).any(|at| self.is_word(at, "PROGRAM")) {
            vec![self.reach("sql.program", "runs a program on the server")]
        } else if self.is_word(source, "STDIN") || self.is_word(source, "STDOUT") {
            vec![self.reach("sql.unknown", "moves rows outside of an entry")]
        } else {
            vec![self.reach("sql.server_file", "reads or writes a file of the server")]
        }
    }
}

fn is_value(kind: TokenKind, text: &str) -> bool {
    match kind {
        TokenKind::Literal | TokenKind::Number => true,
        TokenKind::Symbol => [",", "-", "+"].contains(&text),
        TokenKind::Word => ["NULL", "DEFAULT", "TRUE", "FALSE"].iter().any(|word| text.eq_ignore_ascii_case(word)),
        TokenKind::Quoted => false,
    }
}
