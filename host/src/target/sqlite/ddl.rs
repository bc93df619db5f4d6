//! `CREATE` statements from definitions. Every name is quoted, every fragment is checked and put between parentheses.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::target::definition::{Column, ForeignKey, Index, IndexColumn, Key, TableDefinition};

use super::declared::{Typing, chosen, written};
use super::name::{check_plain, qualify, quote};
use super::rewrite;
use super::token::{Kind, check_fragment, tokens};

/// What a table is called in a statement, and in its fragments.
pub(crate) struct Naming<'a> {
    /// Its name in the statement.
    pub(crate) table: &'a str,
    /// Names by which fragments may qualify its columns.
    pub(crate) aliases: &'a [&'a str],
    /// Its schema, where references of theirs have none.
    pub(crate) schema: Option<&'a str>,
}

/// A table's definition with the types its columns get.
pub(crate) struct Typed<'a> {
    /// The definition.
    pub(crate) definition: &'a TableDefinition,
    /// One a column.
    pub(crate) types: Vec<String>,
    strict: bool,
    without_rowid: bool,
}

fn bad(message: impl Into<String>) -> Error {
    Error::new("target.bad_definition", message)
}

impl<'a> Typed<'a> {
    /// Decides on types and refuses options that SQLite does not have.
    pub(crate) fn new(definition: &'a TableDefinition, exact: bool) -> Result<Self> {
        let (mut strict, mut without_rowid) = (false, false);
        for option in &definition.options {
            match option.as_str() {
                "strict" => strict = true,
                "without-rowid" => without_rowid = true,
                other => return Err(bad(format!("SQLite has no table option `{}`", other.escape_debug()))),
            }
        }
        if definition.columns.is_empty() {
            return Err(bad("A table needs at least one column"));
        }
        let typing = Typing { exact, strict };
        let numbered = |column: &Column| {
            definition
                .primary_key
                .as_ref()
                .is_some_and(|key| key.automatic && key.columns.len() == 1 && key.columns[0] == column.name)
        };
        let types = definition.columns.iter().map(|column| chosen(column, typing, numbered(column))).collect();
        Ok(Self { definition, types, strict, without_rowid })
    }

    /// Whether nothing in the statement is the plugin's own text but quoted names: SQLite cannot misunderstand it.
    pub(crate) fn is_plain(&self) -> bool {
        let known = |declared: &String| matches!(declared.as_str(), "INTEGER" | "REAL" | "TEXT" | "BLOB" | "");
        let bare =
            |column: &Column| column.default.is_none() && column.generated.is_none() && column.collation.is_none();
        let TableDefinition { columns, checks, foreign_keys, .. } = self.definition;
        self.types.iter().all(known) && columns.iter().all(bare) && checks.is_empty() && foreign_keys.is_empty()
    }

    /// The statement. `references` false leaves foreign keys out, as a table must that nobody sees.
    pub(crate) fn create(&self, naming: &Naming<'_>, references: bool) -> Result<String> {
        let definition = self.definition;
        let mut lines = Vec::new();
        for (column, declared) in definition.columns.iter().zip(&self.types) {
            lines.push(column_line(column, declared, naming)?);
        }
        if let Some(key) = &definition.primary_key {
            lines.push(primary_key(key)?);
        }
        for key in &definition.uniques {
            if key.automatic {
                return Err(bad("Only a primary key can be numbered by SQLite"));
            }
            lines.push(format!("{}UNIQUE({})", constraint(key.name.as_deref())?, list(&key.columns)?));
        }
        for check in &definition.checks {
            lines.push(format!(
                "{}CHECK({})",
                constraint(check.name.as_deref())?,
                fragment(&check.expression, naming, "a check")?
            ));
        }
        for key in definition.foreign_keys.iter().filter(|_| references) {
            lines.push(foreign_key(key, naming)?);
        }
        let options = match (self.strict, self.without_rowid) {
            (true, true) => " STRICT, WITHOUT ROWID",
            (true, false) => " STRICT",
            (false, true) => " WITHOUT ROWID",
            (false, false) => "",
        };
        Ok(format!("CREATE TABLE {}(\n  {}\n){options}", quote(naming.table), lines.join(",\n  ")))
    }
}

fn column_line(column: &Column, declared: &str, naming: &Naming<'_>) -> Result<String> {
    let mut line = name(&column.name)?;
    if !declared.is_empty() {
        if declared.contains('\0') {
            return Err(bad(format!("The type of column `{}` has a NUL in it", column.name)));
        }
        let _ = write!(line, " {}", written(declared));
    }
    if let Some(generated) = &column.generated {
        if column.default.is_some() {
            return Err(bad(format!(
                "Column `{}` is computed and has a default; it can have one of them",
                column.name
            )));
        }
        let expression = fragment(&generated.expression, naming, &column.name)?;
        let _ =
            write!(line, " GENERATED ALWAYS AS ({expression}) {}", if generated.stored { "STORED" } else { "VIRTUAL" });
    }
    if let Some(default) = &column.default {
        let text = fragment(default, naming, &column.name)?;
        let _ = if is_literal(default) { write!(line, " DEFAULT {text}") } else { write!(line, " DEFAULT ({text})") };
    }
    if let Some(collation) = &column.collation {
        let _ = write!(line, " COLLATE {}", name(collation)?);
    }
    if !column.nullable {
        line.push_str(" NOT NULL");
    }
    Ok(line)
}

fn primary_key(key: &Key) -> Result<String> {
    let automatic = match (key.automatic, key.columns.len()) {
        (false, _) => "",
        (true, 1) => " AUTOINCREMENT",
        (true, _) => return Err(bad("SQLite can number a primary key of one column only")),
    };
    Ok(format!("{}PRIMARY KEY({}{automatic})", constraint(key.name.as_deref())?, list(&key.columns)?))
}

fn foreign_key(key: &ForeignKey, naming: &Naming<'_>) -> Result<String> {
    let schema = key.schema.as_deref().or(naming.schema);
    let mut line = format!(
        "{}FOREIGN KEY({}) REFERENCES {}",
        constraint(key.name.as_deref())?,
        list(&key.columns)?,
        name(&qualify(schema, &key.table))?
    );
    if !key.references.is_empty() {
        let _ = write!(line, "({})", list(&key.references)?);
    }
    for (event, action) in [("UPDATE", &key.on_update), ("DELETE", &key.on_delete)] {
        match action.as_str() {
            "NO ACTION" | "" => {}
            "RESTRICT" | "CASCADE" | "SET NULL" | "SET DEFAULT" => {
                let _ = write!(line, " ON {event} {action}");
            }
            other => {
                return Err(bad(format!(
                    "A foreign key cannot do `{}` on {}",
                    other.escape_debug(),
                    event.to_lowercase()
                )));
            }
        }
    }
    if key.deferred {
        line.push_str(" DEFERRABLE INITIALLY DEFERRED");
    }
    Ok(line)
}

/// The statement that creates `index` under the name `called`. `columns` are those of the table: SQLite would take an unknown
/// quoted name for a text.
pub(crate) fn create_index(index: &Index, called: &str, naming: &Naming<'_>, columns: &[String]) -> Result<String> {
    let terms = index.columns.iter().map(|column| index_term(column, naming, columns)).collect::<Result<Vec<_>>>()?;
    if terms.is_empty() {
        return Err(bad(format!("Index `{}` has no columns", index.name)));
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let mut statement =
        format!("CREATE {unique}INDEX {} ON {}({})", name(called)?, quote(naming.table), terms.join(", "));
    if let Some(condition) = &index.condition {
        let _ = write!(statement, " WHERE {}", condition_text(condition, naming, &index.name)?);
    }
    Ok(statement)
}

fn condition_text(condition: &str, naming: &Naming<'_>, index: &str) -> Result<String> {
    fragment(condition, naming, index).map(|text| text.trim_end().to_owned())
}

fn index_term(column: &IndexColumn, naming: &Naming<'_>, columns: &[String]) -> Result<String> {
    let mut term = if column.expression {
        format!("({})", fragment(&column.term, naming, "an index")?)
    } else if columns.iter().any(|known| known.eq_ignore_ascii_case(&column.term)) {
        name(&column.term)?
    } else {
        return Err(bad(format!(
            "An index names column `{}`, which the table does not have",
            column.term.escape_debug()
        )));
    };
    if let Some(collation) = &column.collation {
        let _ = write!(term, " COLLATE {}", name(collation)?);
    }
    if column.descending {
        term.push_str(" DESC");
    }
    Ok(term)
}

/// The statement that creates a view. The query stands at its end, so nothing can follow it.
pub(crate) fn create_view(view: &str, columns: &[String], query: &str) -> Result<String> {
    let query = query.trim().trim_end_matches(';').trim_end();
    check_fragment(query).map_err(|why| bad(format!("The query of view `{view}` cannot be used: {why}")))?;
    let columns = if columns.is_empty() { String::new() } else { format!("({})", list(columns)?) };
    Ok(format!("CREATE VIEW {}{columns} AS {query}", quote(view)))
}

fn fragment(text: &str, naming: &Naming<'_>, of: &str) -> Result<String> {
    let wrong = |why: &str| bad(format!("An expression of `{}` cannot be used: {why}", of.escape_debug()));
    check_fragment(text).map_err(wrong)?;
    let mut text = rewrite::fragment(text, naming.aliases, naming.table).map_err(|why| wrong(&why))?;
    if text.contains("--") {
        text.push('\n');
    }
    Ok(text)
}

/// Whether a default needs no parentheses: a number, a text, or a word that stands for a value.
fn is_literal(text: &str) -> bool {
    let Ok(tokens) = tokens(text) else { return false };
    let words = ["NULL", "TRUE", "FALSE", "CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"];
    match tokens.as_slice() {
        [only] => matches!(only.kind, Kind::Number | Kind::Text) || words.iter().any(|word| only.is(word)),
        [sign, number] => (sign.is_mark("-") || sign.is_mark("+")) && number.kind == Kind::Number,
        _ => false,
    }
}

fn constraint(called: Option<&str>) -> Result<String> {
    called.map_or(Ok(String::new()), |called| Ok(format!("CONSTRAINT {} ", name(called)?)))
}

fn list(columns: &[String]) -> Result<String> {
    if columns.is_empty() {
        return Err(bad("A key needs at least one column"));
    }
    Ok(columns.iter().map(|column| name(column)).collect::<Result<Vec<_>>>()?.join(", "))
}

fn name(name: &str) -> Result<String> {
    if name.contains('\0') {
        return Err(bad(format!("The name `{}` has a NUL in it", name.escape_debug())));
    }
    Ok(quote(name))
}

/// Refuses index and trigger names that are not for plugins to give.
pub(crate) fn check_name(called: &str) -> Result<()> {
    check_plain(called)
}
