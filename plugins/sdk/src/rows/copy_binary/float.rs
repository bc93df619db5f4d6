//! Floating-point numbers as PostgreSQL prints them: the shortest digits that read back as the same number.

/// A `double precision`.
pub(super) fn print(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let bits = value.to_bits();
    let parts = Parts::of(bits & ((1 << 52) - 1), bits >> 52 & 0x7ff, 52, 1023);
    let print = |digits: Option<usize>| digits.map_or_else(|| format!("{value:e}"), |n| format!("{value:.n$e}"));
    arranged(&shortest(&parts, print, |text| text.parse() == Ok(value)), 15)
}

/// A `real`.
pub(super) fn print_single(value: f32) -> String {
    if !value.is_finite() {
        return print(value.into());
    }
    let bits = value.to_bits();
    let parts = Parts::of((bits & ((1 << 23) - 1)).into(), (bits >> 23 & 0xff).into(), 23, 127);
    let print = |digits: Option<usize>| digits.map_or_else(|| format!("{value:e}"), |n| format!("{value:.n$e}"));
    arranged(&shortest(&parts, print, |text| text.parse() == Ok(value)), 6)
}

/// A number as `mantissa * 2^exponent`.
struct Parts {
    mantissa: u64,
    exponent: i64,
    /// The number below is only half as far away as the one above.
    is_first_of_its_power: bool,
}

impl Parts {
    fn of(fraction: u64, exponent: u64, width: u32, bias: i64) -> Self {
        let normal = exponent != 0;
        Self {
            mantissa: fraction | u64::from(normal) << width,
            exponent: exponent.max(1) as i64 - bias - i64::from(width),
            is_first_of_its_power: fraction == 0 && exponent > 1,
        }
    }

    fn is_halfway_of(&self, scientific: &str) -> bool {
        let parsed = || {
            let (digits, exponent) = scientific.split_once('e')?;
            let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
            let exponent = exponent.parse::<i64>().ok()? - behind_the_point(scientific) as i64;
            Some((digits.parse().ok()?, exponent))
        };
        parsed().is_some_and(|(digits, exponent)| self.is_halfway(digits, exponent))
    }

    /// Whether the digits lie exactly between this number and one of its neighbours.
    fn is_halfway(&self, digits: u64, power_of_ten: i64) -> bool {
        let above = (2 * self.mantissa + 1, self.exponent - 1);
        let below = if self.is_first_of_its_power {
            (4 * self.mantissa - 1, self.exponent - 2)
        } else {
            ((2 * self.mantissa).saturating_sub(1), self.exponent - 1)
        };
        [above, below].into_iter().any(|(odd, exponent)| equal(digits, power_of_ten, odd, exponent))
    }
}

/// Whether `digits * 10^ten` is `odd * 2^two`: the odd factors and the powers of two must be the same.
fn equal(digits: u64, ten: i64, odd: u64, two: i64) -> bool {
    if digits == 0 || i64::from(digits.trailing_zeros()) + ten != two {
        return false;
    }
    let fives = |power: u64| u32::try_from(power).ok().and_then(|power| 5u128.checked_pow(power));
    let Some(fives) = fives(ten.unsigned_abs()) else {
        return false;
    };
    let of_digits = u128::from(digits >> digits.trailing_zeros());
    let (left, right) = if ten < 0 {
        (Some(of_digits), fives.checked_mul(odd.into()))
    } else {
        (fives.checked_mul(of_digits), Some(odd.into()))
    };
    left.is_some() && left == right
}

/// The shortest digits that are nearer to this number than to any other, of two that are equally near the even ones. Rust's may
/// lie halfway between two numbers, where a reader would round them to this one, and of two it takes the upper; PostgreSQL does
/// neither. `print` writes the number with so many digits behind the first, or as few as Rust does; `reads_back` says whether a
/// text is the number.
fn shortest(parts: &Parts, print: impl Fn(Option<usize>) -> String, reads_back: impl Fn(&str) -> bool) -> String {
    let mut text = print(None);
    let first = behind_the_point(&text);
    // A number has no more than 17 digits that matter.
    for behind in first..17 {
        let rounded = print(Some(behind));
        if behind > first || reads_back(&rounded) {
            text = rounded;
        }
        if !parts.is_halfway_of(&text) {
            break;
        }
    }
    text
}

fn behind_the_point(scientific: &str) -> usize {
    let digits = scientific.split_once('e').map_or(scientific, |(digits, _)| digits);
    digits.split_once('.').map_or(0, |(_, behind)| behind.len())
}

/// Chooses between the plain and the scientific form; numbers from 10 to the power of `large` on, and below 0.0001, have the latter.
fn arranged(scientific: &str, large: i32) -> String {
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if (-4..large).contains(&exponent) => plain(digits, exponent),
        Ok(exponent) => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()),
        Err(_) => scientific.to_owned(),
    }
}

/// `1.25` and 1 become `12.5`.
fn plain(digits: &str, exponent: i32) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let digits = digits.replace('.', "");
    let Ok(exponent) = usize::try_from(exponent) else {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    };
    match digits.split_at_checked(exponent + 1) {
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{digits:0<width$}", width = exponent + 1),
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
            (1.234_567_890_123_456e300, "1.234567890123456e+300"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(print(value), expected);
        }
        for (value, expected) in [
            (0.1, "0.1"),
            (123_456.0, "123456"),
            (1e6, "1e+06"),
            (3.402_823_5e38, "3.4028235e+38"),
            (1e-45, "1e-45"),
            (50_837_408.0, "5.0837408e+07"),
            (3_887_871.3, "3.8878712e+06"),
            (-12.5, "-12.5"),
        ] {
            assert_eq!(print_single(value), expected);
        }
    }
}
