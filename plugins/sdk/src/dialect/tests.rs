//! Expressions as real databases write them, and what becomes of them.

use super::*;

fn column(name: &str, values: ValueType, declared: &str) -> Column {
    Column {
        name: name.into(),
        values,
        declared: declared.into(),
        nullable: true,
        default: None,
        generated: None,
        collation: None,
    }
}

fn columns() -> Vec<Column> {
    vec![
        column("amount", ValueType::Real, "numeric(5,2)"),
        column("year", ValueType::Integer, "integer"),
        column("active", ValueType::Boolean, "boolean"),
        column("status", ValueType::Text, "character varying(20)"),
        column("born", ValueType::Text, "date"),
        column("price", ValueType::Text, "numeric"),
        column("data", ValueType::Bytes, "bytea"),
        column("Mixed Case", ValueType::Integer, "integer"),
    ]
}

fn condition(from: &str, text: &str) -> Result<String, String> {
    let columns = columns();
    Translator::new(from, Passage::Translated, &columns).condition(text)
}

#[test]
fn conditions_as_postgresql_writes_them() {
    for (text, expected) in [
        ("(((year >= 1901) AND (year <= 2155)))", "((\"year\" >= 1901) AND (\"year\" <= 2155))"),
        ("(amount >= (0)::numeric)", "(\"amount\" >= 0)"),
        ("((amount)::double precision > '-1'::integer)", "(\"amount\" > -1)"),
        ("((status)::text = 'it''s'::text)", "(\"status\" = 'it''s')"),
        (
            "((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            "(\"status\" IN ('a', 'b'))",
        ),
        ("(year = ANY (ARRAY[1, 2]))", "(\"year\" IN (1, 2))"),
        ("(year <> ALL (ARRAY[1, 2]))", "(\"year\" NOT IN (1, 2))"),
        ("NOT active OR amount IS NOT NULL", "((NOT \"active\") OR (\"amount\" IS NOT NULL))"),
        ("active", "\"active\""),
        ("active IS NOT TRUE AND active = false", "((\"active\" IS NOT TRUE) AND (\"active\" = FALSE))"),
        ("year NOT BETWEEN -1 AND +1", ""),
        ("year NOT BETWEEN -1 AND 1", "(\"year\" NOT BETWEEN -1 AND 1)"),
        ("amount * 2 + year > - amount", "(((\"amount\" * 2) + \"year\") > (-\"amount\"))"),
        ("length((status)::text) > 3", "(length(\"status\") > 3)"),
        ("COALESCE(amount, (0)::numeric) > 1", "(coalesce(\"amount\", 0) > 1)"),
        ("\"Mixed Case\" > 1", "(\"Mixed Case\" > 1)"),
        ("YEAR > 1", "(\"year\" > 1)"),
        ("born IS NULL", "(\"born\" IS NULL)"),
        ("status || 'x' <> 'ax'", "((\"status\" || 'x') <> 'ax')"),
    ] {
        match condition("postgresql", text) {
            Ok(sql) => assert_eq!(sql, expected, "{text}"),
            Err(why) => assert!(expected.is_empty(), "{text}: {why}"),
        }
    }
}

#[test]
fn conditions_that_could_mean_something_else_are_refused() {
    for text in [
        "",
        "year",
        "year >",
        "year > 1 2",
        "(year > 1",
        "year = status",
        "year > '5'",
        "status > 'a'",
        "status BETWEEN 'a' AND 'b'",
        "price > 5",
        "price = '5'",
        "born = '2020-01-01'::date",
        "data = 'a'",
        "status ~ '^a'",
        "status LIKE 'a%'",
        "lower(status) = 'a'",
        "now() > born",
        "year / 2 = 1",
        "(amount)::integer = 1",
        "(year)::text = '1'",
        "(status)::character varying(3) = 'abc'",
        "year IN (SELECT 1)",
        "year = ANY (other)",
        "missing > 1",
        "mixed_case > 1",
        "MIXED > 1",
        "\"YEAR\" > 1",
        "year = NULL",
        "NULL = NULL",
        "year IS DISTINCT FROM 1",
        "active = 1",
        "active AND year",
        "CASE WHEN active THEN 1 END = 1",
        "t.year > 1",
    ] {
        assert!(condition("postgresql", text).is_err(), "{text}: {:?}", condition("postgresql", text));
    }
}

#[test]
fn sqlite_folds_names_and_postgresql_does_not() {
    assert_eq!(condition("sqlite", "\"YEAR\" == 1").unwrap(), "(\"year\" = 1)");
    assert_eq!(condition("sqlite", "[mixed case] != 1").unwrap(), "(\"Mixed Case\" <> 1)");
    assert_eq!(condition("sqlite", "`year` = 1").unwrap(), "(\"year\" = 1)");
    // SQLite takes a name in double quotes that is no column for a text.
    assert!(condition("sqlite", "status = \"new\"").is_err());
}

#[test]
fn nesting_has_an_end() {
    for (open, close) in [("(", ")"), ("NOT ", ""), ("- ", ""), ("abs(", ")"), ("year IN (", ")")] {
        let text = format!("{}1{} = 1", open.repeat(100_000), close.repeat(100_000));
        assert!(condition("postgresql", &text).is_err());
    }
    let long = vec!["year = 1"; 2000].join(" OR ");
    assert!(condition("postgresql", &long).is_ok());
}

#[test]
fn defaults_as_databases_write_them() {
    let of = |text: &str, values: ValueType| {
        Translator::new("postgresql", Passage::Translated, &[]).default(text, &column("a", values, ""))
    };
    let value = |text: &str| Some(Default::Value(text.to_owned()));
    for (text, values, expected) in [
        ("4.99", ValueType::Real, value("4.99")),
        ("'-1'::integer", ValueType::Integer, value("-1")),
        ("(-1)", ValueType::Integer, value("-1")),
        ("- 1", ValueType::Integer, value("-1")),
        ("true", ValueType::Boolean, value("TRUE")),
        ("'t'::boolean", ValueType::Boolean, value("TRUE")),
        ("'G'::mpaa_rating", ValueType::Text, value("'G'")),
        ("'G'::public.mpaa_rating", ValueType::Text, None),
        ("'{}'::jsonb", ValueType::Text, value("'{}'")),
        ("'{}'::text[]", ValueType::Text, value("'{}'")),
        ("''::character varying", ValueType::Text, value("''")),
        ("'O''Brien'", ValueType::Text, value("'O''Brien'")),
        ("NULL::character varying", ValueType::Text, Some(Default::Null)),
        ("NULL", ValueType::Integer, Some(Default::Null)),
        ("now()", ValueType::Text, value("CURRENT_TIMESTAMP")),
        ("(now())", ValueType::Text, value("CURRENT_TIMESTAMP")),
        ("CURRENT_DATE", ValueType::Text, value("CURRENT_DATE")),
        ("now()", ValueType::Integer, None),
        ("'2020-01-01'::date", ValueType::Text, value("'2020-01-01'")),
        ("'now'::date", ValueType::Text, None),
        ("'tomorrow'::timestamp without time zone", ValueType::Text, None),
        ("nextval('a_seq'::regclass)", ValueType::Integer, Some(Default::Sequence)),
        ("gen_random_uuid()", ValueType::Text, None),
        ("other_column", ValueType::Text, None),
        ("1", ValueType::Boolean, None),
        ("'a'", ValueType::Integer, None),
        ("'\\x00'::bytea", ValueType::Bytes, None),
        ("now() + '1 day'::interval", ValueType::Text, None),
    ] {
        assert_eq!(of(text, values).ok(), expected, "{text}");
    }
}

#[test]
fn a_dialect_passes_to_itself_only() {
    for (from, to, expected) in [
        ("sqlite", "sqlite", Passage::AsIs),
        ("postgres", "postgresql", Passage::AsIs),
        ("", "sqlite", Passage::AsIs),
        ("", "", Passage::AsIs),
        ("postgresql", "sqlite", Passage::Translated),
        ("sqlite", "", Passage::Closed),
    ] {
        assert_eq!(passage(from, to), expected, "{from} to {to}");
    }
    let closed = Translator::new("sqlite", Passage::Closed, &[]);
    assert!(closed.condition("1 = 1").unwrap_err().contains("takes no expressions"));
}
