//! Rows as `REPLACE INTO` statements.

use std::io::BufRead;

use reinstate_plugin::Failure;

use crate::fault::{bad_statement, shown};
use crate::rows::{Room, Rows, Value};

use super::token::{Token, Tokens};

/// A table whose rows come next.
pub(crate) struct Dump<B> {
    tokens: Tokens<B>,
    table: String,
    /// The table's columns.
    columns: Vec<String>,
    /// Where each value of the open statement's rows goes; nothing between statements.
    places: Option<Vec<usize>>,
    /// Rows that were read.
    rows: u64,
}

impl<B: BufRead> Dump<B> {
    /// The rows of that table.
    pub(crate) fn new(source: B, table: &str, columns: Vec<String>) -> Self {
        Self { tokens: Tokens::new(source), table: table.to_owned(), columns, places: None, rows: 0 }
    }

    fn next_row(&mut self, row: &mut [Value]) -> Result<bool, Failure> {
        let places = match self.places.take() {
            Some(places) => places,
            None => match self.statement()? {
                Some(places) => places,
                None => return Ok(false),
            },
        };
        self.values(&places, row)?;
        if self.tokens.accept_symbol(b',')? {
            self.places = Some(places);
        } else if !self.tokens.accept_symbol(b';')? {
            return Err(self.tokens.unexpected("`,` or `;`"));
        }
        Ok(true)
    }

    /// A statement up to its rows; nothing at the end of all.
    fn statement(&mut self) -> Result<Option<Vec<usize>>, Failure> {
        while self.tokens.accept_symbol(b';')? {}
        if *self.tokens.peek()? == Token::End {
            return Ok(None);
        }
        if !self.tokens.accept("REPLACE")? && !self.tokens.accept("INSERT")? {
            return Err(self.tokens.unexpected("REPLACE INTO"));
        }
        self.tokens.accept("IGNORE")?;
        self.tokens.expect("INTO")?;
        let mut name = self.tokens.name()?;
        if self.tokens.accept_symbol(b'.')? {
            name = self.tokens.name()?;
        }
        if !name.eq_ignore_ascii_case(&self.table) {
            return Err(bad_statement(format!("The rows are those of another table, `{}`", shown(name.as_bytes()))));
        }
        let places = if self.tokens.accept_symbol(b'(')? { self.places()? } else { (0..self.columns.len()).collect() };
        if !self.tokens.accept("VALUE")? {
            self.tokens.expect("VALUES")?;
        }
        Ok(Some(places))
    }

    /// The columns that a statement lists.
    fn places(&mut self) -> Result<Vec<usize>, Failure> {
        let mut places = Vec::new();
        loop {
            let name = self.tokens.name()?;
            let place = self.columns.iter().position(|column| column.eq_ignore_ascii_case(&name));
            let Some(place) = place.filter(|place| !places.contains(place)) else {
                let message =
                    format!("The column `{}` is none of the table's, or listed twice", shown(name.as_bytes()));
                return Err(bad_statement(message).column(name));
            };
            places.push(place);
            if !self.tokens.accept_symbol(b',')? {
                self.tokens.expect_symbol(b')')?;
                return Ok(places);
            }
        }
    }

    fn values(&mut self, places: &[usize], row: &mut [Value]) -> Result<(), Failure> {
        row.fill(Value::Null);
        let mut room = Room::default();
        self.tokens.expect_symbol(b'(')?;
        for (at, place) in places.iter().enumerate() {
            if at > 0 {
                self.tokens.expect_symbol(b',')?;
            }
            let value = self.value(&mut room).map_err(|failure| match self.columns.get(*place) {
                Some(column) => failure.column(column),
                None => failure,
            })?;
            if let Some(slot) = row.get_mut(*place) {
                *slot = value;
            }
        }
        self.tokens.expect_symbol(b')')
    }

    fn value(&mut self, room: &mut Room) -> Result<Value, Failure> {
        let is_negative = self.tokens.accept_symbol(b'-')?;
        let mut token = self.tokens.next()?;
        // `_binary 'x'` says in which characters a string is written.
        if matches!(&token, Token::Word(word) if word.starts_with('_')) {
            token = self.tokens.next()?;
        }
        let value = match token {
            Token::Number(number) => Value::Text(if is_negative { format!("-{number}") } else { number }.into_bytes()),
            Token::Text(text) if !is_negative => Value::Text(text),
            Token::Bytes(bytes) if !is_negative => Value::Bytes(bytes),
            ref word if word.is("NULL") => Value::Null,
            ref word if word.is("TRUE") => Value::Text(b"true".to_vec()),
            ref word if word.is("FALSE") => Value::Text(b"false".to_vec()),
            Token::End => return Err(crate::fault::cut("a row")),
            other => return Err(bad_statement(format!("`{}` is no value", other.brief()))),
        };
        room.take(value.length())?;
        Ok(value)
    }
}

impl<B: BufRead> Rows for Dump<B> {
    fn next(&mut self, row: &mut [Value]) -> Result<bool, Failure> {
        let more = self.next_row(row).map_err(|failure| failure.row(self.rows + 1))?;
        self.rows += u64::from(more);
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<Value>>, Failure> {
        let mut dump = Dump::new(text.as_bytes(), "t", vec!["id".into(), "Name".into()]);
        let (mut row, mut all) = (vec![Value::Null; 2], Vec::new());
        while dump.next(&mut row)? {
            all.push(row.clone());
        }
        Ok(all)
    }

    #[test]
    fn rows_of_all_statements_are_read() {
        let text = |text: &str| Value::Text(text.into());
        let rows = read(
            "REPLACE INTO `t` (`id`,`name`) VALUES \n(1,'a;(b'),\n(-2,null);\nREPLACE INTO `t` (`name`) VALUES \r\n(0x00ff);\n\
             INSERT IGNORE INTO db.T VALUES (true,_binary 'x');;",
        )
        .unwrap();
        assert_eq!(
            rows,
            [
                [text("1"), text("a;(b")],
                [text("-2"), Value::Null],
                [Value::Null, Value::Bytes(vec![0, 255])],
                [text("true"), text("x")]
            ]
        );
        assert!(read(" \n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_row_is_an_error_with_its_place() {
        for (text, code, row) in [
            ("REPLACE INTO `t` VALUES (1,'a'),(2,'b'", "docspace.cut", 2),
            ("REPLACE INTO `t` VALUES (1,'a'),", "docspace.cut", 2),
            ("REPLACE INTO `t` VALUES (1,'a')", "docspace.cut", 1),
            ("REPLACE INTO `t` VALUES (1,", "docspace.cut", 1),
            ("REPLACE INTO", "docspace.cut", 1),
            ("REPLACE INTO `t` VALUES (1)", "docspace.bad_statement", 1),
            ("REPLACE INTO `t` VALUES (1,2,3);", "docspace.bad_statement", 1),
            ("REPLACE INTO `t` VALUES (1,now());", "docspace.bad_statement", 1),
            ("REPLACE INTO `t` VALUES (1,-'a');", "docspace.bad_statement", 1),
            ("REPLACE INTO `u` VALUES (1,2);", "docspace.bad_statement", 1),
            ("REPLACE INTO `t` (`id`,`id`) VALUES (1,2);", "docspace.bad_statement", 1),
            ("REPLACE INTO `t` (`x`) VALUES (1);", "docspace.bad_statement", 1),
            ("REPLACE INTO `t` VALUES (1,2); DROP TABLE `t`;", "docspace.bad_statement", 2),
            ("REPLACE INTO `t` VALUES (1,0xg);", "docspace.bad_statement", 1),
        ] {
            let failure = read(text).unwrap_err();
            assert_eq!((failure.code.as_str(), failure.row), (code, Some(row)), "{text}: {failure:?}");
        }
        assert_eq!(read("REPLACE INTO `t` VALUES (1,now());").unwrap_err().column.as_deref(), Some("Name"));
    }
}
