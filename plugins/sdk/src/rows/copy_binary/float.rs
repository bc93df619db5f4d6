//! Floating-point numbers as PostgreSQL prints them: the shortest digits that read back as the same number.

/// A `double precision`.
pub(super) fn print(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    arranged(&format!("{value:e}"), 15, || value.to_string())
}

/// A `real`.
pub(super) fn print_single(value: f32) -> String {
    if value.is_finite() { arranged(&format!("{value:e}"), 6, || value.to_string()) } else { print(value.into()) }
}

/// Chooses between the plain and the scientific form; numbers from 10 to the power of `large` on, and below 0.0001, have the latter.
fn arranged(scientific: &str, large: i32, plain: impl FnOnce() -> String) -> String {
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if (-4..large).contains(&exponent) => plain(),
        Ok(exponent) => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()),
        Err(_) => scientific.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_postgresql_does() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (1.234_567_890_123_456_7e300, "1.2345678901234567e+300"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(print(value), expected);
        }
        for (value, expected) in
            [(0.1, "0.1"), (123_456.0, "123456"), (1e6, "1e+06"), (3.402_823_5e38, "3.4028235e+38"), (1e-45, "1e-45")]
        {
            assert_eq!(print_single(value), expected);
        }
    }
}
