//! Puts other schemas in the place of those that a statement names: the one way in which definitions of an archive are
//! led into a stage, or into a schema of another name.
//!
//! Rewritten are qualified names wherever they stand, the words behind `SCHEMA`, search paths that are set for a routine, and
//! literals that the server reads as names (`'s.t'::regclass`, `nextval('s.q')`). Texts of routines in quotes stay as they are:
//! their names are looked up when they run.

use super::literal::{quoted_literal, quoted_name};
use super::{Dialect, Token, TokenKind, tokens};

mod aliases;
mod literals;
mod schemas;

use aliases::Aliases;

/// Says which schemas to write.
pub(crate) trait Resolver {
    /// Whether the archive has that schema; other names are left alone.
    fn knows(&self, schema: &str) -> bool;
    /// The schema to write in front of an object: a relation, a type, a routine or an operator, by its bare name.
    fn object(&self, schema: &str, name: &str) -> String;
    /// The schema to write where the schema itself is meant.
    fn schema(&self, schema: &str) -> String;
}

/// The statements with other schemas in them and every other byte as it was. Fails when they are not made of whole tokens.
pub(crate) fn place(statements: &str, resolver: &dyn Resolver) -> Result<String, String> {
    let all = tokens(statements, Dialect::Postgresql)?;
    refuse_own_escapes(&all)?;
    let mut edits = Vec::new();
    for statement in super::split::statements(&all)? {
        edits.extend(edits_of(statement, resolver));
    }
    Ok(applied(statements, edits))
}

/// `UESCAPE` gives a name another mark of escapes; no archive has it.
fn refuse_own_escapes(tokens: &[Token<'_>]) -> Result<(), String> {
    let escaped = |pair: &[Token<'_>]| pair[1].is_word("UESCAPE") && own_escapes(&pair[0]);
    match tokens.windows(2).any(escaped) {
        true => Err("UESCAPE is not supported".to_owned()),
        false => Ok(()),
    }
}

fn own_escapes(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Quoted | TokenKind::Literal) && token.text.starts_with(['u', 'U'])
}

/// What is written in the place of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

impl Edit {
    fn of(token: &Token<'_>, text: String) -> Self {
        Self { start: token.start, end: token.end(), text }
    }
}

fn applied(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.start);
    let mut placed = String::with_capacity(text.len() + 16 * edits.len());
    let mut at = 0;
    for edit in edits {
        placed.push_str(text.get(at..edit.start).unwrap_or_default());
        placed.push_str(&edit.text);
        at = edit.end;
    }
    placed.push_str(text.get(at..).unwrap_or_default());
    placed
}

fn edits_of(statement: &[Token<'_>], resolver: &dyn Resolver) -> Vec<Edit> {
    let reader = Reader { tokens: statement, resolver };
    let mut edits = reader.names(&Aliases::of(&reader));
    edits.extend(reader.schemas());
    edits.extend(reader.literals());
    edits
}

/// A statement, and what is asked about it.
struct Reader<'a> {
    tokens: &'a [Token<'a>],
    resolver: &'a dyn Resolver,
}

/// A name in parts: where it begins in the list of tokens, its first two parts, and where it ends.
struct Chain {
    start: usize,
    parts: usize,
    schema: String,
    name: String,
    end: usize,
}

impl Reader<'_> {
    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(word))
    }

    fn is_symbol(&self, at: usize, symbol: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    fn name(&self, at: usize) -> Option<String> {
        self.tokens.get(at)?.name(Dialect::Postgresql)
    }

    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted))
    }

    /// Whether a schema of the archive is meant; the server's own never are.
    fn knows(&self, schema: &str) -> bool {
        !schema.starts_with("pg_") && schema != "information_schema" && self.resolver.knows(schema)
    }

    /// The names in parts, left to right, whatever their first part is.
    fn chains(&self) -> Vec<Chain> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let chain = if self.follows_point(at) { None } else { self.chain(at) };
            at = chain.as_ref().map_or(at + 1, |chain| chain.end);
            found.extend(chain);
        }
        found
    }

    fn follows_point(&self, at: usize) -> bool {
        at.checked_sub(1).is_some_and(|before| self.is_symbol(before, '.'))
    }

    fn chain(&self, start: usize) -> Option<Chain> {
        if !self.is_symbol(start + 1, '.') || !self.is_name(start) {
            return None;
        }
        let schema = self.name(start)?;
        if let Some((name, end)) = self.operator(start) {
            return Some(Chain { start, parts: 2, schema, name, end });
        }
        let name = self.name(start + 2)?;
        let mut end = start + 3;
        let mut parts = 2;
        while self.is_symbol(end, '.') && self.is_name(end + 1) {
            end += 2;
            parts += 1;
        }
        Some(Chain { start, parts, schema, name, end })
    }

    /// The operator whose qualified name begins at `start`: `OPERATOR(s.+)`, `OPERATOR s.+`, `OPERATOR 1 s.+`, and at the beginning of a
    /// text that is a name.
    fn operator(&self, start: usize) -> Option<(String, usize)> {
        let behind_word = |at: usize| at.checked_sub(1).is_some_and(|at| self.is_word(at, "OPERATOR"));
        if let Some(before) = start.checked_sub(1) {
            let between = self.is_symbol(before, '(') || self.tokens[before].kind == TokenKind::Number;
            if !(behind_word(start) || between && behind_word(before)) {
                return None;
            }
        }
        let mut end = start + 2;
        let mut name = String::new();
        while let Some(token) = self.tokens.get(end).filter(|token| is_operator(token)) {
            // An operator's characters stand together.
            if !name.is_empty() && self.tokens[end - 1].end() != token.start {
                break;
            }
            name.push_str(token.text);
            end += 1;
        }
        (!name.is_empty()).then_some((name, end))
    }

    /// The names in parts, with other schemas; columns and parameters that look like them are left out.
    fn names(&self, aliases: &Aliases) -> Vec<Edit> {
        let looks_like_one = |chain: &Chain| aliases.mean(self, chain) || self.is_setting(chain);
        self.chains().iter().filter(|chain| !looks_like_one(chain)).filter_map(|chain| self.renamed(chain)).collect()
    }

    /// The names in parts of a text that is nothing but a name.
    fn plain_names(&self) -> Vec<Edit> {
        self.chains().iter().filter_map(|chain| self.renamed(chain)).collect()
    }

    fn renamed(&self, chain: &Chain) -> Option<Edit> {
        if !self.knows(&chain.schema) {
            return None;
        }
        let schema = self.resolver.object(&chain.schema, &chain.name);
        (schema != chain.schema).then(|| Edit::of(&self.tokens[chain.start], quoted_name(&schema)))
    }

    /// Whether a parameter in two parts is set there: `SET custom.setting TO …`.
    fn is_setting(&self, chain: &Chain) -> bool {
        let behind = |word| chain.start.checked_sub(1).is_some_and(|before| self.is_word(before, word));
        let assigned =
            ["TO", "FROM"].iter().any(|word| self.is_word(chain.end, word)) || self.is_symbol(chain.end, '=');
        behind("RESET") || (behind("SET") && assigned)
    }
}

fn is_operator(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Symbol && token.text.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c))
}

#[cfg(test)]
mod tests;
