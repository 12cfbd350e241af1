//! Numbers of expressions: decimals of up to 28 digits. 0.1 + 0.2 is 0.3 here.
//!
//! A number of a row comes as the `f64` that JSON and spreadsheets have. It is taken as the shortest decimal that reads
//! back as that `f64`, which is the number that was written whenever it had at most 15 digits.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Number;

/// Digits behind the point of the most precise decimal.
const MOST_DECIMALS: u32 = 28;
/// Whole numbers below this are exact in an `f64`.
const EXACT_WHOLE: f64 = 9_007_199_254_740_992.0;
/// Powers of ten that are tried before a number is written out: prices and quantities need no more.
const POWERS: [f64; 7] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0];

/// A number of JSON as a decimal; `None` beyond ±7.9 · 10²⁸.
pub(crate) fn from_json(number: &Number) -> Option<Decimal> {
    if let Some(whole) = number.as_i64() {
        return Some(Decimal::from(whole));
    }
    if let Some(whole) = number.as_u64() {
        return Some(Decimal::from(whole));
    }
    from_f64(number.as_f64()?)
}

/// The shortest decimal that reads back as `value`.
fn from_f64(value: f64) -> Option<Decimal> {
    for (decimals, power) in (0_u32..).zip(POWERS) {
        let scaled = (value * power).round();
        // Both are exact, so the division gives the `f64` nearest to the decimal: the one that its text would read as.
        if scaled.abs() < EXACT_WHOLE && scaled / power == value {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            return Some(Decimal::new(scaled as i64, decimals));
        }
    }
    parse(&value.to_string())
}

/// Reads a decimal: digits, perhaps with sign, point and exponent. `None` when it is none, or has more than 28 digits.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if text.contains(['e', 'E']) {
        let (mantissa, exponent) = text.split_once(['e', 'E'])?;
        return shifted(parse(mantissa)?, exponent.parse().ok()?);
    }
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if !digits.bytes().all(plain) || digits.ends_with('.') {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

fn shifted(mantissa: Decimal, exponent: i32) -> Option<Decimal> {
    if exponent.unsigned_abs() > 2 * MOST_DECIMALS {
        return mantissa.is_zero().then_some(mantissa);
    }
    let mut value = mantissa.normalize();
    for _ in 0..exponent.unsigned_abs() {
        value = if exponent > 0 { value.checked_mul(Decimal::TEN)? } else { tenth(value)? };
    }
    Some(value)
}

/// A tenth of `value`, unless a digit would be lost.
fn tenth(value: Decimal) -> Option<Decimal> {
    let value = value.normalize();
    let scale = value.scale() + 1;
    (scale <= MOST_DECIMALS).then(|| Decimal::try_from_i128_with_scale(value.mantissa(), scale).ok()).flatten()
}

/// The shortest text of a decimal: `3` for 3.00, `0.1` for 0.10.
pub(crate) fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// `value` with `decimals` digits behind the point, half away from zero, as on an invoice: 2.345 is 2.35, -2.345 is -2.35.
pub(crate) fn round(value: Decimal, decimals: u32) -> Decimal {
    value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// A whole number from 0 to 28, as the number of digits behind a point.
pub(crate) fn as_decimals(value: Decimal) -> Option<u32> {
    if !value.is_integer() {
        return None;
    }
    value.to_u32().filter(|decimals| *decimals <= MOST_DECIMALS)
}

/// A decimal as a number of JSON, if JSON's `f64` holds it exactly enough to read back as the same.
pub(crate) fn to_json(value: Decimal) -> Option<Number> {
    if value.is_integer()
        && let Some(whole) = value.to_i64()
    {
        return Some(whole.into());
    }
    let nearest: f64 = text(value).parse().ok()?;
    (from_f64(nearest)? == value).then(|| Number::from_f64(nearest)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_json_are_the_decimals_that_were_written() {
        let check = |json: &str, expected: &str| {
            let number: Number = serde_json::from_str(json).unwrap();
            let seen = from_json(&number).map_or("none".to_owned(), text);
            assert_eq!(seen, expected, "{json}");
        };
        check("0", "0");
        check("-12", "-12");
        check("18446744073709551615", "18446744073709551615");
        check("0.1", "0.1");
        check("-0.10", "-0.1");
        check("9.99", "9.99");
        check("1234567890.12345", "1234567890.12345");
        check("123456789012.345", "123456789012.345");
        check("0.000000001", "0.000000001");
        check("1e-7", "0.0000001");
        check("4.35e2", "435");
        check("1e21", "1000000000000000000000");
        check("1e300", "none");
        check("1e-40", "none");
    }

    #[test]
    fn every_decimal_of_fifteen_digits_survives_the_way_through_f64() {
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digits = i64::try_from((state >> 11) % 1_000_000_000_000_000).unwrap();
            let expected = Decimal::new(digits, u32::try_from(state % 13).unwrap());
            let json: Number = serde_json::from_str(&expected.to_string()).unwrap();
            assert_eq!(from_json(&json), Some(expected), "{expected}");
        }
    }

    #[test]
    fn text_is_read_exactly_or_not_at_all() {
        let check = |written: &str, expected: Option<&str>| {
            assert_eq!(parse(written).map(text).as_deref(), expected, "{written}");
        };
        check("12.50", Some("12.5"));
        check("1234567890123456789.123456789", Some("1234567890123456789.123456789"));
        check("12345678901234567890123456789", Some("12345678901234567890123456789"));
        check("99999999999999999999999999999999", None);
        check("0.12345678901234567890123456789", None);
        check("1.5e3", Some("1500"));
        check("15e-1", Some("1.5"));
        check("1e-28", Some("0.0000000000000000000000000001"));
        check("1e-29", None);
        check("1e999", None);
        check("0e999", Some("0"));
        for wrong in ["", "-", "+1", ".5", "5.", "1_000", "1,5", "0x1", "NaN", "1 ", "--1", "1e", "1e1.5", "1.2.3"] {
            check(wrong, None);
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let check = |value: &str, decimals: u32, expected: &str| {
            assert_eq!(text(round(parse(value).unwrap(), decimals)), expected, "{value}");
        };
        check("2.345", 2, "2.35");
        check("-2.345", 2, "-2.35");
        check("2.344999", 2, "2.34");
        check("0.5", 0, "1");
        check("1.5", 0, "2");
        check("1.005", 2, "1.01");
        check("7", 2, "7");
    }

    #[test]
    fn what_json_cannot_hold_is_no_number_of_json() {
        let check = |value: &str, expected: Option<&str>| {
            let seen = to_json(parse(value).unwrap()).map(|number| number.to_string());
            assert_eq!(seen.as_deref(), expected, "{value}");
        };
        check("3.00", Some("3"));
        check("28.455", Some("28.455"));
        check("123456789012345678", Some("123456789012345678"));
        check("1234567890123456789.12", None);
    }
}
