//! What a column's texts can be: infers a type that loses nothing, or holds values against a type that is given.

use crate::backup::attributes::Values;

/// What is known of a column before and while its values are seen.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// Nothing: the narrowest type that gives every value back exactly is looked for.
    Infer {
        /// A value was seen.
        seen: bool,
        /// Every value is an integer, written as this program would write it.
        integer: bool,
        /// Every value is a number, written as this program would write it.
        real: bool,
    },
    /// The type is given.
    Given {
        /// It.
        values: Values,
        /// Whether NULL may be among the values.
        nullable: bool,
    },
}

impl Rule {
    /// A column of which nothing is known.
    pub(crate) fn infer() -> Self {
        Self::Infer { seen: false, integer: true, real: true }
    }

    /// Looks at one value; says what is wrong with it.
    pub(crate) fn see(&mut self, value: Option<&str>) -> Result<(), String> {
        match self {
            Self::Infer { seen, integer, real } => {
                let Some(value) = value else { return Ok(()) };
                *seen = true;
                match plain_integer(value) {
                    // Beyond 2^53 neighbours fall together.
                    Some(number) => *real = *real && number.unsigned_abs() <= 1 << 53,
                    None => {
                        *integer = false;
                        *real = *real && is_plain_real(value);
                    }
                }
                Ok(())
            }
            Self::Given { values, nullable } => match value {
                None if *nullable => Ok(()),
                None => Err("NULL stands in a column that does not take it".to_owned()),
                Some(value) if fits(value, *values) => Ok(()),
                Some(value) => Err(format!("`{}` is no value of type {}", shortened(value), word(*values))),
            },
        }
    }

    /// The column's type, once all values were seen.
    pub(crate) fn values(&self) -> Values {
        match self {
            Self::Infer { seen: true, integer: true, .. } => Values::Integer,
            Self::Infer { seen: true, real: true, .. } => Values::Real,
            Self::Infer { .. } => Values::Text,
            Self::Given { values, .. } => *values,
        }
    }
}

/// The type's word.
pub(crate) fn word(values: Values) -> &'static str {
    match values {
        Values::Boolean => "boolean",
        Values::Integer => "integer",
        Values::Real => "real",
        Values::Text => "text",
        Values::Bytes => "bytes",
        Values::Any => "any",
    }
}

/// The number, if it is written as this program would write it: no `+`, no leading zero.
fn plain_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = text == "0" || digits.starts_with(|c: char| ('1'..='9').contains(&c));
    if plain { text.parse().ok() } else { None }
}

/// Whether it is a number with a point or an exponent (or the zero below zero) that is written as this program would write it.
fn is_plain_real(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let form = digits.starts_with(|c: char| c.is_ascii_digit()) && (text.contains(['.', 'e']) || text == "-0");
    let comes_back = |number: f64| number.to_string() == text || format!("{number:?}") == text;
    form && text.len() <= 400 && text.parse().is_ok_and(comes_back)
}

fn fits(text: &str, values: Values) -> bool {
    match values {
        Values::Boolean => matches!(text, "t" | "f" | "true" | "false" | "1" | "0"),
        Values::Integer => text.parse::<i64>().is_ok(),
        Values::Real => text.parse::<f64>().is_ok(),
        Values::Text | Values::Any => true,
        Values::Bytes => text
            .strip_prefix("\\x")
            .is_some_and(|digits| digits.len() % 2 == 0 && digits.bytes().all(|b| b.is_ascii_hexdigit())),
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect::<String>().escape_debug().collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_inferred_only_where_every_text_comes_back() {
        let cases: &[(&[Option<&str>], Values)] = &[
            (&[], Values::Text),
            (&[None], Values::Text),
            (&[Some("1"), None, Some("-5"), Some("0")], Values::Integer),
            (&[Some("9223372036854775807"), Some("-9223372036854775808")], Values::Integer),
            (&[Some("9223372036854775808")], Values::Text),
            (&[Some("9007199254740994"), Some("0.5")], Values::Text),
            (&[Some("9223372036854775809")], Values::Text),
            (&[Some("12345678901234567890")], Values::Text),
            (&[Some("007")], Values::Text),
            (&[Some("+1")], Values::Text),
            (&[Some(" 1")], Values::Text),
            (&[Some("-0")], Values::Real),
            (&[Some("")], Values::Text),
            (&[Some("1.5"), Some("2"), Some("-3.25"), Some("4.0")], Values::Real),
            (&[Some("1.50")], Values::Text),
            (&[Some("0.1"), Some("1e400")], Values::Text),
            (&[Some("9007199254740993"), Some("0.5")], Values::Text),
            (&[Some("NaN")], Values::Text),
            (&[Some("inf")], Values::Text),
            (&[Some(".5")], Values::Text),
            (&[Some("1e-7")], Values::Real),
            (&[Some("true"), Some("false")], Values::Text),
            (&[Some("t")], Values::Text),
            (&[Some("2020-01-01")], Values::Text),
            (&[Some("0x10")], Values::Text),
        ];
        for (values, expected) in cases {
            let mut rule = Rule::infer();
            values.iter().for_each(|value| rule.see(*value).unwrap());
            assert_eq!(rule.values(), *expected, "{values:?}");
        }
    }

    #[test]
    fn given_types_are_held_against_the_values() {
        let cases = [
            (Values::Boolean, Some("t"), true),
            (Values::Boolean, Some("yes"), false),
            (Values::Integer, Some("-12"), true),
            (Values::Integer, Some("1.0"), false),
            (Values::Integer, Some(""), false),
            (Values::Real, Some("NaN"), true),
            (Values::Real, Some("-Infinity"), true),
            (Values::Real, Some("one"), false),
            (Values::Bytes, Some("\\x00fF"), true),
            (Values::Bytes, Some("\\x"), true),
            (Values::Bytes, Some("\\x0"), false),
            (Values::Bytes, Some("abc"), false),
            (Values::Text, Some("anything"), true),
            (Values::Text, None, false),
        ];
        for (values, text, fits) in cases {
            let mut rule = Rule::Given { values, nullable: false };
            assert_eq!(rule.see(text).is_ok(), fits, "{values:?} {text:?}");
        }
        assert!(Rule::Given { values: Values::Text, nullable: true }.see(None).is_ok());
    }
}
