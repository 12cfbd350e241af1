//! Values as JSON bytes, written straight into a buffer.

/// Appends a text as a JSON string with its quotes.
#[inline]
pub(crate) fn append_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    append_escaped(out, text.as_bytes());
    out.push(b'"');
}

/// Appends the inside of a JSON string. Whole runs are copied between the few bytes that need an escape.
#[inline]
pub(crate) fn append_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut start = 0;
    for (at, byte) in text.iter().enumerate() {
        if *byte >= b' ' && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[start..at]);
        start = at + 1;
        append_escape(out, *byte);
    }
    out.extend_from_slice(&text[start..]);
}

#[cold]
fn append_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        other => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(other >> 4)]);
            out.push(HEX[usize::from(other & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a finite number as the shortest text that reads back the same; integers without a fraction.
///
/// Between 10⁻⁶ and 10²¹ there is no exponent, as in JavaScript.
pub(crate) fn append_number(out: &mut Vec<u8>, number: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let short = buffer.format_finite(number);
    let is_plain = (1e-6..1e21).contains(&number.abs());
    if is_plain && short.contains('e') {
        // `Display` prints the same shortest digits without an exponent.
        out.extend_from_slice(number.to_string().as_bytes());
    } else {
        out.extend_from_slice(short.strip_suffix(".0").unwrap_or(short).as_bytes());
    }
}

/// Appends a decimal number text that is already the shortest one, if it is: `12`, `-0.5`, at most 15 digits.
///
/// Any decimal of up to 15 digits survives the way through a 64-bit float and back, so its digits need no parsing.
#[inline]
pub(crate) fn append_plain_decimal(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let is_shortest = is_shortest_decimal(text);
    if is_shortest {
        out.extend_from_slice(text);
    }
    is_shortest
}

#[inline]
fn is_shortest_decimal(text: &[u8]) -> bool {
    const MOST_DIGITS: usize = 15;
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let mut point = None;
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {}
            b'.' if point.is_none() => point = Some(at),
            _ => return false,
        }
    }
    let whole = point.unwrap_or(digits.len());
    let fraction = digits.len() - point.map_or(whole, |at| at + 1);
    let starts_well = match digits.first() {
        // Zero itself is well without a sign, and a number under 10⁻⁶ is left to the slow way.
        Some(b'0') => whole == 1 && (fraction > 0 || text.len() == 1) && fraction <= 6,
        _ => whole > 0,
    };
    let ends_well = match point {
        // Zeros at the end are not shortest.
        Some(_) => fraction > 0 && digits.last() != Some(&b'0'),
        None => true,
    };
    whole + fraction <= MOST_DIGITS && starts_well && ends_well
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> String {
        let mut out = Vec::new();
        append_number(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_shortest_and_integers_are_integers() {
        for (value, text) in [
            (1.0, "1"),
            (-3.0, "-3"),
            (0.0, "0"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (12.5, "12.5"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1e15, "1000000000000000"),
            (1e20, "100000000000000000000"),
            (1.5e300, "1.5e300"),
            (1e300, "1e300"),
            (0.000_001, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (123_456_789.123, "123456789.123"),
        ] {
            assert_eq!(number(value), text);
            assert_eq!(text.parse::<f64>().unwrap(), value);
        }
    }

    #[test]
    fn the_short_way_for_decimals_agrees_with_the_long_one() {
        let mut seed = 42_u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let digits = (seed >> 20) % 10_u64.pow(1 + (seed % 15) as u32);
            let point = (seed >> 10) % 8;
            let text = format!(
                "{}.{:0width$}",
                digits / 10_u64.pow(point as u32),
                digits % 10_u64.pow(point as u32),
                width = point as usize
            );
            let text = text.trim_end_matches('.');
            let mut short = Vec::new();
            if append_plain_decimal(&mut short, text.as_bytes()) {
                assert_eq!(String::from_utf8(short).unwrap(), number(text.parse().unwrap()), "{text}");
            }
        }
        for text in
            ["", "-", ".5", "5.", "1e5", "00", "01.5", "-0", "0.0", "1.50", "+1", "1234567890123456", "0.0000001"]
        {
            assert!(!append_plain_decimal(&mut Vec::new(), text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn text_is_escaped() {
        let mut out = Vec::new();
        append_text(&mut out, "a\"b\\c\n\t\u{1}é李");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c\\n\\t\\u0001é李\"");
    }
}
