//! What may take statements back: dropping what they create, and nothing else.

use super::Statement;
use super::create::BEFORE_KIND;
use crate::sql::{Dialect, Token};

impl Statement<'_> {
    /// Whether this one drops what that one creates: `DROP EXTENSION a` for `CREATE EXTENSION a …`, and large objects by their number.
    pub(super) fn takes_back(&self, created: &Statement<'_>) -> bool {
        self.drops(created) || self.unlinks(created)
    }

    fn drops(&self, created: &Statement<'_>) -> bool {
        if !self.is_word(0, "DROP") || !created.is_word(0, "CREATE") {
            return false;
        }
        let mut at = 1;
        while BEFORE_KIND.iter().any(|word| created.is_word(at, word)) {
            at += 1;
        }
        let made = without(created.tokens.get(at..).unwrap_or_default(), &["IF", "NOT", "EXISTS"]);
        let dropped = without(&self.tokens[1..], &["IF", "EXISTS"]);
        // The types of a routine's arguments follow its name, in other words than where it is created.
        let routine = ["FUNCTION", "PROCEDURE", "AGGREGATE"].iter().any(|kind| self.is_word(1, kind));
        let end = dropped.iter().position(|token| routine && token.is_symbol('(')).unwrap_or(dropped.len());
        let arguments = &dropped[end..];
        let whole = arguments.is_empty() || is_one_group(arguments);
        whole && end > 1 && made.len() >= end && made.iter().zip(&dropped[..end]).all(|(one, other)| same(one, other))
    }

    fn unlinks(&self, created: &Statement<'_>) -> bool {
        let number = |statement: &Statement<'_>, function: &str| {
            let calls = statement.at(0, "SELECT pg_catalog")
                && statement.is_symbol(2, '.')
                && statement.is_word(3, function)
                && statement.is_symbol(4, '(')
                && statement.is_symbol(6, ')');
            (calls && statement.tokens.len() == 7)
                .then(|| statement.tokens[5].value().unwrap_or_else(|| statement.tokens[5].text.to_owned()))
        };
        let unlinked = number(self, "lo_unlink");
        unlinked.is_some() && unlinked == number(created, "lo_create")
    }
}

/// The tokens without these words, where they stand one after another.
fn without<'a>(tokens: &'a [Token<'a>], words: &[&str]) -> Vec<&'a Token<'a>> {
    let at = (0..tokens.len()).find(|at| {
        words.iter().enumerate().all(|(ahead, word)| tokens.get(at + ahead).is_some_and(|token| token.is_word(word)))
    });
    let at = at.filter(|at| *at < 4);
    tokens
        .iter()
        .enumerate()
        .filter(|(place, _)| at.is_none_or(|at| *place < at || *place >= at + words.len()))
        .map(|(_, token)| token)
        .collect()
}

/// Whether it is one pair of parentheses with what is in it.
fn is_one_group(tokens: &[&Token<'_>]) -> bool {
    let closes = |token: &&Token<'_>| token.is_symbol(')');
    tokens.last().is_some_and(closes) && !tokens[..tokens.len() - 1].iter().any(closes)
}

fn same(one: &Token<'_>, other: &Token<'_>) -> bool {
    match (one.name(Dialect::Postgresql), other.name(Dialect::Postgresql)) {
        (Some(one), Some(other)) => one == other,
        _ => one.text == other.text,
    }
}
