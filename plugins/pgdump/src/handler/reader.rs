//! Reads statements token by token: the few moves that every reader of definitions is made of.

use crate::layout::sql::{self, Sort, Token};

/// A place in the tokens of a text.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, tokens: sql::tokens(text).collect(), at: 0 }
    }

    /// A reader of these tokens alone.
    fn of(&self, tokens: &[Token<'a>]) -> Self {
        Self { text: self.text, tokens: tokens.to_vec(), at: 0 }
    }

    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).copied();
        self.at += usize::from(token.is_some());
        token
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Whether these keywords, in lower case, come next.
    pub(super) fn sees(&self, words: &str) -> bool {
        words
            .split(' ')
            .enumerate()
            .all(|(ahead, word)| self.tokens.get(self.at + ahead).is_some_and(|token| token.is(word)))
    }

    /// Takes these keywords if they come next.
    pub(super) fn accept(&mut self, words: &str) -> bool {
        let seen = self.sees(words);
        if seen {
            self.at += words.split(' ').count();
        }
        seen
    }

    /// Takes that character if it comes next.
    pub(super) fn accept_symbol(&mut self, symbol: char) -> bool {
        let seen = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(seen);
        seen
    }

    /// Takes a name.
    pub(super) fn name(&mut self) -> Option<String> {
        let name = self.peek()?.name()?;
        self.at += 1;
        Some(name)
    }

    /// Takes a name with its schema, where one is written.
    pub(super) fn qualified(&mut self) -> Option<(Option<String>, String)> {
        let first = self.name()?;
        if self.accept_symbol('.') { Some((Some(first), self.name()?)) } else { Some((None, first)) }
    }

    /// Takes what stands in parentheses.
    pub(super) fn group(&mut self) -> Option<Self> {
        if !self.peek()?.is_symbol('(') {
            return None;
        }
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(self.at) {
            if token.is_symbol('(') {
                depth += 1;
            } else if token.is_symbol(')') {
                depth -= 1;
                if depth == 0 {
                    let inner = self.of(&self.tokens[self.at + 1..at]);
                    self.at = at + 1;
                    return Some(inner);
                }
            }
        }
        None
    }

    /// Takes names in parentheses.
    pub(super) fn names(&mut self) -> Option<Vec<String>> {
        self.group()?.items().iter_mut().map(Self::name).collect()
    }

    /// What is left, cut at commas outside parentheses.
    pub(super) fn items(&self) -> Vec<Self> {
        let mut items = Vec::new();
        let (mut depth, mut first) = (0_usize, self.at);
        for (at, token) in self.tokens.iter().enumerate().skip(self.at) {
            match token.raw {
                "(" | "[" if token.sort == Sort::Symbol => depth += 1,
                ")" | "]" if token.sort == Sort::Symbol => depth = depth.saturating_sub(1),
                "," if token.sort == Sort::Symbol && depth == 0 => {
                    items.push(self.of(&self.tokens[first..at]));
                    first = at + 1;
                }
                _ => {}
            }
        }
        if first < self.tokens.len() {
            items.push(self.of(&self.tokens[first..]));
        }
        items
    }

    /// Takes all up to the first token, outside parentheses, for which `ends` says so, or up to the end; as it is written.
    pub(super) fn until(&mut self, ends: impl Fn(&Self) -> bool) -> &'a str {
        let first = self.at;
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if depth == 0 && ends(self) {
                break;
            }
            if token.is_symbol('(') || token.is_symbol('[') {
                depth += 1;
            } else if token.is_symbol(')') || token.is_symbol(']') {
                depth = depth.saturating_sub(1);
            }
            self.at += 1;
        }
        self.between(first, self.at)
    }

    /// All that is left, as it is written.
    pub(super) fn rest(&self) -> &'a str {
        self.between(self.at, self.tokens.len())
    }

    fn between(&self, first: usize, end: usize) -> &'a str {
        match (self.tokens.get(first), end.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) if first.at <= last.at => &self.text[first.at..last.end()],
            _ => "",
        }
    }

    /// The statements, without the semicolons that end them. A body of statements (`BEGIN ATOMIC … END`) is cut too; whoever asks
    /// looks for statements that have none.
    pub(super) fn statements(&self) -> Vec<Self> {
        let is_end = |token: &Token<'_>| token.is_symbol(';');
        let cut = self.tokens[self.at.min(self.tokens.len())..].split(is_end);
        cut.filter(|tokens| !tokens.is_empty()).map(|tokens| self.of(tokens)).collect()
    }
}

/// The text as a constant.
pub(super) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    // Escapes are written so that the session's setting does not matter.
    if text.contains('\\') { format!(" E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// The columns of a statement `COPY s.t (a, b) FROM stdin;`.
pub(super) fn copied_columns(copy: &str) -> Option<Vec<String>> {
    let mut reader = Reader::new(copy);
    if !reader.accept("copy") {
        return None;
    }
    reader.qualified()?;
    // A table without columns has no list.
    if reader.sees("from") { Some(Vec::new()) } else { reader.names().filter(|_| reader.sees("from")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_from_the_statement_that_copies_them() {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        for (copy, expected) in [
            ("COPY t.a (id, b_id) FROM stdin;\n", names(&["id", "b_id"])),
            ("COPY t.empty  FROM stdin;\n", names(&[])),
            (
                "COPY \"Weird Schema\".\"Ta.ble \"\"q\"\" $x$; --\" (\"select\", \"new\nline\", \"''\", xx) FROM stdin;",
                names(&["select", "new\nline", "''", "xx"]),
            ),
            ("COPY t (a FROM stdin;", None),
            ("COPY t (a) TO stdout;", None),
            ("COPY t.a (id, 'x') FROM stdin;", None),
            ("DROP TABLE t", None),
            ("", None),
        ] {
            assert_eq!(copied_columns(copy), expected, "{copy}");
        }
    }

    #[test]
    fn lists_and_groups_are_cut_where_they_should_be() {
        let mut reader = Reader::new("x (a int[1,2] DEFAULT f(1, ')'), \"b,\" text) rest");
        assert_eq!(reader.name().as_deref(), Some("x"));
        let items = reader.group().unwrap().items();
        let texts: Vec<_> = items.iter().map(Reader::rest).collect();
        assert_eq!(texts, ["a int[1,2] DEFAULT f(1, ')')", "\"b,\" text"]);
        assert_eq!(reader.rest(), "rest");
        assert!(Reader::new("((a)").group().is_none());
        assert!(Reader::new(")").group().is_none());
        assert_eq!(Reader::new("a; b 'c;d';;").statements().len(), 2);
    }

    #[test]
    fn texts_become_constants() {
        assert_eq!((literal("it's").as_str(), literal("a\\b").as_str()), ("'it''s'", " E'a\\\\b'"));
        assert_eq!(crate::layout::sql::quote("a\"b"), "\"a\"\"b\"");
    }
}
