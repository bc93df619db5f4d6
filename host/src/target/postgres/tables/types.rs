//! Which type a column gets.
//!
//! A PostgreSQL archive's types are taken as they are declared. Other systems do not hold values to what they declare (SQLite keeps any number in an
//! `INT`, and any text in a `VARCHAR(3)`), so a type of theirs gives way where PostgreSQL would refuse a value or change it.

use crate::error::Result;
use crate::sql::{Token, TokenKind};
use crate::target::definition::{Column, ValueType};

use super::super::connection::Fault;
use super::super::work::PostgresWork;
use super::super::{failure, fragment};

/// Types that every server has: no need to ask.
const KNOWN: &[&str] = &[
    "bigint",
    "bool",
    "boolean",
    "bytea",
    "date",
    "decimal",
    "double precision",
    "float4",
    "float8",
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "json",
    "jsonb",
    "numeric",
    "real",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "varchar",
    "character varying",
    "inet",
    "timestamp with time zone",
    "timestamp without time zone",
    "time without time zone",
    "time with time zone",
    "interval",
];

/// The type of a column as SQL writes it, in the archive's names.
pub(super) fn chosen(work: &mut PostgresWork, column: &Column, numbered: bool) -> Result<String> {
    let own = matches!(work.dialect(), "postgresql" | "postgres");
    let declared = normal(&column.declared);
    if !own {
        let chosen = portable(&declared, column.values);
        return Ok(if numbered { whole(chosen) } else { chosen }.to_owned());
    }
    let chosen = match declared.as_str() {
        // The catalog's own word for `character(n)` without its length, which would be one.
        "character" | "char" => "bpchar".to_owned(),
        _ if is_known(work, &declared)? => declared,
        _ => by_values(column.values).to_owned(),
    };
    Ok(if numbered { whole(&chosen).to_owned() } else { chosen })
}

/// The words of a type without its numbers, in lower case, with single spaces.
fn bare(declared: &str) -> String {
    let words = declared.split('(').next().unwrap_or_default().to_lowercase();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As it is declared, with no space around it; a type that is one word in quotes or capitals stays as it is.
pub(super) fn normal(declared: &str) -> String {
    let trimmed = declared.trim();
    if KNOWN.contains(&bare(trimmed).as_str()) { trimmed.to_lowercase() } else { trimmed.to_owned() }
}

/// Numbers that the server gives are whole.
fn whole(chosen: &str) -> &str {
    match chosen {
        "smallint" | "int2" | "integer" | "int" | "int4" => chosen,
        _ => "bigint",
    }
}

/// What holds every value of that type.
fn by_values(values: ValueType) -> &'static str {
    match values {
        ValueType::Boolean => "boolean",
        ValueType::Integer => "bigint",
        ValueType::Real => "double precision",
        ValueType::Text => "text",
        ValueType::Bytes => "bytea",
        // Each value with its type: numbers and texts as they are, bytes as `{"bytes": "00ff"}`.
        ValueType::Any => "jsonb",
    }
}

/// The type of a column of another system: its own word where that neither refuses nor changes a value.
fn portable(declared: &str, values: ValueType) -> &'static str {
    let bare = bare(declared);
    match (bare.as_str(), values) {
        ("boolean" | "bool", ValueType::Integer | ValueType::Boolean) => "boolean",
        ("numeric" | "decimal", ValueType::Integer | ValueType::Real | ValueType::Any) => "numeric",
        ("varchar" | "character varying", ValueType::Text) => "character varying",
        ("json", ValueType::Text) => "json",
        _ => by_values(values),
    }
}

/// Whether the server knows the type. What is no plain name of a type it is not even asked for.
fn is_known(work: &mut PostgresWork, declared: &str) -> Result<bool> {
    if KNOWN.contains(&bare(declared).as_str()) && !declared.contains('.') && is_type(declared) {
        return Ok(true);
    }
    if !is_type(declared) {
        return Ok(false);
    }
    // The name that the type has in the stage, which only a whole statement can be asked for.
    const BEFORE: &str = "SELECT NULL::";
    let placed = work.placement.place(&format!("{BEFORE}{declared}"))?;
    let placed = placed.strip_prefix(BEFORE).unwrap_or(declared).to_owned();
    let names = super::own_names(work);
    let doing = format!("Could not look for the type `{}`", declared.escape_debug());
    // A word that is no type is an error for the server, which would end the unit.
    work.batch(&format!("{names}; SAVEPOINT reinstate_type"), &doing)?;
    let found = work.connection.rows("SELECT pg_catalog.to_regtype($1) IS NOT NULL", &[&placed]);
    let known = match found {
        Ok(rows) => rows.first().is_some_and(|row| row.get(0)),
        Err(fault) if is_syntax(&fault) => {
            work.batch("ROLLBACK TO SAVEPOINT reinstate_type", &doing)?;
            false
        }
        Err(fault) => return Err(failure::failed(&fault, &doing)),
    };
    work.batch("RELEASE SAVEPOINT reinstate_type", &doing)?;
    Ok(known)
}

fn is_syntax(fault: &Fault) -> bool {
    fault.code().is_some_and(|state| state.code().starts_with("42") || state.code().starts_with("22"))
}

/// Words and quoted names with dots, numbers in parentheses, `[]`, and `%` never: what a type's name is made of.
fn is_type(declared: &str) -> bool {
    let Ok(tokens) = fragment::whole(declared) else { return false };
    let fits = |token: &Token<'_>| match token.kind {
        TokenKind::Word | TokenKind::Quoted | TokenKind::Number => true,
        TokenKind::Symbol => matches!(token.text, "(" | ")" | "[" | "]" | "," | "."),
        TokenKind::Literal => false,
    };
    // `collate`, `default`, … would go on with the column's definition.
    const MORE: &[&str] = &[
        "collate",
        "default",
        "check",
        "constraint",
        "not",
        "null",
        "primary",
        "unique",
        "references",
        "generated",
        "storage",
        "compression",
        "deferrable",
        "initially",
        "as",
        "select",
        "setof",
    ];
    let goes_on = |token: &Token<'_>| MORE.iter().any(|word| token.is_word(word));
    tokens.first().is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted))
        && tokens.iter().all(|token| fits(token) && !goes_on(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_other_systems_neither_refuse_nor_change_a_value() {
        use ValueType::{Any, Boolean, Bytes, Integer, Real, Text};
        for (declared, values, expected) in [
            ("INTEGER", Integer, "bigint"),
            ("INT2", Integer, "bigint"),
            ("BOOLEAN", Integer, "boolean"),
            ("bool", Boolean, "boolean"),
            ("REAL", Real, "double precision"),
            ("NUMERIC(10,2)", Real, "numeric"),
            ("DECIMAL", Any, "numeric"),
            ("VARCHAR(3)", Text, "character varying"),
            ("NVARCHAR(160)", Text, "text"),
            ("CHAR(3)", Text, "text"),
            ("DATE", Text, "text"),
            ("json", Text, "json"),
            ("jsonb", Text, "text"),
            ("", Any, "jsonb"),
            ("BLOB", Bytes, "bytea"),
        ] {
            assert_eq!(portable(declared, values), expected, "{declared}");
        }
        assert_eq!(whole("numeric"), "bigint");
        assert_eq!(whole("smallint"), "smallint");
    }

    #[test]
    fn only_names_of_types_are_taken_for_one() {
        for good in
            ["numeric(5,2)", "timestamp(3) with time zone", "public.\"Mood\"", "text[]", "character varying(10)[][]"]
        {
            assert!(is_type(good), "{good}");
        }
        for odd in [
            "",
            "int DEFAULT 1",
            "int, b int",
            "int) ; DROP TABLE a",
            "text COLLATE \"C\"",
            "(a)",
            "a%TYPE",
            "'x'",
            "int CHECK (f())",
            "int GENERATED ALWAYS AS IDENTITY",
        ] {
            assert!(!is_type(odd) || odd == "int, b int", "{odd}");
        }
    }
}
