//! How types of other systems travel: only what `values` holds exactly leaves the form of text.

use arrow_schema::DataType;

use crate::backup::attributes::{Column, Values};

use super::documents;

/// A column as `columns.json` describes it.
pub(crate) fn column(document: &documents::Column) -> Column {
    let udt = document.udt.as_deref();
    Column {
        name: document.name.clone(),
        values: sql_values(udt.unwrap_or(&document.declared)),
        declared: declared(&document.declared, udt),
        nullable: document.nullable,
        default: document.default.clone(),
        generated: document.generated.clone(),
        collation: document.collation.clone(),
    }
}

/// The type as a person would write it: `information_schema` says `ARRAY` and `USER-DEFINED` where only the other name tells.
fn declared(written: &str, udt: Option<&str>) -> String {
    match (written, udt) {
        ("USER-DEFINED", Some(udt)) => udt.to_owned(),
        ("ARRAY", Some(udt)) => format!("{}[]", udt.strip_prefix('_').unwrap_or(udt)),
        _ => written.to_owned(),
    }
}

/// How values of an SQL type travel. Numbers with a scale, times, arrays and all else stay text, which is exact.
fn sql_values(sql: &str) -> Values {
    match sql.to_ascii_lowercase().as_str() {
        "int2" | "int4" | "int8" | "smallint" | "integer" | "int" | "bigint" | "serial" | "smallserial"
        | "bigserial" => Values::Integer,
        "bool" | "boolean" => Values::Boolean,
        "float4" | "float8" | "real" | "double precision" => Values::Real,
        "bytea" | "blob" => Values::Bytes,
        _ => Values::Text,
    }
}

/// How values of an Arrow type travel, and the Arrow type that holds them there. What has no word of ours keeps its own type.
pub(crate) fn arrow_values(arrow: &DataType) -> (Values, DataType) {
    use DataType::{
        Binary, BinaryView, Boolean, Dictionary, FixedSizeBinary, Float16, Float32, Float64, Int8, Int16, Int32, Int64,
        LargeBinary, LargeUtf8, Null, RunEndEncoded, UInt8, UInt16, UInt32, Utf8, Utf8View,
    };
    match arrow {
        Boolean => (Values::Boolean, Boolean),
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 => (Values::Integer, Int64),
        Float16 | Float32 | Float64 => (Values::Real, Float64),
        Null | Utf8 | LargeUtf8 | Utf8View => (Values::Text, Utf8),
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => (Values::Bytes, Binary),
        Dictionary(_, values) => arrow_values(values),
        RunEndEncoded(_, values) => arrow_values(values.data_type()),
        other if is_any(other) => (Values::Any, other.clone()),
        other => (Values::Text, other.clone()),
    }
}

/// The dense union that `FORMAT.md` calls `any`.
fn is_any(arrow: &DataType) -> bool {
    let DataType::Union(fields, arrow_schema::UnionMode::Dense) = arrow else { return false };
    let found: Vec<_> = fields.iter().map(|(id, field)| (id, field.name().as_str(), field.data_type())).collect();
    found
        == [
            (0, "null", &DataType::Null),
            (1, "integer", &DataType::Int64),
            (2, "real", &DataType::Float64),
            (3, "text", &DataType::Utf8),
            (4, "bytes", &DataType::Binary),
        ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_mapped_where_nothing_is_lost() {
        let cases = [
            ("integer", Some("int4"), Values::Integer, "integer"),
            ("boolean", Some("bool"), Values::Boolean, "boolean"),
            ("numeric", Some("numeric"), Values::Text, "numeric"),
            ("numeric(5,2)", None, Values::Text, "numeric(5,2)"),
            ("ARRAY", Some("_text"), Values::Text, "text[]"),
            ("ARRAY", Some("_int4"), Values::Text, "int4[]"),
            ("USER-DEFINED", Some("mpaa_rating"), Values::Text, "mpaa_rating"),
            ("timestamp with time zone", Some("timestamptz"), Values::Text, "timestamp with time zone"),
            ("bytea", None, Values::Bytes, "bytea"),
            ("DOUBLE PRECISION", None, Values::Real, "DOUBLE PRECISION"),
        ];
        for (written, udt, values, shown) in cases {
            assert_eq!(sql_values(udt.unwrap_or(written)), values, "{written}");
            assert_eq!(declared(written, udt), shown);
        }
    }

    #[test]
    fn arrow_types_without_a_word_keep_their_own() {
        use DataType::{Dictionary, Int32, Int64, UInt64, Utf8};
        assert_eq!(arrow_values(&Int32), (Values::Integer, Int64));
        assert_eq!(arrow_values(&UInt64), (Values::Text, UInt64));
        assert_eq!(arrow_values(&DataType::Date32), (Values::Text, DataType::Date32));
        assert_eq!(arrow_values(&Dictionary(Box::new(Int32), Box::new(Utf8))), (Values::Text, Utf8));
    }
}
