//! Expressions that mean the same in another SQL dialect.
//!
//! Only what is surely portable goes through: literals, the current time, comparisons of numbers, equality of texts,
//! `AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `IS NULL`, sums and products, and a handful of functions. Orders of text (they
//! depend on collations), dates, patterns and everything else is refused with a reason. Columns are known with their
//! types, so that a target which compares a text with a number in its own way never gets to do so.

use crate::tables::{Column, ValueType};
use crate::{Finding, Object, Target};

mod parser;
mod tokens;

use parser::{Of, Parser, Term};
use tokens::{Token, tokens};

/// How expressions get from the archive to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// The target's own dialect.
    AsIs,
    /// Another one: only what both understand alike.
    Translated,
    /// The target takes no expressions.
    Closed,
}

/// How a dialect's expressions reach a target that understands `to`.
pub fn passage(from: &str, to: &str) -> Passage {
    match (named(from), named(to)) {
        // An archive without a dialect has no expressions.
        ("", _) => Passage::AsIs,
        (_, "") => Passage::Closed,
        (from, to) if from == to => Passage::AsIs,
        _ => Passage::Translated,
    }
}

/// The dialect's name: `postgres` is what some call `postgresql`.
pub fn named(dialect: &str) -> &str {
    if dialect == "postgres" { "postgresql" } else { dialect }
}

/// Bytes that the dialect's system keeps of a name, where it cuts longer ones off.
fn name_bytes(dialect: &str) -> Option<usize> {
    (named(dialect) == "postgresql").then_some(63)
}

/// A refusal where the target would cut names off: what each is (`column`) and how it is called.
pub fn long_names<'a>(
    object: &Object,
    target: &Target,
    names: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<Finding> {
    const MOST: usize = 5;
    let limit = name_bytes(&target.dialect)?;
    let long = names.into_iter().filter(|(_, name)| name.len() > limit);
    let mut told: Vec<String> = long.map(|(what, name)| format!("{what} `{}`", name.escape_debug())).collect();
    if told.is_empty() {
        return None;
    }
    let more = told.len().saturating_sub(MOST);
    told.truncate(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "Names of {} are longer than the {limit} bytes that {} keeps of a name: {}{more}",
        object.source,
        target.kind,
        told.join(", ")
    );
    let fix = "Exclude the object, or rename them at the source and take the backup again";
    Some(Finding::refusal("name.too_long", message, fix))
}

/// A default in the target's dialect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Default {
    Value(String),
    /// As without a default.
    Null,
    /// The next number of a sequence.
    Sequence,
}

/// Translates expressions over the columns of one table. Errors say why one cannot be.
#[derive(Debug)]
pub(crate) struct Translator<'a> {
    passage: Passage,
    columns: &'a [Column],
    /// Names without quotes are alike whatever their case (SQLite), or are lower-case (PostgreSQL).
    folds_all: bool,
}

impl<'a> Translator<'a> {
    pub(crate) fn new(from: &str, passage: Passage, columns: &'a [Column]) -> Self {
        Self { passage, columns, folds_all: named(from) == "sqlite" }
    }

    /// A column's default.
    pub(crate) fn default(&self, text: &str, column: &Column) -> Result<Default, String> {
        let tokens = self.tokens(text)?;
        if is_next_of_sequence(&tokens) {
            return Ok(Default::Sequence);
        }
        if let Some(now) = current_time(&tokens) {
            return if column.values == ValueType::Text {
                Ok(Default::Value(now.to_owned()))
            } else {
                Err("it is a time, and the column is not kept as text".to_owned())
            };
        }
        let term = Parser::new(&tokens, &[], self.folds_all).whole()?;
        let fits = match term.of {
            Of::Null => return Ok(Default::Null),
            Of::Number => matches!(column.values, ValueType::Integer | ValueType::Real | ValueType::Text),
            Of::Text => matches!(column.values, ValueType::Text | ValueType::Any),
            Of::Boolean => column.values == ValueType::Boolean,
            Of::Other => false,
        };
        if fits { Ok(Default::Value(term.sql)) } else { Err("its type is not the column's".to_owned()) }
    }

    /// A condition over the columns.
    pub(crate) fn condition(&self, text: &str) -> Result<String, String> {
        match self.term(text)? {
            Term { of: Of::Boolean, sql, .. } => Ok(sql),
            _ => Err("it is not a condition".to_owned()),
        }
    }

    /// A value computed of the columns.
    pub(crate) fn expression(&self, text: &str) -> Result<String, String> {
        match self.term(text)? {
            Term { of: Of::Number | Of::Text | Of::Boolean, sql, .. } => Ok(sql),
            _ => Err("its type is not known in both dialects".to_owned()),
        }
    }

    fn term(&self, text: &str) -> Result<Term, String> {
        Parser::new(&self.tokens(text)?, self.columns, self.folds_all).whole()
    }

    fn tokens(&self, text: &str) -> Result<Vec<Token>, String> {
        match self.passage {
            Passage::Closed => Err("the target takes no expressions".to_owned()),
            _ => tokens(text),
        }
    }
}

fn is_next_of_sequence(tokens: &[Token]) -> bool {
    matches!(tokens, [Token::Word(word), Token::Symbol("("), Token::Text(_), ..] if word.eq_ignore_ascii_case("nextval"))
}

fn current_time(tokens: &[Token]) -> Option<&'static str> {
    let tokens = match tokens {
        [Token::Symbol("("), inner @ .., Token::Symbol(")")] => inner,
        _ => tokens,
    };
    match tokens {
        [Token::Word(word)] => ["CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"]
            .into_iter()
            .find(|known| word.eq_ignore_ascii_case(known)),
        [Token::Word(word), Token::Symbol("("), Token::Symbol(")")] if word.eq_ignore_ascii_case("now") => {
            Some("CURRENT_TIMESTAMP")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
