//! The types whose binary form is known, and what PostgreSQL prints for their values.

use super::{datetime, float, numeric};
use crate::Failure;
use crate::rows::{Field, shown};
use crate::tables::ValueType;

/// A type by its binary form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Boolean,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    /// `text` and all that is sent like it: `varchar`, `json`, `xml`.
    Text,
    /// `"char"`: one byte.
    Char,
    Bytes,
    Date,
    Time,
    Timestamp,
    TimestampUtc,
    Uuid,
    Jsonb,
    /// A type of the source's own: the label of an enum.
    Label,
}

/// A value as it was sent.
pub(super) enum Value<'a> {
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Single(f32),
    Text(&'a str),
    Printed(String),
    Bytes(&'a [u8]),
}

impl Type {
    /// The type that the field is declared with. Fails with `table.unknown_type`.
    pub(super) fn of(field: &Field) -> Result<Self, Failure> {
        named(&field.declared, field.values).ok_or_else(|| {
            let message =
                format!("Values of the type `{}` cannot be read from binary rows", shown(field.declared.as_bytes()));
            Failure::new("table.unknown_type", message).column(&field.name)
        })
    }

    /// The value that the bytes stand for; `None` when there is none.
    pub(super) fn read(self, bytes: &[u8]) -> Option<Value<'_>> {
        Some(match self {
            Self::Boolean => Value::Boolean(match bytes {
                [0] => false,
                [1] => true,
                _ => return None,
            }),
            Self::Int2 => Value::Integer(i16::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Int4 => Value::Integer(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Int8 => Value::Integer(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Oid => Value::Integer(u32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Float4 => Value::Single(f32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Float8 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Numeric => Value::Printed(numeric::print(bytes)?),
            Self::Text => Value::Text(std::str::from_utf8(bytes).ok()?),
            Self::Char => Value::Printed(char_value(bytes)?),
            Self::Bytes => Value::Bytes(bytes),
            Self::Date => Value::Printed(datetime::date(i32::from_be_bytes(bytes.try_into().ok()?))),
            Self::Time => Value::Printed(datetime::time(i64::from_be_bytes(bytes.try_into().ok()?))?),
            Self::Timestamp => Value::Printed(datetime::timestamp(i64::from_be_bytes(bytes.try_into().ok()?), "")),
            Self::TimestampUtc => {
                Value::Printed(datetime::timestamp(i64::from_be_bytes(bytes.try_into().ok()?), "+00"))
            }
            Self::Uuid => Value::Printed(uuid(bytes.try_into().ok()?)),
            Self::Jsonb => Value::Text(std::str::from_utf8(bytes.strip_prefix(&[1])?).ok()?),
            Self::Label => Value::Text(label(bytes)?),
        })
    }
}

impl Value<'_> {
    /// As a column of numbers holds it. A single-precision number is the number it is printed as.
    pub(super) fn as_real(&self) -> Option<f64> {
        match self {
            Self::Real(value) => Some(*value),
            Self::Single(value) => float::print_single(*value).parse().ok(),
            // Larger integers would lose digits without a word.
            Self::Integer(value) if value.unsigned_abs() <= 1 << 53 => Some(*value as f64),
            Self::Printed(number) => number.parse().ok(),
            _ => None,
        }
    }

    /// Appends what PostgreSQL prints.
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        match self {
            Self::Boolean(value) => out.push(if *value { b't' } else { b'f' }),
            Self::Integer(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Real(value) => out.extend_from_slice(float::print(*value).as_bytes()),
            Self::Single(value) => out.extend_from_slice(float::print_single(*value).as_bytes()),
            Self::Text(value) => out.extend_from_slice(value.as_bytes()),
            Self::Printed(value) => out.extend_from_slice(value.as_bytes()),
            Self::Bytes(value) => {
                out.extend_from_slice(b"\\x");
                out.extend(value.iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]));
            }
        }
    }
}

/// What is said of bytes that are no value of the type.
pub(super) fn bad_value(of: Type, field: &Field, bytes: &[u8]) -> Failure {
    let declared = shown(field.declared.as_bytes());
    let message = match of {
        Type::Label => format!("`{}` is not a label, and the type `{declared}` is not known", shown(bytes)),
        _ => format!(
            "`{}` is not a value of the type `{declared}` for a column of the kind {:?}",
            shown(bytes),
            field.values
        ),
    };
    Failure::new("table.bad_value", message).column(&field.name)
}

/// The type of that name as PostgreSQL or SQL writes it, its modifiers left out.
fn named(declared: &str, values: ValueType) -> Option<Type> {
    let (name, rest) = match (declared.find('('), declared.find(')')) {
        (Some(open), Some(close)) if open < close => (&declared[..open], &declared[close + 1..]),
        _ => (declared, ""),
    };
    let plain = format!("{}{rest}", name.trim_end());
    let plain = plain.strip_prefix("pg_catalog.").unwrap_or(&plain);
    Some(match plain.to_ascii_lowercase().as_str() {
        "boolean" | "bool" => Type::Boolean,
        "smallint" | "int2" | "smallserial" => Type::Int2,
        "integer" | "int" | "int4" | "serial" => Type::Int4,
        "bigint" | "int8" | "bigserial" => Type::Int8,
        "oid" | "xid" | "cid" => Type::Oid,
        "real" | "float4" => Type::Float4,
        "double precision" | "float8" => Type::Float8,
        "numeric" | "decimal" => Type::Numeric,
        "text" | "character varying" | "varchar" | "character" | "char" | "bpchar" | "name" | "json" | "xml"
        | "citext" => Type::Text,
        "\"char\"" => Type::Char,
        "bytea" => Type::Bytes,
        "date" => Type::Date,
        "time" | "time without time zone" => Type::Time,
        "timestamp" | "timestamp without time zone" => Type::Timestamp,
        "timestamptz" | "timestamp with time zone" => Type::TimestampUtc,
        "uuid" => Type::Uuid,
        "jsonb" => Type::Jsonb,
        _ if values == ValueType::Text && !plain.is_empty() && !is_known_otherwise(plain) => Type::Label,
        _ => return None,
    })
}

/// Types of PostgreSQL's own whose binary form is not read here, and arrays of anything.
fn is_known_otherwise(name: &str) -> bool {
    const NAMES: [&str; 44] = [
        "bit",
        "bit varying",
        "box",
        "cidr",
        "circle",
        "daterange",
        "datemultirange",
        "hstore",
        "inet",
        "int4multirange",
        "int4range",
        "int8multirange",
        "int8range",
        "interval",
        "jsonpath",
        "line",
        "lseg",
        "ltree",
        "macaddr",
        "macaddr8",
        "money",
        "nummultirange",
        "numrange",
        "path",
        "pg_lsn",
        "pg_snapshot",
        "point",
        "polygon",
        "regclass",
        "regproc",
        "regprocedure",
        "regrole",
        "regtype",
        "tid",
        "time with time zone",
        "timetz",
        "tsmultirange",
        "tsquery",
        "tsrange",
        "tstzmultirange",
        "tstzrange",
        "tsvector",
        "txid_snapshot",
        "varbit",
    ];
    name.ends_with(']') || NAMES.contains(&name.to_ascii_lowercase().as_str()) || name.starts_with("interval ")
}

/// A label of an enum: text without control characters, which numbers, arrays and records nearly always hold.
fn label(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (bytes.len() < 64 && !text.contains(char::is_control)).then_some(text)
}

/// As PostgreSQL 16 and later print it; zero is the empty text.
fn char_value(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0] => Some(String::new()),
        [byte @ 1..=127] => Some(char::from(*byte).to_string()),
        [byte] => Some(format!("\\{byte:03o}")),
        _ => None,
    }
}

fn uuid(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(hex(byte >> 4)));
        text.push(char::from(hex(byte & 15)));
    }
    text
}

fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_any_of_their_names() {
        for (declared, expected) in [
            ("integer", Some(Type::Int4)),
            ("character varying(30)", Some(Type::Text)),
            ("CHAR(3)", Some(Type::Text)),
            ("\"char\"", Some(Type::Char)),
            ("numeric(10,2)", Some(Type::Numeric)),
            ("timestamp(3) without time zone", Some(Type::Timestamp)),
            ("timestamp (3) with time zone", Some(Type::TimestampUtc)),
            ("pg_catalog.int8", Some(Type::Int8)),
            ("public.mpaa_rating", Some(Type::Label)),
            ("text[]", None),
            ("interval day to second(3)", None),
            ("time(6) with time zone", None),
            ("", None),
            (")(", Some(Type::Label)),
        ] {
            assert_eq!(named(declared, ValueType::Text), expected, "{declared}");
        }
        assert_eq!(named("posint", ValueType::Integer), None);
    }
}
