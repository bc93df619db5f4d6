//! Which type a column gets in SQLite.
//!
//! SQLite converts a value by the affinity of its column's declared type. Columns of a SQLite backup keep their type as it
//! was: what the affinity would convert, it has converted at the source already. Columns of other systems keep theirs only
//! where its affinity leaves their values as they are: exact text under `numeric(5,2)` would turn into a floating-point number, so
//! such a column is declared `TEXT`. The source's word stays in `reinstate_objects`.

use crate::target::definition::{Column, ValueType};

/// What SQLite's affinity rules make of a declared type, in the order of their precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

/// Section 3.1 of <https://sqlite.org/datatype3.html>.
fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["INT"]) {
        Affinity::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if declared.trim().is_empty() || has(&["BLOB"]) {
        Affinity::Blob
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// Whether a column of that affinity gives every such value back as it was put in.
fn keeps(affinity: Affinity, values: ValueType) -> bool {
    match values {
        ValueType::Text => matches!(affinity, Affinity::Text | Affinity::Blob),
        ValueType::Boolean | ValueType::Integer => {
            matches!(affinity, Affinity::Integer | Affinity::Numeric | Affinity::Blob)
        }
        ValueType::Real => matches!(affinity, Affinity::Real | Affinity::Blob),
        ValueType::Bytes => true,
        ValueType::Any => affinity == Affinity::Blob,
    }
}

fn plain(values: ValueType) -> &'static str {
    match values {
        ValueType::Text => "TEXT",
        ValueType::Boolean | ValueType::Integer => "INTEGER",
        ValueType::Real => "REAL",
        ValueType::Bytes => "BLOB",
        ValueType::Any => "",
    }
}

/// How a table's columns are to be typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typing {
    /// The definition is SQLite's own: declared types are kept whatever they are.
    pub(crate) exact: bool,
    /// The table is `STRICT`, which knows six types.
    pub(crate) strict: bool,
}

/// The type of a column, not quoted; empty for none. `numbered` when it is the whole primary key and SQLite shall give numbers.
pub(crate) fn chosen(column: &Column, typing: Typing, numbered: bool) -> String {
    let known_to_strict = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"];
    if typing.exact {
        return column.declared.clone();
    }
    if numbered {
        return "INTEGER".to_owned();
    }
    if typing.strict && !known_to_strict.contains(&column.declared.to_ascii_uppercase().as_str()) {
        return if column.values == ValueType::Any { "ANY" } else { plain(column.values) }.to_owned();
    }
    if keeps(affinity(&column.declared), column.values) {
        column.declared.clone()
    } else {
        plain(column.values).to_owned()
    }
}

/// The type as it is written in a statement. What is not a plain row of words, with one or two numbers at most, is quoted:
/// SQLite takes any text as a type's name, and quoted it cannot be anything else.
pub(crate) fn written(chosen: &str) -> String {
    if chosen.is_empty() || is_plain(chosen) { chosen.to_owned() } else { super::name::quote(chosen) }
}

fn is_plain(chosen: &str) -> bool {
    let (words, numbers) = match chosen.split_once('(') {
        Some((words, rest)) => (words, rest.strip_suffix(')')),
        None => (chosen, Some("0")),
    };
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !is_keyword(word)
    };
    let is_number = |number: &str| !number.trim().is_empty() && number.trim().bytes().all(|b| b.is_ascii_digit());
    let words_fine =
        !words.starts_with(' ') && words.split(' ').filter(|word| !word.is_empty()).all(is_word) && words.trim() != "";
    words_fine && numbers.is_some_and(|numbers| numbers.split(',').count() <= 2 && numbers.split(',').all(is_number))
}

/// Words that end a type's name or are no names for SQLite's parser.
fn is_keyword(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "ADD",
        "ALL",
        "ALTER",
        "ALWAYS",
        "AND",
        "AS",
        "AUTOINCREMENT",
        "BETWEEN",
        "CASE",
        "CHECK",
        "COLLATE",
        "COMMIT",
        "CONSTRAINT",
        "CREATE",
        "DEFAULT",
        "DEFERRABLE",
        "DELETE",
        "DISTINCT",
        "DROP",
        "ELSE",
        "ESCAPE",
        "EXCEPT",
        "EXISTS",
        "FOREIGN",
        "FROM",
        "GENERATED",
        "GROUP",
        "HAVING",
        "IN",
        "INDEX",
        "INSERT",
        "INTERSECT",
        "INTO",
        "IS",
        "ISNULL",
        "JOIN",
        "LIMIT",
        "NOT",
        "NOTHING",
        "NOTNULL",
        "NULL",
        "ON",
        "OR",
        "ORDER",
        "PRIMARY",
        "REFERENCES",
        "RETURNING",
        "SELECT",
        "SET",
        "TABLE",
        "THEN",
        "TO",
        "TRANSACTION",
        "UNION",
        "UNIQUE",
        "UPDATE",
        "USING",
        "VALUES",
        "WHEN",
        "WHERE",
    ];
    WORDS.contains(&word.to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(declared: &str, values: ValueType) -> Column {
        Column {
            name: "a".into(),
            values,
            declared: declared.into(),
            nullable: true,
            default: None,
            generated: None,
            collation: None,
        }
    }

    #[test]
    fn foreign_types_give_way_where_sqlite_would_convert() {
        use ValueType::{Any, Boolean, Bytes, Integer, Real, Text};
        for (declared, values, kept) in [
            ("numeric(5,2)", Text, "TEXT"),
            ("varchar(20)", Text, "varchar(20)"),
            ("uuid", Text, "TEXT"),
            ("bigint", Integer, "bigint"),
            ("text", Integer, "INTEGER"),
            ("boolean", Boolean, "boolean"),
            ("double precision", Real, "double precision"),
            ("numeric", Real, "REAL"),
            ("bytea", Bytes, "bytea"),
            ("numeric", Any, ""),
        ] {
            assert_eq!(
                chosen(&column(declared, values), Typing { exact: false, strict: false }, false),
                kept,
                "{declared}"
            );
            assert_eq!(chosen(&column(declared, values), Typing { exact: true, strict: false }, false), declared);
        }
        assert_eq!(chosen(&column("bigint", Integer), Typing { exact: false, strict: false }, true), "INTEGER");
        assert_eq!(chosen(&column("bigint", Integer), Typing { exact: false, strict: true }, false), "INTEGER");
        assert_eq!(chosen(&column("x", Any), Typing { exact: false, strict: true }, false), "ANY");
    }

    #[test]
    fn only_plain_types_are_written_bare() {
        for bare in ["INTEGER", "numeric(5,2)", "numeric (5, 2)", "double precision", "timestamp with time zone", ""] {
            assert_eq!(written(bare), bare);
        }
        for odd in [
            "INTEGER PRIMARY KEY",
            "int[]",
            "enum('a')",
            "a\"b",
            "TEXT CHECK(0)",
            "x(1,2,3)",
            "x(",
            "()",
            " x",
            "x) , b (y",
            "x(-1)",
        ] {
            assert!(written(odd).starts_with('"'), "{odd}");
        }
    }
}
