//! Reads tokens one after another: the few moves that every reader of definitions is made of.

use super::{Dialect, Token};

/// A place in a list of tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    dialect: Dialect,
}

impl<'a> Cursor<'a> {
    /// At the first token.
    pub(crate) fn new(tokens: &'a [Token<'a>], dialect: Dialect) -> Self {
        Self { tokens, dialect }
    }

    /// The tokens that are left.
    pub(crate) fn rest(&self) -> &'a [Token<'a>] {
        self.tokens
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token `ahead` places from here.
    pub(crate) fn peek(&self, ahead: usize) -> Option<&'a Token<'a>> {
        self.tokens.get(ahead)
    }

    /// Takes the next token.
    pub(crate) fn next(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Whether these keywords come next.
    pub(crate) fn at(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(|(ahead, word)| self.peek(ahead).is_some_and(|token| token.is_word(word)))
    }

    /// Takes these keywords if they come next.
    pub(crate) fn accept(&mut self, words: &str) -> bool {
        let found = self.at(words);
        if found {
            self.tokens = &self.tokens[words.split(' ').count()..];
        }
        found
    }

    /// Takes that character if it comes next.
    pub(crate) fn accept_symbol(&mut self, symbol: char) -> bool {
        let found = self.peek(0).is_some_and(|token| token.is_symbol(symbol));
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    /// Takes these keywords, which must come next.
    pub(crate) fn expect(&mut self, words: &str) -> Result<(), String> {
        if self.accept(words) { Ok(()) } else { Err(format!("{words} is expected {}", self.place())) }
    }

    /// Takes a name, which must come next.
    pub(crate) fn name(&mut self) -> Result<String, String> {
        let name = self.peek(0).and_then(|token| token.name(self.dialect));
        match name {
            Some(name) => {
                self.next();
                Ok(name)
            }
            None => Err(format!("a name is expected {}", self.place())),
        }
    }

    /// Takes `name` or `schema.name`.
    pub(crate) fn qualified(&mut self) -> Result<(Option<String>, String), String> {
        let first = self.name()?;
        if self.accept_symbol('.') { Ok((Some(first), self.name()?)) } else { Ok((None, first)) }
    }

    /// Takes what is in parentheses, which must come next.
    pub(crate) fn group(&mut self) -> Result<Cursor<'a>, String> {
        if !self.peek(0).is_some_and(|token| token.is_symbol('(')) {
            return Err(format!("( is expected {}", self.place()));
        }
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate() {
            if token.is_symbol('(') {
                depth += 1;
            } else if token.is_symbol(')') {
                depth -= 1;
                if depth == 0 {
                    let inner = Cursor::new(&self.tokens[1..at], self.dialect);
                    self.tokens = &self.tokens[at + 1..];
                    return Ok(inner);
                }
            }
        }
        Err("a parenthesis does not close".to_owned())
    }

    /// What is left, cut at the commas outside parentheses.
    pub(crate) fn items(self) -> Vec<Cursor<'a>> {
        let mut depth = 0_usize;
        let is_comma = |token: &Token<'_>| {
            if token.is_symbol('(') {
                depth += 1;
            } else if token.is_symbol(')') {
                depth = depth.saturating_sub(1);
            }
            depth == 0 && token.is_symbol(',')
        };
        self.tokens.split(is_comma).map(|item| Cursor::new(item, self.dialect)).collect()
    }

    /// Takes a list of names in parentheses.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, String> {
        let one = |mut item: Cursor<'_>| {
            let name = item.name()?;
            item.end().map(|()| name)
        };
        self.group()?.items().into_iter().map(one).collect()
    }

    /// Fails when something is left.
    pub(crate) fn end(&self) -> Result<(), String> {
        match self.peek(0) {
            None => Ok(()),
            Some(token) => Err(format!("`{}` is not understood", token.text)),
        }
    }

    /// What is left, as it is written, comments left out: they may hide what follows them.
    pub(crate) fn text(&self, source: &str) -> String {
        let mut text = String::new();
        let mut end = None;
        for token in self.tokens {
            let gap = end.and_then(|end| source.get(end..token.start)).unwrap_or_default();
            text.push_str(if gap.trim().is_empty() { gap } else { " " });
            text.push_str(token.text);
            end = Some(token.start + token.text.len());
        }
        text
    }

    fn place(&self) -> String {
        self.peek(0).map_or_else(|| "at the end".to_owned(), |token| format!("before `{}`", token.text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    #[test]
    fn groups_items_and_names_are_taken() {
        let source = "f (a, b(c, d) , [e)]) rest";
        let tokens = tokens(source, Dialect::Sqlite).unwrap();
        let mut cursor = Cursor::new(&tokens, Dialect::Sqlite);
        assert_eq!(cursor.name().unwrap(), "f");
        let items: Vec<String> = cursor.group().unwrap().items().iter().map(|item| item.text(source)).collect();
        assert_eq!(items, ["a", "b(c, d)", "[e)]"]);
        assert!(cursor.accept("REST"));
        assert!(cursor.is_empty());
    }

    #[test]
    fn comments_do_not_survive_in_texts() {
        let source = "a > 0 -- why\n and/* not */b";
        let tokens = tokens(source, Dialect::Sqlite).unwrap();
        assert_eq!(Cursor::new(&tokens, Dialect::Sqlite).text(source), "a > 0 and b");
    }

    #[test]
    fn what_is_missing_is_named() {
        let tokens = tokens("(a", Dialect::Sqlite).unwrap();
        let mut cursor = Cursor::new(&tokens, Dialect::Sqlite);
        assert!(cursor.group().unwrap_err().contains("parenthesis"));
        assert!(cursor.expect("PRIMARY KEY").unwrap_err().contains("before `(`"));
        assert!(cursor.name().is_err());
    }
}
