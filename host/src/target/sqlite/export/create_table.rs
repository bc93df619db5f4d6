//! `CREATE TABLE` statements as SQLite keeps them, taken apart: every expression stays as it was written.

use crate::backup::attributes::{Check, ForeignKey, Generated, Key};
use crate::sql::references::{deferral, references};
use crate::sql::{Cursor, Dialect, Token, TokenKind, tokens};

/// What the statement says that SQLite's pragmas do not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CreatedTable {
    pub(crate) columns: Vec<CreatedColumn>,
    pub(crate) primary_key: Option<Key>,
    pub(crate) uniques: Vec<Key>,
    pub(crate) checks: Vec<Check>,
    /// `table` is a name of the file.
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) strict: bool,
    pub(crate) without_rowid: bool,
    /// Columns of keys that name a collation; it must be the column's own.
    collated: Vec<(String, String)>,
}

/// A column; its type is in the pragmas.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CreatedColumn {
    pub(crate) name: String,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    pub(crate) collation: Option<String>,
    pub(crate) generated: Option<Generated>,
}

/// Reads the statement. Fails on what an archive has no words for, and names it.
pub(crate) fn create_table(statement: &str) -> Result<CreatedTable, String> {
    let tokens = tokens(statement, Dialect::Sqlite)?;
    let mut cursor = Cursor::new(&tokens, Dialect::Sqlite);
    cursor.expect("CREATE TABLE")?;
    cursor.qualified()?;
    let body = cursor.group()?;
    let mut reader = Reader { statement, table: CreatedTable::default() };
    reader.options(cursor)?;
    for item in body.items() {
        if begins_table_constraint(&item) { reader.table_constraints(item)? } else { reader.column(item)? }
    }
    reader.finish()
}

fn begins_table_constraint(item: &Cursor<'_>) -> bool {
    // These words cannot be names unless they are quoted.
    ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|word| item.at(word))
}

struct Reader<'a> {
    statement: &'a str,
    table: CreatedTable,
}

impl Reader<'_> {
    fn options(&mut self, mut cursor: Cursor<'_>) -> Result<(), String> {
        while !cursor.is_empty() {
            if cursor.accept("WITHOUT ROWID") {
                self.table.without_rowid = true;
            } else if cursor.accept("STRICT") {
                self.table.strict = true;
            } else if !cursor.accept_symbol(',') {
                return cursor.end();
            }
        }
        Ok(())
    }

    fn column(&mut self, mut cursor: Cursor<'_>) -> Result<(), String> {
        let mut column = CreatedColumn { name: cursor.name()?, ..Default::default() };
        let integer = skip_type(&mut cursor)?;
        let mut name = None;
        while !cursor.is_empty() {
            if cursor.accept("CONSTRAINT") {
                name = Some(cursor.name()?);
            } else {
                self.column_constraint(&mut cursor, &mut column, name.take(), integer)?;
            }
        }
        self.table.columns.push(column);
        Ok(())
    }

    fn column_constraint(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: &mut CreatedColumn,
        name: Option<String>,
        integer: bool,
    ) -> Result<(), String> {
        let columns = || vec![column.name.clone()];
        if cursor.accept("PRIMARY KEY") {
            let descending = cursor.accept("DESC");
            if descending && integer {
                // SQLite makes of it a key that is not the row's number and takes NULL; only this very spelling does.
                return Err(format!("INTEGER PRIMARY KEY DESC of column {}", column.name));
            }
            let _ = cursor.accept("ASC");
            conflict(cursor)?;
            let key = Key { name, columns: columns(), automatic: cursor.accept("AUTOINCREMENT") };
            self.primary_key(key)?;
        } else if cursor.accept("NOT NULL") {
            column.not_null = true;
            conflict(cursor)?;
        } else if cursor.accept("NULL") {
            conflict(cursor)?;
        } else if cursor.accept("UNIQUE") {
            self.table.uniques.push(Key { name, columns: columns(), automatic: false });
            conflict(cursor)?;
        } else if cursor.at("CHECK") {
            self.check(cursor, name)?;
        } else if cursor.accept("DEFAULT") {
            column.default = Some(default(cursor, self.statement)?);
        } else if cursor.accept("COLLATE") {
            column.collation = Some(cursor.name()?);
        } else if cursor.at("REFERENCES") {
            let key = foreign_key(cursor, name, columns())?;
            self.table.foreign_keys.push(key);
        } else if cursor.accept("GENERATED ALWAYS AS") || cursor.accept("AS") {
            let expression = cursor.group()?.text(self.statement);
            let stored = cursor.accept("STORED");
            let _ = cursor.accept("VIRTUAL");
            column.generated = Some(Generated { expression, stored });
        } else {
            return cursor.end();
        }
        Ok(())
    }

    /// SQLite lets constraints follow each other without commas.
    fn table_constraints(&mut self, mut cursor: Cursor<'_>) -> Result<(), String> {
        let mut name = None;
        while !cursor.is_empty() {
            if cursor.accept("CONSTRAINT") {
                name = Some(cursor.name()?);
            } else {
                self.table_constraint(&mut cursor, name.take())?;
            }
        }
        Ok(())
    }

    fn table_constraint(&mut self, cursor: &mut Cursor<'_>, name: Option<String>) -> Result<(), String> {
        if cursor.accept("PRIMARY KEY") {
            let (columns, automatic) = self.key_columns(cursor)?;
            self.primary_key(Key { name, columns, automatic })?;
            conflict(cursor)
        } else if cursor.accept("UNIQUE") {
            let (columns, automatic) = self.key_columns(cursor)?;
            self.table.uniques.push(Key { name, columns, automatic });
            conflict(cursor)
        } else if cursor.at("CHECK") {
            self.check(cursor, name)
        } else if cursor.accept("FOREIGN KEY") {
            let columns = cursor.names()?;
            let key = foreign_key(cursor, name, columns)?;
            self.table.foreign_keys.push(key);
            Ok(())
        } else {
            cursor.end()
        }
    }

    fn check(&mut self, cursor: &mut Cursor<'_>, name: Option<String>) -> Result<(), String> {
        cursor.expect("CHECK")?;
        let expression = cursor.group()?.text(self.statement);
        self.table.checks.push(Check { name, expression });
        conflict(cursor)
    }

    fn primary_key(&mut self, key: Key) -> Result<(), String> {
        match self.table.primary_key.replace(key) {
            Some(_) => Err("a second primary key".to_owned()),
            None => Ok(()),
        }
    }

    /// Columns of a key, and whether AUTOINCREMENT follows them. Their order, ascending or not, changes no result.
    fn key_columns(&mut self, cursor: &mut Cursor<'_>) -> Result<(Vec<String>, bool), String> {
        let mut columns = Vec::new();
        let mut automatic = false;
        for mut item in cursor.group()?.items() {
            let column = item.name()?;
            if item.accept("COLLATE") {
                self.table.collated.push((column.clone(), item.name()?));
            }
            let _ = item.accept("ASC") || item.accept("DESC");
            automatic = item.accept("AUTOINCREMENT");
            item.end()?;
            columns.push(column);
        }
        Ok((columns, automatic))
    }

    /// Gives names in keys the letters they have among the columns, and looks at the keys' collations.
    fn finish(self) -> Result<CreatedTable, String> {
        let mut table = self.table;
        let columns = &table.columns;
        let keys = table.primary_key.iter_mut().chain(&mut table.uniques).map(|key| &mut key.columns);
        for name in keys.chain(table.foreign_keys.iter_mut().map(|key| &mut key.columns)).flatten() {
            *name = column(columns, name)?.name.clone();
        }
        for (name, collation) in &table.collated {
            let own = column(columns, name)?.collation.as_deref().unwrap_or("BINARY");
            if !own.eq_ignore_ascii_case(collation) {
                return Err(format!("COLLATE {collation} in a key, which is not the collation of column {name}"));
            }
        }
        table.collated.clear();
        Ok(table)
    }
}

fn column<'a>(columns: &'a [CreatedColumn], name: &str) -> Result<&'a CreatedColumn, String> {
    let found = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("a key of column {name}, which is not there"))
}

/// Passes over the type; says whether it is the one word that makes a primary key the row's number.
fn skip_type(cursor: &mut Cursor<'_>) -> Result<bool, String> {
    const ENDS: [&str; 10] =
        ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "AS"];
    let start = cursor.rest();
    while let Some(token) = cursor.peek(0) {
        if token.is_symbol('(') {
            cursor.group()?;
        } else if cursor.at("GENERATED ALWAYS") || ENDS.iter().any(|word| token.is_word(word)) {
            break;
        } else {
            cursor.name()?;
        }
    }
    let written = &start[..start.len() - cursor.rest().len()];
    Ok(matches!(written, [only] if only.name(Dialect::Sqlite).is_some_and(|name| name.eq_ignore_ascii_case("INTEGER"))))
}

/// `ON CONFLICT`, of which only SQLite's own default can be carried.
fn conflict(cursor: &mut Cursor<'_>) -> Result<(), String> {
    if !cursor.accept("ON CONFLICT") {
        return Ok(());
    }
    let action = cursor.name()?;
    if action.eq_ignore_ascii_case("ABORT") { Ok(()) } else { Err(format!("ON CONFLICT {}", action.to_uppercase())) }
}

/// A default as an expression; what stands in its parentheses if it has some.
fn default(cursor: &mut Cursor<'_>, statement: &str) -> Result<String, String> {
    if let Ok(group) = cursor.group() {
        return Ok(group.text(statement));
    }
    let start = cursor.rest();
    let _ = cursor.accept_symbol('-') || cursor.accept_symbol('+');
    let value = cursor.next().ok_or("a value is expected after DEFAULT")?;
    let signed = start.len() - cursor.rest().len() > 1;
    if !signed && is_name(value) {
        // SQLite takes a name for a text here, and nowhere else.
        let text = value.name(Dialect::Sqlite).unwrap_or_default();
        return Ok(format!("'{}'", text.replace('\'', "''")));
    }
    Ok(Cursor::new(&start[..start.len() - cursor.rest().len()], Dialect::Sqlite).text(statement))
}

fn is_name(token: &Token<'_>) -> bool {
    const WORDS: [&str; 6] = ["TRUE", "FALSE", "NULL", "CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"];
    match token.kind {
        TokenKind::Quoted => true,
        TokenKind::Word => !WORDS.iter().any(|word| token.is_word(word)),
        TokenKind::Literal | TokenKind::Number | TokenKind::Symbol => false,
    }
}

fn foreign_key(cursor: &mut Cursor<'_>, name: Option<String>, columns: Vec<String>) -> Result<ForeignKey, String> {
    let mut found = references(cursor)?;
    while deferral(cursor, &mut found.deferred) {}
    if found.schema.is_some() {
        return Err("a foreign key into another file".to_owned());
    }
    Ok(ForeignKey {
        name,
        columns,
        schema: None,
        table: found.table,
        references: found.columns,
        on_update: found.on_update.to_owned(),
        on_delete: found.on_delete.to_owned(),
        deferred: found.deferred,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_a_statement_says_is_read() {
        let table = create_table(
            "CREATE TABLE \"t\" (
                id INTEGER CONSTRAINT pk PRIMARY KEY ASC AUTOINCREMENT, -- the key
                [a b] VARCHAR(10, 2) NOT NULL DEFAULT 'x' COLLATE NOCASE,
                c DEFAULT (1 + 2) CHECK (c > 0 /* , */) UNIQUE ON CONFLICT ABORT,
                d DEFAULT -5 REFERENCES p ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
                e DEFAULT word, f DEFAULT \"it's\", g DEFAULT TRUE, h DEFAULT x'00',
                i INT GENERATED ALWAYS AS (c * 2) STORED, j AS (c) ,
                CONSTRAINT u UNIQUE (C, [A B] COLLATE nocase DESC)
                CHECK (d <> ')'),
                FOREIGN KEY (c, D) REFERENCES q (x, y) ON UPDATE SET NULL MATCH FULL
            )",
        )
        .unwrap();
        let default = |name: &str| table.columns.iter().find(|c| c.name == name).unwrap().default.as_deref();
        let defaults: Vec<_> = ["a b", "c", "d", "e", "f", "g", "h", "i"].into_iter().map(default).collect();
        let expected = [
            Some("'x'"),
            Some("1 + 2"),
            Some("-5"),
            Some("'word'"),
            Some("'it''s'"),
            Some("TRUE"),
            Some("x'00'"),
            None,
        ];
        assert_eq!(defaults, expected);
        assert_eq!(
            table.primary_key,
            Some(Key { name: Some("pk".into()), columns: vec!["id".into()], automatic: true })
        );
        let uniques: Vec<_> = table.uniques.iter().map(|key| (key.name.as_deref(), key.columns.join("|"))).collect();
        assert_eq!(uniques, [(None, "c".to_owned()), (Some("u"), "c|a b".to_owned())]);
        let checks: Vec<_> = table.checks.iter().map(|check| check.expression.as_str()).collect();
        assert_eq!(checks, ["c > 0", "d <> ')'"]);
        assert_eq!(table.columns[8].generated, Some(Generated { expression: "c * 2".into(), stored: true }));
        assert_eq!(table.columns[9].generated, Some(Generated { expression: "c".into(), stored: false }));
        assert!(table.columns[1].not_null && table.columns[1].collation.as_deref() == Some("NOCASE"));
        let keys: Vec<_> =
            table.foreign_keys.iter().map(|key| (key.columns.join("|"), key.table.as_str(), key.deferred)).collect();
        assert_eq!(keys, [("d".to_owned(), "p", true), ("c|d".to_owned(), "q", false)]);
        assert_eq!(table.foreign_keys[0].on_delete, "CASCADE");
        assert_eq!(table.foreign_keys[1].on_update, "SET NULL");
        let options = create_table("CREATE TABLE t(a TEXT PRIMARY KEY) STRICT, WITHOUT ROWID").unwrap();
        assert!(options.strict && options.without_rowid);
    }

    #[test]
    fn what_an_archive_cannot_say_is_named() {
        let cases = [
            ("CREATE TABLE t(a UNIQUE ON CONFLICT REPLACE)", "ON CONFLICT REPLACE"),
            ("CREATE TABLE t(a NOT NULL ON CONFLICT ignore)", "ON CONFLICT IGNORE"),
            ("CREATE TABLE t(a, PRIMARY KEY (a) ON CONFLICT FAIL)", "ON CONFLICT FAIL"),
            ("CREATE TABLE t(a INTEGER PRIMARY KEY DESC)", "DESC"),
            ("CREATE TABLE t(a COLLATE RTRIM, UNIQUE (a COLLATE NOCASE))", "COLLATE NOCASE"),
            ("CREATE VIRTUAL TABLE t USING fts5(a)", "TABLE"),
            ("CREATE TABLE t(a WAT 1)", "1"),
        ];
        for (statement, reason) in cases {
            let error = create_table(statement).unwrap_err();
            assert!(error.contains(reason), "{statement}: {error}");
        }
    }
}
