//! A table's definition: what `SHOW CREATE TABLE` gives, with a `DROP TABLE` before it.

use std::collections::HashSet;
use std::io::BufRead;

use reinstate_plugin::Failure;
use reinstate_plugin::portable::TableAttributes;
use reinstate_plugin::tables::{Column, ForeignKey, Index, IndexColumn, Key, ValueType};

use crate::attributes::{Attributes, MOST_COLUMNS, column};
use crate::fault::{bad_statement, shown, too_large};

use super::kind::Declared;
use super::token::{Token, Tokens};

/// Keys of a table.
const MOST_KEYS: usize = 512;
/// Parentheses inside each other.
const DEPTH: usize = 64;

/// A table that was read.
#[derive(Debug, Default)]
pub(crate) struct Created {
    pub(crate) name: String,
    /// Names of indexes are still the table's own.
    pub(crate) attributes: TableAttributes,
    pub(crate) left_out: Vec<String>,
    /// The column whose numbers the server gives.
    numbered: Option<String>,
}

/// Columns of a key.
struct Listed {
    columns: Vec<IndexColumn>,
    /// It holds the beginnings of values, or expressions.
    is_partial: bool,
}

impl Listed {
    fn names(self) -> Vec<String> {
        self.columns.into_iter().map(|column| column.term).collect()
    }
}

impl Created {
    /// Reads the statements. Fails with `docspace.bad_statement` where they make no table.
    pub(crate) fn read(source: impl BufRead) -> Result<Self, Failure> {
        let mut reader = Reader { tokens: Tokens::new(source), made: Self::default() };
        reader.statements()?;
        let mut made = reader.made;
        made.check()?;
        made.number();
        Ok(made)
    }

    /// As the handler takes it.
    pub(crate) fn attributes(self) -> Attributes {
        Attributes { table: self.attributes, left_out: self.left_out }
    }

    fn check(&self) -> Result<(), Failure> {
        let table = &self.attributes;
        let mut names = HashSet::new();
        if table.columns.is_empty() {
            return Err(bad_statement("The table has no columns"));
        }
        if let Some(twice) = table.columns.iter().find(|column| !names.insert(column.name.as_str())) {
            return Err(bad_statement("The table has a column twice").column(&twice.name));
        }
        let keys = table.primary_key.iter().chain(&table.uniques).flat_map(|key| &key.columns);
        let indexed = table.indexes.iter().flat_map(|index| &index.columns).map(|column| &column.term);
        let referring = table.foreign_keys.iter().flat_map(|key| &key.columns);
        match keys.chain(indexed).chain(referring).find(|name| !names.contains(name.as_str())) {
            Some(unknown) => Err(bad_statement("A key has a column that the table has not").column(unknown)),
            None => Ok(()),
        }
    }

    /// Numbers go on where the key is one column, and theirs.
    fn number(&mut self) {
        let table = &mut self.attributes;
        let Some(numbered) = self.numbered.take() else {
            table.last_number = None;
            return;
        };
        match &mut table.primary_key {
            Some(key) if key.columns == [numbered.as_str()] => key.automatic = true,
            _ => {
                table.last_number = None;
                self.left_out.push(format!("the numbering of column `{numbered}`, which alone is not the primary key"));
            }
        }
    }
}

struct Reader<B> {
    tokens: Tokens<B>,
    made: Created,
}

impl<B: BufRead> Reader<B> {
    fn statements(&mut self) -> Result<(), Failure> {
        while self.tokens.accept("DROP")? {
            self.skip_to_end()?;
        }
        self.tokens.expect("CREATE")?;
        self.tokens.expect("TABLE")?;
        if self.tokens.accept("IF")? {
            self.tokens.expect("NOT")?;
            self.tokens.expect("EXISTS")?;
        }
        self.made.name = self.tokens.name()?;
        self.tokens.expect_symbol(b'(')?;
        loop {
            self.item()?;
            if !self.tokens.accept_symbol(b',')? {
                break;
            }
        }
        self.tokens.expect_symbol(b')')?;
        self.options()?;
        match self.tokens.next()? {
            Token::End => Ok(()),
            more => Err(bad_statement(format!("`{}` stands behind the table", more.brief()))),
        }
    }

    fn item(&mut self) -> Result<(), Failure> {
        let name = match self.tokens.next()? {
            Token::Name(name) => return self.column(name),
            Token::Word(word) => word.to_ascii_uppercase(),
            Token::End => return Err(crate::fault::cut("a table")),
            other => return Err(bad_statement(format!("`{}` stands where a column or a key should", other.brief()))),
        };
        let keys = self.made.attributes.indexes.len()
            + self.made.attributes.uniques.len()
            + self.made.attributes.foreign_keys.len();
        if keys + self.made.left_out.len() >= MOST_KEYS + MOST_COLUMNS {
            return Err(too_large("The table has too many keys"));
        }
        match name.as_str() {
            "PRIMARY" => self.primary(),
            "UNIQUE" => {
                let _ = self.tokens.accept("KEY")? || self.tokens.accept("INDEX")?;
                self.unique()
            }
            "KEY" | "INDEX" => self.index(),
            "FULLTEXT" | "SPATIAL" => self.special(&name.to_ascii_lowercase()),
            "CONSTRAINT" => self.constraint(),
            "FOREIGN" => self.foreign(),
            "CHECK" => self.left_out_check(String::new()),
            _ => self.column(name),
        }
    }

    fn primary(&mut self) -> Result<(), Failure> {
        self.tokens.expect("KEY")?;
        let listed = self.listed()?;
        self.skip_item()?;
        if listed.is_partial {
            self.made.left_out.push("the primary key, which holds the beginnings of values".to_owned());
        } else if self.made.attributes.primary_key.is_none() {
            self.made.attributes.primary_key = Some(Key { name: None, columns: listed.names(), automatic: false });
        }
        Ok(())
    }

    fn unique(&mut self) -> Result<(), Failure> {
        let name = self.key_name()?;
        let listed = self.listed()?;
        self.skip_item()?;
        if listed.is_partial {
            self.made
                .left_out
                .push(format!("the unique key `{name}`, which holds the beginnings of values or expressions"));
        } else {
            self.made.attributes.uniques.push(Key { name: None, columns: listed.names(), automatic: false });
        }
        Ok(())
    }

    fn index(&mut self) -> Result<(), Failure> {
        let name = self.key_name()?;
        let listed = self.listed()?;
        self.skip_item()?;
        if listed.is_partial {
            self.made.left_out.push(format!("the index `{name}`, which holds the beginnings of values or expressions"));
        } else {
            let index = Index { name, columns: listed.columns, unique: false, condition: None };
            self.made.attributes.indexes.push(index);
        }
        Ok(())
    }

    fn special(&mut self, sort: &str) -> Result<(), Failure> {
        let _ = self.tokens.accept("KEY")? || self.tokens.accept("INDEX")?;
        let name = self.key_name()?;
        self.made.left_out.push(format!("the {sort} index `{name}`"));
        self.skip_item()
    }

    fn constraint(&mut self) -> Result<(), Failure> {
        let name = self.tokens.name()?;
        if self.tokens.accept("FOREIGN")? {
            return self.foreign();
        }
        if self.tokens.accept("PRIMARY")? {
            return self.primary();
        }
        if self.tokens.accept("UNIQUE")? {
            let _ = self.tokens.accept("KEY")? || self.tokens.accept("INDEX")?;
            return self.unique();
        }
        self.tokens.expect("CHECK")?;
        self.left_out_check(format!(" `{name}`"))
    }

    fn left_out_check(&mut self, name: String) -> Result<(), Failure> {
        self.made.left_out.push(format!("the check{name}"));
        self.skip_item()
    }

    fn foreign(&mut self) -> Result<(), Failure> {
        self.tokens.expect("KEY")?;
        self.key_name()?;
        let columns = self.listed()?.names();
        self.tokens.expect("REFERENCES")?;
        let mut table = self.tokens.name()?;
        if self.tokens.accept_symbol(b'.')? {
            table = self.tokens.name()?;
        }
        let references = self.listed()?.names();
        let (mut on_update, mut on_delete) = ("NO ACTION".to_owned(), "NO ACTION".to_owned());
        while self.tokens.accept("ON")? {
            let is_update = self.tokens.accept("UPDATE")?;
            if !is_update {
                self.tokens.expect("DELETE")?;
            }
            let action = self.action()?;
            if is_update { on_update = action } else { on_delete = action }
        }
        self.skip_item()?;
        let key =
            ForeignKey { name: None, columns, schema: None, table, references, on_update, on_delete, deferred: false };
        self.made.attributes.foreign_keys.push(key);
        Ok(())
    }

    fn action(&mut self) -> Result<String, Failure> {
        let first = self.tokens.name()?.to_ascii_uppercase();
        match first.as_str() {
            "CASCADE" | "RESTRICT" => Ok(first),
            "SET" | "NO" => {
                let action = format!("{first} {}", self.tokens.name()?.to_ascii_uppercase());
                let is_known = ["SET NULL", "SET DEFAULT", "NO ACTION"].contains(&action.as_str());
                if is_known {
                    Ok(action)
                } else {
                    Err(bad_statement(format!("`{}` is no action of a key", shown(action.as_bytes()))))
                }
            }
            other => Err(bad_statement(format!("`{}` is no action of a key", shown(other.as_bytes())))),
        }
    }

    /// The name of a key, which may have none.
    fn key_name(&mut self) -> Result<String, Failure> {
        match self.tokens.peek()? {
            Token::Name(_) => self.tokens.name(),
            _ => Ok("key".to_owned()),
        }
    }

    /// Columns in parentheses: `a`, `b`(10) DESC, (expression).
    fn listed(&mut self) -> Result<Listed, Failure> {
        let mut listed = Listed { columns: Vec::new(), is_partial: false };
        if self.tokens.accept("USING")? {
            self.tokens.name()?;
        }
        self.tokens.expect_symbol(b'(')?;
        loop {
            if *self.tokens.peek()? == Token::Symbol(b'(') {
                listed.is_partial = true;
                self.skip_group()?;
            } else {
                let term = self.tokens.name()?;
                if *self.tokens.peek()? == Token::Symbol(b'(') {
                    listed.is_partial = true;
                    self.skip_group()?;
                }
                listed.columns.push(IndexColumn { term, expression: false, descending: false, collation: None });
            }
            let descending = self.tokens.accept("DESC")?;
            if let Some(column) = listed.columns.last_mut().filter(|_| descending) {
                column.descending = true;
            }
            self.tokens.accept("ASC")?;
            if listed.columns.len() > MOST_COLUMNS {
                return Err(too_large("A key has too many columns"));
            }
            if !self.tokens.accept_symbol(b',')? {
                self.tokens.expect_symbol(b')')?;
                return Ok(listed);
            }
        }
    }

    fn column(&mut self, name: String) -> Result<(), Failure> {
        if self.made.attributes.columns.len() >= MOST_COLUMNS {
            return Err(too_large(format!("The table has more than {MOST_COLUMNS} columns")));
        }
        let mut declared = Declared { word: self.tokens.name()?.to_ascii_lowercase(), ..Declared::default() };
        if *self.tokens.peek()? == Token::Symbol(b'(') {
            declared.arguments = self.arguments()?;
        }
        let clauses = self.clauses(&name)?;
        declared.is_unsigned = clauses.is_unsigned;
        let (values, word) = declared.values();
        let mut column = column(name, (values, &word), clauses.is_nullable);
        if let Some(default) = clauses.default {
            column.default = default.of(&column);
            if column.default.is_none() {
                self.made.left_out.push(format!("the default of column `{}`", column.name));
            }
        }
        self.made.attributes.columns.push(column);
        Ok(())
    }

    /// What stands behind a column's type, up to the end of the column.
    fn clauses(&mut self, column: &str) -> Result<Clauses, Failure> {
        let mut clauses = Clauses { is_nullable: true, ..Clauses::default() };
        while !matches!(self.tokens.peek()?, Token::Symbol(b',' | b')')) {
            let word = match self.tokens.next()? {
                Token::Word(word) => word.to_ascii_uppercase(),
                Token::End => return Err(crate::fault::cut("a column")),
                _ => continue,
            };
            match word.as_str() {
                "UNSIGNED" => clauses.is_unsigned = true,
                "NOT" => {
                    self.tokens.expect("NULL")?;
                    clauses.is_nullable = false;
                }
                "DEFAULT" => clauses.default = self.default()?,
                "AUTO_INCREMENT" => self.made.numbered = Some(column.to_owned()),
                "ON" => {
                    self.tokens.expect("UPDATE")?;
                    self.made.left_out.push(format!("the time that an update sets in column `{column}`"));
                }
                "GENERATED" | "AS" => {
                    self.made.left_out.push(format!("the computation of column `{column}`, now an ordinary one"));
                    clauses.is_nullable = true;
                    self.skip_item()?;
                }
                "CHECK" => {
                    self.made.left_out.push(format!("a check of column `{column}`"));
                    self.skip_group()?;
                }
                "COMMENT" | "COLLATE" => {
                    self.tokens.next()?;
                }
                _ if *self.tokens.peek()? == Token::Symbol(b'(') => self.skip_group()?,
                _ => {}
            }
        }
        Ok(clauses)
    }

    /// A default; nothing for NULL.
    fn default(&mut self) -> Result<Option<Given>, Failure> {
        let is_negative = self.tokens.accept_symbol(b'-')?;
        let sign = if is_negative { "-" } else { "" };
        let default = match self.tokens.peek()?.clone() {
            Token::Symbol(b'(') => {
                self.skip_group()?;
                return Ok(Some(Given::Other));
            }
            Token::Text(text) => String::from_utf8(text).map_or(Given::Other, Given::Text),
            Token::Number(number) => Given::Text(format!("{sign}{number}")),
            word if word.is("NULL") => {
                self.tokens.next()?;
                return Ok(None);
            }
            word if word.is("CURRENT_TIMESTAMP") => Given::Now,
            _ => Given::Other,
        };
        self.tokens.next()?;
        if *self.tokens.peek()? == Token::Symbol(b'(') {
            self.skip_group()?;
        }
        Ok(Some(default))
    }

    /// What stands in parentheses: numbers, or the words of an enumeration.
    fn arguments(&mut self) -> Result<Vec<String>, Failure> {
        let mut arguments = Vec::new();
        self.tokens.expect_symbol(b'(')?;
        loop {
            match self.tokens.next()? {
                Token::Symbol(b')') => return Ok(arguments),
                Token::Symbol(b',') => {}
                Token::Number(number) if arguments.len() < 2 => arguments.push(number),
                Token::End => return Err(crate::fault::cut("a type")),
                _ => {}
            }
        }
    }

    /// What is said of the table: the number that comes next counts.
    fn options(&mut self) -> Result<(), Failure> {
        loop {
            match self.tokens.next()? {
                Token::Symbol(b';') | Token::End => return Ok(()),
                word if word.is("AUTO_INCREMENT") => {
                    self.tokens.accept_symbol(b'=')?;
                    if let Token::Number(next) = self.tokens.next()? {
                        self.made.attributes.last_number =
                            next.parse::<i64>().ok().and_then(|next| next.checked_sub(1));
                    }
                }
                _ => {}
            }
        }
    }

    /// Skips what is left of an item.
    fn skip_item(&mut self) -> Result<(), Failure> {
        loop {
            match self.tokens.peek()? {
                Token::Symbol(b',' | b')') => return Ok(()),
                Token::Symbol(b'(') => self.skip_group()?,
                Token::End => return Err(crate::fault::cut("a key")),
                _ => {
                    self.tokens.next()?;
                }
            }
        }
    }

    fn skip_group(&mut self) -> Result<(), Failure> {
        let mut depth = 0;
        loop {
            match self.tokens.next()? {
                Token::Symbol(b'(') if depth >= DEPTH => {
                    return Err(too_large("Too many parentheses are inside each other"));
                }
                Token::Symbol(b'(') => depth += 1,
                Token::Symbol(b')') if depth <= 1 => return Ok(()),
                Token::Symbol(b')') => depth -= 1,
                Token::End => return Err(crate::fault::cut("parentheses")),
                _ => {}
            }
        }
    }

    fn skip_to_end(&mut self) -> Result<(), Failure> {
        loop {
            match self.tokens.next()? {
                Token::Symbol(b';') => return Ok(()),
                Token::End => return Err(crate::fault::cut("a statement")),
                _ => {}
            }
        }
    }
}

/// What is said of a column.
#[derive(Default)]
struct Clauses {
    is_unsigned: bool,
    is_nullable: bool,
    default: Option<Given>,
}

/// A column's default.
enum Given {
    /// A constant, as text.
    Text(String),
    Now,
    Other,
}

impl Given {
    /// As PostgreSQL writes it; nothing where it cannot be said.
    fn of(&self, column: &Column) -> Option<String> {
        match (self, column.values) {
            (Self::Now, ValueType::Text) if column.declared.starts_with("timestamp") => {
                Some("CURRENT_TIMESTAMP".to_owned())
            }
            (Self::Text(text), ValueType::Boolean) => match text.as_str() {
                "1" => Some("true".to_owned()),
                "0" => Some("false".to_owned()),
                _ => None,
            },
            (Self::Text(text), ValueType::Integer) => text.parse::<i64>().ok().map(|number| number.to_string()),
            (Self::Text(text), ValueType::Real) => {
                text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| text.clone())
            }
            (Self::Text(text), ValueType::Text) if column.declared.starts_with("numeric") => {
                text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| text.clone())
            }
            // A time, a document: what it means is the server's matter.
            (Self::Text(text), ValueType::Text) if is_text(&column.declared) => {
                let is_plain = !text.chars().any(|letter| letter == '\\' || letter.is_control());
                is_plain.then(|| format!("'{}'", text.replace('\'', "''")))
            }
            _ => None,
        }
    }
}

fn is_text(declared: &str) -> bool {
    declared.starts_with("text") || declared.starts_with("character varying")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "DROP TABLE IF EXISTS `files_file`;\n\
        CREATE TABLE `files_file` (\n\
          `id` int unsigned NOT NULL AUTO_INCREMENT COMMENT 'it''s, (a) \\'comment\\'',\n\
          `title` varchar(400) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT 'it''s',\n\
          `price` decimal(10,2) DEFAULT '0.50',\n\
          `flag` tinyint(1) NOT NULL DEFAULT '1',\n\
          `sort` enum('a','b)') DEFAULT 'a',\n\
          `at` timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),\n\
          `photo` mediumblob,\n\
          `big` bigint unsigned DEFAULT NULL,\n\
          `sum` int GENERATED ALWAYS AS (`id` + (1)) VIRTUAL,\n\
          `uid` char(38) DEFAULT (uuid()),\n\
          PRIMARY KEY (`id`),\n\
          UNIQUE KEY `u` (`title`,`flag`) USING BTREE,\n\
          KEY `by_at` (`at` DESC,`flag`),\n\
          KEY `part` (`title`(10)),\n\
          FULLTEXT KEY `words` (`title`),\n\
          CONSTRAINT `fk` FOREIGN KEY (`flag`) REFERENCES `other` (`id`) ON DELETE CASCADE ON UPDATE SET NULL,\n\
          CONSTRAINT `c` CHECK ((`flag` in (0,1)))\n\
        ) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 /*!50100 PARTITION BY x */;";

    #[test]
    fn a_table_is_kept_as_far_as_targets_can() {
        let made = Created::read(TABLE.as_bytes()).unwrap();
        let table = &made.attributes;
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.declared.as_str(), column.nullable, column.default.as_deref()))
            .collect();
        assert_eq!(
            columns,
            [
                ("id", "bigint", false, None),
                ("title", "character varying(400)", false, Some("'it''s'")),
                ("price", "numeric(10,2)", true, Some("0.50")),
                ("flag", "boolean", false, Some("true")),
                ("sort", "text", true, Some("'a'")),
                ("at", "timestamp without time zone", true, Some("CURRENT_TIMESTAMP")),
                ("photo", "bytea", true, None),
                ("big", "numeric", true, None),
                ("sum", "integer", true, None),
                ("uid", "character varying(38)", true, None),
            ]
        );
        let key = table.primary_key.as_ref().unwrap();
        assert_eq!((key.columns.join(","), key.automatic, table.last_number), ("id".to_owned(), true, Some(41)));
        assert_eq!(table.uniques[0].columns, ["title", "flag"]);
        assert_eq!((table.indexes.len(), table.indexes[0].name.as_str()), (1, "by_at"));
        assert!(table.indexes[0].columns[0].descending && !table.indexes[0].columns[1].descending);
        let foreign = &table.foreign_keys[0];
        assert_eq!(
            (foreign.table.as_str(), foreign.on_delete.as_str(), foreign.on_update.as_str()),
            ("other", "CASCADE", "SET NULL")
        );
        assert_eq!(
            made.left_out,
            [
                "the time that an update sets in column `at`",
                "the computation of column `sum`, now an ordinary one",
                "the default of column `uid`",
                "the index `part`, which holds the beginnings of values or expressions",
                "the fulltext index `words`",
                "the check `c`",
            ]
        );
    }

    #[test]
    fn what_makes_no_table_is_refused() {
        let many = format!("CREATE TABLE t ({});", vec!["`c` int"; MOST_COLUMNS + 1].join(","));
        let keys = format!("CREATE TABLE t (`c` int,{});", vec!["FULLTEXT KEY `k` (`c`)"; 3000].join(","));
        let deep = format!("CREATE TABLE t (`c` int CHECK {});", "(".repeat(100));
        for (text, code) in [
            ("", "docspace.cut"),
            ("DROP TABLE t;", "docspace.cut"),
            ("DROP TABLE t; DROP DATABASE x; SELECT 1;", "docspace.bad_statement"),
            ("CREATE VIEW t AS SELECT 1;", "docspace.bad_statement"),
            ("CREATE TABLE t (`a` int", "docspace.cut"),
            ("CREATE TABLE t (`a` int); DROP TABLE u;", "docspace.bad_statement"),
            ("CREATE TABLE t ();", "docspace.bad_statement"),
            ("CREATE TABLE t (`a` int,`a` int);", "docspace.bad_statement"),
            ("CREATE TABLE t (`a` int, PRIMARY KEY (`b`));", "docspace.bad_statement"),
            (
                "CREATE TABLE t (`a` int, FOREIGN KEY (`a`) REFERENCES u (`a`) ON DELETE DROP);",
                "docspace.bad_statement",
            ),
            ("CREATE TABLE t (`a` int COMMENT 'x", "docspace.cut"),
            (&many, "docspace.too_large"),
            (&keys, "docspace.too_large"),
            (&deep, "docspace.too_large"),
        ] {
            let failure = Created::read(text.as_bytes()).unwrap_err();
            assert_eq!(failure.code, code, "{}: {failure:?}", &text[..text.len().min(60)]);
        }
    }

    #[test]
    fn numbers_go_on_only_where_the_key_is_theirs() {
        let made = Created::read(
            &b"CREATE TABLE t (`a` int AUTO_INCREMENT, `b` int, PRIMARY KEY (`a`,`b`)) AUTO_INCREMENT=7"[..],
        )
        .unwrap();
        assert!(!made.attributes.primary_key.unwrap().automatic && made.attributes.last_number.is_none());
        assert_eq!(made.left_out.len(), 1);
    }
}
